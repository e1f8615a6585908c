//! One request as data, and the bytes it is sent as.

use codex_protocol::response_item::ResponseItem;
use codex_protocol::settings::{ReasoningSummary, Verbosity};
use serde::Serialize;
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
    /// `service_tier`; `fast` is sent as `priority`, the name that providers know it by. `None` leaves it out.
    pub service_tier: Option<String>,
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
    /// Of a thread that works for another one.
    pub subagent: Option<SubagentMetadata>,
    /// The fields of `x-codex-turn-metadata`.
    pub turn: serde_json::Map<String, serde_json::Value>,
}

/// What work a thread does for another one (names as observed of the reference).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubagentMetadata {
    /// `review`, `collab_spawn` and others.
    pub kind: &'static str,
    pub parent_thread_id: String,
}

const SUBAGENT: &str = "x-openai-subagent";
const PARENT_THREAD: &str = "x-codex-parent-thread-id";

/// The body, in this order of fields: what stays alike from request to request stands before `input`, so that the bodies of one thread
/// share the longest possible beginning. Equal requests give equal bytes.
#[derive(Serialize)]
struct Body<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    r#type: Option<&'a str>,
    model: &'a str,
    stream: bool,
    tools: &'a RawValue,
    tool_choice: &'a str,
    parallel_tool_calls: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning: Option<Reasoning<'a>>,
    store: bool,
    include: [&'a str; 1],
    prompt_cache_key: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<Text<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    service_tier: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    previous_response_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    generate: Option<bool>,
    input: &'a [ResponseItem],
    #[serde(skip_serializing_if = "Option::is_none")]
    client_metadata: Option<ClientMetadata<'a>>,
}

#[derive(Serialize)]
struct Reasoning<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    effort: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    summary: Option<ReasoningSummary>,
}

#[derive(Serialize)]
struct Text<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    verbosity: Option<Verbosity>,
    #[serde(skip_serializing_if = "Option::is_none")]
    format: Option<Format<'a>>,
}

#[derive(Serialize)]
struct Format<'a> {
    r#type: &'a str,
    strict: bool,
    name: &'a str,
    schema: &'a serde_json::Value,
}

#[derive(Serialize)]
struct ClientMetadata<'a> {
    session_id: &'a str,
    thread_id: &'a str,
    turn_id: &'a str,
    /// Absent in a warm-up, which belongs to no turn.
    #[serde(skip_serializing_if = "str::is_empty")]
    root_turn_id: &'a str,
    #[serde(rename = "x-codex-installation-id")]
    installation_id: &'a str,
    #[serde(rename = "x-codex-window-id")]
    window_id: &'a str,
    #[serde(rename = "x-codex-turn-metadata")]
    turn_metadata: &'a str,
    #[serde(rename = "x-openai-subagent", skip_serializing_if = "Option::is_none")]
    subagent: Option<&'a str>,
    #[serde(rename = "x-codex-parent-thread-id", skip_serializing_if = "Option::is_none")]
    parent_thread_id: Option<&'a str>,
    /// Unix milliseconds, as text; websockets only.
    #[serde(rename = "x-codex-ws-stream-request-start-ms", skip_serializing_if = "Option::is_none")]
    started_ms: Option<String>,
}

impl ModelRequest {
    /// The JSON body of `POST …/responses`.
    ///
    /// # Errors
    /// Never for requests that were made from JSON; kept so that nothing here can panic.
    pub fn body(&self) -> Result<Vec<u8>, serde_json::Error> {
        let (window_id, turn) = (self.metadata.window_id(), self.metadata.turn_json());
        serde_json::to_vec(&Body {
            client_metadata: Some(self.client_metadata(&window_id, &turn)),
            ..self.plain()
        })
    }

    /// The same as a message of a websocket. `known` is the last answer on it and how many items the provider has with that.
    ///
    /// # Errors
    /// As [`Self::body`].
    pub(crate) fn socket_message(&self, known: Option<(&str, usize)>, now_ms: u128) -> serde_json::Result<String> {
        let known_items = known.map_or(0, |(_, items)| items.min(self.input.len()));
        let message = Body {
            previous_response_id: known.map(|(id, _)| id),
            input: &self.input[known_items..],
            ..self.plain()
        };
        self.on_socket(message, now_ms)
    }

