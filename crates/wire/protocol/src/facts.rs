//! What decisions are made from: facts that were looked up before, passed in as data.

use crate::additional::AdditionalPermissions;
use crate::collaboration::UserInputQuestion;
use crate::items::{FileUpdateChange, PlanStep};
use codex_base::AbsPath;
use serde::{Deserialize, Serialize};

/// What a tool call would do, as data. Made by parsing and validating the call; nothing has happened yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ToolIntent {
    Command(CommandIntent),
    /// Input for, or a look at, a live terminal session.
    WriteStdin {
        session_id: u32,
        chars: String,
        outside_sandbox: bool,
    },
    Patch(PatchIntent),
    /// A file is read into the conversation (`view_image`).
    ReadFile {
        path: AbsPath,
    },
    /// More than the turn's policy, for what comes after.
    Permissions(PermissionsIntent),
    /// The user is to answer; touches nothing.
    UserInput {
        questions: Vec<UserInputQuestion>,
    },
    /// The model's plan; touches nothing.
    Plan {
        explanation: Option<String>,
        plan: Vec<PlanStep>,
    },
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandIntent {
    /// Full argument vector, e.g. `["/bin/bash", "-lc", "cargo test"]`.
    pub argv: Vec<String>,
    /// The shell text inside `argv`, as the model wrote it.
    pub script: String,
    pub cwd: AbsPath,
    pub sandbox_permissions: SandboxPermissions,
    /// With every path spelled out.
    pub additional_permissions: Option<Box<AdditionalPermissions>>,
    /// Why the model wants it, shown to the user.
    pub justification: Option<String>,
    /// The rule the model proposes to save, as a command prefix.
    pub prefix_rule: Option<Vec<String>>,
}

/// What the model asked for beside the turn's policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SandboxPermissions {
    #[default]
    UseDefault,
    RequireEscalated,
    /// The turn's policy, and what [`CommandIntent::additional_permissions`] says besides.
    WithAdditionalPermissions,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PermissionsIntent {
    /// With every path spelled out.
    pub permissions: AdditionalPermissions,
    /// What relative paths of an answer count from.
    pub cwd: AbsPath,
    /// Why the model wants it, shown to the user.
    pub reason: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PatchIntent {
    /// In the order of the patch, with absolute paths.
    pub changes: Vec<FileUpdateChange>,
    /// Every path that would be written, created, removed or moved to, absolute.
    pub paths: Vec<AbsPath>,
}

/// What this host can enforce; looked up once per process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Capabilities {
    /// Name of the mechanism for humans and request metadata, e.g. `linux-namespaces` or `none`.
    pub mechanism: String,
    /// Whether reads, writes and network can be confined at all.
    pub confines: bool,
    /// What is missing, in words a user can act on; empty when `confines`.
    pub missing: Vec<String>,
    /// The ways to confine commands on this system, best first. The first one that lacks nothing is used.
    pub rungs: Vec<Rung>,
}

impl Capabilities {
    /// The way that is used, if there is one.
    pub fn in_force(&self) -> Option<&Rung> {
        self.rungs.iter().find(|rung| self.confines && rung.mechanism == self.mechanism)
    }
}

/// One way to confine commands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Rung {
    /// As [`Capabilities::mechanism`].
    pub mechanism: String,
    /// Why it cannot be used here; empty if it can.
    pub lacks: Vec<Lack>,
    /// What it refuses although a policy allows it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub shortfalls: Vec<Shortfall>,
    /// What can still be seen of what a policy hides, for humans.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub shows: Vec<String>,
}

/// Something that a way to confine commands cannot let happen, whatever the policy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Shortfall {
    pub kind: ShortfallKind,
    /// In words, for humans and models.
    pub what: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ShortfallKind {
    /// Making, renaming and removing names around something protected or hidden.
    Names,
    /// The same around something hidden only.
    NamesAroundHidden,
    /// Changing what is known of a writable file besides its contents.
    Metadata,
    /// Something of the system that is no file.
    System,
}

/// Something that this host has not got.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Lack {
    pub kind: LackKind,
    /// How that was seen.
    pub why: String,
    /// What somebody can do about it.
    pub remedy: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum LackKind {
    /// The kernel is too old, or built without it.
    Kernel,
    /// Switched off by a setting of the system.
    Setting,
    /// A security module, such as AppArmor, refuses it.
    SecurityModule,
    /// A filter for system calls around this process refuses it: a container's, or another sandbox's.
    SystemCallFilter,
    /// Refused, and nothing tells by whom.
    Unknown,
}

/// Something a client allowed for the rest of the session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Grant {
    /// This exact argument vector in this directory, with these permissions, runs without a question.
    Command {
        argv: Vec<String>,
        cwd: AbsPath,
        sandbox_permissions: SandboxPermissions,
        additional_permissions: Option<Box<AdditionalPermissions>>,
    },
    /// Patches to exactly these paths are written without a question.
    PatchPaths { paths: Vec<AbsPath> },
}

/// A command ended in a way that looks like the sandbox's doing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Denial {
    /// The line of output that says so, at most 512 characters.
    pub snippet: String,
    /// What the policy says of what the command seems to have wanted; empty if nothing that it names is closed by the policy.
    pub causes: Vec<DenialCause>,
}

/// One thing that a policy does not allow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DenialCause {
    pub access: DeniedAccess,
    /// A path, or what is known of a host.
    pub target: String,
    /// The rule, in words, with the place where it stands if somebody wrote it.
    pub rule: String,
    /// The smallest line of a permission profile that would allow it; `None` if nothing does.
    pub grant: Option<String>,
    /// The policy allows it, and the host's way to confine commands does not: `rule` says what that is.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub by_host: bool,
    pub evidence: Evidence,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum DeniedAccess {
    Read,
    Write,
    Connect,
}

/// How a denial is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Evidence {
    /// From output, arguments and the policy.
    Inferred,
    /// The system call was seen.
    Observed,
}
