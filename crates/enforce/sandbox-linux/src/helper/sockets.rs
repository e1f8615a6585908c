//! Does `connect` and `listen` for a confined command, so that of all unix sockets it reaches its own and those it was given.
//!
//! A filter for system calls sees the address of a socket as a number only, and what lies behind it can change until the kernel reads it.
//! So the kernel hands these two calls over to init, which takes a copy of the caller's socket and of its address, decides by what it
//! holds, and makes the call itself, to the very file that it has judged: there is nothing left to exchange. Init has the same rights as
//! the command, so whatever it is asked for, it does nothing that the command could not do without this filter.
//!
//! A socket is the command's own if init made it listen ([`Known`]). Everything else that is no unix socket is passed through.

use crate::plan::{OtherSocket, SystemCalls};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, StatxFlags};
use rustix::io::Errno;
use rustix::net::sockopt::{socket_domain, socket_type};
use rustix::net::{AddressFamily, SocketFlags, SocketType};
use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub(super) const RULE: &str = "unix sockets of the command alone";

/// Sockets of the command's own that are remembered; the oldest is forgotten first, and cannot be connected to any more.
const KNOWN_MAX: usize = 256;
/// Bytes of the largest address, as in the kernel.
const ADDRESS_MAX: usize = 128;
/// Of a thread that waits in one call.
const STACK_BYTES: usize = 128 << 10;

