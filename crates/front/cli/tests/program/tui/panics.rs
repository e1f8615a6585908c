//! Bugs: what is left of the terminal, and what can be reported. Hit points of debug builds are the bugs.

use super::{LEAVES, Seat, lab};
use crate::support::Lab;
use codex_testkit::{Answer, MockModel};
use std::path::PathBuf;

const POINT: &str = "CODEX_TEST_HIT_POINT";

fn reports(lab: &Lab) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(lab.home.codex_home().join("log")).into_iter().flatten();
    entries.map(|entry| entry.unwrap().path()).collect()
}

#[track_caller]
fn assert_reported(lab: &Lab) -> PathBuf {
    use std::os::unix::fs::PermissionsExt;
    let [report] = reports(lab).try_into().expect("one report");
    let text = std::fs::read_to_string(&report).unwrap();
    assert!(text.starts_with("codex ") && text.contains("a hit point"), "{text}");
    assert_eq!(report.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    report
}

#[track_caller]
fn assert_ends_well(point: &str) {
    let mock = MockModel::start([Answer::message("It is winter.")]);
    let lab = lab(&mock);
    let seat = Seat::start(&lab, &["Which season?"], &[(POINT, point)], (100, 24));

    let status = seat.pty.ended(LEAVES).expect("still there");

    assert!(!status.success());
    seat.assert_given_back();
    let report = assert_reported(&lab);
    let lines = seat.pty.lines().join("\n");
    assert!(
        lines.contains("codex has stopped because of a bug in it: a hit point [internal.panic]"),
        "{lines}"
    );
    assert!(lines.contains(&format!("a report is in {}", report.display())), "{lines}");
    lab.assert_none_left(LEAVES);
}

#[test]
fn a_bug_in_the_loop_gives_the_terminal_back_and_names_its_report() {
    assert_ends_well("clock:12:panic");
}

#[test]
fn a_bug_in_the_painter_gives_the_terminal_back_and_names_its_report() {
    assert_ends_well("paint:3:panic");
}

#[test]
fn a_bug_elsewhere_is_reported_and_leaves_the_screen_alone() {
    let mock = MockModel::start([Answer::message("It is winter."), Answer::message("It is spring.")]);
    let lab = lab(&mock);
    let seat = Seat::start(&lab, &["Which season?"], &[(POINT, "append:3:panic")], (100, 24));
    seat.wait_for("internal error");
    assert_reported(&lab);

    seat.type_text("still here");
    seat.wait_for("› still here");

    assert!(!seat.pty.is_cooked());
    assert!(!seat.pty.lines().join("\n").contains("panicked"), "{}", seat.pty.text());
    seat.press(b"\x15");
    seat.wait_for("Ask for something");
    seat.leave();
}
