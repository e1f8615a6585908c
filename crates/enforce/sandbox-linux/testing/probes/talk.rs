//! Two sides of a conversation over a unix socket, each in a process of its own. `@` in front: an abstract name.

use rustix::net::{AddressFamily, SocketAddrUnix, SocketType};
use std::fs::File;
use std::io::{self, Read, Write};

/// Hears one peer to its end and prints what it said. Says when it listens.
pub fn serve(kind: &str, at: &str) -> io::Result<()> {
    let socket = rustix::net::socket(AddressFamily::UNIX, kind_of(kind), None)?;
    rustix::net::bind(&socket, &address(at)?)?;
    if kind == "datagram" {
        return Ok(());
    }
    rustix::net::listen(&socket, 5)?;
    // Standard output may be closed.
    let _ = writeln!(io::stdout(), "listening");
    let mut said = String::new();
    File::from(rustix::net::accept(&socket)?).read_to_string(&mut said)?;
    let _ = writeln!(io::stdout(), "{said}");
    Ok(())
}

pub fn connect(kind: &str, at: &str) -> io::Result<()> {
    let (kind, waits) = match kind.strip_suffix("-at-once") {
        Some(kind) => (kind, false),
        None => (kind, true),
    };
    let socket = rustix::net::socket(AddressFamily::UNIX, kind_of(kind), None)?;
    rustix::io::ioctl_fionbio(&socket, !waits)?;
    // From another thread than the first one of the process.
    std::thread::scope(|scope| scope.spawn(|| rustix::net::connect(&socket, &address(at)?)).join()).map_err(|_| io::ErrorKind::Other)??;
    File::from(socket).write_all(b"hello")
}

fn kind_of(kind: &str) -> SocketType {
    match kind {
        "packets" => SocketType::SEQPACKET,
        "datagram" => SocketType::DGRAM,
        _ => SocketType::STREAM,
    }
}

fn address(at: &str) -> rustix::io::Result<SocketAddrUnix> {
    match at.strip_prefix('@') {
        Some(name) => SocketAddrUnix::new_abstract_name(name.as_bytes()),
        None => SocketAddrUnix::new(at),
    }
}
