//! Sees the calls of a command before they are made (seccomp user notification), and keeps what they ask for.
//!
//! ```text
//! command --(a call of the table)--> kernel --(notification)--> our thread: read the arguments, keep them --(go on)--> kernel makes the call
//! ```
//!
//! It observes and never grants: the answer is to go on, and then mounts, Landlock and the filter decide as they would without a recorder.
//! What is kept may differ from what was done, since another thread of the command can change the arguments in between. The one answer
//! that is not to go on is the filter's own, for the calls that a filter cannot refuse and tell ([`seccomp::is_refused`]); it depends on
//! registers alone.
//!
//! When the recorder is gone, the kernel answers these calls with `ENOSYS`: nothing is opened any more. The kernel has one listener for a chain
//! of filters, so there is no recorder in a recorded command.

mod calls;
mod names;
mod places;

use super::seccomp;
use crate::plan::{LinuxPlan, SocketKind, SystemCalls};
use calls::Deed;
use codex_base::AbsPath;
use codex_process::record::{Address, FileKind, FileUse, Record, Recording, SeenAddress, SeenFile};
use codex_process::wire::{Failure, Report};
use places::{Caller, Located, Unread};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::fd::{AsFd, FromRawFd, OwnedFd};
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags, SocketFlags,
    SocketType,
};
use seccompiler::{BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule, TargetArch};
use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::AsRawFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Different things of one kind that are kept; far more than a build of a large program uses.
const KEPT_MAX: usize = 100_000;
/// Programs that name programs that name programs.
const INTERPRETERS_MAX: usize = 4;

/// The end in the process that becomes the command.
pub(super) struct Microphone {
    pub recording: Recording,
    confined: bool,
    channel: OwnedFd,
}

/// Our own end.
pub(super) struct Ear {
    channel: OwnedFd,
    system_calls: SystemCalls,
    sockets: SocketKind,
}

/// What there is so far. The thread that adds to it ends with this process.
#[derive(Clone, Default)]
pub(super) struct Tape(Arc<Mutex<Kept>>);

#[derive(Default)]
struct Kept {
    files: HashMap<(AbsPath, FileUse), SeenFile>,
    addresses: HashMap<(Address, bool), SeenAddress>,
    names: BTreeSet<String>,
    unread: u64,
    left_out: u64,
}

/// The two ends, before the command's process is made.
pub(super) fn make(recording: Recording, plan: &LinuxPlan) -> io::Result<(Microphone, Ear)> {
    let (theirs, ours) = rustix::net::socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)?;
    let (system_calls, sockets) = match plan {
        LinuxPlan::Unconfined => (SystemCalls::NetworkOn, SocketKind::All),
        LinuxPlan::Confined(plan) => (plan.system_calls, plan.sockets.kind()),
        LinuxPlan::Landlocked(plan) => (plan.system_calls, plan.sockets.kind()),
    };
    let microphone = Microphone {
        recording,
        confined: !matches!(plan, LinuxPlan::Unconfined),
        channel: theirs,
    };
    let ear = Ear {
        channel: ours,
        system_calls,
        sockets,
    };
    Ok((microphone, ear))
}

impl Microphone {
    /// From here on this process and whatever it starts is heard; the last step before the program. What it asks meanwhile waits for
    /// [`Ear::listen`].
    pub fn install(&self) -> Result<(), Report> {
        self.installed()
            .map_err(|missing| Report::Failed(Failure::Unrecordable { missing }))
    }

