//! Asking, steering, queueing, interrupting, leaving.

use crate::support::Setup;
use codex_tui::Ended;
use insta::assert_snapshot;

#[test]
fn a_question_is_answered_below_what_was_there_before() {
    let mut setup = Setup::new(r#"{"items": [{"message": "It is a demo.\n\nNothing more."}]}"#);
    setup.before = "$ ls\nREADME.md a.txt\n$ codex\n".into();
    let ui = setup.start();
    ui.wait_for("scripted");

    ui.say("What is this?");
    ui.wait_for("worked for");

    assert_snapshot!(ui.screen(), @r"
    $ ls
    README.md a.txt
    $ codex
    >_ codex 0.200.0
       ~/work
       /help names all commands

    › What is this?

    • It is a demo.

      Nothing more.

      worked for TIME

    › Ask for something
      scripted · ~/work
    ");
    let (outcome, _, _) = ui.quit();
    assert_eq!(outcome.ended, Ended::Left);
    assert!(outcome.thread_id.is_some());
}

#[test]
fn a_draft_grows_and_is_edited() {
    let ui = Setup::new("").start();
    ui.wait_for("scripted");

    ui.type_text("first line");
    ui.press("ctrl-j");
    ui.type_text("second lime");
    ui.press("backspace");
    ui.press("backspace");
    ui.type_text("ne");
    ui.press("up");
    ui.press("ctrl-a");
    ui.type_text("the ");
    ui.wait_for("the first");

    assert_snapshot!(ui.screen(), @r"
    >_ codex 0.200.0
       ~/work
       /help names all commands

    › the first line
      second line
      scripted · ~/work
    ");
    assert_eq!(ui.cursor(), Some((4, 6)));
    ui.press("ctrl-c");
    ui.wait_gone("first");
    ui.press("up");
    ui.wait_for("the first line");
}

#[test]
fn a_message_to_a_running_turn_and_one_for_the_next() {
    let ui = Setup::new(
        r#"{"items": [{"call": "exec_command", "arguments": {"cmd": "until [ -e go ]; do sleep 0.02; done", "yield_time_ms": 30000}}]}
{"items": [{"message": "All seen."}]}
{"items": [{"message": "And the queue."}]}"#,
    )
    .start();
    ui.wait_for("scripted");
    ui.say("begin");
    ui.wait_for("◦ Running ");

    ui.say("hurry up");
    ui.wait_for("Sent, not read yet");
    ui.type_text("later");
    ui.press("tab");
    ui.wait_for("Queued");
    assert_snapshot!(ui.screen(), @r"
    >_ codex 0.200.0
       ~/work
       /help names all commands

    › begin

    ◦ Running until [ -e go ]; do sleep 0.02; done (TIME)

    ◦ Running until [ -e go ]; do sleep 0.02; done (TIME · esc interrupts)
    • Sent, not read yet
      ↳ hurry up
    • Queued
      ↳ later

    › Ask for something
      scripted · ~/work
    ");

    ui.home().write("go", "");
    ui.wait_for("And the queue.");
    ui.wait_gone("esc interrupts");
    assert_snapshot!(ui.screen(), @r"
    >_ codex 0.200.0
       ~/work
       /help names all commands

    › begin

    • Ran until [ -e go ]; do sleep 0.02; done
      └ (no output)

    › hurry up

    • All seen.

      worked for TIME

    › later

    • And the queue.

      worked for TIME

    › Ask for something
      scripted · ~/work
    ");
}

#[test]
fn esc_interrupts_and_the_queue_comes_back_as_a_draft() {
    let ui = Setup::new(r#"{"items": [{"call": "exec_command", "arguments": {"cmd": "sleep 60", "yield_time_ms": 30000}}]}"#).start();
    ui.wait_for("scripted");
    ui.say("begin");
    ui.wait_for("◦ Running ");
    ui.type_text("then this");
    ui.press("tab");
    ui.wait_for("Queued");

    ui.press("esc");
    ui.wait_for("interrupted;");
    ui.wait_gone("esc interrupts");

    assert_snapshot!(ui.screen(), @r"
    >_ codex 0.200.0
       ~/work
       /help names all commands

    › begin

    • Ran sleep 60
      └ exit code 143

    ■ interrupted; say what to do instead

    › then this
      scripted · ~/work
    ");
}

#[test]
fn leaving_takes_two_presses_and_leaves_a_clean_screen() {
    let ui = Setup::new("").start();
    ui.wait_for("scripted");

    ui.press("ctrl-c");
    ui.wait_for("ctrl-c again to leave");
    ui.press("ctrl-c");

    let (outcome, lines, _) = ui.ended();
    assert_eq!(outcome.ended, Ended::Left);
    assert_eq!(outcome.thread_id, None);
    assert_eq!(lines, [">_ codex 0.200.0", "   ~/work", "   /help names all commands"]);
}

#[test]
fn an_unknown_command_is_told_its_nearest_name_and_stays_in_the_field() {
    let ui = Setup::new("").start();
    ui.wait_for("scripted");

    ui.say("/hlep");
    ui.wait_for("did you mean");

    assert_snapshot!(ui.screen(), @r"
    >_ codex 0.200.0
       ~/work
       /help names all commands

    ■ /hlep is not a command
      did you mean /help? /help names all commands

    › /hlep
      scripted · ~/work
    ");
}

#[test]
fn a_long_paste_is_a_placeholder_and_sent_whole() {
    let text = "many words ".repeat(200);
    let ui = Setup::new(r#"{"expect": {"user_contains": "many words many words"}, "items": [{"message": "Read."}]}"#).start();
    ui.wait_for("scripted");

    ui.paste(&text);
    ui.wait_for("[Pasted Content 2200 chars]");
    ui.press("enter");
    ui.wait_for("Read.");
}

#[test]
fn the_history_of_earlier_sessions_is_there() {
    let ui = Setup::new(r#"{"items": [{"message": "One."}]}"#).start();
    ui.wait_for("scripted");
    ui.say("remember me");
    ui.wait_for("worked for");
    let (_, _, home) = ui.quit();
    let kept = std::fs::read_to_string(home.codex_home().join("history.jsonl")).unwrap();
    assert!(kept.contains(r#""text":"remember me""#), "{kept}");

    let ui = Setup::in_home(home, "").start();
    ui.wait_for("scripted");
    ui.press("up");
    ui.wait_for("› remember me");
}

#[test]
fn a_resumed_session_looks_as_it_did() {
    let script = r#"{"items": [{"message": "I look.\n"}, {"call": "exec_command", "arguments": {"cmd": "ls; echo done"}}]}
{"items": [{"message": "There is a README and a text.\n\n- one\n- two"}]}"#;
    let ui = Setup::new(script).start();
    ui.wait_for("scripted");
    ui.say("What is here?");
    ui.wait_for("worked for");
    let (outcome, live, home) = ui.quit();

    let mut setup = Setup::in_home(home, "");
    setup.options.opening = codex_tui::Opening::named(codex_tui::Verb::Resume, &outcome.thread_id.unwrap());
    let ui = setup.start();
    ui.wait_for("going on with");
    let (_, replayed, _) = ui.quit();

    let said = live.iter().position(|line| line.contains("What is here?")).unwrap();
    let (live, replayed) = (&live[said..], &replayed[said..]);
    assert_eq!(&replayed[..live.len()], live);
}

#[test]
fn a_resumed_session_knows_what_it_has_used_before_its_next_turn() {
    let script = r#"{"items": [{"message": "One."}], "usage": {"input_tokens": 1000, "output_tokens": 50, "total_tokens": 1050}}"#;
    let ui = Setup::new(script).start();
    ui.say("go");
    ui.wait_for("worked for");
    let (outcome, _, home) = ui.quit();

    let mut setup = Setup::in_home(home, "");
    setup.options.opening = codex_tui::Opening::named(codex_tui::Verb::Resume, &outcome.thread_id.unwrap());
    let ui = setup.start();
    ui.wait_for("going on with");
    // So it has been told, whenever that came.
    ui.wait_for("tokens");
    ui.say("/status");
    ui.wait_for("1.0k total, 1.0k in");
}

#[test]
fn the_window_may_change_while_an_answer_comes() {
    let words: Vec<String> = (0..180).map(|number| format!("w{number:04}")).collect();
    let answer = words
        .chunks(90)
        .map(|paragraph| paragraph.join(" "))
        .collect::<Vec<_>>()
        .join(r"\n\n");
    let script = format!(r#"{{"items": [{{"message": "{answer}"}}], "chunk_chars": 10, "delay_ms": 15}}"#);
    let mut setup = Setup::new(&script);
    setup.before = "$ codex\n".into();
    let ui = setup.start();
    ui.wait_for("scripted");
    ui.say("go");

    for (columns, rows) in [(60, 20), (120, 40), (40, 12), (80, 24)] {
        ui.resize(columns, rows);
        ui.wait_for_writes(5);
    }
    ui.wait_for("worked for");

    let lines = ui.lines();
    assert_eq!(lines[0], "$ codex");
    // A piece that a window left behind when it became narrower stands above what is finished.
    let shown = lines.join("\n");
    let mut rest = shown.as_str();
    for word in words.iter().rev() {
        let (before, _) = rest
            .rsplit_once(word.as_str())
            .unwrap_or_else(|| panic!("{word} is not there, or not in order:\n{shown}"));
        rest = before;
    }
}

#[test]
fn nothing_is_written_while_nothing_happens() {
    let ui = Setup::new("").start();
    ui.wait_for("scripted");
    ui.settle();
    let before = ui.bytes().len();

    // A key without a meaning changes nothing.
    ui.press("f9");
    ui.settle();

    assert_eq!(ui.bytes().len(), before);
}

/// A key is shown behind the frame that is on its way: no frame may be so large that somebody notices.
#[test]
fn a_flood_of_lines_reaches_the_terminal_in_small_frames() {
    let lines: Vec<String> = (0..6_000).map(|number| format!("- line {number:05}")).collect();
    let script = serde_json::json!({ "items": [{ "message": lines.join("\n") }] }).to_string();
    let ui = Setup::new(&script).start();

    ui.say("count");
    ui.wait_for("worked for");

    let shown: Vec<String> = ui.lines().into_iter().filter(|line| line.contains("line ")).collect();
    assert_eq!(shown.len(), lines.len());
    assert!(shown.iter().zip(&lines).all(|(shown, line)| shown.ends_with(&line[2..])));
    assert!(ui.largest_write() < 64 * 1024, "{}", ui.largest_write());
}
