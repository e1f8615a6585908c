//! Which key does what. One table; `[tui.keymap]` changes its keys, never its actions.

use crate::search::Way;
use codex_protocol::terminal::KeyChange;
use codex_tui_kit::composer::{Edit, Motion};
use codex_tui_kit::keymap::{Change, Conflict, Keymap as Bindings, KeymapError, Lookup, Names, Row};
use codex_tui_kit::keys::{Code, Key};
use codex_tui_kit::pager::{Find, Scroll};

/// Where a key counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Context {
    Global,
    Chat,
    Composer,
    Editor,
    /// What is longer than the window.
    Pager,
    /// A list to choose from.
    List,
    /// A question.
    Approval,
    VimNormal,
    /// Behind an operator, before what `VimNormal` says.
    VimOperator,
    VimTextObject,
    VimSearch,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    ClearScreen,
    Suspend,
    Transcript,
    FindInTranscript,
    CopyAnswer,
    ExternalEditor,
    ToggleVim,
    ToggleRaw,
    ToggleShortcuts,
    SearchHistory(Way),
    PasteImage,
    Interrupt,
    EditQueued,
    /// Plan mode, or out of it.
    CycleMode,
    /// The model thinks more, or less.
    Effort {
        more: bool,
    },
    Permissions {
        next: bool,
    },
    Submit,
    Queue,
    Newline,
    Edit(Edit),
    Scroll(Scroll),
    Close,
    StartSearch,
    Find(Find),
    List(Step),
    /// The answer that the dialog has for this letter.
    Answer(char),
    ShowAll,
    /// The key that Vim has for it.
    Vim(&'static str),
}

/// In a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    Up,
    Down,
    PageUp,
    PageDown,
    Top,
    Bottom,
    Accept,
    Cancel,
}

pub const CONTEXTS: &Names<Context> = &[
    (Context::Global, "global"),
    (Context::Chat, "chat"),
    (Context::Composer, "composer"),
    (Context::Editor, "editor"),
    (Context::Pager, "pager"),
    (Context::List, "list"),
    (Context::Approval, "approval"),
    (Context::VimNormal, "vim_normal"),
    (Context::VimOperator, "vim_operator"),
    (Context::VimTextObject, "vim_text_object"),
    (Context::VimSearch, "vim_search"),
];

/// While the field has the keys, in the order in which they are asked.
pub const FIELD: &[Context] = &[Context::Chat, Context::Composer, Context::Editor, Context::Global, Context::Pager];
/// Contexts that count at the same time.
const TOGETHER: &[&[Context]] = &[
    &[Context::Chat, Context::Composer, Context::Editor, Context::Global],
    &[Context::Pager],
    &[Context::List],
    &[Context::Approval],
];

