//! What only the owner of the machine may do. Arguments are such that nothing changes where it is allowed.

use super::kernel::looked_at;
use super::{Attempt, at, c, sys};
use std::fs;

pub const ATTEMPTS: &[(&str, Attempt)] = &[
    ("root-hostname", |_| {
        let name = fs::read_to_string("/proc/sys/kernel/hostname")?;
        sys(libc::SYS_sethostname, [at(name.trim_end()), name.trim_end().len()]).map(drop)
    }),
    ("root-domain-name", |_| {
        let name = fs::read_to_string("/proc/sys/kernel/domainname")?;
        sys(libc::SYS_setdomainname, [at(name.trim_end()), name.trim_end().len()]).map(drop)
    }),
    // A wrong magic number: the right to is checked first.
    ("root-reboot", |_| looked_at(sys(libc::SYS_reboot, [0, 0, 0, 0]), libc::EINVAL)),
    ("root-swap-on", |_| {
        looked_at(sys(libc::SYS_swapon, [at(c"/nowhere"), 0]), libc::ENOENT)
    }),
    ("root-swap-off", |_| {
        looked_at(sys(libc::SYS_swapoff, [at(c"/nowhere")]), libc::ENOENT)
    }),
    ("root-accounting", |_| {
        looked_at(sys(libc::SYS_acct, [at(c"/nowhere")]), libc::ENOENT)
    }),
    ("root-time", |_| sys(libc::SYS_settimeofday, [0, 0]).map(drop)),
    ("root-clock-tune", |_| {
        const ESTIMATED_ERROR: u32 = 8;
        let mut state = [0_u64; 26];
        sys(libc::SYS_adjtimex, [(&raw mut state).expose_provenance()])?;
        state[0] = u64::from(ESTIMATED_ERROR);
        sys(libc::SYS_adjtimex, [(&raw mut state).expose_provenance()]).map(drop)
    }),
    ("root-kernel-log", |_| {
        const READ_ALL: usize = 3;
        let mut log = [0_u8; 64];
        sys(libc::SYS_syslog, [READ_ALL, (&raw mut log).expose_provenance(), log.len()]).map(drop)
    }),
    ("root-module-load", |_| {
        looked_at(sys(libc::SYS_init_module, [0, 0, at(c"")]), libc::ENOEXEC)
    }),
    ("root-module-unload", |_| {
        looked_at(sys(libc::SYS_delete_module, [at(c"nothing_of_this_name"), 0x800]), libc::ENOENT)
    }),
    ("root-new-kernel", |_| {
        looked_at(sys(libc::SYS_kexec_load, [0, 0, 0, 0]), libc::EINVAL)
    }),
    ("root-ports", |_| {
        let number = if cfg!(target_arch = "x86_64") { 173 } else { -1 };
        sys(number, [0x80, 1, 1]).map(drop)
    }),
    ("root-all-ports", |_| {
        let number = if cfg!(target_arch = "x86_64") { 172 } else { -1 };
        sys(number, [3]).map(drop)
    }),
    ("root-user", |_| super::in_child(|| sys(libc::SYS_setuid, [12345]).map(drop))),
    ("root-group", |_| super::in_child(|| sys(libc::SYS_setgid, [12345]).map(drop))),
    ("root-groups", |_| {
        super::in_child(|| sys(libc::SYS_setgroups, [1, at(&12345_u32)]).map(drop))
    }),
    ("root-file-owner", |f| {
        fs::write(f.inside(""), "x")?;
        sys(libc::SYS_fchownat, [super::CWD, at(&*c(f.inside(""))), 12345, 12345, 0]).map(drop)
    }),
    ("root-capabilities", |_| {
        // What was dropped cannot be taken again.
        let header = [0x2008_0522_u32, 0];
        let all = [0x1ff, 0x1ff, 0, 0, 0, 0];
        sys(libc::SYS_capset, [at(&header), at(&all)]).map(drop)
    }),
    ("root-priority", |_| {
        super::in_child(|| sys(libc::SYS_setpriority, [0, 0, super::minus(1)]).map(drop))
    }),
    ("root-realtime", |_| {
        const FIFO: usize = 1;
        super::in_child(|| sys(libc::SYS_sched_setscheduler, [0, FIFO, at(&1_u64)]).map(drop))
    }),
    ("root-more-files", |_| {
        super::in_child(|| {
            let mut limit = [0_u64; 2];
            let files = libc::RLIMIT_NOFILE as usize;
            sys(libc::SYS_prlimit64, [0, files, 0, (&raw mut limit).expose_provenance()])?;
            limit[1] += 1;
            sys(libc::SYS_prlimit64, [0, files, at(&limit), 0]).map(drop)
        })
    }),
    ("root-core-dumps", |_| {
        super::in_child(|| {
            let limit = [u64::MAX; 2];
            sys(libc::SYS_prlimit64, [0, libc::RLIMIT_CORE as usize, at(&limit), 0]).map(drop)
        })
    }),
    ("root-set-user", |f| {
        fs::write(f.inside(""), "x")?;
        sys(libc::SYS_fchmodat, [super::CWD, at(&*c(f.inside(""))), 0o4755]).map(drop)
    }),
    ("root-set-user-descriptor", |f| {
        let file = fs::File::create(f.inside(""))?;
        sys(libc::SYS_fchmod, [std::os::fd::AsRawFd::as_raw_fd(&file) as usize, 0o4755]).map(drop)
    }),
    ("root-set-user-created", |f| {
        let flags = (libc::O_CREAT | libc::O_WRONLY) as usize;
        sys(libc::SYS_openat, [super::CWD, at(&*c(f.inside(""))), flags, 0o4755]).map(drop)
    }),
    ("root-set-user-openat2", |f| {
        let how = [(libc::O_CREAT | libc::O_WRONLY) as u64, 0o4755, 0];
        sys(libc::SYS_openat2, [super::CWD, at(&*c(f.inside(""))), at(&how), size_of_val(&how)]).map(drop)
    }),
    ("root-set-user-node", |f| {
        sys(
            libc::SYS_mknodat,
            [super::CWD, at(&*c(f.inside(""))), (libc::S_IFREG | 0o4755) as usize, 0],
        )
        .map(drop)
    }),
    ("root-set-group", |f| {
        fs::create_dir(f.inside(""))?;
        sys(libc::SYS_fchmodat, [super::CWD, at(&*c(f.inside(""))), 0o2775]).map(drop)
    }),
    ("root-trusted-attribute", |f| {
        fs::write(f.inside(""), "x")?;
        sys(
            libc::SYS_setxattr,
            [at(&*c(f.inside(""))), at(c"trusted.tag"), at(f.tag()), f.tag().len(), 0],
        )
        .map(drop)
    }),
    ("root-file-capability", |f| {
        fs::write(f.inside(""), "x")?;
        let raw_network = [0x0200_0001_u32, 1 << 13, 0, 0, 0];
        let size = size_of_val(&raw_network);
        sys(
            libc::SYS_setxattr,
            [at(&*c(f.inside(""))), at(c"security.capability"), at(&raw_network), size, 0],
        )
        .map(drop)
    }),
];
