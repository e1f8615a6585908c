//! Questions: what is asked, every answer, several at once, long ones.

use crate::support::{Setup, Ui};
use insta::assert_snapshot;

/// A command that needs more than it may.
fn escalated(cmd: &str) -> String {
    format!(
        r#"{{"call": "exec_command", "arguments": {{"cmd": "{cmd}", "sandbox_permissions": "require_escalated", "justification": "it writes a file that shows that it ran"}}}}"#
    )
}

fn asked(calls: &[String]) -> Ui {
    let script = format!("{{\"items\": [{}]}}\n{{\"items\": [{{\"message\": \"Done.\"}}]}}", calls.join(","));
    let ui = Setup::new(&script).start();
    ui.wait_for("scripted");
    ui.say("go");
    ui.wait_for("Run this command?");
    ui
}

#[test]
fn a_command_is_asked_for_with_its_reason_and_runs_after_yes() {
    let ui = asked(&[escalated("echo ran > ran; cat ran")]);
    assert_snapshot!(ui.screen(), @r"
    >_ codex 0.200.0
       ~/work
       /help names all commands

    › go

    ◦ Run this command?
      $ echo ran > ran; cat ran
      why: it writes a file that shows that it ran
      rule: the command asks to run outside of the sandbox; approval policy is
        on-request
      in: ~/work

    › 1. Yes, this time (y)
      2. Yes, and do not ask for it again in this session (a)
      3. No, go on without it (d)
      4. No, stop and say what to do instead (n or esc)
    ");

    ui.press("y");
    ui.wait_for("worked for");

    assert_snapshot!(ui.screen(), @r"
    >_ codex 0.200.0
       ~/work
       /help names all commands

    › go

    • you allowed codex to run echo ran > ran; cat ran, this time

    • Ran echo ran > ran; cat ran
      └ ran

    • Done.

      worked for TIME

    › Ask for something
      scripted · ~/work
    ");
    assert_eq!(ui.home().read("ran"), "ran\n");
}

#[test]
fn esc_refuses_and_ends_the_turn() {
    let ui = asked(&[escalated("touch ran")]);

    ui.press("esc");
    ui.wait_for("interrupted");
    ui.wait_gone("esc interrupts");

    assert_snapshot!(ui.screen(), @r"
    >_ codex 0.200.0
       ~/work
       /help names all commands

    › go

    • you did not allow codex to run touch ran

    ✗ Not run: touch ran
      └ rejected by user

    ■ interrupted; say what to do instead

    › Ask for something
      scripted · ~/work
    ");
    assert!(!ui.home().workspace().join("ran").exists());
}

#[test]
fn a_refusal_may_let_the_turn_go_on() {
    let ui = asked(&[escalated("touch ran")]);

    ui.press("d");
    ui.wait_for("worked for");

    assert_snapshot!(ui.screen(), @r"
    >_ codex 0.200.0
       ~/work
       /help names all commands

    › go

    • you did not allow codex to run touch ran; it goes on without

    ✗ Not run: touch ran
      └ rejected by user

    • Done.

      worked for TIME

    › Ask for something
      scripted · ~/work
    ");
    assert!(!ui.home().workspace().join("ran").exists());
}

#[test]
fn several_questions_wait_in_line() {
    let ui = asked(&[escalated("echo one"), escalated("echo two")]);
    ui.wait_for("1 more waiting");

    ui.press("down");
    ui.press("enter");
    ui.wait_gone("more waiting");
    ui.wait_for("for this session");
    ui.press("1");
    ui.wait_for("worked for");

    // Which of them is asked first is up to the commands.
    let text = ui.lines().join("\n");
    for (first, second) in [("one", "two"), ("two", "one")] {
        let said = |word: &str, answer: &str| text.contains(&format!("you allowed codex to run echo {word}, {answer}"));
        if said(first, "for this session") {
            assert!(said(second, "this time"), "{text}");
            return;
        }
    }
    panic!("neither was allowed for the session:\n{text}");
}

#[test]
fn a_long_command_is_shown_whole_on_the_window() {
    let words: Vec<String> = (0..120).map(|number| format!("argument-{number:03}")).collect();
    let ui = asked(&[escalated(&format!("echo {}", words.join(" ")))]);
    assert!(ui.screen().contains("more rows: ctrl-a shows all"), "{}", ui.screen());

    ui.press("ctrl-a");
    ui.wait_for("q closes");
    ui.press("end");
    ui.wait_for("argument-119");
    ui.press("q");
    ui.wait_for("Run this command?");
    ui.press("n");
    ui.wait_for("interrupted");

    // What was finished before is where it was.
    assert_eq!(ui.lines()[0], ">_ codex 0.200.0");
}

#[test]
fn a_patch_is_asked_for_with_its_changes() {
    let patch = r"*** Begin Patch\n*** Update File: ../outside.txt\n@@\n-old words\n+new words\n*** End Patch\n";
    let script =
        format!("{{\"items\": [{{\"custom\": \"apply_patch\", \"input\": \"{patch}\"}}]}}\n{{\"items\": [{{\"message\": \"Changed.\"}}]}}");
    let setup = Setup::new(&script);
    setup.home.write("../outside.txt", "old words\n");
    let mut config = std::fs::read_to_string(setup.home.codex_home().join("config.toml")).unwrap();
    config = config.replace("workspace-write", "read-only");
    setup.home.write_config(&config);
    let ui = setup.start();
    ui.wait_for("scripted");
    ui.say("go");
    ui.wait_for("Change 1 file?");
    assert_snapshot!(ui.screen(), @r"
    >_ codex 0.200.0
       ~/work
       /help names all commands

    › go

    ◦ Change 1 file?
    ◦ Edit ~/outside.txt (+1 -1)
        1 -old words
        1 +new words
      why: writes outside of the writable roots: /tmp/codex-test-NAME/outside.txt
      rule: the patch writes outside of the writable roots; approval policy is
        on-request

    › 1. Yes, this time (y)
      2. Yes, and do not ask for these files again in this session (a)
      3. No, go on without it (d)
      4. No, stop and say what to do instead (n or esc)
    ");

    ui.press("y");
    ui.wait_for("worked for");

    assert_snapshot!(ui.screen(), @r"
    >_ codex 0.200.0
       ~/work
       /help names all commands

    › go

    • you allowed codex to change 1 file, this time

    • Edited ~/outside.txt (+1 -1)
        1 -old words
        1 +new words

    • Changed.

      worked for TIME

    › Ask for something
      scripted · ~/work
    ");
    assert_eq!(ui.home().read("../outside.txt"), "new words\n");
}

#[test]
fn what_a_command_hides_is_seen_before_it_is_allowed() {
    let ui = asked(&[escalated("echo a\\u202e; \\u001b]0;title\\u0007 rm b")]);

    assert_snapshot!(ui.screen(), @r"
    >_ codex 0.200.0
       ~/work
       /help names all commands

    › go

    ◦ Run this command?
      $ echo a⟨U+202E⟩; ␛]0;title␇ rm b
      why: it writes a file that shows that it ran
      rule: the command asks to run outside of the sandbox; approval policy is
        on-request
      in: ~/work

    › 1. Yes, this time (y)
      2. Yes, and do not ask for it again in this session (a)
      3. No, go on without it (d)
      4. No, stop and say what to do instead (n or esc)
    ");
    ui.press("n");
    ui.wait_for("interrupted");
}

#[test]
fn a_command_that_wants_single_permissions_besides_says_which() {
    let call = r#"{"call": "exec_command", "arguments": {"cmd": "echo ran", "sandbox_permissions": "with_additional_permissions", "additional_permissions": {"file_system": {"write": ["out"]}, "network": {"enabled": true}}, "justification": "It publishes the pages."}}"#;
    let setup = Setup::new(&format!("{{\"items\": [{call}]}}\n{{\"items\": [{{\"message\": \"Done.\"}}]}}"));
    let config = setup.home.codex_home().join("config.toml");
    let text = std::fs::read_to_string(&config).unwrap();
    setup
        .home
        .write_config(&format!("{text}[features]\nexec_permission_approvals = true\n"));
    let ui = setup.start();
    ui.wait_for("scripted");

    ui.say("go");
    ui.wait_for("Run this command?");
    let screen = ui.screen();
    assert!(screen.contains("why: It publishes the pages."), "{screen}");
    assert!(screen.contains("and lets it: use the network; write ~/work/out"), "{screen}");
    ui.press("y");
    ui.wait_for("worked for");
}

#[test]
fn more_permissions_for_a_turn_are_asked_for_in_one_view_and_granted_by_a_key() {
    let call = r#"{"call": "request_permissions", "arguments": {"permissions": {"file_system": {"read": ["/srv/data"], "write": ["out"]}, "network": {"enabled": true}}, "reason": "The results are published from there."}}"#;
    let mut setup = Setup::new(&format!("{{\"items\": [{call}]}}\n{{\"items\": [{{\"message\": \"Done.\"}}]}}"));
    (setup.columns, setup.rows) = (120, 40);
    let config = setup.home.codex_home().join("config.toml");
    let text = std::fs::read_to_string(&config).unwrap();
    setup
        .home
        .write_config(&format!("{text}[features]\nrequest_permissions_tool = true\n"));
    let ui = setup.start();
    ui.wait_for("scripted");

    ui.say("go");
    ui.wait_for("Allow this from now on?");
    assert_snapshot!(ui.screen(), @r"
    >_ codex 0.200.0
       ~/work
       /help names all commands

    › go

    ◦ Allow this from now on?
      use the network
      read /srv/data
      write ~/work/out
      why: The results are published from there.
      in: ~/work

    › 1. Yes, for this turn (y)
      2. Yes, for the whole session (a)
      3. No, go on without it (n or esc)
    ");
    ui.press("a");
    ui.wait_for("worked for");
    assert_snapshot!(ui.screen(), @r"
    >_ codex 0.200.0
       ~/work
       /help names all commands

    › go

    • you allowed codex 3 more permissions, for this session

    • Done.

      worked for TIME

    › Ask for something
      scripted · ~/work
    ");
}
