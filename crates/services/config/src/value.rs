//! Typed views of a value, with errors that say where it stands and what it should be.

use crate::tree::{Node, Table, Value};
use crate::{ConfigError, Place, ProcessEnv};
use codex_base::AbsPath;
use serde::de::DeserializeOwned;
use serde::de::value::StrDeserializer;

/// The value of that name; which names there are is told where a layer is checked.
pub(crate) fn by_name<T: DeserializeOwned>(name: &str) -> Option<T> {
    T::deserialize(StrDeserializer::<serde::de::value::Error>::new(name)).ok()
}

impl Node {
    /// The entries of a list.
    pub(crate) fn items(&self) -> Option<&[toml::Value]> {
        match &self.value {
            Value::Other(toml::Value::Array(items)) => Some(items),
            Value::Other(_) | Value::Table(_) => None,
        }
    }

    pub(crate) fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Other(toml::Value::String(text)) => Some(text),
            Value::Other(_) | Value::Table(_) => None,
        }
    }

    pub(crate) fn string(&self, key: &str) -> Result<String, ConfigError> {
        self.text().map(str::to_owned).ok_or_else(|| self.wrong(key, "a string"))
    }

    pub(crate) fn non_empty(&self, key: &str) -> Result<String, ConfigError> {
        self.text()
            .filter(|text| !text.trim().is_empty())
            .map(str::to_owned)
            .ok_or_else(|| self.wrong(key, "a non-empty string"))
    }

    pub(crate) fn boolean(&self, key: &str) -> Result<bool, ConfigError> {
        match self.value {
            Value::Other(toml::Value::Boolean(value)) => Ok(value),
            Value::Other(_) | Value::Table(_) => Err(self.wrong(key, "true or false")),
        }
    }

    /// Zero or more, and within the range of `T`.
    pub(crate) fn count<T: TryFrom<i64>>(&self, key: &str) -> Result<T, ConfigError> {
        let number = match self.value {
            Value::Other(toml::Value::Integer(number)) if number >= 0 => T::try_from(number).ok(),
            Value::Other(_) | Value::Table(_) => None,
        };
        number.ok_or_else(|| self.wrong(key, "an integer, 0 or more"))
    }

    /// Within bounds, both included.
    pub(crate) fn integer(&self, key: &str, min: i64, max: i64) -> Result<i64, ConfigError> {
        let expected = match (min, max) {
            (i64::MIN, i64::MAX) => "an integer".to_owned(),
            (min, i64::MAX) => format!("an integer, {min} or more"),
            (min, max) => format!("an integer from {min} to {max}"),
        };
        match self.value {
            Value::Other(toml::Value::Integer(number)) if (min..=max).contains(&number) => Ok(number),
            Value::Other(_) | Value::Table(_) => Err(self.wrong(key, &expected)),
        }
    }

    /// Finite, 0 or more.
    pub(crate) fn number(&self, key: &str) -> Result<f64, ConfigError> {
        match self.value {
            Value::Other(toml::Value::Float(number)) if number.is_finite() && number >= 0.0 => Ok(number),
            // Whole seconds and the like are far below the limit of exactness.
            #[expect(clippy::cast_precision_loss, reason = "nobody counts that far")]
            Value::Other(toml::Value::Integer(number)) if number >= 0 => Ok(number as f64),
            Value::Other(_) | Value::Table(_) => Err(self.wrong(key, "a number, 0 or more")),
        }
    }

    /// One of a few words.
    pub(crate) fn choice(&self, key: &str, choices: &[&str]) -> Result<&str, ConfigError> {
        self.text()
            .filter(|text| choices.contains(text))
            .ok_or_else(|| self.wrong(key, &one_of(choices)))
    }

    pub(crate) fn strings(&self, key: &str) -> Result<Vec<String>, ConfigError> {
        let expected = || self.wrong(key, "an array of strings");
        let Value::Other(toml::Value::Array(items)) = &self.value else {
            return Err(expected());
        };
        items
            .iter()
            .map(|item| item.as_str().map(str::to_owned).ok_or_else(expected))
            .collect()
    }

    pub(crate) fn table(&self, key: &str) -> Result<&Table, ConfigError> {
        match &self.value {
            Value::Table(table) => Ok(table),
            Value::Other(_) => Err(self.wrong(key, "a table")),
        }
    }

    /// The value as `T` reads it from TOML.
    pub(crate) fn parsed<T: DeserializeOwned>(&self) -> Result<T, toml::de::Error> {
        self.to_toml().try_into()
    }

    pub(crate) fn named<T: DeserializeOwned>(&self, key: &str) -> Result<T, ConfigError> {
        self.text().and_then(by_name).ok_or_else(|| self.wrong(key, "one of its names"))
    }

    pub(crate) fn one_of<T: Copy>(&self, key: &str, choices: &[(&str, T)]) -> Result<T, ConfigError> {
        let found = self.text().and_then(|text| choices.iter().find(|(name, _)| *name == text));
        found.map(|(_, value)| *value).ok_or_else(|| {
            let names: Vec<_> = choices.iter().map(|(name, _)| *name).collect();
            self.wrong(key, &one_of(&names))
        })
    }

    /// `~` is the user's home; a relative path counts from the folder of its file, or from `cwd` if it stands in none.
    pub(crate) fn path(&self, text: &str, env: &ProcessEnv, cwd: &AbsPath) -> AbsPath {
        let folder = match &self.source.place {
            Place::File { file, .. } => file.parent(),
            Place::Override | Place::Flag(_) => None,
        };
        env.expand(text, &folder.unwrap_or_else(|| cwd.clone()))
    }

    pub(crate) fn wrong(&self, key: &str, expected: &str) -> ConfigError {
        ConfigError::Type {
            place: self.source.place.clone(),
            key: key.to_owned(),
            expected: expected.to_owned(),
            found: self.kind(),
        }
    }

    /// What it is instead; never the value of a string, which may be a secret, unless it is a short plain word.
    fn kind(&self) -> String {
        match &self.value {
            Value::Table(_) | Value::Other(toml::Value::Table(_)) => "a table".to_owned(),
            Value::Other(toml::Value::String(text)) if is_word(text) => format!("\"{text}\""),
            Value::Other(toml::Value::String(_)) => "a string".to_owned(),
            Value::Other(toml::Value::Integer(number)) => number.to_string(),
            Value::Other(toml::Value::Float(number)) => number.to_string(),
            Value::Other(toml::Value::Boolean(value)) => value.to_string(),
            Value::Other(toml::Value::Datetime(_)) => "a date".to_owned(),
            Value::Other(toml::Value::Array(_)) => "an array".to_owned(),
        }
    }
}

/// How an error lists the words that are allowed.
pub(crate) fn one_of(choices: &[&str]) -> String {
    let names: Vec<_> = choices.iter().map(|name| format!("`{name}`")).collect();
    format!("one of {}", names.join(", "))
}

fn is_word(text: &str) -> bool {
    text.len() <= 24 && text.chars().all(|c| c.is_ascii_lowercase() || c == '-' || c == '_')
}
