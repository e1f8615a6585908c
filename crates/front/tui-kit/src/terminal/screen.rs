//! Paints the whole window on the alternate screen, row by row where it changed.

use super::sgr;
use super::{Frame, Size};
use crate::cells::Row;
use std::io::Write;

/// What stands on the alternate screen.
#[derive(Debug)]
pub struct Screen {
    size: Size,
    rows: Vec<Option<Row>>,
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

    /// Paints every row again.
    pub fn resize(&mut self, size: Size) {
        self.size = size;
        self.rows.clear();
    }

    pub fn draw(&mut self, frame: Frame, out: &mut Vec<u8>) {
        let columns = usize::from(self.size.columns.max(1));
        let height = usize::from(self.size.rows.max(1));
        out.extend_from_slice(b"\x1b[?2026h\x1b[?25l");
        self.rows.resize(height, None);
        let mut rows = frame.live.into_iter();
        for (index, old) in self.rows.iter_mut().enumerate() {
            let row = rows.next().unwrap_or_default();
            if old.as_ref() == Some(&row) {
                continue;
            }
            // Writing to memory cannot fail.
            let _ = write!(out, "\x1b[{};1H", index + 1);
            if sgr::write_row(out, &row, columns) < columns {
                out.extend_from_slice(b"\x1b[K");
            }
            *old = Some(row);
        }
        if let Some(cursor) = frame.cursor {
            let row = usize::from(cursor.row).min(height - 1);
            let column = usize::from(cursor.column).min(columns - 1);
            let _ = write!(out, "\x1b[{};{}H\x1b[?25h", row + 1, column + 1);
        }
        out.extend_from_slice(b"\x1b[?2026l");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cells::Link;
    use ratatui::text::Line;

    #[test]
    fn a_link_ends_where_its_row_is_cut() {
        let row = Row {
            line: Line::from("see example"),
            links: vec![Link {
                columns: 4..11,
                address: "https://example.org".into(),
            }],
            continues: false,
        };
        let mut out = Vec::new();
        let mut screen = Screen::start(Size { columns: 7, rows: 1 }, &mut out);
        out.clear();
        screen.draw(
            Frame {
                live: vec![row],
                ..Frame::default()
            },
            &mut out,
        );

        let written = String::from_utf8(out).unwrap().replace('\x1b', "\u{241b}");
        assert!(
            written.contains("see \u{241b}]8;;https://example.org\u{241b}\\exa\u{241b}]8;;\u{241b}\\"),
            "{written}"
        );
    }
}
