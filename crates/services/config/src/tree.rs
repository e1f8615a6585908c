//! TOML as a tree in which every value knows its layer and its place.

use crate::{ConfigError, Place};
use codex_base::AbsPath;
use codex_protocol::settings::Origin;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use toml::de::{DeTable, DeValue};

pub(crate) type Table = BTreeMap<String, Node>;

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Node {
    pub value: Value,
    pub source: Source,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    Table(Table),
    /// Anything else; arrays are whole values.
    Other(toml::Value),
}

/// Where a value came from.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Source {
    pub layer: Layer,
    /// Position of the layer; a higher one wins.
    pub rank: usize,
    pub place: Place,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Layer {
    System,
    User,
    Profile,
    Project,
    Session,
    Flag,
}

impl Source {
    pub(crate) fn origin(&self) -> Origin {
        let (file, line) = match &self.place {
            Place::File { file, line, .. } => (file.clone(), Some(*line)),
            Place::Override => return Origin::Session,
            Place::Flag(flag) => return Origin::Flag { flag: flag.clone() },
        };
        match self.layer {
            Layer::System => Origin::System { file, line },
            Layer::User => Origin::User { file, line },
            Layer::Profile => Origin::Profile { file, line },
            Layer::Project => Origin::Project { file, line },
            Layer::Session | Layer::Flag => Origin::Session,
        }
    }
}

/// Reads the text of a file.
///
/// # Errors
/// `config.syntax` with the place of the first fault.
pub(crate) fn parse(text: &str, file: &AbsPath, layer: Layer, rank: usize) -> Result<Table, ConfigError> {
    let lines = Lines { text, file, layer, rank };
    let fault = |error: toml::de::Error| ConfigError::Syntax {
        place: lines.place(error.span().map_or(0, |span| span.start)),
        message: error.message().to_owned(),
    };
    // Read twice: once for the values, once for where their keys stand.
    let values: toml::Table = toml::from_str(text).map_err(fault)?;
    let places = DeTable::parse(text).map_err(fault)?;
    Ok(lines.table(values, places.get_ref()))
}

struct Lines<'a> {
    text: &'a str,
    file: &'a AbsPath,
    layer: Layer,
    rank: usize,
}

impl Lines<'_> {
    fn table(&self, values: toml::Table, places: &DeTable<'_>) -> Table {
        let node = |(key, value): (String, toml::Value)| {
            let found = places.get_key_value(key.as_str());
            let start = found.map_or(0, |(key, _)| key.span().start);
            let value = match (value, found.map(|(_, inner)| inner.get_ref())) {
                (toml::Value::Table(values), Some(DeValue::Table(places))) => Value::Table(self.table(values, places)),
                (value, _) => Value::Other(value),
            };
            (
                key,
                Node {
                    value,
                    source: Source {
                        layer: self.layer,
                        rank: self.rank,
                        place: self.place(start),
                    },
                },
            )
        };
        values.into_iter().map(node).collect()
    }

    fn place(&self, at: usize) -> Place {
        let before = self.text.get(..at).unwrap_or(self.text);
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        let line = count(before.matches('\n').count()).saturating_add(1);
        let column = count(before[line_start..].chars().count()).saturating_add(1);
        Place::File {
            file: self.file.clone(),
            line,
            column,
        }
    }
}

/// A value of an override or flag; inner tables become tables of the tree.
pub(crate) fn node(value: toml::Value, source: &Source) -> Node {
    let value = match value {
        toml::Value::Table(table) => Value::Table(table.into_iter().map(|(key, value)| (key, node(value, source))).collect()),
        other => Value::Other(other),
    };
    Node {
        value,
        source: source.clone(),
    }
}

/// Sets a dotted path; what is no table on the way becomes one.
pub(crate) fn set(table: &mut Table, path: &str, value: Node) {
    let Some((first, rest)) = path.split_once('.') else {
        merge_one(table, path.to_owned(), value);
        return;
    };
    let empty = Node {
        value: Value::Table(Table::new()),
        source: value.source.clone(),
    };
    let inner = table.entry(first.to_owned()).or_insert_with(|| empty.clone());
    if !matches!(inner.value, Value::Table(_)) {
        *inner = empty;
    }
    if let Value::Table(inner) = &mut inner.value {
        set(inner, rest, value);
    }
}

/// Lays `upper` over `lower`: tables merge, everything else is replaced whole.
pub(crate) fn merge(lower: &mut Table, upper: Table) {
    for (key, node) in upper {
        merge_one(lower, key, node);
    }
}

fn merge_one(lower: &mut Table, key: String, node: Node) {
    match lower.entry(key) {
        Entry::Vacant(place) => {
            place.insert(node);
        }
        Entry::Occupied(mut place) => match (&mut place.get_mut().value, node) {
            (
                Value::Table(below),
                Node {
                    value: Value::Table(above),
                    ..
                },
            ) => merge(below, above),
            (_, node) => *place.get_mut() = node,
        },
    }
}

/// The origin of every value that is no table, by dotted path.
pub(crate) fn origins(table: &Table) -> BTreeMap<String, Origin> {
    let mut found = BTreeMap::new();
    collect_origins(table, "", &mut found);
    found
}

fn collect_origins(table: &Table, prefix: &str, found: &mut BTreeMap<String, Origin>) {
    for (key, node) in table {
        let path = dotted(prefix, key);
        match &node.value {
            Value::Table(inner) => collect_origins(inner, &path, found),
            Value::Other(_) => drop(found.insert(path, node.source.origin())),
        }
    }
}

/// `prefix.key`; a key that is not a bare word is quoted, as one would write it.
pub(crate) fn dotted(prefix: &str, key: &str) -> String {
    let bare = !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
    let key = if bare { key.to_owned() } else { format!("\"{key}\"") };
    if prefix.is_empty() { key } else { format!("{prefix}.{key}") }
}
