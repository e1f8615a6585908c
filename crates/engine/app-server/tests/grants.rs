//! What a model asks for with `request_permissions`, and what follows from the answers.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use codex_base::AbsPath;
use codex_permissions::{Rights, rights};
use codex_protocol::additional::AdditionalPermissions;
use codex_protocol::items::{Thread, TurnStatus};
use codex_protocol::questions::{ApprovalAnswer, ApprovalDecision, PermissionGrantScope, PermissionsAnswer, ServerRequest};
use codex_protocol::requests::{ThreadSettings, TurnStart, TurnStartParams};
use codex_protocol::settings::{ApprovalPolicy, ApprovalsReviewer, GranularApprovals, SandboxMode, SandboxPolicy};
use codex_testkit::{Answer, MockModel, TempHome, events};
use pretty_assertions::assert_eq;
use serde_json::{Value, json};
use support::{Session, home_for, text_input};

const OFFERED: &str = "[features]\nrequest_permissions_tool = true\nexec_permission_approvals = true\n";

fn ask(id: &str, permissions: &Value) -> Answer {
    let arguments = json!({"permissions": permissions, "reason": "May it publish?"});
    Answer::items([events::function_call(id, "request_permissions", &arguments)])
}

fn run(id: &str) -> Answer {
    Answer::items([events::function_call(id, "exec_command", &json!({"cmd": "echo ran >> ran"}))])
}

/// To write `../out`, and the network.
fn out_and_network() -> Value {
    json!({"file_system": {"write": ["../out"]}, "network": {"enabled": true}})
}

fn setup(approval: ApprovalPolicy) -> ThreadSettings {
    ThreadSettings {
        approval_policy: Some(approval),
        sandbox: Some(SandboxMode::ReadOnly),
        ..Default::default()
    }
}

fn granted(permissions: &Value, scope: PermissionGrantScope) -> PermissionsAnswer {
    PermissionsAnswer {
        permissions: serde_json::from_value::<AdditionalPermissions>(permissions.clone()).unwrap(),
        scope,
        strict_auto_review: None,
    }
}

/// A thread whose model gives these answers, under a client that can be asked.
async fn started(answers: Vec<Answer>) -> (MockModel, TempHome, Session, Thread) {
    let mock = MockModel::start(answers);
    let home = home_for(&mock, OFFERED);
    let session = Session::open(&home).await;
    let thread = session.start(setup(ApprovalPolicy::OnRequest)).await.thread;
    (mock, home, session, thread)
}

/// A turn with one question, which is answered so.
async fn answered(session: &mut Session, thread: &Thread, answer: impl serde::Serialize + Sync) -> Value {
    session.turn(&thread.id, "go").await;
    let (id, request) = session.until_question().await;
    assert!(matches!(request, ServerRequest::PermissionsApproval(_)), "{request:?}");
    session.client.respond(id, &answer).await.unwrap();
    assert_eq!(session.until_turn_ends().await.status, TurnStatus::Completed);
    serde_json::to_value(request).unwrap()["params"].take()
}

/// What the commands so far could do: whether there was network, and what to `path`.
fn could(session: &Session, path: &AbsPath) -> Vec<(bool, Rights)> {
    let policies = session.policies_of("ran");
    policies.iter().map(|policy| (policy.network, rights(policy, path))).collect()
}

fn beside(home: &TempHome, name: &str) -> AbsPath {
    AbsPath::new(home.workspace().with_file_name(name)).unwrap()
}

