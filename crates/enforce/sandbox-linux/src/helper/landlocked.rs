//! Executes a plan without namespaces, in the process that becomes the command.
//!
//! Every grant is opened without following a symbolic link. What is gone or was exchanged meanwhile gets none.

use super::exec::Streams;
use super::hearing::Heard;
use super::{Refusal, init, seccomp};
use crate::landlocked::{Access, LandlockPlan, PathGrant, Signals};
use crate::plan::{Filters, Sockets, SystemCalls};
use codex_base::AbsPath;
use codex_process::wire::Report;
use landlock::{
    ABI, Access as _, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible, PathBeneath, RulesetAttr, RulesetCreated, RulesetCreatedAttr,
    RulesetError, Scope,
};
use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::{CWD, FileType, Mode, OFlags};
use rustix::io::Errno;
use std::ffi::OsString;
use std::path::{Component, Path};

const RULE: &str = "files that the policy opens only";

/// The first version that holds every rule of a plan; what later ones know is used if it is there.
const NEEDED: ABI = ABI::V3;
const KNOWN: ABI = ABI::V5;

/// What cannot be `heard` is not done for the command either.
pub(super) fn apply(
    plan: &LandlockPlan,
    scratch: Option<&AbsPath>,
    streams: &Streams,
    filters: &Filters,
    heard: &Heard<'_>,
) -> Result<(), Report> {
    init::limit_core().map_err(|error| Refusal::of("no core dumps", "set the limit")(error).into_report())?;
    init::drop_privileges(rustix::thread::CapabilitySet::empty())
        .map_err(|error| Refusal::of("no privileges", "drop them")(error).into_report())?;
    let refuse = |error: RulesetError| Refusal {
        rule: RULE.to_owned(),
        missing: error.to_string(),
    };
    restrict(plan, scratch, streams).map_err(|error| refuse(error).into_report())?;
    let unserved = heard.done.is_empty();
    let listener = heard.install(filters.first.len() + usize::from(unserved))?;
    // There is one listener for all filters of a process. Where somebody around us has it, the command does without.
    if listener.is_none() || unserved {
        seccomp::refuse_metadata().map_err(Refusal::into_report)?;
    }
    seccomp::apply(&filters.first).map_err(Refusal::into_report)
}

fn restrict(plan: &LandlockPlan, scratch: Option<&AbsPath>, streams: &Streams) -> Result<(), RulesetError> {
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
        rules = rules.handle_access(AccessNet::from_all(ABI::V4))?;
    }
    if plan.sockets != Sockets::All {
        rules = rules.scope(Scope::AbstractUnixSocket)?;
    }
    let mut rules = rules.create()?;
    // Without the root nothing can be opened, and nothing is granted.
    let Ok(mut folders) = Folders::new() else {
        return rules.restrict_self().map(drop);
    };
    let scratch = scratch.map(|path| PathGrant {
        path: path.clone(),
        access: Access::Write,
    });
    for grant in plan.grants.iter().cloned().chain(scratch) {
        let Ok((file, is_folder)) = folders.open(&grant.path) else {
            continue;
        };
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
        Access::WriteFile if is_folder => BitFlags::empty(),
        Access::Write | Access::WriteFile => AccessFs::from_all(KNOWN),
        Access::Device => AccessFs::ReadFile | AccessFs::WriteFile | AccessFs::Truncate | AccessFs::IoctlDev,
    };
    if is_folder { rights } else { rights & AccessFs::from_file(KNOWN) }
}

/// Opens paths name by name: `openat2`, which can do it at once, is closed in some containers. Paths come in order, so that the folders around
/// one are mostly open already.
struct Folders {
    root: OwnedFd,
    /// Below the root, each with its name in the one before.
    open: Vec<(OsString, OwnedFd)>,
}

const FLAGS: OFlags = OFlags::PATH.union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

impl Folders {
    fn new() -> Result<Self, Errno> {
        Ok(Self {
            root: rustix::fs::openat(CWD, "/", FLAGS, Mode::empty())?,
            open: Vec::new(),
        })
    }

    /// The file, and whether it is a folder.
    fn open(&mut self, path: &Path) -> Result<(&OwnedFd, bool), Errno> {
        let names = path.components().filter_map(|part| match part {
            Component::Normal(name) => Some(name),
            _ => None,
        });
        let mut depth = 0;
        for name in names {
            if self.open.get(depth).is_none_or(|(known, _)| known != name) {
                self.open.truncate(depth);
                let opened = rustix::fs::openat(self.last(), name, FLAGS, Mode::empty())?;
                self.open.push((name.to_owned(), opened));
            }
            depth += 1;
        }
        self.open.truncate(depth);
        match FileType::from_raw_mode(rustix::fs::fstat(self.last())?.st_mode) {
            FileType::Symlink => Err(Errno::LOOP),
            kind => Ok((self.last(), kind == FileType::Directory)),
        }
    }

    fn last(&self) -> &OwnedFd {
        self.open.last().map_or(&self.root, |(_, folder)| folder)
    }
}
