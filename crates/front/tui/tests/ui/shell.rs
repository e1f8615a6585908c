//! `!` and a command: the user's own shell.

use crate::support::Setup;
use insta::assert_snapshot;

#[test]
fn a_command_of_the_user_runs_and_the_conversation_goes_on() {
    let ui = Setup::new(r#"{"items": [{"message": "Two lines."}]}"#).start();
    ui.wait_for("scripted");

    ui.type_text("!cat a.txt; exit 3");
    ui.wait_for("outside of the sandbox");
    assert_snapshot!(ui.screen(), @r"
    >_ codex 0.200.0
       ~/work
       /help names all commands

    › !cat a.txt; exit 3
      runs in your shell, outside of the sandbox; the model reads what comes of it
    ");
    ui.press("enter");
    ui.wait_for("worked for");
    ui.say("How many lines?");
    ui.wait_for("Two lines.");
    ui.wait_gone("esc interrupts");
    assert_snapshot!(ui.screen(), @r"
    >_ codex 0.200.0
       ~/work
       /help names all commands

    • You ran cat a.txt; exit 3
      └ one
        two
        exit code 3

      worked for TIME

    › How many lines?

    • Two lines.

      worked for TIME

    › Ask for something
      scripted · ~/work
    ");

    // It is among what was written before.
    ui.press("up");
    ui.press("up");
    ui.wait_for("› !cat a.txt");
}

#[test]
fn a_command_that_goes_on_is_seen_and_ends_with_esc() {
    let mut setup = Setup::new("");
    (setup.columns, setup.rows) = (120, 40);
    let ui = setup.start();
    ui.wait_for("scripted");

    ui.say("!echo begun; sleep 1000");
    ui.wait_for("└ begun");
    ui.wait_for("pid");
    assert_snapshot!(ui.screen(), @r"
    >_ codex 0.200.0
       ~/work
       /help names all commands

    ◦ Running echo begun; sleep 1000 (TIME)
      └ begun

    ◦ Running echo begun; sleep 1000 (TIME · esc interrupts)

    › Ask for something
      scripted · ~/work
    ");
    ui.press("esc");
    ui.wait_for("interrupted");
    assert_snapshot!(ui.screen(), @r"
    >_ codex 0.200.0
       ~/work
       /help names all commands

    • You ran echo begun; sleep 1000
      └ begun
        exit code 143

    ■ interrupted; say what to do instead

    › Ask for something
      scripted · ~/work
    ");
}

#[test]
fn a_command_beside_a_running_turn() {
    let ui = Setup::new(
        r#"{"items": [{"call": "exec_command", "arguments": {"cmd": "until [ -e go ]; do sleep 0.02; done", "yield_time_ms": 30000}}]}
{"items": [{"message": "It is there."}]}"#,
    )
    .start();
    ui.wait_for("scripted");
    ui.say("Wait for it.");
    ui.wait_for("Running until");

    ui.say("!touch go; echo made");
    ui.wait_for("worked for");

    assert_snapshot!(ui.screen(), @r"
    >_ codex 0.200.0
       ~/work
       /help names all commands

    › Wait for it.

    • Ran until [ -e go ]; do sleep 0.02; done
      └ (no output)

    • You ran touch go; echo made
      └ made

    • It is there.

      worked for TIME

    › Ask for something
      scripted · ~/work
    ");
}

#[test]
fn what_does_not_begin_with_it_is_a_message() {
    let ui = Setup::new(r#"{"items": [{"message": "Indeed."}]}"#).start();
    ui.wait_for("scripted");

    ui.say("!");
    ui.wait_for("and a command runs it");
    ui.say(" !important");
    ui.wait_for("Indeed.");
    ui.wait_for("worked for");
    assert_snapshot!(ui.screen(), @r"
    >_ codex 0.200.0
       ~/work
       /help names all commands

    • ! and a command runs it in your shell, outside of the sandbox

    › !important

    • Indeed.

      worked for TIME

    › Ask for something
      scripted · ~/work
    ");

    // Brought back it is still no command.
    ui.press("up");
    ui.wait_for("›  !important");
}
