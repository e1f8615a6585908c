//! The kernel's one listener of a command: which calls wait for an answer, how they are taken up, how they are answered.
//!
//! All filters of a process have one listener together. So whoever wants to hear of a command's calls, to record them or to do them, says
//! which in [`Row`]s; one filter is made of all of these, and what it hands over goes to one after the other.

use super::link;
use codex_process::packets;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::fd::{AsFd, AsRawFd, OwnedFd};
use rustix::io::Errno;
use seccompiler::sock_filter;
use std::io;
use std::os::fd::FromRawFd;

/// A call that is handed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Row {
    /// Its number on this architecture.
    pub call: i64,
    pub when: When,
}

/// By what a filter can see of its arguments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum When {
    Always,
    /// With one of these bits in the lower half of an argument.
    Has {
        argument: u32,
        bits: u32,
    },
    /// With exactly this lower half.
    Is {
        argument: u32,
        value: u32,
    },
    IsNotNull {
        argument: u32,
    },
}

const LOAD: u16 = 0x20;
const IS: u16 = 0x15;
const HAS: u16 = 0x45;
const RETURN: u16 = 0x06;
/// The low half of the first argument in what a filter sees, and the distance to the next and to the high half.
const ARGUMENTS: u32 = 16;
const ARGUMENT: u32 = 8;
const HIGH: u32 = 4;

const fn step(code: u16, jt: u8, jf: u8, k: u32) -> sock_filter {
    sock_filter { code, jt, jf, k }
}

const HAND_OVER: sock_filter = step(RETURN, 0, 0, libc::SECCOMP_RET_USER_NOTIF);
const ALLOW: sock_filter = step(RETURN, 0, 0, libc::SECCOMP_RET_ALLOW);
const LOAD_NUMBER: sock_filter = step(LOAD, 0, 0, 0);

/// Another filter ends whatever uses the numbers of another architecture. `rest` is the filter for what is not handed over; none: all of it is
/// allowed.
fn program(rows: &[Row], rest: &[sock_filter]) -> Vec<sock_filter> {
    let low = |argument: u32| step(LOAD, 0, 0, ARGUMENTS + argument * ARGUMENT);
    let mut program = vec![LOAD_NUMBER];
    for row in rows {
        let always = |other: &&Row| other.call == row.call && other.when == When::Always;
        if row.when != When::Always && rows.iter().any(|other| always(&other)) {
            continue;
        }
        let test = match row.when {
            When::Always => vec![HAND_OVER],
            When::Has { argument, bits } => vec![low(argument), step(HAS, 0, 1, bits), HAND_OVER, LOAD_NUMBER],
            When::Is { argument, value } => vec![low(argument), step(IS, 0, 1, value), HAND_OVER, LOAD_NUMBER],
            When::IsNotNull { argument } => vec![
                low(argument),
                step(IS, 0, 2, 0),
                step(LOAD, 0, 0, ARGUMENTS + argument * ARGUMENT + HIGH),
                step(IS, 1, 0, 0),
                HAND_OVER,
                LOAD_NUMBER,
            ],
        };
        let number = u32::try_from(row.call).unwrap_or(u32::MAX);
        // Seven at most.
        program.push(step(IS, 0, u8::try_from(test.len()).unwrap_or(u8::MAX), number));
        program.extend(test);
    }
    program.extend(if rest.is_empty() { &[ALLOW] } else { rest }.iter().cloned());
    program
}

/// Makes this process, which has one thread, and all that come from it, ask whoever has the descriptor. With `rest` the same filter does what
/// another one would: the kernel takes its time for each.
///
/// # Errors
/// If somebody around this process listens already (`EBUSY`), or the kernel cannot do it.
pub(super) fn install(rows: &[Row], rest: &[sock_filter]) -> io::Result<OwnedFd> {
    let mut program = program(rows, rest);
    let program = libc::sock_fprog {
        len: u16::try_from(program.len()).map_err(io::Error::other)?,
        // The same structure of the kernel under two names.
        filter: program.as_mut_ptr().cast(),
    };
    rustix::thread::set_no_new_privs(true)?;
    let install = |flags: libc::c_ulong| {
        // SAFETY: the program and the structure outlive the call; it returns a fresh descriptor or -1.
        unsafe {
            match libc::syscall(libc::SYS_seccomp, libc::SECCOMP_SET_MODE_FILTER, flags, &raw const program) {
                -1 => Err(io::Error::last_os_error()),
                listener => Ok(OwnedFd::from_raw_fd(i32::try_from(listener).map_err(io::Error::other)?)),
            }
        }
    };
    // With the second flag (Linux 5.19) only a fatal signal ends a wait for our answer: else what was done would be done twice, and a program
    // with a timer may never get further. Nothing is done for a command where the kernel does not know it; see `trial.rs`.
    match install(libc::SECCOMP_FILTER_FLAG_NEW_LISTENER | libc::SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV) {
        Err(error) if error.raw_os_error() == Some(libc::EINVAL) => install(libc::SECCOMP_FILTER_FLAG_NEW_LISTENER),
        installed => installed,
    }
}

