//! Waits for commands, and makes a copy of this process for each, its supervisor: see [`codex_process::starter`].

use super::link::{Link, Pipe};
use super::{exec, supervisor};
use codex_process::packets;
use codex_process::starter::Suits;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::fd::{AsFd, OwnedFd};
use rustix::net::RecvFlags;
use std::io;

/// Until the other end of standard input, a packet socket, is closed.
pub(super) fn run() -> io::Result<()> {
    // SAFETY: nothing in this process has opened a descriptor above the standard ones yet.
    unsafe { libc::close_range(3, libc::c_uint::MAX, 0) };
    set_ends_of_children(libc::SIG_IGN);
    let mut starter = Starter::default();
    loop {
        match starter.wait()? {
            Event::Command => {
                let mut suits = [0];
                let (count, files) = packets::receive(rustix::stdio::stdin(), &mut suits, RecvFlags::empty())?;
                if count == 0 {
                    return Ok(());
                }
                let files = files.try_into().map_err(|_| io::ErrorKind::InvalidData)?;
                starter.start(Suits::of(suits), files);
            }
            Event::Next => starter.make_spare(),
        }
    }
}

#[derive(Default)]
struct Starter {
    /// Here the last supervisor whose command a spare suits says a byte when it is time for one. After one that was killed before there is no spare, so
    /// that there is no end to it.
    next: Option<OwnedFd>,
}

enum Event {
    Command,
    Next,
}

impl Starter {
    fn wait(&self) -> io::Result<Event> {
        let commands = rustix::stdio::stdin();
        let mut sources = vec![PollFd::new(&commands, PollFlags::IN)];
        sources.extend(self.next.as_ref().map(|next| PollFd::new(next, PollFlags::IN)));
        rustix::io::retry_on_intr(|| poll(&mut sources, None))?;
        let is_command = sources.first().is_some_and(|commands| !commands.revents().is_empty());
        Ok(if is_command { Event::Command } else { Event::Next })
    }

    /// What fails here is told by the end of the socket to codex.
    fn start(&mut self, suits: Suits, [link, output]: [OwnedFd; 2]) {
        let next = self.copy(|next| {
            rustix::stdio::dup2_stdout(&output)?;
            rustix::stdio::dup2_stderr(&output)?;
            drop(output);
            supervisor::run_copy(Link(link), next)
        });
        if suits == Suits::Spare {
            // Of a copy that could not be made nothing is heard; codex sees its socket end and says so.
            self.next = next.ok();
        }
    }

    /// Codex has its ends before there is somebody at the others, which it notices.
    fn make_spare(&mut self) {
        let is_wanted = self.next.take().is_some_and(|next| rustix::io::read(next, &mut [0]) == Ok(1));
        if is_wanted {
            // A spare is never needed: without one the next command has a copy, which says what is lacking.
            self.next = self.try_spare().ok();
        }
    }

    fn try_spare(&mut self) -> io::Result<OwnedFd> {
        let ((codex, link), (codex_to_init, init)) = (packets::pair()?, packets::pair()?);
        packets::send(rustix::stdio::stdin(), &[0], &[codex.as_fd(), codex_to_init.as_fd()])?;
        drop((codex, codex_to_init));
        self.copy(|next| supervisor::run_spare(Link(link), init, next))
    }

    /// Returns in this process only.
    fn copy(&mut self, run: impl FnOnce(OwnedFd) -> io::Result<()>) -> io::Result<OwnedFd> {
        let Pipe { reader, writer } = Pipe::new()?;
        // SAFETY: this process has one thread, so the copy may do whatever it likes.
        match unsafe { libc::fork() } {
            -1 => Err(io::Error::last_os_error()),
            0 => {
                drop((self.next.take(), reader));
                set_ends_of_children(libc::SIG_DFL);
                // In place of the socket to codex.
                let done = exec::open_null().and_then(|null| Ok(rustix::stdio::dup2_stdin(null)?));
                super::quit(i32::from(done.and_then(|()| run(writer)).is_err()))
            }
            _ => Ok(reader),
        }
    }
}

/// Ignored, they need nobody who waits for them.
fn set_ends_of_children(action: libc::sighandler_t) {
    // SAFETY: no handler is set, only one of the two constants.
    unsafe { libc::signal(libc::SIGCHLD, action) };
}
