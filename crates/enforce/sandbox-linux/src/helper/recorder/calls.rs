//! Which calls are told to the recorder, and what each of them asks for, by its registers.

use codex_process::record::Recording;

/// A path in the caller's memory, and what it counts from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    /// A descriptor, or `AT_FDCWD`.
    pub folder: i32,
    pub path: u64,
    /// A link at the end is what it leads to.
    pub follow: bool,
}

impl Place {
    const fn at(folder: u64, path: u64) -> Self {
        Self {
            folder: low(folder),
            path,
            follow: true,
        }
    }

    const fn here(path: u64) -> Self {
        Self {
            folder: libc::AT_FDCWD,
            path,
            follow: true,
        }
    }

    pub const fn following(self, follow: bool) -> Self {
        Self { follow, ..self }
    }

    /// The name itself, whatever it is.
    const fn itself(self) -> Self {
        self.following(false)
    }

    const fn by(self, flags: u64) -> Self {
        self.following(low(flags) & libc::AT_SYMLINK_NOFOLLOW == 0)
    }
}

/// An address or a buffer in the caller's memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Bytes {
    pub start: u64,
    pub length: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flags {
    Given(i32),
    /// At the beginning of a structure (`openat2`).
    At(u64),
}

/// What a call asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Deed {
    Open { place: Place, flags: Flags },
    Run { place: Place },
    Look { place: Place },
    Write { place: Place },
    WriteOpen { descriptor: i32 },
    Make { place: Place },
    Remove { place: Place },
    Rename { from: Place, to: Place },
    Link { from: Place, to: Place },
    Socket { family: i32 },
    Connect { address: Bytes },
    Bind { address: Bytes },
    Send { address: Bytes, bytes: Bytes },
    SendMany { messages: u64, count: u64 },
}

/// As in every architecture; not every version of `libc` has the names.
const FCHMODAT2: i64 = 452;
const SETXATTRAT: i64 = 463;
const REMOVEXATTRAT: i64 = 466;
#[cfg(target_arch = "x86_64")]
const RENAMEAT: i64 = libc::SYS_renameat;
#[cfg(not(target_arch = "x86_64"))]
const RENAMEAT: i64 = 38;

/// Used: contents, names, attributes, programs, addresses.
const USES: &[i64] = &[
    libc::SYS_openat,
    libc::SYS_openat2,
    libc::SYS_execve,
    libc::SYS_execveat,
    libc::SYS_truncate,
    libc::SYS_fchmod,
    libc::SYS_fchmodat,
    FCHMODAT2,
    libc::SYS_fchown,
    libc::SYS_fchownat,
    libc::SYS_utimensat,
    libc::SYS_setxattr,
    libc::SYS_lsetxattr,
    libc::SYS_fsetxattr,
    SETXATTRAT,
    libc::SYS_removexattr,
    libc::SYS_lremovexattr,
    libc::SYS_fremovexattr,
    REMOVEXATTRAT,
    libc::SYS_mkdirat,
    libc::SYS_mknodat,
    libc::SYS_symlinkat,
    libc::SYS_unlinkat,
    RENAMEAT,
    libc::SYS_renameat2,
    libc::SYS_linkat,
    libc::SYS_socket,
    libc::SYS_connect,
    libc::SYS_bind,
    libc::SYS_sendto,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_open,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_creat,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_chmod,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_chown,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_lchown,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_utime,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_utimes,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_futimesat,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_mkdir,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_rmdir,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_mknod,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_symlink,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_unlink,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_rename,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_link,
];

/// Looked at, and what tells the names of hosts.
const LOOKS: &[i64] = &[
    libc::SYS_newfstatat,
    libc::SYS_statx,
    libc::SYS_faccessat,
    libc::SYS_faccessat2,
    libc::SYS_readlinkat,
    libc::SYS_sendmmsg,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_stat,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_lstat,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_access,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_readlink,
];

