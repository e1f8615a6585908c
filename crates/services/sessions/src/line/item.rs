//! A visible item as `item_completed` keeps it: names in PascalCase, fields in snake case, directories as `file://` URLs.
//!
//! The stored form holds all that the client form holds, so `to_line` and `from_text` are exact inverses. Where the usual fields cannot say
//! something (a command line that is no quoting of its arguments, two changes of one path), an extra field does.

use super::values::{file_url, in_snake_case, lenient, path_from, path_text};
use codex_protocol::call_items::WebSearchAction;
use codex_protocol::items::{
    CommandAction, CommandExecutionItem, CommandExecutionSource, CommandExecutionStatus, FileUpdateChange, LimitReached, PatchApplyStatus,
    PatchChangeKind, ThreadItem, UserInput,
};
use serde::{Deserialize, Serialize, Serializer};
use serde_json::{Map, Value, json};
use std::borrow::Cow;
use std::sync::Arc;

mod calls;
mod reviews;

/// The stored form, to be written. Messages and thoughts, which may be long, are borrowed.
#[derive(Serialize)]
#[serde(tag = "type")]
enum ItemOut<'a> {
    AgentMessage {
        id: &'a str,
        content: [TextOut<'a>; 1],
        #[serde(skip_serializing_if = "Option::is_none")]
        phase: Option<&'a str>,
    },
    Reasoning {
        id: &'a str,
        summary_text: &'a [String],
        raw_content: &'a [String],
    },
    CommandExecution(Box<CommandLine>),
    FileChange(FileChangeLine),
    /// With its type.
    #[serde(untagged)]
    Other(Value),
}

#[derive(Serialize)]
#[serde(tag = "type")]
enum TextOut<'a> {
    Text { text: &'a str },
}

pub fn serialize<S: Serializer>(item: &ThreadItem, serializer: S) -> Result<S::Ok, S::Error> {
    to_line(item).serialize(serializer)
}

fn to_line(item: &ThreadItem) -> ItemOut<'_> {
    ItemOut::Other(match item {
        ThreadItem::AgentMessage { id, text, phase } => {
            return ItemOut::AgentMessage {
                id,
                content: [TextOut::Text { text }],
                phase: phase.as_deref(),
            };
        }
        ThreadItem::Reasoning { id, summary, content } => {
            return ItemOut::Reasoning {
                id,
                summary_text: summary,
                raw_content: content,
            };
        }
        ThreadItem::CommandExecution(command) => return ItemOut::CommandExecution(Box::new(command_line(command))),
        ThreadItem::FileChange { id, changes, status } => return ItemOut::FileChange(file_change_line(id, changes, *status)),
        ThreadItem::Plan { id, text } => json!({"type": "Plan", "id": id, "text": text}),
        ThreadItem::UserMessage { id, content } => {
            json!({"type": "UserMessage", "id": id, "content": content.iter().map(input).collect::<Vec<_>>()})
        }
        ThreadItem::McpToolCall(call) => calls::mcp_value(call),
        ThreadItem::CollabAgentToolCall(call) => calls::collab_value(call),
        ThreadItem::WebSearch { id, query, action } => json!({"type": "WebSearch", "id": id, "query": query, "action": action}),
        ThreadItem::EnteredReviewMode { id, review, target } => reviews::entered_value(id, review, target.as_ref()),
        ThreadItem::ExitedReviewMode { id, review, output } => reviews::exited_value(id, review, output.as_deref()),
        ThreadItem::ImageView { id, path } => json!({"type": "ImageView", "id": id, "path": file_url(path)}),
        ThreadItem::ContextCompaction { id } => json!({"type": "ContextCompaction", "id": id}),
    })
}

