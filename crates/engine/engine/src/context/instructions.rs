//! The texts that are ours: base instructions and the rules of a turn.

use codex_base::AbsPath;
use codex_permissions::{ResolvedPolicy, Rights, RuleSource};
use codex_protocol::facts::{Capabilities, ShortfallKind};
use codex_protocol::settings::{ApprovalPolicy, SandboxMode};

/// Who the model is here and how it works. Kept short: every request carries it.
pub const BASE: &str = include_str!("base_instructions.md");

/// What commands may do in this thread and who is asked, for the `<permissions instructions>` block.
pub fn permissions(policy: &ResolvedPolicy, approval: ApprovalPolicy, host: &Capabilities) -> String {
    let files = files(policy, host);
    let network = if policy.network {
        "They can use the network."
    } else {
        "They have no network."
    };
    let host = codex_approvals::shortfall_rules(policy, host)
        .map(|rules| format!(" {rules}"))
        .unwrap_or_default();
    format!("{files} {network}{host} {}", approvals(approval, policy.confined))
}

fn files(policy: &ResolvedPolicy, host: &Capabilities) -> String {
    if !policy.confined && policy.mode == SandboxMode::ExternalSandbox {
        return "Commands run in a sandbox that is not codex's own: what it refuses shows when they are refused.".to_owned();
    }
    if !policy.confined {
        return "Commands run without a sandbox. Be careful with everything outside the project.".to_owned();
    }
    let closed: Vec<String> = policy
        .rules
        .iter()
        .chain(&policy.limits)
        .filter(|rule| rule.rights == Rights::None && rule.source != RuleSource::Credentials)
        .map(|rule| rule.path.to_string())
        .chain(policy.deny_globs.iter().map(|glob| glob.pattern.clone()))
        .collect();
    let reads = match (reads_all(policy), closed.is_empty()) {
        (true, true) => "can read every file but credentials".to_owned(),
        (true, false) => format!("can read every file but credentials and: {}", closed.join(", ")),
        (false, _) => "can read only what the permission profile names".to_owned(),
    };
    let roots: Vec<String> = policy
        .writable_roots()
        .filter(|root| !is_inside_git(policy, root))
        .map(ToString::to_string)
        .collect();
    match (policy.mode, roots.is_empty()) {
        (SandboxMode::DangerFullAccess | SandboxMode::ExternalSandbox, _) => {
            format!("Commands run in a sandbox that {reads}, and write to what they can read.")
        }
        (SandboxMode::ReadOnly | SandboxMode::WorkspaceWrite, true) => format!("Commands run in a sandbox that {reads} and write none."),
        (SandboxMode::ReadOnly | SandboxMode::WorkspaceWrite, false) => format!(
            "Commands run in a sandbox that {reads} and write only below: {}. There `.codex`, `.agents`, `.aws` and the hooks and settings of git stay read-only{}.",
            roots.join(", "),
            if git_writes(policy, host) { "; committing works" } else { "" }
        ),
    }
}

/// Git makes names beside its settings.
fn git_writes(policy: &ResolvedPolicy, host: &Capabilities) -> bool {
    let shortfalls = codex_approvals::shortfalls(policy, host);
    shortfalls.iter().all(|shortfall| shortfall.kind != ShortfallKind::Names)
}

fn reads_all(policy: &ResolvedPolicy) -> bool {
    policy
        .rules
        .iter()
        .any(|rule| rule.path.parent().is_none() && rule.rights >= Rights::Read)
}

/// Folders of repositories, which only git knows its way in.
fn is_inside_git(policy: &ResolvedPolicy, path: &AbsPath) -> bool {
    policy
        .rules
        .iter()
        .any(|rule| rule.path == *path && rule.source == RuleSource::Repository)
}

fn approvals(approval: ApprovalPolicy, confined: bool) -> &'static str {
    match (approval, confined) {
        (ApprovalPolicy::Never, _) => {
            "Nobody can be asked: never request escalation; work within these limits and report what they prevented."
        }
        (ApprovalPolicy::Granular(switches), true) if !switches.sandbox_approval => {
            "Nobody is asked about leaving the sandbox: never request escalation; work within these limits and report what they prevented."
        }
        (ApprovalPolicy::OnRequest | ApprovalPolicy::Granular(_), true) => {
            "If a command that matters fails because of the sandbox, run it again with `sandbox_permissions: \"require_escalated\"` and a one-sentence `justification`; the user decides."
        }
        (ApprovalPolicy::OnRequest | ApprovalPolicy::Granular(_), false) => "The user is asked before dangerous commands.",
        (ApprovalPolicy::Untrusted, _) => "The user is asked before every command that is not known to be harmless.",
    }
}

/// What plan mode is, for the `<collaboration_mode>` block.
pub const PLAN_MODE: &str = "\
You are in plan mode until a message like this one ends it; what the user asks for is planned, not done. Nothing is changed: commands run in a \
sandbox that writes nothing, patches and `update_plan` are refused.
Look first: read code, run what only looks. Ask with `request_user_input` what you cannot find out and what changes the plan; all else decide.
When somebody could do the work without another decision, write the whole plan in Markdown (goal, changes by file, checks) between two lines:
<proposed_plan>
</proposed_plan>
One plan in an answer, and no question behind it: the user is asked whether to carry it out. After a comment write the whole plan once more.";

/// Follows plan mode.
pub const DEFAULT_MODE: &str = "Plan mode is over: do the work, within the permissions that you were told.";

/// Wraps a text in the tag that marks it as not typed by the user.
pub fn tagged(tag: &str, text: &str) -> String {
    format!("<{tag}>\n{text}\n</{tag}>")
}

/// Follows the outputs of interrupted calls.
pub const TURN_ABORTED: &str = "The user interrupted this turn on purpose. Commands that were running were stopped and may have done part of their work; check before you rely on it.";
