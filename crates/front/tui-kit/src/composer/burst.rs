//! Tells pasted keys from typed ones where a terminal does not mark a paste.
//!
//! Keys that follow each other faster than anybody types are held back and come out as one paste. So that a line break in the middle of a
//! paste does not send it, Enter counts as text while a burst goes on and shortly after it.
//! Input: keys with times. Output: what to do with them. Pure.

use crate::terminal::process::KEY_GAP;
use std::time::Duration;

/// So many keys close together are a burst.
const KEYS_MIN: usize = 3;
/// How long after a burst Enter is still text.
const ENTER_IS_TEXT: Duration = Duration::from_millis(120);

/// What to do with a character.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meaning {
    /// It was typed.
    Typed,
    /// It is part of a burst, which keeps it.
    Held,
}

#[derive(Debug, Default)]
pub struct Burst {
    last: Option<Duration>,
    /// Characters in a row, each close to the one before it.
    run: usize,
    held: String,
    text_until: Option<Duration>,
    /// Every key was typed.
    off: bool,
}

impl Burst {
    /// Told to take every key as typed, it holds none.
    pub fn new(off: bool) -> Self {
        Self { off, ..Self::default() }
    }

    /// A character came. A line feed stands for Enter.
    pub fn character(&mut self, c: char, now: Duration) -> Meaning {
        if self.off {
            return Meaning::Typed;
        }
        let close = self.last.is_some_and(|last| now.saturating_sub(last) < KEY_GAP);
        self.last = Some(now);
        self.run = if close { self.run + 1 } else { 1 };
        if self.run < KEYS_MIN && self.held.is_empty() {
            return Meaning::Typed;
        }
        self.held.push(c);
        self.text_until = Some(now + ENTER_IS_TEXT);
        Meaning::Held
    }

    /// Whether Enter is part of what is being pasted.
    pub fn enter_is_text(&self, now: Duration) -> bool {
        let in_run = self.run + 1 >= KEYS_MIN && self.last.is_some_and(|last| now.saturating_sub(last) < KEY_GAP);
        in_run || self.text_until.is_some_and(|until| now < until)
    }

    /// When what is held is due.
    pub fn due(&self) -> Option<Duration> {
        (!self.held.is_empty()).then(|| self.last.unwrap_or_default() + KEY_GAP)
    }

    /// What was held, once nothing more came in time.
    pub fn flush(&mut self, now: Duration) -> Option<String> {
        self.due().filter(|due| *due <= now)?;
        self.take()
    }

    /// What was held, since something else happens now.
    pub fn take(&mut self) -> Option<String> {
        self.run = 0;
        (!self.held.is_empty()).then(|| std::mem::take(&mut self.held))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(milliseconds: u64) -> Duration {
        Duration::from_millis(milliseconds)
    }

    #[test]
    fn what_a_person_types_is_never_held() {
        let mut burst = Burst::default();

        for (index, c) in "typing".chars().enumerate() {
            assert_eq!(burst.character(c, ms(40 * index as u64)), Meaning::Typed);
        }

        assert!(!burst.enter_is_text(ms(250)));
        assert_eq!(burst.due(), None);
    }

    #[test]
    fn keys_that_come_at_once_are_one_paste() {
        let mut burst = Burst::default();

        let meanings: Vec<Meaning> = "abcd\nef".chars().map(|c| burst.character(c, ms(1))).collect();

        assert_eq!(meanings[..2], [Meaning::Typed, Meaning::Typed]);
        assert_eq!(burst.flush(ms(5)), None);
        assert!(burst.enter_is_text(ms(50)));
        assert_eq!(burst.flush(ms(10)).as_deref(), Some("cd\nef"));
        assert!(burst.enter_is_text(ms(110)));
        assert!(!burst.enter_is_text(ms(200)));
    }
}
