//! Calls of MCP tools and of other agents, for people.

use super::{HumanText, visible};
use codex_protocol::call_items::{CallStatus, CollabAgentTool, CollabAgentToolCallItem, McpToolCallItem};

/// Characters of arguments and prompts that are shown.
const SHOWN_MAX: usize = 400;

impl HumanText {
    pub(super) fn mcp_heading(&self, call: &McpToolCallItem) -> String {
        let arguments = cut(&call.arguments.to_string());
        let name = format!("{}.{}", call.server, call.tool);
        format!("{} {} {}\n", self.heading("mcp"), visible(&name), visible(&arguments))
    }

    pub(super) fn mcp_ended(&self, call: &McpToolCallItem) -> String {
        let mut text = self.unless_open(&call.id, || self.mcp_heading(call));
        let took = call.duration_ms.map(|ms| format!(" in {ms}ms")).unwrap_or_default();
        text += &self.accent(&format!(" {}{took}:", word(call.status)));
        text.push('\n');
        let blocks = call.result.iter().flat_map(|result| &result.content);
        let said = blocks.map(|block| match block.get("text").and_then(serde_json::Value::as_str) {
            Some(text) => text.to_owned(),
            None => cut(&block.to_string()),
        });
        for line in said.chain(call.error.iter().map(|error| error.message.clone())) {
            text += &self.dim(&visible(line.trim_end_matches(['\r', '\n'])));
            text.push('\n');
        }
        text.push('\n');
        text
    }

    pub(super) fn collab_heading(&self, call: &CollabAgentToolCallItem) -> String {
        let prompt = call
            .prompt
            .as_deref()
            .map(|prompt| format!(": {}", visible(&cut(prompt))))
            .unwrap_or_default();
        let whom = if call.receiver_thread_ids.is_empty() {
            String::new()
        } else {
            format!(" {}", visible(&call.receiver_thread_ids.join(", ")))
        };
        format!("{} {}{whom}{prompt}\n", self.heading("agent"), verb(call.tool))
    }

    pub(super) fn collab_ended(&self, call: &CollabAgentToolCallItem) -> String {
        let mut text = self.unless_open(&call.id, || self.collab_heading(call));
        text += &self.accent(&format!(" {}", word(call.status)));
        text.push('\n');
        for (id, state) in &call.agents_states {
            let message = state.message.as_deref().map(|message| format!(": {message}")).unwrap_or_default();
            text += &self.dim(&visible(&format!("{id} {:?}{message}", state.status)));
            text.push('\n');
        }
        text
    }
}

const fn word(status: CallStatus) -> &'static str {
    match status {
        CallStatus::InProgress => "unfinished",
        CallStatus::Completed => "succeeded",
        CallStatus::Failed => "failed",
    }
}

const fn verb(tool: CollabAgentTool) -> &'static str {
    match tool {
        CollabAgentTool::SpawnAgent => "starts",
        CollabAgentTool::SendInput => "is told",
        CollabAgentTool::ResumeAgent => "goes on",
        CollabAgentTool::Wait => "is awaited",
        CollabAgentTool::CloseAgent => "is ended",
    }
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(SHOWN_MAX) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}
