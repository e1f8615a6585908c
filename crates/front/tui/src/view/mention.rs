//! The files that match an `@` word, below the field.

use crate::mention::Mention;
use crate::state::State;
use codex_protocol::search::{FoundFile, FoundKind};
use codex_tui_kit::theme::Role;
use codex_tui_kit::{cells, sanitize};
use ratatui::text::Line;

const SHOWN_MAX: usize = 7;

pub fn rows(state: &State, height: usize) -> Vec<Line<'static>> {
    let Some(mention) = &state.mention else { return Vec::new() };
    let Mention {
        files, selected, complete, ..
    } = mention;
    if files.is_empty() {
        let words = if *complete { "no file matches" } else { "looking …" };
        return vec![state.look.line(format!("  {words}"), Role::Dim)];
    }
    let room = height.clamp(1, SHOWN_MAX);
    let from = (selected + 1).saturating_sub(room);
    let shown = files.iter().enumerate().skip(from).take(room);
    shown.map(|(index, file)| row(state, file, index == *selected)).collect()
}

/// A path with the letters that match; its end if it does not fit.
fn row(state: &State, file: &FoundFile, selected: bool) -> Line<'static> {
    let look = &state.look;
    let width = usize::from(state.columns()).saturating_sub(3);
    let folder = if file.match_type == FoundKind::Directory { "/" } else { "" };
    let (mark, base) = look.picked(selected);
    let mark = look.span(mark, base);
    let path = format!("{}{folder}", sanitize::label(&file.path));
    let plain = sanitize::label(&file.path) == file.path && cells::width(&path) <= width;
    let Some(indices) = file.indices.as_ref().filter(|_| plain) else {
        return Line::from(vec![mark, look.span(cells::truncate_start(&path, width).into_owned(), base)]);
    };
    let mut spans = vec![mark];
    let mut run = String::new();
    let mut matches = false;
    for (index, c) in path.chars().enumerate() {
        let this = u32::try_from(index).is_ok_and(|index| indices.binary_search(&index).is_ok());
        if this != matches && !run.is_empty() {
            spans.push(look.span(std::mem::take(&mut run), if matches { Role::Match } else { base }));
        }
        matches = this;
        run.push(c);
    }
    spans.push(look.span(run, if matches { Role::Match } else { base }));
    Line::from(spans)
}
