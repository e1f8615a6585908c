//! Terminals that go away, hang or change while the program lives in them.

use super::{LEAVES, QUIET, Seat, lab};
use crate::support::wait_for;
use codex_testkit::{Answer, Gate, MockModel, Pty, events};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::time::Duration;

#[test]
fn a_window_that_is_closed_ends_the_program_and_the_session_is_kept() {
    let mock = MockModel::start([Answer::message("It is winter."), Answer::message("Still winter.")]);
    let lab = lab(&mock);
    let mut seat = Seat::take(&lab, &["Which season?"]);
    seat.wait_for("It is winter.");
    seat.pty.settle(QUIET);

    seat.pty.hang_up();

    assert!(seat.pty.ended(LEAVES).is_some(), "still there");
    lab.assert_none_left(LEAVES);
    assert_eq!(lab.turn_event(), "task_complete");
    lab.home.use_model(&mock, "");
    lab.run(&["exec", "--skip-git-repo-check", "resume", "--last", "And now?"])
        .assert_code(0);
    assert!(mock.requests()[1].json.to_string().contains("It is winter."));
}

#[test]
fn the_log_goes_to_a_file_and_not_over_the_screen() {
    let mock = MockModel::start([Answer::message("It is winter.")]);
    let lab = lab(&mock);
    let seat = Seat::start(&lab, &["Which season?"], &[("RUST_LOG", "codex_engine=debug")], (80, 24));
    seat.wait_for("It is winter.");
    seat.pty.settle(QUIET);

    let log = std::fs::read_to_string(lab.home.codex_home().join("log").join("codex-tui.log")).unwrap();

    assert!(log.contains("DEBUG"), "{log}");
    assert!(!seat.pty.text().contains("DEBUG"), "{}", seat.pty.text());
}

#[test]
fn keys_are_told_the_old_way_where_the_new_one_is_switched_off() {
    let mock = MockModel::start([Answer::message("It is winter."), Answer::message("Still winter.")]);
    let enhanced = |environment: &[(&str, &str)]| {
        let lab = lab(&mock);
        let seat = Seat::start(&lab, &["Which season?"], environment, (80, 24));
        seat.wait_for("winter.");
        seat.pty.bytes().windows(5).any(|bytes| bytes == b"\x1b[>5u")
    };

    assert!(enhanced(&[]));
    assert!(!enhanced(&[("CODEX_TUI_DISABLE_KEYBOARD_ENHANCEMENT", "1")]));
}

/// As under `nohup`: nothing but the terminal itself tells that it is gone.
#[test]
fn a_window_that_is_closed_ends_a_program_that_ignores_the_signal() {
    let mock = MockModel::start([Answer::message("It is winter.")]);
    let lab = lab(&mock);
    let mut command = lab.command(&[]);
    command.env("TERM", "xterm-256color");
    // SAFETY: plain numbers.
    unsafe {
        command.pre_exec(|| {
            libc::signal(libc::SIGHUP, libc::SIG_IGN);
            Ok(())
        });
    }
    let mut seat = Seat {
        pty: Pty::start(command, 80, 24).unwrap(),
    };
    seat.wait_for("Ask for something");

    seat.pty.hang_up();

    assert!(seat.pty.ended(LEAVES).is_some(), "still there");
    lab.assert_none_left(LEAVES);
}

#[test]
fn a_window_that_is_closed_ends_the_turn_and_its_command() {
    let mock = MockModel::start([Answer::items([events::exec_command("call_1", "echo begun > begun; sleep 1000")])]);
    let lab = lab(&mock);
    let mut seat = Seat::take(&lab, &["-s", "workspace-write", "Wait."]);
    let begun = lab.home.workspace().join("begun");
    wait_for("the command", || begun.exists().then_some(()));

    seat.pty.hang_up();

    assert!(seat.pty.ended(LEAVES).is_some(), "still there");
    lab.assert_none_left(LEAVES);
    assert_eq!(lab.turn_event(), "turn_aborted");
}

