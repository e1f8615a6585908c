//! Changing what counts later outside of the sandbox: `.git`, `.codex`, `.agents`, `.aws` at the top of a writable root.

use super::files::{exchange, reopen};
use super::{Attempt, CWD, at, c, minus, sys};
use std::fs::{self, File, OpenOptions, Permissions};
use std::io::Write;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt, symlink};

pub const ATTEMPTS: &[(&str, Attempt)] = &[
    ("meta-git-append", |f| {
        OpenOptions::new().append(true).open(f.root(".git/config"))?.write_all(f.tag())
    }),
    ("meta-git-hook", |f| fs::write(f.root(".git/hooks/post-commit"), f.tag())),
    ("meta-git-hook-executable", |f| {
        fs::set_permissions(f.root(".git/hooks/sample"), Permissions::from_mode(0o777))
    }),
    ("meta-git-attributes", |f| fs::create_dir(f.root(".git/info"))),
    ("meta-git-unlink", |f| fs::remove_file(f.root(".git/config"))),
    ("meta-git-truncate", |f| {
        sys(libc::SYS_truncate, [at(&*c(f.root(".git/config"))), 0]).map(drop)
    }),
    ("meta-git-remove", |f| fs::remove_dir_all(f.root(".git"))),
    ("meta-git-rename", |f| fs::rename(f.root(".git"), f.root("moved"))),
    ("meta-git-replace", |f| {
        fs::create_dir(f.root("mine")).and_then(|()| exchange(&f.root(".git"), &f.root("mine")))
    }),
    ("meta-git-rename-over", |f| {
        fs::rename(f.root(".git"), f.root("moved"))?;
        fs::create_dir(f.root("mine")).and_then(|()| fs::rename(f.root("mine"), f.root(".git")))
    }),
    ("meta-git-config-over", |f| {
        fs::write(f.root("mine"), f.tag()).and_then(|()| fs::rename(f.root("mine"), f.root(".git/config")))
    }),
    ("meta-git-hard-link", |f| {
        fs::hard_link(f.root(".git/config"), f.root("alias")).and_then(|()| fs::write(f.root("alias"), f.tag()))
    }),
    ("meta-git-symlink", |f| {
        symlink(f.root(".git"), f.root("alias")).and_then(|()| fs::write(f.root("alias/config"), f.tag()))
    }),
    ("meta-git-through-cwd", |f| {
        fs::write(format!("/proc/self/cwd/../ws/{}/.git/config", f.id), f.tag())
    }),
    ("meta-git-through-root", |f| {
        fs::write(format!("/proc/self/root{}", f.root(".git/config").display()), f.tag())
    }),
    ("meta-git-reopen", |f| reopen(&File::open(f.root(".git/config"))?, f.tag())),
    ("meta-git-folder-descriptor", |f| {
        let folder = OpenOptions::new().read(true).custom_flags(libc::O_PATH).open(f.root(".git"))?;
        let file = sys(
            libc::SYS_openat,
            [
                folder.as_raw_fd() as usize,
                at(c"config"),
                (libc::O_WRONLY | libc::O_TRUNC) as usize,
            ],
        )?;
        sys(libc::SYS_write, [file, at(f.tag()), f.tag().len()]).map(drop)
    }),
    ("meta-git-chmod", |f| {
        fs::set_permissions(f.root(".git"), Permissions::from_mode(0o700))
    }),
    ("meta-git-chmod-descriptor", |f| {
        File::open(f.root(".git/config"))?.set_permissions(Permissions::from_mode(0o600))
    }),
    ("meta-git-config-exchange", |f| {
        fs::write(f.root("mine"), f.tag()).and_then(|()| exchange(&f.root("mine"), &f.root(".git/config")))
    }),
    ("meta-git-times", |f| {
        sys(libc::SYS_utimensat, [CWD, at(&*c(f.root(".git/config"))), 0, 0]).map(drop)
    }),
    ("meta-git-xattr", |f| {
        sys(
            libc::SYS_setxattr,
            [at(&*c(f.root(".git"))), at(c"user.tag"), at(f.tag()), f.tag().len(), 0],
        )
        .map(drop)
    }),
    ("meta-git-inode-flags", |f| {
        let (file, flags) = (File::open(f.root(".git/config"))?, 0x8_0040_u64);
        sys(libc::SYS_ioctl, [file.as_raw_fd() as usize, 0x4008_6602, at(&flags)]).map(drop)
    }),
    ("meta-git-unnamed", |f| {
        let file = OpenOptions::new().write(true).custom_flags(libc::O_TMPFILE).open(f.root(""))?;
        let name = c(format!("/proc/self/fd/{}", file.as_raw_fd()));
        let to = c(f.root(".git/hooks/post-commit"));
        sys(libc::SYS_linkat, [CWD, at(&*name), CWD, at(&*to), libc::AT_SYMLINK_FOLLOW as usize]).map(drop)
    }),
    ("meta-git-upper-case", |f| fs::write(f.root(".GIT/config"), f.tag())),
    ("meta-git-old-hard-link", |f| fs::write(f.root("old-alias"), f.tag())),
    ("meta-git-file", |f| fs::write(f.root(".git"), "gitdir: /elsewhere\n")),
    ("meta-worktree-hook", |f| fs::write(f.root("main/.git/hooks/post-commit"), f.tag())),
    ("meta-worktree-rename", |f| fs::rename(f.root("main"), f.root("other"))),
    ("meta-parent-rename", |f| fs::rename(f.root("deep"), f.root("other"))),
    ("meta-parent-replace", |f| {
        fs::create_dir_all(f.root("mine/nested/.git"))?;
        exchange(&f.root("deep"), &f.root("mine"))
    }),
    ("meta-root-rename", |f| fs::rename(f.root(""), f.base().join("ws").join(&f.tag))),
    ("meta-codex-create", |f| fs::create_dir(f.root(".codex"))),
    ("meta-codex-fill", |f| {
        let made = fs::create_dir(f.root(".codex"));
        fs::write(f.root(".codex/config.toml"), f.tag()).and(made)
    }),
    ("meta-codex-file", |f| fs::write(f.root(".codex"), f.tag())),
    ("meta-codex-symlink", |f| symlink("mine", f.root(".codex"))),
    ("meta-codex-hard-link", |f| {
        fs::write(f.root("mine"), f.tag()).and_then(|()| fs::hard_link(f.root("mine"), f.root(".codex")))
    }),
    ("meta-codex-fifo", |f| {
        sys(
            libc::SYS_mknodat,
            [CWD, at(&*c(f.root(".codex"))), (libc::S_IFIFO | 0o666) as usize, 0],
        )
        .map(drop)
    }),
    ("meta-codex-rename-there", |f| {
        fs::create_dir(f.root("mine")).and_then(|()| fs::rename(f.root("mine"), f.root(".codex")))
    }),
    ("meta-codex-remove-first", |f| {
        // Where nothing stands in for it there is nothing to remove.
        let _ = fs::remove_dir(f.root(".codex"));
        fs::create_dir(f.root(".codex"))
    }),
    ("meta-codex-move-first", |f| {
        let _ = fs::rename(f.root(".codex"), f.root("moved"));
        fs::create_dir(f.root(".codex"))
    }),
    ("meta-codex-chmod-first", |f| {
        let _ = fs::set_permissions(f.root(".codex"), Permissions::from_mode(0o777));
        fs::create_dir_all(f.root(".codex/rules"))
    }),
    ("meta-agents-create", |f| fs::create_dir_all(f.root(".agents/skills"))),
    ("meta-aws-create", |f| fs::write(f.root(".aws"), f.tag())),
    ("meta-aws-relative", |f| {
        let folder = File::open(f.root(""))?;
        sys(libc::SYS_mkdirat, [folder.as_raw_fd() as usize, at(c"./x/../.aws"), 0o777])
            .or_else(|_| sys(libc::SYS_mkdirat, [folder.as_raw_fd() as usize, at(c".aws"), 0o777]))
            .map(drop)
    }),
    ("meta-owner", |f| {
        let user = rustix::process::geteuid().as_raw() as usize;
        sys(libc::SYS_fchownat, [CWD, at(&*c(f.root(".git/config"))), user, minus(1), 0]).map(drop)
    }),
    ("meta-deep-names", |f| {
        fs::create_dir_all(f.inside("/sub/.git"))?;
        fs::create_dir_all(f.inside("/sub/.codex")).and_then(|()| fs::write(f.inside("/sub/.git/config"), f.tag()))
    }),
];
