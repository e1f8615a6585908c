//! How a file looks, byte for byte.

use crate::sample::{at, completed_item, event, home, item, meta, patch, text_of, thread};
use codex_protocol::errors::{CodexErrorInfo, TurnError};
use codex_protocol::journal::{Compacted, EventMsg, Record, TurnTimes};
use codex_sessions::Journal;

#[test]
fn a_whole_turn() {
    insta::assert_snapshot!(text_of(&thread()));
}

#[test]
fn turns_that_did_not_complete() {
    let mut error = TurnError::new(
        "model.too_many_attempts",
        "no answer",
        CodexErrorInfo::ResponseTooManyFailedAttempts {
            http_status_code: Some(500),
        },
    );
    error.additional_details = Some("three times".to_owned());
    let failed = EventMsg::TaskComplete {
        turn_id: "t".to_owned(),
        last_agent_message: None,
        times: TurnTimes {
            started_at: 1,
            completed_at: 2,
            duration_ms: 900,
        },
        error: Some(error),
    };
    let aborted = EventMsg::TurnAborted {
        turn_id: "u".to_owned(),
        reason: "interrupted".to_owned(),
        times: TurnTimes {
            started_at: 1,
            completed_at: 2,
            duration_ms: 900,
        },
    };

    insta::assert_snapshot!(text_of(&[event(failed), event(aborted)]), @r#"
    {"timestamp":"2026-11-20T12:00:00.000Z","ordinal":0,"type":"event_msg","payload":{"type":"task_complete","turn_id":"t","last_agent_message":null,"started_at":1,"completed_at":2,"duration_ms":900,"error":{"message":"no answer","codex_error_info":{"response_too_many_failed_attempts":{"http_status_code":500}},"additional_details":"three times","code":"model.too_many_attempts"}}}
    {"timestamp":"2026-11-20T12:00:00.001Z","ordinal":1,"type":"event_msg","payload":{"type":"turn_aborted","turn_id":"u","root_turn_id":"u","reason":"interrupted","started_at":1,"completed_at":2,"duration_ms":900}}
    "#);
}

#[test]
fn compaction_and_a_broken_prefix() {
    let compacted = Compacted {
        message: String::new(),
        replacement_history: Some(vec![item(r#"{ "type":"compaction" }"#)]),
        window_number: 2,
        ..Compacted::default()
    };

    insta::assert_snapshot!(
        text_of(&[Record::Compacted(Box::new(compacted)), Record::PrefixBreak { reason: "model changed".to_owned() }]),
        @r#"
    {"timestamp":"2026-11-20T12:00:00.000Z","ordinal":0,"type":"compacted","payload":{"message":"","replacement_history":[{ "type":"compaction" }],"window_number":2}}
    {"timestamp":"2026-11-20T12:00:00.001Z","ordinal":1,"type":"event_msg","payload":{"type":"prefix_break","reason":"model changed"}}
    "#
    );
}

#[test]
fn what_the_usual_fields_cannot_say_has_fields_of_its_own() {
    let codex_protocol::items::ThreadItem::FileChange { id, mut changes, status } = patch() else {
        unreachable!()
    };
    changes.truncate(1);
    changes.push(changes[0].clone());
    let twice = codex_protocol::items::ThreadItem::FileChange { id, changes, status };

    insta::assert_snapshot!(text_of(&[completed_item("t", twice)]), @r#"
    {"timestamp":"2026-11-20T12:00:00.000Z","ordinal":0,"type":"event_msg","payload":{"type":"item_completed","thread_id":"01a1f850-5e9b-7640-b3cf-849f0dfad6aa","turn_id":"t","item":{"type":"FileChange","id":"call_2","changes":{"/w/new":{"type":"add","content":"a\n"}},"ordered_changes":[{"type":"add","content":"a\n","path":"/w/new"},{"type":"add","content":"a\n","path":"/w/new"}],"status":"completed","stdout":"","stderr":""},"started_at_ms":1,"completed_at_ms":2}}
    "#);
}

#[test]
fn the_file_lies_under_its_local_date_and_is_the_owners_alone() {
    let temp = tempfile::tempdir().unwrap();
    let before_midnight = "2026-11-20T23:30:00Z".parse().unwrap();
    let mut journal = Journal::create(&home(&temp), "id", before_midnight, "Europe/Berlin").unwrap();
    let file = journal.path().unwrap().clone();
    assert_eq!(file, home(&temp).join("sessions/2026/11/21/rollout-2026-11-21T00-30-00-id.jsonl"));
    assert!(!home(&temp).join("sessions").exists(), "nothing appears before the first append");

    journal.append(&[Record::SessionMeta(Box::new(meta("/w")))], at(0)).unwrap();

    assert!(file.exists());
    #[cfg(unix)]
    {
        use std::fs;
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::metadata(file.parent().unwrap()).unwrap().permissions().mode() & 0o777, 0o700);
    }
}

#[test]
fn an_unknown_time_zone_counts_as_utc() {
    let temp = tempfile::tempdir().unwrap();
    let journal = Journal::create(&home(&temp), "id", at(0), "Nowhere/Land").unwrap();

    assert_eq!(journal.path().unwrap().file_name().unwrap(), "rollout-2026-11-20T12-00-00-id.jsonl");
}
