//! The filter for system calls, as tables. What is not on the list of allowed calls does not exist for a command (`ENOSYS`, so that programs
//! fall back to older calls); what is on the list of refused ones is refused with `EPERM`, which programs report.
//!
//! The network namespace already has no network; the filter also closes what passes through the file system: sockets of the host with a
//! path. A datagram socket could send there without connecting, so only stream and packet sockets are made, and those only
//! in pairs or idle.

mod allowed;
mod shared;

use super::Refusal;
use crate::landlocked::Signals;
use crate::plan::SystemCalls;
use codex_process::record::Recording;
use seccompiler::{BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule, TargetArch};
use std::collections::{BTreeMap, BTreeSet};

const RULE: &str = "refused system calls";

/// One call, with the conditions on its arguments that all must hold; none: always.
type Call = (i64, &'static [Argument]);

/// Argument `index` compared.
enum Argument {
    IsNot {
        index: u8,
        value: u64,
    },
    Is {
        index: u8,
        value: u64,
    },
    /// Of a pointer.
    IsNotNull {
        index: u8,
    },
    Has {
        index: u8,
        mask: u64,
        value: u64,
    },
    Below {
        index: u8,
        value: u64,
    },
    Above {
        index: u8,
        value: u64,
    },
}

/// In every confined command: ways around the rules above, and parts of the kernel that no ordinary tool needs.
const ALWAYS: &[Call] = &[
    (libc::SYS_io_uring_setup, &[]),
    (libc::SYS_io_uring_enter, &[]),
    (libc::SYS_io_uring_register, &[]),
    (libc::SYS_pidfd_getfd, &[]),
    (libc::SYS_bpf, &[]),
    (libc::SYS_perf_event_open, &[]),
    (libc::SYS_userfaultfd, &[]),
    (libc::SYS_open_by_handle_at, &[]),
    (libc::SYS_fanotify_init, &[]),
    (libc::SYS_quotactl, &[]),
    (libc::SYS_quotactl_fd, &[]),
    // The user's keys are not bound to any namespace.
    (libc::SYS_add_key, &[]),
    (libc::SYS_request_key, &[]),
    (libc::SYS_keyctl, &[]),
    // A nested user namespace would bring all capabilities back, over objects of its own; without one the other kinds need
    // capabilities that nobody has.
    (libc::SYS_unshare, &[has(0, libc::CLONE_NEWUSER)]),
    (libc::SYS_clone, &[has(0, libc::CLONE_NEWUSER)]),
    (libc::SYS_setns, &[]),
    (libc::SYS_mount, &[]),
    (libc::SYS_umount2, &[]),
    (libc::SYS_pivot_root, &[]),
    (libc::SYS_chroot, &[]),
    (libc::SYS_open_tree, &[]),
    (libc::SYS_move_mount, &[]),
    (libc::SYS_mount_setattr, &[]),
    (libc::SYS_fsopen, &[]),
    (libc::SYS_fspick, &[]),
    (libc::SYS_fsconfig, &[]),
    (libc::SYS_fsmount, &[]),
    // Of the whole machine.
    (libc::SYS_reboot, &[]),
    (libc::SYS_kexec_load, &[]),
    (libc::SYS_kexec_file_load, &[]),
    (libc::SYS_init_module, &[]),
    (libc::SYS_finit_module, &[]),
    (libc::SYS_delete_module, &[]),
    (libc::SYS_swapon, &[]),
    (libc::SYS_swapoff, &[]),
    (libc::SYS_acct, &[]),
    (libc::SYS_syslog, &[]),
    (libc::SYS_settimeofday, &[]),
    (libc::SYS_clock_settime, &[]),
    (libc::SYS_clock_adjtime, &[]),
    (libc::SYS_adjtimex, &[]),
    (libc::SYS_sethostname, &[]),
    (libc::SYS_setdomainname, &[]),
    (libc::SYS_vhangup, &[]),
    #[cfg(target_arch = "x86_64")]
    (libc::SYS_iopl, &[]),
    #[cfg(target_arch = "x86_64")]
    (libc::SYS_ioperm, &[]),
    // The ways to run that emulators and debuggers ask for; others weaken the memory of what is started.
    (
        libc::SYS_personality,
        &[
            is_not(0, 0),
            is_not(0, PER_LINUX32),
            is_not(0, UNAME26),
            is_not(0, UNAME26 | PER_LINUX32),
            is_not(0, libc::ADDR_NO_RANDOMIZE),
            is_not(0, libc::ADDR_NO_RANDOMIZE | PER_LINUX32),
            is_not(0, ONLY_ASK),
        ],
    ),
    // Programs that run as their owner whoever starts them: one of root's in a workspace would open the host to every user of it.
    (libc::SYS_fchmod, &[set_user(1)]),
    (libc::SYS_fchmodat, &[set_user(2)]),
    (FCHMODAT2, &[set_user(2)]),
    (libc::SYS_mknodat, &[set_user(2)]),
    // Without these flags the register of the mode holds anything.
    (libc::SYS_openat, &[has(2, libc::O_CREAT), set_user(3)]),
    (libc::SYS_openat, &[has(2, UNNAMED), set_user(3)]),
    #[cfg(target_arch = "x86_64")]
    (libc::SYS_chmod, &[set_user(1)]),
    #[cfg(target_arch = "x86_64")]
    (libc::SYS_creat, &[set_user(1)]),
    #[cfg(target_arch = "x86_64")]
    (libc::SYS_mknod, &[set_user(1)]),
    #[cfg(target_arch = "x86_64")]
    (libc::SYS_open, &[has(1, libc::O_CREAT), set_user(2)]),
    #[cfg(target_arch = "x86_64")]
    (libc::SYS_open, &[has(1, UNNAMED), set_user(2)]),
    // Whoever on the host wants to write a leased file waits.
    (libc::SYS_fcntl, &[is(1, libc::F_SETLEASE as u64)]),
    (libc::SYS_ioctl, &[is(1, libc::TIOCSETD)]),
    // Typing into a terminal, and the clipboard and keys of the console.
    (libc::SYS_ioctl, &[is(1, libc::TIOCSTI)]),
    (libc::SYS_ioctl, &[is(1, libc::TIOCLINUX)]),
    // Unix, the internet, and of netlink what lists addresses and sockets: everything else is there for the administrator.
    (
        libc::SYS_socket,
        &[
            is_not(0, libc::AF_UNIX),
            is_not(0, libc::AF_INET),
            is_not(0, libc::AF_INET6),
            is_not(0, libc::AF_NETLINK),
        ],
    ),
    (
        libc::SYS_socket,
        &[
            is(0, libc::AF_NETLINK as u64),
            is_not(2, libc::NETLINK_ROUTE),
            is_not(2, libc::NETLINK_SOCK_DIAG),
        ],
    ),
    (libc::SYS_socketpair, &[is_not(0, libc::AF_UNIX)]),
];

/// As in every architecture; not every version of `libc` has the name.
const FCHMODAT2: i64 = 452;

/// The bit of `O_TMPFILE` that is its own.
const UNNAMED: i32 = libc::O_TMPFILE & !libc::O_DIRECTORY;

const PER_LINUX32: i32 = 8;
const UNAME26: i32 = 0x002_0000;
const ONLY_ASK: i32 = -1;

/// Low four bits of a socket's type; the others are flags.
const TYPE_MASK: u64 = 0xF;

const NETWORK_OFF: &[Call] = &[
    (libc::SYS_ptrace, &[]),
    (libc::SYS_process_vm_readv, &[]),
    (libc::SYS_process_vm_writev, &[]),
    (libc::SYS_connect, &[]),
    (libc::SYS_accept, &[]),
    (libc::SYS_accept4, &[]),
    (libc::SYS_bind, &[]),
    (libc::SYS_listen, &[]),
    // Without an address it is a write to the peer: event loops wake themselves up that way.
    (libc::SYS_sendto, &[Argument::IsNotNull { index: 4 }]),
    (libc::SYS_sendmmsg, &[]),
    (libc::SYS_recvmmsg, &[]),
    (libc::SYS_setsockopt, &[]),
    (libc::SYS_socket, &[is_not(0, libc::AF_UNIX)]),
    (libc::SYS_socket, &[is_kind(libc::SOCK_DGRAM)]),
    (libc::SYS_socketpair, &[is_kind(libc::SOCK_DGRAM)]),
    // The kernel takes a raw unix socket for a datagram one.
    (libc::SYS_socket, &[is_kind(libc::SOCK_RAW)]),
    (libc::SYS_socketpair, &[is_kind(libc::SOCK_RAW)]),
];

/// Refused with the network off, and worth telling. The kernel tells a recorder nothing of what a filter refuses, so that in a recorded command
/// it is the recorder that refuses these, by the same rows ([`is_refused`]). Without a recorder to answer they end with `ENOSYS`.
pub(super) const TOLD: [i64; 4] = [libc::SYS_socket, libc::SYS_connect, libc::SYS_bind, libc::SYS_sendto];

const fn is(index: u8, value: u64) -> Argument {
    Argument::Is { index, value }
}

const fn is_not(index: u8, value: i32) -> Argument {
    let value = value.cast_unsigned() as u64;
    Argument::IsNot { index, value }
}

const fn has(index: u8, flag: i32) -> Argument {
    let value = flag as u64;
    Argument::Has { index, mask: value, value }
}

/// Argument `index` is a mode with the set-user-ID bit.
const fn set_user(index: u8) -> Argument {
    has(index, libc::S_ISUID.cast_signed())
}

const fn is_kind(kind: i32) -> Argument {
    let value = kind as u64;
    Argument::Has {
        index: 1,
        mask: TYPE_MASK,
        value,
    }
}

/// The filter that was added last decides when both refuse, so a call on the list of refused ones is so also if it is unknown. It also ends
/// whatever uses the numbers of another architecture.
pub(super) fn apply(system_calls: SystemCalls, recording: Option<Recording>) -> Result<(), Refusal> {
    install(&lists(system_calls), recording)
}

/// The same where the host's namespaces and mounts are shared, and Landlock alone stands between.
pub(super) fn apply_without_namespaces(system_calls: SystemCalls, signals: Signals, recording: Option<Recording>) -> Result<(), Refusal> {
    let mut lists = lists(system_calls);
    lists.push(shared::CALLS);
    match signals {
        Signals::Scoped => {}
        Signals::OwnGroup => lists.push(shared::SIGNALS),
    }
    install(&lists, recording)
}

/// Whether the tables refuse this call of the [`TOLD`] ones, by what the kernel copied out of the registers: nobody can change that meanwhile.
pub(super) fn is_refused(system_calls: SystemCalls, call: i64, arguments: &[u64; 6]) -> bool {
    match system_calls {
        SystemCalls::NetworkOn => false,
        SystemCalls::NetworkOff => NETWORK_OFF
            .iter()
            .any(|(refused, conditions)| *refused == call && conditions.iter().all(|condition| condition.holds(arguments))),
    }
}

fn lists(system_calls: SystemCalls) -> Vec<&'static [Call]> {
    match system_calls {
        SystemCalls::NetworkOff => vec![ALWAYS, NETWORK_OFF],
        SystemCalls::NetworkOn => vec![ALWAYS],
    }
}

