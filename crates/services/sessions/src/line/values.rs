//! Small values as a line spells them: paths, file URLs, token counts, policies, errors, and what the model was told.

use codex_base::AbsPath;
use codex_protocol::errors::{CodexErrorInfo, TurnError};
use codex_protocol::journal::WorldState;
use codex_protocol::settings::{NetworkAccess, SandboxPolicy};
use codex_protocol::spelling::in_camel_case;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;
use serde_json::{Value, json};

pub use codex_protocol::spelling::{in_snake_case, lenient, snake_value};

/// A field that may be missing or null.
pub fn optional<T: DeserializeOwned>(field: Option<&RawValue>) -> serde_json::Result<Option<T>> {
    field.map(|field| serde_json::from_str(field.get())).transpose()
}

/// Bytes that are no UTF-8 become U+FFFD: a path in a journal is for reading, not for opening.
pub fn path_text(path: &AbsPath) -> String {
    path.to_string_lossy().into_owned()
}

/// A stored path or `file://` URL; the root when it is none on this system (a journal from another one).
pub fn path_from(text: &str) -> AbsPath {
    let plain = match text.strip_prefix("file://") {
        Some(encoded) => percent_decode_str(encoded).decode_utf8_lossy().into_owned(),
        None => text.to_owned(),
    };
    AbsPath::new(&plain)
        .or_else(|_| AbsPath::new(plain.trim_start_matches('/')))
        .unwrap_or_else(|_| root())
}

pub fn root() -> AbsPath {
    AbsPath::new("/")
        .or_else(|_| AbsPath::new("C:\\"))
        .expect("one of the two is absolute on every system")
}

/// A path as a text.
pub mod path {
    use super::{AbsPath, Deserialize, Deserializer, Serializer, path_from, path_text};

    pub fn serialize<S: Serializer>(path: &AbsPath, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&path_text(path))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<AbsPath, D::Error> {
        String::deserialize(deserializer).map(|text| path_from(&text))
    }
}

/// Letters, digits and these signs stand in a URL as they are.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'/')
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b':')
    .remove(b'@')
    .remove(b'+')
    .remove(b',')
    .remove(b'=');

pub fn file_url(path: &AbsPath) -> String {
    let text = path_text(path);
    let text = if text.starts_with('/') {
        text
    } else {
        format!("/{}", text.replace('\\', "/"))
    };
    format!("file://{}", utf8_percent_encode(&text, ENCODED))
}

/// A sandbox policy in the kebab-case form of journals.
#[derive(Serialize, Deserialize)]
#[serde(remote = "SandboxPolicy", tag = "type", rename_all = "kebab-case")]
pub enum SandboxPolicyLine {
    DangerFullAccess,
    ExternalSandbox {
        #[serde(default, deserialize_with = "lenient")]
        network_access: NetworkAccess,
    },
    ReadOnly {
        #[serde(default)]
        network_access: bool,
    },
    WorkspaceWrite {
        #[serde(default, with = "paths")]
        writable_roots: Vec<AbsPath>,
        #[serde(default)]
        network_access: bool,
        #[serde(default)]
        exclude_tmpdir_env_var: bool,
        #[serde(default)]
        exclude_slash_tmp: bool,
    },
}

/// Paths as texts; what is none on this system is left out.
mod paths {
    use super::{AbsPath, Deserialize, Deserializer, Serializer, path_text};

    pub fn serialize<S: Serializer>(paths: &[AbsPath], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(paths.iter().map(path_text))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<AbsPath>, D::Error> {
        let texts = Vec::<String>::deserialize(deserializer)?;
        Ok(texts.iter().filter_map(|text| AbsPath::new(text).ok()).collect())
    }
}

/// The turn, and as what others call it: the root of those that work for it.
pub mod turn_ids {
    use super::{Deserialize, Deserializer, Serialize, Serializer, lenient};

    pub fn serialize<S: Serializer>(turn_id: &str, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Ids<'a> {
            turn_id: &'a str,
            root_turn_id: &'a str,
        }
        let root_turn_id = turn_id;
        Ids { turn_id, root_turn_id }.serialize(serializer)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
        #[derive(Deserialize)]
        struct Id {
            #[serde(default, deserialize_with = "lenient")]
            turn_id: String,
        }
        Id::deserialize(deserializer).map(|id| id.turn_id)
    }
}

/// What a thread has used, with words that others look for.
pub mod token_info {
    use super::{Deserialize, Deserializer, Serialize, Serializer, json, snake_value};
    use codex_protocol::items::{ThreadTokenUsage, TokenUsageBreakdown};

    pub fn serialize<S: Serializer>(usage: &ThreadTokenUsage, serializer: S) -> Result<S::Ok, S::Error> {
        let info = json!({
            "total_token_usage": snake_value(&usage.total), "last_token_usage": snake_value(&usage.last),
            "last_usage_includes_reasoning": true, "model_context_window": usage.model_context_window,
        });
        info.serialize(serializer)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<ThreadTokenUsage, D::Error> {
        #[derive(Deserialize)]
        struct Info {
            #[serde(default)]
            total_token_usage: TokenUsageBreakdown,
            #[serde(default)]
            last_token_usage: TokenUsageBreakdown,
            model_context_window: Option<i64>,
        }
        Info::deserialize(deserializer).map(|info| ThreadTokenUsage {
            total: info.total_token_usage,
            last: info.last_token_usage,
            model_context_window: info.model_context_window,
        })
    }
}

/// The error of a failed turn, snake case, with our own fields beside those that others know.
pub mod failure {
    use super::{CodexErrorInfo, Deserialize, Deserializer, Serialize, Serializer, TurnError, Value, in_camel_case, json, snake_value};

    pub fn serialize<S: Serializer>(error: &Option<TurnError>, serializer: S) -> Result<S::Ok, S::Error> {
        let value = error.as_ref().map(|error| {
            let mut fields = json!({"message": error.message, "codex_error_info": error.codex_error_info.as_ref().map(snake_value)});
            for (name, value) in [("additional_details", &error.additional_details), ("code", &error.code)] {
                if let Some(value) = value {
                    fields[name] = json!(value);
                }
            }
            fields
        });
        value.serialize(serializer)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<TurnError>, D::Error> {
        let value = Option::<Value>::deserialize(deserializer)?;
        Ok(value.map(|value| {
            let text = |name: &str| value.get(name).and_then(Value::as_str).map(str::to_owned);
            let info = value.get("codex_error_info").filter(|info| !info.is_null()).cloned();
            TurnError {
                message: text("message").unwrap_or_default(),
                codex_error_info: info.map(|info| serde_json::from_value(in_camel_case(info)).unwrap_or(CodexErrorInfo::Other)),
                additional_details: text("additional_details"),
                code: text("code"),
            }
        }))
    }
}

/// Always complete (`full`): what the model was last told, name by name.
pub fn world_state(state: &WorldState) -> Value {
    json!({"full": true, "state": state})
}

/// Of another program's state we know nothing: the model is then told again.
pub fn world_state_from(text: &str) -> serde_json::Result<WorldState> {
    #[derive(Deserialize)]
    struct Payload {
        #[serde(default, deserialize_with = "lenient")]
        state: WorldState,
    }
    serde_json::from_str(text).map(|Payload { state }| state)
}
