//! What takes the whole window, and the question before the first session.

use crate::support::Setup;
use codex_base::AbsPath;
use codex_tui::trust::{Decision, Trust};
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















    1-7 of 7 · arrows, page up and down, home, end · q closes
    ");

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
