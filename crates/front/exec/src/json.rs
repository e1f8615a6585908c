//! Notifications to JSON lines: the events that scripts and SDKs read on stdout.
//!
//! Input: the thread's set-up, then its notifications in order. Output: whole lines without newline. Shapes, order and the `item_N` counter
//! follow `docs/exec.md`; `code` members are additions that readers may ignore. Nothing here writes, waits or looks anything up.

mod calls;

use crate::waits::Status;
use codex_protocol::errors::TurnError;
use codex_protocol::items::{
    CommandExecutionItem, CommandExecutionStatus, FileUpdateChange, LimitReached, PatchApplyStatus, PatchChangeKind, PlanStep,
    PlanStepStatus, ThreadItem, TokenUsageBreakdown, Turn, TurnStatus,
};
use codex_protocol::notifications::Notification;
use codex_protocol::requests::ThreadSetup;
use codex_protocol::spelling::in_snake_case;
use serde::Serialize;
use serde_json::Value;
use std::collections::{HashMap, HashSet};

/// Everything that is remembered between two notifications.
#[derive(Debug, Default)]
pub struct JsonEvents {
    thread_id: String,
    next_item: u64,
    /// The item's id on the wire to its number here; only items with a visible start.
    started: HashMap<String, String>,
    completed: HashSet<String>,
    warned: HashSet<String>,
    /// The number of the plan's item, and what was said last.
    todo: Option<(String, Vec<TodoStep>)>,
    usage: TokenUsageBreakdown,
    /// The fatal error that was already told.
    told: Option<String>,
    over: bool,
}

impl JsonEvents {
    /// The first lines, and the state for the rest.
    pub fn start(setup: &ThreadSetup) -> (Self, Vec<String>) {
        let thread_id = &setup.thread.id;
        let mut state = Self {
            thread_id: thread_id.clone(),
            ..Self::default()
        };
        let mut lines = vec![line(&Event::ThreadStarted { thread_id })];
        lines.extend(setup.warnings.iter().filter_map(|message| state.warning(message)));
        (state, lines)
    }

    /// The lines that a notification causes.
    pub fn on(&mut self, notification: &Notification) -> Vec<String> {
        let foreign = notification.thread_id().is_some_and(|id| id != self.thread_id);
        if self.over || foreign {
            return Vec::new();
        }
        match notification {
            Notification::TurnStarted(_) => vec![line(&Event::TurnStarted {})],
            Notification::TurnCompleted(n) => self.turn_ended(&n.turn),
            Notification::ItemStarted(n) => self.item_started(&n.item),
            Notification::ItemCompleted(n) => self.item_completed(&n.item),
            Notification::TurnPlanUpdated(n) => self.plan(&n.plan),
            Notification::ThreadTokenUsageUpdated(n) => {
                self.usage = n.token_usage.total;
                Vec::new()
            }
            Notification::Error(n) if n.will_retry => vec![error_line(&n.error)],
            Notification::Error(n) => self.fatal(&n.error),
            Notification::Warning(n) => self.warning(&n.message).into_iter().collect(),
            Notification::ThreadStarted(_)
            | Notification::ThreadStatusChanged(_)
            | Notification::ThreadClosed(_)
            | Notification::ThreadArchived(_)
            | Notification::ThreadUnarchived(_)
            | Notification::ThreadDeleted(_)
            | Notification::ThreadNameUpdated(_)
            | Notification::TurnDiffUpdated(_)
            | Notification::AgentMessageDelta(_)
            | Notification::PlanDelta(_)
            | Notification::ReasoningSummaryTextDelta(_)
            | Notification::CommandExecutionOutputDelta(_)
            | Notification::TerminalInteraction(_)
            | Notification::ServerRequestResolved(_)
            | Notification::AccountRateLimitsUpdated(_)
            | Notification::AutoApprovalReviewStarted(_)
            | Notification::AutoApprovalReviewCompleted(_)
            | Notification::SkillsChanged(_)
            | Notification::FileSearchUpdated(_)
            | Notification::FileSearchCompleted(_)
            | Notification::TurnWaiting(_) => Vec::new(),
        }
    }

    /// What a long wait is for.
    pub fn waiting(&self, wait: &Status) -> Vec<String> {
        if self.over {
            return Vec::new();
        }
        vec![line(&Event::Status {
            waiting_for: &wait.cause,
            elapsed_ms: u64::try_from(wait.elapsed.as_millis()).unwrap_or(u64::MAX),
            pid: wait.pid,
            attempt: wait.attempt,
        })]
    }

    /// After an interrupt there is no further line.
    pub const fn silence(&mut self) {
        self.over = true;
    }

    /// The end of a turn that no notification told, e.g. because the server is gone.
    pub fn failed(&mut self, error: &TurnError) -> Vec<String> {
        if self.over {
            return Vec::new();
        }
        let mut lines = self.fatal(error);
        lines.extend(self.close_todo());
        lines.push(line(&Event::TurnFailed { error }));
        self.over = true;
        lines
    }

