//! A program on a terminal of its own: keys go in, a screen comes out.
//!
//! The terminal is a real one of the kernel (`openpty`), so signals, job control and a window that goes away are real too; behind it stands a
//! [`Screen`], which also answers what programs ask of terminals.

use crate::screen::{Heard, Screen};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::{Mode, OFlags};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, Winsize, tcgetattr, tcsetwinsize};
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Of what a program wrote, so much is kept; the screen shows the rest.
const BYTES_KEPT_MAX: usize = 64 << 20;
/// Longer than any program takes two keys for a paste.
const BETWEEN_LETTERS: Duration = Duration::from_millis(12);
/// Longer than any program takes Enter for a part of one.
const BEFORE_ENTER: Duration = Duration::from_millis(150);
/// Whoever waits for a screen and has not looked at it by then panicked.
const LOOK_LIMIT: Duration = Duration::from_secs(1);
const READ_BYTES: usize = 64 * 1024;

/// A terminal with one program, the leader of its session. Dropping it hangs up and ends the program.
pub struct Pty {
    child: Mutex<Child>,
    pid: u32,
    window: Arc<Window>,
    /// `None` after hanging up.
    ours: Option<Ours>,
}

struct Ours {
    keys: File,
    reader: JoinHandle<()>,
    /// Dropping it ends the reader.
    _stop: UnixStream,
}

struct Window {
    inside: Mutex<Inside>,
    changed: Condvar,
}

struct Inside {
    screen: Screen,
    heard: Heard,
    bytes: Vec<u8>,
    bytes_total: u64,
    /// When the newest bytes were read.
    read_at: Instant,
    /// Somebody waits for a screen and shall see each one there is.
    watched: bool,
    /// They have not seen this one.
    unseen: bool,
    ended: bool,
}

/// What did not happen in time.
#[derive(Debug, thiserror::Error)]
#[error("waited for: {what}; the screen:\n{screen}")]
pub struct TooLate {
    pub what: String,
    pub screen: String,
}

impl Pty {
    /// Starts the command in a session of its own, whose terminal this is.
    ///
    /// # Errors
    /// If there is no terminal to be had, or the program cannot be started.
    pub fn start(mut command: Command, columns: u16, rows: u16) -> io::Result<Self> {
        let (ours, theirs) = pair(columns, rows)?;
        for stream in [Command::stdin, Command::stdout, Command::stderr] {
            stream(&mut command, theirs.try_clone()?);
        }
        // SAFETY: two system calls that touch nothing but the new process.
        unsafe {
            command.pre_exec(|| {
                rustix::process::setsid()?;
                rustix::process::ioctl_tiocsctty(rustix::stdio::stdin())?;
                Ok(())
            });
        }
        let child = command.spawn()?;
        drop((command, theirs));
        let window = Arc::new(Window {
            inside: Mutex::new(Inside {
                screen: Screen::new(columns, rows),
                heard: Heard::default(),
                bytes: Vec::new(),
                bytes_total: 0,
                read_at: Instant::now(),
                watched: false,
                unseen: false,
                ended: false,
            }),
            changed: Condvar::new(),
        });
        let (stop, stopped) = UnixStream::pair()?;
        let (master, for_reader) = (File::from(ours.try_clone()?), Arc::clone(&window));
        let reader = std::thread::spawn(move || for_reader.follow(master, &stopped));
        Ok(Self {
            pid: child.id(),
            child: Mutex::new(child),
            window,
            ours: Some(Ours {
                keys: ours.into(),
                reader,
                _stop: stop,
            }),
        })
    }

    pub const fn pid(&self) -> u32 {
        self.pid
    }

    /// As if these bytes came from the keyboard.
    ///
    /// # Errors
    /// If the terminal is gone.
    pub fn type_bytes(&self, bytes: &[u8]) -> io::Result<()> {
        match &self.ours {
            Some(ours) => (&ours.keys).write_all(bytes),
            None => Err(io::ErrorKind::BrokenPipe.into()),
        }
    }

