//! Whole turns through the client: what is sent, what is told, what is kept.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use codex_protocol::items::{ThreadItem, TurnStatus};
use codex_protocol::models::ModelListParams;
use codex_protocol::notifications::Notification;
use codex_protocol::requests::{
    Empty, ModelList, ThreadFork, ThreadRead, ThreadReadParams, ThreadSettings, TurnInterrupt, TurnInterruptParams, TurnStart,
    TurnStartParams, TurnSteer, TurnSteerParams,
};
use codex_testkit::events::Usage;
use codex_testkit::{Answer, Gate, MockModel, events, snapshot_filters};
use pretty_assertions::assert_eq;
use serde_json::json;
use support::{Session, home_for, text_input};

const ADD: &str = "*** Begin Patch\n*** Update File: a.txt\n@@\n one\n-two\n+2\n*** End Patch\n";

fn full_access() -> ThreadSettings {
    ThreadSettings {
        sandbox: Some(codex_protocol::settings::SandboxMode::WorkspaceWrite),
        approval_policy: Some(codex_protocol::settings::ApprovalPolicy::Never),
        ..Default::default()
    }
}

/// Reasoning, two commands side by side, a patch, a last word.
fn answers() -> Vec<Answer> {
    vec![
        Answer::items([
            events::reasoning("rs_1", &["Look first"], "sealed"),
            events::exec_command("c1", "echo one"),
            events::exec_command("c2", "echo two"),
        ]),
        Answer::items([events::message("msg_a", "Now the patch."), events::apply_patch("p1", ADD)]),
        Answer::items([events::message("msg_b", "Done.")]),
    ]
}

