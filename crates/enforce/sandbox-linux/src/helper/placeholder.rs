//! Empty folders and files where protected names are missing, for as long as a command runs.
//!
//! A name can be kept from being made only by something that is there: Landlock has no exceptions inside of a folder, seccomp sees no
//! names, and a mount needs a mount point, which a bind-mounted folder shares with the host. So something is made on the host,
//! marked by its mode, and removed when its last user ends, also when codex was killed, since the supervisor outlives it. One that outlived
//! its supervisor too is adopted, and removed, by the next command. Removing it on the host would take the mount away from
//! another command that relies on it, hence the shared lock that each user holds.
//!
//! An empty `.git` is no repository for git; programs that look only for the name must look further. Names that git reads in a repository
//! become files that say what git assumes without them.

use super::Refusal;
use crate::facts::{PLACEHOLDER_FILE_MODE, PLACEHOLDER_MODE};
use crate::plan::{Form, Placeholder};
use codex_base::AbsPath;
use rustix::fd::OwnedFd;
use rustix::fs::{FlockOperation, Mode, OFlags, flock, fstat, lstat, mkdir};
use rustix::io::Errno;
use std::io;
use std::path::Path;
use std::time::Duration;

#[derive(Default)]
pub(super) struct Placeholders {
    held: Vec<(Placeholder, OwnedFd)>,
    absent: Vec<AbsPath>,
    /// What has no name any more. The last one to let go waits for the disk, so that is this process's end, after everything was told.
    removed: Vec<OwnedFd>,
}

enum Made {
    Held(OwnedFd),
    /// Somebody has made something real of that name: it is protected as it is.
    Real,
    /// Nothing can be made there, by the command neither.
    Impossible,
}

impl Placeholders {
    pub fn make(&mut self, placeholders: &[Placeholder]) -> Result<(), Refusal> {
        // The mode is a mark, so it must come out as asked.
        let umask = rustix::process::umask(Mode::empty());
        let made = placeholders.iter().try_for_each(|placeholder| self.make_one(placeholder));
        rustix::process::umask(umask);
        made
    }

    fn make_one(&mut self, placeholder: &Placeholder) -> Result<(), Refusal> {
        let rule = format!("protected name {}", placeholder.path);
        match make(placeholder).map_err(Refusal::of(&rule, "keep it from being made"))? {
            Made::Held(held) => self.held.push((placeholder.clone(), held)),
            Made::Real => {}
            Made::Impossible => self.absent.push(placeholder.path.clone()),
        }
        Ok(())
    }

