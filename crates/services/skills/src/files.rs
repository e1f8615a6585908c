//! Folders of a project and the beginnings of files.

use codex_base::{AbsPath, os};
use std::fs::{self, File};
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
    beginning(os::open_regular(path)?, bytes_max)
}

/// The same for a file that may be a link: what it leads to is read if `may_read` says so of its place.
pub fn read_link_at_most(path: &Path, bytes_max: usize, may_read: &dyn Fn(&Path) -> bool) -> io::Result<Piece> {
    let file = os::open_regular(path)?;
    if !may_read(&os::real_path(&file, path)?) {
        let text = "it leads to a file that the sandbox policy hides";
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, text));
    }
    beginning(file, bytes_max)
}

fn beginning(file: File, bytes_max: usize) -> io::Result<Piece> {
    let mut bytes = Vec::new();
    let one_more = u64::try_from(bytes_max).unwrap_or(u64::MAX).saturating_add(1);
    file.take(one_more).read_to_end(&mut bytes)?;
    let is_cut = bytes.len() > bytes_max;
    bytes.truncate(bytes_max);
    Ok(Piece {
        text: String::from_utf8_lossy(&bytes).into_owned(),
        bytes: bytes.len(),
        is_cut,
    })
}
