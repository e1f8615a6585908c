//! What takes the whole window, and the question before the first session.

use crate::support::Setup;
use codex_base::AbsPath;
use codex_tui::alert::Terminal;
use codex_tui::editor::Editor;
use codex_tui::trust::{Decision, Trust};
use codex_tui_kit::terminal::{Input, Surface};
use insta::assert_snapshot;
use std::sync::{Arc, Mutex};

#[test]
fn what_differs_is_shown_in_a_pager() {
    let setup = Setup::new("");
    setup.home.write("a.txt", "one\n2\n");
    setup.home.write("new.txt", "hello\n");
    let ui = setup.start();
    ui.wait_for("scripted");

    ui.say("/diff");
    ui.wait_for("q closes");
    assert_snapshot!(ui.screen(), @r"
    what differs from the last commit
    a.txt (+1 -1)
        1  one
        2 -two
        2 +2

    new.txt (+1 -0), new file
        1 +hello















    1-7 of 7 · / searches, n and N go on · q closes
    ");

    ui.press("/");
    ui.type_text("hello");
    ui.press("enter");
    ui.wait_for("match 1 of 1");
    ui.press("q");
    ui.wait_for("Ask for something");
    assert_snapshot!(ui.screen(), @r"
    >_ codex 0.200.0
       ~/work
       /help names all commands

    › Ask for something
      scripted · ~/work
    ");
}

#[test]
fn a_checkout_nobody_decided_about_is_asked_for_before_anything_of_it_is_read() {
    let decided = Arc::new(Mutex::new(Vec::new()));
    let mut setup = Setup::new("");
    let seen = Arc::clone(&decided);
    setup.options.trust = Some(Trust {
        folder: AbsPath::new(setup.home.workspace()).unwrap(),
        record: Arc::new(move |decision| {
            seen.lock().unwrap().push(decision);
            Ok(())
        }),
    });
    let ui = setup.start();
    ui.wait_for("Do you trust");
    assert_snapshot!(ui.screen(), @r"
    >_ codex 0.200.0
       ~/work
       /help names all commands

    ◦ Do you trust ~/work?
      With trust, commands may write below it without a question, and what it brings
      in .codex/ counts: settings, rules, and programs that codex starts.

      1. Yes, I know who wrote it (y)
      2. No, never: ask before every command that is not known to be harmless (u)
    › 3. Not now: only look at it (n or esc)
    ");

    ui.press("y");
    ui.wait_for("scripted");

    assert_eq!(*decided.lock().unwrap(), [Decision::Trusted]);
    assert_snapshot!(ui.screen(), @r"
    >_ codex 0.200.0
       ~/work
       /help names all commands

    › Ask for something
      scripted · ~/work
    ");
}

#[test]
fn the_whole_window_shows_the_same_and_scrolls() {
    let script = r#"{"items": [{"message": "The answer:\n\n1. one\n2. two\n3. three\n4. four\n5. five\n6. six\n7. seven\n8. eight"}]}"#;
    let mut setup = Setup::new(script);
    setup.options.surface = Surface::Fullscreen;
    setup.before = "$ codex\n".into();
    setup.rows = 12;
    let ui = setup.start();
    ui.wait_for("scripted");
    ui.say("Count.");
    ui.wait_for("worked for");
    assert_snapshot!(ui.screen(), @r"
      2. two
      3. three
      4. four
      5. five
      6. six
      7. seven
      8. eight

      worked for TIME

    › Ask for something
      scripted · ~/work
    ");

    ui.press("page-up");
    ui.wait_for("more rows");
    assert_snapshot!(ui.screen(), @r"
       ~/work
       /help names all commands

    › Count.

    • The answer:

      1. one
      … 8 more rows: page down, ctrl-end

    › Ask for something
      scripted · ~/work
    ");

    ui.resize(30, 10);
    ui.press("ctrl-end");
    ui.wait_for("worked for");
    ui.settle();
    assert_snapshot!(ui.screen(), @r"
      4. four
      5. five
      6. six
      7. seven
      8. eight

      worked for TIME

    › Ask for something
      scripted · ~/work
    ");

    // What stood there before is there again.
    let (_, lines, _) = ui.quit();
    assert_eq!(lines, ["$ codex"]);
}

#[test]
fn commands_are_offered_while_one_is_typed() {
    let ui = Setup::new("").start();
    ui.wait_for("scripted");

    ui.type_text("/");
    ui.wait_for("/model");
    ui.type_text("co");
    ui.wait_gone("/model");
    ui.press("down");
    ui.settle();
    assert_snapshot!(ui.screen(), @r"
    >_ codex 0.200.0
       ~/work
       /help names all commands

      /compact     sum up the conversation to free room
    › /copy        copy the last answer
    › /co
      scripted · ~/work
    ");

    ui.press("tab");
    ui.wait_for("› /copy");
    ui.press("enter");
    ui.wait_for("there is no answer to copy yet");
}

#[test]
fn the_draft_is_written_on_in_an_editor_and_comes_back() {
    let mut setup = Setup::new("");
    let script = setup.home.home().join("editor.sh");
    std::fs::write(&script, "printf ' and more\\n\\n' >> \"$1\"\n").unwrap();
    setup.options.preferences.editor = Some(Editor {
        command: format!("sh {}", script.display()),
        folder: AbsPath::new(setup.home.codex_home().join("tmp")).unwrap(),
    });
    let ui = setup.start();
    ui.wait_for("scripted");

    ui.type_text("a draft");
    ui.press("ctrl-g");
    ui.wait_for("a draft and more");
    ui.settle();

    assert_snapshot!(ui.screen(), @r"
    >_ codex 0.200.0
       ~/work
       /help names all commands

    › a draft and more
      scripted · ~/work
    ");
}

/// Where this test runs in Windows' own Linux the toast is shown instead, so it is not asked for there.
#[test]
fn a_bell_rings_where_windows_cannot_be_asked_for_a_toast() {
    if std::env::var_os("WSL_DISTRO_NAME").is_some() {
        eprintln!("not run: a_bell_rings_where_windows_cannot_be_asked_for_a_toast, Windows can be asked here");
        return;
    }
    let mut setup = Setup::new(r#"{"items": [{"message": "Hello."}]}"#);
    setup.options.preferences.terminal = Terminal {
        toasts: true,
        ..Terminal::default()
    };
    let ui = setup.start();
    ui.wait_for("scripted");
    ui.send(Input::Focus(false));
    ui.say("hi");
    ui.wait_for("worked for");
    ui.settle();

    assert!(ui.bytes().contains(&7));
}
