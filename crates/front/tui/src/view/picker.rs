//! A list to choose from, in place of the field.

use super::footer;
use crate::picker::several::Place;
use crate::picker::{Picker, Row, Source};
use crate::state::State;
use crate::title;
use codex_protocol::requests::ThreadSortKey;
use codex_tui_kit::terminal::Surface;
use codex_tui_kit::theme::Role;
use codex_tui_kit::{cells, sanitize};
use ratatui::text::{Line, Span};

/// Rows of a list that stand on the screen at once.
const SHOWN_MAX: usize = 12;
/// The label's column is at most so wide.
const LABEL_MAX: usize = 48;

/// Title, words, list, keys; and row and column of the cursor, behind the words.
pub fn rows(state: &State, picker: &Picker, height: usize) -> (Vec<Line<'static>>, (usize, usize)) {
    let look = &state.look;
    let width = usize::from(state.columns());
    let (rows, selected) = picker.shown();
    let room = height.saturating_sub(4).clamp(1, SHOWN_MAX);
    let count = rows.len();
    let from = (selected + 1).saturating_sub(room).min(count.saturating_sub(room));
    let rows: Vec<&Row> = rows.skip(from).take(room).collect();

    let title = format!("{}{}", picker.title, about(picker, count, selected));
    let mut lines = vec![look.cut(&title, width, Role::Strong)];
    let mut cursor = (1 + selected.saturating_sub(from), 0);
    let linear = state.surface == Surface::Linear;
    // There it is the line that is typed.
    if picker.source != Source::Question && !linear {
        let words = sanitize::label(picker.query());
        let words = cells::truncate_start(&words, width.saturating_sub(4)).into_owned();
        cursor = (1, 2 + cells::width(&words));
        let words = if words.is_empty() {
            look.span("type to search", Role::Dim)
        } else {
            Span::raw(words)
        };
        lines.push(Line::from(vec![look.span("› ", Role::Accent), words]));
    }
    let numbered = |index: usize| (linear || picker.source == Source::Question).then_some(from + index + 1);
    let labels: Vec<String> = rows
        .iter()
        .enumerate()
        .map(|(index, row)| label(row, numbered(index), picker.current_word, width))
        .collect();
    let label_width = labels.iter().map(|label| cells::width(label)).max().unwrap_or(0);
    for (index, (row, label)) in rows.iter().zip(labels).enumerate() {
        lines.push(line(state, row, label, from + index == selected, label_width));
    }
    if rows.is_empty() {
        let words = match &picker.source {
            Source::Sessions(list) if list.waiting => "looking …",
            _ => "nothing matches",
        };
        lines.push(look.line(format!("  {words}"), Role::Dim));
    }
    let keys = match picker.source {
        Source::Here | Source::Question if linear => "a number or letters, then enter · esc leaves",
        Source::Here | Source::Question => "enter takes · esc leaves",
        Source::Several(_) => "tab takes or leaves · alt-up, alt-down move · enter keeps · esc leaves",
        Source::Sessions(_) => "tab folder/all · ctrl-t shows · ctrl-a archive · ctrl-s order · esc leaves",
    };
    lines.push(look.cut(&format!("  {keys}"), width, Role::Dim));
    if let Source::Several(several) = &picker.source {
        lines.push(match several.place {
            Place::StatusLine => footer::said(state),
            Place::Title => look.line(format!("  {}", title::of(state).unwrap_or_default()), Role::Dim),
        });
    }
    (lines, cursor)
}

fn label(row: &Row, number: Option<usize>, current_word: &str, width: usize) -> String {
    let number = number.map(|number| format!("{number}. ")).unwrap_or_default();
    let current = if row.current { format!(" ({current_word})") } else { String::new() };
    let room = width.saturating_sub(2).min(LABEL_MAX).saturating_sub(cells::width(&current));
    format!("{number}{}{current}", cells::truncate(&sanitize::label(&row.label), room))
}

fn line(state: &State, row: &Row, label: String, selected: bool, label_width: usize) -> Line<'static> {
    let look = &state.look;
    let (mark, role) = look.picked(selected);
    let style = look.style(role);
    let pad = label_width + 2 - cells::width(&label).min(label_width);
    let room = usize::from(state.columns()).saturating_sub(4 + label_width);
    let detail = sanitize::label(&row.detail);
    Line::from(vec![
        Span::styled(mark, style),
        Span::styled(label, style),
        Span::raw(" ".repeat(pad)),
        look.span(cells::truncate(&detail, room).into_owned(), Role::Dim),
    ])
}

/// Which of how many, and which sessions.
fn about(picker: &Picker, count: usize, selected: usize) -> String {
    let Source::Sessions(list) = &picker.source else {
        return String::new();
    };
    let place = if list.everywhere { "all folders" } else { "this folder" };
    let archived = if list.archived { ", archive" } else { "" };
    let order = match list.by {
        ThreadSortKey::UpdatedAt => "last used first",
        ThreadSortKey::CreatedAt => "last begun first",
    };
    let at = if count == 0 { 0 } else { selected + 1 };
    format!(" · {place}{archived} · {order} · {at}/{count}")
}
