//! `codex show`: a session's conversation, what stood before a compaction, one item whole.
//!
//! Reads the journal and nothing else: no server, no configuration, no lock, so it also shows a session that is running.

use super::{json_text, print};
use crate::commands::stored::{self, Stored};
use clap::Args;
use codex_engine::context::items::base_message;
use codex_exec::ExecError;
use codex_exec::human::visible;
use codex_protocol::items::{CommandExecutionItem, FileUpdateChange, PatchChangeKind, ThreadItem, Turn, TurnStatus, UserInput};
use codex_protocol::journal::Record;
use codex_protocol::response_item::{ItemView, ResponseItem};
use codex_sessions::{Compaction, compactions};
use serde_json::{Value, json};
use std::fmt::Write;
use std::process::ExitCode;

/// Lines of a command's output, a patch or a long item that are shown unless the item is asked for.
const LINES_MAX: usize = 20;

/// Arguments of `codex show`.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct Show {
    /// Id or name of a session
    #[arg(value_name = "SESSION")]
    session: String,

    /// Only this item, whole: its id, or its number in a --before-compaction listing
    #[arg(value_name = "ITEM")]
    item: Option<String>,

    /// What the model saw before compaction N [default: the last one]
    #[arg(long, value_name = "N", num_args = 0..=1, require_equals = false)]
    before_compaction: Option<Option<u64>>,

    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Show {
    pub fn run(&self) -> Result<ExitCode, ExecError> {
        let stored = stored::open(&self.session)?;
        let text = match self.before_compaction {
            Some(number) => self.before_compaction(&stored, number)?,
            None => self.conversation(&stored)?,
        };
        print(&text)?;
        Ok(ExitCode::SUCCESS)
    }

    fn conversation(&self, stored: &Stored) -> Result<String, ExecError> {
        let turns = codex_sessions::turns(&stored.loaded.records);
        if let Some(wanted) = &self.item {
            let found = turns.iter().flat_map(|turn| &turn.items).find(|item| item.id() == wanted);
            return match found {
                Some(item) if self.json => json_text(&json!(item)),
                Some(item) => Ok(item_text(item, usize::MAX)),
                // What the model was told and what it called stand in the conversation only.
                None => self.model_item(wanted, None, &model_items(stored)),
            };
        }
        if self.json {
            let meta = &stored.loaded.meta;
            return json_text(&json!({
                "id": meta.id, "path": stored.path, "cwd": meta.cwd, "createdAt": meta.timestamp, "modelProvider": meta.model_provider,
                "model": meta.model, "cliVersion": meta.cli_version, "problems": stored.loaded.problems,
                "compactions": compactions(&stored.loaded.records).all.iter().map(compaction_json).collect::<Vec<_>>(),
                "turns": turns,
            }));
        }
        Ok(conversation_text(stored, &turns))
    }

    fn before_compaction(&self, stored: &Stored, number: Option<u64>) -> Result<String, ExecError> {
        let found = compactions(&stored.loaded.records);
        let compaction = match number {
            Some(number) => found.all.iter().find(|compaction| compaction.window_number == number),
            None => found.all.last(),
        };
        let Some(compaction) = compaction else {
            return Err(no_such_compaction(number, &found.all));
        };
        let base = stored.loaded.meta.base_item.clone();
        let base = base.unwrap_or_else(|| base_message(&stored.loaded.meta.base_instructions));
        let input: Vec<ResponseItem> = std::iter::once(base).chain(compaction.before.iter().cloned()).collect();
        if let Some(wanted) = &self.item {
            return self.model_item(wanted, wanted.parse().ok(), &input);
        }
        if self.json {
            let mut value = compaction_json(compaction);
            value["input"] = json!(input);
            return json_text(&value);
        }
        let lines = input.iter().enumerate().map(|(at, item)| model_item_text(at, item, LINES_MAX));
        Ok(lines.collect())
    }

    /// By id, by the id of a call and its output, or by number.
    fn model_item(&self, wanted: &str, number: Option<usize>, input: &[ResponseItem]) -> Result<String, ExecError> {
        let of_call = |item: &ResponseItem| {
            item.view().call().map(|call| call.call_id.as_str()) == Some(wanted) || item.view().answers() == Some(wanted)
        };
        let found: Vec<(usize, &ResponseItem)> = input
            .iter()
            .enumerate()
            .filter(|(at, item)| Some(*at) == number || item.id() == Some(wanted) || of_call(item))
            .collect();
        if found.is_empty() {
            let message = format!("this session has no item {wanted}");
            return Err(ExecError::new("session.no_such_item", message).with_hint("codex show SESSION --json names every item's id"));
        }
        if self.json {
            return Ok(found.iter().map(|(_, item)| format!("{}\n", item.raw().get())).collect());
        }
        Ok(found.iter().map(|(at, item)| model_item_text(*at, item, usize::MAX)).collect())
    }
}

