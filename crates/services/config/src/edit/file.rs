//! Performs an edit: lock, read, decide, write beside, rename.

use super::{Change, EditError, changed};
use crate::ConfigError;
use crate::layers::read_bounded;
use codex_base::AbsPath;
use codex_base::os::{self, FileLock, Privacy};
use std::io;
use std::time::{Duration, Instant};

/// How long another program may hold the lock.
const LOCK_LIMIT: Duration = Duration::from_secs(5);
const LOCK_STEP: Duration = Duration::from_millis(20);

/// How often an edit starts again because somebody without our lock, e.g. a text editor, wrote meanwhile.
const TRIES_MAX: usize = 10;

pub fn edit(file: &AbsPath, changes: &[Change]) -> Result<bool, EditError> {
    let target = os::link_target(file).map_err(|source| write_error(file, source))?;
    let folder = file.parent().unwrap_or_else(|| file.clone());
    os::create_private_dir(&folder).map_err(|source| write_error(file, source))?;
    let _lock = lock(file, &folder.join(".config.toml.lock"))?;
    for _ in 0..TRIES_MAX {
        let before = read(&target)?;
        let after = changed(before.as_deref().unwrap_or_default(), &target, changes)?;
        if before.as_deref().unwrap_or_default() == after {
            return Ok(false);
        }
        if read(&target)? == before {
            os::write_atomic(&target, after.as_bytes(), Privacy::AsBefore).map_err(|source| write_error(&target, source))?;
            return Ok(true);
        }
    }
    Err(EditError::Unsteady { file: file.clone() })
}

fn write_error(file: &AbsPath, source: io::Error) -> EditError {
    EditError::Write {
        file: file.clone(),
        source,
    }
}

/// `None` if there is no file.
fn read(file: &AbsPath) -> Result<Option<String>, EditError> {
    match read_bounded(file) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(EditError::Config(ConfigError::Unreadable {
            file: file.clone(),
            source,
        })),
    }
}

/// `None` where the file system has no locks; then the look before the rename has to do.
fn lock(file: &AbsPath, path: &AbsPath) -> Result<Option<FileLock>, EditError> {
    let start = Instant::now();
    loop {
        match FileLock::try_acquire(path) {
            Ok(Some(lock)) => return Ok(Some(lock)),
            Ok(None) if start.elapsed() < LOCK_LIMIT => std::thread::sleep(LOCK_STEP),
            Ok(None) => {
                return Err(EditError::Locked {
                    file: file.clone(),
                    lock: path.clone(),
                });
            }
            Err(error) if error.kind() == io::ErrorKind::Unsupported => return Ok(None),
            Err(source) => return Err(write_error(file, source)),
        }
    }
}
