//! Why a key has its value: every layer that says something about it, the one that won, and the requirement that changed it.

use crate::layers::{self, Layers};
use crate::schema::{self, Standing};
use crate::tree::{self, Layer, Node, Value};
use crate::{ConfigError, Overrides, ProcessEnv, Replacement, Resolved};
use codex_base::AbsPath;
use serde::Serialize;
use std::collections::BTreeSet;

/// One key.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Explanation {
    pub key: String,
    pub meaning: Option<&'static str>,
    /// What counts, as JSON; `None` if no layer says anything. Secrets are left out.
    pub value: Option<serde_json::Value>,
    /// Said when no layer says anything.
    pub default: Option<&'static str>,
    /// What came of it where that is not the value itself: after requirements, trust and defaults.
    pub in_force: Option<String>,
    /// The layer that won first, then those that lost, from the strongest to the weakest, then those that do not count.
    pub layers: Vec<Said>,
    /// The requirement that replaced the value.
    pub changed_by: Option<String>,
    /// A word about keys without an effect.
    pub note: Option<String>,
}

/// What one layer says.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Said {
    /// `system`, `user`, `profile`, `project`, `session`, `flag`, `managed` or `requirements`.
    pub layer: &'static str,
    /// File, line and column; or the kind of override.
    pub place: String,
    pub value: serde_json::Value,
    pub wins: bool,
    /// Why the layer does not count at all.
    pub ignored: Option<String>,
}

/// Explains one key, or every set key below a table. An empty key explains everything that is set.
///
/// # Errors
/// As [`resolve`](crate::resolve) for files that cannot be read; `config.no_such_key` for a key that nobody knows and nobody set.
pub fn explain(env: &ProcessEnv, cwd: &AbsPath, overrides: &Overrides, key: &str) -> Result<Vec<Explanation>, ConfigError> {
    let layers = layers::load(env, cwd, overrides)?;
    let resolved = crate::resolve(env, cwd, overrides);
    let path = key_path(key);
    let below = set_below(&layers, &path);
    if below.is_empty() && !path.is_empty() {
        if schema::find(&path).is_none() {
            return Err(no_such_key(key));
        }
        return Ok(vec![one(&layers, resolved.as_ref(), &path)]);
    }
    Ok(below.iter().map(|path| one(&layers, resolved.as_ref(), path)).collect())
}

fn no_such_key(key: &str) -> ConfigError {
    let paths = schema::paths();
    let last = key.rsplit('.').next().unwrap_or(key);
    let ending = paths.iter().find(|path| path.ends_with(&format!(".{last}"))).cloned();
    ConfigError::NoSuchKey {
        key: key.to_owned(),
        nearest: schema::nearest(key, paths.iter().map(String::as_str)).or(ending),
    }
}

/// A key as one writes it in a file, in its parts: `tui.keymap.global.copy`, `projects."/a.b".trust_level`. What is no TOML key is split at its
/// dots.
pub fn key_path(key: &str) -> Vec<String> {
    let key = key.trim();
    if key.is_empty() {
        return Vec::new();
    }
    let Ok(mut table) = toml::from_str::<toml::Table>(&format!("{key} = 0")) else {
        return key.split('.').map(str::to_owned).collect();
    };
    let mut path = Vec::new();
    while let Some((name, value)) = table.into_iter().next() {
        path.push(name);
        match value {
            toml::Value::Table(inner) => table = inner,
            _ => break,
        }
    }
    path
}

/// Every path at or below `path` that some layer sets.
fn set_below(layers: &Layers, path: &[String]) -> BTreeSet<Vec<String>> {
    let leaves = layers.stack.iter().flat_map(|loaded| tree::leaves(&loaded.table));
    leaves.map(|(leaf, _)| leaf).filter(|leaf| leaf.starts_with(path)).collect()
}

fn one(layers: &Layers, resolved: Result<&Resolved, &ConfigError>, path: &[String]) -> Explanation {
    let key = tree::spelled(path);
    let known = schema::find(path);
    let winner = tree::get(&layers.merged, path);
    let change = resolved
        .ok()
        .and_then(|resolved| resolved.changes.iter().find(|change| change.key == key));
    Explanation {
        value: winner.map(|node| shown(path, node)),
        meaning: known.map(|known| known.about).filter(|about| !about.is_empty()),
        default: known.map(|known| known.default).filter(|default| !default.is_empty()),
        in_force: in_force(resolved, &key, winner.and_then(Node::text)),
        layers: said(layers, winner, path),
        changed_by: change.map(Replacement::to_string),
        note: known.and_then(|known| note(known.standing)),
        key,
    }
}

