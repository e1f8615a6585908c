//! `review/start` over a real HTTP model and real repositories.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use codex_protocol::items::{Thread, ThreadItem, TurnStatus, UserInput};
use codex_protocol::notifications::Notification;
use codex_protocol::requests::{
    ClientRequest, ReviewStart, ReviewStartParams, ReviewStartResult, ThreadRead, ThreadReadParams, ThreadSettings, TurnInterrupt,
    TurnInterruptParams,
};
use codex_protocol::review::ReviewTarget;
use codex_protocol::settings::{ApprovalPolicy, SandboxMode};
use codex_rpc::CallError;
use codex_testkit::{Answer, Gate, MockModel, TempHome, events};
use pretty_assertions::assert_eq;
use serde_json::{Value, json};
use support::{Session, home_for};

const ANSWER: &str = r#"Here: {"findings": [{"title": "[P1] Two is gone", "body": "Callers read it.", "confidence_score": 0.9, "priority": 1, "code_location": {"absolute_file_path": "/w/a.txt", "line_range": {"start": 2, "end": 2}}}], "overall_correctness": "patch is incorrect", "overall_explanation": "It breaks callers.", "overall_confidence_score": 0.8}"#;

const TEXT: &str = "It breaks callers.\n\nReview comment:\n\n- [P1] Two is gone — /w/a.txt:2-2\n  Callers read it.";

/// A home whose repository has an uncommitted change.
fn changed(mock: &MockModel, config: &str) -> TempHome {
    let home = home_for(mock, config);
    std::fs::write(home.workspace().join("a.txt"), "one\n").unwrap();
    home
}

async fn start(session: &mut Session) -> String {
    let params = ThreadSettings {
        approval_policy: Some(ApprovalPolicy::OnRequest),
        sandbox: Some(SandboxMode::WorkspaceWrite),
        ..Default::default()
    };
    session.start(params).await.thread.id
}

async fn review(session: &Session, thread_id: &str, target: ReviewTarget) -> Result<ReviewStartResult, CallError> {
    let params = ReviewStartParams {
        thread_id: thread_id.to_owned(),
        target,
        delivery: None,
    };
    session.client.request::<ReviewStart>(params).await
}

async fn stored(session: &Session, thread_id: &str) -> Thread {
    let params = ThreadReadParams {
        thread_id: thread_id.to_owned(),
        include_turns: true,
    };
    session.client.request::<ThreadRead>(params).await.unwrap().thread
}

/// What happened, in a word or two; streams and waits left out.
fn heard(seen: &[Notification]) -> Vec<String> {
    let line = |notification: &Notification| match notification {
        Notification::TurnStarted(_) => Some("turn started".to_owned()),
        Notification::TurnCompleted(n) => Some(format!("turn {:?}", n.turn.status)),
        Notification::ItemStarted(n) => Some(format!("started {}", kind(&n.item))),
        Notification::ItemCompleted(n) => Some(format!("completed {}", kind(&n.item))),
        Notification::Error(n) => Some(format!("error {:?}", n.error.code)),
        _ => None,
    };
    seen.iter().filter_map(line).collect()
}

fn kind(item: &ThreadItem) -> String {
    json!(item)["type"].as_str().unwrap().to_owned()
}

fn completed_items(seen: &[Notification]) -> Vec<ThreadItem> {
    let item = |notification: &Notification| match notification {
        Notification::ItemCompleted(n) => Some(n.item.clone()),
        _ => None,
    };
    seen.iter().filter_map(item).collect()
}

