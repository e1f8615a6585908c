//! What the arguments of a caller mean: texts, paths, addresses. Reads the caller's memory and what `/proc` says of it; nothing here waits for it.

use super::calls::{Bytes, Flags, Place};
use super::names::QUESTION_BYTES_MAX;
use crate::facts;
use crate::plan::Entry;
use codex_base::AbsPath;
use codex_process::facts::real_path;
use codex_process::record::{Address, FileKind, FileUse};
use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read};
use std::mem::offset_of;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::FileExt;
use std::path::{Component, Path, PathBuf};

/// Bytes of a path, the zero at its end included.
const PATH_MAX: u64 = 4096;
const PAGE: u64 = 4096;
/// Messages of one call that are looked at.
const MESSAGES_MAX: u64 = 8;
/// What of a program's first line the kernel reads.
const FIRST_LINE_MAX: usize = 256;

/// Why nothing is known of an argument.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unread {
    /// The caller does not let its memory be read.
    Closed,
    /// It is none, or names nothing of the host's.
    Nothing,
}

/// A file of the host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Located {
    /// Links resolved.
    pub path: AbsPath,
    /// As it was called, where that is another name.
    pub spelled: Option<AbsPath>,
    pub kind: FileKind,
}

/// A thread that waits in a call.
pub(super) struct Caller {
    id: libc::pid_t,
}

impl Caller {
    pub const fn new(id: u32) -> Self {
        Self { id: id.cast_signed() }
    }

    /// The name of its process, as the system shortens it.
    pub fn name(&self) -> String {
        let name = std::fs::read(format!("/proc/{}/comm", self.id)).unwrap_or_default();
        String::from_utf8_lossy(&name).trim_end().to_owned()
    }

    /// Up to `length` bytes, fewer where its memory ends.
    fn memory(&self, start: u64, length: u64) -> Result<Vec<u8>, Unread> {
        if start == 0 || length == 0 {
            return Err(Unread::Nothing);
        }
        let size = usize::try_from(length).map_err(|_| Unread::Nothing)?;
        let mut bytes = vec![0; size];
        // A part behind the end of what is mapped fails as a whole, so that each page is a part.
        let first = (PAGE - start % PAGE).min(length);
        let part = |start: u64, length: u64| libc::iovec {
            iov_base: std::ptr::without_provenance_mut(usize::try_from(start).unwrap_or(0)),
            iov_len: usize::try_from(length).unwrap_or(0),
        };
        let theirs = [part(start, first), part(start.wrapping_add(first), length - first)];
        let ours = libc::iovec {
            iov_base: bytes.as_mut_ptr().cast(),
            iov_len: size,
        };
        // SAFETY: the kernel writes at most as many bytes as ours has; what is theirs are numbers to us.
        let count = unsafe { libc::process_vm_readv(self.id, &raw const ours, 1, theirs.as_ptr(), 2, 0) };
        let count = match usize::try_from(count) {
            Ok(count) => count,
            Err(_) => match io::Error::last_os_error().raw_os_error() {
                Some(libc::EFAULT | libc::ESRCH) => return Err(Unread::Nothing),
                // Where the call is closed, the file is not always.
                _ => self.memory_file(start, &mut bytes)?,
            },
        };
        bytes.truncate(count);
        Ok(bytes)
    }

    fn memory_file(&self, start: u64, bytes: &mut [u8]) -> Result<usize, Unread> {
        let file = File::open(format!("/proc/{}/mem", self.id)).map_err(|_| Unread::Closed)?;
        file.read_at(bytes, start).map_err(|_| Unread::Nothing)
    }

    fn exactly<const N: usize>(&self, start: u64) -> Result<[u8; N], Unread> {
        self.memory(start, N as u64)?.try_into().map_err(|_| Unread::Nothing)
    }

    fn text(&self, start: u64) -> Result<PathBuf, Unread> {
        let mut bytes = self.memory(start, PATH_MAX)?;
        let end = bytes.iter().position(|byte| *byte == 0).ok_or(Unread::Nothing)?;
        bytes.truncate(end);
        Ok(std::ffi::OsString::from_vec(bytes).into())
    }

