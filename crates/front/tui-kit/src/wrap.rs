//! Lines broken into rows of a given width.
//!
//! Breaks stand at white space and around wide characters; a word breaks only where it is wider than a row.
//! No text is lost or reordered, and the cost is linear in the text, whatever the width.

use crate::cells::{Link, Piece, Row, is_simple, line_width, units};
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use std::sync::Arc;

/// What becomes of white space where a line breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Spaces {
    /// It vanishes: text to be read.
    #[default]
    Fold,
    /// It stays: code, where every column counts.
    Keep,
}

/// How a line is broken.
#[derive(Debug, Clone, Default)]
pub struct Wrap<'a> {
    pub width: usize,
    /// Stands before the first row.
    pub first: Line<'a>,
    /// Stands before every further row.
    pub rest: Line<'a>,
    pub spaces: Spaces,
}

impl<'a> Wrap<'a> {
    pub fn to(width: usize) -> Self {
        Self { width, ..Self::default() }
    }

    /// With something before the first row and something as wide before the others.
    pub fn indent(self, first: impl Into<Line<'a>>, rest: impl Into<Line<'a>>) -> Self {
        Self {
            first: first.into(),
            rest: rest.into(),
            ..self
        }
    }

    /// With the white space kept.
    pub fn keep_spaces(self) -> Self {
        Self {
            spaces: Spaces::Keep,
            ..self
        }
    }

    /// At least one line.
    pub fn line(&self, line: &Line<'_>) -> Vec<Line<'static>> {
        let pieces = line
            .spans
            .iter()
            .map(|span| Piece::new(span.content.as_ref(), line.style.patch(span.style)));
        self.pieces(pieces).into_iter().map(|row| row.line).collect()
    }

    /// At least one line for every line.
    pub fn lines<'l>(&self, lines: impl IntoIterator<Item = &'l Line<'l>>) -> Vec<Line<'static>> {
        let rest = Wrap {
            first: self.rest.clone(),
            ..self.clone()
        };
        let mut wraps = std::iter::once(self).chain(std::iter::repeat(&rest));
        lines.into_iter().flat_map(|line| wraps.next().unwrap_or(self).line(line)).collect()
    }

    /// At least one row. A line feed in a piece starts a row that continues nothing.
    pub fn pieces<'p>(&self, pieces: impl IntoIterator<Item = Piece<'p>>) -> Vec<Row> {
        let mut filler = Filler::new(self);
        for piece in pieces {
            let look = Look {
                style: piece.style,
                link: piece.link,
            };
            let mut lines = piece.text.split('\n');
            filler.text(lines.next().unwrap_or_default(), &look);
            for line in lines {
                filler.end_line();
                filler.text(line, &look);
            }
        }
        filler.finish()
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Look {
    style: Style,
    link: Option<Arc<str>>,
}

/// Text of one look in the making.
#[derive(Debug)]
struct Run {
    text: String,
    columns: usize,
    look: Look,
}

/// Runs and their columns.
#[derive(Debug, Default)]
struct Runs {
    runs: Vec<Run>,
    columns: usize,
}

impl Runs {
    fn push(&mut self, text: &str, columns: usize, look: &Look) {
        if text.is_empty() {
            return;
        }
        self.columns += columns;
        match self.runs.last_mut().filter(|last| last.look == *look) {
            Some(last) => {
                last.text.push_str(text);
                last.columns += columns;
            }
            None => self.runs.push(Run {
                text: text.to_owned(),
                columns,
                look: look.clone(),
            }),
        }
    }

    fn append(&mut self, other: &mut Self) {
        other.columns = 0;
        for run in other.runs.drain(..) {
            self.push(&run.text, run.columns, &run.look);
        }
    }

    fn clear(&mut self) {
        self.runs.clear();
        self.columns = 0;
    }

    fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }
}

/// Fills rows. Holds a row, the white space behind it and one word, all of them no longer than a row.
struct Filler<'w> {
    wrap: &'w Wrap<'w>,
    /// Columns for text in the first row and in the others: at least one.
    rooms: [usize; 2],
    rows: Vec<Row>,
    row: Runs,
    spaces: Runs,
    word: Runs,
    /// What the next character must not be torn from.
    before: Option<char>,
    before_wide: bool,
    continues: bool,
}

impl<'w> Filler<'w> {
    fn new(wrap: &'w Wrap<'w>) -> Self {
        let room = |indent: &Line<'_>| wrap.width.saturating_sub(line_width(indent)).max(1);
        Self {
            wrap,
            rooms: [room(&wrap.first), room(&wrap.rest)],
            rows: Vec::new(),
            row: Runs::default(),
            spaces: Runs::default(),
            word: Runs::default(),
            before: None,
            before_wide: false,
            continues: false,
        }
    }

