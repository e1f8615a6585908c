//! Text measured in terminal columns, and the rows that go to the screen.

use ratatui::buffer::CellWidth;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;
use unicode_segmentation::UnicodeSegmentation;
use unicode_width::UnicodeWidthChar;

/// One row of the screen, and where its hyperlinks are. Who draws it decides whether the terminal gets them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Row {
    pub line: Line<'static>,
    pub links: Vec<Link>,
    /// The row goes on with the line of the row above it.
    pub continues: bool,
}

/// A hyperlink within a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    pub columns: Range<usize>,
    pub address: Arc<str>,
}

impl Row {
    /// With this before it; its links move along.
    pub fn put_before(&mut self, before: Vec<Span<'static>>) {
        let shift: usize = before.iter().map(|span| width(&span.content)).sum();
        self.line.spans.splice(0..0, before);
        for link in &mut self.links {
            link.columns = link.columns.start + shift..link.columns.end + shift;
        }
    }
}

impl From<Line<'static>> for Row {
    fn from(line: Line<'static>) -> Self {
        Self { line, ..Self::default() }
    }
}

/// A run of text with one look.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Piece<'a> {
    pub text: Cow<'a, str>,
    pub style: Style,
    pub link: Option<Arc<str>>,
}

impl<'a> Piece<'a> {
    pub fn new(text: impl Into<Cow<'a, str>>, style: Style) -> Self {
        Self {
            text: text.into(),
            style,
            link: None,
        }
    }
}

/// Columns that a text takes. It must hold no control characters.
pub fn width(text: &str) -> usize {
    if is_simple(text) {
        return text.len();
    }
    units(text).map(|(_, width)| width).sum()
}

/// Columns of a line.
pub fn line_width(line: &Line<'_>) -> usize {
    line.spans.iter().map(|span| width(&span.content)).sum()
}

/// The smallest pieces that may stand on different rows, and their columns.
///
/// A grapheme, but for those that claim more than two columns (such as runs of Hangul initials): they have no natural end.
pub fn units(text: &str) -> impl Iterator<Item = (&str, usize)> {
    let (simple, other) = if is_simple(text) { (text, "") } else { ("", text) };
    let simple = (0..simple.len()).map(|at| (&simple[at..=at], 1));
    simple.chain(other.graphemes(true).flat_map(|grapheme| {
        let columns = columns(grapheme);
        let whole = (columns <= 2).then_some((grapheme, columns));
        let parts = (columns > 2).then(|| parts(grapheme));
        whole.into_iter().chain(parts.into_iter().flatten())
    }))
}

/// Printable ASCII: one column for each byte.
pub fn is_simple(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, b' '..=b'~'))
}

fn columns(grapheme: &str) -> usize {
    match grapheme.as_bytes() {
        [byte] => usize::from(!byte.is_ascii_control()),
        _ => usize::from(grapheme.cell_width()),
    }
}

/// Characters with the marks that follow them.
fn parts(grapheme: &str) -> impl Iterator<Item = (&str, usize)> {
    let starts = |at: usize, c: char| at > 0 && c.width().unwrap_or(0) > 0;
    let mut ends: Vec<usize> = grapheme
        .char_indices()
        .filter(|(at, c)| starts(*at, *c))
        .map(|(at, _)| at)
        .collect();
    ends.push(grapheme.len());
    let mut start = 0;
    ends.into_iter().map(move |end| {
        let part = &grapheme[start..end];
        start = end;
        (part, columns(part))
    })
}

/// The text in at most `columns` columns; an ellipsis stands for what was cut off.
pub fn truncate(text: &str, columns: usize) -> Cow<'_, str> {
    if width(text) <= columns {
        return Cow::Borrowed(text);
    }
    let Some(room) = columns.checked_sub(1) else {
        return Cow::Borrowed("");
    };
    let mut taken = 0;
    let mut end = 0;
    for (unit, columns) in units(text) {
        taken += columns;
        if taken > room {
            break;
        }
        end += unit.len();
    }
    Cow::Owned(format!("{}…", &text[..end]))
}

/// The text in at most `columns` columns with its end kept: for paths, where the end tells most.
pub fn truncate_start(text: &str, columns: usize) -> Cow<'_, str> {
    let mut excess = width(text);
    if excess <= columns {
        return Cow::Borrowed(text);
    }
    let Some(room) = columns.checked_sub(1) else {
        return Cow::Borrowed("");
    };
    let mut start = 0;
    for (unit, columns) in units(text) {
        if excess <= room {
            break;
        }
        excess -= columns;
        start += unit.len();
    }
    Cow::Owned(format!("…{}", &text[start..]))
}

/// The line in at most `columns` columns; an ellipsis in the last style stands for what was cut off.
pub fn truncate_line(line: &Line<'_>, columns: usize) -> Line<'static> {
    let mut room = columns;
    let fits = line_width(line) <= columns;
    let mut spans = Vec::new();
    for span in &line.spans {
        let wanted = width(&span.content);
        if fits || wanted < room {
            room = room.saturating_sub(wanted);
            spans.push(Span::styled(span.content.clone().into_owned(), span.style));
            continue;
        }
        // The rest of the line does not fit, even where this span just would.
        let cut = truncate(&span.content, room);
        let cut = if wanted <= room {
            truncate_with_mark(&span.content, room)
        } else {
            cut.into_owned()
        };
        spans.push(Span::styled(cut, span.style));
        break;
    }
    Line {
        spans,
        style: line.style,
        alignment: line.alignment,
    }
}

fn truncate_with_mark(text: &str, columns: usize) -> String {
    truncate(&format!("{text}……"), columns).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn columns_are_counted_as_the_screen_counts_them() {
        let check = |text: &str, expect: usize| assert_eq!(width(text), expect, "{text:?}");

        check("plain", 5);
        check("漢字", 4);
        check("e\u{301}", 1);
        check("👩\u{200d}🚀", 2);
        check("", 0);
    }

    #[test]
    fn a_cut_text_ends_in_an_ellipsis() {
        let check = |text: &str, columns: usize, expect: &str| assert_eq!(truncate(text, columns), expect, "{text:?}");

        check("abcdef", 6, "abcdef");
        check("abcdef", 5, "abcd…");
        check("漢字漢", 5, "漢字…");
        check("漢字漢", 4, "漢…");
        check("ab", 1, "…");
        check("ab", 0, "");
        assert_eq!(truncate_start("/a/long/path", 6), "…/path");
        assert_eq!(truncate_start("/漢/path", 7), "…/path");
    }

    proptest! {
        #[test]
        fn what_is_cut_fits(texts in proptest::collection::vec("\\PC{0,12}", 0..5), columns in 0_usize..30) {
            let line = Line::from(texts.iter().map(|text| Span::raw(text.clone())).collect::<Vec<_>>());
            let whole: String = texts.concat();

            prop_assert!(width(&truncate(&whole, columns)) <= columns);
            prop_assert!(width(&truncate_start(&whole, columns)) <= columns);
            let cut = truncate_line(&line, columns);
            prop_assert!(line_width(&cut) <= columns);
            prop_assert_eq!(line_width(&line) <= columns, cut == line);
        }

        #[test]
        fn units_are_the_text_and_no_wider_than_their_first_character(text in "\\PC{0,40}") {
            prop_assert_eq!(units(&text).map(|(unit, _)| unit).collect::<String>(), text.clone());
            prop_assert!(units(&text).all(|(unit, columns)| columns <= 2 || unit.chars().filter(|c| c.width() > Some(0)).count() == 1));
        }
    }
}
