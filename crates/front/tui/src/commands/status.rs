//! `/status`: what this conversation runs with.

use crate::cells::Notice;
use crate::cost;
use crate::limits;
use crate::look;
use crate::state::{Effect, Now, State};
use codex_protocol::VERSION;
use codex_protocol::settings::{ApprovalPolicy, ApprovalsReviewer, SandboxMode, SandboxPolicy};

pub fn run(state: &mut State, _: &str, _: Now) -> Vec<Effect> {
    let Some(open) = state.open() else {
        state.notice(Notice::info("the session is not open yet"));
        return Vec::new();
    };
    let effort = open.effort.as_ref().map(|effort| format!(", effort {effort}")).unwrap_or_default();
    let files: Vec<String> = open.instruction_sources.iter().map(|path| state.look.path(path)).collect();
    let network = if has_network(&open.sandbox) { ", with network" } else { "" };
    let reviewer = match open.approvals_reviewer {
        ApprovalsReviewer::User => "",
        ApprovalsReviewer::AutoReview => "; a model answers in your place",
    };
    let mut rows = vec![
        ("codex", VERSION.to_owned()),
        ("model", format!("{}{effort} ({})", open.model, open.model_provider)),
        ("mode", open.mode.as_str().to_owned()),
        ("folder", state.look.path(&open.cwd)),
        ("commands may", format!("{}{network}", permissions(open.sandbox.mode()))),
        ("questions", format!("{}{reviewer}", approvals(open.approval_policy))),
        ("instructions", if files.is_empty() { "none".to_owned() } else { files.join(", ") }),
        ("session", open.thread_id.clone()),
    ];
    if let Some(name) = &open.name {
        rows.push(("name", name.clone()));
    }
    if let Some(usage) = &state.usage {
        let total = usage.total;
        let text = format!(
            "{} total, {} in ({} cached), {} out ({} reasoning)",
            look::tokens(total.total_tokens),
            look::tokens(total.input_tokens),
            look::tokens(total.cached_input_tokens),
            look::tokens(total.output_tokens),
            look::tokens(total.reasoning_output_tokens)
        );
        rows.push(("tokens", text));
        rows.extend(cost::words(state).map(|cost| ("cost", format!("{cost}, an estimate"))));
        if let Some(window) = usage.model_context_window.filter(|window| *window > 0) {
            let used = usage.last.total_tokens;
            rows.push(("context", format!("{} of {} used", look::tokens(used), look::tokens(window))));
        }
    }
    rows.extend(state.git_branch.clone().map(|branch| ("branch", branch)));
    rows.extend(limits::rows(state).into_iter().map(|row| ("allowance", row)));
    if !state.warnings.is_empty() {
        rows.push(("warnings", format!("{}; /warnings shows them", state.warnings.len())));
    }
    let rows: Vec<String> = rows.iter().map(|(name, value)| format!("{name:<13} {value}")).collect();
    state.notice(Notice::info(rows.join("\n")));
    Vec::new()
}

/// Of a policy whose mode does not say it already.
const fn has_network(policy: &SandboxPolicy) -> bool {
    match policy {
        SandboxPolicy::ReadOnly { network_access, .. } | SandboxPolicy::WorkspaceWrite { network_access, .. } => *network_access,
        SandboxPolicy::DangerFullAccess | SandboxPolicy::ExternalSandbox { .. } => false,
    }
}

pub const fn permissions(mode: SandboxMode) -> &'static str {
    match mode {
        SandboxMode::ReadOnly => "read everything, write nothing",
        SandboxMode::WorkspaceWrite => "write below the folder",
        SandboxMode::DangerFullAccess => "do everything: there is no sandbox",
        SandboxMode::ExternalSandbox => "do what the sandbox around codex lets them",
    }
}

const fn approvals(policy: ApprovalPolicy) -> &'static str {
    match policy {
        ApprovalPolicy::Untrusted => "for every command that is not known to be harmless",
        ApprovalPolicy::OnRequest => "when a command needs more than it may",
        ApprovalPolicy::Never => "never: what would be asked is refused",
        ApprovalPolicy::Granular(_) => "of the kinds that the configuration allows",
    }
}
