//! What the patterns of a policy match at this moment, and other names of what is denied.
//!
//! The folders are walked once and then watched, so that the next command costs what changed since. Where they cannot be watched (there is a
//! limit per user) they are walked each time.

#[cfg(test)]
mod tests;
pub(crate) mod watch;

use crate::facts::{self, Entries, FileId, Seen};
use crate::plan::Entry;
use codex_base::AbsPath;
use codex_permissions::{DenyGlobs, ResolvedPolicy, Rights, rights};
use codex_process::SandboxError;
use codex_protocol::settings::DenyGlob;
use rustix::fs::FileType;
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::fs;
use std::ops::ControlFlow;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;
use watch::Watch;

/// A mount for each is needed.
const MATCHES_MAX: usize = 8192;
/// Entries of one denied folder that are looked at.
const DENIED_ENTRIES_MAX: usize = 4096;

/// Other questions that are kept in mind.
const INDICES_MAX: usize = 8;

/// What patterns match, and other names of what is denied.
pub(crate) type Matched = BTreeMap<AbsPath, Entry>;

/// What one session has found.
#[derive(Debug)]
pub(crate) struct Matches {
    watches: bool,
    /// The last one is the one that was asked last.
    indices: Vec<Index>,
    /// Denied folders that were looked into, and what in them has other names.
    inside: Vec<(BTreeSet<AbsPath>, BTreeSet<FileId>)>,
}

impl Matches {
    /// Without watches every question is a walk.
    pub const fn new(watches: bool) -> Self {
        Self {
            watches,
            indices: Vec::new(),
            inside: Vec::new(),
        }
    }

    /// The paths that match, without what lies below them, where links among them lead, and hard links to denied files in the folders
    /// that were looked at. `denied` are the paths that the policy closes, as they were seen just now.
    ///
    /// # Errors
    /// If there are more than can be hidden.
    pub fn of(&mut self, policy: &ResolvedPolicy, denied: &[(&AbsPath, Seen)]) -> Result<Arc<Matched>, SandboxError> {
        let denied = self.several_names(policy, denied);
        if !policy.confined || (policy.deny_globs.is_empty() && denied.is_empty()) {
            return Ok(Arc::default());
        }
        let known = self.indices.iter().position(|index| index.question.is(policy, &denied));
        let new = || Index::new(Question::of(policy, denied), self.watches);
        let mut index = known.map_or_else(new, |at| self.indices.remove(at));
        let found = index.answer(&policy.deny_globs);
        if self.indices.len() == INDICES_MAX {
            self.indices.remove(0);
        }
        self.indices.push(index);
        match policy.deny_globs.iter().next() {
            Some(glob) if found.len() > MATCHES_MAX => Err(too_many(glob)),
            _ => Ok(found),
        }
    }

