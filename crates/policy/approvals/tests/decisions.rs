//! The decision against its fixtures (one case a file, the comment says why) and against the promises that hold for all facts.

use codex_approvals::{Action, AfterAnswer, ToolFacts, Verdict, after_answer, decide};
use codex_base::AbsPath;
use codex_permissions::additional::{Additional, Places, widen};
use codex_permissions::{PathFacts, ResolvedPolicy, candidate_roots, resolve};
use codex_protocol::additional::{AdditionalFiles, AdditionalPermissions};
use codex_protocol::collaboration::UserInputAnswers;
use codex_protocol::facts::{Capabilities, CommandIntent, Grant, PatchIntent, PermissionsIntent, SandboxPermissions, ToolIntent};
use codex_protocol::questions::{Answer, ApprovalDecision, PermissionGrantScope, PermissionsAnswer, Question};
use codex_protocol::settings::{ApprovalPolicy, FileRules, GranularApprovals, SandboxMode, SandboxPolicy};
use pretty_assertions::assert_eq;
use proptest::prelude::*;
use serde::Deserialize;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    policy: ApprovalPolicy,
    #[serde(default = "workspace_write")]
    sandbox: SandboxMode,
    #[serde(default = "yes")]
    confines: bool,
    command: Option<String>,
    #[serde(default)]
    escalated: bool,
    justification: Option<String>,
    patch: Option<Vec<AbsPath>>,
    stdin: Option<String>,
    #[serde(default)]
    stdin_outside: bool,
    read: Option<AbsPath>,
    #[serde(default)]
    plan: bool,
    /// A question of the model's.
    #[serde(default)]
    asks: bool,
    #[serde(default)]
    plan_mode: bool,
    /// A path that is to be written from now on.
    permission: Option<AbsPath>,
    /// The switches `sandbox_approval` and `request_permissions` of a granular policy, in place of `policy`.
    granular: Option<[bool; 2]>,
    granted_command: Option<String>,
    #[serde(default)]
    granted_escalated: bool,
    granted_cwd: Option<AbsPath>,
    #[serde(default)]
    granted_patches: Vec<Vec<AbsPath>>,
    expect: String,
    /// Sources, strictest first.
    reasons: String,
}

fn workspace_write() -> SandboxMode {
    SandboxMode::WorkspaceWrite
}

fn yes() -> bool {
    true
}

impl Case {
    fn intent(&self) -> ToolIntent {
        if self.asks {
            return ToolIntent::UserInput { questions: vec![] };
        }
        if let Some(path) = &self.permission {
            return ToolIntent::Permissions(permissions(path));
        }
        match (&self.command, &self.patch, &self.stdin, &self.read, self.plan) {
            (Some(script), None, None, None, false) => {
                let mut command = command(script, "/w", self.escalated);
                command.justification.clone_from(&self.justification);
                ToolIntent::Command(command)
            }
            (None, Some(paths), None, None, false) => ToolIntent::Patch(PatchIntent {
                changes: vec![],
                paths: paths.clone(),
            }),
            (None, None, Some(chars), None, false) => ToolIntent::WriteStdin {
                session_id: 7,
                chars: chars.clone(),
                outside_sandbox: self.stdin_outside,
            },
            (None, None, None, Some(path), false) => ToolIntent::ReadFile { path: path.clone() },
            (None, None, None, None, true) => ToolIntent::Plan {
                explanation: None,
                plan: vec![],
            },
            _ => unreachable!("a case has exactly one of command, patch, stdin, read, plan, permission"),
        }
    }

    fn approval_policy(&self) -> ApprovalPolicy {
        let granular = self.granular.map(|[sandbox_approval, request_permissions]| GranularApprovals {
            sandbox_approval,
            rules: true,
            mcp_elicitations: true,
            request_permissions,
            skill_approval: false,
        });
        granular.map_or(self.policy, ApprovalPolicy::Granular)
    }

