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
    let mut items: Vec<ResponseItem> = Vec::new();
    // How many items stood before each turn.
    let mut starts: Vec<usize> = Vec::new();
    for (_, record) in records {
        match record {
            Record::ResponseItem(item) if matches!(item.view(), ItemView::Unknown { .. }) => {}
            Record::ResponseItem(item) => items.push(item.clone()),
            Record::Compacted(compacted) => {
                items = replacement(compacted);
                // What came before the compaction cannot be taken back one turn at a time.
                starts.fill(items.len());
            }
            Record::Event(event) => match &**event {
                EventMsg::TaskStarted { .. } => starts.push(items.len()),
                EventMsg::ThreadRolledBack { num_turns } => {
                    let kept = starts.len().saturating_sub(usize::try_from(*num_turns).unwrap_or(usize::MAX));
                    items.truncate(starts.get(kept).copied().unwrap_or(items.len()));
                    starts.truncate(kept);
                }
                EventMsg::TaskComplete { .. }
                | EventMsg::TurnAborted { .. }
                | EventMsg::ItemCompleted { .. }
                | EventMsg::TokenCount { .. } => {}
            },
            Record::SessionMeta(_)
            | Record::TurnContext(_)
            | Record::WorldState(_)
            | Record::TokenUsage(_)
            | Record::PrefixBreak { .. } => {}
        }
    }
    items
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
