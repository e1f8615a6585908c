//! The payload of `event_msg`: what happened, beside the conversation itself.
//!
//! Kinds of event that only older files have are read by [`older`](super::older).

use super::values::{in_snake_case, lenient, optional, turn_error, turn_error_from};
use super::{Content, Line, item, limits, older, time};
use codex_base::Timestamp;
use codex_protocol::collaboration::ModeKind;
use codex_protocol::items::TokenUsageBreakdown;
use codex_protocol::journal::{ApprovalReviewed, EventMsg, PermissionsGranted, PrefixBase, Record, SentRequest};
use serde::de::Error as _;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::sync::Arc;

/// The payload as it is written. An answer may be 20 MB long, so its text is borrowed and goes straight into the line.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum EventOut<'a> {
    TaskStarted {
        turn_id: &'a str,
        root_turn_id: &'a str,
        started_at: i64,
        model_context_window: Option<i64>,
        collaboration_mode_kind: &'static str,
    },
    TaskComplete {
        turn_id: &'a str,
        last_agent_message: Option<&'a str>,
        started_at: i64,
        completed_at: i64,
        duration_ms: i64,
        #[serde(skip_serializing_if = "Option::is_none")]
        error: Option<Value>,
    },
    TurnAborted {
        turn_id: &'a str,
        root_turn_id: &'a str,
        reason: &'a str,
        started_at: i64,
        completed_at: i64,
        duration_ms: i64,
    },
    ItemCompleted {
        thread_id: &'a str,
        turn_id: &'a str,
        item: item::ItemOut<'a>,
        started_at_ms: i64,
        completed_at_ms: i64,
    },
    TokenCount {
        info: TokenInfoOut,
        rate_limits: Option<Value>,
    },
    ThreadRolledBack {
        num_turns: u32,
    },
    ApprovalReviewed(&'a ApprovalReviewed),
    PermissionsGranted(&'a PermissionsGranted),
    PrefixBase(&'a PrefixBase),
    PrefixBreak {
        reason: &'a str,
    },
    ModelRequest(&'a SentRequest),
}

#[derive(Serialize)]
pub struct TokenInfoOut {
    #[serde(serialize_with = "in_snake_case")]
    total_token_usage: TokenUsageBreakdown,
    #[serde(serialize_with = "in_snake_case")]
    last_token_usage: TokenUsageBreakdown,
    last_usage_includes_reasoning: bool,
    model_context_window: Option<i64>,
}

pub fn to_payload(event: &EventMsg) -> EventOut<'_> {
    match event {
        EventMsg::TaskStarted {
            turn_id,
            started_at,
            model_context_window,
            mode,
        } => EventOut::TaskStarted {
            turn_id,
            root_turn_id: turn_id,
            started_at: *started_at,
            model_context_window: *model_context_window,
            collaboration_mode_kind: mode.as_str(),
        },
        EventMsg::TaskComplete {
            turn_id,
            last_agent_message,
            started_at,
            completed_at,
            duration_ms,
            error,
        } => EventOut::TaskComplete {
            turn_id,
            last_agent_message: last_agent_message.as_deref(),
            started_at: *started_at,
            completed_at: *completed_at,
            duration_ms: *duration_ms,
            error: error.as_ref().map(turn_error),
        },
        EventMsg::TurnAborted {
            turn_id,
            reason,
            started_at,
            completed_at,
            duration_ms,
        } => EventOut::TurnAborted {
            turn_id,
            root_turn_id: turn_id,
            reason,
            started_at: *started_at,
            completed_at: *completed_at,
            duration_ms: *duration_ms,
        },
        EventMsg::ItemCompleted {
            thread_id,
            turn_id,
            item,
            started_at_ms,
            completed_at_ms,
        } => EventOut::ItemCompleted {
            thread_id,
            turn_id,
            item: item::to_line(item),
            started_at_ms: *started_at_ms,
            completed_at_ms: *completed_at_ms,
        },
        EventMsg::TokenCount {
            total,
            last,
            model_context_window,
            rate_limits,
        } => EventOut::TokenCount {
            info: TokenInfoOut {
                total_token_usage: *total,
                last_token_usage: *last,
                last_usage_includes_reasoning: true,
                model_context_window: *model_context_window,
            },
            rate_limits: rate_limits.as_deref().map(limits::to_value),
        },
        EventMsg::ThreadRolledBack { num_turns } => EventOut::ThreadRolledBack { num_turns: *num_turns },
        EventMsg::ApprovalReviewed(reviewed) => EventOut::ApprovalReviewed(reviewed),
        EventMsg::PermissionsGranted(granted) => EventOut::PermissionsGranted(granted),
    }
}

/// `Ok(None)` for events that say nothing we use. `at` is the line's own time.
pub fn from_payload(text: &str, at: Timestamp) -> serde_json::Result<Option<Record>> {
    let at_s = at.as_second();
    let head: EventHead<'_> = serde_json::from_str(text)?;
    if head.r#type == "item_completed" {
        return item_completed(&head, at);
    }
    let event = match serde_json::from_str::<EventIn>(text)? {
        EventIn::TaskStarted {
            turn_id,
            started_at,
            model_context_window,
            collaboration_mode_kind,
        } => EventMsg::TaskStarted {
            turn_id,
            started_at: started_at.unwrap_or(at_s),
            model_context_window,
            mode: collaboration_mode_kind,
        },
        EventIn::TaskComplete {
            turn_id,
            last_agent_message,
            times,
            error,
        } => {
            let (started_at, completed_at, duration_ms) = times.or(at_s);
            let error = error.filter(|error| !error.is_null()).map(|error| turn_error_from(&error));
            EventMsg::TaskComplete {
                turn_id,
                last_agent_message,
                started_at,
                completed_at,
                duration_ms,
                error,
            }
        }
        EventIn::TurnAborted { turn_id, reason, times } => {
            let (started_at, completed_at, duration_ms) = times.or(at_s);
            EventMsg::TurnAborted {
                turn_id,
                reason,
                started_at,
                completed_at,
                duration_ms,
            }
        }
        EventIn::TokenCount {
            info: Some(info),
            rate_limits,
        } => EventMsg::TokenCount {
            total: info.total_token_usage,
            last: info.last_token_usage,
            model_context_window: info.model_context_window,
            rate_limits: rate_limits.as_ref().and_then(limits::from_value).map(Box::new),
        },
        EventIn::ThreadRolledBack { num_turns } => EventMsg::ThreadRolledBack { num_turns },
        EventIn::ApprovalReviewed(reviewed) => EventMsg::ApprovalReviewed(reviewed),
        EventIn::PermissionsGranted(granted) => EventMsg::PermissionsGranted(granted),
        // These two are read from the text itself: their items keep their bytes.
        EventIn::PrefixBase {} => return Ok(Some(Record::PrefixBase(serde_json::from_str(text)?))),
        EventIn::ModelRequest {} => return Ok(Some(Record::ModelRequest(serde_json::from_str(text)?))),
        EventIn::PrefixBreak { reason } => return Ok(Some(Record::PrefixBreak { reason })),
        EventIn::TokenCount { info: None, .. } => return Ok(None),
        EventIn::Other => return older::from_payload(text, at),
    };
    Ok(Some(Record::Event(Box::new(event))))
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
        content: Content::Record(Record::Event(Box::new(event))),
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

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum EventIn {
    #[serde(alias = "turn_started")]
    TaskStarted {
        #[serde(default)]
        turn_id: String,
        started_at: Option<i64>,
        model_context_window: Option<i64>,
        #[serde(default, deserialize_with = "lenient")]
        collaboration_mode_kind: ModeKind,
    },
    #[serde(alias = "turn_complete")]
    TaskComplete {
        #[serde(default)]
        turn_id: String,
        last_agent_message: Option<Arc<str>>,
        #[serde(flatten)]
        times: Times,
        error: Option<Value>,
    },
    TurnAborted {
        #[serde(default, deserialize_with = "lenient")]
        turn_id: String,
        #[serde(default)]
        reason: String,
        #[serde(flatten)]
        times: Times,
    },
    TokenCount {
        info: Option<TokenInfo>,
        rate_limits: Option<Value>,
    },
    ThreadRolledBack {
        num_turns: u32,
    },
    ApprovalReviewed(ApprovalReviewed),
    PermissionsGranted(PermissionsGranted),
    PrefixBase {},
    PrefixBreak {
        #[serde(default)]
        reason: String,
    },
    ModelRequest {},
    #[serde(other)]
    Other,
}

/// Seconds, seconds, milliseconds; older files have none of them.
#[derive(Deserialize)]
struct Times {
    started_at: Option<i64>,
    completed_at: Option<i64>,
    duration_ms: Option<i64>,
}

impl Times {
    fn or(&self, at_s: i64) -> (i64, i64, i64) {
        (
            self.started_at.unwrap_or(at_s),
            self.completed_at.unwrap_or(at_s),
            self.duration_ms.unwrap_or(0),
        )
    }
}

#[derive(Deserialize)]
struct TokenInfo {
    #[serde(default)]
    total_token_usage: TokenUsageBreakdown,
    #[serde(default)]
    last_token_usage: TokenUsageBreakdown,
    model_context_window: Option<i64>,
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
