//! Does `connect` and `listen` for a confined command, so that of all unix sockets it reaches its own and those it was given.
//!
//! A filter for system calls sees the address of a socket as a number only, and what lies behind it can change until the kernel reads it.
//! So the kernel hands these two calls over to init, which takes a copy of the caller's socket and of its address, decides by what it
//! holds, and makes the call itself, to the very file that it has judged: there is nothing left to exchange. Init has the same rights as
//! the command, so whatever it is asked for, it does nothing that the command could not do without this filter.
//!
//! A socket is the command's own if init made it listen ([`Known`]). Everything else that is no unix socket is passed through.

mod files;

use super::listener::{Listener, Outcome, Row, When, last_error};
use super::seccomp::HANDED_OVER;
use crate::plan::{OtherSocket, SystemCalls};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::{CWD, FileType, Mode, OFlags};
use rustix::io::Errno;
use rustix::net::sockopt::{socket_domain, socket_type};
use rustix::net::{AddressFamily, SocketFlags, SocketType};
use std::collections::VecDeque;
use std::os::fd::{AsRawFd, FromRawFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

pub(super) const RULE: &str = "unix sockets of the command alone";

/// Sockets of the command's own that are remembered; the oldest is forgotten first, and cannot be connected to any more.
const KNOWN_MAX: usize = 256;
/// Bytes of the largest address, as in the kernel.
const ADDRESS_MAX: usize = 128;
/// Of a thread that waits in one call.
const STACK_BYTES: usize = 128 << 10;

/// What is done for a command.
pub(super) fn rows() -> Vec<Row> {
    let row = |call| Row { call, when: When::Always };
    HANDED_OVER.map(row).into()
}

/// Whether a standard stream is a socket through which the command could reach others by calls that are not handed over: one for
/// datagrams, or one of a network.
pub(super) fn inherits_others(stdin: Option<&OwnedFd>) -> bool {
    let reaches = |stream: BorrowedFd<'_>| match (socket_domain(stream), socket_type(stream)) {
        (Ok(domain), Ok(kind)) => domain != AddressFamily::UNIX || !is_connecting(kind),
        // No socket.
        _ => false,
    };
    let stdin = stdin.map(AsFd::as_fd);
    stdin
        .into_iter()
        .chain([rustix::stdio::stdout(), rustix::stdio::stderr()])
        .any(reaches)
}

fn is_connecting(kind: SocketType) -> bool {
    kind == SocketType::STREAM || kind == SocketType::SEQPACKET
}

/// Where init hears of calls.
pub(super) enum Source {
    Kernel,
    /// From the supervisor, which has heard of them first and recorded them.
    Supervisor(OwnedFd),
}

impl Source {
    const fn socket(&self) -> Option<&OwnedFd> {
        match self {
            Self::Kernel => None,
            Self::Supervisor(socket) => Some(socket),
        }
    }
}

/// What the supervisor is told of a call before it is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Of the command's own sockets, which is nobody's business.
    Own,
    /// The policy refuses it.
    Closed,
    Open,
}

/// Has init do `call`, which answers it. `None` if nobody is there.
pub(super) fn ask(init: &OwnedFd, call: &libc::seccomp_notif) -> Option<Verdict> {
    let status = std::fs::read_to_string(format!("/proc/{}/status", call.pid)).ok()?;
    // Its number in the innermost of its namespaces, which is init's: a command makes none.
    let thread = status
        .lines()
        .find_map(|line| line.strip_prefix("NSpid:")?.split_whitespace().last());
    let call = Call {
        thread: thread?.parse().ok()?,
        ..Call::heard(call)
    };
    rustix::net::send(init, &call.encode(), rustix::net::SendFlags::NOSIGNAL).ok()?;
    let mut verdict = [0];
    match rustix::net::recv(init, &mut verdict, rustix::net::RecvFlags::empty()) {
        Ok((1, _)) => Some(match verdict {
            [0] => Verdict::Own,
            [1] => Verdict::Closed,
            _ => Verdict::Open,
        }),
        Ok(_) | Err(_) => None,
    }
}

