//! Thread, turn and item as clients see them (app-server shapes).

use crate::call_items::{CollabAgentToolCallItem, McpToolCallItem, WebSearchAction};
use crate::errors::TurnError;
use crate::review::{ReviewOutput, ReviewTarget};
use codex_base::AbsPath;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// A conversation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Thread {
    pub id: String,
    /// The root thread's id; equal to `id` for root threads.
    pub session_id: String,
    /// First words of the first user message.
    pub preview: String,
    pub ephemeral: bool,
    pub model_provider: String,
    pub model: Option<String>,
    /// Unix seconds.
    pub created_at: i64,
    /// Unix seconds.
    pub updated_at: i64,
    pub status: ThreadStatus,
    /// The rollout file; `None` for ephemeral threads.
    pub path: Option<AbsPath>,
    pub cwd: AbsPath,
    pub cli_version: String,
    pub source: SessionSource,
    pub originator: Option<String>,
    pub project_id: Option<String>,
    pub name: Option<String>,
    /// The thread whose history this one began with.
    pub forked_from_id: Option<String>,
    /// The thread that this one works for.
    pub parent_thread_id: Option<String>,
    pub git_info: Option<GitInfo>,
    /// Filled by `thread/read` and `thread/resume`.
    #[serde(default)]
    pub turns: Vec<Turn>,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GitInfo {
    pub sha: Option<String>,
    pub branch: Option<String>,
    pub origin_url: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum SessionSource {
    Cli,
    Vscode,
    Exec,
    AppServer,
    SubAgent(SubAgentKind),
    #[serde(other)]
    Unknown,
}

/// What a sub-agent was started for. On the wire a word, or `{"other": word}`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "SubAgentWord", from = "SubAgentWord")]
pub enum SubAgentKind {
    Review,
    Compact,
    ThreadSpawn,
    Other,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum SubAgentWord {
    Review,
    Compact,
    Other(String),
}

impl From<SubAgentKind> for SubAgentWord {
    fn from(kind: SubAgentKind) -> Self {
        match kind {
            SubAgentKind::Review => Self::Review,
            SubAgentKind::Compact => Self::Compact,
            SubAgentKind::ThreadSpawn => Self::Other("thread_spawn".to_owned()),
            SubAgentKind::Other => Self::Other("other".to_owned()),
        }
    }
}

impl From<SubAgentWord> for SubAgentKind {
    fn from(word: SubAgentWord) -> Self {
        match word {
            SubAgentWord::Review => Self::Review,
            SubAgentWord::Compact => Self::Compact,
            SubAgentWord::Other(word) if word == "thread_spawn" => Self::ThreadSpawn,
            SubAgentWord::Other(_) => Self::Other,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum ThreadStatus {
    NotLoaded,
    Idle,
    /// The last turn failed.
    SystemError,
    Active {
        active_flags: Vec<ThreadActiveFlag>,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ThreadActiveFlag {
    WaitingOnApproval,
    WaitingOnUserInput,
}

/// From user input to the model's last word.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Turn {
    pub id: String,
    #[serde(default)]
    pub items: Vec<ThreadItem>,
    #[serde(default)]
    pub items_view: TurnItemsView,
    pub status: TurnStatus,
    pub error: Option<TurnError>,
    /// Unix seconds.
    pub started_at: Option<i64>,
    pub completed_at: Option<i64>,
    pub duration_ms: Option<i64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum TurnItemsView {
    NotLoaded,
    Summary,
    #[default]
    Full,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum TurnStatus {
    InProgress,
    Completed,
    Interrupted,
    Failed,
}

/// One visible piece of a turn.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum ThreadItem {
    UserMessage {
        id: String,
        content: Vec<UserInput>,
    },
    AgentMessage {
        id: String,
        /// Shared: an answer may be 20 MB, and goes to journal, history and every client.
        text: Arc<str>,
        /// `commentary` or `final_answer` where the model says so.
        phase: Option<String>,
    },
    /// What the model proposes to do, in Markdown; cut out of its message.
    Plan {
        id: String,
        text: Arc<str>,
    },
    Reasoning {
        id: String,
        #[serde(default)]
        summary: Vec<String>,
        #[serde(default)]
        content: Vec<String>,
    },
    CommandExecution(CommandExecutionItem),
    FileChange {
        id: String,
        changes: Vec<FileUpdateChange>,
        status: PatchApplyStatus,
    },
    McpToolCall(Box<McpToolCallItem>),
    CollabAgentToolCall(Box<CollabAgentToolCallItem>),
    /// A search by the provider itself; `query` is empty until it is known.
    WebSearch {
        id: String,
        query: String,
        action: Option<WebSearchAction>,
    },
    ImageView {
        id: String,
        path: AbsPath,
    },
    /// A review begins; `review` says of what.
    EnteredReviewMode {
        id: String,
        review: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        target: Option<ReviewTarget>,
    },
    /// A review has ended; `review` is its whole text, `output` the same in parts.
    ExitedReviewMode {
        id: String,
        review: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        output: Option<Box<ReviewOutput>>,
    },
    ContextCompaction {
        id: String,
    },
}

impl ThreadItem {
    pub fn id(&self) -> &str {
        match self {
            Self::UserMessage { id, .. }
            | Self::AgentMessage { id, .. }
            | Self::Plan { id, .. }
            | Self::Reasoning { id, .. }
            | Self::FileChange { id, .. }
            | Self::WebSearch { id, .. }
            | Self::ImageView { id, .. }
            | Self::EnteredReviewMode { id, .. }
            | Self::ExitedReviewMode { id, .. }
            | Self::ContextCompaction { id } => id,
            Self::CommandExecution(item) => &item.id,
            Self::McpToolCall(item) => &item.id,
            Self::CollabAgentToolCall(item) => &item.id,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CommandExecutionItem {
    pub id: String,
    /// One shell-quoted string of the full argument vector.
    pub command: String,
    pub cwd: AbsPath,
    /// The terminal session id, as a string, once there is a process.
    pub process_id: Option<String>,
    #[serde(default)]
    pub source: CommandExecutionSource,
    pub status: CommandExecutionStatus,
    #[serde(default)]
    pub command_actions: Vec<CommandAction>,
    /// Head and tail of what was printed, at most 1 MiB; `None` when nothing was.
    pub aggregated_output: Option<String>,
    /// 128+signal when killed, -1 when it could not start.
    pub exit_code: Option<i32>,
    pub duration_ms: Option<i64>,
    /// The limit that stopped it; only there if one did. Ours alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit_reached: Option<Box<LimitReached>>,
}

/// A limit that stopped a command, and what the command used until then, with everything that it started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LimitReached {
    pub limit: LimitHit,
    /// Bytes, or processes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allowed: Option<u64>,
    /// Processor time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu_ms: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peak_memory_bytes: Option<u64>,
}

/// A limit that stopped a command, or a part of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum LimitHit {
    FileSize,
    /// Of all its processes together.
    Memory,
    /// A process could not be started.
    Processes,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum CommandExecutionSource {
    #[default]
    Agent,
    #[serde(alias = "user_shell")]
    UserShell,
    #[serde(alias = "unified_exec_startup")]
    UnifiedExecStartup,
    #[serde(alias = "unified_exec_interaction")]
    UnifiedExecInteraction,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum CommandExecutionStatus {
    #[serde(alias = "in_progress")]
    InProgress,
    Completed,
    Failed,
    Declined,
}

/// What a command line does, for display only.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum CommandAction {
    Read {
        command: String,
        name: String,
        path: String,
    },
    ListFiles {
        command: String,
        path: Option<String>,
    },
    Search {
        command: String,
        query: Option<String>,
        path: Option<String>,
    },
    Unknown {
        command: String,
    },
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileUpdateChange {
    /// Absolute; the old path of a move.
    pub path: AbsPath,
    pub kind: PatchChangeKind,
    /// The whole new content for an added file, the old one for a deleted file, a unified hunk without file headers for an update.
    pub diff: String,
}

/// `move_path` is snake_case on the wire, unlike its neighbours.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "camelCase")]
pub enum PatchChangeKind {
    Add,
    Delete,
    Update { move_path: Option<AbsPath> },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum PatchApplyStatus {
    #[serde(alias = "in_progress")]
    InProgress,
    Completed,
    Failed,
    Declined,
}

/// What a user sends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum UserInput {
    Text {
        text: String,
    },
    /// A picture on this machine; read when the turn starts.
    LocalImage {
        path: String,
    },
    /// A picture as a URL, `data:` included.
    Image {
        url: String,
    },
    /// Asks for a skill, as `$name` in a text does.
    Skill {
        name: String,
        /// Its `SKILL.md`.
        path: String,
    },
}

impl UserInput {
    /// The words, if it is words.
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Text { text } => Some(text),
            Self::LocalImage { .. } | Self::Image { .. } | Self::Skill { .. } => None,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PlanStep {
    pub step: String,
    pub status: PlanStepStatus,
}

/// The tool call spells `in_progress`, the wire `inProgress`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum PlanStepStatus {
    Pending,
    #[serde(alias = "in_progress")]
    InProgress,
    Completed,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct TokenUsageBreakdown {
    #[serde(alias = "total_tokens")]
    pub total_tokens: i64,
    #[serde(alias = "input_tokens")]
    pub input_tokens: i64,
    #[serde(alias = "cached_input_tokens")]
    pub cached_input_tokens: i64,
    #[serde(alias = "cache_write_input_tokens")]
    pub cache_write_input_tokens: i64,
    #[serde(alias = "output_tokens")]
    pub output_tokens: i64,
    #[serde(alias = "reasoning_output_tokens")]
    pub reasoning_output_tokens: i64,
}

/// Saturating: the numbers are a server's.
impl std::ops::AddAssign for TokenUsageBreakdown {
    fn add_assign(&mut self, other: Self) {
        self.total_tokens = self.total_tokens.saturating_add(other.total_tokens);
        self.input_tokens = self.input_tokens.saturating_add(other.input_tokens);
        self.cached_input_tokens = self.cached_input_tokens.saturating_add(other.cached_input_tokens);
        self.cache_write_input_tokens = self.cache_write_input_tokens.saturating_add(other.cache_write_input_tokens);
        self.output_tokens = self.output_tokens.saturating_add(other.output_tokens);
        self.reasoning_output_tokens = self.reasoning_output_tokens.saturating_add(other.reasoning_output_tokens);
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ThreadTokenUsage {
    pub total: TokenUsageBreakdown,
    pub last: TokenUsageBreakdown,
    pub model_context_window: Option<i64>,
}