    /// Tells init that they are made, and which are not: nobody could make anything there.
    pub fn tell(&self, init: OwnedFd) -> io::Result<()> {
        let words = postcard::to_allocvec(&self.absent).map_err(io::Error::other)?;
        let mut left = words.as_slice();
        while !left.is_empty() {
            match rustix::io::write(&init, left) {
                Ok(count) => left = left.get(count..).unwrap_or_default(),
                Err(Errno::INTR) => {}
                // It has ended, and has told why.
                Err(Errno::PIPE) => break,
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// Removes those that nobody else uses. Whatever goes wrong is mended by the next command.
    pub fn remove(&mut self) {
        for (Placeholder { path, form }, held) in self.held.drain(..) {
            if flock(&held, FlockOperation::NonBlockingLockExclusive).is_ok() && is_same(&path, &held) {
                let done = match form {
                    Form::EmptyFolder => rustix::fs::rmdir(path.as_path()),
                    Form::EmptyFile | Form::CommonDir => rustix::fs::unlink(path.as_path()),
                };
                if done.is_ok() {
                    self.removed.push(held);
                }
            }
        }
    }
}

/// What [`Placeholders::tell`] says, when it has been said to the end.
pub(super) fn hear(supervisor: &OwnedFd) -> io::Result<Vec<AbsPath>> {
    let mut bytes = Vec::new();
    io::Read::read_to_end(&mut std::fs::File::from(supervisor.try_clone()?), &mut bytes)?;
    postcard::from_bytes(&bytes).map_err(io::Error::other)
}

fn make(placeholder: &Placeholder) -> io::Result<Made> {
    let Placeholder { path, form } = placeholder;
    let (mode, kind) = match form {
        Form::EmptyFolder => (PLACEHOLDER_MODE, OFlags::DIRECTORY),
        Form::EmptyFile | Form::CommonDir => (PLACEHOLDER_FILE_MODE, OFlags::NONBLOCK),
    };
    // Another command may remove it while we adopt it; each round makes progress for one of the two.
    for _ in 0..100 {
        let (made, is_new) = match create(path, *form) {
            Ok(made) => (made, true),
            Err(Errno::EXIST) => (None, false),
            // The owner of the folder around it could allow itself to write and then make the name.
            Err(Errno::ACCESS) if owns_parent(path) => return Err(Errno::ACCESS.into()),
            Err(Errno::ACCESS | Errno::PERM | Errno::ROFS | Errno::NOENT | Errno::NOTDIR) => return Ok(Made::Impossible),
            Err(error) => return Err(error.into()),
        };
        let opened = || {
            let flags = OFlags::RDONLY | kind | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            rustix::fs::open(path.as_path(), flags, Mode::empty())
        };
        let held = match made.map_or_else(opened, Ok) {
            Ok(held) => held,
            Err(Errno::NOENT) => continue,
            Err(Errno::NOTDIR | Errno::LOOP | Errno::ACCESS | Errno::NXIO) => return Ok(Made::Real),
            Err(error) => return Err(error.into()),
        };
        let locked = flock(&held, FlockOperation::NonBlockingLockShared).is_ok();
        let mut found = fstat(&held)?;
        if is_new && is_part_of(found.st_mode & 0o7777, mode) {
            // What a default of the folder's access control list took away.
            rustix::fs::fchmod(&held, Mode::from_raw_mode(mode))?;
            found = fstat(&held)?;
        }
        if found.st_mode & 0o7777 != mode {
            return Ok(Made::Real);
        }
        if locked && has_name(path, &found) {
            return Ok(Made::Held(held));
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    Err(io::ErrorKind::TimedOut.into())
}

/// Of a mode that is a mark the sticky bit is what nobody takes away.
const fn is_part_of(found: u32, mode: u32) -> bool {
    found != mode && found & 0o1000 != 0 && found | mode == mode
}

/// With what was made, if it is open. A file has its contents when it has its name; its mode may lack what an access list takes away.
fn create(path: &AbsPath, form: Form) -> Result<Option<OwnedFd>, Errno> {
    let parent = || path.parent().ok_or(Errno::NOENT);
    match form {
        Form::EmptyFolder => mkdir(path.as_path(), Mode::from_raw_mode(PLACEHOLDER_MODE)).map(|()| None),
        Form::EmptyFile if takes_sticky_bit(&parent()?) => {
            let flags = OFlags::CREATE | OFlags::EXCL | OFlags::RDONLY | OFlags::CLOEXEC;
            rustix::fs::open(path.as_path(), flags, Mode::from_raw_mode(PLACEHOLDER_FILE_MODE)).map(Some)
        }
        Form::EmptyFile | Form::CommonDir => create_unnamed(path, &parent()?, form.contents()).map(|()| None),
    }
}

/// Of a new file, as few file systems do not.
fn takes_sticky_bit(folder: &Path) -> bool {
    /// Of `linux/magic.h`: ext2 to ext4, XFS, Btrfs, tmpfs.
    const KNOWN: [u64; 4] = [0xEF53, 0x5846_5342, 0x9123_683E, 0x0102_1994];
    rustix::fs::statfs(folder).is_ok_and(|found| KNOWN.contains(&found.f_type.cast_unsigned()))
}

/// It is written, and gets its mode, before its name.
fn create_unnamed(path: &AbsPath, parent: &Path, contents: &[u8]) -> Result<(), Errno> {
    if lstat(path.as_path()).is_ok() {
        return Err(Errno::EXIST);
    }
    let flags = OFlags::TMPFILE | OFlags::WRONLY | OFlags::CLOEXEC;
    let file = rustix::fs::open(parent, flags, Mode::from_raw_mode(PLACEHOLDER_FILE_MODE))?;
    rustix::io::write(&file, contents)?;
    rustix::fs::fchmod(&file, Mode::from_raw_mode(PLACEHOLDER_FILE_MODE))?;
    let name = format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&file));
    rustix::fs::linkat(
        rustix::fs::CWD,
        name,
        rustix::fs::CWD,
        path.as_path(),
        rustix::fs::AtFlags::SYMLINK_FOLLOW,
    )
}

fn owns_parent(path: &Path) -> bool {
    let us = rustix::process::geteuid().as_raw();
    path.parent()
        .and_then(|parent| lstat(parent).ok())
        .is_none_or(|parent| parent.st_uid == us)
}

fn is_same(path: &Path, held: &OwnedFd) -> bool {
    fstat(held).is_ok_and(|held| has_name(path, &held))
}

fn has_name(path: &Path, held: &rustix::fs::Stat) -> bool {
    lstat(path).is_ok_and(|named| (named.st_dev, named.st_ino) == (held.st_dev, held.st_ino))
}
