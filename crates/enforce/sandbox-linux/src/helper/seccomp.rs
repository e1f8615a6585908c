//! The filter for system calls, as tables. What is not on the list of allowed calls does not exist for a command (`ENOSYS`, so that programs
//! fall back to older calls); what is on the list of refused ones is refused with `EPERM`, which programs report.
//!
//! The network namespace already has no network; the filter also closes what passes through the file system: sockets of the host with a
//! path. A datagram socket could send there without connecting, so only stream and packet sockets are made. Of those the kernel hands
//! `connect` and `listen` over to init, which does them itself (`sockets.rs`), or they are made in connected pairs only.

mod allowed;
pub(super) mod handed_over;
mod number;
mod program;
mod shared;

use super::Refusal;
use crate::landlocked::Signals;
use crate::plan::{Filters, SocketKind, SystemCalls};
use codex_process::record::Recording;
use number::{Architecture, Number, call, older};
use program::compile_rows;
use seccompiler::{BpfProgram, sock_filter};
use std::collections::BTreeSet;

const RULE: &str = "refused system calls";

/// One call, with the conditions on its arguments that all must hold; none: always.
type Call = (Number, &'static [Argument]);

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
    (call!(io_uring_setup), &[]),
    (call!(io_uring_enter), &[]),
    (call!(io_uring_register), &[]),
    (call!(bpf), &[]),
    (call!(perf_event_open), &[]),
    (call!(userfaultfd), &[]),
    (call!(open_by_handle_at), &[]),
    (call!(fanotify_init), &[]),
    (call!(quotactl), &[]),
    (call!(quotactl_fd), &[]),
    // The user's keys are not bound to any namespace.
    (call!(add_key), &[]),
    (call!(request_key), &[]),
    (call!(keyctl), &[]),
    // A nested user namespace would bring all capabilities back, over objects of its own; without one the other kinds need
    // capabilities that nobody has.
    (call!(unshare), &[has(0, libc::CLONE_NEWUSER)]),
    (call!(clone), &[has(0, libc::CLONE_NEWUSER)]),
    (call!(setns), &[]),
    (call!(mount), &[]),
    (call!(umount2), &[]),
    (call!(pivot_root), &[]),
    (call!(chroot), &[]),
    (call!(open_tree), &[]),
    (call!(move_mount), &[]),
    (call!(mount_setattr), &[]),
    (call!(fsopen), &[]),
    (call!(fspick), &[]),
    (call!(fsconfig), &[]),
    (call!(fsmount), &[]),
    // Of the whole machine.
    (call!(reboot), &[]),
    (call!(kexec_load), &[]),
    (call!(kexec_file_load), &[]),
    (call!(init_module), &[]),
    (call!(finit_module), &[]),
    (call!(delete_module), &[]),
    (call!(swapon), &[]),
    (call!(swapoff), &[]),
    (call!(acct), &[]),
    (call!(syslog), &[]),
    (call!(settimeofday), &[]),
    (call!(clock_settime), &[]),
    (call!(clock_adjtime), &[]),
    (call!(adjtimex), &[]),
    (call!(sethostname), &[]),
    (call!(setdomainname), &[]),
    (call!(vhangup), &[]),
    (older!(iopl), &[]),
    (older!(ioperm), &[]),
    // The ways to run that emulators and debuggers ask for; others weaken the memory of what is started.
    (
        call!(personality),
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
    (call!(fchmod), &[set_user(1)]),
    (call!(fchmodat), &[set_user(2)]),
    (call!(fchmodat2), &[set_user(2)]),
    (call!(mknodat), &[set_user(2)]),
    // Without these flags the register of the mode holds anything.
    (call!(openat), &[has(2, libc::O_CREAT), set_user(3)]),
    (call!(openat), &[has(2, UNNAMED), set_user(3)]),
    (older!(chmod), &[set_user(1)]),
    (older!(creat), &[set_user(1)]),
    (older!(mknod), &[set_user(1)]),
    (older!(open), &[has(1, libc::O_CREAT), set_user(2)]),
    (older!(open), &[has(1, UNNAMED), set_user(2)]),
    // Whoever on the host wants to write a leased file waits.
    (call!(fcntl), &[is(1, libc::F_SETLEASE as u64)]),
    (call!(ioctl), &[is(1, libc::TIOCSETD)]),
    // Typing into a terminal, and the clipboard and keys of the console.
    (call!(ioctl), &[is(1, libc::TIOCSTI)]),
    (call!(ioctl), &[is(1, libc::TIOCLINUX)]),
    // Unix, the internet, and of netlink what lists addresses and sockets: everything else is there for the administrator.
    (
        call!(socket),
        &[
            is_not(0, libc::AF_UNIX),
            is_not(0, libc::AF_INET),
            is_not(0, libc::AF_INET6),
            is_not(0, libc::AF_NETLINK),
        ],
    ),
    (
        call!(socket),
        &[
            is(0, libc::AF_NETLINK as u64),
            is_not(2, libc::NETLINK_ROUTE),
            is_not(2, libc::NETLINK_SOCK_DIAG),
        ],
    ),
    (call!(socketpair), &[is_not(0, libc::AF_UNIX)]),
];

/// The bit of `O_TMPFILE` that is its own.
const UNNAMED: i32 = libc::O_TMPFILE & !libc::O_DIRECTORY;

const PER_LINUX32: i32 = 8;
const UNAME26: i32 = 0x002_0000;
const ONLY_ASK: i32 = -1;

/// Low four bits of a socket's type; the others are flags.
const TYPE_MASK: u64 = 0xF;

/// Of the descriptors of other processes. Init takes a copy of a socket that it connects.
const DESCRIPTORS: &[Call] = &[(call!(pidfd_getfd), &[])];

const NETWORK_OFF: &[Call] = &[
    (call!(ptrace), &[]),
    (call!(process_vm_readv), &[]),
    (call!(process_vm_writev), &[]),
    (call!(socket), &[is_not(0, libc::AF_UNIX)]),
];

/// Nothing but pairs of sockets, where others than unix sockets cannot be made anyway.
const PAIRS_WITHOUT_NETWORK: &[Call] = &[
    (call!(connect), &[]),
    (call!(accept), &[]),
    (call!(accept4), &[]),
    (call!(bind), &[]),
    (call!(listen), &[]),
    // Without an address it is a write to the peer: event loops wake themselves up that way.
    (call!(sendto), &[Argument::IsNotNull { index: 4 }]),
    (call!(sendmmsg), &[]),
    (call!(recvmmsg), &[]),
    (call!(setsockopt), &[]),
];

/// Nothing but pairs of unix sockets.
const PAIRS_WITH_NETWORK: &[Call] = &[(call!(socket), &[is(0, libc::AF_UNIX as u64)])];

/// Only options that every socket has.
const OWN_WITHOUT_NETWORK: &[Call] = &[(call!(setsockopt), &[is_not(1, libc::SOL_SOCKET)])];

/// The kernel takes a raw unix socket for a datagram one.
const NO_DATAGRAMS: &[Call] = &[
    (call!(socket), &[is(0, libc::AF_UNIX as u64), is_kind(libc::SOCK_DGRAM)]),
    (call!(socket), &[is(0, libc::AF_UNIX as u64), is_kind(libc::SOCK_RAW)]),
    (call!(socketpair), &[is_kind(libc::SOCK_DGRAM)]),
    (call!(socketpair), &[is_kind(libc::SOCK_RAW)]),
];

/// What init does for a command.
pub(super) const HANDED_OVER: [i64; 2] = [libc::SYS_connect, libc::SYS_listen];

/// Refused by what the policy says of the network and of sockets, and worth telling. The kernel tells a recorder nothing of what a filter
/// refuses, so that in a recorded command it is the recorder that refuses these, by the same rows ([`is_refused`]). Without a recorder to
/// answer they end with `ENOSYS`.
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

/// What filters depend on, beside the tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Question {
    pub system_calls: SystemCalls,
    pub sockets: SocketKind,
    /// Where the host's namespaces and mounts are shared, and Landlock alone stands between: what keeps signals inside.
    pub without_namespaces: Option<Signals>,
    pub recording: Option<Recording>,
}

