//! The payload of `event_msg`: what happened, beside the conversation itself.
//!
//! Kinds of event that only older files have are read by [`older`](super::older).

use super::values::{failure, lenient, optional, token_info, turn_ids};
use super::{Line, item, limits, older, time};
use codex_base::Timestamp;
use codex_protocol::collaboration::ModeKind;
use codex_protocol::errors::TurnError;
use codex_protocol::items::{ThreadItem, ThreadTokenUsage};
use codex_protocol::journal::{ApprovalReviewed, EventMsg, PermissionsGranted, PrefixBase, Record, SentRequest, TurnTimes};
use codex_protocol::limits::RateLimitSnapshot;
use serde::de::Error as _;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use std::borrow::Cow;
use std::sync::Arc;

/// How an event is spelled. An answer may be 20 MB long, so its text goes straight into the line.
#[derive(Serialize, Deserialize)]
#[serde(remote = "EventMsg", tag = "type", rename_all = "snake_case")]
pub enum EventLine {
    #[serde(alias = "turn_started")]
    TaskStarted {
        #[serde(flatten, with = "turn_ids")]
        turn_id: String,
        started_at: i64,
        model_context_window: Option<i64>,
        #[serde(rename = "collaboration_mode_kind", default, deserialize_with = "lenient")]
        mode: ModeKind,
    },
    #[serde(alias = "turn_complete")]
    TaskComplete {
        #[serde(default)]
        turn_id: String,
        last_agent_message: Option<Arc<str>>,
        #[serde(flatten)]
        times: TurnTimes,
        #[serde(default, with = "failure", skip_serializing_if = "Option::is_none")]
        error: Option<TurnError>,
    },
    TurnAborted {
        #[serde(flatten, with = "turn_ids")]
        turn_id: String,
        #[serde(default)]
        reason: String,
        #[serde(flatten)]
        times: TurnTimes,
    },
    /// Read by [`item_completed`].
    #[serde(skip_deserializing)]
    ItemCompleted {
        thread_id: String,
        turn_id: String,
        #[serde(serialize_with = "item::serialize")]
        item: ThreadItem,
        started_at_ms: i64,
        completed_at_ms: i64,
    },
    TokenCount {
        #[serde(rename = "info", with = "token_info")]
        usage: ThreadTokenUsage,
        #[serde(default, with = "limits")]
        rate_limits: Option<Box<RateLimitSnapshot>>,
    },
    ThreadRolledBack {
        num_turns: u32,
    },
    ApprovalReviewed(ApprovalReviewed),
    PermissionsGranted(PermissionsGranted),
}

/// The kinds above that are read as they are spelled there.
const KINDS: [&str; 9] = [
    "task_started",
    "turn_started",
    "task_complete",
    "turn_complete",
    "turn_aborted",
    "token_count",
    "thread_rolled_back",
    "approval_reviewed",
    "permissions_granted",
];

/// Records of our own that look like events.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum OwnEvent<'a> {
    PrefixBase(&'a PrefixBase),
    PrefixBreak { reason: &'a str },
    ModelRequest(&'a SentRequest),
}

/// `Ok(None)` for events that say nothing we use. `at` is the line's own time.
pub fn from_payload(text: &str, at: Timestamp) -> serde_json::Result<Option<Record>> {
    let head: EventHead<'_> = serde_json::from_str(text)?;
    Ok(Some(match &*head.r#type {
        "item_completed" => return item_completed(&head, at),
        // These two are read from the text itself: their items keep their bytes.
        "prefix_base" => Record::PrefixBase(serde_json::from_str(text)?),
        "model_request" => Record::ModelRequest(serde_json::from_str(text)?),
        "prefix_break" => Record::PrefixBreak {
            reason: optional(head.reason)?.unwrap_or_default(),
        },
        "token_count" if head.info.is_none() => return Ok(None),
        kind if KINDS.contains(&kind) => Record::Event(Box::new(EventLine::deserialize(timed(text, at)?)?)),
        _ => return older::from_payload(text, at),
    }))
}

/// The fields of an event with the times that older files do not tell.
fn timed(text: &str, at: Timestamp) -> serde_json::Result<Value> {
    let mut fields: Map<String, Value> = serde_json::from_str(text)?;
    for (name, value) in [("started_at", at.as_second()), ("completed_at", at.as_second()), ("duration_ms", 0)] {
        if fields.get(name).is_none_or(Value::is_null) {
            fields.insert(name.to_owned(), value.into());
        }
    }
    Ok(fields.into())
}

/// The line of a completed message of the model, taken apart in one pass: half the lines of a long session are such.
///
/// `None` for all others, and for one that has to be looked at more closely.
pub fn message_line(text: &str) -> Option<Line> {
    #[derive(Deserialize)]
    struct LineIn<'a> {
        #[serde(borrow)]
        timestamp: Option<&'a RawValue>,
        ordinal: Option<u64>,
        r#type: &'a str,
        payload: EventIn<'a>,
    }

    #[derive(Deserialize)]
    struct EventIn<'a> {
        r#type: &'a str,
        thread_id: Option<String>,
        turn_id: Option<String>,
        #[serde(borrow)]
        item: item::MessageIn<'a>,
        started_at_ms: Option<i64>,
        completed_at_ms: Option<i64>,
    }

    let head = &text[..text.floor_char_boundary(MESSAGE_SIGN_WITHIN)];
    if !head.contains(MESSAGE_SIGN) {
        return None;
    }
    let line: LineIn<'_> = serde_json::from_str(text).ok()?;
    let event = line.payload;
    if (line.r#type, event.r#type) != ("event_msg", "item_completed") {
        return None;
    }
    let timestamp = line.timestamp.and_then(time);
    let at_ms = timestamp.unwrap_or_default().as_millisecond();
    let event = EventMsg::ItemCompleted {
        thread_id: event.thread_id.unwrap_or_default(),
        turn_id: event.turn_id.unwrap_or_default(),
        item: event.item.into_item()?,
        started_at_ms: event.started_at_ms.unwrap_or(at_ms),
        completed_at_ms: event.completed_at_ms.unwrap_or(at_ms),
    };
    Some(Line {
        timestamp,
        ordinal: line.ordinal,
        record: Some(Record::Event(Box::new(event))),
    })
}

