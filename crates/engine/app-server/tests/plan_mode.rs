//! Plan mode over the protocol: what the model is told and may do, its questions, its proposals, and the way out.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use codex_protocol::collaboration::{CollaborationMode, ModeKind, ModeSettings};
use codex_protocol::items::{Thread, ThreadActiveFlag, ThreadItem, ThreadStatus, TurnStatus};
use codex_protocol::notifications::Notification;
use codex_protocol::questions::ServerRequest;
use codex_protocol::requests::{
    CollaborationModeList, Empty, ThreadRead, ThreadReadParams, ThreadSettings, TurnInterrupt, TurnInterruptParams,
};
use codex_protocol::settings::{ApprovalPolicy, SandboxMode};
use codex_testkit::{Answer, MockModel, TempHome, events};
use pretty_assertions::assert_eq;
use serde_json::{Value, json};
use support::{Session, home_for};

const PLAN: &str = "I looked.\n<proposed_plan>\n# Plan\n- mend it\n</proposed_plan>";

fn plan() -> Option<CollaborationMode> {
    mode(ModeKind::Plan)
}

fn mode(mode: ModeKind) -> Option<CollaborationMode> {
    Some(CollaborationMode {
        mode,
        ..CollaborationMode::default()
    })
}

async fn started(answers: Vec<Answer>, more: &str) -> (MockModel, TempHome, Session, Thread) {
    let mock = MockModel::start(answers);
    let home = home_for(&mock, more);
    let session = Session::open(&home).await;
    let params = ThreadSettings {
        approval_policy: Some(ApprovalPolicy::OnRequest),
        sandbox: Some(SandboxMode::DangerFullAccess),
        ..Default::default()
    };
    let thread = session.start(params).await.thread;
    (mock, home, session, thread)
}

fn call(id: &str, name: &str, arguments: &Value) -> Answer {
    Answer::items([events::function_call(id, name, arguments)])
}

fn question(id: &str) -> Answer {
    let options = json!([{"label": "a.txt", "description": "the first"}, {"label": "b.txt", "description": "the second"}]);
    let question = json!({"id": "file", "header": "Where", "question": "Which file?", "options": options});
    call(id, "request_user_input", &json!({"questions": [question]}))
}

/// The texts of messages that begin like this, of the last request.
fn told(mock: &MockModel, begins: &str) -> Vec<String> {
    let requests = mock.requests();
    let input = requests.last().unwrap().json["input"].as_array().unwrap().clone();
    let parts = input.iter().filter_map(|item| item["content"].as_array()).flatten();
    let texts = parts.filter_map(|part| part["text"].as_str());
    texts.filter(|text| text.starts_with(begins)).map(str::to_owned).collect()
}

/// Runs a turn to its end; answers what it is asked.
async fn turn(session: &mut Session, thread: &Thread, mode: Option<CollaborationMode>, answer: Value) -> Vec<Value> {
    session.turn_in(&thread.id, "go", mode).await;
    let mut asked = Vec::new();
    loop {
        match session.next().await {
            codex_rpc::ServerMessage::Request { id, request } => {
                asked.push(serde_json::to_value(&request).unwrap());
                session.client.respond(id, &answer).await.unwrap();
            }
            codex_rpc::ServerMessage::Notification(Notification::TurnCompleted(ended)) => {
                assert_eq!(ended.turn.status, TurnStatus::Completed, "{:?}", ended.turn.error);
                return asked;
            }
            codex_rpc::ServerMessage::Notification(_) => {}
        }
    }
}

fn items(seen: &[Notification]) -> Vec<String> {
    let completed = seen.iter().filter_map(|told| match told {
        Notification::ItemCompleted(told) => Some(&told.item),
        _ => None,
    });
    completed.map(item).collect()
}

fn item(item: &ThreadItem) -> String {
    match item {
        ThreadItem::UserMessage { .. } => "user".to_owned(),
        ThreadItem::AgentMessage { text, .. } => format!("message {text:?}"),
        ThreadItem::Plan { text, .. } => format!("plan {text:?}"),
        other => other.id().to_owned(),
    }
}

