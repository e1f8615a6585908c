//! Small values as a line spells them: paths, file URLs, token counts, policies, errors, and what the model was told.

use codex_base::AbsPath;
use codex_protocol::errors::{CodexErrorInfo, TurnError};
use codex_protocol::journal::WorldState;
use codex_protocol::settings::{NetworkAccess, SandboxPolicy};
use codex_protocol::spelling::in_camel_case;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
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
        #[serde(default)]
        writable_roots: Vec<String>,
        #[serde(default)]
        network_access: bool,
        #[serde(default)]
        exclude_tmpdir_env_var: bool,
        #[serde(default)]
        exclude_slash_tmp: bool,
    },
}

pub fn sandbox_policy(policy: &SandboxPolicy) -> SandboxPolicyLine {
    match policy {
        SandboxPolicy::DangerFullAccess => SandboxPolicyLine::DangerFullAccess,
        SandboxPolicy::ExternalSandbox { network_access } => SandboxPolicyLine::ExternalSandbox {
            network_access: *network_access,
        },
        SandboxPolicy::ReadOnly { network_access } => SandboxPolicyLine::ReadOnly {
            network_access: *network_access,
        },
        SandboxPolicy::WorkspaceWrite {
            writable_roots,
            network_access,
            exclude_tmpdir_env_var,
            exclude_slash_tmp,
        } => SandboxPolicyLine::WorkspaceWrite {
            writable_roots: writable_roots.iter().map(path_text).collect(),
            network_access: *network_access,
            exclude_tmpdir_env_var: *exclude_tmpdir_env_var,
            exclude_slash_tmp: *exclude_slash_tmp,
        },
    }
}

impl From<SandboxPolicyLine> for SandboxPolicy {
    fn from(line: SandboxPolicyLine) -> Self {
        match line {
            SandboxPolicyLine::DangerFullAccess => Self::DangerFullAccess,
            SandboxPolicyLine::ExternalSandbox { network_access } => Self::ExternalSandbox { network_access },
            SandboxPolicyLine::ReadOnly { network_access } => Self::ReadOnly { network_access },
            SandboxPolicyLine::WorkspaceWrite {
                writable_roots,
                network_access,
                exclude_tmpdir_env_var,
                exclude_slash_tmp,
            } => Self::WorkspaceWrite {
                writable_roots: writable_roots.iter().filter_map(|root| AbsPath::new(root).ok()).collect(),
                network_access,
                exclude_tmpdir_env_var,
                exclude_slash_tmp,
            },
        }
    }
}

/// The error of a failed turn, snake case, with our own fields beside those that others know.
pub fn turn_error(error: &TurnError) -> Value {
    let mut fields = json!({"message": error.message, "codex_error_info": error.codex_error_info.as_ref().map(snake_value)});
    for (name, value) in [("additional_details", &error.additional_details), ("code", &error.code)] {
        if let Some(value) = value {
            fields[name] = json!(value);
        }
    }
    fields
}

pub fn turn_error_from(value: &Value) -> TurnError {
    let text = |name: &str| value.get(name).and_then(Value::as_str).map(str::to_owned);
    let info = value.get("codex_error_info").filter(|info| !info.is_null()).cloned();
    TurnError {
        message: text("message").unwrap_or_default(),
        codex_error_info: info.map(|info| serde_json::from_value(in_camel_case(info)).unwrap_or(CodexErrorInfo::Other)),
        additional_details: text("additional_details"),
        code: text("code"),
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
