//! `--screen-reader`: what a terminal gets, byte by byte.

use super::{LEAVES, QUIET, Seat};
use crate::support::Lab;

const SCRIPT: &str = r#"{"items": [{"message": "I look."}, {"call": "exec_command", "arguments": {"cmd": "printf '1\n2\n3\n'", "sandbox_permissions": "require_escalated", "justification": "to see"}}]}
{"items": [{"message": "| a | b |\n| - | - |\n| 1 | 2 |\n\n- [x] done"}]}
"#;

/// Escape sequences without the escape, to their last byte; titles and questions are not among them.
fn sequences(written: &str) -> impl Iterator<Item = &str> {
    let parts = written.split('\x1b').skip(1).filter(|part| !part.starts_with([']', '\\']));
    parts.map(|part| {
        let last = part.char_indices().skip(1).find(|(_, c)| ('@'..='~').contains(c));
        &part[..last.map_or(part.len(), |(at, _)| at + 1)]
    })
}

/// Styles, modes and the title's stack, and what acts on the row of the cursor: erase what is behind it, left, right.
fn stays(sequence: &str) -> bool {
    let modes = [
        "[?2004h", "[?2004l", "[?1004h", "[?1004l", "[>5u", "[<1u", "[?25h", "[K", "[22;2t", "[23;2t",
    ];
    modes.contains(&sequence) || sequence.starts_with('[') && sequence.ends_with(['m', 'C', 'D'])
}

#[test]
fn the_cursor_moves_on_the_line_that_is_typed_alone_and_nothing_is_drawn() {
    let lab = Lab::new();
    let script = lab.home.codex_home().join("script.jsonl");
    std::fs::write(&script, SCRIPT).unwrap();
    lab.home.write_config(&format!(
        "model_provider = \"scripted\"\napproval_policy = \"on-request\"\nsandbox_mode = \"workspace-write\"\n[model_providers.scripted]\nscript = {script:?}\n"
    ));
    let seat = Seat::start(&lab, &["--screen-reader", "go"], &[], (80, 24));

    seat.wait_for("Question: Run this command?");
    seat.press(b"1");
    seat.wait_for("worked for");
    seat.say("/theme");
    seat.wait_for("choose>");
    seat.press(b"2");
    seat.wait_for("chosen: 2.");
    seat.press(b"\r");
    seat.wait_gone("choose>");
    seat.pty.resize(60, 20).unwrap();
    seat.type_text("/mod");
    seat.wait_for("chosen: /model");
    seat.press(b"\x15");
    seat.type_text("abc");
    seat.press(b"\x1b[D");
    seat.press(b"\x7f");
    seat.pty.settle(QUIET);
    seat.press(b"\x14");
    seat.wait_for("The conversation");
    seat.press(b"\x15\x0b");
    seat.pty.settle(QUIET);
    seat.press(b"\x04");
    assert!(seat.pty.ended(LEAVES).is_some_and(|status| status.success()), "{}", seat.pty.text());
    seat.assert_given_back();

    let written = String::from_utf8_lossy(&seat.pty.bytes()).into_owned();
    let moved: Vec<_> = sequences(&written).filter(|sequence| !stays(sequence)).collect();
    assert_eq!(moved, [""; 0], "{written}");
    let drawn: String = written
        .chars()
        .filter(|c| ('\u{2500}'..='\u{259f}').contains(c) || ('\u{2800}'..='\u{28ff}').contains(c))
        .collect();
    assert_eq!(drawn, "", "{written}");
}
