//! The operations on one folder that a transaction is made of. Names are single components and never followed if they are links.

use codex_base::AbsPath;
use std::ffi::{OsStr, OsString};
use std::fs::Metadata;
use std::io;
use std::path::Path;

/// A folder that is held open.
pub trait Folder: Sized {
    /// Opens a folder by its real path: a link in it is an error.
    fn open(path: &AbsPath) -> io::Result<Self>;
    /// Opens a folder below this one; a link on the way is an error. An empty path is this folder again.
    fn open_below(&self, path: &Path) -> io::Result<Self>;
    fn make_folder(&self, name: &OsStr) -> io::Result<()>;
    fn remove_folder(&self, name: &OsStr) -> io::Result<()>;

    /// Makes a file that must not exist, and syncs it.
    fn create(&self, name: &OsStr, contents: &[u8], rights: &Rights) -> io::Result<Identity>;
    /// `None` if there is nothing.
    fn read(&self, name: &OsStr) -> io::Result<Option<Found>>;
    /// `None` if there is nothing.
    fn identity(&self, name: &OsStr) -> io::Result<Option<Identity>>;
    /// Whether we may write to the file, going by its mode.
    fn check_writable(&self, name: &OsStr) -> io::Result<()>;

    /// Two names change places in one moment. [`io::ErrorKind::Unsupported`] where that cannot be done.
    fn swap(&self, one: &OsStr, other: &OsStr) -> io::Result<()>;
    /// A second name for a file. [`io::ErrorKind::Unsupported`] where that cannot be done.
    fn link(&self, name: &OsStr, second: &OsStr) -> io::Result<()>;
    /// [`io::ErrorKind::AlreadyExists`] if `to` does.
    fn rename_new(&self, from: &OsStr, to: &OsStr) -> io::Result<()>;
    fn rename_over(&self, from: &OsStr, to: &OsStr) -> io::Result<()>;
    fn remove(&self, name: &OsStr) -> io::Result<()>;
    fn sync(&self) -> io::Result<()>;

    /// Says that a patch is at work here, and removes the files named `is_leftover` if no other one is.
    fn enter(&self, is_leftover: &dyn Fn(&OsStr) -> bool) -> io::Result<()>;
}

/// Which file it is, and how it looked: two equal identities are the same file, in all likelihood unchanged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Identity {
    /// Device and number; zero where that is not known.
    pub file: (i128, i128),
    pub size: i128,
    /// Seconds and nanoseconds.
    pub modified: (i128, i128),
}

/// What stands at a name.
#[derive(Debug)]
pub struct Found {
    pub identity: Identity,
    pub entry: Entry,
}

#[derive(Debug)]
pub enum Entry {
    File { contents: Vec<u8>, rights: Rights },
    Link,
    Other,
}

/// Mode and owner of a file. `None` is what the system gives a new file.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Rights {
    pub mode: Option<u32>,
    pub owner: Option<(u32, u32)>,
}

/// The permission bits: read, write and execute of owner, group and others. As with every write, set-user and set-group bits go.
#[cfg(unix)]
pub fn mode_of(facts: &Metadata) -> Option<u32> {
    use std::os::unix::fs::MetadataExt;
    Some(facts.mode() & 0o777)
}

#[cfg(not(unix))]
pub fn mode_of(_: &Metadata) -> Option<u32> {
    None
}

/// What all our temporary names begin with.
const PREFIX: &str = ".codex-patch-";

/// Length of the id in a temporary name.
const ID_DIGITS: usize = 32;

/// A name that nobody else uses: `.codex-patch-<id>-<number>-<name of the target>`, at most 255 bytes.
pub fn temporary_name(id: &str, number: usize, target: &OsStr) -> OsString {
    let target = target.to_string_lossy();
    let end = target.floor_char_boundary(128);
    format!("{PREFIX}{id}-{number}-{}", &target[..end]).into()
}

/// An id for [`temporary_name`].
pub fn fresh_id() -> String {
    use codex_base::Ids;
    format!("{:032x}", codex_base::RandomIds.uuid().as_u128())
}

pub fn is_temporary_name(name: &OsStr) -> bool {
    let parts = name.to_str().and_then(|name| name.strip_prefix(PREFIX)?.split_once('-'));
    let Some((id, rest)) = parts else { return false };
    let number = rest.split_once('-').map_or("", |(number, _)| number);
    let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    id.len() == ID_DIGITS && id.bytes().all(|byte| byte.is_ascii_hexdigit()) && is_number
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_own_temporary_names_are_recognised() {
        let name = |target: &str| temporary_name(&fresh_id(), 12, OsStr::new(target));

        assert!(is_temporary_name(&name("a.txt")));
        assert!(is_temporary_name(&name("")));
        assert!(is_temporary_name(&name(&"ä".repeat(127))) && name(&"ä".repeat(127)).len() <= 255);
        for other in [
            "",
            ".codex-patch-",
            ".codex-patch-notes-1-x",
            "a.codex-patch-0-0-x",
            ".codex-patch-00000000000000000000000000000000-x-y",
        ] {
            assert!(!is_temporary_name(OsStr::new(other)), "{other}");
        }
    }
}
