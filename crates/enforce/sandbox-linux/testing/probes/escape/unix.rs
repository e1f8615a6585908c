//! Sockets of the host that have a path or an abstract name.

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
use std::os::unix::net::{SocketAddr, UnixDatagram, UnixListener, UnixStream};
use std::path::PathBuf;

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
