//! Keeps a few live rows below everything that is finished, without ever touching what stands above them.
//!
//! Finished lines are written once, where the live rows stood, and scroll away as any program's output does; the terminal keeps them. All
//! movement is relative to the live rows: where on the screen they are is never asked, and neither is the screen or the scrollback erased.
//! Input: frames and sizes. Output: bytes. Nothing here touches a terminal.
//!
//! The window may change at any moment, also between a look at its size and the arrival of what was made for that size, so how many rows of the
//! screen the live rows take is not known. One thing is: at least one each. Nothing goes up by more than that, whatever the sizes say, so the
//! worst that a change costs is a piece of a live row that is left behind above ([`Inline::follow_resize`]). It holds because
//! - a row that is written takes one row of the screen, in any window (the terminal does not wrap it), and its line ends there,
//! - and no row is passed downwards but by writing it: what looks like the next row may be the rest of this one.

use super::sgr;
use super::{Frame, Position, Size};
use crate::cells::{self, Row};
use ratatui::style::Modifier;
use ratatui::text::Line;
use std::io::Write;

const BEGIN: &[u8] = b"\x1b[?2026h\x1b[?25l";
const END: &[u8] = b"\x1b[?2026l";
/// To the first column. A row that is erased as a whole is also no part of a longer line any more.
const ERASE_ROW: &[u8] = b"\r\x1b[K";
/// In tmux it leaves a copy in the scrollback if the cursor is in the window's upper left corner: only for the last live row.
const ERASE_BELOW: &[u8] = b"\x1b[J";
const WRAP_OFF: &[u8] = b"\x1b[?7l";
const WRAP_ON: &[u8] = b"\x1b[?7h";

/// What stands on the screen from the first live row down.
#[derive(Debug)]
pub struct Inline {
    size: Size,
    /// The live rows as they were written, at a window of `written_at`.
    rows: Vec<Row>,
    written_at: Size,
    /// Where the cursor is, the first live row being row 0. There are at least so many rows of the screen above it that are live.
    at: Position,
}

impl Inline {
    /// Begins in an empty row, whatever the shell left on the last one.
    pub fn start(size: Size, out: &mut Vec<u8>) -> Self {
        // A row's worth of blanks ends on this row if the cursor stood at its start, and on the next one otherwise.
        out.extend(std::iter::repeat_n(b' ', usize::from(size.columns.saturating_sub(1))));
        out.extend_from_slice(ERASE_ROW);
        Self {
            size,
            rows: Vec::new(),
            written_at: size,
            at: Position::default(),
        }
    }

    /// Writes the finished lines above the live rows, and the live rows where they changed.
    ///
    /// Of live rows that do not fit the window the last ones are shown. Without a cursor the real one waits in the first live row: whatever the
    /// window does then, all live rows are below.
    pub fn draw(&mut self, frame: Frame, out: &mut Vec<u8>) {
        let Frame {
            finished,
            mut live,
            cursor,
            ..
        } = frame;
        let room = usize::from(self.size.rows.max(1));
        let hidden = live.len().saturating_sub(room);
        live.drain(..hidden);
        live.iter_mut().for_each(|row| trim_end(&mut row.line));
        let cursor = cursor.and_then(|at| {
            let row = usize::from(at.row).checked_sub(hidden)?.min(live.len().saturating_sub(1));
            Some(Position {
                row: saturated(row),
                column: at.column.min(self.size.columns.saturating_sub(1)),
            })
        });
        out.extend_from_slice(BEGIN);
        self.follow_resize(out);
        if !finished.is_empty() {
            self.clear_rows(out);
            for row in &finished {
                // Whole: should the window just have become narrower, the terminal wraps it.
                sgr::write_row(out, row, usize::MAX);
                out.extend_from_slice(b"\r\n");
            }
        }
        if let Some(first) = self.first_to_write(&live, cursor) {
            self.write_rows(live, first, out);
        }
        self.leave_cursor(cursor, out);
        out.extend_from_slice(END);
    }

    /// Takes the live rows away; the cursor stands where the first one was.
    pub fn clear(&mut self, out: &mut Vec<u8>) {
        out.extend_from_slice(BEGIN);
        self.follow_resize(out);
        self.clear_rows(out);
        out.extend_from_slice(b"\x1b[?25h");
        out.extend_from_slice(END);
    }