/// `Ok(None)` for kinds of items that clients of ours have no form for.
pub fn from_text(text: &str) -> serde_json::Result<Option<ThreadItem>> {
    Ok(Some(match serde_json::from_str(text)? {
        ItemLine::UserMessage { id, content } => ThreadItem::UserMessage {
            id,
            content: content.iter().filter_map(input_from).collect(),
        },
        ItemLine::AgentMessage { id, content, phase } => message(id, content.iter().flatten().map(|part| &*part.text), phase),
        ItemLine::Reasoning {
            id,
            summary_text,
            raw_content,
        } => ThreadItem::Reasoning {
            id,
            summary: summary_text,
            content: raw_content,
        },
        ItemLine::CommandExecution(command) => ThreadItem::CommandExecution(command.into_item()),
        ItemLine::FileChange(change) => change.into_item(),
        ItemLine::McpToolCall(line) => match calls::mcp_from(line) {
            Some(call) => ThreadItem::McpToolCall(Box::new(call)),
            None => return Ok(None),
        },
        ItemLine::CollabAgentToolCall(line) => match calls::collab_from(line) {
            Some(call) => ThreadItem::CollabAgentToolCall(Box::new(call)),
            None => return Ok(None),
        },
        ItemLine::WebSearch { id, query, action } => ThreadItem::WebSearch { id, query, action },
        ItemLine::EnteredReviewMode(line) => line.into_item(),
        ItemLine::ExitedReviewMode(line) => line.into_item(),
        ItemLine::ImageView { id, path } => ThreadItem::ImageView {
            id,
            path: path_from(&path),
        },
        ItemLine::Plan { id, text } => ThreadItem::Plan { id, text },
        ItemLine::ContextCompaction { id } => ThreadItem::ContextCompaction { id },
        ItemLine::Other => return Ok(None),
    }))
}

#[derive(Deserialize)]
#[serde(tag = "type")]
enum ItemLine {
    UserMessage {
        id: String,
        #[serde(default)]
        content: Vec<Value>,
    },
    AgentMessage {
        id: String,
        content: Option<Vec<OwnedTextPart>>,
        phase: Option<String>,
    },
    Plan {
        id: String,
        #[serde(default)]
        text: Arc<str>,
    },
    Reasoning {
        id: String,
        #[serde(default)]
        summary_text: Vec<String>,
        #[serde(default)]
        raw_content: Vec<String>,
    },
    CommandExecution(Box<CommandLine>),
    FileChange(FileChangeLine),
    McpToolCall(Value),
    CollabAgentToolCall(Value),
    WebSearch {
        id: String,
        #[serde(default)]
        query: String,
        #[serde(default, deserialize_with = "lenient")]
        action: Option<WebSearchAction>,
    },
    EnteredReviewMode(reviews::EnteredLine),
    ExitedReviewMode(reviews::ExitedLine),
    ImageView {
        id: String,
        path: String,
    },
    ContextCompaction {
        id: String,
    },
    #[serde(other)]
    Other,
}

#[derive(Deserialize)]
struct OwnedTextPart {
    #[serde(default)]
    text: String,
}

#[derive(Deserialize)]
struct TextPart<'a> {
    #[serde(borrow, default)]
    text: Cow<'a, str>,
}

/// An item that may be a message of the model.
#[derive(Deserialize)]
pub struct MessageIn<'a> {
    r#type: &'a str,
    id: String,
    #[serde(borrow)]
    content: Option<Vec<TextPart<'a>>>,
    phase: Option<String>,
}

impl MessageIn<'_> {
    pub fn into_item(self) -> Option<ThreadItem> {
        let texts = self.content.iter().flatten().map(|part| &*part.text);
        (self.r#type == "AgentMessage").then(|| message(self.id, texts, self.phase))
    }
}

fn message<'a>(id: String, mut texts: impl Iterator<Item = &'a str>, phase: Option<String>) -> ThreadItem {
    let first = texts.next().unwrap_or_default();
    let text = match texts.next() {
        None => Arc::from(first),
        Some(second) => [first, second].into_iter().chain(texts).collect::<String>().into(),
    };
    ThreadItem::AgentMessage { id, text, phase }
}

fn input(input: &UserInput) -> Value {
    match input {
        UserInput::Text { text } => json!({"type": "text", "text": text, "text_elements": []}),
        UserInput::LocalImage { path } => json!({"type": "local_image", "path": path}),
        UserInput::Image { url } => json!({"type": "image", "image_url": url}),
        UserInput::Skill { name, path } => json!({"type": "skill", "name": name, "path": path}),
    }
}