#[tokio::test]
async fn a_turn_with_reasoning_parallel_commands_and_a_patch() {
    let mock = MockModel::start(answers());
    let home = home_for(&mock, "");
    let mut session = Session::open(&home).await;
    let thread = session.start(full_access()).await.thread;

    let turn = session.run_turn(&thread.id, "mend a.txt").await;

    assert_eq!(home.read("a.txt"), "one\n2\n");
    assert!(matches!(&turn.items[..], [ThreadItem::AgentMessage { text, .. }] if &**text == "Done."));
    let requests = mock.requests();
    assert_eq!(requests.len(), 3);
    for pair in requests.windows(2) {
        assert!(pair[1].input().starts_with(pair[0].input()));
    }
    let kinds: Vec<String> = requests[2].input().iter().map(kind).collect();
    insta::assert_snapshot!(kinds.join("\n"), @"
    message developer
    message developer
    message user
    message user
    reasoning 
    function_call c1
    function_call c2
    function_call_output c1
    function_call_output c2
    message assistant
    custom_tool_call p1
    custom_tool_call_output p1
    ");
    let live: Vec<ThreadItem> = session.seen.iter().filter_map(completed).collect();
    let read = session
        .client
        .request::<ThreadRead>(ThreadReadParams {
            thread_id: thread.id.clone(),
            include_turns: true,
        })
        .await
        .unwrap();
    assert_eq!(read.thread.turns.len(), 1);
    assert_eq!(
        in_order(read.thread.turns[0].items.clone()),
        in_order(live),
        "what was told live and what the journal replays are the same"
    );
    session.shutdown().await;

    let again = Session::open(&home).await;
    let resumed = again.resume(&thread.id).await;
    assert_eq!(resumed.thread.turns, read.thread.turns);
}

#[tokio::test]
async fn what_a_session_has_used_is_told_when_it_is_resumed_or_copied() {
    let usage = Usage {
        input: 1000,
        cached: 400,
        output: 50,
        reasoning: 0,
    };
    let mock = MockModel::start(vec![Answer::items_with_usage([events::message("msg_1", "Done.")], Some(usage))]);
    let home = home_for(&mock, "");
    let mut session = Session::open(&home).await;
    let thread = session.start(ThreadSettings::default()).await.thread;
    let turn = session.run_turn(&thread.id, "go").await;
    session.shutdown().await;

    let told = |notification: &Notification| match notification {
        Notification::ThreadTokenUsageUpdated(told) => Some(told.clone()),
        _ => None,
    };
    let mut again = Session::open(&home).await;
    again.resume(&thread.id).await;
    let resumed = again.until(told).await;
    assert_eq!((&resumed.thread_id, &resumed.turn_id), (&thread.id, &turn.id));
    assert_eq!(resumed.token_usage.total.total_tokens, 1050);
    assert_eq!(resumed.token_usage.last.cached_input_tokens, 400);

    let params = serde_json::from_value(serde_json::json!({"threadId": thread.id})).unwrap();
    let copy = again.client.request::<ThreadFork>(params).await.unwrap().thread;
    let copied = again.until(told).await;
    assert_eq!((&copied.thread_id, &copied.token_usage), (&copy.id, &resumed.token_usage));
}

/// Items of parallel calls end in any order.
fn in_order(mut items: Vec<ThreadItem>) -> Vec<ThreadItem> {
    items.sort_by(|a, b| a.id().cmp(b.id()));
    items
}

fn completed(notification: &Notification) -> Option<ThreadItem> {
    match notification {
        Notification::ItemCompleted(completed) => Some(completed.item.clone()),
        _ => None,
    }
}

fn kind(item: &serde_json::Value) -> String {
    let role = item["role"].as_str().or(item["call_id"].as_str()).unwrap_or_default();
    format!("{} {role}", item["type"].as_str().unwrap())
}

#[tokio::test]
async fn the_first_request_is_small_and_whole() {
    let mock = MockModel::start([Answer::message("hi")]);
    let home = home_for(&mock, "");
    let mut session = Session::open(&home).await;
    let thread = session.start(ThreadSettings::default()).await.thread;

    session.run_turn(&thread.id, "hello").await;

    let request = &mock.requests()[0];
    assert!(request.body.len() <= 9 * 1024, "{} bytes", request.body.len());
    let mut body = request.json.clone();
    // The tools are snapshots of their own crate; the base instructions are a file.
    body["tools"] = json!(
        body["tools"]
            .as_array()
            .unwrap()
            .iter()
            .map(|tool| tool.get("name").unwrap_or(&tool["type"]).clone())
            .collect::<Vec<_>>()
    );
    body["input"][0]["content"][0]["text"] = json!("[BASE]");
    body["client_metadata"] = json!(body["client_metadata"].as_object().unwrap().keys().collect::<Vec<_>>());
    let mut filters = snapshot_filters();
    filters.push((r"<current_date>[0-9-]+</current_date>", "<current_date>[DATE]</current_date>"));
    insta::with_settings!({ filters => filters }, { insta::assert_json_snapshot!(body) });
}

#[tokio::test]
async fn a_call_starts_before_the_response_is_complete() {
    let gate = Gate::new();
    let first = Answer::items([events::exec_command("c1", "echo started > started")]).stall_last(&gate);
    let mock = MockModel::start([first, Answer::message("done")]);
    let home = home_for(&mock, "");
    let mut session = Session::open(&home).await;
    let thread = session.start(full_access()).await.thread;
    session.turn(&thread.id, "go").await;

    // The command ends while the mock still holds the response's last event back.
    session
        .until(|n| completed(n).filter(|item| matches!(item, ThreadItem::CommandExecution(_))))
        .await;
    assert_eq!(home.read("started"), "started\n");
    gate.open();

    assert_eq!(session.until_turn_ends().await.status, TurnStatus::Completed);
}

#[tokio::test]
async fn an_interrupt_ends_the_command_and_the_next_turn_goes_on() {
    let mock = MockModel::start([
        Answer::items([events::exec_command("c1", "echo begun; sleep 60; echo never > never")]),
        Answer::message("went on"),
    ]);
    let home = home_for(&mock, "");
    let mut session = Session::open(&home).await;
    let thread = session.start(full_access()).await.thread;
    let turn = session.turn(&thread.id, "go").await;
    session
        .until(|n| matches!(n, Notification::CommandExecutionOutputDelta(_)).then_some(()))
        .await;

    let interrupt = TurnInterruptParams {
        thread_id: thread.id.clone(),
        turn_id: turn.id,
    };
    assert_eq!(session.client.request::<TurnInterrupt>(interrupt).await.unwrap(), Empty {});
    assert_eq!(session.until_turn_ends().await.status, TurnStatus::Interrupted);
    session.run_turn(&thread.id, "go on").await;

    let request = mock.requests()[1].clone();
    let output = request.output_of("c1").unwrap().as_str().unwrap().to_owned();
    assert!(output.contains("aborted by user"), "{output}");
    assert!(request.input().starts_with(mock.requests()[0].input()));
}

#[tokio::test]
async fn steered_input_is_part_of_the_next_request() {
    let gate = Gate::new();
    let mock = MockModel::start([Answer::message("first").stall_last(&gate), Answer::message("second")]);
    let home = home_for(&mock, "");
    let mut session = Session::open(&home).await;
    let thread = session.start(ThreadSettings::default()).await.thread;
    let turn = session.turn(&thread.id, "go").await;
    mock.wait_for_request(1).await;

    let steer = TurnSteerParams {
        thread_id: thread.id.clone(),
        expected_turn_id: turn.id.clone(),
        input: text_input("and more"),
    };
    assert_eq!(session.client.request::<TurnSteer>(steer).await.unwrap().turn_id, turn.id);
    gate.open();
    let ended = session.until_turn_ends().await;

    assert!(matches!(&ended.items[..], [ThreadItem::AgentMessage { text, .. }] if &**text == "second"));
    let last = mock.requests()[1].input().last().unwrap().clone();
    assert_eq!(last["content"], json!([{"type": "input_text", "text": "and more"}]));
}

#[tokio::test]
async fn malformed_and_unknown_calls_are_answered_and_the_turn_goes_on() {
    let mock = MockModel::start([
        Answer::items([
            events::function_call("c1", "teleport", &json!({})),
            events::function_call_text("c2", "exec_command", "{not json"),
            events::custom_tool_call("c3", "mystery", "x"),
            events::apply_patch("c4", "no patch at all"),
        ]),
        Answer::message("fine"),
    ]);
    let home = home_for(&mock, "");
    let mut session = Session::open(&home).await;
    let thread = session.start(full_access()).await.thread;

    session.run_turn(&thread.id, "go").await;

    let request = &mock.requests()[1];
    let outputs: Vec<String> = ["c1", "c2", "c3", "c4"]
        .iter()
        .map(|id| request.output_of(id).unwrap().to_string())
        .collect();
    insta::assert_snapshot!(outputs.join("\n"), @r#"
    "unsupported call: teleport"
    "failed to parse function arguments: key must be a string at line 1 column 2"
    "unsupported custom tool call: mystery"
    "apply_patch verification failed: invalid patch: The first line of the patch must be '*** Begin Patch'"
    "#);
}

#[tokio::test]
async fn a_thread_without_a_turn_can_be_read_and_has_none() {
    let mock = MockModel::start([]);
    let home = home_for(&mock, "");
    let session = Session::open(&home).await;
    let thread = session.start(ThreadSettings::default()).await.thread;

    let read = session
        .client
        .request::<ThreadRead>(ThreadReadParams {
            thread_id: thread.id,
            include_turns: true,
        })
        .await
        .unwrap();

    assert_eq!(read.thread.turns, []);
    assert!(home.journals().is_empty(), "no file before the first turn");
}

/// A disk that is full from one append on.
struct FullFrom {
    append: usize,
    seen: std::sync::atomic::AtomicUsize,
}

impl codex_sessions::Faults for FullFrom {
    fn hit(&self, point: codex_sessions::HitPoint) -> std::io::Result<()> {
        let begins = point == codex_sessions::HitPoint::BeforeAppend;
        let full = begins && self.seen.fetch_add(1, std::sync::atomic::Ordering::SeqCst) >= self.append;
        if full {
            Err(std::io::ErrorKind::StorageFull.into())
        } else {
            Ok(())
        }
    }
}

#[tokio::test]
async fn a_turn_ends_at_whichever_append_the_disk_is_full() {
    for append in 0.. {
        let mock = MockModel::start(answers());
        let home = home_for(&mock, "");
        let faults = FullFrom { append, seen: 0.into() };
        let mut session = Session::open_with(&home, 0, Some(std::sync::Arc::new(faults))).await;
        let thread = session.start(full_access()).await.thread;

        session.turn(&thread.id, "mend a.txt").await;
        let turn = session.until_turn_ends().await;

        if turn.status == TurnStatus::Completed {
            assert!(append > 10, "a turn has more appends than {append}");
            break;
        }
        let error = turn.error.unwrap();
        assert_eq!(
            error.additional_details.as_deref(),
            Some("hint: make space, or check rights; codex resume goes on with what was written")
        );
        assert_eq!(
            (turn.status, error.code.as_deref()),
            (TurnStatus::Failed, Some("journal.write_failed")),
            "append {append}"
        );
    }
}

/// Makes the thread's task panic once it is broken.
struct BreakableClock {
    clock: codex_base::SystemClock,
    broken: std::sync::atomic::AtomicBool,
}

impl codex_base::Clock for BreakableClock {
    fn now(&self) -> codex_base::Timestamp {
        assert!(
            !self.broken.load(std::sync::atomic::Ordering::SeqCst),
            "a fault of the thread's task"
        );
        self.clock.now()
    }

    fn monotonic(&self) -> std::time::Duration {
        self.clock.monotonic()
    }

    fn sleep(&self, duration: std::time::Duration) -> std::pin::Pin<Box<dyn Future<Output = ()> + Send>> {
        self.clock.sleep(duration)
    }
}

#[tokio::test]
async fn a_request_is_answered_although_its_thread_breaks_down() {
    let mock = MockModel::start([]);
    let home = home_for(&mock, "");
    let clock = std::sync::Arc::new(BreakableClock {
        clock: codex_base::SystemClock::default(),
        broken: false.into(),
    });
    let mut session = Session::open_parts(&home, clock.clone(), None).await;
    let thread = session.start(full_access()).await.thread;
    clock.broken.store(true, std::sync::atomic::Ordering::SeqCst);

    let params = codex_protocol::requests::TurnStartParams {
        thread_id: thread.id.clone(),
        input: text_input("x"),
        ..Default::default()
    };
    let asked = session.client.request::<codex_protocol::requests::TurnStart>(params);
    let answer = tokio::time::timeout(std::time::Duration::from_secs(20), asked)
        .await
        .expect("an answer");

    assert!(answer.unwrap_err().to_string().contains("the thread ended before it answered"));
    session
        .until(|notification| matches!(notification, Notification::ThreadClosed(closed) if closed.thread_id == thread.id).then_some(()))
        .await;
}

#[tokio::test]
async fn joining_a_loaded_thread_tells_the_settings_it_has_and_not_those_asked_for() {
    let mock = MockModel::start([Answer::items([events::message("m", "Done.")])]);
    let home = home_for(&mock, "");
    let mut session = Session::open(&home).await;
    let started = session.start(full_access()).await;
    session.run_turn(&started.thread.id, "go").await;

    let params = codex_protocol::requests::ThreadResumeParams {
        thread_id: started.thread.id.clone(),
        settings: ThreadSettings {
            sandbox: Some(codex_protocol::settings::SandboxMode::ReadOnly),
            ..Default::default()
        },
        ..Default::default()
    };
    let joined = session
        .client
        .request::<codex_protocol::requests::ThreadResume>(params)
        .await
        .unwrap();

    assert_eq!((joined.sandbox, joined.approval_policy), (started.sandbox, started.approval_policy));
    let warned = |notification: &Notification| match notification {
        Notification::Warning(warning) => Some(warning.message.clone()),
        _ => None,
    };
    assert!(session.until(warned).await.contains("keeps its settings"));
}

#[tokio::test]
async fn a_terminal_outlives_its_turn_and_ends_with_its_thread() {
    let start = json!({"cmd": "echo ready; read line; echo got $line; sleep 60", "tty": true, "yield_time_ms": 1000});
    let mock = MockModel::start_with(move |number, request| match number {
        1 => Answer::items([events::function_call("c1", "exec_command", &start)]),
        3 => {
            let output = request.output_of("c1").and_then(|output| output.as_str()).unwrap_or_default();
            let id = output
                .split("session ID ")
                .nth(1)
                .and_then(|rest| rest.split_whitespace().next())
                .unwrap_or_default();
            let write = json!({"session_id": id.parse::<u32>().unwrap_or_default(), "chars": "word\n", "yield_time_ms": 1000});
            Answer::items([events::function_call("c2", "write_stdin", &write)])
        }
        _ => Answer::message("done"),
    });
    let home = home_for(&mock, "");
    let mut session = Session::open(&home).await;
    let thread = session.start(full_access()).await.thread;

    session.run_turn(&thread.id, "start it").await;
    session.run_turn(&thread.id, "write to it").await;

    let output = mock.requests().last().unwrap().output_of("c2").unwrap().to_string();
    assert!(
        output.contains("got word") && output.contains("Process running with session ID"),
        "{output}"
    );
    session.server.clone().shutdown().await;
    let item = session.until(|n| completed(n).filter(|item| item.id() == "c1")).await;
    let ended = matches!(&item, ThreadItem::CommandExecution(command) if matches!(command.exit_code, Some(137 | 143)));
    assert!(ended, "it was killed with its thread: {item:?}");
}

#[tokio::test]
async fn models_are_listed_in_pages_with_what_the_provider_says_of_them() {
    let mock = MockModel::start([Answer::message("Done.")]);
    mock.set_models(Answer::status(
        200,
        r#"{"models": [{"slug": "own", "description": "House model.", "default_reasoning_level": "low",
            "supported_reasoning_levels": [{"effort": "low", "description": "Quick."}], "input_modalities": ["text"]},
            {"slug": "shy", "visibility": "hide"}]}"#,
    ));
    let home = home_for(&mock, "");
    let auth = "[model_providers.mock.auth]\ncommand = \"echo\"\nargs = [\"t0ken\"]\n";
    home.write_config(&(codex_testkit::home::provider_config(&mock.base_url(), "") + auth));
    let session = Session::open(&home).await;
    let list = async |params: ModelListParams| session.client.request::<ModelList>(params).await.unwrap();
    let before = list(ModelListParams::default()).await.data;

    // The question beside it has come to its end when the list is there.
    let all = loop {
        let all = list(ModelListParams {
            include_hidden: Some(true),
            ..Default::default()
        });
        let all = all.await.data;
        if all.iter().any(|model| model.model == "own") {
            break all;
        }
        tokio::task::yield_now().await;
    };

    assert_eq!(mock.models_asked(), 1);
    assert!(before.iter().all(|model| !model.hidden && model.model != "own"), "{before:?}");
    let defaults: Vec<_> = before.iter().filter(|model| model.is_default).map(|model| &*model.id).collect();
    assert_eq!(defaults, ["gpt-5.5"]);
    let own = all.iter().find(|model| model.model == "own").unwrap();
    insta::assert_snapshot!(serde_json::to_string(own).unwrap(), @r#"{"id":"own","model":"own","displayName":"own","description":"House model.","hidden":false,"isDefault":false,"defaultReasoningEffort":"low","supportedReasoningEfforts":[{"reasoningEffort":"low","description":"Quick."}],"inputModalities":["text"]}"#);
    assert!(all.iter().any(|model| model.model == "shy" && model.hidden));
    let page = |cursor: Option<String>| ModelListParams {
        cursor,
        limit: Some(2),
        ..Default::default()
    };
    let first = list(page(None)).await;
    let second = list(page(first.next_cursor.clone())).await;
    assert_eq!([&first.data[..], &second.data[..]].concat(), before[..4]);
    let bad = session.client.request::<ModelList>(page(Some("x".into()))).await.unwrap_err();
    assert!(bad.to_string().contains("the cursor is not one that model/list returned"), "{bad}");
    session.shutdown().await;
}