/// Worth the attempt: it saves the others one.
const MESSAGE_SIGN: &str = r#""type":"AgentMessage""#;

/// Time, number and ids stand in front of it.
const MESSAGE_SIGN_WITHIN: usize = 400;

/// The kind of an event, and the parts of a completed item, found in one pass.
#[derive(Deserialize)]
struct EventHead<'a> {
    #[serde(borrow)]
    r#type: Cow<'a, str>,
    #[serde(borrow)]
    thread_id: Option<&'a RawValue>,
    #[serde(borrow)]
    turn_id: Option<&'a RawValue>,
    #[serde(borrow)]
    item: Option<&'a RawValue>,
    #[serde(borrow)]
    started_at_ms: Option<&'a RawValue>,
    #[serde(borrow)]
    completed_at_ms: Option<&'a RawValue>,
    /// Of a `token_count`.
    #[serde(borrow)]
    info: Option<&'a RawValue>,
    /// Of a `prefix_break`.
    #[serde(borrow)]
    reason: Option<&'a RawValue>,
}

fn item_completed(head: &EventHead<'_>, at: Timestamp) -> serde_json::Result<Option<Record>> {
    let item = head.item.ok_or_else(|| serde_json::Error::missing_field("item"))?;
    let Some(item) = item::from_text(item.get())? else {
        return Ok(None);
    };
    let at_ms = at.as_millisecond();
    Ok(Some(Record::Event(Box::new(EventMsg::ItemCompleted {
        thread_id: optional(head.thread_id)?.unwrap_or_default(),
        turn_id: optional(head.turn_id)?.unwrap_or_default(),
        item,
        started_at_ms: optional(head.started_at_ms)?.unwrap_or(at_ms),
        completed_at_ms: optional(head.completed_at_ms)?.unwrap_or(at_ms),
    }))))
}

#[cfg(test)]
mod tests {
    use super::super::from_line;
    use super::*;

    const LINE: &str = r#"{"timestamp":"2026-11-20T12:00:00.000Z","ordinal":3,"type":"event_msg","payload":{"type":"item_completed","thread_id":"h","turn_id":"t","item":{"type":"AgentMessage","id":"m","content":[{"type":"Text","text":"a \"b\""}],"phase":null},"started_at_ms":7,"completed_at_ms":8}}"#;

    /// What stands far from the head is not seen as a message at first, and the line is taken apart step by step.
    fn step_by_step(line: &str) -> String {
        let padding = " ".repeat(MESSAGE_SIGN_WITHIN);
        line.replacen('{', &format!("{{{padding}"), 1)
    }

    #[test]
    fn a_message_is_read_alike_in_one_pass_and_step_by_step() {
        let check = |from: &str, to: &str, in_one_pass: bool| {
            let line = LINE.replace(from, to);
            assert_eq!(message_line(&line).is_some(), in_one_pass, "{line}");
            assert_eq!(message_line(&step_by_step(&line)), None);
            assert_eq!(from_line(line.as_bytes()), from_line(step_by_step(&line).as_bytes()), "{line}");
        };
        check("", "", true);
        check(r#""ordinal":3,"#, "", true);
        check(r#""timestamp":"2026-11-20T12:00:00.000Z","#, r#""timestamp":7,"#, true);
        check(r#","started_at_ms":7,"completed_at_ms":8"#, "", true);
        check(r#""thread_id":"h","turn_id":"t","#, r#""thread_id":null,"#, true);
        check(r#"[{"type":"Text","text":"a \"b\""}]"#, "[]", true);
        check(r#"[{"type":"Text","text":"a \"b\""}]"#, r#"[{"text":"a"},{},{"text":"b"}]"#, true);
        check(r#"[{"type":"Text","text":"a \"b\""}]"#, "null", true);
        check(r#""phase":null"#, r#""phase":"final","type2":"AgentMessage""#, true);
        // Other events and items, and what is no message.
        check("event_msg", "response_item", false);
        check("item_completed", "item_started", false);
        check(r#""type":"AgentMessage","id""#, r#""id""#, false);
        check(
            r#""type":"AgentMessage""#,
            r#""type":"Reasoning","x":{"type":"AgentMessage"}"#,
            false,
        );
        check(r#""type":"AgentMessage""#, r#""type": "AgentMessage""#, false);
        check(r#""id":"m","#, "", false);
        check(r#""turn_id":"t""#, r#""turn_id":7"#, false);
        check(r#""text":"a \"b\"""#, r#""text":7"#, false);
    }
}
