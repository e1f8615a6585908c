//! Executes a plan without namespaces, in the process that becomes the command.
//!
//! Every grant is opened without following a symbolic link. What is gone or was exchanged meanwhile gets none. A rule takes microseconds, and
//! there may be thousands, so those of a session are made once: see [`crate::planned`].

use super::exec::Streams;
use super::hearing::Heard;
use super::{Refusal, init, seccomp};
use crate::facts::FileId;
use crate::landlocked::{Access, LandlockPlan, Signals};
use crate::plan::{Filters, Sockets, SystemCalls};
use codex_process::wire::Report;
use landlock::{
    ABI, Access as _, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible, PathBeneath, RulesetAttr, RulesetCreated, RulesetCreatedAttr,
    RulesetError, Scope,
};
use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::{CWD, FileType, Mode, OFlags};
use rustix::io::Errno;
use std::ffi::OsString;
use std::io;
use std::os::fd::AsRawFd;
use std::path::{Component, Path};

const RULE: &str = "files that the policy opens only";

/// The first version that holds every rule of a plan; what later ones know is used if it is there.
const NEEDED: ABI = ABI::V3;
const KNOWN: ABI = ABI::V5;

/// What cannot be `heard` is not done for the command either.
pub(super) fn apply(
    plan: &LandlockPlan,
    ruleset: Option<&OwnedFd>,
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
    match (ruleset, streams) {
        (Some(ruleset), Streams::Inherited { .. } | Streams::Ours { .. }) => {
            restrict(ruleset).map_err(|error| Refusal::of(RULE, "restrict")(error).into_report())?;
        }
        _ => {
            let rules = rules(plan).and_then(|(rules, _)| match streams {
                // The command's own.
                Streams::Terminal { slave } => add(rules, slave, rights(Access::Device, false)),
                Streams::Inherited { .. } | Streams::Ours { .. } => Ok(rules),
            });
            let done = rules.and_then(RulesetCreated::restrict_self);
            done.map_err(|error| refuse(error).into_report())?;
        }
    }
    let unserved = heard.done.is_empty();
    let listener = heard.install(filters.first.len() + usize::from(unserved))?;
    // There is one listener for all filters of a process. Where somebody around us has it, the command does without.
    if listener.is_none() || unserved {
        seccomp::refuse_metadata().map_err(Refusal::into_report)?;
    }
    seccomp::apply(&filters.first).map_err(Refusal::into_report)
}

/// By rules that somebody else made. The last step is the only one that counts for this process alone.
fn restrict(ruleset: &OwnedFd) -> io::Result<()> {
    // SAFETY: takes two numbers.
    match unsafe { libc::syscall(libc::SYS_landlock_restrict_self, ruleset.as_raw_fd(), 0) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Bytes of the files that have rules of their own: the kernel keeps one that is deleted as long as it has a rule, and so the space of it.
const HELD_MAX: u64 = 64 << 20;

/// The rules of a plan for any number of commands, and which file each grant is for. Without rules that must not be kept.
pub(crate) fn ruleset(plan: &LandlockPlan) -> Result<(Option<OwnedFd>, Vec<Option<FileId>>), RulesetError> {
    let (rules, files) = rules(plan)?;
    let held = files.iter().flatten().map(|opened| opened.held_bytes).sum::<u64>();
    let rules = Option::<OwnedFd>::from(rules).filter(|_| held <= HELD_MAX);
    Ok((rules, files.into_iter().map(|opened| Some(opened?.id)).collect()))
}

fn rules(plan: &LandlockPlan) -> Result<(RulesetCreated, Vec<Option<Opened>>), RulesetError> {
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
        return Ok((rules, Vec::new()));
    };
    let mut files = Vec::with_capacity(plan.grants.len());
    for grant in &plan.grants {
        // What is gone by now gets no rule, so nothing is allowed there.
        let opened = folders.open(&grant.path).ok();
        if let Some(Opened { is_folder, .. }) = opened {
            rules = add(rules, folders.last(), rights(grant.access, is_folder))?;
        }
        files.push(opened);
    }
    Ok((rules, files))
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

struct Opened {
    id: FileId,
    is_folder: bool,
    held_bytes: u64,
}

const FLAGS: OFlags = OFlags::PATH.union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

impl Folders {
    fn new() -> Result<Self, Errno> {
        Ok(Self {
            root: rustix::fs::openat(CWD, "/", FLAGS, Mode::empty())?,
            open: Vec::new(),
        })
    }

    /// The last one that is open then.
    fn open(&mut self, path: &Path) -> Result<Opened, Errno> {
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
        let facts = rustix::fs::fstat(self.last())?;
        match FileType::from_raw_mode(facts.st_mode) {
            FileType::Symlink => Err(Errno::LOOP),
            kind => Ok(Opened {
                id: (facts.st_dev, facts.st_ino),
                is_folder: kind == FileType::Directory,
                held_bytes: if kind == FileType::RegularFile {
                    facts.st_blocks.unsigned_abs() * 512
                } else {
                    0
                },
            }),
        }
    }

    fn last(&self) -> &OwnedFd {
        self.open.last().map_or(&self.root, |(_, folder)| folder)
    }
}
