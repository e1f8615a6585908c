//! The live rows: what is under way, what is waited for, the field, and a line about where we are. A function of the state.

mod composer;
mod footer;
mod working;

use crate::state::{Now, State};
use codex_tui_kit::terminal::{Frame, Position, Surface};
use ratatui::text::Line;

/// What is to be seen: the live rows below what is finished, or the whole window.
pub fn frame(state: &State, now: Now) -> Frame {
    if let Some(pager) = &state.pager {
        return Frame {
            surface: Surface::Fullscreen,
            live: pager.rows(state.size, &state.look),
            ..Frame::default()
        };
    }
    live(state, now)
}

/// The rows below what is finished. They never fill the whole window.
fn live(state: &State, now: Now) -> Frame {
    let height = usize::from(state.size.rows.max(2)) - 1;
    let asked: Vec<&str> = state.questions.iter().map(|question| question.item_id.as_str()).collect();
    let mut below = Vec::new();
    let mut cursor = None;
    if let Some(asked) = &state.ask_trust {
        below.push(Line::default());
        below.extend(asked.dialog.rows(state.size.columns, height - 1, 0, &state.look));
    } else if let Some(question) = state.questions.front() {
        below.push(Line::default());
        let waiting = state.questions.len() - 1;
        below.extend(question.dialog.rows(state.size.columns, height - 1, waiting, &state.look));
    } else {
        let (field, at) = composer::rows(state, height);
        below = working::rows(state, now);
        if height > 6 {
            below.push(Line::default());
        }
        cursor = Some((below.len() + at.0, at.1));
        below.extend(field);
        below.push(footer::row(state, now));
    }
    let above = state.transcript.live(state.size.columns, &state.look, now.monotonic, &asked);

    // In a window too small for everything, what is farther from the field goes first.
    let hidden_below = below.len().saturating_sub(height);
    let room = height.saturating_sub(below.len());
    let hidden_above = above.len().saturating_sub(room);
    let above: Vec<Line<'static>> = above.into_iter().skip(hidden_above).collect();
    let cursor = cursor.map(|(row, column)| Position {
        row: u16::try_from((above.len() + row).saturating_sub(hidden_below)).unwrap_or(u16::MAX),
        column: u16::try_from(column).unwrap_or(u16::MAX),
    });
    Frame {
        cursor,
        live: above.into_iter().chain(below.into_iter().skip(hidden_below)).collect(),
        ..Frame::default()
    }
}
