//! The payload of `session_meta`, the first line of a journal.

use super::values::{lenient, path_from, path_text, root};
use codex_base::Timestamp;
use codex_protocol::items::{GitInfo, SessionSource};
use codex_protocol::journal::SessionMeta;
use codex_protocol::response_item::ResponseItem;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Value, json};

pub fn to_payload(meta: &SessionMeta) -> impl Serialize {
    MetaOut {
        id: meta.id.clone(),
        session_id: meta.session_id.clone(),
        timestamp: meta.timestamp.clone(),
        cwd: path_text(&meta.cwd),
        runtime_workspace_roots: vec![path_text(&meta.cwd)],
        originator: meta.originator.clone(),
        cli_version: meta.cli_version.clone(),
        source: source_name(meta.source),
        thread_source: "user",
        model_provider: meta.model_provider.clone(),
        base_instructions: json!({"text": meta.base_instructions, "provenance": {"type": "model", "model": meta.model}}),
        history_mode: "paginated",
        git: meta.git.clone().map(GitLine::from),
        base_item: meta.base_item.clone(),
        tools: meta.tools.clone(),
    }
}

/// `at` is the line's own time, for files that do not repeat it.
pub fn from_payload(text: &str, at: Timestamp) -> serde_json::Result<SessionMeta> {
    let line: MetaIn = serde_json::from_str(text)?;
    let instructions = line
        .base_instructions
        .as_ref()
        .map(|given| given.get("text").unwrap_or(given))
        .and_then(Value::as_str);
    let model = line
        .base_instructions
        .as_ref()
        .and_then(|given| given.pointer("/provenance/model"))
        .and_then(Value::as_str);
    Ok(SessionMeta {
        session_id: line.session_id.unwrap_or_else(|| line.id.clone()),
        id: line.id,
        timestamp: line.timestamp.unwrap_or_else(|| format!("{at:.3}")),
        cwd: line.cwd.map_or_else(root, |cwd| path_from(&cwd)),
        originator: line.originator,
        cli_version: line.cli_version,
        source: line
            .source
            .as_ref()
            .and_then(Value::as_str)
            .map_or(SessionSource::Unknown, source_from),
        model_provider: line.model_provider,
        model: model.unwrap_or_default().to_owned(),
        base_instructions: instructions.map(str::to_owned).or(line.instructions).unwrap_or_default(),
        base_item: line.base_item.and_then(|item| ResponseItem::parse(item).ok()),
        tools: line.tools,
        git: line.git.map(Into::into),
    })
}

const fn source_name(source: SessionSource) -> &'static str {
    match source {
        SessionSource::Cli => "cli",
        SessionSource::Vscode => "vscode",
        SessionSource::Exec => "exec",
        SessionSource::AppServer => "mcp",
        SessionSource::Unknown => "unknown",
    }
}

fn source_from(name: &str) -> SessionSource {
    match name {
        "cli" => SessionSource::Cli,
        "vscode" => SessionSource::Vscode,
        "exec" => SessionSource::Exec,
        "mcp" => SessionSource::AppServer,
        _ => SessionSource::Unknown,
    }
}

#[derive(Serialize)]
struct MetaOut {
    id: String,
    session_id: String,
    timestamp: String,
    cwd: String,
    runtime_workspace_roots: Vec<String>,
    originator: String,
    cli_version: String,
    source: &'static str,
    thread_source: &'static str,
    model_provider: String,
    base_instructions: Value,
    history_mode: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    git: Option<GitLine>,
    #[serde(skip_serializing_if = "Option::is_none")]
    base_item: Option<ResponseItem>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tools: Option<String>,
}

#[derive(Deserialize)]
struct MetaIn {
    id: String,
    #[serde(default, deserialize_with = "lenient")]
    session_id: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    timestamp: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    cwd: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    originator: String,
    #[serde(default, deserialize_with = "lenient")]
    cli_version: String,
    /// A word, or an object for sub-agents.
    #[serde(default)]
    source: Option<Value>,
    #[serde(default, deserialize_with = "lenient")]
    model_provider: String,
    /// `{text}`, or (older) a bare string.
    #[serde(default)]
    base_instructions: Option<Value>,
    /// What older files have instead.
    #[serde(default, deserialize_with = "lenient")]
    instructions: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    git: Option<GitLine>,
    #[serde(default)]
    base_item: Option<Box<RawValue>>,
    #[serde(default, deserialize_with = "lenient")]
    tools: Option<String>,
}

#[derive(Default, Serialize, Deserialize)]
struct GitLine {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    commit_hash: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    branch: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    repository_url: Option<String>,
}

impl From<GitInfo> for GitLine {
    fn from(info: GitInfo) -> Self {
        Self {
            commit_hash: info.sha,
            branch: info.branch,
            repository_url: info.origin_url,
        }
    }
}

impl From<GitLine> for GitInfo {
    fn from(line: GitLine) -> Self {
        Self {
            sha: line.commit_hash,
            branch: line.branch,
            origin_url: line.repository_url,
        }
    }
}