/// What is needed to answer. Made before the command runs: what lies at the places of others by then is what counts.
pub(super) struct Answers {
    others: Vec<Other>,
    names_are_apart: bool,
}

impl Answers {
    pub fn new(others: &[OtherSocket], system_calls: SystemCalls) -> Self {
        Self {
            others: others.iter().map(Other::of).collect(),
            names_are_apart: system_calls == SystemCalls::NetworkOff || keeps_names_apart(),
        }
    }
}

/// Somebody who answers when the first call comes: most commands make none.
pub(super) struct Server(Served);

impl Server {
    pub fn new(answers: Answers, calls: OwnedFd, source: Source) -> Self {
        Self(Served {
            listener: Arc::new(Listener(calls)),
            source,
            others: answers.others,
            known: Known::default(),
            names_are_apart: answers.names_are_apart,
        })
    }

    /// Everything that it holds.
    pub fn files(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        let held = self.0.others.iter().filter_map(|other| other.held.as_ref());
        let own = [Some(&self.0.listener.0), self.0.source.socket()];
        held.chain(own.into_iter().flatten()).map(AsFd::as_fd)
    }

    /// Here a call is heard.
    pub fn source(&self) -> BorrowedFd<'_> {
        self.0.source.socket().unwrap_or(&self.0.listener.0).as_fd()
    }

    /// Answers from now on, in a thread of its own, since a call may wait.
    ///
    /// # Errors
    /// If there cannot be one now, as for a command that has as many processes as it may. Then the call that came is answered here.
    pub fn start(self) -> Result<(), Self> {
        let ours = Arc::new(Mutex::new(Some(self)));
        let theirs = Arc::clone(&ours);
        let taken = |from: &Mutex<Option<Self>>| from.lock().unwrap_or_else(PoisonError::into_inner).take();
        let run = move || {
            never_interrupt();
            // The descriptor goes with it.
            if let Some(Self(served)) = taken(&theirs) {
                served.run();
            }
        };
        if std::thread::Builder::new().stack_size(STACK_BYTES).spawn(run).is_ok() {
            return Ok(());
        }
        let Some(mut server) = taken(&ours) else { return Ok(()) };
        if let Some(call) = server.0.next_now() {
            server.0.answer(&call);
        }
        Err(server)
    }
}

/// The end of the command wakes us while it is still ending: that goes first. Whoever asks waits anyway. If it is not to be had, it is only later.
fn never_interrupt() {
    let default = libc::sched_param { sched_priority: 0 };
    // SAFETY: the parameter outlives the call, which is about the calling thread.
    unsafe { libc::sched_setscheduler(0, libc::SCHED_BATCH, &raw const default) };
}

struct Served {
    listener: Arc<Listener>,
    source: Source,
    others: Vec<Other>,
    known: Known,
    /// The kernel lets nobody connect to an abstract name of somebody outside.
    names_are_apart: bool,
}

/// A socket of another program that the policy opens.
struct Other {
    path: PathBuf,
    /// What lay there at the start, if only that counts.
    pinned: Option<Option<Id>>,
    /// Keeps its number from being used again.
    held: Option<OwnedFd>,
}

impl Other {
    fn of(other: &OtherSocket) -> Self {
        let path = other.path.as_path().to_owned();
        let held = other.replaceable.then(|| open(CWD, &path, OFlags::NOFOLLOW).ok()).flatten();
        Self {
            pinned: other.replaceable.then(|| held.as_ref().and_then(|file| id(file).ok())),
            path,
            held,
        }
    }

    fn is(&self, target: Id) -> bool {
        match self.pinned {
            Some(pinned) => pinned == Some(target),
            None => open(CWD, &self.path, OFlags::NOFOLLOW).and_then(|file| id(&file)) == Ok(target),
        }
    }
}

/// One call that waits for its answer.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Call {
    id: u64,
    /// The thread that makes it.
    thread: i32,
    number: i64,
    arguments: [u64; 6],
}

impl Call {
    const BYTES: usize = 72;

