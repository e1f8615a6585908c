//! From a mode or a profile to exact paths.

use crate::devices::{self, Device};
use crate::{
    DenyGlobs, ManagedClosed, PathRule, Repository, ResolvedPolicy, Rights, RuleSource, Temporary, credentials, globs, repositories,
    rights, rights_of_deepest,
};
use codex_base::AbsPath;
use codex_protocol::settings::{DenyGlob, FileRule, FileRules, SandboxMode, SandboxPolicy, SocketRule, UnixSockets};
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;

/// Directly below every writable root these are read-only, existing or not: what runs or counts later, outside of the sandbox
/// (hooks and configuration of git, of this program, of other agents, of cloud tools). Of `.git` see [`Repository`].
pub const PROTECTED_NAMES: [&str; 4] = [".git", ".codex", ".agents", ".aws"];

/// The folder of `CODEX_HOME` that holds work trees made for sessions.
pub const WORKTREES: &str = "worktrees";

/// What must be known of the file system to resolve a policy; looked up by the caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathFacts {
    /// The user's home, canonical.
    pub home: Option<AbsPath>,
    /// `$TMPDIR`, if set and not empty.
    pub tmpdir: Option<AbsPath>,
    /// `/tmp` where the system has one.
    pub slash_tmp: Option<AbsPath>,
    /// `CODEX_HOME`, canonical if it exists.
    pub codex_home: AbsPath,
    /// The repositories at the top of writable roots.
    pub repositories: Vec<Repository>,
    /// Protected names that are symbolic links, and where they lead; canonical as far as that exists.
    pub links: Vec<(AbsPath, AbsPath)>,
    /// For each of the [`candidate_roots`] that exists: its canonical path. Roots that are missing here are skipped.
    pub existing_roots: BTreeMap<AbsPath, AbsPath>,
    /// For each of the [`named_paths`] that means another one: its real path, canonical as far as it exists.
    pub real: BTreeMap<AbsPath, AbsPath>,
}

impl PathFacts {
    /// Nothing is known of the file system but where our own home is.
    pub const fn unknown(codex_home: AbsPath) -> Self {
        Self {
            home: None,
            tmpdir: None,
            slash_tmp: None,
            codex_home,
            repositories: Vec::new(),
            links: Vec::new(),
            existing_roots: BTreeMap::new(),
            real: BTreeMap::new(),
        }
    }

    fn real(&self, path: &AbsPath) -> AbsPath {
        self.real.get(path).unwrap_or(path).clone()
    }
}

/// The roots that `policy` names, as spelled, in order; the caller finds out which of them exist and where they really lie.
pub fn candidate_roots(policy: &SandboxPolicy, cwd: &AbsPath, tmpdir: Option<&AbsPath>, slash_tmp: Option<&AbsPath>) -> Vec<AbsPath> {
    sourced_roots(policy, cwd, tmpdir, slash_tmp)
        .into_iter()
        .map(|(root, _)| root)
        .collect()
}

fn sourced_roots(
    policy: &SandboxPolicy,
    cwd: &AbsPath,
    tmpdir: Option<&AbsPath>,
    slash_tmp: Option<&AbsPath>,
) -> Vec<(AbsPath, RuleSource)> {
    match policy {
        SandboxPolicy::DangerFullAccess | SandboxPolicy::ExternalSandbox { .. } | SandboxPolicy::ReadOnly { .. } => Vec::new(),
        SandboxPolicy::WorkspaceWrite {
            writable_roots,
            network_access: _,
            exclude_tmpdir_env_var,
            exclude_slash_tmp,
        } => {
            let tmpdir = tmpdir.filter(|_| !exclude_tmpdir_env_var);
            let slash_tmp = slash_tmp.filter(|_| !exclude_slash_tmp);
            std::iter::once((cwd, RuleSource::WorkingDirectory))
                .chain(writable_roots.iter().map(|root| (root, RuleSource::WritableRoot)))
                .chain(tmpdir.map(|root| (root, RuleSource::Tmpdir)))
                .chain(slash_tmp.map(|root| (root, RuleSource::SlashTmp)))
                .map(|(root, source)| (root.clone(), source))
                .collect()
        }
    }
}