#[test]
fn a_request_to_end_gives_the_terminal_back_and_is_what_it_dies_of() {
    let gate = Gate::new();
    let mock = MockModel::start([Answer::message("It is winter.").stall_last(&gate)]);
    let lab = lab(&mock);
    let seat = Seat::take(&lab, &["Which season?"]);
    seat.wait_for("It is winter.");

    seat.pty.signal(libc::SIGTERM);

    let status = seat.pty.ended(LEAVES).expect("still there");
    assert_eq!(status.signal(), Some(libc::SIGTERM));
    seat.assert_given_back();
    assert!(seat.pty.text().contains("codex resume"), "{}", seat.pty.text());
    lab.assert_none_left(LEAVES);
    assert_eq!(lab.turn_event(), "turn_aborted");
}

/// A connection that hangs: bytes go nowhere, and nobody says so.
#[test]
fn a_terminal_that_takes_nothing_cannot_keep_the_program() {
    let text = "word ".repeat(50_000);
    let mock = MockModel::start([Answer::message(&text)]);
    let lab = lab(&mock);
    let seat = Seat::take(&lab, &[]);
    let stalled = seat.pty.stall();
    // Nobody sees what is typed, and it is taken all the same.
    seat.say("go");
    mock.wait_for_request_blocking(1);
    wait_for("the end of the turn", || {
        (lab.journal().is_some() && lab.turn_event() == "task_complete").then_some(())
    });

    seat.pty.signal(libc::SIGTERM);

    assert!(seat.pty.ended(LEAVES).is_some(), "still there");
    drop(stalled);
}

/// A generator of its own, so that a failure can be run again.
struct Dice(u64);

impl Dice {
    fn throw(&mut self, from: u16, to: u16) -> u16 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        from + u16::try_from((self.0 >> 33) % u64::from(to - from)).unwrap()
    }
}

#[test]
fn a_storm_of_resizes_loses_no_line_of_an_answer() {
    let lines: Vec<String> = (0..300).map(|number| format!("- line {number:04}")).collect();
    let deltas = lines.iter().map(|line| events::text_delta("msg_1", &format!("{line}\n")));
    let message = events::message("msg_1", &lines.iter().map(|line| format!("{line}\n")).collect::<String>());
    let around = events::around(std::slice::from_ref(&message));
    let mut all = vec![events::created("resp_1"), around[0].clone()];
    all.extend(deltas);
    all.extend([
        around.last().unwrap().clone(),
        events::completed("resp_1", Some(events::Usage::default())),
    ]);
    let mock = MockModel::start([Answer::events(all).delay_between_events(Duration::from_millis(5))]);
    let lab = lab(&mock);
    let seat = Seat::take(&lab, &["Count."]);
    seat.wait_for("line 00");

    let mut dice = Dice(42);
    for _ in 0..200 {
        seat.pty.resize(dice.throw(20, 160), dice.throw(5, 50)).unwrap();
        seat.pty.settle(Duration::from_millis(u64::from(dice.throw(1, 10))));
    }
    seat.pty.resize(80, 24).unwrap();
    seat.wait_for("line 0299");
    seat.wait_gone("interrupts");
    seat.pty.settle(QUIET);

    let shown = seat.pty.lines();
    let mut rest = shown.iter();
    for number in 0..300 {
        let line = format!("line {number:04}");
        assert!(
            rest.any(|shown| shown.contains(&line)),
            "{line} is not there, or not in order:\n{}",
            shown.join("\n")
        );
    }
    seat.leave();
}

#[test]
fn a_window_of_five_rows_is_enough_to_ask_answer_and_leave() {
    let call = events::function_call(
        "call_1",
        "exec_command",
        &serde_json::json!({ "cmd": "touch made", "sandbox_permissions": "require_escalated", "justification": "to make a file" }),
    );
    let mock = MockModel::start([Answer::items([call]), Answer::message("It is made.")]);
    let lab = lab(&mock);
    let seat = Seat::start(&lab, &["-a", "on-request"], &[], (20, 5));
    seat.wait_for("Ask for");

    seat.say("make it");
    seat.wait_for("touch made");
    seat.press(b"y");
    seat.wait_for("worked for");

    assert!(seat.pty.lines().join("\n").contains("It is made."));
    assert!(lab.home.workspace().join("made").exists());
    seat.leave();
}
