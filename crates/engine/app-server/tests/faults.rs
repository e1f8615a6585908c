//! Whole turns over everything that a provider, or the way to it, can do wrong: the cases are files of the test kit.
//!
//! Of each: how the turn ends and after how many requests, which waits are shown, that no command runs twice, that nothing that was shown is
//! lost, and that each request extends the one before.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use codex_protocol::items::{ThreadItem, Turn};
use codex_protocol::notifications::{Notification, WaitingFor};
use codex_protocol::requests::{ThreadRead, ThreadReadParams, ThreadSettings};
use codex_protocol::settings::{ApprovalPolicy, SandboxMode};
use codex_rpc::ServerMessage;
use codex_testkit::faults::{Fault, Stage, faults};
use codex_testkit::{SteppedClock, TempHome};
use std::sync::Arc;
use std::time::Duration;
use support::Session;

const RETRIES: u32 = 2;

#[tokio::test]
async fn every_fault_ends_the_turn_as_its_file_says() {
    let mut wrong = Vec::new();
    for fault in faults() {
        let seen = Box::pin(played(&fault)).await;
        let expected = Outcome {
            end: fault.end.clone(),
            requests: fault.requests,
            waits_ms: fault.waits_ms.clone(),
            said: fault.said.clone(),
            ran: fault.ran.clone(),
            proxied: fault.proxied.clone(),
            wrongs: Vec::new(),
        };
        if seen != expected {
            wrong.push(format!("{}\nexpected {expected:#?}\nseen {seen:#?}", fault.name));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[derive(Debug, PartialEq, Eq)]
struct Outcome {
    end: String,
    requests: usize,
    waits_ms: Vec<u64>,
    said: Vec<String>,
    ran: Vec<String>,
    proxied: Vec<String>,
    /// What must not be, whatever the case.
    wrongs: Vec<String>,
}

async fn played(fault: &Fault) -> Outcome {
    let stage = fault.set_up();
    let home = TempHome::new();
    home.write_config(&fault.config(&stage, RETRIES));
    let clock = SteppedClock::default();
    let mut session = Session::open_env(&home, &stage.env, Arc::new(clock.clone()), None).await;
    let params = ThreadSettings {
        sandbox: Some(SandboxMode::WorkspaceWrite),
        approval_policy: Some(ApprovalPolicy::Never),
        ..Default::default()
    };
    let thread = session.start(params).await.thread;
    session.turn(&thread.id, "go").await;
    let turn = turn_with_waits_stepped_over(&mut session, &clock).await;

    let outcome = Outcome {
        end: turn
            .error
            .as_ref()
            .map_or("completed".to_owned(), |error| error.code.clone().unwrap_or_default()),
        requests: stage.mock.requests().len(),
        waits_ms: named_waits(&session.seen),
        said: said(&session.seen),
        ran: ran(&home),
        proxied: stage.proxy.as_ref().map(|proxy| proxy.asked()).unwrap_or_default(),
        wrongs: wrongs(&session, &thread.id, &stage).await,
    };
    session.shutdown().await;
    outcome
}

/// Nobody waits in this test: as soon as a wait is told, its time has come.
async fn turn_with_waits_stepped_over(session: &mut Session, clock: &SteppedClock) -> Turn {
    loop {
        let ServerMessage::Notification(notification) = session.next().await else {
            continue;
        };
        match notification {
            Notification::TurnCompleted(ended) => return ended.turn,
            Notification::TurnWaiting(waiting) => {
                if let WaitingFor::Retry { delay_ms, .. } = waiting.waiting_for {
                    // The timer is set before anybody is told.
                    clock.advance(Duration::from_millis(delay_ms + 1));
                }
            }
            _ => {}
        }
    }
}

/// The waits that are longer than, or no, back-off of the first three attempts.
fn named_waits(seen: &[Notification]) -> Vec<u64> {
    let waits = seen.iter().filter_map(|notification| match notification {
        Notification::TurnWaiting(waiting) => match &waiting.waiting_for {
            WaitingFor::Retry { delay_ms, .. } => Some(*delay_ms),
            _ => None,
        },
        _ => None,
    });
    waits.filter(|ms| !(180..=220).contains(ms) && !(360..=440).contains(ms)).collect()
}

fn said(seen: &[Notification]) -> Vec<String> {
    let completed = seen.iter().filter_map(|notification| match notification {
        Notification::ItemCompleted(completed) => Some(&completed.item),
        _ => None,
    });
    let texts = completed.filter_map(|item| match item {
        ThreadItem::AgentMessage { text, .. } if text.len() > 1000 => Some(format!("{} bytes", text.len())),
        ThreadItem::AgentMessage { text, .. } => Some(text.to_string()),
        _ => None,
    });
    texts.collect()
}

/// Each command adds its name to a file when it runs. Commands of one answer run side by side, in any order.
fn ran(home: &TempHome) -> Vec<String> {
    let notes = std::fs::read_to_string(home.workspace().join("ran")).unwrap_or_default();
    let mut names: Vec<String> = notes.lines().map(str::to_owned).collect();
    names.sort();
    let count = names.len();
    let mut once = names.clone();
    once.dedup();
    if once.len() == count && count > 10 {
        return vec![format!("{count} commands")];
    }
    names
}

async fn wrongs(session: &Session, thread_id: &str, stage: &Stage) -> Vec<String> {
    let mut wrongs = Vec::new();
    let requests = stage.mock.requests();
    if requests.len() > 1 + RETRIES as usize {
        wrongs.push(format!("{} requests for one sampling", requests.len()));
    }
    for (number, pair) in requests.windows(2).enumerate() {
        if !pair[1].input().starts_with(pair[0].input()) {
            wrongs.push(format!("request {} does not extend the one before", number + 2));
        }
    }
    let params = ThreadReadParams {
        thread_id: thread_id.to_owned(),
        include_turns: true,
    };
    let read = session.client.request::<ThreadRead>(params).await.unwrap();
    let kept: Vec<&ThreadItem> = read.thread.turns.iter().flat_map(|turn| &turn.items).collect();
    for notification in &session.seen {
        if let Notification::ItemCompleted(shown) = notification
            && !kept.iter().any(|item| **item == shown.item)
        {
            wrongs.push(format!("shown and lost: {}", shown.item.id()));
        }
    }
    wrongs
}
