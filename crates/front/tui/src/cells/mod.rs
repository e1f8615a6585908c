//! What the transcript is made of. A cell's lines depend on nothing but the cell, the width and the look, so what is shown live and what is
//! shown of a journal is the same.

mod answer;
mod command;
pub mod explored;
#[cfg(test)]
mod explored_ui_tests;
mod notice;
mod patch;
mod raw;

pub use answer::Answer;
pub use command::{Tail, live_command, without_shell};
pub use notice::{Level, Notice};
pub use patch::diff_lines;

use crate::look::{self, Look};
use codex_protocol::items::{CommandExecutionItem, FileUpdateChange, PatchApplyStatus, ThreadItem, Turn, TurnStatus, UserInput};
use codex_tui_kit::cells::Row;
use codex_tui_kit::theme::Role;
use ratatui::text::{Line, Span};
use std::sync::Arc;
use std::time::Duration;

/// One piece of the transcript that will not change any more.
#[derive(Debug, Clone, PartialEq)]
pub enum Cell {
    /// The top of a session.
    Header {
        version: String,
        place: String,
    },
    User(Vec<UserInput>),
    Answer(Arc<str>),
    /// A proposal.
    Plan(Arc<str>),
    Command(Box<CommandExecutionItem>),
    /// Commands that only looked around.
    Explored(Vec<CommandExecutionItem>),
    Patch {
        changes: Vec<FileUpdateChange>,
        status: PatchApplyStatus,
    },
    /// Something that is told in one line.
    Note(String),
    Notice(Notice),
    TurnEnd(Box<Turn>),
}

impl Cell {
    /// `None` for what is not shown.
    pub fn of(item: &ThreadItem) -> Option<Self> {
        let note = |text: String| Some(Self::Note(text));
        match item {
            ThreadItem::UserMessage { content, .. } => Some(Self::User(content.clone())),
            ThreadItem::AgentMessage { text, .. } if text.trim().is_empty() => None,
            ThreadItem::AgentMessage { text, .. } => Some(Self::Answer(Arc::clone(text))),
            ThreadItem::Plan { text, .. } => Some(Self::Plan(Arc::clone(text))),
            ThreadItem::Reasoning { .. } => None,
            ThreadItem::CommandExecution(item) => Some(Self::Command(Box::new(item.clone()))),
            ThreadItem::FileChange { changes, status, .. } => Some(Self::Patch {
                changes: changes.clone(),
                status: *status,
            }),
            ThreadItem::McpToolCall(call) => note(format!("Called {} of {}", call.tool, call.server)),
            ThreadItem::CollabAgentToolCall(_) => note("Worked with other agents".to_owned()),
            ThreadItem::WebSearch { query, .. } => note(format!("Searched the web for {query}")),
            ThreadItem::ImageView { path, .. } => note(format!("Looked at {path}")),
            ThreadItem::EnteredReviewMode { review, .. } => note(format!("Review of {review}")),
            // What came of it is the answer that follows.
            ThreadItem::ExitedReviewMode { .. } => None,
            ThreadItem::ContextCompaction { .. } => note("Summed up the conversation so far".to_owned()),
        }
    }

    /// As [`Self::lines`], with the links in them.
    pub fn rows(&self, width: u16, look: &Look) -> Vec<Row> {
        match self {
            Self::Answer(text) => Answer::new(width, look).whole(text, look),
            Self::Plan(text) => Answer::plan(width, look).whole(text, look),
            other => other.lines(width, look).into_iter().map(Row::from).collect(),
        }
    }

    /// The rows of the cell at this width, without the blank row before it.
    pub fn lines(&self, width: u16, look: &Look) -> Vec<Line<'static>> {
        let columns = usize::from(width);
        match self {
            Self::Header { version, place } => vec![
                Line::from(vec![
                    look.span(">_ ", Role::Accent),
                    look.span(format!("codex {version}"), Role::Strong),
                ]),
                look.line(format!("   {place}"), Role::Dim),
                look.line("   /help names all commands", Role::Dim),
            ],
            Self::User(content) => user(content, columns, look),
            Self::Answer(_) | Self::Plan(_) => self.rows(width, look).into_iter().map(|row| row.line).collect(),
            Self::Command(item) => command::lines(item, columns, look),
            Self::Explored(items) => explored::lines(items, columns, look),
            Self::Patch { changes, status } => patch::lines(changes, *status, columns, patch::LINES_MAX, look),
            Self::Note(text) => {
                let sign = look.sign(look.glyphs().done, Role::Dim);
                look::wrapped(text, sign, "  ", look.style(Role::Dim), columns)
            }
            Self::Notice(notice) => notice.lines(columns, look),
            Self::TurnEnd(turn) => turn_end(turn, columns, look),
        }
    }
}

