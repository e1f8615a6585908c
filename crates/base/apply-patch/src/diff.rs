//! A plan as clients show it.

use crate::{PatchPlan, PlannedChange};
use codex_base::AbsPath;
use similar::{DiffOp, DiffTag, TextDiff};
use std::borrow::Cow;
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

fn text(bytes: Option<&Vec<u8>>) -> Cow<'_, str> {
    bytes.map(|bytes| String::from_utf8_lossy(bytes)).unwrap_or_default()
}

fn change(change: &PlannedChange) -> Change {
    let old = text(change.before.as_ref().map(|facts| &facts.bytes));
    let new = text(change.after.as_ref());
    let (kind, diff) = match (&change.after, change.added) {
        (None, _) => (ChangeKind::Delete, old.into_owned()),
        (Some(_), true) => (ChangeKind::Add, new.into_owned()),
        (Some(_), false) => {
            let move_to = change.move_to.as_ref().map(|to| to.path.clone());
            (ChangeKind::Update { move_to }, unified(&old, &new))
        }
    };
    Change {
        path: change.path.clone(),
        kind,
        diff,
    }
}

/// Unified hunks without file headers. Lines end at `\n` only, so a `\r` is shown as part of its line.
///
/// Written here because the library's own form takes a lone `\r` for a line end.
pub(crate) fn unified(old: &str, new: &str) -> String {
    let old: Vec<&str> = old.split_inclusive('\n').collect();
    let new: Vec<&str> = new.split_inclusive('\n').collect();
    let diff = TextDiff::configure().timeout(SEARCH_TIME_MAX).diff_slices(&old, &new);
    let mut text = String::new();
    for hunk in diff.grouped_ops(CONTEXT_LINES) {
        push_header(&mut text, &hunk);
        for op in &hunk {
            let (removed, added) = (&old[op.old_range()], &new[op.new_range()]);
            if op.tag() == DiffTag::Equal {
                push_lines(&mut text, ' ', removed);
            } else {
                push_lines(&mut text, '-', removed);
                push_lines(&mut text, '+', added);
            }
        }
    }
    text
}

fn push_header(text: &mut String, hunk: &[DiffOp]) {
    let (Some(first), Some(last)) = (hunk.first(), hunk.last()) else {
        return;
    };
    let range = |start: usize, end: usize| match end - start {
        // An empty range is named by the line before it.
        0 => format!("{start},0"),
        1 => format!("{}", start + 1),
        lines => format!("{},{lines}", start + 1),
    };
    let old = range(first.old_range().start, last.old_range().end);
    let new = range(first.new_range().start, last.new_range().end);
    text.push_str(&format!("@@ -{old} +{new} @@\n"));
}

fn push_lines(text: &mut String, mark: char, lines: &[&str]) {
    for line in lines {
        text.push(mark);
        text.push_str(line);
        if !line.ends_with('\n') {
            text.push_str("\n\\ No newline at end of file\n");
        }
    }
}

#[cfg(test)]
mod tests;
