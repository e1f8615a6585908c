//! Executes a mount plan inside of a fresh mount namespace, in place: copies of what shall stay writable are taken first, then everything
//! is made read-only, then the copies are put on top.
//!
//! Paths of a plan are canonical; a symbolic link in one of them was put there meanwhile, and is refused.

use super::Refusal;
use crate::plan::MountOp;
use codex_base::AbsPath;
use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::{CWD, Mode, OFlags, ResolveFlags};
use rustix::io::Errno;
use rustix::mount::{MountFlags, MountPropagationFlags, MoveMountFlags, OpenTreeFlags, mount, mount_change, move_mount, open_tree};
use std::io;
use std::path::Path;

const DEVICES: [&str; 6] = ["null", "zero", "full", "random", "urandom", "tty"];
const LINKS: [(&str, &str); 5] = [
    ("fd", "/proc/self/fd"),
    ("stdin", "/proc/self/fd/0"),
    ("stdout", "/proc/self/fd/1"),
    ("stderr", "/proc/self/fd/2"),
    ("ptmx", "pts/ptmx"),
];

/// Parts of `/proc` that tell of the kernel and of other processes what only root may read, which a command of root's would be. Empty instead.
const MASKED: [&str; 10] = [
    "kcore",
    "keys",
    "kpagecgroup",
    "kpagecount",
    "kpageflags",
    "pagetypeinfo",
    "slabinfo",
    "sysrq-trigger",
    "timer_list",
    "vmallocinfo",
];

/// Applies the plan in its order. Paths in `absent` are skipped when they do not exist.
pub(super) fn apply(ops: &[MountOp], absent: &[AbsPath]) -> Result<(), Refusal> {
    leave_shared_tree().map_err(|error| Refusal {
        rule: "a mount tree of its own".to_owned(),
        missing: explain(&error),
    })?;
    let mut prepared = Vec::new();
    for op in ops {
        let copy = copy(op, absent).map_err(Refusal::of(&rule(op), "copy the mount"))?;
        prepared.push((op, copy));
    }
    let devices = copy_devices();
    for (op, copy) in prepared {
        execute(op, copy, &devices).map_err(Refusal::of(&rule(op), "mount"))?;
    }
    Ok(())
}

fn leave_shared_tree() -> io::Result<()> {
    Ok(mount_change("/", MountPropagationFlags::PRIVATE | MountPropagationFlags::REC)?)
}

/// The first thing that needs the rights which a user namespace is made for.
fn explain(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::PermissionDenied => {
            format!(
                "a security module takes the rights of user namespaces away (sysctl kernel.apparmor_restrict_unprivileged_userns): {error}"
            )
        }
        _ => format!("failed to leave the shared one: {error}"),
    }
}

fn rule(op: &MountOp) -> String {
    match op {
        MountOp::AllReadOnly => "read-only file system".to_owned(),
        MountOp::Dev => "private /dev".to_owned(),
        MountOp::Proc => "private /proc".to_owned(),
        MountOp::Writable(path) => format!("writable root {path}"),
        MountOp::Pinned(path) => format!("immovable folder {path}"),
        MountOp::ReadOnly(path) => format!("read-only path {path}"),
    }
}

fn copy(op: &MountOp, absent: &[AbsPath]) -> io::Result<Option<OwnedFd>> {
    match op {
        MountOp::AllReadOnly | MountOp::Dev | MountOp::Proc => Ok(None),
        MountOp::Writable(path) | MountOp::Pinned(path) | MountOp::ReadOnly(path) => match open(path).and_then(|at| clone(&at)) {
            Ok(copy) => Ok(Some(copy)),
            Err(error) if error.kind() == io::ErrorKind::NotFound && (absent.contains(path) || matches!(op, MountOp::Writable(_))) => {
                Ok(None)
            }
            Err(error) => Err(error),
        },
    }
}

/// Follows no symbolic link at all.
fn open(path: &Path) -> io::Result<OwnedFd> {
    Ok(rustix::fs::openat2(
        CWD,
        path,
        OFlags::PATH | OFlags::CLOEXEC,
        Mode::empty(),
        ResolveFlags::NO_SYMLINKS,
    )?)
}

fn clone(at: &OwnedFd) -> io::Result<OwnedFd> {
    let flags =
        OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC | OpenTreeFlags::AT_EMPTY_PATH | OpenTreeFlags::AT_RECURSIVE;
    Ok(open_tree(at, "", flags)?)
}

