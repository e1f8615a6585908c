//! What the model reads when a call is not run. Wordings that scripts and models know are those of the reference.

use codex_protocol::facts::Capabilities;
use codex_protocol::settings::SandboxMode;
use codex_shell_parse::{Danger, quoted};

pub(crate) const REJECTED_BY_USER: &str = "rejected by user";
pub(crate) const ESCALATION_UNDER_NEVER: &str =
    "approval policy is Never; reject command — you cannot ask for escalated permissions if the approval policy is Never";
pub(crate) const STDIN_UNDER_NEVER: &str =
    "write_stdin failed: the process runs outside of the sandbox and the approval policy is Never; start it again with exec_command";
pub(crate) const SANDBOX_APPROVAL_OFF: &str =
    "rejected: `approval_policy.granular.sandbox_approval` is off, so nobody is asked about leaving the sandbox";

pub(crate) const PERMISSIONS_UNDER_NEVER: &str =
    "request_permissions refused: the approval policy is Never, so there is nobody to ask; nothing was granted";
pub(crate) const REQUEST_PERMISSIONS_OFF: &str =
    "request_permissions refused: `approval_policy.granular.request_permissions` is off, so nobody is asked; nothing was granted";
pub(crate) const NO_STRICT_REVIEW: &str =
    "nothing was granted: the answer wants every use reviewed (strictAutoReview), which codex does not do";
pub(crate) const CHECKLIST_IN_PLAN_MODE: &str = "update_plan is a checklist tool and is not allowed in Plan mode";
pub(crate) const OTHER_ANSWER: &str = "rejected: the answer was to another kind of question";

pub(crate) fn in_plan_mode(what: &str) -> String {
    format!("{what} rejected: nothing is changed in plan mode; put it into the plan, which the user may have carried out")
}

/// `argv` is the whole command, shell included.
pub(crate) fn dangerous(argv: &[String]) -> String {
    let inner = format!("`{}` rejected: {}", quoted(argv), Danger::ADVICE);
    let rejected = format!("Rejected({inner:?})");
    format!("exec_command failed: CreateProcess {{ message: {rejected:?} }}")
}

pub(crate) fn patch_outside(mode: SandboxMode) -> String {
    let why = match mode {
        SandboxMode::ReadOnly => "writing is blocked by read-only sandbox",
        SandboxMode::WorkspaceWrite | SandboxMode::DangerFullAccess | SandboxMode::ExternalSandbox => "writing outside of the project",
    };
    format!("patch rejected: {why}; rejected by user approval settings")
}

pub(crate) fn unenforceable(mode: SandboxMode, capabilities: &Capabilities) -> String {
    let missing = if capabilities.missing.is_empty() {
        "a sandbox".to_owned()
    } else {
        capabilities.missing.join("; ")
    };
    format!(
        "exec_command failed: the {} sandbox cannot be enforced on this system, so the command was not run; missing: {missing}",
        mode.as_str()
    )
}
