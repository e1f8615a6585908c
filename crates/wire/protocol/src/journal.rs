//! The record types of a rollout line: what the journal keeps.
//!
//! One line is `{"timestamp", "ordinal"?, "type", "payload", "metadata"?}`. Shapes are those that existing tools read; readers keep lines of
//! unknown type and ignore unknown fields.

use crate::additional::AdditionalPermissions;
use crate::assessment::{ApprovalReview, ReviewedAction};
use crate::collaboration::{CollaborationMode, ModeKind};
use crate::errors::TurnError;
use crate::items::{SessionSource, ThreadItem, ThreadTokenUsage, TokenUsageBreakdown};
use crate::limits::RateLimitSnapshot;
use crate::questions::PermissionGrantScope;
use crate::response_item::ResponseItem;
use crate::settings::{ApprovalPolicy, SandboxPolicy};
use crate::spelling::lenient;
use codex_base::AbsPath;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

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
    /// What requests begin with from here on, in a session that another program began. Ours.
    PrefixBase(Box<PrefixBase>),
    /// The model's input no longer extends the previous request's; `reason` names the cause. Ours.
    PrefixBreak {
        reason: String,
    },
    /// A request goes to the model: its input is what the records before say. Ours.
    ModelRequest(Box<SentRequest>),
}

/// What the records before a request do not say of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SentRequest {
    #[serde(default, deserialize_with = "lenient")]
    pub turn_id: String,
    #[serde(default, deserialize_with = "lenient")]
    pub model: String,
    /// First digits of the SHA-256 of the tools that were offered.
    #[serde(default, deserialize_with = "lenient")]
    pub tools_hash: String,
    /// Items of its input, the base instructions included.
    #[serde(default)]
    pub input_items: u64,
    /// It asks for a summary. What the model says to it is no part of the conversation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compaction: Option<CompactionAsk>,
}

/// How a request for a summary differs from the conversation so far.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CompactionAsk {
    /// `auto` or `manual`.
    #[serde(default)]
    pub trigger: String,
    /// The last item of the input.
    pub prompt: ResponseItem,
    /// So many of the conversation's oldest items were left out, because all of it was too long.
    #[serde(default)]
    pub left_out: u64,
    /// The index of one of those that was sent all the same: the open request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kept: Option<u64>,
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
    /// What started the thread, in the words of the client that did. `None` is `user`.
    pub thread_source: Option<String>,
    pub model_provider: String,
    pub model: String,
    /// Sent as the first item of every request, byte for byte as it stands here.
    pub base_instructions: String,
    /// The complete first item (a `developer` message) that carries them. Ours; absent in older files.
    pub base_item: Option<ResponseItem>,
    /// The tools as they were offered first, so that a resumed session offers the same bytes. Ours; absent in older files.
    pub tools: Option<String>,
    pub git: Option<crate::items::GitInfo>,
    /// The thread that this one is a fork of.
    pub forked_from_id: Option<String>,
    /// The beginning of another thread that stands before this one's own lines.
    pub history_base: Option<HistoryBase>,
    /// The thread that this one works for as a sub-agent.
    pub parent_thread_id: Option<String>,
}

/// A fork refers to the beginning of another thread's file instead of repeating it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HistoryBase {
    pub thread_id: String,
    /// Lines of that thread with this number and later ones do not count.
    pub end_ordinal_exclusive: u64,
    /// The same place as a length of that file.
    #[serde(default)]
    pub end_byte_offset: u64,
}

/// What stands in [`SessionMeta`] where the session began here.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PrefixBase {
    /// The complete first item.
    pub base_item: ResponseItem,
    /// The tools as they are offered.
    pub tools: String,
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
    pub collaboration_mode: CollaborationMode,
}

/// Texts as the model was last told them.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct WorldState {
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub permissions: Option<String>,
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub project_docs: Option<String>,
    /// The list of skills.
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub skills: Option<String>,
    /// The block about the mode; `None` if there was none yet, or the default mode needs no words.
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub collaboration_mode: Option<String>,
    /// Environment facts, name to value (`cwd`, `current_date`, …).
    #[serde(default, deserialize_with = "lenient")]
    pub environment: std::collections::BTreeMap<String, String>,
}

#[derive(Debug, Clone, PartialEq)]
pub enum EventMsg {
    TaskStarted {
        turn_id: String,
        started_at: i64,
        model_context_window: Option<i64>,
        mode: ModeKind,
    },
    /// A failed turn is a `task_complete` with `error`.
    TaskComplete {
        turn_id: String,
        last_agent_message: Option<Arc<str>>,
        times: TurnTimes,
        error: Option<TurnError>,
    },
    TurnAborted {
        turn_id: String,
        reason: String,
        times: TurnTimes,
    },
    ItemCompleted {
        thread_id: String,
        turn_id: String,
        item: ThreadItem,
        started_at_ms: i64,
        completed_at_ms: i64,
    },
    TokenCount {
        usage: ThreadTokenUsage,
        /// The account's limits as the provider told them last, if it ever did.
        rate_limits: Option<Box<RateLimitSnapshot>>,
    },
    /// The last `num_turns` turns no longer count.
    ThreadRolledBack {
        num_turns: u32,
    },
    /// An automatic reviewer decided about a call. Ours.
    ApprovalReviewed(ApprovalReviewed),
    /// The model got more than its policy. Ours.
    PermissionsGranted(PermissionsGranted),
}

/// Unix seconds, and milliseconds between them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct TurnTimes {
    pub started_at: i64,
    pub completed_at: i64,
    pub duration_ms: i64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApprovalReviewed {
    pub turn_id: String,
    pub call_id: String,
    pub action: ReviewedAction,
    pub review: ApprovalReview,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PermissionsGranted {
    pub turn_id: String,
    pub call_id: String,
    pub permissions: AdditionalPermissions,
    pub scope: PermissionGrantScope,
}

/// Per response of the model.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(default)]
pub struct TokenUsageRecord {
    pub thread_id: String,
    pub turn_id: String,
    pub response_id: String,
    pub usage: TokenUsageBreakdown,
    pub thread_token_usage: TokenUsageBreakdown,
}

/// History was replaced by a shorter one, or by the one that a compaction had replaced.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Compacted {
    /// The text with the summary, as it stands in the last item of the new history.
    #[serde(default)]
    pub message: String,
    /// The complete new history; `None` in files of older versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replacement_history: Option<Vec<ResponseItem>>,
    /// Counts compactions, 1 is the first.
    #[serde(default)]
    pub window_number: u64,
    /// Ids of the stretches between compactions: the thread's first, the one before, the one that begins here.
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub first_window_id: Option<String>,
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub previous_window_id: Option<String>,
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub window_id: Option<String>,
    /// The answer that holds the summary.
    #[serde(
        default,
        rename = "compaction_response_id",
        deserialize_with = "lenient",
        skip_serializing_if = "Option::is_none"
    )]
    pub response_id: Option<String>,
    /// This record takes back the compaction with that window number. Ours.
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub undoes: Option<u64>,
}
