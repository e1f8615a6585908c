//! Patches as rows: line numbers, signs, the changed words of changed lines, and colours of the language.
//!
//! Everything is bounded: how many lines are shown (the rest is counted), how long a line may be, and how much is compared word by word.
//! Since people approve what they see here, the text of the lines is spelled out ([`sanitize::exact`]).

mod parse;
mod words;

pub use parse::{DiffLine, FileDiff, Kind, counts, files, hunks, whole};

use crate::cells::{self, Piece};
use crate::highlight::{Highlighter, Part};
use crate::sanitize;
use crate::theme::{Role, Theme};
use crate::wrap::Wrap;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use std::ops::Range;

/// Columns of a line that are shown.
const LINE_COLUMNS_MAX: usize = 2000;

/// How a patch is shown.
#[derive(Debug, Clone, Copy)]
pub struct View<'a> {
    pub width: usize,
    /// Tells the language.
    pub path: &'a str,
    /// Lines of the patch that are shown.
    pub lines_max: usize,
}

/// The rows of a patch.
pub fn rows(lines: &[DiffLine], view: View<'_>, theme: &Theme) -> Vec<Line<'static>> {
    let shown = &lines[..lines.len().min(view.lines_max)];
    let content = || shown.iter().filter(|line| !matches!(line.kind, Kind::Hunk | Kind::Note));
    // Where every line ends in a carriage return, none of them tells anything.
    let returns = content().all(|line| line.text.ends_with('\r'));
    let texts: Vec<String> = shown.iter().map(|line| text(line, returns)).collect();
    let marked = marked(shown, &texts);
    let digits = shown
        .iter()
        .filter_map(|line| line.number)
        .max()
        .map_or(0, |number| number.to_string().len());
    let painter = Painter { view, theme, digits };
    let mut old = Highlighter::for_path(view.path);
    let mut new = old.clone();
    let mut rows = Vec::new();
    for ((line, text), marks) in shown.iter().zip(&texts).zip(&marked) {
        let parts = match line.kind {
            Kind::Removed => old.parts(text),
            Kind::Added => new.parts(text),
            Kind::Context => {
                old.parts(text);
                new.parts(text)
            }
            Kind::Hunk => {
                old = Highlighter::for_path(view.path);
                new = old.clone();
                Vec::new()
            }
            Kind::Note => Vec::new(),
        };
        rows.extend(painter.line(line, text, &parts, marks));
    }
    let hidden = lines.len() - shown.len();
    if hidden > 0 {
        let lines = if hidden == 1 { "line" } else { "lines" };
        let text = format!("{} {hidden} more {lines}", theme.glyphs.ellipsis);
        rows.push(cells::truncate_line(&Line::styled(text, theme.style(Role::Dim)), view.width));
    }
    rows
}

fn text(line: &DiffLine, returns: bool) -> String {
    let text = if returns { line.text.trim_end_matches('\r') } else { &line.text };
    cells::truncate(&sanitize::exact(text), LINE_COLUMNS_MAX).into_owned()
}

/// The changed words of every line: removed lines are compared with the added ones that follow them, one by one.
fn marked(lines: &[DiffLine], texts: &[String]) -> Vec<Vec<Range<usize>>> {
    let mut marked = vec![Vec::new(); lines.len()];
    let run = |from: usize, kind: Kind| lines[from..].iter().take_while(|line| line.kind == kind).count();
    let mut at = 0;
    while at < lines.len() {
        let removed = run(at, Kind::Removed);
        let added = run(at + removed, Kind::Added);
        for (old, new) in (at..at + removed).zip(at + removed..at + removed + added) {
            if let Some((removed, added)) = words::changed(&texts[old], &texts[new]) {
                marked[old] = removed;
                marked[new] = added;
            }
        }
        at += (removed + added).max(1);
    }
    marked
}

struct Painter<'p> {
    view: View<'p>,
    theme: &'p Theme,
    /// Of the longest line number.
    digits: usize,
}

