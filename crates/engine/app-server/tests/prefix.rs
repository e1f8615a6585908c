//! The input of request n is a prefix of the input of request n+1, byte for byte, whatever happens in between, across processes.
//!
//! Random sessions over recorded HTTP bodies: parallel calls, cut streams, interrupts, steering, a changed AGENTS.md, another directory,
//! another day, resumes by a new engine. Only compactions and their undoing may break it, and what the journal says of each request must be
//! what went over the wire.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use codex_base::{AbsPath, Timestamp};
use codex_engine::compact::changes::short_hash;
use codex_protocol::collaboration::{CollaborationMode, ModeKind};
use codex_protocol::items::TurnStatus;
use codex_protocol::notifications::Notification;
use codex_protocol::requests::{
    ThreadCompactStart, ThreadIdParams, ThreadSettings, TurnInterrupt, TurnInterruptParams, TurnStart, TurnStartParams,
};
use codex_protocol::settings::{ApprovalPolicy, SandboxMode};
use codex_sessions::Journal;
use codex_sessions::requests::{Cause, Difference, Part, prefix_steps, requests};
use codex_testkit::{Answer, MockModel, TempHome, events};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed};
use serde_json::value::RawValue;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use support::{Session, home_for, text_input};

/// One thing that happens to a session.
#[derive(Debug, Clone)]
enum Act {
    /// A turn whose responses are these.
    Turn(Vec<Said>),
    /// A turn that is interrupted while a command runs.
    Interrupted,
    ChangeRules(u8),
    OtherDirectory,
    /// A turn that makes a plan, or one that does not.
    Mode(ModeKind),
    /// A new engine over the same home, this many days later.
    Resume(i64),
    Compact,
    UndoCompaction,
}

/// One response of the model.
#[derive(Debug, Clone)]
struct Said {
    calls: usize,
    text: bool,
    /// The first attempt breaks after this many events.
    cut: Option<usize>,
}

fn said() -> impl Strategy<Value = Said> {
    (0..4_usize, any::<bool>(), proptest::option::weighted(0.4, 0..12_usize)).prop_map(|(calls, text, cut)| Said { calls, text, cut })
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        4 => proptest::collection::vec(said(), 1..3).prop_map(Act::Turn),
        1 => Just(Act::Interrupted),
        1 => any::<u8>().prop_map(Act::ChangeRules),
        1 => Just(Act::OtherDirectory),
        2 => prop_oneof![Just(ModeKind::Plan), Just(ModeKind::Default)].prop_map(Act::Mode),
        2 => (0..3_i64).prop_map(Act::Resume),
        2 => Just(Act::Compact),
        1 => Just(Act::UndoCompaction),
    ]
}

/// What the mock says to the coming requests, in order; afterwards a plain last word.
#[derive(Default)]
struct Script {
    queue: std::collections::VecDeque<Answer>,
}

async fn play(acts: Vec<Act>) {
    let script = Arc::new(Mutex::new(Script::default()));
    let counter = Arc::new(AtomicUsize::new(0));
    let told = Arc::clone(&script);
    let mock = MockModel::start_with(move |_, _| told.lock().unwrap().queue.pop_front().unwrap_or_else(|| Answer::message("enough")));
    let home = home_for(&mock, "");
    let mut session = Session::open(&home).await;
    let params = ThreadSettings {
        sandbox: Some(SandboxMode::WorkspaceWrite),
        approval_policy: Some(ApprovalPolicy::Never),
        ..Default::default()
    };
    let thread = session.start(params).await.thread;
    // A thread without a turn has no journal to resume from.
    session.run_turn(&thread.id, "begin").await;
    for act in acts {
        match act {
            Act::Turn(responses) => {
                let answers: Vec<Answer> = responses.iter().flat_map(|said| attempts(said, &counter)).collect();
                script.lock().unwrap().queue.extend(answers);
                session.turn(&thread.id, "go on").await;
                session.until_turn_ends().await;
                script.lock().unwrap().queue.clear();
            }
            Act::Interrupted => interrupted(&mut session, &thread.id, &script, &counter).await,
            Act::ChangeRules(rule) => home.write("AGENTS.md", format!("Rule {rule}.\n")),
            Act::OtherDirectory => other_directory(&mut session, &home, &thread.id).await,
            Act::Mode(mode) => {
                let mode = CollaborationMode {
                    mode,
                    ..CollaborationMode::default()
                };
                session.turn_in(&thread.id, "so", Some(mode)).await;
                session.until_turn_ends().await;
            }
            Act::Resume(days) => {
                session.shutdown().await;
                session = Session::open_on(&home, days).await;
                session.resume(&thread.id).await;
            }
            Act::Compact => compact(&mut session, &thread.id).await,
            Act::UndoCompaction => {
                session.shutdown().await;
                undo_compaction(&home, &thread.id);
                session = Session::open(&home).await;
                session.resume(&thread.id).await;
            }
        }
    }
    session.run_turn(&thread.id, "end").await;
    assert_report_agrees(&mock, &home);
    assert_all_journaled(&mock, &home);
}

