//! The resolved settings, and what may override them.

use codex_base::AbsPath;
use codex_protocol::settings::{
    ApprovalPolicy, ApprovalsReviewer, Origin, ProviderSettings, ReasoningSummary, SandboxMode, SandboxPolicy, ShellEnvironmentPolicy,
    Verbosity,
};
use std::collections::BTreeMap;
use std::time::Duration;

/// Everything that configuration decides for one working directory. `None` leaves the choice to the model catalogue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    pub model: Option<String>,
    pub provider: ProviderSettings,
    pub approval_policy: ApprovalPolicy,
    pub approvals_reviewer: ApprovalsReviewer,
    pub sandbox_policy: SandboxPolicy,
    pub model_reasoning_effort: Option<String>,
    pub model_reasoning_summary: Option<ReasoningSummary>,
    pub model_verbosity: Option<Verbosity>,
    /// Tokens.
    pub model_context_window: Option<i64>,
    /// Tokens of one tool output that are kept.
    pub tool_output_token_limit: Option<usize>,
    pub developer_instructions: Option<String>,
    /// Bytes of all project documents together; 0 switches them off.
    pub project_doc_max_bytes: usize,
    pub project_doc_fallback_filenames: Vec<String>,
    pub shell_environment_policy: ShellEnvironmentPolicy,
    /// Longest wait for output of a terminal session in one call.
    pub background_terminal_max_timeout: Duration,
    pub allow_login_shell: bool,
    pub include_permissions_instructions: bool,
    pub include_environment_context: bool,
    pub tools: ToolSwitches,
    /// `file`, `keyring`, `auto` or `ephemeral`.
    pub cli_auth_credentials_store: Option<String>,
    /// `chatgpt` or `api`.
    pub forced_login_method: Option<String>,
}

/// Tools that can be switched off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ToolSwitches {
    /// `tools.update_plan.enabled`.
    pub update_plan: bool,
    /// `features.view_image`.
    pub view_image: bool,
    /// `features.shell_tool`: `exec_command` and `write_stdin`.
    pub shell: bool,
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
    /// A complete policy of a client; beats `sandbox_mode`.
    pub sandbox_policy: Option<SandboxPolicy>,
    /// `--add-dir`: further writable roots under workspace-write.
    pub add_dirs: Vec<AbsPath>,
    pub developer_instructions: Option<String>,
    /// Leaves out the user's `config.toml`, and with it the trust entries in it.
    pub ignore_user_config: bool,
    /// Unknown keys are errors.
    pub strict: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolved {
    pub config: Config,
    /// For each key with a value, dotted: the layer that won. Keys that are not here have their default.
    pub origins: BTreeMap<String, Origin>,
    /// One sentence each, for the user.
    pub warnings: Vec<String>,
    /// What the trust entry for this project says; `None` without one.
    pub trusted: Option<bool>,
    pub project_root: AbsPath,
}
