//! One record to one line and back.
//!
//! A line is `{"timestamp", "ordinal"?, "type", "payload", "metadata"?}`. Input of [`Encoder::encode`]: a record. Output: its line, in the
//! layout that existing tools read; what only we know rides in extra fields that they ignore. [`from_line`] takes the line apart again: it
//! finds `type` and the raw bytes of `payload` first, so that a model item keeps the bytes it was received with.
//!
//! Refuses nothing but text that is no JSON object or a known type with an unreadable payload; unknown types are no record.

mod event;
mod item;
mod limits;
mod meta;
mod older;
mod values;

use codex_base::{AbsPath, Timestamp};
use codex_protocol::collaboration::CollaborationMode;
use codex_protocol::items::TokenUsageBreakdown;
use codex_protocol::journal::{Compacted, EventMsg, Record, SessionMeta, TokenUsageRecord, TurnContext};
use codex_protocol::response_item::ResponseItem;
use codex_protocol::settings::{ApprovalPolicy, SandboxPolicy};
use event::{EventLine, OwnEvent};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;
use serde_json::{Value, json};
use std::io::{self, Write};
use values::{SandboxPolicyLine, lenient, snake_value};

pub(crate) use values::root;

/// Makes lines, and keeps what a line needs to know of those before it.
#[derive(Debug, Clone)]
pub struct Encoder {
    /// The next line's number; `None` in a file of older versions, which goes on without numbers.
    ordinal: Option<u64>,
    /// Tokens of the turn that the last usage record belongs to.
    turn_usage: (String, TokenUsageBreakdown),
}

impl Encoder {
    /// `first_ordinal` of the next line; `None` writes lines without one.
    pub fn new(first_ordinal: Option<u64>) -> Self {
        Self {
            ordinal: first_ordinal,
            turn_usage: Default::default(),
        }
    }

    /// Adds one line with its newline to `lines`.
    ///
    /// # Errors
    /// If `lines` cannot be written. Every value of ours serialises.
    pub fn encode(&mut self, record: &Record, now: Timestamp, lines: &mut impl Write) -> io::Result<()> {
        let (kind, payload) = self.payload(record)?;
        let line = LineOut {
            timestamp: format!("{now:.3}"),
            ordinal: self.ordinal,
            kind,
            payload: &payload,
        };
        serde_json::to_writer(&mut *lines, &line)?;
        lines.write_all(b"\n")?;
        self.ordinal = self.ordinal.map(|ordinal| ordinal.saturating_add(1));
        Ok(())
    }

    fn payload<'a>(&mut self, record: &'a Record) -> serde_json::Result<(&'static str, Payload<'a>)> {
        Ok(match record {
            Record::SessionMeta(meta) => ("session_meta", raw(&meta::to_payload(meta))?),
            Record::TurnContext(context) => ("turn_context", Payload::TurnContext(context)),
            Record::WorldState(state) => ("world_state", raw(&values::world_state(state))?),
            Record::ResponseItem(item) => ("response_item", Payload::Item(item)),
            Record::Event(event) => ("event_msg", Payload::Event(event)),
            Record::TokenUsage(usage) => ("token_usage_record", raw(&self.token_usage(usage))?),
            Record::Compacted(compacted) => ("compacted", raw(compacted)?),
            Record::PrefixBase(base) => ("event_msg", Payload::Own(OwnEvent::PrefixBase(base))),
            Record::PrefixBreak { reason } => ("event_msg", Payload::Own(OwnEvent::PrefixBreak { reason })),
            Record::ModelRequest(request) => ("event_msg", Payload::Own(OwnEvent::ModelRequest(request))),
        })
    }

    fn token_usage(&mut self, record: &TokenUsageRecord) -> Value {
        if self.turn_usage.0 != record.turn_id {
            self.turn_usage = (record.turn_id.clone(), TokenUsageBreakdown::default());
        }
        self.turn_usage.1 += record.usage;
        json!({
            "thread_id": record.thread_id, "turn_id": record.turn_id, "session_id": record.thread_id, "root_turn_id": record.turn_id,
            "response_id": record.response_id, "usage": snake_value(&record.usage), "turn_token_usage": snake_value(&self.turn_usage.1),
            "thread_token_usage": snake_value(&record.thread_token_usage),
        })
    }
}

/// What a line says.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    /// `None` when it is missing or no time.
    pub timestamp: Option<Timestamp>,
    pub ordinal: Option<u64>,
    /// `None` for what is well formed, and nothing that we use.
    pub record: Option<Record>,
}

/// The text is no line of a journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("unreadable line")]
pub struct Unreadable;

/// Takes one line apart. NUL bytes around it, which a crash of the machine can leave, and a byte order mark are skipped.
///
/// # Errors
/// If it is no JSON object in UTF-8, or its payload is not what its type promises.
pub fn from_line(line: &[u8]) -> Result<Line, Unreadable> {
    let text = std::str::from_utf8(line).map_err(|_| Unreadable)?;
    let text = text.trim_matches(|c: char| matches!(c, '\0' | '\u{feff}') || c.is_ascii_whitespace());
    if let Some(line) = event::message_line(text) {
        return Ok(line);
    }
    let line: LineIn<'_> = serde_json::from_str(text).map_err(|_| Unreadable)?;
    let timestamp = line.timestamp.and_then(time);
    let record = match (line.kind.as_deref(), line.payload) {
        (Some(kind), Some(payload)) => record(kind, payload, timestamp.unwrap_or_default()).map_err(|_| Unreadable)?,
        _ => None,
    };
    Ok(Line {
        timestamp,
        ordinal: line.ordinal,
        record,
    })
}

