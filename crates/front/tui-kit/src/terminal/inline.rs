//! Keeps a few live rows below everything that is finished, without ever touching what stands above them.
//!
//! Finished lines are written once, where the live rows stood, and scroll away as any program's output does; the terminal keeps them. All
//! movement is relative to the live rows: where on the screen they are is never asked, and neither is the screen or the scrollback erased.
//! Input: frames and sizes. Output: bytes. Nothing here touches a terminal.

use super::sgr;
use super::{Frame, Position, Size};
use crate::cells::Row;
use ratatui::style::Modifier;
use ratatui::text::Line;
use std::io::Write;

const BEGIN: &[u8] = b"\x1b[?2026h\x1b[?25l";
const END: &[u8] = b"\x1b[?2026l";
const ERASE_TO_END_OF_ROW: &[u8] = b"\x1b[K";

/// What becomes of rows that are longer than a window that got narrower.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Narrowing {
    /// They go on in the next row; nearly every terminal.
    Wraps,
    /// They are cut; xterm, the Linux console.
    Cuts,
}

/// What stands on the screen from the first live row down.
#[derive(Debug)]
pub struct Inline {
    size: Size,
    narrowing: Narrowing,
    /// The live rows as they were written, at a window of `written_at`.
    rows: Vec<Written>,
    written_at: Size,
    /// Where the cursor is, the first live row being row 0.
    at: Position,
}

#[derive(Debug, Clone, PartialEq)]
struct Written {
    /// `None`: not known, so it is written whatever it shall be.
    row: Option<Row>,
    /// Columns it takes.
    width: usize,
    /// Columns of the window then: a full row may have been cut there.
    columns: usize,
}

impl Written {
    fn shows(&self, row: &Row, columns: usize) -> bool {
        self.row.as_ref() == Some(row) && (self.width < self.columns || self.columns == columns)
    }
}

impl Inline {
    /// Begins in an empty row, whatever the shell left on the last one.
    pub fn start(size: Size, narrowing: Narrowing, out: &mut Vec<u8>) -> Self {
        // A row's worth of blanks ends on this row if the cursor stood at its start, and on the next one otherwise.
        out.extend(std::iter::repeat_n(b' ', usize::from(size.columns.saturating_sub(1))));
        out.push(b'\r');
        out.extend_from_slice(ERASE_TO_END_OF_ROW);
        Self {
            size,
            narrowing,
            rows: Vec::new(),
            written_at: size,
            at: Position::default(),
        }
    }

    /// Writes the finished lines above the live rows, and the live rows where they changed.
    ///
    /// Of live rows that do not fit the window the last ones are shown.
    pub fn draw(&mut self, frame: Frame, out: &mut Vec<u8>) {
        let Frame {
            finished,
            mut live,
            cursor,
            ..
        } = frame;
        self.follow_resize();
        let room = usize::from(self.size.rows.max(1));
        let hidden = live.len().saturating_sub(room);
        live.drain(..hidden);
        live.iter_mut().for_each(|row| trim_end(&mut row.line));
        let cursor = cursor.and_then(|at| {
            let row = usize::from(at.row).checked_sub(hidden)?;
            Some(Position {
                row: u16::try_from(row).ok()?,
                column: at.column,
            })
        });
        out.extend_from_slice(BEGIN);
        if !finished.is_empty() {
            self.clear_rows(out);
            for row in &finished {
                // Whole: should the window just have become narrower, the terminal wraps it.
                sgr::write_row(out, row, usize::MAX);
                out.extend_from_slice(b"\r\n");
            }
        }
        self.draw_rows(live, out);
        self.leave_cursor(cursor, out);
        out.extend_from_slice(END);
    }

    /// Takes the live rows away; the cursor stands where the first one was.
    pub fn clear(&mut self, out: &mut Vec<u8>) {
        self.follow_resize();
        out.extend_from_slice(BEGIN);
        self.clear_rows(out);
        out.extend_from_slice(b"\x1b[?25h");
        out.extend_from_slice(END);
    }

    /// The window has another size from now on.
    pub const fn resize(&mut self, size: Size) {
        self.size = size;
    }

    /// For a window that keeps changing: rather live rows are left behind than finished lines lost.
    pub const fn take_nothing_for_wrapped(&mut self) {
        self.written_at.columns = self.size.columns;
    }

