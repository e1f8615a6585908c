//! Who has the keys of the terminal: a shell that ran in the sandbox gives them to its own jobs and cannot give them back to ours, which it
//! has no name for.

/// Whether we had the terminal when we began.
pub struct Foreground {
    #[cfg(unix)]
    ours: bool,
}

#[cfg(unix)]
pub fn remember() -> Foreground {
    Foreground { ours: is_ours() }
}

/// A descriptor that is no terminal is an error, which is no group.
#[cfg(unix)]
fn is_ours() -> bool {
    rustix::termios::tcgetpgrp(std::io::stderr()).is_ok_and(|group| group == rustix::process::getpgrp())
}

#[cfg(not(unix))]
pub const fn remember() -> Foreground {
    Foreground {}
}

impl Foreground {
    /// Takes the terminal back if we had it and nobody has it now.
    #[cfg(unix)]
    pub fn take_back(&self) {
        if self.ours && !is_ours() {
            // Whoever is not in the foreground and sets it is stopped by SIGTTOU, unless the signal is ignored.
            // SAFETY: plain numbers, and the handler that stood before is put back.
            unsafe {
                let before = libc::signal(libc::SIGTTOU, libc::SIG_IGN);
                let _ = rustix::termios::tcsetpgrp(std::io::stderr(), rustix::process::getpgrp());
                libc::signal(libc::SIGTTOU, before);
            }
        }
    }

    #[cfg(not(unix))]
    pub const fn take_back(&self) {}
}
