//! Something long, on the whole window: scrolled by the usual keys, left with q, Esc or Ctrl-C.

use crate::look::Look;
use codex_tui_kit::cells;
use codex_tui_kit::keys::{Code, Key};
use codex_tui_kit::terminal::Size;
use codex_tui_kit::theme::Role;
use ratatui::text::Line;

#[derive(Debug)]
pub struct Pager {
    title: String,
    lines: Vec<Line<'static>>,
    /// The first line that is shown.
    top: usize,
}

/// Whether it stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pressed {
    Stays,
    Closed,
}

impl Pager {
    /// Lines that are longer than the window is wide are cut.
    pub fn new(title: impl Into<String>, lines: Vec<Line<'static>>) -> Self {
        Self {
            title: title.into(),
            lines,
            top: 0,
        }
    }

    pub fn press(&mut self, key: Key, size: Size) -> Pressed {
        let page = page(size);
        let last = self.lines.len().saturating_sub(page);
        let top = self.top.min(last);
        let letter = key.typed();
        self.top = match (key.code, letter) {
            _ if key == Key::ctrl('c') => return Pressed::Closed,
            (Code::Esc, _) | (_, Some('q')) => return Pressed::Closed,
            (Code::Up, _) | (_, Some('k')) => top.saturating_sub(1),
            (Code::Down, _) | (_, Some('j')) => top + 1,
            (Code::PageUp, _) => top.saturating_sub(page),
            (Code::PageDown, _) | (_, Some(' ')) => top + page,
            (Code::Home, _) | (_, Some('g')) => 0,
            (Code::End, _) | (_, Some('G')) => last,
            _ if key == Key::ctrl('b') => top.saturating_sub(page),
            _ if key == Key::ctrl('f') => top + page,
            _ if key == Key::ctrl('u') => top.saturating_sub(page / 2),
            _ if key == Key::ctrl('d') => top + page / 2,
            _ => top,
        }
        .min(last);
        Pressed::Stays
    }

    /// The whole window.
    pub fn rows(&self, size: Size, look: &Look) -> Vec<Line<'static>> {
        let columns = usize::from(size.columns);
        let page = page(size);
        let last = self.lines.len().saturating_sub(page);
        let top = self.top.min(last);
        let title = cells::truncate(&self.title, columns).into_owned();
        let mut rows = vec![Line::from(look.span(title, Role::Strong))];
        let shown = self.lines.iter().skip(top).take(page);
        rows.extend(shown.map(|line| cells::truncate_line(line, columns)));
        rows.resize(page + 1, Line::default());
        let end = (top + page).min(self.lines.len());
        let place = format!(
            "{}-{end} of {} · arrows, page up and down, home, end · q closes",
            top + 1,
            self.lines.len()
        );
        rows.push(Line::from(look.span(cells::truncate(&place, columns).into_owned(), Role::Dim)));
        rows
    }
}

/// Rows between title and footer.
fn page(size: Size) -> usize {
    usize::from(size.rows).saturating_sub(2).max(1)
}