    /// What stands on the screen has moved as terminals move it when their window changes.
    ///
    /// Only the last size counts: a terminal that wraps takes that back when the window gets wider again.
    fn follow_resize(&mut self) {
        if self.size == self.written_at {
            return;
        }
        let columns = self.columns();
        if self.size.columns < self.written_at.columns && self.narrowing == Narrowing::Wraps {
            self.wrap(columns);
        }
        // The cursor stays in the window; what is a whole window above it went where nobody can write.
        let gone = usize::from(self.at.row + 1).saturating_sub(usize::from(self.size.rows.max(1)));
        self.rows.drain(..gone.min(self.rows.len()));
        self.at.row -= saturated(gone);
        self.written_at = self.size;
    }

    fn wrap(&mut self, columns: usize) {
        let height = |row: &Written| row.width.div_ceil(columns).max(1);
        let cursor_row = usize::from(self.at.row);
        let before: usize = self.rows.iter().take(cursor_row).map(height).sum();
        let column = usize::from(self.at.column);
        // A cursor behind the last character of a full row stays on that row.
        let inside = self.rows.get(cursor_row).map_or(0, |row| (column / columns).min(height(row) - 1));
        self.at.row = saturated(before + inside);
        let rows: usize = self.rows.iter().map(height).sum();
        let unknown = Written {
            row: None,
            width: columns,
            columns,
        };
        self.rows = vec![unknown; rows];
    }

    fn columns(&self) -> usize {
        usize::from(self.size.columns.max(1))
    }

    fn clear_rows(&mut self, out: &mut Vec<u8>) {
        for row in 0..self.rows.len() {
            self.go_to(row, out);
            out.extend_from_slice(ERASE_TO_END_OF_ROW);
        }
        self.go_to(0, out);
        self.rows.clear();
    }

    fn draw_rows(&mut self, live: Vec<Row>, out: &mut Vec<u8>) {
        let count = live.len();
        for (index, row) in live.into_iter().enumerate() {
            if self.rows.get(index).is_some_and(|written| written.shows(&row, self.columns())) {
                continue;
            }
            self.go_to(index, out);
            let width = sgr::write_row(out, &row, self.columns());
            // At the end of a full row the last character would go.
            if width < self.columns() {
                out.extend_from_slice(ERASE_TO_END_OF_ROW);
            }
            self.at.column = saturated(width);
            let written = Written {
                row: Some(row),
                width,
                columns: self.columns(),
            };
            match self.rows.get_mut(index) {
                Some(old) => *old = written,
                None => self.rows.push(written),
            }
        }
        for index in count..self.rows.len() {
            self.go_to(index, out);
            out.extend_from_slice(ERASE_TO_END_OF_ROW);
        }
        self.rows.truncate(count);
        self.go_to(count.saturating_sub(1), out);
        self.written_at = self.size;
    }

    /// To the start of a live row; the one below the last is made.
    fn go_to(&mut self, row: usize, out: &mut Vec<u8>) {
        let here = usize::from(self.at.row);
        out.push(b'\r');
        // Writing to memory cannot fail.
        if row < here {
            let _ = write!(out, "\x1b[{}A", here - row);
        } else {
            // Only a line feed makes a row at the end of the screen; it also moves over rows that are there.
            out.extend(std::iter::repeat_n(b'\n', row - here));
        }
        self.at = Position {
            row: saturated(row),
            column: 0,
        };
    }

    fn leave_cursor(&mut self, cursor: Option<Position>, out: &mut Vec<u8>) {
        let Some(cursor) = cursor else { return };
        let row = usize::from(cursor.row).min(self.rows.len().saturating_sub(1));
        self.go_to(row, out);
        let column = cursor.column.min(self.size.columns.saturating_sub(1));
        if column > 0 {
            let _ = write!(out, "\x1b[{column}C");
        }
        self.at.column = column;
        out.extend_from_slice(b"\x1b[?25h");
    }
}

/// Blanks that cannot be seen go: some terminals wrap them when the window gets narrower and some do not, so that the rows could not be counted.
fn trim_end(line: &mut Line<'static>) {
    while let Some(last) = line.spans.last_mut() {
        let style = line.style.patch(last.style);
        let is_seen = style.bg.is_some()
            || style
                .add_modifier
                .intersects(Modifier::REVERSED | Modifier::UNDERLINED | Modifier::CROSSED_OUT);
        let kept = last.content.trim_end_matches(' ').len();
        if is_seen || kept == last.content.len() && kept > 0 {
            return;
        }
        last.content.to_mut().truncate(kept);
        if kept > 0 {
            return;
        }
        line.spans.pop();
    }
}

fn saturated(number: usize) -> u16 {
    u16::try_from(number).unwrap_or(u16::MAX)
}
