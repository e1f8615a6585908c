//! Untrusted text (from a model, a command, a file name) made safe to show.
//!
//! - [`prose`] and [`Prose`]: text that is read. Control sequences vanish, other controls get a visible stand-in.
//! - [`label`]: the same on one line, for titles and names in lists.
//! - [`exact`]: text that a person decides about, such as a command or a path. Nothing vanishes: whatever would be
//!   invisible or would change the order of the text is spelled out.
//! - [`Output`]: what a command printed. Colours survive as styles, and a carriage return overwrites as it does in a terminal.
//!
//! Whatever comes out holds no control character but the line feed, changes nothing when it is sanitised again, has at
//! most [`MARKS_MAX`] characters without width in a row, and no bidirectional override.

mod escape;
mod output;

pub use output::Output;

use escape::{Parser, Token};
use std::borrow::Cow;
use std::fmt::Write as _;
use unicode_width::UnicodeWidthChar;

/// Characters without width of their own (accents, joiners, variation selectors) that may stack up in one place.
/// Written languages need up to four, flags of regions seven.
pub const MARKS_MAX: usize = 8;

/// Columns between tab stops in text; the stops of Markdown.
const TAB_COLUMNS: usize = 4;

/// Text to be read. Line feeds stay; see the module for the rest.
pub fn prose(text: &str) -> Cow<'_, str> {
    if is_plain(text) {
        return Cow::Borrowed(text);
    }
    let mut prose = Prose::default();
    let mut clean = prose.push(text).into_owned();
    clean.push_str(prose.finish());
    Cow::Owned(clean)
}

/// Text to be read on one line: every run of white space is one space.
pub fn label(text: &str) -> String {
    let clean = prose(text);
    let mut words = clean.split_whitespace();
    let mut line = words.next().unwrap_or_default().to_owned();
    for word in words {
        line.push(' ');
        line.push_str(word);
    }
    line
}

/// Text to be judged: every character is visible, and in the order in which a program gets it.
///
/// Line feeds stay and tabs become spaces. Other controls show as control pictures (`␛`), what is invisible or
/// could be taken for something else as its number (`⟨U+202E⟩`).
pub fn exact(text: &str) -> Cow<'_, str> {
    if is_plain(text) {
        return Cow::Borrowed(text);
    }
    let mut writer = Writer::default();
    for c in text.chars() {
        match c {
            '\n' | '\t' => writer.write(c),
            _ if c.is_control() => writer.stand_in(c),
            ' ' => writer.write(c),
            // A space of another kind separates no words of a command.
            _ if c.is_whitespace() || is_invisible(c) => writer.spell(c),
            _ if writer.is_mark_too_many(c) => writer.spell(c),
            _ => writer.write(c),
        }
    }
    Cow::Owned(writer.text)
}

/// [`prose`] for text that comes in pieces: the pieces may be cut anywhere.
#[derive(Debug, Clone, Default)]
pub struct Prose {
    parser: Parser,
    writer: Writer,
    carriage_return: bool,
}

impl Prose {
    /// The next piece of clean text. A carriage return at the end is kept back until it is known what follows.
    pub fn push<'a>(&mut self, text: &'a str) -> Cow<'a, str> {
        if self.parser.is_ground() && !self.carriage_return && is_plain(text) {
            self.writer.skip(text);
            return Cow::Borrowed(text);
        }
        for c in text.chars() {
            match self.parser.feed(c) {
                Some(Token::Text(c)) => {
                    if std::mem::take(&mut self.carriage_return) {
                        self.writer.stand_in('\r');
                    }
                    self.writer.prose(c);
                }
                Some(Token::Control('\r')) => self.carriage_return = true,
                Some(Token::Control('\n')) => {
                    self.carriage_return = false;
                    self.writer.write('\n');
                }
                Some(Token::Control(c)) => {
                    if std::mem::take(&mut self.carriage_return) {
                        self.writer.stand_in('\r');
                    }
                    if c == '\t' { self.writer.write(c) } else { self.writer.stand_in(c) }
                }
                Some(Token::Csi { .. }) | None => {}
            }
        }
        Cow::Owned(std::mem::take(&mut self.writer.text))
    }

    /// What was kept back.
    pub fn finish(&mut self) -> &'static str {
        self.parser = Parser::default();
        if std::mem::take(&mut self.carriage_return) { "␍" } else { "" }
    }
}

/// Clean text in the making, and what the next character depends on.
#[derive(Debug, Clone, Default)]
struct Writer {
    text: String,
    column: usize,
    marks: usize,
    joined: bool,
}

impl Writer {
    /// A character that is no control character, in text to be read.
    fn prose(&mut self, c: char) {
        match c {
            '\u{2028}' | '\u{2029}' => self.write('\n'),
            _ if reorders(c) => self.spell(c),
            _ if is_invisible(c) && !is_joiner(c) => {}
            _ if self.is_mark_too_many(c) => {}
            _ => self.write(c),
        }
    }

    fn write(&mut self, c: char) {
        match c {
            '\n' => {
                self.text.push('\n');
                (self.column, self.marks, self.joined) = (0, 0, false);
            }
            '\t' => {
                let spaces = TAB_COLUMNS - self.column % TAB_COLUMNS;
                (0..spaces).for_each(|_| self.write(' '));
            }
            _ => {
                let width = c.width().unwrap_or(0);
                self.text.push(c);
                self.column += width;
                // The pictures that a joiner glues together share one place, and so one allowance.
                self.marks = match width {
                    0 => self.marks + 1,
                    _ if self.joined && !c.is_ascii() && !c.is_whitespace() => self.marks,
                    _ => 0,
                };
                self.joined = c == '\u{200d}' || self.joined && width == 0;
            }
        }
    }

    fn is_mark_too_many(&self, c: char) -> bool {
        c.width() == Some(0) && self.marks >= MARKS_MAX
    }

    /// A control picture where there is one.
    fn stand_in(&mut self, c: char) {
        match c {
            '\0'..='\x1f' => self.write(char::from_u32(0x2400 + c as u32).unwrap_or('␀')),
            '\x7f' => self.write('␡'),
            _ => self.spell(c),
        }
    }

    fn spell(&mut self, c: char) {
        let before = self.text.len();
        // Writing to a string cannot fail.
        let _ = write!(self.text, "⟨U+{:04X}⟩", c as u32);
        self.column += self.text[before..].chars().count();
        (self.marks, self.joined) = (0, false);
    }

    /// Text that was passed on as it is: printable ASCII and line feeds.
    fn skip(&mut self, text: &str) {
        if text.is_empty() {
            return;
        }
        (self.marks, self.joined) = (0, false);
        match text.rfind('\n') {
            Some(at) => self.column = text.len() - at - 1,
            None => self.column += text.len(),
        }
    }
}

/// Printable ASCII and line feeds: the common case, which needs no copy.
fn is_plain(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, b' '..=b'~' | b'\n'))
}

/// Embeddings, overrides and isolates: they show text in another order than it has.
fn reorders(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

fn is_joiner(c: char) -> bool {
    matches!(c, '\u{200c}' | '\u{200d}' | '\u{fe00}'..='\u{fe0f}' | '\u{e0020}'..='\u{e007f}')
}

/// Characters that show nothing, of those that are no controls: format characters, fillers, selectors, tags.
fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}'
        | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
        | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests;
