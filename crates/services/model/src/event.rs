//! What a model's answer looks like while it arrives.

use crate::error::ModelError;
use crate::news::News;
use codex_protocol::items::TokenUsageBreakdown;
use codex_protocol::response_item::ResponseItem;

/// One step of an answer, in the order of the stream.
///
/// Only [`Self::ItemDone`] changes history; the deltas are for eyes and may be missing altogether.
#[derive(Debug, Clone, PartialEq)]
pub enum ModelEvent {
    /// The provider accepted the request; items follow.
    HeadReceived,
    /// Something beside the answer; at any time.
    News(Box<News>),
    /// An item has begun. `id` is the provider's, or `output_<n>` when it gave none.
    ItemAdded { id: String, kind: AddedKind },
    /// More text of an open message.
    TextDelta { item_id: String, delta: String },
    /// More text of part `index` of an open reasoning item's summary.
    SummaryDelta { item_id: String, index: u32, delta: String },
    /// An item is whole. Never one of an unknown kind.
    ItemDone(ResponseItem),
    /// The end of a good answer. `end_turn == Some(false)`: sample again although no tool was called.
    Completed {
        response_id: String,
        usage: Option<TokenUsageBreakdown>,
        end_turn: Option<bool>,
    },
    /// The end of a bad one. Items that were done before stay done.
    Failed(ModelError),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AddedKind {
    Message,
    Reasoning,
    ToolCall,
    /// The provider searches the web itself.
    WebSearch,
    Other,
}
