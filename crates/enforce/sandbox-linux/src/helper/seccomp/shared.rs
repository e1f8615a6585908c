//! What is refused besides where a command shares the host's namespaces and mounts: whatever reaches files without opening them, and other
//! processes of the same user without a signal. Landlock sees none of these.

use super::{Argument, Call, FCHMODAT2, is_not};

/// As in every architecture; not every version of `libc` has the names.
const SETXATTRAT: i64 = 463;
const REMOVEXATTRAT: i64 = 466;

pub(super) const CALLS: &[Call] = &[
    // Of a file, wherever it lies.
    (libc::SYS_fchmod, &[]),
    (libc::SYS_fchmodat, &[]),
    (FCHMODAT2, &[]),
    (libc::SYS_fchown, &[]),
    (libc::SYS_fchownat, &[]),
    (libc::SYS_utimensat, &[]),
    (libc::SYS_setxattr, &[]),
    (libc::SYS_lsetxattr, &[]),
    (libc::SYS_fsetxattr, &[]),
    (SETXATTRAT, &[]),
    (libc::SYS_removexattr, &[]),
    (libc::SYS_lremovexattr, &[]),
    (libc::SYS_fremovexattr, &[]),
    (REMOVEXATTRAT, &[]),
    #[cfg(target_arch = "x86_64")]
    (libc::SYS_chmod, &[]),
    #[cfg(target_arch = "x86_64")]
    (libc::SYS_chown, &[]),
    #[cfg(target_arch = "x86_64")]
    (libc::SYS_lchown, &[]),
    #[cfg(target_arch = "x86_64")]
    (libc::SYS_utime, &[]),
    #[cfg(target_arch = "x86_64")]
    (libc::SYS_utimes, &[]),
    #[cfg(target_arch = "x86_64")]
    (libc::SYS_futimesat, &[]),
    // Many operations of file systems take a file that is open for reading. Those of terminals and a few more are left.
    (libc::SYS_ioctl, BELOW_TERMINALS),
    (libc::SYS_ioctl, ABOVE_TERMINALS),
    // Of the user, by number.
    (libc::SYS_shmget, &[]),
    (libc::SYS_shmat, &[]),
    (libc::SYS_shmctl, &[]),
    (libc::SYS_semget, &[]),
    (libc::SYS_semop, &[]),
    (libc::SYS_semtimedop, &[]),
    (libc::SYS_semctl, &[]),
    (libc::SYS_msgget, &[]),
    (libc::SYS_msgsnd, &[]),
    (libc::SYS_msgrcv, &[]),
    (libc::SYS_msgctl, &[]),
    (libc::SYS_mq_open, &[]),
    (libc::SYS_mq_unlink, &[]),
    // Of another process. A number of 0 is the caller.
    (libc::SYS_prlimit64, &[is_not(0, 0)]),
    (libc::SYS_setpriority, &[is_not(0, 0)]),
    (libc::SYS_setpriority, &[is_not(1, 0)]),
    (libc::SYS_ioprio_set, &[is_not(0, 1)]),
    (libc::SYS_ioprio_set, &[is_not(1, 0)]),
    (libc::SYS_sched_setaffinity, &[is_not(0, 0)]),
    (libc::SYS_sched_setscheduler, &[is_not(0, 0)]),
    (libc::SYS_sched_setparam, &[is_not(0, 0)]),
    (libc::SYS_sched_setattr, &[is_not(0, 0)]),
];

const FIGETBSZ: i32 = 2;
/// `T` is the letter of terminals, and of what every file can do: count bytes, not to wait, to be closed by execution.
const BELOW_TERMINALS: &[Argument] = &[
    Argument::Below {
        index: 1,
        value: (b'T' as u64) << 8,
    },
    is_not(1, FIGETBSZ),
];
const ABOVE_TERMINALS: &[Argument] = &[
    Argument::Above {
        index: 1,
        value: (b'T' as u64) << 8 | 0xFF,
    },
    // FICLONE, FICLONERANGE: into a file that is open for writing.
    is_not(1, 0x4004_9409),
    is_not(1, 0x4020_940D),
    // FS_IOC_GETFLAGS, FS_IOC_FIEMAP: only ask.
    is_not(1, 0x8008_6601_u32.cast_signed()),
    is_not(1, 0xC020_660B_u32.cast_signed()),
    // TIOCGPTN, TIOCSPTLCK.
    is_not(1, 0x8004_5430_u32.cast_signed()),
    is_not(1, 0x4004_5431),
    // SIOCGIFCONF to SIOCGIFADDR, SIOCGIFNETMASK, SIOCGIFMTU, SIOCGIFHWADDR, SIOCGIFINDEX: of the network's interfaces, only ask.
    is_not(1, 0x8912),
    is_not(1, 0x8913),
    is_not(1, 0x8915),
    is_not(1, 0x891B),
    is_not(1, 0x8921),
    is_not(1, 0x8927),
    is_not(1, 0x8933),
];

/// Where Landlock does not keep signals inside. A command leads a session of its own, so a group of its processes is its own, too.
pub(super) const SIGNALS: &[Call] = &[
    (libc::SYS_kill, &[is_not(0, 0)]),
    (libc::SYS_tkill, &[]),
    (libc::SYS_tgkill, &[]),
    (libc::SYS_rt_sigqueueinfo, &[]),
    (libc::SYS_rt_tgsigqueueinfo, &[]),
    (libc::SYS_pidfd_send_signal, &[]),
    // Whoever owns a file is told of its input.
    (
        libc::SYS_fcntl,
        &[Argument::Is {
            index: 1,
            value: libc::F_SETOWN as u64,
        }],
    ),
    (
        libc::SYS_fcntl,
        &[Argument::Is {
            index: 1,
            value: F_SETOWN_EX,
        }],
    ),
];

const F_SETOWN_EX: u64 = 15;
