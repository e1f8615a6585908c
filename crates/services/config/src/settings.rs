//! The resolved settings, and what may override them.

use crate::Place;
use codex_base::AbsPath;
use codex_permissions::additional::Additional;
use codex_protocol::requests::{ActivePermissionProfile, ReasoningShown};
use codex_protocol::settings::{
    ApprovalPolicy, ApprovalsReviewer, CommandLimits, FileRules, HistorySettings, Origin, ProviderSettings, ReasoningSummary, SandboxMode,
    SandboxPolicy, ShellEnvironmentPolicy, Verbosity, WebSearchDetails, WebSearchMode,
};
use codex_protocol::skills::SkillSettings;
use codex_protocol::terminal::TerminalSettings;
use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

/// Everything that configuration decides for one working directory. `None` leaves the choice to the model catalogue.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    pub model: Option<String>,
    pub provider: ProviderSettings,
    pub approval_policy: ApprovalPolicy,
    pub approvals_reviewer: ApprovalsReviewer,
    pub sandbox_policy: SandboxPolicy,
    /// What a permission profile closes beyond the policy.
    pub file_rules: FileRules,
    /// The permission profile in force, e.g. `:workspace`; `None` when a mode was named instead.
    pub permission_profile: Option<ActivePermissionProfile>,
    pub model_reasoning_effort: Option<String>,
    pub plan_mode_reasoning_effort: Option<String>,
    pub model_reasoning_summary: Option<ReasoningSummary>,
    pub model_verbosity: Option<Verbosity>,
    /// As configured; see `codex_model::ModelRequest::service_tier`.
    pub service_tier: Option<String>,
    /// Tokens.
    pub model_context_window: Option<i64>,
    /// Tokens from which the conversation is compacted.
    pub model_auto_compact_token_limit: Option<i64>,
    /// Text of `compact_prompt`, or of the file that `experimental_compact_prompt_file` names.
    pub compact_prompt: Option<String>,
    pub model_catalog_json: Option<AbsPath>,
    pub review_model: Option<String>,
    /// Which local provider `--oss` means.
    pub oss_provider: Option<String>,
    /// Tokens of one tool output that are kept.
    pub tool_output_token_limit: Option<usize>,
    pub developer_instructions: Option<String>,
    /// Text of the file that `model_instructions_file` names; never blank.
    pub base_instructions: Option<String>,
    /// Bytes of all project documents together; 0 switches them off.
    pub project_doc_max_bytes: usize,
    pub project_doc_fallback_filenames: Vec<String>,
    pub shell_environment_policy: ShellEnvironmentPolicy,
    pub command_limits: CommandLimits,
    /// Longest wait for output of a terminal session in one call.
    pub background_terminal_max_timeout: Duration,
    pub allow_login_shell: bool,
    pub include_permissions_instructions: bool,
    pub include_collaboration_mode_instructions: bool,
    pub include_environment_context: bool,
    /// Date and time zone are part of the environment's description.
    pub include_environment_context_time: bool,
    pub tools: ToolSwitches,
    /// As configured, or as requirements leave it; see [`Self::usual_web_search`].
    pub web_search: Option<WebSearchMode>,
    pub web_search_details: WebSearchDetails,
    pub skills: SkillSettings,
    /// Program and arguments that are run after each completed turn.
    pub notify: Vec<String>,
    pub history: HistorySettings,
    /// What the terminal interface follows.
    pub terminal: TerminalSettings,
    /// Folder of databases.
    pub sqlite_home: AbsPath,
    /// Folder of log files.
    pub log_dir: AbsPath,
    /// `hide_agent_reasoning` and `show_raw_agent_reasoning`; to hide wins.
    pub reasoning_shown: ReasoningShown,
    /// `file`, `keyring`, `auto` or `ephemeral`.
    pub cli_auth_credentials_store: Option<String>,
    /// `chatgpt` or `api`.
    pub forced_login_method: Option<String>,
    /// What an administrator leaves of these; `None`: both.
    pub allowed_login_methods: Option<Vec<String>>,
}