#[tokio::test]
async fn plans_are_items_live_and_read_again_and_the_way_out_is_told_once() {
    let (mock, home, mut session, thread) = started(
        vec![
            Answer::message(PLAN),
            Answer::message("more"),
            Answer::message("done"),
            Answer::message("done"),
        ],
        "",
    )
    .await;

    turn(&mut session, &thread, plan(), Value::Null).await;
    let live = items(&session.seen);
    turn(&mut session, &thread, None, Value::Null).await;
    assert_eq!(told(&mock, "<collaboration_mode>").len(), 1, "it sticks, and is told once");
    turn(&mut session, &thread, mode(ModeKind::Default), Value::Null).await;
    turn(&mut session, &thread, None, Value::Null).await;

    assert_eq!(live, ["user", "message \"I looked.\\n\"", "plan \"# Plan\\n- mend it\\n\""]);
    let told = told(&mock, "<collaboration_mode>");
    assert_eq!(told.len(), 2);
    assert!(
        told[0].contains("You are in plan mode") && told[1].contains("Plan mode is over"),
        "{told:?}"
    );
    // The model reads its own words, tags and all.
    let raw = mock.requests()[1].json["input"].to_string();
    assert!(raw.contains("<proposed_plan>"), "{raw}");
    let params = ThreadReadParams {
        thread_id: thread.id.clone(),
        include_turns: true,
    };
    let read = session.client.request::<ThreadRead>(params).await.unwrap().thread;
    assert_eq!(read.turns[0].items.iter().map(item).collect::<Vec<_>>(), live);
    let journal = std::fs::read_to_string(thread.path.unwrap()).unwrap();
    let kinds = [
        r#""collaboration_mode_kind":"plan""#,
        r#""collaboration_mode":{"mode":"plan","settings":{"model":""#,
    ];
    assert_eq!(kinds.map(|kind| journal.matches(kind).count()), [2, 2], "{journal}");
    drop(home);
}

#[tokio::test]
async fn nothing_is_written_in_plan_mode_whatever_is_configured_and_answered() {
    let patch = "*** Begin Patch\n*** Add File: new.txt\n+x\n*** End Patch\n";
    let (mock, home, mut session, thread) = started(
        vec![
            call("c1", "exec_command", &json!({"cmd": "echo looked"})),
            call(
                "c2",
                "exec_command",
                &json!({"cmd": "echo out", "sandbox_permissions": "require_escalated", "justification": "?"}),
            ),
            Answer::items([events::apply_patch("c3", patch)]),
            call("c4", "update_plan", &json!({"plan": [{"step": "a", "status": "pending"}]})),
            Answer::message("planned"),
            call("c5", "exec_command", &json!({"cmd": "echo works"})),
            Answer::message("done"),
        ],
        "",
    )
    .await;

    let asked = turn(&mut session, &thread, plan(), json!({"decision": "acceptForSession"})).await;
    turn(&mut session, &thread, mode(ModeKind::Default), Value::Null).await;

    assert_eq!(asked, [Value::Null; 0]);
    let output = |request: usize, id: &str| mock.requests()[request].output_of(id).cloned().unwrap();
    let rejected = "rejected: nothing is changed in plan mode; put it into the plan, which the user may have carried out";
    assert_eq!(output(2, "c2"), format!("command outside of the sandbox {rejected}"));
    assert_eq!(output(3, "c3"), format!("patch {rejected}"));
    assert_eq!(output(4, "c4"), "update_plan is a checklist tool and is not allowed in Plan mode");
    assert!(!home.workspace().join("new.txt").exists());
    let looked = session.policies_of("echo looked").remove(0);
    assert!(looked.confined && looked.writable_roots().next().is_none(), "{looked:?}");
    assert!(!session.policies_of("echo works").remove(0).confined, "as configured again");
    let permissions = told(&mock, "<permissions instructions>");
    assert!(
        permissions[0].contains("write none") && permissions[0].contains("never request escalation"),
        "{permissions:?}"
    );
    assert!(permissions[1].contains("without a sandbox"), "{permissions:?}");
}

