//! What a client may ask: method names, parameters, results.

use crate::collaboration::{CollaborationMode, CollaborationModeListResult};
use crate::config::{ConfigBatchWriteParams, ConfigValueWriteParams, ConfigWriteErrorCode, ConfigWriteResult};
use crate::items::{SessionSource, Thread, Turn, UserInput};
use crate::models::{ModelListParams, ModelListResult};
use crate::review::{ReviewDelivery, ReviewTarget};
use crate::search::{FileSearchIdParams, FileSearchStartParams, FileSearchUpdateParams, FuzzyFileSearchParams, FuzzyFileSearchResult};
use crate::settings::{ApprovalPolicy, ApprovalsReviewer, SandboxMode, SandboxPolicy};
use crate::skills::{SkillsConfigWriteParams, SkillsConfigWriteResult, SkillsListParams, SkillsListResult};
use crate::terminals::{
    BackgroundTerminalsListParams, BackgroundTerminalsListResult, BackgroundTerminalsTerminateParams, BackgroundTerminalsTerminateResult,
    ThreadShellCommandParams,
};
use codex_base::AbsPath;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::fmt;

/// The id of a JSON-RPC request.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(untagged)]
pub enum RequestId {
    Integer(i64),
    String(String),
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Integer(id) => id.fmt(f),
            Self::String(id) => id.fmt(f),
        }
    }
}

/// Ties a method's name to the types of its parameters and result, for typed clients.
pub trait Method {
    const NAME: &'static str;
    type Params: Serialize + DeserializeOwned + Send + Sync + Clone + fmt::Debug;
    type Result: Serialize + DeserializeOwned + Send + Sync + fmt::Debug;

    /// The request with these parameters.
    fn request(params: Self::Params) -> ClientRequest;
}