fn input_from(value: &Value) -> Option<UserInput> {
    let text = |name: &str| value.get(name).and_then(Value::as_str).map(str::to_owned);
    match value.get("type")?.as_str()? {
        "text" => Some(UserInput::Text { text: text("text")? }),
        "local_image" => Some(UserInput::LocalImage { path: text("path")? }),
        "image" => Some(UserInput::Image { url: text("image_url")? }),
        "skill" => Some(UserInput::Skill {
            name: text("name")?,
            path: text("path")?,
        }),
        _ => None,
    }
}

fn command_line(item: &CommandExecutionItem) -> CommandLine {
    let argv = shlex::split(&item.command).filter(|argv| joined(argv) == item.command);
    CommandLine {
        id: item.id.clone(),
        process_id: item.process_id.clone(),
        // Not the quoting of any argument vector: the text itself, word for word, beside it.
        command_line: argv.is_none().then(|| item.command.clone()),
        command: argv.unwrap_or_else(|| vec![item.command.clone()]),
        cwd: file_url(&item.cwd),
        parsed_cmd: item.command_actions.iter().map(action).collect(),
        source: item.source,
        status: Some(item.status),
        aggregated_output: item.aggregated_output.clone(),
        exit_code: item.exit_code,
        duration: item.duration_ms.map(DurationLine::from_ms),
        limit_reached: item.limit_reached.clone(),
    }
}

/// The line of a stored command, also in the end event of older files.
#[derive(Serialize, Deserialize)]
pub struct CommandLine {
    #[serde(alias = "call_id")]
    id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    process_id: Option<String>,
    command: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    command_line: Option<String>,
    cwd: String,
    #[serde(default)]
    parsed_cmd: Vec<Value>,
    #[serde(default, deserialize_with = "lenient", serialize_with = "in_snake_case")]
    source: CommandExecutionSource,
    /// Older files have none.
    #[serde(default, deserialize_with = "lenient", serialize_with = "in_snake_case")]
    status: Option<CommandExecutionStatus>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    aggregated_output: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    exit_code: Option<i32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    duration: Option<DurationLine>,
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    limit_reached: Option<Box<LimitReached>>,
}

impl CommandLine {
    pub fn into_item(self) -> CommandExecutionItem {
        let ended = match self.exit_code {
            Some(0) => CommandExecutionStatus::Completed,
            Some(_) | None => CommandExecutionStatus::Failed,
        };
        CommandExecutionItem {
            id: self.id,
            command: self.command_line.unwrap_or_else(|| joined(&self.command)),
            cwd: path_from(&self.cwd),
            process_id: self.process_id,
            source: self.source,
            status: self.status.unwrap_or(ended),
            command_actions: self.parsed_cmd.iter().filter_map(action_from).collect(),
            aggregated_output: self.aggregated_output,
            exit_code: self.exit_code,
            duration_ms: self.duration.map(DurationLine::ms),
            limit_reached: self.limit_reached,
        }
    }
}

/// One shell-quoted string; plain blanks where an argument cannot be quoted (it holds a NUL).
fn joined(argv: &[String]) -> String {
    shlex::try_join(argv.iter().map(String::as_str)).unwrap_or_else(|_| argv.join(" "))
}

#[derive(Clone, Copy, Serialize, Deserialize)]
struct DurationLine {
    secs: i64,
    nanos: i64,
}

impl DurationLine {
    const fn from_ms(ms: i64) -> Self {
        Self {
            secs: ms.div_euclid(1000),
            nanos: ms.rem_euclid(1000) * 1_000_000,
        }
    }

    const fn ms(self) -> i64 {
        self.secs.saturating_mul(1000).saturating_add(self.nanos / 1_000_000)
    }
}