/// Everything that was ever part of the conversation.
fn model_items(stored: &Stored) -> Vec<ResponseItem> {
    let of_record = |record: &Record| match record {
        Record::ResponseItem(item) => vec![item.clone()],
        Record::Compacted(compacted) => compacted.replacement_history.clone().unwrap_or_default(),
        _ => Vec::new(),
    };
    let mut items: Vec<ResponseItem> = stored.loaded.records.iter().flat_map(|(_, record)| of_record(record)).collect();
    let mut seen = std::collections::HashSet::new();
    items.retain(|item| seen.insert(item.raw().get().to_owned()));
    items
}

fn compaction_json(compaction: &Compaction) -> Value {
    json!({"compaction": compaction.window_number, "undone": compaction.undone, "items": compaction.before.len()})
}

fn no_such_compaction(number: Option<u64>, all: &[Compaction]) -> ExecError {
    let known: Vec<String> = all.iter().map(|compaction| compaction.window_number.to_string()).collect();
    let message = match number {
        Some(number) if !all.is_empty() => format!("this session has no compaction {number}; there are {}", known.join(", ")),
        _ => "this session was never compacted".to_owned(),
    };
    ExecError::new("session.no_such_compaction", message).with_hint("codex show SESSION prints the conversation")
}

fn conversation_text(stored: &Stored, turns: &[Turn]) -> String {
    let meta = &stored.loaded.meta;
    let mut text = String::new();
    // Writing to a string does not fail.
    let _ = writeln!(
        text,
        "session {}\nstarted {} in {}\njournal {}",
        meta.id, meta.timestamp, meta.cwd, stored.path
    );
    for turn in turns {
        let _ = writeln!(text, "\n--- turn {} ({})", turn.id, status(turn));
        for item in &turn.items {
            text.push_str(&item_text(item, LINES_MAX));
        }
        if let Some(error) = &turn.error {
            let _ = writeln!(text, "error: {}", visible(&error.message));
        }
    }
    text
}

const fn status(turn: &Turn) -> &'static str {
    match turn.status {
        TurnStatus::InProgress => "in progress",
        TurnStatus::Completed => "completed",
        TurnStatus::Interrupted => "interrupted",
        TurnStatus::Failed => "failed",
    }
}

/// A heading with the item's id, and its text.
fn item_text(item: &ThreadItem, lines_max: usize) -> String {
    let (kind, text) = match item {
        ThreadItem::UserMessage { content, .. } => ("user", content.iter().map(input_text).collect::<Vec<_>>().join("\n")),
        ThreadItem::AgentMessage { text, .. } => ("codex", text.to_string()),
        ThreadItem::Reasoning { summary, content, .. } => ("thought", [summary.join("\n"), content.join("\n")].join("\n")),
        ThreadItem::CommandExecution(command) => ("command", command_text(command, lines_max)),
        ThreadItem::FileChange { changes, .. } => (
            "patch",
            changes
                .iter()
                .map(|change| change_text(change, lines_max))
                .collect::<Vec<_>>()
                .join("\n"),
        ),
        ThreadItem::McpToolCall(call) => ("mcp", format!("{}.{} {}", call.server, call.tool, call.arguments)),
        ThreadItem::CollabAgentToolCall(call) => ("agents", call.receiver_thread_ids.join(", ")),
        ThreadItem::WebSearch { query, .. } => ("web search", query.clone()),
        ThreadItem::EnteredReviewMode { review, .. } => ("review", review.clone()),
        ThreadItem::ExitedReviewMode { review, .. } => ("review ended", review.clone()),
        ThreadItem::ImageView { path, .. } => ("image", path.to_string()),
        ThreadItem::Plan { text, .. } => ("plan", text.to_string()),
        ThreadItem::ContextCompaction { .. } => ("compaction", "what stood before was summed up for the model".to_owned()),
    };
    section(&format!("{kind} [{}]", item.id()), &text)
}

