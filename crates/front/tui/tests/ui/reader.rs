//! For a screen reader: line after line.

use crate::support::Setup;
use codex_tui_kit::terminal::Surface;
use codex_tui_kit::theme::Glyphs;
use insta::assert_snapshot;

const SCRIPT: &str = r#"{"items": [{"message": "I look.\n\n| a | b |\n| - | - |\n| 1 | 2 |"}, {"call": "exec_command", "arguments": {"cmd": "echo ran", "sandbox_permissions": "require_escalated", "justification": "to see"}}]}
{"items": [{"message": "Done."}]}"#;

#[test]
fn everything_that_happens_is_a_line_that_is_written_once() {
    for (columns, rows) in [(120, 60), (160, 60)] {
        let mut setup = Setup::new(SCRIPT);
        (setup.columns, setup.rows) = (columns, rows);
        setup.options.surface = Surface::Linear;
        setup.options.preferences.settings.screen_reader = true;
        setup.options.preferences.settings.terminal_title = Some(Vec::new());
        let ui = setup.start();
        ui.wait_for("codex 0");
        // Before the session is open, what is said would wait for it.
        ui.settle();
        ui.say("go");
        ui.wait_for("answer>");
        ui.press("down");
        ui.wait_for("chosen: 2.");
        ui.press("1");
        ui.wait_for("worked for");
        ui.say("/permissions");
        ui.wait_for("choose>");
        ui.press("2");
        ui.wait_for("chosen: 2.");
        ui.press("esc");
        ui.type_text("ab");
        ui.press("alt-enter");
        ui.type_text("c");
        ui.settle();
        ui.press("left");
        ui.settle();

        insta::allow_duplicates! {
            assert_snapshot!(ui.screen(), @r"
            >_ codex 0.200.0
               ~/work
               /help names all commands
            Sending to the model

            You: go
            Waiting for the model's first word
            Answering

            Codex: I look.

              a: 1
              b: 2
            Running echo ran
            Waiting for your answer
            Question: Run this command?
              $ echo ran
              why: to see
              rule: the command asks to run outside of the sandbox; approval policy is on-request
              in: ~/work
            chosen: 1. Yes, this time (y)
              2. Yes, and do not ask for it again in this session (a)
              3. No, go on without it (d)
              4. No, stop and say what to do instead (n or esc)
            chosen: 2. Yes, and do not ask for it again in this session (a)

            Done: you allowed codex to run echo ran, this time
            Waiting for your answer
            Running echo ran

            Done: Ran echo ran
               ran
            Working
            Waiting for the model's first word
            Answering

            Codex: Done.

              worked for TIME
            chosen: /model       another model, and how much it thinks
            chosen: /permissions what commands may do, and when you are asked
            What commands may do
              1. Read only      commands read everything and write nothing; you are asked for more
            chosen: 2. Ask (current)  commands write below the folder, without network; you are asked for more
              3. Auto-review    commands write below the folder; a model decides about more in your place
              4. Full access    no sandbox, no questions: commands do whatever you could
              a number or letters, then enter · esc leaves
            2 of 2> c
            ");
        }
        assert_eq!(ui.cursor().map(|(_, column)| column), Some("2 of 2> ".len()));
        let written = String::from_utf8(ui.bytes()).unwrap();
        assert!(
            !written.contains(Glyphs::UNICODE.spinner[0]) && !written.contains('\u{2502}'),
            "{written}"
        );
    }
}