#[tokio::test]
async fn a_review_is_told_as_one_turn_and_done_by_a_thread_of_its_own() {
    let arguments = json!({"cmd": "touch /nowhere/x", "sandbox_permissions": "require_escalated", "justification": "to write"});
    let mock = MockModel::start([
        Answer::items([events::function_call("c1", "exec_command", &json!({"cmd": "cat a.txt"}))]),
        Answer::items([events::function_call("c2", "exec_command", &arguments)]),
        Answer::message(ANSWER),
        Answer::message("mended"),
    ]);
    let home = changed(&mock, "review_model = \"sharp\"\n");
    let mut session = Session::open(&home).await;
    let id = start(&mut session).await;
    session.seen.clear();

    let started = review(&session, &id, ReviewTarget::UncommittedChanges).await.unwrap();
    let ended = session.until_turn_ends().await;

    assert_eq!((started.review_thread_id, started.turn.id.clone()), (id.clone(), ended.id.clone()));
    let said = vec![ThreadItem::UserMessage {
        id: ended.id.clone(),
        content: vec![UserInput::Text {
            text: "current changes".into(),
        }],
    }];
    assert_eq!(started.turn.items, said);
    insta::assert_snapshot!(heard(&session.seen).join("\n"));
    let told = completed_items(&session.seen);
    let Some(ThreadItem::ExitedReviewMode { review: shown, output, .. }) = told.iter().find(|item| kind(item) == "exitedReviewMode") else {
        panic!("{told:?}");
    };
    assert_eq!((shown.as_str(), output.as_ref().unwrap().findings.len()), (TEXT, 1));

    // What is stored is what was told.
    let thread = stored(&session, &id).await;
    assert_eq!(thread.turns.len(), 1);
    assert_eq!(thread.turns[0].items, told);
    // Nobody typed what the reviewer was told.
    let said = told
        .iter()
        .find(|item| kind(item) == "userMessage")
        .map(|item| serde_json::to_value(item).unwrap());
    assert_eq!(said.unwrap()["content"][0]["text"], "Review of current changes");
    assert_eq!(thread.preview, "Review of current changes");

    // The conversation goes on with what the reviewer said.
    session.run_turn(&id, "mend it").await;
    let requests = mock.requests();
    let reviewer = &requests[0];
    assert_eq!(reviewer.header("x-openai-subagent"), Some("review"));
    assert_eq!(reviewer.header("x-codex-parent-thread-id"), Some(id.as_str()));
    assert_eq!(reviewer.json["model"], "sharp");
    let tools: Vec<&Value> = reviewer.json["tools"]
        .as_array()
        .unwrap()
        .iter()
        .map(|tool| &tool["name"])
        .collect();
    assert_eq!(tools, ["exec_command", "write_stdin", "view_image"]);
    assert!(text(&reviewer.input()[0]).starts_with("You review a change"));
    let refused = requests[2].output_of("c2").unwrap().to_string();
    assert!(refused.contains("cannot ask"), "{refused}");
    let next = requests[3].input();
    assert_eq!(requests[3].header("x-openai-subagent"), None);
    assert!(
        next.iter()
            .any(|item| item["role"] == "user" && text(item).starts_with("<user_action>") && text(item).contains(TEXT))
    );
    assert!(next.iter().any(|item| item["role"] == "assistant" && text(item) == TEXT));
    session.shutdown().await;

    let reviewers: Vec<Value> = metas(&home).into_iter().filter(|meta| meta["id"] != id.as_str()).collect();
    assert_eq!(reviewers.len(), 1);
    assert_eq!(reviewers[0]["source"], json!({"subagent": "review"}));
    assert_eq!(
        (&reviewers[0]["parent_thread_id"], &reviewers[0]["session_id"]),
        (&json!(id), &json!(id))
    );
}

fn text(item: &Value) -> &str {
    item["content"][0]["text"].as_str().unwrap_or_default()
}

/// What the first line of every journal says.
fn metas(home: &TempHome) -> Vec<Value> {
    let meta = |path: std::path::PathBuf| {
        let journal = std::fs::read_to_string(path).unwrap();
        let line: Value = serde_json::from_str(journal.lines().next().unwrap()).unwrap();
        line["payload"].clone()
    };
    home.journals().into_iter().map(meta).collect()
}

#[tokio::test]
async fn a_resumed_thread_goes_on_from_its_review() {
    let mock = MockModel::start([Answer::message("All is well."), Answer::message("thanks"), Answer::message("again")]);
    let home = changed(&mock, "");
    let mut session = Session::open(&home).await;
    let id = start(&mut session).await;
    session.seen.clear();
    review(&session, &id, ReviewTarget::UncommittedChanges).await.unwrap();
    assert_eq!(session.until_turn_ends().await.status, TurnStatus::Completed);
    let told = completed_items(&session.seen);
    session.run_turn(&id, "go on").await;
    session.shutdown().await;

    let mut session = Session::open(&home).await;
    let setup = session.resume(&id).await;
    session.run_turn(&id, "and on").await;

    assert_eq!(setup.thread.turns[0].items, told);
    let requests = mock.requests();
    assert!(requests[2].input().starts_with(requests[1].input()));
    assert!(requests[1].input().iter().any(|item| text(item) == "All is well."));
}

