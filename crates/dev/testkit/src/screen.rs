//! A terminal without a window: bytes go in, what somebody would see comes out.
//!
//! It is a whole terminal emulator, scrollback and the wrapping of long rows in a narrower window included, so what a test sees is what
//! people see.

use alacritty_terminal::event::{Event, EventListener};
use alacritty_terminal::grid::Dimensions;
use alacritty_terminal::index::{Column, Line};
use alacritty_terminal::term::cell::Flags;
use alacritty_terminal::term::test::TermSize;
use alacritty_terminal::term::{Config, TermMode};
use alacritty_terminal::vte::ansi::{NamedColor, Processor, Rgb};
use alacritty_terminal::{Term, term};
use std::sync::{Arc, Mutex, PoisonError};

pub struct Screen {
    term: Term<Listener>,
    parser: Processor,
    heard: Arc<Mutex<Heard>>,
}

/// What a terminal was asked to do beside showing text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Heard {
    /// What the terminal answers to questions; goes back to the program.
    pub answers: String,
    pub titles: Vec<String>,
    /// Texts for the clipboard.
    pub copied: Vec<String>,
    pub bells: usize,
}

struct Listener(Arc<Mutex<Heard>>);

impl EventListener for Listener {
    fn send_event(&self, event: Event) {
        let mut heard = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match event {
            Event::PtyWrite(answer) => heard.answers += &answer,
            // A dark window with light text.
            Event::ColorRequest(number, answer) => {
                let level = if number == NamedColor::Background as usize { 0x10 } else { 0xe0 };
                heard.answers += &answer(Rgb {
                    r: level,
                    g: level,
                    b: level,
                });
            }
            Event::Title(title) => heard.titles.push(title),
            Event::ClipboardStore(_, text) => heard.copied.push(text),
            Event::Bell => heard.bells += 1,
            _ => {}
        }
    }
}

impl std::fmt::Debug for Screen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text())
    }
}

impl Screen {
    pub fn new(columns: u16, rows: u16) -> Self {
        let config = Config {
            scrolling_history: 100_000,
            ..Config::default()
        };
        let heard = Arc::default();
        Self {
            term: Term::new(config, &size(columns, rows), Listener(Arc::clone(&heard))),
            parser: Processor::new(),
            heard,
        }
    }

    /// What was asked for since the last call.
    pub fn heard(&mut self) -> Heard {
        std::mem::take(&mut *self.heard.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// What a program writes.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.parser.advance(&mut self.term, bytes);
    }

    /// Somebody drags the window's corner.
    pub fn resize(&mut self, columns: u16, rows: u16) {
        self.term.resize(size(columns, rows));
    }

    /// Columns and rows.
    pub fn size(&self) -> (u16, u16) {
        let number = |number: usize| u16::try_from(number).unwrap_or(u16::MAX);
        (number(self.term.columns()), number(self.term.screen_lines()))
    }

    /// The rows of the window, blanks and empty rows at the end left out.
    pub fn text(&self) -> String {
        let rows: Vec<String> = (0..self.term.screen_lines()).map(|row| self.row(row as i32).0).collect();
        joined(rows)
    }

    /// Everything that can be scrolled to and the window, as lines: rows that one line was wrapped into are one again.
    pub fn lines(&self) -> Vec<String> {
        let mut lines = Vec::new();
        let mut line = String::new();
        let first = -(self.term.history_size() as i32);
        for row in first..self.term.screen_lines() as i32 {
            let (text, wraps) = self.row(row);
            line += &text;
            if !wraps {
                lines.push(std::mem::take(&mut line));
            }
        }
        lines.push(line);
        while lines.last().is_some_and(String::is_empty) {
            lines.pop();
        }
        lines
    }

    /// Row and column, if it can be seen.
    pub fn cursor(&self) -> Option<(usize, usize)> {
        let point = self.term.grid().cursor.point;
        let shown = self.term.mode().contains(TermMode::SHOW_CURSOR);
        shown.then(|| (usize::try_from(point.line.0).unwrap_or_default(), point.column.0))
    }

    /// Whether what is left out of the scrollback is shown.
    pub fn is_alternate(&self) -> bool {
        self.term.mode().contains(TermMode::ALT_SCREEN)
    }

    pub fn bracketed_paste(&self) -> bool {
        self.term.mode().contains(TermMode::BRACKETED_PASTE)
    }

    /// The text of a row, and whether its line goes on in the next one.
    fn row(&self, row: i32) -> (String, bool) {
        let cells = &self.term.grid()[Line(row)];
        let mut text = String::new();
        let columns = self.term.columns();
        for column in 0..columns {
            let cell: &term::cell::Cell = &cells[Column(column)];
            if cell.flags.intersects(Flags::WIDE_CHAR_SPACER | Flags::LEADING_WIDE_CHAR_SPACER) {
                continue;
            }
            text.push(cell.c);
            text.extend(cell.zerowidth().into_iter().flatten());
        }
        let wraps = cells[Column(columns - 1)].flags.contains(Flags::WRAPLINE);
        let text = if wraps { text } else { text.trim_end().to_owned() };
        (text, wraps)
    }
}

fn size(columns: u16, rows: u16) -> TermSize {
    TermSize::new(usize::from(columns), usize::from(rows))
}

fn joined(mut rows: Vec<String>) -> String {
    for row in &mut rows {
        row.truncate(row.trim_end().len());
    }
    while rows.last().is_some_and(String::is_empty) {
        rows.pop();
    }
    rows.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_wrap_in_a_narrower_window_and_are_one_line_all_the_same() {
        let mut screen = Screen::new(10, 3);
        screen.feed(b"one\r\nlong line\r\n\x1b[31mred\x1b[0m");

        screen.resize(5, 3);

        assert_eq!(screen.text(), "long\nline\nred");
        assert_eq!(screen.lines(), ["one", "long line", "red"]);
        assert_eq!(screen.cursor(), Some((2, 3)));
    }
}
