//! Places in a text as Vim counts them: motions and text objects. Pure.
//!
//! A position is the byte at which a unit begins. A unit is a grapheme, or a piece that stands for more and is never entered.

use std::ops::Range;
use unicode_segmentation::UnicodeSegmentation;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Class {
    Blank,
    LineFeed,
    Word,
    Punctuation,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Unit {
    start: usize,
    end: usize,
    class: Class,
    first: char,
}

/// A text cut into units.
#[derive(Debug)]
pub struct Text<'t> {
    text: &'t str,
    units: Vec<Unit>,
}

/// Which words: of letters and digits, or of everything that is not blank.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Word {
    Small,
    Big,
}

/// A search for a character of the line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CharSearch {
    pub wanted: char,
    pub forward: bool,
    /// Stop before it.
    pub till: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Motion {
    Left,
    Right,
    /// A line of the text, not of the window.
    Up,
    Down,
    WordStart(Word),
    WordBack(Word),
    WordEnd(Word),
    /// As [`Motion::WordEnd`], but where a word ends already it stays.
    WordEndHere(Word),
    LineStart,
    FirstOfLine,
    LineEnd,
    /// A line by number, from 1; without one the first or the last.
    Line {
        number: Option<usize>,
        last: bool,
    },
    Char(CharSearch),
    Pair,
    ParagraphBack,
    ParagraphForward,
    Search {
        query: String,
        forward: bool,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Object {
    Word(Word),
    Quotes(char),
    /// By the opening one.
    Brackets(char),
}

/// Where a motion leads, and what an operator takes on the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Target {
    pub at: usize,
    pub takes: Takes,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Takes {
    UpTo,
    /// The character at the target, too.
    Including,
    Lines,
}

impl<'t> Text<'t> {
    /// `pieces` are never entered; they lie in order.
    pub fn new(text: &'t str, pieces: impl IntoIterator<Item = Range<usize>>) -> Self {
        let mut pieces = pieces.into_iter().peekable();
        let mut units: Vec<Unit> = Vec::new();
        for (start, grapheme) in text.grapheme_indices(true) {
            let end = start + grapheme.len();
            while pieces.next_if(|piece| piece.end <= start).is_some() {}
            let in_piece = pieces.peek().is_some_and(|piece| piece.start < end);
            if in_piece
                && let Some(last) = units.last_mut().filter(|last| {
                    pieces
                        .peek()
                        .is_some_and(|piece| piece.start <= last.start && last.start < piece.end)
                })
            {
                last.end = end;
                continue;
            }
            let first = grapheme.chars().next().unwrap_or(' ');
            let class = match first {
                _ if in_piece => Class::Word,
                '\n' | '\r' => Class::LineFeed,
                c if c.is_whitespace() => Class::Blank,
                c if c.is_alphanumeric() || c == '_' => Class::Word,
                _ => Class::Punctuation,
            };
            units.push(Unit {
                start,
                end,
                class,
                first: if in_piece { '\u{fffc}' } else { first },
            });
        }
        Self { text, units }
    }

    /// The unit that holds or follows this byte; their number at the end.
    fn index(&self, at: usize) -> usize {
        self.units.partition_point(|unit| unit.end <= at)
    }

    fn byte(&self, index: usize) -> usize {
        self.units.get(index).map_or(self.text.len(), |unit| unit.start)
    }

    fn class(&self, index: usize, word: Word) -> Option<Class> {
        let class = self.units.get(index)?.class;
        Some(if word == Word::Big && class == Class::Punctuation {
            Class::Word
        } else {
            class
        })
    }

    /// The end of the unit at this byte.
    pub fn end_of(&self, at: usize) -> usize {
        self.units.get(self.index(at)).map_or(self.text.len(), |unit| unit.end)
    }

    pub fn line_start(&self, at: usize) -> usize {
        self.text[..at].rfind('\n').map_or(0, |line_feed| line_feed + 1)
    }

    /// The line feed, or the end of the text.
    pub fn line_end(&self, at: usize) -> usize {
        self.text[at..].find('\n').map_or(self.text.len(), |line_feed| at + line_feed)
    }

    /// Where the cursor may stand in normal mode: on a character, or in an empty line.
    pub fn on_character(&self, at: usize) -> usize {
        let at = self.byte(self.index(at.min(self.text.len()))).min(at);
        let (start, end) = (self.line_start(at), self.line_end(at));
        if at < end || start == end { at } else { self.before(at).max(start) }
    }

    /// The unit before this byte.
    pub fn before(&self, at: usize) -> usize {
        let index = self.units.partition_point(|unit| unit.start < at);
        index.checked_sub(1).map_or(0, |index| self.units[index].start)
    }

    /// The first character of the line that is not blank.
    pub fn first_of_line(&self, at: usize) -> usize {
        let (start, end) = (self.line_start(at), self.line_end(at));
        let blank = self.text[start..end].find(|c: char| !c.is_whitespace());
        blank.map_or(end, |blank| start + blank)
    }

    /// Where `count` times this motion leads; none if it cannot.
    pub fn motion(&self, motion: &Motion, at: usize, count: usize) -> Option<Target> {
        let up_to = |at| Some(Target { at, takes: Takes::UpTo });
        let including = |at| {
            Some(Target {
                at,
                takes: Takes::Including,
            })
        };
        let lines = |at| Some(Target { at, takes: Takes::Lines });
        let (start, end) = (self.line_start(at), self.line_end(at));
        match motion {
            Motion::Left => up_to(self.byte(self.index(at).saturating_sub(count)).max(start)),
            Motion::Right => up_to(self.byte(self.index(at).saturating_add(count)).min(end)),
            Motion::Up => lines(self.other_line(at, count, true)?),
            Motion::Down => lines(self.other_line(at, count, false)?),
            Motion::WordStart(word) => up_to(self.repeat(at, count, |index| self.word_start(index, *word))),
            Motion::WordBack(word) => up_to(self.repeat(at, count, |index| self.word_back(index, *word))),
            Motion::WordEnd(word) => including(self.repeat(at, count, |index| self.word_end(index, *word))),
            Motion::WordEndHere(word) => {
                let first = self.byte(self.end_of_run(self.index(at), *word));
                including(if count > 1 {
                    self.repeat(first, count - 1, |index| self.word_end(index, *word))
                } else {
                    first
                })
            }
            Motion::LineStart => up_to(start),
            Motion::FirstOfLine => up_to(self.first_of_line(at)),
            Motion::LineEnd => {
                let line = if count > 1 { self.other_line(start, count - 1, false)? } else { at };
                up_to(self.line_end(line))
            }
            Motion::Line { number, last } => lines(self.numbered_line(*number, *last)),
            Motion::Char(search) => self.char_search(*search, at, count),
            Motion::Pair => including(self.pair(at)?),
            Motion::ParagraphBack => up_to(self.repeat(at, count, |index| self.paragraph(index, false))),
            Motion::ParagraphForward => up_to(self.repeat(at, count, |index| self.paragraph(index, true))),
            Motion::Search { query, forward } => {
                let mut at = at;
                for _ in 0..count.min(1000) {
                    at = self.search(query, at, *forward)?;
                }
                up_to(at)
            }
        }
    }

    fn repeat(&self, at: usize, count: usize, step: impl Fn(usize) -> usize) -> usize {
        let mut index = self.index(at);
        for _ in 0..count {
            let next = step(index);
            if next == index {
                break;
            }
            index = next;
        }
        self.byte(index)
    }

    fn word_start(&self, index: usize, word: Word) -> usize {
        let mut index = index;
        let class = self.class(index, word);
        if matches!(class, Some(Class::Word | Class::Punctuation)) {
            while self.class(index, word) == class {
                index += 1;
            }
        } else if class == Some(Class::LineFeed) {
            index += 1;
        }
        loop {
            match self.class(index, word) {
                Some(Class::Blank) => index += 1,
                // An empty line is a word.
                Some(Class::LineFeed) if self.class(index.wrapping_sub(1), word) != Some(Class::LineFeed) => index += 1,
                _ => return index,
            }
        }
    }

    fn word_back(&self, index: usize, word: Word) -> usize {
        let mut index = index;
        while let Some(before) = index.checked_sub(1) {
            match self.class(before, word) {
                Some(Class::Blank) => index = before,
                Some(Class::LineFeed) => {
                    index = before;
                    if before == 0 || self.class(before - 1, word) == Some(Class::LineFeed) {
                        return index;
                    }
                }
                class => {
                    while index.checked_sub(1).is_some_and(|before| self.class(before, word) == class) {
                        index -= 1;
                    }
                    return index;
                }
            }
        }
        index
    }

    fn word_end(&self, index: usize, word: Word) -> usize {
        let mut index = index + 1;
        while matches!(self.class(index, word), Some(Class::Blank | Class::LineFeed)) {
            index += 1;
        }
        self.end_of_run(index, word).min(self.units.len().saturating_sub(1))
    }

    fn end_of_run(&self, index: usize, word: Word) -> usize {
        let mut index = index;
        let class = self.class(index, word);
        while class.is_some() && self.class(index + 1, word) == class {
            index += 1;
        }
        index
    }

    /// Whether a word, not white space, is at this byte.
    pub fn is_in_word(&self, at: usize) -> bool {
        self.units
            .get(self.index(at))
            .is_some_and(|unit| matches!(unit.class, Class::Word | Class::Punctuation))
    }

    /// Columns are units here; wide characters move the cursor a little.
    fn other_line(&self, at: usize, count: usize, up: bool) -> Option<usize> {
        let mut start = self.line_start(at);
        let column = self.index(at) - self.index(start);
        for _ in 0..count {
            start = if up {
                self.line_start(start.checked_sub(1)?)
            } else {
                Some(self.line_end(start)).filter(|end| *end < self.text.len())? + 1
            };
        }
        Some(self.byte(self.index(start).saturating_add(column)).min(self.line_end(start)))
    }

    fn numbered_line(&self, number: Option<usize>, last: bool) -> usize {
        let starts: Vec<usize> = std::iter::once(0)
            .chain(self.text.match_indices('\n').map(|(at, _)| at + 1))
            .collect();
        let default = if last { starts.len() } else { 1 };
        let number = number.unwrap_or(default).clamp(1, starts.len());
        self.first_of_line(starts[number - 1])
    }

    fn char_search(&self, search: CharSearch, at: usize, count: usize) -> Option<Target> {
        let (start, end) = (self.index(self.line_start(at)), self.index(self.line_end(at)));
        let here = self.index(at);
        let is_wanted = |index: &usize| self.units[*index].first == search.wanted;
        // A repeated search may already stand before its character.
        let found = if search.forward {
            (here + 1..end).filter(is_wanted).nth(count - 1)?
        } else {
            (start..here).rev().filter(is_wanted).nth(count - 1)?
        };
        let found = match (search.till, search.forward) {
            (false, _) => found,
            (true, true) => found - 1,
            (true, false) => found + 1,
        };
        let takes = if search.forward { Takes::Including } else { Takes::UpTo };
        Some(Target {
            at: self.byte(found),
            takes,
        })
    }

    /// The partner of the first bracket at or behind `at` in its line.
    fn pair(&self, at: usize) -> Option<usize> {
        let end = self.index(self.line_end(at));
        let index = (self.index(at)..end).find(|index| "()[]{}".contains(self.units[*index].first))?;
        let bracket = self.units[index].first;
        let (open, close) = brackets(bracket)?;
        let forward = bracket == open;
        let order: Vec<usize> = if forward {
            (index..self.units.len()).collect()
        } else {
            (0..=index).rev().collect()
        };
        let mut depth = 0;
        for index in order {
            match self.units[index].first {
                c if c == open => depth += if forward { 1 } else { -1 },
                c if c == close => depth += if forward { -1 } else { 1 },
                _ => continue,
            }
            if depth == 0 {
                return Some(self.byte(index));
            }
        }
        None
    }

    /// The next empty line, or the edge of the text.
    fn paragraph(&self, index: usize, forward: bool) -> usize {
        let is_line_feed = |index: usize| self.units.get(index).is_some_and(|unit| unit.class == Class::LineFeed);
        let is_empty = |index: usize| is_line_feed(index) && (index == 0 || is_line_feed(index - 1));
        if forward {
            let behind = (index..self.units.len())
                .find(|index| !is_empty(*index))
                .unwrap_or(self.units.len());
            return (behind + 1..self.units.len())
                .find(|index| is_empty(*index))
                .unwrap_or(self.units.len());
        }
        let before = (0..index).rev().find(|index| !is_empty(*index)).unwrap_or(0);
        (0..before).rev().find(|index| is_empty(*index)).unwrap_or(0)
    }

    /// The next occurrence, round the end of the text. Upper and lower case are the same unless the query has an upper case letter.
    fn search(&self, query: &str, at: usize, forward: bool) -> Option<usize> {
        let exact = query.chars().any(char::is_uppercase);
        let fold = |c: char| if exact { c } else { c.to_lowercase().next().unwrap_or(c) };
        let wanted: Vec<char> = query.chars().map(fold).collect();
        if wanted.is_empty() {
            return None;
        }
        let matches = |start: usize| {
            let mut characters = self.text[start..].chars().map(fold);
            wanted.iter().all(|wanted| characters.next() == Some(*wanted))
        };
        let found: Vec<usize> = self.units.iter().map(|unit| unit.start).filter(|start| matches(*start)).collect();
        let next = if forward {
            found.iter().find(|start| **start > at).or(found.first())
        } else {
            found.iter().rev().find(|start| **start < at).or(found.last())
        };
        next.copied()
    }

    /// What an object takes around `at`: the inside, or what belongs to it as well.
    pub fn object(&self, object: Object, around: bool, at: usize) -> Option<Range<usize>> {
        match object {
            Object::Word(word) => self.word_object(word, around, at),
            Object::Quotes(quote) => self.quotes(quote, around, at),
            Object::Brackets(open) => self.around_brackets(open, around, at),
        }
    }

    fn word_object(&self, word: Word, around: bool, at: usize) -> Option<Range<usize>> {
        let index = self.index(at);
        let class = self.class(index, word).filter(|class| *class != Class::LineFeed)?;
        let same = |index: usize, class: Class| self.class(index, word) == Some(class);
        let run = |from: usize, class: Class| {
            (from..)
                .take_while(|index| same(*index, class))
                .last()
                .map_or(from, |last| last + 1)
        };
        let mut start = index;
        while start > 0 && same(start - 1, class) {
            start -= 1;
        }
        let mut end = run(index, class);
        if around && class == Class::Blank {
            // Blanks, and the word behind them.
            end = self
                .class(end, word)
                .filter(|class| *class != Class::LineFeed)
                .map_or(end, |class| run(end, class));
        } else if around && same(end, Class::Blank) {
            end = run(end, Class::Blank);
        } else if around {
            while start > 0 && same(start - 1, Class::Blank) {
                start -= 1;
            }
        }
        Some(self.byte(start)..self.byte(end))
    }

    /// Quotes pair up from the start of the line. The pair around the cursor, or the next one.
    fn quotes(&self, quote: char, around: bool, at: usize) -> Option<Range<usize>> {
        let (first, last) = (self.index(self.line_start(at)), self.index(self.line_end(at)));
        let mut escaped = false;
        let mut found = Vec::new();
        for unit in &self.units[first..last] {
            if !escaped && unit.first == quote {
                found.push(*unit);
            }
            escaped = !escaped && unit.first == '\\';
        }
        let pair = found.chunks_exact(2).find(|pair| pair[1].end > at)?;
        if !around {
            return Some(pair[0].end..pair[1].start);
        }
        let blank = |text: &str| text.len() - text.trim_start_matches([' ', '\t']).len();
        Some(pair[0].start..pair[1].end + blank(&self.text[pair[1].end..]))
    }

    fn around_brackets(&self, open: char, around: bool, at: usize) -> Option<Range<usize>> {
        let (open, close) = brackets(open)?;
        let index = self.index(at).min(self.units.len().checked_sub(1)?);
        let mut depth = 0;
        let start = (0..=index).rev().find(|at| {
            let first = self.units[*at].first;
            if first == open {
                depth -= 1;
            } else if first == close && *at != index {
                depth += 1;
            }
            depth < 0
        })?;
        let mut depth = 0;
        let end = (start..self.units.len()).find(|at| {
            let first = self.units[*at].first;
            depth += i32::from(first == open) - i32::from(first == close);
            depth == 0
        })?;
        let (start, end) = (self.units[start], self.units[end]);
        Some(if around { start.start..end.end } else { start.end..end.start })
    }
}

fn brackets(bracket: char) -> Option<(char, char)> {
    [('(', ')'), ('[', ']'), ('{', '}'), ('<', '>')]
        .into_iter()
        .find(|(open, close)| *open == bracket || *close == bracket)
}
