//! Files without a disk.

use super::*;
use std::collections::{BTreeMap, BTreeSet};

/// Files that exist only here, for tests. Errors read as those of Unix.
#[derive(Debug, Clone, Default)]
pub struct MemoryFiles {
    files: BTreeMap<AbsPath, Vec<u8>>,
    folders: BTreeSet<AbsPath>,
}

impl MemoryFiles {
    pub fn insert(&mut self, path: AbsPath, contents: impl Into<Vec<u8>>) {
        self.folders.extend(path.ancestors().skip(1));
        self.files.insert(path, contents.into());
    }
}

impl PatchFiles for MemoryFiles {
    fn read(&self, path: &AbsPath) -> io::Result<FileFacts> {
        let absent = if self.folders.contains(path) { IS_A_FOLDER } else { NOT_FOUND };
        let bytes = self.files.get(path).cloned().ok_or_else(|| io::Error::from_raw_os_error(absent))?;
        Ok(FileFacts {
            bytes,
            mode: None,
            link: false,
        })
    }

    fn kind(&self, path: &AbsPath) -> io::Result<FileKind> {
        let is_folder = self.folders.contains(path);
        Ok(if is_folder {
            FileKind::Folder
        } else if self.files.contains_key(path) {
            FileKind::File
        } else {
            FileKind::Missing
        })
    }
}

/// `ENOENT` and `EISDIR`, the same numbers on every Unix.
const NOT_FOUND: i32 = 2;
const IS_A_FOLDER: i32 = 21;
