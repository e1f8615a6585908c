//! A command: its line, the end of its output, how it ended.

use crate::look::{self, Look};
use codex_protocol::items::{CommandExecutionItem, CommandExecutionSource, CommandExecutionStatus};
use codex_tui_kit::{cells, sanitize};
use ratatui::text::{Line, Span};
use std::time::Duration;

/// Rows of output that are shown of a command of the model.
const ROWS_MAX: usize = 5;
/// The same for a command that the user ran.
const USER_ROWS_MAX: usize = 50;
/// Rows of the command's own text.
const COMMAND_ROWS_MAX: usize = 4;

/// A command that has ended.
pub fn lines(item: &CommandExecutionItem, columns: usize, look: &Look) -> Vec<Line<'static>> {
    let (verb, bullet) = match item.status {
        CommandExecutionStatus::InProgress => ("Running", Span::styled("◦ ", look.dim)),
        CommandExecutionStatus::Completed => ("Ran", Span::styled("• ", look.good)),
        CommandExecutionStatus::Failed => ("Ran", Span::styled("• ", look.bad)),
        CommandExecutionStatus::Declined => ("Not run:", Span::styled("✗ ", look.bad)),
    };
    let mut lines = head(verb, bullet, &item.command, columns, look);
    let failed = item
        .exit_code
        .filter(|code| *code != 0 && item.status != CommandExecutionStatus::Declined);
    let output = item.aggregated_output.as_deref().unwrap_or_default();
    let max = if item.source == CommandExecutionSource::UserShell {
        USER_ROWS_MAX
    } else {
        ROWS_MAX
    };
    let mut below = output_tail(output, max, columns, look);
    if let Some(code) = failed {
        below.push(Line::from(Span::styled(format!("exit code {code}"), look.bad)));
    } else if below.is_empty() && item.status == CommandExecutionStatus::Completed {
        below.push(Line::from(Span::styled("(no output)", look.dim)));
    }
    lines.extend(under(below));
    lines
}

/// A command that is running, with the last of its output.
pub fn live_command(command: &str, output: &str, time: Duration, columns: usize, look: &Look) -> Vec<Line<'static>> {
    let mut lines = head("Running", Span::styled("◦ ", look.accent), command, columns, look);
    if let Some(first) = lines.first_mut() {
        first.push_span(Span::styled(format!(" ({})", look::elapsed(time)), look.dim));
    }
    lines.extend(under(output_tail(output, ROWS_MAX, columns, look)));
    lines
}

fn head(verb: &str, bullet: Span<'static>, command: &str, columns: usize, look: &Look) -> Vec<Line<'static>> {
    let text = format!("{verb} {}", shown(command));
    let mut lines = look::wrapped(&text, bullet, "  ", look.bold, columns);
    if lines.len() > COMMAND_ROWS_MAX {
        let more = lines.len() - COMMAND_ROWS_MAX;
        lines.truncate(COMMAND_ROWS_MAX);
        lines.push(Line::from(Span::styled(format!("  … {more} more rows"), look.dim)));
    }
    lines
}

/// The command as the model wrote it: without the shell that runs it.
fn shown(command: &str) -> String {
    let shells = [
        "/bin/bash -c ",
        "/bin/sh -c ",
        "/bin/zsh -c ",
        "bash -lc ",
        "sh -c ",
        "bash -c ",
        "/bin/bash -lc ",
    ];
    let Some(quoted) = shells.iter().find_map(|shell| command.strip_prefix(shell)) else {
        return command.to_owned();
    };
    match quoted.strip_prefix('\'').and_then(|inner| inner.strip_suffix('\'')) {
        Some(inner) => inner.replace("'\\''", "'"),
        None => quoted.to_owned(),
    }
}

/// The last rows of an output, and how many lines stand before them.
pub fn output_tail(output: &str, rows_max: usize, columns: usize, look: &Look) -> Vec<Line<'static>> {
    let output = output.trim_end();
    if output.is_empty() {
        return Vec::new();
    }
    let total = output.lines().count();
    // Not more of them than can be seen, however long the output is.
    let last: Vec<&str> = output.lines().rev().take(rows_max).collect();
    let mut lines = Vec::new();
    if total > last.len() {
        lines.push(Line::from(Span::styled(format!("… {} lines before", total - last.len()), look.dim)));
    }
    let room = columns.saturating_sub(5);
    lines.extend(last.into_iter().rev().map(|line| {
        let text = sanitize::prose(line);
        Line::from(Span::styled(cells::truncate(&text, room).into_owned(), look.dim))
    }));
    lines
}

fn under(lines: Vec<Line<'static>>) -> Vec<Line<'static>> {
    let prefixed = lines.into_iter().enumerate().map(|(index, mut line)| {
        let prefix = if index == 0 { "  └ " } else { "    " };
        line.spans.insert(0, Span::raw(prefix));
        line
    });
    prefixed.collect()
}
