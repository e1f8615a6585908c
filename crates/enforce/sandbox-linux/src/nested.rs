//! Repositories below the top of the writable folders, as they are when a command starts.
//!
//! The folders are walked once in a session and then watched, so that the next command costs what changed since. Of those that hold too much
//! the deepest are not known. Where they cannot be watched, what the first walk found is all that is known.

use crate::facts::Entries;
use crate::matches::watch::{Names, Watch};
use codex_base::AbsPath;
use codex_permissions::{NestedRepository, ResolvedPolicy, RuleSource};
use codex_protocol::settings::SandboxMode;
use rustix::fs::FileType;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ffi::OsString;
use std::fs;
use std::ops::ControlFlow;
use std::os::unix::ffi::OsStrExt;
use std::sync::Arc;

/// Entries that are known at a time, those near the top first: in large projects a walk of this many takes a tenth of a second or two.
const ENTRIES_MAX: usize = 200_000;
/// Repositories in which git may write. The others are read-only as a whole, which takes one mount each instead of ten.
const WRITABLE_MAX: usize = 4;
/// Folders of repositories in a repository.
const SHELVES: [&str; 2] = ["modules", "worktrees"];

/// Other writable folders that are kept in mind.
const INDICES_MAX: usize = 8;

/// What one session has found.
#[derive(Debug)]
pub(crate) struct Nested {
    watches: bool,
    /// The last one is the one that was asked last.
    indices: Vec<Index>,
}

#[derive(Debug)]
struct Index {
    roots: Vec<AbsPath>,
    watch: Option<Watch>,
    /// Entries by folder, and all of them.
    sizes: BTreeMap<AbsPath, usize>,
    entries: usize,
    entries_max: usize,
    /// By folder: the repositories that its entries make.
    found: BTreeMap<AbsPath, BTreeSet<Kind>>,
    /// What was said of this folder, as long as it is watched that nothing changed.
    answer: Option<(AbsPath, Arc<Vec<NestedRepository>>)>,
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
    /// Without watches every question is a walk.
    pub const fn new(watches: bool) -> Self {
        Self {
            watches,
            indices: Vec::new(),
        }
    }

    /// The repositories in these [`roots`]. Git may write in those around `cwd` first.
    pub fn below(&mut self, roots: &[AbsPath], cwd: &AbsPath) -> Arc<Vec<NestedRepository>> {
        if roots.is_empty() {
            return Arc::default();
        }
        if !self.watches {
            return Index::new(roots.to_vec(), ENTRIES_MAX, None).answer(cwd);
        }
        let known = self.indices.iter().position(|index| index.roots == roots);
        let new = || Index::new(roots.to_vec(), ENTRIES_MAX, Watch::new().ok());
        let mut index = known.map_or_else(new, |at| self.indices.remove(at));
        index.catch_up();
        let found = index.answer(cwd);
        if self.indices.len() == INDICES_MAX {
            self.indices.remove(0);
        }
        self.indices.push(index);
        found
    }
}

