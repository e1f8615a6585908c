//! Where the old lines of a chunk stand in a file.
//!
//! Four passes, each over the whole file, the strictest first; what counts as equal grows from pass to pass. The lines are numbered
//! by their text once per pass, so a search compares numbers and begins at the rarest line: a thousand chunks cost little more than
//! one.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::collections::HashMap;

/// What counts as equal.
#[derive(Debug, Clone, Copy)]
enum Pass {
    Exact,
    /// Blanks at the end do not count.
    TrailingBlanks,
    /// Blanks at both ends do not count.
    OuterBlanks,
    /// As before, and typographic dashes, quotes and spaces are their ASCII relatives.
    Typography,
}

const PASSES: [Pass; 4] = [Pass::Exact, Pass::TrailingBlanks, Pass::OuterBlanks, Pass::Typography];

impl Pass {
    fn key(self, text: &str) -> Cow<'_, str> {
        match self {
            Self::Exact => Cow::Borrowed(text),
            Self::TrailingBlanks => Cow::Borrowed(text.trim_end()),
            Self::OuterBlanks => Cow::Borrowed(text.trim()),
            Self::Typography if text.is_ascii() => Cow::Borrowed(text.trim()),
            Self::Typography => Cow::Owned(text.trim().chars().map(ascii_relative).collect()),
        }
    }
}

fn ascii_relative(character: char) -> char {
    match character {
        '\u{2010}'..='\u{2015}' | '\u{2212}' => '-',
        '\u{2018}'..='\u{201B}' => '\'',
        '\u{201C}'..='\u{201F}' => '"',
        '\u{00A0}' | '\u{2002}'..='\u{200A}' | '\u{202F}' | '\u{205F}' | '\u{3000}' => ' ',
        other => other,
    }
}

/// The lines of one file, ready to be searched.
pub struct Finder<'t> {
    lines: Vec<&'t str>,
    indexes: [OnceCell<Index<'t>>; PASSES.len()],
}

/// The lines as numbers: equal number, equal key.
struct Index<'t> {
    numbers: HashMap<Cow<'t, str>, usize>,
    lines: Vec<usize>,
    /// For each number its lines, ascending.
    places: Vec<Vec<usize>>,
}

impl<'t> Finder<'t> {
    pub fn new(lines: Vec<&'t str>) -> Self {
        Self {
            lines,
            indexes: [const { OnceCell::new() }; PASSES.len()],
        }
    }

    /// The first place at or behind `from` in the strictest pass that has one. `block` is not empty.
    pub fn first(&self, block: &[&str], from: usize) -> Option<usize> {
        self.passes().find_map(|(pass, index)| index.starts(pass, block, from).next())
    }

    /// Every place at or behind `from` in the strictest pass that has one.
    pub fn all(&self, block: &[&str], from: usize) -> Vec<usize> {
        self.passes()
            .map(|(pass, index)| index.starts(pass, block, from).collect::<Vec<_>>())
            .find(|starts| !starts.is_empty())
            .unwrap_or_default()
    }

    /// The place where `block` ends the file, if it does and does not begin before `from`.
    pub fn at_end(&self, block: &[&str], from: usize) -> Option<usize> {
        let start = self.lines.len().checked_sub(block.len()).filter(|start| *start >= from)?;
        let equal = |pass: Pass| {
            self.lines[start..]
                .iter()
                .zip(block)
                .all(|(line, wanted)| pass.key(line) == pass.key(wanted))
        };
        PASSES.into_iter().any(equal).then_some(start)
    }

    fn passes(&self) -> impl Iterator<Item = (Pass, &Index<'t>)> {
        PASSES
            .into_iter()
            .zip(&self.indexes)
            .map(|(pass, cell)| (pass, cell.get_or_init(|| Index::new(pass, &self.lines))))
    }
}

impl<'t> Index<'t> {
    fn new(pass: Pass, texts: &[&'t str]) -> Self {
        let mut index = Self {
            numbers: HashMap::new(),
            lines: Vec::with_capacity(texts.len()),
            places: Vec::new(),
        };
        for (at, text) in texts.iter().enumerate() {
            let fresh = index.numbers.len();
            let number = *index.numbers.entry(pass.key(text)).or_insert(fresh);
            if number == fresh {
                index.places.push(Vec::new());
            }
            index.places[number].push(at);
            index.lines.push(number);
        }
        index
    }

    fn starts<'a>(&'a self, pass: Pass, block: &[&str], from: usize) -> impl Iterator<Item = usize> + use<'a, 't> {
        let wanted: Option<Vec<usize>> = block.iter().map(|text| self.numbers.get(&pass.key(text)).copied()).collect();
        let wanted = wanted.unwrap_or_default();
        let rarest = (0..wanted.len()).min_by_key(|&offset| self.places[wanted[offset]].len());
        let places = rarest.map_or(&[][..], |offset| &self.places[wanted[offset]]);
        let offset = rarest.unwrap_or(0);
        let first = places.partition_point(|&place| place < from + offset);
        places[first..]
            .iter()
            .map(move |place| place - offset)
            .filter(move |&start| self.lines[start..].starts_with(&wanted))
    }
}
