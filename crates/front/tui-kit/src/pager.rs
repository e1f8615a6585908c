//! A long text to read: place, search and rows.

use crate::theme::{Role, Theme};
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use std::ops::Range;

/// Matches that are kept.
const MATCHES_MAX: usize = 10_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scroll {
    Up,
    Down,
    HalfPageUp,
    HalfPageDown,
    PageUp,
    PageDown,
    Top,
    Bottom,
}

impl Scroll {
    /// The first row in sight then, wherever the text ends. `page` and `half` are the rows of their steps.
    pub fn top(self, top: usize, page: usize, half: usize) -> usize {
        match self {
            Self::Up => top.saturating_sub(1),
            Self::Down => top + 1,
            Self::HalfPageUp => top.saturating_sub(half),
            Self::HalfPageDown => top + half,
            Self::PageUp => top.saturating_sub(page),
            Self::PageDown => top + page,
            Self::Top => 0,
            Self::Bottom => usize::MAX,
        }
    }
}

/// Where a search goes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Find {
    Next,
    Previous,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Hit {
    row: usize,
    bytes: Range<usize>,
}

#[derive(Debug, Clone, Default)]
pub struct Pager {
    rows: Vec<Line<'static>>,
    top: usize,
    height: usize,
    query: String,
    hits: Vec<Hit>,
    current: Option<usize>,
}

impl Pager {
    pub fn new(rows: Vec<Line<'static>>, height: usize) -> Self {
        Self {
            rows,
            height: height.max(1),
            ..Self::default()
        }
    }

    pub fn into_rows(self) -> Vec<Line<'static>> {
        self.rows
    }

    pub fn apply(&mut self, scroll: Scroll) {
        // One row of the page before stays in sight.
        let page = self.height.saturating_sub(1).max(1);
        let half = (self.height / 2).max(1);
        self.top = scroll.top(self.top, page, half).min(self.top_max());
    }

    /// Searches from the first row in sight. Whether there is a match. An empty query ends the search.
    pub fn search(&mut self, query: &str) -> bool {
        query.clone_into(&mut self.query);
        self.hits = find(&self.rows, query);
        let first = self.hits.iter().position(|hit| hit.row >= self.top);
        self.current = first.or((!self.hits.is_empty()).then_some(0));
        self.show_current();
        self.current.is_some()
    }

    /// Goes to another match, from the end to the start and back.
    pub fn find(&mut self, find: Find) {
        let Some(last) = self.hits.len().checked_sub(1) else { return };
        let at = self.current.unwrap_or(0);
        self.current = Some(match find {
            Find::Next if at == last => 0,
            Find::Next => at + 1,
            Find::Previous => at.checked_sub(1).unwrap_or(last),
        });
        self.show_current();
    }

    /// The rows in sight.
    pub fn view(&self, theme: &Theme) -> Vec<Line<'static>> {
        let end = self.rows.len().min(self.top + self.height);
        let first = self.hits.partition_point(|hit| hit.row < self.top);
        let mut hits = self.hits[first..].iter().zip(first..).peekable();
        let mut rows = Vec::new();
        for row in self.top..end {
            let mut marks = Vec::new();
            while let Some((hit, at)) = hits.next_if(|(hit, _)| hit.row == row) {
                let role = if self.current == Some(at) {
                    Role::CurrentMatch
                } else {
                    Role::Match
                };
                marks.push((hit.bytes.clone(), theme.style(role)));
            }
            rows.push(mark(&self.rows[row], &marks));
        }
        rows
    }

    /// `12-40 of 200`, and the match the search stands at: `match 3 of 7`.
    pub fn place(&self) -> String {
        let last = self.rows.len().min(self.top + self.height);
        let place = format!("{}-{last} of {}", (self.top + 1).min(last), self.rows.len());
        match self.current {
            Some(at) => format!("{place} · match {} of {}", at + 1, self.hits.len()),
            None if !self.query.is_empty() => format!("{place} · no match"),
            None => place,
        }
    }

    fn top_max(&self) -> usize {
        self.rows.len().saturating_sub(self.height)
    }

    fn show_current(&mut self) {
        let Some(row) = self.current.map(|at| self.hits[at].row) else {
            return;
        };
        if row < self.top || row >= self.top + self.height {
            self.top = row.saturating_sub(self.height / 3).min(self.top_max());
        }
    }
}

