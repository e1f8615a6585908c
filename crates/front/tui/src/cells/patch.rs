//! Files that were changed, with counts and the changed lines.

use crate::look::{self, Look};
use codex_protocol::items::{FileUpdateChange, PatchApplyStatus, PatchChangeKind};
use codex_tui_kit::theme::Role;
use ratatui::text::{Line, Span};

pub fn lines(changes: &[FileUpdateChange], status: PatchApplyStatus, columns: usize, look: &Look) -> Vec<Line<'static>> {
    let mut lines = Vec::new();
    for change in changes {
        let verb = match (status, &change.kind) {
            (PatchApplyStatus::InProgress, _) => "Writing",
            (PatchApplyStatus::Failed, _) => "Could not change",
            (PatchApplyStatus::Declined, _) => "Not changed:",
            (PatchApplyStatus::Completed, PatchChangeKind::Add) => "Added",
            (PatchApplyStatus::Completed, PatchChangeKind::Delete) => "Deleted",
            (PatchApplyStatus::Completed, PatchChangeKind::Update { .. }) => "Edited",
        };
        let sign = match status {
            PatchApplyStatus::InProgress => look.sign(look.glyphs().running, Role::Busy),
            PatchApplyStatus::Completed => look.sign(look.glyphs().done, Role::Success),
            PatchApplyStatus::Failed | PatchApplyStatus::Declined => look.sign(look.glyphs().refused, Role::Error),
        };
        let rows = rows(change);
        let count = |sign: char| rows.iter().filter(|(row_sign, _)| *row_sign == sign).count();
        let title = format!("{verb} {} (+{} -{})", look.path(&change.path), count('+'), count('-'));
        lines.extend(look::wrapped(&title, sign, "  ", look.style(Role::Strong), columns));
        for (mark, text) in &rows {
            let style = match mark {
                '+' => look.style(Role::DiffAdded),
                '-' => look.style(Role::DiffRemoved),
                _ => look.style(Role::DiffContext),
            };
            lines.extend(look::wrapped(
                text,
                Span::styled(format!("    {mark}"), style),
                "     ",
                style,
                columns,
            ));
        }
    }
    lines
}

/// Sign and text of every row of the change.
fn rows(change: &FileUpdateChange) -> Vec<(char, String)> {
    let all = |sign: char| change.diff.lines().map(|line| (sign, line.to_owned())).collect();
    match &change.kind {
        PatchChangeKind::Add => all('+'),
        PatchChangeKind::Delete => all('-'),
        PatchChangeKind::Update { .. } => change
            .diff
            .lines()
            .filter_map(|line| {
                let sign = line.chars().next()?;
                let text = line.get(1..).unwrap_or_default().to_owned();
                match sign {
                    '+' | '-' | ' ' => Some((sign, text)),
                    _ => None,
                }
            })
            .collect(),
    }
}
