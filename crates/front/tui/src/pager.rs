//! Something long, on the whole window: scrolled and searched, left with q, Esc or Ctrl-C.

use crate::look::Look;
use codex_tui_kit::cells;
use codex_tui_kit::keys::{Code, Key};
use codex_tui_kit::pager::{Find, Pager as Reader, Scroll};
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

    pub fn press(&mut self, key: Key) -> Pressed {
        if let Some(query) = &mut self.query {
            match (key.code, key.typed()) {
                _ if key == Key::ctrl('c') => self.query = None,
                (Code::Esc, _) => self.query = None,
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
        let scroll = match (key.code, key.typed()) {
            _ if key == Key::ctrl('c') => return Pressed::Closed,
            (Code::Esc, _) | (_, Some('q')) => return Pressed::Closed,
            (Code::F(3), _) | (_, Some('/')) => {
                self.query = Some(String::new());
                return Pressed::Stays;
            }
            (_, Some('n')) => return self.find(Find::Next),
            (_, Some('N')) => return self.find(Find::Previous),
            (Code::Up, _) | (_, Some('k')) => Scroll::Up,
            (Code::Down, _) | (_, Some('j')) => Scroll::Down,
            (Code::PageUp, _) => Scroll::PageUp,
            (Code::PageDown, _) | (_, Some(' ')) => Scroll::PageDown,
            (Code::Home, _) | (_, Some('g')) => Scroll::Top,
            (Code::End, _) | (_, Some('G')) => Scroll::Bottom,
            _ if key == Key::ctrl('b') => Scroll::PageUp,
            _ if key == Key::ctrl('f') => Scroll::PageDown,
            _ if key == Key::ctrl('u') => Scroll::HalfPageUp,
            _ if key == Key::ctrl('d') => Scroll::HalfPageDown,
            _ => return Pressed::Stays,
        };
        self.reader.apply(scroll);
        Pressed::Stays
    }

    fn find(&mut self, find: Find) -> Pressed {
        self.reader.find(find);
        Pressed::Stays
    }

    /// The whole window.
    pub fn rows(&self, size: Size, look: &Look) -> Vec<Line<'static>> {
        let columns = usize::from(size.columns);
        let title = cells::truncate(&self.title, columns).into_owned();
        let mut rows = vec![Line::from(look.span(title, Role::Strong))];
        let page = page(size);
        let shown = self.reader.view(&look.theme);
        rows.extend(shown.iter().take(page).map(|line| cells::truncate_line(line, columns)));
        rows.resize(page + 1, Line::default());
        let footer = match &self.query {
            Some(query) => format!("search: {query}"),
            None => format!("{} · / searches, n and N go on · q closes", self.reader.place()),
        };
        rows.push(Line::from(look.span(cells::truncate(&footer, columns).into_owned(), Role::Dim)));
        rows
    }
}

/// Rows between title and footer.
fn page(size: Size) -> usize {
    usize::from(size.rows).saturating_sub(2).max(1)
}
