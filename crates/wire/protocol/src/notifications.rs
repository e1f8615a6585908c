//! What the server tells its clients. Notifications of one thread are totally ordered.

use crate::assessment::{ApprovalReview, ReviewedAction};
use crate::errors::TurnError;
use crate::items::{PlanStep, Thread, ThreadItem, ThreadStatus, ThreadTokenUsage, Turn};
use crate::limits::RateLimitSnapshot;
use crate::requests::{Empty, RequestId};
use crate::search::{FileSearchIdParams, FileSearchUpdated};
use serde::{Deserialize, Serialize};

macro_rules! notifications {
    ($($(#[$doc:meta])* $variant:ident: $name:literal, $params:ty $(, $($thread_id:ident).+)?;)*) => {
        #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(tag = "method", content = "params")]
        pub enum Notification {
            $($(#[$doc])* #[serde(rename = $name)] $variant($params),)*
        }

        impl Notification {
            /// The thread it belongs to, if any.
            pub fn thread_id(&self) -> Option<&str> {
                match self {
                    Self::Warning(n) => n.thread_id.as_deref(),
                    $($(Self::$variant(n) => Some(&n.$($thread_id).+),)?)*
                    _ => None,
                }
            }
        }
    };
}

// What belongs to a thread says by which field.
notifications! {
    ThreadStarted: "thread/started", ThreadStarted, thread.id;
    ThreadStatusChanged: "thread/status/changed", ThreadStatusChanged, thread_id;
    ThreadTokenUsageUpdated: "thread/tokenUsage/updated", ThreadTokenUsageUpdated, thread_id;
    ThreadClosed: "thread/closed", ThreadIdNotification, thread_id;
    ThreadArchived: "thread/archived", ThreadIdNotification, thread_id;
    ThreadUnarchived: "thread/unarchived", ThreadIdNotification, thread_id;
    ThreadDeleted: "thread/deleted", ThreadIdNotification, thread_id;
    ThreadNameUpdated: "thread/name/updated", ThreadNameUpdated, thread_id;
    TurnStarted: "turn/started", TurnNotification, thread_id;
    TurnCompleted: "turn/completed", TurnNotification, thread_id;
    TurnPlanUpdated: "turn/plan/updated", TurnPlanUpdated, thread_id;
    TurnDiffUpdated: "turn/diff/updated", TurnDiffUpdated, thread_id;
    ItemStarted: "item/started", ItemStarted, thread_id;
    ItemCompleted: "item/completed", ItemCompleted, thread_id;
    AgentMessageDelta: "item/agentMessage/delta", ItemDelta, thread_id;
    PlanDelta: "item/plan/delta", ItemDelta, thread_id;
    ReasoningSummaryTextDelta: "item/reasoning/summaryTextDelta", ReasoningSummaryTextDelta, thread_id;
    CommandExecutionOutputDelta: "item/commandExecution/outputDelta", ItemDelta, thread_id;
    TerminalInteraction: "item/commandExecution/terminalInteraction", TerminalInteraction, thread_id;
    ServerRequestResolved: "serverRequest/resolved", ServerRequestResolved, thread_id;
    /// A model decides about an action in the user's place.
    AutoApprovalReviewStarted: "item/autoApprovalReview/started", AutoApprovalReviewStarted, thread_id;
    AutoApprovalReviewCompleted: "item/autoApprovalReview/completed", AutoApprovalReviewCompleted, thread_id;
    Error: "error", ErrorNotification, thread_id;
    Warning: "warning", Warning;
    FileSearchUpdated: "fuzzyFileSearch/sessionUpdated", FileSearchUpdated;
    /// All files were looked at for the last query.
    FileSearchCompleted: "fuzzyFileSearch/sessionCompleted", FileSearchIdParams;
    /// Skills were switched on or off.
    SkillsChanged: "skills/changed", Empty;
    AccountRateLimitsUpdated: "account/rateLimits/updated", AccountRateLimitsUpdated;
    /// What a turn is waiting for; ours, for progress lines.
    TurnWaiting: "turn/waiting", TurnWaiting, thread_id;
}

impl Notification {
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
