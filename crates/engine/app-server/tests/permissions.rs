//! What clients are told of permissions, what a call may ask for besides, and sandboxes that are somebody else's.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use codex_base::AbsPath;
use codex_permissions::{Rights, rights};
use codex_protocol::items::{ThreadItem, TurnStatus, UserInput};
use codex_protocol::notifications::Notification;
use codex_protocol::questions::{ApprovalAnswer, ApprovalDecision, ServerRequest};
use codex_protocol::requests::{ThreadSettings, TurnStart, TurnStartParams};
use codex_protocol::settings::{ApprovalPolicy, SandboxMode, SandboxPolicy};
use codex_testkit::{Answer, MockModel, TempHome, events};
use pretty_assertions::assert_eq;
use serde_json::{Value, json};
use support::{Session, home_for};

const OFFERED: &str = "[features]\nexec_permission_approvals = true\n";

/// Asks to write `../out` and for the network.
fn call(id: &str) -> Value {
    let arguments = json!({
        "cmd": "echo ran >> ran",
        "sandbox_permissions": "with_additional_permissions",
        "additional_permissions": {"file_system": {"write": ["../out"]}, "network": {"enabled": true}},
        "justification": "May it publish?",
    });
    events::function_call(id, "exec_command", &arguments)
}

fn setup(approval: ApprovalPolicy) -> ThreadSettings {
    ThreadSettings {
        approval_policy: Some(approval),
        sandbox: Some(SandboxMode::ReadOnly),
        ..Default::default()
    }
}

fn completed(notification: &Notification) -> Option<ThreadItem> {
    match notification {
        Notification::ItemCompleted(completed) if matches!(completed.item, ThreadItem::CommandExecution(_)) => Some(completed.item.clone()),
        _ => None,
    }
}

fn out(home: &TempHome) -> AbsPath {
    AbsPath::new(home.workspace().with_file_name("out")).unwrap()
}

#[tokio::test]
async fn a_call_gets_what_it_asks_for_besides_and_no_more_once_it_is_allowed() {
    let mock = MockModel::start([
        Answer::items([call("c1")]),
        Answer::items([call("c2")]),
        Answer::items([events::function_call("c3", "exec_command", &json!({"cmd": "echo ran >> ran"}))]),
        Answer::message("done"),
    ]);
    let home = home_for(&mock, OFFERED);
    let mut session = Session::open(&home).await;
    let thread = session.start(setup(ApprovalPolicy::OnRequest)).await.thread;
    session.turn(&thread.id, "go").await;

    let (id, request) = session.until_question().await;
    let ServerRequest::CommandExecutionApproval(asked) = request else {
        panic!("{request:?}")
    };
    let answer = ApprovalAnswer {
        decision: ApprovalDecision::AcceptForSession,
    };
    session.client.respond(id, &answer).await.unwrap();
    let ended = session.until_turn_ends().await;

    let out = out(&home);
    assert_eq!(
        asked.reason.unwrap(),
        format!("May it publish? (allows besides, for this command: write {out}, network)")
    );
    assert_eq!(
        serde_json::to_value(asked.additional_permissions).unwrap(),
        json!({
            "fileSystem": {"write": [out], "entries": [{"path": {"type": "path", "path": out}, "access": "write"}]},
            "network": {"enabled": true},
        })
    );
    // The second one is the same, and was allowed for the session; the third has the turn's policy.
    assert_eq!(ended.status, TurnStatus::Completed);
    let policies = session.policies_of("ran");
    let got: Vec<_> = policies
        .iter()
        .map(|policy| (policy.confined, policy.network, rights(policy, &out)))
        .collect();
    let (more, usual) = ((true, true, Rights::Write), (true, false, Rights::Read));
    assert_eq!(got, [more, more, usual]);
    let workspace = AbsPath::new(home.workspace()).unwrap();
    assert_eq!(rights(&policies[0], &workspace), Rights::Read, "nothing that was not asked for");
}