/// For [`super::link::pass`].
pub(super) fn pair() -> io::Result<(OwnedFd, OwnedFd)> {
    Ok(rustix::net::socketpair(
        AddressFamily::UNIX,
        SocketType::SEQPACKET,
        SocketFlags::CLOEXEC,
        None,
    )?)
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

/// Answers from now on, in a thread of its own. If that cannot be started, nobody answers and every such call fails.
pub(super) fn serve(calls: OwnedFd, others: &[OtherSocket], system_calls: SystemCalls) {
    let served = Served {
        calls: Arc::new(calls),
        others: others.iter().map(Other::of).collect(),
        known: Known::default(),
        names_are_apart: system_calls == SystemCalls::NetworkOff || keeps_names_apart(),
    };
    // The descriptor goes with it.
    let _ = std::thread::Builder::new().stack_size(STACK_BYTES).spawn(|| served.run());
}

struct Served {
    calls: Arc<OwnedFd>,
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
    _held: Option<OwnedFd>,
}

impl Other {
    fn of(other: &OtherSocket) -> Self {
        let path = other.path.as_path().to_owned();
        let held = other.replaceable.then(|| open(CWD, &path, OFlags::NOFOLLOW).ok()).flatten();
        Self {
            pinned: other.replaceable.then(|| held.as_ref().and_then(|file| id(file).ok())),
            path,
            _held: held,
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
struct Call {
    id: u64,
    /// The thread that makes it.
    thread: i32,
    number: i64,
    arguments: [u64; 6],
}

/// What is to be done with the copy of the socket.
enum Act {
    /// To these bytes.
    Connect(Vec<u8>),
    /// To this file.
    ConnectTo(OwnedFd),
}

impl Served {
    fn run(mut self) {
        loop {
            match self.next() {
                Ok(call) => self.answer(&call),
                // Its maker died, or a signal came.
                Err(Errno::NOENT | Errno::INTR) => {}
                Err(_) => return,
            }
        }
    }

    fn next(&self) -> Result<Call, Errno> {
        // SAFETY: the kernel wants a structure of zeros and fills it.
        let heard = unsafe {
            let mut heard: libc::seccomp_notif = std::mem::zeroed();
            ioctl(&self.calls, NOTIF_RECV, (&raw mut heard).cast())?;
            heard
        };
        Ok(Call {
            id: heard.id,
            thread: heard.pid.cast_signed(),
            number: heard.data.nr.into(),
            arguments: heard.data.args,
        })
    }

    fn answer(&mut self, call: &Call) {
        let socket = match self.copy(call) {
            Ok(socket) => socket,
            Err(error) => return reply(&self.calls, call.id, Err(error)),
        };
        let done = match call.number {
            libc::SYS_listen => self.listen(call, &socket),
            _ => match self.decide(call, &socket) {
                Ok(act) if may_wait(&socket) => return self.connect_apart(call.id, socket, act),
                Ok(act) => connect(&socket, &act),
                Err(error) => Err(error),
            },
        };
        reply(&self.calls, call.id, done);
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
        let mut id = call.id;
        ioctl(&self.calls, NOTIF_ID_VALID, (&raw mut id).cast())
    }

    fn decide(&self, call: &Call, socket: &OwnedFd) -> Result<Act, Errno> {
        let address = self.address(call)?;
        if socket_domain(socket)? != AddressFamily::UNIX {
            return Ok(Act::Connect(address));
        }
        let Some(name) = unix_name(&address) else {
            return Err(Errno::INVAL);
        };
        if !is_connecting(socket_type(socket)?) {
            return Err(Errno::ACCESS);
        }
        if name.first().is_none_or(|byte| *byte == 0) {
            return if self.names_are_apart {
                Ok(Act::Connect(address))
            } else {
                Err(Errno::ACCESS)
            };
        }
        let target = self.open_for(call, name, OFlags::empty())?;
        let id = id(&target)?;
        if self.known.holds(id) || self.others.iter().any(|other| other.is(id)) {
            return Ok(Act::ConnectTo(target));
        }
        Err(match listens(&target, socket_type(socket)?) {
            Ok(()) => Errno::ACCESS,
            // As without anybody in between: nobody listens, or it is something else.
            Err(error) => error,
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
        let calls = Arc::clone(&self.calls);
        let work = move || reply(&calls, id, connect(&socket, &act));
        if std::thread::Builder::new().stack_size(STACK_BYTES).spawn(work).is_err() {
            reply(&self.calls, id, Err(Errno::AGAIN));
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
        (bound_to(socket).ok()? == kernel_id(&file).ok()?).then_some(file)
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
        Act::ConnectTo(file) => connect_to(socket, file),
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

/// Disk and number of a file as the kernel keeps them, the number shortened.
fn kernel_id(file: &OwnedFd) -> io::Result<(u32, u32)> {
    const MOUNT: StatxFlags = StatxFlags::from_bits_retain(0x1000);
    let found = rustix::fs::statx(file, "", AtFlags::EMPTY_PATH, StatxFlags::INO | MOUNT)?;
    let mounts = std::fs::read_to_string("/proc/self/mountinfo")?;
    let mount = found.stx_mnt_id.to_string();
    let disk = mounts.lines().find_map(|line| {
        let mut words = line.split(' ');
        (words.next() == Some(&mount)).then(|| words.nth(1))?
    });
    let (major, minor) = disk.and_then(|disk| disk.split_once(':')).ok_or(io::ErrorKind::NotFound)?;
    let number = |text: &str| text.parse::<u32>().map_err(io::Error::other);
    let shortened = u32::try_from(found.stx_ino & u64::from(u32::MAX)).map_err(io::Error::other)?;
    Ok((number(major)? << 20 | number(minor)?, shortened))
}

/// Disk and number of the file that a socket is bound to, as `sock_diag(7)` tells them.
fn bound_to(socket: &OwnedFd) -> io::Result<(u32, u32)> {
    const BY_FAMILY: u16 = 20;
    const REQUEST: u16 = 1;
    const SHOW_FILE: u32 = 2;
    const FILE: u16 = 1;
    const HEADER: usize = 16;
    const ANSWER: usize = 16;
    let socket = rustix::fs::fstat(socket)?.st_ino;
    let socket = u32::try_from(socket).map_err(io::Error::other)?;
    let kernel = rustix::net::socket_with(
        AddressFamily::NETLINK,
        SocketType::RAW,
        SocketFlags::CLOEXEC,
        Some(rustix::net::netlink::SOCK_DIAG),
    )?;
    let mut request = Vec::new();
    // The header: length, kind, flags, sequence, port.
    request.extend(40_u32.to_ne_bytes());
    request.extend(BY_FAMILY.to_ne_bytes());
    request.extend(REQUEST.to_ne_bytes());
    request.extend([0; 8]);
    // Family, protocol and padding; states; the socket; what to show; its cookie, any.
    request.extend([u8::try_from(libc::AF_UNIX).unwrap_or_default(), 0, 0, 0]);
    for word in [u32::MAX, socket, SHOW_FILE, u32::MAX, u32::MAX] {
        request.extend(word.to_ne_bytes());
    }
    rustix::net::send(&kernel, &request, rustix::net::SendFlags::empty())?;
    let mut answer = [0; 4096];
    let (count, _) = rustix::net::recv(&kernel, &mut answer, rustix::net::RecvFlags::empty())?;
    let short = |at: &[u8]| at.first_chunk().copied().map(u16::from_ne_bytes);
    let word = |at: &[u8]| at.first_chunk().copied().map(u32::from_ne_bytes);
    let parse = || {
        let message = answer.get(..count)?;
        if short(message.get(4..)?)? != BY_FAMILY {
            return None;
        }
        let mut rest = message.get(HEADER + ANSWER..)?;
        loop {
            let (length, kind) = (usize::from(short(rest)?), short(rest.get(2..)?)?);
            if kind == FILE && length == 12 {
                return Some((word(rest.get(8..)?)?, word(rest.get(4..)?)?));
            }
            rest = rest.get(length.max(4).next_multiple_of(4)..)?;
        }
    };
    parse().ok_or_else(|| io::ErrorKind::NotFound.into())
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

fn reply(calls: &OwnedFd, id: u64, done: Result<(), Errno>) {
    let mut answer = libc::seccomp_notif_resp {
        id,
        val: 0,
        error: done.map_or_else(|error| -error.raw_os_error(), |()| 0),
        flags: 0,
    };
    // Who asked may have died meanwhile.
    let _ = ioctl(calls, NOTIF_SEND, (&raw mut answer).cast());
}

fn last_error() -> Errno {
    Errno::from_io_error(&io::Error::last_os_error()).unwrap_or(Errno::IO)
}

// `linux/seccomp.h`: direction, size and letter.
const NOTIF_RECV: u64 = 0xC000_2100 | (size_of::<libc::seccomp_notif>() as u64) << 16;
const NOTIF_SEND: u64 = 0xC000_2101 | (size_of::<libc::seccomp_notif_resp>() as u64) << 16;
const NOTIF_ID_VALID: u64 = 0x4000_2102 | (size_of::<u64>() as u64) << 16;

/// `argument` is what the request wants, and lives as long as the call.
fn ioctl(calls: &OwnedFd, request: u64, argument: *mut libc::c_void) -> Result<(), Errno> {
    // SAFETY: as above.
    match unsafe { libc::syscall(libc::SYS_ioctl, calls.as_raw_fd(), request, argument) } {
        -1 => Err(last_error()),
        _ => Ok(()),
    }
}
