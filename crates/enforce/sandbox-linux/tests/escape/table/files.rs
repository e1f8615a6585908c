use super::{ALL, Effect, Probe, WRITING, answer, file, row};

pub const OUTSIDE: &[Probe] = &[
    file("file-create", "create a file by its absolute path"),
    file("file-create-relative", "create a file through `..`"),
    file("file-overwrite", "overwrite a file"),
    file("file-append", "append to a file"),
    file("file-truncate", "`truncate` by path"),
    file("file-open-truncate", "open for reading with `O_TRUNC`"),
    file("file-unlink", "remove a file"),
    file("file-rmdir", "remove a folder"),
    file("file-mkdir", "make a folder"),
    file("file-symlink-create", "make a symbolic link"),
    file("file-hard-link-create", "make a hard link"),
    file("file-fifo", "make a named pipe"),
    file("file-socket-node", "make a socket with `mknod`"),
    file("file-mknod-regular", "make a file with `mknod`"),
    file("file-chmod", "`chmod`"),
    file("file-fchmod", "`fchmod` on a file open for reading"),
    file("file-chmod-symlink", "`chmod` through a new symbolic link"),
    file(
        "file-chmod-own-descriptor",
        "`chmod` through `/proc/self/fd` and an `O_PATH` descriptor",
    ),
    file("file-chmod-foreign-folder", "`chmod` through the current folder of the parent"),
    file("file-fchmodat2", "`fchmodat2`"),
    file("file-chown", "`chown`"),
    file("file-fchown", "`fchown` on a file open for reading"),
    file("file-times", "set the times by path"),
    file("file-times-descriptor", "set the times of a file open for reading"),
    file("file-xattr", "set an extended attribute by path"),
    file("file-xattr-descriptor", "set an extended attribute of a file open for reading"),
    file("file-xattr-remove", "remove an extended attribute"),
    file("file-inode-flags", "set inode flags of a file open for reading")
        .with("a file system with inode flags under the temporary folder"),
    file("file-inode-project", "set extended inode flags of a file open for reading")
        .with("a file system with inode flags under the temporary folder"),
    file("file-inode-version", "set the inode version of a file open for reading")
        .with("a file system with inode versions under the temporary folder"),
    file("file-fallocate", "`fallocate`"),
    file("file-map-shared", "write into a shared mapping"),
    file("file-write-vector", "`pwritev2`"),
    file("file-splice", "`splice` from a pipe"),
    file("file-vmsplice", "`vmsplice` and copy"),
    file("file-sendfile", "`sendfile`"),
    file("file-copy-range", "`copy_file_range`"),
    file("file-clone", "share blocks with `FICLONE`").with("a file system that shares blocks under the temporary folder"),
    file("file-rename-away", "move a file into the workspace"),
    file("file-rename-there", "move a file over one outside"),
    file("file-rename-within", "rename a file outside"),
    file("file-rename-exchange", "exchange two files outside"),
    file("file-rename-whiteout", "rename and leave a whiteout"),
    file("file-through-symlink", "write through a new symbolic link to a file"),
    file("file-through-folder-link", "create through a new symbolic link to a folder"),
    file("file-through-old-link", "create through a symbolic link that was there before"),
    file("file-through-hard-link", "write through a new hard link in the workspace"),
    file("file-through-process-root", "write through `/proc/self/root`"),
    file("file-through-thread-root", "write through `/proc/thread-self/root`"),
    file("file-through-init-root", "write through the root of the sandbox's first process"),
    file("file-through-process-cwd", "create through `/proc/self/cwd/..`"),
    file("file-through-parent-cwd", "create through the current folder of the parent"),
    file(
        "file-reopen-descriptor",
        "open for reading, then again for writing through `/proc/self/fd`",
    ),
    file("file-reopen-path-descriptor", "the same from an `O_PATH` descriptor"),
    file("file-reopen-dev-fd", "the same through `/dev/fd`"),
    file("file-folder-descriptor", "create relative to a folder's descriptor"),
    file("file-openat2", "create with `openat2`"),
    file("file-unnamed-there", "give a name to an unnamed file made outside")
        .with("a file system with unnamed files under the temporary folder"),
    file("file-unnamed-here", "give a name outside to an unnamed file of the workspace")
        .with("a file system with unnamed files under the temporary folder"),
    file("file-handle", "open by file handle, past every mount").root(),
    row("file-codex-home", "create a file in the home of codex", Effect::Named),
    row("file-var-tmp", "create a file in `/var/tmp`", Effect::Named),
    row("file-slash-tmp", "create a file in a `/tmp` that is no root", Effect::Named),
    row("file-run", "create a file in `/run`", Effect::Named).root(),
    row("file-host-shm", "create a file in the host's `/dev/shm`", Effect::Named),
    row("file-device-folder", "create a file in the host's `/dev`", Effect::Named).root(),
    row("file-root-folder", "create a file in `/`", Effect::Named).root(),
    row("file-cgroup", "make a control group", Effect::Named)
        .root()
        .with("a writable cgroup v2 tree"),
    answer("file-sys", "write a setting below `/sys`")
        .root()
        .with("kernel samepage merging"),
    answer("file-quota", "`quotactl`").with("quotas in the kernel"),
    answer("file-fanotify", "watch everybody with `fanotify`"),
    row("file-named-pipe", "write into a named pipe of the host", Effect::Arrived),
    answer("file-lock", "take an advisory lock on a file that can be read")
        .allowed(ALL, "reading a file includes locking it, as for every user"),
    answer(
        "file-lease",
        "take a lease on an own file, which everybody who wants to write it waits for",
    ),
    answer("file-watch", "watch a folder with `inotify`").allowed(ALL, "everything can be read"),
    row("file-read", "read a file outside", Effect::Answer).allowed(ALL, "everything can be read"),
];

