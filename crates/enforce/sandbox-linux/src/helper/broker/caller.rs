//! The process that waits for our answer: its memory, its descriptors, its mask for new files.

use crate::helper::listener::Listener;
use rustix::fd::OwnedFd;
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use rustix::process::{PidfdFlags, PidfdGetfdFlags};
use std::fs;

/// Bytes of a path, with the end.
const PATH_BYTES_MAX: usize = libc::PATH_MAX as usize;
/// Smallest page there is: a read within one either works or does not.
const PAGE: u64 = 4096;

pub(super) struct Caller<'a> {
    listener: &'a Listener,
    id: u64,
    /// Of the thread that calls.
    tid: u32,
    /// Its process.
    process: i32,
    pub mask: Mode,
}

impl<'a> Caller<'a> {
    /// `None` if nothing is done for it: it has more filters than the command was given, or is gone.
    pub fn of(listener: &'a Listener, request: &libc::seccomp_notif, filters: u32) -> Option<Self> {
        let status = status(&request.pid.to_string())?;
        let caller = Self {
            listener,
            id: request.id,
            tid: request.pid,
            process: i32::try_from(field(&status, "Tgid:", 10)?).ok()?,
            mask: Mode::from_raw_mode(field(&status, "Umask:", 8)?),
        };
        (field(&status, "Seccomp_filters:", 10)? == filters && caller.waits()).then_some(caller)
    }

    /// Whether it still waits. Only then is what was read under its number its own.
    pub fn waits(&self) -> bool {
        self.listener.waits(self.id)
    }

    /// A text that ends with a zero, without it.
    pub fn text(&self, address: u64) -> Result<Vec<u8>, Errno> {
        let mut text = Vec::new();
        while text.len() < PATH_BYTES_MAX {
            let at = address.checked_add(text.len() as u64).ok_or(Errno::FAULT)?;
            let mut page = vec![0; usize::try_from(PAGE - at % PAGE).unwrap_or(0)];
            self.read(at, &mut page)?;
            match page.iter().position(|byte| *byte == 0) {
                Some(end) => {
                    text.extend_from_slice(&page[..end]);
                    let fits = text.len() < PATH_BYTES_MAX;
                    return if fits { Ok(text) } else { Err(Errno::NAMETOOLONG) };
                }
                None => text.extend_from_slice(&page),
            }
        }
        Err(Errno::NAMETOOLONG)
    }

    /// `N` numbers of 64 bits.
    pub fn numbers<const N: usize>(&self, address: u64) -> Result<[i64; N], Errno> {
        let mut bytes = vec![0; N * 8];
        self.read(address, &mut bytes)?;
        let mut numbers = [0; N];
        for (number, bytes) in numbers.iter_mut().zip(bytes.chunks_exact(8)) {
            *number = bytes.try_into().map(i64::from_ne_bytes).map_err(|_| Errno::FAULT)?;
        }
        Ok(numbers)
    }

    /// Through a file, since the call for it is closed in our own sandbox, where we may be.
    fn read(&self, address: u64, into: &mut [u8]) -> Result<(), Errno> {
        let memory = rustix::fs::open(format!("/proc/{}/mem", self.tid), OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
        match rustix::io::pread(&memory, &mut *into, address) {
            Ok(count) if count == into.len() => Ok(()),
            Ok(_) | Err(Errno::IO) => Err(Errno::FAULT),
            Err(error) => Err(error),
        }
    }

    /// Where relative paths begin.
    pub fn folder(&self, at: i32) -> Result<OwnedFd, Errno> {
        self.open_link(at, OFlags::DIRECTORY)
    }

    pub fn file(&self, at: i32) -> Result<OwnedFd, Errno> {
        self.open_link(at, OFlags::empty())
    }

    /// For looking only: nothing happens to what is opened this way.
    fn open_link(&self, at: i32, flags: OFlags) -> Result<OwnedFd, Errno> {
        let link = match at {
            libc::AT_FDCWD => format!("/proc/{}/cwd", self.tid),
            number => format!("/proc/{}/fd/{number}", self.tid),
        };
        let opened = rustix::fs::open(link, OFlags::PATH | OFlags::CLOEXEC | flags, Mode::empty());
        match opened {
            Ok(file) if self.waits() => Ok(file),
            Ok(_) => Err(Errno::SRCH),
            Err(Errno::NOENT) => Err(Errno::BADF),
            Err(error) => Err(error),
        }
    }

    /// The very descriptor, not another one for the same thing.
    pub fn same_file(&self, number: i32) -> Result<OwnedFd, Errno> {
        let process = rustix::process::Pid::from_raw(self.process).ok_or(Errno::SRCH)?;
        let process = rustix::process::pidfd_open(process, PidfdFlags::empty())?;
        let file = rustix::process::pidfd_getfd(process, number, PidfdGetfdFlags::empty())?;
        if self.waits() { Ok(file) } else { Err(Errno::SRCH) }
    }
}

/// How many filters a process has; filters are never taken off.
pub(in crate::helper) fn filters_of(process: &str) -> Option<u32> {
    field(&status(process)?, "Seccomp_filters:", 10)
}

fn status(process: &str) -> Option<String> {
    fs::read_to_string(format!("/proc/{process}/status")).ok()
}

fn field(status: &str, name: &str, radix: u32) -> Option<u32> {
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    u32::from_str_radix(line.trim(), radix).ok()
}
