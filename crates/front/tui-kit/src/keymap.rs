//! Which key does what: a table of defaults, what a person changed in it, and what then stands in each other's way.
//!
//! Contexts and actions are the program's own types. A binding is a key or several in a row (`ctrl-x p`); `leader` in one stands for the
//! key that the setting of this name holds. What cannot be read is an error that names the place; what is hidden by something else is
//! told, and works as the person asked.

use crate::keys::Key;
use codex_base::nearest;
use std::fmt;
use thiserror::Error;

/// The action whose key is the `leader` of others.
const LEADER: &str = "leader";

/// A row of the table.
#[derive(Debug, Clone, Copy)]
pub struct Row<C: 'static, A: 'static> {
    pub context: C,
    /// In the configuration, and with blanks in the help.
    pub name: &'static str,
    /// None for a row that only holds a key, as the leader's.
    pub action: Option<A>,
    pub keys: &'static [&'static str],
}

/// A context and its name in the configuration.
pub type Names<C> = [(C, &'static str)];

/// What a person wants otherwise: no keys for no binding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    pub context: String,
    pub action: String,
    pub keys: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum KeymapError {
    #[error("tui.keymap.{context}: there is no such context{}", meant(.nearest))]
    Context { context: String, nearest: Option<String> },
    #[error("tui.keymap.{context}.{action}: there is no such action{}", meant(.nearest))]
    Action {
        context: String,
        action: String,
        nearest: Option<String>,
    },
    #[error("tui.keymap.{context}.{action}: {key:?} is no key; write for example \"ctrl-x\", \"alt-enter\" or \"ctrl-x p\"")]
    Key { context: String, action: String, key: String },
}

fn meant(nearest: &Option<String>) -> String {
    nearest.as_ref().map(|name| format!(", did you mean {name:?}?")).unwrap_or_default()
}

/// Two actions want the same keys; the first one gets them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflict {
    pub kept: String,
    pub kept_keys: String,
    pub lost: String,
    pub lost_keys: String,
}

impl fmt::Display for Conflict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} is {}, so {} cannot be reached with {}",
            self.kept_keys, self.kept, self.lost, self.lost_keys
        )
    }
}

/// What keys mean so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lookup<A> {
    Action(A),
    /// More keys may follow.
    Prefix,
    Nothing,
}

/// The bindings in force.
#[derive(Debug, Clone)]
pub struct Keymap<C: 'static, A: 'static> {
    names: &'static Names<C>,
    bindings: Vec<Binding<C, A>>,
}

#[derive(Debug, Clone)]
struct Binding<C, A> {
    context: C,
    name: &'static str,
    action: A,
    keys: Vec<Key>,
    changed: bool,
}

impl<C, A> Keymap<C, A> {
    /// No key does anything.
    pub const fn empty(names: &'static Names<C>) -> Self {
        Self {
            names,
            bindings: Vec::new(),
        }
    }
}

