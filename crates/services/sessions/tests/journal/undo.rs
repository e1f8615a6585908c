//! What a compaction replaced comes back, byte for byte.

use crate::sample::{at, item, message, started};
use codex_base::Timestamp;
use codex_protocol::journal::{Compacted, CompactionAsk, Record, SentRequest, WorldState};
use codex_sessions::{UndoError, model_input, undo_compaction};
use proptest::collection::vec;
use proptest::prelude::*;

fn timed(records: &[Record]) -> Vec<(Timestamp, Record)> {
    records.iter().map(|record| (at(0), record.clone())).collect()
}

fn input(records: &[Record]) -> Vec<String> {
    model_input(&timed(records))
        .iter()
        .map(|item| item.raw().get().to_owned())
        .collect()
}

fn undone(records: &[Record]) -> Result<Vec<Record>, UndoError> {
    undo_compaction(&timed(records), "w".to_owned()).map(|more| records.iter().cloned().chain(more).collect())
}

fn compacted(number: u64, text: &str) -> Record {
    Record::Compacted(Box::new(Compacted {
        message: text.to_owned(),
        replacement_history: Some(vec![message_item("kept"), message_item(text)]),
        window_number: number,
        ..Compacted::default()
    }))
}

fn asked() -> Record {
    Record::ModelRequest(Box::new(SentRequest {
        turn_id: "t".to_owned(),
        model: "m".to_owned(),
        tools_hash: String::new(),
        input_items: 1,
        compaction: Some(CompactionAsk {
            trigger: "auto".to_owned(),
            prompt: message_item("sum it up"),
            left_out: 0,
            kept: None,
        }),
    }))
}

fn message_item(text: &str) -> codex_protocol::response_item::ResponseItem {
    match message("user", text) {
        Record::ResponseItem(item) => item,
        _ => unreachable!("a message is an item"),
    }
}

fn told(directory: &str, date: &str) -> Record {
    let environment = [("cwd", directory), ("current_date", date)];
    Record::WorldState(Box::new(WorldState {
        environment: environment.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
        ..WorldState::default()
    }))
}

#[test]
fn the_answer_to_a_request_for_a_summary_is_no_part_of_the_conversation() {
    let answer = Record::ResponseItem(item(r#"{"type":"message","role":"assistant","content":[]}"#));
    let before = vec![started("t", 1), message("user", "a"), asked(), answer.clone()];

    assert_eq!(
        input(&before),
        input(&[message("user", "a")]),
        "killed before the new history was written"
    );
    let turn = Record::ModelRequest(Box::new(SentRequest {
        turn_id: "t".to_owned(),
        model: "m".to_owned(),
        tools_hash: String::new(),
        input_items: 1,
        compaction: None,
    }));
    let given_up = [before, vec![turn, answer.clone()]].concat();
    assert_eq!(
        input(&given_up),
        input(&[message("user", "a"), answer]),
        "it failed and the turn went on"
    );
}

#[test]
fn an_undo_brings_back_the_words_before_and_keeps_those_after() {
    let records = vec![message("user", "a"), compacted(1, "sum"), message("user", "b")];

    let records = undone(&records).unwrap();

    assert_eq!(input(&records), input(&[message("user", "a"), message("user", "b")]));
    assert_eq!(undone(&records), Err(UndoError::AlreadyUndone));
    assert_eq!(undone(&[message("user", "a")]), Err(UndoError::NeverCompacted));
}

#[test]
fn several_compactions_are_undone_last_first() {
    let parts = [
        message("user", "a"),
        compacted(1, "one"),
        message("user", "b"),
        compacted(2, "two"),
        message("user", "c"),
    ];

    let once = undone(&parts).unwrap();
    let twice = undone(&once).unwrap();

    assert_eq!(input(&once), input(&[parts[..3].to_vec(), vec![message("user", "c")]].concat()));
    assert_eq!(input(&twice), input(&["a", "b", "c"].map(|text| message("user", text))));
    assert_eq!(undone(&twice), Err(UndoError::AlreadyUndone));
    let numbers: Vec<_> = twice
        .iter()
        .filter_map(|record| match record {
            Record::Compacted(compacted) => Some((compacted.window_number, compacted.undoes)),
            _ => None,
        })
        .collect();
    assert_eq!(numbers, [(1, None), (2, None), (3, Some(2)), (4, Some(1))]);
}

#[test]
fn what_the_model_knows_of_its_surroundings_is_what_the_old_words_said_and_what_came_after() {
    let records = vec![
        told("/a", "monday"),
        compacted(1, "sum"),
        told("/b", "tuesday"),
        told("/b", "wednesday"),
    ];

    let records = undone(&records).unwrap();

    // The directory /b was told only by the compaction; wednesday came later and stays.
    assert_eq!(records.last(), Some(&told("/a", "wednesday")));
}

proptest! {
    #[test]
    fn compacted_and_undone_the_input_is_byte_for_byte_what_it_was(
        before in vec("[a-z ]{0,9}", 0..8),
        after in vec("[a-z ]{0,9}", 0..8),
        levels in 1..4_u64,
    ) {
        let said = |texts: &[String]| texts.iter().map(|text| message("user", text)).collect::<Vec<_>>();
        let mut records = said(&before);
        let whole = input(&records);
        for number in 1..=levels {
            records.push(compacted(number, "sum"));
        }
        records.extend(said(&after));
        for _ in 1..=levels {
            records = undone(&records).unwrap();
        }

        prop_assert_eq!(input(&records), [whole, input(&said(&after))].concat());
        prop_assert_eq!(undone(&records), Err(UndoError::AlreadyUndone));
    }
}