    pub fn open_flags(&self, flags: Flags) -> Result<i32, Unread> {
        match flags {
            Flags::Given(flags) => Ok(flags),
            Flags::At(start) => Ok(u64::from_ne_bytes(self.exactly(start)?) as u32 as i32),
        }
    }

    /// What one of its links in `/proc` leads to: `cwd`, `root`, `exe`, `fd/3`.
    fn link(&self, name: &Path) -> Result<PathBuf, Unread> {
        let target = std::fs::read_link(Path::new(&format!("/proc/{}", self.id)).join(name)).map_err(|_| Unread::Nothing)?;
        // Pipes and sockets are no files, and what was removed is none any more.
        if target.is_absolute() && !target.as_os_str().as_bytes().ends_with(b" (deleted)") {
            Ok(target)
        } else {
            Err(Unread::Nothing)
        }
    }

    /// Only of something that has a name: what is open already needs nothing to be looked at.
    pub fn locate_named(&self, place: &Place) -> Result<Located, Unread> {
        if self.text(place.path)?.as_os_str().is_empty() {
            return Err(Unread::Nothing);
        }
        self.locate(place)
    }

    pub fn locate(&self, place: &Place) -> Result<Located, Unread> {
        let text = self.text(place.path)?;
        if text.as_os_str().is_empty() {
            return if place.folder == libc::AT_FDCWD {
                Err(Unread::Nothing)
            } else {
                self.locate_open(place.folder)
            };
        }
        let base = if text.is_absolute() {
            self.link(Path::new("root"))?
        } else if place.folder == libc::AT_FDCWD {
            self.link(Path::new("cwd"))?
        } else {
            self.link(Path::new(&format!("fd/{}", place.folder)))?
        };
        let relative = text.strip_prefix("/").unwrap_or(&text);
        self.located(&base.join(relative), place.follow)
    }

    /// What a descriptor is open for.
    pub fn locate_open(&self, descriptor: i32) -> Result<Located, Unread> {
        let path = self.link(Path::new(&format!("fd/{descriptor}")))?;
        self.located(&path, true)
    }

    fn located(&self, path: &Path, follow: bool) -> Result<Located, Unread> {
        let path = match own(path) {
            Own::No => path.to_owned(),
            Own::Link { name, below } => self.link(&name)?.join(below),
            Own::Private => return Err(Unread::Nothing),
        };
        locate(&path, follow).ok_or(Unread::Nothing)
    }

    /// A socket's address; `None` if it is none of the network and of no other program.
    pub fn address(&self, bytes: Bytes) -> Result<Option<Address>, Unread> {
        const ADDRESS_MAX: u64 = size_of::<libc::sockaddr_storage>() as u64;
        if bytes.start == 0 || bytes.length < 2 || bytes.length > ADDRESS_MAX {
            return Ok(None);
        }
        let address = self.memory(bytes.start, bytes.length)?;
        Ok(match parsed(&address) {
            Some(Parsed::Inet(address)) => Some(Address::Inet(address)),
            Some(Parsed::Abstract(name)) => Some(Address::Abstract(name)),
            Some(Parsed::Path(path)) => {
                let base = self.link(Path::new(if path.is_absolute() { "root" } else { "cwd" }))?;
                let located = locate(&base.join(path.strip_prefix("/").unwrap_or(&path)), true);
                located.filter(|at| at.kind != FileKind::Missing).map(|at| Address::Unix(at.path))
            }
            None => None,
        })
    }

    /// The front of a buffer.
    pub fn some_bytes(&self, bytes: Bytes) -> Result<Vec<u8>, Unread> {
        match self.memory(bytes.start, bytes.length.min(QUESTION_BYTES_MAX as u64)) {
            Err(Unread::Nothing) => Ok(Vec::new()),
            read => read,
        }
    }

