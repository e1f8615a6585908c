//! What the server tells its clients. Notifications of one thread are totally ordered.

use crate::assessment::{ApprovalReview, ReviewedAction};
use crate::errors::TurnError;
use crate::items::{PlanStep, Thread, ThreadItem, ThreadStatus, ThreadTokenUsage, Turn};
use crate::limits::RateLimitSnapshot;
use crate::requests::{Empty, RequestId};
use crate::search::{FileSearchIdParams, FileSearchUpdated};
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "method", content = "params")]
pub enum Notification {
    #[serde(rename = "thread/started")]
    ThreadStarted(ThreadStarted),
    #[serde(rename = "thread/status/changed")]
    ThreadStatusChanged(ThreadStatusChanged),
    #[serde(rename = "thread/tokenUsage/updated")]
    ThreadTokenUsageUpdated(ThreadTokenUsageUpdated),
    #[serde(rename = "thread/closed")]
    ThreadClosed(ThreadClosed),
    #[serde(rename = "thread/archived")]
    ThreadArchived(ThreadIdNotification),
    #[serde(rename = "thread/unarchived")]
    ThreadUnarchived(ThreadIdNotification),
    #[serde(rename = "thread/deleted")]
    ThreadDeleted(ThreadIdNotification),
    #[serde(rename = "thread/name/updated")]
    ThreadNameUpdated(ThreadNameUpdated),
    #[serde(rename = "turn/started")]
    TurnStarted(TurnNotification),
    #[serde(rename = "turn/completed")]
    TurnCompleted(TurnNotification),
    #[serde(rename = "turn/plan/updated")]
    TurnPlanUpdated(TurnPlanUpdated),
    #[serde(rename = "turn/diff/updated")]
    TurnDiffUpdated(TurnDiffUpdated),
    #[serde(rename = "item/started")]
    ItemStarted(ItemStarted),
    #[serde(rename = "item/completed")]
    ItemCompleted(ItemCompleted),
    #[serde(rename = "item/agentMessage/delta")]
    AgentMessageDelta(ItemDelta),
    #[serde(rename = "item/plan/delta")]
    PlanDelta(ItemDelta),
    #[serde(rename = "item/reasoning/summaryTextDelta")]
    ReasoningSummaryTextDelta(ReasoningSummaryTextDelta),
    #[serde(rename = "item/commandExecution/outputDelta")]
    CommandExecutionOutputDelta(ItemDelta),
    #[serde(rename = "item/commandExecution/terminalInteraction")]
    TerminalInteraction(TerminalInteraction),
    #[serde(rename = "serverRequest/resolved")]
    ServerRequestResolved(ServerRequestResolved),
    /// A model decides about an action in the user's place.
    #[serde(rename = "item/autoApprovalReview/started")]
    AutoApprovalReviewStarted(AutoApprovalReviewStarted),
    #[serde(rename = "item/autoApprovalReview/completed")]
    AutoApprovalReviewCompleted(AutoApprovalReviewCompleted),
    #[serde(rename = "error")]
    Error(ErrorNotification),
    #[serde(rename = "warning")]
    Warning(Warning),
    #[serde(rename = "fuzzyFileSearch/sessionUpdated")]
    FileSearchUpdated(FileSearchUpdated),
    /// All files were looked at for the last query.
    #[serde(rename = "fuzzyFileSearch/sessionCompleted")]
    FileSearchCompleted(FileSearchIdParams),
    /// Skills were switched on or off.
    #[serde(rename = "skills/changed")]
    SkillsChanged(Empty),
    #[serde(rename = "account/rateLimits/updated")]
    AccountRateLimitsUpdated(AccountRateLimitsUpdated),
    /// What a turn is waiting for; ours, for progress lines.
    #[serde(rename = "turn/waiting")]
    TurnWaiting(TurnWaiting),
}