#[tokio::test]
async fn questions_reach_the_client_in_plan_mode_and_the_answers_the_model() {
    let (mock, _home, mut session, thread) = started(
        vec![question("c1"), Answer::message("so"), question("c2"), Answer::message("so")],
        "",
    )
    .await;
    let answers = json!({"answers": {"file": {"answers": ["b.txt", "and a word"]}}});

    let asked = turn(&mut session, &thread, plan(), answers.clone()).await;
    let unasked = turn(&mut session, &thread, mode(ModeKind::Default), Value::Null).await;

    let [request] = &asked[..] else { panic!("{asked:?}") };
    let turn_id = request["params"]["turnId"].clone();
    assert_eq!(
        *request,
        json!({"method": "item/tool/requestUserInput", "params": {
            "threadId": thread.id, "turnId": turn_id, "itemId": "c1", "isBlocking": true, "autoResolutionMs": null,
            "questions": [{"id": "file", "header": "Where", "question": "Which file?", "isOther": true, "isSecret": false, "options": [
                {"label": "a.txt", "description": "the first"}, {"label": "b.txt", "description": "the second"},
            ]}],
        }})
    );
    let output = |request: usize, id: &str| mock.requests()[request].output_of(id).cloned().unwrap();
    let output_json: Value = serde_json::from_str(output(1, "c1").as_str().unwrap()).unwrap();
    assert_eq!(output_json, answers);
    let waits = session.seen.iter().filter_map(|told| match told {
        Notification::ThreadStatusChanged(told) => match &told.status {
            ThreadStatus::Active { active_flags } => active_flags.first().copied(),
            _ => None,
        },
        _ => None,
    });
    assert_eq!(waits.collect::<Vec<_>>(), [ThreadActiveFlag::WaitingOnUserInput]);
    assert_eq!(unasked, [Value::Null; 0]);
    assert_eq!(output(3, "c2"), "request_user_input is unavailable in Default mode");
}

#[tokio::test]
async fn an_interrupt_ends_the_wait_for_an_answer_and_the_next_turn_goes_on() {
    let (mock, _home, mut session, thread) = started(vec![question("c1"), Answer::message("so")], "").await;

    let turn_id = session.turn_in(&thread.id, "go", plan()).await.id;
    let (_, request) = session.until_question().await;
    assert!(matches!(request, ServerRequest::UserInput(_)), "{request:?}");
    let params = TurnInterruptParams {
        thread_id: thread.id.clone(),
        turn_id,
    };
    session.client.request::<TurnInterrupt>(params).await.unwrap();
    assert_eq!(session.until_turn_ends().await.status, TurnStatus::Interrupted);
    session.run_turn(&thread.id, "go on").await;

    assert_eq!(*mock.requests()[1].output_of("c1").unwrap(), "aborted by user before it started");
}

#[tokio::test]
async fn a_resumed_thread_is_in_the_mode_that_it_was_left_in() {
    let (mock, home, mut session, thread) = started(vec![Answer::message(PLAN), Answer::message(PLAN)], "").await;
    turn(&mut session, &thread, plan(), Value::Null).await;
    session.shutdown().await;

    let mut session = Session::open(&home).await;
    let setup = session.resume(&thread.id).await;
    session.run_turn(&thread.id, "once more").await;

    assert_eq!(setup.collaboration_mode.map(|mode| mode.mode), Some(ModeKind::Plan));
    assert_eq!(items(&session.seen).last().unwrap(), "plan \"# Plan\\n- mend it\\n\"");
    assert_eq!(told(&mock, "<collaboration_mode>").len(), 1);
}

#[tokio::test]
async fn settings_of_the_mode_and_of_the_configuration() {
    let more = "plan_mode_reasoning_effort = \"high\"\ninclude_collaboration_mode_instructions = false\n[features]\ndefault_mode_request_user_input = true\n";
    let (mock, _home, mut session, thread) = started(
        vec![Answer::message("a"), Answer::message("b"), question("c1"), Answer::message("c")],
        more,
    )
    .await;
    let own = CollaborationMode {
        mode: ModeKind::Plan,
        settings: ModeSettings {
            model: "another".into(),
            reasoning_effort: Some("low".into()),
            developer_instructions: None,
        },
    };

    turn(&mut session, &thread, plan(), Value::Null).await;
    turn(&mut session, &thread, Some(own), Value::Null).await;
    let asked = turn(&mut session, &thread, mode(ModeKind::Default), json!({"answers": {}})).await;

    let sent = |request: usize| {
        let body = mock.requests()[request].json.clone();
        (body["model"].clone(), body["reasoning"]["effort"].clone())
    };
    assert_eq!(sent(0).1, "high");
    assert_eq!(sent(1), (json!("another"), json!("low")));
    assert_eq!(sent(2).0, "another");
    assert_ne!(sent(2).1, "high");
    assert_eq!(asked.len(), 1, "switched on for the default mode");
    assert_eq!(told(&mock, "<collaboration_mode>"), [""; 0]);
    let listed = session.client.request::<CollaborationModeList>(Empty {}).await.unwrap();
    assert_eq!(
        listed.data.iter().map(|mask| mask.name.as_str()).collect::<Vec<_>>(),
        ["Plan", "Default"]
    );
}