    /// As people type: no letter so soon behind another that both look pasted; before the end of a line they look up.
    ///
    /// # Errors
    /// If the terminal is gone.
    pub fn type_slowly(&self, text: &str) -> io::Result<()> {
        for letter in text.chars() {
            let pause = if matches!(letter, '\n' | '\r') {
                BEFORE_ENTER
            } else {
                BETWEEN_LETTERS
            };
            std::thread::sleep(pause);
            self.type_bytes(letter.to_string().as_bytes())?;
        }
        Ok(())
    }

    /// Somebody drags the window's corner.
    ///
    /// # Errors
    /// If the terminal is gone.
    pub fn resize(&self, columns: u16, rows: u16) -> io::Result<()> {
        let ours = self.ours.as_ref().ok_or(io::ErrorKind::BrokenPipe)?;
        let mut inside = self.window.lock();
        inside.screen.resize(columns, rows);
        Ok(tcsetwinsize(&ours.keys, window_size(columns, rows))?)
    }

    /// Waits until the screen is so, and says when the bytes that made it so were read.
    ///
    /// # Errors
    /// If it does not become so within `limit`, or the program ends before.
    pub fn wait_until(&self, what: &str, limit: Duration, mut holds: impl FnMut(&Screen) -> bool) -> Result<Instant, TooLate> {
        let deadline = Instant::now() + limit;
        let mut inside = self.window.lock();
        inside.watched = true;
        loop {
            let seen = holds(&inside.screen).then_some(inside.read_at);
            let left = deadline.saturating_duration_since(Instant::now());
            let over = seen.is_some() || left.is_zero() || inside.ended;
            inside.watched = !over;
            if std::mem::take(&mut inside.unseen) {
                self.window.changed.notify_all();
            }
            if over {
                return seen.ok_or_else(|| TooLate {
                    what: what.to_owned(),
                    screen: inside.screen.text(),
                });
            }
            inside = self.window.wait(inside, left);
        }
    }

    /// Waits until nothing was written for so long.
    pub fn settle(&self, quiet: Duration) {
        let begin = Instant::now();
        let mut inside = self.window.lock();
        loop {
            let left = quiet.saturating_sub(inside.read_at.max(begin).elapsed());
            if left.is_zero() || inside.ended {
                return;
            }
            inside = self.window.wait(inside, left);
        }
    }

    /// The rows of the window.
    pub fn text(&self) -> String {
        self.window.lock().screen.text()
    }

    /// Everything that can be scrolled to, and the window.
    pub fn lines(&self) -> Vec<String> {
        self.window.lock().screen.lines()
    }

    pub fn with_screen<T>(&self, look: impl FnOnce(&Screen) -> T) -> T {
        look(&self.window.lock().screen)
    }

    /// All that was written, up to 64 MiB.
    pub fn bytes(&self) -> Vec<u8> {
        self.window.lock().bytes.clone()
    }

    /// How much was written.
    pub fn bytes_total(&self) -> u64 {
        self.window.lock().bytes_total
    }

    /// What the terminal was asked to do beside showing text.
    pub fn heard(&self) -> Heard {
        self.window.lock().heard.clone()
    }

    /// Whether keys are shown by the kernel and lines are made by it, as shells leave a terminal.
    pub fn is_cooked(&self) -> bool {
        let Some(ours) = &self.ours else { return false };
        tcgetattr(&ours.keys).is_ok_and(|modes| modes.local_modes.intersects(LocalModes::ICANON | LocalModes::ECHO))
    }

