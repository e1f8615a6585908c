//! The spellings of one value: clients read camel case, journals and scripts snake case.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};

/// The value, or its type's default when it has another shape than we know.
///
/// # Errors
/// If the text is no JSON.
pub fn lenient<'de, D: Deserializer<'de>, T: DeserializeOwned + Default>(deserializer: D) -> Result<T, D::Error> {
    Ok(serde_json::from_value(Value::deserialize(deserializer)?).unwrap_or_default())
}

/// Writes an enum, or a set of numbers, as [`snake_value`] has it.
///
/// # Errors
/// The serializer's own.
pub fn in_snake_case<T: Serialize, S: Serializer>(value: &T, serializer: S) -> Result<S::Ok, S::Error> {
    snake_value(value).serialize(serializer)
}

/// An enum, or a set of numbers, in snake case: as journals and the events of `codex exec` spell what clients of the server read in camel case.
/// Not for texts, whose words would be spelled anew as well.
pub fn snake_value(value: &impl Serialize) -> Value {
    respelled(serde_json::to_value(value).unwrap_or_default(), &snake)
}

/// The other way round, for what reads one spelling only.
pub fn in_camel_case(value: Value) -> Value {
    respelled(value, &camel)
}

/// Spells the names in a value (its keys, or itself when it is a string) another way.
fn respelled(value: Value, spell: &dyn Fn(&str) -> String) -> Value {
    match value {
        Value::String(name) => Value::String(spell(&name)),
        Value::Object(fields) => fields
            .into_iter()
            .map(|(name, value)| (spell(&name), respelled(value, spell)))
            .collect::<Map<_, _>>()
            .into(),
        other => other,
    }
}

fn snake(name: &str) -> String {
    let mut out = String::new();
    for c in name.chars() {
        if c.is_ascii_uppercase() {
            out.push('_');
        }
        out.push(c.to_ascii_lowercase());
    }
    out
}

fn camel(name: &str) -> String {
    let mut words = name.split('_');
    let mut out = words.next().unwrap_or_default().to_owned();
    for word in words {
        let mut letters = word.chars();
        out.extend(letters.next().map(|first| first.to_ascii_uppercase()));
        out.push_str(letters.as_str());
    }
    out
}
