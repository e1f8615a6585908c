//! Questions to the client: the parameters and results of server requests. A verdict's question is exactly this data.

use crate::additional::AdditionalPermissions;
use crate::collaboration::{UserInputAnswers, UserInputParams, UserInputQuestion};
use crate::facts::PermissionsIntent;
use codex_base::AbsPath;
use serde::{Deserialize, Serialize};

/// A request from the server to the client.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "method", content = "params")]
pub enum ServerRequest {
    #[serde(rename = "item/commandExecution/requestApproval")]
    CommandExecutionApproval(CommandExecutionApprovalParams),
    #[serde(rename = "item/fileChange/requestApproval")]
    FileChangeApproval(FileChangeApprovalParams),
    /// More than what is in force, for a turn or for the session. Answered with a [`PermissionsAnswer`].
    #[serde(rename = "item/permissions/requestApproval")]
    PermissionsApproval(PermissionsApprovalParams),
    /// The model wants to know something. Answered with [`UserInputAnswers`].
    #[serde(rename = "item/tool/requestUserInput")]
    UserInput(UserInputParams),
}

impl ServerRequest {
    pub fn thread_id(&self) -> &str {
        self.ids().0
    }

    pub fn item_id(&self) -> &str {
        self.ids().1
    }

    fn ids(&self) -> (&str, &str) {
        match self {
            Self::CommandExecutionApproval(params) => (&params.thread_id, &params.item_id),
            Self::FileChangeApproval(params) => (&params.thread_id, &params.item_id),
            Self::PermissionsApproval(params) => (&params.thread_id, &params.item_id),
            Self::UserInput(params) => (&params.thread_id, &params.item_id),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CommandExecutionApprovalParams {
    pub thread_id: String,
    pub turn_id: String,
    pub item_id: String,
    pub started_at_ms: i64,
    #[serde(default = "command_kind")]
    pub kind: String,
    /// In the words of who wants it.
    pub reason: Option<String>,
    /// What of the policy makes it a question, the strongest first. Other servers send none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<String>,
    /// One shell-quoted string.
    pub command: Option<String>,
    pub cwd: Option<AbsPath>,
    pub available_decisions: Option<Vec<ApprovalDecision>>,
    /// What the command gets besides what is in force, with every path spelled out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub additional_permissions: Option<Box<AdditionalPermissions>>,
    /// The question is about this access, not about the command; `item_id` is then no item.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network_approval_context: Option<NetworkApprovalContext>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NetworkApprovalContext {
    pub host: String,
    pub protocol: NetworkApprovalProtocol,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum NetworkApprovalProtocol {
    Http,
    Https,
    Socks5Tcp,
    Socks5Udp,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PermissionsApprovalParams {
    pub thread_id: String,
    pub turn_id: String,
    pub item_id: String,
    pub started_at_ms: i64,
    /// Relative paths count from here.
    pub cwd: AbsPath,
    pub permissions: AdditionalPermissions,
    pub reason: Option<String>,
}

/// What is granted of what was asked for; what is left out is not.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PermissionsAnswer {
    pub permissions: AdditionalPermissions,
    #[serde(default)]
    pub scope: PermissionGrantScope,
    /// Every use is to be reviewed. There is no such review here, so nothing is granted under it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub strict_auto_review: Option<bool>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum PermissionGrantScope {
    #[default]
    Turn,
    Session,
}

fn command_kind() -> String {
    "command".to_owned()
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FileChangeApprovalParams {
    pub thread_id: String,
    pub turn_id: String,
    pub item_id: String,
    pub started_at_ms: i64,
    pub reason: Option<String>,
    /// As of a command.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<String>,
    pub grant_root: Option<AbsPath>,
}

/// What a client may answer to an approval question.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ApprovalDecision {
    Accept,
    AcceptForSession,
    /// Not run; the model is told and the turn goes on.
    Decline,
    /// Not run; the turn is interrupted.
    Cancel,
}

/// The answer to the approval requests for commands and patches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApprovalAnswer {
    pub decision: ApprovalDecision,
}

/// What was answered to any of the [`ServerRequest`]s.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    Decision(ApprovalDecision),
    Permissions(PermissionsAnswer),
    UserInput(UserInputAnswers),
}

/// The core of a question, made by the decision; ids and times are added by the engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Question {
    Command {
        reason: Option<String>,
        command: String,
        cwd: AbsPath,
        additional_permissions: Option<Box<AdditionalPermissions>>,
    },
    FileChange {
        reason: Option<String>,
    },
    Permissions(PermissionsIntent),
    UserInput {
        questions: Vec<UserInputQuestion>,
    },
}
