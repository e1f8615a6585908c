//! The settings of one turn: resolved once when it starts. While it runs, only a grant puts others in their place (`thread/widening.rs`).

use crate::context::surroundings::Surroundings;
use codex_base::AbsPath;
use codex_model::ModelInfo;
use codex_permissions::ResolvedPolicy;
use codex_permissions::additional::Additional;
use codex_protocol::collaboration::{CollaborationMode, ModeKind};
use codex_protocol::items::UserInput;
use codex_protocol::settings::{ApprovalPolicy, ApprovalsReviewer, ReasoningSummary, SandboxMode, SandboxPolicy, Verbosity};
use codex_skills::SkillSet;
use codex_tools::TurnTools;
use serde_json::Value;
use std::sync::Arc;

/// What a client asked to be different from the configuration. Sticks for the later turns of a thread.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct TurnOverrides {
    pub cwd: Option<AbsPath>,
    pub model: Option<String>,
    pub model_provider: Option<String>,
    pub effort: Option<String>,
    pub approval_policy: Option<ApprovalPolicy>,
    pub approvals_reviewer: Option<ApprovalsReviewer>,
    pub sandbox_mode: Option<SandboxMode>,
    /// A complete policy from `turn/start`; beats `sandbox_mode`.
    pub sandbox_policy: Option<SandboxPolicy>,
    pub developer_instructions: Option<String>,
    /// `None` is the default mode.
    pub collaboration_mode: Option<CollaborationMode>,
    /// What the client granted for the session, besides.
    pub granted: Option<Additional>,
    /// The thread began in this process; see `codex_config::Overrides`.
    pub new_thread: bool,
    /// Dotted keys as with `-c`.
    pub config: serde_json::Map<String, Value>,
}

/// What a turn is run with.
#[derive(Clone)]
pub struct TurnSettings {
    pub model: String,
    pub model_info: ModelInfo,
    pub effort: Option<String>,
    pub summary: Option<ReasoningSummary>,
    pub verbosity: Option<Verbosity>,
    /// As configured.
    pub service_tier: Option<String>,
    pub mode: CollaborationMode,
    pub approval_policy: ApprovalPolicy,
    pub reviewer: ApprovalsReviewer,
    /// Of code reviews; `None` for the turn's own.
    pub review_model: Option<String>,
    pub sandbox_policy: SandboxPolicy,
    /// Program and arguments that are told when the turn has been completed; empty for none.
    pub notify: Arc<[String]>,
    pub tools: Arc<TurnTools>,
    /// What there is to tell the model of its surroundings, as of the turn's start.
    pub surroundings: Surroundings,
    pub compaction: CompactionSettings,
    /// What a message may ask for.
    pub skills: Arc<SkillSet>,
}

/// When and with which words a conversation is compacted.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CompactionSettings {
    /// Tokens; `None` leaves it to the model's window.
    pub limit_tokens: Option<u64>,
    /// Asked instead of our own words.
    pub prompt: Option<String>,
}

impl TurnSettings {
    pub fn cwd(&self) -> &AbsPath {
        &self.tools.cwd
    }

    /// Nothing is to be changed.
    pub fn plan_mode(&self) -> bool {
        self.mode.mode == ModeKind::Plan
    }

    pub fn policy(&self) -> &ResolvedPolicy {
        &self.tools.policy
    }
}

/// Everything that had to be looked up before a turn can sample.
pub struct TurnSetup {
    pub settings: Arc<TurnSettings>,
    pub input: UserContent,
    pub warnings: Vec<String>,
}

/// User input with its pictures read: as the client sees it and as the model gets it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct UserContent {
    pub input: Vec<UserInput>,
    pub parts: Vec<Value>,
    /// For the user: which pictures could not be read, and why. The model is told in `parts`.
    pub unread: Vec<String>,
    /// The skills that it asks for, each as the model reads it.
    pub skills: Vec<String>,
}
