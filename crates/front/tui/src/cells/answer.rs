//! An answer of the model, whole or while it comes.

use crate::look::{self, Look};
use ratatui::style::Style;
use ratatui::text::{Line, Span};

/// An answer that is still coming. Lines that cannot change any more are handed out once.
#[derive(Debug, Default)]
pub struct Answer {
    text: String,
    /// Bytes whose lines were handed out.
    committed: usize,
}

impl Answer {
    /// The rows of a whole answer.
    pub fn whole(text: &str, width: u16, look: &Look) -> Vec<Line<'static>> {
        let mut answer = Self::default();
        answer.push(text);
        answer.rest(width, look)
    }

    pub fn push(&mut self, delta: &str) {
        self.text += delta;
    }

    pub fn text(&self) -> &str {
        &self.text
    }

    /// Takes the lines that are complete and were not taken before.
    pub fn commit(&mut self, width: u16, look: &Look) -> Vec<Line<'static>> {
        let Some(end) = self
            .text
            .rfind('\n')
            .map(|line_feed| line_feed + 1)
            .filter(|end| *end > self.committed)
        else {
            return Vec::new();
        };
        let lines = self.lines(self.committed..end - 1, width, look);
        self.committed = end;
        lines
    }

    /// What was not taken yet, as it looks now.
    pub fn rest(&self, width: u16, look: &Look) -> Vec<Line<'static>> {
        let end = self.text.trim_end().len();
        if self.committed >= end {
            return Vec::new();
        }
        self.lines(self.committed..end, width, look)
    }

    fn lines(&self, range: std::ops::Range<usize>, width: u16, look: &Look) -> Vec<Line<'static>> {
        let first = if range.start == 0 {
            Span::styled("• ", look.dim)
        } else {
            Span::raw("  ")
        };
        look::wrapped(&self.text[range], first, "  ", Style::new(), usize::from(width))
    }
}