pub(super) fn told(recording: Recording) -> impl Iterator<Item = i64> {
    let looks = match recording {
        Recording::Uses => &[][..],
        Recording::Everything => LOOKS,
    };
    USES.iter().chain(looks).copied()
}

/// Numbers of 32 bits: the kernel ignores the rest of the register.
const fn low(argument: u64) -> i32 {
    (argument & 0xFFFF_FFFF) as u32 as i32
}

/// `None` for a call that is not in the table.
pub(super) fn deed(call: i64, arguments: &[u64; 6]) -> Option<Deed> {
    older(call, arguments).or_else(|| attributes(call, arguments)).or_else(|| {
        let [a, b, c, d, e, _] = *arguments;
        Some(match call {
            libc::SYS_openat => Deed::Open {
                place: Place::at(a, b),
                flags: Flags::Given(low(c)),
            },
            libc::SYS_openat2 => Deed::Open {
                place: Place::at(a, b),
                flags: Flags::At(c),
            },
            libc::SYS_execve => Deed::Run { place: Place::here(a) },
            libc::SYS_execveat => Deed::Run {
                place: Place::at(a, b).by(e),
            },
            libc::SYS_mkdirat | libc::SYS_mknodat => Deed::Make {
                place: Place::at(a, b).itself(),
            },
            libc::SYS_symlinkat => Deed::Make {
                place: Place::at(b, c).itself(),
            },
            libc::SYS_unlinkat => Deed::Remove {
                place: Place::at(a, b).itself(),
            },
            RENAMEAT | libc::SYS_renameat2 => Deed::Rename {
                from: Place::at(a, b).itself(),
                to: Place::at(c, d).itself(),
            },
            libc::SYS_linkat => Deed::Link {
                from: Place::at(a, b).following(low(e) & libc::AT_SYMLINK_FOLLOW != 0),
                to: Place::at(c, d).itself(),
            },
            libc::SYS_newfstatat => Deed::Look {
                place: Place::at(a, b).by(d),
            },
            libc::SYS_statx => Deed::Look {
                place: Place::at(a, b).by(c),
            },
            libc::SYS_faccessat => Deed::Look { place: Place::at(a, b) },
            libc::SYS_faccessat2 => Deed::Look {
                place: Place::at(a, b).by(d),
            },
            libc::SYS_readlinkat => Deed::Look {
                place: Place::at(a, b).itself(),
            },
            libc::SYS_socket => Deed::Socket { family: low(a) },
            libc::SYS_connect => Deed::Connect {
                address: Bytes { start: b, length: c },
            },
            libc::SYS_bind => Deed::Bind {
                address: Bytes { start: b, length: c },
            },
            libc::SYS_sendto => Deed::Send {
                address: Bytes {
                    start: e,
                    length: arguments[5],
                },
                bytes: Bytes { start: b, length: c },
            },
            libc::SYS_sendmmsg => Deed::SendMany { messages: b, count: c },
            _ => return None,
        })
    })
}

/// Of a file that is there.
fn attributes(call: i64, arguments: &[u64; 6]) -> Option<Deed> {
    let [a, b, c, d, e, _] = *arguments;
    let place = match call {
        libc::SYS_truncate | libc::SYS_setxattr | libc::SYS_removexattr => Place::here(a),
        libc::SYS_lsetxattr | libc::SYS_lremovexattr => Place::here(a).itself(),
        libc::SYS_fchmodat => Place::at(a, b),
        FCHMODAT2 => Place::at(a, b).by(d),
        libc::SYS_fchownat => Place::at(a, b).by(e),
        SETXATTRAT | REMOVEXATTRAT => Place::at(a, b).by(c),
        // Without a path it is the descriptor's own.
        libc::SYS_utimensat if b != 0 => Place::at(a, b).by(d),
        libc::SYS_utimensat | libc::SYS_fchmod | libc::SYS_fchown | libc::SYS_fsetxattr | libc::SYS_fremovexattr => {
            return Some(Deed::WriteOpen { descriptor: low(a) });
        }
        _ => return None,
    };
    Some(Deed::Write { place })
}

