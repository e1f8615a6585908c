//! A small process of our own executable that turns into supervisors: it waits, and forks for each command.
//!
//! To execute a large program costs a millisecond and more, mostly for putting its addresses right, and that for every command. So it is
//! executed once, and copied for each: a process with one thread and little memory is copied in a fraction of that.
//!
//! It holds nothing but its end of a socket; at the other end of that it ends, too. Supervisors do not depend on it: each has a socket of its
//! own to us. One that was killed is started anew by the next command.

use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::net::{AddressFamily, SendAncillaryBuffer, SendAncillaryMessage, SendFlags, SocketFlags, SocketType};
use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, PoisonError};

/// The argument by which the helper knows that it is to wait for commands on its standard input.
pub const ARGUMENT: &str = "starter";

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
    pub(crate) fn start(&self, link: BorrowedFd<'_>, output: BorrowedFd<'_>) -> io::Result<()> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = &*waiting
            && known.tell(link, output).is_ok()
        {
            return Ok(());
        }
        // Its end is no reason not to run a command.
        *waiting = None;
        let anew = Waiting::new(self)?;
        anew.tell(link, output)?;
        *waiting = Some(anew);
        Ok(())
    }
}

impl Waiting {
    fn new(of: &Starter) -> io::Result<Self> {
        let (socket, theirs) = rustix::net::socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)?;
        let mut command = Command::new(&of.program);
        // The keys of our terminal are not for it, and it must not hold a folder in use.
        command.arg0(&of.arg0).arg(ARGUMENT).env_clear().current_dir("/").process_group(0);
        let process = command.stdin(theirs).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
        Ok(Self { socket, process })
    }

    fn tell(&self, link: BorrowedFd<'_>, output: BorrowedFd<'_>) -> io::Result<()> {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(2))];
        let mut ancillary = SendAncillaryBuffer::new(&mut space);
        let files = [link, output];
        ancillary.push(SendAncillaryMessage::ScmRights(&files));
        rustix::net::sendmsg(self.socket.as_fd(), &[IoSlice::new(&[0])], &mut ancillary, SendFlags::NOSIGNAL)?;
        Ok(())
    }
}
