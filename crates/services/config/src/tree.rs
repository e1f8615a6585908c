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
    /// `managed_config.toml`.
    Managed,
    /// `requirements.toml`.
    Requirement,
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
            Layer::Managed | Layer::Requirement => Origin::Managed { file, line },
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

impl Node {
    /// The value without its places.
    pub(crate) fn to_toml(&self) -> toml::Value {
        match &self.value {
            Value::Table(table) => table
                .iter()
                .map(|(key, node)| (key.clone(), node.to_toml()))
                .collect::<toml::Table>()
                .into(),
            Value::Other(value) => value.clone(),
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

/// Sets the value at a path of names; what is no table on the way becomes one.
pub(crate) fn set(table: &mut Table, path: &[String], value: Node) {
    let Some((first, rest)) = path.split_first() else { return };
    if rest.is_empty() {
        merge_one(table, first.clone(), value);
        return;
    }
    let empty = Node {
        value: Value::Table(Table::new()),
        source: value.source.clone(),
    };
    let inner = table.entry(first.clone()).or_insert_with(|| empty.clone());
    if !matches!(inner.value, Value::Table(_)) {
        *inner = empty;
    }
    if let Value::Table(inner) = &mut inner.value {
        set(inner, rest, value);
    }
}

/// The value at a path of names.
pub(crate) fn get<'a>(table: &'a Table, path: &[impl AsRef<str>]) -> Option<&'a Node> {
    let (first, rest) = path.split_first()?;
    let node = table.get(first.as_ref())?;
    match &node.value {
        _ if rest.is_empty() => Some(node),
        Value::Table(inner) => get(inner, rest),
        Value::Other(_) => None,
    }
}

/// Removes and returns the value at a path of names.
pub(crate) fn take(table: &mut Table, path: &[String]) -> Option<Node> {
    let (first, rest) = path.split_first()?;
    if rest.is_empty() {
        return table.remove(first);
    }
    match &mut table.get_mut(first)?.value {
        Value::Table(inner) => take(inner, rest),
        Value::Other(_) => None,
    }
}

/// Every value that is no table, with its path.
pub(crate) fn leaves(table: &Table) -> Vec<(Vec<String>, &Node)> {
    let mut found = Vec::new();
    collect_leaves(table, &mut Vec::new(), &mut found);
    found
}

fn collect_leaves<'a>(table: &'a Table, path: &mut Vec<String>, found: &mut Vec<(Vec<String>, &'a Node)>) {
    for (name, node) in table {
        path.push(name.clone());
        match &node.value {
            Value::Table(inner) => collect_leaves(inner, path, found),
            Value::Other(_) => found.push((path.clone(), node)),
        }
        path.pop();
    }
}

/// A path of names as one would write it.
pub(crate) fn spelled(path: &[String]) -> String {
    path.iter().fold(String::new(), |prefix, name| dotted(&prefix, name))
}

/// Lays `upper` over `lower`: tables merge, everything else is replaced whole. What a permission profile denies stays denied.
pub(crate) fn merge(lower: &mut Table, upper: Table) {
    for (key, node) in upper {
        let both = lower
            .get(&key)
            .filter(|_| key == PERMISSIONS)
            .map(|below| (below.clone(), node.clone()));
        merge_one(lower, key.clone(), node);
        if let (Some((below, above)), Some(merged)) = (both, lower.get_mut(&key)) {
            keep_denied(merged, &below, &above);
        }
    }
}

const PERMISSIONS: &str = "permissions";

/// Puts back what `lower` denies where it was replaced by something wider.
fn keep_denied(merged: &mut Node, lower: &Node, upper: &Node) {
    match (&lower.value, &upper.value) {
        (Value::Table(below), Value::Table(above)) => {
            let Value::Table(merged) = &mut merged.value else { return };
            // Words for people are no rules.
            for (name, lower) in below
                .iter()
                .filter(|(name, _)| !["description", "extends"].contains(&name.as_str()))
            {
                if let (Some(merged), Some(upper)) = (merged.get_mut(name), above.get(name)) {
                    keep_denied(merged, lower, upper);
                }
            }
        }
        _ if denies(lower) => *merged = lower.clone(),
        _ => {}
    }
}

/// Whether the value, or anything below it, is a deny.
fn denies(node: &Node) -> bool {
    match &node.value {
        Value::Table(table) => table.values().any(denies),
        Value::Other(value) => matches!(value.as_str(), Some("deny" | "none")),
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
    let leaves = leaves(table).into_iter();
    leaves.map(|(path, node)| (spelled(&path), node.source.origin())).collect()
}

/// `prefix.key`; a key that is not a bare word is quoted, as one would write it.
pub(crate) fn dotted(prefix: &str, key: &str) -> String {
    let bare = !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
    let key = if bare { key.to_owned() } else { format!("{key:?}") };
    if prefix.is_empty() { key } else { format!("{prefix}.{key}") }
}
