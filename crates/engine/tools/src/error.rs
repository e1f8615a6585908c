//! Why a call was answered without doing anything. The display text is what the model is told.

use codex_apply_patch::PatchError;
use thiserror::Error;

/// A call that cannot be carried out as written. Never ends a turn: [`ToolError::text`] is the tool's output.
#[derive(Debug, Error)]
pub enum ToolError {
    /// A function of a name that is not offered; `name` is joined to its namespace.
    #[error("unsupported call: {name}")]
    UnsupportedFunction { name: String },
    #[error("unsupported custom tool call: {name}")]
    UnsupportedCustom { name: String },
    #[error("failed to parse function arguments: {0}")]
    Arguments(#[from] serde_json::Error),
    #[error("exec_command failed: login shells are switched off (allow_login_shell = false); leave `login` out")]
    LoginShellOff,
    /// Nothing of it is done.
    #[error("exec_command failed: additional_permissions cannot be used: {why}")]
    Additional { why: String },
    /// Nothing is asked.
    #[error("request_permissions failed: {why}")]
    Permissions { why: String },
    /// Nobody is asked; the text is the reference's.
    #[error("request_user_input is unavailable in Default mode")]
    UserInputUnavailable,
    #[error("request_user_input requires {0}")]
    UserInput(&'static str),
    /// The patch is malformed or does not fit the files.
    #[error("{}", .0.to_model())]
    Patch(#[from] PatchError),
    #[error(
        "apply_patch verification failed: patch detected without explicit call to apply_patch. Rerun as [\"apply_patch\", \"<patch>\"]"
    )]
    BarePatch,
}

impl ToolError {
    /// The output of the call.
    pub fn text(&self) -> String {
        self.to_string()
    }
}
