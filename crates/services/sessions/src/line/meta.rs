//! The payload of `session_meta`, the first line of a journal.

use super::values::{lenient, path_from, path_text, root};
use codex_base::Timestamp;
use codex_protocol::items::{GitInfo, SessionSource, SubAgentKind};
use codex_protocol::journal::{HistoryBase, SessionMeta};
use codex_protocol::response_item::ResponseItem;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Value, json};

pub fn to_payload(meta: &SessionMeta) -> impl Serialize {
    MetaLine {
        forked_from_id: meta.forked_from_id.clone(),
        forked_from_ordinal_exclusive: meta.history_base.as_ref().map(|base| base.end_ordinal_exclusive),
        history_base: meta.history_base.clone(),
        parent_thread_id: meta.parent_thread_id.clone(),
        id: meta.id.clone(),
        session_id: Some(meta.session_id.clone()),
        timestamp: Some(meta.timestamp.clone()),
        cwd: Some(path_text(&meta.cwd)),
        runtime_workspace_roots: vec![path_text(&meta.cwd)],
        originator: meta.originator.clone(),
        cli_version: meta.cli_version.clone(),
        source: Some(source_value(meta.source, meta.parent_thread_id.as_deref())),
        thread_source: Some(meta.thread_source.clone().unwrap_or_else(|| "user".to_owned())),
        model_provider: meta.model_provider.clone(),
        base_instructions: Some(json!({"text": meta.base_instructions, "provenance": {"type": "model", "model": meta.model}})),
        instructions: None,
        history_mode: "paginated",
        git: meta.git.clone().map(GitLine),
        base_item: meta.base_item.as_ref().map(|item| item.raw().to_owned()),
        tools: meta.tools.clone(),
    }
}

/// `at` is the line's own time, for files that do not repeat it.
pub fn from_payload(text: &str, at: Timestamp) -> serde_json::Result<SessionMeta> {
    let line: MetaLine = serde_json::from_str(text)?;
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
        source: line.source.as_ref().map_or(SessionSource::Unknown, source_from),
        thread_source: line.thread_source.filter(|source| source != "user"),
        model_provider: line.model_provider,
        model: model.unwrap_or_default().to_owned(),
        base_instructions: instructions.map(str::to_owned).or(line.instructions).unwrap_or_default(),
        base_item: line.base_item.and_then(|item| ResponseItem::parse(&item).ok()),
        tools: line.tools,
        git: line.git.map(|GitLine(git)| git),
        parent_thread_id: line.parent_thread_id.or_else(|| spawned_by(line.source.as_ref()?)),
        forked_from_id: line.forked_from_id.or_else(|| Some(line.history_base.as_ref()?.thread_id.clone())),
        history_base: line.history_base,
    })
}

/// Versions without a field of its own tell the parent in the source.
fn spawned_by(source: &Value) -> Option<String> {
    source
        .pointer("/subagent/thread_spawn/parent_thread_id")?
        .as_str()
        .map(str::to_owned)
}

/// Of sources that a word says all of.
const SOURCES: [(SessionSource, &str); 5] = [
    (SessionSource::Cli, "cli"),
    (SessionSource::Vscode, "vscode"),
    (SessionSource::Exec, "exec"),
    (SessionSource::AppServer, "mcp"),
    (SessionSource::Unknown, "unknown"),
];

fn source_value(source: SessionSource, parent: Option<&str>) -> Value {
    match source {
        SessionSource::SubAgent(SubAgentKind::Review) => json!({"subagent": "review"}),
        SessionSource::SubAgent(SubAgentKind::Compact) => json!({"subagent": "compact"}),
        SessionSource::SubAgent(SubAgentKind::ThreadSpawn) => {
            json!({"subagent": {"thread_spawn": {"parent_thread_id": parent, "depth": 1}}})
        }
        SessionSource::SubAgent(SubAgentKind::Other) => json!({"subagent": {"other": "other"}}),
        plain => json!(SOURCES.iter().find(|(source, _)| *source == plain).map(|(_, word)| word)),
    }
}

fn source_from(source: &Value) -> SessionSource {
    let Some(agent) = source.get("subagent") else {
        let known = SOURCES.iter().find(|(_, word)| source == word);
        return known.map_or(SessionSource::Unknown, |(source, _)| *source);
    };
    SessionSource::SubAgent(match agent.as_str() {
        Some("review") => SubAgentKind::Review,
        Some("compact") => SubAgentKind::Compact,
        _ if agent.get("thread_spawn").is_some() => SubAgentKind::ThreadSpawn,
        _ => SubAgentKind::Other,
    })
}

#[derive(Serialize, Deserialize)]
struct MetaLine {
    id: String,
    #[serde(default, deserialize_with = "lenient")]
    session_id: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    timestamp: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    cwd: Option<String>,
    #[serde(skip_deserializing)]
    runtime_workspace_roots: Vec<String>,
    #[serde(default, deserialize_with = "lenient")]
    originator: String,
    #[serde(default, deserialize_with = "lenient")]
    cli_version: String,
    /// A word, or an object for sub-agents.
    source: Option<Value>,
    #[serde(default, deserialize_with = "lenient")]
    thread_source: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    model_provider: String,
    /// `{text}`, or (older) a bare string.
    base_instructions: Option<Value>,
    /// What older files have instead.
    #[serde(default, deserialize_with = "lenient", skip_serializing)]
    instructions: Option<String>,
    #[serde(skip_deserializing)]
    history_mode: &'static str,
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    forked_from_id: Option<String>,
    #[serde(skip_deserializing, skip_serializing_if = "Option::is_none")]
    forked_from_ordinal_exclusive: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    history_base: Option<HistoryBase>,
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    parent_thread_id: Option<String>,
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    git: Option<GitLine>,
    #[serde(skip_serializing_if = "Option::is_none")]
    base_item: Option<Box<RawValue>>,
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    tools: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct GitLine(#[serde(with = "GitFields")] GitInfo);

#[derive(Serialize, Deserialize)]
#[serde(remote = "GitInfo")]
struct GitFields {
    #[serde(rename = "commit_hash", default, skip_serializing_if = "Option::is_none")]
    sha: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    branch: Option<String>,
    #[serde(rename = "repository_url", default, skip_serializing_if = "Option::is_none")]
    origin_url: Option<String>,
}