/// Letters are the same in upper and lower case, unless the query has one in upper case.
fn find(rows: &[Line<'static>], query: &str) -> Vec<Hit> {
    let exact = query.chars().any(char::is_uppercase);
    let fold = |c: char| if exact { c } else { c.to_lowercase().next().unwrap_or(c) };
    let wanted: Vec<char> = query.chars().map(fold).collect();
    let mut hits = Vec::new();
    if wanted.is_empty() {
        return hits;
    }
    for (row, line) in rows.iter().enumerate() {
        let text: String = line.spans.iter().map(|span| span.content.as_ref()).collect();
        let characters: Vec<(usize, char)> = text.char_indices().map(|(at, c)| (at, fold(c))).collect();
        let mut at = 0;
        while at + wanted.len() <= characters.len() {
            if characters[at..].iter().zip(&wanted).all(|((_, c), wanted)| c == wanted) {
                let end = characters.get(at + wanted.len()).map_or(text.len(), |(end, _)| *end);
                hits.push(Hit {
                    row,
                    bytes: characters[at].0..end,
                });
                at += wanted.len();
            } else {
                at += 1;
            }
            if hits.len() >= MATCHES_MAX {
                return hits;
            }
        }
    }
    hits
}

/// The line with some of its bytes in another style.
fn mark(line: &Line<'static>, marks: &[(Range<usize>, Style)]) -> Line<'static> {
    if marks.is_empty() {
        return line.clone();
    }
    let mut spans = Vec::new();
    let mut start = 0;
    for span in &line.spans {
        let end = start + span.content.len();
        let mut at = start;
        for (bytes, style) in marks {
            let (from, to) = (bytes.start.clamp(at, end), bytes.end.clamp(at, end));
            if from < to {
                spans.push(Span::styled(span.content[at - start..from - start].to_owned(), span.style));
                spans.push(Span::styled(
                    span.content[from - start..to - start].to_owned(),
                    span.style.patch(*style),
                ));
                at = to;
            }
        }
        spans.push(Span::styled(span.content[at - start..].to_owned(), span.style));
        start = end;
    }
    spans.retain(|span| !span.content.is_empty());
    Line { spans, ..line.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::theme::{Background, ColorDepth};
    use proptest::prelude::*;

    fn pager(rows: usize, height: usize) -> Pager {
        Pager::new(
            (1..=rows)
                .map(|row| Line::from(vec![Span::raw("row "), Span::raw(row.to_string())]))
                .collect(),
            height,
        )
    }

    fn shown(pager: &Pager) -> String {
        let plain = |line: &Line<'_>| line.spans.iter().map(|span| span.content.as_ref()).collect::<String>();
        let theme = Theme::default_for(Background::Dark, ColorDepth::TrueColor);
        pager.view(&theme).iter().map(plain).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn scrolling_stops_at_both_ends() {
        let mut pager = pager(10, 4);
        let after = |scrolls: &[Scroll], pager: &mut Pager| {
            scrolls.iter().for_each(|scroll| pager.apply(*scroll));
            pager.place()
        };

        assert_eq!(shown(&pager), "row 1 row 2 row 3 row 4");
        assert_eq!(after(&[Scroll::Up], &mut pager), "1-4 of 10");
        assert_eq!(after(&[Scroll::Down], &mut pager), "2-5 of 10");
        assert_eq!(after(&[Scroll::PageDown], &mut pager), "5-8 of 10");
        assert_eq!(after(&[Scroll::HalfPageDown; 3], &mut pager), "7-10 of 10");
        assert_eq!(after(&[Scroll::PageUp, Scroll::HalfPageUp], &mut pager), "2-5 of 10");
        assert_eq!(after(&[Scroll::Bottom], &mut pager), "7-10 of 10");
        assert_eq!(after(&[Scroll::Top], &mut pager), "1-4 of 10");
        assert_eq!(Pager::new(Vec::new(), 4).place(), "0-0 of 0");
    }

    #[test]
    fn a_search_goes_from_match_to_match() {
        let mut pager = pager(30, 4);

        assert!(!pager.search("ROW 2") && pager.search("row 2"));
        assert_eq!(pager.place(), "1-4 of 30 · match 1 of 11");
        pager.find(Find::Next);
        assert_eq!(pager.place(), "19-22 of 30 · match 2 of 11");
        pager.find(Find::Previous);
        pager.find(Find::Previous);
        assert_eq!(pager.place(), "27-30 of 30 · match 11 of 11");
        pager.find(Find::Next);
        assert_eq!(pager.place(), "1-4 of 30 · match 1 of 11");
        assert!(!pager.search("nothing"));
        assert_eq!(pager.place(), "1-4 of 30 · no match");
        pager.search("");
        assert_eq!(pager.place(), "1-4 of 30");
    }

    #[test]
    fn matches_are_marked_across_spans() {
        let theme = Theme::default_for(Background::Dark, ColorDepth::TrueColor);
        let mut pager = pager(2, 4);
        pager.search("w 1");

        let view = pager.view(&theme);
        let marked: String = view[0]
            .spans
            .iter()
            .filter(|span| span.style.bg.is_some())
            .map(|span| span.content.as_ref())
            .collect();
        assert_eq!(marked, "w 1");
        assert_eq!(shown(&pager), "row 1 row 2");
    }

    proptest! {
        #[test]
        fn marking_changes_no_text(texts in proptest::collection::vec("[aAbäÄ漢 ]{0,6}", 1..6), query in "[aAbäÄ漢]{1,2}", height in 1_usize..4) {
            let line = Line::from(texts.iter().map(|text| Span::raw(text.clone())).collect::<Vec<_>>());
            let mut pager = Pager::new(vec![line.clone(), line], height);
            let before = shown(&pager);
            pager.search(&query);

            prop_assert_eq!(shown(&pager), before);
        }
    }
}
