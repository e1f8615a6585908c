//! Enters the namespaces with a new process, and gives the user in there the same number as outside, unless it is root.

use super::Refusal;
use crate::plan::Namespace;
use rustix::process::Pid;
use std::fs;
use std::io;

const RULE: &str = "process isolation";

/// What root is called inside. Without a right of root, programs should not take themselves for it: many then change owners, or do without
/// checks. Every system names this number (`daemon` or `bin`), which matters to programs that look their user up.
const ROOT_INSIDE: u32 = 1;

/// Where the call returns: it does so twice.
pub(super) enum Entered {
    /// With the id of the first process of the namespaces.
    Outside(Pid),
    /// In that process, with every capability in there and none outside, and whether it is settled.
    Inside(Result<(), Refusal>),
}

pub(super) fn enter(namespaces: &[Namespace]) -> Result<Entered, Refusal> {
    let (user, group) = (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
    let refuse = |error: io::Error| Refusal {
        rule: RULE.to_owned(),
        missing: explain(&error),
    };
    let parent_alive = super::link::Pipe::new().map_err(refuse)?;
    if let Some(pid) = clone(namespaces).map_err(refuse)? {
        // Stays open for our whole life: its end tells the child that we are gone.
        std::mem::forget(parent_alive.writer);
        return Ok(Entered::Outside(pid));
    }
    drop(parent_alive.writer);
    let settled = die_with_parent(&parent_alive.reader).and_then(|()| map_user(user, group));
    Ok(Entered::Inside(settled.map_err(refuse)))
}

/// Like fork: `None` in the child. Works because this process has one thread.
fn clone(namespaces: &[Namespace]) -> io::Result<Option<Pid>> {
    let flag = |namespace: &Namespace| match namespace {
        Namespace::User => libc::CLONE_NEWUSER,
        Namespace::Mount => libc::CLONE_NEWNS,
        Namespace::Pid => libc::CLONE_NEWPID,
        Namespace::Ipc => libc::CLONE_NEWIPC,
        Namespace::Network => libc::CLONE_NEWNET,
    };
    let flags = namespaces.iter().map(flag).fold(libc::SIGCHLD, |all, flag| all | flag);
    // SAFETY: without a stack and without shared memory this is fork; all other arguments are unused with these flags.
    match unsafe { libc::syscall(libc::SYS_clone, flags as libc::c_ulong, 0, 0, 0, 0) } {
        -1 => Err(io::Error::last_os_error()),
        pid => Ok(i32::try_from(pid).ok().and_then(Pid::from_raw)),
    }
}

fn explain(error: &io::Error) -> String {
    match error.raw_os_error() {
        Some(libc::ENOSPC | libc::EUSERS) => format!("no more user namespaces are allowed (sysctl user.max_user_namespaces): {error}"),
        Some(libc::EPERM) => format!("user namespaces are not allowed for this user or in this container: {error}"),
        _ => format!("the kernel cannot make the namespaces: {error}"),
    }
}

/// The signal is asked for first, then the parent is checked: it may have gone in between.
fn die_with_parent(parent_alive: &rustix::fd::OwnedFd) -> io::Result<()> {
    rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL))?;
    let mut sources = [rustix::event::PollFd::new(parent_alive, rustix::event::PollFlags::IN)];
    let now = rustix::time::Timespec { tv_sec: 0, tv_nsec: 0 };
    match rustix::event::poll(&mut sources, Some(&now))? {
        0 => Ok(()),
        _ => Err(io::ErrorKind::BrokenPipe.into()),
    }
}

fn map_user(user: u32, group: u32) -> io::Result<()> {
    let inside = |id: u32| if id == 0 { ROOT_INSIDE } else { id };
    fs::write("/proc/self/setgroups", "deny")?;
    fs::write("/proc/self/uid_map", format!("{} {user} 1", inside(user)))?;
    fs::write("/proc/self/gid_map", format!("{} {group} 1", inside(group)))
}