    fn heard(heard: &libc::seccomp_notif) -> Self {
        Self {
            id: heard.id,
            thread: heard.pid.cast_signed(),
            number: heard.data.nr.into(),
            arguments: heard.data.args,
        }
    }

    fn encode(&self) -> Vec<u8> {
        let words = [self.id, i64::from(self.thread).cast_unsigned(), self.number.cast_unsigned()];
        words.into_iter().chain(self.arguments).flat_map(u64::to_le_bytes).collect()
    }

    fn decode(bytes: &[u8; Self::BYTES]) -> Option<Self> {
        let mut words = bytes
            .chunks_exact(8)
            .filter_map(|bytes| bytes.try_into().ok())
            .map(u64::from_le_bytes);
        let mut word = || words.next();
        Some(Self {
            id: word()?,
            thread: i32::try_from(word()?.cast_signed()).ok()?,
            number: word()?.cast_signed(),
            arguments: [word()?, word()?, word()?, word()?, word()?, word()?],
        })
    }
}

/// What is to be done with the copy of the socket.
enum Act {
    /// To these bytes.
    Connect(Vec<u8>),
    /// To this file, which is a socket of the command itself, or not.
    ConnectTo { file: OwnedFd, own: bool },
}

impl Act {
    const fn verdict(&self) -> Verdict {
        match self {
            Self::ConnectTo { own: true, .. } => Verdict::Own,
            Self::ConnectTo { own: false, .. } | Self::Connect(_) => Verdict::Open,
        }
    }
}

/// Why nothing is done.
enum Not {
    /// The policy.
    Closed,
    Failed(Errno),
}

impl From<Errno> for Not {
    fn from(error: Errno) -> Self {
        Self::Failed(error)
    }
}

impl Served {
    fn run(mut self) {
        while let Some(call) = self.next() {
            self.answer(&call);
        }
    }

    fn next(&self) -> Option<Call> {
        match &self.source {
            Source::Kernel => self.listener.next().map(|heard| Call::heard(&heard)),
            Source::Supervisor(socket) => {
                let mut bytes = [0; Call::BYTES];
                loop {
                    match rustix::net::recv(socket, &mut bytes, rustix::net::RecvFlags::empty()) {
                        Err(Errno::INTR) => {}
                        Ok((Call::BYTES, _)) => return Call::decode(&bytes),
                        Ok(_) | Err(_) => return None,
                    }
                }
            }
        }
    }

    /// One that was heard of just now. Whoever made it may have been killed meanwhile.
    fn next_now(&self) -> Option<Call> {
        match &self.source {
            Source::Kernel => self.listener.receive().ok().map(|heard| Call::heard(&heard)),
            Source::Supervisor(_) => self.next(),
        }
    }

    /// Once for each call, before it is answered: then it is written down when the command goes on.
    fn tell(&self, verdict: Verdict) {
        if let Source::Supervisor(socket) = &self.source {
            let verdict = match verdict {
                Verdict::Own => 0,
                Verdict::Closed => 1,
                Verdict::Open => 2,
            };
            // It is gone, and the command with it.
            let _ = rustix::net::send(socket, &[verdict], rustix::net::SendFlags::NOSIGNAL);
        }
    }

    fn reply(&self, call: &Call, done: Result<(), Errno>) {
        self.listener.answer(call.id, done.into());
    }

    fn answer(&mut self, call: &Call) {
        let socket = match self.copy(call) {
            Ok(socket) => socket,
            Err(error) => {
                self.tell(Verdict::Open);
                return self.reply(call, Err(error));
            }
        };
        let done = match call.number {
            libc::SYS_listen => {
                self.tell(Verdict::Open);
                self.listen(call, &socket)
            }
            _ => {
                let decided = self.decide(call, &socket);
                self.tell(match &decided {
                    Ok(act) => act.verdict(),
                    Err(Not::Closed) => Verdict::Closed,
                    Err(Not::Failed(_)) => Verdict::Open,
                });
                match decided {
                    Ok(act) if may_wait(&socket) => return self.connect_apart(call.id, socket, act),
                    Ok(act) => connect(&socket, &act),
                    Err(Not::Closed) => Err(Errno::ACCESS),
                    Err(Not::Failed(error)) => Err(error),
                }
            }
        };
        self.reply(call, done);
    }