fn said(layers: &Layers, winner: Option<&Node>, path: &[String]) -> Vec<Said> {
    let mut counting = Vec::new();
    let mut ignored = Vec::new();
    for loaded in layers.stack.iter().rev() {
        let Some(node) = tree::get(&loaded.table, path) else { continue };
        let said = Said {
            layer: name_of(node.source.layer),
            place: node.source.place.to_string(),
            value: shown(path, node),
            wins: loaded.ignored.is_none() && winner.is_some_and(|winner| winner.source == node.source),
            ignored: loaded.ignored.clone(),
        };
        match loaded.ignored {
            None => counting.push(said),
            Some(_) => ignored.push(said),
        }
    }
    // A deny of a lower layer wins; otherwise the first already does.
    counting.sort_by_key(|said| !said.wins);
    counting.append(&mut ignored);
    counting
}

/// What was made of keys that trust, defaults and requirements have a say in.
fn in_force(resolved: Result<&Resolved, &ConfigError>, key: &str, written: Option<&str>) -> Option<String> {
    let resolved = resolved.ok()?;
    let config = &resolved.config;
    let unless_written = |value: &Option<String>| value.clone().filter(|value| Some(value.as_str()) != written);
    match key {
        "approval_policy" => Some(config.approval_policy.as_str().to_owned()),
        "sandbox_mode" | "default_permissions" => {
            let mode = config.sandbox_policy.mode().as_str();
            let profile = config
                .permission_profile
                .as_ref()
                .map(|profile| format!(" (permission profile `{}`)", profile.id));
            Some(format!("{mode}{}", profile.unwrap_or_default()))
        }
        "model_provider" => Some(config.provider.id.clone()),
        "model" => unless_written(&config.model),
        "model_reasoning_effort" => unless_written(&config.model_reasoning_effort),
        "service_tier" => unless_written(&config.service_tier),
        "web_search" => Some(config.web_search.unwrap_or_else(|| config.usual_web_search()).as_str().to_owned()),
        "sqlite_home" => Some(config.sqlite_home.to_string()),
        "log_dir" => Some(config.log_dir.to_string()),
        _ => None,
    }
}

fn note(standing: Standing) -> Option<String> {
    match standing {
        Standing::Used => None,
        Standing::Later => Some("it has no effect in this version".to_owned()),
        Standing::Service => Some("it belongs to a hosted service and is ignored".to_owned()),
        Standing::Moved { to } => Some(format!("this is an older name of `{to}`")),
        Standing::Gone { note } => Some(format!("it has no effect: {note}")),
    }
}

const fn name_of(layer: Layer) -> &'static str {
    match layer {
        Layer::System => "system",
        Layer::User => "user",
        Layer::Profile => "profile",
        Layer::Project => "project",
        Layer::Session => "session",
        Layer::Flag => "flag",
        Layer::Managed => "managed",
        Layer::Requirement => "requirements",
    }
}

/// The value without what nobody should read over a shoulder.
fn shown(path: &[String], node: &Node) -> serde_json::Value {
    if is_secret(path) {
        return serde_json::Value::String("(not shown)".to_owned());
    }
    plain(path, &node.value)
}

fn plain(path: &[String], value: &Value) -> serde_json::Value {
    match value {
        Value::Table(table) => serde_json::Value::Object(
            table
                .iter()
                .map(|(name, node)| {
                    let path: Vec<String> = path.iter().chain([name]).cloned().collect();
                    (name.clone(), shown(&path, node))
                })
                .collect(),
        ),
        Value::Other(value) => serde_json::to_value(value).unwrap_or_default(),
    }
}

/// Headers and tokens; names of variables are none.
fn is_secret(path: &[String]) -> bool {
    const TABLES: [&str; 3] = ["http_headers", "headers", "query_params"];
    let Some((last, tables)) = path.split_last() else { return false };
    let looks = crate::shell_env::looks_secret(last.as_ref());
    let count =
        |name: &str| name.ends_with("_limit") || name.ends_with("_tokens") || name.starts_with("env_") || name.ends_with("_env_var");
    let free = tables.iter().any(|name| ["set", "env", "model_providers"].contains(&name.as_str()));
    tables.iter().any(|name| TABLES.contains(&name.as_str()))
        || last == "experimental_bearer_token"
        || last == "client_secret"
        || (looks && free && !count(last))
}