/// A filter as it travels: a number for each of its steps.
type Filter = Vec<u64>;

/// The filters of a command, in the order in which they are installed. A call on the list of refused ones is so also if it is unknown; whatever
/// uses the numbers of another architecture is ended.
///
/// # Errors
/// If there are no tables for this architecture, in words for the user.
pub(crate) fn compile(question: Question) -> Result<Filters, String> {
    let architecture = Architecture::here().ok_or_else(|| format!("no list of calls for {}", std::env::consts::ARCH))?;
    let compile = |always: &[&'static [Call]], chosen: &[&'static [Call]], known: Option<&BTreeSet<i64>>| {
        let program = compile_rows(&rows(always, chosen, question.recording), known, architecture);
        program.map(words).map_err(|error| error.to_string())
    };
    let mut known: BTreeSet<i64> = allowed::calls(architecture).collect();
    if question.sockets == SocketKind::Own {
        known.extend(call!(pidfd_getfd).on(architecture));
        let on_top = |kind| compile(&[DESCRIPTORS], &chosen(question.system_calls, kind), None);
        return Ok(Filters {
            first: vec![compile(&[ALWAYS], &[], Some(&known))?],
            command: vec![on_top(SocketKind::Own)?],
            strict: vec![on_top(SocketKind::Pairs)?],
        });
    }
    let mut always = vec![ALWAYS, DESCRIPTORS];
    if let Some(signals) = question.without_namespaces {
        always.push(shared::CALLS);
        match signals {
            Signals::Scoped => {}
            Signals::OwnGroup => always.push(shared::SIGNALS),
        }
    }
    let chosen = chosen(question.system_calls, question.sockets);
    Ok(Filters {
        first: vec![compile(&always, &chosen, Some(&known))?],
        ..Filters::default()
    })
}