const fn protected(id: &'static str, what: &'static str) -> Probe {
    row(id, what, Effect::Protected)
}

pub const PROTECTED: &[Probe] = &[
    protected("meta-git-append", "append to `.git/config`"),
    protected("meta-git-hook", "create a hook"),
    protected("meta-git-hook-executable", "make a sample hook executable"),
    protected("meta-git-attributes", "create `.git/info`"),
    protected("meta-git-unlink", "remove `.git/config`"),
    protected("meta-git-truncate", "truncate `.git/config`"),
    protected("meta-git-remove", "remove `.git`"),
    protected("meta-git-rename", "rename `.git`"),
    protected("meta-git-replace", "exchange `.git` with an own folder"),
    protected("meta-git-rename-over", "rename `.git` and put another one there"),
    protected("meta-git-config-over", "move a file over `.git/config`"),
    protected("meta-git-hard-link", "write through a new hard link to `.git/config`"),
    protected("meta-git-symlink", "write through a new symbolic link to `.git`"),
    protected("meta-git-through-cwd", "write through `/proc/self/cwd`"),
    protected("meta-git-through-root", "write through `/proc/self/root`"),
    protected("meta-git-reopen", "open `.git/config` for reading, then again for writing"),
    protected("meta-git-folder-descriptor", "write relative to a descriptor of `.git`"),
    protected("meta-git-chmod", "`chmod` `.git`"),
    protected("meta-git-chmod-descriptor", "`fchmod` `.git/config`, open for reading"),
    protected("meta-git-config-exchange", "exchange `.git/config` with an own file"),
    protected("meta-git-times", "set the times of `.git/config`"),
    protected("meta-git-xattr", "set an extended attribute of `.git`"),
    protected("meta-git-inode-flags", "set inode flags of `.git/config`").with("a file system with inode flags under the temporary folder"),
    protected("meta-git-unnamed", "give an unnamed file the name of a hook")
        .with("a file system with unnamed files under the temporary folder"),
    protected("meta-git-upper-case", "write `.GIT/config`").with("a file system that ignores case under the temporary folder"),
    protected(
        "meta-git-old-hard-link",
        "write through a hard link to `.git/config` that was there before",
    )
    .allowed(WRITING, "a known limit: the link is an ordinary file of the workspace"),
    protected(
        "meta-git-file",
        "make a `.git` file that points elsewhere, where there is no `.git`",
    ),
    protected("meta-worktree-hook", "create a hook in the repository that a `.git` file points to"),
    protected("meta-worktree-rename", "rename the folder above that repository"),
    protected("meta-parent-rename", "rename a folder above a nested root"),
    protected("meta-parent-replace", "exchange a folder above a nested root"),
    protected("meta-root-rename", "rename the root itself"),
    protected("meta-codex-create", "make `.codex`"),
    protected("meta-codex-fill", "make `.codex/config.toml`"),
    protected("meta-codex-file", "make `.codex` as a file"),
    protected("meta-codex-symlink", "make `.codex` as a symbolic link"),
    protected("meta-codex-hard-link", "make `.codex` as a hard link"),
    protected("meta-codex-fifo", "make `.codex` as a named pipe"),
    protected("meta-codex-rename-there", "rename an own folder to `.codex`"),
    protected("meta-codex-remove-first", "remove what stands in for `.codex`, then make it"),
    protected("meta-codex-move-first", "rename what stands in for `.codex`, then make it"),
    protected("meta-codex-chmod-first", "open what stands in for `.codex`, then fill it"),
    protected("meta-agents-create", "make `.agents/skills`"),
    protected("meta-aws-create", "make `.aws`"),
    protected("meta-aws-relative", "make `.aws` relative to a folder's descriptor"),
    protected("meta-owner", "`chown` `.git/config`"),
    row("meta-deep-names", "make `sub/.git` and `sub/.codex`", Effect::Made).allowed(WRITING, "only the top of a root is protected"),
];