macro_rules! methods {
    ($($(#[$doc:meta])* $variant:ident: $name:literal, $params:ty => $result:ty;)*) => {
        /// Every request a client may send.
        #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(tag = "method", content = "params")]
        pub enum ClientRequest {
            $($(#[$doc])* #[serde(rename = $name)] $variant($params),)*
        }

        $(
            $(#[$doc])*
            #[derive(Debug, Clone, Copy)]
            pub struct $variant;
            impl Method for $variant {
                const NAME: &'static str = $name;
                type Params = $params;
                type Result = $result;

                fn request(params: Self::Params) -> ClientRequest {
                    ClientRequest::$variant(params)
                }
            }
        )*

        /// The names of all methods.
        pub const METHODS: &[&str] = &[$($name),*];
    };
}

methods! {
    /// First request of every connection.
    Initialize: "initialize", InitializeParams => InitializeResult;
    /// Makes a thread and subscribes this connection to it. Its rollout file appears with the first turn.
    ThreadStart: "thread/start", ThreadStartParams => ThreadSetup;
    /// Loads a stored thread and subscribes this connection to it.
    ThreadResume: "thread/resume", ThreadResumeParams => ThreadSetup;
    /// Makes a new thread that begins with the history of another, and subscribes this connection to it. Its rollout file appears at once.
    ThreadFork: "thread/fork", ThreadForkParams => ThreadSetup;
    /// Moves a thread's rollout to the archive, and those of its sub-agents. A running turn is interrupted.
    ThreadArchive: "thread/archive", ThreadIdParams => Empty;
    /// Moves an archived rollout back.
    ThreadUnarchive: "thread/unarchive", ThreadIdParams => ThreadReadResult;
    /// Removes a thread and its sub-agents for good; refused while forks refer to its history.
    ThreadDelete: "thread/delete", ThreadIdParams => Empty;
    /// Sets the name under which a thread is found. Names need not be unique.
    ThreadNameSet: "thread/name/set", ThreadNameSetParams => Empty;
    /// Reads a stored or loaded thread without subscribing.
    ThreadRead: "thread/read", ThreadReadParams => ThreadReadResult;
    /// Pages stored threads, newest first.
    ThreadList: "thread/list", ThreadListParams => ThreadListResult;
    /// Stops receiving a thread's events.
    ThreadUnsubscribe: "thread/unsubscribe", ThreadIdParams => ThreadUnsubscribeResult;
    /// Compacts the history as a turn of its own, which shows a `contextCompaction` item.
    ThreadCompactStart: "thread/compact/start", ThreadIdParams => Empty;
    /// Goes back to the words that the last compaction replaced, and all that came after; ours. Refused while a turn runs.
    ThreadCompactUndo: "thread/compact/undo", ThreadIdParams => Empty;
    /// Lists the models of a provider.
    ModelList: "model/list", ModelListParams => ModelListResult;
    /// Lists the modes that a turn may have.
    CollaborationModeList: "collaborationMode/list", Empty => CollaborationModeListResult;
    /// Sets one key in the user's configuration file; comments and layout stay.
    ConfigValueWrite: "config/value/write", ConfigValueWriteParams => ConfigWriteResult;
    /// Several edits of the user's configuration file, all or none.
    ConfigBatchWrite: "config/batchWrite", ConfigBatchWriteParams => ConfigWriteResult;
    /// Adds user input and runs; on a busy thread the input joins the running turn.
    TurnStart: "turn/start", TurnStartParams => TurnStartResult;
    /// Adds input to the running turn.
    TurnSteer: "turn/steer", TurnSteerParams => TurnSteerResult;
    /// Reviews code as a turn of its own, between the items `enteredReviewMode` and `exitedReviewMode`.
    ReviewStart: "review/start", ReviewStartParams => ReviewStartResult;
    /// Runs a command of the user's own: as a turn of its own, or beside what the running turn does.
    ThreadShellCommand: "thread/shellCommand", ThreadShellCommandParams => Empty;
    /// Lists the commands of a thread that go on without a call that waits for them.
    BackgroundTerminalsList: "thread/backgroundTerminals/list", BackgroundTerminalsListParams => BackgroundTerminalsListResult;
    /// Ends one of them.
    BackgroundTerminalsTerminate: "thread/backgroundTerminals/terminate", BackgroundTerminalsTerminateParams => BackgroundTerminalsTerminateResult;
    /// Ends all of them.
    BackgroundTerminalsClean: "thread/backgroundTerminals/clean", ThreadIdParams => Empty;
    /// Ends the running turn with status `interrupted`.
    TurnInterrupt: "turn/interrupt", TurnInterruptParams => Empty;
    /// Lists the skills that folders see.
    SkillsList: "skills/list", SkillsListParams => SkillsListResult;
    /// Switches a skill on or off in the user's configuration. Counts from the next turn on.
    SkillsConfigWrite: "skills/config/write", SkillsConfigWriteParams => SkillsConfigWriteResult;
    /// Finds files by a few letters of their path.
    FuzzyFileSearch: "fuzzyFileSearch", FuzzyFileSearchParams => FuzzyFileSearchResult;
    /// Begins to look up files for any number of queries. It ends with the connection.
    FileSearchStart: "fuzzyFileSearch/sessionStart", FileSearchStartParams => Empty;
    /// From now on the best matches of this query are told, again and again until all files were looked at.
    FileSearchUpdate: "fuzzyFileSearch/sessionUpdate", FileSearchUpdateParams => Empty;
    /// Forgets the files.
    FileSearchStop: "fuzzyFileSearch/sessionStop", FileSearchIdParams => Empty;
}

/// `{}`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Empty {}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct InitializeParams {
    pub client_info: ClientInfo,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub capabilities: Option<ClientCapabilities>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ClientInfo {
    pub name: String,
    pub title: Option<String>,
    pub version: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ClientCapabilities {
    #[serde(default)]
    pub experimental_api: bool,
    #[serde(default)]
    pub opt_out_notification_methods: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct InitializeResult {
    pub user_agent: String,
    pub codex_home: AbsPath,
    pub platform_family: String,
    pub platform_os: String,
}

/// What a client wants for a thread beside what configuration says; `None` leaves it to that.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ThreadSettings {
    pub cwd: Option<String>,
    pub model: Option<String>,
    pub model_provider: Option<String>,
    pub approval_policy: Option<ApprovalPolicy>,
    pub approvals_reviewer: Option<ApprovalsReviewer>,
    pub sandbox: Option<SandboxMode>,
    /// Dotted keys as with `-c`.
    pub config: Option<serde_json::Map<String, serde_json::Value>>,
    pub developer_instructions: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ThreadStartParams {
    #[serde(flatten)]
    pub settings: ThreadSettings,
    pub base_instructions: Option<String>,
    pub ephemeral: Option<bool>,
    /// What started the thread, for its journal and the provider; `user` unless given.
    pub thread_source: Option<String>,
}

impl From<ThreadSettings> for ThreadStartParams {
    fn from(settings: ThreadSettings) -> Self {
        Self {
            settings,
            ..Self::default()
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ThreadResumeParams {
    pub thread_id: String,
    #[serde(flatten)]
    pub settings: ThreadSettings,
    /// Leave `thread.turns` empty.
    pub exclude_turns: bool,
}

/// Overrides for the new thread, and how much of the other one's history it takes over.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ThreadForkParams {
    /// The thread whose history is taken over.
    pub thread_id: String,
    /// The last turn that is taken over; all of them unless given.
    pub last_turn_id: Option<String>,
    /// The first turn that is not taken over.
    pub before_turn_id: Option<String>,
    #[serde(flatten)]
    pub settings: ThreadSettings,
    /// Keep the new thread in memory only.
    pub ephemeral: bool,
    /// What started the new thread, for its journal and the provider; `user` unless given.
    pub thread_source: Option<String>,
    /// Leave `thread.turns` empty.
    pub exclude_turns: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ThreadNameSetParams {
    pub thread_id: String,
    /// Blanks around it do not count; it must not be empty.
    pub name: String,
}

/// The resolved set-up of a thread: the answer to start, resume and fork.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ThreadSetup {
    pub thread: Thread,
    pub model: String,
    pub model_provider: String,
    pub cwd: AbsPath,
    pub approval_policy: ApprovalPolicy,
    pub approvals_reviewer: ApprovalsReviewer,
    /// The mode that means what is in force; where none does, the one that comes nearest, and [`Self::sandbox_inexact`] says why.
    pub sandbox: SandboxPolicy,
    /// The permission profile in force; `None` where a mode was chosen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub active_permission_profile: Option<ActivePermissionProfile>,
    /// Ours.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sandbox_inexact: Option<SandboxInexact>,
    /// The AGENTS.md files that will be told to the model.
    #[serde(default)]
    pub instruction_sources: Vec<AbsPath>,
    pub reasoning_effort: Option<String>,
    /// `None` is the default mode.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub collaboration_mode: Option<CollaborationMode>,
    /// Display form of the effective `model_reasoning_summary`; ours.
    pub reasoning_summary: Option<String>,
    /// What people are shown of reasoning (`hide_agent_reasoning`, `show_raw_agent_reasoning`); ours.
    #[serde(default)]
    pub reasoning_shown: ReasoningShown,
    /// Configuration warnings, one sentence each; ours.
    #[serde(default)]
    pub warnings: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ReasoningShown {
    Nothing,
    #[default]
    Summary,
    /// The reasoning itself, where a provider tells it; else the summary.
    Full,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActivePermissionProfile {
    /// Its name, e.g. `:workspace`.
    pub id: String,
    /// The one that it builds on, as its table names it.
    pub extends: Option<String>,
}

/// Why no mode says what a permission profile does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SandboxInexact {
    /// Stable, e.g. `permissions.hides`.
    pub code: String,
    /// With the line that no mode has words for.
    pub message: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ThreadReadParams {
    pub thread_id: String,
    #[serde(default)]
    pub include_turns: bool,
}

/// Of `thread/unarchive`, too.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ThreadReadResult {
    pub thread: Thread,
}

/// Which stored threads, in which order. Every filter that is given must hold.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ThreadListParams {
    pub cursor: Option<String>,
    pub limit: Option<u32>,
    /// Only threads of exactly this directory, or of one of these.
    pub cwd: Option<ThreadListCwd>,
    /// `None`: by creation.
    pub sort_key: Option<ThreadSortKey>,
    /// `None`: newest first.
    pub sort_direction: Option<SortDirection>,
    /// Those in the archive instead of the others.
    pub archived: Option<bool>,
    /// `None` or empty: those that a person led, at a terminal or in an editor.
    pub source_kinds: Option<Vec<ThreadSourceKind>>,
    /// Part of the name or of the preview, capitals alike.
    pub search_term: Option<String>,
    pub model_providers: Option<Vec<String>>,
    pub originators: Option<Vec<String>>,
    pub excluded_thread_ids: Option<Vec<String>>,
    /// Only sub-agents of this thread.
    pub parent_thread_id: Option<String>,
    /// Only threads of exactly this name; ours.
    pub name: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum ThreadListCwd {
    One(String),
    Any(Vec<String>),
}

impl From<String> for ThreadListCwd {
    fn from(cwd: String) -> Self {
        Self::One(cwd)
    }
}

/// The time by which threads are listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ThreadSortKey {
    #[default]
    CreatedAt,
    #[serde(alias = "recency_at")]
    UpdatedAt,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SortDirection {
    Asc,
    #[default]
    Desc,
}

/// What began a thread, as a filter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ThreadSourceKind {
    Cli,
    Vscode,
    Exec,
    AppServer,
    SubAgent,
    SubAgentReview,
    SubAgentCompact,
    SubAgentThreadSpawn,
    SubAgentOther,
    Unknown,
}

impl ThreadSourceKind {
    /// Everything but sub-agents.
    pub const ROOTS: [Self; 5] = [Self::Cli, Self::Vscode, Self::Exec, Self::AppServer, Self::Unknown];
    /// What a list shows unless asked otherwise.
    pub const INTERACTIVE: [Self; 2] = [Self::Cli, Self::Vscode];

    pub fn matches(self, source: SessionSource) -> bool {
        use crate::items::SubAgentKind;
        match self {
            Self::Cli => source == SessionSource::Cli,
            Self::Vscode => source == SessionSource::Vscode,
            Self::Exec => source == SessionSource::Exec,
            Self::AppServer => source == SessionSource::AppServer,
            Self::SubAgent => matches!(source, SessionSource::SubAgent(_)),
            Self::SubAgentReview => source == SessionSource::SubAgent(SubAgentKind::Review),
            Self::SubAgentCompact => source == SessionSource::SubAgent(SubAgentKind::Compact),
            Self::SubAgentThreadSpawn => source == SessionSource::SubAgent(SubAgentKind::ThreadSpawn),
            Self::SubAgentOther => source == SessionSource::SubAgent(SubAgentKind::Other),
            Self::Unknown => source == SessionSource::Unknown,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ThreadListResult {
    pub data: Vec<Thread>,
    pub next_cursor: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ThreadIdParams {
    pub thread_id: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ThreadUnsubscribeResult {
    pub status: ThreadUnsubscribeStatus,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ThreadUnsubscribeStatus {
    NotLoaded,
    NotSubscribed,
    Unsubscribed,
}

/// User input and overrides. Overrides stick for later turns; `output_schema` is for this turn only.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct TurnStartParams {
    pub thread_id: String,
    pub input: Vec<UserInput>,
    pub cwd: Option<String>,
    pub model: Option<String>,
    pub effort: Option<String>,
    pub approval_policy: Option<ApprovalPolicy>,
    pub approvals_reviewer: Option<ApprovalsReviewer>,
    pub sandbox_policy: Option<SandboxPolicy>,
    pub collaboration_mode: Option<Box<CollaborationMode>>,
    pub output_schema: Option<serde_json::Value>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TurnStartResult {
    pub turn: Turn,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct TurnSteerParams {
    pub thread_id: String,
    pub expected_turn_id: String,
    pub input: Vec<UserInput>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TurnSteerResult {
    pub turn_id: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct TurnInterruptParams {
    pub thread_id: String,
    pub turn_id: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReviewStartParams {
    pub thread_id: String,
    pub target: ReviewTarget,
    pub delivery: Option<ReviewDelivery>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReviewStartResult {
    /// Holds what is reviewed as a `userMessage`.
    pub turn: Turn,
    /// The thread that tells of the review: the one it was asked of.
    pub review_thread_id: String,
}

/// A request that was wrong; no state changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct RequestError {
    /// JSON-RPC code: -32600 for nearly everything the caller did wrong, -32603 for our own failures.
    pub code: i64,
    pub message: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<RequestErrorData>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestErrorData {
    /// Our stable code, e.g. `thread.not_found`.
    pub code: String,
    /// The way out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// Of a refused edit of the configuration.
    #[serde(default, rename = "config_write_error_code", skip_serializing_if = "Option::is_none")]
    pub config_write_error_code: Option<ConfigWriteErrorCode>,
}

impl RequestError {
    pub const INVALID_REQUEST: i64 = -32600;
    pub const INTERNAL: i64 = -32603;
    pub const OVERLOADED: i64 = -32001;

    pub fn invalid(code: &str, message: impl Into<String>) -> Self {
        Self::new(Self::INVALID_REQUEST, code, message.into())
    }

    pub fn internal(code: &str, message: impl Into<String>) -> Self {
        Self::new(Self::INTERNAL, code, message.into())
    }

    fn new(number: i64, code: &str, message: String) -> Self {
        Self {
            code: number,
            message,
            data: Some(RequestErrorData {
                code: code.to_owned(),
                hint: None,
                config_write_error_code: None,
            }),
        }
    }

    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        if let Some(data) = &mut self.data {
            data.hint = Some(hint.into());
        }
        self
    }

    /// Our stable code, or `request.failed` where a peer sent none.
    pub fn stable_code(&self) -> &str {
        self.data.as_ref().map_or("request.failed", |data| &data.code)
    }
}
