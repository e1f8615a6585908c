//! Something long, on the whole window: scrolled and searched, left with q, Esc or Ctrl-C.

use crate::keymap::{Action, Context, Keymap, Lookup};
use crate::look::Look;
use codex_tui_kit::cells;
use codex_tui_kit::keys::{Code, Key};
use codex_tui_kit::pager::Pager as Reader;
use codex_tui_kit::terminal::Size;
use codex_tui_kit::theme::Role;
use ratatui::text::Line;

#[derive(Debug)]
pub struct Pager {
    title: String,
    reader: Reader,
    /// What is being typed to search for.
    query: Option<String>,
}

/// Whether it stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pressed {
    Stays,
    Closed,
}

impl Pager {
    /// Lines that are longer than the window is wide are cut.
    pub fn new(title: impl Into<String>, lines: Vec<Line<'static>>, size: Size) -> Self {
        Self {
            title: title.into(),
            reader: Reader::new(lines, page(size)),
            query: None,
        }
    }

    /// What is to be found is typed first.
    #[must_use]
    pub fn searching(self) -> Self {
        Self {
            query: Some(String::new()),
            ..self
        }
    }

    /// All of it, where nothing stands still to be scrolled.
    pub fn into_lines(self, look: &Look) -> Vec<Line<'static>> {
        let title = look.line(self.title, Role::Strong);
        std::iter::once(title).chain(self.reader.into_rows()).collect()
    }

    pub fn press(&mut self, key: Key, keymap: &mut Keymap) -> Pressed {
        if let Some(query) = &mut self.query {
            match (key.code, key.typed()) {
                _ if key == Key::ctrl('c') => self.query = None,
                (Code::Escape, _) => self.query = None,
                (Code::Enter, _) => {
                    let query = std::mem::take(query);
                    self.query = None;
                    self.reader.search(&query);
                }
                (Code::Backspace, _) => {
                    query.pop();
                }
                (_, Some(c)) => query.push(c),
                _ => {}
            }
            return Pressed::Stays;
        }
        if key == Key::ctrl('c') {
            return Pressed::Closed;
        }
        match keymap.press(&[Context::Pager], key) {
            Lookup::Action(Action::Close) => return Pressed::Closed,
            Lookup::Action(Action::StartSearch) => self.query = Some(String::new()),
            Lookup::Action(Action::Find(find)) => self.reader.find(find),
            Lookup::Action(Action::Scroll(scroll)) => self.reader.apply(scroll),
            Lookup::Action(_) | Lookup::Prefix | Lookup::Nothing => {}
        }
        Pressed::Stays
    }

    /// The whole window.
    pub fn rows(&self, size: Size, look: &Look) -> Vec<Line<'static>> {
        let columns = usize::from(size.columns);
        let title = cells::truncate(&self.title, columns).into_owned();
        let mut rows = vec![look.line(title, Role::Strong)];
        let page = page(size);
        let shown = self.reader.view(&look.theme);
        rows.extend(shown.iter().take(page).map(|line| cells::truncate_line(line, columns)));
        rows.resize(page + 1, Line::default());
        let footer = match &self.query {
            Some(query) => format!("search: {query}"),
            None => format!("{} · / searches, n and N go on · q closes", self.reader.place()),
        };
        rows.push(look.cut(&footer, columns, Role::Dim));
        rows
    }
}

/// Rows between title and footer.
fn page(size: Size) -> usize {
    usize::from(size.rows).saturating_sub(2).max(1)
}
