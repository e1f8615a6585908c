//! From a mode and its options to the exact writable roots.

use crate::{ReadAccess, ResolvedPolicy, WritableRoot};
use codex_base::AbsPath;
use codex_protocol::settings::{FileRules, SandboxPolicy};
use std::collections::BTreeMap;

/// Directly below every writable root these are read-only, existing or not: what runs or counts later, outside of the sandbox
/// (hooks and configuration of git, of this program, of other agents, of cloud tools).
pub const PROTECTED_NAMES: [&str; 4] = [".git", ".codex", ".agents", ".aws"];

/// The folder of `CODEX_HOME` that holds work trees made for sessions.
pub const WORKTREES: &str = "worktrees";

/// What must be known of the file system to resolve a policy; looked up by the caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathFacts {
    /// `$TMPDIR`, if set and not empty.
    pub tmpdir: Option<AbsPath>,
    /// `/tmp` where the system has one.
    pub slash_tmp: Option<AbsPath>,
    /// `CODEX_HOME`, canonical if it exists.
    pub codex_home: AbsPath,
    /// For a canonical root whose `.git` is a file: the canonical folders it stands for (the `gitdir:` target and that one's
    /// common folder).
    pub git_dirs: Vec<(AbsPath, Vec<AbsPath>)>,
    /// For each of the [`candidate_roots`] that exists: its canonical path. Roots that are missing here are skipped.
    pub existing_roots: BTreeMap<AbsPath, AbsPath>,
}

/// The roots that `policy` names, as spelled, in order; the caller finds out which of them exist and where they really lie.
pub fn candidate_roots(policy: &SandboxPolicy, cwd: &AbsPath, tmpdir: Option<&AbsPath>, slash_tmp: Option<&AbsPath>) -> Vec<AbsPath> {
    match policy {
        SandboxPolicy::DangerFullAccess | SandboxPolicy::ReadOnly { .. } => Vec::new(),
        SandboxPolicy::WorkspaceWrite {
            writable_roots,
            network_access: _,
            exclude_tmpdir_env_var,
            exclude_slash_tmp,
        } => {
            let tmpdir = tmpdir.filter(|_| !exclude_tmpdir_env_var);
            let slash_tmp = slash_tmp.filter(|_| !exclude_slash_tmp);
            std::iter::once(cwd)
                .chain(writable_roots)
                .chain(tmpdir)
                .chain(slash_tmp)
                .cloned()
                .collect()
        }
    }
}

/// The exact paths that `policy` means for a thread in `cwd`.
///
/// A root at or below something protected (say `CODEX_HOME`, or `.git` of another root) is dropped: protection wins.
pub fn resolve(policy: &SandboxPolicy, cwd: &AbsPath, facts: &PathFacts) -> ResolvedPolicy {
    match policy {
        SandboxPolicy::DangerFullAccess => ResolvedPolicy::unconfined(),
        SandboxPolicy::ReadOnly { .. } | SandboxPolicy::WorkspaceWrite { .. } => confined(policy, cwd, facts),
    }
}

fn confined(policy: &SandboxPolicy, cwd: &AbsPath, facts: &PathFacts) -> ResolvedPolicy {
    let mut writable_roots: Vec<WritableRoot> = Vec::new();
    for spelled in candidate_roots(policy, cwd, facts.tmpdir.as_ref(), facts.slash_tmp.as_ref()) {
        let Some(root) = facts.existing_roots.get(&spelled) else { continue };
        if !writable_roots.iter().any(|known| &known.root == root) {
            writable_roots.push(WritableRoot {
                root: root.clone(),
                protected: protected_in(root, facts),
            });
        }
    }
    let read_only = if works_in_own_worktree(cwd, &writable_roots, facts) {
        Vec::new()
    } else {
        vec![facts.codex_home.clone()]
    };
    let mut resolved = ResolvedPolicy {
        mode: policy.mode(),
        read: ReadAccess::All,
        writable_roots,
        read_only,
        network: policy.network_access(),
        confined: true,
    };
    // Protection counts across roots, so all of them are in place before any is judged.
    let kept = resolved
        .writable_roots
        .iter()
        .filter(|writable| !resolved.is_protected(&writable.root))
        .cloned()
        .collect();
    resolved.writable_roots = kept;
    resolved
}

/// Whether the thread works in a work tree that was made for it below `CODEX_HOME` and no root reaches the rest of that folder. What no
/// root covers is read-only without being named, and naming it would close the work tree, too.
fn works_in_own_worktree(cwd: &AbsPath, roots: &[WritableRoot], facts: &PathFacts) -> bool {
    let worktrees = facts.codex_home.join(WORKTREES);
    let own = facts.existing_roots.get(cwd).is_some_and(|cwd| {
        // `<4 hex digits>/<repository>` and below.
        cwd.strip_prefix(&worktrees).is_ok_and(|place| place.components().count() >= 2)
    });
    let reaches = |root: &AbsPath| {
        facts.codex_home.starts_with(root) || (root.starts_with(&facts.codex_home) && Some(root) != facts.existing_roots.get(cwd))
    };
    own && !roots.iter().any(|writable| reaches(&writable.root))
}

fn protected_in(root: &AbsPath, facts: &PathFacts) -> Vec<AbsPath> {
    let pointed_to = facts
        .git_dirs
        .iter()
        .filter(|(of, _)| of == root)
        .flat_map(|(_, folders)| folders.clone());
    let mut protected: Vec<AbsPath> = PROTECTED_NAMES.iter().map(|name| root.join(name)).collect();
    protected.extend(pointed_to);
    protected.dedup();
    protected
}

/// Closes in `policy` what `rules` close. Paths of `rules` are canonical where they exist.
pub fn restrict(mut policy: ResolvedPolicy, rules: &FileRules, cwd: &AbsPath) -> ResolvedPolicy {
    if !policy.confined {
        return policy;
    }
    policy.read_only.extend(rules.read_only.iter().cloned());
    let closed = |root: &WritableRoot| rules.without_cwd && &root.root == cwd;
    let kept = policy
        .writable_roots
        .iter()
        .filter(|root| !closed(root) && !policy.is_protected(&root.root));
    policy.writable_roots = kept.cloned().collect();
    policy
}
