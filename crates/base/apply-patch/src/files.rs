//! What a plan must know of files, real or in memory.

use crate::apply::mode_of;
use codex_base::AbsPath;
use std::fs::{self, File};
use std::io::{self, Read};

/// A file larger than this is not edited: 64 MiB, since old and new contents are held in memory.
pub const FILE_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// A file as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileFacts {
    pub bytes: Vec<u8>,
    /// The permission bits, where files have them.
    pub mode: Option<u32>,
    /// The path itself is a symbolic link to the file.
    pub link: bool,
}

impl FileFacts {
    /// Reads the file that `path` was opened as.
    ///
    /// # Errors
    /// If it cannot be read, or is larger than [`FILE_BYTES_MAX`].
    pub fn of(path: &AbsPath, file: File) -> io::Result<Self> {
        let mode = mode_of(&file.metadata()?);
        let link = fs::symlink_metadata(path)?.is_symlink();
        Ok(Self {
            bytes: read_bounded(file)?,
            mode,
            link,
        })
    }
}

/// What a path leads to, links followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileKind {
    Missing,
    File,
    Folder,
    /// A device, pipe or socket.
    Other,
}

/// Reads what a plan is made from.
pub trait PatchFiles {
    /// # Errors
    /// If there is no regular file at `path`, links followed, or it cannot be read.
    fn read(&self, path: &AbsPath) -> io::Result<FileFacts>;
    /// # Errors
    /// If that cannot be found out.
    fn kind(&self, path: &AbsPath) -> io::Result<FileKind>;
}

/// The files of this machine.
#[derive(Debug, Clone, Copy, Default)]
pub struct DiskFiles;

impl PatchFiles for DiskFiles {
    fn read(&self, path: &AbsPath) -> io::Result<FileFacts> {
        // Looking first keeps us from waiting for the other end of a pipe.
        if self.kind(path)? == FileKind::Other {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"));
        }
        FileFacts::of(path, File::open(path)?)
    }

    fn kind(&self, path: &AbsPath) -> io::Result<FileKind> {
        match fs::metadata(path) {
            Ok(facts) if facts.is_file() => Ok(FileKind::File),
            Ok(facts) if facts.is_dir() => Ok(FileKind::Folder),
            Ok(_) => Ok(FileKind::Other),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(FileKind::Missing),
            Err(error) => Err(error),
        }
    }
}

/// Everything, unless that is more than [`FILE_BYTES_MAX`].
pub fn read_bounded(file: File) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        let text = format!("larger than {} MiB", FILE_BYTES_MAX / (1024 * 1024));
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, text));
    }
    Ok(bytes)
}

#[cfg(test)]
pub(crate) mod tests;
