//! Commands that are not the model's to wait for: the user's own.

use serde::{Deserialize, Serialize};

/// A command that the user runs themselves, outside of the sandbox. Its item has the source `userShell`, and the model reads what came of it
/// with its next request.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ThreadShellCommandParams {
    pub thread_id: String,
    /// For the user's shell.
    pub command: String,
    /// After this it is killed; by default it may take as long as it wants.
    pub timeout_ms: Option<u64>,
}
