//! What a turn hands to its tools: settings that do not change while it runs, and the world that runs need.

use crate::specs::ToolSet;
use crate::terminals::Terminals;
use crate::widening::Widening;
use codex_base::{AbsPath, Clock, Ids};
use codex_permissions::ResolvedPolicy;
use codex_process::Sandbox;
use codex_protocol::settings::CommandLimits;
use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;

/// Variables of a command, complete and in order.
pub type Environment = Vec<(OsString, OsString)>;

/// The settings of one turn as far as tools care.
#[derive(Clone)]
pub struct TurnTools {
    /// What was offered; a call of anything else is unsupported.
    pub tools: ToolSet,
    /// Relative paths and commands start here.
    pub cwd: AbsPath,
    /// The turn's policy. A verdict may give a call a wider one; the login profile is always read under this one.
    pub policy: ResolvedPolicy,
    /// For calls that ask for more than that; `None` where that is not offered.
    pub widening: Option<Arc<dyn Widening>>,
    /// Whether the model may put questions to the user.
    pub may_ask: bool,
    pub shell: UserShell,
    /// The parent's variables as the shell environment policy lets them through; the fixed ones are added per call.
    pub env: Arc<Environment>,
    pub allow_login_shell: bool,
    /// Of each command.
    pub limits: CommandLimits,
    /// Tokens of one tool output: `tool_output_token_limit`, or else the model's own limit.
    pub output_token_limit: usize,
    /// Longest look at a session, in milliseconds (`background_terminal_max_timeout`).
    pub background_terminal_max_ms: u64,
    pub thread_id: String,
    /// Id of the root thread.
    pub session_id: String,
    pub turn_id: String,
    /// Name of the permission profile in force; commands are told.
    pub permission_profile: Option<String>,
    /// The thread's live sessions; asked whether a write goes to a process outside of the sandbox.
    pub terminals: Arc<Terminals>,
}

/// The shell that commands run in unless the model names another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserShell {
    /// Absolute, e.g. `/bin/bash`.
    pub path: PathBuf,
}

/// What running a call needs beside its turn.
#[derive(Clone)]
pub struct ToolWorld {
    pub sandbox: Arc<dyn Sandbox>,
    pub clock: Arc<dyn Clock>,
    pub ids: Arc<dyn Ids>,
    pub terminals: Arc<Terminals>,
}
