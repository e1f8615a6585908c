//! Who has the keys of the terminal: a shell that ran in the sandbox gives them to its own jobs and cannot give them back to ours, which it
//! has no name for.

/// Whether we had the terminal when we began.
pub struct Foreground {
    #[cfg(unix)]
    ours: bool,
}

#[cfg(unix)]
pub fn remember() -> Foreground {
    // SAFETY: plain numbers; a descriptor that is no terminal is an error, which is no group.
    let ours = unsafe { libc::tcgetpgrp(libc::STDERR_FILENO) == libc::getpgrp() };
    Foreground { ours }
}

#[cfg(not(unix))]
pub const fn remember() -> Foreground {
    Foreground {}
}

impl Foreground {
    /// Takes the terminal back if we had it and nobody has it now.
    #[cfg(unix)]
    pub fn take_back(&self) {
        // SAFETY: plain numbers. Whoever is not in the foreground and sets it is stopped by SIGTTOU, unless the signal is ignored.
        unsafe {
            if self.ours && libc::tcgetpgrp(libc::STDERR_FILENO) != libc::getpgrp() {
                let before = libc::signal(libc::SIGTTOU, libc::SIG_IGN);
                libc::tcsetpgrp(libc::STDERR_FILENO, libc::getpgrp());
                libc::signal(libc::SIGTTOU, before);
            }
        }
    }

    #[cfg(not(unix))]
    pub const fn take_back(&self) {}
}