#[tokio::test]
async fn what_is_granted_for_a_turn_counts_for_its_later_commands_and_no_longer() {
    let (mock, home, mut session, thread) = started(vec![
        run("c1"),
        ask("c2", &out_and_network()),
        run("c3"),
        Answer::message("done"),
        run("c4"),
        Answer::message("done"),
    ])
    .await;
    let out = beside(&home, "out");

    let only_files = granted(&json!({"fileSystem": {"write": [out]}}), PermissionGrantScope::Turn);
    let asked = answered(&mut session, &thread, only_files).await;
    session.run_turn(&thread.id, "go on").await;

    let entry = json!({"path": {"type": "path", "path": out}, "access": "write"});
    assert_eq!(
        (&asked["reason"], &asked["cwd"], &asked["itemId"], &asked["permissions"]),
        (
            &json!("May it publish?"),
            &json!(home.workspace()),
            &json!("c2"),
            &json!({"network": {"enabled": true}, "fileSystem": {"write": [out], "entries": [entry]}}),
        )
    );
    let output = mock.requests()[2].output_of("c2").cloned().unwrap();
    let output: Value = serde_json::from_str(output.as_str().unwrap()).unwrap();
    assert_eq!(
        output,
        json!({"permissions": {"network": null, "file_system": {"write": [out]}}, "scope": "turn"})
    );
    let (read, write) = ((false, Rights::Read), (false, Rights::Write));
    assert_eq!(could(&session, &out), [read, write, read]);
    let journal = std::fs::read_to_string(thread.path.unwrap()).unwrap();
    assert_eq!(journal.matches("\"permissions_granted\"").count(), 1);
}

#[tokio::test]
async fn what_is_granted_for_the_session_is_no_more_than_was_asked_for_and_ends_with_another_sandbox() {
    let more = json!({"cmd": "echo ran >> ran", "sandbox_permissions": "with_additional_permissions",
        "additional_permissions": {"file_system": {"write": ["../out/sub"]}}});
    let (mock, home, mut session, thread) = started(vec![
        ask("c1", &json!({"file_system": {"write": ["../out"]}})),
        run("c2"),
        Answer::message("done"),
        Answer::items([events::function_call("c3", "exec_command", &more)]),
        Answer::message("done"),
        run("c4"),
        Answer::message("done"),
    ])
    .await;
    let (out, sub) = (beside(&home, "out"), beside(&home, "out/sub"));

    let everything = json!({"network": {"enabled": true}, "fileSystem": {"entries": [
        {"path": {"type": "special", "value": {"kind": "root"}}, "access": "write"},
        {"path": {"type": "path", "path": sub}, "access": "write"},
    ]}});
    answered(&mut session, &thread, granted(&everything, PermissionGrantScope::Session)).await;
    // It has that already, so it is not asked about.
    session.run_turn(&thread.id, "go on").await;
    let params = TurnStartParams {
        thread_id: thread.id.clone(),
        input: text_input("go on"),
        sandbox_policy: Some(SandboxPolicy::read_only()),
        ..Default::default()
    };
    session.client.request::<TurnStart>(params).await.unwrap();
    session.until_turn_ends().await;

    let (read, write) = ((false, Rights::Read), (false, Rights::Write));
    assert_eq!(could(&session, &sub), [write, write, read]);
    assert_eq!(could(&session, &out), [read, read, read]);
    let told = mock.requests()[3].json["input"].to_string();
    assert!(told.contains(&format!("write only below: {sub}")), "{told}");
}

#[tokio::test]
async fn an_answer_that_grants_nothing_or_is_none_leaves_everything_as_it_was() {
    let nothing = |text: Value| (text.to_string(), true);
    let strict = PermissionsAnswer {
        strict_auto_review: Some(true),
        ..granted(&out_and_network(), PermissionGrantScope::Turn)
    };
    let accept = ApprovalAnswer {
        decision: ApprovalDecision::Accept,
    };
    let no_grant = json!({"permissions": {"network": null, "file_system": null}, "scope": "turn"});
    for (answer, (expect, whole)) in [
        (json!({"permissions": {}}), nothing(no_grant.clone())),
        (json!({"permissions": {"fileSystem": {"write": ["/srv"]}}}), nothing(no_grant)),
        (serde_json::to_value(strict).unwrap(), ("strictAutoReview".to_owned(), false)),
        (
            serde_json::to_value(accept).unwrap(),
            ("the approval request failed: missing field `permissions`".to_owned(), true),
        ),
    ] {
        let (mock, home, mut session, thread) = started(vec![ask("c1", &out_and_network()), run("c2"), Answer::message("done")]).await;

        answered(&mut session, &thread, &answer).await;

        let output = mock.requests()[1].output_of("c1").cloned().unwrap();
        let text = output.as_str().unwrap();
        assert!(if whole { text == expect } else { text.contains(&expect) }, "{answer}: {text}");
        assert_eq!(could(&session, &beside(&home, "out")), [(false, Rights::Read)], "{answer}");
        let journal = std::fs::read_to_string(thread.path.unwrap()).unwrap();
        assert!(!journal.contains("\"permissions_granted\""), "{answer}");
    }
}

