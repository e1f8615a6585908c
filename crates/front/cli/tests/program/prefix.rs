//! Every turn of a session in a process of its own: the input of each request begins with the input of the one before, byte for byte, and
//! all of it stands in the journal.
//!
//! Between and inside of turns happens what happens to sessions: parallel calls, broken answers, an interrupt, changed project rules,
//! another directory, another day. Nothing of that may break the prefix.

use crate::support::{Lab, PATIENCE, assert_grows_and_is_journaled, wait_for};
use codex_testkit::{Answer, MockModel, events};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed};
use std::collections::VecDeque;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// One process.
#[derive(Debug, Clone)]
struct Turn {
    responses: Vec<Response>,
    /// Interrupted while a command runs.
    interrupted: bool,
    /// Written to AGENTS.md before.
    rule: Option<u8>,
    elsewhere: bool,
    /// The two time zones never have the same date.
    other_day: bool,
}

#[derive(Debug, Clone)]
struct Response {
    calls: usize,
    text: bool,
    /// A first attempt breaks after this many events.
    cut: Option<usize>,
}

fn response() -> impl Strategy<Value = Response> {
    let cut = proptest::option::weighted(0.4, 0..10_usize);
    (0..4_usize, any::<bool>(), cut).prop_map(|(calls, text, cut)| Response { calls, text, cut })
}

fn turn() -> impl Strategy<Value = Turn> {
    let responses = proptest::collection::vec(response(), 1..3);
    let rule = proptest::option::weighted(0.3, any::<u8>());
    let often = proptest::bool::weighted(0.3);
    (responses, proptest::bool::weighted(0.2), rule, often, proptest::bool::weighted(0.3)).prop_map(
        |(responses, interrupted, rule, elsewhere, other_day)| Turn {
            responses,
            interrupted,
            rule,
            elsewhere,
            other_day,
        },
    )
}

struct Session {
    lab: Lab,
    mock: MockModel,
    /// What the model says next; afterwards a plain last word.
    queue: Arc<Mutex<VecDeque<Answer>>>,
    ids: AtomicUsize,
}

impl Session {
    fn new() -> Self {
        let queue: Arc<Mutex<VecDeque<Answer>>> = Arc::default();
        let told = Arc::clone(&queue);
        let mock = MockModel::start_with(move |_, _| told.lock().unwrap().pop_front().unwrap_or_else(|| Answer::message("enough")));
        let lab = Lab::with_model(&mock);
        std::fs::create_dir(lab.home.workspace().join("inner")).unwrap();
        Self {
            lab,
            mock,
            queue,
            ids: AtomicUsize::new(0),
        }
    }

    fn id(&self, prefix: &str) -> String {
        format!("{prefix}{}", self.ids.fetch_add(1, Ordering::Relaxed))
    }

    fn answer(&self, response: &Response) -> Answer {
        let message = response.text.then(|| events::message(&self.id("msg_"), "so"));
        let calls = (0..response.calls).map(|_| events::exec_command(&self.id("call_"), "echo x"));
        let mut items: Vec<_> = message.into_iter().chain(calls).collect();
        if items.is_empty() {
            items.push(events::reasoning(&self.id("rs_"), &["hm"], "sealed"));
        }
        Answer::items(items)
    }

    fn play(&self, turn: &Turn) {
        if let Some(rule) = turn.rule {
            self.lab.home.write("AGENTS.md", format!("Rule {rule}.\n"));
        }
        let mut answers: Vec<Answer> = Vec::new();
        for response in &turn.responses {
            answers.extend(response.cut.map(|cut| self.answer(response).cut_after_events(cut)));
            answers.push(self.answer(response));
        }
        if turn.interrupted {
            answers.push(Answer::items([events::exec_command(
                &self.id("call_"),
                "touch waiting; sleep 3611",
            )]));
        }
        *self.queue.lock().unwrap() = answers.into();
        let mut started = self.lab.start(self.command(turn));
        if turn.interrupted {
            // The turn may have ended before, when an answer without calls came first.
            let mark = self
                .lab
                .home
                .workspace()
                .join(if turn.elsewhere { "inner/waiting" } else { "waiting" });
            let ended = wait_for("the command or the end", || {
                if mark.exists() {
                    Some(false)
                } else {
                    started.child.try_wait().unwrap().map(|_| true)
                }
            });
            if !ended {
                std::fs::remove_file(mark).unwrap();
                started.signal(libc::SIGINT);
            }
        }
        started.ended(PATIENCE);
        self.lab.assert_none_left(Duration::from_secs(1));
    }

    fn command(&self, turn: &Turn) -> Command {
        let mut command = self.lab.command(&["exec", "-s", "workspace-write"]);
        if turn.elsewhere {
            command.args(["-C", "inner"]);
        }
        if self.lab.journal().is_some() {
            command.args(["resume", &self.lab.session_id()]);
        }
        let zone = if turn.other_day { "Etc/GMT-14" } else { "Etc/GMT+12" };
        command.arg("go on").env("TZ", zone).env("SHELL", "/bin/sh");
        command
    }
}

#[test]
fn the_input_only_grows_from_process_to_process() {
    let config = Config {
        cases: 8,
        max_shrink_iters: 10,
        rng_seed: RngSeed::Fixed(11),
        failure_persistence: None,
        ..Config::default()
    };
    proptest!(config, |(turns in proptest::collection::vec(turn(), 2..6))| {
        let session = Session::new();
        for turn in &turns {
            session.play(turn);
        }
        assert!(session.mock.requests().len() >= turns.len());
        assert_grows_and_is_journaled(&session.mock, &session.lab.journal_text());
    });
}

/// The control of the other day: the model is told two dates.
#[test]
fn another_day_is_told_to_the_model() {
    let session = Session::new();
    for other_day in [false, true] {
        let responses = Vec::new();
        session.play(&Turn {
            responses,
            interrupted: false,
            rule: None,
            elsewhere: false,
            other_day,
        });
    }

    let requests = session.mock.requests();
    let dates = |at: usize| requests[at].json["input"].to_string().matches("<current_date>").count();
    assert_eq!([dates(0), dates(1)], [1, 2]);
}
