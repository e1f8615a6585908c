//! What is refused besides where a command shares the host's namespaces and mounts: whatever reaches files without opening them, and other
//! processes of the same user without a signal. Landlock sees none of these.

use super::number::{call, older};
use super::{Argument, Call, is_not};

pub(super) const CALLS: &[Call] = &[
    // Of a file, wherever it lies.
    (call!(fchown), &[]),
    (call!(fchownat), &[]),
    (call!(setxattr), &[]),
    (call!(lsetxattr), &[]),
    (call!(fsetxattr), &[]),
    (call!(setxattrat), &[]),
    (call!(removexattr), &[]),
    (call!(lremovexattr), &[]),
    (call!(fremovexattr), &[]),
    (call!(removexattrat), &[]),
    (older!(chown), &[]),
    (older!(lchown), &[]),
    // Many operations of file systems take a file that is open for reading. Those of terminals and a few more are left.
    (call!(ioctl), BELOW_TERMINALS),
    (call!(ioctl), ABOVE_TERMINALS),
    // Of the user, by number.
    (call!(shmget), &[]),
    (call!(shmat), &[]),
    (call!(shmctl), &[]),
    (call!(semget), &[]),
    (call!(semop), &[]),
    (call!(semtimedop), &[]),
    (call!(semctl), &[]),
    (call!(msgget), &[]),
    (call!(msgsnd), &[]),
    (call!(msgrcv), &[]),
    (call!(msgctl), &[]),
    (call!(mq_open), &[]),
    (call!(mq_unlink), &[]),
    // Of another process. A number of 0 is the caller.
    (call!(prlimit64), &[is_not(0, 0)]),
    (call!(setpriority), &[is_not(0, 0)]),
    (call!(setpriority), &[is_not(1, 0)]),
    (call!(ioprio_set), &[is_not(0, 1)]),
    (call!(ioprio_set), &[is_not(1, 0)]),
    (call!(sched_setaffinity), &[is_not(0, 0)]),
    (call!(sched_setscheduler), &[is_not(0, 0)]),
    (call!(sched_setparam), &[is_not(0, 0)]),
    (call!(sched_setattr), &[is_not(0, 0)]),
];

/// Of a file as well, where no supervisor looks after them.
pub(super) const METADATA: &[Call] = &[
    (call!(fchmod), &[]),
    (call!(fchmodat), &[]),
    (call!(fchmodat2), &[]),
    (call!(utimensat), &[]),
    (older!(chmod), &[]),
    (older!(utime), &[]),
    (older!(utimes), &[]),
    (older!(futimesat), &[]),
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
    (call!(kill), &[is_not(0, 0)]),
    (call!(tkill), &[]),
    (call!(tgkill), &[]),
    (call!(rt_sigqueueinfo), &[]),
    (call!(rt_tgsigqueueinfo), &[]),
    (call!(pidfd_send_signal), &[]),
    // Whoever owns a file is told of its input.
    (
        call!(fcntl),
        &[Argument::Is {
            index: 1,
            value: libc::F_SETOWN as u64,
        }],
    ),
    (
        call!(fcntl),
        &[Argument::Is {
            index: 1,
            value: F_SETOWN_EX,
        }],
    ),
];

const F_SETOWN_EX: u64 = 15;
