//! Which file a socket is bound to: what the kernel says of the one and of the other.

use rustix::fd::OwnedFd;
use rustix::fs::{AtFlags, StatxFlags};
use rustix::net::{AddressFamily, SocketFlags, SocketType};
use std::io;

/// Disk and number of a file as the kernel keeps them, the number shortened.
pub(super) fn kernel_id(file: &OwnedFd) -> io::Result<(u32, u32)> {
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
pub(super) fn bound_to(socket: &OwnedFd) -> io::Result<(u32, u32)> {
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
