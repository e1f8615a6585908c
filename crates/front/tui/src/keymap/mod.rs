//! Which key does what: one table of defaults, what a person changed in it, and what then stands in each other's way.
//!
//! `[tui.keymap]` changes the table's keys, never its actions. A binding is a key or several in a row (`ctrl-x p`); `leader` in one stands
//! for the key that the setting of this name holds. What is no key is an error that names the place; what is hidden by something else is
//! told, and works as the person asked.

mod table;
#[cfg(test)]
mod tests;

pub use table::{Action, Context, FIELD, ROWS, Step};

use codex_protocol::terminal::KeyChange;
use codex_tui_kit::keys::{Code, Key};
use table::{LEADER, Row, TOGETHER, find};

/// What keys mean so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lookup {
    Action(Action),
    /// More keys may follow.
    Prefix,
    Nothing,
}

/// A change that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{place}: tui.keymap.{context}.{action}: {key:?} is no key; write for example \"ctrl-x\", \"alt-enter\" or \"ctrl-x p\"")]
pub struct NoKey {
    /// Of the entry; empty if it stands in none.
    pub place: String,
    pub context: &'static str,
    pub action: &'static str,
    pub key: String,
}

/// The keys in force, and those of a binding of several keys that were pressed so far.
#[derive(Debug, Clone)]
pub struct Keymap {
    bindings: Vec<Binding>,
    pressed: Vec<Key>,
}

#[derive(Debug, Clone)]
struct Binding {
    row: &'static Row,
    action: Action,
    keys: Vec<Key>,
    changed: bool,
}

impl Default for Keymap {
    fn default() -> Self {
        let table = Self::new(&[]).map(|(table, _)| table);
        // The table itself has no faults: a test reads all of it.
        table.unwrap_or_else(|_| Self {
            bindings: Vec::new(),
            pressed: Vec::new(),
        })
    }
}

impl Keymap {
    /// The table with what a person wants otherwise (no keys for no binding), and what then stands in each other's way. Actions that are
    /// not in the table are left out: other versions have them, and the configuration has told of those that nobody knows.
    ///
    /// # Errors
    /// All entries that name something that is no key.
    pub fn new(wanted: &[KeyChange]) -> Result<(Self, Vec<String>), Vec<NoKey>> {
        let leader = find(Context::Global.name(), LEADER).and_then(|row| keys_of(row, wanted).first()?.parse().ok());
        let mut bindings = Vec::new();
        let mut errors = Vec::new();
        for row in ROWS {
            let change = change_of(row, wanted);
            for text in keys_of(row, wanted) {
                match (sequence(text, leader), row.action) {
                    (Some(keys), Some(action)) => bindings.push(Binding {
                        row,
                        action,
                        keys,
                        changed: change.is_some(),
                    }),
                    (Some(_), None) => {}
                    (None, _) => errors.push(NoKey {
                        place: change.map(|change| change.place.clone()).unwrap_or_default(),
                        context: row.context.name(),
                        action: row.name,
                        key: text.to_owned(),
                    }),
                }
            }
        }
        if !errors.is_empty() {
            return Err(errors);
        }
        // What somebody asked for goes before what was there.
        bindings.sort_by_key(|binding| !binding.changed);
        let mut map = Self {
            bindings,
            pressed: Vec::new(),
        };
        let mut conflicts = map.drop_doubles();
        conflicts.extend(map.hidden());
        Ok((map, conflicts))
    }

    /// What these keys mean; the first context that knows them decides.
    pub fn lookup(&self, contexts: &[Context], keys: &[Key]) -> Lookup {
        for context in contexts {
            let mut own = self.bindings.iter().filter(|binding| binding.row.context == *context);
            if let Some(found) = own.clone().find(|binding| binding.keys == keys) {
                return Lookup::Action(found.action);
            }
            if own.any(|binding| binding.keys.starts_with(keys)) {
                return Lookup::Prefix;
            }
        }
        Lookup::Nothing
    }

    /// What a key does, after those that were pressed before it; the first of these contexts that knows it decides. A key that leads nowhere
    /// ends what was begun.
    pub fn press(&mut self, contexts: &[Context], key: Key) -> Lookup {
        let began = !self.pressed.is_empty();
        if began && key.code == Code::Escape {
            self.pressed.clear();
            return Lookup::Prefix;
        }
        self.pressed.push(key);
        let found = self.lookup(contexts, &self.pressed);
        if found == Lookup::Prefix {
            return found;
        }
        self.pressed.clear();
        found
    }

    /// A binding of several keys has begun.
    pub const fn is_under_way(&self) -> bool {
        !self.pressed.is_empty()
    }

    /// What was pressed of it, to be shown.
    pub fn pressed(&self) -> String {
        shown(&self.pressed)
    }

