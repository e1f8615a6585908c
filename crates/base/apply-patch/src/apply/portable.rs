//! Folders as paths, for systems without directory descriptors.
//!
//! Links are refused when a folder is opened. A link that takes a folder's place later would be followed: the sandbox of such a
//! system has to keep commands from making one. Leftovers of killed processes stay, since there is nothing to lock.

use super::folder::{Entry, Folder, Found, Identity, Rights, mode_of};
use crate::files::read_bounded;
use codex_base::AbsPath;
use std::ffi::OsStr;
use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Write};
use std::path::{Component, Path, PathBuf};
use std::time::SystemTime;

/// A folder by its path.
pub struct PathFolder {
    path: PathBuf,
}

impl Folder for PathFolder {
    fn open(path: &AbsPath) -> io::Result<Self> {
        if fs::symlink_metadata(path)?.is_dir() {
            Ok(Self { path: path.to_path_buf() })
        } else {
            Err(io::ErrorKind::NotADirectory.into())
        }
    }

    fn open_below(&self, path: &Path) -> io::Result<Self> {
        let mut folder = self.path.clone();
        for component in path.components() {
            let Component::Normal(name) = component else {
                return Err(io::ErrorKind::InvalidInput.into());
            };
            folder.push(name);
            if !fs::symlink_metadata(&folder)?.is_dir() {
                return Err(io::ErrorKind::NotADirectory.into());
            }
        }
        Ok(Self { path: folder })
    }

    fn make_folder(&self, name: &OsStr) -> io::Result<()> {
        fs::create_dir(self.path.join(name))
    }

    fn remove_folder(&self, name: &OsStr) -> io::Result<()> {
        fs::remove_dir(self.path.join(name))
    }

    fn create(&self, name: &OsStr, contents: &[u8], _: &Rights) -> io::Result<Identity> {
        let path = self.path.join(name);
        let mut file = OpenOptions::new().write(true).create_new(true).open(&path)?;
        let written = file
            .write_all(contents)
            .and_then(|()| file.sync_all())
            .and_then(|()| file.metadata());
        if written.is_err() {
            // The first error is the one to report.
            let _ = fs::remove_file(&path);
        }
        written.map(|facts| identity(&facts))
    }

    fn read(&self, name: &OsStr) -> io::Result<Option<Found>> {
        let path = self.path.join(name);
        let Some(facts) = present(fs::symlink_metadata(&path))? else {
            return Ok(None);
        };
        let entry = if facts.is_symlink() {
            Entry::Link
        } else if facts.is_file() {
            Entry::File {
                contents: read_bounded(File::open(&path)?)?,
                rights: Rights {
                    mode: mode_of(&facts),
                    owner: None,
                },
            }
        } else {
            Entry::Other
        };
        Ok(Some(Found {
            identity: identity(&facts),
            entry,
        }))
    }

    fn identity(&self, name: &OsStr) -> io::Result<Option<Identity>> {
        Ok(present(fs::symlink_metadata(self.path.join(name)))?.as_ref().map(identity))
    }

    fn check_writable(&self, name: &OsStr) -> io::Result<()> {
        let read_only = fs::metadata(self.path.join(name))?.permissions().readonly();
        if read_only {
            Err(io::ErrorKind::PermissionDenied.into())
        } else {
            Ok(())
        }
    }

    fn swap(&self, _: &OsStr, _: &OsStr) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn link(&self, name: &OsStr, second: &OsStr) -> io::Result<()> {
        fs::hard_link(self.path.join(name), self.path.join(second)).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::AlreadyExists => error,
            _ => io::ErrorKind::Unsupported.into(),
        })
    }

    fn rename_new(&self, from: &OsStr, to: &OsStr) -> io::Result<()> {
        match self.identity(to)? {
            None => self.rename_over(from, to),
            Some(_) => Err(io::ErrorKind::AlreadyExists.into()),
        }
    }

    fn rename_over(&self, from: &OsStr, to: &OsStr) -> io::Result<()> {
        fs::rename(self.path.join(from), self.path.join(to))
    }

    fn remove(&self, name: &OsStr) -> io::Result<()> {
        fs::remove_file(self.path.join(name))
    }

    fn sync(&self) -> io::Result<()> {
        Ok(())
    }

    fn enter(&self, _: &dyn Fn(&OsStr) -> bool) -> io::Result<()> {
        Ok(())
    }
}

fn present(facts: io::Result<Metadata>) -> io::Result<Option<Metadata>> {
    match facts {
        Ok(facts) => Ok(Some(facts)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn identity(facts: &Metadata) -> Identity {
    let since_epoch = facts
        .modified()
        .ok()
        .and_then(|time| time.duration_since(SystemTime::UNIX_EPOCH).ok())
        .unwrap_or_default();
    let modified = (i128::from(since_epoch.as_secs()), i128::from(since_epoch.subsec_nanos()));
    Identity {
        file: (0, 0),
        size: i128::from(facts.len()),
        modified,
    }
}
