//! Questions to the client and what its answers lead to, under each approval policy.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use codex_protocol::items::{CommandExecutionStatus, PatchApplyStatus, ThreadItem, TurnStatus};
use codex_protocol::notifications::Notification;
use codex_protocol::questions::{ApprovalAnswer, ApprovalDecision, ServerRequest};
use codex_protocol::requests::{RequestError, ThreadSettings};
use codex_protocol::settings::{ApprovalPolicy, SandboxMode};
use codex_testkit::{Answer, MockModel, TempHome, events};
use pretty_assertions::assert_eq;
use serde_json::{Value, json};
use support::{Session, home_for};

fn params(approval: ApprovalPolicy, sandbox: SandboxMode) -> ThreadSettings {
    ThreadSettings {
        approval_policy: Some(approval),
        sandbox: Some(sandbox),
        ..Default::default()
    }
}

fn escalated(call_id: &str, cmd: &str) -> Value {
    let arguments = json!({"cmd": cmd, "sandbox_permissions": "require_escalated", "justification": "it needs the network"});
    events::function_call(call_id, "exec_command", &arguments)
}

/// One call that is asked for, answered with `decision`; gives the asked request, the item's end and the model's view of it.
async fn answered(
    call: Value,
    decision: ApprovalDecision,
    setup: ThreadSettings,
) -> (TempHome, ServerRequest, ThreadItem, TurnStatus, Option<Value>) {
    let call_id = call["call_id"].as_str().unwrap().to_owned();
    let mock = MockModel::start([Answer::items([call]), Answer::message("done")]);
    let home = home_for(&mock, "");
    let mut session = Session::open(&home).await;
    let thread = session.start(setup).await.thread;
    session.turn(&thread.id, "go").await;
    let (id, request) = session.until_question().await;
    session.client.respond(id, &ApprovalAnswer { decision }).await.unwrap();
    let item = session.until(completed).await;
    let status = session.until_turn_ends().await.status;
    let output = mock.requests().get(1).and_then(|request| request.output_of(&call_id).cloned());
    (home, request, item, status, output)
}

fn completed(notification: &Notification) -> Option<ThreadItem> {
    match notification {
        Notification::ItemCompleted(completed) if !matches!(completed.item, ThreadItem::UserMessage { .. }) => Some(completed.item.clone()),
        _ => None,
    }
}

fn status(item: &ThreadItem) -> Option<CommandExecutionStatus> {
    match item {
        ThreadItem::CommandExecution(command) => Some(command.status),
        _ => None,
    }
}

#[tokio::test]
async fn an_escalated_command_runs_after_accept() {
    let setup = params(ApprovalPolicy::OnRequest, SandboxMode::ReadOnly);
    let (home, request, item, turn, output) = answered(escalated("c1", "echo ran > ran"), ApprovalDecision::Accept, setup).await;

    let ServerRequest::CommandExecutionApproval(asked) = request else {
        panic!("{request:?}")
    };
    assert_eq!(asked.reason.as_deref(), Some("it needs the network"));
    assert_eq!(asked.item_id, "c1");
    assert_eq!(status(&item), Some(CommandExecutionStatus::Completed));
    assert_eq!(turn, TurnStatus::Completed);
    assert_eq!(home.read("ran"), "ran\n");
    assert!(output.unwrap().as_str().unwrap().contains("exited with code 0"));
}

#[tokio::test]
async fn a_declined_command_does_not_run_and_the_turn_goes_on() {
    let setup = params(ApprovalPolicy::OnRequest, SandboxMode::ReadOnly);
    let (home, _, item, turn, output) = answered(escalated("c1", "echo ran > ran"), ApprovalDecision::Decline, setup).await;

    assert_eq!(status(&item), Some(CommandExecutionStatus::Declined));
    assert_eq!(turn, TurnStatus::Completed);
    assert_eq!(output, Some(json!("rejected by user")));
    assert!(!home.workspace().join("ran").exists());
}

#[tokio::test]
async fn a_cancelled_command_ends_the_turn() {
    let setup = params(ApprovalPolicy::OnRequest, SandboxMode::ReadOnly);
    let (home, _, item, turn, output) = answered(escalated("c1", "echo ran > ran"), ApprovalDecision::Cancel, setup).await;

    assert_eq!(status(&item), Some(CommandExecutionStatus::Declined));
    assert_eq!(turn, TurnStatus::Interrupted);
    assert_eq!(output, None, "there is no second request");
    assert!(!home.workspace().join("ran").exists());
}