impl Painter<'_> {
    fn line(&self, line: &DiffLine, text: &str, parts: &[Part], marks: &[Range<usize>]) -> Vec<Line<'static>> {
        let glyphs = self.theme.glyphs;
        let (sign, role, word) = match line.kind {
            Kind::Context => ("", Role::DiffContext, Role::DiffContext),
            Kind::Added => (glyphs.added, Role::DiffAdded, Role::DiffAddedWord),
            Kind::Removed => (glyphs.removed, Role::DiffRemoved, Role::DiffRemovedWord),
            Kind::Hunk | Kind::Note => return self.remark(line, text),
        };
        let style = self.theme.style(role);
        let pieces = self.pieces(text, parts, marks, style, self.theme.style(word));
        let wide = glyphs.added.len().max(glyphs.removed.len());
        let sign = if wide > 1 {
            format!("{sign:<wide$} ")
        } else {
            format!("{sign:<1}")
        };
        let number = line.number.map(|number| number.to_string()).unwrap_or_default();
        let number = if self.digits > 0 {
            format!("{number:>width$} ", width = self.digits)
        } else {
            String::new()
        };
        let blank = Span::raw(" ".repeat(number.len()));
        let number = Span::styled(number, self.theme.style(Role::LineNumber));
        let first = Line::from(vec![number, Span::styled(sign.clone(), style)]);
        let rest = Line::from(vec![blank, Span::styled(" ".repeat(sign.len()), style)]);
        let rows = Wrap::to(self.view.width).indent(first, rest).keep_spaces().pieces(pieces);
        rows.into_iter().map(|row| row.line).collect()
    }

    /// The text with the colours of the language where the background tells what happened, and the changed words.
    fn pieces(&self, text: &str, parts: &[Part], marks: &[Range<usize>], style: Style, word: Style) -> Vec<Piece<'static>> {
        let coloured = style.bg.is_some() || style == Style::new();
        let mut edges: Vec<usize> = parts
            .iter()
            .filter(|_| coloured)
            .flat_map(|(range, _)| [range.start, range.end])
            .collect();
        edges.extend(marks.iter().flat_map(|range| [range.start, range.end]));
        edges.extend([0, text.len()]);
        edges.sort_unstable();
        edges.dedup();
        let mut parts = parts.iter().filter(|_| coloured).peekable();
        let mut marks = marks.iter().peekable();
        let mut pieces = Vec::new();
        for edge in edges.windows(2) {
            let (start, end) = (edge[0], edge[1]);
            while parts.next_if(|(range, _)| range.end <= start).is_some() {}
            while marks.next_if(|range| range.end <= start).is_some() {}
            let mut look = style;
            if let Some((_, role)) = parts.peek().filter(|(range, _)| range.start <= start) {
                look = look.patch(self.theme.style(*role));
            }
            if marks.peek().is_some_and(|range| range.start <= start) {
                // The colour of the language stays, where the word has a background to be told by.
                let fg = look.fg.filter(|_| word.bg.is_some() && style.bg.is_some());
                look = look.patch(word);
                look.fg = fg.or(look.fg);
            }
            pieces.push(Piece::new(text[start..end].to_owned(), look));
        }
        pieces
    }

    fn remark(&self, line: &DiffLine, text: &str) -> Vec<Line<'static>> {
        let mark = if line.kind == Kind::Hunk { self.theme.glyphs.ellipsis } else { "" };
        let indent = if self.digits > 0 {
            " ".repeat(self.digits + 1)
        } else {
            String::new()
        };
        let text = format!("{indent}{mark}{}{text}", if mark.is_empty() || text.is_empty() { "" } else { " " });
        vec![cells::truncate_line(
            &Line::styled(text, self.theme.style(Role::DiffHunk)),
            self.view.width,
        )]
    }
}

#[cfg(test)]
mod tests;
