//! Items of the model's conversation: kept as the bytes that were received, with a parsed view beside them.
//!
//! A [`ResponseItem`] serialises as exactly the bytes it was made from, so what a provider sent is what it gets back, and what was journaled
//! is what is sent after a resume.

use crate::call_items::WebSearchAction;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;
use std::sync::Arc;

/// One item of the model's input or output.
///
/// Cloning is cheap: a conversation of thousands of items is handed to every request.
#[derive(Debug, Clone)]
pub struct ResponseItem(Arc<Parsed>);

#[derive(Debug)]
struct Parsed {
    raw: Box<RawValue>,
    view: ItemView,
}

impl ResponseItem {
    /// Takes the bytes of one JSON object. Line breaks between its tokens become blanks, so that an item always fits on one journal line.
    ///
    /// # Errors
    /// If the bytes are not one JSON object with a string `type`.
    pub fn parse(raw: Box<RawValue>) -> Result<Self, serde_json::Error> {
        let raw = on_one_line(raw)?;
        let view = ItemView::parse(raw.get())?;
        Ok(Self(Arc::new(Parsed { raw, view })))
    }

    /// Makes an item of our own; its bytes are fixed from here on.
    ///
    /// # Errors
    /// If the value does not serialise to an object with a string `type`.
    pub fn make(value: &impl Serialize) -> Result<Self, serde_json::Error> {
        Self::parse(serde_json::value::to_raw_value(value)?)
    }

    pub fn raw(&self) -> &RawValue {
        &self.0.raw
    }

    pub fn view(&self) -> &ItemView {
        &self.0.view
    }

    /// The item's own id (`msg_…`, `fc_…`), if it has one.
    pub fn id(&self) -> Option<String> {
        #[derive(Deserialize)]
        struct Id {
            id: Option<String>,
        }
        serde_json::from_str::<Id>(self.raw().get()).ok().and_then(|found| found.id)
    }
}

/// Inside strings line breaks are escaped, so those that are found stand between tokens.
fn on_one_line(raw: Box<RawValue>) -> Result<Box<RawValue>, serde_json::Error> {
    if raw.get().contains(['\n', '\r']) {
        RawValue::from_string(raw.get().replace(['\n', '\r'], " "))
    } else {
        Ok(raw)
    }
}

impl PartialEq for ResponseItem {
    fn eq(&self, other: &Self) -> bool {
        self.raw().get() == other.raw().get()
    }
}

