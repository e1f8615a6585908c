//! Lines one below the other, and the one that is typed: for somebody who hears the terminal instead of seeing it.
//!
//! What was written is never written again, and the cursor moves within the last line alone. Of a frame's live rows only the last one is
//! shown. Input: frames. Output: bytes.

use super::{Frame, sgr};
use crate::cells;
use std::io::Write;
use unicode_segmentation::UnicodeSegmentation;

const ERASE_TO_END_OF_ROW: &[u8] = b"\x1b[K";

/// What stands on the last line.
#[derive(Debug, Default)]
pub struct Linear {
    text: String,
    /// Of the cursor.
    column: usize,
}

impl Linear {
    pub fn draw(&mut self, frame: Frame, out: &mut Vec<u8>) {
        if !frame.finished.is_empty() {
            self.clear(out);
            for row in &frame.finished {
                sgr::write_row(out, row, usize::MAX);
                out.extend_from_slice(b"\r\n");
            }
        }
        let text = frame.live.last().map(|row| row.line.to_string()).unwrap_or_default();
        let text: String = text.chars().filter(|c| !c.is_control()).collect();
        let column = frame.cursor.map_or_else(|| cells::width(&text), |at| usize::from(at.column));
        self.write(text, column, out);
    }

    /// Takes the line away.
    pub fn clear(&mut self, out: &mut Vec<u8>) {
        if !self.text.is_empty() {
            out.push(b'\r');
            out.extend_from_slice(ERASE_TO_END_OF_ROW);
            *self = Self::default();
        }
    }

    /// A letter more or less at the end is just that, so that a reader says the letter and not the line.
    fn write(&mut self, text: String, column: usize, out: &mut Vec<u8>) {
        let width = cells::width(&text);
        let at_end = self.column == cells::width(&self.text);
        if text != self.text {
            match (text.strip_prefix(&self.text), self.text.strip_prefix(&text)) {
                (Some(more), _) if at_end => out.extend_from_slice(more.as_bytes()),
                (_, Some(gone)) if at_end && gone.graphemes(true).count() == 1 => {
                    out.extend_from_slice(&b"\x08 \x08".repeat(cells::width(gone)));
                }
                _ => {
                    out.push(b'\r');
                    out.extend_from_slice(text.as_bytes());
                    out.extend_from_slice(ERASE_TO_END_OF_ROW);
                }
            }
            self.column = width;
        }
        // Writing to memory cannot fail.
        let _ = match self.column.cmp(&column) {
            std::cmp::Ordering::Less => write!(out, "\x1b[{}C", column - self.column),
            std::cmp::Ordering::Equal => Ok(()),
            std::cmp::Ordering::Greater => write!(out, "\x1b[{}D", self.column - column),
        };
        (self.text, self.column) = (text, column);
    }
}

#[cfg(test)]
mod tests {
    use super::super::Position;
    use super::*;
    use ratatui::text::Line;

    fn frame(finished: &[&'static str], typed: &'static str, column: u16) -> Frame {
        Frame {
            finished: finished.iter().map(|&line| Line::from(line).into()).collect(),
            live: vec![Line::from("not shown").into(), Line::from(typed).into()],
            cursor: Some(Position { row: 1, column }),
            ..Frame::default()
        }
    }

    #[test]
    fn the_cursor_stays_on_the_line_that_is_typed_and_letters_are_written_once() {
        let mut linear = Linear::default();
        let mut written = |frame: Frame| {
            let mut out = Vec::new();
            linear.draw(frame, &mut out);
            String::from_utf8(out).unwrap().replace('\x1b', "\u{241b}")
        };

        assert_eq!(written(frame(&["one", "two"], "> ", 2)), "one\r\ntwo\r\n> ");
        assert_eq!(written(frame(&[], "> a", 3)), "a");
        assert_eq!(written(frame(&[], "> a", 3)), "");
        assert_eq!(written(frame(&[], "> a\u{6f22}", 5)), "\u{6f22}");
        assert_eq!(written(frame(&[], "> a", 3)), "\x08 \x08\x08 \x08");
        assert_eq!(written(frame(&[], "> a", 2)), "\u{241b}[1D");
        assert_eq!(written(frame(&[], "> ba", 3)), "\r> ba\u{241b}[K\u{241b}[1D");
        assert_eq!(written(frame(&["three"], "> ba", 3)), "\r\u{241b}[Kthree\r\n> ba\u{241b}[1D");
    }
}