    /// The front of each message of `sendmmsg`.
    pub fn messages(&self, start: u64, count: u64) -> Result<Vec<Vec<u8>>, Unread> {
        const BUFFERS: usize = offset_of!(libc::mmsghdr, msg_hdr) + offset_of!(libc::msghdr, msg_iov);
        const SIZE: u64 = size_of::<libc::mmsghdr>() as u64;
        (0..count.min(MESSAGES_MAX))
            .map(|index| {
                let buffers = self.exactly(start.wrapping_add(index * SIZE).wrapping_add(BUFFERS as u64))?;
                let buffers = u64::from_ne_bytes(buffers);
                let (start, length) = (self.exactly(buffers)?, self.exactly(buffers.wrapping_add(8))?);
                self.some_bytes(Bytes {
                    start: u64::from_ne_bytes(start),
                    length: u64::from_ne_bytes(length),
                })
            })
            .collect()
    }
}

/// Links resolved as far as they lead; of a link that is meant itself, those before it. `None` for what a command has of its own.
fn locate(path: &Path, follow: bool) -> Option<Located> {
    let spelled = AbsPath::new(path).ok()?;
    let last = path.components().next_back();
    let real = match (last, spelled.parent()) {
        (Some(Component::Normal(name)), Some(folder)) if !follow => {
            real_path(&AbsPath::new(path.parent().unwrap_or(&folder)).ok()?).join(name)
        }
        _ => std::fs::canonicalize(path)
            .ok()
            .and_then(|path| AbsPath::new(path).ok())
            .unwrap_or_else(|| real_path(&spelled)),
    };
    if !matches!(own(&real), Own::No) {
        return None;
    }
    // With `..` behind a link the spelling may mean another file.
    let other_name = (real != spelled && (!follow || real_path(&spelled) == real)).then_some(spelled);
    Some(Located {
        kind: match facts::entry(&real) {
            // A stand-in is there for the time of the command.
            None | Some(Entry::Placeholder) => FileKind::Missing,
            Some(Entry::Folder) => FileKind::Folder,
            Some(Entry::Symlink | Entry::Other) => FileKind::File,
        },
        path: real,
        spelled: other_name,
    })
}

/// Whether a path is one of what every command has of its own.
#[derive(Debug, PartialEq, Eq)]
enum Own {
    No,
    /// Leads where a link of the process leads.
    Link {
        name: PathBuf,
        below: PathBuf,
    },
    Private,
}

/// In a `/dev` of its own; the rest is not there.
const DEVICES: [&str; 11] = [
    "null", "zero", "full", "random", "urandom", "tty", "ptmx", "pts", "shm", "console", "mqueue",
];

fn own(path: &Path) -> Own {
    let mut names = path.components().filter_map(|part| match part {
        Component::Normal(name) => Some(name),
        _ => None,
    });
    let link = |name: &[&OsStr], below: &dyn Fn() -> PathBuf| Own::Link {
        name: name.iter().collect(),
        below: below(),
    };
    let word = |name: Option<&OsStr>| name.and_then(OsStr::to_str).unwrap_or_default().to_owned();
    match word(names.next()).as_str() {
        "proc" => {
            let whose = word(names.next());
            if !matches!(whose.as_str(), "self" | "thread-self") {
                return Own::Private;
            }
            match names.next() {
                Some(name) if name == "root" || name == "cwd" || name == "exe" => link(&[name], &|| names.clone().collect()),
                Some(name) if name == "fd" => match names.next() {
                    Some(number) => link(&[name, number], &|| names.clone().collect()),
                    None => Own::Private,
                },
                Some(_) | None => Own::Private,
            }
        }
        "dev" => match word(names.next()).as_str() {
            "fd" => match names.next() {
                Some(number) => link(&[OsStr::new("fd"), number], &|| names.clone().collect()),
                None => Own::Private,
            },
            "stdin" => link(&[OsStr::new("fd"), OsStr::new("0")], &PathBuf::new),
            "stdout" => link(&[OsStr::new("fd"), OsStr::new("1")], &PathBuf::new),
            "stderr" => link(&[OsStr::new("fd"), OsStr::new("2")], &PathBuf::new),
            "" => Own::Private,
            name if DEVICES.contains(&name) => Own::Private,
            _ => Own::No,
        },
        _ => Own::No,
    }
}

