//! Turns a sandbox policy into the exact paths it means, and answers what a path may be used for.
//!
//! Input: a [`SandboxPolicy`](codex_protocol::settings::SandboxPolicy) or the lines of a permission profile, the directory they count from,
//! and the [`PathFacts`] that somebody looked up before. Output: a [`ResolvedPolicy`], which every enforcer and every decision reads;
//! [`rights`] is the oracle over it, and [`decision`] names the rule.
//! Nothing here touches the file system: paths are compared by spelling, so callers hand in canonical ones.
//!
//! The order of strength: what is limited beats every rule; of the rules the deepest decides; a path that no rule covers may not be used.
//! Devices have to be named: see [`devices`].

pub mod additional;
#[cfg(test)]
mod additional_tests;
mod credentials;
pub mod devices;
mod globs;
pub mod modes;
#[cfg(test)]
mod modes_tests;
mod repositories;
mod resolve;

pub use codex_protocol::settings::{Rights, SocketRule, UnixSockets};
pub use credentials::places as credential_places;
pub use globs::{DenyGlobs, follows_renames, pattern_problem};
pub use repositories::{GIT_SETTINGS, NestedRepository, Repository, RepositoryKind, is_setting_of, repository_of_setting};
pub use resolve::{PROTECTED_NAMES, PathFacts, WORKTREES, candidate_roots, named_paths, resolve, strength};

use codex_base::AbsPath;
use codex_protocol::settings::SandboxMode;
use devices::Device;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fmt;
use std::path::Path;

/// What a command or patch may touch, with every path spelled out. Travels to the process that enforces it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ResolvedPolicy {
    pub mode: SandboxMode,
    /// The deepest one at or above a path decides. By path, one for each.
    pub rules: Vec<PathRule>,
    /// What is never allowed more than this, whatever the rules say of it or below it. Case is ignored.
    pub limits: Vec<PathRule>,
    /// Whose path, or a folder around it, matches is never read.
    pub deny_globs: DenyGlobs,
    pub network: bool,
    /// By their real paths, one rule for each.
    pub unix_sockets: UnixSockets,
    /// `false`: no confinement at all, the lists above mean nothing.
    pub confined: bool,
    #[serde(default)]
    pub managed: ManagedClosed,
}

/// What an administrator closed besides paths: it stays closed for what leaves the sandbox, too.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManagedClosed {
    pub network: bool,
    /// Some unix sockets, and so all of other programs where they cannot be told apart.
    pub sockets: bool,
}

/// What one path and everything below it may be used for, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PathRule {
    pub path: AbsPath,
    pub rights: Rights,
    pub source: RuleSource,
    /// The name it was given under, if links lead from there to `path`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spelled: Option<AbsPath>,
}

impl PathRule {
    /// Given under its own name.
    pub const fn new(path: AbsPath, rights: Rights, source: RuleSource) -> Self {
        Self {
            path,
            rights,
            source,
            spelled: None,
        }
    }
}

/// Where a rule comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RuleSource {
    /// What the mode says of the whole disk.
    Mode,
    WorkingDirectory,
    /// `writable_roots`, `--add-dir`.
    WritableRoot,
    Tmpdir,
    SlashTmp,
    /// One of the [`PROTECTED_NAMES`] of a writable root, or what it stands for.
    ProtectedName,
    /// What git would run or believe later, and the folders that work trees and submodules share.
    Repository,
    /// `CODEX_HOME`.
    CodexHome,
    /// A well-known place of keys and tokens.
    Credentials,
    /// A line of a permission profile.
    Profile {
        place: String,
        /// Set when what it names is for temporary files.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        temporary: Option<Temporary>,
    },
    /// A requirement of the administrator.
    Managed {
        place: String,
    },
}

/// A folder for temporary files; nobody's workspace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Temporary {
    Tmpdir,
    SlashTmp,
}

impl RuleSource {
    /// Which folder for temporary files the rule is about, however it came about.
    pub const fn temporary(&self) -> Option<Temporary> {
        match self {
            Self::Tmpdir => Some(Temporary::Tmpdir),
            Self::SlashTmp => Some(Temporary::SlashTmp),
            Self::Profile { temporary, .. } => *temporary,
            _ => None,
        }
    }
}

