//! A layer against the tables: wrong types are errors, unknown names are collected, older names become the present ones.

use super::{Document, Key, Kind, Standing};
use crate::tree::{self, Node, Table, Value, dotted};
use crate::{ConfigError, Place, features};

/// What a layer holds beside good values.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    /// In the order of the file.
    pub unknown: Vec<UnknownKey>,
    /// Sentences about older names.
    pub notes: Vec<String>,
    moves: Vec<(Vec<String>, &'static str)>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct UnknownKey {
    pub key: String,
    pub place: Place,
    pub nearest: Option<String>,
}

impl From<UnknownKey> for ConfigError {
    fn from(unknown: UnknownKey) -> Self {
        Self::UnknownKey {
            place: unknown.place,
            key: unknown.key,
            nearest: unknown.nearest,
        }
    }
}

/// Checks every value of a layer and moves older names to the present ones.
///
/// # Errors
/// `config.type` for the first value of a wrong type, in the order of the names.
pub(crate) fn check_layer(layer: &mut Table, document: Document) -> Result<Findings, ConfigError> {
    let mut findings = Findings::default();
    for (name, node) in layer.iter() {
        match document.keys().find(|key| key.name == name) {
            Some(key) => findings.key(key, node, std::slice::from_ref(name))?,
            None => {
                let current = document.keys().filter(|key| is_current(key)).map(|key| key.name);
                let near = nearest(name, current).or_else(|| deeper(name));
                findings.unknown(std::slice::from_ref(name), node, near);
            }
        }
    }
    for (from, to) in std::mem::take(&mut findings.moves) {
        move_value(layer, &from, to);
    }
    findings.unknown.sort_by_key(|unknown| match &unknown.place {
        Place::File { line, column, .. } => (*line, *column),
        Place::Override | Place::Flag(_) => (0, 0),
    });
    Ok(findings)
}

const fn is_current(key: &Key) -> bool {
    !matches!(key.standing, Standing::Moved { .. } | Standing::Gone { .. })
}

/// The one place where a key that stands at the top belongs.
fn deeper(name: &str) -> Option<String> {
    let suffix = format!(".{name}");
    let mut found = super::paths().into_iter().filter(|path| path.ends_with(&suffix));
    let first = found.next()?;
    found.next().is_none().then_some(first)
}

/// Takes a value out of its old place; the new one keeps what already stands there.
fn move_value(layer: &mut Table, from: &[String], to: &str) {
    let Some(node) = tree::take(layer, from) else { return };
    let to: Vec<String> = to.split('.').map(str::to_owned).collect();
    if tree::get(layer, &to).is_none() {
        tree::set(layer, &to, node);
    }
}

impl Findings {
    fn unknown(&mut self, path: &[String], node: &Node, nearest: Option<String>) {
        self.unknown.push(UnknownKey {
            key: tree::spelled(path),
            place: node.source.place.clone(),
            nearest,
        });
    }

    fn key(&mut self, key: &'static Key, node: &Node, path: &[String]) -> Result<(), ConfigError> {
        let spelled = || tree::spelled(path);
        match key.standing {
            Standing::Used | Standing::Later | Standing::Service => {}
            Standing::Moved { to } => {
                self.notes
                    .push(format!("{}: `{}` is now called `{to}`", node.source.place, spelled()));
                self.moves.push((path.to_vec(), to));
            }
            Standing::Gone { note } => self
                .notes
                .push(format!("{}: `{}` has no effect: {note}", node.source.place, spelled())),
        }
        self.value(&key.kind, node, path)
    }

    fn value(&mut self, kind: &'static Kind, node: &Node, path: &[String]) -> Result<(), ConfigError> {
        let key = || tree::spelled(path);
        match kind {
            Kind::Any => Ok(()),
            Kind::Switch => node.boolean(&key()).map(drop),
            Kind::Text | Kind::Path => node.string(&key()).map(drop),
            Kind::Word => node.non_empty(&key()).map(drop),
            Kind::Count { min, max } => node.integer(&key(), *min, *max).map(drop),
            Kind::Number => node.number(&key()).map(drop),
            Kind::Choice(choices) => node.choice(&key(), choices).map(drop),
            Kind::List(inner) => self.list(inner, node, path),
            Kind::Map(inner) => self.each(node, path, |findings, _, node, path| findings.value(inner, node, path)),
            Kind::Names(names, inner) => self.each(node, path, |findings, name, node, path| {
                if !names.contains(&name) {
                    findings.unknown(path, node, nearest(name, names.iter().copied()));
                }
                findings.value(inner, node, path)
            }),
            Kind::Table(keys) => self.fields(keys, node, path),
            Kind::Open(keys, other) => self.each(node, path, |findings, name, node, path| {
                match keys.iter().find(|key| key.name == name) {
                    Some(key) => findings.key(key, node, path),
                    None => findings.value(other, node, path),
                }
            }),
            Kind::Either(kinds) => match kinds.iter().find(|kind| kind.takes(&node.value)) {
                Some(kind) => self.value(kind, node, path),
                None => {
                    let expected: Vec<_> = kinds.iter().map(Kind::expected).collect();
                    Err(node.wrong(&key(), &expected.join(", or ")))
                }
            },
            Kind::Features => self.features(node, path),
        }
    }

