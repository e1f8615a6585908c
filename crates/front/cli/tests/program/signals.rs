//! What commands do against an interrupt, and what they cannot: the turn ends within about a second, the journal says so, no process is
//! left, and the session goes on. [`crate::signal_matrix`] has every signal in every phase.

use crate::support::{Lab, Started, assert_grows_and_is_journaled, wait_for};
use codex_testkit::{Answer, Gate, MockModel, events};
use pretty_assertions::assert_eq;
use serde_json::json;
use std::fmt::Write as _;
use std::fs;
use std::time::{Duration, Instant};

/// "About a second", on a machine that does other things as well.
pub const SOON: Duration = Duration::from_secs(2);

pub const MODES: [&str; 3] = ["read-only", "workspace-write", "danger-full-access"];

/// Starts a turn in this sandbox mode.
fn start(lab: &Lab, mode: &str) -> Started {
    lab.start(lab.command(&["exec", "-s", mode, "do it"]))
}

/// Sends the signal and checks everything that must be so afterwards.
fn assert_interrupted(lab: &Lab, mock: &MockModel, started: &mut Started) {
    let begin = Instant::now();
    started.signal(libc::SIGINT);
    let ran = started.ended(SOON);
    ran.assert_code(1);
    assert!(!ran.stderr.contains("panicked"), "{}", ran.stderr);
    assert_eq!(ran.stdout, "", "there is no answer");
    lab.assert_none_left(SOON.saturating_sub(begin.elapsed()));
    assert_eq!(lab.turn_event(), "turn_aborted", "{}", ran.stderr);
    assert_goes_on(lab, mock);
}

/// The same session, a new process.
pub fn assert_goes_on(lab: &Lab, mock: &MockModel) {
    mock.push(Answer::message("Back again."));
    let resumed = lab.run(&["exec", "resume", &lab.session_id(), "go on"]);
    resumed.assert_code(0);
    assert_eq!(resumed.stdout, "Back again.\n");
    assert_grows_and_is_journaled(mock, &lab.journal_text());
}

pub fn reached(gate: &Gate) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(gate.reached());
}

/// Starts a turn whose one command is `command`, and waits until it says on its output that it is ready.
fn with_command(mode: &str, command: &str) -> (Lab, MockModel, Started) {
    let mock = MockModel::start([Answer::items([events::exec_command("c1", command)])]);
    let lab = Lab::with_model(&mock);
    let started = lab.start(lab.command(&["exec", "-s", mode, "--json", "do it"]));
    // The control of every "no process left": they are found while they run.
    assert!(lab.marker.wait_for(2, crate::support::PATIENCE).is_ok());
    (lab, mock, started)
}

pub fn wait_for_process(lab: &Lab, text: &str) {
    wait_for(text, || {
        lab.marker.processes().into_iter().find(|process| process.command.contains(text))
    });
}

#[test]
fn an_interrupt_while_a_command_runs() {
    for mode in MODES {
        let (lab, mock, mut started) = with_command(mode, "sleep 3600");
        wait_for_process(&lab, "sleep 3600");

        started.signal(libc::SIGINT);
        started.ended(SOON).assert_code(1);
        lab.assert_none_left(Duration::from_secs(1));

        assert_eq!(lab.turn_event(), "turn_aborted", "{mode}");
        assert_goes_on(&lab, &mock);
        let output = mock.requests().last().unwrap().output_of("c1").unwrap().to_string();
        assert!(output.contains("aborted by user"), "{mode}: {output}");
    }
}

#[test]
fn an_interrupt_ends_what_ignores_signals() {
    for mode in MODES {
        let (lab, mock, mut started) = with_command(mode, "trap '' INT TERM HUP; sleep 3601 & sleep 3602");
        wait_for_process(&lab, "sleep 3602");

        started.signal(libc::SIGINT);
        started.ended(SOON).assert_code(1);
        lab.assert_none_left(Duration::from_secs(1));

        assert_eq!(lab.turn_event(), "turn_aborted", "{mode}");
        assert_goes_on(&lab, &mock);
    }
}

