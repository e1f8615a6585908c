//! Devices of the host, and typing into terminals.

use super::kernel::looked_at;
use super::{Attempt, CWD, Field, at, c, sys};
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

pub const ATTEMPTS: &[(&str, Attempt)] = &[
    ("device-disk", |f| open(f.value("disk")?)),
    ("device-disk-node", |f| {
        let number = f.number("disk-number")?;
        sys(
            libc::SYS_mknodat,
            [CWD, at(&*c(f.inside(""))), (libc::S_IFBLK | 0o666) as usize, number],
        )?;
        open(f.inside(""))
    }),
    ("device-char-node", |f| {
        let number = usize::try_from(libc::makedev(1, 11)).unwrap_or_default();
        sys(
            libc::SYS_mknodat,
            [CWD, at(&*c(f.inside(""))), (libc::S_IFCHR | 0o666) as usize, number],
        )?;
        open(f.inside(""))
    }),
    ("device-kmsg", |_| open("/dev/kmsg")),
    ("device-kvm", |_| open("/dev/kvm")),
    ("device-fuse", |_| open("/dev/fuse")),
    ("device-tun", |_| open("/dev/net/tun")),
    ("device-loop-control", |_| open("/dev/loop-control")),
    ("device-loop", |_| open("/dev/loop0")),
    ("device-userfaultfd", |_| open("/dev/userfaultfd")),
    ("device-vsock", |_| open("/dev/vsock")),
    ("device-mem", |_| open("/dev/mem")),
    ("device-screen", |_| open("/dev/vcs")),
    ("device-console-keys", |_| {
        const SHIFT_STATE: u8 = 6;
        let console = OpenOptions::new()
            .read(true)
            .custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY)
            .open("/dev/tty1")?;
        sys(libc::SYS_ioctl, [number(&console), libc::TIOCLINUX as usize, at(&[SHIFT_STATE; 8])]).map(drop)
    }),
    ("device-old-terminal", |f| {
        OpenOptions::new()
            .write(true)
            .custom_flags(libc::O_NOCTTY)
            .open(f.value("terminal")?)
            .map(drop)
    }),
    ("device-keystrokes", |f| type_into(f)),
    ("device-line-discipline", |_| {
        const PPP: i32 = 3;
        let master = rustix::pty::openpt(rustix::pty::OpenptFlags::RDWR | rustix::pty::OpenptFlags::NOCTTY)?;
        looked_at(
            sys(libc::SYS_ioctl, [master.as_raw_fd() as usize, libc::TIOCSETD as usize, at(&PPP)]),
            libc::EINVAL,
        )
    }),
    ("device-own-keystrokes", |_| {
        let master = rustix::pty::openpt(rustix::pty::OpenptFlags::RDWR | rustix::pty::OpenptFlags::NOCTTY)?;
        rustix::pty::unlockpt(&master)?;
        let name = rustix::pty::ptsname(&master, Vec::new())?;
        let name = name.to_str().map_err(|_| io::ErrorKind::InvalidData)?;
        sys(libc::SYS_setsid, [])?;
        // A session without a terminal gets the first one that it opens.
        let terminal = OpenOptions::new().read(true).write(true).open(name)?;
        sys(libc::SYS_ioctl, [number(&terminal), libc::TIOCSTI as usize, at(&b'x')]).map(drop)
    }),
    ("device-harmless", |_| {
        fs::write("/dev/null", "x")?;
        let mut bytes = [1; 8];
        io::Read::read_exact(&mut File::open("/dev/zero")?, &mut bytes)?;
        io::Read::read_exact(&mut File::open("/dev/urandom")?, &mut bytes)
    }),
    ("device-new-terminal", |_| {
        let flags = rustix::pty::OpenptFlags::RDWR | rustix::pty::OpenptFlags::NOCTTY;
        let master = rustix::pty::openpt(flags)?;
        rustix::pty::unlockpt(&master)?;
        let name = rustix::pty::ptsname(&master, Vec::new())?;
        open(name.to_str().map_err(|_| io::ErrorKind::InvalidData)?)
    }),
];

fn number(file: &File) -> usize {
    file.as_raw_fd().cast_unsigned() as usize
}

/// For reading only: an attempt on the host must do no harm where it succeeds.
fn open(path: impl AsRef<Path>) -> io::Result<()> {
    let path = path.as_ref();
    OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY)
        .open(path)
        .map(drop)
}

/// As if the user at that terminal had typed it.
fn type_into(field: &Field) -> io::Result<()> {
    let terminal = OpenOptions::new()
        .read(true)
        .write(true)
        .custom_flags(libc::O_NOCTTY)
        .open(field.value("terminal")?)?;
    sys(libc::SYS_setsid, [])?;
    sys(libc::SYS_ioctl, [number(&terminal), libc::TIOCSCTTY as usize, 0])?;
    for byte in field.tag() {
        sys(libc::SYS_ioctl, [number(&terminal), libc::TIOCSTI as usize, at(byte)])?;
    }
    Ok(())
}
