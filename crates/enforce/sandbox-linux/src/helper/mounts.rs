//! Executes a mount plan inside of a fresh mount namespace, in place: copies of what shall be seen are taken first, then everything is made
//! read-only, or an empty disk takes its place, then the copies are put on top.
//!
//! Paths of a plan are canonical; a symbolic link in one of them was put there meanwhile, and is refused.

use super::{Refusal, namespaces};
use crate::plan::{Frame, FrameKind, MountOp, Placeholder};
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

/// Where the things lie that hidden ones look like: below the private `/dev`, which is read-only when the command starts.
const HIDDEN: &str = "/dev/.hidden";

/// A `/dev` and a `/proc` of a command that lie nowhere yet.
pub(super) struct Private {
    dev: OwnedFd,
    proc: OwnedFd,
}

impl Private {
    /// In a mount namespace of a thread, which ends with it: nothing else of the host's tree is kept.
    pub fn make() -> io::Result<Self> {
        let make = || {
            namespaces::unshare(libc::CLONE_NEWNS)?;
            leave_shared_tree()?;
            mount_dev(&copy_devices())?;
            mount_proc("/proc")?;
            mask_proc()?;
            let whole = |path: &str| clone(&open(Path::new(path))?);
            Ok(Self {
                dev: whole("/dev")?,
                proc: whole("/proc")?,
            })
        };
        let made = std::thread::Builder::new().spawn(make)?.join();
        made.unwrap_or_else(|_| Err(io::Error::other("its thread broke off")))
    }
}

/// Applies the plan in its order. `absent` waits until the placeholders are made; those that it names are skipped when they do not exist. What
/// there is of `private` already is not made anew.
pub(super) fn apply(
    ops: &[MountOp],
    placeholders: &[Placeholder],
    private: Option<Private>,
    absent: impl FnOnce() -> io::Result<Vec<AbsPath>>,
) -> Result<(), Refusal> {
    leave_shared_tree().map_err(|error| Refusal {
        rule: "a mount tree of its own".to_owned(),
        missing: explain(&error),
    })?;
    let is_placeholder = |op: &MountOp| matches!(op, MountOp::ReadOnly(path) if placeholders.iter().any(|made| made.path == *path));
    let mut prepared = Vec::new();
    for op in ops {
        let copied = if is_placeholder(op) { Ok(None) } else { copy(op) };
        prepared.push((op, copied.map_err(Refusal::of(&rule(op), "copy the mount"))?));
    }
    let source = Sources {
        devices: if private.is_some() { Vec::new() } else { copy_devices() },
        private,
        hides: ops.iter().any(|op| matches!(op, MountOp::Hidden { .. })),
    };
    let (mut to_hear, mut heard) = (Some(absent), Vec::new());
    for (number, (op, copied)) in prepared.into_iter().enumerate() {
        if let MountOp::ReadOnly(path) = op
            && is_placeholder(op)
        {
            if let Some(absent) = to_hear.take() {
                heard = absent().map_err(Refusal::of(&rule(op), "hear of it"))?;
            }
            close(path, heard.contains(path)).map_err(Refusal::of(&rule(op), "mount"))?;
        } else {
            execute(op, copied, &source, number).map_err(Refusal::of(&rule(op), "mount"))?;
        }
    }
    if source.private.is_none() {
        mask_proc().map_err(Refusal::of("private /proc", "mask what tells of the kernel"))?;
    }
    // Nothing is put into the private /dev any more.
    restrict(CWD.as_fd(), "/dev", libc::MOUNT_ATTR_RDONLY, 0).map_err(Refusal::of("private /dev", "make it read-only"))
}