/// Forms that newer architectures left out.
#[cfg(target_arch = "x86_64")]
fn older(call: i64, arguments: &[u64; 6]) -> Option<Deed> {
    let [a, b, ..] = *arguments;
    let (first, second) = (Place::here(a), Place::here(b));
    Some(match call {
        libc::SYS_open => Deed::Open {
            place: first,
            flags: Flags::Given(low(b)),
        },
        libc::SYS_creat => Deed::Open {
            place: first,
            flags: Flags::Given(libc::O_CREAT | libc::O_WRONLY | libc::O_TRUNC),
        },
        libc::SYS_chmod | libc::SYS_chown | libc::SYS_utime | libc::SYS_utimes => Deed::Write { place: first },
        libc::SYS_lchown => Deed::Write { place: first.itself() },
        libc::SYS_futimesat => Deed::Write { place: Place::at(a, b) },
        libc::SYS_mkdir | libc::SYS_mknod => Deed::Make { place: first.itself() },
        libc::SYS_rmdir | libc::SYS_unlink => Deed::Remove { place: first.itself() },
        libc::SYS_symlink => Deed::Make { place: second.itself() },
        libc::SYS_rename => Deed::Rename {
            from: first.itself(),
            to: second.itself(),
        },
        libc::SYS_link => Deed::Link {
            from: first.itself(),
            to: second.itself(),
        },
        libc::SYS_stat | libc::SYS_access => Deed::Look { place: first },
        libc::SYS_lstat | libc::SYS_readlink => Deed::Look { place: first.itself() },
        _ => return None,
    })
}

#[cfg(not(target_arch = "x86_64"))]
const fn older(_: i64, _: &[u64; 6]) -> Option<Deed> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_call_that_is_told_is_understood_and_no_other() {
        let all: Vec<i64> = told(Recording::Everything).collect();
        for call in 0..600 {
            assert_eq!(deed(call, &[0; 6]).is_some(), all.contains(&call), "{call}");
        }
        let uses: Vec<i64> = told(Recording::Uses).collect();
        for call in LOOKS {
            assert!(!uses.contains(call) && *call != libc::SYS_openat, "{call}");
        }
    }

    #[test]
    fn registers_are_read_where_the_call_has_its_arguments() {
        let here = 0xFFFF_FF9C; // AT_FDCWD, upper half unset as some programs leave it
        let place = |folder: i32, path: u64, follow: bool| Place { folder, path, follow };
        let check = |call: i64, arguments: [u64; 6], expect: Deed| assert_eq!(deed(call, &arguments), Some(expect), "{call}");

        check(
            libc::SYS_openat,
            [here, 7, 0x8_0000, 0, 0, 0],
            Deed::Open {
                place: place(libc::AT_FDCWD, 7, true),
                flags: Flags::Given(libc::O_CLOEXEC),
            },
        );
        check(
            libc::SYS_renameat2,
            [3, 7, 4, 8, 0, 0],
            Deed::Rename {
                from: place(3, 7, false),
                to: place(4, 8, false),
            },
        );
        check(
            libc::SYS_symlinkat,
            [1, here, 9, 0, 0, 0],
            Deed::Make {
                place: place(libc::AT_FDCWD, 9, false),
            },
        );
        check(libc::SYS_utimensat, [5, 0, 0, 0, 0, 0], Deed::WriteOpen { descriptor: 5 });
        check(
            libc::SYS_newfstatat,
            [here, 7, 0, 0x100, 0, 0],
            Deed::Look {
                place: place(libc::AT_FDCWD, 7, false),
            },
        );
        check(
            libc::SYS_sendto,
            [1, 2, 3, 4, 5, 6],
            Deed::Send {
                address: Bytes { start: 5, length: 6 },
                bytes: Bytes { start: 2, length: 3 },
            },
        );
    }
}
