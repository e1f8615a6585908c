//! Folders as directory descriptors.
//!
//! On Linux a path below a folder is opened with one `openat2` that refuses symbolic links and every way up; elsewhere, and on
//! kernels before 5.6, component by component with `O_NOFOLLOW`, which refuses the same.

use super::folder::{Entry, Folder, Found, Identity, Rights, mode_of};
use crate::files::read_bounded;
use codex_base::AbsPath;
use rustix::fs::{
    Access, AtFlags, CWD, Dir, FileType, FlockOperation, Mode, OFlags, Stat, accessat, fchmod, fchown, flock, fsync, linkat, mkdirat,
    openat, renameat, statat, unlinkat,
};
use rustix::io::Errno;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path};
use std::time::Duration;

/// A folder by its descriptor: it stays the same folder, whatever becomes of its name.
pub struct DescriptorFolder {
    descriptor: OwnedFd,
}

const FOLDER: OFlags = OFlags::RDONLY
    .union(OFlags::DIRECTORY)
    .union(OFlags::NOFOLLOW)
    .union(OFlags::CLOEXEC);

/// Entries of a folder that are looked at for leftovers. Reading more would make a patch in a huge folder slow.
const ENTRIES_LOOKED_AT_MAX: usize = 20_000;

/// Whoever holds a folder alone is only tidying it; that takes milliseconds.
const LOCK_TRIES_MAX: u32 = 200;
const LOCK_PAUSE: Duration = Duration::from_millis(5);

impl Folder for DescriptorFolder {
    fn open(path: &AbsPath) -> io::Result<Self> {
        let root = Self {
            descriptor: openat(CWD, "/", FOLDER, Mode::empty())?,
        };
        root.open_below(path.strip_prefix("/").unwrap_or(path))
    }

    fn open_below(&self, path: &Path) -> io::Result<Self> {
        if path.as_os_str().is_empty() {
            return Ok(Self {
                descriptor: openat(&self.descriptor, ".", FOLDER, Mode::empty())?,
            });
        }
        match open_at_once(&self.descriptor, path) {
            Err(Errno::NOSYS | Errno::PERM) => self.open_stepwise(path),
            opened => Ok(Self { descriptor: opened? }),
        }
    }

    fn make_folder(&self, name: &OsStr) -> io::Result<()> {
        Ok(mkdirat(&self.descriptor, name, Mode::from_raw_mode(0o777))?)
    }

    fn remove_folder(&self, name: &OsStr) -> io::Result<()> {
        Ok(unlinkat(&self.descriptor, name, AtFlags::REMOVEDIR)?)
    }

