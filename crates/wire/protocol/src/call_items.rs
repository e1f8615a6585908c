//! Items of calls that leave this program: MCP tools, other agents, the provider's own web search.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// A call of an MCP server's tool, or of a resource of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct McpToolCallItem {
    pub id: String,
    pub server: String,
    /// As the server names it.
    pub tool: String,
    pub status: CallStatus,
    #[serde(default)]
    pub arguments: Value,
    /// What the server answered, also where the answer says that the tool failed.
    pub result: Option<McpToolCallResult>,
    /// Why there is no answer.
    pub error: Option<McpToolCallError>,
    pub duration_ms: Option<i64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum CallStatus {
    #[serde(alias = "in_progress")]
    InProgress,
    Completed,
    Failed,
}

/// Content blocks as the server sent them.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct McpToolCallResult {
    #[serde(default)]
    pub content: Vec<Value>,
    #[serde(default, rename = "structuredContent")]
    pub structured_content: Option<Value>,
    #[serde(default, rename = "_meta", skip_serializing_if = "Option::is_none")]
    pub meta: Option<Value>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct McpToolCallError {
    pub message: String,
}

/// A call that starts, instructs, awaits or ends other agents.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CollabAgentToolCallItem {
    pub id: String,
    pub tool: CollabAgentTool,
    pub status: CallStatus,
    pub sender_thread_id: String,
    pub receiver_thread_ids: Vec<String>,
    pub prompt: Option<String>,
    /// By thread id, as far as known when the call ended.
    #[serde(default)]
    pub agents_states: BTreeMap<String, CollabAgentState>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum CollabAgentTool {
    #[serde(alias = "spawn_agent")]
    SpawnAgent,
    #[serde(alias = "send_input")]
    SendInput,
    #[serde(alias = "resume_agent")]
    ResumeAgent,
    Wait,
    #[serde(alias = "close_agent")]
    CloseAgent,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CollabAgentState {
    pub status: CollabAgentStatus,
    pub message: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum CollabAgentStatus {
    #[serde(alias = "pending_init")]
    PendingInit,
    Running,
    Interrupted,
    Completed,
    Errored,
    Shutdown,
    #[serde(alias = "not_found")]
    NotFound,
}

/// What the provider's web search did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "camelCase")]
pub enum WebSearchAction {
    Search {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        query: Option<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        queries: Option<Vec<String>>,
    },
    #[serde(alias = "open_page")]
    OpenPage {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        url: Option<String>,
    },
    #[serde(alias = "find_in_page")]
    FindInPage {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        url: Option<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pattern: Option<String>,
    },
    #[serde(other)]
    Other,
}

impl WebSearchAction {
    /// One line that says it.
    pub fn summary(&self) -> String {
        match self {
            Self::Search { query: Some(query), .. } if !query.is_empty() => query.clone(),
            Self::Search { queries, .. } => queries.as_deref().unwrap_or_default().join("; "),
            Self::OpenPage { url } => url.clone().unwrap_or_default(),
            Self::FindInPage { url, pattern } => match (pattern, url) {
                (Some(pattern), Some(url)) => format!("{pattern:?} in {url}"),
                (Some(text), None) | (None, Some(text)) => text.clone(),
                (None, None) => String::new(),
            },
            Self::Other => String::new(),
        }
    }
}