    /// The socket that the call is about.
    fn copy(&self, call: &Call) -> Result<OwnedFd, Errno> {
        let number = low_int(call.arguments[0]);
        let process = pidfd(call.thread)?;
        // SAFETY: plain numbers; the result is a fresh descriptor or -1.
        let copy = unsafe {
            match libc::syscall(libc::SYS_pidfd_getfd, process.as_raw_fd(), number, 0) {
                -1 => return Err(last_error()),
                fd => OwnedFd::from_raw_fd(i32::try_from(fd).map_err(|_| Errno::MFILE)?),
            }
        };
        // The thread could have ended, and another have its number.
        self.is_waiting(call)?;
        socket_domain(&copy)?;
        Ok(copy)
    }

    fn is_waiting(&self, call: &Call) -> Result<(), Errno> {
        if self.listener.waits(call.id) { Ok(()) } else { Err(Errno::NOENT) }
    }

    fn decide(&self, call: &Call, socket: &OwnedFd) -> Result<Act, Not> {
        let address = self.address(call)?;
        if socket_domain(socket)? != AddressFamily::UNIX {
            return Ok(Act::Connect(address));
        }
        let Some(name) = unix_name(&address) else {
            return Err(Errno::INVAL.into());
        };
        if !is_connecting(socket_type(socket)?) {
            return Err(Not::Closed);
        }
        if name.first().is_none_or(|byte| *byte == 0) {
            return if self.names_are_apart {
                Ok(Act::Connect(address))
            } else {
                Err(Not::Closed)
            };
        }
        let file = self.open_for(call, name, OFlags::empty())?;
        let id = id(&file)?;
        let own = self.known.holds(id);
        if own || self.others.iter().any(|other| other.is(id)) {
            return Ok(Act::ConnectTo { file, own });
        }
        Err(match listens(&file, socket_type(socket)?) {
            Ok(()) => Not::Closed,
            // As without anybody in between: nobody listens, or it is something else.
            Err(error) => error.into(),
        })
    }

    fn address(&self, call: &Call) -> Result<Vec<u8>, Errno> {
        let length = usize::try_from(low_int(call.arguments[2])).map_err(|_| Errno::INVAL)?;
        if length > ADDRESS_MAX {
            return Err(Errno::INVAL);
        }
        let mut bytes = vec![0_u8; length];
        let here = libc::iovec {
            iov_base: bytes.as_mut_ptr().cast(),
            iov_len: length,
        };
        let there = libc::iovec {
            iov_base: std::ptr::with_exposed_provenance_mut(usize::try_from(call.arguments[1]).map_err(|_| Errno::FAULT)?),
            iov_len: length,
        };
        // SAFETY: our side is as long as it says; the other side is read by the kernel, which refuses what is not there.
        let read = unsafe { libc::process_vm_readv(call.thread, &raw const here, 1, &raw const there, 1, 0) };
        if usize::try_from(read) != Ok(length) {
            return Err(Errno::FAULT);
        }
        self.is_waiting(call)?;
        Ok(bytes)
    }

    /// What the caller means by `name`, without opening it for anything.
    fn open_for(&self, call: &Call, name: &[u8], flags: OFlags) -> Result<OwnedFd, Errno> {
        let own = format!("/proc/{}/", call.thread);
        let spelled = match name.strip_prefix(b"/proc/self/") {
            Some(rest) => [own.as_bytes(), rest].concat(),
            None => name.to_vec(),
        };
        let path = Path::new(std::ffi::OsStr::from_bytes(&spelled));
        if path.is_absolute() {
            return open(CWD, path, flags);
        }
        let cwd = open(CWD, Path::new(&format!("{own}cwd")), OFlags::DIRECTORY)?;
        self.is_waiting(call)?;
        open(cwd.as_fd(), path, flags)
    }

