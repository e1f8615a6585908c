//! The whole run against a server that follows a table: what goes out on the wire, what comes out on the streams.

use crate::Task;
use crate::human::Colour;
use crate::test_notifications::*;
use crate::{ExecOptions, ExitStatus, Output, Session, Streams, Surroundings, run};
use codex_base::Clock;
use codex_protocol::items::{CommandExecutionStatus, TurnStatus};
use codex_protocol::notifications::{Notification, ThreadIdNotification, TurnWaiting, WaitingFor};
use codex_protocol::questions::{FileChangeApprovalParams, ServerRequest};
use codex_protocol::requests::*;
use codex_protocol::settings::ApprovalsReviewer;
use codex_rpc::{Incoming, ServerHandle, Wire, in_process};
use codex_testkit::clock::SteppedClock;
use pretty_assertions::assert_eq;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::AsyncWrite;
use tokio::sync::watch;

/// What one of the process's streams got.
#[derive(Clone)]
struct Sink {
    text: Arc<Mutex<Vec<u8>>>,
    /// Writes after which nobody reads any more.
    writes_left: usize,
}

impl Default for Sink {
    fn default() -> Self {
        Self {
            text: Arc::default(),
            writes_left: usize::MAX,
        }
    }
}

impl Sink {
    fn text(&self) -> String {
        String::from_utf8(self.text.lock().unwrap().clone()).unwrap()
    }
}

