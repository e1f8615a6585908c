//! What models, commands and file names may write: nothing but text and colours reaches the terminal.

use super::{QUIET, Seat, lab};
use codex_testkit::{Answer, MockModel, events};

/// Titles, the clipboard, the alternate screen, a scroll region, hidden text, bells, a reset, questions to the terminal, a device string.
const BOMB: &str = "\x1b]0;pwned\x07\x1b]52;c;cHduZWQ=\x07\x1b]8;;http://pwned\x07link\x1b]8;;\x07\x1b[?1049h\x1b[2J\x1b[3J\x1b[1;3r\x1b[8mhidden\x1b[0m\x07\x1bc\x1b[6n\x1b[>q\x1bPq#0\x1b\\\x1b_pwned\x1b\\\u{9b}2J\u{202e}txet\u{202c}\x1b[?2004l\x1b[31mred\x1b[0m end";

fn bomb_command() -> String {
    let octal: String = BOMB.bytes().map(|byte| format!("\\{byte:03o}")).collect();
    format!("printf '{octal}\\n'")
}

#[track_caller]
fn assert_unharmed(seat: &Seat) {
    seat.pty.settle(QUIET);
    let heard = seat.pty.heard();
    assert!(heard.titles.iter().all(|title| !title.contains("pwned")), "{:?}", heard.titles);
    assert_eq!(heard.copied, Vec::<String>::new());
    seat.pty.with_screen(|screen| {
        assert!(!screen.is_alternate());
        assert!(screen.bracketed_paste());
        let text = screen.lines().join("\n");
        // What stood there before is still there, and so is the text between the escapes.
        assert!(
            text.contains("Show me.") && text.contains("hidden") && text.contains("end"),
            "{text}"
        );
    });
    let bytes = seat.pty.bytes();
    for forbidden in [
        "\x1b[2J",
        "\x1b[3J",
        "\x1b[1;3r",
        "\x1bc",
        "\x1b[6n",
        "\x1b[8m",
        "\u{202e}",
        "\u{9b}",
        "\x1b]52",
    ] {
        assert!(
            !bytes.windows(forbidden.len()).any(|window| window == forbidden.as_bytes()),
            "{forbidden:?} was written"
        );
    }
}

#[test]
fn an_answer_cannot_steer_the_terminal() {
    let mock = MockModel::start([Answer::message(&format!(
        "Begin {BOMB}\n\n```\n{BOMB}\n```\n\n| a | b |\n|---|---|\n| {BOMB} | c |\n"
    ))]);
    let lab = lab(&mock);
    let seat = Seat::take(&lab, &["Show me."]);
    seat.wait_gone("interrupts");
    seat.wait_for("end");

    assert_unharmed(&seat);
    seat.leave();
}

#[test]
fn a_command_and_its_output_cannot_steer_the_terminal() {
    let call = events::exec_command("call_1", &format!("{} # {BOMB}", bomb_command()));
    let mock = MockModel::start([Answer::items([call]), Answer::message("That was it.")]);
    let lab = lab(&mock);
    let seat = Seat::take(&lab, &["-s", "danger-full-access", "-a", "never", "Show me."]);
    seat.wait_for("That was it.");

    assert_unharmed(&seat);
    seat.leave();
}

#[test]
fn names_of_files_cannot_steer_the_terminal() {
    let name = format!("file{}", BOMB.replace('/', "_"));
    let mock = MockModel::start([Answer::message("hidden, the end.")]);
    let lab = lab(&mock);
    lab.home.write(&name, "text\n");
    let seat = Seat::take(&lab, &["Show me."]);
    seat.wait_for("hidden, the end.");
    seat.type_text("@file");
    seat.wait_for("hidden");

    assert_unharmed(&seat);
    // The list, the word, then the program.
    seat.press(b"\x1b");
    seat.pty.settle(QUIET);
    seat.press(b"\x15");
    seat.wait_for("Ask for something");
    seat.leave();
}

/// The same text at two widths, in a window of five rows as well: nothing of it is lost.
#[test]
fn wide_combining_and_right_to_left_text_is_shown_whole() {
    let words = [
        "日本語のテキスト",
        "e\u{301}tude nai\u{308}ve",
        "שלום עולם",
        "مرحبا بالعالم",
        "👩‍👩‍👧 🇩🇪 family",
        "ｆｕｌｌ",
    ];
    let text = words.map(|word| format!("{word}\n\n")).concat();
    for size in [(80, 24), (20, 5)] {
        let mock = MockModel::start([Answer::message(&text)]);
        let lab = lab(&mock);
        let seat = Seat::start(&lab, &["Words."], &[], size);
        seat.wait_for("worked for");
        seat.wait_gone("interrupts");
        seat.pty.settle(QUIET);

        let shown: String = seat.pty.lines().join("\n");
        for word in words {
            assert!(shown.contains(word), "{word} is not there at {size:?}:\n{shown}");
        }
        seat.leave();
    }
}
