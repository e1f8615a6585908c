//! The field with the draft.

use crate::shell;
use crate::state::State;
use codex_tui_kit::composer::layout;
use codex_tui_kit::sanitize;
use codex_tui_kit::theme::Role;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

/// Columns before the text.
const INDENT: usize = 2;

/// The rows of the field, and row and column of the cursor. At most half of the window: the part around the cursor.
pub fn rows(state: &State, height: usize) -> (Vec<Line<'static>>, (usize, usize)) {
    let text = state.editor.text();
    let width = usize::from(state.size.columns).saturating_sub(INDENT);
    let rows = layout::rows(text, width);
    let (row, column) = layout::position(text, &rows, state.editor.cursor());
    let max = (height / 2).max(1);
    let from = if rows.len() > max { (row + 1).saturating_sub(max) } else { 0 };
    let mark = if shell::is_command(text) { Role::Warning } else { Role::Accent };
    let mut lines = Vec::new();
    for (index, range) in rows.iter().enumerate().skip(from).take(max) {
        let prefix = if index == 0 {
            state.look.span("› ", mark)
        } else {
            Span::raw("  ")
        };
        let mut spans = vec![prefix];
        if text.is_empty() {
            spans.push(state.look.span("Ask for something", Role::Dim));
        } else {
            styled(state, range.start..range.end, &mut spans);
        }
        lines.push(Line::from(spans));
    }
    for (index, image) in state.images.iter().enumerate() {
        lines.push(
            state
                .look
                .line(format!("  [Image #{}] {}", index + 1, sanitize::label(image)), Role::Dim),
        );
    }
    (lines, (row - from, INDENT + column))
}

/// A part of the draft; pieces that stand for more look so.
fn styled(state: &State, range: std::ops::Range<usize>, spans: &mut Vec<Span<'static>>) {
    let text = state.editor.text();
    let shown = |text: &str| text.replace('\t', " ");
    let mut from = range.start;
    for piece in state.editor.pieces() {
        let (start, end) = (piece.range.start.max(from), piece.range.end.min(range.end));
        if start < end {
            spans.push(Span::styled(shown(&text[from..start]), Style::new()));
            spans.push(state.look.span(shown(&text[start..end]), Role::Accent));
            from = end;
        }
    }
    spans.push(Span::raw(shown(&text[from..range.end])));
}
