//! The one place that turns intent, policies, grants and capabilities into a verdict.

use crate::{Action, Reason, ReasonSource, ToolFacts, Verdict, asks_to_escalate, texts};
use codex_base::AbsPath;
use codex_permissions::{ResolvedPolicy, Rights, RuleSource, repository_of_setting, rights};
use codex_protocol::facts::{CommandIntent, Grant, PatchIntent, PermissionsIntent, ToolIntent};
use codex_protocol::questions::{ApprovalDecision, Question};
use codex_protocol::settings::ApprovalPolicy;
use codex_shell_parse::{Danger, dangerous, dangerous_argv, is_known_safe, plain_commands, quoted};

/// Input that is no input: asking for output, or Ctrl-C.
const HARMLESS_INPUT: [&str; 2] = ["", "\u{3}"];

/// What is to be done with a tool call.
pub fn decide(facts: &ToolFacts<'_>) -> Verdict {
    if let Some(message) = plan_mode_refusal(facts) {
        return refuse(facts, reason(ReasonSource::PlanMode, "nothing is changed in plan mode"), message);
    }
    match facts.intent {
        ToolIntent::Command(command) => decide_command(facts, command),
        ToolIntent::Patch(patch) => decide_patch(facts, patch),
        ToolIntent::WriteStdin {
            session_id,
            chars,
            outside_sandbox,
        } => decide_stdin(facts, *session_id, chars, *outside_sandbox),
        ToolIntent::ReadFile { path } => decide_read(facts, path),
        ToolIntent::Permissions(asked) => decide_permissions(facts, asked),
        ToolIntent::UserInput { questions } => {
            let questions = questions.clone();
            let why = reason(ReasonSource::SandboxPolicy, "a question touches nothing");
            ask(facts, Question::UserInput { questions }, Vec::new(), why)
        }
        ToolIntent::Plan { .. } => run(facts, reason(ReasonSource::SandboxPolicy, "a plan touches nothing")),
    }
}

/// What would change something, or ask to be let.
fn plan_mode_refusal(facts: &ToolFacts<'_>) -> Option<String> {
    let what = match facts.intent {
        ToolIntent::Plan { .. } => return facts.plan_mode.then(|| texts::CHECKLIST_IN_PLAN_MODE.to_owned()),
        ToolIntent::Patch(_) => "patch",
        ToolIntent::Command(_) if leaves_policy(facts) => "command outside of the sandbox",
        ToolIntent::Permissions(_) if leaves_policy(facts) => "request for permissions",
        ToolIntent::WriteStdin {
            chars, outside_sandbox, ..
        } if *outside_sandbox && !HARMLESS_INPUT.contains(&chars.as_str()) => "input for a process that may write",
        ToolIntent::Command(_)
        | ToolIntent::Permissions(_)
        | ToolIntent::WriteStdin { .. }
        | ToolIntent::ReadFile { .. }
        | ToolIntent::UserInput { .. } => return None,
    };
    facts.plan_mode.then(|| texts::in_plan_mode(what))
}

/// What matters about a command, each fact found once.
struct CommandFacts {
    danger: Option<Danger>,
    /// It wants out of a sandbox that is there, or more than it allows.
    leaves: bool,
    known_safe: bool,
    granted: bool,
}

fn decide_command(facts: &ToolFacts<'_>, command: &CommandIntent) -> Verdict {
    let found = CommandFacts {
        danger: danger_of(command),
        leaves: leaves_policy(facts),
        known_safe: is_safe(command),
        granted: facts.grants.iter().any(|grant| grants_command(grant, command)),
    };
    let refusal = refuse_command(facts, command, &found);
    refusal.unwrap_or_else(|| allow_or_ask(facts, command, &found))
}

/// The script is normally the argument of a shell, which [`dangerous_argv`] looks into; elsewhere it is read by itself.
fn danger_of(command: &CommandIntent) -> Option<Danger> {
    let was_read = codex_shell_parse::shell_script(&command.argv).is_some_and(|script| script == command.script);
    dangerous_argv(&command.argv).or_else(|| if was_read { None } else { dangerous(&command.script) })
}

