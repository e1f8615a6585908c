//! From the text of a file and a list of changes to the new text.

use super::EditError;
use crate::tree::{Layer, parse, spelled};
use codex_base::AbsPath;
use toml_edit::{DocumentMut, InlineTable, Item, Table, TableLike, Value};

/// One change. A path names tables and, last, a key; its parts are taken as they are, dots included.
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    /// Puts a value in the place of whatever is there. A table becomes a section of its own where that is possible.
    Set { path: Vec<String>, value: toml::Value },
    /// A switch: `true` or `false`, or `enabled` of the table that is there.
    Switch { path: Vec<String>, on: bool },
    /// Takes a key out, with what is below it; nothing if it is not there.
    Remove { path: Vec<String> },
}

impl Change {
    /// The parts of a path.
    pub fn path(parts: &[&str]) -> Vec<String> {
        parts.iter().map(|&part| part.to_owned()).collect()
    }
}

/// The text of `file` after all changes. A text without faults has none afterwards.
///
/// # Errors
/// `config.syntax` with the place if the text is not TOML, and where something that is no table stands in the way.
pub fn changed(text: &str, file: &AbsPath, changes: &[Change]) -> Result<String, EditError> {
    // Our own reader knows lines and columns.
    parse(text, file, Layer::User, 0)?;
    let mut document: DocumentMut = text.parse().map_err(|_| EditError::Unwritable {
        file: file.clone(),
        key: String::new(),
    })?;
    for change in changes {
        apply(&mut document, change, file)?;
    }
    let new = document.to_string();
    let new = if text.starts_with('\u{feff}') && !new.starts_with('\u{feff}') {
        format!("\u{feff}{new}")
    } else {
        new
    };
    Ok(if text.contains("\r\n") {
        new.replace("\r\n", "\n").replace('\n', "\r\n")
    } else {
        new
    })
}

fn apply(document: &mut DocumentMut, change: &Change, file: &AbsPath) -> Result<(), EditError> {
    let (Change::Set { path, .. } | Change::Switch { path, .. } | Change::Remove { path }) = change;
    let Some((key, tables)) = path.split_last() else {
        return Ok(());
    };
    match change {
        Change::Remove { .. } => {
            if let Some(table) = existing(document, tables) {
                table.remove(key);
            }
        }
        Change::Set { value, .. } => {
            let table = descend(document, tables, file)?;
            let as_section = if table.is_section { section(value) } else { None };
            let item = as_section.or_else(|| inline(value)).ok_or_else(|| EditError::Unwritable {
                file: file.clone(),
                key: spelled(path),
            })?;
            put(table.inner, key, item);
        }
        Change::Switch { on, .. } => {
            let table = descend(document, tables, file)?.inner;
            let on = Item::Value(Value::from(*on));
            match table.get_mut(key).and_then(Item::as_table_like_mut) {
                Some(inner) => put(inner, "enabled", on),
                None => put(table, key, on),
            }
        }
    }
    Ok(())
}

/// A table in the document, and whether sections may stand below it.
struct Place<'a> {
    inner: &'a mut dyn TableLike,
    is_section: bool,
}

fn existing<'a>(document: &'a mut DocumentMut, path: &[String]) -> Option<&'a mut dyn TableLike> {
    let mut table: &mut dyn TableLike = document.as_table_mut();
    for key in path {
        table = table.get_mut(key)?.as_table_like_mut()?;
    }
    Some(table)
}

/// The table at a path; what is missing is made.
fn descend<'a>(document: &'a mut DocumentMut, path: &[String], file: &AbsPath) -> Result<Place<'a>, EditError> {
    let mut place = Place {
        inner: document.as_table_mut(),
        is_section: true,
    };
    for (depth, key) in path.iter().enumerate() {
        let last = depth + 1 == path.len();
        let is_section = place.is_section;
        if place.inner.get(key).is_none_or(Item::is_none) {
            let empty = Item::Value(InlineTable::new().into());
            place.inner.insert(key, if is_section { empty_section(!last) } else { empty });
        }
        let no_table = || EditError::NoTable {
            file: file.clone(),
            key: spelled(&path[..=depth]),
        };
        let item = place.inner.get_mut(key).ok_or_else(no_table)?;
        // Below `a.b = 1` keys are written in the same way, not as sections.
        let is_section = is_section && item.as_table().is_some_and(|table| !table.is_dotted());
        let inner = item.as_table_like_mut().ok_or_else(no_table)?;
        place = Place { inner, is_section };
    }
    Ok(place)
}

fn empty_section(implicit: bool) -> Item {
    let mut table = Table::new();
    table.set_implicit(implicit);
    Item::Table(table)
}

/// In the place of what is there, with the spaces and the comment around it.
fn put(table: &mut dyn TableLike, key: &str, mut item: Item) {
    if let (Some(Item::Value(old)), Item::Value(new)) = (table.get(key), &mut item) {
        *new.decor_mut() = old.decor().clone();
    }
    match table.get_mut(key) {
        Some(old) if old.is_value() == item.is_value() => *old = item,
        _ => {
            table.remove(key);
            table.insert(key, item);
        }
    }
}

fn inline(value: &toml::Value) -> Option<Item> {
    value.to_string().parse::<Value>().ok().map(Item::Value)
}

/// A table as a section: its plain values first, then a section for each table in it.
fn section(value: &toml::Value) -> Option<Item> {
    let mut section = Table::new();
    let entries = value.as_table()?;
    for (key, value) in entries.iter().filter(|(_, value)| !value.is_table()) {
        section.insert(key, inline(value)?);
    }
    for (key, value) in entries.iter().filter(|(_, value)| value.is_table()) {
        section.insert(key, self::section(value)?);
    }
    Some(Item::Table(section))
}
