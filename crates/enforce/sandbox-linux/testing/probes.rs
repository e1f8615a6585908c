//! Things that a shell cannot try. The exit code is 0 if it worked, else the system's error number.

use rustix::io::Errno;
use rustix::net::{AddressFamily, SendAncillaryBuffer, SendFlags, SocketAddrUnix, SocketType};
use std::ffi::OsStr;
use std::io::IoSlice;
use std::os::unix::process::CommandExt;

/// `nobody` in most systems; nothing belongs to it.
const ORDINARY: u32 = 65534;

pub fn main() {
    let mut arguments = std::env::args_os();
    let name = arguments.next().unwrap_or_default();
    if name == codex_sandbox_linux::HELPER_ARG0 {
        give_up_root(&name);
        codex_sandbox_linux::helper_main();
    }
    let arguments: Vec<String> = arguments.filter_map(|argument| argument.into_string().ok()).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    std::process::exit(run(&arguments));
}

/// Starts itself anew, since a process that changed its user is closed to itself.
fn give_up_root(arg0: &OsStr) {
    let Ok(executable) = std::env::current_exe() else { return };
    if !executable.as_os_str().as_encoded_bytes().ends_with(b"-user") || !rustix::process::geteuid().is_root() {
        return;
    }
    let error = std::process::Command::new(executable)
        .arg0(arg0)
        .env_clear()
        .gid(ORDINARY)
        .uid(ORDINARY)
        .exec();
    std::process::exit(error.raw_os_error().unwrap_or(1));
}

fn run(arguments: &[&str]) -> i32 {
    let result = match arguments {
        ["connect-abstract", name] => SocketAddrUnix::new_abstract_name(name.as_bytes()).and_then(|address| connect(&address)),
        ["connect-path", path] => SocketAddrUnix::new(*path).and_then(|address| connect(&address)),
        ["send-path", path] => SocketAddrUnix::new(*path).and_then(|address| send(&address)),
        ["pair", kind] => pair(kind),
        ["call", number] => call(number.parse().unwrap_or(-1)),
        ["user-namespace"] => user_namespace(),
        _ => Err(Errno::INVAL),
    };
    result.map_or_else(Errno::raw_os_error, |()| 0)
}

fn connect(address: &SocketAddrUnix) -> Result<(), Errno> {
    rustix::net::connect(rustix::net::socket(AddressFamily::UNIX, SocketType::STREAM, None)?, address)
}

/// Without connecting: a socket of a pair may name another receiver for each message.
fn send(address: &SocketAddrUnix) -> Result<(), Errno> {
    let send = |socket| {
        rustix::net::sendmsg_addr(
            &socket,
            address,
            &[IoSlice::new(b"out")],
            &mut SendAncillaryBuffer::default(),
            SendFlags::empty(),
        )
    };
    let alone = rustix::net::socket(AddressFamily::UNIX, SocketType::DGRAM, None).and_then(send);
    let raw = || rustix::net::socket(AddressFamily::UNIX, SocketType::from_raw(libc::SOCK_RAW.cast_unsigned()), None).and_then(send);
    let flags = rustix::net::SocketFlags::empty();
    let paired = || rustix::net::socketpair(AddressFamily::UNIX, SocketType::DGRAM, flags, None).and_then(|(one, _other)| send(one));
    alone.or_else(|_| raw()).or_else(|_| paired()).map(drop)
}

/// A pair of sockets works in both directions, also with `send`.
fn pair(kind: &str) -> Result<(), Errno> {
    let kind = if kind == "stream" { SocketType::STREAM } else { SocketType::DGRAM };
    let (one, other) = rustix::net::socketpair(AddressFamily::UNIX, kind, rustix::net::SocketFlags::empty(), None)?;
    rustix::net::send(&one, b"x", SendFlags::empty())?;
    rustix::net::shutdown(&one, rustix::net::Shutdown::Write)?;
    let mut bytes = [0; 1];
    rustix::io::read(&other, &mut bytes).map(drop)
}

/// With arguments that no call likes: what counts is whether it is refused before they are looked at.
fn call(number: i64) -> Result<(), Errno> {
    // SAFETY: all pointers are null or bad and the kernel checks them.
    match unsafe { libc::syscall(number, -1, -1, -1, -1, -1, -1) } {
        -1 => Err(Errno::from_io_error(&std::io::Error::last_os_error()).unwrap_or(Errno::INVAL)),
        _ => Ok(()),
    }
}

fn user_namespace() -> Result<(), Errno> {
    // SAFETY: a namespace of its own changes nothing for the memory or descriptors of this process.
    unsafe { rustix::thread::unshare_unsafe(rustix::thread::UnshareFlags::NEWUSER) }
}
