//! The table: contexts, actions, and the keys that they usually have.

use crate::search::Way;
use codex_tui_kit::composer::{Edit, Motion};
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

impl Context {
    /// In the configuration.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Global => "global",
            Self::Chat => "chat",
            Self::Composer => "composer",
            Self::Editor => "editor",
            Self::Pager => "pager",
            Self::List => "list",
            Self::Approval => "approval",
            Self::VimNormal => "vim_normal",
            Self::VimOperator => "vim_operator",
            Self::VimTextObject => "vim_text_object",
            Self::VimSearch => "vim_search",
        }
    }
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

/// While the field has the keys, in the order in which they are asked.
pub const FIELD: &[Context] = &[Context::Chat, Context::Composer, Context::Editor, Context::Global, Context::Pager];
/// Contexts that count at the same time, each list in the order in which they are asked.
pub const TOGETHER: &[&[Context]] = &[
    &[Context::Chat, Context::Composer, Context::Editor, Context::Global],
    &[Context::Pager],
    &[Context::List],
    &[Context::Approval],
];

/// A row of the table.
#[derive(Debug, Clone, Copy)]
pub struct Row {
    pub context: Context,
    /// In the configuration, and with blanks in the help.
    pub name: &'static str,
    /// None for a row that only holds a key, as the leader's.
    pub action: Option<Action>,
    pub keys: &'static [&'static str],
}

const fn row(context: Context, name: &'static str, action: Action, keys: &'static [&'static str]) -> Row {
    Row {
        context,
        name,
        action: Some(action),
        keys,
    }
}

const fn motion(name: &'static str, motion: Motion, keys: &'static [&'static str]) -> Row {
    row(Context::Editor, name, Action::Edit(Edit::Move(motion)), keys)
}

const fn edit(name: &'static str, edit: Edit, keys: &'static [&'static str]) -> Row {
    row(Context::Editor, name, Action::Edit(edit), keys)
}

const fn scroll(name: &'static str, scroll: Scroll, keys: &'static [&'static str]) -> Row {
    row(Context::Pager, name, Action::Scroll(scroll), keys)
}

const fn list(name: &'static str, step: Step, keys: &'static [&'static str]) -> Row {
    row(Context::List, name, Action::List(step), keys)
}

const fn vim(context: Context, name: &'static str, keys: &'static [&'static str]) -> Row {
    row(context, name, Action::Vim(keys[0]), keys)
}

/// The row whose key is the `leader` of others.
pub const LEADER: &str = "leader";

/// Every binding there is. Ctrl-C and Ctrl-D are not among them: they always mean the same.
#[rustfmt::skip]
pub const ROWS: &[Row] = &[
    Row { context: Context::Global, name: LEADER, action: None, keys: &["ctrl-x"] },
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

/// The row of an action.
pub fn find(context: &str, action: &str) -> Option<&'static Row> {
    ROWS.iter().find(|row| row.context.name() == context && row.name == action)
}
