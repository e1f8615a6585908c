//! Files that were changed: counts, and the changed lines word by word.

use crate::look::{self, Look};
use codex_protocol::items::{FileUpdateChange, PatchApplyStatus, PatchChangeKind};
use codex_tui_kit::diff::{self, DiffLine, Kind, View};
use codex_tui_kit::theme::Role;
use ratatui::text::{Line, Span};

/// Lines of one file that are shown in the transcript.
pub const LINES_MAX: usize = 60;
/// Before the lines.
const INDENT: &str = "    ";

/// At most so many lines of each file.
pub fn lines(changes: &[FileUpdateChange], status: PatchApplyStatus, columns: usize, lines_max: usize, look: &Look) -> Vec<Line<'static>> {
    let glyphs = look.glyphs();
    let sign = match status {
        PatchApplyStatus::InProgress => look.sign(glyphs.running, Role::Busy),
        PatchApplyStatus::Completed => look.sign(glyphs.done, Role::Success),
        PatchApplyStatus::Failed | PatchApplyStatus::Declined => look.sign(glyphs.refused, Role::Error),
    };
    let mut rows = Vec::new();
    for change in changes {
        let content = content(change);
        let (added, removed) = diff::counts(&content);
        let path = look.file(&change.path);
        let to = match &change.kind {
            PatchChangeKind::Update { move_path: Some(to) } => format!(" to {}", look.file(to)),
            PatchChangeKind::Update { move_path: None } | PatchChangeKind::Add | PatchChangeKind::Delete => String::new(),
        };
        let title = format!("{} {path}{to} (+{added} -{removed})", verb(&change.kind, status));
        rows.extend(look::wrapped(&title, sign.clone(), "  ", look.style(Role::Strong), columns));
        rows.extend(shown(&content, &path, columns, lines_max, look));
    }
    rows
}

const fn verb(kind: &PatchChangeKind, status: PatchApplyStatus) -> &'static str {
    match (status, kind) {
        (PatchApplyStatus::InProgress, PatchChangeKind::Add) => "Add",
        (PatchApplyStatus::InProgress, PatchChangeKind::Delete) => "Delete",
        (PatchApplyStatus::InProgress, PatchChangeKind::Update { .. }) => "Edit",
        (PatchApplyStatus::Failed, _) => "Could not change",
        (PatchApplyStatus::Declined, _) => "Not changed:",
        (PatchApplyStatus::Completed, PatchChangeKind::Add) => "Added",
        (PatchApplyStatus::Completed, PatchChangeKind::Delete) => "Deleted",
        (PatchApplyStatus::Completed, PatchChangeKind::Update { .. }) => "Edited",
    }
}

fn content(change: &FileUpdateChange) -> Vec<DiffLine> {
    match &change.kind {
        PatchChangeKind::Add => diff::whole(&change.diff, Kind::Added),
        PatchChangeKind::Delete => diff::whole(&change.diff, Kind::Removed),
        PatchChangeKind::Update { .. } => diff::hunks(&change.diff),
    }
}

/// The output of `git diff` as rows.
pub fn diff_lines(text: &str, columns: usize, look: &Look) -> Vec<Line<'static>> {
    let mut rows = Vec::new();
    for file in diff::files(text) {
        if !rows.is_empty() {
            rows.push(Line::default());
        }
        let (added, removed) = diff::counts(&file.lines);
        let notes = file.notes.iter().map(|note| format!(", {note}")).collect::<String>();
        let title = format!("{} (+{added} -{removed}){notes}", file.path);
        rows.extend(look::wrapped(&title, Span::raw(""), "", look.style(Role::Strong), columns));
        rows.extend(shown(&file.lines, &file.path, columns, usize::MAX, look));
    }
    rows
}

fn shown(content: &[DiffLine], path: &str, columns: usize, lines_max: usize, look: &Look) -> impl Iterator<Item = Line<'static>> {
    let width = columns.saturating_sub(INDENT.len()).max(1);
    let view = View { width, path, lines_max };
    diff::rows(content, view, &look.theme).into_iter().map(|mut line| {
        line.spans.insert(0, Span::raw(INDENT));
        line
    })
}
