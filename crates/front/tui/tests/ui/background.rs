//! Commands that the model left running.

use crate::support::{Setup, Ui};
use insta::assert_snapshot;

const LEFT: &str = r#"{"items": [{"call": "exec_command", "arguments": {"cmd": "echo ready; sleep 1000", "yield_time_ms": 250}}]}
{"items": [{"message": "The server runs."}]}
{"items": [{"call": "exec_command", "arguments": {"cmd": "echo second; sleep 1000", "yield_time_ms": 30000}}]}
"#;

/// The process ids and their widths differ from run to run.
fn screen(ui: &Ui) -> String {
    let screen = ui.screen();
    let lines = screen.lines().map(|line| match line.split_once("pid ") {
        Some((before, after)) => format!("{before}pid N{}", after.trim_start_matches(|c: char| c.is_ascii_digit())),
        None => line.to_owned(),
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn a_command_that_is_left_running_is_listed_and_stopped() {
    let ui = Setup::new(LEFT).start();
    ui.wait_for("scripted");

    ui.say("Serve it.");
    ui.wait_for("worked for");
    assert_snapshot!(screen(&ui), @r"
    >_ codex 0.200.0
       ~/work
       /help names all commands

    › Serve it.

    ◦ Left running: echo ready; sleep 1000
      └ ready
        goes on in the background: /ps lists, /stop ends it

    • The server runs.

      worked for TIME

    › Ask for something
      scripted · ~/work · 1 in the background (/ps)
    ");

    ui.say("/ps");
    ui.wait_for("enter stops one");
    assert_snapshot!(screen(&ui), @r"
    >_ codex 0.200.0
       ~/work
       /help names all commands

    › Serve it.

    ◦ Left running: echo ready; sleep 1000
      └ ready
        goes on in the background: /ps lists, /stop ends it

    • The server runs.

      worked for TIME

    Running in the background; enter stops one
    › type to search
    ❯ echo ready; sleep 1000  pid N · ~/work
      enter takes · esc leaves
    ");
    ui.press("enter");
    ui.wait_for("exit code");
    ui.wait_gone("in the background (/ps)");
    assert_snapshot!(screen(&ui), @r"
    >_ codex 0.200.0
       ~/work
       /help names all commands

    › Serve it.

    ◦ Left running: echo ready; sleep 1000
      └ ready
        goes on in the background: /ps lists, /stop ends it

    • The server runs.

      worked for TIME

    • Ran echo ready; sleep 1000
      └ ready
        exit code 143

    › Ask for something
      scripted · ~/work
    ");

    ui.say("/ps");
    ui.wait_for("nothing runs in the background");
}

#[test]
fn an_interrupt_leaves_it_and_stop_ends_it() {
    let mut setup = Setup::new(LEFT);
    (setup.columns, setup.rows) = (120, 40);
    let ui = setup.start();
    ui.wait_for("scripted");
    ui.say("Serve it.");
    ui.wait_for("worked for");

    ui.say("And another one.");
    ui.wait_for("└ second");
    ui.press("esc");
    ui.wait_for("interrupted");
    ui.wait_for("1 in the background");
    assert_snapshot!(screen(&ui), @r"
    >_ codex 0.200.0
       ~/work
       /help names all commands

    › Serve it.

    ◦ Left running: echo ready; sleep 1000
      └ ready
        goes on in the background: /ps lists, /stop ends it

    • The server runs.

      worked for TIME

    › And another one.

    • Ran echo second; sleep 1000
      └ second
        exit code 143

    ■ interrupted; say what to do instead

    › Ask for something
      scripted · ~/work · 1 in the background (/ps)
    ");

    ui.say("/stop");
    ui.wait_gone("in the background (/ps)");
    ui.say("/ps");
    ui.wait_for("nothing runs in the background");
}
