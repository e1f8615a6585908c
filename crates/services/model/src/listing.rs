//! A model catalogue in the form that providers and `model_catalog_json` have it -> [`ModelInfo`]s. Pure but for [`read`].
//!
//! Only `slug` is needed; unknown fields are skipped, and what is left out is as for a model nobody told us about. A file is the user's, so
//! an entry that makes no sense is an error; from a provider's list it is left out.

use crate::catalog::{Effort, ModelInfo};
use codex_base::os;
use codex_protocol::settings::{ReasoningSummary, Verbosity};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::io;
use std::path::{Path, PathBuf};

/// Bytes of a catalogue that are read.
pub(crate) const BYTES_MAX: usize = 16 * 1024 * 1024;
/// Entries of a provider's list that are read.
const MODELS_MAX: usize = 1_000;

/// Why the file of `model_catalog_json` cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CatalogError {
    #[error("model_catalog_json: cannot read {}", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("model_catalog_json: {} is no model catalogue: {problem}", path.display())]
    Invalid { path: PathBuf, problem: String },
}

impl CatalogError {
    /// Stable code of this error.
    pub const fn code(&self) -> &'static str {
        "model.catalog_invalid"
    }
}

/// The models of a file, the preferred ones first; at least one.
///
/// # Errors
/// If the file cannot be read, is no catalogue, or names no model.
pub fn read(path: &Path) -> Result<Vec<ModelInfo>, CatalogError> {
    let text = os::read_regular_text(path, BYTES_MAX as u64).map_err(|source| CatalogError::Read { path: path.into(), source })?;
    let problem = match parse(&text) {
        Ok(models) if models.is_empty() => "it names no model".to_owned(),
        Ok(models) => return Ok(models),
        Err(error) => error.to_string(),
    };
    Err(CatalogError::Invalid {
        path: path.into(),
        problem,
    })
}

/// `{"models": [entry, …]}`.
///
/// # Errors
/// If the text is no such JSON, or an entry has no slug.
fn parse(text: &str) -> Result<Vec<ModelInfo>, serde_json::Error> {
    #[derive(Deserialize)]
    struct Listing {
        models: Vec<Entry>,
    }
    Ok(infos(serde_json::from_str::<Listing>(text)?.models))
}

/// The same of a provider: its entries that can be used.
///
/// # Errors
/// If the text is no such JSON.
pub(crate) fn offered(text: &[u8]) -> Result<Vec<Entry>, serde_json::Error> {
    #[derive(Deserialize)]
    struct Listing {
        models: Vec<Value>,
    }
    let listing: Listing = serde_json::from_slice(text)?;
    let entries = listing.models.into_iter().map(serde_json::from_value);
    Ok(entries.filter_map(Result::ok).take(MODELS_MAX).collect())
}

/// The preferred ones first.
pub(crate) fn infos(mut entries: Vec<Entry>) -> Vec<ModelInfo> {
    entries.sort_by_key(|entry| entry.priority.unwrap_or(i64::MAX));
    entries.into_iter().map(Entry::info).collect()
}

/// What is read of a model, and what is kept of it.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
pub(crate) struct Entry {
    slug: String,
    description: Option<String>,
    display_name: Option<String>,
    priority: Option<i64>,
    visibility: Option<String>,
    context_window: Option<u64>,
    effective_context_window_percent: Option<u64>,
    auto_compact_token_limit: Option<u64>,
    default_reasoning_level: Option<String>,
    #[serde(default)]
    supported_reasoning_levels: Vec<Effort>,
    default_reasoning_summary: Option<ReasoningSummary>,
    #[serde(default)]
    support_verbosity: bool,
    default_verbosity: Option<Verbosity>,
    supports_parallel_tool_calls: Option<bool>,
    input_modalities: Option<Vec<String>>,
    supports_image_detail_original: Option<bool>,
    truncation_policy: Option<Truncation>,
    /// Left out and null are two things: null says that there is none.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    apply_patch_tool_type: Option<Value>,
    shell_type: Option<String>,
    web_search_tool_type: Option<String>,
}

fn given<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
struct Truncation {
    mode: String,
    limit: u64,
}

impl Truncation {
    /// Four bytes are about one token.
    fn tokens(&self) -> usize {
        let tokens = if self.mode == "bytes" { self.limit / 4 } else { self.limit };
        usize::try_from(tokens).unwrap_or(usize::MAX)
    }
}

