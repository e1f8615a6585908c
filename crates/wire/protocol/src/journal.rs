//! The record types of a rollout line: what the journal keeps.
//!
//! One line is `{"timestamp", "ordinal"?, "type", "payload", "metadata"?}`. Shapes are those that existing tools read; readers keep lines of
//! unknown type and ignore unknown fields.

use crate::errors::TurnError;
use crate::items::{SessionSource, ThreadItem, TokenUsageBreakdown};
use crate::response_item::ResponseItem;
use crate::settings::{ApprovalPolicy, SandboxPolicy};
use codex_base::AbsPath;

/// One record. `sessions` writes it as `type` + `payload`.
#[derive(Debug, Clone, PartialEq)]
pub enum Record {
    SessionMeta(Box<SessionMeta>),
    TurnContext(Box<TurnContext>),
    /// What the model was last told about its surroundings, so that later turns tell only what changed.
    WorldState(Box<WorldState>),
    ResponseItem(ResponseItem),
    Event(Box<EventMsg>),
    TokenUsage(Box<TokenUsageRecord>),
    Compacted(Box<Compacted>),
    /// The model's input no longer extends the previous request's; `reason` names the cause. Ours.
    PrefixBreak {
        reason: String,
    },
}

/// The first line of a rollout.
#[derive(Debug, Clone, PartialEq)]
pub struct SessionMeta {
    pub id: String,
    pub session_id: String,
    /// RFC 3339, UTC.
    pub timestamp: String,
    pub cwd: AbsPath,
    pub originator: String,
    pub cli_version: String,
    pub source: SessionSource,
    pub model_provider: String,
    pub model: String,
    /// Sent as the first item of every request, byte for byte as it stands here.
    pub base_instructions: String,
    /// The complete first item (a `developer` message) that carries them. Ours; absent in older files.
    pub base_item: Option<ResponseItem>,
    /// The tools as they were offered first, so that a resumed session offers the same bytes. Ours; absent in older files.
    pub tools: Option<String>,
    pub git: Option<crate::items::GitInfo>,
}

/// Once per turn, before the user's message.
#[derive(Debug, Clone, PartialEq)]
pub struct TurnContext {
    pub turn_id: String,
    pub cwd: AbsPath,
    pub approval_policy: ApprovalPolicy,
    pub sandbox_policy: SandboxPolicy,
    pub model: String,
    pub effort: Option<String>,
    pub summary: Option<String>,
}

/// Texts as the model was last told them.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct WorldState {
    pub permissions: Option<String>,
    pub project_docs: Option<String>,
    /// Environment facts, name to value (`cwd`, `current_date`, …).
    pub environment: std::collections::BTreeMap<String, String>,
}

#[derive(Debug, Clone, PartialEq)]
pub enum EventMsg {
    TaskStarted {
        turn_id: String,
        started_at: i64,
        model_context_window: Option<i64>,
    },
    /// A failed turn is a `task_complete` with `error`.
    TaskComplete {
        turn_id: String,
        last_agent_message: Option<String>,
        started_at: i64,
        completed_at: i64,
        duration_ms: i64,
        error: Option<TurnError>,
    },
    TurnAborted {
        turn_id: String,
        reason: String,
        started_at: i64,
        completed_at: i64,
        duration_ms: i64,
    },
    ItemCompleted {
        thread_id: String,
        turn_id: String,
        item: ThreadItem,
        started_at_ms: i64,
        completed_at_ms: i64,
    },
    TokenCount {
        total: TokenUsageBreakdown,
        last: TokenUsageBreakdown,
        model_context_window: Option<i64>,
    },
    /// The last `num_turns` turns no longer count.
    ThreadRolledBack { num_turns: u32 },
}

/// Per response of the model.
#[derive(Debug, Clone, PartialEq)]
pub struct TokenUsageRecord {
    pub thread_id: String,
    pub turn_id: String,
    pub response_id: String,
    pub usage: TokenUsageBreakdown,
    pub thread_token_usage: TokenUsageBreakdown,
}

/// History was replaced by a shorter one.
#[derive(Debug, Clone, PartialEq)]
pub struct Compacted {
    pub message: String,
    /// The complete new history; `None` in files of older versions.
    pub replacement_history: Option<Vec<ResponseItem>>,
    pub window_number: u64,
}
