//! What is logged and how, from two variables. A value that makes no sense is told and left out.

use std::ffi::OsStr;
use tracing_subscriber::filter::{EnvFilter, LevelFilter};

/// What is logged, and how it looks.
#[derive(Debug)]
pub struct Choice {
    pub(crate) filter: EnvFilter,
    pub(crate) format: Format,
    pub(crate) colours: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    Text,
    Json,
}

const LEVELS: &str = "off, error, warn, info, debug, trace";

/// Reads the values of `RUST_LOG` and `LOG_FORMAT`; without them errors are logged, as text. `colours`: whether stderr may have them.
///
/// Beside the choice: what has to be said about the values, in whole sentences without a full stop.
pub fn choose(rust_log: Option<&OsStr>, log_format: Option<&OsStr>, colours: bool) -> (Choice, Vec<String>) {
    let mut warnings = Vec::new();
    let filter = filter(rust_log).unwrap_or_else(|problem| {
        warnings.push(format!("RUST_LOG is not used, errors are logged: {problem}"));
        usual()
    });
    let format = format(log_format).unwrap_or_else(|problem| {
        warnings.push(format!("LOG_FORMAT is not used, lines are text: {problem}"));
        Format::Text
    });
    (Choice { filter, format, colours }, warnings)
}

fn usual() -> EnvFilter {
    EnvFilter::default().add_directive(LevelFilter::ERROR.into())
}

fn filter(value: Option<&OsStr>) -> Result<EnvFilter, String> {
    let text = text_of(value)?.trim();
    if text.is_empty() {
        return Ok(usual());
    }
    if let Some(word) = text.split(',').map(str::trim).find(|word| is_no_level(word)) {
        return Err(format!("`{word}` is no level; levels are {LEVELS}"));
    }
    let parsed = EnvFilter::builder().with_regex(false).parse(text);
    parsed.map_err(|error| format!("`{text}`: {error}; examples are debug and codex_model=debug,warn"))
}

/// A directive that is one plain word means a level or a part of codex: what belongs to other programs has other signs in it.
fn is_no_level(directive: &str) -> bool {
    let is_word = !directive.is_empty() && directive.chars().all(|c| c.is_ascii_alphabetic());
    is_word && !directive.eq_ignore_ascii_case(super::OWN) && directive.parse::<LevelFilter>().is_err()
}

fn format(value: Option<&OsStr>) -> Result<Format, String> {
    match text_of(value)?.trim() {
        "" | "text" => Ok(Format::Text),
        "json" => Ok(Format::Json),
        other => Err(format!("`{other}` is neither text nor json")),
    }
}

fn text_of(value: Option<&OsStr>) -> Result<&str, String> {
    value
        .unwrap_or_default()
        .to_str()
        .ok_or_else(|| "it is not valid Unicode".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use pretty_assertions::assert_eq;

    fn warnings(rust_log: &str, log_format: &str) -> String {
        choose(Some(OsStr::new(rust_log)), Some(OsStr::new(log_format)), false).1.join("\n")
    }

    #[test]
    fn what_makes_sense_is_taken_without_a_word() {
        for filter in [
            "",
            " ",
            "off",
            "ERROR",
            "debug",
            "codex",
            "codex_model=debug,warn",
            "my_program,hyper::client=trace",
            "[thread{id=t}]=debug",
        ] {
            assert_eq!(warnings(filter, ""), "", "{filter}");
        }
        assert_eq!(warnings("", "json") + &warnings("", "text"), "");
    }

    #[test]
    fn what_makes_none_is_named_once() {
        insta::assert_snapshot!(warnings("verbose", ""), @"RUST_LOG is not used, errors are logged: `verbose` is no level; levels are off, error, warn, info, debug, trace");
        insta::assert_snapshot!(warnings("codex_model=loud", ""), @r#"RUST_LOG is not used, errors are logged: `codex_model=loud`: error parsing level filter: expected one of "off", "error", "warn", "info", "debug", "trace", or a number 0-5; examples are debug and codex_model=debug,warn"#);
        insta::assert_snapshot!(warnings("info,[", ""), @"RUST_LOG is not used, errors are logged: `info,[`: invalid filter directive; examples are debug and codex_model=debug,warn");
        insta::assert_snapshot!(warnings("", "xml"), @"LOG_FORMAT is not used, lines are text: `xml` is neither text nor json");
    }

    #[cfg(unix)]
    #[test]
    fn a_value_that_is_no_text_is_named() {
        use std::os::unix::ffi::OsStrExt;

        let (_, warnings) = choose(Some(OsStr::from_bytes(b"\xff")), None, false);

        assert_eq!(warnings, ["RUST_LOG is not used, errors are logged: it is not valid Unicode"]);
    }
}