impl Notification {
    /// The thread it belongs to, if any.
    pub fn thread_id(&self) -> Option<&str> {
        Some(match self {
            Self::ThreadStarted(n) => &n.thread.id,
            Self::ThreadStatusChanged(n) => &n.thread_id,
            Self::ThreadTokenUsageUpdated(n) => &n.thread_id,
            Self::ThreadClosed(n) => &n.thread_id,
            Self::ThreadArchived(n) | Self::ThreadUnarchived(n) | Self::ThreadDeleted(n) => &n.thread_id,
            Self::ThreadNameUpdated(n) => &n.thread_id,
            Self::TurnStarted(n) | Self::TurnCompleted(n) => &n.thread_id,
            Self::TurnPlanUpdated(n) => &n.thread_id,
            Self::TurnDiffUpdated(n) => &n.thread_id,
            Self::ItemStarted(n) => &n.thread_id,
            Self::ItemCompleted(n) => &n.thread_id,
            Self::AgentMessageDelta(n) | Self::PlanDelta(n) | Self::CommandExecutionOutputDelta(n) => &n.thread_id,
            Self::ReasoningSummaryTextDelta(n) => &n.thread_id,
            Self::TerminalInteraction(n) => &n.thread_id,
            Self::ServerRequestResolved(n) => &n.thread_id,
            Self::AutoApprovalReviewStarted(n) => &n.thread_id,
            Self::AutoApprovalReviewCompleted(n) => &n.thread_id,
            Self::Error(n) => &n.thread_id,
            Self::TurnWaiting(n) => &n.thread_id,
            Self::Warning(n) => return n.thread_id.as_deref(),
            Self::SkillsChanged(_) | Self::AccountRateLimitsUpdated(_) | Self::FileSearchUpdated(_) | Self::FileSearchCompleted(_) => {
                return None;
            }
        })
    }

    /// Deltas may be merged or dropped for a slow client; everything else must arrive.
    pub const fn is_delta(&self) -> bool {
        matches!(
            self,
            Self::AgentMessageDelta(_)
                | Self::PlanDelta(_)
                | Self::ReasoningSummaryTextDelta(_)
                | Self::CommandExecutionOutputDelta(_)
                | Self::TurnWaiting(_)
        )
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ThreadStarted {
    pub thread: Box<Thread>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ThreadStatusChanged {
    pub thread_id: String,
    pub status: ThreadStatus,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ThreadTokenUsageUpdated {
    pub thread_id: String,
    pub turn_id: String,
    pub token_usage: ThreadTokenUsage,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ThreadClosed {
    pub thread_id: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ThreadIdNotification {
    pub thread_id: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ThreadNameUpdated {
    pub thread_id: String,
    pub thread_name: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TurnNotification {
    pub thread_id: String,
    pub turn: Turn,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TurnPlanUpdated {
    pub thread_id: String,
    pub turn_id: String,
    pub explanation: Option<String>,
    pub plan: Vec<PlanStep>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TurnDiffUpdated {
    pub thread_id: String,
    pub turn_id: String,
    /// The whole turn's change in git form.
    pub diff: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ItemStarted {
    pub thread_id: String,
    pub turn_id: String,
    pub item: ThreadItem,
    #[serde(default)]
    pub started_at_ms: i64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ItemCompleted {
    pub thread_id: String,
    pub turn_id: String,
    pub item: ThreadItem,
    #[serde(default)]
    pub completed_at_ms: i64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ItemDelta {
    pub thread_id: String,
    pub turn_id: String,
    pub item_id: String,
    pub delta: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReasoningSummaryTextDelta {
    pub thread_id: String,
    pub turn_id: String,
    pub item_id: String,
    pub delta: String,
    pub summary_index: i64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TerminalInteraction {
    pub thread_id: String,
    pub turn_id: String,
    pub item_id: String,
    pub process_id: String,
    pub stdin: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ServerRequestResolved {
    pub thread_id: String,
    pub request_id: RequestId,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AutoApprovalReviewStarted {
    pub thread_id: String,
    pub turn_id: String,
    pub review_id: String,
    pub target_item_id: Option<String>,
    pub action: ReviewedAction,
    pub review: ApprovalReview,
    pub started_at_ms: i64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AutoApprovalReviewCompleted {
    pub thread_id: String,
    pub turn_id: String,
    pub review_id: String,
    pub target_item_id: Option<String>,
    pub action: ReviewedAction,
    pub review: ApprovalReview,
    /// `agent`: the reviewing model.
    pub decision_source: String,
    pub started_at_ms: i64,
    pub completed_at_ms: i64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ErrorNotification {
    pub error: TurnError,
    pub thread_id: String,
    pub turn_id: String,
    /// Another attempt follows by itself.
    pub will_retry: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Warning {
    pub message: String,
    pub thread_id: Option<String>,
}

/// After an answer that told them; one notification for each limit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AccountRateLimitsUpdated {
    pub rate_limits: RateLimitSnapshot,
}

/// Sent when a turn starts to wait for something else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TurnWaiting {
    pub thread_id: String,
    pub turn_id: String,
    pub waiting_for: WaitingFor,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum WaitingFor {
    /// The request was sent, nothing has come back.
    Model,
    /// Attempt `attempt` of `attempts_max` starts in `delay_ms`.
    Retry {
        attempt: u32,
        attempts_max: u32,
        delay_ms: u64,
        reason: String,
    },
    Tool {
        item_id: String,
        what: String,
        pid: Option<u32>,
    },
    Approval {
        item_id: String,
    },
}
