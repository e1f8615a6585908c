//! Commands that the model left running: listed, ended, and alive after the turn.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use codex_protocol::items::{CommandExecutionItem, CommandExecutionStatus, ThreadItem, TurnStatus};
use codex_protocol::notifications::Notification;
use codex_protocol::requests::{
    BackgroundTerminalsClean, BackgroundTerminalsList, BackgroundTerminalsTerminate, ThreadIdParams, ThreadSettings, TurnInterrupt,
    TurnInterruptParams,
};
use codex_protocol::settings::{ApprovalPolicy, SandboxMode};
use codex_protocol::terminals::{BackgroundTerminal, BackgroundTerminalsListParams, BackgroundTerminalsTerminateParams};
use codex_rpc::CallError;
use codex_testkit::{Answer, Gate, MockModel, events};
use pretty_assertions::assert_eq;
use serde_json::{Value, json};
use support::{Session, home_for};

/// A command that goes on behind its call.
fn left_running(call_id: &str) -> Value {
    events::function_call(
        call_id,
        "exec_command",
        &json!({"cmd": format!("echo {call_id}; sleep 1000"), "yield_time_ms": 250}),
    )
}

async fn list(session: &Session, thread_id: &str, limit: Option<u32>, cursor: Option<&str>) -> (Vec<BackgroundTerminal>, Option<String>) {
    let params = BackgroundTerminalsListParams {
        thread_id: thread_id.to_owned(),
        cursor: cursor.map(str::to_owned),
        limit,
    };
    let result = session.client.request::<BackgroundTerminalsList>(params).await.unwrap();
    (result.data, result.next_cursor)
}

async fn terminate(session: &Session, thread_id: &str, process_id: &str) -> bool {
    let params = BackgroundTerminalsTerminateParams {
        thread_id: thread_id.to_owned(),
        process_id: process_id.to_owned(),
    };
    session
        .client
        .request::<BackgroundTerminalsTerminate>(params)
        .await
        .unwrap()
        .terminated
}

async fn until_ended(session: &mut Session) -> CommandExecutionItem {
    session
        .until(|notification| match notification {
            Notification::ItemCompleted(completed) => match &completed.item {
                ThreadItem::CommandExecution(command) => Some(command.clone()),
                _ => None,
            },
            _ => None,
        })
        .await
}

async fn start(session: &Session) -> String {
    let params = ThreadSettings {
        sandbox: Some(SandboxMode::WorkspaceWrite),
        approval_policy: Some(ApprovalPolicy::Never),
        ..Default::default()
    };
    session.start(params).await.thread.id
}

#[tokio::test]
async fn they_are_listed_and_ended_one_by_one_or_together() {
    let mock = MockModel::start([
        Answer::items([left_running("c1"), left_running("c2"), left_running("c3")]),
        Answer::message("They run."),
    ]);
    let home = home_for(&mock, "");
    let mut session = Session::open(&home).await;
    let thread_id = start(&session).await;
    assert_eq!(list(&session, &thread_id, None, None).await, (vec![], None));
    session.run_turn(&thread_id, "serve").await;

    let (all, end) = list(&session, &thread_id, None, None).await;
    let (first, more) = list(&session, &thread_id, Some(2), None).await;
    let (rest, no_more) = list(&session, &thread_id, Some(2), more.as_deref()).await;

    let mut items: Vec<&str> = all.iter().map(|terminal| terminal.item_id.as_str()).collect();
    items.sort_unstable();
    assert_eq!(items, ["c1", "c2", "c3"]);
    assert_eq!(all[0].command, format!("/bin/sh -lc 'echo {}; sleep 1000'", all[0].item_id));
    assert!(all[0].os_pid.is_some());
    assert_eq!((end, no_more), (None, None));
    assert_eq!([first, rest].concat(), all);

    assert!(terminate(&session, &thread_id, &all[1].process_id).await);
    let ended = until_ended(&mut session).await;
    assert_eq!(
        (ended.id.as_str(), ended.status),
        (all[1].item_id.as_str(), CommandExecutionStatus::Failed)
    );
    assert!(!terminate(&session, &thread_id, "none").await);
    assert_eq!(list(&session, &thread_id, None, None).await.0.len(), 2);

    let params = ThreadIdParams {
        thread_id: thread_id.clone(),
    };
    session.client.request::<BackgroundTerminalsClean>(params).await.unwrap();
    until_ended(&mut session).await;
    until_ended(&mut session).await;
    assert_eq!(list(&session, &thread_id, None, None).await, (vec![], None));
    session.shutdown().await;
}

#[tokio::test]
async fn an_interrupt_and_a_clean_up_leave_what_is_not_theirs() {
    let gate = Gate::new();
    let waited_for = events::function_call("c2", "exec_command", &json!({"cmd": "sleep 1000", "yield_time_ms": 30000}));
    let mock = MockModel::start([
        Answer::items([left_running("c1")]),
        Answer::items([waited_for]),
        Answer::message("late").stall_head(&gate),
    ]);
    let home = home_for(&mock, "");
    let mut session = Session::open(&home).await;
    let thread_id = start(&session).await;
    session.turn(&thread_id, "serve").await;
    session
        .until(|notification| match notification {
            Notification::ItemStarted(started) if started.item.id() == "c2" => Some(()),
            _ => None,
        })
        .await;

    // The one that is waited for is no background terminal.
    let (before, _) = list(&session, &thread_id, None, None).await;
    let params = TurnInterruptParams {
        thread_id: thread_id.clone(),
        turn_id: String::new(),
    };
    session.client.request::<TurnInterrupt>(params).await.unwrap();
    assert_eq!(session.until_turn_ends().await.status, TurnStatus::Interrupted);

    assert_eq!(before.iter().map(|terminal| terminal.item_id.as_str()).collect::<Vec<_>>(), ["c1"]);
    assert_eq!(list(&session, &thread_id, None, None).await.0, before);
    session.shutdown().await;
}

#[tokio::test]
async fn a_bad_cursor_and_a_thread_that_is_not_there_are_refused() {
    let mock = MockModel::start([]);
    let home = home_for(&mock, "");
    let session = Session::open(&home).await;
    let thread_id = start(&session).await;

    for (thread_id, cursor, code) in [(thread_id.as_str(), "x", "request.bad_cursor"), ("none", "0", "thread.not_found")] {
        let params = BackgroundTerminalsListParams {
            thread_id: thread_id.to_owned(),
            cursor: Some(cursor.to_owned()),
            limit: None,
        };
        let refused = session.client.request::<BackgroundTerminalsList>(params).await;
        let Err(CallError::Rejected(error)) = refused else {
            panic!("{refused:?}")
        };
        assert_eq!(error.stable_code(), code);
    }
    session.shutdown().await;
}
