//! Machines that are less than this one, for one program at a time: a folder that cannot be written, a small disk, no sandbox.
//!
//! The child makes them for itself before the program starts, with a user namespace or a system call filter; no test needs root. Where
//! user namespaces are not allowed these tests fail, as the sandbox's own do.

use rustix::fs::{Mode, OFlags, StatVfsMountFlags, statvfs};
use rustix::mount::{MountFlags, mount, mount_bind_recursive, mount_remount};
use rustix::process::{getegid, geteuid};
use rustix::thread::{UnshareFlags, unshare_unsafe};
use std::ffi::{CStr, CString};
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
                    maps.enter(UnshareFlags::NEWUSER)?;
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
    let flags = MountFlags::BIND | MountFlags::RDONLY | flags_of(&path);
    Box::new(move || {
        maps.enter(UnshareFlags::NEWUSER | UnshareFlags::NEWNS)?;
        mount_bind_recursive(&path, &path)?;
        Ok(mount_remount(&path, flags, c"")?)
    })
}

fn small_disk(folder: &Path, bytes: usize) -> Enter {
    let (maps, path) = (Maps::new(), text(folder));
    let size = CString::new(format!("size={bytes}")).expect("no zero byte in a number");
    Box::new(move || {
        maps.enter(UnshareFlags::NEWUSER | UnshareFlags::NEWNS)?;
        Ok(mount(c"tmpfs", &path, c"tmpfs", MountFlags::empty(), size.as_c_str())?)
    })
}

fn text(path: &Path) -> CString {
    CString::new(path.as_os_str().as_bytes()).expect("no zero byte in a path")
}

fn flags_of(path: &CString) -> MountFlags {
    let found = statvfs(path).expect("the folder exists").f_flag;
    let pairs = [
        (StatVfsMountFlags::NOSUID, MountFlags::NOSUID),
        (StatVfsMountFlags::NODEV, MountFlags::NODEV),
        (StatVfsMountFlags::NOEXEC, MountFlags::NOEXEC),
        (StatVfsMountFlags::NOATIME, MountFlags::NOATIME),
    ];
    pairs
        .into_iter()
        .filter_map(|(flag, same)| found.contains(flag).then_some(same))
        .collect()
}

/// Everybody stays who they are in the new user namespace.
struct Maps {
    users: String,
    groups: String,
}

impl Maps {
    fn new() -> Self {
        let (user, group) = (geteuid(), getegid());
        Self {
            users: format!("{user} {user} 1"),
            groups: format!("{group} {group} 1"),
        }
    }

    fn enter(&self, namespaces: UnshareFlags) -> io::Result<()> {
        // SAFETY: no open file is unshared, and this process has one thread.
        unsafe { unshare_unsafe(namespaces) }?;
        write(c"/proc/self/setgroups", b"deny")?;
        write(c"/proc/self/uid_map", self.users.as_bytes())?;
        write(c"/proc/self/gid_map", self.groups.as_bytes())
    }
}

fn write(path: &CStr, bytes: &[u8]) -> io::Result<()> {
    let file = rustix::fs::open(path, OFlags::WRONLY | OFlags::CLOEXEC, Mode::empty())?;
    rustix::io::write(&file, bytes)?;
    Ok(())
}

pub(crate) const LOAD: u16 = (libc::BPF_LD | libc::BPF_W | libc::BPF_ABS) as u16;
pub(crate) const EQUAL: u16 = (libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K) as u16;
const ANY_BIT: u16 = (libc::BPF_JMP | libc::BPF_JSET | libc::BPF_K) as u16;
pub(crate) const RETURN: u16 = (libc::BPF_RET | libc::BPF_K) as u16;
const REFUSED: u32 = libc::SECCOMP_RET_ERRNO | libc::EPERM as u32;
pub(crate) const UNKNOWN: u32 = libc::SECCOMP_RET_ERRNO | libc::ENOSYS as u32;
pub(crate) const NUMBER: u32 = 0;

pub(crate) const fn line(code: u16, jt: u8, jf: u8, k: u32) -> libc::sock_filter {
    libc::sock_filter { code, jt, jf, k }
}

pub(crate) fn call(number: libc::c_long) -> u32 {
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