    /// In a thread of its own: whoever is called may not answer for long.
    fn connect_apart(&self, id: u64, socket: OwnedFd, act: Act) {
        let listener = Arc::clone(&self.listener);
        let work = move || listener.answer(id, connect(&socket, &act).into());
        if std::thread::Builder::new().stack_size(STACK_BYTES).spawn(work).is_err() {
            self.listener.answer(id, Outcome::Failed(Errno::AGAIN));
        }
    }

    /// Makes a socket listen, and remembers its file if that is beyond doubt.
    fn listen(&mut self, call: &Call, socket: &OwnedFd) -> Result<(), Errno> {
        let backlog = low_int(call.arguments[1]);
        let file = match socket_domain(socket)? {
            AddressFamily::UNIX => self.file_of(call, socket).filter(|file| !self.known.holds_file(file)),
            _ => None,
        };
        let kind = socket_type(socket)?;
        let before = file.as_ref().map(|file| listens(file, kind));
        // SAFETY: a live socket and a number.
        if unsafe { libc::listen(socket.as_raw_fd(), backlog) } == -1 {
            return Err(last_error());
        }
        if let (Some(file), Some(Err(Errno::CONNREFUSED))) = (file, before)
            && listens(&file, kind) == Ok(())
        {
            self.known.add(file);
        }
        Ok(())
    }

    /// The file that a socket is bound to, if it still lies there.
    fn file_of(&self, call: &Call, socket: &OwnedFd) -> Option<OwnedFd> {
        let mut address = [0_u8; ADDRESS_MAX];
        let mut length = libc::socklen_t::try_from(address.len()).ok()?;
        // SAFETY: the buffer is as long as it says.
        let told = unsafe { libc::getsockname(socket.as_raw_fd(), address.as_mut_ptr().cast(), &raw mut length) };
        let name = unix_name(address.get(..usize::try_from(length).ok()?)?)?;
        if told == -1 || name.first().is_none_or(|byte| *byte == 0) {
            return None;
        }
        let file = self.open_for(call, name, OFlags::NOFOLLOW).ok()?;
        (files::bound_to(socket).ok()? == files::kernel_id(&file).ok()?).then_some(file)
    }
}

/// The sockets of the command itself, by their files.
///
/// One is taken in when init makes it listen. Its name leads to a file, but the command could put another socket's file there at that
/// moment. So three things must hold: the kernel says that the socket is bound to a file with this number on this disk; nobody listened at
/// the file before init made the socket listen; somebody does right after that. Numbers that the kernel tells have 32 bits, which alone
/// is not enough on disks with more files. An open descriptor keeps the number of a file from being used again.
#[derive(Default)]
struct Known(VecDeque<(Id, OwnedFd)>);

impl Known {
    fn holds(&self, id: Id) -> bool {
        self.0.iter().any(|(known, _)| *known == id)
    }

    fn holds_file(&self, file: &OwnedFd) -> bool {
        id(file).is_ok_and(|id| self.holds(id))
    }

    fn add(&mut self, file: OwnedFd) {
        if let Ok(id) = id(&file) {
            self.0.push_back((id, file));
        }
        if self.0.len() > KNOWN_MAX {
            self.0.pop_front();
        }
    }
}

/// Device and number of a file that is held open.
type Id = (u64, u64);

fn id(file: &OwnedFd) -> Result<Id, Errno> {
    let found = rustix::fs::fstat(file)?;
    Ok((found.st_dev, found.st_ino))
}

fn open(at: BorrowedFd<'_>, path: &Path, flags: OFlags) -> Result<OwnedFd, Errno> {
    rustix::fs::openat(at, path, flags | OFlags::PATH | OFlags::CLOEXEC, Mode::empty())
}

/// The name in a unix address as the kernel takes it, empty for an abstract one of no length; `None` if it is no such address.
fn unix_name(address: &[u8]) -> Option<&[u8]> {
    let (family, name) = address.split_first_chunk::<2>()?;
    let is_unix = i32::from(libc::sa_family_t::from_ne_bytes(*family)) == libc::AF_UNIX;
    if !is_unix || name.is_empty() {
        return None;
    }
    if name[0] == 0 {
        return Some(name);
    }
    name.split(|byte| *byte == 0).next()
}