enum Parsed {
    Inet(SocketAddr),
    Path(PathBuf),
    Abstract(String),
}

fn parsed(address: &[u8]) -> Option<Parsed> {
    let family = i32::from(u16::from_ne_bytes(address.get(..2)?.try_into().ok()?));
    let port = || Some(u16::from_be_bytes(address.get(2..4)?.try_into().ok()?));
    match family {
        libc::AF_INET => {
            let ip: [u8; 4] = address.get(4..8)?.try_into().ok()?;
            Some(Parsed::Inet((Ipv4Addr::from(ip), port()?).into()))
        }
        libc::AF_INET6 => {
            let ip: [u8; 16] = address.get(8..24)?.try_into().ok()?;
            Some(Parsed::Inet((Ipv6Addr::from(ip), port()?).into()))
        }
        libc::AF_UNIX => match address.get(2..)? {
            [] => None,
            [0, name @ ..] => Some(Parsed::Abstract(String::from_utf8_lossy(name).into_owned())),
            path => {
                let end = path.iter().position(|byte| *byte == 0).unwrap_or(path.len());
                Some(Parsed::Path(OsStr::from_bytes(path.get(..end)?).into()))
            }
        },
        _ => None,
    }
}

/// What the kernel opens besides when it runs a program: the one in its first line, or its loader, and so on.
pub(super) fn interpreters(program: &AbsPath, most: usize) -> Vec<(Located, FileUse)> {
    let mut found: Vec<(Located, FileUse)> = Vec::new();
    let mut next = Some(program.clone());
    while let Some(path) = next.take()
        && found.len() < most
        && let Some((named, file_use)) = interpreter(&path)
        && let Some(located) = locate(&named, true)
        && located.kind == FileKind::File
    {
        next = Some(located.path.clone());
        found.push((located, file_use));
    }
    found
}

fn interpreter(path: &Path) -> Option<(PathBuf, FileUse)> {
    let file = File::open(path).ok()?;
    let mut front = Vec::new();
    (&file).take(FIRST_LINE_MAX as u64).read_to_end(&mut front).ok()?;
    let (named, file_use) = match front.as_slice() {
        [b'#', b'!', line @ ..] => {
            let line = line.split(|byte| *byte == b'\n').next()?.trim_ascii();
            let program = line.split(|byte| matches!(byte, b' ' | b'\t')).next()?.to_vec();
            (program, FileUse::Run)
        }
        [0x7F, b'E', b'L', b'F', 2, 1, ..] => (loader(&front, &file)?, FileUse::Read),
        _ => return None,
    };
    let named = PathBuf::from(std::ffi::OsString::from_vec(named));
    named.is_absolute().then_some((named, file_use))
}

