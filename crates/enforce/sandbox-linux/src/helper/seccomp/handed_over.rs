//! The calls of a command without namespaces that its supervisor gets to see ([`super::super::broker`]), and the filter that hands them over.

use super::number::{Number, call, older};
use rustix::fd::OwnedFd;
use seccompiler::sock_filter;
use std::io;
use std::os::fd::FromRawFd;

/// Always.
const CALLS: &[Number] = &[
    call!(fchmod),
    call!(fchmodat),
    call!(fchmodat2),
    call!(utimensat),
    call!(mkdirat),
    call!(unlinkat),
    call!(renameat),
    call!(renameat2),
    call!(linkat),
    call!(symlinkat),
    call!(truncate),
    older!(chmod),
    older!(utime),
    older!(utimes),
    older!(futimesat),
    older!(creat),
    older!(mkdir),
    older!(rmdir),
    older!(unlink),
    older!(rename),
    older!(link),
    older!(symlink),
];

/// With these bits in this argument: not what opens for reading, of which there is far more.
const WITH: &[(Number, u32, u32)] = &[(call!(openat), 2, WRITES), (older!(open), 1, WRITES)];

const WRITES: u32 = (libc::O_WRONLY | libc::O_RDWR | libc::O_CREAT | libc::O_TRUNC).cast_unsigned();

/// With exactly this second argument.
const IOCTL: u32 = libc::TIOCGPTPEER as u32;

const LOAD: u16 = 0x20;
const IS: u16 = 0x15;
const HAS: u16 = 0x45;
const RETURN: u16 = 0x06;
/// The low half of the first argument in what a filter sees, and the distance to the next.
const ARGUMENTS: u32 = 16;
const ARGUMENT: u32 = 8;

const fn step(code: u16, jt: u8, jf: u8, k: u32) -> sock_filter {
    sock_filter { code, jt, jf, k }
}

/// Another filter ends whatever uses the numbers of another architecture.
fn program() -> Vec<sock_filter> {
    let number = |call: i64| u32::try_from(call).unwrap_or(u32::MAX);
    let hand_over = || step(RETURN, 0, 0, libc::SECCOMP_RET_USER_NOTIF);
    let allow = || step(RETURN, 0, 0, libc::SECCOMP_RET_ALLOW);
    let argument = |index: u32| step(LOAD, 0, 0, ARGUMENTS + index * ARGUMENT);
    let mut program = vec![step(LOAD, 0, 0, 0)];
    for call in CALLS.iter().filter_map(|call| call.here()) {
        program.extend([step(IS, 0, 1, number(call)), hand_over()]);
    }
    let with = WITH.iter().map(|(call, index, bits)| (*call, *index, step(HAS, 0, 1, *bits)));
    let with = with.chain([(call!(ioctl), 1, step(IS, 0, 1, IOCTL))]);
    for (call, index, test) in with.filter_map(|(call, index, test)| Some((call.here()?, index, test))) {
        program.extend([step(IS, 0, 4, number(call)), argument(index), test, hand_over(), allow()]);
    }
    program.push(allow());
    program
}

/// Makes this process, and all that come from it, ask whoever has the descriptor. A signal that does not kill the caller waits until it is
/// answered: what was done would otherwise be done twice.
///
/// # Errors
/// If somebody around this process listens already, or the kernel cannot do it.
pub(in crate::helper) fn listen() -> io::Result<OwnedFd> {
    let mut program = program();
    let program = libc::sock_fprog {
        len: u16::try_from(program.len()).map_err(io::Error::other)?,
        filter: program.as_mut_ptr().cast(),
    };
    let flags = libc::SECCOMP_FILTER_FLAG_NEW_LISTENER | libc::SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV;
    // SAFETY: the kernel copies the live program and returns a fresh descriptor or -1.
    unsafe {
        let listener = libc::syscall(libc::SYS_seccomp, libc::SECCOMP_SET_MODE_FILTER, flags, &raw const program);
        match i32::try_from(listener) {
            Ok(listener) if listener >= 0 => Ok(OwnedFd::from_raw_fd(listener)),
            _ => Err(io::Error::last_os_error()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the kernel would do with a call and its arguments.
    fn outcome(program: &[sock_filter], call: i64, arguments: [u32; 6]) -> u32 {
        let mut loaded = 0;
        let mut at = 0;
        loop {
            let step = &program[at];
            let jump = |taken: bool| usize::from(if taken { step.jt } else { step.jf });
            at += 1 + match step.code {
                LOAD if step.k == 0 => {
                    loaded = u32::try_from(call).unwrap();
                    0
                }
                LOAD => {
                    loaded = arguments[((step.k - ARGUMENTS) / ARGUMENT) as usize];
                    0
                }
                IS => jump(loaded == step.k),
                HAS => jump(loaded & step.k != 0),
                _ => return step.k,
            };
        }
    }

    #[test]
    fn what_writes_is_handed_over_and_what_reads_goes_on() {
        let program = program();
        let check = |call: i64, arguments: [u32; 6], expect: bool| {
            let expect = if expect {
                libc::SECCOMP_RET_USER_NOTIF
            } else {
                libc::SECCOMP_RET_ALLOW
            };
            assert_eq!(outcome(&program, call, arguments), expect, "{call} {arguments:?}");
        };
        let open = |flags: i32| [0, 0, flags.cast_unsigned(), 0, 0, 0];

        for call in CALLS.iter().filter_map(|call| call.here()) {
            check(call, [0; 6], true);
        }
        check(libc::SYS_openat, open(libc::O_RDONLY | libc::O_CLOEXEC), false);
        check(libc::SYS_openat, open(libc::O_WRONLY), true);
        check(libc::SYS_openat, open(libc::O_RDWR), true);
        check(libc::SYS_openat, open(libc::O_CREAT), true);
        check(libc::SYS_openat, open(libc::O_TRUNC), true);
        check(libc::SYS_ioctl, [0, IOCTL, 0, 0, 0, 0], true);
        check(libc::SYS_ioctl, [0, libc::TCGETS as u32, 0, 0, 0, 0], false);
        check(libc::SYS_read, [0; 6], false);
        check(libc::SYS_write, [1; 6], false);
    }
}