/// Whether somebody listens at a socket's file with sockets of this kind. A connected socket is told that it is connected, but only
/// after the kernel has found that out; nothing comes to the other side.
fn listens(file: &OwnedFd, kind: SocketType) -> Result<(), Errno> {
    let (one, _other) = rustix::net::socketpair(AddressFamily::UNIX, kind, SocketFlags::CLOEXEC | SocketFlags::NONBLOCK, None)?;
    match connect_to(&one, file) {
        Err(Errno::ISCONN | Errno::AGAIN) => Ok(()),
        Err(error) => Err(error),
        Ok(()) => Err(Errno::ISCONN),
    }
}

fn connect(socket: &OwnedFd, act: &Act) -> Result<(), Errno> {
    match act {
        Act::Connect(address) => connect_bytes(socket, address),
        Act::ConnectTo { file, .. } => connect_to(socket, file),
    }
}

/// To this file and no other: its descriptor is the name.
fn connect_to(socket: &OwnedFd, file: &OwnedFd) -> Result<(), Errno> {
    if FileType::from_raw_mode(rustix::fs::fstat(file)?.st_mode) != FileType::Socket {
        return Err(Errno::CONNREFUSED);
    }
    let path = format!("/proc/self/fd/{}\0", file.as_raw_fd());
    let family = libc::sa_family_t::try_from(libc::AF_UNIX).map_err(|_| Errno::INVAL)?;
    connect_bytes(socket, &[&family.to_ne_bytes()[..], path.as_bytes()].concat())
}

fn connect_bytes(socket: &OwnedFd, address: &[u8]) -> Result<(), Errno> {
    let length = libc::socklen_t::try_from(address.len()).map_err(|_| Errno::INVAL)?;
    // SAFETY: the address is as long as it says, and the kernel copies it before it looks at it.
    match unsafe { libc::connect(socket.as_raw_fd(), address.as_ptr().cast(), length) } {
        -1 => Err(last_error()),
        _ => Ok(()),
    }
}

/// Datagram sockets only note the address.
fn may_wait(socket: &OwnedFd) -> bool {
    let waits = rustix::fs::fcntl_getfl(socket).is_ok_and(|flags| !flags.contains(OFlags::NONBLOCK));
    waits && socket_type(socket).is_ok_and(|kind| kind != SocketType::DGRAM)
}

/// Of the process of a thread.
fn pidfd(thread: i32) -> Result<OwnedFd, Errno> {
    let open = |id: i32| {
        rustix::process::pidfd_open(
            rustix::process::Pid::from_raw(id).ok_or(Errno::SRCH)?,
            rustix::process::PidfdFlags::empty(),
        )
    };
    open(thread).or_else(|_| {
        // It is not the first one of its process.
        let status = std::fs::read_to_string(format!("/proc/{thread}/status")).map_err(|_| Errno::SRCH)?;
        let process = status.lines().find_map(|line| line.strip_prefix("Tgid:")?.trim().parse().ok());
        open(process.ok_or(Errno::SRCH)?)
    })
}

/// Landlock keeps abstract names apart from this version on (Linux 6.12).
fn keeps_names_apart() -> bool {
    const VERSION: libc::c_uint = 1;
    // SAFETY: with this flag the call takes no pointer.
    let version = unsafe { libc::syscall(libc::SYS_landlock_create_ruleset, std::ptr::null::<u8>(), 0_usize, VERSION) };
    version >= 6
}

const fn low_int(argument: u64) -> i32 {
    let [a, b, c, d, ..] = argument.to_le_bytes();
    i32::from_le_bytes([a, b, c, d])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_survives_its_journey() {
        let call = Call {
            id: u64::MAX,
            thread: 7,
            number: libc::SYS_connect,
            arguments: [1, u64::MAX, 3, 4, 5, 6],
        };
        let bytes: [u8; Call::BYTES] = call.encode().try_into().unwrap();
        assert_eq!(Call::decode(&bytes), Some(call));
    }
}
