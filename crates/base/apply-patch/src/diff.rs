//! A plan as clients show it.

use crate::{PatchPlan, PlannedChange};
use codex_base::AbsPath;
use similar::TextDiff;
use std::time::Duration;

/// One changed file for a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The old path of a move.
    pub path: AbsPath,
    pub kind: ChangeKind,
    /// The whole new content of an added file, the old one of a deleted file, unified hunks without file headers for an update.
    pub diff: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChangeKind {
    Add,
    Delete,
    Update { move_to: Option<AbsPath> },
}

/// After this long a diff may name more lines than it must; it stays right.
const SEARCH_TIME_MAX: Duration = Duration::from_millis(500);

/// Unchanged lines around a change.
const CONTEXT_LINES: usize = 3;

impl PatchPlan {
    /// Every change in patch order. Bytes that are not UTF-8 are shown as U+FFFD.
    pub fn file_changes(&self) -> Vec<Change> {
        self.changes.iter().map(change).collect()
    }
}

fn change(change: &PlannedChange) -> Change {
    let old = change
        .before
        .as_ref()
        .map(|facts| String::from_utf8_lossy(&facts.bytes))
        .unwrap_or_default();
    let new = change
        .after
        .as_ref()
        .map(|bytes| String::from_utf8_lossy(bytes))
        .unwrap_or_default();
    let path = change.path.clone();
    match (&change.after, change.added) {
        (None, _) => Change {
            path,
            kind: ChangeKind::Delete,
            diff: old.into_owned(),
        },
        (Some(_), true) => Change {
            path,
            kind: ChangeKind::Add,
            diff: new.into_owned(),
        },
        (Some(_), false) => {
            let move_to = change.move_to.as_ref().map(|to| to.path.clone());
            Change {
                path,
                kind: ChangeKind::Update { move_to },
                diff: unified(&old, &new),
            }
        }
    }
}

/// Unified hunks without file headers. Lines end at `\n` only, so a `\r` is shown as part of its line.
pub(crate) fn unified(old: &str, new: &str) -> String {
    let old: Vec<&str> = old.split_inclusive('\n').collect();
    let new: Vec<&str> = new.split_inclusive('\n').collect();
    let diff = TextDiff::configure()
        .timeout(SEARCH_TIME_MAX)
        .newline_terminated(true)
        .diff_slices(&old, &new);
    diff.unified_diff()
        .context_radius(CONTEXT_LINES)
        .missing_newline_hint(true)
        .to_string()
}

#[cfg(test)]
mod tests;
