//! Markdown as rows of the screen, while it is still being written.
//!
//! [`MarkdownStream`] takes the text in pieces and gives out rows that never change again; [`render`] is the same for a whole
//! text. Whatever the pieces, the rows are those of the whole text. Work and memory are linear in the text: a row is made once, and what is
//! kept back (a paragraph, the head of a table) is bounded, see [`blocks`].
//!
//! The text is sanitised here. Links are data ([`Row::links`]), never control sequences.

mod blocks;
mod inline;
mod lines;
mod table;

use crate::cells::{Piece, Row};
use crate::highlight::Highlighter;
use crate::sanitize::{self, Prose};
use crate::theme::{Role, Theme};
use crate::wrap::Wrap;
use blocks::{Container, Event, ListKind, Scanner};
use inline::Definitions;
use pulldown_cmark::Alignment;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use std::sync::Arc;
use table::Layout;

/// Bytes of a line; a longer one is broken.
const LINE_BYTES_MAX: usize = 16 * 1024;

/// Rows of a text that comes in pieces.
#[derive(Debug, Clone)]
pub struct MarkdownStream {
    prose: Prose,
    /// The line that is not finished.
    line: String,
    /// It goes on with a line that was broken.
    broken: bool,
    scanner: Scanner,
    renderer: Renderer,
}

impl MarkdownStream {
    pub fn new(width: usize, theme: Arc<Theme>) -> Self {
        Self {
            prose: Prose::default(),
            line: String::new(),
            broken: false,
            scanner: Scanner::default(),
            renderer: Renderer {
                width,
                theme,
                shown: Vec::new(),
                definitions: Definitions::default(),
                code: None,
                table: None,
                rows: Vec::new(),
                gap: Gap::Start,
            },
        }
    }

    /// Rows that are not final yet are for this width from now on.
    pub const fn set_width(&mut self, width: usize) {
        self.renderer.width = width;
    }

    /// The rows that are final now.
    pub fn push(&mut self, text: &str) -> Vec<Row> {
        let clean = self.prose.push(text);
        self.push_clean(&clean);
        std::mem::take(&mut self.renderer.rows)
    }

    /// The last rows.
    pub fn finish(&mut self) -> Vec<Row> {
        let last = self.prose.finish();
        self.push_clean(last);
        if !self.line.is_empty() {
            self.end_line();
        }
        let mut events = Vec::new();
        self.scanner.finish(&mut events);
        events.into_iter().for_each(|event| self.renderer.event(event));
        let rows = std::mem::take(&mut self.renderer.rows);
        *self = Self::new(self.renderer.width, self.renderer.theme.clone());
        rows
    }

    /// What is kept back, as it would look if nothing came any more. Costs as much as what is kept back, however long the text is.
    pub fn preview(&self) -> Vec<Row> {
        self.clone().finish()
    }

    fn push_clean(&mut self, text: &str) {
        let mut rest = text;
        while let Some(line_feed) = rest.find('\n') {
            self.push_part(&rest[..line_feed]);
            self.end_line();
            rest = &rest[line_feed + 1..];
        }
        self.push_part(rest);
    }

    /// Text without a line feed. Breaks the line where it gets too long, at a place that depends on the line alone.
    fn push_part(&mut self, text: &str) {
        let mut rest = text;
        while self.line.len() + rest.len() > LINE_BYTES_MAX {
            let wanted = rest.ceil_char_boundary(LINE_BYTES_MAX + 1 - self.line.len().min(LINE_BYTES_MAX));
            self.line.push_str(&rest[..wanted]);
            rest = &rest[wanted..];
            let end = self.line.floor_char_boundary(LINE_BYTES_MAX);
            let start = self.line.floor_char_boundary(LINE_BYTES_MAX / 2);
            let cut = self.line[start..end].rfind(' ').map_or(end, |space| start + space + 1);
            let tail = self.line.split_off(cut);
            self.scan();
            self.line = tail;
            self.broken = true;
        }
        self.line.push_str(rest);
    }

    fn end_line(&mut self) {
        self.scan();
        self.line.clear();
        self.broken = false;
    }

    fn scan(&mut self) {
        let mut events = Vec::new();
        if self.broken {
            self.scanner.more_of_line(&self.line, &mut events);
        } else {
            self.scanner.line(&self.line, &mut events);
        }
        events.into_iter().for_each(|event| self.renderer.event(event));
    }
}

