//! Reads a script: one JSON object per line, one line per answer. Blank lines and lines that begin with `#` are skipped.
//!
//! Refused, with the line: unknown keys, items that are no items, limits that are out of range.

use crate::provider::ModelSetupError;
use crate::stream::Usage;
use codex_protocol::response_item::ResponseItem;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// Longest pause before an event, in milliseconds.
const DELAY_MS_MAX: u64 = 60_000;

#[derive(Debug)]
pub struct Script {
    /// Its path, or `demo`: for error texts.
    pub name: String,
    pub steps: Vec<Step>,
}

/// One answer.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// Line number in the file, 1 first.
    #[serde(skip)]
    pub line: usize,
    #[serde(default)]
    pub expect: Expect,
    #[serde(default)]
    pub capture: BTreeMap<String, Capture>,
    #[serde(default)]
    pub items: Vec<ScriptItem>,
    pub(crate) usage: Option<Usage>,
    pub end_turn: Option<bool>,
    /// Characters per delta; without it a text comes as one delta.
    pub chunk_chars: Option<usize>,
    /// Pause before every event, in milliseconds.
    #[serde(default)]
    pub delay_ms: u64,
    pub fail: Option<Failure>,
}

/// What the request must look like. Everything that is given must hold.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Expect {
    pub last_output_contains: Texts,
    pub last_output_lacks: Texts,
    pub any_output_contains: Texts,
    pub user_contains: Texts,
    pub input_contains: Texts,
    pub last_call: Option<String>,
    pub outputs: Option<usize>,
}

/// One text or several.
#[derive(Debug, Default, Deserialize)]
#[serde(from = "OneOrMany")]
pub struct Texts(pub Vec<String>);

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

impl From<OneOrMany> for Texts {
    fn from(texts: OneOrMany) -> Self {
        match texts {
            OneOrMany::One(text) => Self(vec![text]),
            OneOrMany::Many(texts) => Self(texts),
        }
    }
}

/// A piece of the newest tool output that holds `after`: what stands between `after` and `until` (or the line's end).
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Capture {
    pub after: String,
    pub until: Option<String>,
}

/// How an answer goes wrong.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Failure {
    Connect,
    HttpStatus {
        status: u16,
        #[serde(default)]
        body: String,
        retry_after: Option<String>,
    },
    /// The stream ends after so many events (`ItemAdded`, deltas, `ItemDone`).
    Cut {
        after_events: usize,
    },
    /// Silence after so many events, until the idle limit.
    Stall {
        after_events: usize,
    },
    ResponseFailed {
        code: String,
        #[serde(default)]
        message: String,
    },
    Incomplete {
        reason: String,
    },
}

/// An item, in short form or as it stands on the wire.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(try_from = "Map<String, Value>")]
pub enum ScriptItem {
    Message {
        text: String,
        phase: Option<String>,
    },
    Reasoning {
        summary: String,
    },
    /// A function call; `arguments` is an object, or a string that is sent as it is.
    Call {
        name: String,
        arguments: Value,
    },
    Custom {
        name: String,
        input: String,
    },
    /// Has a `type`.
    Wire(Map<String, Value>),
}

impl TryFrom<Map<String, Value>> for ScriptItem {
    type Error = String;

    fn try_from(fields: Map<String, Value>) -> Result<Self, String> {
        if fields.get("type").is_some_and(Value::is_string) {
            return Ok(Self::Wire(fields));
        }
        let text = |name: &str| fields.get(name).and_then(Value::as_str).map(str::to_owned);
        let only = |known: &[&str]| match fields.keys().find(|key| !known.contains(&key.as_str())) {
            Some(key) => Err(format!("unknown key {key} in an item with {}", known[0])),
            None => Ok(()),
        };
        if let Some(message) = text("message") {
            only(&["message", "phase"])?;
            return Ok(Self::Message {
                text: message,
                phase: text("phase"),
            });
        }
        if let Some(summary) = text("reasoning") {
            only(&["reasoning"])?;
            return Ok(Self::Reasoning { summary });
        }
        if let Some(name) = text("call") {
            only(&["call", "arguments"])?;
            return Ok(Self::Call {
                name,
                arguments: fields.get("arguments").cloned().unwrap_or_else(|| json!({})),
            });
        }
        if let Some(name) = text("custom") {
            only(&["custom", "input"])?;
            return Ok(Self::Custom {
                name,
                input: text("input").unwrap_or_default(),
            });
        }
        Err("an item needs a string under message, reasoning, call, custom or type".to_owned())
    }
}

impl ScriptItem {
    /// The item of step `step`, number `index` in it; its id names both.
    ///
    /// # Errors
    /// If a wire item is none.
    pub fn response_item(&self, step: usize, index: usize) -> Result<ResponseItem, serde_json::Error> {
        let id = |prefix: &str| format!("{prefix}{ID_MARK}{step}_{index}");
        let call_id = id("call");
        let wire = match self {
            Self::Message { text, phase } => {
                let content = json!([{ "type": "output_text", "text": text, "annotations": [] }]);
                let mut message =
                    json!({ "type": "message", "id": id("msg"), "role": "assistant", "status": "completed", "content": content });
                if let (Some(phase), Some(fields)) = (phase, message.as_object_mut()) {
                    fields.insert("phase".to_owned(), json!(phase));
                }
                message
            }
            Self::Reasoning { summary } => {
                json!({ "type": "reasoning", "id": id("rs"), "summary": [{ "type": "summary_text", "text": summary }], "encrypted_content": null })
            }
            Self::Call { name, arguments } => {
                let arguments = arguments.as_str().map_or_else(|| arguments.to_string(), str::to_owned);
                json!({ "type": "function_call", "id": id("fc"), "status": "completed", "call_id": call_id, "name": name, "arguments": arguments })
            }
            Self::Custom { name, input } => {
                json!({ "type": "custom_tool_call", "id": id("ctc"), "status": "completed", "call_id": call_id, "name": name, "input": input })
            }
            Self::Wire(fields) => {
                let mut fields = fields.clone();
                fields.entry("id").or_insert_with(|| json!(id("item")));
                Value::Object(fields)
            }
        };
        ResponseItem::make(&wire)
    }