    fn text(&mut self, text: &str, look: &Look) {
        if is_simple(text) && !self.before_wide {
            return self.simple_text(text, look);
        }
        for (unit, columns) in units(text) {
            let c = unit.chars().next();
            if unit.chars().all(is_space) {
                self.end_word();
                self.space(unit, columns, look);
            } else {
                let wide = columns > 1;
                if (wide || self.before_wide) && columns > 0 && may_break(self.before, c) {
                    self.end_word();
                }
                self.letter(unit, columns, look);
                self.before_wide = wide;
            }
            self.before = c;
        }
    }

    /// What most text is: whole words at once.
    fn simple_text(&mut self, text: &str, look: &Look) {
        for part in text.split_inclusive(' ') {
            let word = part.strip_suffix(' ').unwrap_or(part);
            if self.word.columns + word.len() <= self.room() {
                self.word.push(word, word.len(), look);
            } else {
                units(word).for_each(|(unit, columns)| self.letter(unit, columns, look));
            }
            if word.len() < part.len() {
                self.end_word();
                self.space(" ", 1, look);
            }
        }
        self.before = text.chars().last().or(self.before);
    }

    fn letter(&mut self, unit: &str, columns: usize, look: &Look) {
        if self.word.columns + columns > self.room() && !self.word.is_empty() {
            // Wider than a row: it fills rows of its own.
            self.end_word();
            self.end_row();
        }
        self.word.push(unit, columns, look);
    }

    fn space(&mut self, unit: &str, columns: usize, look: &Look) {
        if self.wrap.spaces == Spaces::Keep {
            if self.row.columns + columns > self.room() {
                self.end_row();
            }
            return self.row.push(unit, columns, look);
        }
        // More than a row of white space cannot show.
        if self.spaces.columns <= self.wrap.width {
            self.spaces.push(unit, columns, look);
        }
    }

    fn end_word(&mut self) {
        if self.word.is_empty() {
            return;
        }
        if self.row.columns + self.spaces.columns + self.word.columns > self.room() {
            if !self.row.is_empty() {
                self.end_row();
            } else if self.spaces.columns + self.word.columns > self.room() {
                // An indent that leaves no room for the word.
                self.spaces.clear();
            }
        }
        self.row.append(&mut self.spaces);
        self.row.append(&mut self.word);
    }

    fn end_row(&mut self) {
        self.spaces.clear();
        let row = std::mem::take(&mut self.row);
        let indent = self.indent();
        self.rows.push(build(indent, row, self.continues, self.wrap.width));
        self.continues = true;
    }

    fn end_line(&mut self) {
        self.end_word();
        if self.row.columns + self.spaces.columns <= self.room() {
            self.row.append(&mut self.spaces);
        }
        self.end_row();
        self.continues = false;
        (self.before, self.before_wide) = (None, false);
    }

    fn finish(mut self) -> Vec<Row> {
        self.end_line();
        self.rows
    }

    fn indent(&self) -> &'w Line<'w> {
        if self.rows.is_empty() { &self.wrap.first } else { &self.wrap.rest }
    }

    /// Columns for text in the present row.
    fn room(&self) -> usize {
        self.rooms[usize::from(!self.rows.is_empty())]
    }
}

fn build(indent: &Line<'_>, runs: Runs, continues: bool, width: usize) -> Row {
    // An indent wider than the screen gives way.
    let indent = crate::cells::truncate_line(indent, width.saturating_sub(1));
    let mut column = line_width(&indent);
    let mut spans = indent.spans;
    let mut links: Vec<Link> = Vec::new();
    for run in runs.runs {
        let columns = column..column + run.columns;
        column = columns.end;
        if let Some(address) = run.look.link {
            match links
                .last_mut()
                .filter(|last| last.columns.end == columns.start && last.address == address)
            {
                Some(last) => last.columns.end = columns.end,
                None => links.push(Link { columns, address }),
            }
        }
        match spans.last_mut().filter(|last| last.style == run.look.style) {
            Some(last) => last.content.to_mut().push_str(&run.text),
            None => spans.push(Span::styled(run.text, run.look.style)),
        }
    }
    Row {
        line: Line::from(spans),
        links,
        continues,
    }
}

/// White space where a line may break. No-break spaces are letters here.
fn is_space(c: char) -> bool {
    c.is_whitespace() && !matches!(c, '\u{a0}' | '\u{2007}' | '\u{202f}')
}

