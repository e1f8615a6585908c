//! Records to what the model was sent.

use codex_base::Timestamp;
use codex_protocol::journal::{Compacted, EventMsg, Record};
use codex_protocol::response_item::{ItemView, ResponseItem};
use serde_json::json;

/// The response items in the order in which they were sent; the last compaction's replacement history stands for everything before it, and
/// turns that were rolled back are gone.
///
/// Items of kinds that nobody told us about are left out, as they never were sent. Nothing is repaired: a call without an output stays one.
pub fn model_input(records: &[(Timestamp, Record)]) -> Vec<ResponseItem> {
    let mut conversation = Conversation::default();
    for (_, record) in records {
        conversation.take(record);
    }
    conversation.items
}

/// The conversation as it stands behind some record.
#[derive(Debug, Clone, Default)]
pub struct Conversation {
    /// Behind the base instructions.
    pub items: Vec<ResponseItem>,
    /// How many items stood before each turn.
    starts: Vec<usize>,
    /// The last request asked for a summary: what the model says to it is no part of the conversation.
    summing_up: bool,
}

impl Conversation {
    /// What one more record does to it.
    pub fn take(&mut self, record: &Record) {
        match record {
            Record::ResponseItem(item) if matches!(item.view(), ItemView::Unknown { .. }) => {}
            Record::ResponseItem(item) if self.summing_up && is_answer(item) => {}
            Record::ResponseItem(item) => self.items.push(item.clone()),
            Record::Compacted(compacted) => {
                self.summing_up = false;
                self.items = replacement(compacted);
                // What came before the compaction cannot be taken back one turn at a time.
                self.starts.fill(self.items.len());
            }
            Record::ModelRequest(request) => self.summing_up = request.compaction.is_some(),
            Record::Event(event) => self.take_event(event),
            Record::SessionMeta(_)
            | Record::TurnContext(_)
            | Record::WorldState(_)
            | Record::TokenUsage(_)
            | Record::PrefixBase(_)
            | Record::PrefixBreak { .. } => {}
        }
    }

    fn take_event(&mut self, event: &EventMsg) {
        match event {
            EventMsg::TaskStarted { .. } => {
                self.summing_up = false;
                self.starts.push(self.items.len());
            }
            EventMsg::ThreadRolledBack { num_turns } => {
                let kept = self.starts.len().saturating_sub(usize::try_from(*num_turns).unwrap_or(usize::MAX));
                self.items.truncate(self.starts.get(kept).copied().unwrap_or(self.items.len()));
                self.starts.truncate(kept);
            }
            EventMsg::TaskComplete { .. }
            | EventMsg::TurnAborted { .. }
            | EventMsg::ItemCompleted { .. }
            | EventMsg::TokenCount { .. }
            | EventMsg::ApprovalReviewed { .. }
            | EventMsg::PermissionsGranted { .. } => {}
        }
    }
}

/// What only a model says.
pub(crate) fn is_answer(item: &ResponseItem) -> bool {
    match item.view() {
        ItemView::Message { role, .. } => role == "assistant",
        ItemView::Reasoning { .. } | ItemView::FunctionCall(_) | ItemView::CustomToolCall(_) | ItemView::WebSearchCall { .. } => true,
        ItemView::FunctionCallOutput { .. } | ItemView::CustomToolCallOutput { .. } | ItemView::Known { .. } | ItemView::Unknown { .. } => {
            false
        }
    }
}

/// Older files name no new history: their summary is all that is left.
fn replacement(compacted: &Compacted) -> Vec<ResponseItem> {
    match &compacted.replacement_history {
        Some(history) => history.clone(),
        None if compacted.message.is_empty() => Vec::new(),
        None => {
            let summary = json!({"type": "message", "role": "user", "content": [{"type": "input_text", "text": compacted.message}]});
            ResponseItem::make(&summary).into_iter().collect()
        }
    }
}
