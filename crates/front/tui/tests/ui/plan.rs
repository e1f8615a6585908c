//! Plan mode from `/plan` to the work: a question, a proposal, the answer to it, and what is shown of it when the session is resumed.

use crate::support::{Setup, Ui};
use insta::assert_snapshot;

const SCRIPT: &str = r##"{"items": [{"call": "request_user_input", "arguments": {"questions": [{"id": "who", "header": "Whom", "question": "Whom does it greet?", "options": [{"label": "The world", "description": "as everybody does"}, {"label": "The user", "description": "by name"}]}]}}]}
{"expect": {"last_output_contains": "Ada"}, "chunk_chars": 7, "items": [{"message": "I looked around.\n<proposed_plan>\n# Greeting\n- write `hello`\n</proposed_plan>"}]}
{"items": [{"call": "exec_command", "arguments": {"cmd": "echo hello Ada > hello; cat hello"}}]}
{"items": [{"message": "Done."}]}"##;

fn planned() -> Ui {
    let ui = Setup::new(SCRIPT).start();
    ui.wait_for("scripted");
    ui.say("/plan write a greeting");
    ui.wait_for("Whom does it greet?");
    ui
}

#[test]
fn a_plan_is_asked_about_proposed_and_carried_out() {
    let ui = planned();
    assert_snapshot!(ui.screen(), @r"
    >_ codex 0.200.0
       ~/work
       /help names all commands

    › write a greeting

    ◦ Whom does it greet?
      Whom

    › 1. The world: as everybody does
      2. The user: by name
      3. Something else, in words of your own
      4. No answer: stop and say what to do instead (n or esc)
    ");

    ui.press("3");
    ui.wait_for("enter answers");
    ui.type_text("Ada");
    ui.press("enter");
    ui.wait_for("Implement this plan?");
    assert_snapshot!(ui.screen(), @r"
    >_ codex 0.200.0
       ~/work
       /help names all commands

    › write a greeting

    • Whom does it greet? Ada

    • I looked around.

    • Proposed plan
      │ # Greeting
      │ • write hello

      worked for TIME

    ◦ Implement this plan?
      Until then nothing is changed.

    › 1. Yes (y)
      2. Yes, in a new conversation that knows only the plan (a)
      3. No, go on planning (n or esc)
    ");
    assert!(!ui.home().workspace().join("hello").exists());

    ui.press("y");
    ui.wait_for("Done.");
    ui.wait_gone("esc interrupts");
    // What stands below goes away by itself.
    let conversation = ui.screen();
    assert_snapshot!(conversation.split("› Ask").next().unwrap().trim_end(), @r"
    › write a greeting

    • Whom does it greet? Ada

    • I looked around.

    • Proposed plan
      │ # Greeting
      │ • write hello

      worked for TIME

    › Implement the plan.

    • Ran echo hello Ada > hello; cat hello
      └ hello Ada

    • Done.

      worked for TIME
    ");
    assert_eq!(ui.home().read("hello"), "hello Ada\n");
}

#[test]
fn shift_tab_goes_into_plan_mode_and_out_of_it() {
    let ui = Setup::new(r#"{"items": [{"message": "Hello."}]}"#).start();
    ui.wait_for("scripted");

    ui.press("shift-tab");
    ui.wait_for("Plan mode");
    ui.press("shift-tab");
    ui.wait_gone("Plan mode");
}

#[test]
fn esc_at_a_question_of_the_models_ends_the_turn() {
    let ui = planned();

    ui.press("esc");
    ui.wait_for("interrupted");
}