    fn installed(&self) -> Result<(), String> {
        fn failed(step: &str) -> impl FnOnce(io::Error) -> String {
            move |error| format!("failed to {step}: {error}")
        }
        let filter = |error: &dyn std::error::Error| error.to_string();
        rustix::thread::set_no_new_privs(true).map_err(|error| failed("give up new privileges")(error.into()))?;
        // Else nobody could read what this process asks for before its program runs, which is dumpable again.
        rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::Dumpable)
            .map_err(|error| failed("let its calls be read")(error.into()))?;
        if !self.confined {
            let ways_around = ways_around().map_err(|error| filter(&error))?;
            seccompiler::apply_filter(&ways_around).map_err(|error| filter(&error))?;
        }
        let told = told(self.recording).map_err(|error| filter(&error))?;
        let listener = listen(told).map_err(|error| explain(&error))?;
        self.pass_on(&listener).map_err(failed("pass the listener on"))
    }

    fn pass_on(&self, listener: &OwnedFd) -> io::Result<()> {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut ancillary = SendAncillaryBuffer::new(&mut space);
        let files = [listener.as_fd()];
        ancillary.push(SendAncillaryMessage::ScmRights(&files));
        rustix::net::sendmsg(&self.channel, &[IoSlice::new(&[0])], &mut ancillary, SendFlags::NOSIGNAL)?;
        Ok(())
    }
}

fn explain(error: &io::Error) -> String {
    match error.raw_os_error() {
        Some(libc::EBUSY) => {
            "something around codex records already (a recorded command, a container's own filter), and the kernel has one \
                              recorder for all that runs there"
                .to_owned()
        }
        Some(libc::EINVAL | libc::ENOSYS) => {
            format!("the kernel has no user notification of system calls (Linux 5.5 and newer has): {error}")
        }
        _ => format!("the kernel, or a filter around codex, refuses user notification of system calls: {error}"),
    }
}

/// Files are opened without a call of the table. Confined commands are refused these anyway; programs do without.
fn ways_around() -> Result<BpfProgram, seccompiler::BackendError> {
    let calls = [libc::SYS_io_uring_setup, libc::SYS_io_uring_enter, libc::SYS_io_uring_register];
    let rules = calls.into_iter().map(|call| (call, Vec::new())).collect();
    compile(rules, SeccompAction::Errno(libc::ENOSYS.cast_unsigned()))
}

/// The library knows no such action, so another one that nobody uses holds its place.
fn told(recording: Recording) -> Result<BpfProgram, seccompiler::BackendError> {
    const RETURN: u16 = 0x06;
    const PLACE: SeccompAction = SeccompAction::Trace(0);
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> = calls::told(recording).map(|call| (call, Vec::new())).collect();
    if recording == Recording::Uses {
        let to_address = SeccompCondition::new(4, SeccompCmpArgLen::Qword, SeccompCmpOp::Ne, 0)?;
        rules.insert(libc::SYS_sendto, vec![SeccompRule::new(vec![to_address])?]);
    }
    let mut program = compile(rules, PLACE)?;
    for step in &mut program {
        if step.code == RETURN && step.k == u32::from(PLACE) {
            step.k = libc::SECCOMP_RET_USER_NOTIF;
        }
    }
    Ok(program)
}

fn compile(rules: BTreeMap<i64, Vec<SeccompRule>>, action: SeccompAction) -> Result<BpfProgram, seccompiler::BackendError> {
    let architecture = TargetArch::try_from(std::env::consts::ARCH)?;
    SeccompFilter::new(rules, SeccompAction::Allow, action, architecture)?.try_into()
}

/// Installs the filter for this thread, which is alone.
fn listen(mut program: BpfProgram) -> io::Result<OwnedFd> {
    let filter = libc::sock_fprog {
        len: u16::try_from(program.len()).map_err(io::Error::other)?,
        // The same structure of the kernel under two names.
        filter: program.as_mut_ptr().cast(),
    };
    let install = |flags: libc::c_ulong| {
        // SAFETY: the program and the structure outlive the call; it returns a fresh descriptor or -1.
        unsafe {
            match libc::syscall(libc::SYS_seccomp, libc::SECCOMP_SET_MODE_FILTER, flags, &raw const filter) {
                -1 => Err(io::Error::last_os_error()),
                listener => Ok(OwnedFd::from_raw_fd(i32::try_from(listener).map_err(io::Error::other)?)),
            }
        }
    };
    // With the second flag (Linux 5.19) only a fatal signal ends a wait for our answer: else a program with a timer may never get further.
    // One that comes before we take the call up still interrupts it.
    match install(libc::SECCOMP_FILTER_FLAG_NEW_LISTENER | libc::SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV) {
        Err(error) if error.raw_os_error() == Some(libc::EINVAL) => install(libc::SECCOMP_FILTER_FLAG_NEW_LISTENER),
        installed => installed,
    }
}