    /// The same warning is told once: some come with the set-up and again as a notification.
    fn warning(&mut self, message: &str) -> Option<String> {
        if !self.warned.insert(message.to_owned()) {
            return None;
        }
        let id = self.number();
        Some(completed_line(&id, ItemKind::Error { message }))
    }

    fn turn_ended(&mut self, turn: &Turn) -> Vec<String> {
        match turn.status {
            TurnStatus::InProgress => Vec::new(),
            TurnStatus::Interrupted => {
                self.over = true;
                Vec::new()
            }
            TurnStatus::Failed => {
                let unknown = TurnError {
                    message: "turn failed".to_owned(),
                    codex_error_info: None,
                    additional_details: None,
                    code: None,
                };
                self.failed(turn.error.as_ref().unwrap_or(&unknown))
            }
            TurnStatus::Completed => {
                let mut lines: Vec<String> = self.close_todo().into_iter().collect();
                lines.push(line(&Event::TurnCompleted { usage: self.usage }));
                self.over = true;
                lines
            }
        }
    }

    fn fatal(&mut self, error: &TurnError) -> Vec<String> {
        if self.told.as_ref() == Some(&error.message) {
            return Vec::new();
        }
        self.told = Some(error.message.clone());
        vec![error_line(error)]
    }

    fn item_started(&mut self, item: &ThreadItem) -> Vec<String> {
        if !has_visible_start(item) || self.started.contains_key(item.id()) || self.completed.contains(item.id()) {
            return Vec::new();
        }
        let id = self.number();
        self.started.insert(item.id().to_owned(), id.clone());
        kind(item).map(|kind| started_line(&id, kind)).into_iter().collect()
    }

    fn item_completed(&mut self, item: &ThreadItem) -> Vec<String> {
        let Some(kind) = kind(item) else {
            return Vec::new();
        };
        if !self.completed.insert(item.id().to_owned()) {
            return Vec::new();
        }
        let id = self.started.remove(item.id()).unwrap_or_else(|| self.number());
        vec![completed_line(&id, kind)]
    }

    fn plan(&mut self, plan: &[PlanStep]) -> Vec<String> {
        let items: Vec<TodoStep> = plan.iter().map(TodoStep::from).collect();
        let kind = ItemKind::TodoList { items: &items };
        let (id, text) = match self.todo.take() {
            Some((id, before)) if before == items => (id, None),
            Some((id, _)) => {
                let item = Item { id: &id, kind };
                let text = line(&Event::ItemUpdated { item });
                (id, Some(text))
            }
            None => {
                let id = self.number();
                let text = started_line(&id, kind);
                (id, Some(text))
            }
        };
        self.todo = Some((id, items));
        text.into_iter().collect()
    }

    fn close_todo(&mut self) -> Option<String> {
        let (id, items) = self.todo.take()?;
        Some(completed_line(&id, ItemKind::TodoList { items: &items }))
    }

    fn number(&mut self) -> String {
        let id = format!("item_{}", self.next_item);
        self.next_item += 1;
        id
    }
}

/// Messages and reasoning only ever show when they are complete.
const fn has_visible_start(item: &ThreadItem) -> bool {
    matches!(
        item,
        ThreadItem::CommandExecution(_)
            | ThreadItem::FileChange { .. }
            | ThreadItem::McpToolCall(_)
            | ThreadItem::CollabAgentToolCall(_)
            | ThreadItem::WebSearch { .. }
    )
}

/// The visible form; `None` for items that are not shown.
fn kind(item: &ThreadItem) -> Option<ItemKind<'_>> {
    match item {
        ThreadItem::AgentMessage { text, .. } => Some(ItemKind::AgentMessage { text }),
        ThreadItem::Reasoning { summary, .. } => {
            let text = summary.join("\n");
            (!text.trim().is_empty()).then_some(ItemKind::Reasoning { text })
        }
        ThreadItem::CommandExecution(command) => Some(command_execution(command)),
        ThreadItem::FileChange { changes, status, .. } => Some(ItemKind::FileChange {
            changes: changes.iter().map(Change::from).collect(),
            status: patch_status(*status),
        }),
        ThreadItem::McpToolCall(call) => Some(calls::mcp(call)),
        ThreadItem::CollabAgentToolCall(call) => calls::collab(call),
        ThreadItem::WebSearch { query, action, .. } => Some(calls::web_search(query, action.as_ref())),
        ThreadItem::UserMessage { .. }
        | ThreadItem::Plan { .. }
        | ThreadItem::ImageView { .. }
        | ThreadItem::EnteredReviewMode { .. }
        | ThreadItem::ExitedReviewMode { .. }
        | ThreadItem::ContextCompaction { .. } => None,
    }
}

