//! Requests and prefixes from records; the same over real request bodies is tested where there are some.

use crate::sample::{at, item, message, started};
use codex_base::Timestamp;
use codex_protocol::journal::{Compacted, CompactionAsk, EventMsg, Record, SentRequest, TokenUsageRecord};
use codex_protocol::response_item::ResponseItem;
use codex_sessions::requests::{PrefixStep, prefix_steps, requests};

fn timed(records: Vec<Record>) -> Vec<(Timestamp, Record)> {
    records.into_iter().map(|record| (at(0), record)).collect()
}

fn said(text: &str) -> ResponseItem {
    item(&format!(r#"{{"type":"message","role":"user","content":"{text}"}}"#))
}

fn answer(text: &str) -> Record {
    Record::ResponseItem(item(&format!(r#"{{"type":"message","role":"assistant","content":"{text}"}}"#)))
}

fn sent(model: &str, tools: &str, items: u64, compaction: Option<CompactionAsk>) -> Record {
    Record::ModelRequest(Box::new(SentRequest {
        turn_id: "t".to_owned(),
        model: model.to_owned(),
        tools_hash: tools.to_owned(),
        input_items: items,
        compaction,
    }))
}

fn ask(left_out: u64, kept: Option<u64>) -> Option<CompactionAsk> {
    Some(CompactionAsk {
        trigger: "auto".to_owned(),
        prompt: said("sum up"),
        left_out,
        kept,
    })
}

fn compacted(undoes: Option<u64>, history: Vec<ResponseItem>) -> Record {
    Record::Compacted(Box::new(Compacted {
        message: "s".to_owned(),
        replacement_history: Some(history),
        undoes,
        ..Compacted::default()
    }))
}

fn used() -> Record {
    Record::TokenUsage(Box::new(TokenUsageRecord {
        thread_id: String::new(),
        turn_id: "t".to_owned(),
        response_id: String::new(),
        usage: Default::default(),
        thread_token_usage: Default::default(),
    }))
}

/// One line per request.
fn outline(records: Vec<Record>) -> String {
    let base = said("base");
    let line = |step: PrefixStep| {
        let what = match &step.difference {
            None => format!("extends {}", step.extends),
            Some(difference) => format!(
                "{:?} byte {:?} item {:?} {:?}",
                difference.part, difference.byte, difference.item, step.causes
            ),
        };
        let counted = step.items_counted.map(|count| format!(" counted {count}")).unwrap_or_default();
        format!(
            "{} {:?} by {:?}, {} items: {what}{counted}",
            step.request, step.kind, step.known_by, step.items
        )
    };
    let steps = prefix_steps(&requests(&timed(records), Some(&base)));
    steps.into_iter().map(line).collect::<Vec<_>>().join("\n")
}

#[test]
fn every_cause_has_its_name() {
    let records = vec![
        started("t", 1),
        message("user", "a"),
        sent("m", "x", 2, None),
        answer("b"),
        sent("m", "x", 3, None),
        sent("n", "x", 3, None),
        sent("n", "y", 3, None),
        sent("n", "", 4, ask(0, None)),
        answer("summary"),
        sent("n", "y", 3, None),
        sent("n", "", 3, ask(1, None)),
        sent("n", "", 4, ask(1, Some(0))),
        answer("summary"),
        compacted(None, vec![said("s")]),
        sent("n", "y", 2, None),
        compacted(Some(1), vec![said("a"), said("b")]),
        sent("n", "y", 9, None),
        started("u", 2),
        message("user", "c"),
        sent("n", "y", 4, None),
        crate::sample::event(EventMsg::ThreadRolledBack { num_turns: 1 }),
        sent("n", "y", 3, None),
        started("v", 2),
        compacted(None, Vec::new()),
        Record::PrefixBreak { reason: "why".to_owned() },
        sent("n", "y", 1, None),
    ];

    insta::assert_snapshot!(outline(records), @"
    1 Turn by Record, 2 items: extends false
    2 Turn by Record, 3 items: extends true
    3 Turn by Record, 3 items: Model byte None item None [ModelChange]
    4 Turn by Record, 3 items: Tools byte None item None [ToolSetChange]
    5 Compaction by Record, 4 items: extends true
    6 Turn by Record, 3 items: Input byte Some(180) item Some(3) [AfterSummaryRequest]
    7 Compaction by Record, 3 items: Input byte Some(77) item Some(1) [OldestItemsLeftOut]
    8 Compaction by Record, 4 items: Input byte Some(77) item Some(1) [OldestItemsLeftOut]
    9 Turn by Record, 2 items: Input byte Some(93) item Some(1) [Compaction]
    10 Turn by Record, 3 items: Input byte Some(94) item Some(1) [CompactionUndone] counted 9
    11 Turn by Record, 4 items: extends true
    12 Turn by Record, 3 items: Input byte Some(144) item Some(3) [Rollback]
    13 Turn by Record, 1 items: Input byte Some(50) item Some(1) [Compaction]
    ");
}

#[test]
fn in_files_of_other_programs_a_request_is_known_by_its_answer() {
    let records = vec![
        started("t", 1),
        message("user", "a"),
        answer("thinking"),
        answer("b"),
        Record::ResponseItem(item(r#"{"type":"function_call","call_id":"c","name":"n","arguments":"{}"}"#)),
        used(),
        Record::ResponseItem(item(r#"{"type":"function_call_output","call_id":"c","output":"o"}"#)),
        answer("summary"),
        used(),
        compacted(None, vec![said("a"), said("s")]),
        answer("done"),
        used(),
        started("u", 2),
        message("user", "more"),
        sent("m", "x", 5, None),
        answer("yes"),
        used(),
    ];

    insta::assert_snapshot!(outline(records), @"
    1 Turn by Answer, 2 items: extends false
    2 Compaction by Answer, 6 items: extends true
    3 Turn by Answer, 3 items: Input byte Some(93) item Some(1) [Compaction]
    4 Turn by Record, 5 items: extends true
    ");
}