    /// A message that lets the provider read the input without answering.
    ///
    /// # Errors
    /// As [`Self::body`].
    pub(crate) fn warm_up_message(&self, now_ms: u128) -> serde_json::Result<String> {
        let message = Body {
            generate: Some(false),
            ..self.plain()
        };
        self.on_socket(message, now_ms)
    }

    fn on_socket(&self, message: Body<'_>, now_ms: u128) -> serde_json::Result<String> {
        let (window_id, turn) = (self.metadata.window_id(), self.metadata.turn_json());
        serde_json::to_string(&Body {
            r#type: Some("response.create"),
            client_metadata: Some(ClientMetadata {
                started_ms: Some(now_ms.to_string()),
                ..self.client_metadata(&window_id, &turn)
            }),
            ..message
        })
    }

    /// Everything but input and metadata: what must be alike for one request to go on from another.
    ///
    /// # Errors
    /// As [`Self::body`].
    pub(crate) fn fixed_part(&self) -> serde_json::Result<String> {
        serde_json::to_string(&Body {
            input: &[],
            ..self.plain()
        })
    }

    fn plain(&self) -> Body<'_> {
        Body {
            r#type: None,
            model: &self.model,
            stream: true,
            tools: &self.tools,
            tool_choice: "auto",
            parallel_tool_calls: self.parallel_tool_calls,
            reasoning: self.reasoning(),
            store: false,
            include: ["reasoning.encrypted_content"],
            prompt_cache_key: &self.metadata.thread_id,
            text: self.text(),
            service_tier: self
                .service_tier
                .as_deref()
                .map(|tier| if tier == "fast" { "priority" } else { tier }),
            previous_response_id: None,
            generate: None,
            input: &self.input,
            client_metadata: None,
        }
    }

    fn client_metadata<'a>(&'a self, window_id: &'a str, turn_metadata: &'a str) -> ClientMetadata<'a> {
        ClientMetadata {
            session_id: &self.metadata.session_id,
            thread_id: &self.metadata.thread_id,
            turn_id: &self.metadata.turn_id,
            root_turn_id: &self.metadata.turn_id,
            installation_id: &self.metadata.installation_id,
            window_id,
            turn_metadata,
            subagent: self.metadata.subagent.as_ref().map(|subagent| subagent.kind),
            parent_thread_id: self.metadata.subagent.as_ref().map(|subagent| &*subagent.parent_thread_id),
            started_ms: None,
        }
    }

    fn reasoning(&self) -> Option<Reasoning<'_>> {
        let summary = self.summary.filter(|summary| *summary != ReasoningSummary::None);
        (self.effort.is_some() || summary.is_some()).then_some(Reasoning {
            effort: self.effort.as_deref(),
            summary,
        })
    }

    fn text(&self) -> Option<Text<'_>> {
        let format = self.output_schema.as_ref().map(|schema| Format {
            r#type: "json_schema",
            strict: true,
            name: "codex_output_schema",
            schema,
        });
        (self.verbosity.is_some() || format.is_some()).then_some(Text {
            verbosity: self.verbosity,
            format,
        })
    }
}

impl RequestMetadata {
    /// The headers that say who asks.
    pub fn headers(&self) -> Vec<(String, String)> {
        let named = |name: &str, value: String| (name.to_owned(), value);
        let mut headers = vec![
            named("session-id", self.session_id.clone()),
            named("thread-id", self.thread_id.clone()),
            named("x-client-request-id", self.thread_id.clone()),
            named("x-codex-window-id", self.window_id()),
            named("x-codex-turn-metadata", self.turn_json()),
        ];
        if let Some(subagent) = &self.subagent {
            headers.push(named(SUBAGENT, subagent.kind.to_owned()));
            headers.push(named(PARENT_THREAD, subagent.parent_thread_id.clone()));
        }
        headers
    }

    /// `<thread id>:<window number>`.
    pub fn window_id(&self) -> String {
        format!("{}:{}", self.thread_id, self.window_number)
    }

