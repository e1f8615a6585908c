//! The terminal of this process: raw mode and modes on, everything back as it was at the end, also after a panic.

use super::gate::Gate;
use super::port::{Device, GoneInAPanic};
use super::{Input, Size};
use crate::keys::Key;
#[cfg(unix)]
use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};
use std::io::{self, Write};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};
use termina::escape::osc::{ColorOrQuery, DynamicColorNumber, Osc};
use termina::{Event, PlatformTerminal, Terminal as _};
use tokio::sync::mpsc;

/// Keys that come closer together than this were not typed one by one.
pub const KEY_GAP: Duration = Duration::from_millis(if cfg!(windows) { 30 } else { 8 });

/// Name of the thread that reads.
pub const KEYS: &str = "keys";

/// How keys are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keyboard {
    /// They say more where the terminal can (1: no ambiguous escapes, 4: what the key types on other layouts).
    Enhanced,
    /// As ever; some look like others.
    Plain,
}

/// Bracketed paste, focus reports.
const MODES_ON: &[u8] = b"\x1b[?2004h\x1b[?1004h";
const ENHANCED_ON: &[u8] = b"\x1b[>5u";
const MODES_OFF: &[u8] = b"\x1b[<1u\x1b[?1004l\x1b[?2004l\x1b[0m\x1b[?25h";
/// Which colour is behind the text; terminals that do not know the question say nothing.
const ASK_BACKGROUND: &[u8] = b"\x1b]11;?\x1b\\";
/// After a panic: an end to whatever frame was begun, and to the alternate screen; the live rows below the cursor go.
const PANIC_OFF: &[u8] = b"\x1b[?2026l\x1b[?7h\x1b[?1049l\r\n\x1b[J";

/// What becomes of keys that were pressed before the terminal was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TypedAhead {
    Kept,
    /// They must not answer a question that nobody had seen.
    Lost,
}

/// The terminal at stdin and stdout.
#[derive(Debug)]
pub struct ProcessTerminal {
    terminal: PlatformTerminal,
    keyboard: Keyboard,
    gate: Arc<Gate>,
}

impl ProcessTerminal {
    /// Takes the terminal: raw mode and modes on.
    ///
    /// # Errors
    /// If there is none.
    pub fn open(keyboard: Keyboard, typed_ahead: TypedAhead) -> io::Result<Self> {
        let mut terminal = PlatformTerminal::new()?;
        if typed_ahead == TypedAhead::Lost {
            // Loses what was typed by then; what `enter` does keeps it.
            terminal.enter_raw_mode()?;
        }
        terminal.set_panic_hook(|handle| {
            // The terminal may be gone; the panic is what counts.
            let _ = handle.write_all(PANIC_OFF).and_then(|()| handle.write_all(MODES_OFF));
        });
        let gate = Arc::default();
        let mut device = Self { terminal, keyboard, gate };
        device.enter()?;
        device.write(ASK_BACKGROUND)?;
        Ok(device)
    }

    /// What is typed, for a thread of its own.
    pub fn reader(&self) -> Reader {
        Reader(self.terminal.event_reader(), Arc::clone(&self.gate))
    }
}

/// What comes from the terminal.
#[derive(Debug)]
pub struct Reader(termina::EventReader, Arc<Gate>);

impl Reader {
    /// Reads on a thread of its own, until the terminal or the program is gone.
    ///
    /// # Errors
    /// If there can be no thread.
    pub fn read_to(self, program: mpsc::Sender<Input>) -> io::Result<()> {
        thread::Builder::new().name(KEYS.to_owned()).spawn(move || {
            let _gone = GoneInAPanic(program.clone());
            let _ended = Ended(Arc::clone(&self.1));
            loop {
                self.1.pass();
                match self.0.read(|_| true) {
                    Ok(event) => {
                        if let Some(input) = input_of(event)
                            && program.blocking_send(input).is_err()
                        {
                            return;
                        }
                    }
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(_) => {
                        // Nobody listens any more: fine.
                        let _ = program.blocking_send(Input::Gone);
                        return;
                    }
                }
            }
        })?;
        Ok(())
    }
}

/// Says so when the reader has ended, however it did.
#[derive(Debug)]
struct Ended(Arc<Gate>);

impl Drop for Ended {
    fn drop(&mut self) {
        self.0.end();
    }
}

impl Device for ProcessTerminal {
    fn size(&self) -> io::Result<Size> {
        let size = self.terminal.get_dimensions()?;
        Ok(Size {
            columns: size.cols,
            rows: size.rows,
        })
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.terminal.write_all(bytes)?;
        self.terminal.flush()
    }

    fn suspend(&mut self) -> io::Result<()> {
        self.leave()?;
        stop_process();
        self.enter()
    }

