//! The socket to the parent, and the two pipes inside of the helper.

use codex_process::CommandIo;
use codex_process::packets;
use codex_process::record::Record;
use codex_process::wire::{Order, PACKET_BYTES_MAX, Report, Request};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::MemfdFlags;
use rustix::net::{RecvFlags, SendFlags};
use rustix::pipe::{PipeFlags, pipe_with};
use std::io::{self, Write};

/// Our end of the socket.
pub(super) struct Link(pub OwnedFd);

/// What the parent wants.
pub(super) struct Requested {
    pub request: Request,
    /// Of a command that inherits its streams.
    pub stdin: Option<OwnedFd>,
    /// To the plan.
    pub attached: Option<OwnedFd>,
}

/// What the parent says.
pub(super) enum Heard {
    Order(Order),
    Gone,
}

impl Link {
    /// The first packet carries the file that holds the request, the standard input of a command that inherits its streams, and what is
    /// attached to the plan.
    pub fn request(&self) -> io::Result<Requested> {
        let mut files = packets::receive(&self.0, &mut [0], RecvFlags::empty())?.1.into_iter();
        let file = files.next().ok_or(io::ErrorKind::InvalidData)?;
        let request = read_request(file)?;
        let stdin = if request.io == CommandIo::Inherited { files.next() } else { None };
        Ok(Requested {
            request,
            stdin,
            attached: files.next(),
        })
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
        packets::send(&self.0, &report.encode(), &[file])
    }
}

/// Read at its places: several have the same open file, and each would move where the others stand in it.
pub(super) fn read_request(file: OwnedFd) -> io::Result<Request> {
    let length = usize::try_from(rustix::fs::fstat(&file)?.st_size).map_err(io::Error::other)?;
    let mut bytes = vec![0; length];
    std::os::unix::fs::FileExt::read_exact_at(&std::fs::File::from(file), &mut bytes, 0)?;
    Request::decode(&bytes).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
}

/// Takes a descriptor; nothing if the other end is closed.
pub(super) fn take(socket: &OwnedFd, bytes: &mut [u8]) -> io::Result<Option<OwnedFd>> {
    Ok(packets::receive(socket, bytes, RecvFlags::empty())?.1.pop())
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
