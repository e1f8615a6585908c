//! Machines that are less than this one, for one program at a time: a folder that cannot be written, a small disk, no sandbox.
//!
//! The child makes them for itself before the program starts, with a user namespace or a system call filter; no test needs root. Where
//! user namespaces are not allowed these tests fail, as the sandbox's own do.

use std::ffi::CString;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

#[derive(Debug)]
pub enum World {
    /// Nothing below the folder can be written.
    ReadOnly(PathBuf),
    /// The folder is a disk of its own, empty and of this size.
    SmallDisk(PathBuf, usize),
    /// As where `user.max_user_namespaces` is 0.
    NoUserNamespaces,
    /// As in a container whose filter refuses new namespaces, which can only be seen by trying.
    NamespacesRefused,
    /// The same with a kernel that has no Landlock: nothing is left to confine commands with.
    NoSandbox,
}

impl World {
    /// The program that `command` starts will find this world.
    pub fn around(self, command: &mut Command) {
        let enter: Box<dyn FnMut() -> io::Result<()> + Send + Sync> = match self {
            Self::ReadOnly(folder) => read_only(&folder),
            Self::SmallDisk(folder, bytes) => small_disk(&folder, bytes),
            Self::NoUserNamespaces => {
                let maps = Maps::new();
                Box::new(move || {
                    maps.enter(libc::CLONE_NEWUSER)?;
                    write(c"/proc/sys/user/max_user_namespaces", b"0")
                })
            }
            Self::NamespacesRefused => Box::new(refuse_namespaces),
            Self::NoSandbox => Box::new(|| {
                refuse_namespaces()?;
                without_landlock()
            }),
        };
        // SAFETY: the closures only make system calls, with texts that were made beforehand.
        unsafe { command.pre_exec(enter) };
    }
}

type Enter = Box<dyn FnMut() -> io::Result<()> + Send + Sync>;

fn read_only(folder: &Path) -> Enter {
    let (maps, path) = (Maps::new(), text(folder));
    // A mount keeps the flags it came with; leaving one out is refused.
    let flags = libc::MS_BIND | libc::MS_REMOUNT | libc::MS_RDONLY | flags_of(&path);
    Box::new(move || {
        maps.enter(libc::CLONE_NEWUSER | libc::CLONE_NEWNS)?;
        mount(Some(&path), &path, None, libc::MS_BIND | libc::MS_REC, None)?;
        mount(None, &path, None, flags, None)
    })
}

fn small_disk(folder: &Path, bytes: usize) -> Enter {
    let (maps, path) = (Maps::new(), text(folder));
    let size = CString::new(format!("size={bytes}")).expect("no zero byte in a number");
    Box::new(move || {
        maps.enter(libc::CLONE_NEWUSER | libc::CLONE_NEWNS)?;
        mount(Some(c"tmpfs"), &path, Some(c"tmpfs"), 0, Some(&size))
    })
}

fn text(path: &Path) -> CString {
    CString::new(path.as_os_str().as_bytes()).expect("no zero byte in a path")
}

fn flags_of(path: &CString) -> libc::c_ulong {
    // SAFETY: the pointers are to live values, and the struct may be all zeros.
    let facts = unsafe {
        let mut facts: libc::statvfs = std::mem::zeroed();
        assert_eq!(libc::statvfs(path.as_ptr(), &raw mut facts), 0);
        facts
    };
    let pairs = [
        (libc::ST_NOSUID, libc::MS_NOSUID),
        (libc::ST_NODEV, libc::MS_NODEV),
        (libc::ST_NOEXEC, libc::MS_NOEXEC),
        (libc::ST_NOATIME, libc::MS_NOATIME),
    ];
    pairs
        .iter()
        .filter(|(found, _)| facts.f_flag & found != 0)
        .fold(0, |all, (_, flag)| all | flag)
}

/// Everybody stays who they are in the new user namespace.
struct Maps {
    users: String,
    groups: String,
}

impl Maps {
    fn new() -> Self {
        // SAFETY: these calls cannot fail.
        let (user, group) = unsafe { (libc::geteuid(), libc::getegid()) };
        Self {
            users: format!("{user} {user} 1"),
            groups: format!("{group} {group} 1"),
        }
    }

