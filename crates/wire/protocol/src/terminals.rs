//! Commands that no call waits for: the user's own, and those that the model left running.

use codex_base::AbsPath;
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

/// Which background terminals are listed: commands of the model that go on without a call that waits for them.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct BackgroundTerminalsListParams {
    pub thread_id: String,
    pub cursor: Option<String>,
    pub limit: Option<u32>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BackgroundTerminalsListResult {
    pub data: Vec<BackgroundTerminal>,
    pub next_cursor: Option<String>,
}

/// A command that goes on until it ends, is stopped, or codex ends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BackgroundTerminal {
    /// Of the item that shows it.
    pub item_id: String,
    /// Tells the model, and [`BackgroundTerminalsTerminateParams`], which one it is.
    pub process_id: String,
    /// One shell-quoted string of the full argument vector.
    pub command: String,
    pub cwd: AbsPath,
    pub os_pid: Option<u32>,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct BackgroundTerminalsTerminateParams {
    pub thread_id: String,
    pub process_id: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackgroundTerminalsTerminateResult {
    /// `false`: there is none of this id any more.
    pub terminated: bool,
}