    fn each(
        &mut self,
        node: &Node,
        path: &[String],
        mut check: impl FnMut(&mut Self, &str, &Node, &[String]) -> Result<(), ConfigError>,
    ) -> Result<(), ConfigError> {
        for (name, inner) in node.table(&tree::spelled(path))? {
            let mut path = path.to_vec();
            path.push(name.clone());
            check(self, name, inner, &path)?;
        }
        Ok(())
    }

    fn fields(&mut self, keys: &'static [Key], node: &Node, path: &[String]) -> Result<(), ConfigError> {
        self.each(node, path, |findings, name, node, path| {
            match keys.iter().find(|key| key.name == name) {
                Some(key) => findings.key(key, node, path),
                None => {
                    findings.unknown(
                        path,
                        node,
                        nearest(name, keys.iter().filter(|key| is_current(key)).map(|key| key.name)),
                    );
                    Ok(())
                }
            }
        })
    }

    fn list(&mut self, inner: &'static Kind, node: &Node, path: &[String]) -> Result<(), ConfigError> {
        let Value::Other(toml::Value::Array(items)) = &node.value else {
            return Err(node.wrong(&tree::spelled(path), &Kind::List(inner).expected()));
        };
        for item in items {
            // An item stands where its list stands; told as an entry of it.
            let item = tree::node(item.clone(), &node.source);
            if !inner.takes(&item.value) {
                return Err(node.wrong(&tree::spelled(path), &Kind::List(inner).expected()));
            }
            self.value(inner, &item, path)?;
        }
        Ok(())
    }

    fn features(&mut self, node: &Node, path: &[String]) -> Result<(), ConfigError> {
        self.each(node, path, |findings, name, node, path| {
            let Some(feature) = features::find(name) else {
                let near = nearest(name, features::all().map(|feature| feature.name));
                findings.unknown(path, node, near);
                return Ok(());
            };
            match &node.value {
                Value::Table(table) => {
                    let key = dotted(&tree::spelled(path), "enabled");
                    table.get("enabled").map_or(Ok(()), |node| node.boolean(&key).map(drop))?;
                }
                Value::Other(_) => drop(node.boolean(&tree::spelled(path))?),
            }
            if feature.name != name {
                findings
                    .notes
                    .push(format!("{}: feature `{name}` is now called `{}`", node.source.place, feature.name));
            }
            Ok(())
        })
    }
}

impl Kind {
    /// Whether the value has the shape; what it holds is another question.
    fn takes(&self, value: &Value) -> bool {
        match self {
            Self::Any => true,
            Self::Switch => matches!(value, Value::Other(toml::Value::Boolean(_))),
            Self::Text | Self::Word | Self::Path | Self::Choice(_) => matches!(value, Value::Other(toml::Value::String(_))),
            Self::Count { .. } => matches!(value, Value::Other(toml::Value::Integer(_))),
            Self::Number => matches!(value, Value::Other(toml::Value::Integer(_) | toml::Value::Float(_))),
            Self::List(_) => matches!(value, Value::Other(toml::Value::Array(_))),
            Self::Map(_) | Self::Names(..) | Self::Table(_) | Self::Open(..) | Self::Features => matches!(value, Value::Table(_)),
            Self::Either(kinds) => kinds.iter().any(|kind| kind.takes(value)),
        }
    }

    /// What an error says should stand there.
    pub(super) fn expected(&self) -> String {
        match self {
            Self::Any => "anything".to_owned(),
            Self::Switch => "true or false".to_owned(),
            Self::Text | Self::Path => "a string".to_owned(),
            Self::Word => "a non-empty string".to_owned(),
            Self::Count { .. } => "an integer".to_owned(),
            Self::Number => "a number, 0 or more".to_owned(),
            Self::Choice(choices) => crate::value::one_of(choices),
            Self::List(inner) => match inner {
                Self::Text | Self::Path | Self::Word => "an array of strings".to_owned(),
                Self::Table(_) => "an array of tables".to_owned(),
                Self::Choice(choices) => format!("an array of {}", crate::value::one_of(choices)),
                _ => "an array".to_owned(),
            },
            Self::Map(_) | Self::Names(..) | Self::Table(_) | Self::Open(..) | Self::Features => "a table".to_owned(),
            Self::Either(kinds) => kinds.iter().map(Self::expected).collect::<Vec<_>>().join(", or "),
        }
    }
}

/// The name that was probably meant.
pub(crate) fn nearest<'a>(key: &str, names: impl IntoIterator<Item = &'a str>) -> Option<String> {
    /// A longer word is no misspelled key.
    const LENGTH_MAX: usize = 128;
    let name = (key.len() <= LENGTH_MAX).then(|| codex_base::nearest(key, names))?;
    name.map(str::to_owned)
}