    fn grants(&self) -> Vec<Grant> {
        let cwd = self.granted_cwd.as_ref().map_or("/w".to_owned(), ToString::to_string);
        let command = self
            .granted_command
            .iter()
            .map(|script| granted(command(script, &cwd, self.granted_escalated)));
        command
            .chain(self.granted_patches.iter().map(|paths| Grant::PatchPaths { paths: paths.clone() }))
            .collect()
    }
}

fn permissions(path: &AbsPath) -> PermissionsIntent {
    PermissionsIntent {
        permissions: AdditionalPermissions {
            file_system: Some(AdditionalFiles {
                write: Some(vec![path.to_string()]),
                ..AdditionalFiles::default()
            }),
            network: None,
        },
        cwd: self::path("/w"),
        reason: Some("why".to_owned()),
    }
}

/// What `policy` becomes with `more`.
fn widened(mode: SandboxMode, more: &PermissionsIntent) -> ResolvedPolicy {
    let sandbox = sandbox(mode);
    let cwd = path("/w");
    let places = Places {
        cwd: &cwd,
        workspace_roots: &[],
        tmpdir: None,
        slash_tmp: None,
    };
    let more = Additional::resolve(&more.permissions, places).expect("exact paths");
    let (sandbox, rules) = widen(&sandbox, &FileRules::default(), &more, "test");
    resolve(&sandbox, &rules, &cwd, &facts(&sandbox))
}

fn path(text: &str) -> AbsPath {
    AbsPath::new(text).expect("test paths are absolute")
}

fn command(script: &str, cwd: &str, escalated: bool) -> CommandIntent {
    CommandIntent {
        argv: ["/bin/bash", "-lc", script].map(str::to_owned).to_vec(),
        script: script.to_owned(),
        cwd: path(cwd),
        sandbox_permissions: if escalated {
            SandboxPermissions::RequireEscalated
        } else {
            SandboxPermissions::UseDefault
        },
        additional_permissions: None,
        justification: None,
        prefix_rule: None,
    }
}

fn granted(command: CommandIntent) -> Grant {
    Grant::Command {
        argv: command.argv,
        cwd: command.cwd,
        sandbox_permissions: command.sandbox_permissions,
        additional_permissions: None,
    }
}

/// A thread in `/w`, with `/tmp`, and the program's folder in `/home/.codex`.
fn policy(mode: SandboxMode) -> ResolvedPolicy {
    let sandbox = sandbox(mode);
    resolve(&sandbox, &FileRules::default(), &path("/w"), &facts(&sandbox))
}

fn sandbox(mode: SandboxMode) -> SandboxPolicy {
    match mode {
        SandboxMode::ReadOnly => SandboxPolicy::read_only(),
        SandboxMode::WorkspaceWrite => SandboxPolicy::workspace_write(),
        SandboxMode::DangerFullAccess => SandboxPolicy::DangerFullAccess,
        SandboxMode::ExternalSandbox => SandboxPolicy::ExternalSandbox {
            network_access: codex_protocol::settings::NetworkAccess::Restricted,
        },
    }
}

fn facts(sandbox: &SandboxPolicy) -> PathFacts {
    let slash_tmp = Some(path("/tmp"));
    let roots = candidate_roots(sandbox, &path("/w"), None, slash_tmp.as_ref());
    let existing_roots = roots.into_iter().map(|root| (root.clone(), root)).collect();
    PathFacts {
        slash_tmp,
        existing_roots,
        ..PathFacts::unknown(path("/home/.codex"))
    }
}

fn capabilities(confines: bool) -> Capabilities {
    let missing = if confines { vec![] } else { vec!["user namespaces".to_owned()] };
    Capabilities {
        mechanism: if confines { "linux-namespaces" } else { "none" }.to_owned(),
        confines,
        missing,
        rungs: vec![],
    }
}