impl<C: Copy + Eq, A: Copy + Eq> Keymap<C, A> {
    /// The table with these changes, and what stands in each other's way. `together` lists the contexts that count at the same time, each
    /// list in the order in which they are asked.
    ///
    /// # Errors
    ///
    /// All changes that name something that does not exist.
    pub fn new(
        names: &'static Names<C>,
        rows: &[Row<C, A>],
        changes: &[Change],
        together: &[&[C]],
    ) -> Result<(Self, Vec<Conflict>), Vec<KeymapError>> {
        let (changed, mut errors) = read(names, rows, changes);
        let leader = leader(rows, &changed);
        let mut bindings = Vec::new();
        for (at, row) in rows.iter().enumerate() {
            let change = changed.iter().rev().find(|(row, _)| *row == at).map(|(_, change)| *change);
            let own: Vec<&str> = change.map_or_else(|| row.keys.to_vec(), |change| change.keys.iter().map(String::as_str).collect());
            for text in own {
                match (sequence(text, leader), row.action) {
                    (Some(keys), Some(action)) => bindings.push(Binding {
                        context: row.context,
                        name: row.name,
                        action,
                        keys,
                        changed: change.is_some(),
                    }),
                    (Some(_), None) => {}
                    (None, _) => errors.push(KeymapError::Key {
                        context: name_of(names, row.context).to_owned(),
                        action: row.name.to_owned(),
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
        let mut map = Self { names, bindings };
        let mut conflicts = map.drop_doubles();
        conflicts.extend(map.hidden(together));
        Ok((map, conflicts))
    }

    /// What these keys mean; the first context that knows them decides.
    pub fn lookup(&self, contexts: &[C], keys: &[Key]) -> Lookup<A> {
        for context in contexts {
            let mut own = self.bindings.iter().filter(|binding| binding.context == *context);
            if let Some(found) = own.clone().find(|binding| binding.keys == keys) {
                return Lookup::Action(found.action);
            }
            if own.any(|binding| binding.keys.starts_with(keys)) {
                return Lookup::Prefix;
            }
        }
        Lookup::Nothing
    }

    /// The keys of an action, for hints.
    pub fn keys(&self, action: A) -> Option<String> {
        self.bindings
            .iter()
            .find(|binding| binding.action == action)
            .map(|binding| shown(&binding.keys))
    }

    /// Within a context the first binding of some keys stays, and so does a binding whose keys begin another's.
    fn drop_doubles(&mut self) -> Vec<Conflict> {
        let mut conflicts = Vec::new();
        let mut kept: Vec<Binding<C, A>> = Vec::new();
        for binding in std::mem::take(&mut self.bindings) {
            let same = kept.iter().find(|other| {
                other.context == binding.context && (other.keys.starts_with(&binding.keys) || binding.keys.starts_with(&other.keys))
            });
            match same {
                Some(other) if other.action == binding.action => {}
                Some(other) => conflicts.push(self.conflict(other, &binding)),
                None => kept.push(binding),
            }
        }
        self.bindings = kept;
        conflicts
    }

    /// Bindings that a changed one of an earlier context hides. The table itself may do so on purpose.
    fn hidden(&self, together: &[&[C]]) -> Vec<Conflict> {
        let mut conflicts = Vec::new();
        for contexts in together {
            for (at, context) in contexts.iter().enumerate() {
                let own = self.bindings.iter().filter(|binding| binding.context == *context);
                for binding in own {
                    let earlier = self
                        .bindings
                        .iter()
                        .find(|other| contexts[..at].contains(&other.context) && other.keys == binding.keys);
                    let told = earlier
                        .filter(|other| other.changed || binding.changed)
                        .map(|other| self.conflict(other, binding));
                    conflicts.extend(told.filter(|conflict| !conflicts.contains(conflict)));
                }
            }
        }
        conflicts
    }

    fn conflict(&self, kept: &Binding<C, A>, lost: &Binding<C, A>) -> Conflict {
        let name = |binding: &Binding<C, A>| format!("{}.{}", name_of(self.names, binding.context), binding.name);
        Conflict {
            kept: name(kept),
            kept_keys: shown(&kept.keys),
            lost: name(lost),
            lost_keys: shown(&lost.keys),
        }
    }
}

/// Which rows the changes are about.
fn read<'c, C: Copy + Eq, A>(names: &Names<C>, rows: &[Row<C, A>], changes: &'c [Change]) -> (Vec<(usize, &'c Change)>, Vec<KeymapError>) {
    let (mut found, mut errors) = (Vec::new(), Vec::new());
    for change in changes {
        let Some((context, _)) = names.iter().find(|(_, name)| *name == change.context) else {
            errors.push(KeymapError::Context {
                context: change.context.clone(),
                nearest: nearest(&change.context, names.iter().map(|(_, name)| *name)).map(str::to_owned),
            });
            continue;
        };
        let own = || rows.iter().enumerate().filter(|(_, row)| row.context == *context);
        match own().find(|(_, row)| row.name == change.action) {
            Some((at, _)) => found.push((at, change)),
            None => errors.push(KeymapError::Action {
                context: change.context.clone(),
                action: change.action.clone(),
                nearest: nearest(&change.action, own().map(|(_, row)| row.name)).map(str::to_owned),
            }),
        }
    }
    (found, errors)
}

fn leader<C, A>(rows: &[Row<C, A>], changed: &[(usize, &Change)]) -> Option<Key> {
    let at = rows.iter().position(|row| row.name == LEADER)?;
    let changed = changed.iter().rev().find(|(row, _)| *row == at);
    let text = changed.map_or_else(
        || rows[at].keys.first().copied(),
        |(_, change)| change.keys.first().map(String::as_str),
    );
    text?.parse().ok()
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

fn name_of<C: Copy + Eq>(names: &Names<C>, context: C) -> &'static str {
    names.iter().find(|(other, _)| *other == context).map_or("", |(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    enum Context {
        Chat,
        Editor,
        Global,
    }

    const NAMES: &Names<Context> = &[(Context::Global, "global"), (Context::Chat, "chat"), (Context::Editor, "editor")];
    const TOGETHER: &[&[Context]] = &[&[Context::Chat, Context::Editor, Context::Global]];

    const fn row(context: Context, name: &'static str, action: char, keys: &'static [&'static str]) -> Row<Context, char> {
        Row {
            context,
            name,
            action: Some(action),
            keys,
        }
    }

    const ROWS: &[Row<Context, char>] = &[
        Row {
            context: Context::Global,
            name: "leader",
            action: None,
            keys: &["ctrl-x"],
        },
        row(Context::Global, "copy", 'c', &["ctrl-o"]),
        row(Context::Global, "open_presets", 'p', &["leader p"]),
        row(Context::Chat, "interrupt_turn", 'i', &["esc"]),
        row(Context::Editor, "move_line_end", 'e', &["end", "ctrl-e"]),
        row(Context::Editor, "kill_whole_line", 'k', &[]),
    ];

    fn change(text: &str) -> Change {
        let (name, keys) = text.split_once('=').unwrap();
        let (context, action) = name.split_once('.').unwrap();
        Change {
            context: context.to_owned(),
            action: action.to_owned(),
            keys: keys.split(',').filter(|key| !key.is_empty()).map(str::to_owned).collect(),
        }
    }

    type Told = Vec<String>;

    fn keymap(changes: &[&str]) -> Result<(Keymap<Context, char>, Told), Told> {
        let changes: Vec<Change> = changes.iter().map(|text| change(text)).collect();
        let told = |errors: Vec<KeymapError>| errors.iter().map(ToString::to_string).collect::<Vec<_>>();
        let (map, conflicts) = Keymap::new(NAMES, ROWS, &changes, TOGETHER).map_err(told)?;
        Ok((map, conflicts.iter().map(ToString::to_string).collect()))
    }

    fn lookup(map: &Keymap<Context, char>, keys: &str) -> Lookup<char> {
        let keys: Vec<Key> = keys.split(' ').map(|key| key.parse().unwrap()).collect();
        map.lookup(TOGETHER[0], &keys)
    }

    #[test]
    fn the_table_counts_unless_it_is_changed() {
        let (map, conflicts) = keymap(&[
            "global.copy=ctrl-y,f2",
            "chat.interrupt_turn=",
            "editor.kill_whole_line=ctrl-x ctrl-k",
        ])
        .unwrap();

        assert_eq!(conflicts, [""; 0]);
        assert_eq!(lookup(&map, "ctrl-y"), Lookup::Action('c'));
        assert_eq!(lookup(&map, "f2"), Lookup::Action('c'));
        assert_eq!(lookup(&map, "ctrl-o"), Lookup::Nothing);
        assert_eq!(lookup(&map, "esc"), Lookup::Nothing);
        assert_eq!(lookup(&map, "ctrl-e"), Lookup::Action('e'));
        assert_eq!((map.keys('c').as_deref(), map.keys('i')), (Some("ctrl-y"), None));
    }

    #[test]
    fn several_keys_in_a_row_are_waited_for() {
        let (map, _) = keymap(&["global.leader=ctrl-b"]).unwrap();

        assert_eq!(lookup(&map, "ctrl-b"), Lookup::Prefix);
        assert_eq!(lookup(&map, "ctrl-b p"), Lookup::Action('p'));
        assert_eq!(lookup(&map, "ctrl-b x"), Lookup::Nothing);
        assert_eq!(lookup(&map, "ctrl-x"), Lookup::Nothing);
    }

    #[test]
    fn what_is_hidden_is_told() {
        let told = |changes: &[&str]| keymap(changes).unwrap().1.join("\n");

        assert_eq!(
            told(&["editor.kill_whole_line=ctrl-e"]),
            "ctrl-e is editor.kill_whole_line, so editor.move_line_end cannot be reached with ctrl-e"
        );
        assert_eq!(
            told(&["chat.interrupt_turn=end"]),
            "end is chat.interrupt_turn, so editor.move_line_end cannot be reached with end"
        );
        assert_eq!(
            told(&["global.copy=ctrl-e"]),
            "ctrl-e is editor.move_line_end, so global.copy cannot be reached with ctrl-e"
        );
        assert_eq!(
            told(&["global.copy=ctrl-x"]),
            "ctrl-x is global.copy, so global.open_presets cannot be reached with ctrl-x p"
        );
        let (map, _) = keymap(&["editor.kill_whole_line=ctrl-e"]).unwrap();
        assert_eq!(
            (lookup(&map, "ctrl-e"), lookup(&map, "end")),
            (Lookup::Action('k'), Lookup::Action('e'))
        );
    }

    #[test]
    fn a_wrong_change_says_what_is_wrong() {
        let errors = keymap(&[
            "golbal.copy=x",
            "global.cpoy=x",
            "global.copy=strg-x",
            "global.copy=ctrl-",
            "editor.nothing=x",
        ])
        .unwrap_err();

        insta::assert_snapshot!(errors.join("\n"), @r#"
        tui.keymap.golbal: there is no such context, did you mean "global"?
        tui.keymap.global.cpoy: there is no such action, did you mean "copy"?
        tui.keymap.editor.nothing: there is no such action
        tui.keymap.global.copy: "ctrl-" is no key; write for example "ctrl-x", "alt-enter" or "ctrl-x p"
        "#);
    }
}
