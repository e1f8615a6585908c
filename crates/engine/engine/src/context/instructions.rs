//! The texts that are ours: base instructions and the rules of a turn.

use codex_permissions::ResolvedPolicy;
use codex_protocol::settings::{ApprovalPolicy, SandboxMode};

/// Who the model is here and how it works. Kept short: every request carries it.
pub const BASE: &str = include_str!("base_instructions.md");

/// What commands may do in this thread and who is asked, for the `<permissions instructions>` block.
pub fn permissions(policy: &ResolvedPolicy, approval: ApprovalPolicy) -> String {
    let files = match policy.mode {
        SandboxMode::ReadOnly => "Commands run in a sandbox that can read every file and write none.".to_owned(),
        SandboxMode::WorkspaceWrite => {
            let roots: Vec<String> = policy.writable_roots.iter().map(|root| root.root.to_string()).collect();
            format!(
                "Commands run in a sandbox that can read every file and write only below: {}. `.git`, `.codex`, `.agents` and `.aws` there stay read-only.",
                roots.join(", ")
            )
        }
        SandboxMode::DangerFullAccess => "Commands run without a sandbox. Be careful with everything outside the project.".to_owned(),
    };
    let network = if policy.network {
        "They can use the network."
    } else {
        "They have no network."
    };
    format!("{files} {network} {}", approvals(approval, policy.confined))
}

fn approvals(approval: ApprovalPolicy, confined: bool) -> &'static str {
    match (approval, confined) {
        (ApprovalPolicy::Never, _) => {
            "Nobody can be asked: never request escalation; work within these limits and report what they prevented."
        }
        (ApprovalPolicy::OnRequest, true) => {
            "If a command that matters fails because of the sandbox, run it again with `sandbox_permissions: \"require_escalated\"` and a one-sentence `justification`; the user decides."
        }
        (ApprovalPolicy::OnRequest, false) => "The user is asked before dangerous commands.",
        (ApprovalPolicy::Untrusted, _) => "The user is asked before every command that is not known to be harmless.",
    }
}

/// Wraps a text in the tag that marks it as not typed by the user.
pub fn tagged(tag: &str, text: &str) -> String {
    format!("<{tag}>\n{text}\n</{tag}>")
}

/// Follows the outputs of interrupted calls.
pub const TURN_ABORTED: &str = "The user interrupted this turn on purpose. Commands that were running were stopped and may have done part of their work; check before you rely on it.";
