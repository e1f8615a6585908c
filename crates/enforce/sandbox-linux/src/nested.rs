//! Repositories below the top of the writable folders, as they are when a command starts.
//!
//! The folders are walked once in a session and then watched, so that the next command costs what changed since. Where they cannot be
//! watched, or hold too much, what the first walk found is all that is known.

use crate::matches::watch::Watch;
use codex_base::AbsPath;
use codex_permissions::{NestedRepository, ResolvedPolicy, RuleSource};
use codex_protocol::settings::SandboxMode;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;

/// Entries that are looked at in one session: in large projects a walk of this many takes a tenth of a second or two.
const ENTRIES_MAX: usize = 200_000;
/// Repositories in which git may write. The others are read-only as a whole, which takes one mount each instead of ten.
const WRITABLE_MAX: usize = 4;
/// Folders of repositories in a repository.
const SHELVES: [&str; 2] = ["modules", "worktrees"];

/// What one session has found; other writable folders start it anew.
#[derive(Debug, Default)]
pub(crate) struct Nested {
    index: Option<Index>,
}

#[derive(Debug)]
struct Index {
    roots: Vec<AbsPath>,
    watch: Option<Watch>,
    entries: usize,
    /// By folder: the repositories that its entries make.
    found: BTreeMap<AbsPath, BTreeSet<Kind>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    /// `.git` is a folder.
    Folder,
    /// `.git` is a file that points elsewhere.
    File,
    /// The folder itself is one.
    Bare,
}

impl Nested {
    pub const fn new() -> Self {
        Self { index: None }
    }

    /// `policy` with what it says of the settings of repositories said of those that lie deeper, too. Git may write in those around
    /// `cwd` first.
    pub fn protect(&mut self, policy: &ResolvedPolicy, cwd: &AbsPath) -> ResolvedPolicy {
        let roots = roots(policy);
        if roots.is_empty() {
            return policy.clone();
        }
        let known = self.index.take().filter(|index| index.roots == roots);
        let mut index = known.unwrap_or_else(|| Index::new(roots));
        index.catch_up();
        let found = index.repositories(cwd);
        self.index = Some(index);
        policy.with_nested(&found)
    }
}

/// Where somebody works; not what is for temporary files, nor what is open for git's own sake. With full access, but for what an
/// administrator closed, nothing of git's is protected; and the whole disk is nobody's workspace.
fn roots(policy: &ResolvedPolicy) -> Vec<AbsPath> {
    if policy.mode == SandboxMode::DangerFullAccess {
        return Vec::new();
    }
    let is_work = |root: &&AbsPath| {
        let mut rules = policy.rules.iter().filter(|rule| rule.path == **root);
        rules.any(|rule| !matches!(rule.source, RuleSource::Tmpdir | RuleSource::SlashTmp | RuleSource::Repository))
    };
    let mut roots: Vec<AbsPath> = Vec::new();
    let mut all: Vec<&AbsPath> = policy.writable_roots().filter(is_work).collect();
    all.sort();
    for root in all {
        // One in another is walked with it.
        if root.parent().is_some() && !roots.iter().any(|around| root.starts_with(around)) {
            roots.push(root.clone());
        }
    }
    roots
}

impl Index {
    fn new(roots: Vec<AbsPath>) -> Self {
        let mut index = Self {
            roots,
            watch: Watch::new().ok(),
            entries: 0,
            found: BTreeMap::new(),
        };
        index.walk();
        index
    }

    fn walk(&mut self) {
        self.found.clear();
        self.entries = 0;
        for root in self.roots.clone() {
            self.look_into(&root);
        }
    }

    fn catch_up(&mut self) {
        let Some(watch) = &mut self.watch else { return };
        match watch.changed() {
            Some(changes) => {
                for folder in &changes.gone {
                    self.found.retain(|known, _| !known.starts_with(folder));
                    watch.forget(folder);
                }
                changes.changed.iter().for_each(|folder| self.look_into(folder));
            }
            None => {
                watch.forget_all();
                self.walk();
            }
        }
    }

    /// Looks at `folder`, and at what is not watched below it.
    fn look_into(&mut self, folder: &AbsPath) {
        let mut left = vec![folder.clone()];
        while let Some(folder) = left.pop() {
            if self.entries > ENTRIES_MAX {
                // What is not known cannot be kept up to date.
                self.watch = None;
                return;
            }
            if self.watch.as_mut().is_some_and(|watch| watch.add(&folder).is_err()) {
                self.watch = None;
            }
            let below = self.entries_of(&folder);
            let knows = |folder: &AbsPath| self.watch.as_ref().is_some_and(|watch| watch.knows(folder));
            left.extend(below.into_iter().filter(|folder| !knows(folder)));
        }
    }

    /// Notes what repositories there are, and answers with the folders to look into.
    fn entries_of(&mut self, folder: &AbsPath) -> Vec<AbsPath> {
        self.found.remove(folder);
        let Ok(entries) = fs::read_dir(folder.as_path()) else {
            return Vec::new();
        };
        let mut kinds = BTreeSet::new();
        let mut below = Vec::new();
        let mut parts = 0;
        for entry in entries.flatten() {
            self.entries += 1;
            let Ok(kind) = entry.file_type() else { continue };
            let name = entry.file_name();
            match (name.to_str(), kind.is_dir()) {
                (Some(".git"), true) => drop(kinds.insert(Kind::Folder)),
                (Some(".git"), false) if kind.is_file() => drop(kinds.insert(Kind::File)),
                (Some("objects" | "refs"), true) => {
                    parts += 1;
                    below.push(folder.join(&name));
                }
                (Some("HEAD"), false) => parts += 1,
                (_, true) => below.push(folder.join(&name)),
                (_, false) => {}
            }
        }
        if parts == 3 {
            kinds.insert(Kind::Bare);
            below.clear();
        }
        if !kinds.is_empty() {
            self.found.insert(folder.clone(), kinds);
        }
        below
    }

