//! Paints the whole window on the alternate screen, row by row where it changed.

use super::sgr;
use super::{Frame, Size};
use ratatui::text::Line;
use std::io::Write;

/// What stands on the alternate screen.
#[derive(Debug)]
pub struct Screen {
    size: Size,
    rows: Vec<Option<Line<'static>>>,
}

impl Screen {
    pub fn start(size: Size, out: &mut Vec<u8>) -> Self {
        out.extend_from_slice(b"\x1b[?1049h\x1b[H\x1b[2J");
        Self { size, rows: Vec::new() }
    }

    /// Back to what stood there before.
    pub fn end(out: &mut Vec<u8>) {
        out.extend_from_slice(b"\x1b[?1049l");
    }

    pub fn resize(&mut self, size: Size) {
        self.size = size;
        self.forget();
    }

    /// Paints every row again.
    pub fn forget(&mut self) {
        self.rows.clear();
    }

    pub fn draw(&mut self, frame: Frame, out: &mut Vec<u8>) {
        let columns = usize::from(self.size.columns.max(1));
        let height = usize::from(self.size.rows.max(1));
        out.extend_from_slice(b"\x1b[?2026h\x1b[?25l");
        self.rows.resize(height, None);
        let mut lines = frame.live.into_iter();
        for (index, old) in self.rows.iter_mut().enumerate() {
            let line = lines.next().unwrap_or_default();
            if old.as_ref() == Some(&line) {
                continue;
            }
            // Writing to memory cannot fail.
            let _ = write!(out, "\x1b[{};1H", index + 1);
            if sgr::write_line(out, &line, columns) < columns {
                out.extend_from_slice(b"\x1b[K");
            }
            *old = Some(line);
        }
        if let Some(cursor) = frame.cursor {
            let row = usize::from(cursor.row).min(height - 1);
            let column = usize::from(cursor.column).min(columns - 1);
            let _ = write!(out, "\x1b[{};{}H\x1b[?25h", row + 1, column + 1);
        }
        out.extend_from_slice(b"\x1b[?2026l");
    }
}
