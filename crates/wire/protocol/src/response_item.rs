//! Items of the model's conversation: kept as the bytes that were received, with a parsed view beside them.
//!
//! A [`ResponseItem`] serialises as exactly the bytes it was made from, so what a provider sent is what it gets back, and what was journaled
//! is what is sent after a resume.

use crate::call_items::WebSearchAction;
use serde::de::{DeserializeOwned, Error as _, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::sync::Arc;

/// One item of the model's input or output.
///
/// Cloning is cheap: a conversation of thousands of items is handed to every request.
#[derive(Debug, Clone)]
pub struct ResponseItem(Arc<Parsed>);

#[derive(Debug)]
struct Parsed {
    raw: Box<RawValue>,
    id: Option<String>,
    view: ItemView,
}

impl ResponseItem {
    /// Takes the bytes of one JSON object. Line breaks between its tokens become blanks, so that an item always fits on one journal line.
    ///
    /// # Errors
    /// If the bytes are not one JSON object with a string `type`.
    pub fn parse(raw: &RawValue) -> Result<Self, serde_json::Error> {
        if on_several_lines(raw.get()) {
            return Self::keep(raw.to_owned());
        }
        // The view first: taking a long text apart needs room for a moment, and the copy of its bytes would lie there meanwhile.
        let (id, view) = parts(raw.get())?;
        let raw = raw.to_owned();
        Ok(Self(Arc::new(Parsed { raw, id, view })))
    }

    /// Makes an item of our own; its bytes are fixed from here on.
    ///
    /// # Errors
    /// If the value does not serialise to an object with a string `type`.
    pub fn make(value: &impl Serialize) -> Result<Self, serde_json::Error> {
        Self::keep(serde_json::value::to_raw_value(value)?)
    }

    fn keep(raw: Box<RawValue>) -> Result<Self, serde_json::Error> {
        let raw = on_one_line(raw)?;
        let (id, view) = parts(raw.get())?;
        Ok(Self(Arc::new(Parsed { raw, id, view })))
    }

    pub fn raw(&self) -> &RawValue {
        &self.0.raw
    }

    pub fn view(&self) -> &ItemView {
        &self.0.view
    }

    /// The item's own id (`msg_…`, `fc_…`), if it has one.
    pub fn id(&self) -> Option<&str> {
        self.0.id.as_deref()
    }
}

/// Inside strings line breaks are escaped, so those that are found stand between tokens.
fn on_several_lines(json: &str) -> bool {
    json.contains('\n') || json.contains('\r')
}

fn on_one_line(raw: Box<RawValue>) -> Result<Box<RawValue>, serde_json::Error> {
    if on_several_lines(raw.get()) {
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
        Self::keep(Box::<RawValue>::deserialize(deserializer)?).map_err(D::Error::custom)
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

#[derive(Debug, Clone, PartialEq, Eq)]
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

/// The fields of all kinds of items that we look at, found in one pass; what a kind does not have is missing.
#[derive(Deserialize)]
struct Fields<'a> {
    #[serde(borrow)]
    r#type: Cow<'a, str>,
    #[serde(borrow)]
    id: Option<&'a RawValue>,
    #[serde(borrow)]
    role: Option<&'a RawValue>,
    #[serde(borrow)]
    phase: Option<&'a RawValue>,
    #[serde(borrow)]
    content: Option<&'a RawValue>,
    #[serde(borrow)]
    summary: Option<&'a RawValue>,
    #[serde(borrow)]
    call_id: Option<&'a RawValue>,
    #[serde(borrow)]
    name: Option<&'a RawValue>,
    #[serde(borrow)]
    namespace: Option<&'a RawValue>,
    #[serde(borrow)]
    input: Option<&'a RawValue>,
    #[serde(borrow)]
    arguments: Option<&'a RawValue>,
    #[serde(borrow)]
    action: Option<&'a RawValue>,
}

/// An item's id and what we understand of it.
fn parts(json: &str) -> Result<(Option<String>, ItemView), serde_json::Error> {
    if let Some(message) = message_parts(json) {
        return Ok(message);
    }
    let fields: Fields<'_> = serde_json::from_str(json)?;
    let id = fields.id.and_then(|id| serde_json::from_str(id.get()).ok());
    Ok((id, fields.view()?))
}

/// A message, which most items of a long conversation are, in one pass over its text.
///
/// `None` for all others, and for one that has to be looked at more closely.
fn message_parts(json: &str) -> Option<(Option<String>, ItemView)> {
    #[derive(Deserialize)]
    struct MessageFields<'a> {
        r#type: &'a str,
        id: Option<String>,
        role: String,
        phase: Option<String>,
        #[serde(borrow)]
        content: Vec<MessagePart<'a>>,
    }

    #[derive(Deserialize)]
    struct MessagePart<'a> {
        r#type: &'a str,
        text: SharedText,
    }

    if !json[..json.floor_char_boundary(MESSAGE_SIGN_WITHIN)].contains(MESSAGE_SIGN) {
        return None;
    }
    let fields: MessageFields<'_> = serde_json::from_str(json)
        .ok()
        .filter(|fields: &MessageFields<'_>| fields.r#type == "message")?;
    let part = |MessagePart {
                    r#type,
                    text: SharedText(text),
                }| match r#type {
        "input_text" => Some(ContentPart::InputText { text }),
        "output_text" => Some(ContentPart::OutputText { text }),
        _ => None,
    };
    let view = ItemView::Message {
        role: fields.role,
        phase: fields.phase,
        content: fields.content.into_iter().map(part).collect::<Option<_>>()?,
    };
    Some((fields.id, view))
}

