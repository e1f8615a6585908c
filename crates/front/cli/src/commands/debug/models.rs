//! `codex debug models`: what is known of each model, as one line of JSON.

use crate::commands::{Root, print};
use crate::environment::{self, config_error};
use crate::prepare::working_directory;
use codex_exec::ExecError;
use codex_model::{Catalog, ModelInfo};
use serde_json::{Value, json};
use std::process::ExitCode;

/// Arguments of `codex debug models`.
#[derive(Debug, Clone, PartialEq, Eq, clap::Args)]
pub struct Models {
    /// What this version was built with, whatever model_catalog_json says
    #[arg(long)]
    bundled: bool,
}

impl Models {
    pub fn run(&self, root: &Root) -> Result<ExitCode, ExecError> {
        let catalog = if self.bundled { codex_model::catalog() } else { configured(root)? };
        let models: Vec<Value> = catalog.models().iter().map(entry).collect();
        print(&format!("{}\n", json!({ "models": models }))).map(|()| ExitCode::SUCCESS)
    }
}

/// The catalogue of sessions in this directory.
fn configured(root: &Root) -> Result<Catalog, ExecError> {
    let surroundings = environment::read()?;
    let cwd = working_directory(root.cd.as_deref(), &surroundings.process.cwd)?;
    let resolved = codex_config::resolve(&surroundings.process, &cwd, &root.overrides()?).map_err(config_error)?;
    codex_model::catalog_of(resolved.config.model_catalog_json.as_deref()).map_err(|error| ExecError::new(error.code(), error.to_string()))
}

/// An entry with the names that catalogues have on the wire.
fn entry(model: &ModelInfo) -> Value {
    let efforts: Vec<Value> = model.efforts.iter().map(|effort| json!({ "effort": effort })).collect();
    let modalities: &[&str] = if model.image_input { &["text", "image"] } else { &["text"] };
    json!({
        "slug": model.slug,
        "display_name": model.display_name,
        "default_reasoning_level": model.default_effort,
        "supported_reasoning_levels": efforts,
        "visibility": if model.hidden { "hide" } else { "list" },
        "supported_in_api": true,
        "default_reasoning_summary": model.default_summary,
        "support_verbosity": model.supports_verbosity,
        "default_verbosity": model.default_verbosity,
        "apply_patch_tool_type": model.patch_tool.then_some("freeform"),
        "truncation_policy": { "mode": "tokens", "limit": model.truncation_tokens },
        "supports_parallel_tool_calls": model.supports_parallel_tool_calls,
        "supports_image_detail_original": model.image_detail_original,
        "context_window": model.context_window,
        "effective_context_window_percent": model.effective_window_percent,
        "auto_compact_token_limit": model.auto_compact_token_limit,
        "input_modalities": modalities,
    })
}
