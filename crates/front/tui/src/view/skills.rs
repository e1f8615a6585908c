//! The skills that match a `$` word, below the field.

use crate::skills;
use crate::state::State;
use codex_tui_kit::theme::Role;
use codex_tui_kit::{cells, sanitize};
use ratatui::text::{Line, Span};

const SHOWN_MAX: usize = 7;
/// The column of names is at most so wide.
const NAME_MAX: usize = 24;

pub fn rows(state: &State, height: usize) -> Vec<Line<'static>> {
    let (found, selected) = skills::shown(state);
    let room = height.clamp(1, SHOWN_MAX);
    let from = (selected + 1).saturating_sub(room);
    let width = usize::from(state.columns()).saturating_sub(2);
    let shown = found.into_iter().enumerate().skip(from).take(room);
    shown
        .map(|(index, skill)| {
            let (mark, role) = state.look.picked(index == selected);
            let name = cells::truncate(&sanitize::label(&format!("${}", skill.name)), NAME_MAX).into_owned();
            let pad = " ".repeat(NAME_MAX.saturating_sub(cells::width(&name)));
            let about = sanitize::label(skills::about(skill));
            let about = cells::truncate(&about, width.saturating_sub(NAME_MAX + 1)).into_owned();
            Line::from(vec![
                state.look.span(mark, role),
                state.look.span(format!("{name}{pad} "), role),
                Span::styled(about, state.look.style(Role::Dim)),
            ])
        })
        .collect()
}
