//! Job control: stopped by a key or from outside, and on again.

use super::{LEAVES, QUIET, Seat, lab};
use crate::support::Lab;
use crate::terminal::shell;
use codex_testkit::{MockModel, Pty};

/// The program as a job of an interactive shell.
fn in_a_shell(lab: &Lab) -> Seat {
    let mut command = shell(lab);
    command.arg("-i").env("TERM", "xterm-256color");
    let seat = Seat {
        pty: Pty::start(command, 80, 24).unwrap(),
    };
    seat.wait_for("out>");
    seat.type_text(&format!("{}\n", lab.program().display()));
    seat.wait_for("Ask for something");
    // It has read the terminal's answers, so that no shell gets them.
    seat.type_text("x");
    seat.wait_for("› x");
    seat.press(b"\x15");
    seat.wait_for("Ask for something");
    seat
}

fn pid_of_codex(lab: &Lab) -> i32 {
    let found = lab.processes();
    let codex = found.iter().find(|process| !process.command.contains("bash")).expect("codex runs");
    i32::try_from(codex.pid).unwrap()
}

fn send(pid: i32, signal: i32) {
    // SAFETY: plain numbers.
    assert_eq!(unsafe { libc::kill(pid, signal) }, 0);
}

/// The shell has the terminal: it edits its line, and runs what is typed.
#[track_caller]
fn assert_the_shell_works(seat: &Seat) {
    seat.wait_for("Stopped");
    seat.pty.settle(QUIET);
    seat.type_text("echo $((40 + 2)) here\n");
    seat.wait_for("42 here");
    assert!(
        !seat.pty.with_screen(|screen| screen.text().contains("Ask for something")),
        "{}",
        seat.pty.text()
    );
}

/// The program has it: keys are not shown by the kernel, and pastes are bracketed.
#[track_caller]
fn assert_codex_works(seat: &Seat, lab: &Lab, word: &str) {
    // `fg` names the job on a screen that was cleared.
    let job = lab.program().display().to_string();
    let again = |screen: &codex_testkit::Screen| {
        let text = screen.text();
        text.starts_with(&job) && text.contains("Ask for something") && screen.bracketed_paste()
    };
    let again = seat.pty.wait_until("codex after fg", crate::support::PATIENCE, again);
    assert!(again.is_ok(), "{}", again.unwrap_err());
    seat.type_text(word);
    seat.wait_for(&format!("› {word}"));
    assert!(!seat.pty.is_cooked());
    assert!(seat.pty.with_screen(codex_testkit::Screen::bracketed_paste));
    assert_eq!(seat.pty.text().matches(word).count(), 1, "{}", seat.pty.text());
    // The field is emptied again.
    seat.press(b"\x15");
    seat.wait_for("Ask for something");
}

#[track_caller]
fn assert_leaves(seat: Seat, lab: &Lab) {
    seat.pty.settle(QUIET);
    seat.press(b"\x04");
    seat.wait_gone("Ask for something");
    seat.pty.settle(QUIET);
    seat.type_text("echo $((40 + 3)) left\n");
    seat.wait_for("43 left");
    seat.type_text("exit\n");
    assert!(seat.pty.ended(LEAVES).is_some());
    lab.assert_none_left(LEAVES);
}

#[test]
fn ctrl_z_gives_the_terminal_back_and_fg_takes_it_again() {
    let mock = MockModel::start([]);
    let lab = lab(&mock);
    let seat = in_a_shell(&lab);
    for word in ["first", "second"] {
        seat.press(b"\x1a");
        assert_the_shell_works(&seat);
        seat.type_text("clear; fg\n");
        assert_codex_works(&seat, &lab, word);
    }
    assert_leaves(seat, &lab);
}

#[test]
fn stopping_it_from_outside_gives_the_terminal_back_as_well() {
    let mock = MockModel::start([]);
    let lab = lab(&mock);
    let seat = in_a_shell(&lab);
    for word in ["first", "second"] {
        send(pid_of_codex(&lab), libc::SIGTSTP);
        assert_the_shell_works(&seat);
        seat.type_text("clear; fg\n");
        assert_codex_works(&seat, &lab, word);
    }
    assert_leaves(seat, &lab);
}

/// Nobody is asked before SIGSTOP: the shell gets a raw terminal and mends it; codex takes it again when it goes on.
#[test]
fn after_a_stop_that_nobody_is_asked_about_it_takes_the_terminal_again() {
    let mock = MockModel::start([]);
    let lab = lab(&mock);
    let seat = in_a_shell(&lab);
    send(pid_of_codex(&lab), libc::SIGSTOP);
    seat.wait_for("Stopped");
    seat.pty.settle(QUIET);
    seat.type_text("clear; fg\n");
    assert_codex_works(&seat, &lab, "word");
    assert_leaves(seat, &lab);
}

/// Keys that the terminal has before the program does.
fn typed_ahead(lab: &Lab, keys: &str) -> Seat {
    let mut command = shell(lab);
    let wait = "stty -echoctl; echo ready; until [ -e go ]; do sleep 0.02; done; exec \"$0\"";
    command.args(["-c", wait]).arg(lab.program()).env("TERM", "xterm-256color");
    let seat = Seat {
        pty: Pty::start(command, 80, 24).unwrap(),
    };
    seat.wait_for("ready");
    seat.press(keys.as_bytes());
    // The kernel shows what it has.
    seat.wait_for(keys);
    std::fs::write(lab.home.workspace().join("go"), "").unwrap();
    seat
}

#[test]
fn what_was_typed_before_it_was_there_is_in_the_field() {
    let mock = MockModel::start([]);
    let lab = lab(&mock);

    let seat = typed_ahead(&lab, "look at this");

    seat.wait_for("› look at this");
    seat.press(b"\x15");
    seat.wait_for("Ask for something");
    seat.leave();
}

#[test]
fn what_was_typed_before_a_question_does_not_answer_it() {
    let mock = MockModel::start([]);
    let lab = lab(&mock);
    lab.home.make_repository(&[("a.txt", "a\n")]);

    let seat = typed_ahead(&lab, "yyy");

    seat.wait_for("Do you trust");
    seat.pty.settle(QUIET);
    assert!(seat.pty.text().contains("Do you trust"), "{}", seat.pty.text());
    seat.press(b"n");
    seat.wait_for("Ask for something");
    seat.leave();
}