fn time(field: &RawValue) -> Option<Timestamp> {
    field.get().strip_prefix('"')?.strip_suffix('"')?.parse().ok()
}

/// `Ok(None)` for what we do not use.
fn record(kind: &str, payload: &RawValue, at: Timestamp) -> serde_json::Result<Option<Record>> {
    let text = payload.get();
    Ok(Some(match kind {
        "session_meta" => Record::SessionMeta(Box::new(meta::from_payload(text, at)?)),
        "turn_context" => Record::TurnContext(Box::new(TurnContextLine::deserialize(&mut serde_json::Deserializer::from_str(
            text,
        ))?)),
        "world_state" => Record::WorldState(Box::new(values::world_state_from(text)?)),
        "response_item" => Record::ResponseItem(received_item(payload)?),
        "event_msg" => return event::from_payload(text, at),
        "token_usage_record" => Record::TokenUsage(serde_json::from_str(text)?),
        "compacted" => Record::Compacted(Box::new(compacted(text)?)),
        _ => return Ok(None),
    }))
}

/// Bookkeeping that the reference keeps in its files and that must not reach a provider.
const FILE_ONLY_FIELD: &str = "internal_chat_message_metadata_passthrough";
const FILE_ONLY_SIGN: &str = "metadata_passthrough";

fn received_item(payload: &RawValue) -> serde_json::Result<ResponseItem> {
    match cleaned(payload)? {
        Some(item) => Ok(item),
        None => ResponseItem::parse(payload),
    }
}

/// The item without what must not reach a provider, if it has that.
fn cleaned(payload: &RawValue) -> serde_json::Result<Option<ResponseItem>> {
    // A part of the name first: the standard library is quick with short texts only.
    if !payload.get().contains(FILE_ONLY_SIGN) || !payload.get().contains(FILE_ONLY_FIELD) {
        return Ok(None);
    }
    let mut fields: serde_json::Map<String, Value> = serde_json::from_str(payload.get())?;
    fields
        .shift_remove(FILE_ONLY_FIELD)
        .map(|_| ResponseItem::make(&fields))
        .transpose()
}

fn compacted(text: &str) -> serde_json::Result<Compacted> {
    let mut record: Compacted = serde_json::from_str(text)?;
    for item in record.replacement_history.iter_mut().flatten() {
        if let Some(cleaned) = cleaned(item.raw())? {
            *item = cleaned;
        }
    }
    Ok(record)
}

/// A description without what only the model needs, as text for [`head_from`].
pub(crate) fn head_text(meta: &SessionMeta) -> Option<String> {
    serde_json::to_string(&meta::to_payload(meta)).ok()
}

pub(crate) fn head_from(text: &str) -> Option<SessionMeta> {
    meta::from_payload(text, Timestamp::default()).ok()
}

fn raw(value: &impl Serialize) -> serde_json::Result<Payload<'static>> {
    serde_json::value::to_raw_value(value).map(Payload::Raw)
}

/// Written straight into the lines: items and messages may be long.
#[derive(Serialize)]
#[serde(untagged)]
enum Payload<'a> {
    Raw(Box<RawValue>),
    Item(&'a ResponseItem),
    TurnContext(#[serde(with = "TurnContextLine")] &'a TurnContext),
    Event(#[serde(with = "EventLine")] &'a EventMsg),
    Own(OwnEvent<'a>),
}

#[derive(Serialize)]
struct LineOut<'a> {
    timestamp: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    ordinal: Option<u64>,
    #[serde(rename = "type")]
    kind: &'static str,
    payload: &'a Payload<'a>,
}

#[derive(Deserialize)]
struct LineIn<'a> {
    #[serde(borrow)]
    timestamp: Option<&'a RawValue>,
    ordinal: Option<u64>,
    #[serde(rename = "type")]
    kind: Option<String>,
    #[serde(borrow)]
    payload: Option<&'a RawValue>,
}

/// How the settings of a turn are spelled. Those that we have no word for are read as the strictest: nothing is derived from them but what
/// the model is told.
#[derive(Serialize, Deserialize)]
#[serde(remote = "TurnContext")]
struct TurnContextLine {
    #[serde(flatten, with = "values::turn_ids")]
    turn_id: String,
    #[serde(with = "values::path")]
    cwd: AbsPath,
    #[serde(default = "strictest_approval", deserialize_with = "approval_policy")]
    approval_policy: ApprovalPolicy,
    #[serde(
        default = "SandboxPolicy::read_only",
        serialize_with = "SandboxPolicyLine::serialize",
        deserialize_with = "sandbox_policy"
    )]
    sandbox_policy: SandboxPolicy,
    #[serde(default, deserialize_with = "lenient")]
    model: String,
    #[serde(default, deserialize_with = "lenient")]
    collaboration_mode: CollaborationMode,
    #[serde(default, serialize_with = "summary", deserialize_with = "lenient")]
    summary: Option<String>,
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    effort: Option<String>,
}

const fn strictest_approval() -> ApprovalPolicy {
    ApprovalPolicy::Untrusted
}

fn approval_policy<'de, D: Deserializer<'de>>(deserializer: D) -> Result<ApprovalPolicy, D::Error> {
    lenient(deserializer).map(|policy: Option<_>| policy.unwrap_or(strictest_approval()))
}

fn sandbox_policy<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SandboxPolicy, D::Error> {
    let value = Value::deserialize(deserializer)?;
    Ok(SandboxPolicyLine::deserialize(value).unwrap_or(SandboxPolicy::read_only()))
}

/// Existing readers expect one always; `auto` is what leaving it out means.
fn summary<S: Serializer>(summary: &Option<String>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(summary.as_deref().unwrap_or("auto"))
}
