//! Records to turns and to the model's input.

use crate::sample::{agent, at, command, complete, completed_item, event, item, message, started, thread, turn, user};
use codex_base::Timestamp;
use codex_protocol::errors::{CodexErrorInfo, TurnError};
use codex_protocol::items::Turn;
use codex_protocol::journal::{Compacted, EventMsg, Record, TurnTimes};
use codex_sessions::{model_input, turns};
use pretty_assertions::assert_eq;

fn timed(records: Vec<Record>) -> Vec<(Timestamp, Record)> {
    records.into_iter().map(|record| (at(0), record)).collect()
}

/// One line per turn: id, status, ids of its items.
fn outline(turns: &[Turn]) -> String {
    let line = |turn: &Turn| {
        let items: Vec<&str> = turn.items.iter().map(|item| item.id()).collect();
        format!("{} {:?} {}", turn.id, turn.status, items.join(","))
    };
    turns.iter().map(line).collect::<Vec<_>>().join("\n")
}

fn check(records: Vec<Record>, expect: &str) {
    assert_eq!(outline(&turns(&timed(records))), expect);
}

fn aborted(turn_id: &str) -> Record {
    event(EventMsg::TurnAborted {
        turn_id: turn_id.to_owned(),
        reason: "interrupted".to_owned(),
        times: TurnTimes {
            started_at: 1,
            completed_at: 2,
            duration_ms: 900,
        },
    })
}

fn failed(turn_id: &str) -> Record {
    event(EventMsg::TaskComplete {
        turn_id: turn_id.to_owned(),
        last_agent_message: None,
        times: TurnTimes {
            started_at: 1,
            completed_at: 2,
            duration_ms: 900,
        },
        error: Some(TurnError::new("x.y", "no", CodexErrorInfo::Other)),
    })
}

#[test]
fn a_turn_has_its_items_in_order_and_its_times() {
    let turns = turns(&timed(thread()));

    assert_eq!(outline(&turns), "turn_1 Completed item_1,rs_1,call_1,call_2,msg_1");
    assert_eq!(
        (turns[0].started_at, turns[0].completed_at, turns[0].duration_ms),
        (Some(10), Some(12), Some(2000))
    );
    assert_eq!(turns[0].items[2], command());
}

#[test]
fn a_turn_ends_as_its_record_says_and_is_interrupted_without_one() {
    check(
        vec![started("a", 1), failed("a"), started("b", 2), aborted("b"), started("c", 3)],
        "a Failed \nb Interrupted \nc Interrupted ",
    );
    check(
        vec![started("a", 1), started("b", 2), complete("b", "x")],
        "a Interrupted \nb Completed ",
    );
}

#[test]
fn an_item_goes_into_the_turn_it_names_also_after_its_end() {
    check(
        vec![
            started("a", 1),
            complete("a", "x"),
            started("b", 2),
            completed_item("a", command()),
            complete("b", "y"),
        ],
        "a Completed call_1\nb Completed ",
    );
}

#[test]
fn an_item_that_is_told_again_replaces_its_older_form() {
    let records = vec![
        started("a", 1),
        completed_item("a", agent("m", "one")),
        completed_item("a", agent("m", "two")),
        complete("a", "x"),
    ];

    assert_eq!(turns(&timed(records))[0].items, [agent("m", "two")]);
}

#[test]
fn a_turn_whose_start_is_lost_is_still_there() {
    check(vec![completed_item("a", user("u", "hi")), complete("a", "x")], "a Completed u");
    check(vec![complete("a", "x")], "a Completed ");
    check(vec![aborted("")], "");
}

#[test]
fn a_message_into_a_running_turn_stays_in_it() {
    check(
        vec![
            started("a", 1),
            completed_item("", user("u", "1")),
            completed_item("", user("v", "2")),
            complete("a", "x"),
        ],
        "a Completed u,v",
    );
}

#[test]
fn rolled_back_turns_are_gone_for_reader_and_model() {
    let mut records = turn("a");
    records.extend(turn("b"));
    let one = records.clone().into_iter().take(turn("a").len()).collect::<Vec<_>>();
    records.push(event(EventMsg::ThreadRolledBack { num_turns: 1 }));

    assert_eq!(turns(&timed(records.clone())), turns(&timed(one.clone())));
    assert_eq!(model_input(&timed(records.clone())), model_input(&timed(one)));

    records.push(event(EventMsg::ThreadRolledBack { num_turns: 9 }));
    assert_eq!((turns(&timed(records.clone())), model_input(&timed(records))), (vec![], vec![]));
}

#[test]
fn the_model_is_sent_its_items_as_received_without_unknown_kinds() {
    let raw = r#"{"type":"function_call","call_id":"c" , "name":"x","n":1.50}"#;
    let records = vec![
        message("user", "hi"),
        Record::ResponseItem(item(raw)),
        Record::ResponseItem(item(r#"{"type":"hologram"}"#)),
    ];

    let input = model_input(&timed(records));

    assert_eq!(input.iter().map(|item| item.raw().get()).collect::<Vec<_>>()[1..], [raw]);
}

#[test]
fn a_compaction_stands_for_everything_before_it() {
    let kept = item(r#"{"type":"compaction","encrypted_content":"x"}"#);
    let compacted = |message: &str, replacement_history| {
        Record::Compacted(Box::new(Compacted {
            message: message.to_owned(),
            replacement_history,
            window_number: 1,
            ..Compacted::default()
        }))
    };
    let input = |record: Record| {
        let records = vec![message("user", "old"), record, message("user", "new")];
        model_input(&timed(records))
            .iter()
            .map(|item| item.raw().get().to_owned())
            .collect::<Vec<_>>()
    };
    let new = r#"{"type":"message","role":"user","content":[{"type":"input_text","text":"new"}]}"#;

    assert_eq!(input(compacted("", Some(vec![kept.clone()]))), [kept.raw().get(), new]);
    assert_eq!(input(compacted("", None)), [new]);
    assert_eq!(
        input(compacted("sum", None)),
        [
            r#"{"type":"message","role":"user","content":[{"type":"input_text","text":"sum"}]}"#,
            new
        ]
    );
}
