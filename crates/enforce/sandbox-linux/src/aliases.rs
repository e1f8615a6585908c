//! Other names that mounts give to a path: the same folder of the same disk, seen at another place.

use codex_base::AbsPath;
use rustix::event::{PollFd, PollFlags, poll};
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read, Seek};
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

/// One line of `/proc/self/mountinfo` (proc_pid_mountinfo(5)).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mount {
    /// Major and minor number.
    device: String,
    /// The folder of the disk that is seen.
    root: PathBuf,
    at: AbsPath,
}

/// The mounts that this process sees. They are read again when the kernel says that they changed.
#[derive(Debug, Default)]
pub(crate) struct Mounts {
    file: Option<File>,
    known: Vec<Mount>,
    version: u64,
}

impl Mounts {
    pub const fn new() -> Self {
        Self {
            file: None,
            known: Vec::new(),
            version: 0,
        }
    }

    /// With a number that is another one if they may be others than before.
    pub fn now(&mut self) -> (&[Mount], u64) {
        if self.file.as_ref().is_none_or(has_changed) {
            self.version += 1;
            let text = self.read();
            if text.is_err() {
                self.file = None;
            }
            self.known = parse(&text.unwrap_or_default());
        }
        (&self.known, self.version)
    }

    fn read(&mut self) -> io::Result<Vec<u8>> {
        let file = match &mut self.file {
            Some(file) => file,
            none => none.insert(File::open("/proc/self/mountinfo")?),
        };
        file.rewind()?;
        let mut text = Vec::with_capacity(16 * 1024);
        file.read_to_end(&mut text)?;
        Ok(text)
    }
}

/// Since the file was opened, or asked last (proc_pid_mounts(5)).
fn has_changed(file: &File) -> bool {
    let mut source = [PollFd::new(file, PollFlags::PRI)];
    let now = rustix::time::Timespec { tv_sec: 0, tv_nsec: 0 };
    poll(&mut source, Some(&now)).is_err() || source[0].revents().intersects(PollFlags::PRI | PollFlags::ERR)
}

fn parse(text: &[u8]) -> Vec<Mount> {
    let line = |line: &[u8]| {
        let mut fields = line.split(|byte| *byte == b' ').skip(2);
        Some(Mount {
            device: String::from_utf8(fields.next()?.to_vec()).ok()?,
            root: unescaped(fields.next()?),
            at: AbsPath::new(unescaped(fields.next()?)).ok()?,
        })
    };
    text.split(|byte| *byte == b'\n').filter_map(line).collect()
}

/// Space, tab, newline and backslash are octal.
fn unescaped(field: &[u8]) -> PathBuf {
    let mut out = Vec::with_capacity(field.len());
    let mut left = field;
    while let Some((first, rest)) = left.split_first() {
        let octal = |digits: &[u8]| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 8).ok();
        match (first, rest.get(..3).and_then(octal)) {
            (b'\\', Some(byte)) => {
                out.push(byte);
                left = &rest[3..];
            }
            _ => {
                out.push(*first);
                left = rest;
            }
        }
    }
    OsString::from_vec(out).into()
}

/// The other names of `path`: where it, or a part of it, is seen as well. What is mounted over may be among them.
pub(crate) fn aliases(mounts: &[Mount], path: &AbsPath) -> Vec<AbsPath> {
    let around = |mount: &&Mount| path.starts_with(&mount.at);
    // Of two on one place the later one is seen.
    let Some(own) = mounts.iter().filter(around).max_by_key(|mount| mount.at.components().count()) else {
        return Vec::new();
    };
    let Ok(below) = path.strip_prefix(&own.at) else { return Vec::new() };
    let on_disk = own.root.join(below);
    let other = |mount: &&Mount| mount.device == own.device && mount.at != own.at;
    let alias = |mount: &Mount| {
        if let Ok(below) = on_disk.strip_prefix(&mount.root) {
            return Some(joined(&mount.at, below));
        }
        mount.root.starts_with(&on_disk).then(|| mount.at.clone())
    };
    let found = mounts.iter().filter(other).filter_map(alias);
    found.filter(|alias| alias != path && !alias.starts_with(path)).collect()
}

/// Without a trailing separator for nothing.
fn joined(at: &AbsPath, below: &Path) -> AbsPath {
    if below.as_os_str().is_empty() { at.clone() } else { at.join(below) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pretty_assertions::assert_eq;

    const MOUNTS: &str = "22 1 8:1 / / rw - ext4 /dev/sda1 rw\n\
                          30 22 0:5 / /proc rw - proc proc rw\n\
                          31 22 8:1 /home/u /mnt/home rw - ext4 /dev/sda1 rw\n\
                          32 22 8:1 /home/u/secret/deep /w/inside rw - ext4 /dev/sda1 rw\n\
                          33 22 8:2 / /data\\040two rw - ext4 /dev/sdb1 rw\n\
                          34 22 8:2 /a /w/data rw - ext4 /dev/sdb1 rw\n";

    fn of(path: &str) -> Vec<String> {
        let found = aliases(&parse(MOUNTS.as_bytes()), &AbsPath::new(path).unwrap());
        found.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_path_is_found_wherever_its_disk_is_seen() {
        assert_eq!(of("/home/u/secret"), ["/mnt/home/secret", "/w/inside"]);
        assert_eq!(of("/home/u/secret/deep/x"), ["/mnt/home/secret/deep/x", "/w/inside/x"]);
        assert_eq!(of("/mnt/home/secret"), ["/home/u/secret", "/w/inside"]);
        assert_eq!(of("/data two/a/b"), ["/w/data/b"]);
        assert_eq!(of("/w/data"), ["/data two/a"]);
        assert_eq!(of("/etc/passwd"), [""; 0]);
        assert_eq!(of("/home"), ["/mnt/home", "/w/inside"]);
    }
}