    /// The turn's fields as JSON in ASCII, fit for a header.
    fn turn_json(&self) -> String {
        let json = serde_json::to_string(&self.turn).unwrap_or_else(|_| "{}".to_owned());
        // Outside ASCII there are only characters inside strings, where an escape means the same.
        let mut ascii = String::with_capacity(json.len());
        for character in json.chars() {
            match character {
                ' '..='~' => ascii.push(character),
                other => ascii.extend(other.encode_utf16(&mut [0; 2]).iter().map(|unit| format!("\\u{unit:04x}"))),
            }
        }
        ascii
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use serde_json::{Value, json};

    pub fn request() -> ModelRequest {
        let item = |text: &str| serde_json::from_str::<ResponseItem>(text).unwrap();
        ModelRequest {
            model: "gpt-5.5".into(),
            input: vec![item(r#"{"type":"message", "role":"user","content":[],"n":1.0e2}"#)],
            tools: RawValue::from_string(r#"[{"type":"function", "name":"x"}]"#.into()).unwrap().into(),
            parallel_tool_calls: true,
            effort: Some("medium".into()),
            summary: Some(ReasoningSummary::None),
            verbosity: Some(Verbosity::Low),
            service_tier: None,
            output_schema: None,
            metadata: RequestMetadata {
                thread_id: "thread".into(),
                session_id: "session".into(),
                turn_id: "turn".into(),
                installation_id: "installation".into(),
                window_number: 2,
                subagent: None,
                turn: json!({"cwd": "/ä\u{1f600}\u{7f}", "turn_id": "turn"}).as_object().unwrap().clone(),
            },
        }
    }

    fn body(request: &ModelRequest) -> String {
        String::from_utf8(request.body().unwrap()).unwrap()
    }

    #[test]
    fn the_whole_body() {
        insta::assert_snapshot!(body(&request()), @r#"{"model":"gpt-5.5","stream":true,"tools":[{"type":"function", "name":"x"}],"tool_choice":"auto","parallel_tool_calls":true,"reasoning":{"effort":"medium"},"store":false,"include":["reasoning.encrypted_content"],"prompt_cache_key":"thread","text":{"verbosity":"low"},"input":[{"type":"message", "role":"user","content":[],"n":1.0e2}],"client_metadata":{"session_id":"session","thread_id":"thread","turn_id":"turn","root_turn_id":"turn","x-codex-installation-id":"installation","x-codex-window-id":"thread:2","x-codex-turn-metadata":"{\"cwd\":\"/\\u00e4\\ud83d\\ude00\\u007f\",\"turn_id\":\"turn\"}"}}"#);
    }

    #[test]
    fn what_is_not_set_is_left_out() {
        let bare = ModelRequest {
            effort: None,
            verbosity: None,
            ..request()
        };
        let keys = |request: &ModelRequest| {
            let value: Value = serde_json::from_str(&body(request)).unwrap();
            (value.get("reasoning").cloned(), value.get("text").cloned())
        };

        assert_eq!(keys(&bare), (None, None));
        let unknown = ModelRequest {
            summary: Some(ReasoningSummary::Auto),
            output_schema: Some(json!({"type":"object"})),
            ..bare
        };
        let format = json!({"type":"json_schema","strict":true,"name":"codex_output_schema","schema":{"type":"object"}});
        assert_eq!(keys(&unknown), (Some(json!({"summary":"auto"})), Some(json!({"format": format}))));
    }

    #[test]
    fn a_service_tier_is_sent_as_given_but_for_fast() {
        let sent = |tier: Option<&str>| {
            let asking = ModelRequest {
                service_tier: tier.map(str::to_owned),
                ..request()
            };
            let value: Value = serde_json::from_str(&body(&asking)).unwrap();
            value.get("service_tier").cloned()
        };

        assert_eq!(sent(None), None);
        assert_eq!(sent(Some("fast")), Some(json!("priority")));
        assert_eq!(sent(Some("flex")), Some(json!("flex")));
    }

    #[test]
    fn a_longer_conversation_begins_with_the_bytes_of_the_shorter_one() {
        let short = request();
        let mut long = request();
        long.input.push(long.input[0].clone());
        long.metadata.turn_id = "another".into();

        let short = body(&short);
        let input_end = short.find("],\"client_metadata\"").unwrap();

        assert_eq!(short[..input_end], body(&long)[..input_end]);
    }

    #[test]
    fn headers_are_ascii_and_say_the_same() {
        let headers = request().metadata.headers();
        let turn = &headers[4].1;

        assert_eq!(headers[3], ("x-codex-window-id".to_owned(), "thread:2".to_owned()));
        assert!(turn.is_ascii(), "{turn}");
        assert_eq!(serde_json::from_str::<Value>(turn).unwrap(), Value::Object(request().metadata.turn));
    }
}
