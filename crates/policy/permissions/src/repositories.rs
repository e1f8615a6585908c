//! What git may write to under workspace-write, and what nobody may: the names in a repository that a later git, outside of the sandbox, would
//! run or believe. See `docs/decisions/0006`.

use crate::{PathRule, ResolvedPolicy, Rights, RuleSource, rights};
use codex_base::AbsPath;

/// In a repository's folder: programs, settings that name programs, and pointers to other folders of objects or settings.
pub const GIT_SETTINGS: [&str; 8] = [
    "config",
    "config.worktree",
    "commondir",
    "hooks",
    "info/attributes",
    "objects/info/alternates",
    "branches",
    "remotes",
];
/// In a work tree's own folder of a repository.
const OWN_SETTINGS: [&str; 3] = ["commondir", "gitdir", "config.worktree"];
/// Folders of repositories in a repository: what is there may be used, nothing may be added.
const SHELVES: [&str; 2] = ["modules", "worktrees"];

/// A git repository somewhere in a writable root, found when a command starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NestedRepository {
    /// Git may write in `git`, and its settings stay. `shelves` are those of its folders of repositories that are there.
    Protected { git: AbsPath, shelves: Vec<AbsPath> },
    /// A repository's folder, or a file that points to one, stays as it is.
    ReadOnly(AbsPath),
}

/// Whether `path` is, by its name alone, one of the settings of some repository, or lies in one: then answers with the repository's folder.
pub fn repository_of_setting(path: &AbsPath) -> Option<AbsPath> {
    let is_git = |git: &AbsPath| git.file_name().is_some_and(|name| name.eq_ignore_ascii_case(".git"));
    path.ancestors().find(|git| is_git(git) && is_setting_of(git, path))
}

/// The same for a folder that is known to be a repository's.
pub fn is_setting_of(git: &AbsPath, path: &AbsPath) -> bool {
    let mut names = GIT_SETTINGS.iter().chain(&SHELVES);
    names.any(|name| crate::starts_with_ignoring_case(path, &git.join(*name)))
}

/// `policy` with limits for `nested`. What a line of a profile says of exactly a repository's folder stays as it is.
pub(crate) fn with_nested(policy: &ResolvedPolicy, nested: &[NestedRepository]) -> ResolvedPolicy {
    let mut policy = policy.clone();
    let is_named = |policy: &ResolvedPolicy, git: &AbsPath| {
        let mut rules = policy.rules.iter();
        rules.any(|rule| rule.path == *git && matches!(rule.source, RuleSource::Profile { .. }))
    };
    let mut added = Additions::default();
    for repository in nested {
        let (NestedRepository::Protected { git, .. } | NestedRepository::ReadOnly(git)) = repository;
        // At the top of a root the policy knows better.
        if is_named(&policy, git) || policy.limits.iter().any(|limit| limit.path == git.join(GIT_SETTINGS[0])) {
            continue;
        }
        match repository {
            NestedRepository::Protected { git, shelves } => {
                GIT_SETTINGS.iter().for_each(|name| added.limit(git.join(name)));
                shelves.iter().for_each(|shelf| added.limit(shelf.clone()));
            }
            NestedRepository::ReadOnly(git) => added.limit(git.clone()),
        }
    }
    let is_open = |path: &AbsPath| path.parent().is_some_and(|around| rights(&policy, &around) == Rights::Write);
    let limits: Vec<PathRule> = added.limits.into_iter().filter(|limit| is_open(&limit.path)).collect();
    policy.limits.extend(limits);
    policy.limits.sort_by(|a, b| a.path.cmp(&b.path));
    policy.limits.dedup_by(|a, b| a.path == b.path && a.rights == b.rights);
    policy
}

/// A git repository at the top of a writable root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repository {
    /// The writable root that holds it.
    pub root: AbsPath,
    pub kind: RepositoryKind,
    /// Repositories of submodules in it, canonical, each with the folder that is checked out, if its settings name one.
    pub modules: Vec<(AbsPath, Option<AbsPath>)>,
    /// Folders of work trees in it, canonical: git keeps their logs when it tidies up.
    pub work_trees: Vec<AbsPath>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RepositoryKind {
    /// `root/.git` is a folder.
    Folder,
    /// The root is a repository without a work tree.
    Bare,
    /// `root/.git` is a file that points to `own`, the settings are in `common`, and these folders point back to the root: it is
    /// really theirs.
    Linked { own: AbsPath, common: AbsPath },
    /// `root/.git` leads to these folders, which know nothing of the root. A file in a workspace may claim anything.
    Elsewhere { folders: Vec<AbsPath> },
}

/// What a repository adds to the rules and limits of a policy.
#[derive(Debug, Default)]
pub(crate) struct Additions {
    pub rules: Vec<PathRule>,
    pub limits: Vec<PathRule>,
}

pub(crate) fn additions(repository: &Repository) -> Additions {
    let mut added = Additions::default();
    let git = repository.root.join(".git");
    match &repository.kind {
        RepositoryKind::Folder => added.repository(&git),
        RepositoryKind::Bare => added.repository(&repository.root),
        RepositoryKind::Linked { own, common } => {
            added.limit(git);
            added.rule(common.clone(), Rights::Write);
            added.repository(common);
            if own != common {
                added.work_tree(own);
            }
        }
        RepositoryKind::Elsewhere { folders } => {
            added.limit(git);
            folders.iter().for_each(|folder| added.limit(folder.clone()));
        }
    }
    repository.work_trees.iter().for_each(|own| added.work_tree(own));
    for (folder, work_tree) in &repository.modules {
        added.rule(folder.clone(), Rights::Write);
        added.repository(folder);
        if let Some(work_tree) = work_tree {
            added.limit(work_tree.join(".git"));
        }
    }
    added
}

impl Additions {
    fn repository(&mut self, folder: &AbsPath) {
        GIT_SETTINGS.iter().for_each(|name| self.limit(folder.join(name)));
        SHELVES.iter().for_each(|name| self.rule(folder.join(name), Rights::Read));
    }

    fn work_tree(&mut self, own: &AbsPath) {
        self.rule(own.clone(), Rights::Write);
        OWN_SETTINGS.iter().for_each(|name| self.limit(own.join(name)));
    }

    fn rule(&mut self, path: AbsPath, rights: Rights) {
        self.rules.push(PathRule::new(path, rights, RuleSource::Repository));
    }

    fn limit(&mut self, path: AbsPath) {
        self.limits.push(PathRule::new(path, Rights::Read, RuleSource::Repository));
    }
}