#[tokio::test]
async fn a_call_that_cannot_ask_is_told_why_and_does_not_run() {
    let wrong = |arguments: Value| events::function_call("c1", "exec_command", &arguments);
    let more = json!({"file_system": {"write": ["/srv"]}});
    let asks = "with_additional_permissions";
    let cases = [
        (
            OFFERED,
            ApprovalPolicy::Never,
            call("c1"),
            "approval policy is Never; reject command",
        ),
        ("", ApprovalPolicy::OnRequest, call("c1"), "it is not offered here"),
        (
            OFFERED,
            ApprovalPolicy::OnRequest,
            wrong(json!({"cmd": "echo ran >> ran", "sandbox_permissions": asks})),
            "it is missing",
        ),
        (
            OFFERED,
            ApprovalPolicy::OnRequest,
            wrong(json!({"cmd": "echo ran >> ran", "sandbox_permissions": asks, "additional_permissions": {}})),
            "it names nothing",
        ),
        (
            OFFERED,
            ApprovalPolicy::OnRequest,
            wrong(json!({"cmd": "echo ran >> ran", "additional_permissions": more})),
            "it counts with `sandbox_permissions",
        ),
    ];
    for (config, approval, call, expect) in cases {
        let mock = MockModel::start([Answer::items([call]), Answer::message("done")]);
        let home = home_for(&mock, config);
        let mut session = Session::open(&home).await;
        let thread = session.start(setup(approval)).await.thread;
        session.turn(&thread.id, "go").await;

        let status = session.until_turn_ends().await.status;

        assert_eq!(status, TurnStatus::Completed);
        let output = mock.requests()[1].output_of("c1").cloned().unwrap();
        assert!(output.as_str().unwrap().contains(expect), "{output}");
        assert!(session.policies_of("ran").is_empty(), "{expect}: it ran");
        let offers = mock.requests()[0].json.to_string().contains("with_additional_permissions");
        assert_eq!(offers, config == OFFERED);
    }
}

#[tokio::test]
async fn a_call_that_asks_for_what_it_has_already_is_not_asked_about() {
    let arguments = json!({
        "cmd": "echo ran > ran",
        "sandbox_permissions": "with_additional_permissions",
        "additional_permissions": {"file_system": {"read": ["/etc"]}},
    });
    let call = events::function_call("c1", "exec_command", &arguments);
    let mock = MockModel::start([Answer::items([call]), Answer::message("done")]);
    let home = home_for(&mock, OFFERED);
    let mut session = Session::open(&home).await;
    let thread = session.start(setup(ApprovalPolicy::OnRequest)).await.thread;
    session.turn(&thread.id, "go").await;

    session.until(completed).await;

    assert_eq!(home.read("ran"), "ran\n");
}

#[tokio::test]
async fn a_profile_is_answered_with_the_mode_that_means_it_or_why_none_does() {
    let profile = |lines: &str| {
        format!("default_permissions = \"p\"\n[permissions.p]\nextends = \":workspace\"\n[permissions.p.filesystem]\n{lines}\n")
    };
    for (config, code) in [
        (profile("\"/srv\" = \"write\""), None),
        (profile("\"/srv\" = \"deny\""), Some("permissions.hides")),
        (
            profile("\"/**/*.env\" = \"deny\"\nglob_scan_max_depth = 2"),
            Some("permissions.hides_pattern"),
        ),
        (profile("\":slash_tmp\" = \"read\"\n\"/tmp/x\" = \"write\""), None),
    ] {
        let mock = MockModel::start([]);
        let home = home_for(&mock, &config);
        let session = Session::open(&home).await;

        let setup = session.start(ThreadSettings::default()).await;

        let profile = setup.active_permission_profile.unwrap();
        assert_eq!((profile.id.as_str(), profile.extends.as_deref()), ("p", Some(":workspace")));
        assert_eq!(setup.sandbox_inexact.map(|inexact| inexact.code).as_deref(), code, "{config}");
        let SandboxPolicy::WorkspaceWrite { writable_roots, .. } = setup.sandbox else {
            panic!("{:?}", setup.sandbox)
        };
        if code.is_none() {
            assert_eq!(writable_roots.len(), 1, "{config}");
        }
    }
}

