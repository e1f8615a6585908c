//! Changing what a later git would run or believe, in a repository in which ordinary git works.

use super::files::{exchange, reopen};
use super::{Attempt, CWD, at, c, sys};
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{OpenOptionsExt, symlink};

pub const ATTEMPTS: &[(&str, Attempt)] = &[
    ("git-config-append", |f| {
        OpenOptions::new().append(true).open(f.root(".git/config"))?.write_all(f.tag())
    }),
    ("git-config-as-git-does", |f| {
        fs::write(f.root(".git/config.lock"), f.tag()).and_then(|()| fs::rename(f.root(".git/config.lock"), f.root(".git/config")))
    }),
    ("git-config-unlink", |f| fs::remove_file(f.root(".git/config"))),
    ("git-config-exchange", |f| {
        fs::write(f.root("mine"), f.tag()).and_then(|()| exchange(&f.root("mine"), &f.root(".git/config")))
    }),
    ("git-config-hard-link", |f| {
        fs::hard_link(f.root(".git/config"), f.root("alias")).and_then(|()| fs::write(f.root("alias"), f.tag()))
    }),
    ("git-config-reopen", |f| reopen(&File::open(f.root(".git/config"))?, f.tag())),
    ("git-config-of-work-tree", |f| fs::write(f.root(".git/config.worktree"), f.tag())),
    ("git-config-of-work-tree-moved-there", |f| {
        fs::write(f.root("mine"), f.tag()).and_then(|()| fs::rename(f.root("mine"), f.root(".git/config.worktree")))
    }),
    ("git-common-folder", |f| fs::write(f.root(".git/commondir"), f.tag())),
    ("git-common-folder-removed-first", |f| {
        // Where nothing stands in for it there is nothing to remove.
        let _ = fs::remove_file(f.root(".git/commondir"));
        symlink("elsewhere", f.root(".git/commondir"))
    }),
    ("git-hook", |f| fs::write(f.root(".git/hooks/post-commit"), f.tag())),
    ("git-hook-symlink", |f| symlink("/bin/true", f.root(".git/hooks/post-commit"))),
    ("git-hook-unnamed", |f| {
        let file = OpenOptions::new().write(true).custom_flags(libc::O_TMPFILE).open(f.root(""))?;
        let (name, to) = (
            c(format!("/proc/self/fd/{}", file.as_raw_fd())),
            c(f.root(".git/hooks/post-commit")),
        );
        sys(libc::SYS_linkat, [CWD, at(&*name), CWD, at(&*to), libc::AT_SYMLINK_FOLLOW as usize]).map(drop)
    }),
    ("git-hooks-rename", |f| fs::rename(f.root(".git/hooks"), f.root(".git/old-hooks"))),
    ("git-hooks-exchange", |f| {
        fs::create_dir(f.root("mine")).and_then(|()| exchange(&f.root("mine"), &f.root(".git/hooks")))
    }),
    ("git-attributes", |f| {
        fs::create_dir_all(f.root(".git/info")).and_then(|()| fs::write(f.root(".git/info/attributes"), f.tag()))
    }),
    ("git-attributes-folder", |f| {
        let _ = fs::rename(f.root(".git/info"), f.root(".git/old-info"));
        fs::create_dir_all(f.root(".git/info")).and_then(|()| fs::write(f.root(".git/info/attributes"), f.tag()))
    }),
    ("git-alternates", |f| {
        fs::create_dir_all(f.root(".git/objects/info")).and_then(|()| fs::write(f.root(".git/objects/info/alternates"), f.tag()))
    }),
    ("git-alternates-folder", |f| {
        fs::rename(f.root(".git/objects"), f.root(".git/old"))?;
        fs::create_dir_all(f.root(".git/objects/info")).and_then(|()| fs::write(f.root(".git/objects/info/alternates"), f.tag()))
    }),
    ("git-branches", |f| {
        fs::create_dir_all(f.root(".git/branches")).and_then(|()| fs::write(f.root(".git/branches/x"), f.tag()))
    }),
    ("git-remotes", |f| {
        fs::create_dir_all(f.root(".git/remotes")).and_then(|()| fs::write(f.root(".git/remotes/x"), f.tag()))
    }),
    ("git-folder-rename", |f| fs::rename(f.root(".git"), f.root("moved"))),
    ("git-folder-exchange", |f| {
        fs::create_dir_all(f.root("mine/hooks")).and_then(|()| exchange(&f.root("mine"), &f.root(".git")))
    }),
    ("git-folder-remove", |f| fs::remove_dir_all(f.root(".git"))),
    ("git-work-tree", |f| {
        fs::create_dir_all(f.root(".git/worktrees/mine")).and_then(|()| fs::write(f.root(".git/worktrees/mine/commondir"), f.tag()))
    }),
    ("git-module", |f| {
        fs::create_dir_all(f.root(".git/modules/mine/hooks")).and_then(|()| fs::write(f.root(".git/modules/mine/config"), f.tag()))
    }),
    ("git-hook-race", |f| {
        let (hooks, mine) = (f.root(".git/hooks"), f.root("mine"));
        fs::create_dir_all(&mine)?;
        super::races::race(
            || drop(exchange(&hooks, &mine)),
            || fs::write(hooks.join("post-commit"), f.tag()).is_ok(),
        )
    }),
    ("git-object", |f| {
        fs::create_dir_all(f.root(".git/objects/ab")).and_then(|()| fs::write(f.root(".git/objects/ab/cd"), f.tag()))
    }),
    ("git-index", |f| {
        fs::write(f.root(".git/index.lock"), f.tag()).and_then(|()| fs::rename(f.root(".git/index.lock"), f.root(".git/index")))
    }),
    ("git-branch", |f| fs::write(f.root(".git/refs/heads/new"), f.tag())),
    ("git-head", |f| {
        fs::write(f.root(".git/HEAD.lock"), "ref: refs/heads/new\n")
            .and_then(|()| fs::rename(f.root(".git/HEAD.lock"), f.root(".git/HEAD")))
    }),
];
