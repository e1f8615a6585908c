//! Signals that come through a descriptor.

use rustix::fd::OwnedFd;
use std::io;
use std::os::fd::FromRawFd;

/// What becomes of the signals that were blocked before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Others {
    /// They wait as they did.
    Blocked,
    Open,
}

/// `heard` come through the descriptor from now on; these and `held` do nothing else.
pub(super) fn descriptor(heard: &[libc::c_int], held: &[libc::c_int], others: Others) -> io::Result<OwnedFd> {
    let (set, blocked) = (set_of(heard), set_of(&[heard, held].concat()));
    let how = match others {
        Others::Blocked => libc::SIG_BLOCK,
        Others::Open => libc::SIG_SETMASK,
    };
    // SAFETY: the sets are initialised, and signalfd returns a fresh descriptor or -1.
    unsafe {
        libc::sigprocmask(how, &raw const blocked, std::ptr::null_mut());
        match libc::signalfd(-1, &raw const set, libc::SFD_CLOEXEC | libc::SFD_NONBLOCK) {
            -1 => Err(io::Error::last_os_error()),
            fd => Ok(OwnedFd::from_raw_fd(fd)),
        }
    }
}

fn set_of(signals: &[libc::c_int]) -> libc::sigset_t {
    // SAFETY: the set is initialised by sigemptyset before use.
    unsafe {
        let mut set = std::mem::zeroed();
        libc::sigemptyset(&raw mut set);
        for signal in signals {
            libc::sigaddset(&raw mut set, *signal);
        }
        set
    }
}