impl Serialize for ResponseItem {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.raw().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for ResponseItem {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(Box::<RawValue>::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

/// What we understand of an item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ItemView {
    Message {
        role: String,
        phase: Option<String>,
        content: Vec<ContentPart>,
    },
    Reasoning {
        summary: Vec<String>,
        content: Vec<String>,
    },
    FunctionCall(ToolCallView),
    CustomToolCall(ToolCallView),
    FunctionCallOutput {
        call_id: String,
    },
    CustomToolCallOutput {
        call_id: String,
    },
    /// A search that the provider made itself; kept and sent back.
    WebSearchCall {
        action: Option<WebSearchAction>,
    },
    /// A hosted or future item kind that is kept and sent back, but not shown.
    Known {
        kind: String,
    },
    /// A kind nobody told us about: neither kept nor sent back (as observed of the reference).
    Unknown {
        kind: String,
    },
}

/// A call of a tool: JSON text for function calls, free text for custom ones.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToolCallView {
    pub call_id: String,
    pub name: String,
    pub namespace: Option<String>,
    pub input: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ContentPart {
    InputText {
        text: Arc<str>,
    },
    OutputText {
        text: Arc<str>,
    },
    InputImage {
        image_url: String,
    },
    /// The model's words for why it does not answer.
    Refusal {
        refusal: String,
    },
    #[serde(other)]
    Other,
}

/// Item kinds that the Responses API may return and wants back.
const KNOWN_KINDS: [&str; 10] = [
    "tool_search_call",
    "tool_search_output",
    "image_generation_call",
    "local_shell_call",
    "additional_tools",
    "agent_message",
    "compaction",
    "compaction_trigger",
    "mcp_call",
    "item_reference",
];

#[derive(Deserialize)]
struct SearchFields {
    #[serde(default)]
    action: Option<serde_json::Value>,
}

impl SearchFields {
    /// An action of a shape nobody told us about is none that we can name.
    fn action(self) -> Option<WebSearchAction> {
        let action = self.action.filter(|action| !action.is_null())?;
        Some(serde_json::from_value(action).unwrap_or(WebSearchAction::Other))
    }
}

impl ItemView {
    fn parse(raw: &str) -> Result<Self, serde_json::Error> {
        #[derive(Deserialize)]
        struct Head {
            r#type: String,
        }
        let kind = serde_json::from_str::<Head>(raw)?.r#type;
        match kind.as_str() {
            "message" => {
                let message: MessageFields = serde_json::from_str(raw)?;
                Ok(Self::Message {
                    role: message.role,
                    phase: message.phase,
                    content: message.content.0,
                })
            }
            "reasoning" => {
                let reasoning: ReasoningFields = serde_json::from_str(raw)?;
                Ok(Self::Reasoning {
                    summary: texts(reasoning.summary),
                    content: texts(reasoning.content),
                })
            }
            "function_call" => {
                let call: CallFields = serde_json::from_str(raw)?;
                Ok(Self::FunctionCall(call.view()))
            }
            "custom_tool_call" => {
                let call: CallFields = serde_json::from_str(raw)?;
                Ok(Self::CustomToolCall(call.view()))
            }
            "function_call_output" => Ok(Self::FunctionCallOutput {
                call_id: serde_json::from_str::<OutputFields>(raw)?.call_id,
            }),
            "custom_tool_call_output" => Ok(Self::CustomToolCallOutput {
                call_id: serde_json::from_str::<OutputFields>(raw)?.call_id,
            }),
            "web_search_call" => Ok(Self::WebSearchCall {
                action: serde_json::from_str::<SearchFields>(raw)?.action(),
            }),
            known if KNOWN_KINDS.contains(&known) => Ok(Self::Known { kind }),
            _ => Ok(Self::Unknown { kind }),
        }
    }

    /// The visible text of a message, its parts joined without a separator. That of a single part is shared, not copied.
    pub fn message_text(&self) -> Option<Arc<str>> {
        let Self::Message { content, .. } = self else { return None };
        if let [ContentPart::InputText { text } | ContentPart::OutputText { text }] = &content[..] {
            return Some(Arc::clone(text));
        }
        let parts = content.iter().filter_map(|part| match part {
            ContentPart::InputText { text } | ContentPart::OutputText { text } => Some(&**text),
            ContentPart::Refusal { refusal } => Some(refusal.as_str()),
            ContentPart::InputImage { .. } | ContentPart::Other => None,
        });
        Some(parts.collect::<String>().into())
    }

    /// The call in a function or custom tool call.
    pub const fn call(&self) -> Option<&ToolCallView> {
        match self {
            Self::FunctionCall(call) | Self::CustomToolCall(call) => Some(call),
            _ => None,
        }
    }