/// Space before the next row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Gap {
    /// Nothing was written yet.
    Start,
    /// The last row is an empty one, or a marker is waiting for its text.
    Open,
    None,
    /// The last row was code, which nothing but space tells from text.
    Wanted,
}

/// A container that is open.
#[derive(Debug, Clone)]
struct Shown {
    quote: bool,
    /// Stands before the first row, until that is written.
    first: Option<Span<'static>>,
    rest: Span<'static>,
}

#[derive(Debug, Clone)]
struct Renderer {
    width: usize,
    theme: Arc<Theme>,
    shown: Vec<Shown>,
    definitions: Definitions,
    code: Option<Highlighter>,
    table: Option<ShownTable>,
    rows: Vec<Row>,
    gap: Gap,
}

#[derive(Debug, Clone)]
struct ShownTable {
    layout: Layout,
    first: bool,
}

impl Renderer {
    fn event(&mut self, event: Event) {
        match event {
            Event::Open(container) => {
                self.fill_gap();
                self.open(container);
            }
            Event::Close => self.close(),
            Event::Blank => self.blank(),
            Event::Paragraph(text) => self.paragraph(&text),
            Event::Heading { level, text } => {
                let style = self.theme.style(Role::Heading);
                let marks = Piece::new(format!("{} ", "#".repeat(level)), style);
                let text = self.inline(&text, style);
                self.text(std::iter::once(marks).chain(text));
            }
            Event::Rule => {
                let rule = Piece::new(self.theme.glyphs.rule, self.theme.style(Role::Border));
                self.text([rule]);
            }
            Event::CodeStart { language } => self.code_start(&language),
            Event::CodeLine(line) => self.code_line(&line),
            Event::CodeEnd => self.code_end(),
            Event::TableStart { alignments, rows } => self.table_start(&alignments, &rows),
            Event::TableRow(row) => self.table_row(&row),
            Event::TableEnd => {
                let end = self.table.take().and_then(|table| table.layout.end());
                self.emit(end);
            }
        }
    }

    fn open(&mut self, container: Container) {
        let marker = match container {
            Container::Quote => {
                let bar = Span::styled(format!("{} ", self.theme.glyphs.quote), self.theme.style(Role::Quote));
                self.shown.push(Shown {
                    quote: true,
                    first: None,
                    rest: bar,
                });
                return;
            }
            Container::Item {
                kind: ListKind::Bullet(_), ..
            } => format!("{} ", self.theme.glyphs.bullet),
            Container::Item {
                kind: ListKind::Ordered(delimiter),
                number,
            } => format!("{number}{delimiter} "),
        };
        self.shown.push(self.item(marker));
        self.gap = Gap::Open;
    }

    fn item(&self, marker: String) -> Shown {
        let columns = crate::cells::width(&marker);
        Shown {
            quote: false,
            first: Some(Span::styled(marker, self.theme.style(Role::ListMarker))),
            rest: Span::raw(" ".repeat(columns)),
        }
    }

    fn close(&mut self) {
        if self.shown.last().is_some_and(|shown| shown.first.is_some()) {
            // An item with nothing in it.
            self.emit([Row::default()]);
        }
        self.shown.pop();
    }

    fn blank(&mut self) {
        if matches!(self.gap, Gap::Start | Gap::Open) {
            return;
        }
        let mut spans = self.spans(|shown| shown.rest.clone());
        trim_end(&mut spans);
        self.rows.push(Line::from(spans).into());
        self.gap = Gap::Open;
    }

    /// The space that code wants behind it.
    fn fill_gap(&mut self) {
        if self.gap == Gap::Wanted {
            self.blank();
        }
    }

    fn paragraph(&mut self, text: &str) {
        let style = self.base();
        let text = self.task(text);
        let pieces = self.inline(text, style);
        text.lines().for_each(|line| self.definitions.note(line));
        self.text(pieces);
    }

