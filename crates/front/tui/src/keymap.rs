//! Which key does what. One table; `[tui.keymap]` changes its keys, never its actions.

use codex_tui_kit::composer::{Edit, Motion};
use codex_tui_kit::keys::Key;

/// Where a key counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Context {
    Global,
    Chat,
    Composer,
    Editor,
    /// What is longer than the window, in fullscreen.
    Pager,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    ClearScreen,
    Suspend,
    Transcript,
    Interrupt,
    EditQueued,
    PageUp,
    PageDown,
    Top,
    Latest,
    Submit,
    Queue,
    Newline,
    Edit(Edit),
}

/// A row: where, the name in the configuration, what, and the keys unless configured.
pub struct Row {
    pub context: Context,
    pub name: &'static str,
    pub action: Action,
    pub keys: &'static [&'static str],
}

const fn row(context: Context, name: &'static str, action: Action, keys: &'static [&'static str]) -> Row {
    Row {
        context,
        name,
        action,
        keys,
    }
}

const fn motion(name: &'static str, motion: Motion, keys: &'static [&'static str]) -> Row {
    row(Context::Editor, name, Action::Edit(Edit::Move(motion)), keys)
}

const fn edit(name: &'static str, edit: Edit, keys: &'static [&'static str]) -> Row {
    row(Context::Editor, name, Action::Edit(edit), keys)
}

/// Every binding there is. Ctrl-C and Ctrl-D are not among them: they always mean the same. Questions have keys of their own.
#[rustfmt::skip]
pub const ROWS: &[Row] = &[
    row(Context::Global, "clear_terminal", Action::ClearScreen, &["ctrl-l"]),
    row(Context::Global, "open_transcript", Action::Transcript, &["ctrl-t"]),
    row(Context::Global, "suspend", Action::Suspend, &["ctrl-z"]),
    row(Context::Chat, "interrupt_turn", Action::Interrupt, &["esc"]),
    row(Context::Chat, "edit_queued_message", Action::EditQueued, &["shift-left", "alt-up"]),
    row(Context::Pager, "page_up", Action::PageUp, &["page-up"]),
    row(Context::Pager, "page_down", Action::PageDown, &["page-down"]),
    row(Context::Pager, "jump_top", Action::Top, &["ctrl-home"]),
    row(Context::Pager, "jump_bottom", Action::Latest, &["ctrl-end"]),
    row(Context::Composer, "submit", Action::Submit, &["enter"]),
    row(Context::Composer, "queue", Action::Queue, &["tab"]),
    row(Context::Editor, "insert_newline", Action::Newline, &["ctrl-j", "shift-enter", "alt-enter"]),
    motion("move_left", Motion::Left, &["left", "ctrl-b"]),
    motion("move_right", Motion::Right, &["right", "ctrl-f"]),
    motion("move_up", Motion::Up, &["up", "ctrl-p"]),
    motion("move_down", Motion::Down, &["down", "ctrl-n"]),
    motion("move_word_left", Motion::WordLeft, &["alt-b", "alt-left", "ctrl-left"]),
    motion("move_word_right", Motion::WordRight, &["alt-f", "alt-right", "ctrl-right"]),
    motion("move_line_start", Motion::LineStart, &["home", "ctrl-a"]),
    motion("move_line_end", Motion::LineEnd, &["end", "ctrl-e"]),
    edit("delete_backward", Edit::DeleteBackward, &["backspace"]),
    edit("delete_forward", Edit::DeleteForward, &["delete", "ctrl-d"]),
    edit("delete_backward_word", Edit::DeleteBackwardWord, &["ctrl-w", "alt-backspace"]),
    edit("delete_forward_word", Edit::DeleteForwardWord, &["alt-d", "ctrl-delete"]),
    edit("kill_line_start", Edit::KillToLineStart, &["ctrl-u"]),
    edit("kill_line_end", Edit::KillToLineEnd, &["ctrl-k"]),
    edit("kill_whole_line", Edit::KillWholeLine, &[]),
    edit("yank", Edit::Yank, &["ctrl-y"]),
    edit("undo", Edit::Undo, &["ctrl-_", "ctrl-7"]),
    edit("redo", Edit::Redo, &["alt-r"]),
];

/// The keys in force.
#[derive(Debug, Clone)]
pub struct Keymap {
    bindings: Vec<(Context, Key, Action)>,
}

impl Default for Keymap {
    fn default() -> Self {
        let bindings = ROWS.iter().flat_map(|row| {
            let keys = row.keys.iter().filter_map(|key| key.parse().ok());
            keys.map(|key| (row.context, key, row.action))
        });
        Self {
            bindings: bindings.collect(),
        }
    }
}

impl Keymap {
    /// What a key does; the first of these contexts that knows it decides.
    pub fn action(&self, contexts: &[Context], key: Key) -> Option<Action> {
        contexts.iter().find_map(|context| {
            let found = self.bindings.iter().find(|(where_, bound, _)| where_ == context && *bound == key);
            found.map(|(_, _, action)| *action)
        })
    }

    /// The first key of an action, for hints.
    pub fn key(&self, action: Action) -> Option<Key> {
        self.bindings.iter().find(|(_, _, bound)| *bound == action).map(|(_, key, _)| *key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn every_key_of_the_table_can_be_read_and_means_one_thing() {
        let mut seen = HashSet::new();
        for row in ROWS {
            for key in row.keys {
                assert!(key.parse::<Key>().is_ok(), "{key}");
                assert!(seen.insert((row.context, *key)), "{key} twice in {:?}", row.context);
            }
        }
    }
}
