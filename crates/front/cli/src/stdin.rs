//! Standard input, and how long it may keep a run waiting.
//!
//! A prompt that comes from there is waited for. Beside a prompt on the command line it is only an addition, and an open pipe that nobody
//! writes to (a service manager's, a job runner's) must not hold up the turn: such input has [`PATIENCE`] to show its first byte or its end.
//! A file always does. From input that stays silent nothing is taken.

use codex_base::Clock;
use codex_exec::{ExecError, Wait};
use std::io;
use std::time::Duration;

/// How long input beside a prompt may stay silent.
const PATIENCE: Duration = Duration::from_millis(500);
/// More than this is refused.
const BYTES_MAX: usize = 64 * 1024 * 1024;

/// What a source gave within a time.
#[derive(Debug, PartialEq, Eq)]
pub enum Heard {
    /// At least one.
    Bytes(Vec<u8>),
    End,
    Nothing,
}

/// Something that can be listened to for a while.
pub trait Source {
    /// # Errors
    /// As reading does.
    fn hear(&mut self, limit: Duration) -> io::Result<Heard>;
}

/// All of it, however long it takes. `say` gets a line now and then.
///
/// # Errors
/// If it cannot be read or is too long.
pub fn read_all(source: &mut dyn Source, clock: &dyn Clock, say: &mut dyn FnMut(&str)) -> Result<Vec<u8>, ExecError> {
    to_the_end(Vec::new(), source, clock, say)
}

/// All of it if it begins or ends within [`PATIENCE`], else nothing. A line is said before waiting for its end.
///
/// # Errors
/// As [`read_all`].
pub fn read_addition(source: &mut dyn Source, clock: &dyn Clock, say: &mut dyn FnMut(&str)) -> Result<Vec<u8>, ExecError> {
    match source.hear(PATIENCE).map_err(unreadable)? {
        Heard::End | Heard::Nothing => Ok(Vec::new()),
        Heard::Bytes(first) => {
            say("reading more input from stdin");
            to_the_end(first, source, clock, say)
        }
    }
}

fn to_the_end(mut bytes: Vec<u8>, source: &mut dyn Source, clock: &dyn Clock, say: &mut dyn FnMut(&str)) -> Result<Vec<u8>, ExecError> {
    let mut wait = Wait::new("the end of stdin", clock.monotonic());
    loop {
        if bytes.len() > BYTES_MAX {
            return Err(ExecError::new("exec.stdin", format!("more than {BYTES_MAX} bytes on stdin")));
        }
        let limit = wait.due().saturating_sub(clock.monotonic());
        match source.hear(limit).map_err(unreadable)? {
            Heard::Bytes(more) => bytes.extend(more),
            Heard::End => return Ok(bytes),
            Heard::Nothing => {}
        }
        if let Some(line) = wait.line(clock.monotonic()) {
            say(&line);
        }
    }
}

fn unreadable(error: io::Error) -> ExecError {
    ExecError::new("exec.stdin", format!("cannot read stdin: {error}"))
}

pub use system::Stdin;

#[cfg(unix)]
mod system {
    use super::{Heard, Source};
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    use rustix::io::Errno;
    use std::io::{self, ErrorKind, Read};
    use std::time::Duration;

    /// The process's own. Asks before it reads, so that what nobody waited for stays where it is.
    #[derive(Default)]
    pub struct Stdin {}

    impl Source for Stdin {
        fn hear(&mut self, limit: Duration) -> io::Result<Heard> {
            let stdin = io::stdin();
            // A time that is too long for the system is none.
            let limit = Timespec::try_from(limit).ok();
            match poll(&mut [PollFd::new(&stdin, PollFlags::IN)], limit.as_ref()) {
                Ok(0) | Err(Errno::INTR) => return Ok(Heard::Nothing),
                Ok(_) => {}
                Err(error) => return Err(error.into()),
            }
            let mut bytes = vec![0; 64 * 1024];
            match stdin.lock().read(&mut bytes) {
                Ok(0) => Ok(Heard::End),
                Ok(count) => {
                    bytes.truncate(count);
                    Ok(Heard::Bytes(bytes))
                }
                Err(error) if matches!(error.kind(), ErrorKind::Interrupted | ErrorKind::WouldBlock) => Ok(Heard::Nothing),
                Err(error) => Err(error),
            }
        }
    }
}

#[cfg(not(unix))]
mod system {
    use super::{Heard, Source};
    use std::io::{self, Read};
    use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
    use std::time::Duration;

