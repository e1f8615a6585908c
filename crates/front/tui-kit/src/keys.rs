//! Keys as bindings name them: `ctrl-x`, `alt-enter`, `shift-tab`, `?`.
//!
//! [`Key`] is normal: what a terminal says in several ways (`Ctrl-H` and Backspace, an upper-case letter with or without Shift) is one key.

use std::fmt;
use std::str::FromStr;
pub use termina::event::KeyCode as Code;
use termina::event::{KeyEvent, KeyEventKind, Modifiers};

/// A key press.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key {
    pub code: Code,
    pub ctrl: bool,
    pub alt: bool,
    /// Of a character only together with Ctrl or Alt: otherwise the character says it.
    pub shift: bool,
    /// Command or Windows.
    pub sup: bool,
}

impl Key {
    pub const fn plain(code: Code) -> Self {
        Self {
            code,
            ctrl: false,
            alt: false,
            shift: false,
            sup: false,
        }
    }

    pub const fn ctrl(letter: char) -> Self {
        Self {
            ctrl: true,
            ..Self::plain(Code::Char(letter))
        }
    }

    /// The text that the key types, if it types any.
    pub const fn typed(self) -> Option<char> {
        match self.code {
            Code::Char(c) if !self.ctrl && !self.alt && !self.sup => Some(c),
            _ => None,
        }
    }

    /// What the terminal reported; `None` for releases, lone modifiers, and keys that have no name here.
    pub fn of(event: KeyEvent) -> Option<Self> {
        if event.kind == KeyEventKind::Release {
            return None;
        }
        let held = |modifier| event.modifiers.contains(modifier);
        let (code, shift) = match event.code {
            Code::BackTab => (Code::Tab, true),
            code => (code, held(Modifiers::SHIFT)),
        };
        if !matches!(code, Code::Char(_) | Code::Function(_)) && name_of(code).is_none() {
            return None;
        }
        let key = Self {
            code,
            ctrl: held(Modifiers::CONTROL),
            alt: held(Modifiers::ALT),
            shift,
            sup: held(Modifiers::SUPER) || held(Modifiers::META),
        };
        Some(key.normal())
    }

    fn normal(mut self) -> Self {
        if let Code::Char(c) = self.code {
            if self.ctrl || self.alt || self.sup {
                self.shift |= c.is_uppercase();
                self.code = Code::Char(c.to_lowercase().next().unwrap_or(c));
            } else {
                if self.shift && c.is_lowercase() {
                    self.code = Code::Char(c.to_uppercase().next().unwrap_or(c));
                }
                self.shift = false;
            }
        }
        // Terminals without an extended keyboard say these for the keys behind them.
        match (self.code, self.ctrl, self.alt) {
            (Code::Char('h'), true, _) => Self {
                code: Code::Backspace,
                ctrl: false,
                ..self
            },
            (Code::Char('m'), true, false) => Self {
                code: Code::Enter,
                ctrl: false,
                ..self
            },
            _ => self,
        }
    }
}

/// A key of a binding that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown key {0:?}")]
pub struct UnknownKey(pub String);

const NAMES: &[(&str, Code)] = &[
    ("enter", Code::Enter),
    ("tab", Code::Tab),
    ("backspace", Code::Backspace),
    ("esc", Code::Escape),
    ("left", Code::Left),
    ("right", Code::Right),
    ("up", Code::Up),
    ("down", Code::Down),
    ("home", Code::Home),
    ("end", Code::End),
    ("page-up", Code::PageUp),
    ("page-down", Code::PageDown),
    ("insert", Code::Insert),
    ("delete", Code::Delete),
    ("space", Code::Char(' ')),
    ("minus", Code::Char('-')),
];

fn name_of(code: Code) -> Option<&'static str> {
    NAMES.iter().find(|(_, known)| *known == code).map(|(name, _)| *name)
}

impl FromStr for Key {
    type Err = UnknownKey;

    fn from_str(text: &str) -> Result<Self, UnknownKey> {
        let mut key = Self::plain(Code::Escape);
        let mut rest = text;
        loop {
            let (flag, after) = if let Some(after) = rest.strip_prefix("ctrl-") {
                (&mut key.ctrl, after)
            } else if let Some(after) = rest.strip_prefix("alt-") {
                (&mut key.alt, after)
            } else if let Some(after) = rest.strip_prefix("shift-") {
                (&mut key.shift, after)
            } else if let Some(after) = rest.strip_prefix("cmd-").or_else(|| rest.strip_prefix("super-")) {
                (&mut key.sup, after)
            } else {
                break;
            };
            *flag = true;
            rest = after;
        }
        let mut chars = rest.chars();
        let named = NAMES.iter().find(|(name, _)| *name == rest).map(|(_, code)| *code);
        let function = || {
            rest.strip_prefix('f')?
                .parse()
                .ok()
                .filter(|n| (1..=24).contains(n))
                .map(Code::Function)
        };
        key.code = match (named, chars.next(), chars.next()) {
            (Some(code), ..) => code,
            (None, Some(c), None) if !c.is_control() => Code::Char(c),
            _ => function().ok_or_else(|| UnknownKey(text.to_owned()))?,
        };
        Ok(key.normal())
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (held, name) in [(self.sup, "cmd-"), (self.ctrl, "ctrl-"), (self.alt, "alt-"), (self.shift, "shift-")] {
            if held {
                f.write_str(name)?;
            }
        }
        match (self.code, name_of(self.code)) {
            (_, Some(name)) => f.write_str(name),
            (Code::Char(c), None) => write!(f, "{c}"),
            (Code::Function(n), None) => write!(f, "f{n}"),
            (_, None) => f.write_str("?"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_binding_reads_back_as_it_is_written() {
        for text in [
            "ctrl-x",
            "alt-enter",
            "shift-tab",
            "?",
            "f12",
            "ctrl-alt-left",
            "minus",
            "space",
            "cmd-k",
            "A",
        ] {
            assert_eq!(text.parse::<Key>().unwrap().to_string(), text);
        }
        assert_eq!("ctrl-nothing".parse::<Key>(), Err(UnknownKey("ctrl-nothing".to_owned())));
        assert_eq!("f30".parse::<Key>(), Err(UnknownKey("f30".to_owned())));
    }

    #[test]
    fn what_terminals_say_in_two_ways_is_one_key() {
        let of = |code, modifiers| Key::of(KeyEvent::new(code, modifiers)).unwrap().to_string();

        assert_eq!(of(Code::Char('h'), Modifiers::CONTROL), "backspace");
        assert_eq!(of(Code::Char('A'), Modifiers::SHIFT), "A");
        assert_eq!(of(Code::Char('a'), Modifiers::SHIFT), "A");
        assert_eq!(of(Code::Char('A'), Modifiers::CONTROL | Modifiers::SHIFT), "ctrl-shift-a");
        assert_eq!(of(Code::BackTab, Modifiers::NONE), "shift-tab");
        assert_eq!(of(Code::Function(5), Modifiers::NONE), "f5");
        assert_eq!(Key::of(KeyEvent::new(Code::KeypadBegin, Modifiers::NONE)), None);
    }
}