fn execute(op: &MountOp, copy: Option<OwnedFd>, devices: &[(&str, OwnedFd)]) -> io::Result<()> {
    match (op, copy) {
        (MountOp::AllReadOnly, _) => restrict(
            CWD.as_fd(),
            "/",
            libc::MOUNT_ATTR_RDONLY | libc::MOUNT_ATTR_NODEV | libc::MOUNT_ATTR_NOSUID,
            libc::AT_RECURSIVE,
        ),
        (MountOp::Dev, _) => mount_dev(devices),
        (MountOp::Proc, _) => {
            mount_proc()?;
            mask_proc()
        }
        (MountOp::Writable(path) | MountOp::Pinned(path), Some(copy)) => {
            restrict(
                copy.as_fd(),
                "",
                libc::MOUNT_ATTR_NODEV | libc::MOUNT_ATTR_NOSUID,
                libc::AT_RECURSIVE | libc::AT_EMPTY_PATH,
            )?;
            put(&copy, path)
        }
        (MountOp::ReadOnly(path), Some(copy)) => {
            let attributes = libc::MOUNT_ATTR_RDONLY | libc::MOUNT_ATTR_NODEV | libc::MOUNT_ATTR_NOSUID;
            restrict(copy.as_fd(), "", attributes, libc::AT_RECURSIVE | libc::AT_EMPTY_PATH)?;
            put(&copy, path)
        }
        (MountOp::Writable(_) | MountOp::Pinned(_) | MountOp::ReadOnly(_), None) => Ok(()),
    }
}

/// Sets mount attributes; needs Linux 5.12.
fn restrict(at: rustix::fd::BorrowedFd<'_>, path: &str, attributes: u64, flags: libc::c_int) -> io::Result<()> {
    let path = std::ffi::CString::new(path)?;
    let set = libc::mount_attr {
        attr_set: attributes,
        attr_clr: 0,
        propagation: 0,
        userns_fd: 0,
    };
    // SAFETY: path and attributes are live values of the kinds and the size that the call expects.
    let done = unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            std::os::fd::AsRawFd::as_raw_fd(&at),
            path.as_ptr(),
            flags,
            &raw const set,
            size_of_val(&set),
        )
    };
    if done == -1 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

fn put(copy: &OwnedFd, path: &Path) -> io::Result<()> {
    let target = match open(path) {
        // A root below the old /dev, say /dev/shm/x as TMPDIR.
        Err(error) if error.kind() == io::ErrorKind::NotFound && path.starts_with("/dev/shm") => {
            std::fs::create_dir_all(path)?;
            open(path)?
        }
        opened => opened?,
    };
    put_at(copy, &target)
}

fn put_at(copy: &OwnedFd, target: &OwnedFd) -> io::Result<()> {
    let flags = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH | MoveMountFlags::MOVE_MOUNT_T_EMPTY_PATH;
    Ok(move_mount(copy, "", target, "", flags)?)
}

/// Those that exist. Taken while the old `/dev` is still to be seen.
fn copy_devices() -> Vec<(&'static str, OwnedFd)> {
    let copy = |name: &&'static str| Some((*name, clone(&open(&Path::new("/dev").join(name)).ok()?).ok()?));
    DEVICES.iter().filter_map(copy).collect()
}

fn mount_dev(devices: &[(&str, OwnedFd)]) -> io::Result<()> {
    let harmless = MountFlags::NOSUID | MountFlags::NOEXEC;
    mount("tmpfs", "/dev", "tmpfs", harmless, Some(c"mode=0755,size=64k"))?;
    let folder = rustix::fs::open("/dev", OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
    for (name, device) in devices {
        let flags = OFlags::CREATE | OFlags::WRONLY | OFlags::CLOEXEC;
        put_at(device, &rustix::fs::openat(&folder, *name, flags, Mode::from_raw_mode(0o666))?)?;
    }
    for (name, target) in LINKS {
        rustix::fs::symlinkat(target, &folder, name)?;
    }
    for name in ["pts", "shm"] {
        rustix::fs::mkdirat(&folder, name, Mode::from_raw_mode(0o755))?;
    }
    mount(
        "devpts",
        "/dev/pts",
        "devpts",
        harmless,
        Some(c"newinstance,ptmxmode=0666,mode=0620"),
    )?;
    mount(
        "tmpfs",
        "/dev/shm",
        "tmpfs",
        MountFlags::NOSUID | MountFlags::NODEV,
        Some(c"mode=1777"),
    )?;
    restrict(CWD.as_fd(), "/dev", libc::MOUNT_ATTR_RDONLY, 0)
}

/// Where the host's `/proc` is itself masked (in containers) the kernel gives no fresh one; the old one is read-only by now, shows
/// the host's processes, and lets nobody into them from another user namespace.
fn mount_proc() -> io::Result<()> {
    let flags = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC | MountFlags::RDONLY;
    match mount("proc", "/proc", "proc", flags, None::<&std::ffi::CStr>) {
        Err(Errno::PERM) => restrict(CWD.as_fd(), "/proc", libc::MOUNT_ATTR_RDONLY, libc::AT_RECURSIVE),
        done => Ok(done?),
    }
}

fn mask_proc() -> io::Result<()> {
    for name in MASKED {
        match open(&Path::new("/proc").join(name)) {
            Ok(target) => put_at(&clone(&open(Path::new("/dev/null"))?)?, &target)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
