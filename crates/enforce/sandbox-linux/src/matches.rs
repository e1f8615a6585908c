//! What the patterns of a policy match at this moment, and other names of what is denied.
//!
//! The folders are walked once and then watched, so that the next command costs what changed since. Where they cannot be watched (there is a
//! limit per user) they are walked each time.

pub(crate) mod watch;

use codex_base::AbsPath;
use codex_permissions::{DenyGlobs, ResolvedPolicy, Rights, rights};
use codex_process::SandboxError;
use codex_protocol::settings::DenyGlob;
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::{DirEntryExt, MetadataExt};
use std::path::Path;
use watch::Watch;

/// A mount for each is needed.
const MATCHES_MAX: usize = 8192;
/// Entries of one denied folder that are looked at.
const DENIED_ENTRIES_MAX: usize = 4096;

/// What one session has found; a policy with other patterns starts it anew.
#[derive(Debug, Default)]
pub(crate) struct Matches {
    index: Option<Index>,
    /// The denied folders that were looked into, and what in them has other names.
    inside: Option<(BTreeSet<AbsPath>, BTreeSet<FileId>)>,
}

impl Matches {
    pub const fn new() -> Self {
        Self { index: None, inside: None }
    }

    /// The paths that match, without what lies below them, where links among them lead, and hard links to denied files in the folders
    /// that were looked at.
    ///
    /// # Errors
    /// If there are more than can be hidden.
    pub fn of(&mut self, policy: &ResolvedPolicy) -> Result<BTreeSet<AbsPath>, SandboxError> {
        let denied = self.several_names(policy);
        if !policy.confined || (policy.deny_globs.is_empty() && denied.is_empty()) {
            return Ok(BTreeSet::new());
        }
        let question = Question::of(policy, denied);
        let known = self.index.take().filter(|index| index.question == question);
        let mut index = known.unwrap_or_else(|| Index::new(question));
        index.catch_up(&policy.deny_globs);
        let found = index.found(&policy.deny_globs);
        self.index = Some(index);
        match policy.deny_globs.iter().next() {
            Some(glob) if found.len() > MATCHES_MAX => Err(too_many(glob)),
            _ => Ok(found),
        }
    }
}

impl Matches {
    /// Denied files that have more names than the denied one. Folders are looked into once: a command cannot give other names to what is
    /// in them.
    fn several_names(&mut self, policy: &ResolvedPolicy) -> BTreeSet<FileId> {
        if !policy.confined || policy.writable_roots().next().is_none() {
            return BTreeSet::new();
        }
        let points = policy.turning_points().into_iter();
        let denied: Vec<&AbsPath> = points.filter(|path| rights(policy, path) == Rights::None).collect();
        let folders: BTreeSet<AbsPath> = denied.iter().filter(|path| path.is_dir()).map(|path| (*path).clone()).collect();
        let known = self.inside.take().filter(|(known, _)| *known == folders);
        let (folders, inside) = known.unwrap_or_else(|| {
            let inside = several_names_in(policy, &folders);
            (folders, inside)
        });
        let files = denied.into_iter().filter_map(|path| file_with_names(path));
        let all = files.chain(inside.iter().copied()).collect();
        self.inside = Some((folders, inside));
        all
    }
}

/// Of a folder that holds more than that, the rest is not known.
fn several_names_in(policy: &ResolvedPolicy, folders: &BTreeSet<AbsPath>) -> BTreeSet<FileId> {
    let mut found = BTreeSet::new();
    for folder in folders {
        let mut left = DENIED_ENTRIES_MAX;
        let mut below = vec![folder.clone()];
        while let Some(folder) = below.pop() {
            let Ok(entries) = fs::read_dir(folder.as_path()) else { continue };
            for entry in entries.flatten() {
                if left == 0 {
                    below.clear();
                    break;
                }
                left -= 1;
                let path = folder.join(entry.file_name());
                match entry.file_type() {
                    Ok(kind) if kind.is_dir() => below.push(path),
                    // Some files in it may be open by a rule of their own.
                    Ok(kind) if kind.is_file() && rights(policy, &path) == Rights::None => found.extend(file_with_names(&path)),
                    Ok(_) | Err(_) => {}
                }
            }
        }
    }
    found
}