fn words(program: BpfProgram) -> Filter {
    program.iter().map(word).collect()
}

fn word(step: &sock_filter) -> u64 {
    u64::from(step.code) | u64::from(step.jt) << 16 | u64::from(step.jf) << 24 | u64::from(step.k) << 32
}

fn step_of(word: u64) -> sock_filter {
    let [code_low, code_high, jt, jf, k @ ..] = word.to_le_bytes();
    sock_filter {
        code: u16::from_le_bytes([code_low, code_high]),
        jt,
        jf,
        k: u32::from_le_bytes(k),
    }
}

/// For this process and everything it starts. Without any filter nothing is confined, which is refused.
pub(super) fn apply(filters: &[Filter]) -> Result<(), Refusal> {
    if filters.is_empty() {
        return Err(refuse("no filter was handed over"));
    }
    filters.iter().try_for_each(|filter| load(&steps(filter)))
}

/// The one filter that they are, for whoever installs it with another one.
pub(super) fn as_one(filters: &[Filter]) -> Result<BpfProgram, Refusal> {
    match filters {
        [filter] => Ok(steps(filter)),
        _ => Err(refuse(format!("{} filters were handed over in place of one", filters.len()))),
    }
}

fn steps(filter: &Filter) -> BpfProgram {
    filter.iter().copied().map(step_of).collect()
}

/// For a command without namespaces that no supervisor does anything for: nobody but the filter sees these.
pub(super) fn refuse_metadata() -> Result<(), Refusal> {
    let architecture = Architecture::here().ok_or_else(|| refuse(format!("no list of calls for {}", std::env::consts::ARCH)))?;
    let calls: Vec<&Call> = shared::METADATA.iter().collect();
    load(&compile_rows(&calls, None, architecture).map_err(refuse)?)
}

fn load(program: &BpfProgram) -> Result<(), Refusal> {
    seccompiler::apply_filter(program).map_err(refuse)
}

fn refuse(missing: impl std::fmt::Display) -> Refusal {
    Refusal {
        rule: RULE.to_owned(),
        missing: missing.to_string(),
    }
}

/// What comes on top of it for a command with sockets of its own. `strict`: of sockets only pairs.
pub(super) fn apply_to_command(filters: &Filters, strict: bool) -> Result<(), Refusal> {
    apply(if strict { &filters.strict } else { &filters.command })
}

/// Whether the tables refuse this call of the [`TOLD`] ones, by what the kernel copied out of the registers: nobody can change that meanwhile.
pub(super) fn is_refused(system_calls: SystemCalls, sockets: SocketKind, call: i64, arguments: &[u64; 6]) -> bool {
    chosen(system_calls, sockets)
        .into_iter()
        .flatten()
        .any(|(refused, conditions)| refused.here() == Some(call) && conditions.iter().all(|condition| condition.holds(arguments)))
}