#[tokio::test]
async fn a_sandbox_that_is_somebody_elses_confines_nothing_here_and_is_told_of() {
    let call = events::function_call(
        "c1",
        "exec_command",
        &json!({"cmd": "echo \"off=$CODEX_SANDBOX_NETWORK_DISABLED\" > ran"}),
    );
    let mock = MockModel::start([Answer::items([call]), Answer::message("done")]);
    let home = home_for(&mock, "");
    let mut session = Session::open(&home).await;
    let thread = session.start(setup(ApprovalPolicy::Never)).await.thread;
    let external: SandboxPolicy = serde_json::from_value(json!({"type": "externalSandbox", "networkAccess": "restricted"})).unwrap();
    let params = TurnStartParams {
        thread_id: thread.id.clone(),
        input: vec![UserInput::Text { text: "go".into() }],
        sandbox_policy: Some(external),
        ..Default::default()
    };

    session.client.request::<TurnStart>(params).await.unwrap();
    let status = session.until_turn_ends().await.status;

    assert_eq!(status, TurnStatus::Completed);
    assert_eq!(home.read("ran"), "off=1\n");
    let policies = session.policies_of("ran");
    assert_eq!(
        policies.iter().map(|policy| (policy.confined, policy.network)).collect::<Vec<_>>(),
        [(false, false)]
    );
    assert!(
        mock.requests()[0]
            .json
            .to_string()
            .contains("permission_profile type=\\\"external\\\"")
    );
}

#[tokio::test]
async fn a_sandbox_that_is_somebody_elses_is_not_taken_where_an_administrator_leaves_it_out() {
    let call = events::function_call("c1", "exec_command", &json!({"cmd": "echo ran > ran"}));
    let mock = MockModel::start([Answer::items([call]), Answer::message("done")]);
    let home = home_for(&mock, "");
    let folder = home.home().join("etc");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(
        folder.join("requirements.toml"),
        "allowed_sandbox_modes = [\"read-only\", \"workspace-write\"]\n",
    )
    .unwrap();
    let mut session = Session::open(&home).await;
    let thread = session.start(ThreadSettings::default()).await.thread;
    let external: SandboxPolicy = serde_json::from_value(json!({"type": "externalSandbox", "networkAccess": "enabled"})).unwrap();
    let params = TurnStartParams {
        thread_id: thread.id.clone(),
        input: vec![UserInput::Text { text: "go".into() }],
        sandbox_policy: Some(external),
        ..Default::default()
    };

    session.client.request::<TurnStart>(params).await.unwrap();
    session.until_turn_ends().await;

    let warned = session.seen.iter().find_map(|notification| match notification {
        Notification::Warning(warning) => Some(warning.message.clone()),
        _ => None,
    });
    let requirements = folder.join("requirements.toml");
    assert_eq!(
        warned.unwrap().replace(requirements.to_str().unwrap(), "REQUIREMENTS"),
        "sandbox_mode = \"external-sandbox\" is not allowed by REQUIREMENTS:1:1; \"read-only\" is used instead (allowed: `read-only`, `workspace-write`)"
    );
    let policies = session.policies_of("ran");
    assert_eq!(
        policies.iter().map(|policy| (policy.mode, policy.confined)).collect::<Vec<_>>(),
        [(SandboxMode::ReadOnly, true)]
    );
}

#[tokio::test]
async fn a_call_gets_nothing_besides_that_an_administrator_does_not_let_be_granted() {
    let mock = MockModel::start([Answer::items([call("c1")]), Answer::message("done")]);
    let home = home_for(&mock, OFFERED);
    let folder = home.home().join("etc");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("requirements.toml"), "allowed_sandbox_modes = [\"read-only\"]\n").unwrap();
    let mut session = Session::open(&home).await;
    let thread = session.start(setup(ApprovalPolicy::OnRequest)).await.thread;
    session.turn(&thread.id, "go").await;

    session.until_turn_ends().await;

    let output = mock.requests()[1].output_of("c1").cloned().unwrap();
    let text = output
        .as_str()
        .unwrap()
        .replace(home.home().to_str().unwrap(), "HOME")
        .replace(out(&home).to_str().unwrap(), "OUT");
    assert_eq!(
        text,
        "exec_command failed: additional_permissions cannot be used: additional permissions for OUT = \"write\" is not allowed by HOME/etc/requirements.toml:1:1"
    );
    assert!(session.policies_of("ran").is_empty());
}
