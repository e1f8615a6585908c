//! A small process of our own executable that turns into supervisors: it waits, and forks for each command.
//!
//! To execute a large program costs a millisecond and more, mostly for putting its addresses right, and that for every command. So it is
//! executed once, and copied for each: a process with one thread and little memory is copied in a fraction of that. For commands that are
//! to be confined there is a spare between two of them: a supervisor, and an init in its namespaces, which we tell of the next command ourselves.
//!
//! It holds nothing but its end of a socket; at the other end of that it ends, too. Supervisors do not depend on it: each has a socket of its
//! own to us. One that was killed is started anew by the next command.

use crate::packets;
use rustix::fd::{BorrowedFd, OwnedFd};
use rustix::net::RecvFlags;
use std::io;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, PoisonError};

/// The argument by which the helper knows that it is to wait for commands on its standard input.
pub const ARGUMENT: &str = "starter";

/// What serves a command best, and is to be there for the one after it. The sandbox knows, which makes the plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Suits {
    /// A supervisor that is made for it.
    Copy,
    /// A spare, or a copy if there is none.
    Spare,
}

impl Suits {
    /// Of the byte that travels with a command that is to have a copy.
    #[must_use]
    pub const fn of([byte]: [u8; 1]) -> Self {
        if byte == 0 { Self::Copy } else { Self::Spare }
    }
}

/// Starts supervisors. Does nothing until the first one.
#[derive(Debug)]
pub struct Starter {
    program: PathBuf,
    arg0: String,
    waiting: Mutex<Option<Waiting>>,
}

#[derive(Debug)]
struct Waiting {
    socket: OwnedFd,
    process: Child,
}

impl Drop for Waiting {
    fn drop(&mut self) {
        // It has no state. One that is gone already is only waited for.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Two sockets: to a supervisor, and to its init.
pub(crate) struct Spare {
    pub link: OwnedFd,
    pub init: OwnedFd,
}

impl Starter {
    /// Of the executable that is started under the name `arg0` as helper.
    pub const fn new(program: PathBuf, arg0: String) -> Self {
        Self {
            program,
            arg0,
            waiting: Mutex::new(None),
        }
    }

    /// A supervisor that has `link` as its socket to us, and `output` for the command's.
    ///
    /// # Errors
    /// If there cannot be one more process.
    pub(crate) fn start(&self, link: BorrowedFd<'_>, output: BorrowedFd<'_>, suits: Suits) -> io::Result<()> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let tell = |to: &Waiting| packets::send(&to.socket, &[u8::from(suits == Suits::Spare)], &[link, output]);
        if let Some(known) = &*waiting
            && tell(known).is_ok()
        {
            return Ok(());
        }
        // Its end is no reason not to run a command.
        *waiting = None;
        let anew = Waiting::new(self)?;
        tell(&anew)?;
        *waiting = Some(anew);
        Ok(())
    }

    /// The one that waits, if there is one. It may have gone meanwhile.
    pub(crate) fn spare(&self) -> Option<Spare> {
        let waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let (_, files) = packets::receive(&waiting.as_ref()?.socket, &mut [0], RecvFlags::DONTWAIT).ok()?;
        let [link, init] = files.try_into().ok()?;
        Some(Spare { link, init })
    }
}

impl Waiting {
    fn new(of: &Starter) -> io::Result<Self> {
        let (socket, theirs) = packets::pair()?;
        let mut command = Command::new(&of.program);
        // The keys of our terminal are not for it, and it must not hold a folder in use.
        command.arg0(&of.arg0).arg(ARGUMENT).env_clear().current_dir("/").process_group(0);
        let process = command.stdin(theirs).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
        Ok(Self { socket, process })
    }
}
