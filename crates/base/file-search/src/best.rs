//! The best matches of one query.

use crate::Entry;
use crate::fuzzy::Pattern;
use codex_base::AbsPath;
use std::cmp::Reverse;
use std::collections::BTreeSet;

/// So many matches are reported.
pub const MATCHES_MAX: usize = 50;

/// A file or folder that matches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileMatch {
    pub root: AbsPath,
    /// From the root, with `/` between names.
    pub path: String,
    pub is_folder: bool,
    /// Higher is better; comparable within one query only.
    pub score: u32,
    /// The characters of `path` that matched, ascending.
    pub indices: Vec<u32>,
}

/// How good an entry is, the best one first: by score, then the shorter path, then the order in which it was found.
type Rank = (Reverse<u32>, usize, usize);

pub struct Best {
    query: String,
    pattern: Pattern,
    letters: Vec<char>,
    ranks: BTreeSet<Rank>,
}

impl Best {
    pub fn new(query: &str) -> Self {
        Self {
            query: query.to_owned(),
            pattern: Pattern::new(query),
            letters: Vec::new(),
            ranks: BTreeSet::new(),
        }
    }

    pub fn query(&self) -> &str {
        &self.query
    }

    pub fn is_empty(&self) -> bool {
        self.ranks.is_empty()
    }

    pub fn look_at(&mut self, index: usize, entry: &Entry) {
        let Some(found) = self.pattern.find(&entry.path, &mut self.letters) else {
            return;
        };
        // With nothing to look for, what lies higher up comes first.
        let length = if self.pattern.is_empty() {
            entry.path.matches('/').count()
        } else {
            entry.path.len()
        };
        self.ranks.insert((Reverse(found.score), length, index));
        if self.ranks.len() > MATCHES_MAX {
            self.ranks.pop_last();
        }
    }

    pub fn matches(&mut self, entries: &[Entry], roots: &[AbsPath]) -> Vec<FileMatch> {
        let mut matches = Vec::new();
        for (Reverse(score), _, index) in &self.ranks {
            let entry = &entries[*index];
            let Some(root) = roots.get(entry.root) else { continue };
            let found = self.pattern.find(&entry.path, &mut self.letters);
            matches.push(FileMatch {
                root: root.clone(),
                path: entry.path.to_string(),
                is_folder: entry.is_folder,
                score: *score,
                indices: found.map(|found| found.indices).unwrap_or_default(),
            });
        }
        matches
    }
}