/// Worth the attempt: it saves the others one.
const MESSAGE_SIGN: &str = r#""type":"message""#;

/// An id may stand in front of it.
const MESSAGE_SIGN_WITHIN: usize = 200;

impl Fields<'_> {
    fn view(&self) -> Result<ItemView, serde_json::Error> {
        Ok(match self.r#type.as_ref() {
            "message" => ItemView::Message {
                role: required(self.role, "role")?,
                phase: optional(self.phase)?,
                content: content(self.content)?,
            },
            "reasoning" => ItemView::Reasoning {
                summary: texts(self.summary)?,
                content: texts(self.content)?,
            },
            "function_call" => ItemView::FunctionCall(self.call()?),
            "custom_tool_call" => ItemView::CustomToolCall(self.call()?),
            "function_call_output" => ItemView::FunctionCallOutput { call_id: self.answered()? },
            "custom_tool_call_output" => ItemView::CustomToolCallOutput { call_id: self.answered()? },
            "web_search_call" => ItemView::WebSearchCall { action: self.search() },
            kind if KNOWN_KINDS.contains(&kind) => ItemView::Known { kind: kind.to_owned() },
            kind => ItemView::Unknown { kind: kind.to_owned() },
        })
    }

    fn call(&self) -> Result<ToolCallView, serde_json::Error> {
        Ok(ToolCallView {
            call_id: required(self.call_id, "call_id")?,
            name: required(self.name, "name")?,
            namespace: optional(self.namespace)?,
            input: optional(self.input.or(self.arguments))?.unwrap_or_default(),
        })
    }

    fn answered(&self) -> Result<String, serde_json::Error> {
        Ok(optional(self.call_id)?.unwrap_or_default())
    }

    /// An action of a shape nobody told us about is none that we can name.
    fn search(&self) -> Option<WebSearchAction> {
        let action = self.action?;
        Some(serde_json::from_str(action.get()).unwrap_or(WebSearchAction::Other))
    }
}

fn optional<T: DeserializeOwned>(field: Option<&RawValue>) -> Result<Option<T>, serde_json::Error> {
    field.map(|field| serde_json::from_str(field.get())).transpose()
}

fn required<T: DeserializeOwned>(field: Option<&RawValue>, name: &'static str) -> Result<T, serde_json::Error> {
    optional(field)?.ok_or_else(|| serde_json::Error::missing_field(name))
}

/// Message content: a list of parts, or (older files) a bare string.
fn content(field: Option<&RawValue>) -> Result<Vec<ContentPart>, serde_json::Error> {
    let Some(field) = field else { return Ok(Vec::new()) };
    if field.get().starts_with('"') {
        let text = shared_text(field)?;
        return Ok(vec![ContentPart::OutputText { text }]);
    }
    let parts: Vec<PartFields<'_>> = serde_json::from_str(field.get())?;
    parts.iter().map(PartFields::part).collect()
}