#[test]
fn an_interrupt_ends_what_has_left_its_session() {
    let leaves = "(setsid sh -c 'trap \"\" INT TERM; setsid sleep 3603 & sleep 3604' >/dev/null 2>&1 &); sleep 3605";
    for mode in MODES {
        let (lab, mock, mut started) = with_command(mode, leaves);
        wait_for_process(&lab, "sleep 3603");
        wait_for_process(&lab, "sleep 3605");

        started.signal(libc::SIGINT);
        started.ended(SOON).assert_code(1);
        lab.assert_none_left(Duration::from_secs(1));

        assert_eq!(lab.turn_event(), "turn_aborted", "{mode}");
        assert_goes_on(&lab, &mock);
    }
}

#[test]
fn an_interrupt_ends_terminals_that_were_handed_to_the_model() {
    let terminal = json!({ "cmd": "trap '' HUP; echo ready; sleep 3606", "tty": true, "yield_time_ms": 250 });
    let gate = Gate::new();
    let answers = [
        Answer::items([events::function_call("c1", "exec_command", &terminal)]),
        Answer::message("never").stall_head(&gate),
    ];
    let mock = MockModel::start(answers);
    let lab = Lab::with_model(&mock);
    let mut started = start(&lab, "workspace-write");
    reached(&gate);
    wait_for_process(&lab, "sleep 3606");

    assert_interrupted(&lab, &mock, &mut started);
}

#[test]
fn an_interrupt_while_a_patch_is_written_leaves_all_or_nothing() {
    const FILES: usize = 300;
    let mut patch = String::from("*** Begin Patch\n");
    for number in 0..FILES {
        writeln!(patch, "*** Add File: many/{number}.txt\n+{number}").unwrap();
    }
    patch += "*** End Patch\n";
    let gate = Gate::new();
    let answers = [
        Answer::items([events::apply_patch("c1", &patch)]),
        // If the patch is quicker than the signal, it comes here.
        Answer::message("never").stall_head(&gate),
    ];
    let mock = MockModel::start(answers);
    let lab = Lab::with_model(&mock);
    let many = lab.home.workspace().join("many");
    let mut started = start(&lab, "workspace-write");
    let names = || {
        fs::read_dir(&many)
            .into_iter()
            .flatten()
            .flatten()
            .map(|entry| entry.file_name().into_string().unwrap())
    };
    wait_for("the first file", || names().next());

    started.signal(libc::SIGINT);
    // The patch is finished or taken back first, and each of its files is synced.
    started.ended(crate::support::PATIENCE).assert_code(1);

    assert_eq!(lab.turn_event(), "turn_aborted");
    let (whole, other): (Vec<_>, Vec<_>) = names().partition(|name| !name.starts_with(".codex-patch-"));
    assert!([0, FILES].contains(&whole.len()), "{} files", whole.len());
    assert_eq!(other, Vec::<String>::new(), "staged files are gone");
    // The model is told what is so.
    mock.push(Answer::message("Back again."));
    gate.open();
    lab.run(&["exec", "resume", &lab.session_id(), "go on"]).assert_code(0);
    let output = mock.requests().last().unwrap().output_of("c1").unwrap().to_string();
    assert_eq!(output.contains("Success."), whole.len() == FILES, "{output}");
}

/// A supervisor that stands still cannot report, so the first interrupt waits for it.
#[test]
fn a_second_interrupt_does_not_wait() {
    let (lab, mock, mut started) = with_command("workspace-write", "sleep 3607");
    wait_for_process(&lab, "sleep 3607");
    let supervisors: Vec<u32> = lab
        .processes()
        .iter()
        .filter(|process| process.command.ends_with("(supervisor)"))
        .map(|p| p.pid)
        .collect();
    for pid in supervisors.iter().filter(|pid| **pid != started.child.id()) {
        // SAFETY: plain numbers; the process lives as long as its command.
        assert_eq!(unsafe { libc::kill(i32::try_from(*pid).unwrap(), libc::SIGSTOP) }, 0);
    }

    started.signal(libc::SIGINT);
    std::thread::sleep(Duration::from_millis(300));
    assert!(started.child.try_wait().unwrap().is_none(), "the first interrupt waits");
    let begin = Instant::now();
    started.signal(libc::SIGINT);
    started.ended(SOON).assert_code(1);

    assert!(begin.elapsed() < Duration::from_secs(1), "{:?}", begin.elapsed());
    lab.assert_none_left(Duration::from_secs(1));
    assert_goes_on(&lab, &mock);
}