impl Entry {
    fn info(self) -> ModelInfo {
        let unknown = ModelInfo::fallback(&self.slug);
        let images = |modalities: Vec<String>| modalities.iter().any(|modality| modality == "image");
        ModelInfo {
            display_name: self.display_name.unwrap_or_else(|| self.slug.clone()),
            description: self.description.unwrap_or_default(),
            context_window: self.context_window.filter(|window| *window > 0).unwrap_or(unknown.context_window),
            effective_window_percent: self
                .effective_context_window_percent
                .filter(|percent| (1..=100).contains(percent))
                .unwrap_or(unknown.effective_window_percent),
            auto_compact_token_limit: self.auto_compact_token_limit,
            default_effort: self.default_reasoning_level,
            efforts: self.supported_reasoning_levels,
            default_summary: self.default_reasoning_summary.unwrap_or(ReasoningSummary::None),
            supports_verbosity: self.support_verbosity,
            default_verbosity: self.default_verbosity,
            supports_parallel_tool_calls: self.supports_parallel_tool_calls.unwrap_or(unknown.supports_parallel_tool_calls),
            image_input: self.input_modalities.map_or(unknown.image_input, images),
            image_detail_original: self.supports_image_detail_original.unwrap_or(unknown.image_detail_original),
            truncation_tokens: self.truncation_policy.map_or(unknown.truncation_tokens, |policy| policy.tokens()),
            patch_tool: self.apply_patch_tool_type.is_none_or(|kind| kind == "freeform"),
            shell_tool: self.shell_type.is_none_or(|kind| kind != "disabled"),
            image_search: self.web_search_tool_type.is_some_and(|kind| kind == "text_and_image"),
            hidden: self.visibility.is_some_and(|visibility| visibility != "list"),
            known: true,
            ..unknown
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_read_whole_and_a_bare_one_has_the_usual_figures() {
        let text = r#"{"models": [
            {"slug": "bare", "visibility": "hide", "unheard_of": {"a": 1}},
            {"slug": "m", "display_name": "M", "priority": 1, "visibility": "list", "context_window": 1000, "effective_context_window_percent": 50,
             "auto_compact_token_limit": 300, "default_reasoning_level": "low", "supported_reasoning_levels": [{"effort": "low", "description": "x"}],
             "default_reasoning_summary": "concise", "support_verbosity": true, "default_verbosity": "high",
             "supports_parallel_tool_calls": false, "input_modalities": ["text"], "truncation_policy": {"mode": "bytes", "limit": 400}}]}"#;

        let models = parse(text).unwrap();

        let (m, bare) = (&models[0], &models[1]);
        assert_eq!((m.slug.as_str(), m.display_name.as_str(), m.effective_window()), ("m", "M", 500));
        assert_eq!((m.auto_compact_token_limit, m.default_effort.as_deref()), (Some(300), Some("low")));
        assert_eq!(
            (m.efforts[0].name.as_str(), m.efforts[0].description.as_str(), m.default_summary),
            ("low", "x", ReasoningSummary::Concise)
        );
        assert_eq!((m.supports_verbosity, m.default_verbosity), (true, Some(Verbosity::High)));
        assert_eq!(
            (m.supports_parallel_tool_calls, m.image_input, m.truncation_tokens),
            (false, false, 100)
        );
        assert!(m.known && !m.hidden && bare.known && bare.hidden);
        assert_eq!((bare.effective_window(), bare.truncation_tokens), (258_400, 10_000));
    }

    #[test]
    fn tools_are_taken_away_by_name_and_only_then() {
        let check = |fields: &str, expect: (bool, bool, bool)| {
            let text = format!("{{\"models\": [{{\"slug\": \"m\"{fields}}}]}}");
            let kept = serde_json::to_string(&offered(text.as_bytes()).unwrap()).unwrap();
            for text in [text, format!("{{\"models\": {kept}}}")] {
                let model = parse(&text).unwrap().remove(0);
                assert_eq!((model.shell_tool, model.patch_tool, model.image_search), expect, "{text}");
            }
        };

        check("", (true, true, false));
        check(r#", "apply_patch_tool_type": null, "shell_type": null"#, (true, false, false));
        check(
            r#", "apply_patch_tool_type": "freeform", "shell_type": "disabled", "web_search_tool_type": "text_and_image""#,
            (false, true, true),
        );
        check(
            r#", "apply_patch_tool_type": "function", "shell_type": "unified_exec", "web_search_tool_type": "text""#,
            (true, false, false),
        );
    }

    #[test]
    fn what_is_no_catalogue_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("models.json");
        let problem = |text: Option<&str>| {
            if let Some(text) = text {
                std::fs::write(&path, text).unwrap();
            }
            let error = codex_base::with_causes(&read(&path).unwrap_err());
            error.replace(&path.display().to_string(), "FILE")
        };

        let missing = problem(None);
        assert!(
            missing.starts_with("model_catalog_json: cannot read FILE: No such file"),
            "{missing}"
        );
        let cases = [
            ("{\"models\": []}", "it names no model"),
            ("{\"models\": [{}]}", "missing field `slug` at line 1 column 14"),
            (
                "{\"models\":\n[{\"slug\": 1}]}",
                "invalid type: integer `1`, expected a string at line 2 column 11",
            ),
            ("[", "EOF while parsing a list at line 1 column 1"),
        ];
        for (text, why) in cases {
            assert_eq!(
                problem(Some(text)),
                format!("model_catalog_json: FILE is no model catalogue: {why}")
            );
        }
    }

    #[test]
    fn figures_without_sense_do_not_overflow() {
        let text = format!("{{\"models\": [{{\"slug\": \"m\", \"context_window\": {}}}]}}", u64::MAX);

        assert_eq!(parse(&text).unwrap()[0].effective_window(), u64::MAX / 100);
    }
}