    fn create(&self, name: &OsStr, contents: &[u8], rights: &Rights) -> io::Result<Identity> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        // Nobody else may open the file before it has the rights of the one it replaces.
        let mode = if rights.mode.is_some() { 0o600 } else { 0o666 };
        let mut file = File::from(openat(&self.descriptor, name, flags, Mode::from_raw_mode(mode))?);
        let written = write_synced(&mut file, contents, rights);
        if written.is_err() {
            // The first error is the one to report; a leftover is removed by the next patch.
            let _ = self.remove(name);
        }
        written
    }

    fn read(&self, name: &OsStr) -> io::Result<Option<Found>> {
        let Some(stat) = self.stat(name)? else { return Ok(None) };
        let other = |entry| {
            Ok(Some(Found {
                identity: identity(&stat),
                entry,
            }))
        };
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile => {}
            FileType::Symlink => return other(Entry::Link),
            _ => return other(Entry::Other),
        }
        // Not blocking, should it have become a pipe since.
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = File::from(openat(&self.descriptor, name, flags, Mode::empty())?);
        let facts = file.metadata()?;
        let rights = Rights {
            mode: mode_of(&facts),
            owner: Some((facts.uid(), facts.gid())),
        };
        let identity = identity(&rustix::fs::fstat(&file)?);
        Ok(Some(Found {
            identity,
            entry: Entry::File {
                contents: read_bounded(file)?,
                rights,
            },
        }))
    }

    fn identity(&self, name: &OsStr) -> io::Result<Option<Identity>> {
        Ok(self.stat(name)?.as_ref().map(identity))
    }

    fn check_writable(&self, name: &OsStr) -> io::Result<()> {
        Ok(accessat(&self.descriptor, name, Access::WRITE_OK, AtFlags::empty())?)
    }

    fn swap(&self, one: &OsStr, other: &OsStr) -> io::Result<()> {
        unsupported_as_such(rename_with(&self.descriptor, one, other, Rename::Exchange))
    }

    fn link(&self, name: &OsStr, second: &OsStr) -> io::Result<()> {
        unsupported_as_such(linkat(&self.descriptor, name, &self.descriptor, second, AtFlags::empty()))
    }

    fn rename_new(&self, from: &OsStr, to: &OsStr) -> io::Result<()> {
        let renamed = unsupported_as_such(rename_with(&self.descriptor, from, to, Rename::NoReplace));
        match renamed {
            Err(error) if error.kind() == io::ErrorKind::Unsupported => self.rename_if_free(from, to),
            renamed => renamed,
        }
    }

    fn rename_over(&self, from: &OsStr, to: &OsStr) -> io::Result<()> {
        Ok(renameat(&self.descriptor, from, &self.descriptor, to)?)
    }

    fn remove(&self, name: &OsStr) -> io::Result<()> {
        Ok(unlinkat(&self.descriptor, name, AtFlags::empty())?)
    }

    fn sync(&self) -> io::Result<()> {
        match fsync(&self.descriptor) {
            // Some file systems cannot sync a folder; there is nothing more to be had then.
            Ok(()) | Err(Errno::INVAL | Errno::NOTSUP) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    fn enter(&self, is_leftover: &dyn Fn(&OsStr) -> bool) -> io::Result<()> {
        match flock(&self.descriptor, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => self.remove_leftovers(is_leftover),
            Err(Errno::WOULDBLOCK) => {}
            // Without locks here nobody removes anything, so there is nothing to be kept from either.
            Err(_) => return Ok(()),
        }
        for _ in 0..LOCK_TRIES_MAX {
            match flock(&self.descriptor, FlockOperation::NonBlockingLockShared) {
                Err(Errno::WOULDBLOCK) => std::thread::sleep(LOCK_PAUSE),
                locked => return Ok(locked?),
            }
        }
        Err(io::ErrorKind::WouldBlock.into())
    }
}

impl DescriptorFolder {
    fn open_stepwise(&self, path: &Path) -> io::Result<Self> {
        let mut folder = self.open_below(Path::new(""))?;
        for component in path.components() {
            let Component::Normal(name) = component else {
                return Err(io::ErrorKind::InvalidInput.into());
            };
            folder = Self {
                descriptor: openat(&folder.descriptor, name, FOLDER, Mode::empty())?,
            };
        }
        Ok(folder)
    }

    fn stat(&self, name: &OsStr) -> io::Result<Option<Stat>> {
        match statat(&self.descriptor, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => Ok(Some(stat)),
            Err(Errno::NOENT) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// A second name, then the first one away: also refuses an existing `to`. Without links, only a look before the rename.
    fn rename_if_free(&self, from: &OsStr, to: &OsStr) -> io::Result<()> {
        match self.link(from, to) {
            Ok(()) => self.remove(from).inspect_err(|_| {
                // The first error is the one to report; a leftover is removed by the next patch.
                let _ = self.remove(to);
            }),
            Err(error) if error.kind() == io::ErrorKind::Unsupported => match self.stat(to)? {
                None => self.rename_over(from, to),
                Some(_) => Err(io::ErrorKind::AlreadyExists.into()),
            },
            Err(error) => Err(error),
        }
    }

    /// A leftover that cannot be listed or removed only stays a little longer, so errors count for nothing.
    fn remove_leftovers(&self, is_leftover: &dyn Fn(&OsStr) -> bool) {
        let Ok(entries) = Dir::read_from(&self.descriptor) else { return };
        let names = entries
            .take(ENTRIES_LOOKED_AT_MAX)
            .flatten()
            .map(|entry| OsStr::from_bytes(entry.file_name().to_bytes()).to_owned());
        let leftovers: Vec<OsString> = names.filter(|name| is_leftover(name)).collect();
        for name in leftovers {
            // Another patch may have been faster.
            let _ = self.remove(&name);
        }
    }
}

fn write_synced(file: &mut File, contents: &[u8], rights: &Rights) -> io::Result<Identity> {
    file.write_all(contents)?;
    let facts = file.metadata()?;
    if let Some(owner) = rights.owner.filter(|owner| *owner != (facts.uid(), facts.gid())) {
        // Only root may give files away. For others the file becomes their own, as with editors that replace files.
        let _ = fchown(
            &*file,
            Some(rustix::fs::Uid::from_raw(owner.0)),
            Some(rustix::fs::Gid::from_raw(owner.1)),
        );
    }
    if let Some(mode) = rights.mode {
        fchmod(&*file, raw_mode(mode))?;
    }
    file.sync_all()?;
    Ok(identity(&rustix::fs::fstat(&*file)?))
}

/// The type of a raw mode differs between systems.
fn raw_mode(mode: u32) -> Mode {
    Mode::from_raw_mode(rustix::fs::RawMode::try_from(mode & 0o777).unwrap_or(0o600))
}

fn identity(stat: &Stat) -> Identity {
    Identity {
        file: (i128::from(stat.st_dev), i128::from(stat.st_ino)),
        size: i128::from(stat.st_size),
        modified: (i128::from(stat.st_mtime), i128::from(stat.st_mtime_nsec)),
    }
}

/// What file systems say to a kind of rename or link that they do not know.
fn unsupported_as_such(result: rustix::io::Result<()>) -> io::Result<()> {
    match result {
        Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP | Errno::PERM) => Err(io::ErrorKind::Unsupported.into()),
        other => Ok(other?),
    }
}

#[derive(Debug, Clone, Copy)]
enum Rename {
    Exchange,
    NoReplace,
}

#[cfg(any(target_os = "linux", target_os = "android", target_vendor = "apple"))]
fn rename_with(folder: &OwnedFd, from: &OsStr, to: &OsStr, how: Rename) -> rustix::io::Result<()> {
    let flags = match how {
        Rename::Exchange => rustix::fs::RenameFlags::EXCHANGE,
        Rename::NoReplace => rustix::fs::RenameFlags::NOREPLACE,
    };
    rustix::fs::renameat_with(folder, from, folder, to, flags)
}

#[cfg(not(any(target_os = "linux", target_os = "android", target_vendor = "apple")))]
fn rename_with(_: &OwnedFd, _: &OsStr, _: &OsStr, _: Rename) -> rustix::io::Result<()> {
    Err(Errno::NOTSUP)
}

#[cfg(any(target_os = "linux", target_os = "android"))]
fn open_at_once(folder: &OwnedFd, path: &Path) -> rustix::io::Result<OwnedFd> {
    use rustix::fs::{ResolveFlags, openat2};
    let resolve = ResolveFlags::NO_SYMLINKS | ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
    for _ in 0..16 {
        match openat2(folder, path, FOLDER, Mode::empty(), resolve) {
            // Something on the way is being renamed; the kernel asks us to try again.
            Err(Errno::AGAIN) => {}
            opened => return opened,
        }
    }
    Err(Errno::AGAIN)
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn open_at_once(_: &OwnedFd, _: &Path) -> rustix::io::Result<OwnedFd> {
    Err(Errno::NOSYS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_way_of_opening_follows_a_link_or_leads_up() {
        let home = tempfile::tempdir().unwrap();
        let top = AbsPath::new(home.path().canonicalize().unwrap()).unwrap();
        std::fs::create_dir_all(top.join("in/deep")).unwrap();
        std::os::unix::fs::symlink("deep", top.join("in/link")).unwrap();
        let folder = DescriptorFolder::open(&top.join("in")).unwrap();

        for open in [DescriptorFolder::open_below, DescriptorFolder::open_stepwise] {
            assert!(open(&folder, Path::new("deep")).is_ok());
            for refused in ["link", "..", "deep/../link", "/", "absent"] {
                assert!(open(&folder, Path::new(refused)).is_err(), "{refused}");
            }
        }
        assert!(DescriptorFolder::open(&top.join("in/link")).is_err());
    }
}