/// Whether a break may stand between two characters of which one is wide: not before what closes, not behind what opens.
fn may_break(before: Option<char>, c: Option<char>) -> bool {
    const CLOSING: &str = "、。，．：；？！）」』】〉》〕］｝”’…,.:;?!)]}ーぁぃぅぇぉっゃゅょァィゥェォッャュョ々";
    const OPENING: &str = "（「『【〈《〔［｛“‘([{";
    !before.is_some_and(|c| OPENING.contains(c)) && !c.is_some_and(|c| CLOSING.contains(c))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cells::width;
    use proptest::prelude::*;

    fn plain(line: &Line<'_>) -> String {
        line.spans.iter().map(|span| span.content.as_ref()).collect()
    }

    fn rows(wrap: &Wrap<'_>, text: &str) -> Vec<String> {
        wrap.line(&Line::raw(text)).iter().map(plain).collect()
    }

    #[test]
    fn words_stay_whole_where_they_can() {
        let check = |columns: usize, text: &str, expect: &str| assert_eq!(rows(&Wrap::to(columns), text).join("|"), expect, "{text:?}");

        check(10, "the quick brown fox", "the quick|brown fox");
        check(9, "the quick brown fox", "the quick|brown fox");
        check(5, "the   quick", "the|quick");
        check(20, "  two  spaces ", "  two  spaces ");
        check(4, "abcdefghij kl", "abcd|efgh|ij|kl");
        check(6, "ab abcdefghij kl", "ab|abcdef|ghij|kl");
        check(5, "漢字漢字漢字", "漢字|漢字|漢字");
        check(5, "漢字、漢字。", "漢|字、|漢|字。");
        check(1, "漢a字", "漢|a|字");
        check(1, "a b", "a|b");
        check(0, "ab", "a|b");
        check(5, "", "");
        check(5, "a\u{a0}b c", "a\u{a0}b c");
        check(3, "          x", "x");
    }

    #[test]
    fn code_keeps_its_white_space() {
        let check = |columns: usize, text: &str, expect: &str| {
            assert_eq!(rows(&Wrap::to(columns).keep_spaces(), text).join("|"), expect, "{text:?}");
        };

        check(8, "    let x = 1;", "    let |x = 1;");
        check(4, "a      b", "a   |   b");
        check(4, "abcdefg h", "abcd|efg |h");
    }

    #[test]
    fn further_rows_hang() {
        let wrap = Wrap::to(12).indent("- ", "  ");

        assert_eq!(rows(&wrap, "a point with words").join("|"), "- a point|  with words");
        assert_eq!(rows(&Wrap::to(3).indent("123456", "123456"), "ab").join("|"), "1…a|1…b");
    }

    #[test]
    fn links_are_told_by_column() {
        let address: Arc<str> = "http://x".into();
        let link = Piece {
            link: Some(address.clone()),
            ..Piece::new("two words", Style::new())
        };
        let rows = Wrap::to(8).indent("> ", "> ").pieces([Piece::new("a ", Style::new()), link]);

        let found: Vec<_> = rows
            .iter()
            .map(|row| (plain(&row.line), row.links.clone(), row.continues))
            .collect();
        let expect = |columns| {
            vec![Link {
                columns,
                address: address.clone(),
            }]
        };
        assert_eq!(
            found,
            [
                ("> a two".to_owned(), expect(4..7), false),
                ("> words".to_owned(), expect(2..7), true)
            ]
        );
    }

    fn words() -> impl Strategy<Value = String> {
        let word = prop_oneof![
            "[a-z]{1,12}",
            "[漢字、（a]{1,6}",
            "\\PC{0,4}",
            Just("e\u{301}".to_owned()),
            " {1,9}",
            Just("\u{1100}".repeat(9))
        ];
        proptest::collection::vec(word, 0..12).prop_map(|words| words.join(" "))
    }

    fn without_spaces(text: &str) -> String {
        text.chars().filter(|c| !is_space(*c)).collect()
    }

    proptest! {
        #[test]
        fn no_text_is_lost_or_reordered(texts in proptest::collection::vec(words(), 1..4), columns in 0_usize..30) {
            let line = Line::from(texts.iter().enumerate().map(|(at, text)| {
                Span::styled(text.clone(), Style::new().fg(ratatui::style::Color::Indexed(u8::try_from(at).unwrap())))
            }).collect::<Vec<_>>());

            let folded = Wrap::to(columns).line(&line);
            let kept = Wrap::to(columns).keep_spaces().line(&line);

            prop_assert_eq!(without_spaces(&folded.iter().map(plain).collect::<String>()), without_spaces(&texts.concat()));
            prop_assert_eq!(kept.iter().map(plain).collect::<String>(), texts.concat());
        }

        #[test]
        fn rows_fit_unless_a_single_character_does_not(text in words(), columns in 0_usize..30) {
            let wrap = Wrap::to(columns).indent("> ", "  ");
            for wrap in [wrap.clone(), wrap.keep_spaces(), Wrap::to(columns)] {
                for row in rows(&wrap, &text) {
                    let alone = units(&row).filter(|(_, columns)| *columns > 0).count() <= 3;
                    prop_assert!(width(&row) <= columns || columns < 5 && alone, "{row:?} in {columns}");
                }
            }
        }

        #[test]
        fn a_word_breaks_only_if_it_is_wider_than_a_row(words in proptest::collection::vec("[a-z]{1,12}", 1..12), columns in 12_usize..30) {
            let rows = rows(&Wrap::to(columns), &words.join(" "));
            let found: Vec<String> = rows.iter().flat_map(|row| row.split(' ')).map(str::to_owned).collect();

            prop_assert_eq!(found, words);
        }
    }
}
