//! The control group of one command: how much all of its processes may use together, what they used, and their sure end.
//!
//! It is there for accidents, as every limit: what cannot be had of it stops nothing, and [`super::limits`] does what it can.

use super::limits;
use crate::cgroup;
use codex_process::{LimitHit, Usage};
use codex_protocol::settings::CommandLimits;
use rustix::fd::{AsRawFd, OwnedFd};
use rustix::fs::{FlockOperation, Mode, OFlags, flock, fstat};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

pub(super) struct Group {
    path: PathBuf,
    /// Locked: whoever finds it so knows that it is in use.
    folder: OwnedFd,
    holds: Holds,
}

/// The limits that a group holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Holds {
    pub memory: bool,
    pub processes: bool,
}

impl Group {
    /// A new one below `base`, with the limits that can be set there. `own` of our processes are in it beside the command.
    pub fn make(base: Option<&Path>, limits: &CommandLimits, own: u64) -> Option<Self> {
        const ATTEMPTS: u32 = 3;
        let base = base?;
        (0..ATTEMPTS).find_map(|number| {
            let path = base.join(format!("{}{}-{number}", cgroup::PREFIX, std::process::id()));
            fs::create_dir(&path).ok()?;
            let folder = cgroup::open(&path).ok()?;
            // Whoever sweeps may have come between.
            let locked = flock(&folder, FlockOperation::NonBlockingLockShared).is_ok() && is_same(&path, &folder);
            locked.then(|| {
                let mut group = Self {
                    path,
                    folder,
                    holds: Holds::default(),
                };
                group.limit(limits, own);
                group
            })
        })
    }

    fn limit(&mut self, limits: &CommandLimits, own: u64) {
        let set = |name: &str, value: u64| self.write(name, &value.to_string()).is_ok();
        self.holds = Holds {
            memory: limits.memory_bytes.is_none_or(|most| {
                // Half a tree is of no use, and what is swapped out counts, too.
                let whole = set("memory.oom.group", 1);
                let swap = set("memory.swap.max", 0) || !self.path.join("memory.swap.max").exists();
                whole && swap && set("memory.max", most)
            }),
            processes: limits.processes.is_none_or(|most| set("pids.max", most.saturating_add(own))),
        };
    }

    /// Everything in it, at once.
    pub fn kill(&self) {
        cgroup::kill(&self.path);
    }

    /// What everything in it used, where the kernel counts it; else `known`.
    pub fn used(&self, known: Usage) -> Usage {
        let cpu = self.number_in("cpu.stat", "usage_usec").map(Duration::from_micros);
        let peak = self.read("memory.peak").and_then(|text| text.trim().parse().ok());
        Usage {
            cpu: cpu.map_or(known.cpu, |cpu| cpu.max(known.cpu)),
            peak_memory_bytes: peak.unwrap_or(known.peak_memory_bytes),
        }
    }

    /// What it ran into.
    pub fn hit(&self) -> Option<LimitHit> {
        let happened = |file: &str, event: &str| self.number_in(file, event).is_some_and(|count| count > 0);
        if happened("memory.events", "oom") && happened("memory.events", "oom_kill") {
            Some(LimitHit::Memory)
        } else if happened("pids.events", "max") {
            Some(LimitHit::Processes)
        } else {
            None
        }
    }

    /// With what is left in it.
    pub fn remove(self) {
        cgroup::end(&self.path);
    }

    fn number_in(&self, file: &str, name: &str) -> Option<u64> {
        value(&self.read(file)?, name)
    }

    fn read(&self, name: &str) -> Option<String> {
        fs::read_to_string(self.path.join(name)).ok()
    }

    fn write(&self, name: &str, value: &str) -> io::Result<()> {
        // Never made anew: a controller that is not there has no files.
        let flags = OFlags::WRONLY | OFlags::CLOEXEC;
        let file = rustix::fs::openat(&self.folder, name, flags, Mode::empty())?;
        rustix::io::write(&file, value.as_bytes())?;
        Ok(())
    }
}

fn is_same(path: &Path, folder: &OwnedFd) -> bool {
    matches!((rustix::fs::stat(path), fstat(folder)), (Ok(named), Ok(held)) if named.st_ino == held.st_ino)
}

/// Of a file with a name and a number in each line.
fn value(text: &str, name: &str) -> Option<u64> {
    text.lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.trim().parse().ok())
}

/// Where [`fork`] returns: it does so twice.
pub(super) enum Forked {
    Parent(rustix::process::Pid),
    /// With the limits that hold for it, with everything that it will start.
    Child(Holds),
}

/// A copy of this process in new namespaces, and in the group from its first instruction on. Works because this process has one thread.
pub(super) fn fork(namespaces: libc::c_int, group: Option<&Group>) -> io::Result<Forked> {
    let told = |pid: libc::c_long, holds| match i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw) {
        Some(pid) => Forked::Parent(pid),
        None => Forked::Child(holds),
    };
    if let Some(group) = group {
        match clone_into(namespaces, &group.folder) {
            // Older kernels, and containers that hide the call.
            -1 => {}
            pid => return Ok(told(pid, group.holds)),
        }
    }
    let flags = namespaces | libc::SIGCHLD;
    // SAFETY: without a stack and without shared memory this is fork; all other arguments are unused with these flags.
    match unsafe { libc::syscall(libc::SYS_clone, flags as libc::c_ulong, 0, 0, 0, 0) } {
        -1 => Err(io::Error::last_os_error()),
        0 => Ok(Forked::Child(group.map_or_else(Holds::default, Group::join))),
        pid => Ok(told(pid, Holds::default())),
    }
}

impl Group {
    /// For this process.
    fn join(&self) -> Holds {
        self.write("cgroup.procs", "0").map_or_else(|_| Holds::default(), |()| self.holds)
    }
}

/// Going there later, by itself, costs a process milliseconds: the kernel stops every fork of the machine for it.
fn clone_into(namespaces: libc::c_int, folder: &OwnedFd) -> libc::c_long {
    // SAFETY: the structure may be all zeros, and is filled and passed with its size; without a stack and without shared memory this is fork.
    unsafe {
        let mut wanted: libc::clone_args = std::mem::zeroed();
        wanted.flags = u64::from((namespaces).cast_unsigned()) | INTO_CGROUP;
        wanted.exit_signal = libc::SIGCHLD.cast_unsigned().into();
        wanted.cgroup = u64::from(folder.as_raw_fd().cast_unsigned());
        libc::syscall(libc::SYS_clone3, &raw const wanted, size_of_val(&wanted))
    }
}

/// `CLONE_INTO_CGROUP` of `clone3(2)`.
const INTO_CGROUP: u64 = 0x2_0000_0000;

/// What the command used, and the limit that it ran into, when its tree is gone. The group goes, too.
pub(super) fn settle(group: Option<Group>) -> (Usage, Option<LimitHit>) {
    let known = limits::used();
    let Some(group) = group else { return (known, None) };
    let outcome = (group.used(known), group.hit());
    group.remove();
    outcome
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_found_by_its_whole_name() {
        let events = "low 0\nhigh 0\nmax 3\noom 1\noom_kill 2\noom_group_kill 1\n";
        assert_eq!(value(events, "oom"), Some(1));
        assert_eq!(value(events, "oom_kill"), Some(2));
        assert_eq!(value(events, "oo"), None);
        assert_eq!(value("usage_usec 1234\nuser_usec 1000\n", "usage_usec"), Some(1234));
    }
}