    /// The process's own, read by a thread that nobody waits for.
    #[derive(Default)]
    pub struct Stdin {
        chunks: Option<Receiver<io::Result<Vec<u8>>>>,
    }

    impl Stdin {
        fn chunks(&mut self) -> &Receiver<io::Result<Vec<u8>>> {
            self.chunks.get_or_insert_with(|| {
                let (sender, chunks) = sync_channel(1);
                std::thread::spawn(move || {
                    loop {
                        let mut bytes = vec![0; 64 * 1024];
                        let read = io::stdin().lock().read(&mut bytes).map(|count| {
                            bytes.truncate(count);
                            bytes
                        });
                        let last = !read.as_ref().is_ok_and(|bytes| !bytes.is_empty());
                        if sender.send(read).is_err() || last {
                            return;
                        }
                    }
                });
                chunks
            })
        }
    }

    impl Source for Stdin {
        fn hear(&mut self, limit: Duration) -> io::Result<Heard> {
            match self.chunks().recv_timeout(limit) {
                Ok(Ok(bytes)) if bytes.is_empty() => Ok(Heard::End),
                Ok(Ok(bytes)) => Ok(Heard::Bytes(bytes)),
                Ok(Err(error)) => Err(error),
                Err(RecvTimeoutError::Timeout) => Ok(Heard::Nothing),
                Err(RecvTimeoutError::Disconnected) => Ok(Heard::End),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use codex_testkit::SteppedClock;
    use pretty_assertions::assert_eq;

    /// Gives its pieces one by one; a number is that many seconds of silence. At its end it is silent for good.
    struct Script<'a> {
        pieces: Vec<Piece>,
        clock: &'a SteppedClock,
    }

    enum Piece {
        Bytes(&'static str),
        Silence(Duration),
        End,
    }
    use Piece::{Bytes, End, Silence};

    impl Source for Script<'_> {
        fn hear(&mut self, limit: Duration) -> io::Result<Heard> {
            match self.pieces.first_mut() {
                Some(Silence(left)) if *left > limit => {
                    *left -= limit;
                    self.clock.advance(limit);
                    Ok(Heard::Nothing)
                }
                Some(Silence(left)) => {
                    self.clock.advance(*left);
                    self.pieces.remove(0);
                    self.hear(limit)
                }
                Some(Bytes(text)) => {
                    let heard = Heard::Bytes(text.as_bytes().to_vec());
                    self.pieces.remove(0);
                    Ok(heard)
                }
                Some(End) => Ok(Heard::End),
                None => {
                    self.clock.advance(limit);
                    Ok(Heard::Nothing)
                }
            }
        }
    }

    const fn ms(milliseconds: u64) -> Piece {
        Silence(Duration::from_millis(milliseconds))
    }

    #[test]
    fn input_beside_a_prompt_counts_if_it_begins_or_ends_soon() {
        let check = |pieces: Vec<Piece>, expect: &str, said: &[&str]| {
            let clock = SteppedClock::default();
            let mut lines = Vec::new();
            let mut source = Script { pieces, clock: &clock };
            let read = read_addition(&mut source, &clock, &mut |line| lines.push(line.to_owned())).unwrap();
            assert_eq!(
                (String::from_utf8(read).unwrap().as_str(), lines),
                (expect, said.iter().map(|line| (*line).to_owned()).collect())
            );
        };

        check(vec![End], "", &[]);
        check(vec![ms(300), End], "", &[]);
        check(vec![], "", &[]);
        check(vec![ms(600), Bytes("too late"), End], "", &[]);
        check(vec![ms(400), Bytes("a"), Bytes("b"), End], "ab", &["reading more input from stdin"]);
        check(
            vec![Bytes("a"), ms(11_000), Bytes("b"), End],
            "ab",
            &[
                "reading more input from stdin",
                "waiting for the end of stdin (2 s)",
                "waiting for the end of stdin (10 s)",
            ],
        );
    }

    #[test]
    fn a_prompt_is_waited_for() {
        let clock = SteppedClock::default();
        let mut lines = Vec::new();
        let pieces = vec![ms(3000), Bytes("go"), End];
        let mut source = Script { pieces, clock: &clock };

        let read = read_all(&mut source, &clock, &mut |line| lines.push(line.to_owned())).unwrap();

        assert_eq!(read, b"go");
        assert_eq!(lines, ["waiting for the end of stdin (2 s)"]);
    }
}
