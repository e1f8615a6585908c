//! Writing outside of the writable roots, by every name and way there is.

use super::{Attempt, CWD, Field, at, c, minus, sys};
use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::fd::{AsRawFd, FromRawFd};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt, symlink};
use std::path::Path;

pub const ATTEMPTS: &[(&str, Attempt)] = &[
    ("file-create", |f| fs::write(f.out("new"), f.tag())),
    ("file-create-relative", |f| fs::write(format!("../out/{}/new", f.id), f.tag())),
    ("file-overwrite", |f| fs::write(f.there(), f.tag())),
    ("file-append", |f| {
        OpenOptions::new().append(true).open(f.there())?.write_all(f.tag())
    }),
    ("file-truncate", |f| sys(libc::SYS_truncate, [at(&*c(f.there())), 0]).map(drop)),
    ("file-open-truncate", |f| {
        OpenOptions::new().read(true).custom_flags(libc::O_TRUNC).open(f.there()).map(drop)
    }),
    ("file-unlink", |f| fs::remove_file(f.there())),
    ("file-rmdir", |f| fs::remove_dir(f.out("folder"))),
    ("file-mkdir", |f| fs::create_dir(f.out("new"))),
    ("file-symlink-create", |f| symlink("anywhere", f.out("new"))),
    ("file-hard-link-create", |f| fs::hard_link(f.there(), f.out("new"))),
    ("file-fifo", |f| mknod(&f.out("new"), libc::S_IFIFO)),
    ("file-socket-node", |f| mknod(&f.out("new"), libc::S_IFSOCK)),
    ("file-mknod-regular", |f| mknod(&f.out("new"), libc::S_IFREG)),
    ("file-chmod", |f| fs::set_permissions(f.there(), Permissions::from_mode(0o600))),
    ("file-fchmod", |f| {
        File::open(f.there())?.set_permissions(Permissions::from_mode(0o600))
    }),
    ("file-chmod-symlink", |f| {
        symlink(f.there(), f.inside("")).and_then(|()| fs::set_permissions(f.inside(""), Permissions::from_mode(0o600)))
    }),
    ("file-chmod-own-descriptor", |f| {
        let file = OpenOptions::new().read(true).custom_flags(libc::O_PATH).open(f.there())?;
        fs::set_permissions(format!("/proc/self/fd/{}", file.as_raw_fd()), Permissions::from_mode(0o600))
    }),
    ("file-chmod-foreign-folder", |f| {
        let parent = std::os::unix::process::parent_id();
        let there = format!("/proc/{parent}/cwd/../out/{}/there", f.id);
        fs::set_permissions(there, Permissions::from_mode(0o600))
    }),
    ("file-fchmodat2", |f| {
        sys(FCHMODAT2, [CWD, at(&*c(f.there())), 0o600, libc::AT_SYMLINK_NOFOLLOW as usize]).map(drop)
    }),
    ("file-chown", |f| {
        sys(libc::SYS_fchownat, [CWD, at(&*c(f.there())), user(), minus(1), 0]).map(drop)
    }),
    ("file-fchown", |f| {
        sys(libc::SYS_fchown, [number(&File::open(f.there())?), user(), minus(1)]).map(drop)
    }),
    ("file-times", |f| {
        sys(libc::SYS_utimensat, [CWD, at(&*c(f.there())), 0, 0]).map(drop)
    }),
    ("file-times-descriptor", |f| {
        sys(libc::SYS_utimensat, [number(&File::open(f.there())?), 0, 0, 0]).map(drop)
    }),
    ("file-xattr", |f| {
        sys(
            libc::SYS_setxattr,
            [at(&*c(f.there())), at(c"user.tag"), at(f.tag()), f.tag().len(), 0],
        )
        .map(drop)
    }),
    ("file-xattr-descriptor", |f| {
        let file = File::open(f.there())?;
        sys(libc::SYS_fsetxattr, [number(&file), at(c"user.tag"), at(f.tag()), f.tag().len(), 0]).map(drop)
    }),
    ("file-xattr-remove", |f| {
        sys(libc::SYS_removexattr, [at(&*c(f.there())), at(c"user.old")]).map(drop)
    }),
    ("file-inode-flags", |f| inode_flags(f)),
    ("file-inode-project", |f| inode_project(f)),
    ("file-inode-version", |f| inode_version(f)),
    ("file-fallocate", |f| {
        sys(libc::SYS_fallocate, [number(&for_writing(&f.there())?), 0, 0, 8192]).map(drop)
    }),
    ("file-map-shared", |f| map_shared(f)),
    ("file-write-vector", |f| {
        let vector = [f.tag().as_ptr().addr(), f.tag().len()];
        sys(libc::SYS_pwritev2, [number(&for_writing(&f.there())?), at(&vector), 1, 0, 0, 0]).map(drop)
    }),
    ("file-splice", |f| {
        let (reader, mut writer) = io::pipe()?;
        writer.write_all(f.tag())?;
        let file = for_writing(&f.there())?;
        sys(
            libc::SYS_splice,
            [reader.as_raw_fd() as usize, 0, number(&file), 0, f.tag().len(), 0],
        )
        .map(drop)
    }),
    ("file-vmsplice", |f| {
        let (reader, writer) = io::pipe()?;
        let vector = [f.tag().as_ptr().addr(), f.tag().len()];
        sys(libc::SYS_vmsplice, [writer.as_raw_fd() as usize, at(&vector), 1, 0])?;
        drop(writer);
        io::copy(&mut { reader }, &mut for_writing(&f.there())?).map(drop)
    }),
    ("file-sendfile", |f| {
        let (source, target) = (File::open(f.out("other"))?, for_writing(&f.there())?);
        sys(libc::SYS_sendfile, [number(&target), number(&source), 0, 4]).map(drop)
    }),
    ("file-copy-range", |f| {
        let (source, target) = (File::open(f.out("other"))?, for_writing(&f.there())?);
        sys(libc::SYS_copy_file_range, [number(&source), 0, number(&target), 0, 5, 0]).map(drop)
    }),
    ("file-clone", |f| {
        let (source, target) = (File::open(f.out("other"))?, for_writing(&f.there())?);
        sys(libc::SYS_ioctl, [number(&target), libc::FICLONE as usize, number(&source)]).map(drop)
    }),
    ("file-rename-away", |f| fs::rename(f.there(), f.inside(""))),
    ("file-rename-there", |f| {
        fs::write(f.inside(""), f.tag()).and_then(|()| fs::rename(f.inside(""), f.there()))
    }),
    ("file-rename-within", |f| fs::rename(f.there(), f.out("moved"))),
    ("file-rename-exchange", |f| exchange(&f.there(), &f.out("other"))),
    ("file-rename-whiteout", |f| {
        sys(
            libc::SYS_renameat2,
            [
                CWD,
                at(&*c(f.there())),
                CWD,
                at(&*c(f.out("moved"))),
                libc::RENAME_WHITEOUT as usize,
            ],
        )
        .map(drop)
    }),
    ("file-through-symlink", |f| {
        symlink(f.there(), f.inside("")).and_then(|()| fs::write(f.inside(""), f.tag()))
    }),
    ("file-through-folder-link", |f| {
        symlink(f.out(""), f.inside("")).and_then(|()| fs::write(f.inside("/new"), f.tag()))
    }),
    ("file-through-old-link", |f| {
        fs::write(f.base().join("w/old-link").join(f.id).join("new"), f.tag())
    }),
    ("file-through-hard-link", |f| {
        fs::hard_link(f.there(), f.inside("")).and_then(|()| fs::write(f.inside(""), f.tag()))
    }),
    ("file-through-process-root", |f| {
        fs::write(below("/proc/self/root", &f.there()), f.tag())
    }),
    ("file-through-thread-root", |f| {
        fs::write(below("/proc/thread-self/root", &f.there()), f.tag())
    }),
    ("file-through-init-root", |f| {
        fs::write(below(&format!("/proc/{}/root", f.init()?), &f.there()), f.tag())
    }),
    ("file-through-process-cwd", |f| {
        fs::write(format!("/proc/self/cwd/../out/{}/new", f.id), f.tag())
    }),
    ("file-through-parent-cwd", |f| {
        fs::write(
            format!("/proc/{}/cwd/../out/{}/new", std::os::unix::process::parent_id(), f.id),
            f.tag(),
        )
    }),
    ("file-reopen-descriptor", |f| reopen(&File::open(f.there())?, f.tag())),
    ("file-reopen-path-descriptor", |f| {
        reopen(&OpenOptions::new().read(true).custom_flags(libc::O_PATH).open(f.there())?, f.tag())
    }),
    ("file-reopen-dev-fd", |f| {
        let file = File::open(f.there())?;
        fs::write(format!("/dev/fd/{}", file.as_raw_fd()), f.tag())
    }),
    ("file-folder-descriptor", |f| {
        let folder = OpenOptions::new()
            .read(true)
            .custom_flags(libc::O_PATH | libc::O_DIRECTORY)
            .open(f.out(""))?;
        let flags = (libc::O_CREAT | libc::O_WRONLY) as usize;
        sys(libc::SYS_openat, [number(&folder), at(c"new"), flags, 0o666]).map(drop)
    }),
    ("file-openat2", |f| {
        let how = [(libc::O_CREAT | libc::O_WRONLY) as u64, 0o666, 0];
        sys(libc::SYS_openat2, [CWD, at(&*c(f.out("new"))), at(&how), size_of_val(&how)]).map(drop)
    }),
    ("file-unnamed-there", |f| {
        let file = OpenOptions::new().write(true).custom_flags(libc::O_TMPFILE).open(f.out(""))?;
        link_unnamed(&file, &f.out("new"))
    }),
    ("file-unnamed-here", |f| {
        let file = OpenOptions::new()
            .write(true)
            .custom_flags(libc::O_TMPFILE)
            .open(f.base().join("w"))?;
        link_unnamed(&file, &f.out("new"))
    }),
    ("file-handle", |f| by_handle(f)),
    ("file-codex-home", |f| fs::write(f.base().join("home").join(&f.tag), f.tag())),
    ("file-var-tmp", |f| fs::write(format!("/var/tmp/{}", f.tag), f.tag())),
    ("file-slash-tmp", |f| fs::write(format!("/tmp/{}", f.tag), f.tag())),
    ("file-run", |f| fs::write(format!("/run/{}", f.tag), f.tag())),
    ("file-host-shm", |f| fs::write(format!("/dev/shm/{}", f.tag), f.tag())),
    ("file-device-folder", |f| fs::write(format!("/dev/{}", f.tag), f.tag())),
    ("file-root-folder", |f| fs::write(format!("/{}", f.tag), f.tag())),
    ("file-cgroup", |f| fs::create_dir(Path::new(f.value("cgroup")?).join(&f.tag))),
    ("file-sys", |_| super::proc::rewrite("/sys/kernel/mm/ksm/sleep_millisecs")),
    ("file-quota", |_| {
        const SYNC: usize = 0x80_0001 << 8;
        sys(libc::SYS_quotactl, [SYNC, 0, 0, 0]).map(drop)
    }),
    ("file-fanotify", |f| fanotify(f)),
    ("file-named-pipe", |f| {
        OpenOptions::new()
            .write(true)
            .custom_flags(libc::O_NONBLOCK)
            .open(f.base().join("listen/pipe"))?
            .write_all(f.tag())
    }),
    ("file-lock", |f| {
        sys(libc::SYS_flock, [number(&File::open(f.there())?), libc::LOCK_EX as usize]).map(drop)
    }),
    ("file-lease", |f| {
        let file = File::open(f.there())?;
        sys(libc::SYS_fcntl, [number(&file), libc::F_SETLEASE as usize, libc::F_RDLCK as usize]).map(drop)
    }),
    ("file-watch", |f| {
        let watcher = sys(libc::SYS_inotify_init1, [0])?;
        sys(
            libc::SYS_inotify_add_watch,
            [watcher, at(&*c(f.out(""))), libc::IN_ALL_EVENTS as usize],
        )
        .map(drop)
    }),
    ("file-read", |f| {
        f.say(fs::read(f.there())?);
        Ok(())
    }),
];

