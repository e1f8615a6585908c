//! The payload of our own event `model_request`: what the records before a request do not say of it.

use super::values::lenient;
use codex_protocol::journal::{CompactionAsk, SentRequest};
use codex_protocol::response_item::ResponseItem;
use serde::{Deserialize, Serialize};

pub fn to_payload(request: &SentRequest) -> impl Serialize {
    let ask = request.compaction.as_ref().map(|ask| Ask {
        trigger: ask.trigger.clone(),
        prompt: ask.prompt.clone(),
        left_out: ask.left_out,
        kept: ask.kept,
    });
    Payload {
        kind: "model_request",
        turn_id: request.turn_id.clone(),
        model: request.model.clone(),
        tools_hash: request.tools_hash.clone(),
        input_items: request.input_items,
        compaction: ask,
    }
}

pub fn from_payload(text: &str) -> serde_json::Result<SentRequest> {
    let line: PayloadIn = serde_json::from_str(text)?;
    Ok(SentRequest {
        turn_id: line.turn_id,
        model: line.model,
        tools_hash: line.tools_hash,
        input_items: line.input_items,
        compaction: line.compaction.map(|ask| CompactionAsk {
            trigger: ask.trigger,
            prompt: ask.prompt,
            left_out: ask.left_out,
            kept: ask.kept,
        }),
    })
}

#[derive(Serialize)]
struct Payload {
    #[serde(rename = "type")]
    kind: &'static str,
    turn_id: String,
    model: String,
    tools_hash: String,
    input_items: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    compaction: Option<Ask>,
}

#[derive(Serialize, Deserialize)]
struct Ask {
    #[serde(default)]
    trigger: String,
    prompt: ResponseItem,
    #[serde(default)]
    left_out: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    kept: Option<u64>,
}

#[derive(Deserialize)]
struct PayloadIn {
    #[serde(default, deserialize_with = "lenient")]
    turn_id: String,
    #[serde(default, deserialize_with = "lenient")]
    model: String,
    #[serde(default, deserialize_with = "lenient")]
    tools_hash: String,
    #[serde(default)]
    input_items: u64,
    #[serde(default)]
    compaction: Option<Ask>,
}