fn shown(verdict: &Verdict) -> String {
    match &verdict.action {
        Action::Run { policy } if !policy.confined => "run unconfined".to_owned(),
        Action::Run { policy } => format!("run {}", policy.mode.as_str()),
        Action::Refuse { message } => format!("refuse {message}"),
        Action::Ask { question, offers } => {
            let offers: Vec<_> = offers.iter().map(|offer| offer_name(*offer)).collect();
            format!("ask {}: {}", shown_question(question), offers.join(" "))
        }
    }
}

fn shown_question(question: &Question) -> String {
    let why = |reason: &Option<String>| reason.clone().unwrap_or_else(|| "no reason".to_owned());
    match question {
        Question::Command { reason, command, cwd, .. } => format!("({}) {command} in {cwd}", why(reason)),
        Question::FileChange { reason } => format!("patch ({})", why(reason)),
        Question::UserInput { questions } => format!("{} questions", questions.len()),
        Question::Permissions(asked) => format!("({}) {}", why(&asked.reason), asked.permissions.summary()),
    }
}

fn offer_name(offer: ApprovalDecision) -> &'static str {
    match offer {
        ApprovalDecision::Accept => "accept",
        ApprovalDecision::AcceptForSession => "acceptForSession",
        ApprovalDecision::Decline => "decline",
        ApprovalDecision::Cancel => "cancel",
    }
}

#[test]
fn decide_matches_every_fixture() {
    let mut cases = 0;
    for entry in std::fs::read_dir("fixtures/decide").unwrap() {
        let file = entry.unwrap().path();
        let case: Case =
            toml::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap_or_else(|error| panic!("{}: {error}", file.display()));

        let (intent, turns, grants, capabilities) = (case.intent(), policy(case.sandbox), case.grants(), capabilities(case.confines));
        let policy = if case.plan_mode { turns.read_only() } else { turns };
        let widened = match &intent {
            ToolIntent::Permissions(asked) => Some(widened(case.sandbox, asked)),
            _ => None,
        };
        let facts = ToolFacts {
            intent: &intent,
            approval_policy: case.approval_policy(),
            policy: &policy,
            grants: &grants,
            widened: widened.as_ref(),
            plan_mode: case.plan_mode,
            capabilities: &capabilities,
        };
        let verdict = decide(&facts);

        let reasons: Vec<_> = verdict.reasons.iter().map(|reason| reason.source.as_str()).collect();
        assert_eq!(
            (shown(&verdict), reasons.join(", ")),
            (case.expect, case.reasons),
            "{}",
            file.display()
        );
        cases += 1;
    }
    assert!(cases > 40, "the fixtures were not found");
}

/// Asks about `intent` under on-request and answers.
fn answered(intent: &ToolIntent, approval_policy: ApprovalPolicy, answer: ApprovalDecision) -> AfterAnswer {
    answered_with(intent, approval_policy, Answer::Decision(answer))
}

fn answered_with(intent: &ToolIntent, approval_policy: ApprovalPolicy, answer: Answer) -> AfterAnswer {
    let (policy, capabilities) = (policy(SandboxMode::WorkspaceWrite), capabilities(true));
    after_answer(
        &ToolFacts {
            intent,
            approval_policy,
            policy: &policy,
            grants: &[],
            widened: None,
            plan_mode: false,
            capabilities: &capabilities,
        },
        answer,
    )
}