/// The broken attempt, if any, and the whole one. Ids are new each time, as a provider's would be.
fn attempts(said: &Said, counter: &AtomicUsize) -> Vec<Answer> {
    let whole = response(said, counter);
    let broken = said.cut.map(|cut| response(said, counter).cut_after_events(cut));
    broken.into_iter().chain([whole]).collect()
}

fn response(said: &Said, counter: &AtomicUsize) -> Answer {
    let next = |prefix: &str| format!("{prefix}{}", counter.fetch_add(1, Ordering::Relaxed));
    let mut items = Vec::new();
    if said.text {
        items.push(events::message(&next("msg_"), "so"));
    }
    for _ in 0..said.calls {
        items.push(events::exec_command(&next("call_"), "echo x"));
    }
    if items.is_empty() {
        items.push(events::reasoning(&next("rs_"), &["hm"], "sealed"));
    }
    Answer::items(items)
}

async fn interrupted(session: &mut Session, thread_id: &str, script: &Mutex<Script>, counter: &AtomicUsize) {
    let id = format!("call_{}", counter.fetch_add(1, Ordering::Relaxed));
    script
        .lock()
        .unwrap()
        .queue
        .push_back(Answer::items([events::exec_command(&id, "echo begun; sleep 60")]));
    let turn = session.turn(thread_id, "wait").await;
    session
        .until(|n| matches!(n, Notification::CommandExecutionOutputDelta(_)).then_some(()))
        .await;
    let params = TurnInterruptParams {
        thread_id: thread_id.into(),
        turn_id: turn.id,
    };
    session.client.request::<TurnInterrupt>(params).await.unwrap();
    assert_eq!(session.until_turn_ends().await.status, TurnStatus::Interrupted);
}

async fn other_directory(session: &mut Session, home: &TempHome, thread_id: &str) {
    let inner = home.workspace().join("inner");
    std::fs::create_dir_all(&inner).unwrap();
    let params = TurnStartParams {
        thread_id: thread_id.into(),
        input: text_input("over there"),
        cwd: Some(inner.to_string_lossy().into_owned()),
        ..Default::default()
    };
    session.client.request::<TurnStart>(params).await.unwrap();
    session.until_turn_ends().await;
}

/// There may be nothing to compact; that is an answer, too.
async fn compact(session: &mut Session, thread_id: &str) {
    let params = ThreadIdParams {
        thread_id: thread_id.into(),
    };
    if session.client.request::<ThreadCompactStart>(params).await.is_ok() {
        assert_eq!(session.until_turn_ends().await.status, TurnStatus::Completed);
    }
}

/// As the command does it: nobody else has the session.
fn undo_compaction(home: &TempHome, thread_id: &str) {
    let codex_home = AbsPath::new(home.codex_home()).unwrap();
    let (mut journal, loaded) = Journal::resume(&codex_home, thread_id).unwrap();
    if let Ok(records) = codex_sessions::undo_compaction(&loaded.records, "w".into()) {
        journal.append(&records, Timestamp::UNIX_EPOCH).unwrap();
    }
}

#[derive(serde::Deserialize)]
struct Body<'a> {
    model: String,
    #[serde(borrow)]
    tools: &'a RawValue,
    #[serde(borrow)]
    input: &'a RawValue,
}

