//! The socket to the parent, and the two pipes inside of the helper.

use codex_process::CommandIo;
use codex_process::record::Record;
use codex_process::wire::{Order, PACKET_BYTES_MAX, Report, Request};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::MemfdFlags;
use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags};
use rustix::pipe::{PipeFlags, pipe_with};
use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::mem::MaybeUninit;

/// Our end of the socket.
pub(super) struct Link(pub OwnedFd);

/// What the parent says.
pub(super) enum Heard {
    Order(Order),
    Gone,
}

impl Link {
    /// The first packet carries the file that holds the request, the standard input of a command that inherits its streams, and what is
    /// attached to the plan.
    pub fn request(&self) -> io::Result<(Request, Option<OwnedFd>, Option<OwnedFd>)> {
        let mut files = receive(self.0.as_fd(), &mut [0])?.1.into_iter();
        let mut file = std::fs::File::from(files.next().ok_or(io::ErrorKind::InvalidData)?);
        let mut bytes = Vec::new();
        // Written through the same description, which stands at its end.
        io::Seek::rewind(&mut file)?;
        file.read_to_end(&mut bytes)?;
        let request = Request::decode(&bytes).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
        let stdin = if request.io == CommandIo::Inherited { files.next() } else { None };
        Ok((request, stdin, files.next()))
    }

    /// Call when readable.
    pub fn hear(&self) -> Heard {
        let mut bytes = [0; PACKET_BYTES_MAX];
        let Ok((count, _)) = rustix::net::recv(&self.0, &mut bytes, RecvFlags::DONTWAIT) else {
            return Heard::Gone;
        };
        Order::decode(&bytes[..count]).map_or(Heard::Gone, Heard::Order)
    }

    /// A parent that is gone needs no report; we hear of it on our next look.
    pub fn tell(&self, report: &Report) {
        self.tell_bytes(&report.encode());
    }

    /// The same for one that is encoded.
    pub fn tell_bytes(&self, report: &[u8]) {
        let _ = rustix::net::send(&self.0, report, SendFlags::NOSIGNAL);
    }

    /// In a memory file: it has any length.
    pub fn tell_record(&self, record: &Record) -> io::Result<()> {
        let mut file = std::fs::File::from(rustix::fs::memfd_create("record", MemfdFlags::CLOEXEC)?);
        file.write_all(&record.encode().map_err(io::Error::other)?)?;
        self.tell_with(&Report::Recorded, file.as_fd())
    }

    /// By which our parent knows and ends us.
    pub fn tell_process(&self) -> io::Result<()> {
        let own = rustix::process::getpid();
        let process = rustix::process::pidfd_open(own, rustix::process::PidfdFlags::empty())?;
        let pid = own.as_raw_nonzero().get().cast_unsigned();
        self.tell_with(&Report::Here { pid }, process.as_fd())
    }

    pub fn tell_terminal(&self, master: BorrowedFd<'_>) -> io::Result<()> {
        self.tell_with(&Report::Terminal, master)
    }

    fn tell_with(&self, report: &Report, file: BorrowedFd<'_>) -> io::Result<()> {
        pass(&self.0, file, &report.encode())
    }
}

/// Passes a descriptor with a few bytes, at least one.
pub(super) fn pass(socket: &OwnedFd, file: BorrowedFd<'_>, bytes: &[u8]) -> io::Result<()> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    let files = [file];
    ancillary.push(SendAncillaryMessage::ScmRights(&files));
    rustix::net::sendmsg(socket, &[IoSlice::new(bytes)], &mut ancillary, SendFlags::NOSIGNAL)?;
    Ok(())
}

/// Takes what [`pass`] gave; nothing if the other end is closed.
pub(super) fn take(socket: &OwnedFd, bytes: &mut [u8]) -> io::Result<Option<OwnedFd>> {
    Ok(receive(socket.as_fd(), bytes)?.1.pop())
}

/// How many bytes came, and up to three descriptors with them; nothing if the other end is closed.
pub(super) fn receive(socket: BorrowedFd<'_>, bytes: &mut [u8]) -> io::Result<(usize, Vec<OwnedFd>)> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(3))];
    let mut ancillary = RecvAncillaryBuffer::new(&mut space);
    let mut into = [IoSliceMut::new(bytes)];
    let received = rustix::io::retry_on_intr(|| rustix::net::recvmsg(socket, &mut into, &mut ancillary, RecvFlags::CMSG_CLOEXEC))?;
    let files = ancillary.drain().flat_map(|message| match message {
        RecvAncillaryMessage::ScmRights(files) => files.collect(),
        _ => Vec::new(),
    });
    Ok((received.bytes, files.collect()))
}

/// A pipe that no program inherits.
pub(super) struct Pipe {
    pub reader: OwnedFd,
    pub writer: OwnedFd,
}

impl Pipe {
    pub fn new() -> io::Result<Self> {
        let (reader, writer) = pipe_with(PipeFlags::CLOEXEC)?;
        Ok(Self { reader, writer })
    }
}