#[test]
fn an_answer_runs_with_what_was_asked_for_and_no_more() {
    let escalated = ToolIntent::Command(command("npm install", "/w", true));
    let ordinary = ToolIntent::Command(command("cargo test", "/w", false));
    let outside = ToolIntent::Patch(PatchIntent {
        changes: vec![],
        paths: vec![path("/etc/hosts")],
    });
    let inside = ToolIntent::Patch(PatchIntent {
        changes: vec![],
        paths: vec![path("/w/a")],
    });
    let run = |policy: ResolvedPolicy, grant: Option<Grant>| AfterAnswer::Run { policy, grant };
    let turn = || policy(SandboxMode::WorkspaceWrite);
    use ApprovalDecision::{Accept, AcceptForSession};
    use ApprovalPolicy::{OnRequest, Untrusted};

    assert_eq!(answered(&escalated, OnRequest, Accept), run(ResolvedPolicy::unconfined(), None));
    let escalated_grant = granted(command("npm install", "/w", true));
    assert_eq!(
        answered(&escalated, OnRequest, AcceptForSession),
        run(ResolvedPolicy::unconfined(), Some(escalated_grant))
    );
    assert_eq!(answered(&ordinary, Untrusted, Accept), run(turn(), None));
    assert_eq!(
        answered(&ordinary, Untrusted, AcceptForSession),
        run(turn(), Some(granted(command("cargo test", "/w", false))))
    );
    assert_eq!(answered(&outside, OnRequest, Accept), run(ResolvedPolicy::unconfined(), None));
    assert_eq!(
        answered(&inside, Untrusted, AcceptForSession),
        run(turn(), Some(Grant::PatchPaths { paths: vec![path("/w/a")] }))
    );
}

#[test]
fn decline_and_cancel_run_nothing_and_an_old_question_is_judged_again() {
    let escalated = ToolIntent::Command(command("npm install", "/w", true));
    let rejected = || "rejected by user".to_owned();

    let decline = answered(&escalated, ApprovalPolicy::OnRequest, ApprovalDecision::Decline);
    assert_eq!(decline, AfterAnswer::Decline { message: rejected() });
    let cancel = answered(&escalated, ApprovalPolicy::OnRequest, ApprovalDecision::Cancel);
    assert_eq!(cancel, AfterAnswer::Cancel { message: rejected() });
    let too_late = answered(&escalated, ApprovalPolicy::Never, ApprovalDecision::Accept);
    assert!(matches!(too_late, AfterAnswer::Decline { message } if message.starts_with("approval policy is Never")));
}

#[test]
fn permissions_are_granted_by_their_own_answer_or_by_whoever_judges_in_the_users_place() {
    let asked = permissions(&path("/srv"));
    let intent = ToolIntent::Permissions(asked.clone());
    let answer = |permissions: &AdditionalPermissions, strict_auto_review| PermissionsAnswer {
        permissions: permissions.clone(),
        scope: PermissionGrantScope::Turn,
        strict_auto_review,
    };
    let answered_by = |intent: &ToolIntent, policy, answer: &PermissionsAnswer| {
        let outcome = answered_with(intent, policy, Answer::Permissions(answer.clone()));
        match outcome {
            AfterAnswer::Grant { answer } => Ok(answer),
            AfterAnswer::Decline { message } => Err(message),
            other => panic!("{other:?}"),
        }
    };
    let (all, nothing) = (answer(&asked.permissions, None), answer(&AdditionalPermissions::default(), None));

    for given in [&all, &nothing] {
        assert_eq!(answered_by(&intent, ApprovalPolicy::OnRequest, given).as_ref(), Ok(given));
    }
    let judged = answered(&intent, ApprovalPolicy::OnRequest, ApprovalDecision::Accept);
    assert_eq!(judged, AfterAnswer::Grant { answer: all.clone() });
    let refused = |policy, answer: &PermissionsAnswer| answered_by(&intent, policy, answer).unwrap_err();
    assert!(refused(ApprovalPolicy::Never, &all).contains("approval policy is Never"));
    assert!(refused(ApprovalPolicy::OnRequest, &answer(&asked.permissions, Some(true))).contains("strictAutoReview"));
    let command = ToolIntent::Command(command("npm install", "/w", true));
    let other = answered_by(&command, ApprovalPolicy::OnRequest, &all).unwrap_err();
    assert_eq!(other, "rejected: the answer was to another kind of question");
}

