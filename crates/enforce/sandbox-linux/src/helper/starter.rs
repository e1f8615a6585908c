//! Waits for commands, and turns a copy of this process into the supervisor of each: see [`codex_process::starter`].

use super::supervisor::{self, Origin};
use rustix::fd::OwnedFd;
use std::io;

/// Until the other end of standard input, a packet socket, is closed.
pub(super) fn run() -> io::Result<()> {
    // SAFETY: nothing in this process has opened a descriptor above the standard ones yet.
    unsafe { libc::close_range(3, libc::c_uint::MAX, 0) };
    set_ends_of_children(libc::SIG_IGN);
    while let Some([link, output]) = next()? {
        // SAFETY: this process has one thread, so the copy may do whatever it likes.
        match unsafe { libc::fork() } {
            // The other end of `link` tells.
            -1 => {}
            0 => {
                // Closes what is ours, too: the socket is standard input.
                let done = become_supervisor(link, output);
                super::quit(i32::from(done.is_err()));
            }
            _ => {}
        }
    }
    Ok(())
}

fn become_supervisor(link: OwnedFd, output: OwnedFd) -> io::Result<()> {
    set_ends_of_children(libc::SIG_DFL);
    rustix::process::setpgid(None, None)?;
    rustix::stdio::dup2_stdin(&link)?;
    rustix::stdio::dup2_stdout(&output)?;
    rustix::stdio::dup2_stderr(&output)?;
    drop((link, output));
    supervisor::run(Origin::Copied)
}

/// Ignored, they need nobody who waits for them.
fn set_ends_of_children(action: libc::sighandler_t) {
    // SAFETY: no handler is set, only one of the two constants.
    unsafe { libc::signal(libc::SIGCHLD, action) };
}

/// The socket and the output of the next one.
fn next() -> io::Result<Option<[OwnedFd; 2]>> {
    let (bytes, files) = super::link::receive(rustix::stdio::stdin(), &mut [0])?;
    if bytes == 0 {
        return Ok(None);
    }
    let files = files.try_into().map_err(|_| io::Error::from(io::ErrorKind::InvalidData))?;
    Ok(Some(files))
}
