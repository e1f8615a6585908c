//! Tells control sequences from text, one character at a time, across any split of the input.
//!
//! A string sequence (title, clipboard, image) that never ends would hide everything behind it; here it ends at the line's
//! end at the latest, and after [`STRING_CHARS_MAX`].

/// Characters of one OSC, DCS, APC, PM or SOS string that are swallowed at most.
const STRING_CHARS_MAX: usize = 64 * 1024;
/// Parameters of a control sequence that are kept; a longer sequence has no effect.
const PARAMETER_CHARS_MAX: usize = 128;

/// What the next character completed.
#[derive(Debug, PartialEq, Eq)]
pub enum Token<'a> {
    /// A character that is no control character.
    Text(char),
    /// A C0 or C1 control character, or DEL, outside of any sequence.
    Control(char),
    /// `ESC [ parameters final`.
    Csi { parameters: &'a str, last: char },
}

#[derive(Debug, Clone, Default)]
pub struct Parser {
    state: State,
    parameters: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum State {
    #[default]
    Ground,
    Escape,
    EscapeIntermediate,
    Csi {
        chars: usize,
    },
    String {
        chars: usize,
    },
    /// ESC inside a string: its end, if a backslash follows.
    StringEscape,
}

impl Parser {
    /// Whether the next character is text, not the rest of a sequence.
    pub fn is_ground(&self) -> bool {
        self.state == State::Ground
    }

    /// The token that `c` completes, if it completes one.
    pub fn feed(&mut self, c: char) -> Option<Token<'_>> {
        match (self.state, c) {
            (State::Ground, '\x1b') | (State::Escape | State::EscapeIntermediate | State::Csi { .. }, '\x1b') => self.go(State::Escape),
            (State::Ground, _) => return Some(ground(c)),
            (State::Escape | State::StringEscape, '[') => {
                self.parameters.clear();
                self.go(State::Csi { chars: 0 })
            }
            (State::Escape | State::StringEscape, ']' | 'P' | 'X' | '^' | '_') => self.go(State::String { chars: 0 }),
            (State::Escape | State::StringEscape | State::EscapeIntermediate, ' '..='/') => self.go(State::EscapeIntermediate),
            (State::Escape | State::StringEscape | State::EscapeIntermediate, '0'..='~') => self.go(State::Ground),
            (State::Csi { chars }, ' '..='?') if chars < STRING_CHARS_MAX => {
                if self.parameters.len() <= PARAMETER_CHARS_MAX {
                    self.parameters.push(c);
                }
                self.go(State::Csi { chars: chars + 1 })
            }
            (State::Csi { .. }, '@'..='~') => {
                self.state = State::Ground;
                let parameters = self.parameters.as_str();
                return (parameters.len() <= PARAMETER_CHARS_MAX).then_some(Token::Csi { parameters, last: c });
            }
            (State::String { .. }, '\x1b') => self.go(State::StringEscape),
            (State::String { .. }, '\x07' | '\u{9c}' | '\x18' | '\x1a') => self.go(State::Ground),
            (State::String { chars }, _) if c != '\n' && chars < STRING_CHARS_MAX => self.go(State::String { chars: chars + 1 }),
            // Nothing that a sequence may hold: the sequence is broken off, the character counts.
            (State::Escape | State::StringEscape | State::EscapeIntermediate | State::Csi { .. } | State::String { .. }, _) => {
                self.state = if c == '\x1b' { State::Escape } else { State::Ground };
                return (c != '\x1b').then(|| ground(c));
            }
        }
        None
    }

    fn go(&mut self, state: State) {
        self.state = state;
    }
}

fn ground(c: char) -> Token<'static> {
    if c.is_control() { Token::Control(c) } else { Token::Text(c) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(text: &str) -> String {
        let mut parser = Parser::default();
        let mut out = String::new();
        for c in text.chars() {
            match parser.feed(c) {
                Some(Token::Text(c)) => out.push(c),
                Some(Token::Control(c)) => out.push_str(&format!("<{:02x}>", c as u32)),
                Some(Token::Csi { parameters, last }) => out.push_str(&format!("<{parameters}{last}>")),
                None => {}
            }
        }
        out
    }

    #[test]
    fn sequences_are_told_from_text() {
        let check = |text: &str, expect: &str| assert_eq!(tokens(text), expect, "{text:?}");

        check("a\x1b[1;31mb\x1b[m", "a<1;31m>b<m>");
        check("a\x1b]0;title\x07b", "ab");
        check("a\x1b]52;c;Y2xpcA==\x1b\\b", "ab");
        check("a\x1bPq#0;2;0;0;0\x1b\\b", "ab");
        check("a\x1b_Gf=100;AAAA\x1b\\b", "ab");
        check("a\x1b(Bb\x1bcd\x1b7e", "abde");
        check("a\x1b]0;never ends\nb", "a<0a>b");
        check("a\x1b[12\nb", "a<0a>b");
        check("a\x1b[12é", "aé");
        check("a\x1b\x1b[1mb", "a<1m>b");
        check("a\x1b]x\x1b[1mb", "a<1m>b");
        check("a\x1b]x\x1b\x1b[1mb", "a<1m>b");
        check("\u{9b}31m\x7f", "<9b>31m<7f>");
        check("a\x1b", "a");
    }

    #[test]
    fn a_sequence_without_end_hides_a_bounded_amount() {
        for start in ["\x1b]0;", "\x1b[", "\x1bP"] {
            let text = format!("{start}{}", "1".repeat(2 * STRING_CHARS_MAX));

            assert!(tokens(&text).len() >= STRING_CHARS_MAX - 10, "{start:?}");
        }
    }
}
