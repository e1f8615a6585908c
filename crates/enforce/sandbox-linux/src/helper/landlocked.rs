//! Executes a plan without namespaces, in the process that becomes the command.
//!
//! Every grant is opened without following a symbolic link. What is gone or was exchanged meanwhile gets none.

use super::exec::Streams;
use super::{Refusal, init, seccomp};
use crate::landlocked::{Access, LandlockPlan, PathGrant, Signals};
use crate::plan::SystemCalls;
use codex_process::record::Recording;
use landlock::{
    ABI, Access as _, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible, PathBeneath, RulesetAttr, RulesetCreated, RulesetCreatedAttr,
    RulesetError, Scope,
};
use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::{CWD, FileType, Mode, OFlags};
use rustix::io::Errno;
use std::path::{Component, Path};

const RULE: &str = "files that the policy opens only";

/// The first version that holds every rule of a plan; what later ones know is used if it is there.
const NEEDED: ABI = ABI::V3;
const KNOWN: ABI = ABI::V5;

pub(super) fn apply(plan: &LandlockPlan, streams: &Streams, recording: Option<Recording>) -> Result<(), Refusal> {
    init::limit_core().map_err(Refusal::of("no core dumps", "set the limit"))?;
    init::drop_privileges().map_err(Refusal::of("no privileges", "drop them"))?;
    restrict(plan, streams).map_err(|error| Refusal {
        rule: RULE.to_owned(),
        missing: error.to_string(),
    })?;
    seccomp::apply_without_namespaces(plan.system_calls, plan.signals, recording)
}

fn restrict(plan: &LandlockPlan, streams: &Streams) -> Result<(), RulesetError> {
    let mut rules = landlock::Ruleset::default()
        .set_compatibility(CompatLevel::HardRequirement)
        .handle_access(AccessFs::from_all(NEEDED))?;
    if plan.signals == Signals::Scoped {
        rules = rules.scope(Scope::Signal)?;
    }
    rules = rules
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(KNOWN))?;
    if plan.system_calls == SystemCalls::NetworkOff {
        rules = rules
            .handle_access(AccessNet::from_all(ABI::V4))?
            .scope(Scope::AbstractUnixSocket)?;
    }
    let mut rules = rules.create()?;
    let scratch = plan.scratch.iter().map(|path| PathGrant {
        path: path.clone(),
        access: Access::Write,
    });
    for grant in plan.grants.iter().cloned().chain(scratch) {
        let Ok((file, is_folder)) = open(&grant.path) else { continue };
        rules = add(rules, file, rights(grant.access, is_folder))?;
    }
    if let Streams::Terminal { slave } = streams {
        rules = add(rules, slave, rights(Access::Device, false))?;
    }
    rules.restrict_self().map(drop)
}

fn add(rules: RulesetCreated, file: impl AsFd, rights: BitFlags<AccessFs>) -> Result<RulesetCreated, RulesetError> {
    if rights.is_empty() {
        Ok(rules)
    } else {
        rules.add_rule(PathBeneath::new(file, rights))
    }
}

/// A rule for a file can only hold the rights of files.
fn rights(access: Access, is_folder: bool) -> BitFlags<AccessFs> {
    let rights = match access {
        Access::List => BitFlags::from(AccessFs::ReadDir),
        Access::Read => AccessFs::from_read(KNOWN),
        Access::Write => AccessFs::from_all(KNOWN),
        Access::Device => AccessFs::ReadFile | AccessFs::WriteFile | AccessFs::Truncate | AccessFs::IoctlDev,
    };
    if is_folder { rights } else { rights & AccessFs::from_file(KNOWN) }
}

/// Name by name: `openat2`, which can do it at once, is closed in some containers.
fn open(path: &Path) -> Result<(OwnedFd, bool), Errno> {
    let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mut at = rustix::fs::openat(CWD, "/", flags, Mode::empty())?;
    for part in path.components() {
        if let Component::Normal(name) = part {
            at = rustix::fs::openat(&at, name, flags, Mode::empty())?;
        }
    }
    match FileType::from_raw_mode(rustix::fs::fstat(&at)?.st_mode) {
        FileType::Symlink => Err(Errno::LOOP),
        kind => Ok((at, kind == FileType::Directory)),
    }
}