impl fmt::Display for RuleSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mode => f.write_str("the sandbox mode"),
            Self::WorkingDirectory => f.write_str("the working directory"),
            Self::WritableRoot => f.write_str("a writable root"),
            Self::Tmpdir => f.write_str("$TMPDIR"),
            Self::SlashTmp => f.write_str("/tmp"),
            Self::ProtectedName => f.write_str("a protected name"),
            Self::Repository => f.write_str("the settings of a git repository"),
            Self::CodexHome => f.write_str("codex's own home"),
            Self::Credentials => f.write_str("a well-known place of credentials"),
            Self::Profile { place, .. } | Self::Managed { place } => f.write_str(place),
        }
    }
}

/// What a path may be used for, and the rule that says so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision<'a> {
    pub rights: Rights,
    pub because: Because<'a>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Because<'a> {
    /// There is no sandbox.
    Unconfined,
    Rule(&'a PathRule),
    Limit(&'a PathRule),
    Glob(&'a codex_protocol::settings::DenyGlob),
    /// A device that every command has.
    Harmless,
    /// A device, and no rule names it.
    Device,
    /// No rule covers it.
    Nothing,
}

/// What `policy` allows for the canonical `path`, whether it exists or not.
pub fn rights(policy: &ResolvedPolicy, path: &AbsPath) -> Rights {
    decision(policy, path).rights
}

/// [`rights`] with its reason: the strictest, and of equally strict ones the rule before the limit.
pub fn decision<'a>(policy: &'a ResolvedPolicy, path: &AbsPath) -> Decision<'a> {
    if !policy.confined {
        return Decision {
            rights: Rights::Write,
            because: Because::Unconfined,
        };
    }
    let rule = policy
        .rules
        .iter()
        .filter(|rule| path.starts_with(&rule.path))
        .max_by_key(|rule| depth(&rule.path));
    let names_device = rule.filter(|rule| Device::of(&rule.path) != Device::No);
    let (rights, because) = match (Device::of(path), rule) {
        (Device::Harmless, _) if names_device.is_none() => (Rights::Write, Because::Harmless),
        (Device::Named, _) if names_device.is_none_or(|rule| rule.rights == Rights::Read) => (Rights::None, Because::Device),
        (_, None) => (Rights::None, Because::Nothing),
        (_, Some(rule)) => (rule.rights, Because::Rule(rule)),
    };
    let mut decided = Decision { rights, because };
    for limit in policy.limits.iter().filter(|limit| starts_with_ignoring_case(path, &limit.path)) {
        if limit.rights < decided.rights {
            decided = Decision {
                rights: limit.rights,
                because: Because::Limit(limit),
            };
        }
    }
    if decided.rights > Rights::None
        && let Some(glob) = policy.deny_globs.matching(path)
    {
        decided = Decision {
            rights: Rights::None,
            because: Because::Glob(glob),
        };
    }
    decided
}

impl ResolvedPolicy {
    /// No confinement: danger-full-access, and what an approved escalation runs with.
    pub fn unconfined() -> Self {
        Self {
            mode: SandboxMode::DangerFullAccess,
            rules: Vec::new(),
            limits: Vec::new(),
            deny_globs: DenyGlobs::default(),
            network: true,
            unix_sockets: UnixSockets::All {
                place: "full access".to_owned(),
            },
            confined: false,
            managed: ManagedClosed::default(),
        }
    }

    /// The rule that opens the unix socket at the canonical `path`, or why there is none.
    pub fn socket_decision(&self, path: &AbsPath) -> SocketDecision<'_> {
        if !self.confined {
            return SocketDecision::Unconfined;
        }
        match &self.unix_sockets {
            UnixSockets::All { place } => SocketDecision::All { place },
            UnixSockets::Named(rules) => rules
                .iter()
                .find(|rule| rule.path == *path)
                .map_or(SocketDecision::Closed, SocketDecision::Named),
        }
    }

    /// What this becomes when somebody allowed a call to leave it: everything, but for what an administrator closed.
    #[must_use]
    pub fn escalated(&self) -> Self {
        resolve::escalated(self)
    }

    /// The same with nothing to write to: what could be written can be read. Programs that listen on unix sockets could write in a
    /// command's place, so those are closed.
    #[must_use]
    pub fn read_only(&self) -> Self {
        let whole_disk = AbsPath::new("/").ok().filter(|_| !self.confined).map(|path| PathRule {
            path,
            rights: Rights::Read,
            source: RuleSource::Mode,
            spelled: None,
        });
        let rules = self.rules.iter().filter(|_| self.confined).map(|rule| PathRule {
            rights: rule.rights.min(Rights::Read),
            ..rule.clone()
        });
        Self {
            mode: SandboxMode::ReadOnly,
            rules: whole_disk.into_iter().chain(rules).collect(),
            unix_sockets: UnixSockets::default(),
            confined: true,
            ..self.clone()
        }
    }

    /// The same, with the settings of repositories protected that lie deeper than the tops of the writable folders.
    #[must_use]
    pub fn with_nested(&self, nested: &[NestedRepository]) -> Self {
        repositories::with_nested(self, nested)
    }

    /// The folders and files that rules let be written to, devices apart: the working directory, then by path. One may lie in another.
    pub fn writable_roots(&self) -> impl Iterator<Item = &AbsPath> {
        let is_cwd = |rule: &&PathRule| rule.source == RuleSource::WorkingDirectory;
        let (first, others) = (
            self.rules.iter().filter(is_cwd),
            self.rules.iter().filter(move |rule| !is_cwd(rule)),
        );
        first
            .chain(others)
            .filter(|rule| rule.rights == Rights::Write)
            .map(|rule| &rule.path)
            .filter(|path| Device::of(path) != Device::Named && rights(self, path) == Rights::Write)
    }

    /// The devices that rules open, and folders of such.
    pub fn devices(&self) -> impl Iterator<Item = &AbsPath> {
        let named = self.rules.iter().map(|rule| &rule.path);
        named.filter(|path| Device::of(path) == Device::Named && rights(self, path) == Rights::Write)
    }

    /// Every path below a writable root that is not writable itself, although its surroundings are.
    pub fn protected_paths(&self) -> impl Iterator<Item = &AbsPath> {
        self.turning_points()
            .into_iter()
            .filter(|path| rights(self, path) < Rights::Write)
            .filter(|path| path.parent().is_some_and(|above| rights(self, &above) == Rights::Write))
    }

    /// Whether there is anything that may not even be read.
    pub fn hides(&self) -> bool {
        self.confined
            && (!self.deny_globs.is_empty()
                || self.rules.iter().all(|rule| rule.path.parent().is_some())
                || self.rules.iter().chain(&self.limits).any(|rule| rule.rights == Rights::None))
    }

    /// Every path at which the rights may differ from those of the folder around it, parents first. Globs apart.
    pub fn turning_points(&self) -> BTreeSet<&AbsPath> {
        self.rules.iter().chain(&self.limits).map(|rule| &rule.path).collect()
    }

    /// Whether this policy allows nothing that `outer` does not allow too.
    pub fn is_within(&self, outer: &Self) -> bool {
        if !outer.confined {
            return true;
        }
        // Between two turning points the rights of both stay as they are.
        let mut points = self.turning_points();
        points.extend(outer.turning_points());
        self.confined
            && (outer.network || !self.network)
            && within_sockets(&self.unix_sockets, &outer.unix_sockets)
            && outer
                .deny_globs
                .iter()
                .all(|glob| self.deny_globs.iter().any(|own| own.pattern == glob.pattern))
            && points.into_iter().all(|path| rights(self, path) <= rights(outer, path))
    }
}

