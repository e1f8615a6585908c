//! The events and items of a model answer, as JSON, in the shapes a Responses server sends.
//!
//! [`Answer::items`](crate::Answer::items) puts the usual events around items; a test that needs another order or a missing event
//! lists the events itself.

use serde_json::{Value, json};

/// Token counts of a `response.completed`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Usage {
    pub input: u64,
    pub cached: u64,
    pub output: u64,
    pub reasoning: u64,
}

impl Default for Usage {
    fn default() -> Self {
        Self {
            input: 100,
            cached: 40,
            output: 20,
            reasoning: 5,
        }
    }
}

impl Usage {
    pub fn to_json(self) -> Value {
        json!({
            "input_tokens": self.input,
            "input_tokens_details": { "cached_tokens": self.cached },
            "output_tokens": self.output,
            "output_tokens_details": { "reasoning_tokens": self.reasoning },
            "total_tokens": self.input + self.output,
        })
    }
}

pub fn created(response_id: &str) -> Value {
    json!({ "type": "response.created", "response": { "id": response_id, "status": "in_progress" } })
}

pub fn item_added(output_index: usize, item: &Value) -> Value {
    json!({ "type": "response.output_item.added", "output_index": output_index, "item": opening_form(item) })
}

pub fn item_done(output_index: usize, item: &Value) -> Value {
    json!({ "type": "response.output_item.done", "output_index": output_index, "item": item })
}

pub fn text_delta(item_id: &str, delta: &str) -> Value {
    json!({ "type": "response.output_text.delta", "item_id": item_id, "content_index": 0, "delta": delta })
}

pub fn summary_part_added(item_id: &str, summary_index: usize) -> Value {
    json!({
        "type": "response.reasoning_summary_part.added", "item_id": item_id, "summary_index": summary_index,
        "part": { "type": "summary_text", "text": "" },
    })
}

pub fn summary_delta(item_id: &str, summary_index: usize, delta: &str) -> Value {
    json!({ "type": "response.reasoning_summary_text.delta", "item_id": item_id, "summary_index": summary_index, "delta": delta })
}

pub fn arguments_delta(item_id: &str, delta: &str) -> Value {
    json!({ "type": "response.function_call_arguments.delta", "item_id": item_id, "delta": delta })
}

pub fn custom_input_delta(item_id: &str, call_id: &str, delta: &str) -> Value {
    json!({ "type": "response.custom_tool_call_input.delta", "item_id": item_id, "call_id": call_id, "delta": delta })
}

pub fn completed(response_id: &str, usage: Option<Usage>) -> Value {
    let mut response = json!({ "id": response_id, "status": "completed" });
    if let Some(usage) = usage {
        response["usage"] = usage.to_json();
    }
    json!({ "type": "response.completed", "response": response })
}

pub fn failed(code: &str, message: &str) -> Value {
    json!({
        "type": "response.failed",
        "response": { "id": "resp_failed", "status": "failed", "error": { "code": code, "message": message } },
    })
}

pub fn incomplete(reason: &str) -> Value {
    json!({
        "type": "response.incomplete",
        "response": { "id": "resp_incomplete", "status": "incomplete", "incomplete_details": { "reason": reason } },
    })
}

pub fn message(id: &str, text: &str) -> Value {
    json!({
        "type": "message", "id": id, "role": "assistant", "status": "completed",
        "content": [{ "type": "output_text", "text": text, "annotations": [] }],
    })
}

pub fn reasoning(id: &str, summary: &[&str], encrypted_content: &str) -> Value {
    let summary: Vec<Value> = summary.iter().map(|text| json!({ "type": "summary_text", "text": text })).collect();
    json!({ "type": "reasoning", "id": id, "summary": summary, "encrypted_content": encrypted_content })
}

/// `arguments` is sent as JSON text, as servers do.
pub fn function_call(call_id: &str, name: &str, arguments: &Value) -> Value {
    function_call_text(call_id, name, &arguments.to_string())
}

/// With arguments as written, well-formed or not.
pub fn function_call_text(call_id: &str, name: &str, arguments: &str) -> Value {
    json!({
        "type": "function_call", "id": format!("fc_{call_id}"), "call_id": call_id, "name": name,
        "arguments": arguments, "status": "completed",
    })
}

pub fn custom_tool_call(call_id: &str, name: &str, input: &str) -> Value {
    json!({
        "type": "custom_tool_call", "id": format!("ctc_{call_id}"), "call_id": call_id, "name": name,
        "input": input, "status": "completed",
    })
}

/// The model asks for a shell command.
pub fn exec_command(call_id: &str, cmd: &str) -> Value {
    function_call(call_id, "exec_command", &json!({ "cmd": cmd }))
}

/// The model asks for a patch, in the freeform way.
pub fn apply_patch(call_id: &str, patch: &str) -> Value {
    custom_tool_call(call_id, "apply_patch", patch)
}

/// The events between `response.created` and `response.completed` for items that arrive one after the other.
pub fn around(items: &[Value]) -> Vec<Value> {
    items
        .iter()
        .enumerate()
        .flat_map(|(index, item)| around_item(index, item))
        .collect()
}

fn around_item(index: usize, item: &Value) -> Vec<Value> {
    let id = item["id"].as_str().unwrap_or_default();
    let mut events = vec![item_added(index, item)];
    match item["type"].as_str() {
        Some("message") => {
            let text = item["content"][0]["text"].as_str().unwrap_or_default();
            events.extend(halves(text).into_iter().map(|part| text_delta(id, part)));
        }
        Some("reasoning") => {
            for (at, part) in item["summary"].as_array().into_iter().flatten().enumerate() {
                events.push(summary_part_added(id, at));
                events.push(summary_delta(id, at, part["text"].as_str().unwrap_or_default()));
            }
        }
        Some("custom_tool_call") => {
            let input = item["input"].as_str().unwrap_or_default();
            let call_id = item["call_id"].as_str().unwrap_or_default();
            events.extend(halves(input).into_iter().map(|part| custom_input_delta(id, call_id, part)));
        }
        Some("function_call") => events.push(arguments_delta(id, item["arguments"].as_str().unwrap_or_default())),
        _ => {}
    }
    events.push(item_done(index, item));
    events
}

/// The form in which an item is announced: nothing is in it yet.
fn opening_form(item: &Value) -> Value {
    let mut item = item.clone();
    for (field, empty) in [
        ("content", json!([])),
        ("summary", json!([])),
        ("arguments", json!("")),
        ("input", json!("")),
    ] {
        if item.get(field).is_some() {
            item[field] = empty;
        }
    }
    if item.get("status").is_some() {
        item["status"] = json!("in_progress");
    }
    if let Some(fields) = item.as_object_mut() {
        fields.shift_remove("encrypted_content");
    }
    item
}

/// Two deltas where the text allows it, so that joining them is tested too.
fn halves(text: &str) -> Vec<&str> {
    let middle = text.floor_char_boundary(text.len() / 2);
    let (first, second) = text.split_at(middle);
    [first, second].into_iter().filter(|part| !part.is_empty()).collect()
}
