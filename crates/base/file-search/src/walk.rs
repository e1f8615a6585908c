//! Looks up what lies below the roots.

use crate::Entry;
use codex_base::{AbsPath, os};
use ignore::{DirEntry, WalkBuilder, WalkState};
use std::path::{Component, Path};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// Entries are handed over in batches: small ones first, so that something is there at once.
const BATCH_MAX: usize = 4_096;
const BATCH_FIRST: usize = 64;
/// Walking waits for the disk more than it computes.
const THREADS_MAX: usize = 4;

/// Hands over what is found until there is no more, too much, or somebody ends it. What cannot be read is left out.
pub fn walk(roots: &[AbsPath], entries_max: usize, ended: &AtomicBool, found: impl Fn(Vec<Entry>) -> bool + Sync) {
    let count = AtomicUsize::new(0);
    for (index, root) in roots.iter().enumerate() {
        let mut builder = WalkBuilder::new(root);
        let ignores = root.ancestors().all(|folder| os::ignore_files_end(&folder));
        builder
            .ignore(ignores)
            .git_ignore(ignores)
            .git_exclude(ignores)
            .hidden(false)
            .follow_links(false)
            // `.gitignore` counts outside of repositories, too.
            .require_git(false)
            .threads(std::thread::available_parallelism().map_or(1, usize::from).min(THREADS_MAX))
            .filter_entry(|entry| entry.file_name() != ".git" && can_be_walked(entry));
        builder.build_parallel().run(|| {
            let mut batch = Batch {
                entries: Vec::new(),
                room: BATCH_FIRST,
                found: &found,
            };
            let (count, root) = (&count, root.clone());
            Box::new(move |entry| {
                if ended.load(Ordering::Relaxed) || count.load(Ordering::Relaxed) >= entries_max {
                    return WalkState::Quit;
                }
                let Ok(entry) = entry else { return WalkState::Continue };
                let Some(entry) = of(&entry, root.as_path(), index) else {
                    return WalkState::Continue;
                };
                count.fetch_add(1, Ordering::Relaxed);
                if batch.push(entry) { WalkState::Continue } else { WalkState::Quit }
            })
        });
    }
}

/// Folders below the root whose ignore files have no end are left out.
fn can_be_walked(entry: &DirEntry) -> bool {
    entry.depth() == 0 || !entry.file_type().is_some_and(|kind| kind.is_dir()) || os::ignore_files_end(entry.path())
}

/// Entries of one thread that wait to be handed over.
struct Batch<'a, F: Fn(Vec<Entry>) -> bool> {
    entries: Vec<Entry>,
    room: usize,
    found: &'a F,
}

impl<F: Fn(Vec<Entry>) -> bool> Batch<'_, F> {
    fn push(&mut self, entry: Entry) -> bool {
        self.entries.push(entry);
        if self.entries.len() < self.room {
            return true;
        }
        self.room = (self.room * 2).min(BATCH_MAX);
        (self.found)(std::mem::take(&mut self.entries))
    }
}

impl<F: Fn(Vec<Entry>) -> bool> Drop for Batch<'_, F> {
    fn drop(&mut self) {
        if !self.entries.is_empty() {
            // Whoever does not want them any more has ended the session.
            let _ = (self.found)(std::mem::take(&mut self.entries));
        }
    }
}

/// `None` for the root itself, and for names that are not Unicode: they could not be written into a message.
fn of(entry: &DirEntry, root: &Path, index: usize) -> Option<Entry> {
    let below = entry.path().strip_prefix(root).ok()?;
    let mut path = String::new();
    for name in below.components() {
        let Component::Normal(name) = name else { return None };
        if !path.is_empty() {
            path.push('/');
        }
        path += name.to_str()?;
    }
    (!path.is_empty()).then(|| Entry {
        root: index,
        path: path.into(),
        is_folder: entry.file_type().is_some_and(|kind| kind.is_dir()),
    })
}
