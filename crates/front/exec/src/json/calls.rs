//! Calls of MCP tools, of other agents and of the provider's web search, as `--json` shows them.

use super::ItemKind;
use codex_protocol::call_items::{
    CallStatus, CollabAgentStatus, CollabAgentTool, CollabAgentToolCallItem, McpToolCallError, McpToolCallItem, McpToolCallResult,
    WebSearchAction as Action,
};
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;

#[derive(Serialize)]
pub struct McpToolCall<'a> {
    server: &'a str,
    tool: &'a str,
    arguments: &'a Value,
    result: Option<McpResult<'a>>,
    error: Option<&'a McpToolCallError>,
    status: &'a str,
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
        status: status(call.status),
    })
}

#[derive(Serialize)]
pub struct CollabToolCall<'a> {
    tool: &'a str,
    sender_thread_id: &'a str,
    receiver_thread_ids: &'a [String],
    prompt: Option<&'a str>,
    agents_states: BTreeMap<&'a str, AgentState<'a>>,
    status: &'a str,
}

#[derive(Serialize)]
struct AgentState<'a> {
    status: &'a str,
    message: Option<&'a str>,
}

/// Waking an agent that was stored is not shown.
pub fn collab(call: &CollabAgentToolCallItem) -> Option<ItemKind<'_>> {
    let tool = match call.tool {
        CollabAgentTool::SpawnAgent => "spawn_agent",
        CollabAgentTool::SendInput => "send_input",
        CollabAgentTool::Wait => "wait",
        CollabAgentTool::CloseAgent => "close_agent",
        CollabAgentTool::ResumeAgent => return None,
    };
    let states = call.agents_states.iter().map(|(id, state)| {
        let shown = AgentState {
            status: agent_status(state.status),
            message: state.message.as_deref(),
        };
        (id.as_str(), shown)
    });
    Some(ItemKind::CollabToolCall(CollabToolCall {
        tool,
        sender_thread_id: &call.sender_thread_id,
        receiver_thread_ids: &call.receiver_thread_ids,
        prompt: call.prompt.as_deref(),
        agents_states: states.collect(),
        status: status(call.status),
    }))
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum WebSearchAction<'a> {
    Search {
        #[serde(skip_serializing_if = "Option::is_none")]
        query: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        queries: Option<&'a [String]>,
    },
    OpenPage {
        #[serde(skip_serializing_if = "Option::is_none")]
        url: Option<&'a str>,
    },
    FindInPage {
        #[serde(skip_serializing_if = "Option::is_none")]
        url: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        pattern: Option<&'a str>,
    },
    Other,
}

pub fn web_search<'a>(query: &'a str, action: Option<&'a Action>) -> ItemKind<'a> {
    let action = match action {
        Some(Action::Search { query, queries }) => WebSearchAction::Search {
            query: query.as_deref(),
            queries: queries.as_deref(),
        },
        Some(Action::OpenPage { url }) => WebSearchAction::OpenPage { url: url.as_deref() },
        Some(Action::FindInPage { url, pattern }) => WebSearchAction::FindInPage {
            url: url.as_deref(),
            pattern: pattern.as_deref(),
        },
        Some(Action::Other) | None => WebSearchAction::Other,
    };
    ItemKind::WebSearch { query, action }
}

const fn status(status: CallStatus) -> &'static str {
    match status {
        CallStatus::InProgress => "in_progress",
        CallStatus::Completed => "completed",
        CallStatus::Failed => "failed",
    }
}

const fn agent_status(status: CollabAgentStatus) -> &'static str {
    match status {
        CollabAgentStatus::PendingInit => "pending_init",
        CollabAgentStatus::Running => "running",
        CollabAgentStatus::Interrupted => "interrupted",
        CollabAgentStatus::Completed => "completed",
        CollabAgentStatus::Errored => "errored",
        CollabAgentStatus::Shutdown => "shutdown",
        CollabAgentStatus::NotFound => "not_found",
    }
}