pub const RACES: &[Probe] = &[
    file("race-symlink", "create in a folder that is being exchanged with a symbolic link"),
    file("race-symlink-file", "write a file that is being exchanged with a symbolic link"),
    file("race-symlink-mode", "`chmod` a file that is being exchanged with a symbolic link"),
    row(
        "race-memory",
        "create at a path whose text is being changed in memory",
        Effect::Protected,
    ),
    file("race-parent", "go up by `..` from a folder that is being moved"),
    row("race-git", "create a hook while `.git` is being exchanged", Effect::Protected),
    row(
        "race-git-symlink",
        "create a hook through a name that is being exchanged with a symbolic link",
        Effect::Protected,
    ),
    row(
        "race-stand-in",
        "fill `.codex` while it is being removed and made",
        Effect::Protected,
    ),
    row(
        "race-stand-in-rename",
        "rename onto `.agents` while it is being moved away",
        Effect::Protected,
    ),
];

pub const DEVICES: &[Probe] = &[
    answer("device-disk", "open the host's disk").root().with("a root with every right"),
    answer("device-disk-node", "make a node for the disk in the workspace and open it")
        .root()
        .with("a root with every right"),
    answer("device-char-node", "make a node for the kernel's log in the workspace and open it").root(),
    answer("device-kmsg", "open `/dev/kmsg`").root(),
    answer("device-kvm", "open `/dev/kvm`").root().with("hardware virtualization"),
    answer("device-fuse", "open `/dev/fuse`").root().with("FUSE"),
    answer("device-tun", "open `/dev/net/tun`").with("the tun device"),
    answer("device-loop-control", "open `/dev/loop-control`")
        .root()
        .with("loop devices"),
    answer("device-loop", "open `/dev/loop0`").root().with("loop devices"),
    answer("device-userfaultfd", "open `/dev/userfaultfd`")
        .root()
        .with("the userfaultfd device"),
    answer("device-vsock", "open `/dev/vsock`").with("sockets of virtual machines"),
    answer("device-mem", "open `/dev/mem`")
        .root()
        .with("a kernel that offers its memory"),
    answer("device-screen", "read the screen of the console").root().with("a console"),
    answer("device-console-keys", "`TIOCLINUX` on a console").root().with("a console"),
    answer("device-old-terminal", "open a terminal of the host by its path"),
    row(
        "device-keystrokes",
        "type into a terminal of the host with `TIOCSTI`",
        Effect::Arrived,
    )
    .with("a kernel that still has `TIOCSTI`"),
    answer("device-line-discipline", "change what a terminal's bytes mean to the kernel"),
    answer("device-own-keystrokes", "type into an own terminal").with("a kernel that still has `TIOCSTI`"),
    answer("device-harmless", "use `/dev/null`, `/dev/zero`, `/dev/urandom`").allowed(ALL, "harmless, and needed everywhere"),
    answer("device-new-terminal", "make a pseudo-terminal").allowed(ALL, "from a private `/dev/pts`"),
];