/// What no answer can allow.
fn refuse_command(facts: &ToolFacts<'_>, command: &CommandIntent, found: &CommandFacts) -> Option<Verdict> {
    let widens = found.leaves && facts.widened.is_some();
    let escalates = asks_to_escalate(command.sandbox_permissions) || widens;
    match (facts.approval_policy, &found.danger) {
        (ApprovalPolicy::Never, Some(danger)) => Some(refuse(facts, danger_reason(danger), texts::dangerous(&command.argv))),
        (ApprovalPolicy::Never, None) if escalates => {
            let escalation = reason(ReasonSource::Escalation, "escalated permissions cannot be asked for");
            Some(refuse(facts, escalation, texts::ESCALATION_UNDER_NEVER))
        }
        (ApprovalPolicy::Granular(switches), None) if escalates && !switches.sandbox_approval && found.leaves && !found.granted => {
            Some(refuse_leaving(facts))
        }
        (ApprovalPolicy::Never | ApprovalPolicy::OnRequest | ApprovalPolicy::Untrusted | ApprovalPolicy::Granular(_), _) => {
            let unenforceable = (!found.leaves || widens) && facts.policy.confined && !facts.capabilities.confines;
            unenforceable.then(|| {
                let why = reason(ReasonSource::Capabilities, "this host cannot enforce the sandbox policy");
                refuse(facts, why, texts::unenforceable(facts.policy.mode, facts.capabilities))
            })
        }
    }
}

fn allow_or_ask(facts: &ToolFacts<'_>, command: &CommandIntent, found: &CommandFacts) -> Verdict {
    let escalation = || match &command.additional_permissions {
        Some(more) => reason(ReasonSource::Escalation, format!("the command asks for more: {}", more.summary())),
        None => reason(ReasonSource::Escalation, "the command asks to run outside of the sandbox"),
    };
    let granted = || run_granted(facts, "this command was allowed for the session");
    let ask = |why: Reason| ask_command(facts, command, every_offer(), why);
    match (facts.approval_policy, &found.danger, found.leaves, found.granted, found.known_safe) {
        // Refused above: nothing that is dangerous or escalated gets here under `never`.
        (ApprovalPolicy::Never, _, _, _, _) => run(facts, within_policy()),
        (ApprovalPolicy::OnRequest | ApprovalPolicy::Granular(_) | ApprovalPolicy::Untrusted, _, _, true, _) => granted(),
        // Nobody wants to be asked about leaving the sandbox, so nothing is kept for later questions, and no is the end of the turn.
        (ApprovalPolicy::Granular(switches), Some(danger), _, false, _) if !switches.sandbox_approval => {
            let offers = vec![ApprovalDecision::Accept, ApprovalDecision::Cancel];
            ask_command(facts, command, offers, danger_reason(danger))
        }
        (ApprovalPolicy::OnRequest | ApprovalPolicy::Granular(_) | ApprovalPolicy::Untrusted, Some(danger), _, false, _) => {
            ask(danger_reason(danger))
        }
        (ApprovalPolicy::OnRequest | ApprovalPolicy::Granular(_) | ApprovalPolicy::Untrusted, None, true, false, _) => ask(escalation()),
        (ApprovalPolicy::OnRequest | ApprovalPolicy::Granular(_), None, false, false, _) => run(facts, within_policy()),
        (ApprovalPolicy::Untrusted, None, false, false, true) => run(
            facts,
            reason(ReasonSource::KnownSafe, "every command in it is known to be harmless"),
        ),
        (ApprovalPolicy::Untrusted, None, false, false, false) => ask(reason(ReasonSource::ApprovalPolicy, "not known to be harmless")),
    }
}