impl Ear {
    /// In a thread of its own: what it looks up may wait for a disk, while the supervisor must hear its parent.
    pub fn listen(self) -> io::Result<Tape> {
        let tape = Tape::default();
        let own = tape.clone();
        std::thread::Builder::new().name("recorder".to_owned()).spawn(move || {
            if let Ok(listener) = self.receive() {
                while let Some(call) = next(&listener) {
                    self.hear(&listener, &call, &own);
                }
            }
        })?;
        Ok(tape)
    }

    fn receive(&self) -> io::Result<OwnedFd> {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut ancillary = RecvAncillaryBuffer::new(&mut space);
        rustix::net::recvmsg(
            &self.channel,
            &mut [IoSliceMut::new(&mut [0])],
            &mut ancillary,
            RecvFlags::CMSG_CLOEXEC,
        )?;
        let file = ancillary.drain().find_map(|message| match message {
            RecvAncillaryMessage::ScmRights(mut files) => files.next(),
            _ => None,
        });
        file.ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
    }

    fn hear(&self, listener: &OwnedFd, call: &libc::seccomp_notif, tape: &Tape) {
        let number = i64::from(call.data.nr);
        let refused = seccomp::TOLD.contains(&number) && seccomp::is_refused(self.system_calls, self.sockets, number, &call.data.args);
        let caller = Caller::new(call.pid);
        let seen = calls::deed(number, &call.data.args).map(|deed| look(&caller, &deed));
        // The process may be another one by now, if the caller was killed meanwhile.
        if is_waiting(listener, call.id) {
            match seen {
                Some(Ok(seen)) => seen.into_iter().for_each(|seen| tape.add(seen, &caller, refused)),
                Some(Err(Unread::Closed)) => tape.kept().unread += 1,
                // What is no address and no path fails by itself.
                Some(Err(Unread::Nothing)) | None => {}
            }
            answer(listener, call.id, refused);
        }
    }
}

/// What one call asks for.
enum Seen {
    File(Located, FileUse),
    Address(Address),
    Name(String),
}

fn look(caller: &Caller, deed: &Deed) -> Result<Vec<Seen>, Unread> {
    let there = |located: &Located| located.kind != FileKind::Missing;
    let if_there = |located: Located, file_use: FileUse| {
        if there(&located) {
            vec![Seen::File(located, file_use)]
        } else {
            Vec::new()
        }
    };
    Ok(match deed {
        Deed::Open { place, flags } => {
            let flags = caller.open_flags(*flags)?;
            let located = caller.locate(&place.following(flags & libc::O_NOFOLLOW == 0))?;
            opened(flags, located.kind).map_or_else(Vec::new, |file_use| vec![Seen::File(located, file_use)])
        }
        Deed::Run { place } => {
            let program = caller.locate(place)?;
            if program.kind == FileKind::File {
                let mut all = places::interpreters(&program.path, INTERPRETERS_MAX);
                all.insert(0, (program, FileUse::Run));
                all.into_iter().map(|(located, file_use)| Seen::File(located, file_use)).collect()
            } else {
                Vec::new()
            }
        }
        Deed::Look { place } => if_there(caller.locate_named(place)?, FileUse::Look),
        Deed::Write { place } => if_there(caller.locate(place)?, FileUse::Write),
        Deed::WriteOpen { descriptor } => if_there(caller.locate_open(*descriptor)?, FileUse::Write),
        Deed::Remove { place } => if_there(caller.locate(place)?, FileUse::Rename),
        // What is there already is an error whatever the policy says.
        Deed::Make { place } => {
            let located = caller.locate(place)?;
            if there(&located) {
                Vec::new()
            } else {
                vec![Seen::File(located, FileUse::Rename)]
            }
        }
        Deed::Rename { from, to } => {
            let (from, to) = (caller.locate(from)?, caller.locate(to)?);
            let both = |from, to| vec![Seen::File(from, FileUse::Rename), Seen::File(to, FileUse::Rename)];
            if there(&from) { both(from, to) } else { Vec::new() }
        }
        Deed::Link { from, to } => {
            let (from, to) = (caller.locate(from)?, caller.locate(to)?);
            let both = |from, to| vec![Seen::File(from, FileUse::Read), Seen::File(to, FileUse::Rename)];
            if there(&from) && !there(&to) { both(from, to) } else { Vec::new() }
        }
        Deed::Socket { family } => match *family {
            libc::AF_INET | libc::AF_INET6 => vec![Seen::Address(Address::Socket)],
            _ => Vec::new(),
        },
        Deed::Connect { address } => caller
            .address(*address)?
            .map_or_else(Vec::new, |address| vec![Seen::Address(address)]),
        Deed::Bind { address } => match caller.address(*address)? {
            Some(Address::Inet(address)) => vec![Seen::Address(Address::Listen(address))],
            _ => Vec::new(),
        },
        Deed::Send { address, bytes } => {
            let address = caller.address(*address)?.map(Seen::Address);
            let name = names::asked(&caller.some_bytes(*bytes)?).map(Seen::Name);
            address.into_iter().chain(name).collect()
        }
        Deed::SendMany { messages, count } => caller
            .messages(*messages, *count)?
            .into_iter()
            .filter_map(|bytes| names::asked(&bytes).map(Seen::Name))
            .collect(),
    })
}