/// Every path that rules name as spelled; the caller finds out what they really mean.
pub fn named_paths(files: &FileRules, home: Option<&AbsPath>, codex_home: &AbsPath) -> Vec<AbsPath> {
    let lines = files.profile.iter().flatten().chain(&files.additional).chain(&files.managed_deny);
    let mut paths: Vec<AbsPath> = lines.map(|line| line.path.clone()).collect();
    paths.extend(credentials::places(home, codex_home).into_iter().map(|(path, _)| path));
    for glob in &files.deny_globs {
        paths.extend(AbsPath::new(DenyGlobs::scan_root(&glob.pattern)));
    }
    if let UnixSockets::Named(rules) = &files.unix_sockets {
        paths.extend(rules.iter().chain(&files.closed_sockets).map(|rule| rule.path.clone()));
    }
    paths
}

/// The exact paths that `policy` and `files` mean for a thread in `cwd`.
///
/// A root at or below something protected (say `CODEX_HOME`, or `.codex` of another root) is dropped: protection wins. A line of a
/// profile for a protected name or a place of credentials itself replaces what would be said of it otherwise.
pub fn resolve(policy: &SandboxPolicy, files: &FileRules, cwd: &AbsPath, facts: &PathFacts) -> ResolvedPolicy {
    let managed = Managed::new(files, facts);
    match (policy, &files.profile) {
        (SandboxPolicy::DangerFullAccess, _) => managed.everything_else(),
        (SandboxPolicy::ExternalSandbox { .. }, _) => {
            // Whoever confines is told of the network, and closes it.
            let closed = ManagedClosed {
                network: false,
                ..managed.closed
            };
            ResolvedPolicy {
                mode: policy.mode(),
                network: policy.network_access(),
                ..Managed { closed, ..managed }.everything_else()
            }
        }
        (SandboxPolicy::ReadOnly { .. } | SandboxPolicy::WorkspaceWrite { .. }, profile) => {
            let mut rules = Rules::default();
            match profile {
                Some(lines) => lines.iter().for_each(|line| rules.line(line, cwd, facts)),
                None => rules.of_mode(policy, cwd, facts),
            }
            rules.widen(&files.additional, cwd, facts);
            rules.protect(cwd, facts);
            rules.limits.extend(managed.limits);
            ResolvedPolicy {
                unix_sockets: real_sockets(files, facts),
                managed: managed.closed,
                ..rules.policy(policy, real_globs(&files.deny_globs, facts))
            }
        }
    }
}

/// Whoever works in something protected, such as a worktree in codex's own folder, is not meant.
fn in_protected(path: &AbsPath, cwd: &AbsPath) -> bool {
    let is_name = |name: &OsStr| PROTECTED_NAMES.iter().any(|protected| name.eq_ignore_ascii_case(protected));
    let mut around = path.ancestors().filter(|at| !cwd.starts_with(at));
    around.any(|at| at.file_name().is_some_and(is_name))
}

/// Whoever works in a folder for temporary files works there all the same.
fn of_line(line: &FileRule, cwd: &AbsPath, facts: &PathFacts) -> RuleSource {
    let is = |folder: &Option<AbsPath>| {
        folder
            .as_ref()
            .is_some_and(|folder| line.path != *cwd && facts.real(folder) == facts.real(&line.path))
    };
    let temporary = match (is(&facts.tmpdir), is(&facts.slash_tmp)) {
        (true, _) => Some(Temporary::Tmpdir),
        (false, true) => Some(Temporary::SlashTmp),
        (false, false) => None,
    };
    RuleSource::Profile {
        place: line.place.clone(),
        temporary,
    }
}