    fn retake(&mut self) -> io::Result<bool> {
        if is_as_we_left_it() {
            return Ok(false);
        }
        // Modes that are counted shall count once.
        self.write(MODES_OFF)?;
        self.enter()?;
        Ok(true)
    }

    fn enter(&mut self) -> io::Result<()> {
        self.gate.open();
        enter_raw_mode(&mut self.terminal)?;
        self.write(MODES_ON)?;
        match self.keyboard {
            Keyboard::Enhanced => self.write(ENHANCED_ON),
            Keyboard::Plain => Ok(()),
        }
    }

    fn leave(&mut self) -> io::Result<()> {
        // Whoever has the terminal next shall get its keys.
        let waker = self.terminal.event_reader().waker();
        self.gate.close(|| {
            // A reader that cannot be woken gives up at the next key.
            let _ = waker.wake();
        });
        let written = self.write(MODES_OFF);
        self.terminal.enter_cooked_mode()?;
        written
    }
}

/// Passes on what others do to this job: [`Input::Stop`] and [`Input::Continued`]. Needs a tokio runtime.
///
/// # Errors
/// If the system does not let us listen.
#[cfg(unix)]
pub fn follow_job_control(program: &mpsc::Sender<Input>) -> io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    for (number, input) in [(libc::SIGTSTP, Input::Stop), (libc::SIGCONT, Input::Continued)] {
        let mut signals = signal(SignalKind::from_raw(number))?;
        let program = program.clone();
        tokio::spawn(async move { while signals.recv().await.is_some() && program.send(input.clone()).await.is_ok() {} });
    }
    Ok(())
}

/// There is no job control.
#[cfg(not(unix))]
pub const fn follow_job_control(_: &mpsc::Sender<Input>) -> io::Result<()> {
    Ok(())
}

/// At once, and nothing that was typed is lost: the library's own way flushes the input.
#[cfg(unix)]
fn enter_raw_mode(_: &mut PlatformTerminal) -> io::Result<()> {
    let mut modes = tcgetattr(io::stdout())?;
    modes.make_raw();
    Ok(tcsetattr(io::stdout(), OptionalActions::Now, &modes)?)
}

#[cfg(not(unix))]
fn enter_raw_mode(terminal: &mut PlatformTerminal) -> io::Result<()> {
    terminal.enter_raw_mode()
}

/// Whether nobody made the kernel edit lines or show keys again.
#[cfg(unix)]
fn is_as_we_left_it() -> bool {
    let edits = LocalModes::ICANON | LocalModes::ECHO;
    tcgetattr(io::stdout()).is_ok_and(|modes| !modes.local_modes.intersects(edits))
}

#[cfg(not(unix))]
const fn is_as_we_left_it() -> bool {
    true
}

/// Stops the process and its job; returns when it goes on.
#[cfg(unix)]
fn stop_process() {
    // SAFETY: the structures live, zeros are valid for them, and the handler that stood before is put back; the rest is plain numbers.
    unsafe {
        let default: libc::sigaction = std::mem::zeroed();
        let mut before: libc::sigaction = std::mem::zeroed();
        libc::sigaction(libc::SIGTSTP, &raw const default, &raw mut before);
        if libc::getpgrp() == libc::getpid() {
            // To this thread, so that it has happened when the call returns.
            libc::raise(libc::SIGTSTP);
        } else {
            // Whoever started us has to stop as well, or the shell would go on waiting. Any thread may take the signal: give it time to.
            libc::kill(0, libc::SIGTSTP);
            thread::sleep(Duration::from_millis(50));
        }
        libc::sigaction(libc::SIGTSTP, &raw const before, std::ptr::null_mut());
    }
}

/// There is no job control.
#[cfg(not(unix))]
const fn stop_process() {}

/// What an event of the terminal means here; `None` for what nobody asked.
pub fn input_of(event: Event) -> Option<Input> {
    Some(match event {
        Event::Key(key) => Input::Key(Key::of(key)?, Instant::now()),
        Event::Paste(text) => Input::Paste(text.replace("\r\n", "\n").replace('\r', "\n")),
        Event::WindowResized(size) => Input::Resized(Size {
            columns: size.cols,
            rows: size.rows,
        }),
        Event::FocusIn => Input::Focus(true),
        Event::FocusOut => Input::Focus(false),
        Event::Osc(Osc::ChangeDynamicColors(DynamicColorNumber::TextBackgroundColor, colors)) => {
            let Some(ColorOrQuery::Color(color)) = colors.into_iter().next() else {
                return None;
            };
            Input::Background {
                red: color.red,
                green: color.green,
                blue: color.blue,
            }
        }
        Event::Mouse(_) | Event::Csi(_) | Event::Osc(_) | Event::Dcs(_) => return None,
    })
}