/// As everywhere; not every version of `libc` has the name.
const FCHMODAT2: i64 = 452;

fn number(file: &File) -> usize {
    file.as_raw_fd().cast_unsigned() as usize
}

fn user() -> usize {
    rustix::process::geteuid().as_raw() as usize
}

fn for_writing(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).open(path)
}

fn below(root: &str, path: &Path) -> String {
    format!("{root}{}", path.display())
}

fn mknod(path: &Path, kind: libc::mode_t) -> io::Result<()> {
    sys(libc::SYS_mknodat, [CWD, at(&*c(path)), (kind | 0o666) as usize, 0]).map(drop)
}

pub fn exchange(one: &Path, other: &Path) -> io::Result<()> {
    sys(
        libc::SYS_renameat2,
        [CWD, at(&*c(one)), CWD, at(&*c(other)), libc::RENAME_EXCHANGE as usize],
    )
    .map(drop)
}

pub fn reopen(file: &File, text: &[u8]) -> io::Result<()> {
    OpenOptions::new()
        .write(true)
        .open(format!("/proc/self/fd/{}", file.as_raw_fd()))?
        .write_all(text)
}

fn link_unnamed(file: &File, to: &Path) -> io::Result<()> {
    let name = c(format!("/proc/self/fd/{}", file.as_raw_fd()));
    sys(
        libc::SYS_linkat,
        [CWD, at(&*name), CWD, at(&*c(to)), libc::AT_SYMLINK_FOLLOW as usize],
    )
    .map(drop)
}