fn too_many(glob: &DenyGlob) -> SandboxError {
    SandboxError::Unenforceable {
        rule: format!("the pattern {} ({})", glob.pattern, glob.place),
        missing: format!("more than {MATCHES_MAX} files match; name a folder instead"),
    }
}

/// Device and inode.
type FileId = (u64, u64);

fn file_with_names(path: &Path) -> Option<FileId> {
    let facts = fs::symlink_metadata(path).ok()?;
    (facts.is_file() && facts.nlink() > 1).then(|| (facts.dev(), facts.ino()))
}

/// What an index answers.
#[derive(Debug, PartialEq, Eq)]
struct Question {
    globs: Vec<DenyGlob>,
    denied: BTreeSet<FileId>,
    /// Where to look, and how many folders deep; outer ones first.
    roots: Vec<(AbsPath, Option<u32>)>,
}

impl Question {
    fn of(policy: &ResolvedPolicy, denied: BTreeSet<FileId>) -> Self {
        let globs: Vec<DenyGlob> = policy.deny_globs.iter().cloned().collect();
        let mut roots: BTreeMap<AbsPath, Option<u32>> = BTreeMap::new();
        let mut add = |root: AbsPath, depth: Option<u32>| {
            let deepest = roots.entry(root).or_insert(depth);
            *deepest = deepest.zip(depth).map(|(a, b)| a.max(b));
        };
        for glob in &globs {
            if let Ok(root) = AbsPath::new(DenyGlobs::scan_root(glob)) {
                add(root, glob.max_depth);
            }
        }
        if !denied.is_empty() {
            policy.writable_roots().for_each(|root| add(root.clone(), None));
        }
        Self {
            globs,
            denied,
            roots: roots.into_iter().collect(),
        }
    }
}

#[derive(Debug)]
struct Index {
    question: Question,
    /// `None`: not watched, so walked each time.
    watch: Option<Watch>,
    walked: bool,
    /// By folder: the names in it that match.
    found: BTreeMap<AbsPath, BTreeSet<OsString>>,
}

impl Index {
    fn new(question: Question) -> Self {
        Self {
            question,
            watch: Watch::new().ok(),
            walked: false,
            found: BTreeMap::new(),
        }
    }

    fn catch_up(&mut self, globs: &DenyGlobs) {
        let changed = self.watch.as_mut().and_then(Watch::changed);
        match changed {
            Some(changes) if self.walked => {
                changes.gone.iter().for_each(|folder| self.forget(folder));
                changes.changed.iter().for_each(|folder| self.look_into(globs, folder));
            }
            _ => {
                self.found.clear();
                if let Some(watch) = &mut self.watch {
                    watch.forget_all();
                }
                for (root, _) in self.question.roots.clone() {
                    self.look_into(globs, &root);
                }
                self.walked = true;
            }
        }
    }

    /// Everything known at and below `folder`.
    fn forget(&mut self, folder: &AbsPath) {
        self.found.retain(|known, _| !known.starts_with(folder));
        if let Some(watch) = &mut self.watch {
            watch.forget(folder);
        }
    }

    fn watches(&self, folder: &AbsPath) -> bool {
        self.watch.as_ref().is_some_and(|watch| watch.knows(folder))
    }

    /// How many folders below `folder` may still be looked into; `None`: nothing there concerns anybody.
    fn depth_left(&self, folder: &AbsPath) -> Option<Option<u32>> {
        let around = self.question.roots.iter().filter_map(|(root, depth)| {
            let below = u32::try_from(folder.strip_prefix(root).ok()?.components().count()).ok()?;
            match depth {
                None => Some(None),
                Some(depth) => depth.checked_sub(below).filter(|left| *left > 0).map(Some),
            }
        });
        around.reduce(|a, b| a.zip(b).map(|(a, b)| a.max(b)))
    }