impl Config {
    /// The search that is meant when none is configured: what has the whole machine may have the web as well.
    pub fn usual_web_search(&self) -> WebSearchMode {
        match self.sandbox_policy.mode() {
            SandboxMode::DangerFullAccess => WebSearchMode::Live,
            SandboxMode::ReadOnly | SandboxMode::WorkspaceWrite | SandboxMode::ExternalSandbox => WebSearchMode::Cached,
        }
    }
}

/// Tools that can be switched off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ToolSwitches {
    /// `tools.update_plan.enabled`.
    pub update_plan: bool,
    /// `tools.experimental_request_user_input.enabled`.
    pub request_user_input: bool,
    /// `features.default_mode_request_user_input`: not in plan mode only.
    pub ask_in_default_mode: bool,
    /// `features.view_image`.
    pub view_image: bool,
    /// `features.shell_tool`: `exec_command` and `write_stdin`.
    pub shell: bool,
    /// `features.exec_permission_approvals`: `exec_command` takes permissions for one command.
    pub additional_permissions: bool,
    /// `features.request_permissions_tool`: permissions for a turn or a session may be asked for.
    pub request_permissions: bool,
}

/// What flags and clients set above all files.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Overrides {
    /// `--profile NAME`: the layer `NAME.config.toml` over the user's file.
    pub profile: Option<String>,
    /// `-c key=value` in order, later ones win; see [`parse_override`](crate::parse_override).
    pub cli: Vec<(String, toml::Value)>,
    pub model: Option<String>,
    pub model_provider: Option<String>,
    pub approval_policy: Option<ApprovalPolicy>,
    pub approvals_reviewer: Option<ApprovalsReviewer>,
    pub sandbox_mode: Option<SandboxMode>,
    /// `-P NAME`: a permission profile.
    pub permission_profile: Option<String>,
    /// A `sandbox_mode` counts from `-c` and flags only, and where nothing is chosen commands may read (`codex sandbox`).
    pub named_mode_only: bool,
    /// A complete policy of a client; beats `sandbox_mode`.
    pub sandbox_policy: Option<SandboxPolicy>,
    /// Permissions besides those of the policy, and where each were given.
    pub additional: Vec<(Additional, String)>,
    /// `--add-dir`: further writable roots under workspace-write.
    pub add_dirs: Vec<AbsPath>,
    pub developer_instructions: Option<String>,
    /// The thread begins here, so what requirements pin for new threads counts.
    pub new_thread: bool,
    /// Leaves out the user's `config.toml`, and with it the trust entries in it.
    pub ignore_user_config: bool,
    /// Unknown keys are errors.
    pub strict: bool,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Resolved {
    pub config: Config,
    /// For each key with a value, dotted: the layer that won. Keys that are not here have their default.
    pub origins: BTreeMap<String, Origin>,
    /// What requirements of an administrator changed; each is among the warnings, too.
    pub changes: Vec<Replacement>,
    /// One sentence each, for the user.
    pub warnings: Vec<String>,
    /// What the trust entry for this project says; `None` without one.
    pub trusted: Option<bool>,
    pub project_root: AbsPath,
}

/// A value that is not allowed here, and the one that stands in for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replacement {
    pub key: String,
    pub from: String,
    pub to: String,
    /// The requirement.
    pub place: Place,
    pub allowed: Vec<String>,
}

impl Replacement {
    /// By the only value that the requirement leaves.
    pub(crate) fn by(place: &Place, key: impl Into<String>, from: impl Into<String>, to: &str) -> Self {
        Self {
            key: key.into(),
            from: from.into(),
            to: to.to_owned(),
            place: place.clone(),
            allowed: vec![to.to_owned()],
        }
    }
}

impl fmt::Display for Replacement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let allowed: Vec<_> = self.allowed.iter().map(|value| format!("`{value}`")).collect();
        write!(
            f,
            "{} = \"{}\" is not allowed by {}; \"{}\" is used instead (allowed: {})",
            self.key,
            self.from,
            self.place,
            self.to,
            allowed.join(", ")
        )
    }
}
