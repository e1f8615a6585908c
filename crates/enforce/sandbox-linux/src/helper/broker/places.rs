//! Finds the place that a caller's path leads to, name by name and with descriptors, so that nothing can be exchanged on the way.

use codex_base::AbsPath;
use rustix::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use rustix::fs::{AtFlags, FileType, Mode, OFlags};
use rustix::io::Errno;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};

/// Links on the way, as the kernel counts them.
const LINKS_MAX: usize = 40;
/// `f_type` of `/proc`, whose links are no texts.
const PROC_MAGIC: u64 = 0x9fa0;

/// A name in a folder that was found.
pub(super) struct Place {
    pub folder: OwnedFd,
    pub name: OsString,
    /// Where the folder is, with all links resolved.
    pub around: AbsPath,
    /// The same with the name.
    pub path: AbsPath,
    /// Asked for with a slash at its end: nothing but a folder is meant.
    pub as_folder: bool,
    /// What is there.
    pub found: Option<(OwnedFd, FileType)>,
}

/// What a path ends with if that is a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Last {
    Follow,
    Itself,
}

/// Where a path leads.
pub(super) enum Found {
    Place(Place),
    /// It ends with no name of its own: `/`, `.`, `..`.
    Folder(OwnedFd),
}

/// Follows `path`, which begins in `start` unless it is absolute.
///
/// # Errors
/// If folders on the way are missing, or it leads through the links of `/proc`, which mean something else for every process.
pub(super) fn follow(start: OwnedFd, path: &[u8], last: Last) -> Result<Found, Errno> {
    if path.is_empty() {
        return Err(Errno::NOENT);
    }
    let mut at = if path.starts_with(b"/") { root()? } else { start };
    let mut left = parts(path);
    let mut links = 0;
    while let Some(name) = left.pop() {
        let is_last = left.is_empty();
        let found = match look(at.as_fd(), &name) {
            Ok(found) => found,
            Err(Errno::NOENT) if is_last => return end(at, name, path, None),
            Err(error) => return Err(error),
        };
        match kind(found.as_fd())? {
            _ if name == ".." => at = found,
            FileType::Symlink if !is_last || last == Last::Follow => {
                links += 1;
                if links > LINKS_MAX || is_magic(at.as_fd())? {
                    return Err(Errno::LOOP);
                }
                let target = rustix::fs::readlinkat(&found, "", Vec::new())?.into_bytes();
                if target.starts_with(b"/") {
                    at = root()?;
                }
                left.extend(parts(&target));
            }
            kind if is_last => return end(at, name, path, Some((found, kind))),
            FileType::Directory => at = found,
            _ => return Err(Errno::NOTDIR),
        }
    }
    Ok(Found::Folder(at))
}

fn end(folder: OwnedFd, name: OsString, asked: &[u8], found: Option<(OwnedFd, FileType)>) -> Result<Found, Errno> {
    let as_folder = asked.ends_with(b"/");
    if as_folder && found.as_ref().is_some_and(|(_, kind)| *kind != FileType::Directory) {
        return Err(Errno::NOTDIR);
    }
    let around = path_of(folder.as_fd())?;
    Ok(Found::Place(Place {
        path: around.join(&name),
        around,
        folder,
        name,
        as_folder,
        found,
    }))
}

/// The names in a path, last first.
fn parts(path: &[u8]) -> Vec<OsString> {
    let names = path.split(|byte| *byte == b'/').filter(|name| !name.is_empty() && *name != b".");
    names.map(|name| OsStr::from_bytes(name).to_owned()).rev().collect()
}

const LOOK: OFlags = OFlags::PATH.union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

fn root() -> Result<OwnedFd, Errno> {
    rustix::fs::open("/", LOOK, Mode::empty())
}

fn look(at: BorrowedFd<'_>, name: &OsStr) -> Result<OwnedFd, Errno> {
    rustix::fs::openat(at, name, LOOK, Mode::empty())
}

pub(super) fn kind(file: BorrowedFd<'_>) -> Result<FileType, Errno> {
    Ok(FileType::from_raw_mode(rustix::fs::fstat(file)?.st_mode))
}

fn is_magic(folder: BorrowedFd<'_>) -> Result<bool, Errno> {
    let facts = rustix::fs::fstatfs(folder)?;
    Ok(u64::try_from(facts.f_type) == Ok(PROC_MAGIC))
}

/// The link by which the kernel knows a descriptor of ours.
pub(super) fn link(file: BorrowedFd<'_>) -> String {
    format!("/proc/thread-self/fd/{}", file.as_raw_fd())
}

/// Where an open file lies now. An error if that is nowhere, as for one that was removed.
pub(super) fn path_of(file: BorrowedFd<'_>) -> Result<AbsPath, Errno> {
    let path = OsString::from_vec(rustix::fs::readlink(link(file), Vec::new())?.into_bytes());
    let there = rustix::fs::statat(rustix::fs::CWD, &path, AtFlags::SYMLINK_NOFOLLOW)?;
    let own = rustix::fs::fstat(file)?;
    // The kernel's own words for what is nowhere are a name, too.
    if (there.st_dev, there.st_ino) != (own.st_dev, own.st_ino) {
        return Err(Errno::NOENT);
    }
    AbsPath::new(path).map_err(|_| Errno::NOENT)
}
