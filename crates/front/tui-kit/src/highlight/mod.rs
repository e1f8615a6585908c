//! Code in colours: a line in, the roles of its parts out.
//!
//! A lexer with a table of languages ([`grammars`]), which knows comments, texts, numbers, words and marks, and no syntax. A hunk of a
//! diff, which begins in the middle of something, is coloured as well as a whole file. The table is read once, in 4 ms even without
//! optimisation. Grammars with regular expressions (syntect with the collection of `bat`) were measured: 3.2 MB of program, 20 ms for the
//! first line and 0.13 ms for every further one, which a screen that is drawn in 16 ms cannot spare.

mod grammars;

use crate::cells::Piece;
use crate::theme::{Role, Theme};
use grammars::{Form, GRAMMARS, Grammar, Text};
use std::borrow::Cow;
use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

/// A longer line is shown plain: nobody reads it.
const LINE_BYTES_MAX: usize = 4096;
/// Code behind this many bytes is shown plain.
const CODE_BYTES_MAX: usize = 1024 * 1024;

/// Colours the lines of one piece of code, in their order.
#[derive(Debug, Clone)]
pub struct Highlighter {
    language: Option<Language>,
    state: State,
    bytes: usize,
}

#[derive(Debug, Clone)]
struct Language {
    grammar: &'static Grammar,
    words: Arc<HashMap<&'static str, Role>>,
}

/// What the next line begins in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Code,
    Comment {
        close: &'static str,
        open: &'static str,
        depth: usize,
    },
    Text(&'static Text),
    /// Inside `<tag ...`.
    Tag,
}

/// A part of a line and what it is. What lies between the parts is plain text.
pub type Part = (Range<usize>, Role);

impl Highlighter {
    /// For a language by the name that stands behind a fence. An unknown one is shown plain.
    pub fn new(language: &str) -> Self {
        let name = language.trim().trim_start_matches('.').to_ascii_lowercase();
        Self::with(GRAMMARS.iter().find(|grammar| grammar.names.split(' ').any(|known| known == name)))
    }

    /// For a file by its name.
    pub fn for_path(path: &str) -> Self {
        let file = path.rsplit(['/', '\\']).next().unwrap_or_default();
        let extension = file.rsplit_once('.').map_or("", |(_, extension)| extension);
        let whole = Self::new(file);
        if whole.language.is_some() { whole } else { Self::new(extension) }
    }

    fn with(grammar: Option<&'static Grammar>) -> Self {
        let language = grammar.map(|grammar| {
            let lists = [
                (grammar.keywords.as_str(), Role::Keyword),
                (grammar.types.as_str(), Role::Type),
                (grammar.constants.as_str(), Role::Constant),
            ];
            let words = lists
                .iter()
                .flat_map(|(list, role)| list.split_whitespace().map(|word| (word, *role)));
            Language {
                grammar,
                words: Arc::new(words.collect()),
            }
        });
        Self {
            language,
            state: State::Code,
            bytes: 0,
        }
    }

    /// The pieces of the next line.
    pub fn line<'a>(&mut self, line: &'a str, theme: &Theme) -> Vec<Piece<'a>> {
        let text = theme.style(Role::Text);
        let mut pieces = Vec::new();
        let mut end = 0;
        for (range, role) in self.parts(line) {
            if range.start > end {
                pieces.push(Piece::new(&line[end..range.start], text));
            }
            pieces.push(Piece::new(&line[range.clone()], text.patch(theme.style(role))));
            end = range.end;
        }
        if end < line.len() || pieces.is_empty() {
            pieces.push(Piece::new(&line[end..], text));
        }
        pieces
    }

    /// The parts of the next line that are something, in order.
    pub fn parts(&mut self, line: &str) -> Vec<Part> {
        self.bytes = self.bytes.saturating_add(line.len());
        let Some(language) = self
            .language
            .clone()
            .filter(|_| line.len() <= LINE_BYTES_MAX && self.bytes <= CODE_BYTES_MAX)
        else {
            return Vec::new();
        };
        let mut lexer = Lexer {
            line,
            at: 0,
            parts: Vec::new(),
            language: &language,
            state: self.state,
        };
        match language.grammar.form {
            Form::Diff => lexer.diff(),
            Form::Markup => lexer.markup(),
            Form::Code | Form::Shell | Form::Settings => lexer.code(),
        }
        self.state = lexer.state;
        lexer.parts
    }
}