fn command_execution(item: &CommandExecutionItem) -> ItemKind<'_> {
    ItemKind::CommandExecution {
        command: &item.command,
        aggregated_output: item.aggregated_output.as_deref().unwrap_or_default(),
        exit_code: item.exit_code,
        status: item.status,
        limit_reached: item.limit_reached.as_deref(),
    }
}

/// Readers know three words here; a patch that was refused is one that failed.
const fn patch_status(status: PatchApplyStatus) -> &'static str {
    match status {
        PatchApplyStatus::InProgress => "in_progress",
        PatchApplyStatus::Completed => "completed",
        PatchApplyStatus::Failed | PatchApplyStatus::Declined => "failed",
    }
}

#[derive(Serialize)]
#[serde(tag = "type")]
enum Event<'a> {
    #[serde(rename = "thread.started")]
    ThreadStarted { thread_id: &'a str },
    #[serde(rename = "turn.started")]
    TurnStarted {},
    #[serde(rename = "turn.completed")]
    TurnCompleted {
        #[serde(with = "Usage")]
        usage: TokenUsageBreakdown,
    },
    #[serde(rename = "turn.failed")]
    TurnFailed {
        #[serde(with = "ErrorBody")]
        error: &'a TurnError,
    },
    #[serde(rename = "item.started")]
    ItemStarted { item: Item<'a> },
    #[serde(rename = "item.updated")]
    ItemUpdated { item: Item<'a> },
    #[serde(rename = "item.completed")]
    ItemCompleted { item: Item<'a> },
    #[serde(rename = "status")]
    Status {
        waiting_for: &'a str,
        elapsed_ms: u64,
        #[serde(skip_serializing_if = "Option::is_none")]
        pid: Option<u32>,
        #[serde(skip_serializing_if = "Option::is_none")]
        attempt: Option<u32>,
    },
    #[serde(rename = "error")]
    Error(#[serde(with = "ErrorBody")] &'a TurnError),
}

#[derive(Serialize)]
struct Item<'a> {
    id: &'a str,
    #[serde(flatten)]
    kind: ItemKind<'a>,
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum ItemKind<'a> {
    AgentMessage {
        text: &'a str,
    },
    Reasoning {
        text: String,
    },
    CommandExecution {
        command: &'a str,
        aggregated_output: &'a str,
        exit_code: Option<i32>,
        #[serde(serialize_with = "in_snake_case")]
        status: CommandExecutionStatus,
        #[serde(skip_serializing_if = "Option::is_none", serialize_with = "in_snake_case")]
        limit_reached: Option<&'a LimitReached>,
    },
    FileChange {
        changes: Vec<Change<'a>>,
        status: &'a str,
    },
    McpToolCall(calls::McpToolCall<'a>),
    CollabToolCall(calls::CollabToolCall<'a>),
    WebSearch {
        query: &'a str,
        action: Value,
    },
    TodoList {
        items: &'a [TodoStep],
    },
    Error {
        message: &'a str,
    },
}

#[derive(Serialize)]
struct Change<'a> {
    path: &'a codex_base::AbsPath,
    kind: &'a str,
}

impl<'a> From<&'a FileUpdateChange> for Change<'a> {
    fn from(change: &'a FileUpdateChange) -> Self {
        let kind = match change.kind {
            PatchChangeKind::Add => "add",
            PatchChangeKind::Delete => "delete",
            PatchChangeKind::Update { .. } => "update",
        };
        Self { path: &change.path, kind }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct TodoStep {
    text: String,
    completed: bool,
}

impl From<&PlanStep> for TodoStep {
    fn from(step: &PlanStep) -> Self {
        Self {
            text: step.step.clone(),
            completed: step.status == PlanStepStatus::Completed,
        }
    }
}

#[derive(Serialize)]
#[serde(remote = "TurnError")]
struct ErrorBody {
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<String>,
}

/// Running totals of the thread, so that after a resume they include earlier turns.
#[derive(Serialize)]
#[serde(remote = "TokenUsageBreakdown")]
struct Usage {
    input_tokens: i64,
    cached_input_tokens: i64,
    cache_write_input_tokens: i64,
    output_tokens: i64,
    reasoning_output_tokens: i64,
}

fn started_line(id: &str, kind: ItemKind<'_>) -> String {
    let item = Item { id, kind };
    line(&Event::ItemStarted { item })
}

fn completed_line(id: &str, kind: ItemKind<'_>) -> String {
    let item = Item { id, kind };
    line(&Event::ItemCompleted { item })
}

fn error_line(error: &TurnError) -> String {
    line(&Event::Error(error))
}

fn line(event: &Event<'_>) -> String {
    // Only a path that is no UTF-8 can fail; readers then still get one JSON object.
    serde_json::to_string(event).unwrap_or_else(|error| {
        let message = format!("an event cannot be written as JSON: {error}");
        serde_json::json!({"type": "error", "message": message, "code": "exec.unserialisable"}).to_string()
    })
}

#[cfg(test)]
#[cfg(unix)]
#[path = "json_tests.rs"]
mod tests;
