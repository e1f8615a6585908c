//! The interface on a real terminal: what only the whole program can show.

mod demo;
mod first_run;
mod hostile;
mod jobs;
mod journeys;
mod panics;
mod reader;
mod survival;

use crate::support::{Lab, PATIENCE};
use codex_testkit::{MockModel, Pty};
use std::time::Duration;

/// How long the program may take to leave.
pub const LEAVES: Duration = Duration::from_secs(15);
/// A terminal that got nothing for so long has got everything.
pub const QUIET: Duration = Duration::from_millis(250);

/// A lab whose model is `mock`; its workspace is no repository, so nothing is asked at the start.
pub fn lab(mock: &MockModel) -> Lab {
    let lab = Lab::new();
    lab.home.use_model(mock, "");
    lab
}

/// Somebody at a terminal.
pub struct Seat {
    pub pty: Pty,
}

impl Seat {
    /// 80x24, the program started and its field there.
    #[track_caller]
    pub fn take(lab: &Lab, arguments: &[&str]) -> Self {
        let seat = Self::start(lab, arguments, &[], (80, 24));
        seat.wait_for("Ask for something");
        seat
    }

    pub fn start(lab: &Lab, arguments: &[&str], env: &[(&str, &str)], size: (u16, u16)) -> Self {
        let mut command = lab.command(arguments);
        command.env("TERM", "xterm-256color").envs(env.iter().copied());
        Self {
            pty: Pty::start(command, size.0, size.1).unwrap(),
        }
    }

    #[track_caller]
    pub fn wait_for(&self, text: &str) {
        let seen = self.pty.wait_until(text, PATIENCE, |screen| screen.text().contains(text));
        assert!(seen.is_ok(), "{}", seen.unwrap_err());
    }

    #[track_caller]
    pub fn wait_gone(&self, text: &str) {
        let gone = self
            .pty
            .wait_until(&format!("{text} is gone"), PATIENCE, |screen| !screen.text().contains(text));
        assert!(gone.is_ok(), "{}", gone.unwrap_err());
    }

    /// Not so fast that it looks like a paste.
    #[track_caller]
    pub fn type_text(&self, text: &str) {
        self.pty.type_slowly(text).unwrap();
    }

    #[track_caller]
    pub fn press(&self, bytes: &[u8]) {
        self.pty.type_bytes(bytes).unwrap();
    }

    /// Types a message and sends it.
    #[track_caller]
    pub fn say(&self, text: &str) {
        self.type_text(&format!("{text}\r"));
    }

    /// Leaves from an empty field, with success, and the terminal as it was.
    #[track_caller]
    pub fn leave(self) {
        self.pty.settle(QUIET);
        self.press(b"\x04");
        let status = self.pty.ended(LEAVES);
        assert!(status.is_some_and(|status| status.success()), "{status:?}: {}", self.pty.text());
        self.assert_given_back();
    }

    /// The terminal is as a shell left it.
    #[track_caller]
    pub fn assert_given_back(&self) {
        self.pty.settle(QUIET);
        assert!(self.pty.is_cooked(), "still raw");
        self.pty.with_screen(|screen| {
            assert!(!screen.is_alternate(), "on the alternate screen");
            assert!(!screen.bracketed_paste(), "bracketed paste is on");
            assert!(screen.cursor().is_some(), "the cursor is hidden");
        });
    }
}