#[tokio::test]
async fn what_is_pinned_for_new_threads_beats_what_a_client_asks_for() {
    let mock = MockModel::start(["One.", "Two."].map(Answer::message));
    let home = home_for(&mock, "");
    let folder = home.home().join("etc");
    std::fs::create_dir(&folder).unwrap();
    let pins = "[models.new_thread]\nmodel = \"house\"\nmodel_reasoning_effort = \"low\"\n";
    std::fs::write(folder.join("requirements.toml"), pins).unwrap();
    let mut session = Session::open(&home).await;

    let setup = session
        .start(ThreadSettings {
            model: Some("own".into()),
            ..Default::default()
        })
        .await;
    let id = setup.thread.id.clone();
    let asked = TurnStartParams {
        thread_id: id.clone(),
        input: text_input("hello"),
        model: Some("another".into()),
        effort: Some("high".into()),
        ..Default::default()
    };
    session.client.request::<TurnStart>(asked).await.unwrap();
    session.until_turn_ends().await;
    session.shutdown().await;
    let mut session = Session::open(&home).await;
    session.resume(&id).await;
    session.run_turn(&id, "go on").await;
    session.shutdown().await;

    assert_eq!((setup.model.as_str(), setup.reasoning_effort.as_deref()), ("house", Some("low")));
    let told = "model = \"own\" is not allowed by ";
    assert!(
        setup.warnings.iter().any(|warning| warning.starts_with(told)),
        "{:?}",
        setup.warnings
    );
    let sent = mock.requests().into_iter().map(|request| {
        let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
        (text(&request.json["model"]), text(&request.json["reasoning"]["effort"]))
    });
    let pair = |model: &str, effort: &str| (model.to_owned(), effort.to_owned());
    assert_eq!(sent.collect::<Vec<_>>(), [pair("house", "low"), pair("gpt-5.5", "medium")]);
}
