//! Commands that only read, list and search, one after the other: what they looked at, in a few rows.

use super::Cell;
use crate::look::{self, Look};
use codex_protocol::items::{CommandAction, CommandExecutionItem, CommandExecutionSource, CommandExecutionStatus};
use codex_tui_kit::theme::Role;
use ratatui::text::Line;

/// Commands of one cell.
pub const COMMANDS_MAX: usize = 12;

/// Whether a command that has ended only looked around. What failed is shown with its output.
pub fn is_one(cell: &Cell) -> bool {
    match cell {
        Cell::Command(item) => {
            matches!(
                item.source,
                CommandExecutionSource::Agent | CommandExecutionSource::UnifiedExecStartup
            ) && item.status == CommandExecutionStatus::Completed
                && item.exit_code == Some(0)
                && only_looks(item)
        }
        _ => false,
    }
}

/// Whether a command does nothing but read, list and search.
pub fn only_looks(item: &CommandExecutionItem) -> bool {
    let looks = |action: &CommandAction| !matches!(action, CommandAction::Unknown { .. });
    !item.command_actions.is_empty() && item.command_actions.iter().all(looks)
}

pub fn lines(items: &[CommandExecutionItem], columns: usize, look: &Look) -> Vec<Line<'static>> {
    let sign = look.sign(look.glyphs().done, Role::Success);
    let mut lines = look::wrapped("Explored", sign, "  ", look.style(Role::Strong), columns);
    for (index, row) in rows(items).into_iter().enumerate() {
        let first = if index == 0 {
            look.span(format!("  {} ", look.glyphs().branch), Role::Dim)
        } else {
            look.span("    ", Role::Dim)
        };
        lines.extend(look::wrapped(&row, first, "      ", look.style(Role::Dim), columns));
    }
    lines
}

/// Files that were read one after the other are one row.
fn rows(items: &[CommandExecutionItem]) -> Vec<String> {
    let mut rows: Vec<String> = Vec::new();
    let mut read: Vec<&str> = Vec::new();
    for action in items.iter().flat_map(|item| &item.command_actions) {
        let row = match action {
            CommandAction::Read { name, .. } => {
                if !read.contains(&name.as_str()) {
                    read.push(name);
                }
                continue;
            }
            CommandAction::ListFiles { path, .. } => format!("List {}", path.as_deref().unwrap_or("the folder")),
            CommandAction::Search { query, path, .. } => {
                let place = path.as_ref().map(|path| format!(" in {path}")).unwrap_or_default();
                format!("Search {}{place}", query.as_deref().unwrap_or("files"))
            }
            CommandAction::Unknown { command } => command.clone(),
        };
        rows.extend(read_row(&mut read));
        if rows.last() != Some(&row) {
            rows.push(row);
        }
    }
    rows.extend(read_row(&mut read));
    rows
}

fn read_row(read: &mut Vec<&str>) -> Option<String> {
    let names = std::mem::take(read);
    (!names.is_empty()).then(|| format!("Read {}", names.join(", ")))
}
