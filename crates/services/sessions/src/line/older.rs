//! Events of spring 2026: one per kind of item (`user_message`, `exec_command_end`, …).
//!
//! They are read as `item_completed`, without a turn id or item id where they had none; the reducer puts such items into the turn that is
//! open.

use super::item::{CommandLine, FileChangeLine};
use super::values::{lenient, path_from};
use codex_base::Timestamp;
use codex_protocol::items::{ThreadItem, UserInput};
use codex_protocol::journal::{EventMsg, Record};
use serde::Deserialize;

/// `Ok(None)` for events that show no item. `at` is the line's own time.
pub fn from_payload(text: &str, at: Timestamp) -> serde_json::Result<Option<Record>> {
    let Some((turn_id, item)) = item(serde_json::from_str(text)?) else {
        return Ok(None);
    };
    let at_ms = at.as_millisecond();
    let event = EventMsg::ItemCompleted {
        thread_id: String::new(),
        turn_id,
        item,
        started_at_ms: at_ms,
        completed_at_ms: at_ms,
    };
    Ok(Some(Record::Event(Box::new(event))))
}

/// The item of an event and the turn it names, if it names one.
fn item(event: OlderEvent) -> Option<(String, ThreadItem)> {
    let id = String::new();
    let item = match event {
        OlderEvent::UserMessage {
            message,
            images,
            local_images,
        } => {
            let pictures = images.into_iter().map(|url| UserInput::Image { url });
            let local = local_images.into_iter().map(|path| UserInput::LocalImage { path });
            let text = std::iter::once(UserInput::Text { text: message });
            ThreadItem::UserMessage {
                id,
                content: text.chain(pictures).chain(local).collect(),
            }
        }
        OlderEvent::AgentMessage { message, phase } => ThreadItem::AgentMessage {
            id,
            text: message.into(),
            phase,
        },
        OlderEvent::AgentReasoning { text } => ThreadItem::Reasoning {
            id,
            summary: vec![text],
            content: vec![],
        },
        OlderEvent::AgentReasoningRawContent { text } => ThreadItem::Reasoning {
            id,
            summary: vec![],
            content: vec![text],
        },
        OlderEvent::ExecCommandEnd { turn_id, command } => return Some((turn_id, ThreadItem::CommandExecution(command.into_item()))),
        OlderEvent::PatchApplyEnd { turn_id, change } => return Some((turn_id, change.into_item())),
        OlderEvent::ViewImageToolCall { call_id, path } => ThreadItem::ImageView {
            id: call_id,
            path: path_from(&path),
        },
        OlderEvent::ContextCompacted => ThreadItem::ContextCompaction { id },
        OlderEvent::Other => return None,
    };
    Some((String::new(), item))
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum OlderEvent {
    UserMessage {
        #[serde(default)]
        message: String,
        #[serde(default, deserialize_with = "lenient")]
        images: Vec<String>,
        #[serde(default, deserialize_with = "lenient")]
        local_images: Vec<String>,
    },
    AgentMessage {
        #[serde(default)]
        message: String,
        phase: Option<String>,
    },
    AgentReasoning {
        #[serde(default)]
        text: String,
    },
    AgentReasoningRawContent {
        #[serde(default)]
        text: String,
    },
    ExecCommandEnd {
        #[serde(default)]
        turn_id: String,
        #[serde(flatten)]
        command: Box<CommandLine>,
    },
    PatchApplyEnd {
        #[serde(default)]
        turn_id: String,
        #[serde(flatten)]
        change: FileChangeLine,
    },
    ViewImageToolCall {
        call_id: String,
        path: String,
    },
    ContextCompacted,
    #[serde(other)]
    Other,
}
