//! The tables as a JSON schema and as the reference part of the manual.

use super::{Document, Key, Kind, SECTIONS, Standing};
use crate::features;
use serde_json::{Map, Value, json};
use std::fmt::Write as _;

/// The JSON schema of `config.toml`, for editors; ends with a newline.
pub fn json_schema() -> String {
    let mut schema = json!({"$schema": "http://json-schema.org/draft-07/schema#", "title": "codex config.toml"});
    if let (Value::Object(schema), Value::Object(keys)) = (&mut schema, object(Document::Config.keys())) {
        schema.extend(keys);
    }
    schema["definitions"] = json!({"feature": {"anyOf": [{"type": "boolean"}, {"type": "object"}]}});
    let mut text = serde_json::to_string_pretty(&schema).unwrap_or_default();
    text.push('\n');
    text
}

fn object(keys: impl Iterator<Item = &'static Key>) -> Value {
    let known = keys.filter(|key| !matches!(key.standing, Standing::Gone { .. }));
    let properties: Map<String, Value> = known.map(|key| (key.name.to_owned(), property(key))).collect();
    json!({"type": "object", "properties": properties, "additionalProperties": false})
}

fn property(key: &'static Key) -> Value {
    let mut schema = of_kind(&key.kind);
    let about = match key.standing {
        Standing::Used | Standing::Gone { .. } => key.about.to_owned(),
        Standing::Later => "no effect in this version".to_owned(),
        Standing::Service => "hosted service: ignored".to_owned(),
        Standing::Moved { to } => format!("older name of {to}"),
    };
    if !about.is_empty() {
        schema["description"] = json!(about);
    }
    if matches!(key.standing, Standing::Moved { .. }) {
        schema["deprecated"] = json!(true);
    }
    schema
}

fn of_kind(kind: &'static Kind) -> Value {
    match kind {
        Kind::Any => json!({}),
        Kind::Switch => json!({"type": "boolean"}),
        Kind::Text | Kind::Path => json!({"type": "string"}),
        Kind::Word => json!({"type": "string", "minLength": 1}),
        Kind::Count { min, max } => {
            let mut schema = json!({"type": "integer"});
            if *min != i64::MIN {
                schema["minimum"] = json!(min);
            }
            if *max != i64::MAX {
                schema["maximum"] = json!(max);
            }
            schema
        }
        Kind::Number => json!({"type": "number", "minimum": 0}),
        Kind::Choice(choices) => json!({"type": "string", "enum": choices}),
        Kind::List(inner) => json!({"type": "array", "items": of_kind(inner)}),
        Kind::Map(inner) => json!({"type": "object", "additionalProperties": of_kind(inner)}),
        Kind::Names(names, inner) => {
            let properties: Map<String, Value> = names.iter().map(|&name| (name.to_owned(), of_kind(inner))).collect();
            json!({"type": "object", "properties": properties, "additionalProperties": false})
        }
        Kind::Table(keys) => object(keys.iter()),
        Kind::Open(keys, other) => {
            let mut schema = object(keys.iter());
            schema["additionalProperties"] = of_kind(other);
            schema
        }
        Kind::Either(kinds) => json!({"anyOf": kinds.iter().map(of_kind).collect::<Vec<_>>()}),
        Kind::Features => {
            let value = json!({"$ref": "#/definitions/feature"});
            let properties: Map<String, Value> = features::all().map(|feature| (feature.name.to_owned(), value.clone())).collect();
            json!({"type": "object", "properties": properties, "additionalProperties": false})
        }
    }
}

/// The reference part of `docs/config.md`: every key, by group.
pub fn reference() -> String {
    let mut text = String::new();
    for section in SECTIONS {
        let mut rows = String::new();
        section.keys.iter().for_each(|key| row(key, "", &mut rows));
        let mut others = String::new();
        for (standing, sentence) in [
            (Standing::Later, "Checked, without an effect in this version"),
            (Standing::Service, "Of a hosted service, ignored"),
        ] {
            let names: Vec<_> = section.keys.iter().filter(|key| key.standing == standing).map(name).collect();
            if !names.is_empty() {
                let _ = writeln!(others, "{sentence}: {}.\n", names.join(", "));
            }
        }
        let older: Vec<String> = section.keys.iter().filter_map(older).collect();
        if !older.is_empty() {
            let _ = writeln!(others, "Older: {}.\n", older.join("; "));
        }
        let _ = writeln!(text, "### {}\n", section.title);
        if !rows.is_empty() {
            let _ = writeln!(text, "| key | value | default | meaning |\n| --- | --- | --- | --- |\n{rows}");
        }
        text.push_str(&others);
    }
    let mut rules = String::new();
    Document::Requirements.keys().for_each(|key| row(key, "", &mut rules));
    let _ = writeln!(
        text,
        "### `requirements.toml`\n\n| key | value | default | meaning |\n| --- | --- | --- | --- |\n{rules}"
    );
    text.truncate(text.trim_end().len());
    text.push('\n');
    text
}

fn name(key: &'static Key) -> String {
    format!("`{}`", key.name)
}

fn older(key: &'static Key) -> Option<String> {
    match key.standing {
        Standing::Moved { to } => Some(format!("`{}` is `{to}`", key.name)),
        Standing::Gone { note } => Some(format!("`{}`: {note}", key.name)),
        Standing::Used | Standing::Later | Standing::Service => None,
    }
}

/// The key, if it says anything, and those below it.
fn row(key: &'static Key, prefix: &str, rows: &mut String) {
    if key.standing != Standing::Used {
        return;
    }
    let path = crate::tree::dotted(prefix, key.name);
    if !key.about.is_empty() || !key.default.is_empty() || inner(&key.kind).is_none() {
        let _ = writeln!(rows, "| `{path}` | {} | {} | {} |", value(&key.kind), key.default, key.about);
    }
    let (below, free) = match inner(&key.kind) {
        Some(found) => found,
        None => return,
    };
    let prefix = if free { format!("{path}.NAME") } else { path };
    below.iter().for_each(|key| row(key, &prefix, rows));
}

/// The keys of the table that a kind is, and whether a free name stands between.
fn inner(kind: &'static Kind) -> Option<(&'static [Key], bool)> {
    match kind {
        Kind::Table(keys) | Kind::Open(keys, _) => Some((keys, false)),
        Kind::Map(Kind::Table(keys)) => Some((keys, true)),
        Kind::Either(kinds) => kinds.iter().find_map(inner),
        _ => None,
    }
}

fn value(kind: &'static Kind) -> String {
    match kind {
        Kind::Any | Kind::Features => "table".to_owned(),
        Kind::Switch => "`true`, `false`".to_owned(),
        Kind::Text | Kind::Word => "text".to_owned(),
        Kind::Path => "path".to_owned(),
        Kind::Count { .. } | Kind::Number => "number".to_owned(),
        Kind::Choice(choices) => choices.iter().map(|choice| format!("`{choice}`")).collect::<Vec<_>>().join(", "),
        Kind::List(inner) => format!("list of {}", value(inner)),
        Kind::Map(inner) | Kind::Names(_, inner) => format!("table of {}", value(inner)),
        Kind::Table(_) | Kind::Open(..) => "table".to_owned(),
        Kind::Either(kinds) => kinds.iter().map(value).collect::<Vec<_>>().join(", or "),
    }
}