/// Whether a reviewer works. The words that would be the user's are then what it was told.
#[derive(Debug, Default)]
pub struct Reviewing(bool);

impl Reviewing {
    /// Whether the next item of the conversation is one that nobody said.
    pub fn hides(&mut self, item: &ThreadItem) -> bool {
        match item {
            ThreadItem::EnteredReviewMode { .. } => self.0 = true,
            ThreadItem::ExitedReviewMode { .. } => self.0 = false,
            ThreadItem::UserMessage { .. } => return self.0,
            _ => {}
        }
        false
    }

    /// The items without those.
    pub fn said(items: &[ThreadItem]) -> impl Iterator<Item = &ThreadItem> {
        let mut reviewing = Self::default();
        items.iter().filter(move |item| !reviewing.hides(item))
    }
}

/// A patch with every line: for a question about it.
pub fn whole_patch(item: &ThreadItem, width: u16, look: &Look) -> Vec<Line<'static>> {
    match item {
        ThreadItem::FileChange { changes, status, .. } => patch::lines(changes, *status, usize::from(width), usize::MAX, look),
        other => Cell::of(other).map(|cell| cell.lines(width, look)).unwrap_or_default(),
    }
}

/// A whole conversation, a blank row between its cells.
pub fn of_turns(turns: &[Turn], width: u16, look: &Look) -> Vec<Line<'static>> {
    let mut lines = Vec::new();
    for turn in turns {
        let items = Reviewing::said(&turn.items).filter_map(Cell::of);
        for cell in items.chain([Cell::TurnEnd(Box::new(turn.clone()))]) {
            let rows = cell.lines(width, look);
            if !rows.is_empty() && !lines.is_empty() {
                lines.push(Line::default());
            }
            lines.extend(rows);
        }
    }
    lines
}

fn user(content: &[UserInput], columns: usize, look: &Look) -> Vec<Line<'static>> {
    let parts: Vec<String> = content
        .iter()
        .map(|part| match part {
            UserInput::Text { text } => text.trim_end().to_owned(),
            UserInput::LocalImage { path } => format!("[Image {path}]"),
            UserInput::Image { .. } => "[Image]".to_owned(),
            UserInput::Skill { name, .. } => format!("${name}"),
        })
        .collect();
    let sign = look.sign(look.glyphs().user, Role::Accent);
    look::wrapped(&parts.join("\n"), sign, "  ", look.style(Role::User), columns)
}

fn turn_end(turn: &Turn, columns: usize, look: &Look) -> Vec<Line<'static>> {
    let bad = look.style(Role::Error);
    let sign = look.sign(look.glyphs().failed, Role::Error);
    match turn.status {
        TurnStatus::InProgress => Vec::new(),
        TurnStatus::Completed => {
            let millis = u64::try_from(turn.duration_ms.unwrap_or_default()).unwrap_or_default();
            let time = turn.completed_at.map(|at| look.time_of_day(at)).unwrap_or_default();
            let text = format!("worked for {} · {time}", look::elapsed(Duration::from_millis(millis)));
            vec![look.line(format!("  {text}"), Role::Dim)]
        }
        TurnStatus::Interrupted => look::wrapped("interrupted; say what to do instead", sign, "  ", bad, columns),
        TurnStatus::Failed => {
            let error = turn.error.as_ref();
            let message = error.map_or("the turn failed", |error| error.message.as_str());
            let code = error
                .and_then(|error| error.code.as_ref())
                .map(|code| format!(" [{code}]"))
                .unwrap_or_default();
            let mut lines = look::wrapped(&format!("{message}{code}"), sign, "  ", bad, columns);
            if let Some(details) = error.and_then(|error| error.additional_details.as_ref()) {
                lines.extend(look::wrapped(details, Span::raw("  "), "  ", look.style(Role::Dim), columns));
            }
            lines
        }
    }
}
