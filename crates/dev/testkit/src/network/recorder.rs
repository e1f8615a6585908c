//! Hears of every attempt to reach another address, from the kernel.
//!
//! The program starts under a system call filter that hands `connect`, `sendto` with an address, `sendmsg` and `sendmmsg` to us before
//! they are performed; children inherit it and nobody can take it off. We read the address, note it and let the call go on. Ways around
//! (io_uring, calls of another architecture) do not exist under the filter. Sockets to the kernel itself (netlink) are no attempts.

use crate::world::{EQUAL, LOAD, NUMBER, RETURN, UNKNOWN, call, line};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::{Pid, PidfdFlags, PidfdGetfdFlags, pidfd_getfd, pidfd_open};
use std::fs::File;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::fs::FileExt;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::Command;

/// One attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    pub pid: u32,
    /// Path of the file that the process ran.
    pub program: String,
    pub address: Address,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    Inet(SocketAddr),
    /// A path, or `@` and an abstract name.
    Unix(String),
    /// Another family, or an address that could not be read.
    Other(String),
}

/// Listens while the program and its descendants live.
pub struct Recorder {
    thread: std::thread::JoinHandle<io::Result<Vec<Attempt>>>,
}

impl Recorder {
    /// The program that `command` starts, once, is recorded.
    pub fn around(command: &mut Command) -> Self {
        let (mut ours, theirs) = UnixStream::pair().expect("a pair of sockets");
        let thread = std::thread::spawn(move || {
            let mut message = [0; 8];
            ours.read_exact(&mut message)?;
            let number = |bytes: &[u8]| i32::from_ne_bytes(bytes.try_into().expect("four bytes"));
            let listener = taken_from(number(&message[..4]), number(&message[4..]))?;
            ours.write_all(&[1])?;
            drop(ours);
            listen(&listener)
        });
        let enter = move || {
            let listener = install_filter()?;
            let mut message = [0; 8];
            message[..4].copy_from_slice(&std::process::id().cast_signed().to_ne_bytes());
            message[4..].copy_from_slice(&listener.as_raw_fd().to_ne_bytes());
            (&theirs).write_all(&message)?;
            (&theirs).read_exact(&mut message[..1])
        };
        // SAFETY: the closure only makes system calls; plain reads and writes are not among those that wait for the listener.
        unsafe { command.pre_exec(enter) };
        Self { thread }
    }

    /// Everything there was; waits until the last descendant has ended. The command must have been started, or dropped.
    pub fn finish(self) -> Vec<Attempt> {
        let heard = self.thread.join().expect("the listener does not panic");
        heard.expect("the kernel lets a parent listen to its child's calls (Linux 5.9)")
    }
}

/// A copy of the child's descriptor.
fn taken_from(pid: i32, descriptor: i32) -> io::Result<OwnedFd> {
    let pid = Pid::from_raw(pid).ok_or(io::ErrorKind::InvalidData)?;
    let process = pidfd_open(pid, PidfdFlags::empty())?;
    Ok(pidfd_getfd(process, descriptor, PidfdGetfdFlags::empty())?)
}

fn owned(result: libc::c_long) -> io::Result<OwnedFd> {
    let descriptor = i32::try_from(result)
        .ok()
        .filter(|number| *number >= 0)
        .ok_or_else(io::Error::last_os_error)?;
    // SAFETY: the call that returned it gave it to us alone.
    Ok(unsafe { OwnedFd::from_raw_fd(descriptor) })
}

#[cfg(target_arch = "x86_64")]
const ARCHITECTURE: u32 = 0xc000_003e;
#[cfg(target_arch = "aarch64")]
const ARCHITECTURE: u32 = 0xc000_00b7;

fn install_filter() -> io::Result<OwnedFd> {
    const AT_LEAST: u16 = (libc::BPF_JMP | libc::BPF_JGE | libc::BPF_K) as u16;
    const ARCH: u32 = 4;
    /// Both halves of the fifth argument.
    const FIFTH: u32 = 16 + 4 * 8;
    let mut filter = [
        line(LOAD, 0, 0, ARCH),
        line(EQUAL, 0, 13, ARCHITECTURE),
        line(LOAD, 0, 0, NUMBER),
        // The second set of numbers that x86-64 has.
        line(AT_LEAST, 11, 0, 0x4000_0000),
        line(EQUAL, 9, 0, call(libc::SYS_connect)),
        line(EQUAL, 8, 0, call(libc::SYS_sendmsg)),
        line(EQUAL, 7, 0, call(libc::SYS_sendmmsg)),
        line(EQUAL, 7, 0, call(libc::SYS_io_uring_setup)),
        line(EQUAL, 0, 4, call(libc::SYS_sendto)),
        line(LOAD, 0, 0, FIFTH),
        line(EQUAL, 0, 3, 0),
        line(LOAD, 0, 0, FIFTH + 4),
        line(EQUAL, 0, 1, 0),
        line(RETURN, 0, 0, libc::SECCOMP_RET_ALLOW),
        line(RETURN, 0, 0, libc::SECCOMP_RET_USER_NOTIF),
        line(RETURN, 0, 0, UNKNOWN),
    ];
    let program = libc::sock_fprog {
        len: filter.len() as u16,
        filter: filter.as_mut_ptr(),
    };
    // SAFETY: the filter lives until the kernel has copied it.
    unsafe {
        if libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 {
            return Err(io::Error::last_os_error());
        }
        let flags = libc::SECCOMP_FILTER_FLAG_NEW_LISTENER;
        owned(libc::syscall(
            libc::SYS_seccomp,
            libc::SECCOMP_SET_MODE_FILTER,
            flags,
            &raw const program,
        ))
    }
}

