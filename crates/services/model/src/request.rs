//! One request as data.

use codex_protocol::response_item::ResponseItem;
use codex_protocol::settings::{ReasoningSummary, Verbosity};
use serde_json::value::RawValue;
use std::sync::Arc;

/// Everything that one sampling sends.
#[derive(Debug, Clone)]
pub struct ModelRequest {
    pub model: String,
    /// The whole conversation; the first item is the developer message with the base instructions. Sent as the bytes they were made from.
    pub input: Vec<ResponseItem>,
    /// A JSON array of tool specifications, sent as it is.
    pub tools: Arc<RawValue>,
    pub parallel_tool_calls: bool,
    /// `reasoning.effort`; `None` leaves it out.
    pub effort: Option<String>,
    /// `reasoning.summary`; `None` and `Some(None)` leave it out.
    pub summary: Option<ReasoningSummary>,
    /// `text.verbosity`; only for models that know it.
    pub verbosity: Option<Verbosity>,
    /// JSON schema that the final answer must follow.
    pub output_schema: Option<serde_json::Value>,
    pub metadata: RequestMetadata,
}

/// Who asks, for headers and `client_metadata`.
#[derive(Debug, Clone, Default)]
pub struct RequestMetadata {
    /// Also the prompt cache key.
    pub thread_id: String,
    /// The thread id of the root thread.
    pub session_id: String,
    pub turn_id: String,
    pub installation_id: String,
    /// Counts compactions, 0 first.
    pub window_number: u64,
    /// The fields of `x-codex-turn-metadata`.
    pub turn: serde_json::Map<String, serde_json::Value>,
}
