//! The payload of `compacted`: the history that stands for all before it.

use super::values::lenient;
use codex_protocol::journal::Compacted;
use codex_protocol::response_item::ResponseItem;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

pub fn to_payload(record: &Compacted) -> impl Serialize {
    let record = record.clone();
    Payload {
        message: record.message,
        replacement_history: record.replacement_history,
        window_number: record.window_number,
        first_window_id: record.first_window_id,
        previous_window_id: record.previous_window_id,
        window_id: record.window_id,
        compaction_response_id: record.response_id,
        undoes: record.undoes,
    }
}

pub fn from_payload(text: &str) -> serde_json::Result<Compacted> {
    let line: PayloadIn = serde_json::from_str(text)?;
    let history = line.replacement_history.map(|items| {
        let items = items.iter().map(|item| super::received_item(item));
        items.collect::<serde_json::Result<Vec<ResponseItem>>>()
    });
    Ok(Compacted {
        message: line.message,
        replacement_history: history.transpose()?,
        window_number: line.window_number,
        window_id: line.window_id,
        previous_window_id: line.previous_window_id,
        first_window_id: line.first_window_id,
        response_id: line.compaction_response_id,
        undoes: line.undoes,
    })
}

#[derive(Serialize)]
struct Payload {
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    replacement_history: Option<Vec<ResponseItem>>,
    window_number: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    first_window_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    previous_window_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    window_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    compaction_response_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    undoes: Option<u64>,
}

#[derive(Deserialize)]
struct PayloadIn<'a> {
    #[serde(default)]
    message: String,
    #[serde(default, borrow)]
    replacement_history: Option<Vec<&'a RawValue>>,
    #[serde(default)]
    window_number: u64,
    #[serde(default, deserialize_with = "lenient")]
    first_window_id: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    previous_window_id: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    window_id: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    compaction_response_id: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    undoes: Option<u64>,
}
