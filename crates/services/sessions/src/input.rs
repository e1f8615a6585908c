//! Records to what the model was sent.

use codex_base::Timestamp;
use codex_protocol::journal::Record;
use codex_protocol::response_item::ResponseItem;

/// The response items in the order in which they were sent; the last compaction's replacement history stands for everything before it.
///
/// Nothing is repaired: a call without an output stays one.
pub fn model_input(records: &[(Timestamp, Record)]) -> Vec<ResponseItem> {
    let mut items = Vec::new();
    for (_, record) in records {
        match record {
            Record::ResponseItem(item) => items.push(item.clone()),
            Record::Compacted(compacted) => items = compacted.replacement_history.clone().unwrap_or_default(),
            _ => {}
        }
    }
    items
}