/// What an administrator closed.
struct Managed {
    limits: Vec<PathRule>,
    globs: Vec<DenyGlob>,
    closed: ManagedClosed,
}

impl Managed {
    fn new(files: &FileRules, facts: &PathFacts) -> Self {
        let limit = |line: &FileRule| {
            let source = RuleSource::Managed { place: line.place.clone() };
            PathRule::new(facts.real(&line.path), line.rights, source)
        };
        let managed: Vec<DenyGlob> = files.deny_globs.iter().filter(|glob| glob.managed).cloned().collect();
        Self {
            limits: files.managed_deny.iter().map(limit).collect(),
            globs: real_globs(&managed, facts),
            closed: ManagedClosed {
                network: files.network_closed.is_some(),
                sockets: !files.closed_sockets.is_empty(),
            },
        }
    }

    /// Full access but for this.
    fn everything_else(self) -> ResolvedPolicy {
        everything_but(self.limits, self.globs, self.closed)
    }
}

pub(crate) fn escalated(policy: &ResolvedPolicy) -> ResolvedPolicy {
    let managed = |rule: &&PathRule| matches!(rule.source, RuleSource::Managed { .. });
    everything_but(
        policy.limits.iter().filter(managed).cloned().collect(),
        policy.deny_globs.iter().filter(|glob| glob.managed).cloned().collect(),
        policy.managed,
    )
}

fn everything_but(limits: Vec<PathRule>, globs: Vec<DenyGlob>, closed: ManagedClosed) -> ResolvedPolicy {
    let whole_disk = |limit: &PathRule| limit.path.ancestors().last();
    let root = limits.first().and_then(whole_disk).or_else(|| AbsPath::new("/").ok());
    match root {
        Some(path) if !limits.is_empty() || !globs.is_empty() || closed != ManagedClosed::default() => ResolvedPolicy {
            rules: vec![PathRule::new(path, Rights::Write, RuleSource::Mode)],
            limits,
            deny_globs: globs.into(),
            network: !closed.network,
            unix_sockets: if closed.sockets {
                UnixSockets::default()
            } else {
                ResolvedPolicy::unconfined().unix_sockets
            },
            confined: true,
            managed: closed,
            ..ResolvedPolicy::unconfined()
        },
        Some(_) | None => ResolvedPolicy::unconfined(),
    }
}

fn real_sockets(files: &FileRules, facts: &PathFacts) -> UnixSockets {
    let closed: BTreeSet<AbsPath> = files.closed_sockets.iter().map(|rule| facts.real(&rule.path)).collect();
    match &files.unix_sockets {
        UnixSockets::All { place } if closed.is_empty() => UnixSockets::All { place: place.clone() },
        // Nobody looks at single ones where all are open.
        UnixSockets::All { .. } => UnixSockets::default(),
        UnixSockets::Named(rules) => {
            let real = |rule: &SocketRule| SocketRule {
                path: facts.real(&rule.path),
                place: rule.place.clone(),
            };
            let mut rules: Vec<SocketRule> = rules.iter().map(real).collect();
            rules.sort();
            rules.dedup_by(|a, b| a.path == b.path);
            rules.retain(|rule| !closed.contains(&rule.path));
            UnixSockets::Named(rules)
        }
    }
}

fn real_globs(globs: &[DenyGlob], facts: &PathFacts) -> Vec<DenyGlob> {
    let real = |glob: &DenyGlob| DenyGlob {
        pattern: globs::rebased(&glob.pattern, |path| facts.real(path)),
        ..glob.clone()
    };
    globs.iter().map(real).collect()
}

/// Of two rules for one path the denial counts, then what may be written.
pub const fn strength(rights: Rights) -> u8 {
    match rights {
        Rights::Read => 0,
        Rights::Write => 1,
        Rights::None => 2,
    }
}

