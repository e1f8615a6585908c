//! A compaction as the user meets it: it happens, what stood before can be read, it is taken back, and a report says what it cost.

use crate::support::{Lab, PATIENCE, wait_for};
use codex_testkit::events::{self, Usage};
use codex_testkit::{Answer, Gate, MockModel};
use serde_json::Value;

fn long(items: Vec<Value>) -> Answer {
    let usage = Usage {
        input: 250_000,
        ..Usage::default()
    };
    Answer::items_with_usage(items, Some(usage))
}

/// A session that was compacted in the middle of its first turn.
fn compacted(more: Vec<Answer>) -> (Lab, MockModel, String) {
    let answers = [
        long(vec![
            events::message("msg_1", "Looking."),
            events::exec_command("call_1", "echo found; seq 40"),
        ]),
        Answer::items([events::message("msg_sum", "Looked, and found it.")]),
        Answer::items([events::message("msg_2", "Done.")]),
    ];
    let mock = MockModel::start(answers.into_iter().chain(more));
    let lab = Lab::with_model(&mock);
    let ran = lab.run(&["exec", "find it"]);
    assert!(
        ran.stderr.contains("earlier parts of the conversation were summed up"),
        "{}",
        ran.stderr
    );
    let session = lab.session_id();
    (lab, mock, session)
}

#[test]
fn what_stood_before_a_compaction_can_be_read_whole() {
    let (lab, _mock, session) = compacted(Vec::new());

    let shown = lab.run(&["show", &session]).stdout;
    let before = lab.run(&["show", &session, "--before-compaction"]).stdout;
    let json: Value = serde_json::from_str(&lab.run(&["show", &session, "--before-compaction", "1", "--json"]).stdout).unwrap();
    let call = lab.run(&["show", &session, "call_1"]).stdout;

    assert!(
        shown.contains("find it") && shown.contains("Done.") && shown.contains("… 21 more lines"),
        "{shown}"
    );
    assert!(
        before.contains("#3 user") && before.contains("#6 output call_1") && !before.contains("Done."),
        "{before}"
    );
    assert_eq!(json["input"].as_array().unwrap().len(), 7);
    assert!(
        call.contains("seq 40") && call.trim_end().ends_with("\n40"),
        "the whole output: {call}"
    );
    let error = lab.run(&["show", &session, "--before-compaction", "2"]).stderr;
    assert!(
        error.contains("this session has no compaction 2; there are 1 [session.no_such_compaction]"),
        "{error}"
    );
    let error = lab.run(&["show", "nobody"]).stderr;
    assert!(error.contains("[session.not_found]"), "{error}");
}

#[test]
fn a_compaction_is_taken_back_once_and_the_report_names_both() {
    let last = Answer::items([events::message("msg_3", "Still there.")]);
    let (lab, mock, session) = compacted(vec![last]);

    let undone = lab.run(&["compact", &session, "--undo"]);
    let again = lab.run(&["compact", &session, "--undo"]);
    lab.run(&["exec", "resume", &session, "go on"]);

    assert!(
        undone.stdout.contains("is undone") && undone.stderr.contains("note: "),
        "{undone:?}"
    );
    assert!(again.stderr.contains("[compact.undone_already]"), "{}", again.stderr);
    let requests = mock.requests();
    let (first, last) = (requests[0].input(), requests[3].input());
    assert_eq!(last[..first.len()], *first);
    assert!(last.iter().any(|item| item["call_id"] == "call_1"), "the words before are back");
    let report: Value = serde_json::from_str(&lab.run(&["debug", "prefix", &session, "--json"]).stdout).unwrap();
    let causes: Vec<&Value> = report["requests"]
        .as_array()
        .unwrap()
        .iter()
        .map(|request| &request["causes"])
        .collect();
    assert_eq!(
        serde_json::to_string(&causes).unwrap(),
        r#"[[],["summary_request"],["after_summary_request","compaction"],["compaction_undone"]]"#
    );
    let told = lab.run(&["debug", "prefix", &session]).stdout;
    assert!(told.ends_with("4 requests, 3 of them did not extend the one before\n"), "{told}");
}

#[test]
fn a_session_is_compacted_by_command_but_not_while_somebody_writes_it() {
    let gate = Gate::new();
    let more = vec![
        Answer::items([events::message("msg_sum2", "All of it.")]),
        Answer::items([events::message("msg_3", "On it.")]).stall_last(&gate),
    ];
    let (lab, mock, session) = compacted(more);

    let ran = lab.run(&["compact", &session]);
    assert!(ran.stdout.contains("is compacted"), "{ran:?}");
    let mut running = lab.start(lab.command(&["exec", "resume", &session, "go on"]));
    mock.wait_for_request_blocking(5);
    let refused = [lab.run(&["compact", &session]), lab.run(&["compact", &session, "--undo"])];
    gate.open();
    running.ended(PATIENCE);

    for refused in refused {
        assert!(
            refused.stderr.contains("already has an active writer: process ") && refused.stderr.contains("[session.in_use]"),
            "{refused:?}"
        );
    }
    let input = serde_json::to_string(mock.requests()[4].input()).unwrap();
    assert!(input.contains("All of it.") && !input.contains("Looked, and found it."), "{input}");
}

#[test]
fn a_compaction_by_command_names_its_wait_and_ends_with_an_interrupt() {
    let gate = Gate::new();
    let more = vec![Answer::items([events::message("msg_sum2", "All of it.")]).stall_last(&gate)];
    let (lab, _mock, session) = compacted(more);

    let mut running = lab.start(lab.command(&["compact", &session]));
    wait_for("a word about the wait", || {
        running.stderr().contains("waiting for the model (").then_some(())
    });
    running.signal(libc::SIGINT);
    let ran = running.ended(PATIENCE);
    gate.open();

    ran.assert_code(1);
    assert_eq!(ran.stdout, "");
    assert!(ran.stderr.contains("turn interrupted"), "{}", ran.stderr);
    assert_eq!(lab.turn_event(), "turn_aborted");
}
