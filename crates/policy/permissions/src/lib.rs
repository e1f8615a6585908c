//! Turns a sandbox policy into the exact paths it means, and answers what a path may be used for.
//!
//! Input: a [`SandboxPolicy`], the directory it counts from, and the [`PathFacts`] that somebody looked up before.
//! Output: a [`ResolvedPolicy`], which every enforcer and every decision reads; [`rights`] is the oracle over it.
//! Nothing here touches the file system: paths are compared by spelling, so callers hand in canonical ones.
//!
//! The order of strength: a protected path beats every writable root, and what no root covers is not writable.

mod resolve;

pub use resolve::{PROTECTED_NAMES, PathFacts, WORKTREES, candidate_roots, resolve, restrict};

use codex_base::AbsPath;
use codex_protocol::settings::SandboxMode;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// What a command or patch may touch, with every path spelled out. Travels to the process that enforces it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ResolvedPolicy {
    pub mode: SandboxMode,
    pub read: ReadAccess,
    /// In the order cwd, configured roots, `$TMPDIR`, `/tmp`; existing, canonical, without duplicates.
    pub writable_roots: Vec<WritableRoot>,
    /// Read-only wherever it lies, e.g. `CODEX_HOME`.
    pub read_only: Vec<AbsPath>,
    pub network: bool,
    /// `false`: no confinement at all, the lists above mean nothing.
    pub confined: bool,
}

/// A folder that may be written to, except for what is protected in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WritableRoot {
    pub root: AbsPath,
    /// Stays read-only, existing or not: the [`PROTECTED_NAMES`] directly below `root`, and where a `.git` file there points.
    /// The latter may lie outside of `root`; it is protected in every root.
    pub protected: Vec<AbsPath>,
}

/// What may be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ReadAccess {
    All,
}

/// What a path may be used for. Writing includes reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rights {
    None,
    Read,
    Write,
}

/// What `policy` allows for the canonical `path`, whether it exists or not.
pub fn rights(policy: &ResolvedPolicy, path: &AbsPath) -> Rights {
    if !policy.confined {
        return Rights::Write;
    }
    let ReadAccess::All = policy.read;
    let in_a_root = policy.writable_roots.iter().any(|writable| path.starts_with(&writable.root));
    if in_a_root && !policy.is_protected(path) {
        Rights::Write
    } else {
        Rights::Read
    }
}

impl ResolvedPolicy {
    /// No confinement: danger-full-access, and what an approved escalation runs with.
    pub const fn unconfined() -> Self {
        Self {
            mode: SandboxMode::DangerFullAccess,
            read: ReadAccess::All,
            writable_roots: Vec::new(),
            read_only: Vec::new(),
            network: true,
            confined: false,
        }
    }

    /// Every path that stays read-only although it may lie in a writable root.
    pub fn protected_paths(&self) -> impl Iterator<Item = &AbsPath> {
        self.writable_roots
            .iter()
            .flat_map(|writable| &writable.protected)
            .chain(&self.read_only)
    }

    /// Whether `path` is a protected path or below one.
    ///
    /// Case is ignored: on a file system that ignores it `.GIT` is `.git`, and on others the mistake is on the strict side.
    pub fn is_protected(&self, path: &AbsPath) -> bool {
        self.confined && self.protected_paths().any(|protected| starts_with_ignoring_case(path, protected))
    }

    /// Whether this policy allows nothing that `outer` does not allow too.
    pub fn is_within(&self, outer: &Self) -> bool {
        if !outer.confined {
            return true;
        }
        let root_within = |writable: &WritableRoot| {
            rights(outer, &writable.root) == Rights::Write
                // What `outer` protects inside of this root must be protected here as well.
                && outer.protected_paths().filter(|path| path.starts_with(&writable.root)).all(|path| self.is_protected(path))
        };
        self.confined && (outer.network || !self.network) && self.writable_roots.iter().all(root_within)
    }
}

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
