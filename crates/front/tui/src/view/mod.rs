//! The live rows: what is under way, what is waited for, the field, and a line about where we are. A function of the state.

mod composer;
mod footer;
mod mention;
mod picker;
mod popup;
pub mod reader;
mod shortcuts;
mod skills;
pub mod working;

use crate::state::{Now, State};
use codex_tui_kit::cells::Row;
use codex_tui_kit::terminal::{Frame, Position, Surface};
use codex_tui_kit::theme::Role;
use ratatui::text::Line;

/// What is to be seen: the live rows below what is finished, or the whole window.
pub fn frame(state: &State, now: Now) -> Frame {
    if let Some(pager) = &state.pager {
        return Frame {
            surface: Surface::Fullscreen,
            live: pager.rows(state.size, &state.look).into_iter().map(Row::from).collect(),
            ..Frame::default()
        };
    }
    let below = below(state, now);
    match state.surface {
        Surface::Inline => inline(state, now, below),
        Surface::Fullscreen => fullscreen(state, now, below),
        Surface::Linear => reader::frame(state),
    }
}

/// The rows from the one that says what goes on to the last, and where the cursor stands in them.
struct Below {
    rows: Vec<Line<'static>>,
    cursor: Option<(usize, usize)>,
}

impl Below {
    /// The rows without those that find no room.
    fn shown(self, hidden: usize) -> impl Iterator<Item = Row> {
        self.rows.into_iter().skip(hidden).map(Row::from)
    }
}

fn below(state: &State, now: Now) -> Below {
    let height = height(state);
    let mut rows = Vec::new();
    if let Some(asked) = &state.ask_trust {
        rows.push(Line::default());
        rows.extend(asked.dialog.rows(state.size.columns, height - 1, 0, (&state.look, &state.keymap)));
        return Below { rows, cursor: None };
    }
    if let Some(question) = state.questions.front() {
        rows.push(Line::default());
        let waiting = state.questions.len() - 1;
        rows.extend(
            question
                .dialog
                .rows(state.size.columns, height - 1, waiting, (&state.look, &state.keymap)),
        );
        let typed = question
            .asking
            .as_ref()
            .and_then(|asking| asking.rows(state.size.columns, &state.look));
        let cursor = typed.map(|(typed, column)| {
            let row = rows.len();
            rows.extend(typed);
            (row, column)
        });
        return Below { rows, cursor };
    }
    let (field, at) = composer::rows(state, height);
    rows = working::rows(state, now);
    if height > 6 {
        rows.push(Line::default());
    }
    if let Some(list) = &state.picker {
        let (list, at) = picker::rows(state, list, height.saturating_sub(rows.len()));
        let cursor = Some((rows.len() + at.0, at.1));
        rows.extend(list);
        return Below { rows, cursor };
    }
    let popup = popup::rows(state, height.saturating_sub(rows.len() + field.len() + 1));
    rows.extend(popup);
    let cursor = Some((rows.len() + at.0, at.1));
    rows.extend(field);
    let files = mention::rows(state, height.saturating_sub(rows.len() + 1));
    rows.extend(files);
    let asked_for = skills::rows(state, height.saturating_sub(rows.len() + 1));
    rows.extend(asked_for);
    let shortcuts = shortcuts::rows(state, height.saturating_sub(rows.len() + 1));
    rows.extend(shortcuts);
    rows.push(footer::row(state, now));
    Below { rows, cursor }
}

/// Rows that may be live. They never fill the whole window.
fn height(state: &State) -> usize {
    usize::from(state.size.rows.max(3)) - 1
}

/// What is under way, without what is asked about.
fn under_way(state: &State, now: Now) -> Vec<Row> {
    let asked: Vec<&str> = state.questions.iter().map(|question| question.item_id.as_str()).collect();
    state.transcript.live(state.size.columns, &state.look, now.monotonic, &asked)
}

fn inline(state: &State, now: Now, below: Below) -> Frame {
    let height = height(state);
    let above = under_way(state, now);
    // In a window too small for everything, what is farther from the field goes first.
    let hidden_below = below.rows.len().saturating_sub(height);
    let room = height.saturating_sub(below.rows.len());
    let hidden_above = above.len().saturating_sub(room);
    Frame {
        cursor: position(below.cursor, above.len() - hidden_above, hidden_below),
        live: above.into_iter().skip(hidden_above).chain(below.shown(hidden_below)).collect(),
        ..Frame::default()
    }
}

fn position(cursor: Option<(usize, usize)>, above: usize, hidden: usize) -> Option<Position> {
    let (row, column) = cursor?;
    Some(Position {
        row: u16::try_from((above + row).saturating_sub(hidden)).unwrap_or(u16::MAX),
        column: u16::try_from(column).unwrap_or(u16::MAX),
    })
}

/// Which part of the transcript is on the whole window.
pub struct Shown {
    /// Rows that there are for it.
    pub room: usize,
    /// The first row that is shown, and the one that is when the end is.
    pub top: usize,
    pub last_top: usize,
}

/// `None` where the terminal scrolls.
pub fn shown_of_transcript(state: &State, now: Now) -> Option<Shown> {
    (state.surface == Surface::Fullscreen).then(|| shown(state, under_way(state, now).len(), below(state, now).rows.len()))
}

fn shown(state: &State, under_way: usize, below: usize) -> Shown {
    let room = usize::from(state.size.rows).saturating_sub(below);
    let last_top = (state.transcript.rows().len() + under_way).saturating_sub(room);
    let top = state.scrolled.map_or(last_top, |top| top.min(last_top));
    Shown { room, top, last_top }
}

fn fullscreen(state: &State, now: Now, below: Below) -> Frame {
    let under_way = under_way(state, now);
    let Shown { room, top, last_top } = shown(state, under_way.len(), below.rows.len());
    let finished = state.transcript.rows();
    let from_finished = finished.iter().skip(top).take(room).cloned();
    let rest = room.saturating_sub(finished.len().saturating_sub(top));
    let skipped = top.saturating_sub(finished.len());
    let mut rows: Vec<Row> = from_finished.chain(under_way.into_iter().skip(skipped).take(rest)).collect();
    // A short conversation stands at the top of the window, its field below it.
    if top < last_top
        && let Some(last) = rows.last_mut()
    {
        let more = last_top - top;
        *last = state
            .look
            .line(format!("  … {more} more rows: page down, ctrl-end"), Role::Accent)
            .into();
    }
    let hidden = below.rows.len().saturating_sub(usize::from(state.size.rows));
    Frame {
        surface: Surface::Fullscreen,
        cursor: position(below.cursor, rows.len(), hidden),
        live: rows.into_iter().chain(below.shown(hidden)).collect(),
        ..Frame::default()
    }
}