impl Body<'_> {
    /// The items as the bytes that went over the wire.
    fn items(&self) -> Vec<String> {
        let items: Vec<&RawValue> = serde_json::from_str(self.input.get()).unwrap();
        items.iter().map(|item| item.get().to_owned()).collect()
    }
}

fn items(body: &[u8]) -> Vec<String> {
    serde_json::from_slice::<Body>(body).unwrap().items()
}

/// What the journal tells of the requests is what was sent, and each that did not extend the one before is found with its first byte and a
/// cause that has a name.
fn assert_report_agrees(mock: &MockModel, home: &TempHome) {
    let recorded = mock.requests();
    let bodies: Vec<Body> = recorded
        .iter()
        .map(|request| serde_json::from_slice(&request.body).unwrap())
        .collect();
    let loaded = codex_sessions::read(&home.journals()[0]).unwrap();
    let told = requests(&loaded.records, loaded.meta.base_item.as_ref());
    assert_eq!(told.len(), bodies.len());
    for (told, body) in told.iter().zip(&bodies) {
        let input: Vec<String> = told.input.iter().map(|item| item.raw().get().to_owned()).collect();
        assert_eq!(input, body.items());
        assert_eq!(told.model.as_deref(), Some(body.model.as_str()));
        assert_eq!(told.tools_hash.as_deref(), Some(short_hash(body.tools.get()).as_str()));
        assert_eq!(told.items_counted, None);
    }
    let steps = prefix_steps(&told);
    for (pair, step) in bodies.windows(2).zip(&steps[1..]) {
        assert!(!step.causes.contains(&Cause::Unknown), "{step:?}");
        let (before, after) = (pair[0].items(), pair[1].items());
        let real = (!after.starts_with(&before)).then(|| {
            let bytes = pair[0].input.get().bytes().zip(pair[1].input.get().bytes());
            bytes.take_while(|(old, new)| old == new).count()
        });
        match step.difference {
            None => assert_eq!(real, None, "{step:?}"),
            Some(Difference {
                part: Part::Input, byte, ..
            }) => assert_eq!(byte, real, "{step:?}"),
            Some(Difference { part: Part::Tools, .. }) => assert_ne!(pair[0].tools.get(), pair[1].tools.get()),
            Some(Difference { part: Part::Model, .. }) => assert_ne!(pair[0].model, pair[1].model),
        }
    }
}

/// Every item of every request stands in the journal, with the same bytes.
fn assert_all_journaled(mock: &MockModel, home: &TempHome) {
    let journal = std::fs::read_to_string(&home.journals()[0]).unwrap();
    for request in mock.requests() {
        for item in items(&request.body) {
            assert!(journal.contains(&item), "not in the journal: {item}");
        }
    }
}

#[test]
fn the_input_only_grows() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    let config = Config {
        cases: 24,
        max_shrink_iters: 20,
        rng_seed: RngSeed::Fixed(7),
        failure_persistence: None,
        ..Config::default()
    };
    proptest!(config, |(acts in proptest::collection::vec(act(), 1..6))| {
        runtime.block_on(play(acts));
    });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn compacted_and_undone_the_next_request_extends_the_one_before_both() {
    let mock = MockModel::start_with(|number, _| Answer::message(&format!("answer {number}")));
    let home = home_for(&mock, "");
    let mut session = Session::open(&home).await;
    let thread = session.start(ThreadSettings::default()).await.thread;
    session.run_turn(&thread.id, "one").await;
    compact(&mut session, &thread.id).await;
    session.run_turn(&thread.id, "two").await;
    session.shutdown().await;

    undo_compaction(&home, &thread.id);
    let mut session = Session::open(&home).await;
    session.resume(&thread.id).await;
    session.run_turn(&thread.id, "three").await;

    let requests = mock.requests();
    assert_eq!(requests.len(), 4);
    let (first, last) = (items(&requests[0].body), items(&requests[3].body));
    assert_eq!(last[..first.len()], first);
    let texts = |item: &String| {
        ["one", "answer 1", "two", "answer 3", "three"]
            .into_iter()
            .find(|text| item.contains(&format!("\"{text}\"")))
    };
    assert_eq!(
        last.iter().filter_map(texts).collect::<Vec<_>>(),
        ["one", "answer 1", "two", "answer 3", "three"]
    );
    assert_report_agrees(&mock, &home);
}
