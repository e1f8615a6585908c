//! Enters the namespaces with a new process, and gives the user in there the same number as outside, unless it is root.

use super::Refusal;
use super::cgroup::{Forked, Group, Holds, fork};
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
    /// In that process, with every capability in there and none outside, and whether it is settled: with the limits that its group holds.
    Inside(Result<Holds, Refusal>),
}

pub(super) fn enter(namespaces: &[Namespace], group: Option<&Group>) -> Result<Entered, Refusal> {
    let (user, own_group) = (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
    let refuse = |error: io::Error| Refusal {
        rule: RULE.to_owned(),
        missing: explain(&error),
    };
    let parent_alive = super::link::Pipe::new().map_err(refuse)?;
    let holds = match fork(flags(namespaces), group).map_err(refuse)? {
        Forked::Parent(pid) => {
            // Stays open for our whole life: its end tells the child that we are gone.
            std::mem::forget(parent_alive.writer);
            return Ok(Entered::Outside(pid));
        }
        Forked::Child(holds) => holds,
    };
    drop(parent_alive.writer);
    let settled = die_with_parent(&parent_alive.reader).and_then(|()| map_user(user, own_group));
    begin_groups_here();
    Ok(Entered::Inside(settled.map(|()| holds).map_err(refuse)))
}

fn flags(namespaces: &[Namespace]) -> libc::c_int {
    let flag = |namespace: &Namespace| match namespace {
        Namespace::User => libc::CLONE_NEWUSER,
        Namespace::Mount => libc::CLONE_NEWNS,
        Namespace::Pid => libc::CLONE_NEWPID,
        Namespace::Ipc => libc::CLONE_NEWIPC,
        Namespace::Uts => libc::CLONE_NEWUTS,
        Namespace::Network => libc::CLONE_NEWNET,
    };
    namespaces.iter().map(flag).fold(0, |all, flag| all | flag)
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

/// The names of control groups begin with the command's own, where the kernel can. Nothing rests on it: they are read-only anyway.
fn begin_groups_here() {
    // SAFETY: a plain number; there is one thread, and nothing of it depends on how groups are called.
    unsafe { libc::unshare(libc::CLONE_NEWCGROUP) };
}

fn map_user(user: u32, group: u32) -> io::Result<()> {
    let inside = |id: u32| if id == 0 { ROOT_INSIDE } else { id };
    fs::write("/proc/self/setgroups", "deny")?;
    fs::write("/proc/self/uid_map", format!("{} {user} 1", inside(user)))?;
    fs::write("/proc/self/gid_map", format!("{} {group} 1", inside(group)))
}
