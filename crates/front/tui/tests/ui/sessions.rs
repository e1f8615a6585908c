//! Lists to choose from, sessions, files: everything behind them is real.

use crate::support::Setup;
use codex_tui::session::{Among, Verb};
use codex_tui::{Choosing, Ended};
use insta::assert_snapshot;

const TWO_ANSWERS: &str = r#"{"items": [{"message": "One."}]}
{"items": [{"message": "Two."}]}"#;

#[test]
fn a_stored_session_is_found_and_gone_on_with_in_the_same_window() {
    let mut setup = Setup::new(TWO_ANSWERS);
    // Nothing scrolls out of it.
    setup.rows = 40;
    let ui = setup.start();
    ui.wait_for("scripted");
    ui.say("mend the parser");
    ui.wait_for("worked for");
    ui.say("/rename the parser");
    ui.wait_for("the parser");
    ui.say("/new");
    ui.wait_gone("· the parser");
    ui.say("write the docs");
    let answers = |screen: &str| screen.matches("worked for").count();
    ui.wait_until("the second session has an answer", |screen| answers(&screen.text()) == 2);

    ui.say("/resume");
    ui.wait_for("1/1");
    assert_snapshot!(ui.screen(), @r"
    >_ codex 0.200.0
       ~/work
       /help names all commands

    › mend the parser

    • One.

      worked for TIME

    › write the docs

    • One.

      worked for TIME

    Go on with a session · this folder · last used first · 1/1
    › type to search
    ❯ the parser  now · main
      tab folder/all · ctrl-t shows · ctrl-a archive · ctrl-s order · esc leaves
    ");
    ui.press("enter");
    ui.wait_for("going on with");
    ui.say("go on");
    ui.wait_for("Two.");
}

#[test]
fn a_session_is_chosen_at_the_start_before_anything_is_opened() {
    let ui = Setup::new(TWO_ANSWERS).start();
    ui.wait_for("scripted");
    ui.say("mend the parser");
    ui.wait_for("worked for");
    let (_, _, home) = ui.quit();
    let choosing = |home| {
        let mut setup = Setup::in_home(home, TWO_ANSWERS);
        setup.options.choosing = Some(Choosing {
            verb: Verb::Resume,
            among: Among {
                everywhere: false,
                non_interactive: false,
            },
        });
        let ui = setup.start();
        ui.wait_for("1/1");
        ui
    };

    let ui = choosing(home);
    assert_snapshot!(ui.screen(), @r"
    >_ codex 0.200.0
       ~/work
       /help names all commands

    Go on with a session · this folder · last used first · 1/1
    › type to search
    ❯ mend the parser  now · main
      tab folder/all · ctrl-t shows · ctrl-a archive · ctrl-s order · esc leaves
    ");
    ui.press("ctrl-t");
    ui.wait_for("One.");
    ui.press("q");
    ui.wait_gone("One.");
    ui.press("esc");
    let (outcome, _, home) = ui.ended();
    assert_eq!((outcome.ended, outcome.thread_id), (Ended::Left, None));

    let ui = choosing(home);
    ui.press("enter");
    ui.wait_for("going on with");
    ui.say("go on");
    ui.wait_for("Two.");
}

#[test]
fn back_to_before_a_message_and_forward_again() {
    let ui = {
        let mut setup = Setup::new(TWO_ANSWERS);
        (setup.columns, setup.rows) = (120, 40);
        setup.start()
    };
    ui.wait_for("scripted");
    ui.say("first");
    ui.wait_for("One.");
    ui.wait_for("worked for");
    ui.say("second");
    ui.wait_for("Two.");
    ui.wait_gone("esc interrupts");

    ui.press("esc");
    ui.wait_for("esc again");
    ui.press("esc");
    ui.wait_for("Go back to before a message");
    assert_snapshot!(ui.screen(), @r"
    >_ codex 0.200.0
       ~/work
       /help names all commands

    › first

    • One.

      worked for TIME

    › second

    • Two.

      worked for TIME

    Go back to before a message
    › type to search
      first          One.
    ❯ second (last)  Two.
      enter takes · esc leaves
    ");
    ui.press("enter");
    ui.wait_for("back to before “second”");
    ui.wait_for("› second");
    ui.type_text(" try");
    ui.press("enter");
    // To the model, the first answer is all that came before.
    ui.wait_until("the copy goes on behind the first answer", |screen| {
        screen.text().matches("Two.").count() == 2
    });
}

#[test]
fn a_file_is_found_and_put_into_the_message() {
    let ui = Setup::new(r#"{"expect": {"user_contains": "look at README.md now"}, "items": [{"message": "Seen."}]}"#).start();
    ui.wait_for("scripted");

    ui.type_text("look at @rea");
    // The files of `@` alone are there before the letters behind it are.
    ui.wait_until("the file that matches", |screen| {
        let text = screen.text();
        text.contains("@rea") && text.contains("❯ README.md") && !text.contains("a.txt")
    });
    assert_snapshot!(ui.screen(), @r"
    >_ codex 0.200.0
       ~/work
       /help names all commands

    › look at @rea
    ❯ README.md
      scripted · ~/work
    ");
    ui.press("tab");
    ui.wait_for("look at README.md");
    ui.type_text("now");
    ui.press("enter");
    ui.wait_for("Seen.");
}

#[test]
fn a_conversation_is_written_into_a_file_and_never_over_one() {
    let ui = Setup::new(TWO_ANSWERS).start();
    ui.wait_for("scripted");
    ui.say("first");
    ui.wait_for("worked for");

    ui.say("/export talk.md");
    ui.wait_for("the conversation is in");
    ui.say("/export a.txt");
    ui.wait_for("nothing is overwritten");

    let folder = ui.home().workspace();
    let text = std::fs::read_to_string(folder.join("talk.md")).unwrap();
    assert!(text.contains("## User\n\nfirst\n\n## Codex\n\nOne.\n"), "{text}");
    assert_eq!(std::fs::read_to_string(folder.join("a.txt")).unwrap(), "one\ntwo\n");
}

#[test]
fn permissions_hold_from_the_next_turn_on() {
    let ui = Setup::new(TWO_ANSWERS).start();
    ui.wait_for("scripted");
    ui.say("/permissions");
    ui.wait_for("Ask (current)");
    ui.press("up");
    ui.press("enter");
    ui.wait_for("Read only from the next turn on");
    ui.say("first");
    ui.wait_for("worked for");

    ui.say("/status");
    ui.wait_for("read everything, write nothing");
}

#[test]
fn a_session_is_deleted_after_one_question() {
    let ui = Setup::new(TWO_ANSWERS).start();
    ui.wait_for("scripted");
    ui.say("first");
    ui.wait_for("worked for");
    ui.say("/delete");
    ui.wait_for("for good?");
    ui.press("2");
    ui.press("enter");
    ui.wait_for("the session is deleted");
    let screen = ui.screen();
    assert!(!screen.contains("the server has closed"), "{screen}");
    ui.say("/resume");
    ui.wait_for("nothing matches");
}

#[test]
fn a_session_that_is_archived_is_only_said_to_be_there() {
    let ui = Setup::new(TWO_ANSWERS).start();
    ui.wait_for("scripted");
    ui.say("first");
    ui.wait_for("worked for");
    ui.say("/archive");
    ui.wait_for("the session is in the archive; here is another one");
    let screen = ui.screen();
    assert!(!screen.contains("the server has closed"), "{screen}");
    ui.say("/resume");
    ui.wait_for("nothing matches");
    ui.press("ctrl-a");
    ui.wait_for("1/1");
}

#[test]
fn the_conversation_is_read_on_the_whole_window() {
    let ui = Setup::new(TWO_ANSWERS).start();
    ui.wait_for("scripted");
    ui.say("first");
    ui.wait_for("worked for");

    ui.press("ctrl-t");
    ui.wait_for("The conversation");
    ui.wait_for("› first");
    ui.wait_for("q closes");
    ui.press("q");
    ui.wait_gone("q closes");
    ui.wait_for("Ask for something");
}
