//! Compactions over real HTTP: whole request bodies, resumes, and journals that end anywhere.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use codex_protocol::items::{ThreadItem, TurnStatus};
use codex_protocol::notifications::Notification;
use codex_protocol::requests::{ThreadCompactStart, ThreadCompactUndo, ThreadIdParams, ThreadSettings, TurnInterrupt, TurnInterruptParams};
use codex_protocol::settings::{ApprovalPolicy, SandboxMode};
use codex_rpc::CallError;
use codex_testkit::events::Usage;
use codex_testkit::{Answer, Gate, MockModel, Recorded, TempHome, events, snapshot_filters};
use pretty_assertions::assert_eq;
use serde_json::{Value, json};
use support::{Session, home_for};

const PATCH: &str = "*** Begin Patch\n*** Update File: a.txt\n@@\n one\n-two\n+2\n*** Delete File: README.md\n*** End Patch\n";
const LIMIT: &str = "model_auto_compact_token_limit = 50000\n";

fn writing() -> ThreadSettings {
    ThreadSettings {
        sandbox: Some(SandboxMode::WorkspaceWrite),
        approval_policy: Some(ApprovalPolicy::Never),
        ..Default::default()
    }
}

fn tokens(input: u64) -> Option<Usage> {
    Some(Usage {
        input,
        cached: 0,
        output: 10,
        reasoning: 0,
    })
}

fn plan(call_id: &str) -> Value {
    let steps =
        json!([{"step": "look", "status": "completed"}, {"step": "mend", "status": "in_progress"}, {"step": "test", "status": "pending"}]);
    events::function_call(call_id, "update_plan", &json!({"explanation": "as agreed", "plan": steps}))
}

/// A plan, a patch and a command; then the limit is reached.
fn long_answer(number: usize) -> Answer {
    let id = |name: &str| format!("{name}{number}");
    let items = [
        events::message(&id("msg_"), "Working on it."),
        plan(&id("plan_")),
        events::apply_patch(&id("patch_"), PATCH),
        events::exec_command(&id("exec_"), "echo by a command > b.txt"),
    ];
    Answer::items_with_usage(items, tokens(60_000))
}

fn summary(text: &str) -> Answer {
    Answer::items_with_usage([events::message("msg_sum", text)], tokens(60_500))
}

fn last_word(id: &str) -> Answer {
    Answer::items_with_usage([events::message(id, "Done.")], tokens(1000))
}

fn home(mock: &MockModel) -> TempHome {
    let home = home_for(mock, "");
    home.write("AGENTS.md", "Use tabs.\n");
    // Long before the session, so that it is none of the files that changed.
    let rules = std::fs::File::options()
        .write(true)
        .open(home.workspace().join("AGENTS.md"))
        .unwrap();
    rules.set_modified(std::time::UNIX_EPOCH).unwrap();
    home.write_config(&(LIMIT.to_owned() + &codex_testkit::home::provider_config(&mock.base_url(), "")));
    home
}

/// What distinguishes a request, with ids and times as words. The texts that stand in files of their own are named only.
fn shown(request: &Recorded) -> String {
    let mut body = request.json.clone();
    if body["tools"].as_array().is_some_and(|tools| !tools.is_empty()) {
        body["tools"] = json!("the tools");
    }
    body["input"][0]["content"][0]["text"] = json!("the base instructions");
    let turn: Value = serde_json::from_str(body["client_metadata"]["x-codex-turn-metadata"].as_str().unwrap()).unwrap();
    let facts = ["request_kind", "window_number", "compaction"].map(|name| (name.to_owned(), turn[name].clone()));
    body["client_metadata"]["x-codex-turn-metadata"] = Value::Object(facts.into_iter().collect());
    serde_json::to_string_pretty(&body).unwrap()
}

fn filters() -> Vec<(&'static str, &'static str)> {
    let mut filters = snapshot_filters();
    filters.push((r"\d{4}-\d\d-\d\d", "[DATE]"));
    filters.push((r"sessions/\d{4}/\d\d/\d\d", "sessions/[DATE]"));
    filters.push((r"Chunk ID: [0-9a-f]+", "Chunk ID: [CHUNK]"));
    filters.push((r"Wall time: [0-9.]+", "Wall time: [TIME]"));
    filters
}

#[tokio::test]
async fn the_requests_around_a_compaction() {
    let mock = MockModel::start([long_answer(1), summary("Patched a.txt, ran echo."), last_word("msg_end")]);
    let home = home(&mock);
    let mut session = Session::open(&home).await;
    let thread = session.start(writing()).await.thread;

    let turn = session.run_turn(&thread.id, "mend a.txt").await;

    assert!(matches!(&turn.items[..], [ThreadItem::AgentMessage { text, .. }] if &**text == "Done."));
    let requests = mock.requests();
    assert_eq!(requests.len(), 3);
    assert!(
        requests[1].input().starts_with(requests[0].input()),
        "the request for a summary extends the conversation"
    );
    insta::with_settings!({ filters => filters() }, {
        insta::assert_snapshot!("request_for_a_summary", shown(&requests[1]));
        insta::assert_snapshot!("request_after_a_compaction", shown(&requests[2]));
    });
    let shown: Vec<String> = session.seen.iter().filter_map(compaction_item).collect();
    assert_eq!(shown, ["started", "completed"]);
}