#[derive(Deserialize)]
struct PartFields<'a> {
    #[serde(borrow)]
    r#type: Cow<'a, str>,
    #[serde(borrow)]
    text: Option<&'a RawValue>,
    #[serde(borrow)]
    image_url: Option<&'a RawValue>,
    #[serde(borrow)]
    refusal: Option<&'a RawValue>,
}

impl PartFields<'_> {
    fn part(&self) -> Result<ContentPart, serde_json::Error> {
        let text = || shared_text(self.text.ok_or_else(|| serde_json::Error::missing_field("text"))?);
        Ok(match self.r#type.as_ref() {
            "input_text" => ContentPart::InputText { text: text()? },
            "output_text" => ContentPart::OutputText { text: text()? },
            "input_image" => ContentPart::InputImage {
                image_url: required(self.image_url, "image_url")?,
            },
            "refusal" => ContentPart::Refusal {
                refusal: required(self.refusal, "refusal")?,
            },
            _ => ContentPart::Other,
        })
    }
}

/// A JSON string, which may be long, put into its place without a copy on the way.
struct SharedText(Arc<str>);

impl<'de> Deserialize<'de> for SharedText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;

        impl Visitor<'_> for Text {
            type Value = Arc<str>;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a string")
            }

            fn visit_str<E>(self, text: &str) -> Result<Arc<str>, E> {
                Ok(text.into())
            }
        }

        deserializer.deserialize_str(Text).map(Self)
    }
}

fn shared_text(field: &RawValue) -> Result<Arc<str>, serde_json::Error> {
    serde_json::from_str(field.get()).map(|SharedText(text)| text)
}

/// The texts of a list of parts.
fn texts(field: Option<&RawValue>) -> Result<Vec<String>, serde_json::Error> {
    #[derive(Deserialize)]
    struct TextPart {
        #[serde(default)]
        text: String,
    }
    let parts: Option<Vec<TextPart>> = optional(field)?;
    Ok(parts.unwrap_or_default().into_iter().map(|part| part.text).collect())
}

impl ItemView {
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
    fn a_message_is_read_alike_in_one_pass_and_field_by_field() {
        let check = |text: &str, in_one_pass: bool| {
            let fields: Fields<'_> = serde_json::from_str(text).unwrap();
            let id = fields.id.and_then(|id| serde_json::from_str(id.get()).ok());
            assert_eq!(message_parts(text).is_some(), in_one_pass, "{text}");
            assert_eq!(parts(text).ok(), fields.view().ok().map(|view| (id, view)), "{text}");
        };
        check(
            r#"{"type":"message","id":"m","role":"user","content":[{"type":"input_text","text":"a\n\"b\""}]}"#,
            true,
        );
        check(
            r#"{"id":null,"type":"message","phase":"p","role":"assistant","content":[{"text":"a","type":"output_text"},{"type":"output_text","text":""}]}"#,
            true,
        );
        check(r#"{"type":"message","role":"user","content":[]}"#, true);
        for odd in [
            r#"{"type":"message","id":7,"role":"user","content":[]}"#,
            r#"{"type":"message","content":[]}"#,
            r#"{"type":"message","role":"user"}"#,
            r#"{"type":"message","role":"user","content":null}"#,
            r#"{"type":"message","role":"user","content":"a"}"#,
            r#"{"type":"message","role":"user","content":[{"type":"input_text"}]}"#,
            r#"{"type":"message","role":"user","content":[{"type":"input_image","image_url":"u"}]}"#,
            r#"{"type":"message","role":"user","content":[{"type":"hologram","text":"a"}]}"#,
            r#"{"type":"reasoning","role":"user","content":[{"type":"message","text":"a"}]}"#,
            r#"{"type":"mcp_call","x":{"type":"message"}}"#,
        ] {
            check(odd, false);
        }
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
        assert_eq!(function.id(), Some("fc_1"));
    }
}
