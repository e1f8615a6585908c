//! Performs an edit: lock, read, decide, write beside, rename.

use super::{Change, EditError, Written, changed};
use crate::ConfigError;
use crate::layers::read_bounded;
use crate::schema::{Document, check_layer};
use crate::tree::{Layer, parse};
use codex_base::AbsPath;
use codex_base::os::{self, FileLock, Privacy};
use sha2::{Digest, Sha256};
use std::io;
use std::time::{Duration, Instant};

/// How long another program may hold the lock.
const LOCK_LIMIT: Duration = Duration::from_secs(5);
const LOCK_STEP: Duration = Duration::from_millis(20);

/// How often an edit starts again because somebody without our lock, e.g. a text editor, wrote meanwhile.
const TRIES_MAX: usize = 10;

/// What the new text is looked at for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Check {
    /// That it is TOML.
    Syntax,
    /// That every value has the type of its key, too.
    Types,
}

pub fn edit(file: &AbsPath, changes: &[Change], check: Check, expected: Option<&str>) -> Result<Written, EditError> {
    let target = os::link_target(file).map_err(|source| write_error(file, source))?;
    let folder = file.parent().unwrap_or_else(|| file.clone());
    os::create_private_dir(&folder).map_err(|source| write_error(file, source))?;
    let _lock = lock(file, &folder.join(".config.toml.lock"))?;
    for _ in 0..TRIES_MAX {
        let before = read(&target)?;
        let text = before.as_deref().unwrap_or_default();
        if expected.is_some_and(|expected| expected != version(text)) {
            return Err(EditError::Conflict { file: file.clone() });
        }
        let after = changed(text, &target, changes)?;
        if check == Check::Types {
            let mut layer = parse(&after, file, Layer::User, 0)?;
            check_layer(&mut layer, Document::Config)?;
        }
        let written = Written {
            file: file.clone(),
            version: version(&after),
            changed: text != after,
        };
        if !written.changed {
            return Ok(written);
        }
        if read(&target)? == before {
            os::write_atomic(&target, after.as_bytes(), Privacy::AsBefore).map_err(|source| write_error(&target, source))?;
            return Ok(written);
        }
    }
    Err(EditError::Unsteady { file: file.clone() })
}

fn version(text: &str) -> String {
    format!("sha256:{}", codex_base::hex(&Sha256::digest(text.as_bytes())))
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