fn compaction_item(notification: &Notification) -> Option<String> {
    match notification {
        Notification::ItemStarted(n) if matches!(n.item, ThreadItem::ContextCompaction { .. }) => Some("started".into()),
        Notification::ItemCompleted(n) if matches!(n.item, ThreadItem::ContextCompaction { .. }) => Some("completed".into()),
        _ => None,
    }
}

/// The record types behind the first request for a summary.
fn record_types(home: &TempHome) -> Vec<String> {
    let journal = std::fs::read_to_string(&home.journals()[0]).unwrap();
    let lines = journal.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let lines = lines.skip_while(|line| line["payload"]["compaction"].is_null()).skip(1);
    lines
        .map(|line| match line["payload"]["type"].as_str() {
            Some(kind) if line["type"] == "event_msg" => kind.to_owned(),
            _ => line["type"].as_str().unwrap().to_owned(),
        })
        .collect()
}

#[tokio::test]
async fn the_journal_keeps_the_documented_order() {
    let mock = MockModel::start([long_answer(1), summary("Half done."), last_word("msg_end")]);
    let home = home(&mock);
    let mut session = Session::open(&home).await;
    let thread = session.start(writing()).await.thread;

    session.run_turn(&thread.id, "mend a.txt").await;

    assert_eq!(
        record_types(&home)[..10],
        [
            "response_item",
            "token_usage_record",
            "token_count",
            "compacted",
            "prefix_break",
            "world_state",
            "turn_context",
            "token_count",
            "item_completed",
            "model_request",
        ]
    );
}

#[tokio::test]
async fn a_compacted_session_goes_on_in_another_process_from_the_same_bytes_and_may_be_compacted_again() {
    let answers = [
        long_answer(1),
        summary("First."),
        last_word("msg_1"),
        last_word("msg_2"),
        Answer::items_with_usage([events::exec_command("again", "echo x")], tokens(70_000)),
        summary("Second."),
        last_word("msg_3"),
    ];
    let mock = MockModel::start(answers);
    let home = home(&mock);
    let mut session = Session::open(&home).await;
    let thread = session.start(writing()).await.thread;
    session.run_turn(&thread.id, "mend a.txt").await;
    session.shutdown().await;

    let mut session = Session::open(&home).await;
    session.resume(&thread.id).await;
    session.run_turn(&thread.id, "go on").await;
    session.run_turn(&thread.id, "and on").await;

    let requests = mock.requests();
    assert_eq!(requests.len(), 7);
    assert!(requests[3].input().starts_with(requests[2].input()), "resumed from the same bytes");
    let last: Vec<&str> = requests[6]
        .input()
        .iter()
        .filter_map(|item| item["content"].as_array()?.last()?["text"].as_str())
        .collect();
    let typed = ["mend a.txt", "go on", "and on"];
    assert!(last.windows(3).any(|three| three == typed), "{last:?}");
    let text = last.last().unwrap();
    assert!(text.contains("Second.") && !text.contains("First."), "{text}");
    assert!(
        text.contains("- [in_progress] mend") && text.contains("- README.md deleted"),
        "the plan outlives the words it was in: {text}"
    );
    let window = |request: &Recorded| request.header("x-codex-window-id").unwrap().rsplit(':').next().unwrap().to_owned();
    assert_eq!(requests.iter().map(window).collect::<Vec<_>>(), ["0", "0", "1", "1", "1", "1", "2"]);
}

#[tokio::test]
async fn a_compaction_by_request_is_a_turn_that_shows_one_item() {
    let mock = MockModel::start([last_word("msg_1"), summary("All said."), last_word("msg_2")]);
    let home = home(&mock);
    let mut session = Session::open(&home).await;
    let thread = session.start(writing()).await.thread;
    session.run_turn(&thread.id, "mend a.txt").await;
    let params = ThreadIdParams {
        thread_id: thread.id.clone(),
    };

    session.client.request::<ThreadCompactStart>(params.clone()).await.unwrap();
    let turn = session.until_turn_ends().await;
    session.run_turn(&thread.id, "go on").await;

    assert_eq!((turn.status, turn.items.len()), (TurnStatus::Completed, 0));
    let texts: Vec<String> = mock.requests()[2]
        .input()
        .iter()
        .map(|item| item["content"][0]["text"].as_str().unwrap().to_owned())
        .collect();
    assert!(
        texts[4].contains("All said.") && texts[3] == "mend a.txt" && texts[5] == "go on",
        "{texts:?}"
    );
    let unknown = ThreadIdParams { thread_id: "none".into() };
    assert!(session.client.request::<ThreadCompactStart>(unknown).await.is_err());
}

