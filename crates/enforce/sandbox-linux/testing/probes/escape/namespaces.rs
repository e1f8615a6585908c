//! Other namespaces and mounts: getting back rights, or getting at what lies below a mount.
//!
//! Where these succeed it is in a mount namespace of the attempt's own, so that nothing is mounted for anybody else.

use super::{Attempt, CWD, Field, at, c, sys};
use std::fs::{self, File};
use std::io;
use std::os::fd::AsRawFd;
use std::path::Path;

pub const ATTEMPTS: &[(&str, Attempt)] = &[
    ("namespace-user", |_| unshare(libc::CLONE_NEWUSER)),
    ("namespace-user-and-mount", |f| {
        let user = rustix::process::geteuid().as_raw();
        unshare(libc::CLONE_NEWUSER | libc::CLONE_NEWNS)?;
        fs::write("/proc/self/uid_map", format!("0 {user} 1"))?;
        fs::create_dir_all(f.inside(""))?;
        bind(&f.out(""), &f.inside(""))?;
        fs::write(f.inside("/new"), f.tag())
    }),
    ("namespace-user-by-clone", |_| {
        let flags = (libc::CLONE_NEWUSER | libc::SIGCHLD) as usize;
        end_of(sys(libc::SYS_clone, [flags, 0, 0, 0, 0])?)
    }),
    ("namespace-user-by-clone3", |_| {
        let mut arguments = [0_u64; 8];
        arguments[0] = libc::CLONE_NEWUSER as u64;
        arguments[4] = libc::SIGCHLD as u64;
        end_of(sys(libc::SYS_clone3, [at(&arguments), size_of_val(&arguments)])?)
    }),
    ("namespace-mount", |_| unshare(libc::CLONE_NEWNS)),
    ("namespace-network", |_| unshare(libc::CLONE_NEWNET)),
    ("namespace-process", |_| unshare(libc::CLONE_NEWPID)),
    ("namespace-ipc", |_| unshare(libc::CLONE_NEWIPC)),
    ("namespace-names", |_| unshare(libc::CLONE_NEWUTS)),
    ("namespace-cgroup", |_| unshare(libc::CLONE_NEWCGROUP)),
    ("namespace-time", |_| unshare(0x80)),
    ("namespace-enter-own", |_| enter("/proc/self/ns/net", libc::CLONE_NEWNET)),
    ("namespace-enter-init", |f| {
        enter(&format!("/proc/{}/ns/net", f.init()?), libc::CLONE_NEWNET)
    }),
    ("namespace-enter-victim", |f| {
        enter(&format!("/proc/{}/ns/mnt", f.victim()?), libc::CLONE_NEWNS)
    }),
    ("namespace-enter-process", |f| {
        let process = sys(libc::SYS_pidfd_open, [f.victim()?, 0])?;
        sys(libc::SYS_setns, [process, libc::CLONE_NEWNS as usize]).map(drop)
    }),
    ("mount-bind", |f| {
        own_mounts(f)?;
        fs::create_dir_all(f.inside(""))?;
        bind(&f.out(""), &f.inside(""))?;
        fs::write(f.inside("/new"), f.tag())
    }),
    ("mount-writable-again", |f| {
        own_mounts(f)?;
        // Where the mount is writable already only the remounting is tried.
        mount_at(0, at(c"/"), 0, libc::MS_REMOUNT | libc::MS_BIND)?;
        fs::write(f.out("new"), f.tag())
    }),
    ("mount-writable-attribute", |f| {
        own_mounts(f)?;
        let attributes = [0_u64, libc::MOUNT_ATTR_RDONLY, 0, 0];
        sys(
            libc::SYS_mount_setattr,
            [CWD, at(c"/"), libc::AT_RECURSIVE as usize, at(&attributes), 32],
        )?;
        fs::write(f.out("new"), f.tag())
    }),
    ("mount-tree-copy", |f| {
        own_mounts(f)?;
        let tree = sys(libc::SYS_open_tree, [CWD, at(&*c(f.out(""))), 1])?;
        let attributes = [0_u64, libc::MOUNT_ATTR_RDONLY, 0, 0];
        sys(
            libc::SYS_mount_setattr,
            [tree, at(c""), libc::AT_EMPTY_PATH as usize, at(&attributes), 32],
        )?;
        sys(
            libc::SYS_openat,
            [tree, at(c"new"), (libc::O_CREAT | libc::O_WRONLY) as usize, 0o666],
        )
        .map(drop)
    }),
    ("mount-move", |f| {
        own_mounts(f)?;
        let tree = sys(libc::SYS_open_tree, [CWD, at(&*c(f.out(""))), 1])?;
        fs::create_dir_all(f.inside(""))?;
        sys(libc::SYS_move_mount, [tree, at(c""), CWD, at(&*c(f.inside(""))), 4])?;
        fs::write(f.inside("/new"), f.tag())
    }),
    ("mount-new-file-system", |f| {
        own_mounts(f)?;
        let context = sys(libc::SYS_fsopen, [at(c"tmpfs"), 0])?;
        const CREATE: usize = 6;
        sys(libc::SYS_fsconfig, [context, CREATE, 0, 0, 0])?;
        sys(libc::SYS_fsmount, [context, 0, 0]).map(drop)
    }),
    ("mount-pick", |f| {
        own_mounts(f)?;
        sys(libc::SYS_fspick, [CWD, at(c"/"), 0]).map(drop)
    }),
    ("mount-tmpfs", |f| {
        own_mounts(f)?;
        mount_at(at(c"tmpfs"), at(c"/mnt"), at(c"tmpfs"), 0)
    }),
    ("mount-proc", |f| {
        own_mounts(f)?;
        mount_at(at(c"proc"), at(c"/proc"), at(c"proc"), 0)
    }),
    ("mount-unmount-protection", |f| {
        own_mounts(f)?;
        let git = c(f.root(".git"));
        // Nothing is mounted there on the host.
        match sys(libc::SYS_umount2, [at(&*git), libc::MNT_DETACH as usize]) {
            Err(error) if error.raw_os_error() == Some(libc::EINVAL) && !f.confined => Ok(()),
            done => done.map(drop),
        }?;
        fs::write(f.root(".git/hooks/post-commit"), f.tag())
    }),
    ("mount-unmount-shm", |f| {
        own_mounts(f)?;
        sys(libc::SYS_umount2, [at(c"/dev/shm"), libc::MNT_DETACH as usize]).map(drop)
    }),
    ("mount-pivot-root", |f| {
        own_mounts(f)?;
        fs::create_dir_all(f.inside(""))?;
        bind(&f.inside(""), &f.inside(""))?;
        std::env::set_current_dir(f.inside(""))?;
        sys(libc::SYS_pivot_root, [at(c"."), at(c".")]).map(drop)
    }),
    ("mount-chroot", |f| {
        super::in_child(|| {
            fs::create_dir_all(f.inside(""))?;
            sys(libc::SYS_chroot, [at(&*c(f.inside("")))])?;
            // The current folder is outside of the new root, and its parents too.
            fs::write(format!("../out/{}/new", f.id), f.tag())
        })
    }),
];