/// Rules as they come together.
#[derive(Default)]
struct Rules {
    by_path: BTreeMap<AbsPath, PathRule>,
    limits: Vec<PathRule>,
    /// Somebody said so of exactly these paths.
    explicit: BTreeSet<AbsPath>,
}

impl Rules {
    /// Of two for the same path the stricter one stays, except that a read-only one yields to a writable one.
    fn add(&mut self, rule: PathRule) {
        let rule = PathRule {
            rights: devices::most(&rule.path, rule.rights),
            ..rule
        };
        match self.by_path.get(&rule.path) {
            Some(known) if strength(known.rights) >= strength(rule.rights) => {}
            Some(_) | None => {
                self.by_path.insert(rule.path.clone(), rule);
            }
        }
    }

    fn line(&mut self, line: &FileRule, cwd: &AbsPath, facts: &PathFacts) {
        let path = facts.real(&line.path);
        self.explicit.insert(path.clone());
        self.add(PathRule {
            spelled: (path != line.path).then(|| line.path.clone()),
            path,
            rights: line.rights,
            source: of_line(line, cwd, facts),
        });
    }

    /// Each path gets the wider of what it had and what it is given. A denial on either side stays, and so does what is protected, also where
    /// the folder around it is no root that would protect it.
    fn widen(&mut self, lines: &[FileRule], cwd: &AbsPath, facts: &PathFacts) {
        let before = self.rights();
        let mut lines: Vec<(AbsPath, &FileRule)> = lines.iter().map(|line| (facts.real(&line.path), line)).collect();
        lines.sort_by_key(|(path, line)| (path.components().count(), line.rights == Rights::None));
        for (path, line) in lines {
            let had = rights_of_deepest(before.iter().map(|(path, rights)| (path, *rights)), &path).unwrap_or(Rights::None);
            let denied = line.rights == Rights::None || before.get(&path) == Some(&Rights::None);
            let given = if denied {
                Rights::None
            } else {
                let most = if in_protected(&path, cwd) { Rights::Read } else { Rights::Write };
                had.max(devices::most(&path, line.rights).min(most))
            };
            let has = rights_of_deepest(self.by_path.iter().map(|(path, rule)| (path, rule.rights)), &path);
            if has != Some(given) {
                self.by_path.insert(
                    path.clone(),
                    PathRule {
                        spelled: (path != line.path).then(|| line.path.clone()),
                        path,
                        rights: given,
                        source: of_line(line, cwd, facts),
                    },
                );
            }
        }
    }

    fn rights(&self) -> BTreeMap<AbsPath, Rights> {
        self.by_path.iter().map(|(path, rule)| (path.clone(), rule.rights)).collect()
    }

    fn of_mode(&mut self, policy: &SandboxPolicy, cwd: &AbsPath, facts: &PathFacts) {
        if let Some(root) = cwd.ancestors().last() {
            self.add(PathRule::new(root, Rights::Read, RuleSource::Mode));
        }
        for (spelled, source) in sourced_roots(policy, cwd, facts.tmpdir.as_ref(), facts.slash_tmp.as_ref()) {
            let Some(root) = facts.existing_roots.get(&spelled) else { continue };
            if self.by_path.get(root).is_none_or(|known| known.rights != Rights::Write) {
                self.add(PathRule {
                    path: root.clone(),
                    rights: Rights::Write,
                    source,
                    spelled: (*root != spelled).then_some(spelled),
                });
            }
        }
    }

    fn roots(&self) -> Vec<AbsPath> {
        let writable = self.by_path.values().filter(|rule| rule.rights == Rights::Write);
        writable.map(|rule| rule.path.clone()).collect()
    }