#[tokio::test]
async fn where_nobody_may_be_asked_the_model_is_told_why_and_gets_nothing() {
    let granular = |request_permissions| {
        ApprovalPolicy::Granular(GranularApprovals {
            sandbox_approval: true,
            rules: true,
            mcp_elicitations: true,
            request_permissions,
            skill_approval: false,
        })
    };
    let files = json!({"file_system": {"write": ["../out"]}});
    let credentials = json!({"file_system": {"write": ["../out"], "read": ["~/.aws/credentials"]}});
    let protected = json!({"file_system": {"write": ["../out", ".codex/rules"]}});
    let modes = "allowed_sandbox_modes = [\"read-only\"]\n";
    for (config, requirements, approval, wanted, expect) in [
        (OFFERED, "", ApprovalPolicy::Never, &files, "the approval policy is Never"),
        (
            OFFERED,
            "",
            granular(false),
            &files,
            "`approval_policy.granular.request_permissions` is off",
        ),
        (OFFERED, modes, ApprovalPolicy::OnRequest, &files, "etc/requirements.toml:1:1"),
        (OFFERED, "", ApprovalPolicy::OnRequest, &json!({}), "it names nothing"),
        (
            OFFERED,
            "",
            ApprovalPolicy::OnRequest,
            &credentials,
            ".aws/credentials stays closed",
        ),
        (OFFERED, "", ApprovalPolicy::OnRequest, &protected, ".codex/rules stays closed"),
        ("", "", ApprovalPolicy::OnRequest, &files, "unsupported call: request_permissions"),
    ] {
        let mock = MockModel::start([ask("c1", wanted), run("c2"), Answer::message("done")]);
        let home = home_for(&mock, config);
        std::fs::create_dir_all(home.home().join(".aws")).unwrap();
        std::fs::write(home.home().join(".aws/credentials"), "secret").unwrap();
        let folder = home.home().join("etc");
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("requirements.toml"), requirements).unwrap();
        let mut session = Session::open(&home).await;
        let thread = session.start(setup(approval)).await.thread;

        // A question would be waited for.
        session.run_turn(&thread.id, "go").await;

        let requests = mock.requests();
        let output = requests[1].output_of("c1").cloned().unwrap();
        assert!(output.as_str().unwrap().contains(expect), "{output}");
        assert_eq!(could(&session, &beside(&home, "out")), [(false, Rights::Read)], "{expect}");
        let offered = requests[0].json["tools"].to_string().contains("request_permissions");
        assert_eq!(offered, config == OFFERED);
    }
}

#[tokio::test]
async fn the_automatic_reviewer_grants_what_was_asked_for_until_the_turn_ends() {
    let allow = Answer::message(r#"{"outcome": "allow", "risk_level": "low", "rationale": "the user asked to publish"}"#);
    let mock = MockModel::start([
        ask("c1", &out_and_network()),
        allow,
        run("c2"),
        Answer::message("done"),
        run("c3"),
        Answer::message("done"),
    ]);
    let home = home_for(&mock, OFFERED);
    let mut session = Session::open(&home).await;
    let params = ThreadSettings {
        approvals_reviewer: Some(ApprovalsReviewer::AutoReview),
        ..setup(ApprovalPolicy::OnRequest)
    };
    let thread = session.start(params).await.thread;

    session.run_turn(&thread.id, "go").await;
    session.run_turn(&thread.id, "go on").await;

    assert_eq!(
        could(&session, &beside(&home, "out")),
        [(true, Rights::Write), (false, Rights::Read)]
    );
    let question = mock.requests()[1].json["input"].to_string();
    assert!(
        question.contains("requestPermissions") && question.contains("May it publish?"),
        "{question}"
    );
}