    /// Denied files that have more names than the denied one. Folders are looked into once: a command cannot give other names to what is
    /// in them.
    fn several_names(&mut self, policy: &ResolvedPolicy, denied: &[(&AbsPath, Seen)]) -> BTreeSet<FileId> {
        if denied.is_empty() || !policy.confined || policy.writable_roots().next().is_none() {
            return BTreeSet::new();
        }
        let is_folder = |(path, seen): &&(&AbsPath, Seen)| match seen.entry {
            Some(Entry::Folder) => true,
            Some(Entry::Symlink) => path.is_dir(),
            Some(Entry::Placeholder | Entry::Other) | None => false,
        };
        let folders: BTreeSet<AbsPath> = denied.iter().filter(is_folder).map(|(path, _)| (*path).clone()).collect();
        let known = self.inside.iter().position(|(known, _)| *known == folders);
        let at = known.unwrap_or_else(|| {
            if self.inside.len() == INDICES_MAX {
                self.inside.remove(0);
            }
            let inside = several_names_in(policy, &folders);
            self.inside.push((folders, inside));
            self.inside.len() - 1
        });
        let inside = self.inside[at].1.iter().copied();
        denied.iter().filter_map(|(_, seen)| seen.linked).chain(inside).collect()
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
                    Ok(kind) if kind.is_file() && rights(policy, &path) == Rights::None => found.extend(facts::look(&path).linked),
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

/// What an index answers.
#[derive(Debug)]
struct Question {
    globs: DenyGlobs,
    denied: BTreeSet<FileId>,
    /// Where something denied may have another name.
    writable: Vec<AbsPath>,
    /// Where to look, and how many folders deep; outer ones first.
    roots: Vec<(AbsPath, Option<u32>)>,
}

impl Question {
    /// Without making the one that is asked.
    fn is(&self, policy: &ResolvedPolicy, denied: &BTreeSet<FileId>) -> bool {
        let writable = policy.writable_roots().filter(|_| !denied.is_empty());
        self.denied == *denied && self.globs == policy.deny_globs && writable.eq(&self.writable)
    }

    fn of(policy: &ResolvedPolicy, denied: BTreeSet<FileId>) -> Self {
        let mut roots: BTreeMap<AbsPath, Option<u32>> = BTreeMap::new();
        let mut add = |root: AbsPath, depth: Option<u32>| {
            let deepest = roots.entry(root).or_insert(depth);
            *deepest = deepest.zip(depth).map(|(a, b)| a.max(b));
        };
        for glob in policy.deny_globs.iter() {
            if let Ok(root) = AbsPath::new(DenyGlobs::scan_root(&glob.pattern)) {
                add(root, glob.max_depth);
            }
        }
        let writable: Vec<AbsPath> = policy.writable_roots().filter(|_| !denied.is_empty()).cloned().collect();
        writable.iter().for_each(|root| add(root.clone(), None));
        Self {
            globs: policy.deny_globs.clone(),
            denied,
            writable,
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
    found: Names,
    /// Files among what matches that have several names.
    linked: BTreeSet<FileId>,
    /// By folder: those of these names that do not match.
    twins: Names,
    answer: Option<Answer>,
}

type Names = BTreeMap<AbsPath, BTreeSet<OsString>>;

/// Holds as long as the folders are watched, nothing changed in them, and links lead where they led.
#[derive(Debug)]
struct Answer {
    links: Vec<(AbsPath, Option<(AbsPath, Entry)>)>,
    found: Arc<Matched>,
}

impl Index {
    fn new(question: Question, watches: bool) -> Self {
        Self {
            question,
            watch: watches.then(Watch::new).and_then(Result::ok),
            walked: false,
            found: BTreeMap::new(),
            linked: BTreeSet::new(),
            twins: BTreeMap::new(),
            answer: None,
        }
    }

    /// With the targets of links, and other names of what matches among the folders looked at.
    fn answer(&mut self, globs: &DenyGlobs) -> Arc<Matched> {
        self.catch_up(globs);
        if let Some(answer) = &self.answer
            && answer.links.iter().all(|(link, target)| target_of(link) == *target)
        {
            return Arc::clone(&answer.found);
        }
        let matching: Vec<(AbsPath, Seen)> = paths(&self.found).map(|path| (path.clone(), facts::look(&path))).collect();
        self.look_for_twins(globs, &matching);
        let links: Vec<_> = matching
            .iter()
            .filter(|(_, seen)| seen.entry == Some(Entry::Symlink))
            .map(|(link, _)| (link.clone(), target_of(link)))
            .collect();
        let matching = matching.into_iter().filter_map(|(path, seen)| Some((path, seen.entry?)));
        let twins = paths(&self.twins).filter_map(|path| facts::entry(&path).map(|entry| (path, entry)));
        let targets = links.iter().filter_map(|(_, target)| target.clone());
        let found = Arc::new(matching.chain(twins).chain(targets).collect());
        self.answer = self.watch.is_some().then(|| Answer {
            links,
            found: Arc::clone(&found),
        });
        found
    }

    /// Hard links are rare among what matches, so they are looked for when others have several names than before.
    fn look_for_twins(&mut self, globs: &DenyGlobs, matching: &[(AbsPath, Seen)]) {
        let linked: BTreeSet<FileId> = matching.iter().filter_map(|(_, seen)| seen.linked).collect();
        let new: BTreeSet<FileId> = linked.difference(&self.question.denied).copied().collect();
        if new != self.linked {
            self.linked = new;
            self.walk(globs);
        }
    }

    fn catch_up(&mut self, globs: &DenyGlobs) {
        let changed = self.watch.as_mut().and_then(Watch::changed);
        match changed {
            Some(changes) if self.walked => {
                changes.gone.iter().for_each(|folder| self.forget(folder));
                for (folder, names) in &changes.changed {
                    match names {
                        watch::Names::All => self.look_into(globs, folder),
                        watch::Names::These(names) => names.iter().for_each(|name| self.look_at(globs, folder, name)),
                    }
                }
            }
            _ => self.walk(globs),
        }
    }

    fn walk(&mut self, globs: &DenyGlobs) {
        self.answer = None;
        self.found.clear();
        self.twins.clear();
        if let Some(watch) = &mut self.watch {
            watch.forget_all();
        }
        for (root, _) in self.question.roots.clone() {
            self.look_into(globs, &root);
        }
        self.walked = true;
    }

    /// Everything known at and below `folder`.
    fn forget(&mut self, folder: &AbsPath) {
        self.answer = None;
        for names in [&mut self.found, &mut self.twins] {
            names.retain(|known, _| !known.starts_with(folder));
        }
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
        self.answer = None;
        // Watched first, so that nothing is missed between the two.
        let watched = self.watch.as_mut().is_none_or(|watch| watch.add(folder).is_ok());
        if !watched {
            self.watch = None;
        }
        self.found.remove(folder);
        self.twins.remove(folder);
        let Ok(entries) = Entries::of(folder) else { return };
        let goes_on = left.is_none_or(|left| left > 1);
        let mut below = Vec::new();
        let _ = entries.each(|name, kind, id| {
            let number = (kind == FileType::RegularFile).then_some(id);
            if self.note(globs, folder, name, number) == Noted::Nothing && goes_on && kind == FileType::Directory {
                below.push(folder.join(name));
            }
            ControlFlow::Continue(())
        });
        for folder in below {
            if !self.watches(&folder) {
                self.look_into(globs, &folder);
            }
        }
    }

    /// Looks at one entry, so that the next command does not pay for all of its neighbours.
    fn look_at(&mut self, globs: &DenyGlobs, folder: &AbsPath, name: &OsStr) {
        let Some(left) = self.depth_left(folder) else { return };
        for names in [&mut self.found, &mut self.twins] {
            if names.get_mut(folder).is_some_and(|names| names.remove(name)) {
                self.answer = None;
            }
        }
        let path = folder.join(name);
        let Ok(facts) = fs::symlink_metadata(&path) else { return };
        let number = facts.is_file().then(|| (facts.dev(), facts.ino()));
        let noted = self.note(globs, folder, name, number);
        if noted == Noted::Nothing && facts.is_dir() && left.is_none_or(|left| left > 1) && !self.watches(&path) {
            self.look_into(globs, &path);
        }
        // A new name of what matches is known by that alone.
        if facts.nlink() > 1 && facts.is_file() {
            self.answer = None;
        }
    }

    fn note(&mut self, globs: &DenyGlobs, folder: &AbsPath, name: &OsStr, number: Option<FileId>) -> Noted {
        let is_one_of = |numbers: &BTreeSet<FileId>| number.is_some_and(|number| numbers.contains(&number));
        let matches = globs.may_match(name) && globs.matching(&folder.join(name)).is_some();
        let names = if matches || is_one_of(&self.question.denied) {
            &mut self.found
        } else if is_one_of(&self.linked) {
            &mut self.twins
        } else {
            return Noted::Nothing;
        };
        names.entry(folder.clone()).or_default().insert(name.to_owned());
        self.answer = None;
        Noted::Something
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Noted {
    Something,
    Nothing,
}

fn paths(names: &Names) -> impl Iterator<Item = AbsPath> {
    names.iter().flat_map(|(folder, names)| names.iter().map(|name| folder.join(name)))
}

fn target_of(link: &Path) -> Option<(AbsPath, Entry)> {
    let target = real(link)?;
    let entry = facts::entry(&target)?;
    Some((target, entry))
}

fn real(link: &Path) -> Option<AbsPath> {
    fs::canonicalize(link).ok().and_then(|path| AbsPath::new(path).ok())
}