fn map_shared(field: &Field) -> io::Result<()> {
    let file = for_writing(&field.there())?;
    let (access, sharing) = ((libc::PROT_READ | libc::PROT_WRITE) as usize, libc::MAP_SHARED as usize);
    let address = sys(libc::SYS_mmap, [0, 4096, access, sharing, number(&file), 0])?;
    // SAFETY: the kernel just gave us this page to write to, and the file has at least one byte.
    unsafe { std::ptr::with_exposed_provenance_mut::<u8>(address).write_volatile(b'!') };
    sys(libc::SYS_msync, [address, 4096, libc::MS_SYNC as usize]).map(drop)
}

/// Flags can be set through a file that is open for reading only.
fn inode_flags(field: &Field) -> io::Result<()> {
    const GET: usize = 0x8008_6601;
    const SET: usize = 0x4008_6602;
    const NO_DUMP: u64 = 0x40;
    let (file, mut flags) = (File::open(field.there())?, 0_u64);
    sys(libc::SYS_ioctl, [number(&file), GET, (&raw mut flags).expose_provenance()])?;
    flags ^= NO_DUMP;
    sys(libc::SYS_ioctl, [number(&file), SET, at(&flags)]).map(drop)
}

fn inode_project(field: &Field) -> io::Result<()> {
    const GET: usize = 0x801c_581f;
    const SET: usize = 0x401c_5820;
    const NO_ACCESS_TIME: u32 = 0x40;
    let (file, mut attributes) = (File::open(field.there())?, [0_u32; 7]);
    sys(libc::SYS_ioctl, [number(&file), GET, (&raw mut attributes).expose_provenance()])?;
    attributes[0] ^= NO_ACCESS_TIME;
    sys(libc::SYS_ioctl, [number(&file), SET, at(&attributes)]).map(drop)
}

