//! An answer of the model, whole or while it comes.

use super::Cell;
use super::raw::RawText;
use crate::look::Look;
use codex_tui_kit::cells::Row;
use codex_tui_kit::markdown::MarkdownStream;
use codex_tui_kit::theme::Role;
use ratatui::text::{Line, Span};
use std::sync::Arc;

/// Stands before the text.
const INDENT: &str = "  ";

/// Of a whole text, so much is read at once.
const BYTES_PER_STEP: usize = 16 * 1024;

/// What stands above a plan.
const PLAN: &str = "Proposed plan";

/// How the text becomes rows.
#[derive(Debug)]
enum Stream {
    Markdown(Box<MarkdownStream>),
    Raw(RawText),
}

/// An answer that is still coming. Rows that cannot change any more are handed out once.
#[derive(Debug)]
pub struct Answer {
    stream: Stream,
    /// It is a plan, which has a heading and a line at its side.
    is_plan: bool,
    /// Final, not handed out yet.
    ready: Vec<Row>,
    /// The first row was handed out.
    began: bool,
    /// Bytes that have come.
    bytes: usize,
    /// All that there is to come, once that is known.
    whole: Option<Arc<str>>,
}

impl Answer {
    pub fn new(width: u16, look: &Look) -> Self {
        Self::of(width, look, false)
    }

    pub fn plan(width: u16, look: &Look) -> Self {
        Self::of(width, look, true)
    }

    fn of(width: u16, look: &Look, is_plan: bool) -> Self {
        Self {
            is_plan,
            stream: if look.raw {
                Stream::Raw(RawText::new(usize::from(width)))
            } else {
                Stream::Markdown(Box::new(MarkdownStream::new(text_width(width, is_plan), Arc::clone(&look.theme))))
            },
            ready: Vec::new(),
            began: false,
            bytes: 0,
            whole: None,
        }
    }

    /// The rows of a whole answer.
    pub fn whole(mut self, text: &str, look: &Look) -> Vec<Row> {
        self.push(text);
        self.end(look)
    }

    pub fn push(&mut self, delta: &str) {
        self.bytes += delta.len();
        self.ready.extend(match &mut self.stream {
            Stream::Markdown(stream) => stream.push(delta),
            Stream::Raw(text) => text.push(delta),
        });
    }

    /// Rows that are not final yet are for a window of this width.
    pub fn set_width(&mut self, width: u16) {
        match &mut self.stream {
            Stream::Markdown(stream) => stream.set_width(text_width(width, self.is_plan)),
            Stream::Raw(text) => text.set_width(usize::from(width)),
        }
    }

    /// Takes the rows that are final and were not taken before.
    pub fn commit(&mut self, look: &Look) -> Vec<Row> {
        let rows = std::mem::take(&mut self.ready);
        let first = !self.began && !rows.is_empty();
        self.began |= first;
        self.dressed(rows, first, look)
    }

    /// What was not taken yet, as it looks now.
    pub fn rest(&self, look: &Look) -> Vec<Row> {
        let preview = match &self.stream {
            Stream::Markdown(stream) => stream.preview(),
            Stream::Raw(text) => text.rest(),
        };
        let rows = self.ready.iter().cloned().chain(preview).collect();
        self.dressed(rows, !self.began, look)
    }

    /// Takes all that is left.
    pub fn end(&mut self, look: &Look) -> Vec<Row> {
        let last = match &mut self.stream {
            Stream::Markdown(stream) => stream.finish(),
            Stream::Raw(text) => text.finish(),
        };
        self.ready.extend(last);
        self.commit(look)
    }

    fn dressed(&self, rows: Vec<Row>, first: bool, look: &Look) -> Vec<Row> {
        let heading = (self.is_plan && first && !rows.is_empty()).then(|| {
            let sign = look.sign(look.glyphs().answer, Role::Accent);
            Row::from(Line::from(vec![sign, look.span(PLAN, Role::Strong)]))
        });
        let rows = match self.stream {
            Stream::Markdown(_) if self.is_plan => beside(rows, look),
            Stream::Markdown(_) => indented(rows, first, look),
            Stream::Raw(_) => rows,
        };
        heading.into_iter().chain(rows).collect()
    }

    /// The text is this, and no more pieces come. What it has beyond those that came is read by and by.
    pub fn complete(&mut self, whole: Arc<str>) {
        self.whole = Some(whole);
    }

    pub const fn is_complete(&self) -> bool {
        self.whole.is_some()
    }

    /// Reads some of what is missing; says how many bytes.
    pub fn read_on(&mut self) -> usize {
        let Some(whole) = self.whole.clone() else { return 0 };
        let missing = whole.get(self.bytes..).unwrap_or_default();
        let some = &missing[..missing.floor_char_boundary(BYTES_PER_STEP)];
        self.push(some);
        some.len()
    }

    /// The whole text, once all of it was read.
    pub fn is_read(&self) -> Option<Arc<str>> {
        self.whole
            .clone()
            .filter(|whole| whole.get(self.bytes..).unwrap_or_default().is_empty())
    }

    /// What it is when it is whole.
    pub const fn cell(&self, text: Arc<str>) -> Cell {
        if self.is_plan { Cell::Plan(text) } else { Cell::Answer(text) }
    }

    /// Some rows have left.
    pub const fn began(&self) -> bool {
        self.began
    }
}

fn text_width(width: u16, is_plan: bool) -> usize {
    let indent = if is_plan { 2 * INDENT.len() } else { INDENT.len() };
    usize::from(width).saturating_sub(indent).max(1)
}

fn indented(mut rows: Vec<Row>, first: bool, look: &Look) -> Vec<Row> {
    for (index, row) in rows.iter_mut().enumerate() {
        let before = if first && index == 0 {
            look.sign(look.glyphs().answer, Role::Dim)
        } else if row.line.spans.is_empty() {
            continue;
        } else {
            Span::raw(INDENT)
        };
        put_before(row, vec![before], look);
    }
    rows
}

/// A line at the side of each row, where lines are drawn at all.
fn beside(mut rows: Vec<Row>, look: &Look) -> Vec<Row> {
    let side = look.glyphs().table.map_or(" ", |table| table.vertical);
    for row in &mut rows {
        put_before(row, vec![Span::raw("  "), look.sign(side, Role::Accent)], look);
    }
    rows
}

fn put_before(row: &mut Row, before: Vec<Span<'static>>, look: &Look) {
    if !look.links {
        row.links.clear();
    }
    row.put_before(before);
}

#[cfg(test)]
mod tests {
    use super::*;
    use codex_tui_kit::theme::Theme;

    #[test]
    fn links_stand_where_their_text_does_if_the_terminal_takes_them() {
        let text = "- see [the guide](https://example.org/a) and <https://example.org/b>, not [this](javascript:x)";
        let links = |links: bool| {
            let mut look = Look::new(Theme::plain(), None, "Etc/UTC");
            look.links = links;
            let mut found = Vec::new();
            for row in Answer::new(60, &look).whole(text, &look) {
                let line = row.line.to_string();
                // Each of these characters takes one column.
                let at = |columns: &std::ops::Range<usize>| line.chars().skip(columns.start).take(columns.len()).collect::<String>();
                found.extend(row.links.iter().map(|link| format!("{} -> {}", at(&link.columns), link.address)));
            }
            found
        };

        assert_eq!(links(false), [""; 0]);
        insta::assert_snapshot!(links(true).join("\n"), @r"
        the guide -> https://example.org/a
        https://example.org/a -> https://example.org/a
        https://example.org/b -> https://example.org/b
        ");
    }
}