#[tokio::test]
async fn what_cannot_be_reviewed_is_refused_before_a_turn_begins() {
    let mock = MockModel::start([]);
    let home = home_for(&mock, "");
    let mut session = Session::open(&home).await;
    let id = start(&mut session).await;
    let outside = TempHome::new();
    let params = ThreadSettings {
        cwd: Some(outside.workspace().display().to_string()),
        ..Default::default()
    };
    let no_repository = session.start(params).await.thread.id;
    session.seen.clear();
    let branch = |branch: &str| ReviewTarget::BaseBranch { branch: branch.into() };
    let commit = |sha: &str| ReviewTarget::Commit {
        sha: sha.into(),
        title: None,
    };
    let custom = ReviewTarget::Custom {
        instructions: " \n".into(),
    };

    let cases = [
        (&id, branch("")),
        (&id, commit(" ")),
        (&id, custom),
        (&id, branch("nosuch")),
        (&id, commit("deadbeef")),
        (&id, ReviewTarget::UncommittedChanges),
        (&id, branch("HEAD")),
        (&no_repository, ReviewTarget::UncommittedChanges),
        (&"none".to_owned(), ReviewTarget::UncommittedChanges),
    ];
    let mut refusals = Vec::new();
    for (thread, target) in cases {
        let Err(CallError::Rejected(error)) = review(&session, thread, target).await else {
            panic!("it was not refused");
        };
        let message = error.message.replace(&*outside.workspace().to_string_lossy(), "OUTSIDE");
        refusals.push(format!("{} [{}] {message}", error.code, error.stable_code()));
    }

    insta::assert_snapshot!(refusals.join("\n"), @r#"
    -32600 [review.target_empty] branch must not be empty
    -32600 [review.target_empty] sha must not be empty
    -32600 [review.target_empty] instructions must not be empty
    -32600 [review.unknown_branch] there is no branch or commit "nosuch" in this repository
    -32600 [review.unknown_commit] there is no commit "deadbeef" in this repository
    -32600 [review.nothing] there is nothing to review: everything is committed
    -32600 [review.nothing] there is nothing to review: what is checked out has no changes against "HEAD"
    -32600 [review.no_repository] OUTSIDE is in no git repository
    -32600 [thread.not_found] thread not found: none
    "#);
    assert_eq!(heard(&session.seen), Vec::<String>::new());
    assert!(home.journals().is_empty());
}

#[test]
fn a_review_elsewhere_is_refused_as_the_reference_does() {
    let request =
        json!({"method": "review/start", "params": {"threadId": "T", "delivery": "detached", "target": {"type": "uncommittedChanges"}}});

    let error = serde_json::from_value::<ClientRequest>(request).unwrap_err();

    assert_eq!(error.to_string(), "unknown variant `detached`, expected `inline`");
}

#[tokio::test]
async fn an_interrupt_ends_the_reviewers_command_and_leaves_the_review() {
    let mock = MockModel::start([
        Answer::items([events::exec_command("c1", "echo begun; sleep 60; echo never > never")]),
        Answer::message("went on"),
    ]);
    let home = changed(&mock, "");
    let mut session = Session::open(&home).await;
    let id = start(&mut session).await;
    session.seen.clear();
    let turn = review(&session, &id, ReviewTarget::UncommittedChanges).await.unwrap().turn;
    session
        .until(|n| matches!(n, Notification::CommandExecutionOutputDelta(_)).then_some(()))
        .await;

    let interrupt = TurnInterruptParams {
        thread_id: id.clone(),
        turn_id: turn.id,
    };
    session.client.request::<TurnInterrupt>(interrupt).await.unwrap();
    session.until_turn_ends().await;

    insta::assert_snapshot!(heard(&session.seen).join("\n"), @r"
    turn started
    started enteredReviewMode
    completed enteredReviewMode
    started userMessage
    completed userMessage
    started commandExecution
    completed commandExecution
    started exitedReviewMode
    completed exitedReviewMode
    started agentMessage
    completed agentMessage
    turn Interrupted
    ");
    assert_eq!(stored(&session, &id).await.turns[0].items, completed_items(&session.seen));
    session.run_turn(&id, "go on").await;
    assert_eq!(mock.requests()[1].header("x-openai-subagent"), None);
}

#[tokio::test]
async fn a_provider_that_fails_fails_the_review() {
    let mock = MockModel::start([Answer::error(400, "bad", "it is down")]);
    let home = changed(&mock, "");
    let mut session = Session::open(&home).await;
    let id = start(&mut session).await;
    session.seen.clear();

    review(&session, &id, ReviewTarget::UncommittedChanges).await.unwrap();
    let turn = session.until_turn_ends().await;

    insta::assert_snapshot!(heard(&session.seen).join("\n"), @r#"
    turn started
    started enteredReviewMode
    completed enteredReviewMode
    started userMessage
    completed userMessage
    started exitedReviewMode
    completed exitedReviewMode
    started agentMessage
    completed agentMessage
    error Some("model.bad_request")
    turn Failed
    "#);
    assert!(turn.error.unwrap().message.contains("it is down"));
}

#[tokio::test]
async fn a_review_that_a_crash_cut_off_is_left_when_the_thread_is_resumed() {
    let gate = Gate::new();
    let mock = MockModel::start([Answer::message("late").stall_head(&gate), Answer::message("went on")]);
    let home = changed(&mock, "");
    let mut session = Session::open(&home).await;
    let id = start(&mut session).await;
    review(&session, &id, ReviewTarget::UncommittedChanges).await.unwrap();
    mock.wait_for_request(1).await;
    session
        .until(|n| matches!(n, Notification::ItemCompleted(n) if kind(&n.item) == "userMessage").then_some(()))
        .await;
    // What is in the journal by now is what a killed process leaves.
    let copy = TempHome::new();
    copy.use_model(&mock, "");
    for path in home.journals() {
        let to = copy.codex_home().join(path.strip_prefix(home.codex_home()).unwrap());
        std::fs::create_dir_all(to.parent().unwrap()).unwrap();
        std::fs::copy(path, to).unwrap();
    }
    drop(session);

    let mut session = Session::open(&copy).await;
    session.resume(&id).await;
    session.run_turn(&id, "go on").await;

    let turns = stored(&session, &id).await.turns;
    assert_eq!(turns[0].status, TurnStatus::Interrupted);
    let kinds: Vec<String> = turns[0].items.iter().map(kind).collect();
    assert_eq!(kinds, ["enteredReviewMode", "userMessage", "exitedReviewMode"]);
}
