//! Refuses system calls, as tables: `EPERM`, but for two that programs expect to be missing on older systems (`ENOSYS`).
//!
//! The network namespace already has no network; the filter also closes what passes through the file system: sockets of the host with a
//! path. A datagram socket could send there without connecting, so only stream and packet sockets are made, and those only
//! in pairs or idle.

use super::Refusal;
use crate::plan::SystemCalls;
use seccompiler::{BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule, TargetArch};
use std::collections::BTreeMap;

const RULE: &str = "refused system calls";

/// One refused call, with the conditions on its arguments that all must hold; none: always.
type Refused = (i64, &'static [Argument]);

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
}

/// In every confined command: ways around the rules above, and parts of the kernel that no ordinary tool needs.
const ALWAYS: &[Refused] = &[
    (libc::SYS_io_uring_setup, &[]),
    (libc::SYS_io_uring_enter, &[]),
    (libc::SYS_io_uring_register, &[]),
    (libc::SYS_pidfd_getfd, &[]),
    (libc::SYS_bpf, &[]),
    (libc::SYS_perf_event_open, &[]),
    (libc::SYS_userfaultfd, &[]),
    (libc::SYS_open_by_handle_at, &[]),
    // The user's keys are not bound to any namespace.
    (libc::SYS_add_key, &[]),
    (libc::SYS_request_key, &[]),
    (libc::SYS_keyctl, &[]),
    // A nested user namespace would bring all capabilities back, over objects of its own.
    (
        libc::SYS_unshare,
        &[Argument::Has {
            index: 0,
            mask: libc::CLONE_NEWUSER as u64,
            value: libc::CLONE_NEWUSER as u64,
        }],
    ),
    (
        libc::SYS_clone,
        &[Argument::Has {
            index: 0,
            mask: libc::CLONE_NEWUSER as u64,
            value: libc::CLONE_NEWUSER as u64,
        }],
    ),
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
    (
        libc::SYS_socket,
        &[Argument::Is {
            index: 0,
            value: libc::AF_VSOCK as u64,
        }],
    ),
];

/// Low four bits of a socket's type; the others are flags.
const TYPE_MASK: u64 = 0xF;

const NETWORK_OFF: &[Refused] = &[
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
    (
        libc::SYS_socket,
        &[Argument::IsNot {
            index: 0,
            value: libc::AF_UNIX as u64,
        }],
    ),
    (
        libc::SYS_socketpair,
        &[Argument::IsNot {
            index: 0,
            value: libc::AF_UNIX as u64,
        }],
    ),
    (
        libc::SYS_socket,
        &[Argument::Has {
            index: 1,
            mask: TYPE_MASK,
            value: libc::SOCK_DGRAM as u64,
        }],
    ),
    (
        libc::SYS_socketpair,
        &[Argument::Has {
            index: 1,
            mask: TYPE_MASK,
            value: libc::SOCK_DGRAM as u64,
        }],
    ),
    // The kernel takes a raw unix socket for a datagram one.
    (
        libc::SYS_socket,
        &[Argument::Has {
            index: 1,
            mask: TYPE_MASK,
            value: libc::SOCK_RAW as u64,
        }],
    ),
    (
        libc::SYS_socketpair,
        &[Argument::Has {
            index: 1,
            mask: TYPE_MASK,
            value: libc::SOCK_RAW as u64,
        }],
    ),
];

/// Its flags lie in memory, where a filter cannot look; the libraries then use `clone`.
const MISSING: &[Refused] = &[(libc::SYS_clone3, &[])];

pub(super) fn apply(system_calls: SystemCalls) -> Result<(), Refusal> {
    let refuse = |missing: String| Refusal {
        rule: RULE.to_owned(),
        missing,
    };
    let mut refused: Vec<&Refused> = ALWAYS.iter().collect();
    match system_calls {
        SystemCalls::NetworkOff => refused.extend(NETWORK_OFF),
        SystemCalls::NetworkOn => {}
    }
    let missing = MISSING.iter().collect::<Vec<_>>();
    for (calls, errno) in [(refused, libc::EPERM), (missing, libc::ENOSYS)] {
        let program = compile(&calls, errno.cast_unsigned()).map_err(|error| refuse(error.to_string()))?;
        seccompiler::apply_filter(&program).map_err(|error| refuse(error.to_string()))?;
    }
    Ok(())
}

fn compile(refused: &[&Refused], errno: u32) -> Result<BpfProgram, seccompiler::BackendError> {
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> = BTreeMap::new();
    for (call, arguments) in refused {
        let conditions = arguments.iter().map(Argument::condition).collect::<Result<Vec<_>, _>>()?;
        for number in numbers(*call) {
            let known = rules.entry(number).or_default();
            if !conditions.is_empty() {
                known.push(SeccompRule::new(conditions.clone())?);
            }
        }
    }
    let architecture = TargetArch::try_from(std::env::consts::ARCH)?;
    SeccompFilter::new(rules, SeccompAction::Allow, SeccompAction::Errno(errno), architecture)?.try_into()
}

/// On x86-64 a kernel may offer each call once more in its 32-bit-pointer form, some under another number.
fn numbers(call: i64) -> impl Iterator<Item = i64> {
    const X32: i64 = 0x4000_0000;
    let other = match call {
        libc::SYS_ptrace => Some(521),
        libc::SYS_recvmmsg => Some(537),
        libc::SYS_sendmmsg => Some(538),
        libc::SYS_process_vm_readv => Some(539),
        libc::SYS_process_vm_writev => Some(540),
        libc::SYS_setsockopt => Some(541),
        _ => None,
    };
    let forms = std::iter::once(call).chain(other).map(|number| number | X32);
    std::iter::once(call).chain(forms.filter(|_| cfg!(target_arch = "x86_64")))
}

impl Argument {
    fn condition(&self) -> Result<SeccompCondition, seccompiler::BackendError> {
        use SeccompCmpArgLen::{Dword, Qword};
        match *self {
            Self::IsNot { index, value } => SeccompCondition::new(index, Dword, SeccompCmpOp::Ne, value),
            Self::Is { index, value } => SeccompCondition::new(index, Dword, SeccompCmpOp::Eq, value),
            Self::IsNotNull { index } => SeccompCondition::new(index, Qword, SeccompCmpOp::Ne, 0),
            Self::Has { index, mask, value } => SeccompCondition::new(index, Dword, SeccompCmpOp::MaskedEq(mask), value),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_tables_compile_to_a_filter() {
        let all: Vec<&Refused> = ALWAYS.iter().chain(NETWORK_OFF).collect();
        let lengths = [compile(&all, 1), compile(&MISSING.iter().collect::<Vec<_>>(), 38)].map(|program| program.unwrap().len());
        // The kernel takes at most 4096 instructions.
        assert!(lengths.iter().all(|length| (1..4096).contains(length)), "{lengths:?}");
    }

    #[test]
    fn a_call_that_is_always_refused_has_no_condition_elsewhere() {
        for (call, arguments) in ALWAYS.iter().chain(NETWORK_OFF) {
            let same = ALWAYS.iter().chain(NETWORK_OFF).filter(|(other, _)| other == call).count();
            assert!(!arguments.is_empty() || same == 1, "{call}");
        }
    }
}
