//! Commands of the user: run for real, shown, journaled, and read by the model with its next request.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use codex_protocol::items::{CommandExecutionItem, CommandExecutionSource, CommandExecutionStatus, ThreadItem, TurnStatus};
use codex_protocol::notifications::Notification;
use codex_protocol::requests::{ThreadSettings, ThreadShellCommand, TurnInterrupt, TurnInterruptParams};
use codex_protocol::terminals::ThreadShellCommandParams;
use codex_rpc::CallError;
use codex_testkit::{Answer, Gate, MockModel, events, snapshot_filters};
use pretty_assertions::assert_eq;
use support::{Session, home_for};

async fn run(session: &Session, thread_id: &str, command: &str) {
    let params = ThreadShellCommandParams {
        thread_id: thread_id.to_owned(),
        command: command.to_owned(),
        timeout_ms: None,
    };
    session.client.request::<ThreadShellCommand>(params).await.unwrap();
}

fn command(item: &ThreadItem) -> Option<CommandExecutionItem> {
    match item {
        ThreadItem::CommandExecution(command) if command.source == CommandExecutionSource::UserShell => Some(command.clone()),
        _ => None,
    }
}

async fn until_completed(session: &mut Session) -> CommandExecutionItem {
    session
        .until(|notification| match notification {
            Notification::ItemCompleted(completed) => command(&completed.item),
            _ => None,
        })
        .await
}

fn filters() -> Vec<(&'static str, &'static str)> {
    let mut filters = snapshot_filters();
    filters.push((r"Chunk ID: [0-9a-f]+", "Chunk ID: [CHUNK]"));
    filters.push((r"Wall time: [0-9.]+", "Wall time: [TIME]"));
    filters
}