/// What is taken from the host before its disk is out of sight.
struct Sources {
    devices: Vec<(&'static str, OwnedFd)>,
    private: Option<Private>,
    hides: bool,
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
        MountOp::EmptyRoot { .. } => "hidden file system".to_owned(),
        MountOp::Dev => "private /dev".to_owned(),
        MountOp::Proc => "private /proc".to_owned(),
        MountOp::Writable(path) => format!("writable root {path}"),
        MountOp::Device(path) => format!("device {path}"),
        MountOp::Pinned(path) => format!("immovable folder {path}"),
        MountOp::PinnedLink(path) => format!("immovable link {path}"),
        MountOp::ReadOnly(path) => format!("read-only path {path}"),
        MountOp::Hidden { path, .. } => format!("hidden path {path}"),
    }
}

fn copy(op: &MountOp) -> io::Result<Option<OwnedFd>> {
    let copied = match op {
        MountOp::AllReadOnly | MountOp::EmptyRoot { .. } | MountOp::Dev | MountOp::Proc | MountOp::Hidden { .. } => return Ok(None),
        MountOp::Writable(path) | MountOp::Device(path) | MountOp::Pinned(path) | MountOp::ReadOnly(path) => {
            open(path).and_then(|at| clone(&at))
        }
        MountOp::PinnedLink(path) => open_link(path).and_then(|at| clone(&at)),
    };
    match copied {
        Ok(copy) => Ok(Some(copy)),
        Err(error) if error.kind() == io::ErrorKind::NotFound && matches!(op, MountOp::Writable(_) | MountOp::Device(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Puts a read-only copy of a placeholder over itself. Around it everything is writable, so what is mounted by then shows it.
fn close(path: &AbsPath, is_absent: bool) -> io::Result<()> {
    let at = match open(path) {
        // The command does not get there either.
        Err(error) if is_absent && matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied) => return Ok(()),
        opened => opened?,
    };
    let copy = clone(&at)?;
    restrict_read_only(&copy)?;
    put_at(&copy, &at)
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

/// A symbolic link itself.
fn open_link(path: &Path) -> io::Result<OwnedFd> {
    let not_a_link = || io::Error::from(io::ErrorKind::InvalidInput);
    let (folder, name) = path.parent().zip(path.file_name()).ok_or_else(not_a_link)?;
    let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    Ok(rustix::fs::openat(open(folder)?, name, flags, Mode::empty())?)
}

fn clone(at: &OwnedFd) -> io::Result<OwnedFd> {
    let flags =
        OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC | OpenTreeFlags::AT_EMPTY_PATH | OpenTreeFlags::AT_RECURSIVE;
    Ok(open_tree(at, "", flags)?)
}

/// `number` sets one operation's things apart from another's.
fn execute(op: &MountOp, copy: Option<OwnedFd>, source: &Sources, number: usize) -> io::Result<()> {
    let harmless = libc::MOUNT_ATTR_NODEV | libc::MOUNT_ATTR_NOSUID;
    match (op, copy) {
        (MountOp::AllReadOnly, _) => restrict(CWD.as_fd(), "/", libc::MOUNT_ATTR_RDONLY | harmless, libc::AT_RECURSIVE),
        (MountOp::EmptyRoot { frame }, _) => enter_empty_root(frame, source),
        (MountOp::Dev, _) => put_dev(source),
        (MountOp::Proc, _) => put_proc("/proc", source),
        (MountOp::Writable(path) | MountOp::Pinned(path), Some(copy)) => {
            restrict(copy.as_fd(), "", harmless, libc::AT_RECURSIVE | libc::AT_EMPTY_PATH)?;
            put(&copy, path)
        }
        (MountOp::Device(path), Some(copy)) => put_device(&copy, path),
        (MountOp::PinnedLink(path), Some(copy)) => put_at(&copy, &open_link(path)?),
        (MountOp::ReadOnly(path), Some(copy)) => {
            restrict_read_only(&copy)?;
            put(&copy, path)
        }
        (
            MountOp::Hidden {
                path,
                folder,
                quiet,
                frame,
            },
            _,
        ) => hide(path, *folder, *quiet, frame, number),
        (MountOp::Writable(_) | MountOp::Device(_) | MountOp::Pinned(_) | MountOp::PinnedLink(_) | MountOp::ReadOnly(_), None) => Ok(()),
    }
}

/// Puts something without contents over `path`. A path that is gone by now needs nothing.
fn hide(path: &AbsPath, folder: bool, quiet: bool, frame: &[Frame], number: usize) -> io::Result<()> {
    let target = match open(path) {
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => return Ok(()),
        opened => opened?,
    };
    // It may have been exchanged since it was looked at.
    let folder = if rustix::fs::FileType::from_raw_mode(rustix::fs::fstat(&target)?.st_mode) == rustix::fs::FileType::Directory {
        true
    } else if folder {
        return Err(io::ErrorKind::NotADirectory.into());
    } else {
        false
    };
    let name = match (folder, quiet) {
        _ if !frame.is_empty() => format!("{HIDDEN}/{number}"),
        (true, true) => format!("{HIDDEN}/quiet"),
        (true, false) => format!("{HIDDEN}/folder"),
        (false, true) => format!("{HIDDEN}/quiet-file"),
        (false, false) => format!("{HIDDEN}/file"),
    };
    let at = Path::new(&name);
    if !frame.is_empty() {
        rustix::fs::mkdir(at, Mode::from_raw_mode(0o755))?;
        make_frame(at, path, frame)?;
        rustix::fs::chmod(at, Mode::from_raw_mode(if quiet { 0o555 } else { 0o111 }))?;
    }
    let copy = clone(&open(at)?)?;
    restrict(copy.as_fd(), "", libc::MOUNT_ATTR_RDONLY, libc::AT_EMPTY_PATH)?;
    put_at(&copy, &target)
}

/// Makes below `at` what `frame` wants below `base`.
fn make_frame(at: &Path, base: &Path, frame: &[Frame]) -> io::Result<()> {
    for Frame { path, kind } in frame {
        let Ok(below) = path.strip_prefix(base) else { continue };
        let made = at.join(below);
        match kind {
            FrameKind::Folder => match rustix::fs::mkdir(&made, Mode::from_raw_mode(0o755)) {
                Ok(()) | Err(Errno::EXIST) => {}
                Err(error) => return Err(error.into()),
            },
            FrameKind::File => drop(rustix::fs::open(
                &made,
                OFlags::CREATE | OFlags::WRONLY | OFlags::CLOEXEC,
                Mode::from_raw_mode(0o444),
            )?),
            FrameKind::Link { target } => rustix::fs::symlink(target.as_path(), &made)?,
        }
    }
    Ok(())
}

/// The new disk is built where `/dev` was. Its `/proc` is mounted before the old one is out of sight: the kernel gives none to a
/// mount tree that does not show one already.
fn enter_empty_root(frame: &[Frame], source: &Sources) -> io::Result<()> {
    let building = Path::new("/dev");
    mount(
        "tmpfs",
        building,
        "tmpfs",
        MountFlags::NOSUID | MountFlags::NODEV,
        Some(c"mode=0755,size=1m"),
    )?;
    make_frame(building, Path::new("/"), frame)?;
    put_proc("/dev/proc", source)?;
    rustix::process::chdir(building)?;
    rustix::process::pivot_root(".", ".")?;
    rustix::mount::unmount(".", rustix::mount::UnmountFlags::DETACH)?;
    rustix::process::chdir("/")?;
    restrict(CWD.as_fd(), "/", libc::MOUNT_ATTR_RDONLY, 0)
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

fn restrict_read_only(copy: &OwnedFd) -> io::Result<()> {
    let attributes = libc::MOUNT_ATTR_RDONLY | libc::MOUNT_ATTR_NODEV | libc::MOUNT_ATTR_NOSUID;
    restrict(copy.as_fd(), "", attributes, libc::AT_RECURSIVE | libc::AT_EMPTY_PATH)
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

/// A device can be written to in a read-only mount: what cannot is its entry, and the folder around it.
fn put_device(copy: &OwnedFd, path: &Path) -> io::Result<()> {
    let attributes = libc::MOUNT_ATTR_RDONLY | libc::MOUNT_ATTR_NOSUID | libc::MOUNT_ATTR_NOEXEC;
    restrict(copy.as_fd(), "", attributes, libc::AT_RECURSIVE | libc::AT_EMPTY_PATH)?;
    match open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        target => return put_at(copy, &target?),
    }
    if rustix::fs::FileType::from_raw_mode(rustix::fs::fstat(copy)?.st_mode) == rustix::fs::FileType::Directory {
        std::fs::create_dir_all(path)?;
    } else {
        path.parent().map_or(Ok(()), std::fs::create_dir_all)?;
        let flags = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::CLOEXEC;
        drop(rustix::fs::open(path, flags, Mode::from_raw_mode(0o444))?);
    }
    put_at(copy, &open(path)?)
}

fn put_dev(source: &Sources) -> io::Result<()> {
    match &source.private {
        Some(private) => put_at(&private.dev, &open(Path::new("/dev"))?)?,
        None => mount_dev(&source.devices)?,
    }
    if source.hides { make_hidden() } else { Ok(()) }
}

fn mount_dev(devices: &[(&'static str, OwnedFd)]) -> io::Result<()> {
    let harmless = MountFlags::NOSUID | MountFlags::NOEXEC;
    mount("tmpfs", "/dev", "tmpfs", harmless, Some(c"mode=0755,size=64k"))?;
    let folder = rustix::fs::open("/dev", OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
    for (name, device) in devices {
        // It is written to all the same; its mode and owner, which are those of the host's, stay.
        restrict(device.as_fd(), "", libc::MOUNT_ATTR_RDONLY, libc::AT_EMPTY_PATH)?;
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
    Ok(())
}

fn make_hidden() -> io::Result<()> {
    rustix::fs::mkdir(HIDDEN, Mode::from_raw_mode(0o700))?;
    for (name, mode) in [("folder", 0o000), ("quiet", 0o555)] {
        rustix::fs::mkdir(format!("{HIDDEN}/{name}"), Mode::from_raw_mode(mode))?;
    }
    for (name, mode) in [("file", 0o000), ("quiet-file", 0o444)] {
        let flags = OFlags::CREATE | OFlags::WRONLY | OFlags::CLOEXEC;
        drop(rustix::fs::open(format!("{HIDDEN}/{name}"), flags, Mode::from_raw_mode(mode))?);
    }
    Ok(())
}

fn put_proc(at: &str, source: &Sources) -> io::Result<()> {
    match &source.private {
        Some(private) => put_at(&private.proc, &open(Path::new(at))?),
        None => mount_proc(at),
    }
}

/// Where the host's `/proc` is itself masked (in containers) the kernel gives no fresh one; the old one, made read-only, shows the
/// host's processes, and lets nobody into them from another user namespace. A copy that is not put anywhere is dear to let go, so it is taken
/// only then.
fn mount_proc(at: &str) -> io::Result<()> {
    let flags = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC | MountFlags::RDONLY;
    match mount("proc", at, "proc", flags, None::<&std::ffi::CStr>) {
        Err(Errno::PERM) => {
            let old = clone(&open(Path::new("/proc"))?)?;
            restrict(old.as_fd(), "", libc::MOUNT_ATTR_RDONLY, libc::AT_RECURSIVE | libc::AT_EMPTY_PATH)?;
            put_at(&old, &open(Path::new(at))?)
        }
        done => Ok(done?),
    }
}

fn mask_proc() -> io::Result<()> {
    let null = open(Path::new("/dev/null"))?;
    for name in MASKED {
        match open(&Path::new("/proc").join(name)) {
            Ok(target) => put_at(&clone(&null)?, &target)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