fn action(action: &CommandAction) -> Value {
    match action {
        CommandAction::Read { command, name, path } => json!({"type": "read", "cmd": command, "name": name, "path": path}),
        CommandAction::ListFiles { command, path } => json!({"type": "list_files", "cmd": command, "path": path}),
        CommandAction::Search { command, query, path } => json!({"type": "search", "cmd": command, "query": query, "path": path}),
        CommandAction::Unknown { command } => json!({"type": "unknown", "cmd": command}),
    }
}

fn action_from(value: &Value) -> Option<CommandAction> {
    let text = |name: &str| value.get(name).and_then(Value::as_str).map(str::to_owned);
    let command = text("cmd")?;
    Some(match value.get("type")?.as_str()? {
        "read" => CommandAction::Read {
            command,
            name: text("name").unwrap_or_default(),
            path: text("path").unwrap_or_default(),
        },
        "list_files" => CommandAction::ListFiles {
            command,
            path: text("path"),
        },
        "search" => CommandAction::Search {
            command,
            query: text("query"),
            path: text("path"),
        },
        _ => CommandAction::Unknown { command },
    })
}

fn file_change_line(id: &str, changes: &[FileUpdateChange], status: PatchApplyStatus) -> FileChangeLine {
    let by_path: Map<String, Value> = changes
        .iter()
        .map(|change| (path_text(&change.path), change_value(change)))
        .collect();
    FileChangeLine {
        id: id.to_owned(),
        // A map says one thing per path; a second one needs the list.
        ordered_changes: (by_path.len() != changes.len()).then(|| changes.iter().map(with_path).collect()),
        changes: by_path,
        status: Some(status),
        success: None,
        stdout: String::new(),
        stderr: String::new(),
    }
}

fn change_value(change: &FileUpdateChange) -> Value {
    match &change.kind {
        PatchChangeKind::Add => json!({"type": "add", "content": change.diff}),
        PatchChangeKind::Delete => json!({"type": "delete", "content": change.diff}),
        PatchChangeKind::Update { move_path } => {
            json!({"type": "update", "unified_diff": change.diff, "move_path": move_path.as_ref().map(path_text)})
        }
    }
}

fn with_path(change: &FileUpdateChange) -> Value {
    let mut value = change_value(change);
    value["path"] = json!(path_text(&change.path));
    value
}

fn change_from(path: &str, value: &Value) -> Option<FileUpdateChange> {
    let text = |name: &str| value.get(name).and_then(Value::as_str);
    let (kind, diff) = match text("type")? {
        "add" => (PatchChangeKind::Add, text("content")?),
        "delete" => (PatchChangeKind::Delete, text("content").unwrap_or_default()),
        "update" => (
            PatchChangeKind::Update {
                move_path: text("move_path").map(path_from),
            },
            text("unified_diff")?,
        ),
        _ => return None,
    };
    Some(FileUpdateChange {
        path: path_from(path),
        kind,
        diff: diff.to_owned(),
    })
}

/// The line of a stored patch, also in the end event of older files.
#[derive(Serialize, Deserialize)]
pub struct FileChangeLine {
    #[serde(alias = "call_id")]
    id: String,
    #[serde(default)]
    changes: Map<String, Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ordered_changes: Option<Vec<Value>>,
    #[serde(default, deserialize_with = "lenient", serialize_with = "in_snake_case")]
    status: Option<PatchApplyStatus>,
    /// Older files have this instead of a status.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    success: Option<bool>,
    #[serde(default, deserialize_with = "lenient")]
    stdout: String,
    #[serde(default, deserialize_with = "lenient")]
    stderr: String,
}

impl FileChangeLine {
    pub fn into_item(self) -> ThreadItem {
        let changes = match &self.ordered_changes {
            Some(list) => list
                .iter()
                .filter_map(|change| change_from(change.get("path")?.as_str()?, change))
                .collect(),
            None => self.changes.iter().filter_map(|(path, change)| change_from(path, change)).collect(),
        };
        let ended = match self.success {
            Some(false) => PatchApplyStatus::Failed,
            Some(true) | None => PatchApplyStatus::Completed,
        };
        ThreadItem::FileChange {
            id: self.id,
            changes,
            status: self.status.unwrap_or(ended),
        }
    }
}
