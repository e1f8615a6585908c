//! Server-sent events of the Responses API -> [`ModelEvent`]s. Pure.
//!
//! Only what the conversation needs is read. Skipped without a word: data that is not JSON, unknown event types, deltas without an open
//! item, items of unknown kind, items that cannot be understood at all.

use crate::error::{self, ModelError};
use crate::event::{AddedKind, ModelEvent};
use crate::failures;
use crate::news::News;
use codex_protocol::items::TokenUsageBreakdown;
use codex_protocol::response_item::{ItemView, ResponseItem};
use serde::Deserialize;
use serde_json::value::RawValue;
use std::borrow::Cow;

/// Items that may be open at once; then the oldest is forgotten.
const OPEN_MAX: usize = 256;

/// Remembers which items are open, so that deltas find theirs.
#[derive(Default)]
pub struct Interpreter {
    open: Vec<OpenItem>,
    added: usize,
}

struct OpenItem {
    id: String,
    kind: AddedKind,
}

/// The fields of all events that we look at; what is missing in one kind of event is missing.
#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow)]
    r#type: Cow<'a, str>,
    #[serde(borrow)]
    item: Option<&'a RawValue>,
    #[serde(borrow)]
    response: Option<&'a RawValue>,
    #[serde(borrow)]
    item_id: Option<Cow<'a, str>>,
    #[serde(borrow)]
    delta: Option<&'a RawValue>,
    summary_index: Option<u32>,
}

impl Interpreter {
    /// What one event's data means. At most one of the results is a last one, and then it is the last.
    pub fn read(&mut self, data: &str) -> Option<ModelEvent> {
        let event: Envelope = serde_json::from_str(data).ok()?;
        match event.r#type.as_ref() {
            "response.output_item.added" => self.added(event.item?),
            "response.output_text.delta" => {
                let item_id = self.open_item(AddedKind::Message, event.item_id.as_deref())?;
                Some(ModelEvent::TextDelta {
                    item_id,
                    delta: text(event.delta?)?,
                })
            }
            "response.reasoning_summary_text.delta" => {
                let item_id = self.open_item(AddedKind::Reasoning, event.item_id.as_deref())?;
                Some(ModelEvent::SummaryDelta {
                    item_id,
                    index: event.summary_index.unwrap_or(0),
                    delta: text(event.delta?)?,
                })
            }
            "response.output_item.done" => self.done(event.item?),
            "response.completed" => Some(completed(event.response)),
            "response.failed" => Some(ModelEvent::Failed(failures::response_failed(
                event.response.map_or("null", RawValue::get),
            ))),
            "response.incomplete" => Some(ModelEvent::Failed(failures::response_incomplete(
                event.response.map_or("null", RawValue::get),
            ))),
            "codex.rate_limits" => News::of_limits_event(data).map(|news| ModelEvent::News(Box::new(news))),
            "response.created" | "response.in_progress" | "response.metadata" => {
                News::of_event(data).map(|news| ModelEvent::News(Box::new(news)))
            }
            "error" => Some(ModelEvent::Failed(failures::error_event(data))),
            _ => None,
        }
    }

    fn added(&mut self, item: &RawValue) -> Option<ModelEvent> {
        #[derive(Deserialize)]
        struct Head {
            r#type: String,
            id: Option<String>,
        }
        let head: Head = serde_json::from_str(item.get()).ok()?;
        let id = head.id.unwrap_or_else(|| format!("output_{}", self.added));
        self.added += 1;
        let kind = match head.r#type.as_str() {
            "message" => AddedKind::Message,
            "reasoning" => AddedKind::Reasoning,
            "function_call" | "custom_tool_call" => AddedKind::ToolCall,
            "web_search_call" => AddedKind::WebSearch,
            _ => AddedKind::Other,
        };
        if self.open.len() == OPEN_MAX {
            self.open.remove(0);
        }
        self.open.push(OpenItem { id: id.clone(), kind });
        Some(ModelEvent::ItemAdded { id, kind })
    }

    /// The item that a delta is for: the one it names, else the first one open of its kind.
    fn open_item(&self, kind: AddedKind, named: Option<&str>) -> Option<String> {
        let mut of_kind = self.open.iter().filter(|item| item.kind == kind);
        let first = of_kind.clone().next()?;
        let found = of_kind.find(|item| Some(item.id.as_str()) == named).unwrap_or(first);
        Some(found.id.clone())
    }

    fn done(&mut self, item: &RawValue) -> Option<ModelEvent> {
        let item = ResponseItem::parse(item).ok()?;
        self.close(item.id(), item.view());
        match item.view() {
            ItemView::Unknown { .. } => None,
            _ => Some(ModelEvent::ItemDone(item)),
        }
    }

    /// Without an id of its own, an item closes the first open one of its kind.
    fn close(&mut self, id: Option<&str>, view: &ItemView) {
        let kind = kind_of(view);
        let by_id = self.open.iter().position(|item| Some(item.id.as_str()) == id);
        if let Some(at) = by_id.or_else(|| self.open.iter().position(|item| item.kind == kind)) {
            self.open.remove(at);
        }
    }
}

