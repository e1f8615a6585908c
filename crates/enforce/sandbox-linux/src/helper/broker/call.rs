//! What a caller wants, out of the registers of its call.

use crate::helper::listener::Outcome;
use rustix::io::Errno;

/// A path in the caller's memory, and the descriptor from which it counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Named {
    pub at: i32,
    /// The address of the text.
    pub path: u64,
}

/// Whose mode or times are to be changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Target {
    File(i32),
    Path {
        named: Named,
        follow: bool,
        /// No text means the descriptor itself.
        empty_is_itself: bool,
    },
}

/// Where the new times are, and in which form; a null pointer means now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Times {
    Nanoseconds(u64),
    Microseconds(u64),
    Seconds(u64),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Call {
    Open {
        named: Named,
        flags: i32,
        mode: u32,
    },
    MakeFolder {
        named: Named,
        mode: u32,
    },
    Remove {
        named: Named,
        folder: bool,
    },
    Rename {
        from: Named,
        to: Named,
        flags: u32,
    },
    Link {
        from: Named,
        to: Named,
        flags: i32,
    },
    Symlink {
        text: u64,
        named: Named,
    },
    Truncate {
        named: Named,
        length: u64,
    },
    Mode {
        target: Target,
        mode: u32,
    },
    Times {
        target: Target,
        times: Times,
    },
    /// The other end of a new terminal.
    Peer {
        master: i32,
        flags: i32,
    },
}

const HERE: i32 = libc::AT_FDCWD;
const FCHMODAT2: i64 = 452;

/// Registers hold more than the number they are used for.
#[expect(clippy::cast_possible_truncation, reason = "as the kernel takes them")]
const fn low(register: u64) -> u32 {
    register as u32
}

const fn signed(register: u64) -> i32 {
    low(register).cast_signed()
}

impl Call {
    /// `None` for a call that is not ours to know.
    pub fn of(data: &libc::seccomp_data) -> Option<Self> {
        let a = data.args;
        let named = |at: usize| Named {
            at: signed(a[at]),
            path: a[at + 1],
        };
        let path = |named: Named, flags: i32| Target::Path {
            named,
            follow: flags & libc::AT_SYMLINK_NOFOLLOW == 0,
            empty_is_itself: flags & libc::AT_EMPTY_PATH != 0,
        };
        Some(match i64::from(data.nr) {
            libc::SYS_openat => Self::Open {
                named: named(0),
                flags: signed(a[2]),
                mode: low(a[3]),
            },
            libc::SYS_mkdirat => Self::MakeFolder {
                named: named(0),
                mode: low(a[2]),
            },
            libc::SYS_unlinkat => Self::Remove {
                named: named(0),
                folder: signed(a[2]) & libc::AT_REMOVEDIR != 0,
            },
            libc::SYS_renameat => Self::Rename {
                from: named(0),
                to: named(2),
                flags: 0,
            },
            libc::SYS_renameat2 => Self::Rename {
                from: named(0),
                to: named(2),
                flags: low(a[4]),
            },
            libc::SYS_linkat => Self::Link {
                from: named(0),
                to: named(2),
                flags: signed(a[4]),
            },
            libc::SYS_symlinkat => Self::Symlink {
                text: a[0],
                named: named(1),
            },
            libc::SYS_truncate => Self::Truncate {
                named: here(a[0]),
                length: a[1],
            },
            libc::SYS_fchmod => Self::Mode {
                target: Target::File(signed(a[0])),
                mode: low(a[1]),
            },
            libc::SYS_fchmodat => Self::Mode {
                target: path(named(0), 0),
                mode: low(a[2]),
            },
            FCHMODAT2 => Self::Mode {
                target: path(named(0), signed(a[3])),
                mode: low(a[2]),
            },
            libc::SYS_utimensat => Self::Times {
                target: if a[1] == 0 {
                    Target::File(signed(a[0]))
                } else {
                    path(named(0), signed(a[3]))
                },
                times: Times::Nanoseconds(a[2]),
            },
            libc::SYS_ioctl => Self::Peer {
                master: signed(a[0]),
                flags: signed(a[2]),
            },
            _ => return Self::older(data),
        })
    }

    /// Older forms that newer architectures left out.
    #[cfg(target_arch = "x86_64")]
    fn older(data: &libc::seccomp_data) -> Option<Self> {
        let a = data.args;
        let path = |named: Named| Target::Path {
            named,
            follow: true,
            empty_is_itself: false,
        };
        Some(match i64::from(data.nr) {
            libc::SYS_open => Self::Open {
                named: here(a[0]),
                flags: signed(a[1]),
                mode: low(a[2]),
            },
            libc::SYS_creat => Self::Open {
                named: here(a[0]),
                flags: libc::O_CREAT | libc::O_WRONLY | libc::O_TRUNC,
                mode: low(a[1]),
            },
            libc::SYS_mkdir => Self::MakeFolder {
                named: here(a[0]),
                mode: low(a[1]),
            },
            libc::SYS_rmdir => Self::Remove {
                named: here(a[0]),
                folder: true,
            },
            libc::SYS_unlink => Self::Remove {
                named: here(a[0]),
                folder: false,
            },
            libc::SYS_rename => Self::Rename {
                from: here(a[0]),
                to: here(a[1]),
                flags: 0,
            },
            libc::SYS_link => Self::Link {
                from: here(a[0]),
                to: here(a[1]),
                flags: 0,
            },
            libc::SYS_symlink => Self::Symlink {
                text: a[0],
                named: here(a[1]),
            },
            libc::SYS_chmod => Self::Mode {
                target: path(here(a[0])),
                mode: low(a[1]),
            },
            libc::SYS_utime => Self::Times {
                target: path(here(a[0])),
                times: Times::Seconds(a[1]),
            },
            libc::SYS_utimes => Self::Times {
                target: path(here(a[0])),
                times: Times::Microseconds(a[1]),
            },
            libc::SYS_futimesat => Self::Times {
                target: if a[1] == 0 {
                    Target::File(signed(a[0]))
                } else {
                    path(Named {
                        at: signed(a[0]),
                        path: a[1],
                    })
                },
                times: Times::Microseconds(a[2]),
            },
            _ => return None,
        })
    }

    #[cfg(not(target_arch = "x86_64"))]
    const fn older(_: &libc::seccomp_data) -> Option<Self> {
        None
    }

    /// Whether Landlock decides about it in the kernel.
    const fn is_seen_by_landlock(&self) -> bool {
        match self {
            Self::Open { .. }
            | Self::MakeFolder { .. }
            | Self::Remove { .. }
            | Self::Rename { .. }
            | Self::Link { .. }
            | Self::Symlink { .. }
            | Self::Truncate { .. }
            | Self::Peer { .. } => true,
            Self::Mode { .. } | Self::Times { .. } => false,
        }
    }

    /// For a caller that we do nothing for.
    pub const fn without_us(&self) -> Outcome {
        if self.is_seen_by_landlock() {
            Outcome::GoOn
        } else {
            Outcome::Failed(Errno::PERM)
        }
    }

    /// What could not be found is left to the kernel, which knows best why.
    pub const fn failed(&self, error: Errno) -> Outcome {
        if self.is_seen_by_landlock() {
            Outcome::GoOn
        } else {
            Outcome::Failed(error)
        }
    }
}

const fn here(path: u64) -> Named {
    Named { at: HERE, path }
}