    fn enter(&self, namespaces: i32) -> io::Result<()> {
        // SAFETY: a plain number; this process has one thread.
        checked(unsafe { libc::unshare(namespaces) })?;
        write(c"/proc/self/setgroups", b"deny")?;
        write(c"/proc/self/uid_map", self.users.as_bytes())?;
        write(c"/proc/self/gid_map", self.groups.as_bytes())
    }
}

fn write(path: &std::ffi::CStr, bytes: &[u8]) -> io::Result<()> {
    // SAFETY: path and bytes live longer than the calls; the descriptor is closed once.
    unsafe {
        let file = libc::open(path.as_ptr(), libc::O_WRONLY | libc::O_CLOEXEC);
        checked(file)?;
        let written = libc::write(file, bytes.as_ptr().cast(), bytes.len());
        let error = io::Error::last_os_error();
        libc::close(file);
        if written < 0 { Err(error) } else { Ok(()) }
    }
}

fn mount(
    source: Option<&std::ffi::CStr>,
    target: &std::ffi::CStr,
    kind: Option<&std::ffi::CStr>,
    flags: libc::c_ulong,
    data: Option<&std::ffi::CStr>,
) -> io::Result<()> {
    let pointer = |text: Option<&std::ffi::CStr>| text.map_or(std::ptr::null(), std::ffi::CStr::as_ptr);
    // SAFETY: every pointer is null or to a text that outlives the call.
    checked(unsafe { libc::mount(pointer(source), target.as_ptr(), pointer(kind), flags, pointer(data).cast()) })
}

const LOAD: u16 = (libc::BPF_LD | libc::BPF_W | libc::BPF_ABS) as u16;
const EQUAL: u16 = (libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K) as u16;
const ANY_BIT: u16 = (libc::BPF_JMP | libc::BPF_JSET | libc::BPF_K) as u16;
const RETURN: u16 = (libc::BPF_RET | libc::BPF_K) as u16;
const REFUSED: u32 = libc::SECCOMP_RET_ERRNO | libc::EPERM as u32;
const UNKNOWN: u32 = libc::SECCOMP_RET_ERRNO | libc::ENOSYS as u32;
const NUMBER: u32 = 0;

const fn line(code: u16, jt: u8, jf: u8, k: u32) -> libc::sock_filter {
    libc::sock_filter { code, jt, jf, k }
}

fn call(number: libc::c_long) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

fn without_landlock() -> io::Result<()> {
    add_filter(&mut [
        line(LOAD, 0, 0, NUMBER),
        line(EQUAL, 0, 1, call(libc::SYS_landlock_create_ruleset)),
        line(RETURN, 0, 0, UNKNOWN),
        line(RETURN, 0, 0, libc::SECCOMP_RET_ALLOW),
    ])
}

/// `unshare` and `clone` with a new namespace fail with "operation not permitted"; so they do in common container set-ups.
fn refuse_namespaces() -> io::Result<()> {
    /// The low half of the first argument (both of our architectures are little-endian).
    const FIRST_ARGUMENT: u32 = 16;
    add_filter(&mut [
        line(LOAD, 0, 0, NUMBER),
        line(EQUAL, 5, 0, call(libc::SYS_unshare)),
        line(EQUAL, 5, 0, call(libc::SYS_clone3)),
        line(EQUAL, 0, 2, call(libc::SYS_clone)),
        line(LOAD, 0, 0, FIRST_ARGUMENT),
        line(ANY_BIT, 1, 0, libc::CLONE_NEWUSER as u32 | libc::CLONE_NEWNS as u32),
        line(RETURN, 0, 0, libc::SECCOMP_RET_ALLOW),
        line(RETURN, 0, 0, REFUSED),
        line(RETURN, 0, 0, UNKNOWN),
    ])
}

fn add_filter(filter: &mut [libc::sock_filter]) -> io::Result<()> {
    let program = libc::sock_fprog {
        len: filter.len() as u16,
        filter: filter.as_mut_ptr(),
    };
    // SAFETY: the filter lives until the kernel has copied it.
    unsafe {
        checked(libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))?;
        checked(libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &raw const program))
    }
}

fn checked(result: i32) -> io::Result<()> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}
