//! The stored form of calls of MCP tools and of other agents. A line that lacks what we need is one that nobody can show: no item.

use super::super::values::snake_value;
use super::{DurationLine, lenient};
use codex_protocol::call_items::{
    CallStatus, CollabAgentState, CollabAgentTool, CollabAgentToolCallItem, McpToolCallError, McpToolCallItem, McpToolCallResult,
};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

pub fn mcp_value(call: &McpToolCallItem) -> Value {
    json!({
        "type": "McpToolCall",
        "id": call.id,
        "server": call.server,
        "tool": call.tool,
        "arguments": call.arguments,
        "status": snake_value(&call.status),
        "result": call.result,
        "error": call.error,
        "duration": call.duration_ms.map(DurationLine::from_ms),
    })
}

pub fn mcp_from(line: Value) -> Option<McpToolCallItem> {
    let line: McpLine = serde_json::from_value(line).ok()?;
    Some(McpToolCallItem {
        id: line.id,
        server: line.server,
        tool: line.tool,
        status: line.status.unwrap_or(if line.error.is_some() {
            CallStatus::Failed
        } else {
            CallStatus::Completed
        }),
        arguments: line.arguments,
        result: line.result,
        error: line.error,
        duration_ms: line.duration.map(DurationLine::ms),
    })
}

#[derive(Deserialize)]
struct McpLine {
    id: String,
    server: String,
    tool: String,
    #[serde(default)]
    arguments: Value,
    #[serde(default, deserialize_with = "lenient")]
    status: Option<CallStatus>,
    #[serde(default, deserialize_with = "lenient")]
    result: Option<McpToolCallResult>,
    #[serde(default, deserialize_with = "lenient")]
    error: Option<McpToolCallError>,
    #[serde(default, deserialize_with = "lenient")]
    duration: Option<DurationLine>,
}

pub fn collab_value(call: &CollabAgentToolCallItem) -> Value {
    let state = |state: &CollabAgentState| json!({"status": snake_value(&state.status), "message": state.message});
    let states: Map<String, Value> = call.agents_states.iter().map(|(id, it)| (id.clone(), state(it))).collect();
    json!({
        "type": "CollabAgentToolCall",
        "id": call.id,
        "tool": snake_value(&call.tool),
        "status": snake_value(&call.status),
        "sender_thread_id": call.sender_thread_id,
        "receiver_thread_ids": call.receiver_thread_ids,
        "prompt": call.prompt,
        "agents_states": states,
    })
}

pub fn collab_from(line: Value) -> Option<CollabAgentToolCallItem> {
    let line: CollabLine = serde_json::from_value(line).ok()?;
    Some(CollabAgentToolCallItem {
        id: line.id,
        tool: line.tool,
        status: line.status.unwrap_or(CallStatus::Completed),
        sender_thread_id: line.sender_thread_id,
        receiver_thread_ids: line.receiver_thread_ids,
        prompt: line.prompt,
        agents_states: line.agents_states,
    })
}

#[derive(Deserialize)]
struct CollabLine {
    id: String,
    tool: CollabAgentTool,
    #[serde(default, deserialize_with = "lenient")]
    status: Option<CallStatus>,
    #[serde(default, deserialize_with = "lenient")]
    sender_thread_id: String,
    #[serde(default, deserialize_with = "lenient")]
    receiver_thread_ids: Vec<String>,
    #[serde(default, deserialize_with = "lenient")]
    prompt: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    agents_states: BTreeMap<String, CollabAgentState>,
}