fn unshare(what: i32) -> io::Result<()> {
    sys(libc::SYS_unshare, [what.cast_unsigned() as usize]).map(drop)
}

/// The child of a call that returned twice ends at once.
fn end_of(child: usize) -> io::Result<()> {
    if child == 0 {
        // SAFETY: ends this copy of the process.
        unsafe { libc::_exit(0) }
    }
    super::wait_for(i32::try_from(child).unwrap_or(-1)).map(drop)
}

fn enter(namespace: &str, kind: i32) -> io::Result<()> {
    let namespace = File::open(namespace)?;
    sys(libc::SYS_setns, [namespace.as_raw_fd() as usize, kind.cast_unsigned() as usize]).map(drop)
}

/// Confined it is enough to try what follows; on the host nothing must follow if this fails.
pub fn own_mounts(field: &Field) -> io::Result<()> {
    let apart = unshare(libc::CLONE_NEWNS).and_then(|()| mount_at(0, at(c"/"), 0, libc::MS_PRIVATE | libc::MS_REC));
    if field.confined { Ok(()) } else { apart }
}

fn bind(from: &Path, to: &Path) -> io::Result<()> {
    mount_at(at(&*c(from)), at(&*c(to)), 0, libc::MS_BIND)
}

fn mount_at(from: usize, to: usize, kind: usize, flags: libc::c_ulong) -> io::Result<()> {
    sys(libc::SYS_mount, [from, to, kind, usize::try_from(flags).unwrap_or_default(), 0]).map(drop)
}
