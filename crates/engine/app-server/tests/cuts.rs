//! The same turn, its streams cut after every single event: the right transcript or one clear error, and no tool runs twice.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use codex_protocol::items::{ThreadItem, TurnStatus};
use codex_protocol::requests::ThreadSettings;
use codex_protocol::settings::{ApprovalPolicy, SandboxMode};
use codex_testkit::{Answer, MockModel, Recorded, events};
use pretty_assertions::assert_eq;
use serde_json::Value;
use std::sync::{Arc, Mutex};
use support::{Session, home_for};

const PATCH: &str = "*** Begin Patch\n*** Update File: a.txt\n@@\n one\n-two\n+2\n*** End Patch\n";

/// What a sensible model says next, whatever it has said before: it never asks for a call that was answered.
fn reply(request: &Recorded) -> Answer {
    let answered = |id: &str| request.output_of(id).is_some();
    if !answered("c1") || !answered("c2") {
        let calls = [("c1", "echo one >> ran"), ("c2", "echo two >> ran")];
        let missing = calls
            .into_iter()
            .filter(|(id, _)| !answered(id))
            .map(|(id, cmd)| events::exec_command(id, cmd));
        let thought = events::reasoning("rs_1", &["Look first"], "sealed");
        return Answer::items([thought].into_iter().chain(missing));
    }
    if !answered("p1") {
        return Answer::items([events::message("msg_a", "Now the patch."), events::apply_patch("p1", PATCH)]);
    }
    Answer::items([events::message("msg_b", "Done.")])
}

/// Runs the turn with response `number` (1 first) cut after `events` events; `None` when that response has no more events.
async fn cut_turn(number: usize, cut: usize) -> Option<()> {
    let whole = Arc::new(Mutex::new(false));
    let saw_whole = Arc::clone(&whole);
    let mock = MockModel::start_with(move |count, request| {
        let answer = reply(request);
        if count != number {
            return answer;
        }
        *saw_whole.lock().unwrap() = cut >= answer.event_count();
        match cut % 3 {
            0 => answer.cut_after_events(cut),
            1 => answer.drop_after_events(cut),
            _ => answer.reset_after_events(cut),
        }
    });
    let home = home_for(&mock, "");
    let mut session = Session::open(&home).await;
    let params = ThreadSettings {
        sandbox: Some(SandboxMode::WorkspaceWrite),
        approval_policy: Some(ApprovalPolicy::Never),
        ..Default::default()
    };
    let thread = session.start(params).await.thread;

    session.turn(&thread.id, "mend a.txt").await;
    let turn = session.until_turn_ends().await;

    let place = format!("response {number} cut after {cut} events");
    assert_eq!(turn.status, TurnStatus::Completed, "{place}: {:?}", turn.error);
    assert!(
        matches!(&turn.items[..], [ThreadItem::AgentMessage { text, .. }] if &**text == "Done."),
        "{place}"
    );
    let mut ran: Vec<String> = home.read("ran").lines().map(str::to_owned).collect();
    ran.sort();
    assert_eq!(ran, ["one", "two"], "{place}: each command ran once");
    assert_eq!(home.read("a.txt"), "one\n2\n", "{place}");
    let requests = mock.requests();
    for pair in requests.windows(2) {
        assert!(pair[1].input().starts_with(pair[0].input()), "{place}: the input only grows");
    }
    assert_every_call_answered_once(requests.last().unwrap().input(), &place);
    let whole = *whole.lock().unwrap();
    (!whole).then_some(())
}

fn assert_every_call_answered_once(input: &[Value], place: &str) {
    let of = |suffix: &str| -> Vec<String> {
        let found = input
            .iter()
            .filter(|item| item["type"].as_str().is_some_and(|kind| kind.ends_with(suffix)));
        let mut ids: Vec<String> = found.map(|item| item["call_id"].as_str().unwrap().to_owned()).collect();
        ids.sort();
        ids
    };
    assert_eq!(of("_call"), of("_output"), "{place}");
}

async fn cut_everywhere(number: usize) {
    let mut cuts = 0;
    while cut_turn(number, cuts).await.is_some() {
        cuts += 1;
        assert!(cuts < 100, "response {number} never comes to its end");
    }
    assert!(cuts > 2, "response {number} has events to cut");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_response_with_commands_may_break_after_any_event() {
    cut_everywhere(1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_response_with_the_patch_may_break_after_any_event() {
    cut_everywhere(2).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_last_response_may_break_after_any_event() {
    cut_everywhere(3).await;
}

#[tokio::test]
async fn a_stream_that_always_breaks_is_one_clear_error_after_the_budget() {
    let mock = MockModel::start_with(|_, _| Answer::message("never whole").cut_after_events(1));
    let home = home_for(&mock, "");
    let limits = "request_max_retries = 1\nstream_max_retries = 2\n";
    home.write_config(&(codex_testkit::home::provider_config(&mock.base_url(), "") + limits));
    let mut session = Session::open(&home).await;
    let thread = session.start(ThreadSettings::default()).await.thread;

    session.turn(&thread.id, "go").await;
    let turn = session.until_turn_ends().await;

    let error = turn.error.unwrap();
    assert_eq!(error.code.as_deref(), Some("model.stream_closed"));
    assert_eq!(mock.requests().len(), 3, "one request and as many more as the larger limit");
}
