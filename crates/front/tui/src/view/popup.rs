//! Above the field: the commands that the draft may become.

use crate::commands;
use crate::state::State;
use ratatui::text::Line;

/// Rows of the popup.
const ROWS_MAX: usize = 8;

/// At most so many rows, around the chosen one.
pub fn rows(state: &State, height: usize) -> Vec<Line<'static>> {
    let found = commands::matching(state.editor.text());
    let room = height.min(ROWS_MAX);
    if found.is_empty() || room == 0 {
        return Vec::new();
    }
    let chosen = state.popup_chosen.min(found.len() - 1);
    let from = (chosen + 1).saturating_sub(room);
    let width = usize::from(state.columns());
    let shown = found.iter().enumerate().skip(from).take(room);
    shown
        .map(|(index, command)| {
            let (mark, role) = state.look.marked(index == chosen);
            let name = format!("/{}", command.name);
            let text = format!("{mark} {name:<12} {}", command.help);
            state.look.cut(&text, width, role)
        })
        .collect()
}
