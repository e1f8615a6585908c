//! What a client writes, as JSON, in changes of the file.

use super::Change;
use codex_protocol::config::MergeStrategy;
use serde_json::Value;

/// The changes that put `value` at `path`. Null takes a key out. `None` if TOML has no such value: a null in a list, a number beyond 64 bits.
pub fn changes(path: &[String], value: &Value, merge: MergeStrategy) -> Option<Vec<Change>> {
    match (value, merge) {
        (Value::Null, _) => Some(vec![Change::Remove { path: path.to_vec() }]),
        (Value::Object(entries), MergeStrategy::Upsert) => {
            let mut all = Vec::new();
            for (name, value) in entries {
                let path: Vec<String> = path.iter().chain([name]).cloned().collect();
                all.extend(changes(&path, value, merge)?);
            }
            Some(all)
        }
        _ => Some(vec![Change::Set {
            path: path.to_vec(),
            value: toml_value(value)?,
        }]),
    }
}

fn toml_value(value: &Value) -> Option<toml::Value> {
    Some(match value {
        Value::Null => return None,
        Value::Bool(value) => (*value).into(),
        Value::Number(number) => match number.as_i64() {
            Some(integer) => integer.into(),
            None if number.is_f64() => number.as_f64()?.into(),
            None => return None,
        },
        Value::String(text) => text.as_str().into(),
        Value::Array(items) => toml::Value::Array(items.iter().map(toml_value).collect::<Option<_>>()?),
        Value::Object(entries) => {
            let entries = entries.iter().filter(|(_, value)| !value.is_null());
            let entries: Option<toml::Table> = entries.map(|(name, value)| Some((name.clone(), toml_value(value)?))).collect();
            toml::Value::Table(entries?)
        }
    })
}