    /// The terminal takes nothing any more, as when a connection hangs.
    pub fn stall(&self) -> Stalled<'_> {
        Stalled(self.window.lock())
    }

    fn child(&self) -> MutexGuard<'_, Child> {
        self.child.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The window is closed: nobody holds the other end of the terminal any more.
    pub fn hang_up(&mut self) {
        if let Some(Ours { keys, reader, _stop }) = self.ours.take() {
            drop((keys, _stop));
            // A reader that panicked has said so.
            let _ = reader.join();
        }
    }

    /// Sends a signal to the program alone.
    pub fn signal(&self, signal: libc::c_int) {
        let pid = libc::pid_t::try_from(self.pid).unwrap_or(libc::pid_t::MAX);
        // SAFETY: plain numbers; the child is not reaped before this is dropped or [`Pty::ended`] says so.
        unsafe { libc::kill(pid, signal) };
    }

    /// How the program ended, if it does within `limit`.
    pub fn ended(&self, limit: Duration) -> Option<ExitStatus> {
        let deadline = Instant::now() + limit;
        loop {
            if let Ok(Some(status)) = self.child().try_wait() {
                return Some(status);
            }
            if Instant::now() >= deadline {
                return None;
            }
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}

impl Drop for Pty {
    fn drop(&mut self) {
        self.hang_up();
        // Both fail if it has ended, which is the usual case.
        let _ = self.child().kill();
        let _ = self.child().wait();
    }
}

/// As long as it lives, the terminal takes nothing: what is written to it fills the kernel's buffer and then waits.
pub struct Stalled<'a>(#[expect(dead_code, reason = "held, not looked at")] MutexGuard<'a, Inside>);

impl Window {
    fn lock(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives the terminal away until something has changed, or for so long.
    fn wait<'a>(&self, inside: MutexGuard<'a, Inside>, longest: Duration) -> MutexGuard<'a, Inside> {
        let waited = self.changed.wait_timeout(inside, longest);
        waited.unwrap_or_else(PoisonError::into_inner).0
    }

    fn follow(&self, mut master: File, stopped: &UnixStream) {
        let mut buffer = vec![0; READ_BYTES];
        while can_be_read(&master, stopped) {
            // A terminal whose last user is gone reads as an error.
            let Ok(count @ 1..) = master.read(&mut buffer) else { break };
            let read_at = Instant::now();
            let mut inside = self.lock();
            inside.read_at = read_at;
            inside.take(&buffer[..count]);
            inside.unseen = inside.watched;
            let answers = std::mem::take(&mut inside.heard.answers);
            self.changed.notify_all();
            // What comes next would be dated later than what is waited for.
            drop(self.changed.wait_timeout_while(inside, LOOK_LIMIT, |inside| inside.unseen));
            // A program that is gone needs no answer.
            let _ = master.write_all(answers.as_bytes());
        }
        self.lock().ended = true;
        self.changed.notify_all();
    }
}

impl Inside {
    fn take(&mut self, bytes: &[u8]) {
        self.screen.feed(bytes);
        self.bytes_total += bytes.len() as u64;
        let room = BYTES_KEPT_MAX.saturating_sub(self.bytes.len());
        self.bytes.extend_from_slice(&bytes[..bytes.len().min(room)]);
        let Heard {
            answers,
            titles,
            copied,
            bells,
        } = self.screen.heard();
        self.heard.answers += &answers;
        self.heard.titles.extend(titles);
        self.heard.copied.extend(copied);
        self.heard.bells += bells;
    }
}

/// Waits until there is something to read; `false` if it was told to stop.
fn can_be_read(master: &File, stopped: &UnixStream) -> bool {
    let mut both = [PollFd::new(master, PollFlags::IN), PollFd::new(stopped, PollFlags::IN)];
    rustix::io::retry_on_intr(|| poll(&mut both, None)).is_ok() && both[1].revents().is_empty()
}

const fn window_size(columns: u16, rows: u16) -> Winsize {
    Winsize {
        ws_row: rows,
        ws_col: columns,
        ws_xpixel: 0,
        ws_ypixel: 0,
    }
}

/// A terminal: our end, and the program's.
fn pair(columns: u16, rows: u16) -> io::Result<(OwnedFd, OwnedFd)> {
    let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY)?;
    rustix::io::fcntl_setfd(&ours, rustix::io::FdFlags::CLOEXEC)?;
    grantpt(&ours)?;
    unlockpt(&ours)?;
    let name = ptsname(&ours, Vec::new())?;
    let theirs = rustix::fs::open(name.as_c_str(), OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC, Mode::empty())?;
    tcsetwinsize(&theirs, window_size(columns, rows))?;
    Ok((ours, theirs))
}
