//! A shell on a terminal of its own, with somebody who types and reads.

use crate::support::{Lab, PATIENCE};
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

pub struct Terminal {
    shell: Child,
    keys: File,
    screen: Arc<Mutex<Vec<u8>>>,
    /// Up to where the screen was read.
    seen: usize,
}

impl Terminal {
    /// An interactive bash in the lab's workspace and environment; its prompt is `out> `.
    pub fn with_shell(lab: &Lab, rows: u16, columns: u16) -> Self {
        let (ours, theirs) = pair(rows, columns);
        let mut command = Command::new("bash");
        let like = lab.command(&[]);
        command.args(["--norc", "--noprofile", "--noediting", "-i"]).env_clear();
        command.envs(like.get_envs().filter_map(|(name, value)| Some((name, value?))));
        command
            .env("PS1", "out> ")
            .env("TERM", "dumb")
            .env("PATH", std::env::var_os("PATH").unwrap());
        command.current_dir(lab.home.workspace());
        for stream in [Command::stdin, Command::stdout, Command::stderr] {
            stream(&mut command, theirs.try_clone().unwrap());
        }
        // SAFETY: two system calls on plain numbers.
        unsafe {
            command.pre_exec(|| {
                libc::setsid();
                libc::ioctl(0, libc::TIOCSCTTY, 0);
                Ok(())
            });
        }
        let shell = command.spawn().unwrap();
        drop((command, theirs));
        let screen = Arc::new(Mutex::new(Vec::new()));
        let (mut reader, seen) = (File::from(ours.try_clone().unwrap()), Arc::clone(&screen));
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            // A terminal whose last user is gone reads as an error.
            while let Ok(count @ 1..) = reader.read(&mut buffer) {
                seen.lock().unwrap().extend_from_slice(&buffer[..count]);
            }
        });
        let mut terminal = Self {
            shell,
            keys: ours.into(),
            screen,
            seen: 0,
        };
        terminal.wait("out> ");
        terminal
    }

    /// Types, and waits until what appears after that shows `text`.
    #[track_caller]
    pub fn type_and_wait(&mut self, keys: &str, text: &str) {
        self.keys.write_all(keys.as_bytes()).unwrap();
        self.wait(text);
    }

    /// Waits until the screen shows `text`, after what was waited for last.
    #[track_caller]
    pub fn wait(&mut self, text: &str) {
        let screen = || String::from_utf8_lossy(&self.screen.lock().unwrap()).replace('\r', "");
        let deadline = Instant::now() + PATIENCE;
        loop {
            let screen = screen();
            if let Some(at) = screen[self.seen..].find(text) {
                self.seen += at + text.len();
                return;
            }
            assert!(Instant::now() < deadline, "{text:?} did not come in {PATIENCE:?} after:\n{screen}");
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    pub fn end(mut self) {
        self.keys.write_all(b"exit\n").unwrap();
        self.shell.wait().unwrap();
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // Both fail if it has ended, which is the usual case.
        let _ = self.shell.kill();
        let _ = self.shell.wait();
    }
}

fn pair(rows: u16, columns: u16) -> (OwnedFd, OwnedFd) {
    let size = libc::winsize {
        ws_row: rows,
        ws_col: columns,
        ws_xpixel: 0,
        ws_ypixel: 0,
    };
    let (mut ours, mut theirs) = (-1, -1);
    // SAFETY: the places are live, the name is not asked for, and both descriptors are fresh when the call succeeds.
    unsafe {
        let made = libc::openpty(
            &raw mut ours,
            &raw mut theirs,
            std::ptr::null_mut(),
            std::ptr::null(),
            &raw const size,
        );
        assert_eq!(made, 0);
        libc::fcntl(ours, libc::F_SETFD, libc::FD_CLOEXEC);
        libc::fcntl(theirs, libc::F_SETFD, libc::FD_CLOEXEC);
        let pair = (OwnedFd::from_raw_fd(ours), OwnedFd::from_raw_fd(theirs));
        assert!(pair.0.as_raw_fd() >= 0);
        pair
    }
}