/// Where somebody works; not what is for temporary files, nor what is open for git's own sake. With full access, but for what an
/// administrator closed, nothing of git's is protected; and the whole disk is nobody's workspace.
pub(crate) fn roots(policy: &ResolvedPolicy) -> Vec<AbsPath> {
    if policy.mode == SandboxMode::DangerFullAccess {
        return Vec::new();
    }
    let is_work = |root: &&AbsPath| {
        let mut rules = policy.rules.iter().filter(|rule| rule.path == **root);
        rules.any(|rule| rule.source.temporary().is_none() && rule.source != RuleSource::Repository)
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
    fn new(roots: Vec<AbsPath>, entries_max: usize, watch: Option<Watch>) -> Self {
        let mut index = Self {
            roots,
            watch,
            sizes: BTreeMap::new(),
            entries: 0,
            entries_max,
            found: BTreeMap::new(),
            answer: None,
        };
        index.walk();
        index
    }

    fn walk(&mut self) {
        self.found.clear();
        self.sizes.clear();
        self.entries = 0;
        self.answer = None;
        for root in self.roots.clone() {
            self.look_into(&root);
        }
    }

    fn catch_up(&mut self) {
        let Some(watch) = &mut self.watch else { return };
        match watch.changed() {
            Some(changes) => {
                for folder in &changes.gone {
                    watch.forget(folder);
                }
                changes.gone.iter().for_each(|folder| self.forget(folder));
                changes.changed.iter().for_each(|(folder, names)| self.changed(folder, names));
            }
            None => {
                watch.forget_all();
                self.walk();
            }
        }
    }

    fn forget(&mut self, folder: &AbsPath) {
        self.answer = None;
        self.found.retain(|known, _| !known.starts_with(folder));
        let entries = &mut self.entries;
        self.sizes.retain(|known, size| {
            let stays = !known.starts_with(folder);
            *entries -= if stays { 0 } else { *size };
            stays
        });
    }

    fn changed(&mut self, folder: &AbsPath, names: &Names) {
        let repository = folder.parent().filter(|_| folder.ends_with(".git") && !self.roots.contains(folder));
        let repository = repository.and_then(|work| self.found.get(&work));
        if repository.is_some_and(|kinds| kinds.contains(&Kind::Folder)) {
            self.answer = None;
            return;
        }
        match names {
            Names::All => self.look_into(folder),
            Names::These(names) => self.look_at(folder, names),
        }
    }

    /// Looks at some entries, so that the next command does not pay for all of their neighbours.
    fn look_at(&mut self, folder: &AbsPath, names: &BTreeSet<OsString>) {
        let known = self.found.get(folder);
        let is_bare = known.is_some_and(|kinds| kinds.contains(&Kind::Bare));
        if is_bare || names.iter().any(|name| PARTS.iter().any(|part| name == *part)) {
            self.answer = None;
            if known.cloned().unwrap_or_default() != kinds_of(folder) {
                return self.look_into(folder);
            }
        }
        for name in names.iter().filter(|name| !is_bare && *name != ".git") {
            let below = folder.join(name);
            let is_known = self.watch.as_ref().is_some_and(|watch| watch.knows(&below));
            if !is_known && fs::symlink_metadata(&below).is_ok_and(|facts| facts.is_dir()) {
                self.look_into(&below);
            }
        }
    }

    /// Looks at `folder`, and at what is not watched below it.
    fn look_into(&mut self, folder: &AbsPath) {
        self.answer = None;
        let mut left = VecDeque::from([folder.clone()]);
        while let Some(folder) = left.pop_front() {
            let is_new = !self.sizes.contains_key(&folder);
            if is_new && self.entries > self.entries_max {
                continue;
            }
            self.follow(&folder);
            let below = self.entries_of(&folder);
            let knows = |folder: &AbsPath| self.watch.as_ref().is_some_and(|watch| watch.knows(folder));
            left.extend(below.into_iter().filter(|folder| !knows(folder)));
        }
    }

    fn follow(&mut self, folder: &AbsPath) {
        if self.watch.as_mut().is_some_and(|watch| watch.add(folder).is_err()) {
            self.watch = None;
        }
    }

    /// Notes what repositories there are, and answers with the folders to look into.
    fn entries_of(&mut self, folder: &AbsPath) -> Vec<AbsPath> {
        self.found.remove(folder);
        self.entries -= self.sizes.remove(folder).unwrap_or(0);
        let Ok(entries) = Entries::of(folder) else {
            return Vec::new();
        };
        let mut kinds = BTreeSet::new();
        let mut below = Vec::new();
        let (mut parts, mut size) = (0, 0);
        let _ = entries.each(|name, kind, _| {
            size += 1;
            match (name.as_bytes(), kind) {
                (b".git", FileType::Directory) => drop(kinds.insert(Kind::Folder)),
                (b".git", FileType::RegularFile) => drop(kinds.insert(Kind::File)),
                (b"objects" | b"refs", FileType::Directory) => {
                    parts += 1;
                    below.push(folder.join(name));
                }
                (_, FileType::Directory) => below.push(folder.join(name)),
                (b"HEAD", _) => parts += 1,
                _ => {}
            }
            ControlFlow::Continue(())
        });
        self.entries += size;
        self.sizes.insert(folder.clone(), size);
        if kinds.contains(&Kind::Folder) {
            // What makes it a repository may come later.
            self.follow(&folder.join(".git"));
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

    fn answer(&mut self, cwd: &AbsPath) -> Arc<Vec<NestedRepository>> {
        if let Some((known, answer)) = &self.answer
            && known == cwd
        {
            return Arc::clone(answer);
        }
        let found = Arc::new(self.repositories(cwd));
        self.answer = self.watch.is_some().then(|| (cwd.clone(), Arc::clone(&found)));
        found
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

/// What a folder makes a repository, or one of another form.
const PARTS: [&str; 6] = [".git", "HEAD", "objects", "refs", SHELVES[0], SHELVES[1]];

/// As a look at all of its entries would tell.
fn kinds_of(folder: &AbsPath) -> BTreeSet<Kind> {
    let kind = |name: &str| fs::symlink_metadata(folder.join(name)).ok().map(|facts| facts.file_type());
    let git = kind(".git").and_then(|kind| match (kind.is_dir(), kind.is_file()) {
        (true, _) => Some(Kind::Folder),
        (false, true) => Some(Kind::File),
        (false, false) => None,
    });
    let is_folder = |name| kind(name).is_some_and(|kind| kind.is_dir());
    let is_bare = is_folder("objects") && is_folder("refs") && kind("HEAD").is_some_and(|kind| !kind.is_dir());
    git.into_iter().chain(is_bare.then_some(Kind::Bare)).collect()
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
                nested: Nested::new(true),
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
            let found = Self::of(&mut self.nested, &self.base, mode, cwd);
            // What is watched is what a walk would find.
            assert_eq!(found, Self::of(&mut Nested::new(false), &self.base, mode, cwd));
            found
        }

        fn of(nested: &mut Nested, base: &AbsPath, mode: SandboxMode, cwd: &str) -> Vec<String> {
            let policy = ResolvedPolicy {
                mode,
                rules: vec![PathRule {
                    path: base.clone(),
                    rights: Rights::Write,
                    source: RuleSource::WorkingDirectory,
                    spelled: None,
                }],
                confined: true,
                ..ResolvedPolicy::unconfined()
            };
            let found = policy.with_nested(&nested.below(&roots(&policy), &base.join(cwd)));
            let name = |rule: &PathRule| rule.path.strip_prefix(base).unwrap().display().to_string();
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
        assert!(world.nested.indices[0].watch.is_some());
    }

    #[test]
    fn what_is_only_made_a_repository_later_is_one_and_what_comes_and_goes_costs_no_look_at_its_neighbours() {
        let mut world = World::new();
        fs::create_dir_all(world.base.join("a/.git")).unwrap();
        assert_eq!(world.protected(""), [""; 0]);

        world.repository("a/.git");
        assert_eq!(world.protected(""), ["a/.git/config"]);
        world.repository("b");
        assert_eq!(world.protected(""), ["a/.git/config", "b/config"]);
        fs::remove_file(world.base.join("b/HEAD")).unwrap();
        world.repository("b/refs/deep/.git");
        assert_eq!(world.protected(""), ["a/.git/config", "b/refs/deep/.git/config"]);
        fs::remove_dir_all(world.base.join("a/.git/refs")).unwrap();
        assert_eq!(world.protected(""), ["b/refs/deep/.git/config"]);

        let entries = world.nested.indices[0].entries;
        for name in [".git", ".codex"] {
            fs::create_dir(world.base.join(name)).unwrap();
            fs::remove_dir(world.base.join(name)).unwrap();
        }
        let index = &mut world.nested.indices[0];
        index.sizes.insert(world.base.clone(), 1000);
        index.catch_up();
        assert_eq!((index.sizes[&world.base], index.entries), (1000, entries));
    }

    #[test]
    fn folders_that_are_made_again_and_again_are_not_too_many() {
        let mut world = World::new();
        assert_eq!(world.protected(""), [""; 0]);
        let entries = world.nested.indices[0].entries;
        for round in 0..3 {
            fs::create_dir_all(world.base.join(format!("build/{round}/x"))).unwrap();
            assert_eq!(world.protected(""), [""; 0]);
            fs::remove_dir_all(world.base.join("build")).unwrap();
            assert_eq!(world.protected(""), [""; 0]);
        }

        assert_eq!(world.nested.indices[0].entries, entries);
    }

    #[test]
    fn of_too_many_entries_those_near_the_top_are_known_and_followed() {
        let world = World::new();
        for number in 0..10 {
            fs::create_dir_all(world.base.join(format!("a/deep/er/{number}"))).unwrap();
        }
        world.repository("a/deep/er/0/.git");
        world.repository("b/.git");
        let mut index = Index::new(vec![world.base.clone()], 10, Watch::new().ok());
        let found = |index: &mut Index| {
            index.catch_up();
            let found = index.answer(&world.base);
            found
                .iter()
                .map(|repository| match repository {
                    NestedRepository::Protected { git, .. } | NestedRepository::ReadOnly(git) => {
                        git.strip_prefix(&world.base).unwrap().display().to_string()
                    }
                })
                .collect::<Vec<_>>()
        };
        assert_eq!(found(&mut index), ["b/.git"]);

        world.repository("a/.git");
        fs::remove_dir_all(world.base.join("b")).unwrap();
        assert_eq!(found(&mut index), ["a/.git"]);
        fs::remove_dir_all(world.base.join("a/deep/er")).unwrap();
        world.repository("c/d/.git");
        assert_eq!(found(&mut index), ["a/.git", "c/d/.git"]);
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
