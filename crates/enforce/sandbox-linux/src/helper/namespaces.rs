//! Enters the namespaces with a new process, and gives the user in there the same number as outside, unless it is root.
//!
//! The kernel takes longer for a network namespace than for all other kinds together. So that one is made beside whatever else init does before
//! the command.

use super::Refusal;
use super::cgroup::{Forked, Group, Holds, fork};
use super::mounts::Private;
use crate::plan::Namespace;
use rustix::fd::{AsFd, AsRawFd, OwnedFd};
use rustix::net::{AddressFamily, SocketFlags, SocketType};
use rustix::process::Pid;
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use std::fs;
use std::io;
use std::os::fd::FromRawFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

const RULE: &str = "process isolation";

/// What root is called inside. Without a right of root, programs should not take themselves for it: many then change owners, or do without
/// checks. Every system names this number (`daemon` or `bin`), which matters to programs that look their user up.
const ROOT_INSIDE: u32 = 1;

/// Where the call returns: it does so twice.
pub(super) enum Entered {
    /// With the id of the first process of the namespaces.
    Outside(Pid),
    /// In that process, with every capability in there and none outside, and whether it is settled.
    Inside(Result<Settled, Refusal>),
}

/// The first process of the namespaces.
pub(super) struct Settled {
    /// The limits that its group holds.
    pub holds: Holds,
    /// If it is to have one of its own.
    pub network: Option<Network>,
    /// Of its mounts what is made already.
    pub private: Option<Private>,
    /// It gains no capability any more.
    pub bounded: bool,
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
    let settled = settled.map(|()| Settled {
        holds,
        network: namespaces.contains(&Namespace::Network).then(Network::begin),
        private: None,
        bounded: false,
    });
    Ok(Entered::Inside(settled.map_err(refuse)))
}

/// A network namespace in the making.
pub(super) struct Network {
    making: Option<JoinHandle<Option<io::Result<OwnedFd>>>>,
    made: Option<io::Result<OwnedFd>>,
    /// By whoever gets to it first: on a busy machine the thread may be late.
    begun: Arc<AtomicBool>,
}

impl Network {
    fn begin() -> Self {
        let begun = Arc::new(AtomicBool::new(false));
        let first = Arc::clone(&begun);
        let make = move || (!first.swap(true, Ordering::Relaxed)).then(make_network);
        Self {
            making: std::thread::Builder::new().spawn(make).ok(),
            made: None,
            begun,
        }
    }

    /// Until it is made, if somebody makes it. Afterwards the process has one thread again.
    pub fn wait(&mut self) {
        if let Some(making) = self.making.take() {
            let broke_off = |_| Some(Err(io::Error::other("its thread broke off")));
            self.made = making.join().unwrap_or_else(broke_off);
        }
    }

    /// Before this the process is in the network of the host. Afterwards it has one thread again.
    ///
    /// # Errors
    /// If there is none to enter.
    pub fn enter(mut self) -> Result<(), Refusal> {
        let first = !self.begun.swap(true, Ordering::Relaxed);
        self.wait();
        let entered = match self.made {
            Some(made) => made.and_then(|made| Ok(move_into_link_name_space(made.as_fd(), Some(LinkNameSpaceType::Network))?)),
            None if first => unshare(libc::CLONE_NEWNET),
            None => Err(io::Error::other("nobody has made it")),
        };
        entered.map_err(|error| Refusal {
            rule: RULE.to_owned(),
            missing: match error.raw_os_error() {
                Some(libc::ENOSPC) => format!("no more network namespaces are allowed (sysctl user.max_net_namespaces): {error}"),
                _ => explain(&error),
            },
        })
    }
}

/// A thread is in a namespace of its own until it ends; this is how others come there.
fn make_network() -> io::Result<OwnedFd> {
    /// `SIOCGSKNS` of `linux/sockios.h`: the network namespace that a socket was made in. A path below `/proc` may lead nowhere just now.
    const NAMESPACE_OF: libc::c_ulong = 0x894c;
    unshare(libc::CLONE_NEWNET)?;
    let socket = rustix::net::socket_with(AddressFamily::UNIX, SocketType::DGRAM, SocketFlags::CLOEXEC, None)?;
    // SAFETY: the call has no argument; its result is a fresh descriptor or -1.
    unsafe {
        match libc::ioctl(socket.as_raw_fd(), NAMESPACE_OF as _) {
            -1 => Err(io::Error::last_os_error()),
            namespace => Ok(OwnedFd::from_raw_fd(namespace)),
        }
    }
}

/// What [`enter`] left out.
pub(super) fn enter_mounts() -> Result<(), Refusal> {
    unshare(libc::CLONE_NEWNS).map_err(|error| Refusal {
        rule: RULE.to_owned(),
        missing: explain(&error),
    })
}

/// For the calling thread.
pub(super) fn unshare(namespace: libc::c_int) -> io::Result<()> {
    // SAFETY: a plain number; what the calling thread sees of networks or mounts is all that changes.
    match unsafe { libc::unshare(namespace) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

fn flags(namespaces: &[Namespace]) -> libc::c_int {
    let flag = |namespace: &Namespace| match namespace {
        Namespace::User => libc::CLONE_NEWUSER,
        Namespace::Mount => libc::CLONE_NEWNS,
        Namespace::Pid => libc::CLONE_NEWPID,
        Namespace::Ipc => libc::CLONE_NEWIPC,
        Namespace::Uts => libc::CLONE_NEWUTS,
        Namespace::Network => 0,
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
