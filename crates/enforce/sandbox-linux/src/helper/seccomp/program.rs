//! How rows of calls become a filter: by halves what the number alone decides, by the library what the arguments do.

use super::number::Architecture;
use super::{Argument, Call};
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule, TargetArch, sock_filter,
};
use std::collections::{BTreeMap, BTreeSet};

/// Of the calls that are known where there is a list of `known` ones, what no row refuses is allowed.
///
/// The library compares one number after the other, and the kernel runs a new filter for every number that there is: half a millisecond for each
/// command. So it is only asked about calls whose arguments count, and about other architectures; the rest is found by halves.
pub(super) fn compile_rows(
    calls: &[&Call],
    known: Option<&BTreeSet<i64>>,
    architecture: Architecture,
) -> Result<BpfProgram, seccompiler::BackendError> {
    let rows: Vec<(i64, &[Argument])> = calls
        .iter()
        .filter_map(|(call, arguments)| Some((call.on(architecture)?, *arguments)))
        .collect();
    let always: BTreeSet<i64> = rows
        .iter()
        .filter(|(_, arguments)| arguments.is_empty())
        .map(|(call, _)| *call)
        .collect();
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> = BTreeMap::new();
    for (call, arguments) in rows.iter().filter(|(call, _)| !always.contains(call)) {
        let conditions = arguments.iter().map(Argument::condition).collect::<Result<Vec<_>, _>>()?;
        rules.entry(*call).or_default().push(SeccompRule::new(conditions)?);
    }
    let decided = |call: i64| match known {
        _ if always.contains(&call) => REFUSE,
        Some(known) if !known.contains(&call) => UNKNOWN,
        _ if rules.contains_key(&call) => ASK,
        _ => ALLOW,
    };
    let named = always.iter().chain(rules.keys()).chain(known.into_iter().flatten());
    let decided: BTreeMap<u32, sock_filter> = named
        .flat_map(|call| [*call, *call + 1])
        .chain([0])
        .filter_map(|call| Some((u32::try_from(call).ok()?, decided(call))))
        .collect();
    let (target, word) = match architecture {
        Architecture::X86_64 => (TargetArch::x86_64, 0xc000_003e),
        Architecture::Aarch64 => (TargetArch::aarch64, 0xc000_00b7),
    };
    let mut program = vec![step(LOAD, ARCHITECTURE, 0, 0), step(IS, word, 1, 0), ASK, step(LOAD, NUMBER, 0, 0)];
    let mut runs: Vec<(u32, sock_filter)> = decided.into_iter().collect();
    runs.dedup_by(|next, before| next.1 == before.1);
    program.extend(halved(&runs));
    let end = program.len();
    for (at, jump) in program.iter_mut().enumerate().filter(|(_, step)| **step == ASK) {
        jump.k = u32::try_from(end - at - 1).unwrap_or(u32::MAX);
    }
    let library: BpfProgram = SeccompFilter::new(
        rules,
        SeccompAction::Allow,
        SeccompAction::Errno(libc::EPERM.cast_unsigned()),
        target,
    )?
    .try_into()?;
    program.extend(library);
    Ok(program)
}

/// `runs`: from which number on what is to be done.
fn halved(runs: &[(u32, sock_filter)]) -> BpfProgram {
    let (below, above) = runs.split_at(runs.len() / 2);
    match (below, above) {
        ([], above) => above.iter().map(|(_, done)| done.clone()).collect(),
        (_, []) => Vec::new(),
        (_, [(first, _), ..]) => {
            let low = halved(below);
            // A test keeps the lists short enough.
            let over = u8::try_from(low.len()).unwrap_or(u8::MAX);
            std::iter::once(step(IS_AT_LEAST, *first, over, 0))
                .chain(low)
                .chain(halved(above))
                .collect()
        }
    }
}

const LOAD: u16 = 0x20;
const JUMP: u16 = 0x05;
const IS: u16 = 0x15;
const IS_AT_LEAST: u16 = 0x35;
const RETURN: u16 = 0x06;
pub(super) const ALLOW: sock_filter = step(RETURN, libc::SECCOMP_RET_ALLOW, 0, 0);
pub(super) const REFUSE: sock_filter = step(RETURN, libc::SECCOMP_RET_ERRNO | libc::EPERM.cast_unsigned(), 0, 0);
pub(super) const UNKNOWN: sock_filter = step(RETURN, libc::SECCOMP_RET_ERRNO | libc::ENOSYS.cast_unsigned(), 0, 0);
/// Ahead to what the library has made.
const ASK: sock_filter = step(JUMP, 0, 0, 0);
/// Where what a filter sees has the call and the architecture.
const NUMBER: u32 = 0;
const ARCHITECTURE: u32 = 4;

/// One instruction, and how many to jump over if it holds and if not.
const fn step(code: u16, value: u32, yes: u8, no: u8) -> sock_filter {
    sock_filter {
        code,
        jt: yes,
        jf: no,
        k: value,
    }
}

impl Argument {
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
