//! A command: its line, the end of its output, how it ended.

use crate::look::{self, Look};
use codex_protocol::items::{CommandExecutionItem, CommandExecutionSource, CommandExecutionStatus};
use codex_tui_kit::cells;
use codex_tui_kit::sanitize::Output;
use codex_tui_kit::theme::Role;
use ratatui::text::{Line, Span};
use std::collections::VecDeque;
use std::time::Duration;

/// Rows of output that are shown of a command of the model.
const ROWS_MAX: usize = 5;
/// The same for a command that the user ran.
const USER_ROWS_MAX: usize = 50;
/// Rows of the command's own text.
const COMMAND_ROWS_MAX: usize = 4;
/// Columns before output.
const UNDER: usize = 4;

/// The last lines of an output that comes in pieces, however long it gets.
#[derive(Debug)]
pub struct Tail {
    output: Output,
    lines: VecDeque<Line<'static>>,
    lines_max: usize,
    /// Lines that were let go.
    before: usize,
}

impl Tail {
    pub fn of(source: CommandExecutionSource) -> Self {
        Self {
            output: Output::default(),
            lines: VecDeque::new(),
            lines_max: rows_max(source),
            before: 0,
        }
    }

    pub fn push(&mut self, text: &str) {
        for line in self.output.push(text) {
            if self.lines.len() == self.lines_max {
                self.lines.pop_front();
                self.before += 1;
            }
            self.lines.push_back(line);
        }
    }

    /// What is kept, as text.
    pub fn text(&self) -> String {
        let lines = self.lines.iter().cloned().chain(self.output.current());
        lines.map(|line| line.to_string()).collect::<Vec<_>>().join("\n")
    }

    /// What is kept, and a word about the rest.
    fn rows(&self, columns: usize, look: &Look) -> Vec<Line<'static>> {
        let mut shown: Vec<Line<'static>> = self.lines.iter().cloned().chain(self.output.current()).collect();
        while shown.last().is_some_and(|line| line.width() == 0) {
            shown.pop();
        }
        let surplus = shown.len().saturating_sub(self.lines_max);
        let before = self.before + surplus;
        let note = (before > 0).then(|| look.line(format!("… {before} lines before"), Role::Dim));
        let dim = look.style(Role::Dim);
        let lines = shown.into_iter().skip(surplus).map(|line| {
            let mut line = cells::truncate_line(&line, columns.saturating_sub(UNDER));
            for span in &mut line.spans {
                span.style = dim.patch(look.theme.adapt(span.style));
            }
            line
        });
        note.into_iter().chain(lines).collect()
    }
}

const fn rows_max(source: CommandExecutionSource) -> usize {
    match source {
        CommandExecutionSource::UserShell => USER_ROWS_MAX,
        CommandExecutionSource::Agent | CommandExecutionSource::UnifiedExecStartup | CommandExecutionSource::UnifiedExecInteraction => {
            ROWS_MAX
        }
    }
}

/// A command that has ended.
pub fn lines(item: &CommandExecutionItem, columns: usize, look: &Look) -> Vec<Line<'static>> {
    let glyphs = look.glyphs();
    let ran = match item.source {
        CommandExecutionSource::UserShell => "You ran",
        CommandExecutionSource::Agent | CommandExecutionSource::UnifiedExecStartup | CommandExecutionSource::UnifiedExecInteraction => {
            "Ran"
        }
    };
    let (verb, sign) = match item.status {
        CommandExecutionStatus::InProgress => ("Left running:", look.sign(glyphs.running, Role::Busy)),
        CommandExecutionStatus::Completed => (ran, look.sign(glyphs.done, Role::Success)),
        CommandExecutionStatus::Failed => (ran, look.sign(glyphs.done, Role::Error)),
        CommandExecutionStatus::Declined => ("Not run:", look.sign(glyphs.refused, Role::Error)),
    };
    let mut lines = head(verb, sign, &item.command, columns, look);
    let mut tail = Tail::of(item.source);
    tail.push(item.aggregated_output.as_deref().unwrap_or_default());
    let mut below = tail.rows(columns, look);
    let failed = item
        .exit_code
        .filter(|code| *code != 0 && item.status != CommandExecutionStatus::Declined);
    if item.status == CommandExecutionStatus::InProgress {
        below.push(look.line("goes on in the background: /ps lists, /stop ends it", Role::Dim));
    } else if let Some(code) = failed {
        below.push(look.line(format!("exit code {code}"), Role::Error));
    } else if below.is_empty() && item.status == CommandExecutionStatus::Completed {
        below.push(look.line("(no output)", Role::Dim));
    }
    lines.extend(under(below, look));
    lines
}

/// A command that is running, with the last of its output.
pub fn live_command(command: &str, tail: &Tail, time: Duration, columns: usize, look: &Look) -> Vec<Line<'static>> {
    let mut lines = head("Running", look.sign(look.glyphs().running, Role::Busy), command, columns, look);
    if let Some(first) = lines.first_mut() {
        first.push_span(look.span(format!(" ({})", look::elapsed(time)), Role::Dim));
    }
    lines.extend(under(tail.rows(columns, look), look));
    lines
}

fn head(verb: &str, sign: Span<'static>, command: &str, columns: usize, look: &Look) -> Vec<Line<'static>> {
    let text = format!("{verb} {}", without_shell(command));
    let mut lines = look::wrapped(&text, sign, "  ", look.style(Role::Strong), columns);
    if lines.len() > COMMAND_ROWS_MAX {
        let more = lines.len() - COMMAND_ROWS_MAX;
        lines.truncate(COMMAND_ROWS_MAX);
        lines.push(look.line(format!("  … {more} more rows"), Role::Dim));
    }
    lines
}

/// The command as the model wrote it: without the shell that runs it.
pub fn without_shell(command: &str) -> String {
    let inner = || {
        let (shell, rest) = command.split_once(' ')?;
        let name = shell.rsplit('/').next()?;
        let script = rest.strip_prefix("-lc ").or_else(|| rest.strip_prefix("-c "))?;
        if !["sh", "bash", "zsh", "dash", "ksh", "ash"].contains(&name) {
            return None;
        }
        match script.strip_prefix('\'').and_then(|quoted| quoted.strip_suffix('\'')) {
            Some(quoted) => Some(quoted.replace("'\\''", "'")),
            None if script.contains([' ', '"', '\'', '\\']) => None,
            None => Some(script.to_owned()),
        }
    };
    inner().unwrap_or_else(|| command.to_owned())
}

fn under(lines: Vec<Line<'static>>, look: &Look) -> Vec<Line<'static>> {
    let prefixed = lines.into_iter().enumerate().map(|(index, mut line)| {
        let prefix = if index == 0 {
            format!("  {} ", look.glyphs().branch)
        } else {
            " ".repeat(UNDER)
        };
        line.spans.insert(0, look.span(prefix, Role::Dim));
        line
    });
    prefixed.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shell_around_a_command_is_not_shown() {
        assert_eq!(without_shell(r"/bin/bash -lc 'echo '\''a'\'' b'"), "echo 'a' b");
        assert_eq!(without_shell("sh -c ls"), "ls");
        assert_eq!(without_shell("sh -c \"echo $x\""), "sh -c \"echo $x\"");
        assert_eq!(without_shell("python -c 'print(1)'"), "python -c 'print(1)'");
    }
}
