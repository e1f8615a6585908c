//! `-c key=value`: one configuration value on the command line.

use crate::ConfigError;

/// Splits at the first `=`. The key is a dotted path; the value is TOML, or, if that fails, the text itself without the spaces and
/// quotes around it.
///
/// # Errors
/// `config.override` when there is no `=` or a part of the key is empty.
pub fn parse_override(text: &str) -> Result<(String, toml::Value), ConfigError> {
    let problem = |problem| ConfigError::Override {
        text: text.to_owned(),
        problem,
    };
    let (key, value) = text.split_once('=').ok_or_else(|| problem("missing ="))?;
    let key = key.trim();
    if key.split('.').any(str::is_empty) {
        return Err(problem("empty key"));
    }
    Ok((key.to_owned(), parse_value(value.trim())))
}

fn parse_value(text: &str) -> toml::Value {
    let parsed = toml::from_str::<toml::Table>(&format!("value = {text}"))
        .ok()
        .and_then(|mut table| match table.len() {
            // More than one key means that the text smuggled a line of its own.
            1 => table.remove("value"),
            _ => None,
        });
    parsed.unwrap_or_else(|| toml::Value::String(text.trim_matches(['"', '\'']).to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use toml::Value;

    #[test]
    fn values_are_toml_where_possible_and_text_otherwise() {
        let check = |text: &str, key: &str, value: Value| assert_eq!(parse_override(text).unwrap(), (key.to_owned(), value), "{text}");
        let string = |text: &str| Value::String(text.to_owned());

        check("model=gpt-x", "model", string("gpt-x"));
        check("model = \"gpt-x\"", "model", string("gpt-x"));
        check("model='unclosed", "model", string("unclosed"));
        check("a.b.c=3", "a.b.c", Value::Integer(3));
        check("a=true", "a", Value::Boolean(true));
        check("a=[1, 2]", "a", Value::Array(vec![Value::Integer(1), Value::Integer(2)]));
        check("a={}", "a", Value::Table(toml::Table::new()));
        check("a=b=c", "a", string("b=c"));
        check("a=", "a", string(""));
        check("a=1\nb=2", "a", string("1\nb=2"));
    }

    #[test]
    fn a_missing_sign_or_key_is_an_error() {
        let check = |text: &str, expect: &str| assert_eq!(parse_override(text).unwrap_err().to_string(), expect);

        check("model", "invalid override `model`: missing =; write key=value");
        check("=x", "invalid override `=x`: empty key; write key=value");
        check("a..b=x", "invalid override `a..b=x`: empty key; write key=value");
    }
}