const fn row(context: Context, name: &'static str, action: Action, keys: &'static [&'static str]) -> Row<Context, Action> {
    Row {
        context,
        name,
        action: Some(action),
        keys,
    }
}

const fn motion(name: &'static str, motion: Motion, keys: &'static [&'static str]) -> Row<Context, Action> {
    row(Context::Editor, name, Action::Edit(Edit::Move(motion)), keys)
}

const fn edit(name: &'static str, edit: Edit, keys: &'static [&'static str]) -> Row<Context, Action> {
    row(Context::Editor, name, Action::Edit(edit), keys)
}

const fn scroll(name: &'static str, scroll: Scroll, keys: &'static [&'static str]) -> Row<Context, Action> {
    row(Context::Pager, name, Action::Scroll(scroll), keys)
}

const fn list(name: &'static str, step: Step, keys: &'static [&'static str]) -> Row<Context, Action> {
    row(Context::List, name, Action::List(step), keys)
}

const fn vim(context: Context, name: &'static str, keys: &'static [&'static str]) -> Row<Context, Action> {
    row(context, name, Action::Vim(keys[0]), keys)
}

/// Every binding there is. Ctrl-C and Ctrl-D are not among them: they always mean the same.
#[rustfmt::skip]
pub const ROWS: &[Row<Context, Action>] = &[
    Row { context: Context::Global, name: "leader", action: None, keys: &["ctrl-x"] },
    row(Context::Global, "clear_terminal", Action::ClearScreen, &["ctrl-l"]),
    row(Context::Global, "open_transcript", Action::Transcript, &["ctrl-t"]),
    row(Context::Global, "find_transcript", Action::FindInTranscript, &["f3"]),
    row(Context::Global, "open_external_editor", Action::ExternalEditor, &["ctrl-g"]),
    row(Context::Global, "copy", Action::CopyAnswer, &["ctrl-o"]),
    row(Context::Global, "toggle_vim_mode", Action::ToggleVim, &[]),
    row(Context::Global, "toggle_raw_output", Action::ToggleRaw, &["alt-r"]),
    row(Context::Global, "suspend", Action::Suspend, &["ctrl-z"]),
    row(Context::Chat, "interrupt_turn", Action::Interrupt, &["esc"]),
    row(Context::Chat, "edit_queued_message", Action::EditQueued, &["shift-left", "alt-up"]),
    row(Context::Chat, "decrease_reasoning_effort", Action::Effort { more: false }, &["alt-,", "shift-down"]),
    row(Context::Chat, "increase_reasoning_effort", Action::Effort { more: true }, &["alt-.", "shift-up"]),
    row(Context::Chat, "cycle_mode", Action::CycleMode, &["shift-tab"]),
    row(Context::Chat, "previous_permission_mode", Action::Permissions { next: false }, &[]),
    row(Context::Chat, "next_permission_mode", Action::Permissions { next: true }, &[]),
    row(Context::Composer, "submit", Action::Submit, &["enter"]),
    row(Context::Composer, "queue", Action::Queue, &["tab"]),
    row(Context::Composer, "toggle_shortcuts", Action::ToggleShortcuts, &["?"]),
    row(Context::Composer, "history_search_previous", Action::SearchHistory(Way::Older), &["ctrl-r"]),
    row(Context::Composer, "history_search_next", Action::SearchHistory(Way::Newer), &["ctrl-s"]),
    row(Context::Composer, "paste_image", Action::PasteImage, &["ctrl-v"]),
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
    edit("redo", Edit::Redo, &["alt-z"]),
    scroll("scroll_up", Scroll::Up, &["up", "k"]),
    scroll("scroll_down", Scroll::Down, &["down", "j"]),
    scroll("page_up", Scroll::PageUp, &["page-up", "ctrl-b"]),
    scroll("page_down", Scroll::PageDown, &["page-down", "space", "ctrl-f"]),
    scroll("half_page_up", Scroll::HalfPageUp, &["ctrl-u"]),
    scroll("half_page_down", Scroll::HalfPageDown, &["ctrl-d"]),
    scroll("jump_top", Scroll::Top, &["ctrl-home", "home", "g"]),
    scroll("jump_bottom", Scroll::Bottom, &["ctrl-end", "end", "G"]),
    row(Context::Pager, "find", Action::StartSearch, &["/", "f3"]),
    row(Context::Pager, "find_next", Action::Find(Find::Next), &["n"]),
    row(Context::Pager, "find_previous", Action::Find(Find::Previous), &["N"]),
    row(Context::Pager, "close", Action::Close, &["q", "esc"]),
    list("move_up", Step::Up, &["up", "ctrl-p", "ctrl-k"]),
    list("move_down", Step::Down, &["down", "ctrl-n", "ctrl-j"]),
    list("page_up", Step::PageUp, &["page-up", "ctrl-b"]),
    list("page_down", Step::PageDown, &["page-down", "ctrl-f"]),
    list("jump_top", Step::Top, &["home"]),
    list("jump_bottom", Step::Bottom, &["end"]),
    list("accept", Step::Accept, &["enter"]),
    list("cancel", Step::Cancel, &["esc"]),
    row(Context::Approval, "open_fullscreen", Action::ShowAll, &["ctrl-a"]),
    row(Context::Approval, "approve", Action::Answer('y'), &["y"]),
    row(Context::Approval, "approve_for_session", Action::Answer('a'), &["a"]),
    row(Context::Approval, "approve_for_prefix", Action::Answer('p'), &["p"]),
    row(Context::Approval, "deny", Action::Answer('d'), &["d"]),
    row(Context::Approval, "decline", Action::Answer('n'), &["n", "esc"]),
    vim(Context::VimNormal, "insert", &["i"]),
    vim(Context::VimNormal, "append", &["a"]),
    vim(Context::VimNormal, "insert_line_start", &["I"]),
    vim(Context::VimNormal, "append_line_end", &["A"]),
    vim(Context::VimNormal, "open_line_below", &["o"]),
    vim(Context::VimNormal, "open_line_above", &["O"]),
    vim(Context::VimNormal, "replace_mode", &["R"]),
    vim(Context::VimNormal, "move_left", &["h"]),
    vim(Context::VimNormal, "move_down", &["j"]),
    vim(Context::VimNormal, "move_up", &["k"]),
    vim(Context::VimNormal, "move_right", &["l"]),
    vim(Context::VimNormal, "move_word_forward", &["w"]),
    vim(Context::VimNormal, "move_word_backward", &["b"]),
    vim(Context::VimNormal, "move_word_end", &["e"]),
    vim(Context::VimNormal, "move_line_start", &["0"]),
    vim(Context::VimNormal, "move_line_end", &["$"]),
    vim(Context::VimNormal, "find_forward", &["f"]),
    vim(Context::VimNormal, "find_backward", &["F"]),
    vim(Context::VimNormal, "till_forward", &["t"]),
    vim(Context::VimNormal, "till_backward", &["T"]),
    vim(Context::VimNormal, "jump_prefix", &["g"]),
    vim(Context::VimNormal, "jump_bottom", &["G"]),
    vim(Context::VimNormal, "delete_char", &["x"]),
    vim(Context::VimNormal, "replace_char", &["r"]),
    vim(Context::VimNormal, "substitute_char", &["s"]),
    vim(Context::VimNormal, "delete_line_end", &["D"]),
    vim(Context::VimNormal, "change_line_end", &["C"]),
    vim(Context::VimNormal, "yank_line", &["Y"]),
    vim(Context::VimNormal, "paste_after", &["p"]),
    vim(Context::VimNormal, "paste_before", &["P"]),
    vim(Context::VimNormal, "delete", &["d"]),
    vim(Context::VimNormal, "change", &["c"]),
    vim(Context::VimNormal, "yank", &["y"]),
    vim(Context::VimNormal, "undo", &["u"]),
    vim(Context::VimNormal, "redo", &["ctrl-r"]),
    vim(Context::VimNormal, "repeat", &["."]),
    vim(Context::VimNormal, "search_forward", &["/"]),
    vim(Context::VimNormal, "search_backward", &["?"]),
    vim(Context::VimNormal, "search_next", &["n"]),
    vim(Context::VimNormal, "search_previous", &["N"]),
    vim(Context::VimOperator, "inner", &["i"]),
    vim(Context::VimOperator, "around", &["a"]),
    vim(Context::VimTextObject, "word", &["w"]),
    vim(Context::VimTextObject, "big_word", &["W"]),
    vim(Context::VimTextObject, "parentheses", &["("]),
    vim(Context::VimTextObject, "brackets", &["["]),
    vim(Context::VimTextObject, "braces", &["{"]),
    vim(Context::VimTextObject, "double_quotes", &["\""]),
    vim(Context::VimTextObject, "single_quotes", &["'"]),
    vim(Context::VimTextObject, "backticks", &["`"]),
    vim(Context::VimSearch, "accept", &["enter"]),
    vim(Context::VimSearch, "cancel", &["esc"]),
];

/// The keys in force, and those of a binding of several keys that were pressed so far.
#[derive(Debug, Clone)]
pub struct Keymap {
    bindings: Bindings<Context, Action>,
    pressed: Vec<Key>,
}

impl Default for Keymap {
    fn default() -> Self {
        let table = Self::new(&[]).map(|(table, _)| table);
        // The table itself has no faults: a test reads all of it.
        table.unwrap_or_else(|_| Self {
            bindings: Bindings::empty(CONTEXTS),
            pressed: Vec::new(),
        })
    }
}

/// A change that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrongChange {
    /// Of the entry; empty if it stands in none.
    pub place: String,
    pub error: KeymapError,
}

impl Keymap {
    /// The table with what a person wants otherwise, and what then stands in each other's way. Actions that are not in the table are left
    /// out: other versions have them, and the configuration has told of those that nobody knows.
    ///
    /// # Errors
    /// All entries that name something that is no key.
    pub fn new(wanted: &[KeyChange]) -> Result<(Self, Vec<Conflict>), Vec<WrongChange>> {
        let known = |change: &&KeyChange| find(&change.context, &change.action).is_some();
        let changes: Vec<Change> = wanted.iter().filter(known).map(change).collect();
        match Bindings::new(CONTEXTS, ROWS, &changes, TOGETHER) {
            Ok((bindings, conflicts)) => Ok((
                Self {
                    bindings,
                    pressed: Vec::new(),
                },
                conflicts,
            )),
            Err(errors) => Err(errors.into_iter().map(|error| WrongChange::of(error, wanted)).collect()),
        }
    }

    /// What a key does, after those that were pressed before it; the first of these contexts that knows it decides. A key that leads nowhere
    /// ends what was begun.
    pub fn press(&mut self, contexts: &[Context], key: Key) -> Lookup<Action> {
        let began = !self.pressed.is_empty();
        if began && key.code == Code::Escape {
            self.pressed.clear();
            return Lookup::Prefix;
        }
        self.pressed.push(key);
        let found = self.bindings.lookup(contexts, &self.pressed);
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
        self.pressed.iter().map(Key::to_string).collect::<Vec<_>>().join(" ")
    }

    /// The first keys of an action, for hints.
    pub fn keys(&self, action: Action) -> Option<String> {
        self.bindings.keys(action)
    }

    /// What a key means in a question. An upper-case letter means what the lower-case one does; a letter that no answer has in the table
    /// stands for itself.
    pub fn in_question(&self, key: Key) -> Option<Action> {
        let lower = match key.typed() {
            Some(c) => Key::plain(Code::Char(c.to_ascii_lowercase())),
            None => key,
        };
        match self.bindings.lookup(&[Context::Approval], &[lower]) {
            Lookup::Action(action) => Some(action),
            Lookup::Prefix | Lookup::Nothing => lower.typed().filter(|c| !is_usual_answer(*c)).map(Action::Answer),
        }
    }

    /// What Vim hears of a key: the one that it has for the action. Nothing of a key whose action has another one.
    pub fn for_vim(&self, contexts: &[Context], key: Key) -> Option<Key> {
        if let Lookup::Action(Action::Vim(meant)) = self.bindings.lookup(contexts, &[key]) {
            // From the table above; one that were no key would do nothing.
            return meant.parse().ok();
        }
        let name = key.to_string();
        let has_another = |row: &Row<Context, Action>| contexts.contains(&row.context) && row.keys == [name.as_str()];
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

    pub const fn bindings(&self) -> &Bindings<Context, Action> {
        &self.bindings
    }
}

impl WrongChange {
    fn of(error: KeymapError, wanted: &[KeyChange]) -> Self {
        let place = match &error {
            KeymapError::Context { .. } => None,
            KeymapError::Action { context, action, .. } | KeymapError::Key { context, action, .. } => wanted
                .iter()
                .find(|change| change.context == *context && change.action == *action)
                .map(|change| change.place.clone()),
        };
        Self {
            place: place.unwrap_or_default(),
            error,
        }
    }
}

/// The row of an action.
pub fn find(context: &str, action: &str) -> Option<&'static Row<Context, Action>> {
    let (context, _) = CONTEXTS.iter().find(|(_, name)| *name == context)?;
    ROWS.iter().find(|row| row.context == *context && row.name == action)
}

fn is_usual_answer(letter: char) -> bool {
    ROWS.iter().any(|row| row.action == Some(Action::Answer(letter)))
}

fn change(wanted: &KeyChange) -> Change {
    Change {
        context: wanted.context.clone(),
        action: wanted.action.clone(),
        keys: wanted.keys.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(context: &str, action: &str, keys: &[&str]) -> KeyChange {
        KeyChange {
            context: context.to_owned(),
            action: action.to_owned(),
            keys: keys.iter().map(|&key| key.to_owned()).collect(),
            place: "config.toml:3:1".to_owned(),
        }
    }

    #[test]
    fn every_key_of_the_table_can_be_read_and_means_one_thing() {
        let (map, conflicts) = Keymap::new(&[]).unwrap();

        assert_eq!(conflicts, []);
        for row in ROWS.iter().filter(|row| row.action.is_some()) {
            for keys in row.keys {
                let mut map = map.clone();
                let found = keys.split(' ').map(|key| map.press(&[row.context], key.parse().unwrap())).last();
                assert_eq!(found, row.action.map(Lookup::Action), "{keys} of {}", row.name);
            }
        }
    }

    #[test]
    fn keys_in_a_row_are_waited_for_and_esc_forgets_them() {
        let (mut map, _) = Keymap::new(&[wanted("global", "copy", &["leader y"])]).unwrap();
        let mut press = |key: &str| map.press(FIELD, key.parse().unwrap());

        assert_eq!(press("ctrl-x"), Lookup::Prefix);
        assert_eq!(press("y"), Lookup::Action(Action::CopyAnswer));
        assert_eq!(press("ctrl-x"), Lookup::Prefix);
        assert_eq!(press("esc"), Lookup::Prefix);
        assert_eq!(press("y"), Lookup::Nothing);
        assert_eq!(press("ctrl-o"), Lookup::Nothing);
    }

    #[test]
    fn vim_hears_the_key_that_it_has_for_an_action() {
        let (map, conflicts) = Keymap::new(&[wanted("vim_normal", "move_left", &["n", "alt-h"])]).unwrap();
        let heard = |key: &str| {
            map.for_vim(&[Context::VimOperator, Context::VimNormal], key.parse().unwrap())
                .map(|key| key.to_string())
        };

        assert_eq!(
            conflicts[0].to_string(),
            "n is vim_normal.move_left, so vim_normal.search_next cannot be reached with n"
        );
        let keys = ["n", "alt-h", "h", "w", "3", "%", "esc", "i"].map(heard);
        let expected = [Some("h"), Some("h"), None, Some("w"), Some("3"), Some("%"), Some("esc"), Some("i")];
        assert_eq!(keys, expected.map(|key| key.map(str::to_owned)));
    }

    #[test]
    fn what_is_no_key_is_told_with_its_place_and_what_other_versions_know_is_left_alone() {
        let told = Keymap::new(&[
            wanted("agents", "hide", &["h"]),
            wanted("global", "open_agents", &["f9"]),
            wanted("global", "copy", &["strg-y"]),
        ]);

        let errors = told.unwrap_err();
        assert_eq!(errors.len(), 1);
        insta::assert_snapshot!(
            format!("{}: {}", errors[0].place, errors[0].error),
            @r#"config.toml:3:1: tui.keymap.global.copy: "strg-y" is no key; write for example "ctrl-x", "alt-enter" or "ctrl-x p""#
        );
    }
}