/// Whether the kernel has, and nobody around us took, the listener of this process, and only a fatal signal interrupts who waits. Takes it.
pub(super) fn is_to_be_had() -> bool {
    let mut program = program(&[], &[]);
    let length = u16::try_from(program.len()).unwrap_or(0);
    let program = libc::sock_fprog {
        len: length,
        filter: program.as_mut_ptr().cast(),
    };
    let flags = libc::SECCOMP_FILTER_FLAG_NEW_LISTENER | libc::SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV;
    // SAFETY: as above. The descriptor stays open to the end of this process.
    rustix::thread::set_no_new_privs(true).is_ok()
        && unsafe { libc::syscall(libc::SYS_seccomp, libc::SECCOMP_SET_MODE_FILTER, flags, &raw const program) } >= 0
}

/// What becomes of a call.
#[derive(Debug)]
pub(super) enum Outcome {
    /// The kernel goes on with it.
    GoOn,
    Done,
    Failed(Errno),
    /// Its result is this file.
    Opened {
        file: OwnedFd,
        close_on_exec: bool,
    },
}

impl From<Result<(), Errno>> for Outcome {
    fn from(result: Result<(), Errno>) -> Self {
        result.map_or_else(Self::Failed, |()| Self::Done)
    }
}

/// From where calls are heard and answered. Several processes may have it; each call comes to one of them, and any may answer.
#[derive(Debug)]
pub(super) struct Listener(pub OwnedFd);

impl Listener {
    /// The next call that waits; `None` when nobody is left who could make one.
    pub fn next(&self) -> Option<libc::seccomp_notif> {
        loop {
            // The kernel wakes nobody who waits in the call itself when the last caller is gone.
            let mut sources = [PollFd::new(&self.0, PollFlags::IN)];
            match poll(&mut sources, None) {
                Ok(_) if sources[0].revents().contains(PollFlags::IN) => {}
                Err(Errno::INTR) => continue,
                Ok(_) | Err(_) => return None,
            }
            match self.receive() {
                Ok(call) => return Some(call),
                // Whoever called has been killed meanwhile.
                Err(Errno::NOENT | Errno::INTR) => {}
                Err(_) => return None,
            }
        }
    }

    /// A call that waits already.
    pub fn receive(&self) -> Result<libc::seccomp_notif, Errno> {
        // SAFETY: the kernel wants the structure to be zero, and fills it.
        unsafe {
            let mut call: libc::seccomp_notif = std::mem::zeroed();
            match libc::ioctl(self.0.as_raw_fd(), libc::SECCOMP_IOCTL_NOTIF_RECV, &raw mut call) {
                -1 => Err(last_error()),
                _ => Ok(call),
            }
        }
    }

    /// Whether the caller still waits. Only then is what was read under its number its own.
    pub fn waits(&self, id: u64) -> bool {
        // SAFETY: the kernel reads the live number that it is given.
        unsafe { libc::ioctl(self.0.as_raw_fd(), libc::SECCOMP_IOCTL_NOTIF_ID_VALID, &raw const id) == 0 }
    }

    /// A caller that is gone needs no answer.
    pub fn answer(&self, id: u64, outcome: Outcome) {
        let (error, flags) = match outcome {
            Outcome::GoOn => (0, u32::try_from(libc::SECCOMP_USER_NOTIF_FLAG_CONTINUE).unwrap_or(0)),
            Outcome::Done => (0, 0),
            Outcome::Failed(error) => (-error.raw_os_error(), 0),
            Outcome::Opened { file, close_on_exec } => match self.hand_in(id, &file, close_on_exec) {
                Ok(()) => return,
                Err(error) => (-error.raw_os_error(), 0),
            },
        };
        let response = libc::seccomp_notif_resp { id, val: 0, error, flags };
        // SAFETY: the kernel reads the live structure that it is given.
        unsafe { libc::ioctl(self.0.as_raw_fd(), libc::SECCOMP_IOCTL_NOTIF_SEND, &raw const response) };
    }

