//! A pseudo-terminal: the master end we keep, and the slave end a command starts on.

use super::Source;
use crate::running::Input;
use crate::spawn::SpawnError;
use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};
use std::fs::File;
use std::io;
#[cfg(target_os = "linux")]
use std::os::fd::BorrowedFd;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use tokio::io::unix::AsyncFd;
use tokio::process::Command;

/// Our end of a command's terminal.
#[derive(Debug, Clone)]
pub(crate) struct Master(Arc<AsyncFd<OwnedFd>>);

impl Master {
    pub(crate) fn new(fd: OwnedFd) -> io::Result<Self> {
        fcntl_setfl(&fd, fcntl_getfl(&fd)? | OFlags::NONBLOCK)?;
        // SAFETY: the descriptor is owned by what it is registered in, so it stays open and the same until it is deregistered.
        Ok(Self(Arc::new(unsafe { AsyncFd::register(fd) }?)))
    }

    pub(crate) async fn write_all(&self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let mut ready = self.0.writable().await?;
            match ready.try_io(|fd| rustix::io::write(fd.get_ref(), bytes).map_err(Into::into)) {
                Ok(written) => bytes = &bytes[written?..],
                Err(_would_block) => {}
            }
        }
        Ok(())
    }

    #[cfg(target_os = "linux")]
    pub(crate) async fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let mut ready = self.0.readable().await?;
            if let Ok(read) = ready.try_io(|fd| rustix::io::read(fd.get_ref(), &mut *buffer).map_err(Into::into)) {
                return read;
            }
        }
    }
}

#[cfg(target_os = "linux")]
impl AsFd for Master {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.get_ref().as_fd()
    }
}

/// Makes a terminal and lets `command` start on it, in a session of its own.
pub(super) fn connect(command: &mut Command, rows: u16, cols: u16) -> Result<(Input, Source), SpawnError> {
    let (master, slave) = open(rows, cols).map_err(SpawnError::system("open a terminal"))?;
    let clone = |fd: &OwnedFd| fd.try_clone().map_err(SpawnError::system("open a terminal"));
    command.stdin(clone(&slave)?).stdout(clone(&slave)?).stderr(slave);
    // SAFETY: setsid and ioctl are async-signal-safe and touch nothing but the new process.
    unsafe {
        command.pre_exec(|| {
            rustix::process::setsid()?;
            rustix::process::ioctl_tiocsctty(rustix::stdio::stdin())?;
            Ok(())
        });
    }
    // The reader blocks in its own thread and the writer waits in the runtime, so they need a description each.
    let reading = File::from(clone(&master)?);
    let writing =
        Master::new(reopen(&master).map_err(SpawnError::system("open a terminal"))?).map_err(SpawnError::system("open a terminal"))?;
    Ok((Input::Terminal(writing), Box::new(Polled(reading))))
}

/// Both ends share one description and so the non-blocking mode; see [`Polled`].
fn reopen(master: &OwnedFd) -> io::Result<OwnedFd> {
    master.try_clone()
}

/// A non-blocking descriptor that reads as if it blocked.
struct Polled(File);

impl io::Read for Polled {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let mut wait = [rustix::event::PollFd::new(&self.0, rustix::event::PollFlags::IN)];
            rustix::event::poll(&mut wait, None)?;
            match self.0.read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                done => return done,
            }
        }
    }
}

fn open(rows: u16, cols: u16) -> io::Result<(OwnedFd, OwnedFd)> {
    let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY)?;
    rustix::io::fcntl_setfd(&master, rustix::io::FdFlags::CLOEXEC)?;
    grantpt(&master)?;
    unlockpt(&master)?;
    let name = ptsname(&master, Vec::new())?;
    let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
    let slave = rustix::fs::open(name.as_c_str(), flags, rustix::fs::Mode::empty())?;
    tcsetwinsize(
        slave.as_fd(),
        Winsize {
            ws_row: rows,
            ws_col: cols,
            ws_xpixel: 0,
            ws_ypixel: 0,
        },
    )?;
    Ok((master, slave))
}