#[tokio::test]
async fn an_accept_for_the_session_is_not_asked_again() {
    let call = |id: &str| escalated(id, "echo ran >> ran");
    let mock = MockModel::start([Answer::items([call("c1")]), Answer::items([call("c2")]), Answer::message("done")]);
    let home = home_for(&mock, "");
    let mut session = Session::open(&home).await;
    let thread = session.start(params(ApprovalPolicy::OnRequest, SandboxMode::ReadOnly)).await.thread;
    session.turn(&thread.id, "go").await;

    let (id, _) = session.until_question().await;
    session
        .client
        .respond(
            id,
            &ApprovalAnswer {
                decision: ApprovalDecision::AcceptForSession,
            },
        )
        .await
        .unwrap();
    let turn = session.until_turn_ends().await;

    assert_eq!(turn.status, TurnStatus::Completed);
    assert_eq!(home.read("ran"), "ran\nran\n");
}

#[tokio::test]
async fn under_untrusted_a_harmless_command_runs_and_any_other_is_asked_for() {
    let mock = MockModel::start([
        Answer::items([events::exec_command("c1", "cat a.txt")]),
        Answer::items([events::exec_command("c2", "touch made")]),
        Answer::message("done"),
    ]);
    let home = home_for(&mock, "");
    let mut session = Session::open(&home).await;
    let thread = session
        .start(params(ApprovalPolicy::Untrusted, SandboxMode::WorkspaceWrite))
        .await
        .thread;
    session.turn(&thread.id, "go").await;

    let (id, request) = session.until_question().await;
    assert_eq!(request.item_id(), "c2");
    session
        .client
        .respond(
            id,
            &ApprovalAnswer {
                decision: ApprovalDecision::Accept,
            },
        )
        .await
        .unwrap();

    assert_eq!(session.until_turn_ends().await.status, TurnStatus::Completed);
    assert!(home.workspace().join("made").exists());
}

#[tokio::test]
async fn a_patch_outside_the_roots_is_asked_for_and_written_after_accept_only() {
    for (decision, written, expect) in [
        (ApprovalDecision::Accept, true, PatchApplyStatus::Completed),
        (ApprovalDecision::Decline, false, PatchApplyStatus::Declined),
        (ApprovalDecision::Cancel, false, PatchApplyStatus::Declined),
    ] {
        let mock = MockModel::start_with({
            let mut patch = None;
            move |number, request| {
                // The patch names the home, which the request tells through its environment block.
                let home = patch.get_or_insert_with(|| home_of(&request.json)).clone();
                let text = format!("*** Begin Patch\n*** Add File: {home}/outside.txt\n+x\n*** End Patch\n");
                if number == 1 {
                    Answer::items([events::apply_patch("p1", &text)])
                } else {
                    Answer::message("done")
                }
            }
        });
        let home = TempHome::outside_temp();
        home.make_repository(&[("a.txt", "one\n")]);
        home.use_model(&mock, "");
        let mut session = Session::open(&home).await;
        let thread = session
            .start(params(ApprovalPolicy::OnRequest, SandboxMode::WorkspaceWrite))
            .await
            .thread;
        session.turn(&thread.id, "go").await;

        let (id, request) = session.until_question().await;
        assert!(matches!(request, ServerRequest::FileChangeApproval(_)), "{request:?}");
        session.client.respond(id, &ApprovalAnswer { decision }).await.unwrap();
        let item = session.until(completed).await;
        session.until_turn_ends().await;

        let ThreadItem::FileChange { status, .. } = item else {
            panic!("{item:?}")
        };
        assert_eq!(status, expect, "{decision:?}");
        assert_eq!(home.home().join("outside.txt").exists(), written, "{decision:?}");
    }
}

/// The sibling `home` of the working directory that the request names.
fn home_of(body: &Value) -> String {
    let text = body["input"].to_string();
    let start = text.find("<cwd>").unwrap() + "<cwd>".len();
    let end = start + text[start..].find("</cwd>").unwrap();
    text[start..end].strip_suffix("/work").unwrap().to_owned() + "/home"
}

#[tokio::test]
async fn under_never_nothing_is_asked_and_the_model_reads_why() {
    let mock = MockModel::start([Answer::items([escalated("c1", "echo ran > ran")]), Answer::message("done")]);
    let home = home_for(&mock, "");
    let mut session = Session::open(&home).await;
    let thread = session
        .start(params(ApprovalPolicy::Never, SandboxMode::WorkspaceWrite))
        .await
        .thread;

    session.run_turn(&thread.id, "go").await;

    assert!(
        mock.requests()[1]
            .output_of("c1")
            .unwrap()
            .as_str()
            .unwrap()
            .contains("approval policy is Never")
    );
    assert!(!home.workspace().join("ran").exists());
}

