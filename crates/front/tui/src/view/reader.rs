//! For a screen reader: the rows of which each is told once, and the line that is typed.

use super::{footer, mention, picker, popup, shortcuts, skills, working};
use crate::state::{Now, State};
use codex_tui_kit::cells;
use codex_tui_kit::sanitize;
use codex_tui_kit::terminal::{Frame, Position, Surface};
use ratatui::text::Line;
use std::borrow::Cow;

/// Rows of a dialog or list: nothing is cut for lack of room.
const HEIGHT: usize = usize::MAX;

/// What there is beside what is finished, without what counts seconds and what is being typed.
pub fn rows(state: &State, now: Now) -> Vec<Line<'static>> {
    if let Some(asked) = &state.ask_trust {
        return asked.dialog.rows(state.columns(), HEIGHT, 0, (&state.look, &state.keymap));
    }
    if let Some(question) = state.questions.front() {
        let waiting = state.questions.len() - 1;
        let mut rows = question.dialog.rows(state.columns(), HEIGHT, waiting, (&state.look, &state.keymap));
        rows.extend(question.asking.as_ref().and_then(|asking| asking.hint(&state.look)));
        return rows;
    }
    let mut rows = working::rows(state, now);
    if let Some(list) = &state.picker {
        rows.extend(picker::rows(state, list, HEIGHT).0);
        return rows;
    }
    // Completions change with each letter: the one that would be taken is enough.
    let completions = [
        popup::rows(state, HEIGHT),
        mention::rows(state, HEIGHT),
        skills::rows(state, HEIGHT),
    ];
    let chosen = state.look.glyphs().chosen;
    rows.extend(completions.into_iter().flatten().filter(|row| row.to_string().starts_with(chosen)));
    rows.extend(shortcuts::rows(state, HEIGHT));
    rows.extend(footer::words(state));
    rows.extend(footer::mode(state));
    rows
}

/// The line that is typed, around the cursor.
pub fn frame(state: &State) -> Frame {
    let (prompt, text, cursor) = typed(state);
    let room = usize::from(state.size.columns).saturating_sub(cells::width(&prompt) + 2).max(1);
    let before = sanitize::label(&text[..cursor]);
    let from = cells::truncate_start(&before, room).into_owned();
    let after = sanitize::label(&text[cursor..]);
    let after = cells::truncate(&after, room.saturating_sub(cells::width(&from)));
    let column = cells::width(&prompt) + cells::width(&from);
    Frame {
        surface: Surface::Linear,
        live: vec![Line::from(format!("{prompt}{from}{after}")).into()],
        cursor: Some(Position {
            row: 0,
            column: u16::try_from(column).unwrap_or(u16::MAX),
        }),
        ..Frame::default()
    }
}

/// What stands before it, the line of the text that the cursor is in, and the byte of the cursor in it.
fn typed(state: &State) -> (String, Cow<'_, str>, usize) {
    if state.ask_trust.is_some() || !state.questions.is_empty() {
        let asking = state.questions.front().and_then(|question| question.asking.as_ref());
        let (text, cursor) = asking.and_then(|asking| asking.typed()).unwrap_or_default();
        return ("answer> ".to_owned(), Cow::Owned(text), cursor);
    }
    if let Some(list) = &state.picker {
        return ("choose> ".to_owned(), list.query().into(), list.query().len());
    }
    let (text, cursor) = (state.editor.text(), state.editor.cursor());
    let start = text[..cursor].rfind('\n').map_or(0, |at| at + 1);
    let end = text[cursor..].find('\n').map_or(text.len(), |at| cursor + at);
    let lines = text.matches('\n').count() + 1;
    let line = text[..start].matches('\n').count() + 1;
    let prompt = if lines > 1 {
        format!("{line} of {lines}> ")
    } else {
        "> ".to_owned()
    };
    (prompt, text[start..end].into(), cursor - start)
}
