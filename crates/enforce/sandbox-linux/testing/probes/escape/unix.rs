//! Sockets of the host that have a path or an abstract name.

use super::files::exchange;
use super::races::race;
use super::{Attempt, Field, at, sys};
use rustix::fd::AsFd;
use rustix::net::{
    AddressFamily, SendAncillaryBuffer, SendAncillaryMessage, SendFlags, SocketAddrUnix, SocketFlags, SocketType, sendmsg_addr, socket,
    socketpair,
};
use std::fs::{self, File};
use std::io::{self, IoSlice, Read, Write};
use std::os::fd::AsRawFd;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::{SocketAddr, UnixDatagram, UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

pub const ATTEMPTS: &[(&str, Attempt)] = &[
    ("unix-connect", |f| UnixStream::connect(path(f, "stream"))?.write_all(f.tag())),
    ("unix-connect-link", |f| {
        std::os::unix::fs::symlink(path(f, "stream"), f.inside(""))?;
        UnixStream::connect(f.inside(""))?.write_all(f.tag())
    }),
    ("unix-connect-process-root", |f| {
        UnixStream::connect(format!("/proc/self/root{}", path(f, "stream").display()))?.write_all(f.tag())
    }),
    ("unix-connect-packets", |f| {
        let socket = socket(AddressFamily::UNIX, SocketType::SEQPACKET, None)?;
        rustix::net::connect(&socket, &SocketAddrUnix::new(path(f, "packets"))?)?;
        rustix::io::write(&socket, f.tag()).map(drop).map_err(Into::into)
    }),
    ("unix-connect-abstract", |f| {
        UnixStream::connect_addr(&name(f, "stream")?)?.write_all(f.tag())
    }),
    ("unix-datagram-send-to", |f| {
        UnixDatagram::unbound()?.send_to(f.tag(), path(f, "datagram")).map(drop)
    }),
    ("unix-datagram-connect", |f| {
        let socket = UnixDatagram::unbound()?;
        socket.connect(path(f, "datagram"))?;
        socket.send(f.tag()).map(drop)
    }),
    ("unix-datagram-message", |f| message(f, SocketType::DGRAM)),
    ("unix-datagram-raw", |f| {
        message(f, SocketType::from_raw(libc::SOCK_RAW.cast_unsigned()))
    }),
    ("unix-datagram-pair", |f| {
        let (one, _other) = socketpair(AddressFamily::UNIX, SocketType::DGRAM, SocketFlags::empty(), None)?;
        send(f, one, &mut SendAncillaryBuffer::default())
    }),
    ("unix-datagram-many", |f| {
        let socket = UnixDatagram::unbound()?;
        many(socket.as_raw_fd(), &unix_address(&path(f, "datagram")), f.tag())
    }),
    ("unix-datagram-abstract", |f| {
        UnixDatagram::unbound()?.send_to_addr(f.tag(), &name(f, "datagram")?).map(drop)
    }),
    ("unix-descriptor", |f| {
        let file = File::open("/proc/self/status")?;
        let mut space = [std::mem::MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut ancillary = SendAncillaryBuffer::new(&mut space);
        let files = [file.as_fd()];
        ancillary.push(SendAncillaryMessage::ScmRights(&files));
        let socket = socket(AddressFamily::UNIX, SocketType::DGRAM, None)?;
        send(f, socket, &mut ancillary)
    }),
    ("unix-bind", |f| UnixListener::bind(f.inside("")).map(drop)),
    ("unix-bind-datagram", |f| UnixDatagram::bind(f.inside("")).map(drop)),
    ("unix-bind-abstract", |f| {
        UnixListener::bind_addr(&SocketAddr::from_abstract_name(f.tag())?).map(drop)
    }),
    ("unix-own", |f| talk(&SocketAddr::from_pathname(f.inside(""))?)),
    ("unix-own-abstract", |f| talk(&SocketAddr::from_abstract_name(f.tag())?)),
    ("unix-here-connect", |f| UnixStream::connect(host(f))?.write_all(f.tag())),
    ("unix-here-moved", |f| {
        fs::rename(host(f), f.inside(""))?;
        UnixStream::connect(f.inside(""))?.write_all(f.tag())
    }),
    ("unix-here-parent", |f| {
        let spelled = format!("/proc/self/cwd/in/../in/{}-host", f.id);
        UnixStream::connect(spelled)?.write_all(f.tag())
    }),
    ("unix-here-in-place", |f| {
        let _own = UnixListener::bind(f.inside(""))?;
        UnixStream::connect(f.inside(""))?;
        fs::rename(host(f), f.inside(""))?;
        UnixStream::connect(f.inside(""))?.write_all(f.tag())
    }),
    ("unix-here-listen-race", |f| {
        let (own, other) = (f.inside(""), host(f));
        let number = |path: &Path| fs::metadata(path).map(|found| found.ino()).ok();
        let wanted = number(&other);
        race(
            || drop(exchange(&own, &other)),
            || {
                for path in [&own, &other] {
                    if number(path) != wanted {
                        // Of the round before.
                        let _ = fs::remove_file(path);
                    }
                }
                let Ok(socket) = socket(AddressFamily::UNIX, SocketType::STREAM, None) else {
                    return false;
                };
                let bound = SocketAddrUnix::new(&own).and_then(|address| rustix::net::bind(&socket, &address));
                let listens = bound.is_ok() && rustix::net::listen(&socket, 5).is_ok();
                listens && [&own, &other].into_iter().any(|path| reaches(path, f, &socket))
            },
        )
    }),
    ("unix-here-connect-race", |f| {
        let own = UnixListener::bind(f.inside(""))?;
        let (one, other) = (f.inside(""), host(f));
        race(|| drop(exchange(&one, &other)), || reaches(&one, f, &own))
    }),
    ("unix-here-link-race", |f| {
        let own = UnixListener::bind(f.inside(""))?;
        let (link, other) = (f.inside("-link"), f.inside("-other"));
        std::os::unix::fs::symlink(f.inside(""), &link)?;
        std::os::unix::fs::symlink(host(f), &other)?;
        race(|| drop(exchange(&link, &other)), || reaches(&link, f, &own))
    }),
    ("unix-address-race", |f| {
        let own = UnixListener::bind(f.inside(""))?;
        let place = std::cell::UnsafeCell::new([0_u8; 110]);
        let place = Shared(place);
        let write = |path: &Path| {
            let address = unix_address(path);
            // SAFETY: torn bytes are what is tried, and nothing but the kernel reads them.
            unsafe { std::ptr::copy_nonoverlapping(address.as_ptr(), place.at(), address.len().min(110)) };
        };
        write(&f.inside(""));
        let (mine, wanted) = (f.inside(""), path(f, "stream"));
        let turn = AtomicBool::new(false);
        race(
            || write(if turn.fetch_xor(true, Ordering::Relaxed) { &mine } else { &wanted }),
            || {
                let Ok(socket) = socket(AddressFamily::UNIX, SocketType::STREAM, None) else {
                    return false;
                };
                // SAFETY: the place outlives the call.
                let connected = unsafe { libc::connect(socket.as_raw_fd(), place.at().cast(), 110) } == 0;
                connected && says(socket, f, &own)
            },
        )
    }),
    ("unix-number-race", |f| {
        // An innocent socket of the internet at the same number.
        let innocent = socket(AddressFamily::INET, SocketType::STREAM, None);
        let innocent = innocent.or_else(|_| socket(AddressFamily::UNIX, SocketType::STREAM, None))?;
        let raw = innocent.as_raw_fd();
        let place = raw + 50;
        let address = unix_address(&path(f, "stream"));
        race(
            || {
                // SAFETY: the number belongs to this attempt alone.
                unsafe { libc::dup2(raw, place) };
            },
            || {
                let Ok(socket) = socket(AddressFamily::UNIX, SocketType::STREAM, None) else {
                    return false;
                };
                // SAFETY: as above; the address is as long as it says.
                let connected = unsafe {
                    libc::dup2(socket.as_raw_fd(), place);
                    let length = libc::socklen_t::try_from(address.len()).unwrap_or_default();
                    libc::connect(place, address.as_ptr().cast(), length) == 0
                };
                connected && File::from(socket).write_all(f.tag()).is_ok()
            },
        )
    }),
    ("unix-family", |f| {
        let socket = socket(AddressFamily::UNIX, SocketType::STREAM, None)?;
        let mut inet = [0_u8; 16];
        inet[0] = 2;
        // SAFETY: the address is as long as it says. It is refused, which is not what this is about.
        unsafe { libc::connect(socket.as_raw_fd(), inet.as_ptr().cast(), 16) };
        rustix::net::connect(&socket, &SocketAddrUnix::new(path(f, "stream"))?)?;
        File::from(socket).write_all(f.tag())
    }),
    ("unix-pair", |_| {
        let (mut one, mut other) = UnixStream::pair()?;
        rustix::net::send(&one, b"to", SendFlags::NOSIGNAL)?;
        let mut bytes = [0; 2];
        other.read_exact(&mut bytes)?;
        other.write_all(b"back")?;
        one.shutdown(std::net::Shutdown::Write)?;
        one.read_exact(&mut bytes)
    }),
    ("unix-pair-packets", |_| {
        let (one, other) = socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::empty(), None)?;
        rustix::net::send(&one, b"x", SendFlags::empty())?;
        rustix::io::read(&other, &mut [0; 1]).map(drop).map_err(Into::into)
    }),
    ("unix-pair-descriptor", |f| {
        let (one, other) = UnixStream::pair()?;
        let file = File::open("/proc/self/status")?;
        let mut space = [std::mem::MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut ancillary = SendAncillaryBuffer::new(&mut space);
        let files = [file.as_fd()];
        ancillary.push(SendAncillaryMessage::ScmRights(&files));
        rustix::net::sendmsg(&one, &[IoSlice::new(f.tag())], &mut ancillary, SendFlags::empty())?;
        let mut read = vec![0; f.tag().len()];
        (&other).read_exact(&mut read)
    }),
    ("unix-socket-file", |f| fs::metadata(path(f, "stream")).map(drop)),
];

struct Shared(std::cell::UnsafeCell<[u8; 110]>);

// SAFETY: two threads tear at it on purpose; it has no meaning to this process.
unsafe impl Sync for Shared {}

impl Shared {
    fn at(&self) -> *mut u8 {
        self.0.get().cast()
    }
}

/// A socket of the host in the workspace, for this attempt alone.
fn host(field: &Field) -> PathBuf {
    field.inside("-host")
}

/// One listens, the other connects; both are this process.
fn talk(address: &SocketAddr) -> io::Result<()> {
    let listener = UnixListener::bind_addr(address)?;
    let mut one = UnixStream::connect_addr(address)?;
    let (mut other, _) = listener.accept()?;
    one.write_all(b"to")?;
    other.read_exact(&mut [0; 2])
}

/// Whether what lies at `path` took the tag and is not `own`.
fn reaches(path: &Path, field: &Field, own: &impl AsFd) -> bool {
    UnixStream::connect(path).is_ok_and(|stream| says(stream.into(), field, own))
}

/// Whether the tag was taken by somebody else than `own`.
fn says(socket: std::os::fd::OwnedFd, field: &Field, own: &impl AsFd) -> bool {
    let said = File::from(socket).write_all(field.tag()).is_ok();
    // What waits at the own one came there.
    let mut sources = [rustix::event::PollFd::new(own, rustix::event::PollFlags::IN)];
    let now = rustix::time::Timespec { tv_sec: 0, tv_nsec: 0 };
    let came_here = rustix::event::poll(&mut sources, Some(&now)).is_ok_and(|count| count > 0);
    if came_here {
        drop(rustix::net::accept(own));
    }
    said && !came_here
}

fn path(field: &Field, kind: &str) -> PathBuf {
    field.base().join("listen").join(kind)
}

fn name(field: &Field, kind: &str) -> io::Result<SocketAddr> {
    SocketAddr::from_abstract_name(format!("{}-{kind}", field.value("abstract")?))
}

/// Without connecting.
fn message(field: &Field, kind: SocketType) -> io::Result<()> {
    send(field, socket(AddressFamily::UNIX, kind, None)?, &mut SendAncillaryBuffer::default())
}

fn send(field: &Field, socket: impl AsFd, ancillary: &mut SendAncillaryBuffer<'_, '_, '_>) -> io::Result<()> {
    let address = SocketAddrUnix::new(path(field, "datagram"))?;
    sendmsg_addr(&socket, &address, &[IoSlice::new(field.tag())], ancillary, SendFlags::empty())?;
    Ok(())
}

fn unix_address(path: &std::path::Path) -> Vec<u8> {
    let family = libc::sa_family_t::try_from(libc::AF_UNIX).unwrap_or_default();
    [&family.to_ne_bytes()[..], path.as_os_str().as_encoded_bytes(), &[0]].concat()
}

/// With `sendmmsg`, which has the address in memory where no filter sees it.
pub fn many(socket: i32, address: &[u8], text: &[u8]) -> io::Result<()> {
    let vector = [text.as_ptr().addr(), text.len()];
    // SAFETY: all zero is a valid empty header.
    let mut header: libc::mmsghdr = unsafe { std::mem::zeroed() };
    header.msg_hdr.msg_name = address.as_ptr().cast_mut().cast();
    header.msg_hdr.msg_namelen = u32::try_from(address.len()).unwrap_or_default();
    header.msg_hdr.msg_iov = (&raw const vector).cast_mut().cast();
    header.msg_hdr.msg_iovlen = 1;
    sys(libc::SYS_sendmmsg, [socket.cast_unsigned() as usize, at(&header), 1, 0]).map(drop)
}