    /// Makes `file` one of the caller's, which is the result of its call.
    fn hand_in(&self, id: u64, file: &OwnedFd, close_on_exec: bool) -> Result<(), Errno> {
        let request = libc::seccomp_notif_addfd {
            id,
            flags: u32::try_from(libc::SECCOMP_ADDFD_FLAG_SEND).unwrap_or(0),
            srcfd: file.as_raw_fd().cast_unsigned(),
            newfd: 0,
            newfd_flags: if close_on_exec { libc::O_CLOEXEC.cast_unsigned() } else { 0 },
        };
        // SAFETY: the kernel reads the live structure that it is given.
        match unsafe { libc::ioctl(self.0.as_raw_fd(), libc::SECCOMP_IOCTL_NOTIF_ADDFD, &raw const request) } {
            -1 => Err(last_error()),
            _ => Ok(()),
        }
    }
}

pub(super) fn last_error() -> Errno {
    Errno::from_io_error(&io::Error::last_os_error()).unwrap_or(Errno::IO)
}

/// The two ends of a socket through which what becomes the command gives its listener away.
pub(super) struct Handover {
    ours: OwnedFd,
    theirs: OwnedFd,
}

impl Handover {
    pub fn new() -> io::Result<Self> {
        let (ours, theirs) = packets::pair()?;
        Ok(Self { ours, theirs })
    }

    /// `filters` are those of a process that is served.
    pub fn give(&self, listener: &OwnedFd, filters: u32) -> io::Result<()> {
        packets::send(&self.theirs, &filters.to_le_bytes(), &[listener.as_fd()])
    }

    /// Waits for it. `None` if it was not given.
    pub fn take(self) -> Option<(Listener, u32)> {
        drop(self.theirs);
        let mut filters = [0; 4];
        let listener = link::take(&self.ours, &mut filters).ok().flatten()?;
        Some((Listener(listener), u32::from_le_bytes(filters)))
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Whether the kernel would hand over a call with these arguments.
    pub fn is_handed_over(rows: &[Row], call: i64, arguments: [u64; 6]) -> bool {
        run(&program(rows, &[]), call, arguments) == libc::SECCOMP_RET_USER_NOTIF
    }

    fn run(program: &[sock_filter], call: i64, arguments: [u64; 6]) -> u32 {
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
                    let (index, high) = ((step.k - ARGUMENTS) / ARGUMENT, (step.k - ARGUMENTS) % ARGUMENT);
                    loaded = u32::try_from(arguments[index as usize] >> (high * 8) & u64::from(u32::MAX)).unwrap();
                    0
                }
                IS => jump(loaded == step.k),
                HAS => jump(loaded & step.k != 0),
                _ => return step.k,
            };
        }
    }

    #[test]
    fn what_is_not_handed_over_is_left_to_the_rest() {
        const REFUSE: sock_filter = step(RETURN, 0, 0, libc::SECCOMP_RET_ERRNO);
        let rows = [Row {
            call: 1,
            when: When::Always,
        }];
        let program = program(&rows, &[LOAD_NUMBER, step(IS, 0, 1, 2), REFUSE, ALLOW]);
        let said = [1, 2, 3].map(|call| run(&program, call, [0; 6]));

        assert_eq!(
            said,
            [libc::SECCOMP_RET_USER_NOTIF, libc::SECCOMP_RET_ERRNO, libc::SECCOMP_RET_ALLOW]
        );
    }

    #[test]
    fn a_call_is_handed_over_if_one_of_its_rows_says_so() {
        let row = |call, when| Row { call, when };
        let rows = [
            row(1, When::Has { argument: 2, bits: 6 }),
            row(2, When::Always),
            row(1, When::Is { argument: 1, value: 7 }),
            row(3, When::IsNotNull { argument: 4 }),
            row(2, When::Is { argument: 0, value: 1 }),
        ];
        let with = |index: usize, value: u64| {
            let mut arguments = [0; 6];
            arguments[index] = value;
            arguments
        };
        let check = |call, arguments, expect| assert_eq!(is_handed_over(&rows, call, arguments), expect, "{call} {arguments:?}");

        check(1, [0; 6], false);
        check(1, with(2, 4), true);
        check(1, with(2, 8 | 6 << 32), false);
        check(1, with(1, 7 | 1 << 40), true);
        check(2, [0; 6], true);
        check(3, [0; 6], false);
        check(3, with(4, 1), true);
        check(3, with(4, 1 << 32), true);
        check(4, with(4, 1), false);
    }
}