fn decide_patch(facts: &ToolFacts<'_>, patch: &PatchIntent) -> Verdict {
    let granted = grants_patch(facts.grants, &patch.paths);
    let outside = || reason(ReasonSource::Escalation, "the patch writes outside of the writable roots");
    match (facts.approval_policy, leaves_policy(facts), granted) {
        (ApprovalPolicy::Never, true, _) => refuse(facts, outside(), texts::patch_outside(facts.policy.mode)),
        (ApprovalPolicy::Never | ApprovalPolicy::OnRequest | ApprovalPolicy::Granular(_), false, _) => run(facts, within_policy()),
        (ApprovalPolicy::Granular(switches), true, false) if !switches.sandbox_approval => refuse_leaving(facts),
        (ApprovalPolicy::OnRequest | ApprovalPolicy::Granular(_) | ApprovalPolicy::Untrusted, true, true)
        | (ApprovalPolicy::Untrusted, false, true) => run_granted(facts, "patches to these files were allowed for the session"),
        (ApprovalPolicy::OnRequest | ApprovalPolicy::Granular(_) | ApprovalPolicy::Untrusted, true, false) => {
            let files = not_writable(facts, &patch.paths)
                .map(ToString::to_string)
                .collect::<Vec<_>>()
                .join(", ");
            ask_patch(facts, Some(format!("writes outside of the writable roots: {files}")), outside())
        }
        (ApprovalPolicy::Untrusted, false, false) => {
            ask_patch(facts, None, reason(ReasonSource::ApprovalPolicy, "every patch is asked about"))
        }
    }
}

/// A terminal in the sandbox stays in it whatever is typed. One outside was allowed for its command line, not for what is typed later.
fn decide_stdin(facts: &ToolFacts<'_>, session_id: u32, chars: &str, outside_sandbox: bool) -> Verdict {
    let harmless = HARMLESS_INPUT.contains(&chars) || !outside_sandbox || !facts.policy.confined;
    let outside = reason(ReasonSource::Escalation, "the process runs outside of the sandbox");
    match (harmless, facts.approval_policy) {
        (true, _) => run(facts, within_policy()),
        (false, ApprovalPolicy::Never) => refuse(facts, outside, texts::STDIN_UNDER_NEVER),
        (false, ApprovalPolicy::Granular(switches)) if !switches.sandbox_approval => refuse_leaving(facts),
        (false, ApprovalPolicy::OnRequest | ApprovalPolicy::Granular(_) | ApprovalPolicy::Untrusted) => match folder_of(facts.policy) {
            Some(cwd) => {
                let reason = Some(format!("input for session {session_id}, which runs outside of the sandbox"));
                let question = Question::Command {
                    reason,
                    command: quoted(&["write_stdin".to_owned(), chars.to_owned()]),
                    cwd,
                    additional_permissions: None,
                };
                let offers = vec![ApprovalDecision::Accept, ApprovalDecision::Decline, ApprovalDecision::Cancel];
                ask(facts, question, offers, outside)
            }
            None => refuse(facts, outside, texts::STDIN_UNDER_NEVER),
        },
    }
}

fn switched_off(switch: &str) -> Reason {
    reason(ReasonSource::ApprovalPolicy, format!("approval_policy.granular.{switch} is off"))
}

/// Nobody is asked about leaving the sandbox.
fn refuse_leaving(facts: &ToolFacts<'_>) -> Verdict {
    refuse(facts, switched_off("sandbox_approval"), texts::SANDBOX_APPROVAL_OFF)
}

/// A folder to show with the question: the thread's directory if it may be written to, or else what every policy protects.
/// Where the session itself runs is not among the facts.
fn folder_of(policy: &ResolvedPolicy) -> Option<AbsPath> {
    let of = |source: RuleSource| policy.rules.iter().chain(&policy.limits).find(move |rule| rule.source == source);
    let found = of(RuleSource::WorkingDirectory).or_else(|| of(RuleSource::CodexHome));
    found
        .map(|rule| rule.path.clone())
        .or_else(|| policy.writable_roots().next().cloned())
}

