//! Empty folders where protected names are missing, for as long as a command runs.
//!
//! A name can be kept from being made only by something that is there: Landlock has no exceptions inside of a folder, seccomp sees no
//! names, and a mount needs a mount point, which a bind-mounted folder shares with the host. So the folder is made on the host,
//! marked by its mode, and removed when its last user ends, also when codex was killed, since the supervisor outlives it. One that outlived
//! its supervisor too is adopted, and removed, by the next command. Removing it on the host would take the mount away from
//! another command that relies on it, hence the shared lock that each user holds.
//!
//! An empty `.git` is no repository for git; programs that look only for the name must look further.

use super::Refusal;
use crate::facts::PLACEHOLDER_MODE;
use codex_base::AbsPath;
use rustix::fd::OwnedFd;
use rustix::fs::{FlockOperation, Mode, OFlags, flock, fstat, lstat, mkdir};
use rustix::io::Errno;
use std::io;
use std::path::Path;
use std::time::Duration;

#[derive(Default)]
pub(super) struct Placeholders {
    held: Vec<(AbsPath, OwnedFd)>,
    absent: Vec<AbsPath>,
}

enum Made {
    Held(OwnedFd),
    /// Somebody has made something real of that name: it is protected as it is.
    Real,
    /// Nothing can be made there, by the command neither.
    Impossible,
}

impl Placeholders {
    pub fn make(&mut self, paths: &[AbsPath]) -> Result<(), Refusal> {
        // The mode is a mark, so it must come out as asked.
        let umask = rustix::process::umask(Mode::empty());
        let made = paths.iter().try_for_each(|path| self.make_one(path));
        rustix::process::umask(umask);
        made
    }

    fn make_one(&mut self, path: &AbsPath) -> Result<(), Refusal> {
        let rule = format!("protected name {path}");
        match make(path).map_err(Refusal::of(&rule, "keep it from being made"))? {
            Made::Held(folder) => self.held.push((path.clone(), folder)),
            Made::Real => {}
            Made::Impossible => self.absent.push(path.clone()),
        }
        Ok(())
    }

    pub fn absent(&self) -> &[AbsPath] {
        &self.absent
    }

    /// Removes those that nobody else uses. Whatever goes wrong is mended by the next command.
    pub fn remove(&mut self) {
        for (path, folder) in self.held.drain(..) {
            if flock(&folder, FlockOperation::NonBlockingLockExclusive).is_ok() && is_same(&path, &folder) {
                let _ = rustix::fs::rmdir(path.as_path());
            }
        }
    }
}

fn make(path: &AbsPath) -> io::Result<Made> {
    // Another command may remove the folder while we adopt it; each round makes progress for one of the two.
    for _ in 0..100 {
        match mkdir(path.as_path(), Mode::from_raw_mode(PLACEHOLDER_MODE)) {
            Ok(()) | Err(Errno::EXIST) => {}
            // The owner of the folder around it could allow itself to write and then make the name.
            Err(Errno::ACCESS) if owns_parent(path) => return Err(Errno::ACCESS.into()),
            Err(Errno::ACCESS | Errno::PERM | Errno::ROFS | Errno::NOENT | Errno::NOTDIR) => return Ok(Made::Impossible),
            Err(error) => return Err(error.into()),
        }
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let folder = match rustix::fs::open(path.as_path(), flags, Mode::empty()) {
            Ok(folder) => folder,
            Err(Errno::NOENT) => continue,
            Err(Errno::NOTDIR | Errno::LOOP | Errno::ACCESS) => return Ok(Made::Real),
            Err(error) => return Err(error.into()),
        };
        if fstat(&folder)?.st_mode & 0o7777 != PLACEHOLDER_MODE {
            return Ok(Made::Real);
        }
        if flock(&folder, FlockOperation::NonBlockingLockShared).is_ok() && is_same(path, &folder) {
            return Ok(Made::Held(folder));
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    Err(io::ErrorKind::TimedOut.into())
}

fn owns_parent(path: &Path) -> bool {
    let us = rustix::process::geteuid().as_raw();
    path.parent()
        .and_then(|parent| lstat(parent).ok())
        .is_none_or(|parent| parent.st_uid == us)
}

fn is_same(path: &Path, folder: &OwnedFd) -> bool {
    matches!((lstat(path), fstat(folder)), (Ok(named), Ok(held)) if (named.st_dev, named.st_ino) == (held.st_dev, held.st_ino))
}
