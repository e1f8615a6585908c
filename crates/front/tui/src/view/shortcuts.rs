//! Below the field, after `?`: the keys worth knowing.

use crate::keymap::Action;
use crate::search::Way;
use crate::state::State;
use codex_tui_kit::cells;
use codex_tui_kit::composer::Edit;
use codex_tui_kit::theme::Role;
use ratatui::text::{Line, Span};

/// Columns of one entry.
const ENTRY: usize = 38;

const WORTH_KNOWING: &[(Action, &str)] = &[
    (Action::Submit, "send"),
    (Action::Queue, "send after the turn"),
    (Action::Newline, "new line"),
    (Action::Interrupt, "interrupt; twice: back"),
    (Action::EditQueued, "edit a queued message"),
    (Action::CycleMode, "plan mode, on and off"),
    (Action::SearchHistory(Way::Older), "search earlier messages"),
    (Action::Edit(Edit::Undo), "undo"),
    (Action::PasteImage, "a picture you copied"),
    (Action::ExternalEditor, "write in your editor"),
    (Action::Transcript, "the whole conversation"),
    (Action::CopyAnswer, "copy the last answer"),
    (Action::ToggleRaw, "answers as written"),
    (Action::ClearScreen, "clear the window"),
    (Action::Suspend, "suspend codex"),
];

/// Signs that begin something, whatever the keys.
const SIGNS: &[(&str, &str)] = &[("/", "commands"), ("@", "files"), ("ctrl-c", "clear, interrupt, leave")];

/// At most so many rows.
pub fn rows(state: &State, height: usize) -> Vec<Line<'static>> {
    if !state.shortcuts {
        return Vec::new();
    }
    let signs = SIGNS.iter().map(|(key, words)| ((*key).to_owned(), *words));
    let bound = WORTH_KNOWING
        .iter()
        .filter_map(|(action, words)| Some((state.keymap.keys(*action)?, *words)));
    let entries: Vec<(String, &str)> = signs.chain(bound).collect();
    let columns = (usize::from(state.size.columns) / ENTRY).max(1);
    let per_column = entries.len().div_ceil(columns);
    let row = |row: usize| {
        let mut spans = Vec::new();
        for (key, words) in (0..columns).filter_map(|column| entries.get(column * per_column + row)) {
            let text = cells::truncate(words, ENTRY - 14).into_owned();
            let pad = " ".repeat(ENTRY.saturating_sub(14 + cells::width(&text)));
            spans.push(state.look.span(format!("  {key:<12}"), Role::Key));
            spans.push(Span::raw(format!("{text}{pad}")));
        }
        Line::from(spans)
    };
    (0..per_column).map(row).take(height).collect()
}