/// What opening something with these flags comes to; `None` if it fails whatever the policy says.
fn opened(flags: i32, kind: FileKind) -> Option<FileUse> {
    let has = |flag: i32| flags & flag == flag;
    let writes = flags & libc::O_ACCMODE != libc::O_RDONLY || has(libc::O_TRUNC);
    match kind {
        _ if has(libc::O_PATH) => (kind != FileKind::Missing).then_some(FileUse::Look),
        FileKind::Missing => (has(libc::O_CREAT) && !has(libc::O_DIRECTORY)).then_some(FileUse::Rename),
        FileKind::Folder if has(libc::O_TMPFILE) => Some(FileUse::Write),
        FileKind::Folder => (!writes).then_some(FileUse::Read),
        FileKind::File if has(libc::O_CREAT | libc::O_EXCL) => None,
        FileKind::File => Some(if writes { FileUse::Write } else { FileUse::Read }),
    }
}

impl Tape {
    pub fn record(&self) -> Record {
        let kept = self.kept();
        Record {
            files: kept.files.values().cloned().collect(),
            addresses: kept.addresses.values().cloned().collect(),
            names: kept.names.iter().cloned().collect(),
            unread: kept.unread,
            left_out: kept.left_out,
        }
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, seen: Seen, caller: &Caller, refused: bool) {
        let kept = &mut *self.kept();
        let is_new = match seen {
            Seen::File(located, file_use) => put(&mut kept.files, (located.path.clone(), file_use), || SeenFile {
                path: located.path,
                spelled: located.spelled,
                file_use,
                kind: located.kind,
                program: caller.name(),
            }),
            Seen::Address(address) => put(&mut kept.addresses, (address.clone(), refused), || SeenAddress {
                address,
                refused,
                program: caller.name(),
            }),
            Seen::Name(name) if kept.names.len() < KEPT_MAX => {
                kept.names.insert(name);
                true
            }
            Seen::Name(_) => false,
        };
        kept.left_out += u64::from(!is_new);
    }
}

/// `false` if there is no place for one more.
fn put<K: std::hash::Hash + Eq, V>(map: &mut HashMap<K, V>, key: K, value: impl FnOnce() -> V) -> bool {
    let full = map.len() >= KEPT_MAX;
    match map.entry(key) {
        Entry::Occupied(_) => true,
        Entry::Vacant(_) if full => false,
        Entry::Vacant(place) => {
            place.insert(value());
            true
        }
    }
}

