//! A shell on a terminal of its own, with somebody who types and reads.

use crate::support::{Lab, PATIENCE};
use codex_testkit::Pty;
use std::process::Command;

/// What was written to the terminal counts here, not where it stands on a screen.
pub struct Terminal {
    pty: Pty,
    /// Up to where it was read.
    seen: usize,
}

impl Terminal {
    /// An interactive bash in the lab's workspace and environment; its prompt is `out> `.
    pub fn with_shell(lab: &Lab, rows: u16, columns: u16) -> Self {
        let mut command = shell(lab);
        command.args(["--noediting", "-i"]).env("TERM", "dumb");
        let pty = Pty::start(command, columns, rows).unwrap();
        let mut terminal = Self { pty, seen: 0 };
        terminal.wait("out> ");
        terminal
    }

    /// Types, and waits until what appears after that shows `text`.
    #[track_caller]
    pub fn type_and_wait(&mut self, keys: &str, text: &str) {
        self.pty.type_bytes(keys.as_bytes()).unwrap();
        self.wait(text);
    }

    /// Waits until the terminal got `text`, after what was waited for last.
    #[track_caller]
    pub fn wait(&mut self, text: &str) {
        let written = || String::from_utf8_lossy(&self.pty.bytes()).replace('\r', "");
        crate::support::wait_for(text, || {
            let at = written()[self.seen..].find(text)?;
            self.seen += at + text.len();
            Some(())
        });
    }

    pub fn end(self) {
        self.pty.type_bytes(b"exit\n").unwrap();
        assert!(self.pty.ended(PATIENCE).is_some());
    }
}

/// Nobody's own files are read; the prompt is `out> `.
pub fn shell(lab: &Lab) -> Command {
    let mut command = Command::new("bash");
    let like = lab.command(&[]);
    command.args(["--norc", "--noprofile"]).env_clear();
    command.envs(like.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command.env("PS1", "out> ").env("PATH", std::env::var_os("PATH").unwrap());
    command.current_dir(lab.home.workspace());
    command
}