/// Of a program of 64 bits in the usual order of bytes; see elf(5).
fn loader(front: &[u8], file: &File) -> Option<Vec<u8>> {
    const INTERPRETER: u32 = 3;
    const PARTS_MAX: u64 = 64;
    let half = |bytes: &[u8], at: usize| Some(u64::from(u16::from_le_bytes(bytes.get(at..at + 2)?.try_into().ok()?)));
    let long = |bytes: &[u8], at: usize| Some(u64::from_le_bytes(bytes.get(at..at + 8)?.try_into().ok()?));
    let (parts, size, count) = (long(front, 32)?, half(front, 54)?, half(front, 56)?);
    for index in 0..count.min(PARTS_MAX) {
        let mut part = [0; 56];
        file.read_exact_at(&mut part, parts.checked_add(index * size)?).ok()?;
        if u32::from_le_bytes(part.get(..4)?.try_into().ok()?) == INTERPRETER {
            let mut name = vec![0; usize::try_from(long(&part, 32)?.min(PATH_MAX)).ok()?];
            file.read_exact_at(&mut name, long(&part, 8)?).ok()?;
            let end = name.iter().position(|byte| *byte == 0).unwrap_or(name.len());
            name.truncate(end);
            return Some(name);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_command_has_of_its_own_is_known_by_its_path() {
        let check = |path: &str, expect: Own| assert_eq!(own(Path::new(path)), expect, "{path}");
        let link = |name: &str, below: &str| Own::Link {
            name: name.into(),
            below: below.into(),
        };

        check("/etc/passwd", Own::No);
        check("/proc/self/root/etc/passwd", link("root", "etc/passwd"));
        check("/proc/self/cwd", link("cwd", ""));
        check("/proc/thread-self/fd/3/x", link("fd/3", "x"));
        check("/dev/fd/5", link("fd/5", ""));
        check("/dev/stderr", link("fd/2", ""));
        for private in [
            "/proc",
            "/proc/1/root/etc",
            "/proc/self/status",
            "/proc/meminfo",
            "/dev",
            "/dev/null",
            "/dev/pts/3",
            "/dev/shm/x",
        ] {
            check(private, Own::Private);
        }
        check("/dev/kvm", Own::No);
        check("/process", Own::No);
    }

    #[test]
    fn a_file_is_found_under_its_real_name_and_a_link_that_is_meant_itself_is_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        let base = AbsPath::new(std::fs::canonicalize(folder.path()).unwrap()).unwrap();
        std::fs::create_dir(base.join("real")).unwrap();
        std::fs::write(base.join("real/file"), "").unwrap();
        std::os::unix::fs::symlink("real", base.join("link")).unwrap();
        std::os::unix::fs::symlink("file", base.join("real/alias")).unwrap();
        let check = |path: &str, follow: bool, expect: (&str, Option<&str>, FileKind)| {
            let found = locate(&base.join(path), follow).unwrap();
            let (path, spelled) = (base.join(expect.0), expect.1.map(|spelled| base.join(spelled)));
            assert_eq!((found.path, found.spelled, found.kind), (path, spelled, expect.2));
        };

        check("real/file", true, ("real/file", None, FileKind::File));
        check("link/file", true, ("real/file", Some("link/file"), FileKind::File));
        check("link/alias", true, ("real/file", Some("link/alias"), FileKind::File));
        check("link/alias", false, ("real/alias", Some("link/alias"), FileKind::File));
        check("link/new", false, ("real/new", Some("link/new"), FileKind::Missing));
        check("link", false, ("link", None, FileKind::File));
        check("link/.", true, ("real", Some("link"), FileKind::Folder));
        assert_eq!(locate(Path::new("/proc/self/mounts"), true), None);
    }

    #[test]
    fn what_the_kernel_opens_besides_a_program_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let base = AbsPath::new(std::fs::canonicalize(folder.path()).unwrap()).unwrap();
        let script = |name: &str, line: &str| {
            std::fs::write(base.join(name), format!("{line}\necho\n")).unwrap();
            base.join(name)
        };
        let inner = script("inner", "#! /bin/sh -e");
        let outer = script("outer", &format!("#!{inner}\targument"));
        let shell = real_path(&AbsPath::new("/bin/sh").unwrap());
        let loader = interpreters(&shell, 1);

        let found: Vec<_> = interpreters(&outer, 2)
            .into_iter()
            .map(|(found, file_use)| (found.path, file_use))
            .collect();

        assert_eq!(found, [(inner, FileUse::Run), (shell.clone(), FileUse::Run)]);
        assert!(
            loader
                .iter()
                .all(|(found, file_use)| *file_use == FileUse::Read && found.path.to_string().contains("/ld-")),
            "{loader:?}"
        );
        assert_eq!(loader.len(), 1, "{shell} has a loader");
        assert_eq!(interpreters(&script("text", "hello"), 4), []);
    }
}
