//! The live rows: what is under way, what is waited for, the field, and a line about where we are. A function of the state.

mod composer;
mod footer;
mod working;

use crate::state::{Now, State};
use codex_tui_kit::terminal::{Frame, Position};
use ratatui::text::Line;

/// The rows below what is finished. They never fill the whole window.
pub fn live(state: &State, now: Now) -> Frame {
    let height = usize::from(state.size.rows.max(2)) - 1;
    let (field, cursor) = composer::rows(state, height);
    let mut below = working::rows(state, now);
    if height > 6 {
        below.push(Line::default());
    }
    let field_row = below.len();
    below.extend(field);
    below.push(footer::row(state, now));
    let above = state.transcript.live(state.size.columns, &state.look, now.monotonic);

    // In a window too small for everything, what is farther from the field goes first.
    let hidden_below = below.len().saturating_sub(height);
    let room = height.saturating_sub(below.len());
    let hidden_above = above.len().saturating_sub(room);
    let above: Vec<Line<'static>> = above.into_iter().skip(hidden_above).collect();
    let row = (above.len() + field_row + cursor.0).saturating_sub(hidden_below);
    Frame {
        finished: Vec::new(),
        cursor: Some(Position {
            row: u16::try_from(row).unwrap_or(u16::MAX),
            column: u16::try_from(cursor.1).unwrap_or(u16::MAX),
        }),
        live: above.into_iter().chain(below.into_iter().skip(hidden_below)).collect(),
    }
}