#[tokio::test]
async fn an_error_as_answer_does_not_run_the_command() {
    let mock = MockModel::start([Answer::items([escalated("c1", "echo ran > ran")]), Answer::message("done")]);
    let home = home_for(&mock, "");
    let mut session = Session::open(&home).await;
    let thread = session.start(params(ApprovalPolicy::OnRequest, SandboxMode::ReadOnly)).await.thread;
    session.turn(&thread.id, "go").await;

    let (id, _) = session.until_question().await;
    session
        .client
        .respond_error(id, RequestError::internal("test", "no user here"))
        .await
        .unwrap();

    assert_eq!(session.until_turn_ends().await.status, TurnStatus::Completed);
    assert!(
        mock.requests()[1]
            .output_of("c1")
            .unwrap()
            .as_str()
            .unwrap()
            .contains("no user here")
    );
    assert!(!home.workspace().join("ran").exists());
}

#[tokio::test]
async fn a_second_subscriber_is_asked_too_and_told_when_it_is_answered() {
    let mock = MockModel::start([Answer::items([escalated("c1", "echo ran > ran")]), Answer::message("done")]);
    let home = home_for(&mock, "");
    let mut session = Session::open(&home).await;
    let thread = session.start(params(ApprovalPolicy::OnRequest, SandboxMode::ReadOnly)).await.thread;
    session.turn(&thread.id, "go").await;
    let (id, _) = session.until_question().await;

    let (client, events) = session.server.connect_in_process(codex_rpc::Wire::Serialised);
    let client_info = codex_protocol::requests::ClientInfo {
        name: "second".into(),
        title: None,
        version: "1".into(),
    };
    client
        .request::<codex_protocol::requests::Initialize>(codex_protocol::requests::InitializeParams {
            client_info,
            capabilities: None,
        })
        .await
        .unwrap();
    let mut second = Session {
        client,
        events,
        server: session.server.clone(),
        seen: Vec::new(),
        policies: std::sync::Arc::default(),
    };
    second.resume(&thread.id).await;
    let (again, _) = second.until_question().await;
    assert_eq!(again, id);
    second
        .client
        .respond(
            again,
            &ApprovalAnswer {
                decision: ApprovalDecision::Accept,
            },
        )
        .await
        .unwrap();
    session
        .client
        .respond(
            id.clone(),
            &ApprovalAnswer {
                decision: ApprovalDecision::Decline,
            },
        )
        .await
        .unwrap();

    let resolved = |n: &Notification| match n {
        Notification::ServerRequestResolved(resolved) => Some(resolved.request_id.clone()),
        _ => None,
    };
    assert_eq!(session.until(resolved).await, id);
    assert_eq!(session.until_turn_ends().await.status, TurnStatus::Completed);
    assert_eq!(home.read("ran"), "ran\n", "the first answer won");
}

#[tokio::test]
async fn a_patch_that_was_accepted_for_the_session_is_not_asked_about_again() {
    let mock = MockModel::start_with(|number, request| {
        let file = home_of(&request.json) + "/outside.txt";
        let patch = match number {
            1 => format!("*** Begin Patch\n*** Add File: {file}\n+one\n*** End Patch\n"),
            2 => format!("*** Begin Patch\n*** Update File: {file}\n@@\n-one\n+two\n*** End Patch\n"),
            _ => return Answer::message("done"),
        };
        Answer::items([events::apply_patch(&format!("p{number}"), &patch)])
    });
    let home = TempHome::outside_temp();
    home.make_repository(&[("a.txt", "one\n")]);
    home.use_model(&mock, "");
    let mut session = Session::open(&home).await;
    let thread = session
        .start(params(ApprovalPolicy::OnRequest, SandboxMode::WorkspaceWrite))
        .await
        .thread;
    session.turn(&thread.id, "go").await;

    let (id, _) = session.until_question().await;
    let decision = ApprovalDecision::AcceptForSession;
    session.client.respond(id, &ApprovalAnswer { decision }).await.unwrap();

    assert_eq!(session.until_turn_ends().await.status, TurnStatus::Completed);
    assert_eq!(std::fs::read_to_string(home.home().join("outside.txt")).unwrap(), "two\n");
}