fn decide_read(facts: &ToolFacts<'_>, path: &AbsPath) -> Verdict {
    match rights(facts.policy, path) {
        Rights::Read | Rights::Write => run(facts, within_policy()),
        Rights::None => {
            let message = format!("reading {path} is not allowed by the sandbox policy");
            refuse(facts, reason(ReasonSource::SandboxPolicy, "the path may not be read"), message)
        }
    }
}

/// What is there already needs no question, and whether commands may leave the sandbox has no say in what is asked for inside of it.
fn decide_permissions(facts: &ToolFacts<'_>, asked: &PermissionsIntent) -> Verdict {
    let more = || {
        reason(
            ReasonSource::Escalation,
            format!("it asks for more: {}", asked.permissions.summary()),
        )
    };
    match (leaves_policy(facts), facts.approval_policy) {
        (false, _) => run(facts, within_policy()),
        (true, ApprovalPolicy::Never) => refuse(facts, more(), texts::PERMISSIONS_UNDER_NEVER),
        (true, ApprovalPolicy::Granular(switches)) if !switches.request_permissions => {
            refuse(facts, switched_off("request_permissions"), texts::REQUEST_PERMISSIONS_OFF)
        }
        (true, ApprovalPolicy::OnRequest | ApprovalPolicy::Granular(_) | ApprovalPolicy::Untrusted) => {
            ask(facts, Question::Permissions(asked.clone()), every_offer(), more())
        }
    }
}

/// Whether allowing the call means to go beyond the turn's policy.
fn leaves_policy(facts: &ToolFacts<'_>) -> bool {
    match facts.intent {
        ToolIntent::Command(command) => {
            let asks = asks_to_escalate(command.sandbox_permissions);
            facts.policy.confined && (asks || facts.widened.is_some_and(|widened| !widened.is_within(facts.policy)))
        }
        ToolIntent::Patch(patch) => not_writable(facts, &patch.paths).next().is_some(),
        ToolIntent::Permissions(_) => facts.policy.confined && facts.widened.is_none_or(|widened| !widened.is_within(facts.policy)),
        ToolIntent::WriteStdin { .. } | ToolIntent::ReadFile { .. } | ToolIntent::UserInput { .. } | ToolIntent::Plan { .. } => false,
    }
}

/// What the call runs with once the client allowed it. A patch outside of the roots touches the paths it names and no others, so it needs no
/// confinement either.
pub(crate) fn policy_if_allowed(facts: &ToolFacts<'_>) -> ResolvedPolicy {
    if let Some(widened) = facts.widened {
        widened.clone()
    } else if leaves_policy(facts) {
        facts.policy.escalated()
    } else {
        facts.policy.clone()
    }
}

fn not_writable<'a>(facts: &ToolFacts<'a>, paths: &'a [AbsPath]) -> impl Iterator<Item = &'a AbsPath> {
    let policy = facts.policy;
    paths
        .iter()
        .filter(move |path| rights(policy, path) != Rights::Write || is_gits(policy, path))
}

/// A setting of a repository, by its name: patches are looked at before they are written, so where it lies and whether it is there does not
/// matter. A line of a profile for the repository's folder opens it.
fn is_gits(policy: &ResolvedPolicy, path: &AbsPath) -> bool {
    let opens = |git: &AbsPath| {
        let mut rules = policy.rules.iter();
        rules.any(|rule| rule.path == *git && matches!(rule.source, RuleSource::Profile { .. }) && rule.rights == Rights::Write)
    };
    policy.confined && repository_of_setting(path).is_some_and(|git| !opens(&git))
}

/// The script is what the shell in `argv` will run, and all of it is plain and safe.
fn is_safe(command: &CommandIntent) -> bool {
    let [_, flag, script] = command.argv.as_slice() else { return false };
    matches!(flag.as_str(), "-c" | "-lc")
        && *script == command.script
        && plain_commands(script).is_some_and(|commands| commands.iter().all(|argv| is_known_safe(argv)))
}

