//! The decision: facts about a tool call to a verdict with reasons.
//!
//! Input: [`ToolFacts`], everything looked up before. Output: a [`Verdict`]: run with a certain policy, ask the client, or refuse with a
//! text for the model. Pure: no I/O, no clock, no memory; what was allowed earlier comes in as grants.
//!
//! [`decide`] comes before a call runs, [`after_answer`] after the client's answer. A command that the sandbox stopped is not run again: its
//! result says what stopped it ([`denial()`]), and whoever wants more asks for it with a call of its own.
//! Four things hold whatever the facts are: under `never` nobody is asked for permission; in plan mode nothing runs that could change
//! something, and nobody is asked to let it; what runs has the turn's policy or a narrower one, except
//! a call that asked for more and that the client allowed, which has what it asked for; a policy that this host cannot enforce is not run.

mod decide;
mod denial;
mod host;
mod texts;

pub use decide::decide;
pub use denial::{Asked, Attempt, Refusal, denial, explained, observed, refusal};
pub use host::{shortfall_notice, shortfall_rules, shortfalls};

use codex_permissions::ResolvedPolicy;
use codex_protocol::collaboration::UserInputAnswers;
use codex_protocol::facts::{Capabilities, Grant, PatchIntent, PermissionsIntent, SandboxPermissions, ToolIntent};
use codex_protocol::questions::{Answer, ApprovalDecision, PermissionGrantScope, PermissionsAnswer, Question};
use codex_protocol::settings::ApprovalPolicy;
use decide::policy_if_allowed;

/// What a decision is made from.
#[derive(Debug, Clone, Copy)]
pub struct ToolFacts<'a> {
    pub intent: &'a ToolIntent,
    pub approval_policy: ApprovalPolicy,
    /// The turn's policy.
    pub policy: &'a ResolvedPolicy,
    /// What the client allowed for this session.
    pub grants: &'a [Grant],
    /// What that becomes with the permissions that the call asks for besides, if it asks for some.
    pub widened: Option<&'a ResolvedPolicy>,
    /// The turn is to come to a plan and changes nothing. Its policy is read-only.
    pub plan_mode: bool,
    /// What this host can enforce.
    pub capabilities: &'a Capabilities,
}

/// What happens to a tool call, and every reason that led there, strictest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    pub action: Action,
    pub reasons: Vec<Reason>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    Run {
        policy: ResolvedPolicy,
    },
    Ask {
        question: Question,
        offers: Vec<ApprovalDecision>,
    },
    /// The model is told `message` as the call's output.
    Refuse {
        message: String,
    },
}

/// One fact that mattered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason {
    pub source: ReasonSource,
    /// In words, e.g. `rm -f style command: rm -rf x`.
    pub rule: String,
}

/// Who brought a reason; the order is the order of strength.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ReasonSource {
    /// The host cannot enforce the policy.
    Capabilities,
    /// The turn is in plan mode.
    PlanMode,
    /// The command looks dangerous.
    Danger,
    /// The call asks for more than the turn's policy.
    Escalation,
    /// The approval policy alone.
    ApprovalPolicy,
    /// Nothing but known-safe commands.
    KnownSafe,
    /// The client allowed exactly this before.
    Grant,
    /// The turn's sandbox policy covers it.
    SandboxPolicy,
}

impl ReasonSource {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Capabilities => "capabilities",
            Self::PlanMode => "plan-mode",
            Self::Danger => "danger",
            Self::Escalation => "escalation",
            Self::ApprovalPolicy => "approval-policy",
            Self::KnownSafe => "known-safe",
            Self::Grant => "grant",
            Self::SandboxPolicy => "sandbox-policy",
        }
    }
}

/// What follows from the client's answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AfterAnswer {
    /// `grant` is to be kept for the session.
    Run { policy: ResolvedPolicy, grant: Option<Grant> },
    /// What of it was asked for is in force from now on.
    Grant { answer: PermissionsAnswer },
    /// The answer itself is the call's output.
    Reply { answers: UserInputAnswers },
    /// Not run; the model is told and the turn goes on.
    Decline { message: String },
    /// Not run; the turn is interrupted.
    Cancel { message: String },
}

/// What the client's answer to the question of [`decide`] means.
///
/// The decision is made once more with the same facts: an answer to something that is refused by now (say the approval policy became
/// `never`) is a refusal, and an answer that was never offered runs nothing that the question did not cover.
pub fn after_answer(facts: &ToolFacts<'_>, answer: Answer) -> AfterAnswer {
    if let Action::Refuse { message } = decide(facts).action {
        return AfterAnswer::Decline { message };
    }
    let decline = |message: &str| AfterAnswer::Decline {
        message: message.to_owned(),
    };
    let decision = match (facts.intent, answer) {
        (ToolIntent::Permissions(_), Answer::Permissions(answer)) if answer.strict_auto_review == Some(true) => {
            return decline(texts::NO_STRICT_REVIEW);
        }
        (ToolIntent::Permissions(_), Answer::Permissions(answer)) => return AfterAnswer::Grant { answer },
        (ToolIntent::UserInput { .. }, Answer::UserInput(answers)) => {
            return AfterAnswer::Reply { answers };
        }
        (_, Answer::Permissions(_) | Answer::UserInput(_)) | (ToolIntent::UserInput { .. }, _) => return decline(texts::OTHER_ANSWER),
        (_, Answer::Decision(decision)) => decision,
    };
    let scope = match decision {
        ApprovalDecision::Accept => PermissionGrantScope::Turn,
        ApprovalDecision::AcceptForSession => PermissionGrantScope::Session,
        ApprovalDecision::Decline => return decline(texts::REJECTED_BY_USER),
        ApprovalDecision::Cancel => {
            return AfterAnswer::Cancel {
                message: texts::REJECTED_BY_USER.to_owned(),
            };
        }
    };
    match facts.intent {
        ToolIntent::Permissions(PermissionsIntent { permissions, .. }) => AfterAnswer::Grant {
            answer: PermissionsAnswer {
                permissions: permissions.clone(),
                scope,
                strict_auto_review: None,
            },
        },
        intent => AfterAnswer::Run {
            policy: policy_if_allowed(facts),
            grant: grant_for(intent).filter(|_| scope == PermissionGrantScope::Session),
        },
    }
}

/// What to remember when a client allows this for the session. Input for a terminal has no key: every input is another one.
fn grant_for(intent: &ToolIntent) -> Option<Grant> {
    match intent {
        ToolIntent::Command(command) => Some(Grant::Command {
            argv: command.argv.clone(),
            cwd: command.cwd.clone(),
            sandbox_permissions: command.sandbox_permissions,
            additional_permissions: command.additional_permissions.clone(),
        }),
        ToolIntent::Patch(PatchIntent { paths, changes: _ }) => Some(Grant::PatchPaths { paths: paths.clone() }),
        ToolIntent::WriteStdin { .. }
        | ToolIntent::ReadFile { .. }
        | ToolIntent::Permissions(_)
        | ToolIntent::UserInput { .. }
        | ToolIntent::Plan { .. } => None,
    }
}

/// Whether the call itself asks to run outside of the sandbox.
const fn asks_to_escalate(permissions: SandboxPermissions) -> bool {
    match permissions {
        SandboxPermissions::UseDefault | SandboxPermissions::WithAdditionalPermissions => false,
        SandboxPermissions::RequireEscalated => true,
    }
}
