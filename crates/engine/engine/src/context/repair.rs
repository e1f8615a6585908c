//! Closes calls that were left without an output, so that a history can be sent again.

use codex_base::Ids;
use codex_protocol::response_item::{ItemView, ResponseItem};
use codex_tools::{CallKind, ToolOutput, output_item};
use std::collections::HashSet;

/// What a call is told when its output was lost.
pub const LOST: &str = "aborted";

/// Outputs for every call in `history` that has none, in call order. They are journaled and appended like any other item.
pub fn missing_outputs(history: &[ResponseItem], ids: &dyn Ids) -> Vec<ResponseItem> {
    let answered: HashSet<&str> = history.iter().filter_map(|item| item.view().answers()).collect();
    let open = history.iter().filter_map(|item| match item.view() {
        ItemView::FunctionCall(call) => Some((call, CallKind::Function)),
        ItemView::CustomToolCall(call) => Some((call, CallKind::Custom)),
        _ => None,
    });
    let mut closed = HashSet::new();
    open.filter(|(call, _)| !answered.contains(call.call_id.as_str()) && closed.insert(call.call_id.clone()))
        .map(|(call, kind)| output_item(&call.call_id, kind, &ToolOutput::Text(LOST.to_owned()), ids))
        .collect()
}