fn section(heading: &str, text: &str) -> String {
    format!("\n{}\n{}\n", visible(heading), visible(text.trim_matches('\n')))
}

fn input_text(input: &UserInput) -> String {
    match input {
        UserInput::Text { text } => text.clone(),
        UserInput::LocalImage { path } => format!("(picture {path})"),
        UserInput::Image { url } if url.starts_with("data:") => "(picture)".to_owned(),
        UserInput::Image { url } => format!("(picture {url})"),
        UserInput::Skill { name, .. } => format!("${name}"),
    }
}

fn command_text(command: &CommandExecutionItem, lines_max: usize) -> String {
    let ended = command
        .exit_code
        .map_or_else(|| "no exit code".to_owned(), |code| format!("exit code {code}"));
    let output = command.aggregated_output.as_deref().unwrap_or_default();
    format!(
        "$ {}\n({ended}, in {})\n{}",
        command.command,
        command.cwd,
        first_lines(output, lines_max)
    )
}

fn change_text(change: &FileUpdateChange, lines_max: usize) -> String {
    let (what, moved) = match &change.kind {
        PatchChangeKind::Add => ("added", String::new()),
        PatchChangeKind::Delete => ("deleted", String::new()),
        PatchChangeKind::Update { move_path: Some(to) } => ("moved", format!(" to {to}")),
        PatchChangeKind::Update { move_path: None } => ("changed", String::new()),
    };
    format!("{what} {}{moved}\n{}", change.path, first_lines(&change.diff, lines_max))
}

/// The beginning of a text, and how much is missing.
fn first_lines(text: &str, lines_max: usize) -> String {
    let text = text.trim_end_matches('\n');
    let count = text.lines().count();
    if count <= lines_max {
        return text.to_owned();
    }
    let shown: Vec<&str> = text.lines().take(lines_max).collect();
    format!("{}\n… {} more lines", shown.join("\n"), count - lines_max)
}

/// An item as the model has it.
fn model_item_text(at: usize, item: &ResponseItem, lines_max: usize) -> String {
    let (kind, text) = match item.view() {
        ItemView::Message { role, .. } => (role.clone(), item.view().message_text().unwrap_or_default().to_string()),
        ItemView::Reasoning { summary, content } => ("thought".to_owned(), [summary.join("\n"), content.join("\n")].join("\n")),
        ItemView::FunctionCall(call) | ItemView::CustomToolCall(call) => {
            (format!("call {} {}", call.name, call.call_id), call.input.clone())
        }
        ItemView::FunctionCallOutput { call_id } | ItemView::CustomToolCallOutput { call_id } => {
            (format!("output {call_id}"), output_text(item))
        }
        ItemView::WebSearchCall { .. } => ("web search".to_owned(), item.raw().get().to_owned()),
        ItemView::Known { kind } | ItemView::Unknown { kind } => (kind.clone(), item.raw().get().to_owned()),
    };
    let id = item.id().map(|id| format!(" [{id}]")).unwrap_or_default();
    section(&format!("#{at} {kind}{id}"), &first_lines(text.trim_matches('\n'), lines_max))
}

fn output_text(item: &ResponseItem) -> String {
    let value: Value = serde_json::from_str(item.raw().get()).unwrap_or_default();
    match &value["output"] {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