/// The next call that waits; `None` when nobody is left who could make one.
fn next(listener: &OwnedFd) -> Option<libc::seccomp_notif> {
    loop {
        let mut sources = [PollFd::new(listener, PollFlags::IN)];
        match poll(&mut sources, None) {
            Ok(_) if sources[0].revents().contains(PollFlags::IN) => {}
            Err(rustix::io::Errno::INTR) => continue,
            Ok(_) | Err(_) => return None,
        }
        // SAFETY: the kernel wants the structure to be zero, and fills it.
        let received = unsafe {
            let mut call: libc::seccomp_notif = std::mem::zeroed();
            match libc::ioctl(listener.as_raw_fd(), libc::SECCOMP_IOCTL_NOTIF_RECV, &raw mut call) {
                -1 => Err(io::Error::last_os_error()),
                _ => Ok(call),
            }
        };
        match received {
            Ok(call) => return Some(call),
            // Whoever called has been killed meanwhile.
            Err(error) if matches!(error.raw_os_error(), Some(libc::ENOENT | libc::EINTR)) => {}
            Err(_) => return None,
        }
    }
}

fn is_waiting(listener: &OwnedFd, id: u64) -> bool {
    // SAFETY: reads one number.
    unsafe { libc::ioctl(listener.as_raw_fd(), libc::SECCOMP_IOCTL_NOTIF_ID_VALID, &raw const id) == 0 }
}

fn answer(listener: &OwnedFd, id: u64, refused: bool) {
    let go_on = libc::seccomp_notif_resp {
        id,
        val: 0,
        error: 0,
        flags: u32::try_from(libc::SECCOMP_USER_NOTIF_FLAG_CONTINUE).unwrap_or(0),
    };
    let refuse = libc::seccomp_notif_resp {
        error: -libc::EPERM,
        flags: 0,
        ..go_on
    };
    let response = if refused { refuse } else { go_on };
    // SAFETY: reads the structure. A caller that is gone needs no answer.
    unsafe { libc::ioctl(listener.as_raw_fd(), libc::SECCOMP_IOCTL_NOTIF_SEND, &raw const response) };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_filters_compile_and_tell_instead_of_tracing() {
        for recording in [Recording::Uses, Recording::Everything] {
            let program = told(recording).unwrap();
            assert!(program.len() < 4096);
            let ends: BTreeSet<u32> = program.iter().filter(|step| step.code == 0x06).map(|step| step.k).collect();
            assert!(ends.contains(&libc::SECCOMP_RET_USER_NOTIF) && !ends.contains(&u32::from(SeccompAction::Trace(0))));
        }
        assert!(!ways_around().unwrap().is_empty());
    }

    #[test]
    fn what_the_filter_leaves_to_the_recorder_is_told_to_it() {
        for call in seccomp::TOLD {
            assert!(calls::told(Recording::Uses).any(|told| told == call), "{call}");
        }
    }

    #[test]
    fn opening_is_judged_by_what_is_there() {
        use FileKind::{File, Folder, Missing};
        let check = |flags: i32, expect: [Option<FileUse>; 3]| {
            let found = [Missing, File, Folder].map(|kind| opened(flags, kind));
            assert_eq!(found, expect, "{flags:o}");
        };
        let (read, write, name, look) = (
            Some(FileUse::Read),
            Some(FileUse::Write),
            Some(FileUse::Rename),
            Some(FileUse::Look),
        );

        check(libc::O_RDONLY, [None, read, read]);
        check(libc::O_RDONLY | libc::O_DIRECTORY, [None, read, read]);
        check(libc::O_PATH, [None, look, look]);
        check(libc::O_RDONLY | libc::O_CREAT, [name, read, read]);
        check(libc::O_WRONLY, [None, write, None]);
        check(libc::O_RDWR | libc::O_CREAT, [name, write, None]);
        check(libc::O_RDONLY | libc::O_TRUNC, [None, write, None]);
        check(libc::O_WRONLY | libc::O_CREAT | libc::O_EXCL, [name, None, None]);
        check(libc::O_RDWR | libc::O_TMPFILE, [None, write, write]);
    }
}
