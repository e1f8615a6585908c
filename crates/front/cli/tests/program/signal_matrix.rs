//! Every signal that asks a program to end, in every phase of a turn, in every sandbox mode: the turn is recorded as aborted, the program
//! ends as it should, nothing is left, and the session goes on.
//!
//! [`crate::signals`] has what commands can do against it.

use crate::signals::{MODES, SOON, assert_goes_on, reached, wait_for_process};
use crate::support::{Lab, Started, wait_for};
use codex_testkit::{Answer, Gate, MockModel, events};
use pretty_assertions::assert_eq;
use std::process::Stdio;
use std::time::Duration;

const SIGNALS: [i32; 4] = [libc::SIGINT, libc::SIGTERM, libc::SIGHUP, libc::SIGQUIT];

/// Ctrl-C is an answer of the program; by any other signal it dies once everything is in order.
const fn end_after(signal: i32) -> Result<i32, i32> {
    if signal == libc::SIGINT { Ok(1) } else { Err(signal) }
}

/// What a turn is doing when the signal comes.
#[derive(Debug, Clone, Copy)]
enum Phase {
    BeforeTheFirstByte,
    Streaming,
    Running,
    WaitingToTryAgain,
}

impl Phase {
    fn answers(self, gate: &Gate) -> Vec<Answer> {
        let said = [events::message("msg_1", "First words."), events::message("msg_2", "never whole")];
        vec![match self {
            Self::BeforeTheFirstByte => Answer::message("never").stall_head(gate),
            Self::Streaming => Answer::items(said).stall_before_event(6, gate),
            Self::Running => {
                let stubborn = "trap '' INT TERM HUP QUIT; (setsid sleep 3621 >/dev/null 2>&1 &); sleep 3622";
                Answer::items([events::exec_command("c1", stubborn)])
            }
            Self::WaitingToTryAgain => Answer::error(503, "server_is_overloaded", "busy").header("retry-after", "30"),
        }]
    }

    fn wait(self, lab: &Lab, started: &Started, gate: &Gate) {
        match self {
            Self::BeforeTheFirstByte => reached(gate),
            Self::Streaming => wait_for("the first message", || started.stderr().contains("First words.").then_some(())),
            Self::Running => {
                wait_for_process(lab, "sleep 3621");
                wait_for_process(lab, "sleep 3622");
            }
            Self::WaitingToTryAgain => wait_for("the wait", || started.stderr().contains("Reconnecting").then_some(())),
        }
    }

    fn check(self) {
        for mode in MODES {
            for signal in SIGNALS {
                self.check_one(mode, signal);
            }
        }
    }

    fn check_one(self, mode: &str, signal: i32) {
        let case = format!("signal {signal} in {mode}");
        let gate = Gate::new();
        let mock = MockModel::start(self.answers(&gate));
        let lab = Lab::with_model(&mock);
        let mut started = lab.start(lab.command(&["exec", "-s", mode, "do it"]));
        self.wait(&lab, &started, &gate);

        started.signal(signal);

        let ran = started.ended(SOON);
        assert_eq!(ran.end(), end_after(signal), "{case}: {}", ran.stderr);
        assert!(!ran.stderr.contains("panicked"), "{case}: {}", ran.stderr);
        assert_eq!(ran.stdout, "", "{case}: there is no answer");
        lab.assert_none_left(Duration::from_secs(1));
        assert_eq!(lab.turn_event(), "turn_aborted", "{case}: {}", ran.stderr);
        if matches!(self, Self::Streaming) {
            assert!(
                lab.journal_text().contains("First words."),
                "{case}: what was received whole is kept"
            );
        }
        assert_goes_on(&lab, &mock);
    }
}

#[test]
fn before_the_first_byte_of_an_answer() {
    Phase::BeforeTheFirstByte.check();
}

#[test]
fn while_an_answer_streams() {
    Phase::Streaming.check();
}

#[test]
fn while_a_command_runs_that_ignores_them_all() {
    Phase::Running.check();
}

#[test]
fn while_the_next_attempt_is_awaited() {
    Phase::WaitingToTryAgain.check();
}

/// There is no turn yet that could be recorded.
#[test]
fn while_the_prompt_is_awaited() {
    let mock = MockModel::start([]);
    for signal in SIGNALS {
        let lab = Lab::with_model(&mock);
        let mut command = lab.command(&["exec"]);
        command.stdin(Stdio::piped());
        let mut started = lab.start(command);
        wait_for("the notice", || started.stderr().contains("stdin").then_some(()));

        started.signal(signal);

        assert_eq!(started.ended(SOON).end(), Err(signal));
        lab.assert_none_left(Duration::from_secs(1));
        assert_eq!(lab.journal(), None);
    }
    assert!(mock.all_requests().is_empty());
}

/// Whichever wins, the end of the turn or the signal: what is told and what is written agree.
#[test]
fn when_everything_has_been_said() {
    let moments = [0, 1, 3, 8].map(Duration::from_millis);
    for (at, signal) in SIGNALS.into_iter().cycle().take(4 * moments.len()).enumerate() {
        let mock = MockModel::start([Answer::message("Bye.")]);
        let lab = Lab::with_model(&mock);
        let mut started = lab.start(lab.command(&["exec", "-s", MODES[at % MODES.len()], "do it"]));
        wait_for("the end of the answer", || mock.requests().first()?.ended);

        std::thread::sleep(moments[at / SIGNALS.len()]);
        started.signal(signal);

        let ran = started.ended(SOON);
        let completed = lab.turn_event() == "task_complete";
        assert!(ran.end() == Ok(0) || ran.end() == end_after(signal), "{}", ran.all());
        assert_eq!(ran.stdout, if completed { "Bye.\n" } else { "" }, "{}", ran.all());
        assert!(completed || ran.end() != Ok(0), "{}", ran.all());
        lab.assert_none_left(Duration::from_secs(1));
        assert_goes_on(&lab, &mock);
    }
}

/// As under `nohup`: the terminal goes away and the turn goes on.
#[test]
fn a_hangup_that_is_ignored_stays_ignored() {
    let gate = Gate::new();
    let mock = MockModel::start([Answer::message("Still here.").stall_last(&gate)]);
    let lab = Lab::with_model(&mock);
    let mut command = lab.home.command("sh");
    let (marker, word) = lab.marker.env();
    command
        .args(["-c", "trap '' HUP; exec \"$@\"", "sh"])
        .arg(lab.root().join("codex"))
        .args(["exec", "do it"])
        .env(marker, word);
    let mut started = lab.start(command);
    reached(&gate);

    started.signal(libc::SIGHUP);
    // One that is not ignored ends the turn before the answer does.
    std::thread::sleep(Duration::from_millis(100));
    gate.open();

    let ran = started.ended(crate::support::PATIENCE);
    ran.assert_code(0);
    assert_eq!(ran.stdout, "Still here.\n");
}