    /// Turns the marker of an item into the box of a task, if its text begins with one.
    fn task<'a>(&mut self, text: &'a str) -> &'a str {
        let glyphs = self.theme.glyphs;
        let (glyph, rest) = match text.get(..4) {
            Some("[ ] ") => (glyphs.task_open, &text[4..]),
            Some("[x] " | "[X] ") => (glyphs.task_done, &text[4..]),
            _ => return text,
        };
        if self.shown.last().is_none_or(|shown| shown.first.is_none()) {
            return text;
        }
        self.shown.pop();
        self.shown.push(self.item(format!("{glyph} ")));
        rest
    }

    fn base(&self) -> Style {
        let quoted = self.shown.iter().any(|shown| shown.quote);
        self.theme.style(if quoted { Role::Quote } else { Role::Text })
    }

    fn inline(&self, text: &str, style: Style) -> Vec<Piece<'static>> {
        inline::pieces(text, style, &self.theme, &self.definitions)
    }

    fn text(&mut self, pieces: impl IntoIterator<Item = Piece<'static>>) {
        let rows = Wrap::to(self.room()).pieces(pieces);
        self.emit(rows);
    }

    fn code_start(&mut self, language: &str) {
        if self.gap == Gap::None {
            self.gap = Gap::Wanted;
        }
        self.fill_gap();
        if let Some([start, _]) = self.theme.glyphs.code {
            let language = sanitize::label(language);
            let name = if language.is_empty() {
                format!("{start}:")
            } else {
                format!("{start}, {language}:")
            };
            self.text([Piece::new(name, self.theme.style(Role::Dim))]);
        }
        self.code = Some(Highlighter::new(language));
    }

    fn code_line(&mut self, line: &str) {
        let Some(code) = &mut self.code else { return };
        let pieces = code.line(line, &self.theme);
        let rows = Wrap::to(self.room()).keep_spaces().pieces(pieces);
        self.emit(rows);
    }

    fn code_end(&mut self) {
        self.code = None;
        if let Some([_, end]) = self.theme.glyphs.code {
            self.text([Piece::new(end, self.theme.style(Role::Dim))]);
        }
        if self.gap == Gap::None {
            self.gap = Gap::Wanted;
        }
    }

    fn table_start(&mut self, alignments: &[Alignment], rows: &[Vec<String>]) {
        let base = self.base();
        let cells: Vec<Vec<table::Cell>> = rows
            .iter()
            .enumerate()
            .map(|(at, row)| {
                let style = if at == 0 {
                    base.patch(self.theme.style(Role::Strong))
                } else {
                    base
                };
                row.iter().map(|cell| self.inline(cell, style)).collect()
            })
            .collect();
        let layout = Layout::new(alignments, &cells, self.room(), &self.theme);
        let head = cells.first().map(|head| layout.head(head)).unwrap_or_default();
        self.emit(head);
        let mut first = true;
        for row in cells.iter().skip(1) {
            self.emit(layout.row(row, first));
            first = false;
        }
        self.table = Some(ShownTable { layout, first });
    }

    fn table_row(&mut self, row: &[String]) {
        let base = self.base();
        let cells: Vec<table::Cell> = row.iter().map(|cell| self.inline(cell, base)).collect();
        let Some(table) = &mut self.table else { return };
        let first = std::mem::take(&mut table.first);
        let rows = table.layout.row(&cells, first);
        self.emit(rows);
    }

    /// Columns for what stands inside the containers.
    fn room(&self) -> usize {
        let before: usize = self
            .spans(|shown| shown.rest.clone())
            .iter()
            .map(|span| crate::cells::width(&span.content))
            .sum();
        self.width.saturating_sub(before).max(1)
    }

    /// What stands before a row: of the innermost containers, as many as leave half of the width.
    fn spans(&self, span: impl Fn(&Shown) -> Span<'static>) -> Vec<Span<'static>> {
        let mut room = self.width / 2;
        let mut spans = Vec::new();
        for shown in self.shown.iter().rev() {
            let columns = crate::cells::width(&shown.rest.content);
            let Some(left) = room.checked_sub(columns) else { break };
            room = left;
            spans.push(span(shown));
        }
        spans.reverse();
        spans
    }

    fn emit(&mut self, rows: impl IntoIterator<Item = Row>) {
        for mut row in rows {
            self.fill_gap();
            let mut spans = self.spans(|shown| shown.first.clone().unwrap_or_else(|| shown.rest.clone()));
            self.shown.iter_mut().for_each(|shown| shown.first = None);
            if row.line.spans.is_empty() {
                trim_end(&mut spans);
            }
            row.put_before(spans);
            self.rows.push(row);
            self.gap = Gap::None;
        }
    }
}

/// Takes away white space at the end.
fn trim_end(spans: &mut Vec<Span<'static>>) {
    while let Some(last) = spans.last_mut() {
        last.content = last.content.trim_end().to_owned().into();
        if !last.content.is_empty() {
            break;
        }
        spans.pop();
    }
}

#[cfg(test)]
mod tests;