fn scripts() -> impl Strategy<Value = String> {
    prop_oneof![Just("ls"), Just("cargo test"), Just("rm -rf x"), Just("echo $(rm -f x)"), Just("")].prop_map(str::to_owned)
}

fn paths() -> impl Strategy<Value = AbsPath> {
    prop_oneof![
        Just("/w/a"),
        Just("/w/.git/config"),
        Just("/etc/x"),
        Just("/tmp/b"),
        Just("/home/.codex/x")
    ]
    .prop_map(path)
}

fn commands() -> impl Strategy<Value = CommandIntent> {
    (scripts(), prop_oneof![Just("/w"), Just("/x")], any::<bool>()).prop_map(|(script, cwd, escalated)| command(&script, cwd, escalated))
}

#[test]
fn answers_to_the_models_questions_are_passed_on_and_nothing_else() {
    let intent = ToolIntent::UserInput { questions: vec![] };
    let answers: UserInputAnswers = serde_json::from_str(r#"{"answers":{"q":{"answers":["a"]}}}"#).unwrap();

    let answered = |answer| answered_with(&intent, ApprovalPolicy::Never, answer);
    assert_eq!(
        answered(Answer::UserInput(answers.clone())),
        AfterAnswer::Reply { answers: answers.clone() }
    );
    let declined = |after| matches!(after, AfterAnswer::Decline { .. });
    assert!(declined(answered(Answer::Decision(ApprovalDecision::Accept))));
    let command = ToolIntent::Command(command("rm -rf x", "/w", false));
    assert!(declined(answered_with(
        &command,
        ApprovalPolicy::OnRequest,
        Answer::UserInput(answers)
    )));
}

fn intents() -> impl Strategy<Value = ToolIntent> {
    prop_oneof![
        commands().prop_map(ToolIntent::Command),
        prop::collection::vec(paths(), 0..3).prop_map(|paths| ToolIntent::Patch(PatchIntent { changes: vec![], paths })),
        (".{0,2}", any::<bool>()).prop_map(|(chars, outside_sandbox)| ToolIntent::WriteStdin {
            session_id: 1,
            chars,
            outside_sandbox
        }),
        paths().prop_map(|path| ToolIntent::ReadFile { path }),
        paths().prop_map(|path| ToolIntent::Permissions(permissions(&path))),
        Just(ToolIntent::Plan {
            explanation: None,
            plan: vec![]
        }),
    ]
}

fn grants() -> impl Strategy<Value = Vec<Grant>> {
    let grant = prop_oneof![
        commands().prop_map(granted),
        prop::collection::vec(paths(), 0..3).prop_map(|paths| Grant::PatchPaths { paths }),
    ];
    prop::collection::vec(grant, 0..4)
}

fn policies() -> impl Strategy<Value = ApprovalPolicy> {
    prop_oneof![
        Just(ApprovalPolicy::Never),
        Just(ApprovalPolicy::OnRequest),
        Just(ApprovalPolicy::Untrusted),
        any::<bool>().prop_map(|sandbox_approval| ApprovalPolicy::Granular(GranularApprovals {
            sandbox_approval,
            rules: true,
            mcp_elicitations: true,
            request_permissions: false,
            skill_approval: false,
        }))
    ]
}

fn modes() -> impl Strategy<Value = SandboxMode> {
    prop_oneof![
        Just(SandboxMode::ReadOnly),
        Just(SandboxMode::WorkspaceWrite),
        Just(SandboxMode::DangerFullAccess)
    ]
}

fn is_escalated(intent: &ToolIntent) -> bool {
    matches!(
        intent,
        ToolIntent::Command(CommandIntent {
            sandbox_permissions: SandboxPermissions::RequireEscalated,
            ..
        }) | ToolIntent::Patch(_)
    )
}

proptest! {
    #[test]
    fn a_verdict_is_never_wider_than_its_facts(
        intent in intents(), grants in grants(), approval_policy in policies(), mode in modes(), confines in any::<bool>(),
    ) {
        let (policy, capabilities) = (policy(mode), capabilities(confines));
        let facts = ToolFacts { intent: &intent, approval_policy, policy: &policy, grants: &grants, widened: None, plan_mode: false, capabilities: &capabilities };
        let verdict = decide(&facts);

        prop_assert!(!verdict.reasons.is_empty());
        prop_assert!(verdict.reasons.is_sorted_by_key(|reason| reason.source), "strictest first");
        match &verdict.action {
            Action::Ask { offers, .. } => {
                prop_assert!(approval_policy != ApprovalPolicy::Never, "nobody is asked under never");
                prop_assert!(offers.contains(&ApprovalDecision::Accept) && offers.contains(&ApprovalDecision::Cancel));
            }
            Action::Run { policy: runs } => {
                let allowed_before = !grants.is_empty() && is_escalated(&intent) && approval_policy != ApprovalPolicy::Never;
                prop_assert!(runs.is_within(&policy) || allowed_before, "wider than the turn without a grant");
                let command = matches!(intent, ToolIntent::Command(_));
                prop_assert!(!command || confines || !runs.confined, "not enforceable, but run");
            }
            Action::Refuse { message } => prop_assert!(!message.is_empty()),
        }
        for answer in [ApprovalDecision::Accept, ApprovalDecision::AcceptForSession] {
            if let AfterAnswer::Run { policy: runs, .. } = after_answer(&facts, Answer::Decision(answer)) {
                prop_assert!(runs.is_within(&policy) || is_escalated(&intent));
            }
        }
    }

    #[test]
    fn in_plan_mode_nothing_runs_that_could_write(
        intent in intents(), grants in grants(), approval_policy in policies(), mode in modes(), confines in any::<bool>(),
    ) {
        let (policy, capabilities) = (policy(mode).read_only(), capabilities(confines));
        let facts = ToolFacts { intent: &intent, approval_policy, policy: &policy, grants: &grants, widened: None, plan_mode: true, capabilities: &capabilities };
        let input_that_may_write = matches!(&intent, ToolIntent::WriteStdin { outside_sandbox: true, chars, .. } if !["", "\u{3}"].contains(&chars.as_str()));
        let runs = |policy: &ResolvedPolicy| policy.writable_roots().next().is_none() && !matches!(intent, ToolIntent::Patch(_)) && !input_that_may_write;

        if let Action::Run { policy } = decide(&facts).action {
            prop_assert!(runs(&policy), "{intent:?}");
        }
        for answer in [ApprovalDecision::Accept, ApprovalDecision::AcceptForSession] {
            match after_answer(&facts, Answer::Decision(answer)) {
                AfterAnswer::Run { policy, .. } => prop_assert!(runs(&policy), "{intent:?}"),
                AfterAnswer::Grant { .. } => prop_assert!(false, "{intent:?}"),
                AfterAnswer::Reply { .. } | AfterAnswer::Decline { .. } | AfterAnswer::Cancel { .. } => {}
            }
        }
    }

    #[test]
    fn what_was_allowed_for_the_session_is_not_asked_again(intent in intents(), approval_policy in policies(), mode in modes()) {
        let (policy, capabilities) = (policy(mode), capabilities(true));
        let facts = ToolFacts { intent: &intent, approval_policy, policy: &policy, grants: &[], widened: None, plan_mode: false, capabilities: &capabilities };
        let AfterAnswer::Run { policy: ran, grant: Some(grant) } = after_answer(&facts, Answer::Decision(ApprovalDecision::AcceptForSession)) else { return Ok(()) };
        // An empty patch names no file that could be remembered.
        prop_assume!(grant != Grant::PatchPaths { paths: vec![] });

        let again = decide(&ToolFacts { grants: &[grant], ..facts });

        prop_assert_eq!(again.action, Action::Run { policy: ran });
    }
}
