//! Folders of a project and the beginnings of files.

use codex_base::{AbsPath, os};
use std::fs;
use std::io::{self, Read};
use std::path::Path;

/// From `root` down to `cwd`; `cwd` alone when it does not lie below `root`.
pub fn directories(root: &AbsPath, cwd: &AbsPath) -> Vec<AbsPath> {
    if !cwd.starts_with(root) {
        return vec![cwd.clone()];
    }
    let mut directories: Vec<AbsPath> = cwd.ancestors().take_while(|directory| directory.starts_with(root)).collect();
    directories.reverse();
    directories
}

/// A regular file, or a link to one.
pub fn is_file(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|found| found.is_file())
}

/// The beginning of a file.
pub struct Piece {
    /// Bytes that are no UTF-8 are replaced.
    pub text: String,
    /// How many bytes of the file it is.
    pub bytes: usize,
    pub is_cut: bool,
}

pub fn read_at_most(path: &Path, bytes_max: usize) -> io::Result<Piece> {
    let mut bytes = Vec::new();
    let one_more = u64::try_from(bytes_max).unwrap_or(u64::MAX).saturating_add(1);
    os::open_regular(path)?.take(one_more).read_to_end(&mut bytes)?;
    let is_cut = bytes.len() > bytes_max;
    bytes.truncate(bytes_max);
    Ok(Piece {
        text: String::from_utf8_lossy(&bytes).into_owned(),
        bytes: bytes.len(),
        is_cut,
    })
}