    /// The first keys of an action, for hints.
    pub fn keys(&self, action: Action) -> Option<String> {
        let binding = self.bindings.iter().find(|binding| binding.action == action);
        binding.map(|binding| shown(&binding.keys))
    }

    /// What a key means in a question. An upper-case letter means what the lower-case one does; a letter that no answer has in the table
    /// stands for itself.
    pub fn in_question(&self, key: Key) -> Option<Action> {
        let lower = match key.typed() {
            Some(c) => Key::plain(Code::Char(c.to_ascii_lowercase())),
            None => key,
        };
        match self.lookup(&[Context::Approval], &[lower]) {
            Lookup::Action(action) => Some(action),
            Lookup::Prefix | Lookup::Nothing => lower.typed().filter(|c| !is_usual_answer(*c)).map(Action::Answer),
        }
    }

    /// What Vim hears of a key: the one that it has for the action. Nothing of a key whose action has another one.
    pub fn for_vim(&self, contexts: &[Context], key: Key) -> Option<Key> {
        if let Lookup::Action(Action::Vim(meant)) = self.lookup(contexts, &[key]) {
            // From the table; one that were no key would do nothing.
            return meant.parse().ok();
        }
        let name = key.to_string();
        let has_another = |row: &Row| contexts.contains(&row.context) && row.keys == [name.as_str()];
        (!ROWS.iter().any(has_another)).then_some(key)
    }

    /// The key of an answer, to be shown.
    pub fn answer(&self, letter: char) -> Option<String> {
        if is_usual_answer(letter) {
            self.keys(Action::Answer(letter))
        } else {
            Some(letter.to_string())
        }
    }

    /// Within a context the first binding of some keys stays, and so does a binding whose keys begin another's.
    fn drop_doubles(&mut self) -> Vec<String> {
        let mut conflicts = Vec::new();
        let mut kept: Vec<Binding> = Vec::new();
        for binding in std::mem::take(&mut self.bindings) {
            let same = kept.iter().find(|other| {
                other.row.context == binding.row.context && (other.keys.starts_with(&binding.keys) || binding.keys.starts_with(&other.keys))
            });
            match same {
                Some(other) if other.action == binding.action => {}
                Some(other) => conflicts.push(conflict(other, &binding)),
                None => kept.push(binding),
            }
        }
        self.bindings = kept;
        conflicts
    }

    /// Bindings that a changed one of an earlier context hides. The table itself may do so on purpose.
    fn hidden(&self) -> Vec<String> {
        let mut conflicts = Vec::new();
        for contexts in TOGETHER {
            for (at, context) in contexts.iter().enumerate() {
                for binding in self.bindings.iter().filter(|binding| binding.row.context == *context) {
                    let is_earlier = |other: &&Binding| contexts[..at].contains(&other.row.context) && other.keys == binding.keys;
                    let earlier = self.bindings.iter().find(is_earlier);
                    let told = earlier
                        .filter(|other| other.changed || binding.changed)
                        .map(|other| conflict(other, binding));
                    conflicts.extend(told.filter(|conflict| !conflicts.contains(conflict)));
                }
            }
        }
        conflicts
    }
}

/// Two actions want the same keys; the first one gets them.
fn conflict(kept: &Binding, lost: &Binding) -> String {
    let name = |binding: &Binding| format!("{}.{}", binding.row.context.name(), binding.row.name);
    format!(
        "{} is {}, so {} cannot be reached with {}",
        shown(&kept.keys),
        name(kept),
        name(lost),
        shown(&lost.keys)
    )
}

/// The last one counts.
fn change_of<'w>(row: &Row, wanted: &'w [KeyChange]) -> Option<&'w KeyChange> {
    let is_about = |change: &&KeyChange| change.context == row.context.name() && change.action == row.name;
    wanted.iter().rev().find(is_about)
}

fn keys_of<'w>(row: &Row, wanted: &'w [KeyChange]) -> Vec<&'w str> {
    match change_of(row, wanted) {
        Some(change) => change.keys.iter().map(String::as_str).collect(),
        None => row.keys.to_vec(),
    }
}

/// The keys of a binding. None if it holds something that is no key, or a leader that there is not.
fn sequence(text: &str, leader: Option<Key>) -> Option<Vec<Key>> {
    let keys: Option<Vec<Key>> = text
        .split_whitespace()
        .map(|key| if key == LEADER { leader } else { key.parse().ok() })
        .collect();
    keys.filter(|keys| !keys.is_empty())
}

fn shown(keys: &[Key]) -> String {
    keys.iter().map(Key::to_string).collect::<Vec<_>>().join(" ")
}

fn is_usual_answer(letter: char) -> bool {
    ROWS.iter().any(|row| row.action == Some(Action::Answer(letter)))
}
