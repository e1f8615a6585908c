use super::*;
use crate::test_notifications::*;
use pretty_assertions::assert_eq;

fn transcript(notifications: &[Notification]) -> (String, Option<String>) {
    let (mut state, mut text) = HumanText::start(&setup(), Some("mend it\n"), Colour::Plain);
    for notification in notifications {
        text += &state.on(notification);
    }
    let text = text.replace(VERSION, "VERSION");
    (text, state.final_message().map(str::to_owned))
}

#[test]
fn reasoning_is_shown_as_the_configuration_says() {
    let thought = |content: &[&str]| ThreadItem::Reasoning {
        id: "r1".to_owned(),
        summary: vec!["In short".to_owned()],
        content: content.iter().map(|part| (*part).to_owned()).collect(),
    };
    let shown = |reasoning_shown, content: &[&str]| {
        let setup = ThreadSetup {
            reasoning_shown,
            ..setup()
        };
        let (mut state, _) = HumanText::start(&setup, None, Colour::Plain);
        state.on(&completed(thought(content)))
    };

    assert_eq!(shown(ReasoningShown::Summary, &["At length"]), "In short\n");
    assert_eq!(shown(ReasoningShown::Full, &["At length", "and on"]), "At length\nand on\n");
    assert_eq!(shown(ReasoningShown::Full, &[]), "In short\n");
    assert_eq!(shown(ReasoningShown::Nothing, &["At length"]), "");
}

#[test]
fn a_whole_turn() {
    let in_progress = CommandExecutionStatus::InProgress;
    let (text, last) = transcript(&[
        warning("no metadata for this model"),
        turn_started(),
        completed(user_message("u1", "mend it")),
        completed(reasoning("r1", &["Looking around"])),
        completed(message("m1", "I run the tests.\n")),
        started(command("c1", "/bin/sh -c 'make test'", in_progress, None, None)),
        output("c1", "boom\n"),
        completed(command(
            "c1",
            "/bin/sh -c 'make test'",
            CommandExecutionStatus::Failed,
            Some(2),
            Some("boom\n\x1b[2Jgone\r\n"),
        )),
        started(command("c2", "/bin/sh -c ls", in_progress, None, None)),
        started(command("c3", "/bin/sh -c pwd", in_progress, None, None)),
        completed(command("c2", "/bin/sh -c ls", CommandExecutionStatus::Completed, Some(0), None)),
        completed(command("c3", "/bin/sh -c pwd", CommandExecutionStatus::Declined, None, None)),
        plan(&[
            ("read", PlanStepStatus::Completed),
            ("write", PlanStepStatus::InProgress),
            ("test", PlanStepStatus::Pending),
        ]),
        started(patch("p1", PatchApplyStatus::InProgress)),
        completed(patch("p1", PatchApplyStatus::Completed)),
        usage(12_345, 345, 67_000),
        completed(message("m2", "Mended.")),
        turn_ended(TurnStatus::Completed, None),
    ]);

    assert_eq!(last.as_deref(), Some("Mended."));
    insta::assert_snapshot!(text, @r"
    Codex vVERSION
    --------
    workdir: /w
    model: mock-model
    provider: scripted
    approval: never
    sandbox: workspace-write [workdir, /tmp, $TMPDIR, /more] (network access enabled)
    reasoning effort: medium
    reasoning summaries: auto
    session id: 01a1f84b-c74f-7223-8daf-c7c8e964d410
    --------
    user
    mend it
    warning: no metadata for this model
    Looking around
    codex
    I run the tests.
    exec
    /bin/sh -c 'make test' in /w
     exited 2 in 12ms:
    boom
    ␛[2Jgone

    exec
    /bin/sh -c ls in /w
    exec
    /bin/sh -c pwd in /w
    exec
    /bin/sh -c ls in /w
     succeeded in 12ms:

    exec
    /bin/sh -c pwd in /w
     declined

    plan
      ✓ read
      → write
      • test
    apply patch
    patch: completed
    /w/a.txt
    diff --git a/a.txt b/a.txt
    --- a/a.txt
    +++ b/a.txt
    @@ -1 +1 @@
    -a
    +b

    codex
    Mended.
    tokens used
    79,000
    ");
}

#[test]
fn a_failed_turn_names_its_error_once_and_has_no_final_message() {
    let (text, last) = transcript(&[
        turn_started(),
        completed(message("m1", "half")),
        error("Reconnecting... 1/5 (busy)", true),
        error("busy", false),
        turn_ended(TurnStatus::Failed, Some("busy")),
    ]);

    assert_eq!(last, None);
    insta::assert_snapshot!(text.split_once("mend it\n").unwrap().1, @r"
    codex
    half
    Reconnecting... 1/5 (busy)
    error: busy [model.overloaded]
    ");
}

#[test]
fn an_interrupted_turn_says_so() {
    let (text, last) = transcript(&[turn_started(), usage(10, 0, 5), turn_ended(TurnStatus::Interrupted, None)]);

    assert_eq!(last, None);
    insta::assert_snapshot!(text.split_once("mend it\n").unwrap().1, @r"
    turn interrupted
    tokens used
    15
    ");
}

#[test]
fn colours_are_only_added() {
    let (mut state, text) = HumanText::start(&setup(), Some("x"), Colour::Ansi);
    let text = text + &state.on(&completed(message("m", "y")));

    assert!(text.contains("\x1b[1mworkdir:\x1b[0m /w\n"), "{text:?}");
    assert!(text.ends_with("\x1b[1;35mcodex\x1b[0m\ny\n"), "{text:?}");
}

#[test]
fn control_characters_are_made_visible() {
    let check = |text: &str, expect: &str| assert_eq!(visible(text), expect);

    check("a\tb\nc\r\nd", "a\tb\nc\nd");
    check("\x1b]0;title\x07", "␛]0;title␇");
    check("user\u{202e}fdp.exe \u{2066}a\u{2069} …", "user⟨U+202E⟩fdp.exe ⟨U+2066⟩a⟨U+2069⟩ …");
    check("\u{7f}\u{9b}31m", "␡\u{fffd}31m");
    check("50%\r100%", "50%␍100%");
}

#[test]
fn the_name_of_a_file_or_folder_cannot_drive_the_terminal() {
    let mut command = command("c", "ls", CommandExecutionStatus::Declined, None, None);
    if let ThreadItem::CommandExecution(command) = &mut command {
        command.cwd = path("/w\u{1b}c");
    }
    let mut patch = patch("p", PatchApplyStatus::Completed);
    if let ThreadItem::FileChange { changes, .. } = &mut patch {
        changes[0].path = path("/w/\u{1b}c");
    }
    let image = ThreadItem::ImageView {
        id: "i".to_owned(),
        path: path("/w/\u{1b}c"),
    };
    let setup = ThreadSetup {
        cwd: path("/w\u{1b}c"),
        model: "m\u{1b}c".to_owned(),
        ..setup()
    };

    let (mut state, mut text) = HumanText::start(&setup, None, Colour::Plain);
    for item in [command, patch, image] {
        text += &state.on(&completed(item));
    }

    assert_eq!((text.matches("␛c").count(), text.contains('\u{1b}')), (9, false), "{text}");
}

#[test]
fn numbers_have_thousands_separators() {
    let check = |number, expect: &str| assert_eq!(thousands(number), expect);

    check(0, "0");
    check(999, "999");
    check(1000, "1,000");
    check(1_234_567, "1,234,567");
}
