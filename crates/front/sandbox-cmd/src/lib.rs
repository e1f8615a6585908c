//! `codex sandbox`: commands under a policy without a model, and what that policy says.
//!
//! ```text
//! Asked + ProcessEnv --in_force--> InForce --run-->     the command's own end
//!                                          --explain--> Explanation
//! ```
//!
//! Reads configuration and nothing of sessions or models; writes nothing. The command's streams are those of this process.
//!
//! | module | says |
//! | --- | --- |
//! | [`in_force`] | which policy a command line, the files and the administrator come to, and who chose it |
//! | [`state`] | a policy that a running server handed out, as configuration |
//! | [`run`] | the command itself: environment, start, signals, end |
//! | [`denials`] | what the policy refused of what a recorded command did |
//! | [`learn`] | the narrowest permission profile for what a recorded command did |
//! | [`explain`] | what the policy says of one path, host or program |

pub mod denials;
pub mod explain;
pub mod in_force;
pub mod learn;
pub mod run;
pub mod state;

pub use explain::{Access, Explanation};
pub use in_force::{Asked, InForce};
pub use run::{Ended, run};
pub use state::State;

use codex_config::ConfigError;
use codex_process::SpawnError;
use std::io;

/// Why a command did not run, or nothing could be explained.
#[derive(Debug, thiserror::Error)]
pub enum SandboxCmdError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// `--sandbox-state-json`.
    #[error("--sandbox-state-json is not a sandbox state: {problem}")]
    State { problem: String },
    /// `--additional-permissions`.
    #[error("--additional-permissions cannot be kept: {problem}")]
    Additional { problem: String },
    #[error("there is no program {program:?}")]
    NotFound { program: String },
    #[error("{program:?} cannot be executed: {why}")]
    NotExecutable {
        program: String,
        why: String,
        /// The policy may have caused it.
        may_be_closed: bool,
    },
    #[error("the command cannot work in {cwd:?}")]
    Cwd { cwd: std::path::PathBuf, source: io::Error },
    /// This host cannot do what the policy says.
    #[error(transparent)]
    Unenforceable(codex_process::SandboxError),
    /// A record was asked for, and nothing can record here. Nothing ran.
    #[error(transparent)]
    Unrecordable(codex_process::SandboxError),
    #[error("the command did not start")]
    Start(#[source] SpawnError),
    /// The tree is gone; how the command ended is not known.
    #[error("the supervisor of the command was killed")]
    Lost,
}

impl SandboxCmdError {
    /// For scripts; listed in `docs/errors.md`.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Config(error) => error.code(),
            Self::State { .. } => "sandbox.state_invalid",
            Self::Additional { .. } => "sandbox.additional_invalid",
            Self::NotFound { .. } => "sandbox.command_not_found",
            Self::NotExecutable { .. } => "sandbox.command_not_executable",
            Self::Cwd { .. } => "cli.no_directory",
            Self::Unenforceable(_) => "sandbox.unavailable",
            Self::Unrecordable(_) => "sandbox.unrecordable",
            Self::Start(_) => "sandbox.not_started",
            Self::Lost => "sandbox.lost",
        }
    }

    /// As shells have it for a program that is missing or cannot be executed.
    pub const fn exit_code(&self) -> u8 {
        match self {
            Self::NotFound { .. } => 127,
            Self::NotExecutable { .. } => 126,
            Self::Config(_)
            | Self::State { .. }
            | Self::Additional { .. }
            | Self::Cwd { .. }
            | Self::Unenforceable(_)
            | Self::Unrecordable(_)
            | Self::Start(_)
            | Self::Lost => 1,
        }
    }

    /// The way out, where there is one.
    pub const fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Unrecordable(_) => Some("without a record the command runs: `codex sandbox -- COMMAND`"),
            Self::Unenforceable(_) => Some("`codex sandbox check` says what this system can enforce"),
            Self::NotExecutable { may_be_closed: true, .. } => Some("-v says what the policy lets a command read"),
            Self::Config(_)
            | Self::State { .. }
            | Self::Additional { .. }
            | Self::NotFound { .. }
            | Self::NotExecutable { .. }
            | Self::Cwd { .. }
            | Self::Start(_)
            | Self::Lost => None,
        }
    }
}