/// What the policy decides about.
fn chosen(system_calls: SystemCalls, sockets: SocketKind) -> Vec<&'static [Call]> {
    let network: &[&[Call]] = match system_calls {
        SystemCalls::NetworkOff => &[NETWORK_OFF],
        SystemCalls::NetworkOn => &[],
    };
    let sockets: &[&[Call]] = match (sockets, system_calls) {
        (SocketKind::All, _) => &[],
        (SocketKind::Pairs, SystemCalls::NetworkOff) => &[NO_DATAGRAMS, PAIRS_WITHOUT_NETWORK],
        (SocketKind::Pairs, SystemCalls::NetworkOn) => &[NO_DATAGRAMS, PAIRS_WITH_NETWORK],
        (SocketKind::Own, SystemCalls::NetworkOff) => &[NO_DATAGRAMS, OWN_WITHOUT_NETWORK],
        (SocketKind::Own, SystemCalls::NetworkOn) => &[NO_DATAGRAMS],
    };
    [network, sockets].concat()
}

/// What the filter refuses by itself. Of what the policy has `chosen`, a recorder refuses the calls that it hears of.
fn rows(always: &[&'static [Call]], chosen: &[&'static [Call]], recording: Option<Recording>) -> Vec<&'static Call> {
    let is_told = |call: Number| call.here().is_some_and(|call| TOLD.contains(&call));
    let by_filter = |row: &&Call| recording.is_none() || !is_told(row.0);
    let always = always.iter().copied().flatten();
    always.chain(chosen.iter().copied().flatten().filter(by_filter)).collect()
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
}

#[cfg(test)]
mod tests {
    use super::program::{ALLOW, REFUSE, UNKNOWN};
    use super::*;
    use seccompiler::SeccompAction;

    fn here() -> Architecture {
        Architecture::here().unwrap()
    }

    const ARCHITECTURES: [Architecture; 2] = [Architecture::X86_64, Architecture::Aarch64];

    #[test]
    fn the_table_of_refused_calls_compiles_to_a_filter() {
        let own = chosen(SystemCalls::NetworkOff, SocketKind::Pairs);
        let refused: Vec<&Call> = own
            .into_iter()
            .chain([ALWAYS, DESCRIPTORS, shared::CALLS, shared::METADATA, shared::SIGNALS])
            .flatten()
            .collect();
        for architecture in ARCHITECTURES {
            let length = compile_rows(&refused, None, architecture).unwrap().len();
            // The kernel takes at most 4096 instructions.
            assert!((1..4096).contains(&length), "{architecture:?} {length}");
        }
    }

    /// By the tables alone.
    fn expected(calls: &[&Call], known: Option<&BTreeSet<i64>>, architecture: Architecture, call: i64, arguments: &[u64; 6]) -> u32 {
        let rows = || calls.iter().filter(|row| row.0.on(architecture) == Some(call));
        let refused = |row: &&Call| row.1.iter().all(|condition| condition.holds(arguments));
        if rows().any(|row| row.1.is_empty()) {
            REFUSE.k
        } else if known.is_some_and(|known| !known.contains(&call)) {
            UNKNOWN.k
        } else if rows().any(refused) {
            REFUSE.k
        } else {
            ALLOW.k
        }
    }

    #[test]
    fn a_filter_says_what_the_tables_say() {
        let own = chosen(SystemCalls::NetworkOff, SocketKind::Own);
        let refused: Vec<&Call> = [ALWAYS, DESCRIPTORS, shared::CALLS].into_iter().chain(own).flatten().collect();
        for (architecture, word) in ARCHITECTURES.into_iter().zip(WORDS) {
            let listed: BTreeSet<i64> = allowed::calls(architecture).collect();
            for known in [Some(&listed), None] {
                let program = compile_rows(&refused, known, architecture).unwrap();
                let mut seen = BTreeSet::new();
                for call in (0..1000).chain([0x4000_0000, 0x4000_0001, u32::MAX.into()]) {
                    for arguments in [
                        [0; 6],
                        [1; 6],
                        [u64::MAX; 6],
                        [libc::CLONE_NEWUSER as u64; 6],
                        [libc::TIOCSTI; 6],
                        [0o4755; 6],
                    ] {
                        let said = run_on(word, &program, call, &arguments);
                        let expected = expected(&refused, known, architecture, call, &arguments);
                        assert_eq!(said, expected, "{architecture:?} {call} {arguments:?}");
                        seen.insert(said);
                    }
                    assert_eq!(
                        run_on(0x4000_0003, &program, call, &[0; 6]),
                        libc::SECCOMP_RET_KILL_PROCESS,
                        "{call}"
                    );
                }
                assert_eq!(seen.len(), 2 + usize::from(known.is_some()));
            }
        }
    }

