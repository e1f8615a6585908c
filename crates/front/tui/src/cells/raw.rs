//! Text as it was written: no signs, no indents, so that it can be marked and copied.

use codex_tui_kit::cells::Row;
use codex_tui_kit::sanitize;
use codex_tui_kit::wrap::Wrap;
use ratatui::text::Line;

/// Text that comes in pieces. A line is handed out when it is whole.
#[derive(Debug)]
pub struct RawText {
    width: usize,
    /// The line that is not whole yet.
    line: String,
    /// What came before the first letter. Of a text without any nothing is shown.
    blank: Option<String>,
}

impl RawText {
    pub fn new(width: usize) -> Self {
        Self {
            width: width.max(1),
            line: String::new(),
            blank: Some(String::new()),
        }
    }

    pub fn set_width(&mut self, width: usize) {
        self.width = width.max(1);
    }

    /// The rows of the lines that are whole now.
    pub fn push(&mut self, delta: &str) -> Vec<Row> {
        if let Some(mut blank) = self.blank.take() {
            blank.push_str(delta);
            if blank.trim().is_empty() {
                self.blank = Some(blank);
                return Vec::new();
            }
            return self.lines(&blank);
        }
        self.lines(delta)
    }

    fn lines(&mut self, delta: &str) -> Vec<Row> {
        let mut rows = Vec::new();
        for piece in delta.split_inclusive('\n') {
            self.line.push_str(piece.strip_suffix('\n').unwrap_or(piece));
            if piece.ends_with('\n') {
                rows.extend(self.rows(&self.line));
                self.line.clear();
            }
        }
        rows
    }

    /// The line that is not whole, as it looks now.
    pub fn rest(&self) -> Vec<Row> {
        if self.line.is_empty() { Vec::new() } else { self.rows(&self.line) }
    }

    pub fn finish(&mut self) -> Vec<Row> {
        let rest = self.rest();
        self.line.clear();
        rest
    }

    fn rows(&self, line: &str) -> Vec<Row> {
        let clean = sanitize::prose(line);
        let rows = Wrap::to(self.width).lines(&[Line::raw(clean)]);
        let row = |(at, line)| Row {
            line,
            links: Vec::new(),
            continues: at > 0,
        };
        rows.into_iter().enumerate().map(row).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blank_lines_stand_before_the_first_letter_and_not_alone() {
        let mut text = RawText::new(20);
        assert_eq!(text.push("\n \r\n"), []);
        assert_eq!((text.rest(), text.finish()), (vec![], vec![]));

        let mut text = RawText::new(20);
        text.push("\n");
        let rows: Vec<String> = text.push("a\n").iter().map(|row| row.line.to_string()).collect();
        assert_eq!(rows, ["", "a"]);
    }
}