fn grants_command(grant: &Grant, command: &CommandIntent) -> bool {
    match grant {
        Grant::Command {
            argv,
            cwd,
            sandbox_permissions,
            additional_permissions,
        } => {
            let same = (sandbox_permissions, additional_permissions) == (&command.sandbox_permissions, &command.additional_permissions);
            *argv == command.argv && *cwd == command.cwd && same
        }
        Grant::PatchPaths { .. } => false,
    }
}

/// Every file was allowed before, together or one by one.
fn grants_patch(grants: &[Grant], paths: &[AbsPath]) -> bool {
    let allowed = |path: &AbsPath| {
        grants.iter().any(|grant| match grant {
            Grant::PatchPaths { paths } => paths.contains(path),
            Grant::Command { .. } => false,
        })
    };
    !paths.is_empty() && paths.iter().all(allowed)
}

fn ask_command(facts: &ToolFacts<'_>, command: &CommandIntent, offers: Vec<ApprovalDecision>, why: Reason) -> Verdict {
    let question = Question::Command {
        reason: reason_for(command),
        command: quoted(&command.argv),
        cwd: command.cwd.clone(),
        additional_permissions: command.additional_permissions.clone(),
    };
    ask(facts, question, offers, why)
}

/// Whoever shows only the text of a question shows what is asked for, too.
fn reason_for(command: &CommandIntent) -> Option<String> {
    let justification = command.justification.clone();
    match &command.additional_permissions {
        Some(more) => {
            let more = format!("allows besides, for this command: {}", more.summary());
            Some(justification.map_or_else(|| more.clone(), |why| format!("{why} ({more})")))
        }
        None => justification.filter(|_| asks_to_escalate(command.sandbox_permissions)),
    }
}

fn ask_patch(facts: &ToolFacts<'_>, reason: Option<String>, why: Reason) -> Verdict {
    ask(facts, Question::FileChange { reason }, every_offer(), why)
}

fn ask(facts: &ToolFacts<'_>, question: Question, offers: Vec<ApprovalDecision>, why: Reason) -> Verdict {
    verdict(facts, Action::Ask { question, offers }, why)
}

fn every_offer() -> Vec<ApprovalDecision> {
    vec![
        ApprovalDecision::Accept,
        ApprovalDecision::AcceptForSession,
        ApprovalDecision::Decline,
        ApprovalDecision::Cancel,
    ]
}

fn run(facts: &ToolFacts<'_>, why: Reason) -> Verdict {
    // Within the turn's, or it would have been asked about.
    let policy = facts.widened.unwrap_or(facts.policy).clone();
    verdict(facts, Action::Run { policy }, why)
}

fn run_granted(facts: &ToolFacts<'_>, why: &str) -> Verdict {
    let policy = policy_if_allowed(facts);
    verdict(facts, Action::Run { policy }, reason(ReasonSource::Grant, why))
}

fn refuse(facts: &ToolFacts<'_>, why: Reason, message: impl Into<String>) -> Verdict {
    let message = message.into();
    verdict(facts, Action::Refuse { message }, why)
}

/// Every verdict names the approval policy beside its own reason.
fn verdict(facts: &ToolFacts<'_>, action: Action, why: Reason) -> Verdict {
    let policy = format!("approval policy is {}", facts.approval_policy.as_str());
    let mut reasons = vec![why, reason(ReasonSource::ApprovalPolicy, policy)];
    reasons.sort_by_key(|reason| reason.source);
    Verdict { action, reasons }
}

fn within_policy() -> Reason {
    reason(ReasonSource::SandboxPolicy, "it stays within the turn's sandbox policy")
}

fn danger_reason(danger: &Danger) -> Reason {
    reason(ReasonSource::Danger, format!("rm -f style command: {}", quoted(&danger.argv)))
}

fn reason(source: ReasonSource, rule: impl Into<String>) -> Reason {
    let rule = rule.into();
    Reason { source, rule }
}