#[tokio::test]
async fn a_compaction_is_undone_by_request_and_the_same_is_found_when_the_thread_is_loaded_again() {
    let words = ["msg_1", "msg_2", "msg_3"].map(last_word);
    let [first, second, third] = words;
    let gate = Gate::new();
    let mock = MockModel::start([first, summary("All said."), second.stall_last(&gate), third]);
    let home = home(&mock);
    let mut session = Session::open(&home).await;
    let thread = session.start(writing()).await.thread;
    let params = ThreadIdParams {
        thread_id: thread.id.clone(),
    };
    let undo = async |session: &Session| match session.client.request::<ThreadCompactUndo>(params.clone()).await {
        Ok(_) => "done".to_owned(),
        Err(CallError::Rejected(error)) => error.stable_code().to_owned(),
        Err(gone) => gone.to_string(),
    };
    let before_everything = undo(&session).await;
    let file_before_everything = thread.path.as_ref().unwrap().exists();
    session.run_turn(&thread.id, "mend a.txt").await;
    session.client.request::<ThreadCompactStart>(params.clone()).await.unwrap();
    session.until_turn_ends().await;

    session.turn(&thread.id, "go on").await;
    let in_a_turn = undo(&session).await;
    gate.open();
    session.until_turn_ends().await;
    let told = [before_everything, in_a_turn, undo(&session).await, undo(&session).await];
    session.shutdown().await;
    let mut session = Session::open(&home).await;
    session.resume(&thread.id).await;
    session.run_turn(&thread.id, "and on").await;

    assert_eq!(told, ["compact.never", "turn.active", "done", "compact.undone_already"]);
    assert!(!file_before_everything);
    let requests = mock.requests();
    let texts = |request: &Recorded| -> Vec<String> {
        let input = request.input().iter();
        input.map(|item| item["content"][0]["text"].as_str().unwrap().to_owned()).collect()
    };
    let (before, after) = (texts(&requests[0]), texts(&requests[3]));
    assert_eq!(after[..before.len()], before);
    // The thread was loaded again with other rights, of which the model is told.
    let said: Vec<&String> = after[before.len()..].iter().filter(|text| !text.starts_with('<')).collect();
    assert_eq!(said, ["Done.", "go on", "Done.", "and on"]);
    session.shutdown().await;
}

#[tokio::test]
async fn an_interrupt_while_the_summary_is_written_loses_nothing() {
    let gate = Gate::new();
    let mock = MockModel::start([long_answer(1), summary("never").stall_last(&gate), last_word("msg_end")]);
    let home = home(&mock);
    let mut session = Session::open(&home).await;
    let thread = session.start(writing()).await.thread;
    let turn = session.turn(&thread.id, "mend a.txt").await;
    session.until(compaction_item).await;
    let params = TurnInterruptParams {
        thread_id: thread.id.clone(),
        turn_id: turn.id,
    };

    session.client.request::<TurnInterrupt>(params).await.unwrap();
    assert_eq!(session.until_turn_ends().await.status, TurnStatus::Interrupted);
    gate.open();
    session.shutdown().await;
    let mut session = Session::open(&home).await;
    session.resume(&thread.id).await;
    // Over the limit still: the next turn would begin with a compaction.
    home.write_config(&codex_testkit::home::provider_config(&mock.base_url(), ""));
    session.run_turn(&thread.id, "go on").await;

    let requests = mock.requests();
    let (asked, next) = (requests[1].input(), requests.last().unwrap().input());
    let conversation = &asked[..asked.len() - 1];
    assert_eq!(&next[..conversation.len()], conversation);
}

#[tokio::test]
async fn a_journal_that_ends_anywhere_still_holds_the_open_request() {
    let mock = MockModel::start([long_answer(1), summary("Half done."), last_word("msg_end")]);
    let original = home(&mock);
    let mut session = Session::open(&original).await;
    let thread = session.start(writing()).await.thread;
    session.run_turn(&thread.id, "mend a.txt").await;
    session.shutdown().await;
    let journal = original.journals().remove(0);
    let text = std::fs::read_to_string(&journal).unwrap();
    let first = text.find("\"UserMessage\"").unwrap();
    let ends: Vec<usize> = text.match_indices('\n').map(|(at, _)| at + 1).filter(|end| *end > first).collect();
    assert!(ends.len() > 20, "{}", ends.len());

    for end in ends.into_iter().flat_map(|end| [end, end - 30]) {
        // A limit far away: only what is in the journal counts here.
        let mock = MockModel::start([Answer::message("ok")]);
        let home = home_for(&mock, "");
        let copy = home.codex_home().join(journal.strip_prefix(original.codex_home()).unwrap());
        std::fs::create_dir_all(copy.parent().unwrap()).unwrap();
        std::fs::write(&copy, &text[..end]).unwrap();
        let mut session = Session::open(&home).await;
        session.resume(&thread.id).await;
        session.run_turn(&thread.id, "go on").await;

        let input = serde_json::to_string(mock.requests()[0].input()).unwrap();
        assert_eq!(input.matches("\"mend a.txt\"").count(), 1, "cut at {end}: {input}");
        session.shutdown().await;
    }
}