    /// The window has another size from now on.
    pub const fn resize(&mut self, size: Size) {
        self.size = size;
    }

    /// Takes away what does not stand as it was written any more. Of rows that have wrapped above the cursor, the first pieces are left behind:
    /// where they are now, finished lines would be if the window had become wider again meanwhile.
    fn follow_resize(&mut self, out: &mut Vec<u8>) {
        if self.size == self.written_at {
            return;
        }
        let left_behind = self.has_wrapped_above();
        self.written_at = self.size;
        self.clear_rows(out);
        if left_behind {
            // What comes next is no part of their line.
            out.push(b'\n');
        }
    }

    /// As far as the sizes say.
    fn has_wrapped_above(&self) -> bool {
        let columns = usize::from(self.size.columns.max(1));
        let written = usize::from(self.written_at.columns);
        let above = self.rows.iter().take(usize::from(self.at.row));
        usize::from(self.at.column) >= columns
            || above
                .map(|row| cells::line_width(&row.line).min(written))
                .any(|width| width > columns)
    }

    /// `None` if all stands there.
    fn first_to_write(&self, live: &[Row], cursor: Option<Position>) -> Option<usize> {
        let same = self.rows.iter().zip(live).take_while(|(old, new)| old == new).count();
        let here = usize::from(self.at.row);
        let stands = same == self.rows.len() && same == live.len();
        if stands && cursor.is_none_or(|at| usize::from(at.row) <= here) {
            return None;
        }
        // The last row is written whenever one below it goes.
        Some(same.min(here).min(live.len().saturating_sub(1)))
    }

    fn write_rows(&mut self, live: Vec<Row>, first: usize, out: &mut Vec<u8>) {
        let columns = usize::from(self.size.columns.max(1));
        self.go_up_to(first, out);
        out.extend_from_slice(WRAP_OFF);
        self.rows.truncate(first);
        let last = live.len().saturating_sub(1);
        for (index, row) in live.into_iter().enumerate().skip(first) {
            if index > first {
                // Only a line feed makes a row at the end of the screen.
                out.extend_from_slice(b"\r\n");
            }
            out.extend_from_slice(ERASE_ROW);
            if index == last {
                out.extend_from_slice(ERASE_BELOW);
            }
            self.at = Position {
                row: saturated(index),
                column: saturated(sgr::write_row(out, &row, columns)),
            };
            self.rows.push(row);
        }
        if self.rows.is_empty() {
            out.extend_from_slice(ERASE_ROW);
            out.extend_from_slice(ERASE_BELOW);
        }
        out.extend_from_slice(WRAP_ON);
    }

    fn clear_rows(&mut self, out: &mut Vec<u8>) {
        self.go_up_to(0, out);
        out.extend_from_slice(ERASE_ROW);
        for _ in 1..self.rows.len() {
            out.push(b'\n');
            out.extend_from_slice(ERASE_ROW);
            self.at.row += 1;
        }
        out.extend_from_slice(ERASE_BELOW);
        self.go_up_to(0, out);
        self.rows.clear();
    }

    /// To the start of a live row that is not below the cursor.
    fn go_up_to(&mut self, row: usize, out: &mut Vec<u8>) {
        out.push(b'\r');
        let up = usize::from(self.at.row).saturating_sub(row);
        if up > 0 {
            // Writing to memory cannot fail.
            let _ = write!(out, "\x1b[{up}A");
        }
        self.at.row -= saturated(up);
        self.at.column = 0;
    }

    fn leave_cursor(&mut self, cursor: Option<Position>, out: &mut Vec<u8>) {
        let Some(cursor) = cursor else {
            return self.go_up_to(0, out);
        };
        self.go_up_to(usize::from(cursor.row), out);
        if cursor.column > 0 {
            let _ = write!(out, "\x1b[{}C", cursor.column);
        }
        self.at.column = cursor.column;
        out.extend_from_slice(b"\x1b[?25h");
    }
}

/// Blanks that cannot be seen go: some terminals wrap them when the window gets narrower, and then something would be left behind.
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