/// What is said of a unix socket of another program. That it can be seen is decided besides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SocketDecision<'a> {
    Unconfined,
    All { place: &'a str },
    Named(&'a SocketRule),
    Closed,
}

fn within_sockets(inner: &UnixSockets, outer: &UnixSockets) -> bool {
    match (inner, outer) {
        (_, UnixSockets::All { .. }) => true,
        (UnixSockets::All { .. }, UnixSockets::Named(_)) => false,
        (UnixSockets::Named(inner), UnixSockets::Named(outer)) => {
            inner.iter().all(|rule| outer.iter().any(|known| known.path == rule.path))
        }
    }
}

/// What the deepest of some lines at or above `path` says; `None` if none covers it.
fn rights_of_deepest<'a>(lines: impl Iterator<Item = (&'a AbsPath, Rights)>, path: &AbsPath) -> Option<Rights> {
    let covering = lines.filter(|(line, _)| path.starts_with(line));
    covering
        .max_by_key(|(line, rights)| (depth(line), *rights))
        .map(|(_, rights)| rights)
}

fn depth(path: &Path) -> usize {
    path.components().count()
}

/// Case is ignored: on a file system that ignores it `.GIT` is `.git`, and on others the mistake is on the strict side.
fn starts_with_ignoring_case(path: &Path, prefix: &Path) -> bool {
    let mut components = path.components();
    prefix.components().all(|wanted| {
        components
            .next()
            .is_some_and(|found| found.as_os_str().eq_ignore_ascii_case(wanted.as_os_str()))
    })
}

#[cfg(test)]
mod tests;