struct Lexer<'l> {
    line: &'l str,
    at: usize,
    parts: Vec<Part>,
    language: &'l Language,
    state: State,
}

impl<'l> Lexer<'l> {
    fn rest(&self) -> &'l str {
        &self.line[self.at..]
    }

    /// Makes the next bytes a part.
    fn take(&mut self, bytes: usize, role: Role) {
        let range = self.at..self.at + bytes;
        self.at = range.end;
        if range.is_empty() {
            return;
        }
        match self
            .parts
            .last_mut()
            .filter(|(last, other)| last.end == range.start && *other == role)
        {
            Some((last, _)) => last.end = range.end,
            None => self.parts.push((range, role)),
        }
    }

    fn skip(&mut self, bytes: usize) {
        self.at += bytes;
    }

    fn diff(&mut self) {
        let role = match self.line.as_bytes().first() {
            Some(b'+') => Some(Role::DiffAdded),
            Some(b'-') => Some(Role::DiffRemoved),
            Some(b'@') => Some(Role::DiffHunk),
            _ if self.line.starts_with("diff ") || self.line.starts_with("index ") => Some(Role::Comment),
            _ => None,
        };
        role.into_iter().for_each(|role| self.take(self.line.len(), role));
    }

    fn code(&mut self) {
        self.go_on();
        if self.state == State::Code && self.at == 0 {
            self.line_start();
        }
        while self.at < self.line.len() && self.state == State::Code {
            self.token();
            self.go_on();
        }
    }

    /// Finishes the comment or text that the line is in, as far as it ends here.
    fn go_on(&mut self) {
        match self.state {
            State::Comment { close, open, depth } => {
                let mut depth = depth;
                let mut length = 0;
                let rest = self.rest();
                while length < rest.len() && depth > 0 {
                    if rest[length..].starts_with(close) {
                        depth -= 1;
                        length += close.len();
                    } else if self.language.grammar.nested_comments && rest[length..].starts_with(open) {
                        depth += 1;
                        length += open.len();
                    } else {
                        length += char_length(&rest[length..]);
                    }
                }
                self.take(length, Role::Comment);
                self.state = if depth == 0 {
                    State::Code
                } else {
                    State::Comment { close, open, depth }
                };
            }
            State::Text(text) => {
                let rest = self.rest();
                let length = text_end(rest, text);
                self.state = match length {
                    Some(_) => State::Code,
                    None if text.lines => State::Text(text),
                    None => State::Code,
                };
                self.take(length.unwrap_or(rest.len()), Role::String);
            }
            State::Code | State::Tag => {}
        }
    }

    /// What only the start of a line tells: keys and sections of settings, preprocessor lines.
    fn line_start(&mut self) {
        let grammar = self.language.grammar;
        let indent = self.line.len() - self.line.trim_start().len();
        let rest = &self.line[indent..];
        if grammar.preprocessor && rest.starts_with('#') {
            let word = rest[1..]
                .trim_start()
                .find(|c: char| !c.is_alphanumeric())
                .map_or(rest.len(), |end| rest.len() - rest[1..].trim_start().len() + end);
            self.skip(indent);
            self.take(word, Role::Attribute);
            return;
        }
        if grammar.form != Form::Settings {
            return;
        }
        self.skip(indent);
        if rest.starts_with('[') && !rest.contains(',') {
            self.take(rest.find(']').map_or(rest.len(), |end| end + 1), Role::Type);
            return;
        }
        while self.rest().starts_with("- ") {
            self.take(1, Role::Punctuation);
            let spaces = self.rest().len() - self.rest().trim_start().len();
            self.skip(spaces);
        }
        let rest = self.rest();
        let key = rest.find(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | '/' | '"' | '\'' | '$' | '<' | '*' | ' ')));
        if let Some(end) = key.filter(|end| *end > 0) {
            let behind = &rest[end..];
            let settles = behind.starts_with('=') || behind.starts_with(':') && matches!(behind.as_bytes().get(1), None | Some(b' '));
            if settles {
                let name = rest[..end].trim_end().len();
                self.take(name, Role::Property);
            }
        }
    }

    fn token(&mut self) {
        let grammar = self.language.grammar;
        let rest = self.rest();
        let Some(first) = rest.chars().next() else { return };
        let word_before = self.line[..self.at]
            .chars()
            .next_back()
            .is_some_and(|c| c.is_alphanumeric() || c == '_');
        let at_word = grammar.form != Form::Shell && grammar.form != Form::Settings
            || self.at == 0
            || self.line[..self.at].ends_with([' ', ';', '(']);
        if at_word && grammar.line_comments.split_whitespace().any(|open| rest.starts_with(open)) {
            let length = rest.len();
            return self.take(length, Role::Comment);
        }
        if let Some((open, close)) = grammar.block_comments.iter().find(|(open, _)| rest.starts_with(open)) {
            self.state = State::Comment { close, open, depth: 1 };
            return self.take(open.len(), Role::Comment);
        }
        if let Some(text) = grammar.texts.iter().find(|text| rest.starts_with(&text.open)) {
            return self.text(text);
        }
        if grammar.lifetimes && first == '\'' {
            return self.lifetime_or_character();
        }
        if matches!(first, '$' | '@') && grammar.sigils.contains(first) {
            return self.sigil(first);
        }
        if grammar.attributes && (rest.starts_with("#[") || rest.starts_with("#![")) {
            let length = rest.find(']').map_or(rest.len(), |end| end + 1);
            return self.take(length, Role::Attribute);
        }
        if first.is_ascii_digit() && !word_before {
            return self.number();
        }
        if first.is_alphabetic() || first == '_' {
            return self.word();
        }
        let role = match first {
            '(' | ')' | '[' | ']' | '{' | '}' | ',' | ';' | '.' | ':' => Some(Role::Punctuation),
            c if c.is_ascii_punctuation() => Some(Role::Operator),
            _ => None,
        };
        match role {
            Some(role) => self.take(first.len_utf8(), role),
            None => self.skip(first.len_utf8()),
        }
    }

    /// A text that begins here; one in front of a colon is a key where the language has such keys.
    fn text(&mut self, text: &'static Text) {
        let rest = self.rest();
        let inside = &rest[text.open.len()..];
        if let Some(length) = text_end(inside, text) {
            let length = text.open.len() + length;
            let key = self.language.grammar.keys && rest[length..].trim_start().starts_with(':');
            return self.take(length, if key { Role::Property } else { Role::String });
        }
        self.take(text.open.len(), Role::String);
        self.state = State::Text(text);
    }

    fn lifetime_or_character(&mut self) {
        let rest = self.rest();
        let mut characters = rest[1..].char_indices();
        let first = characters.next();
        let closes = match first {
            Some((_, '\\')) => rest[1..].char_indices().skip(2).find(|(_, c)| *c == '\'').map(|(at, _)| at),
            Some((_, _)) => characters.next().filter(|(_, c)| *c == '\'').map(|(at, _)| at),
            None => None,
        };
        match closes {
            Some(at) => self.take(at + 2, Role::String),
            None => {
                let length = rest[1..]
                    .find(|c: char| !c.is_alphanumeric() && c != '_')
                    .map_or(rest.len(), |end| end + 1);
                self.take(length, Role::Attribute);
            }
        }
    }

    fn sigil(&mut self, sigil: char) {
        let rest = self.rest();
        let braced = rest[1..].starts_with('{');
        let length = if braced {
            rest.find('}').map_or(rest.len(), |end| end + 1)
        } else {
            rest[1..]
                .find(|c: char| !c.is_alphanumeric() && c != '_' && c != '.' || c == '.' && sigil == '$')
                .map_or(rest.len(), |end| end + 1)
        };
        let role = if sigil == '$' { Role::Variable } else { Role::Attribute };
        self.take(length, role);
    }

    fn number(&mut self) {
        let rest = self.rest();
        let mut end = 0;
        let mut before = ' ';
        for c in rest.chars() {
            let exponent = matches!(c, '+' | '-') && matches!(before, 'e' | 'E') && !rest.starts_with("0x");
            let range = c == '.' && rest[end..].starts_with("..");
            if !(c.is_ascii_alphanumeric() || c == '_' || c == '.' || exponent) || range {
                break;
            }
            end += c.len_utf8();
            before = c;
        }
        self.take(end, Role::Number);
    }

    fn word(&mut self) {
        let grammar = self.language.grammar;
        let rest = self.rest();
        let part_of_word = |c: char| c.is_alphanumeric() || c == '_' || grammar.word_characters.contains(c);
        let length = rest.find(|c| !part_of_word(c)).unwrap_or(rest.len());
        let (word, behind) = rest.split_at(length);
        // `r"..."`, `f'...'`: the letters belong to the text.
        let prefix = grammar.text_prefixes && length <= 2 && behind.starts_with(['"', '\'']);
        if prefix && let Some(text) = grammar.texts.iter().find(|text| behind.starts_with(&text.open)) {
            self.take(length, Role::String);
            return self.text(text);
        }
        let lowercase = if grammar.any_case {
            Cow::Owned(word.to_ascii_lowercase())
        } else {
            Cow::Borrowed(word)
        };
        let before = self.line[..self.at].chars().next_back();
        let is_member = before == Some('.') && !self.line[..self.at].ends_with("..");
        let known = self.language.words.get(lowercase.as_ref()).copied().filter(|_| !is_member);
        let calls = grammar.form == Form::Code && (behind.starts_with('(') || behind.starts_with("!(") || behind.starts_with("::<"));
        let first_upper = word.starts_with(char::is_uppercase);
        let all_upper = word.len() > 1 && first_upper && !word.contains(char::is_lowercase);
        let role = match known {
            Some(role) => Some(role),
            None if grammar.form != Form::Code => None,
            None if grammar.keys && behind.starts_with(':') && !behind.starts_with("::") => Some(Role::Property),
            None if all_upper && !grammar.any_case => Some(Role::Constant),
            None if first_upper && grammar.upper_types => Some(Role::Type),
            None if calls => Some(Role::Function),
            None if is_member => Some(Role::Property),
            None => None,
        };
        match role {
            Some(role) => self.take(length, role),
            None => self.skip(length),
        }
    }

    fn markup(&mut self) {
        while self.at < self.line.len() {
            match self.state {
                State::Comment { .. } | State::Text(_) => {
                    let in_tag = matches!(self.state, State::Text(_));
                    self.go_on();
                    if in_tag && self.state == State::Code {
                        self.state = State::Tag;
                    }
                }
                State::Code => self.markup_text(),
                State::Tag => self.tag(),
            }
        }
    }

    fn markup_text(&mut self) {
        let rest = self.rest();
        if rest.starts_with("<!--") {
            self.state = State::Comment {
                close: "-->",
                open: "<!--",
                depth: 1,
            };
            return self.take(4, Role::Comment);
        }
        let is_name = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | ':' | '.');
        if let Some(inside) = rest.strip_prefix('<') {
            let mark = 1 + usize::from(inside.starts_with(['/', '!', '?']));
            let name = rest[mark..].find(|c| !is_name(c)).unwrap_or(rest.len() - mark);
            if name > 0 {
                self.take(mark, Role::Punctuation);
                self.take(name, Role::Tag);
                self.state = State::Tag;
                return;
            }
        }
        if rest.starts_with('&')
            && let Some(end) = rest.find(';').filter(|end| *end < 12)
        {
            return self.take(end + 1, Role::Constant);
        }
        let length = rest
            .char_indices()
            .skip(1)
            .find(|(_, c)| matches!(c, '<' | '&'))
            .map_or(rest.len(), |(at, _)| at);
        self.skip(length);
    }

    fn tag(&mut self) {
        let rest = self.rest();
        let Some(first) = rest.chars().next() else { return };
        if let Some(text) = self.language.grammar.texts.iter().find(|text| rest.starts_with(&text.open)) {
            self.text(text);
            if self.state == State::Code {
                self.state = State::Tag;
            }
            return;
        }
        match first {
            '>' => {
                self.take(1, Role::Punctuation);
                self.state = State::Code;
            }
            '/' | '?' | '=' => self.take(1, Role::Punctuation),
            c if c.is_whitespace() => self.skip(c.len_utf8()),
            _ => {
                let length = rest
                    .find(|c: char| c.is_whitespace() || matches!(c, '=' | '>' | '/' | '"' | '\''))
                    .unwrap_or(rest.len());
                self.take(length.max(first.len_utf8()), Role::Attribute);
            }
        }
    }
}

/// Bytes up to and with the end of a text.
fn text_end(rest: &str, text: &Text) -> Option<usize> {
    let mut at = 0;
    while at < rest.len() {
        if text.escapes && rest[at..].starts_with('\\') {
            at += 1;
            at += char_length(&rest[at..]);
        } else if rest[at..].starts_with(&text.close) {
            return Some(at + text.close.len());
        } else {
            at += char_length(&rest[at..]);
        }
    }
    None
}

/// Of the first character; 0 at the end.
fn char_length(text: &str) -> usize {
    text.chars().next().map_or(0, char::len_utf8)
}

#[cfg(test)]
mod tests;
