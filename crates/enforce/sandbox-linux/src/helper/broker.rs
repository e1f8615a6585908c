//! What the supervisor does for a command without namespaces: what its policy allows, and Landlock cannot say.
//!
//! Landlock grants whole folders, so around a protected name it grants nothing; and it does not see what changes a file without opening it.
//! The filter hands these calls over ([`super::seccomp`]). For each the supervisor reads what is wanted out of the caller, finds the place by
//! descriptors, asks the policy about the place that it found, and does the thing itself, there and with the caller's own rights. Nothing
//! is looked at by name and left to the caller to use by name. Everything else goes on in the kernel, where Landlock decides; what Landlock
//! does not see is refused.
//!
//! Places cannot move away between look and use: a command moves folders by itself only inside of folders that are granted as a whole, and
//! everywhere else through here, one call at a time.
//!
//! A process that has put another filter around itself, such as another codex, gets nothing from here: its rules are narrower than ours.

mod acts;
mod call;
mod caller;
mod places;

use super::Refusal;
use crate::landlocked::{Access, LandlockPlan};
use acts::{Outcome, act};
use call::Call;
use caller::Caller;
use codex_base::AbsPath;
use codex_permissions::devices::Device;
use codex_permissions::{ResolvedPolicy, Rights, rights};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use rustix::io::Errno;
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags, SocketFlags,
    SocketType,
};
use rustix::thread::{CapabilitySet, CapabilitySets};
use std::cell::OnceCell;
use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::unix::fs::MetadataExt;

/// The two ends of the socket through which the command, before it is one, gives the supervisor its calls.
pub(super) struct Handover {
    ours: OwnedFd,
    theirs: OwnedFd,
}

impl Handover {
    pub fn new() -> io::Result<Self> {
        let (ours, theirs) = rustix::net::socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)?;
        Ok(Self { ours, theirs })
    }

    /// Called by the command, when all its filters are in place.
    pub fn give(&self, listener: BorrowedFd<'_>) -> Result<(), Refusal> {
        let refuse = |step: &'static str| Refusal::of("what the supervisor does for a command", step);
        let filters = caller::filters_of("self").ok_or(io::ErrorKind::NotFound.into());
        let filters = filters.map_err(refuse("count its filters"))?;
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut ancillary = SendAncillaryBuffer::new(&mut space);
        let files = [listener];
        ancillary.push(SendAncillaryMessage::ScmRights(&files));
        let bytes = filters.to_le_bytes();
        let sent = rustix::net::sendmsg(&self.theirs, &[IoSlice::new(&bytes)], &mut ancillary, SendFlags::NOSIGNAL);
        sent.map(drop).map_err(|error| refuse("hand its calls over")(error.into()))
    }

    /// Starts the thread that serves the command. It ends with the last process that could call, or with this one.
    pub fn serve(self, plan: &LandlockPlan, scratch: Option<&AbsPath>) -> io::Result<()> {
        let Some(brokered) = &plan.brokered else { return Ok(()) };
        let paths = |wanted: &[Access]| -> Vec<AbsPath> {
            let grants = plan.grants.iter().filter(|grant| wanted.contains(&grant.access));
            grants.map(|grant| grant.path.clone()).chain(scratch.cloned()).collect()
        };
        let (policy, closed) = (brokered.policy.clone(), brokered.closed.clone());
        let read = paths(&[Access::Read, Access::Write]);
        let written = paths(&[Access::Write]).into_iter().filter_map(|path| Some((id_of(&path)?, path)));
        let written = written.map(|(id, path)| (path, id)).collect();
        let Self { ours, theirs } = self;
        drop(theirs);
        let run = move || {
            let Some((listener, filters)) = receive(&ours) else { return };
            drop(ours);
            let Ok(policy) = serde_json::from_str(&policy) else { return };
            let oracle = Oracle {
                policy,
                closed,
                all_closed: OnceCell::new(),
                written,
                read,
            };
            if drop_rights().is_ok() {
                answer_all(&listener, filters, &oracle);
            }
            // The end of the listener makes whatever still waits fail.
        };
        std::thread::Builder::new().name("broker".to_owned()).spawn(run).map(drop)
    }
}

fn receive(socket: &OwnedFd) -> Option<(OwnedFd, u32)> {
    let mut bytes = [0; 4];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut ancillary = RecvAncillaryBuffer::new(&mut space);
    let received = rustix::net::recvmsg(socket, &mut [IoSliceMut::new(&mut bytes)], &mut ancillary, RecvFlags::CMSG_CLOEXEC).ok()?;
    let listener = ancillary.drain().find_map(|message| match message {
        RecvAncillaryMessage::ScmRights(mut files) => files.next(),
        _ => None,
    });
    (received.bytes == bytes.len()).then_some((listener?, u32::from_le_bytes(bytes)))
}

/// This thread alone: no rights of root.
fn drop_rights() -> io::Result<()> {
    let none = CapabilitySet::empty();
    let sets = CapabilitySets {
        effective: none,
        permitted: none,
        inheritable: none,
    };
    Ok(rustix::thread::set_capabilities(None, sets)?)
}