    /// The call that an output item answers.
    pub fn answers(&self) -> Option<&str> {
        match self {
            Self::FunctionCallOutput { call_id } | Self::CustomToolCallOutput { call_id } => Some(call_id),
            _ => None,
        }
    }
}

#[derive(Deserialize)]
struct MessageFields {
    role: String,
    #[serde(default)]
    phase: Option<String>,
    #[serde(default)]
    content: Content,
}

/// Message content: a list of parts, or (older files) a bare string.
#[derive(Default)]
struct Content(Vec<ContentPart>);

impl<'de> Deserialize<'de> for Content {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Either {
            Parts(Vec<ContentPart>),
            Text(Arc<str>),
        }
        Ok(match Option::<Either>::deserialize(deserializer)? {
            Some(Either::Parts(parts)) => Self(parts),
            Some(Either::Text(text)) => Self(vec![ContentPart::OutputText { text }]),
            None => Self::default(),
        })
    }
}

#[derive(Deserialize)]
struct ReasoningFields {
    #[serde(default)]
    summary: Option<Vec<TextPart>>,
    #[serde(default)]
    content: Option<Vec<TextPart>>,
}

#[derive(Deserialize)]
struct TextPart {
    #[serde(default)]
    text: String,
}

fn texts(parts: Option<Vec<TextPart>>) -> Vec<String> {
    parts.unwrap_or_default().into_iter().map(|part| part.text).collect()
}

#[derive(Deserialize)]
struct CallFields {
    call_id: String,
    name: String,
    #[serde(default)]
    namespace: Option<String>,
    #[serde(default, alias = "arguments")]
    input: String,
}

impl CallFields {
    fn view(self) -> ToolCallView {
        ToolCallView {
            call_id: self.call_id,
            name: self.name,
            namespace: self.namespace,
            input: self.input,
        }
    }
}

#[derive(Deserialize)]
struct OutputFields {
    #[serde(default)]
    call_id: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(text: &str) -> ResponseItem {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn an_item_is_written_with_the_bytes_it_was_read_from() {
        let text = r#"{"type":"message", "role":"assistant","content":[{"type":"output_text","text":"a","x":1.0e2}],"zeta":null}"#;

        assert_eq!(serde_json::to_string(&item(text)).unwrap(), text);
    }

    #[test]
    fn an_item_that_came_on_several_lines_is_kept_on_one() {
        assert_eq!(
            item("{\"type\":\n \"message\",\r\n\"role\":\"user\"}").raw().get(),
            r#"{"type":  "message",  "role":"user"}"#
        );
    }

    #[test]
    fn a_refusal_is_read_as_the_models_words() {
        let refusal = item(r#"{"type":"message","role":"assistant","content":[{"type":"refusal","refusal":"I will not."}]}"#);

        assert_eq!(refusal.view().message_text().as_deref(), Some("I will not."));
    }

    #[test]
    fn a_web_search_is_read_whatever_it_did() {
        let check = |text: &str, expect: Option<WebSearchAction>| {
            assert_eq!(item(text).view(), &ItemView::WebSearchCall { action: expect }, "{text}");
        };

        check(r#"{"type":"web_search_call"}"#, None);
        check(
            r#"{"type":"web_search_call","action":{"type":"open_page","url":"u"}}"#,
            Some(WebSearchAction::OpenPage { url: Some("u".into()) }),
        );
        for odd in [r#"{"type":"dance"}"#, "7", r#"{"type":"search","queries":7}"#] {
            check(
                &format!(r#"{{"type":"web_search_call","action":{odd}}}"#),
                Some(WebSearchAction::Other),
            );
        }
    }

    #[test]
    fn unknown_kinds_are_told_apart_from_hosted_ones() {
        assert_eq!(item(r#"{"type":"mcp_call"}"#).view(), &ItemView::Known { kind: "mcp_call".into() });
        assert_eq!(
            item(r#"{"type":"hologram"}"#).view(),
            &ItemView::Unknown { kind: "hologram".into() }
        );
    }

    #[test]
    fn function_and_custom_calls_have_one_view() {
        let function = item(r#"{"type":"function_call","id":"fc_1","call_id":"c","name":"exec_command","arguments":"{}"}"#);
        let custom = item(r#"{"type":"custom_tool_call","call_id":"c","name":"apply_patch","input":"*** Begin"}"#);

        assert_eq!(function.view().call().unwrap().input, "{}");
        assert_eq!(custom.view().call().unwrap().input, "*** Begin");
        assert_eq!(function.id().as_deref(), Some("fc_1"));
    }
}