    /// Finds what matches in `folder`, and in what is not watched below it. What cannot be looked into cannot be looked into by a
    /// command either.
    fn look_into(&mut self, globs: &DenyGlobs, folder: &AbsPath) {
        let Some(left) = self.depth_left(folder) else { return };
        // Watched first, so that nothing is missed between the two.
        let watched = self.watch.as_mut().is_none_or(|watch| watch.add(folder).is_ok());
        if !watched {
            self.watch = None;
        }
        self.found.remove(folder);
        let Ok(entries) = fs::read_dir(folder.as_path()) else { return };
        let device = fs::symlink_metadata(folder.as_path()).map(|facts| facts.dev()).unwrap_or_default();
        let mut below = Vec::new();
        for entry in entries.flatten() {
            let path = folder.join(entry.file_name());
            let Ok(kind) = entry.file_type() else { continue };
            let matches = globs.matching(&path).is_some() || (kind.is_file() && self.question.denied.contains(&(device, entry.ino())));
            if matches {
                self.found.entry(folder.clone()).or_default().insert(entry.file_name());
            } else if kind.is_dir() && left.is_none_or(|left| left > 1) && !self.watches(&path) {
                below.push(path);
            }
        }
        for folder in below {
            self.look_into(globs, &folder);
        }
    }

    /// With the targets of links, and other names of what matches among the folders looked at.
    fn found(&self, globs: &DenyGlobs) -> BTreeSet<AbsPath> {
        let names = self
            .found
            .iter()
            .flat_map(|(folder, names)| names.iter().map(|name| folder.join(name)));
        let mut found: BTreeSet<AbsPath> = names.collect();
        let targets: Vec<AbsPath> = found
            .iter()
            .filter(|path| path.is_symlink())
            .filter_map(|link| real(link))
            .collect();
        let ids: BTreeSet<FileId> = found.iter().filter_map(|path| file_with_names(path)).collect();
        let new: BTreeSet<FileId> = ids.difference(&self.question.denied).copied().collect();
        found.extend(targets);
        if !new.is_empty() {
            for (root, depth) in &self.question.roots {
                other_names(globs, root, *depth, &new, &mut found);
            }
        }
        found
    }
}

/// Hard links are rare among what matches, so they are looked for when there are some.
fn other_names(globs: &DenyGlobs, folder: &AbsPath, left: Option<u32>, wanted: &BTreeSet<FileId>, found: &mut BTreeSet<AbsPath>) {
    let Ok(entries) = fs::read_dir(folder.as_path()) else { return };
    let device = fs::symlink_metadata(folder.as_path()).map(|facts| facts.dev()).unwrap_or_default();
    for entry in entries.flatten() {
        let path = folder.join(entry.file_name());
        match entry.file_type() {
            Ok(kind) if kind.is_file() && wanted.contains(&(device, entry.ino())) => drop(found.insert(path)),
            Ok(kind) if kind.is_dir() && left.is_none_or(|left| left > 1) && globs.matching(&path).is_none() => {
                other_names(globs, &path, left.map(|left| left - 1), wanted, found);
            }
            Ok(_) | Err(_) => {}
        }
    }
}