/// What the policy says of a path that was found.
pub(super) struct Oracle {
    policy: ResolvedPolicy,
    /// Other names of what is closed, and what matches a pattern.
    closed: Vec<AbsPath>,
    /// Every path that is less than writable, looked for when it is first asked.
    all_closed: OnceCell<Vec<AbsPath>>,
    /// Where Landlock lets everything happen, and what that was.
    written: Vec<(AbsPath, FileId)>,
    read: Vec<AbsPath>,
}

/// Device and inode.
type FileId = (u64, u64);

fn id_of(path: &AbsPath) -> Option<FileId> {
    let facts = std::fs::symlink_metadata(path.as_path()).ok()?;
    Some((facts.dev(), facts.ino()))
}

impl Oracle {
    pub fn may_write(&self, path: &AbsPath) -> bool {
        // Landlock grants devices; nothing else is done to them.
        Device::of(path) == Device::No
            && rights(&self.policy, path) == Rights::Write
            && !self.closed.iter().any(|closed| path.starts_with(closed))
    }

    /// Whether Landlock lets everything happen there. A grant is for what was there at the beginning, and not for what has its name by now.
    pub fn is_granted(&self, path: &AbsPath) -> bool {
        let mut around = self.written.iter().filter(|(granted, _)| path.starts_with(granted));
        around.any(|(granted, was)| id_of(granted).is_some_and(|is| is == *was))
    }

    /// What a command could not read again is not made for it.
    pub fn is_readable(&self, path: &AbsPath) -> bool {
        self.read.iter().any(|folder| path.starts_with(folder))
    }

    /// Whether something closed lies below `path`, or would if it was there.
    pub fn holds_closed(&self, path: &AbsPath) -> bool {
        let found = self.all_closed.get_or_init(|| {
            let points = self.policy.turning_points().into_iter().chain(&self.closed);
            points.filter(|point| !self.may_write(point)).cloned().collect()
        });
        found.iter().any(|closed| crate::landlocked::is_below(closed, path))
    }
}

fn answer_all(listener: &OwnedFd, filters: u32, oracle: &Oracle) {
    loop {
        let mut sources = [PollFd::new(listener, PollFlags::IN)];
        match poll(&mut sources, None) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(_) => return,
        }
        let events = sources[0].revents();
        if events.contains(PollFlags::IN) {
            // SAFETY: the structure is plain numbers, and the kernel wants it empty.
            let mut request: libc::seccomp_notif = unsafe { std::mem::zeroed() };
            // SAFETY: the kernel fills the live structure that it is given.
            let received = unsafe { libc::ioctl(listener.as_raw_fd(), libc::SECCOMP_IOCTL_NOTIF_RECV, &raw mut request) };
            if received == 0 {
                let outcome = outcome(listener, filters, oracle, &request);
                reply(listener, request.id, outcome);
            }
        } else if events.intersects(PollFlags::HUP | PollFlags::ERR) {
            return;
        }
    }
}

fn outcome(listener: &OwnedFd, filters: u32, oracle: &Oracle, request: &libc::seccomp_notif) -> Outcome {
    let Some(call) = Call::of(&request.data) else {
        return Outcome::GoOn;
    };
    let Some(caller) = Caller::of(listener.as_fd(), request, filters) else {
        return call.without_us();
    };
    act(&call, &caller, oracle).unwrap_or_else(|error| call.failed(error))
}

fn reply(listener: &OwnedFd, id: u64, outcome: Outcome) {
    let (val, error, flags) = match outcome {
        Outcome::GoOn => (0, 0, libc::SECCOMP_USER_NOTIF_FLAG_CONTINUE as u32),
        Outcome::Done => (0, 0, 0),
        Outcome::Failed(error) => (0, -error.raw_os_error(), 0),
        Outcome::Opened { file, close_on_exec } => match hand_in(listener, id, file.as_fd(), close_on_exec) {
            Ok(()) => return,
            Err(error) => (0, -error.raw_os_error(), 0),
        },
    };
    let mut response = libc::seccomp_notif_resp { id, val, error, flags };
    // Whoever asked may be gone.
    // SAFETY: the kernel reads the live structure that it is given.
    let _ = unsafe { libc::ioctl(listener.as_raw_fd(), libc::SECCOMP_IOCTL_NOTIF_SEND, &raw mut response) };
}

/// Makes `file` one of the caller's, which is the result of its call.
fn hand_in(listener: &OwnedFd, id: u64, file: BorrowedFd<'_>, close_on_exec: bool) -> Result<(), Errno> {
    let request = libc::seccomp_notif_addfd {
        id,
        flags: libc::SECCOMP_ADDFD_FLAG_SEND as u32,
        srcfd: file.as_raw_fd().cast_unsigned(),
        newfd: 0,
        newfd_flags: if close_on_exec { libc::O_CLOEXEC.cast_unsigned() } else { 0 },
    };
    // SAFETY: the kernel reads the live structure that it is given.
    let added = unsafe { libc::ioctl(listener.as_raw_fd(), libc::SECCOMP_IOCTL_NOTIF_ADDFD, &raw const request) };
    if added < 0 {
        let error = io::Error::last_os_error().raw_os_error();
        return Err(error.map_or(Errno::IO, Errno::from_raw_os_error));
    }
    Ok(())
}
