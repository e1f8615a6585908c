//! Makes model items of our own. Their bytes are fixed when they are made.

use codex_base::Ids;
use codex_protocol::response_item::ResponseItem;
use serde_json::{Value, json};

/// One `input_text` part.
pub fn text_part(text: &str) -> Value {
    json!({"type": "input_text", "text": text})
}

/// A message of parts with a new id.
pub fn message(ids: &dyn Ids, role: &str, content: Vec<Value>) -> ResponseItem {
    with_id(ids.item("msg"), role, content)
}

/// A message of one text part.
pub fn text_message(ids: &dyn Ids, role: &str, text: &str) -> ResponseItem {
    message(ids, role, vec![text_part(text)])
}

/// The first item of every request: the base instructions, under an id that depends on nothing but their text.
pub fn base_message(text: &str) -> ResponseItem {
    let id = uuid::Uuid::new_v5(&uuid::Uuid::NAMESPACE_OID, text.as_bytes());
    with_id(format!("msg_{id}"), "developer", vec![text_part(text)])
}

fn with_id(id: String, role: &str, content: Vec<Value>) -> ResponseItem {
    let message = json!({"type": "message", "id": id, "role": role, "content": content});
    ResponseItem::make(&message).expect("a message of JSON values serialises to an object with a type")
}