    #[test]
    fn a_filter_survives_its_journey() {
        let calls: Vec<&Call> = ALWAYS.iter().collect();
        let program = compile_rows(&calls, None, here()).unwrap();
        let back: BpfProgram = program.iter().map(word).map(step_of).collect();
        assert_eq!(back, program);
    }

    /// The two sources of numbers are made from different places.
    #[test]
    fn the_numbers_are_those_of_this_system() {
        for (number, expect) in [
            (call!(openat), libc::SYS_openat),
            (call!(clone), libc::SYS_clone),
            (call!(seccomp), libc::SYS_seccomp),
            (call!(newfstatat, fstatat), libc::SYS_newfstatat),
            (call!(prlimit64), libc::SYS_prlimit64),
            (call!(landlock_restrict_self), libc::SYS_landlock_restrict_self),
            (call!(mseal), libc::SYS_mseal),
        ] {
            assert_eq!(number.on(here()), Some(expect));
        }
        assert_eq!(call!(openat).on(Architecture::Aarch64), Some(56));
        assert_eq!(older!(open).on(Architecture::Aarch64), None);
    }

    /// A command under a recorder is refused what others are: by the filter, or by the recorder with the same rows.
    #[test]
    fn what_the_recorder_refuses_is_exactly_what_its_filter_leaves_out() {
        let always = [ALWAYS, DESCRIPTORS];
        let chosen = chosen(SystemCalls::NetworkOff, SocketKind::Pairs);
        let all = compile_rows(&rows(&always, &chosen, None), None, here()).unwrap();
        let told = compile_rows(&rows(&always, &chosen, Some(Recording::Uses)), None, here()).unwrap();
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
                let recorder = TOLD.contains(&call) && is_refused(SystemCalls::NetworkOff, SocketKind::Pairs, call, &arguments);
                assert_eq!(before == refuse, after == refuse || recorder, "{call} {arguments:?}");
                left += u32::from(before == refuse && after != refuse);
                assert!(!is_refused(SystemCalls::NetworkOn, SocketKind::All, call, &arguments));
            }
        }
        assert!(left > 0, "the recorder refuses something");
    }

    const WORDS: [u32; 2] = [0xc000_003e, 0xc000_00b7];

    /// What the kernel makes of the steps that the library writes.
    fn run(program: &[sock_filter], call: i64, arguments: &[u64; 6]) -> u32 {
        run_on(WORDS[usize::from(!cfg!(target_arch = "x86_64"))], program, call, arguments)
    }

    fn run_on(architecture: u32, program: &[sock_filter], call: i64, arguments: &[u64; 6]) -> u32 {
        let mut bytes = Vec::new();
        bytes.extend(u32::try_from(call).unwrap().to_le_bytes());
        bytes.extend(architecture.to_le_bytes());
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

    #[test]
    fn a_call_that_is_always_refused_is_in_no_other_row() {
        for sockets in [SocketKind::Pairs, SocketKind::Own, SocketKind::All] {
            let chosen = chosen(SystemCalls::NetworkOff, sockets);
            let calls: Vec<&Call> = [ALWAYS, DESCRIPTORS].into_iter().chain(chosen).flatten().collect();
            for (call, arguments) in &calls {
                let same = calls.iter().filter(|(other, _)| other == call).count();
                assert!(!arguments.is_empty() || same == 1, "{call:?}");
            }
        }
        for architecture in ARCHITECTURES {
            let refused = ALWAYS.iter().chain(DESCRIPTORS).filter(|(_, arguments)| arguments.is_empty());
            for call in refused.filter_map(|(call, _)| call.on(architecture)) {
                assert!(
                    allowed::calls(architecture).all(|allowed| allowed != call),
                    "{call} is refused and allowed"
                );
            }
        }
    }

    #[test]
    fn calls_with_flags_or_modes_in_memory_do_not_exist() {
        // A filter cannot look there; programs then use `clone` and `openat`.
        for architecture in ARCHITECTURES {
            let absent = [call!(clone3), call!(openat2)].map(|call| call.on(architecture));
            assert!(allowed::calls(architecture).all(|call| !absent.contains(&Some(call))));
        }
    }
}
