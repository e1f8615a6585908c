//! Skills: asked for in a message, listed, switched.

use crate::support::Setup;
use insta::assert_snapshot;

fn setup() -> Setup {
    let setup = Setup::new(r#"{"items": [{"message": "Deployed."}]}"#);
    let skill = |name: &str, description: &str| format!("---\nname: {name}\ndescription: {description}\n---\nDo it.\n");
    setup
        .home
        .write(".agents/skills/deploy/SKILL.md", skill("deploy", "Brings the service out."));
    setup
        .home
        .write(".agents/skills/undo/SKILL.md", skill("undo-deploy", "Takes it back."));
    setup
}

#[test]
fn a_skill_is_completed_and_asked_for() {
    let ui = setup().start();
    ui.wait_for("scripted");

    ui.type_text("Now $dep");
    ui.wait_for("Takes it back.");
    ui.settle();
    assert_snapshot!(ui.screen(), @r"
    >_ codex 0.200.0
       ~/work
       /help names all commands

    › Now $dep
    ❯ $deploy                  Brings the service out.
      $undo-deploy             Takes it back.
      scripted · ~/work
    ");
    ui.press("tab");
    ui.wait_gone("Takes it back.");
    ui.type_text("it");
    ui.press("enter");
    ui.wait_for("worked for");
    assert_snapshot!(ui.screen(), @r"
    >_ codex 0.200.0
       ~/work
       /help names all commands

    › Now $deploy it

    • Deployed.

      worked for TIME

    › Ask for something
      scripted · ~/work
    ");
}

#[test]
fn a_file_that_is_no_skill_says_why() {
    let setup = Setup::new("");
    setup.home.write(".agents/skills/broken/SKILL.md", "no head");
    let ui = setup.start();
    ui.wait_for("scripted");

    ui.say("/skills");
    ui.wait_for("is not used as a skill");
    assert_snapshot!(ui.screen(), @r"
    >_ codex 0.200.0
       ~/work
       /help names all commands

    ✗ ~/work/.agents/skills/broken/SKILL.md is not used as a skill: it does not
      begin with a block between two lines of `---`

    › Ask for something
      scripted · ~/work
    ");
}

#[test]
fn skills_are_listed_and_switched() {
    let mut setup = setup();
    (setup.columns, setup.rows) = (120, 40);
    let ui = setup.start();
    ui.wait_for("scripted");

    ui.say("/skills");
    ui.wait_for("enter switches one");
    assert_snapshot!(ui.screen(), @r"
    >_ codex 0.200.0
       ~/work
       /help names all commands

    Skills; enter switches one on or off
    › type to search
    ❯ deploy (on)       Brings the service out.
      undo-deploy (on)  Takes it back.
      enter takes · esc leaves
    ");
    ui.press("enter");
    ui.wait_until("one is off", |screen| screen.text().matches("(on)").count() == 1);
    assert_snapshot!(ui.screen(), @r"
    >_ codex 0.200.0
       ~/work
       /help names all commands

    Skills; enter switches one on or off
    › type to search
    ❯ deploy            Brings the service out.
      undo-deploy (on)  Takes it back.
      enter takes · esc leaves
    ");
    ui.press("esc");
    ui.wait_for("Ask for something");

    // What is off is not offered.
    ui.type_text("$");
    ui.wait_for("Takes it back.");
    assert!(!ui.screen().contains("Brings the service out."));
    ui.press("esc");
    ui.wait_gone("Takes it back.");
}