    /// Adds what stays as it is whatever roots there are.
    fn protect(&mut self, cwd: &AbsPath, facts: &PathFacts) {
        let roots = self.roots();
        // Nothing is made in a folder of devices.
        for root in roots.iter().filter(|root| Device::of(root) == Device::No) {
            self.protect_root(root, facts);
        }
        if !works_in_own_worktree(cwd, &roots, facts) {
            self.limit(facts.codex_home.clone(), RuleSource::CodexHome);
        }
        for (path, rights) in credentials::places(facts.home.as_ref(), &facts.codex_home) {
            let path = facts.real(&path);
            let is_root = |rule: &PathRule| rule.source == RuleSource::WritableRoot;
            if !self.explicit.contains(&path) && !self.by_path.get(&path).is_some_and(is_root) {
                self.add(PathRule::new(path, rights, RuleSource::Credentials));
            }
        }
    }

    fn protect_root(&mut self, root: &AbsPath, facts: &PathFacts) {
        let repository = facts.repositories.iter().find(|repository| repository.root == *root);
        for name in PROTECTED_NAMES {
            let path = root.join(name);
            if self.explicit.contains(&path) || (name == ".git" && repository.is_some()) {
                continue;
            }
            let leads_to = facts.links.iter().find(|(link, _)| *link == path);
            if let Some((_, target)) = leads_to {
                self.limit(target.clone(), RuleSource::ProtectedName);
            }
            self.limit(path, RuleSource::ProtectedName);
        }
        if let Some(repository) = repository
            && !self.explicit.contains(&root.join(".git"))
        {
            let added = repositories::additions(repository);
            let said = |rule: &PathRule| self.explicit.contains(&rule.path);
            let (rules, limits): (Vec<_>, Vec<_>) = (
                added.rules.into_iter().filter(|rule| !said(rule)).collect(),
                added.limits.into_iter().filter(|rule| !said(rule)).collect(),
            );
            rules.into_iter().for_each(|rule| self.add(rule));
            self.limits.extend(limits);
        }
    }

    fn limit(&mut self, path: AbsPath, source: RuleSource) {
        self.limits.push(PathRule::new(path, Rights::Read, source));
    }

    /// Protection counts across roots, so all of it is in place before any root is judged.
    fn policy(mut self, policy: &SandboxPolicy, globs: Vec<DenyGlob>) -> ResolvedPolicy {
        self.limits.sort_by(|a, b| a.path.cmp(&b.path));
        self.limits.dedup_by(|a, b| a.path == b.path && a.rights == b.rights);
        let mut resolved = ResolvedPolicy {
            mode: policy.mode(),
            rules: self.by_path.into_values().collect(),
            limits: self.limits,
            deny_globs: globs.into(),
            network: policy.network_access(),
            unix_sockets: UnixSockets::default(),
            confined: true,
            managed: ManagedClosed::default(),
        };
        let kept = resolved
            .rules
            .iter()
            .filter(|rule| rule.rights != Rights::Write || rights(&resolved, &rule.path) == Rights::Write)
            .cloned()
            .collect();
        resolved.rules = kept;
        // A profile may write although the mode it is told as does not.
        if resolved.mode == SandboxMode::ReadOnly && resolved.writable_roots().next().is_some() {
            resolved.mode = SandboxMode::WorkspaceWrite;
        }
        resolved
    }
}

/// Whether the thread works in a work tree that was made for it below `CODEX_HOME` and no root reaches the rest of that folder. What no
/// root covers is read-only without being named, and naming it would close the work tree, too.
fn works_in_own_worktree(cwd: &AbsPath, roots: &[AbsPath], facts: &PathFacts) -> bool {
    let worktrees = facts.codex_home.join(WORKTREES);
    let own = facts.existing_roots.get(cwd).is_some_and(|cwd| {
        // `<4 hex digits>/<repository>` and below.
        cwd.strip_prefix(&worktrees).is_ok_and(|place| place.components().count() >= 2)
    });
    let reaches = |root: &AbsPath| {
        facts.codex_home.starts_with(root) || (root.starts_with(&facts.codex_home) && Some(root) != facts.existing_roots.get(cwd))
    };
    own && !roots.iter().any(reaches)
}