fn install(lists: &[&'static [Call]], recording: Option<Recording>) -> Result<(), Refusal> {
    let refuse = |missing: String| Refusal {
        rule: RULE.to_owned(),
        missing,
    };
    let refused = compile_refused(&rows(lists, recording)).map_err(|error| refuse(error.to_string()))?;
    for program in [compile_allowed(), refused] {
        seccompiler::apply_filter(&program).map_err(|error| refuse(error.to_string()))?;
    }
    Ok(())
}

/// What the filter refuses by itself.
fn rows(lists: &[&'static [Call]], recording: Option<Recording>) -> Vec<&'static Call> {
    let told = |row: &&Call| recording.is_some() && TOLD.contains(&row.0) && NETWORK_OFF.iter().any(|other| std::ptr::eq(*row, other));
    lists.iter().copied().flatten().filter(|row| !told(row)).collect()
}

/// Runs of numbers, compared one after the other. The library would compare each number alone; the kernel runs a new filter for every
/// number that there is, which cost half a millisecond for each command.
fn compile_allowed() -> BpfProgram {
    const LOAD_NUMBER: u16 = 0x20;
    const IS_AT_LEAST: u16 = 0x35;
    const IS_MORE_THAN: u16 = 0x25;
    const RETURN: u16 = 0x06;
    let step = |code, value, no| seccompiler::sock_filter {
        code,
        jt: 0,
        jf: no,
        k: value,
    };
    let runs = allowed::runs();
    let mut program = vec![step(LOAD_NUMBER, 0, 0)];
    for (index, (first, last)) in runs.iter().enumerate() {
        // To one of the two steps behind the last run: below this one, or in it. A test keeps the list short enough.
        let end = u8::try_from(2 * (runs.len() - index) - 1).unwrap_or(u8::MAX);
        program.push(step(IS_AT_LEAST, *first, end));
        program.push(step(IS_MORE_THAN, *last, end));
    }
    program.push(step(RETURN, SeccompAction::Errno(libc::ENOSYS.cast_unsigned()).into(), 0));
    program.push(step(RETURN, SeccompAction::Allow.into(), 0));
    program
}

fn compile_refused(calls: &[&Call]) -> Result<BpfProgram, seccompiler::BackendError> {
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> = BTreeMap::new();
    // To the library a call without conditions and one with are the same row.
    let always: BTreeSet<i64> = calls
        .iter()
        .filter(|(_, arguments)| arguments.is_empty())
        .map(|(call, _)| *call)
        .collect();
    for (call, arguments) in calls {
        if always.contains(call) && !arguments.is_empty() {
            continue;
        }
        let conditions = arguments.iter().map(Argument::condition).collect::<Result<Vec<_>, _>>()?;
        let known = rules.entry(*call).or_default();
        if !conditions.is_empty() {
            known.push(SeccompRule::new(conditions)?);
        }
    }
    let architecture = TargetArch::try_from(std::env::consts::ARCH)?;
    let refuse = SeccompAction::Errno(libc::EPERM.cast_unsigned());
    SeccompFilter::new(rules, SeccompAction::Allow, refuse, architecture)?.try_into()
}

impl Argument {
    /// What the compiled condition says.
    fn holds(&self, arguments: &[u64; 6]) -> bool {
        let whole = |index: u8| arguments.get(usize::from(index)).copied().unwrap_or(0);
        let low = |index: u8| whole(index) & u64::from(u32::MAX);
        match *self {
            Self::IsNot { index, value } => low(index) != value & u64::from(u32::MAX),
            Self::Is { index, value } => low(index) == value & u64::from(u32::MAX),
            Self::IsNotNull { index } => whole(index) != 0,
            Self::Has { index, mask, value } => low(index) & mask == value,
            Self::Below { index, value } => low(index) < value,
            Self::Above { index, value } => low(index) > value,
        }
    }

    fn condition(&self) -> Result<SeccompCondition, seccompiler::BackendError> {
        use SeccompCmpArgLen::{Dword, Qword};
        match *self {
            Self::IsNot { index, value } => SeccompCondition::new(index, Dword, SeccompCmpOp::Ne, value),
            Self::Is { index, value } => SeccompCondition::new(index, Dword, SeccompCmpOp::Eq, value),
            Self::IsNotNull { index } => SeccompCondition::new(index, Qword, SeccompCmpOp::Ne, 0),
            Self::Below { index, value } => SeccompCondition::new(index, Dword, SeccompCmpOp::Lt, value),
            Self::Above { index, value } => SeccompCondition::new(index, Dword, SeccompCmpOp::Gt, value),
            Self::Has { index, mask, value } => SeccompCondition::new(index, Dword, SeccompCmpOp::MaskedEq(mask), value),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_of_refused_calls_compiles_to_a_filter() {
        let lists = [ALWAYS, NETWORK_OFF, shared::CALLS, shared::SIGNALS];
        let refused: Vec<&Call> = lists.into_iter().flatten().collect();
        let length = compile_refused(&refused).unwrap().len();
        // The kernel takes at most 4096 instructions.
        assert!((1..4096).contains(&length), "{length}");
    }

    /// A command under a recorder is refused what others are: by the filter, or by the recorder with the same rows.
    #[test]
    fn what_the_recorder_refuses_is_exactly_what_its_filter_leaves_out() {
        let lists = lists(SystemCalls::NetworkOff);
        let all = compile_refused(&rows(&lists, None)).unwrap();
        let told = compile_refused(&rows(&lists, Some(Recording::Uses))).unwrap();
        let refuse = u32::from(SeccompAction::Errno(libc::EPERM.cast_unsigned()));
        let values = [
            0,
            1,
            2,
            3,
            5,
            10,
            16,
            17,
            40,
            0x802,
            0x8_0001,
            u64::from(u32::MAX),
            1 << 32,
            u64::MAX,
        ];
        let mut left = 0;
        for call in TOLD.into_iter().chain([libc::SYS_ptrace, libc::SYS_listen, libc::SYS_read]) {
            for (first, second, fifth) in values
                .iter()
                .flat_map(|a| values.iter().flat_map(move |b| values.map(|c| (*a, *b, c))))
            {
                let arguments = [first, second, 0, 0, fifth, 0];
                let (before, after) = (run(&all, call, &arguments), run(&told, call, &arguments));
                let recorder = TOLD.contains(&call) && is_refused(SystemCalls::NetworkOff, call, &arguments);
                assert_eq!(before == refuse, after == refuse || recorder, "{call} {arguments:?}");
                left += u32::from(before == refuse && after != refuse);
                assert!(!is_refused(SystemCalls::NetworkOn, call, &arguments));
            }
        }
        assert!(left > 0, "the recorder refuses something");
    }

    /// What the kernel makes of the steps that the library writes.
    fn run(program: &BpfProgram, call: i64, arguments: &[u64; 6]) -> u32 {
        let mut bytes = Vec::new();
        bytes.extend(u32::try_from(call).unwrap().to_le_bytes());
        bytes.extend(
            if cfg!(target_arch = "x86_64") {
                0xc000_003e_u32
            } else {
                0xc000_00b7
            }
            .to_le_bytes(),
        );
        bytes.extend([0; 8]);
        arguments.iter().for_each(|argument| bytes.extend(argument.to_le_bytes()));
        let (mut at, mut value) = (0, 0_u32);
        loop {
            let step = &program[at];
            at += 1;
            let mut jump = |taken: bool| at += usize::from(if taken { step.jt } else { step.jf });
            match step.code {
                0x20 => value = u32::from_le_bytes(bytes[step.k as usize..][..4].try_into().unwrap()),
                0x54 => value &= step.k,
                0x05 => at += step.k as usize,
                0x15 => jump(value == step.k),
                0x25 => jump(value > step.k),
                0x35 => jump(value >= step.k),
                0x06 => return step.k,
                other => panic!("{other:#x}"),
            }
        }
    }

    /// What the kernel would do.
    fn outcome(program: &BpfProgram, number: u32) -> u32 {
        let mut at = 1;
        loop {
            let step = &program[at];
            let taken = match step.code {
                0x35 => number >= step.k,
                0x25 => number > step.k,
                _ => return step.k,
            };
            at += 1 + usize::from(if taken { step.jt } else { step.jf });
        }
    }

    #[test]
    fn exactly_the_listed_calls_are_allowed() {
        let program = compile_allowed();
        assert!(allowed::runs().len() < 128, "a jump reaches 255 steps");
        for number in 0..2000 {
            let allowed = outcome(&program, number) == u32::from(SeccompAction::Allow);
            assert_eq!(allowed, allowed::calls().any(|call| call == i64::from(number)), "{number}");
        }
        for number in [0x4000_0000, u32::MAX] {
            assert_eq!(outcome(&program, number), u32::from(SeccompAction::Errno(38)), "{number}");
        }
    }

    #[test]
    fn a_call_that_is_always_refused_is_in_no_other_row() {
        for (call, arguments) in ALWAYS.iter().chain(NETWORK_OFF) {
            let same = ALWAYS.iter().chain(NETWORK_OFF).filter(|(other, _)| other == call).count();
            assert!(!arguments.is_empty() || same == 1, "{call}");
        }
        for (call, _) in ALWAYS.iter().filter(|(_, arguments)| arguments.is_empty()) {
            assert!(allowed::calls().all(|allowed| allowed != *call), "{call} is refused and allowed");
        }
    }

    #[test]
    fn calls_with_flags_or_modes_in_memory_do_not_exist() {
        // A filter cannot look there; programs then use `clone` and `openat`.
        assert!(allowed::calls().all(|call| ![libc::SYS_clone3, libc::SYS_openat2].contains(&call)));
    }
}