/// Until nobody is left under the filter.
fn listen(listener: &OwnedFd) -> io::Result<Vec<Attempt>> {
    let mut attempts = Vec::new();
    while wait(listener)? {
        // SAFETY: the structure may be all zeros, and must be; the pointers are valid for the calls.
        let (received, notice) = unsafe {
            let mut notice: libc::seccomp_notif = std::mem::zeroed();
            let received = libc::ioctl(listener.as_raw_fd(), libc::SECCOMP_IOCTL_NOTIF_RECV as _, &raw mut notice);
            (received, notice)
        };
        if received < 0 {
            // Whoever made the call was killed meanwhile.
            continue;
        }
        let seen = attempts_of(&notice);
        let mut go_on = libc::seccomp_notif_resp {
            id: notice.id,
            val: 0,
            error: 0,
            flags: libc::SECCOMP_USER_NOTIF_FLAG_CONTINUE as u32,
        };
        // SAFETY: the pointer is valid for the call. It fails if the caller is gone.
        let goes_on = unsafe { libc::ioctl(listener.as_raw_fd(), libc::SECCOMP_IOCTL_NOTIF_SEND as _, &raw mut go_on) } == 0;
        // Of somebody who was killed meanwhile nothing can be read, and nothing was sent.
        attempts.extend(seen.into_iter().filter(|attempt| goes_on || attempt.address != unreadable()));
    }
    Ok(attempts)
}

/// Whether there is something to receive; false when there never will be.
fn wait(listener: &OwnedFd) -> io::Result<bool> {
    let mut entries = [PollFd::new(listener, PollFlags::IN)];
    rustix::io::retry_on_intr(|| poll(&mut entries, None))?;
    Ok(entries[0].revents().contains(PollFlags::IN))
}

fn attempts_of(notice: &libc::seccomp_notif) -> Vec<Attempt> {
    let memory = File::open(format!("/proc/{}/mem", notice.pid));
    let read = |at: u64, count: usize| {
        let mut bytes = vec![0; count];
        memory.as_ref().ok()?.read_exact_at(&mut bytes, at).ok()?;
        Some(bytes)
    };
    let arguments = notice.data.args;
    let places: Vec<Option<(u64, u64)>> = match libc::c_long::from(notice.data.nr) {
        libc::SYS_connect => vec![Some((arguments[1], arguments[2]))],
        libc::SYS_sendto => vec![Some((arguments[4], arguments[5]))],
        libc::SYS_sendmsg => vec![name_of_message(arguments[1], &read)],
        // Each message is followed by the length that was sent, padded to 64 bits.
        _ => (0..arguments[2].min(1024))
            .map(|index| name_of_message(arguments[1] + index * (MESSAGE_BYTES + 8), &read))
            .collect(),
    };
    let addresses = places.into_iter().filter_map(|place| match place {
        // A message without an address goes where its socket was connected to.
        Some((0, _)) => None,
        Some((at, length)) => match read(at, usize::try_from(length.min(128)).unwrap_or(128)) {
            Some(bytes) => address(&bytes),
            None => Some(unreadable()),
        },
        None => Some(unreadable()),
    });
    let program = std::fs::read_link(format!("/proc/{}/exe", notice.pid));
    let program = program.map_or_else(|_| "?".to_owned(), |path| path.display().to_string());
    addresses
        .map(|address| Attempt {
            pid: notice.pid,
            program: program.clone(),
            address,
        })
        .collect()
}

fn unreadable() -> Address {
    Address::Other("not readable".to_owned())
}

/// Bytes of a `msghdr`.
const MESSAGE_BYTES: u64 = 56;

/// Where the address of a `msghdr` lies, and how long it is.
fn name_of_message(at: u64, read: &impl Fn(u64, usize) -> Option<Vec<u8>>) -> Option<(u64, u64)> {
    let head = read(at, 12)?;
    let pointer = u64::from_ne_bytes(head[..8].try_into().ok()?);
    let length = u32::from_ne_bytes(head[8..].try_into().ok()?);
    Some((pointer, u64::from(length)))
}

/// None for what leads to no other process: the kernel itself, or the end of an association.
fn address(bytes: &[u8]) -> Option<Address> {
    let family = i32::from(u16::from_ne_bytes(bytes.get(..2)?.try_into().ok()?));
    let port = || Some(u16::from_be_bytes(bytes.get(2..4)?.try_into().ok()?));
    match family {
        libc::AF_UNSPEC | libc::AF_NETLINK => None,
        libc::AF_INET => {
            let ip: [u8; 4] = bytes.get(4..8)?.try_into().ok()?;
            Some(Address::Inet(SocketAddr::new(Ipv4Addr::from(ip).into(), port()?)))
        }
        libc::AF_INET6 => {
            let ip: [u8; 16] = bytes.get(8..24)?.try_into().ok()?;
            Some(Address::Inet(SocketAddr::new(Ipv6Addr::from(ip).into(), port()?)))
        }
        libc::AF_UNIX => {
            let name = &bytes[2..];
            let text = match name {
                [0, rest @ ..] => format!("@{}", String::from_utf8_lossy(rest)),
                // The length may count more than the path.
                _ => String::from_utf8_lossy(name.split(|byte| *byte == 0).next()?).into_owned(),
            };
            Some(Address::Unix(text))
        }
        other => Some(Address::Other(format!("family {other}"))),
    }
}