fn inode_version(field: &Field) -> io::Result<()> {
    const SET: usize = 0x4008_7602;
    let file = File::open(field.there())?;
    sys(libc::SYS_ioctl, [number(&file), SET, at(&7_u64)]).map(drop)
}

/// Past every mount: by the number of the file.
fn by_handle(field: &Field) -> io::Result<()> {
    let mut handle = [0_u32; 40];
    handle[0] = 128;
    let (handle_at, mut mount) = ((&raw mut handle).expose_provenance(), 0_i32);
    sys(
        libc::SYS_name_to_handle_at,
        [CWD, at(&*c(field.there())), handle_at, (&raw mut mount).expose_provenance(), 0],
    )?;
    let anchor = File::open(field.base().join("w"))?;
    let opened = sys(libc::SYS_open_by_handle_at, [number(&anchor), handle_at, libc::O_RDWR as usize])?;
    // SAFETY: the kernel just gave us this descriptor.
    unsafe { File::from_raw_fd(i32::try_from(opened).unwrap_or(-1)) }.write_all(field.tag())
}

/// Permission events would let us stop everybody else.
fn fanotify(field: &Field) -> io::Result<()> {
    let watcher = sys(libc::SYS_fanotify_init, [0, 0]).or_else(|_| sys(libc::SYS_fanotify_init, [0x200, 0]))?;
    const ADD: usize = 1;
    const OPENED: usize = 0x20;
    sys(libc::SYS_fanotify_mark, [watcher, ADD, OPENED, CWD, at(&*c(field.there()))]).map(drop)
}
