//! What programs do every day and must be able to do.

use super::{Attempt, at, c, minus, sys};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt, symlink};

pub const ATTEMPTS: &[(&str, Attempt)] = &[
    ("work-write", |f| fs::write(f.inside(""), f.tag())),
    ("work-rename", |f| {
        fs::write(f.inside("-old"), f.tag()).and_then(|()| fs::rename(f.inside("-old"), f.inside("")))
    }),
    ("work-links", |f| {
        fs::write(f.inside("-old"), f.tag())?;
        symlink(f.inside("-old"), f.inside("-link"))?;
        fs::hard_link(f.inside("-link"), f.inside(""))
    }),
    ("work-unnamed", |f| {
        let file = OpenOptions::new()
            .write(true)
            .custom_flags(libc::O_TMPFILE)
            .open(f.base().join("w/in"))?;
        let name = c(format!("/proc/self/fd/{}", file.as_raw_fd()));
        let flags = libc::AT_SYMLINK_FOLLOW as usize;
        sys(libc::SYS_linkat, [super::CWD, at(&*name), super::CWD, at(&*c(f.inside(""))), flags]).map(drop)
    }),
    ("work-modes", |f| {
        fs::write(f.inside(""), f.tag())?;
        fs::set_permissions(f.inside(""), fs::Permissions::from_mode(0o755))?;
        sys(
            libc::SYS_setxattr,
            [at(&*c(f.inside(""))), at(c"user.tag"), at(f.tag()), f.tag().len(), 0],
        )?;
        sys(libc::SYS_utimensat, [super::CWD, at(&*c(f.inside(""))), 0, 0]).map(drop)
    }),
    ("work-fifo", |f| {
        sys(
            libc::SYS_mknodat,
            [super::CWD, at(&*c(f.inside(""))), (libc::S_IFIFO | 0o666) as usize, 0],
        )
        .map(drop)
    }),
    ("work-lock", |f| {
        let file = File::create(f.inside(""))?;
        file.lock()?;
        file.unlock()
    }),
    ("work-map", |f| {
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(true)
            .open(f.inside(""))?;
        file.write_all(f.tag())?;
        let access = (libc::PROT_READ | libc::PROT_WRITE) as usize;
        sys(
            libc::SYS_mmap,
            [0, 4096, access, libc::MAP_SHARED as usize, file.as_raw_fd() as usize, 0],
        )
        .map(drop)
    }),
    ("work-watch", |f| {
        let watcher = sys(libc::SYS_inotify_init1, [0])?;
        sys(
            libc::SYS_inotify_add_watch,
            [watcher, at(&*c(f.base().join("w"))), libc::IN_ALL_EVENTS as usize],
        )
        .map(drop)
    }),
    ("work-threads", |_| {
        let threads: Vec<_> = (0..4).map(|number| std::thread::spawn(move || number)).collect();
        let sum: usize = threads.into_iter().filter_map(|thread| thread.join().ok()).sum();
        if sum == 6 { Ok(()) } else { Err(io::ErrorKind::Other.into()) }
    }),
    ("work-children", |_| {
        let output = std::process::Command::new("/bin/sh")
            .args(["-c", "echo a | cat; exit 3"])
            .output()?;
        if output.status.code() == Some(3) && output.stdout == b"a\n" {
            Ok(())
        } else {
            Err(io::ErrorKind::Other.into())
        }
    }),
    ("work-event-loop", |_| {
        let poll = sys(libc::SYS_epoll_create1, [0])?;
        let timer = sys(libc::SYS_timerfd_create, [1, 0])?;
        let event = sys(libc::SYS_eventfd2, [0, 0])?;
        let interest = [1_u32, 0, 0];
        for source in [timer, event] {
            sys(libc::SYS_epoll_ctl, [poll, 1, source, at(&interest)])?;
        }
        sys(libc::SYS_write, [event, at(&1_u64), 8])?;
        let mut ready = [0_u32; 12];
        sys(libc::SYS_epoll_pwait, [poll, (&raw mut ready).expose_provenance(), 4, 100, 0, 0]).map(drop)
    }),
    ("work-signals", |_| {
        let mask = 1_u64 << (libc::SIGUSR1 - 1);
        sys(libc::SYS_rt_sigprocmask, [0, at(&mask), 0, 8])?;
        sys(libc::SYS_signalfd4, [minus(1), at(&mask), 8, 0]).map(drop)
    }),
    ("work-session", |_| super::in_child(|| sys(libc::SYS_setsid, []).map(drop))),
    ("work-own-limits", |_| {
        super::in_child(|| {
            let limit = [64_u64, 64];
            sys(libc::SYS_prlimit64, [0, libc::RLIMIT_NOFILE as usize, at(&limit), 0])?;
            sys(libc::SYS_setpriority, [0, 0, 5]).map(drop)
        })
    }),
    ("work-robust-locks", |_| {
        let mut head = [0_usize; 3];
        head[0] = at(&head);
        sys(libc::SYS_set_robust_list, [at(&head), 24])?;
        // A membarrier query and a restartable sequence: what C libraries do at start.
        sys(libc::SYS_membarrier, [0, 0, 0]).map(drop)
    }),
];