    /// Replaces text in every string the model would say.
    #[must_use]
    pub fn with_texts(&self, replaced: &dyn Fn(&str) -> Value) -> Self {
        let text = |text: &str| match replaced(text) {
            Value::String(text) => text,
            other => other.to_string(),
        };
        match self {
            Self::Message { text: message, phase } => Self::Message {
                text: text(message),
                phase: phase.clone(),
            },
            Self::Reasoning { summary } => Self::Reasoning { summary: text(summary) },
            Self::Call { name, arguments } => Self::Call {
                name: name.clone(),
                arguments: in_value(arguments, replaced),
            },
            Self::Custom { name, input } => Self::Custom {
                name: name.clone(),
                input: text(input),
            },
            Self::Wire(fields) => Self::Wire(fields.iter().map(|(key, value)| (key.clone(), in_value(value, replaced))).collect()),
        }
    }
}

fn in_value(value: &Value, replaced: &dyn Fn(&str) -> Value) -> Value {
    match value {
        Value::String(text) => replaced(text),
        Value::Array(values) => values.iter().map(|value| in_value(value, replaced)).collect(),
        Value::Object(fields) => fields.iter().map(|(key, value)| (key.clone(), in_value(value, replaced))).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
    }
}

/// Stands in every id that we make, before the step's number.
pub const ID_MARK: &str = "_script_";

/// The step that an id of ours names.
pub fn step_of_id(id: &str) -> Option<usize> {
    let (_, numbers) = id.rsplit_once(ID_MARK)?;
    numbers.split_once('_')?.0.parse().ok()
}

impl Script {
    /// Reads the text of a script.
    ///
    /// # Errors
    /// Names the first line that is wrong.
    pub fn parse(name: &str, text: &str) -> Result<Self, ModelSetupError> {
        let mut steps = Vec::new();
        for (line, text) in (1..).zip(text.lines()) {
            if text.trim().is_empty() || text.starts_with('#') {
                continue;
            }
            let step = parse_step(line, text);
            steps.push(step.map_err(|problem| ModelSetupError::BadScript {
                name: name.to_owned(),
                line,
                problem,
            })?);
        }
        Ok(Self {
            name: name.to_owned(),
            steps,
        })
    }
}

fn parse_step(line: usize, text: &str) -> Result<Step, String> {
    // An array would count as an object without names.
    if !text.trim_start().starts_with('{') {
        return Err("it is no object: an answer is `{\"items\": […]}`".to_owned());
    }
    let step: Step = serde_json::from_str(text).map_err(|error| error.to_string().replace(" at line 1 column ", " at column "))?;
    if step.delay_ms > DELAY_MS_MAX {
        return Err(format!("delay_ms is over {DELAY_MS_MAX}"));
    }
    if step.chunk_chars == Some(0) {
        return Err("chunk_chars is 0".to_owned());
    }
    for (index, item) in step.items.iter().enumerate() {
        item.response_item(0, index)
            .map_err(|error| format!("item {}: {error}", index + 1))?;
    }
    Ok(Step { line, ..step })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_examples_of_the_documentation_can_be_read() {
        let page = include_str!("../../../../../docs/scripted-model.md");
        let examples: Vec<_> = page
            .split("```jsonl")
            .skip(1)
            .filter_map(|rest| rest.split("```").next()?.split_once('\n'))
            .map(|(_, example)| example)
            .collect();

        assert!(examples.len() >= 3);
        for example in examples {
            let script = Script::parse("example", example).unwrap_or_else(|error| panic!("{error}\n{example}"));
            assert!(!script.steps.is_empty(), "{example}");
        }
    }

    #[test]
    fn a_line_that_is_no_object_is_told_in_our_words() {
        for line in ["[]", "[[{}]]", "null", "\"a\"", "7"] {
            let error = Script::parse("s", &format!("# first\n{line}\n")).unwrap_err();
            assert_eq!(
                error.to_string(),
                "script s, line 2: it is no object: an answer is `{\"items\": […]}`",
                "{line}"
            );
        }
        let unknown = Script::parse("s", "# first\n{\"nope\": 1}").unwrap_err().to_string();
        assert!(
            unknown.starts_with("script s, line 2: unknown field `nope`") && unknown.ends_with(" at column 7"),
            "{unknown}"
        );
    }

    #[test]
    fn ids_name_their_step() {
        let item = |step, index| {
            ScriptItem::Message {
                text: String::new(),
                phase: None,
            }
            .response_item(step, index)
            .unwrap()
        };

        assert_eq!(step_of_id(item(12, 3).id().unwrap()), Some(12));
        assert_eq!(step_of_id("msg_0199"), None);
        assert_eq!(step_of_id("msg_script_x_1"), None);
    }
}
