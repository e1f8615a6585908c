//! Every key of `config.toml`, once: its type, its default, what it means and whether it has an effect here.
//!
//! The check of a layer, the JSON schema and the reference part of `docs/config.md` are all read off these tables.

mod check;
mod emit;
mod keys;
mod required;
mod servers;
mod terminal;

pub(crate) use check::{Findings, UnknownKey, check_layer, nearest};
pub use emit::{json_schema, reference};
pub(crate) use keys::SECTIONS;

/// A key and what may stand under it.
#[derive(Debug)]
pub(crate) struct Key {
    pub name: &'static str,
    pub kind: Kind,
    pub standing: Standing,
    /// As the reference page shows it; empty when there is none to tell.
    pub default: &'static str,
    pub about: &'static str,
}

/// Whether a key does anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    Used,
    /// Checked and accepted; it has no effect in this version.
    Later,
    /// Belongs to a hosted service; accepted and ignored.
    Service,
    /// An older name: its value is read as that of `to`, a dotted path.
    Moved {
        to: &'static str,
    },
    /// Without a meaning by now; the note says what to use.
    Gone {
        note: &'static str,
    },
}

/// The type of a value.
#[derive(Debug)]
pub(crate) enum Kind {
    Switch,
    Text,
    /// Not empty and not blank.
    Word,
    Path,
    /// An integer within bounds, both included.
    Count {
        min: i64,
        max: i64,
    },
    /// A finite number, 0 or more.
    Number,
    Choice(&'static [&'static str]),
    List(&'static Self),
    /// A table with free names.
    Map(&'static Self),
    Table(&'static [Key]),
    /// A table with these names only, each of the same kind.
    Names(&'static [&'static str], &'static Self),
    /// A table with known keys in which every other name holds the second kind.
    Open(&'static [Key], &'static Self),
    Either(&'static [Self]),
    /// Names of the feature table, each `true`, `false` or a table.
    Features,
    Any,
}

/// A group of top-level keys.
pub(crate) struct Section {
    pub title: &'static str,
    pub keys: &'static [Key],
}

const fn section(title: &'static str, keys: &'static [Key]) -> Section {
    Section { title, keys }
}

pub(crate) const fn used(name: &'static str, kind: Kind, default: &'static str, about: &'static str) -> Key {
    Key {
        name,
        kind,
        standing: Standing::Used,
        default,
        about,
    }
}

pub(crate) const fn later(name: &'static str, kind: Kind) -> Key {
    plain(name, kind, Standing::Later)
}

pub(crate) const fn service(name: &'static str, kind: Kind) -> Key {
    plain(name, kind, Standing::Service)
}

pub(crate) const fn moved(name: &'static str, kind: Kind, to: &'static str) -> Key {
    plain(name, kind, Standing::Moved { to })
}

pub(crate) const fn gone(name: &'static str, kind: Kind, note: &'static str) -> Key {
    plain(name, kind, Standing::Gone { note })
}

const fn plain(name: &'static str, kind: Kind, standing: Standing) -> Key {
    Key {
        name,
        kind,
        standing,
        default: "",
        about: "",
    }
}

/// Zero or more.
pub(crate) const COUNT: Kind = Kind::Count { min: 0, max: i64::MAX };
pub(crate) const POSITIVE: Kind = Kind::Count { min: 1, max: i64::MAX };
pub(crate) const INTEGER: Kind = Kind::Count {
    min: i64::MIN,
    max: i64::MAX,
};
pub(crate) const PORT: Kind = Kind::Count { min: 0, max: 65_535 };
pub(crate) const TEXTS: Kind = Kind::List(&Kind::Text);
pub(crate) const TEXT_MAP: Kind = Kind::Map(&Kind::Text);
pub(crate) const SWITCH_MAP: Kind = Kind::Map(&Kind::Switch);

/// Which file a layer comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Document {
    Config,
    Requirements,
}

impl Document {
    pub(crate) fn keys(self) -> impl Iterator<Item = &'static Key> {
        let (sections, keys) = match self {
            Self::Config => (SECTIONS, [].as_slice()),
            Self::Requirements => ([].as_slice(), required::KEYS),
        };
        sections.iter().flat_map(|section| section.keys).chain(keys)
    }
}

/// The key at a path of names, if the tables know it. Free names count as known.
pub(crate) fn find(path: &[String]) -> Option<Found> {
    let (first, rest) = path.split_first()?;
    let key = Document::Config.keys().find(|key| key.name == first)?;
    inside(&key.kind, rest, Found::at(key))
}

/// What is known about a path.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Found {
    pub standing: Standing,
    pub default: &'static str,
    pub about: &'static str,
}

impl Found {
    const fn at(key: &Key) -> Self {
        Self {
            standing: key.standing,
            default: key.default,
            about: key.about,
        }
    }
}

fn inside(kind: &'static Kind, path: &[String], here: Found) -> Option<Found> {
    let Some((first, rest)) = path.split_first() else {
        return Some(here);
    };
    let named = |keys: &'static [Key]| keys.iter().find(|key| key.name == first);
    let below = |key: &'static Key| {
        let mut found = Found::at(key);
        if here.standing != Standing::Used {
            // What stands in a table without an effect has none either.
            found.standing = here.standing;
        }
        inside(&key.kind, rest, found)
    };
    let blank = Found {
        default: "",
        about: "",
        ..here
    };
    match kind {
        Kind::Table(keys) => below(named(keys)?),
        Kind::Open(keys, other) => named(keys).map_or_else(|| inside(other, rest, blank), below),
        Kind::Map(value) => inside(value, rest, blank),
        Kind::Names(names, value) => names.contains(&first.as_str()).then(|| inside(value, rest, blank))?,
        Kind::Either(kinds) => kinds.iter().find_map(|kind| inside(kind, path, here)),
        Kind::Features => crate::features::find(first).map(|_| blank),
        Kind::Any => Some(blank),
        Kind::Switch | Kind::Text | Kind::Word | Kind::Path | Kind::Count { .. } | Kind::Number | Kind::Choice(_) | Kind::List(_) => None,
    }
}

/// Every dotted path without free names, for suggestions.
pub(crate) fn paths() -> Vec<String> {
    let mut found = Vec::new();
    Document::Config.keys().for_each(|key| collect(key, "", &mut found));
    found
}

fn collect(key: &'static Key, prefix: &str, found: &mut Vec<String>) {
    let path = crate::tree::dotted(prefix, key.name);
    match &key.kind {
        Kind::Table(keys) | Kind::Open(keys, _) => keys.iter().for_each(|inner| collect(inner, &path, found)),
        Kind::Names(names, _) => found.extend(names.iter().map(|name| format!("{path}.{name}"))),
        Kind::Features => found.extend(crate::features::all().map(|feature| format!("{path}.{}", feature.name))),
        _ => {}
    }
    found.push(path);
}