impl AsyncWrite for Sink {
    fn poll_write(mut self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if self.writes_left == 0 {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        self.writes_left -= 1;
        self.text.lock().unwrap().extend_from_slice(bytes);
        Poll::Ready(Ok(bytes.len()))
    }
    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// What the server does when a turn starts, and when it is interrupted.
#[derive(Clone, Default)]
struct Script {
    on_turn: Vec<Notification>,
    on_interrupt: Vec<Notification>,
    ask: bool,
    thread_error: Option<RequestError>,
    turn_error: Option<RequestError>,
    /// The request for a turn gets no answer.
    never_starts: bool,
    sessions: Vec<&'static str>,
    /// Send this many signals once the turn has started.
    signals: u32,
    close_after_turn_start: bool,
    clock: SteppedClock,
    /// Sent this much later than `on_turn`.
    later: Option<(Duration, Vec<Notification>)>,
}

struct Seen {
    status: ExitStatus,
    stdout: String,
    stderr: String,
    requests: Vec<String>,
}

fn options(output: Output) -> ExecOptions {
    ExecOptions::new(Session::New, Task::Answer("mend it".to_owned()), path("/w"), output)
}

const JSON: Output = Output::Json { status: false };
const HUMAN: Output = Output::Human { colour: Colour::Plain };

async fn play(options: ExecOptions, script: Script) -> Seen {
    play_into(options, script, Sink::default()).await
}

async fn play_into(options: ExecOptions, script: Script, stdout: Sink) -> Seen {
    let (client, events, mut connection) = in_process(8, Wire::Serialised);
    let (signal, signals) = watch::channel(0);
    let requests = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&requests);
    let clock: Arc<dyn Clock> = Arc::new(script.clock.clone());
    let server = tokio::spawn(async move {
        let handle = connection.handle();
        loop {
            match connection.next().await {
                Incoming::Closed { .. } => return,
                Incoming::Request(id, request) => {
                    log.lock().unwrap().push(serde_json::to_string(&request).unwrap());
                    let starts = matches!(request, ClientRequest::TurnStart(_));
                    answer(&handle, id, request, &script);
                    if starts && script.close_after_turn_start {
                        return;
                    }
                    if starts {
                        signal.send(script.signals).unwrap();
                    }
                    if let (true, Some((delay, later))) = (starts, &script.later) {
                        // Of a start that is waited for its name is told, too.
                        script.clock.wait_for_timers(1 + usize::from(script.never_starts)).await;
                        script.clock.advance_settling(*delay).await;
                        later.iter().for_each(|notification| handle.notify(notification.clone()).unwrap());
                    }
                }
                Incoming::Answer { id, result } => log.lock().unwrap().push(format!("answer {id}: {}", result.unwrap())),
                Incoming::Notification { method, .. } => log.lock().unwrap().push(method),
                Incoming::Malformed(malformed) => panic!("{malformed}"),
            }
        }
    });
    let stderr = Sink::default();
    let streams = Streams {
        stdout: Box::new(stdout.clone()),
        stderr: Box::new(stderr.clone()),
        stdout_is_terminal: false,
        stderr_is_terminal: false,
    };
    let surroundings = Surroundings { streams, signals, clock };
    let ended = tokio::time::timeout(Duration::from_secs(60), run(options, client, events, surroundings))
        .await
        .unwrap();
    server.await.unwrap();
    let requests = requests.lock().unwrap().clone();
    Seen {
        status: ended.status,
        stdout: stdout.text(),
        stderr: stderr.text(),
        requests,
    }
}

fn answer(handle: &ServerHandle, id: RequestId, request: ClientRequest, script: &Script) {
    match request {
        ClientRequest::Initialize(_) => {
            let result = InitializeResult {
                user_agent: "x/1".into(),
                codex_home: path("/h"),
                platform_family: "unix".into(),
                platform_os: "linux".into(),
            };
            handle.reply(id, Ok(result)).unwrap();
        }
        ClientRequest::ThreadStart(_) | ClientRequest::ThreadResume(_) | ClientRequest::ThreadFork(_) => {
            handle
                .reply(id, script.thread_error.clone().map_or_else(|| Ok(setup()), Err))
                .unwrap();
        }
        ClientRequest::ThreadList(_) => {
            let data = script
                .sessions
                .iter()
                .map(|&name| codex_protocol::items::Thread {
                    name: Some(name.into()),
                    ..setup().thread
                })
                .collect();
            handle.reply(id, Ok(ThreadListResult { data, next_cursor: None })).unwrap();
        }
        ClientRequest::TurnStart(_) if script.never_starts => {}
        ClientRequest::TurnStart(_) => {
            if let Some(error) = &script.turn_error {
                return handle.reply::<Empty>(id, Err(error.clone())).unwrap();
            }
            handle
                .reply(
                    id,
                    Ok(TurnStartResult {
                        turn: turn(TurnStatus::InProgress, None),
                    }),
                )
                .unwrap();
            if script.ask {
                let params = FileChangeApprovalParams {
                    thread_id: THREAD.into(),
                    turn_id: TURN.into(),
                    item_id: "p".into(),
                    started_at_ms: 0,
                    reason: None,
                    rules: Vec::new(),
                    grant_root: None,
                };
                handle
                    .ask(RequestId::Integer(0), ServerRequest::FileChangeApproval(params))
                    .unwrap();
            }
            script
                .on_turn
                .iter()
                .for_each(|notification| handle.notify(notification.clone()).unwrap());
        }
        ClientRequest::TurnInterrupt(_) => {
            handle.reply(id, Ok(Empty {})).unwrap();
            script
                .on_interrupt
                .iter()
                .for_each(|notification| handle.notify(notification.clone()).unwrap());
        }
        other => panic!("unexpected {other:?}"),
    }
}

fn good_turn() -> Vec<Notification> {
    vec![
        turn_started(),
        usage(100, 40, 7),
        completed(message("m", "Mended.")),
        turn_ended(TurnStatus::Completed, None),
    ]
}

#[tokio::test]
async fn the_answer_is_all_that_stdout_gets() {
    let seen = play(
        options(HUMAN),
        Script {
            on_turn: good_turn(),
            ..Script::default()
        },
    )
    .await;

    assert_eq!(
        (seen.status, seen.status.code(), seen.stdout.as_str()),
        (ExitStatus::Done, 0, "Mended.\n")
    );
    insta::assert_snapshot!(seen.requests.join("\n").replace(codex_protocol::VERSION, "VERSION"), @r#"
    {"method":"initialize","params":{"clientInfo":{"name":"codex_exec","title":"Codex exec","version":"VERSION"}}}
    initialized
    {"method":"thread/start","params":{"cwd":"/w","model":null,"modelProvider":null,"approvalPolicy":"never","approvalsReviewer":null,"sandbox":null,"config":null,"developerInstructions":null,"baseInstructions":null,"ephemeral":null,"threadSource":null}}
    {"method":"turn/start","params":{"threadId":"01a1f84b-c74f-7223-8daf-c7c8e964d410","input":[{"type":"text","text":"mend it"}],"cwd":null,"model":null,"effort":null,"approvalPolicy":null,"approvalsReviewer":null,"sandboxPolicy":null,"collaborationMode":null,"outputSchema":null}}
    "#);
}

#[tokio::test]
async fn json_lines_are_all_that_stdout_gets() {
    let seen = play(
        options(JSON),
        Script {
            on_turn: good_turn(),
            ..Script::default()
        },
    )
    .await;

    assert_eq!((seen.status, seen.stderr.as_str()), (ExitStatus::Done, ""));
    insta::assert_snapshot!(seen.stdout, @r#"
    {"type":"thread.started","thread_id":"01a1f84b-c74f-7223-8daf-c7c8e964d410"}
    {"type":"turn.started"}
    {"type":"item.completed","item":{"id":"item_0","type":"agent_message","text":"Mended."}}
    {"type":"turn.completed","usage":{"input_tokens":100,"cached_input_tokens":40,"cache_write_input_tokens":0,"output_tokens":7,"reasoning_output_tokens":0}}
    "#);
}

#[tokio::test]
async fn a_question_is_declined() {
    let seen = play(
        options(HUMAN),
        Script {
            on_turn: good_turn(),
            ask: true,
            ..Script::default()
        },
    )
    .await;

    assert_eq!(
        seen.requests.last().map(String::as_str),
        Some(r#"answer 0: {"decision":"decline"}"#)
    );
}

#[tokio::test]
async fn a_thread_that_cannot_start_is_one_line_on_stderr() {
    let error = RequestError::invalid("config.unknown_provider", "model provider `x` not found").with_hint("add it");
    for output in [HUMAN, JSON] {
        let seen = play(
            options(output),
            Script {
                thread_error: Some(error.clone()),
                ..Script::default()
            },
        )
        .await;

        assert_eq!((seen.status, seen.stdout.as_str()), (ExitStatus::Failed, ""));
        assert_eq!(
            seen.stderr,
            "error: model provider `x` not found [config.unknown_provider]\nhint: add it\n"
        );
    }
}

#[tokio::test]
async fn a_turn_that_cannot_start_is_a_failed_turn() {
    let error = RequestError::invalid("model.no_key", "no key");
    let seen = play(
        options(JSON),
        Script {
            turn_error: Some(error),
            ..Script::default()
        },
    )
    .await;

    assert_eq!(seen.status, ExitStatus::Failed);
    insta::assert_snapshot!(seen.stdout, @r#"
    {"type":"thread.started","thread_id":"01a1f84b-c74f-7223-8daf-c7c8e964d410"}
    {"type":"error","message":"no key","code":"model.no_key"}
    {"type":"turn.failed","error":{"message":"no key","code":"model.no_key"}}
    "#);
}

#[tokio::test]
async fn a_failed_turn_exits_with_1_and_a_lost_journal_with_4() {
    let failed = play(
        options(HUMAN),
        Script {
            on_turn: vec![turn_ended(TurnStatus::Failed, Some("busy"))],
            ..Script::default()
        },
    )
    .await;
    let mut lost = turn_ended(TurnStatus::Failed, Some("disk full"));
    if let Notification::TurnCompleted(n) = &mut lost {
        n.turn.error.as_mut().unwrap().code = Some("journal.write_failed".into());
    }
    let lost = play(
        options(HUMAN),
        Script {
            on_turn: vec![lost],
            ..Script::default()
        },
    )
    .await;

    assert_eq!((failed.status.code(), failed.stdout.as_str()), (1, ""));
    assert_eq!((lost.status.code(), lost.stdout.as_str()), (4, ""));
    assert!(
        lost.stderr.ends_with("error: disk full [journal.write_failed]\n"),
        "{}",
        lost.stderr
    );
}

fn busy() -> Vec<Notification> {
    vec![
        turn_started(),
        started(command("c", "sleep 9", CommandExecutionStatus::InProgress, None, None)),
    ]
}

fn interrupted() -> Vec<Notification> {
    let item = command("c", "sleep 9", CommandExecutionStatus::Failed, Some(130), None);
    vec![completed(item), turn_ended(TurnStatus::Interrupted, None)]
}

#[tokio::test]
async fn a_signal_interrupts_the_turn_and_waits_for_its_end() {
    let script = Script {
        on_turn: busy(),
        on_interrupt: interrupted(),
        signals: 1,
        ..Script::default()
    };

    let human = play(options(HUMAN), script.clone()).await;
    let json = play(options(JSON), script).await;

    assert_eq!(
        (human.status, human.status.code(), human.stdout.as_str()),
        (ExitStatus::Interrupted, 1, "")
    );
    assert!(human.stderr.ends_with("turn interrupted\n"), "{}", human.stderr);
    assert!(human.requests.last().unwrap().contains("turn/interrupt"));
    assert_eq!(json.status, ExitStatus::Interrupted);
    assert!(
        !json.stdout.contains("item.completed") && !json.stdout.contains("turn.completed"),
        "{}",
        json.stdout
    );
}

#[tokio::test]
async fn a_second_signal_does_not_wait() {
    let seen = play(
        options(HUMAN),
        Script {
            on_turn: busy(),
            signals: 2,
            ..Script::default()
        },
    )
    .await;

    assert_eq!((seen.status, seen.status.code()), (ExitStatus::AtOnce, 1));
}

#[tokio::test]
async fn a_turn_that_does_not_end_after_an_interrupt_is_left() {
    let later = Some((Duration::from_secs(10), vec![]));

    let seen = play(
        options(HUMAN),
        Script {
            on_turn: busy(),
            signals: 1,
            later,
            ..Script::default()
        },
    )
    .await;

    assert_eq!(seen.status, ExitStatus::Interrupted);
}

#[tokio::test]
async fn a_turn_that_does_not_start_after_an_interrupt_is_left() {
    let seen = play(
        options(HUMAN),
        Script {
            never_starts: true,
            signals: 1,
            later: Some((Duration::from_secs(10), vec![])),
            ..Script::default()
        },
    )
    .await;

    assert_eq!(seen.status, ExitStatus::Interrupted);
}

#[tokio::test]
async fn a_long_wait_names_its_cause() {
    let waiting_for = WaitingFor::Retry {
        attempt: 2,
        attempts_max: 6,
        delay_ms: 9000,
        reason: "overloaded".into(),
    };
    let waiting = Notification::TurnWaiting(TurnWaiting {
        thread_id: THREAD.into(),
        turn_id: TURN.into(),
        waiting_for,
    });
    let later = Some((Duration::from_secs(11), vec![turn_ended(TurnStatus::Completed, None)]));

    let script = || Script {
        on_turn: vec![turn_started(), waiting.clone()],
        later: later.clone(),
        ..Script::default()
    };

    let seen = play(options(HUMAN), script()).await;
    let with_status = play(options(Output::Json { status: true }), script()).await;
    let without = play(options(JSON), script()).await;

    assert!(
        !without.stdout.contains("status") && without.stderr.is_empty(),
        "{}",
        without.stdout
    );
    let status: Vec<&str> = with_status.stdout.lines().filter(|line| line.contains("status")).collect();
    insta::assert_snapshot!(status.join("\n"), @r#"
    {"type":"status","waiting_for":"attempt 2 of 6, due after 9000 ms: overloaded","elapsed_ms":2000,"attempt":2}
    {"type":"status","waiting_for":"attempt 2 of 6, due after 9000 ms: overloaded","elapsed_ms":10000,"attempt":2}
    "#);

    insta::assert_snapshot!(seen.stderr.split_once("mend it\n").unwrap().1, @r"
    waiting for attempt 2 of 6, due after 9000 ms: overloaded (2 s)
    waiting for attempt 2 of 6, due after 9000 ms: overloaded (10 s)
    ");
}

#[tokio::test]
async fn a_server_that_is_gone_fails_the_turn() {
    let seen = play(
        options(JSON),
        Script {
            on_turn: vec![turn_started()],
            close_after_turn_start: true,
            ..Script::default()
        },
    )
    .await;

    assert_eq!(seen.status, ExitStatus::Failed);
    insta::assert_snapshot!(seen.stdout, @r#"
    {"type":"thread.started","thread_id":"01a1f84b-c74f-7223-8daf-c7c8e964d410"}
    {"type":"turn.started"}
    {"type":"error","message":"the app server has ended: server closed the connection","code":"server.gone"}
    {"type":"turn.failed","error":{"message":"the app server has ended: server closed the connection","code":"server.gone"}}
    "#);
}

#[tokio::test]
async fn a_thread_that_ends_before_its_turn_is_not_waited_for() {
    let closed = ThreadIdNotification { thread_id: THREAD.into() };
    let seen = play(
        options(JSON),
        Script {
            on_turn: vec![turn_started(), Notification::ThreadClosed(closed)],
            ..Script::default()
        },
    )
    .await;

    assert_eq!(seen.status, ExitStatus::Failed);
    assert!(
        seen.stdout
            .contains(r#""turn.failed","error":{"message":"the thread ended before its turn did""#),
        "{}",
        seen.stdout
    );
}

#[tokio::test]
async fn a_reader_that_left_ends_the_turn_quietly() {
    let script = Script {
        on_turn: busy(),
        on_interrupt: interrupted(),
        ..Script::default()
    };
    let leaves_after = |writes_left| Sink {
        writes_left,
        ..Sink::default()
    };
    let json = play_into(options(JSON), script, leaves_after(1)).await;
    let human = play_into(
        options(HUMAN),
        Script {
            on_turn: good_turn(),
            ..Script::default()
        },
        leaves_after(0),
    )
    .await;

    assert_eq!((json.status, json.stderr.as_str()), (ExitStatus::Failed, ""));
    assert!(json.requests.last().unwrap().contains("turn/interrupt"), "{:?}", json.requests);
    assert_eq!(human.status, ExitStatus::Done);
}

#[tokio::test]
async fn a_reader_that_left_before_the_last_line_does_not_undo_the_turn() {
    let file = std::env::temp_dir().join(format!("codex-exec-left-early-{}", std::process::id()));
    let with_file = ExecOptions {
        last_message_file: Some(file.clone()),
        ..options(JSON)
    };
    let leaves_after_three = Sink {
        writes_left: 3,
        ..Sink::default()
    };

    let seen = play_into(
        with_file,
        Script {
            on_turn: good_turn(),
            ..Script::default()
        },
        leaves_after_three,
    )
    .await;
    let message = std::fs::read_to_string(&file).unwrap();
    std::fs::remove_file(&file).unwrap();

    assert_eq!(
        (seen.status, seen.stderr.as_str(), message.as_str()),
        (ExitStatus::Done, "", "Mended.")
    );
    assert!(seen.requests.last().unwrap().contains("turn/start"), "{:?}", seen.requests);
}

#[tokio::test]
async fn a_session_is_resumed_or_forked_by_id_by_name_or_as_the_last_one() {
    let resumed = async |session, sessions| {
        let script = Script {
            on_turn: good_turn(),
            sessions,
            ..Script::default()
        };
        let seen = play(ExecOptions { session, ..options(HUMAN) }, script).await;
        let methods: Vec<String> = seen
            .requests
            .iter()
            .map(|line| line.split('"').nth(3).unwrap_or(line).to_owned())
            .collect();
        (seen.status, methods[2..].join(" "), seen.stderr.lines().next().unwrap().to_owned())
    };
    let found = |methods: &str| (ExitStatus::Done, methods.to_owned(), format!("Codex v{}", codex_protocol::VERSION));

    assert_eq!(
        resumed(Session::Resume(THREAD.into()), vec![]).await,
        found("thread/resume turn/start")
    );
    assert_eq!(
        resumed(Session::Last { everywhere: false }, vec!["a"]).await,
        found("thread/list thread/resume turn/start")
    );
    assert_eq!(
        resumed(Session::Resume("b".into()), vec!["a", "b"]).await,
        found("thread/list thread/resume turn/start")
    );
    assert_eq!(resumed(Session::Fork(THREAD.into()), vec![]).await, found("thread/fork turn/start"));
    assert_eq!(
        resumed(Session::Fork("b".into()), vec!["a", "b"]).await,
        found("thread/list thread/fork turn/start")
    );
    for session in [Session::Resume("c".into()), Session::Fork("c".into())] {
        let (status, methods, message) = resumed(session, vec!["a"]).await;
        assert_eq!(
            (status, methods.as_str(), message.as_str()),
            (
                ExitStatus::Failed,
                "thread/list thread/list thread/list",
                "error: no session has the id or name \"c\" [session.not_found]"
            )
        );
    }
    let (status, _, message) = resumed(Session::Last { everywhere: false }, vec![]).await;
    assert_eq!(
        (status, message.as_str()),
        (ExitStatus::Failed, "error: no session to resume in /w [session.not_found]")
    );
}

#[tokio::test]
async fn a_fork_without_a_prompt_is_made_and_that_is_all() {
    let fork = |output| ExecOptions {
        session: Session::Fork(THREAD.into()),
        task: Task::Open,
        settings: ThreadSettings {
            approvals_reviewer: Some(ApprovalsReviewer::AutoReview),
            ..ThreadSettings::default()
        },
        ephemeral: true,
        ..options(output)
    };

    let json = play(fork(JSON), Script::default()).await;
    let human = play(fork(HUMAN), Script::default()).await;

    assert_eq!((json.status, json.stderr.as_str()), (ExitStatus::Done, ""));
    assert_eq!(json.stdout, format!("{{\"type\":\"thread.started\",\"thread_id\":\"{THREAD}\"}}\n"));
    insta::assert_snapshot!(json.requests[2..].join("\n"), @r#"{"method":"thread/fork","params":{"threadId":"01a1f84b-c74f-7223-8daf-c7c8e964d410","lastTurnId":null,"beforeTurnId":null,"cwd":"/w","model":null,"modelProvider":null,"approvalPolicy":"on-request","approvalsReviewer":"auto_review","sandbox":null,"config":null,"developerInstructions":null,"ephemeral":true,"threadSource":null,"excludeTurns":true}}"#);
    assert_eq!((human.status, human.stdout.as_str()), (ExitStatus::Done, ""));
    assert!(
        human.stderr.starts_with("Codex v") && human.stderr.ends_with("--------\n"),
        "{}",
        human.stderr
    );
}

#[tokio::test]
async fn the_last_message_goes_to_a_file_without_a_newline() {
    let file = std::env::temp_dir().join(format!("codex-exec-last-message-{}", std::process::id()));
    std::fs::write(&file, "something much longer that was here before").unwrap();
    let with_file = || ExecOptions {
        last_message_file: Some(file.clone()),
        ..options(HUMAN)
    };

    play(
        with_file(),
        Script {
            on_turn: good_turn(),
            ..Script::default()
        },
    )
    .await;
    let after_success = std::fs::read_to_string(&file).unwrap();
    let failed = play(
        with_file(),
        Script {
            on_turn: vec![turn_ended(TurnStatus::Failed, Some("busy"))],
            ..Script::default()
        },
    )
    .await;
    let after_failure = std::fs::read_to_string(&file).unwrap();
    std::fs::remove_file(&file).unwrap();

    assert_eq!((after_success.as_str(), after_failure.as_str()), ("Mended.", ""));
    assert!(failed.stderr.contains("there is no final message"), "{}", failed.stderr);
}

/// As a shell hands over the pipe of `-o >(program)`.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn the_last_message_goes_into_a_pipe() {
    use std::io::Read;
    use std::os::fd::AsRawFd;
    let (mut reader, writer) = io::pipe().unwrap();
    let options = ExecOptions {
        last_message_file: Some(format!("/proc/self/fd/{}", writer.as_raw_fd()).into()),
        ..options(HUMAN)
    };
    let on_turn = vec![
        turn_started(),
        completed(message("m", "Mended.")),
        turn_ended(TurnStatus::Completed, None),
    ];

    let seen = play(
        options,
        Script {
            on_turn,
            ..Script::default()
        },
    )
    .await;

    drop(writer);
    let mut got = String::new();
    reader.read_to_string(&mut got).unwrap();
    assert_eq!((seen.status, got.as_str()), (ExitStatus::Done, "Mended."));
    assert!(!seen.stderr.contains("warning"), "{}", seen.stderr);
}

#[tokio::test]
async fn a_file_for_the_last_message_that_cannot_be_opened_costs_no_turn() {
    let wrong = ExecOptions {
        last_message_file: Some("/nonexistent/dir/file".into()),
        ..options(HUMAN)
    };

    let seen = play(wrong, Script::default()).await;

    assert_eq!((seen.status, seen.requests.len()), (ExitStatus::Failed, 0));
    assert!(seen.stderr.contains("[exec.last_message_file]"), "{}", seen.stderr);
}
