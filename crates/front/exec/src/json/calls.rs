//! Calls of MCP tools, of other agents and of the provider's web search, as `--json` shows them.

use super::ItemKind;
use codex_protocol::call_items::{
    CallStatus, CollabAgentStatus, CollabAgentTool, CollabAgentToolCallItem, McpToolCallError, McpToolCallItem, McpToolCallResult,
    WebSearchAction as Action,
};
use codex_protocol::spelling::{in_snake_case, snake_value};
use serde::Serialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;

#[derive(Serialize)]
pub struct McpToolCall<'a> {
    server: &'a str,
    tool: &'a str,
    arguments: &'a Value,
    result: Option<McpResult<'a>>,
    error: Option<&'a McpToolCallError>,
    #[serde(serialize_with = "in_snake_case")]
    status: CallStatus,
}

/// Spelled in snake case here, unlike everywhere else.
#[derive(Serialize)]
struct McpResult<'a> {
    content: &'a [Value],
    structured_content: Option<&'a Value>,
    #[serde(rename = "_meta", skip_serializing_if = "Option::is_none")]
    meta: Option<&'a Value>,
}

impl<'a> From<&'a McpToolCallResult> for McpResult<'a> {
    fn from(result: &'a McpToolCallResult) -> Self {
        Self {
            content: &result.content,
            structured_content: result.structured_content.as_ref(),
            meta: result.meta.as_ref(),
        }
    }
}

pub fn mcp(call: &McpToolCallItem) -> ItemKind<'_> {
    ItemKind::McpToolCall(McpToolCall {
        server: &call.server,
        tool: &call.tool,
        arguments: &call.arguments,
        result: call.result.as_ref().map(McpResult::from),
        error: call.error.as_ref(),
        status: call.status,
    })
}

#[derive(Serialize)]
pub struct CollabToolCall<'a> {
    #[serde(serialize_with = "in_snake_case")]
    tool: CollabAgentTool,
    sender_thread_id: &'a str,
    receiver_thread_ids: &'a [String],
    prompt: Option<&'a str>,
    agents_states: BTreeMap<&'a str, AgentState<'a>>,
    #[serde(serialize_with = "in_snake_case")]
    status: CallStatus,
}

#[derive(Serialize)]
struct AgentState<'a> {
    #[serde(serialize_with = "in_snake_case")]
    status: CollabAgentStatus,
    message: Option<&'a str>,
}

/// Waking an agent that was stored is not shown.
pub fn collab(call: &CollabAgentToolCallItem) -> Option<ItemKind<'_>> {
    if call.tool == CollabAgentTool::ResumeAgent {
        return None;
    }
    let states = call.agents_states.iter().map(|(id, state)| {
        let shown = AgentState {
            status: state.status,
            message: state.message.as_deref(),
        };
        (id.as_str(), shown)
    });
    Some(ItemKind::CollabToolCall(CollabToolCall {
        tool: call.tool,
        sender_thread_id: &call.sender_thread_id,
        receiver_thread_ids: &call.receiver_thread_ids,
        prompt: call.prompt.as_deref(),
        agents_states: states.collect(),
        status: call.status,
    }))
}

pub fn web_search<'a>(query: &'a str, action: Option<&Action>) -> ItemKind<'a> {
    let mut action = json!(action.unwrap_or(&Action::Other));
    action["type"] = snake_value(&action["type"]);
    ItemKind::WebSearch { query, action }
}