fn real(link: &Path) -> Option<AbsPath> {
    fs::canonicalize(link).ok().and_then(|path| AbsPath::new(path).ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use codex_permissions::{PathRule, RuleSource};
    use pretty_assertions::assert_eq;

    struct World {
        _temp: tempfile::TempDir,
        base: AbsPath,
        matches: Matches,
    }

    impl World {
        fn new(files: &[&str]) -> Self {
            let temp = tempfile::tempdir().unwrap();
            let base = AbsPath::new(fs::canonicalize(temp.path()).unwrap()).unwrap();
            let world = Self {
                _temp: temp,
                base,
                matches: Matches::default(),
            };
            files.iter().for_each(|file| world.write(file));
            world
        }

        fn write(&self, file: &str) {
            let path = self.base.join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }

        fn policy(&self, patterns: &[&str], max_depth: Option<u32>, denied: &[&str]) -> ResolvedPolicy {
            let glob = |pattern: &&str| DenyGlob {
                pattern: format!("{}/{pattern}", self.base),
                place: "p".into(),
                managed: false,
                max_depth,
            };
            let rule = |path: AbsPath, rights| PathRule {
                path,
                rights,
                source: RuleSource::WritableRoot,
                spelled: None,
            };
            let mut rules = vec![rule(self.base.clone(), Rights::Write)];
            rules.extend(denied.iter().map(|path| rule(self.base.join(path), Rights::None)));
            ResolvedPolicy {
                rules,
                deny_globs: patterns.iter().map(glob).collect::<Vec<_>>().into(),
                unix_sockets: codex_permissions::UnixSockets::default(),
                confined: true,
                ..ResolvedPolicy::unconfined()
            }
        }

        fn found(&mut self, policy: &ResolvedPolicy) -> Vec<String> {
            let found = self.matches.of(policy).unwrap();
            let name = |path: AbsPath| path.strip_prefix(&self.base).unwrap().display().to_string();
            found.into_iter().map(name).collect()
        }

        /// Whether the last answer came without walking everything.
        fn is_watched(&self) -> bool {
            self.matches.index.as_ref().is_some_and(|index| index.watch.is_some())
        }
    }

    #[test]
    fn what_changes_between_two_commands_is_noticed() {
        let mut world = World::new(&["a.env", "b/c/d.env", "b/c/x", "e/f"]);
        let policy = world.policy(&["**/*.env"], None, &[]);
        assert_eq!(world.found(&policy), ["a.env", "b/c/d.env"]);
        assert!(world.is_watched());

        world.write("e/new.env");
        world.write("g/h/i/deep.env");
        fs::remove_file(world.base.join("a.env")).unwrap();
        assert_eq!(world.found(&policy), ["b/c/d.env", "e/new.env", "g/h/i/deep.env"]);

        fs::rename(world.base.join("b"), world.base.join("e/moved")).unwrap();
        assert_eq!(world.found(&policy), ["e/moved/c/d.env", "e/new.env", "g/h/i/deep.env"]);
        world.write("e/moved/c/late.env");
        world.write("b/again.env");
        assert_eq!(
            world.found(&policy),
            [
                "b/again.env",
                "e/moved/c/d.env",
                "e/moved/c/late.env",
                "e/new.env",
                "g/h/i/deep.env"
            ]
        );

        fs::remove_dir_all(world.base.join("e")).unwrap();
        fs::remove_dir_all(world.base.join("g")).unwrap();
        assert_eq!(world.found(&policy), ["b/again.env"]);
        assert!(world.is_watched());
    }

    #[test]
    fn other_patterns_are_another_question_and_depth_counts_names() {
        let mut world = World::new(&["k.pem", "a/k.pem", "a/b/k.pem", "x.env"]);
        let names = |world: &mut World, depth| world.found(&world.policy(&["**/*.pem"], depth, &[]));

        assert_eq!(names(&mut world, Some(2)), ["a/k.pem", "k.pem"]);
        assert_eq!(names(&mut world, Some(1)), ["k.pem"]);
        assert_eq!(names(&mut world, None), ["a/b/k.pem", "a/k.pem", "k.pem"]);
        let policy = world.policy(&["*.env"], None, &[]);
        assert_eq!(world.found(&policy), ["x.env"]);
    }

    #[test]
    fn hard_links_to_what_is_denied_are_other_names_of_it() {
        let mut world = World::new(&["secret", "k.pem", "a/plain"]);
        fs::hard_link(world.base.join("secret"), world.base.join("a/innocent")).unwrap();
        fs::hard_link(world.base.join("k.pem"), world.base.join("a/notes")).unwrap();

        let policy = world.policy(&["*.pem"], None, &["secret"]);
        assert_eq!(world.found(&policy), ["a/innocent", "a/notes", "k.pem", "secret"]);
        let policy = world.policy(&[], None, &["secret"]);
        assert_eq!(world.found(&policy), ["a/innocent", "secret"]);
    }

    #[test]
    fn hard_links_to_what_lies_in_a_denied_folder_are_found_too() {
        let mut world = World::new(&["secret/deep/key", "secret/plain", "a/x"]);
        fs::hard_link(world.base.join("secret/deep/key"), world.base.join("a/innocent")).unwrap();

        let policy = world.policy(&[], None, &["secret"]);
        assert_eq!(world.found(&policy), ["a/innocent", "secret/deep/key"]);
        // What has come since is known where it lies, and its other names are found like any change.
        fs::hard_link(world.base.join("secret/deep/key"), world.base.join("a/later")).unwrap();
        assert_eq!(world.found(&policy), ["a/innocent", "a/later", "secret/deep/key"]);
    }

    #[test]
    fn a_policy_without_patterns_looks_at_nothing() {
        let mut world = World::new(&["secret"]);
        let policy = world.policy(&[], None, &["secret"]);

        assert_eq!(world.found(&policy), [""; 0]);
        assert!(world.matches.index.is_none());
    }
}