    fn repositories(&self, cwd: &AbsPath) -> Vec<NestedRepository> {
        let mut folders = Vec::new();
        let mut found = Vec::new();
        for (folder, kind) in self
            .found
            .iter()
            .flat_map(|(folder, kinds)| kinds.iter().map(move |kind| (folder, *kind)))
        {
            match kind {
                Kind::File => found.push(NestedRepository::ReadOnly(folder.join(".git"))),
                Kind::Bare => folders.push((folder, folder.clone())),
                Kind::Folder => {
                    let git = folder.join(".git");
                    // Anything else, such as a stand-in, is none, and git does not use it.
                    if is_repository(&git) {
                        folders.push((folder, git));
                    }
                }
            }
        }
        folders.sort_by_key(|(work, _)| !cwd.starts_with(work));
        let all = folders.into_iter().enumerate().map(|(index, (_, git))| {
            if index < WRITABLE_MAX {
                let shelves = SHELVES.map(|name| git.join(name));
                let shelves = shelves.into_iter().filter(|shelf| fs::symlink_metadata(shelf.as_path()).is_ok());
                NestedRepository::Protected {
                    shelves: shelves.collect(),
                    git,
                }
            } else {
                NestedRepository::ReadOnly(git)
            }
        });
        found.extend(all);
        found
    }
}

fn is_repository(git: &AbsPath) -> bool {
    let is_there = |name: &str| fs::symlink_metadata(git.join(name).as_path()).is_ok();
    is_there("HEAD") && is_there("objects") && is_there("refs")
}

#[cfg(test)]
mod tests {
    use super::*;
    use codex_permissions::{PathRule, Rights};
    use pretty_assertions::assert_eq;

    struct World {
        _temp: tempfile::TempDir,
        base: AbsPath,
        nested: Nested,
    }

    impl World {
        fn new() -> Self {
            let temp = tempfile::tempdir().unwrap();
            let base = AbsPath::new(fs::canonicalize(temp.path()).unwrap()).unwrap();
            Self {
                _temp: temp,
                base,
                nested: Nested::new(),
            }
        }

        fn repository(&self, git: &str) {
            for folder in ["objects", "refs"] {
                fs::create_dir_all(self.base.join(git).join(folder)).unwrap();
            }
            fs::write(self.base.join(git).join("HEAD"), "").unwrap();
        }

        /// The limits that the policy did not have before.
        fn protected(&mut self, cwd: &str) -> Vec<String> {
            self.protected_in(SandboxMode::WorkspaceWrite, cwd)
        }

        fn protected_in(&mut self, mode: SandboxMode, cwd: &str) -> Vec<String> {
            let policy = ResolvedPolicy {
                mode,
                rules: vec![PathRule {
                    path: self.base.clone(),
                    rights: Rights::Write,
                    source: RuleSource::WorkingDirectory,
                    spelled: None,
                }],
                confined: true,
                ..ResolvedPolicy::unconfined()
            };
            let found = self.nested.protect(&policy, &self.base.join(cwd));
            let name = |rule: &PathRule| rule.path.strip_prefix(&self.base).unwrap().display().to_string();
            found
                .limits
                .iter()
                .map(name)
                .filter(|name| !name.contains('/') || name.ends_with("/config") || name.ends_with(".git"))
                .collect()
        }
    }

    #[test]
    fn repositories_at_any_depth_are_found_and_followed() {
        let mut world = World::new();
        assert_eq!(world.protected(""), [""; 0]);

        world.repository("a/b/.git");
        world.repository("a/bare.git");
        fs::create_dir_all(world.base.join("c/.git")).unwrap();
        fs::create_dir_all(world.base.join("tree")).unwrap();
        fs::write(world.base.join("tree/.git"), "gitdir: x").unwrap();
        assert_eq!(world.protected(""), ["a/b/.git/config", "a/bare.git/config", "tree/.git"]);
        assert_eq!(world.protected_in(SandboxMode::DangerFullAccess, ""), [""; 0]);

        fs::rename(world.base.join("a"), world.base.join("moved")).unwrap();
        world.repository("c/.git");
        fs::remove_file(world.base.join("tree/.git")).unwrap();
        assert_eq!(
            world.protected(""),
            ["c/.git/config", "moved/b/.git/config", "moved/bare.git/config"]
        );
        assert!(world.nested.index.as_ref().unwrap().watch.is_some());
    }

    #[test]
    fn of_many_repositories_those_around_the_command_are_written_to() {
        let mut world = World::new();
        for number in 0..6 {
            world.repository(&format!("{number}/.git"));
        }

        assert_eq!(
            world.protected("5/sub"),
            [
                "0/.git/config",
                "1/.git/config",
                "2/.git/config",
                "3/.git",
                "4/.git",
                "5/.git/config"
            ]
        );
    }
}
