//! The few operating-system facts that everybody needs: file modes, locks, atomic writes, well-known folders.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Who may read a file that we make.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Privacy {
    /// Mode 0600 where modes exist.
    Owner,
    /// What the umask leaves.
    Default,
}

/// Makes a folder and its parents; new ones are for the owner alone (mode 0700).
///
/// # Errors
/// As [`fs::create_dir_all`].
pub fn create_private_dir(path: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::DirBuilderExt;
        builder.mode(0o700);
    }
    builder.create(path)
}

/// Opens for appending; makes the file, for the owner alone, if it is missing.
///
/// # Errors
/// As [`OpenOptions::open`].
pub fn open_private_append(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.append(true).create(true).read(true);
    owner_only(&mut options, Privacy::Owner);
    options.open(path)
}

/// Writes a file whole or not at all: a temporary neighbour, synced, then renamed over the target.
///
/// # Errors
/// From any of the steps; the target is then as it was.
pub fn write_atomic(path: &Path, contents: &[u8], privacy: Privacy) -> io::Result<()> {
    let folder = path.parent().unwrap_or_else(|| Path::new("."));
    let name = path
        .file_name()
        .ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?
        .to_string_lossy();
    let temporary = folder.join(format!(".{name}.{}.tmp", uuid::Uuid::new_v4().simple()));
    let written = write_new(&temporary, contents, privacy).and_then(|()| fs::rename(&temporary, path));
    if written.is_err() {
        // The first error is the one to report; a leftover is only untidy.
        let _ = fs::remove_file(&temporary);
    }
    written
}

fn write_new(path: &Path, contents: &[u8], privacy: Privacy) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    owner_only(&mut options, privacy);
    let mut file = options.open(path)?;
    file.write_all(contents)?;
    file.sync_all()
}

#[cfg(unix)]
fn owner_only(options: &mut OpenOptions, privacy: Privacy) {
    use std::os::unix::fs::OpenOptionsExt;
    if privacy == Privacy::Owner {
        options.mode(0o600);
    }
}

#[cfg(not(unix))]
fn owner_only(_: &mut OpenOptions, _: Privacy) {}

/// Holds an exclusive advisory lock until dropped (or until the process ends, however it ends).
#[derive(Debug)]
pub struct FileLock {
    _file: File,
}

impl FileLock {
    /// Takes the lock if nobody holds it: `Ok(None)` when somebody does. Never waits.
    ///
    /// # Errors
    /// If the file cannot be opened or the file system has no locks.
    pub fn try_acquire(path: &Path) -> io::Result<Option<Self>> {
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(false);
        owner_only(&mut options, Privacy::Owner);
        let file = options.open(path)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Self { _file: file })),
            Err(fs::TryLockError::WouldBlock) => Ok(None),
            Err(fs::TryLockError::Error(error)) => Err(error),
        }
    }
}

/// Where the system-wide configuration lies.
pub fn system_config_dir() -> PathBuf {
    #[cfg(windows)]
    {
        PathBuf::from(r"C:\ProgramData\OpenAI\Codex")
    }
    #[cfg(not(windows))]
    {
        PathBuf::from("/etc/codex")
    }
}

/// `unix` or `windows`, and the name of the system, as clients are told.
pub const fn platform() -> (&'static str, &'static str) {
    (std::env::consts::FAMILY, std::env::consts::OS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_lock_is_refused_until_the_first_is_gone() {
        let path = std::env::temp_dir().join(format!("codex-lock-{}", uuid::Uuid::new_v4()));

        let first = FileLock::try_acquire(&path).unwrap();
        assert!(first.is_some());
        assert!(FileLock::try_acquire(&path).unwrap().is_none());

        drop(first);
        assert!(FileLock::try_acquire(&path).unwrap().is_some());
        fs::remove_file(&path).unwrap();
    }
}