#[tokio::test]
async fn a_command_runs_streams_is_kept_and_is_read_with_the_next_request() {
    let mock = MockModel::start([Answer::message("I see."), Answer::message("Still.")]);
    let home = home_for(&mock, "");
    let mut session = Session::open(&home).await;
    let thread = session.start(ThreadSettings::default()).await.thread;

    run(&session, &thread.id, "cat a.txt; exit 3").await;
    let item = until_completed(&mut session).await;
    let turn = session.until_turn_ends().await;

    assert_eq!((item.status, item.exit_code), (CommandExecutionStatus::Failed, Some(3)));
    assert_eq!(item.aggregated_output.as_deref(), Some("one\ntwo\n"));
    assert_eq!((turn.status, turn.items.len()), (TurnStatus::Completed, 0));
    let streamed: String = session
        .seen
        .iter()
        .filter_map(|notification| match notification {
            Notification::CommandExecutionOutputDelta(delta) => Some(delta.delta.as_str()),
            _ => None,
        })
        .collect();
    assert_eq!(streamed, "one\ntwo\n");
    assert!(mock.requests().is_empty());
    session.shutdown().await;

    // In another process.
    let mut session = Session::open(&home).await;
    let resumed = session.resume(&thread.id).await;
    assert_eq!(resumed.thread.turns.len(), 1);
    assert_eq!(resumed.thread.turns[0].items.iter().filter_map(command).collect::<Vec<_>>(), [item]);
    session.run_turn(&thread.id, "what is in it?").await;
    session.run_turn(&thread.id, "and now?").await;
    let requests = mock.requests();
    assert!(requests[1].input().starts_with(requests[0].input()));
    let told = requests[0].input()[1]["content"][0]["text"].as_str().unwrap().to_owned();
    insta::with_settings!({ filters => filters() }, {
        insta::assert_snapshot!(told, @r"
        <user_shell_command>
        The user ran this in their own shell, outside of the sandbox, and shows you what came of it.
        $ cat a.txt; exit 3
        Chunk ID: [CHUNK]
        Wall time: [TIME] seconds
        Process exited with code 3
        Original token count: 2
        Output:
        one
        two
        </user_shell_command>
        ");
    });
    session.shutdown().await;
}

#[tokio::test]
async fn an_interrupt_ends_the_command_and_the_model_reads_what_it_had_printed() {
    let mock = MockModel::start([Answer::message("I see.")]);
    let home = home_for(&mock, "");
    let mut session = Session::open(&home).await;
    let thread = session.start(ThreadSettings::default()).await.thread;
    run(&session, &thread.id, "echo begun; sleep 1000").await;
    session
        .until(|notification| matches!(notification, Notification::CommandExecutionOutputDelta(_)).then_some(()))
        .await;

    let params = TurnInterruptParams {
        thread_id: thread.id.clone(),
        turn_id: String::new(),
    };
    session.client.request::<TurnInterrupt>(params).await.unwrap();
    let turn = session.until_turn_ends().await;

    assert_eq!(turn.status, TurnStatus::Interrupted);
    let completed = session.seen.iter().find_map(|notification| match notification {
        Notification::ItemCompleted(completed) => command(&completed.item),
        _ => None,
    });
    assert_eq!(completed.unwrap().status, CommandExecutionStatus::Failed);
    session.run_turn(&thread.id, "go on").await;
    let told = mock.requests()[0].input()[1]["content"][0]["text"].as_str().unwrap().to_owned();
    insta::with_settings!({ filters => filters() }, {
        insta::assert_snapshot!(told, @r"
        <user_shell_command>
        The user ran this in their own shell, outside of the sandbox, and shows you what came of it.
        $ echo begun; sleep 1000
        Chunk ID: [CHUNK]
        Wall time: [TIME] seconds
        Process exited with code 143
        Original token count: 2
        Output:
        begun
        The user stopped it.
        </user_shell_command>
        ");
    });
    session.shutdown().await;
}

#[tokio::test]
async fn a_command_whose_time_is_up_is_killed() {
    let mock = MockModel::start([]);
    let home = home_for(&mock, "");
    let mut session = Session::open(&home).await;
    let thread = session.start(ThreadSettings::default()).await.thread;

    let params = ThreadShellCommandParams {
        thread_id: thread.id.clone(),
        command: "sleep 1000".to_owned(),
        timeout_ms: Some(50),
    };
    session.client.request::<ThreadShellCommand>(params).await.unwrap();
    let item = until_completed(&mut session).await;

    assert_eq!(item.status, CommandExecutionStatus::Failed);
    assert_eq!(session.until_turn_ends().await.status, TurnStatus::Completed);
    session.shutdown().await;
}

#[tokio::test]
async fn a_command_runs_beside_the_model_and_joins_its_turn() {
    let gate = Gate::new();
    let mock = MockModel::start([
        Answer::items([events::exec_command("c1", "true")]).stall_head(&gate),
        Answer::message("I see."),
    ]);
    let home = home_for(&mock, "");
    let mut session = Session::open(&home).await;
    let thread = session.start(ThreadSettings::default()).await.thread;
    let turn = session.turn(&thread.id, "look").await;
    session
        .until(|notification| matches!(notification, Notification::TurnWaiting(_)).then_some(()))
        .await;

    run(&session, &thread.id, "echo meanwhile").await;
    let item = until_completed(&mut session).await;
    gate.open();
    let ended = session.until_turn_ends().await;

    assert_eq!(item.aggregated_output.as_deref(), Some("meanwhile\n"));
    assert_eq!(ended.id, turn.id);
    let requests = mock.requests();
    assert!(requests[1].input().starts_with(requests[0].input()));
    assert!(
        requests[1].input().last().unwrap()["content"][0]["text"]
            .as_str()
            .unwrap()
            .contains("meanwhile")
    );
    session.shutdown().await;
}

#[tokio::test]
async fn an_empty_command_is_refused() {
    let mock = MockModel::start([]);
    let home = home_for(&mock, "");
    let session = Session::open(&home).await;
    let thread = session.start(ThreadSettings::default()).await.thread;

    let params = ThreadShellCommandParams {
        thread_id: thread.id,
        command: " ".to_owned(),
        timeout_ms: None,
    };
    let refused = session.client.request::<ThreadShellCommand>(params).await;

    let Err(CallError::Rejected(error)) = refused else {
        panic!("{refused:?}")
    };
    assert_eq!(error.stable_code(), "shell.empty");
    session.shutdown().await;
}