pub(crate) const fn kind_of(view: &ItemView) -> AddedKind {
    match view {
        ItemView::Message { .. } => AddedKind::Message,
        ItemView::Reasoning { .. } => AddedKind::Reasoning,
        ItemView::FunctionCall(_) | ItemView::CustomToolCall(_) => AddedKind::ToolCall,
        ItemView::WebSearchCall { .. } => AddedKind::WebSearch,
        ItemView::FunctionCallOutput { .. } | ItemView::CustomToolCallOutput { .. } | ItemView::Known { .. } | ItemView::Unknown { .. } => {
            AddedKind::Other
        }
    }
}

fn text(delta: &RawValue) -> Option<String> {
    serde_json::from_str(delta.get()).ok()
}

fn completed(response: Option<&RawValue>) -> ModelEvent {
    #[derive(Deserialize)]
    struct Response {
        id: String,
        usage: Option<Usage>,
        end_turn: Option<bool>,
    }
    match serde_json::from_str::<Response>(response.map_or("null", RawValue::get)) {
        Ok(response) => ModelEvent::Completed {
            response_id: response.id,
            usage: response.usage.map(Usage::breakdown),
            end_turn: response.end_turn,
        },
        Err(problem) => {
            let what = format!("failed to parse ResponseCompleted: {problem}");
            ModelEvent::Failed(ModelError::disconnected(error::INVALID_RESPONSE, what))
        }
    }
}

/// Token counts as the provider writes them.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
pub(crate) struct Usage {
    input_tokens: i64,
    input_tokens_details: Option<InputDetails>,
    output_tokens: i64,
    output_tokens_details: Option<OutputDetails>,
    total_tokens: Option<i64>,
}

#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(default)]
struct InputDetails {
    cached_tokens: Option<i64>,
    cache_write_tokens: Option<i64>,
}

#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(default)]
struct OutputDetails {
    reasoning_tokens: Option<i64>,
}

impl Usage {
    pub(crate) fn breakdown(self) -> TokenUsageBreakdown {
        let input = self.input_tokens_details.unwrap_or_default();
        TokenUsageBreakdown {
            total_tokens: self
                .total_tokens
                .unwrap_or_else(|| self.input_tokens.saturating_add(self.output_tokens)),
            input_tokens: self.input_tokens,
            cached_input_tokens: input.cached_tokens.unwrap_or(0),
            cache_write_input_tokens: input.cache_write_tokens.unwrap_or(0),
            output_tokens: self.output_tokens,
            reasoning_output_tokens: self.output_tokens_details.unwrap_or_default().reasoning_tokens.unwrap_or(0),
        }
    }
}
