//! `codex debug models`: what is known of each model, where that comes from and how old it is, as one line of JSON.

use crate::commands::{Root, print};
use crate::environment::{self, Surroundings, config_error};
use crate::prepare::working_directory;
use crate::{runtime, tell, wire};
use codex_base::Timestamp;
use codex_exec::ExecError;
use codex_model::{Catalog, Effort, ModelInfo, ModelLists, Source, StoredLogin};
use codex_protocol::settings::ProviderSettings;
use serde_json::{Value, json};
use std::process::ExitCode;
use std::sync::Arc;

/// Arguments of `codex debug models`.
#[derive(Debug, Clone, PartialEq, Eq, clap::Args)]
pub struct Models {
    /// What this version was built with, whatever model_catalog_json says
    #[arg(long)]
    bundled: bool,
}

impl Models {
    pub fn run(&self, root: &Root) -> Result<ExitCode, ExecError> {
        let (catalog, provider) = match self.bundled {
            true => (codex_model::catalog(), None),
            false => configured(root).map(|(catalog, provider)| (catalog, Some(provider)))?,
        };
        let models: Vec<Value> = catalog.models().iter().map(entry).collect();
        let source = source(catalog.source(), provider.as_deref(), Timestamp::now());
        print(&format!("{}\n", json!({ "models": models, "source": source }))).map(|()| ExitCode::SUCCESS)
    }
}

/// The catalogue of sessions in this directory, and the provider's id. A provider with a list of its own is asked for it, unless the known
/// one is fresh.
fn configured(root: &Root) -> Result<(Catalog, String), ExecError> {
    let surroundings = environment::read()?;
    let cwd = working_directory(root.shared.cd.as_deref(), &surroundings.process.cwd)?;
    let resolved = codex_config::resolve(&surroundings.process, &cwd, &root.overrides()?).map_err(config_error)?;
    let (config, lists) = (
        &resolved.config,
        Arc::new(ModelLists::new(Some(surroundings.process.codex_home.as_path()))),
    );
    let catalog = || {
        let file = config.model_catalog_json.as_deref();
        codex_model::catalog_for(file, &config.provider, &lists)
            .map_err(|error| ExecError::new(error.code(), codex_base::with_causes(&error)))
    };
    // A catalogue of the user's own that is none ends this before anybody is asked.
    catalog()?;
    if config.model_catalog_json.is_none() {
        ask(&config.provider, &surroundings, &lists)?;
    }
    Ok((catalog()?, config.provider.id.clone()))
}

/// Asks the provider; what goes wrong is told, and what was known before counts.
fn ask(provider: &ProviderSettings, surroundings: &Surroundings, lists: &Arc<ModelLists>) -> Result<(), ExecError> {
    let lookup = |name: &str| surroundings.process.var(name).map(str::to_owned);
    // Providers with a list of their own sign in with a program's token, never with a login.
    let client = codex_model::build(
        provider,
        &lookup,
        StoredLogin::None,
        &wire::identity(wire::Front::Exec, surroundings),
        lists,
    )
    .map_err(|error| ExecError::new(error.code(), codex_base::with_causes(&error)))?;
    let runtime = runtime::on_this_thread()?;
    let asked = runtime.block_on(async { Some(client.refresh_models()?.await) });
    runtime.shutdown_background();
    if let Some(Ok(Err(problem))) = asked {
        tell(&format!(
            "note: the provider `{}` was asked for its models in vain: {problem}\n",
            provider.id
        ));
    }
    Ok(())
}

/// Where the catalogue comes from, and how old a provider's list is.
fn source(source: &Source, provider: Option<&str>, now: Timestamp) -> Value {
    match source {
        Source::BuiltIn => json!({ "kind": "built-in" }),
        Source::File(path) => json!({ "kind": "file", "path": path }),
        Source::Provider { fetched_at } => json!({
            "kind": "provider",
            "provider": provider,
            "fetched_at": fetched_at.to_string(),
            "age_seconds": now.duration_since(*fetched_at).as_secs(),
        }),
    }
}

/// An entry with the names that catalogues have on the wire.
fn entry(model: &ModelInfo) -> Value {
    let effort = |effort: &Effort| json!({ "effort": effort.name, "description": effort.description });
    let efforts: Vec<Value> = model.efforts.iter().map(effort).collect();
    let modalities: &[&str] = if model.image_input { &["text", "image"] } else { &["text"] };
    json!({
        "slug": model.slug,
        "display_name": model.display_name,
        "description": model.description,
        "default_reasoning_level": model.default_effort,
        "supported_reasoning_levels": efforts,
        "shell_type": if model.shell_tool { "unified_exec" } else { "disabled" },
        "visibility": if model.hidden { "hide" } else { "list" },
        "supported_in_api": true,
        "default_reasoning_summary": model.default_summary,
        "support_verbosity": model.supports_verbosity,
        "default_verbosity": model.default_verbosity,
        "apply_patch_tool_type": model.patch_tool.then_some("freeform"),
        "web_search_tool_type": if model.image_search { "text_and_image" } else { "text" },
        "truncation_policy": { "mode": "tokens", "limit": model.truncation_tokens },
        "supports_parallel_tool_calls": model.supports_parallel_tool_calls,
        "supports_image_detail_original": model.image_detail_original,
        "context_window": model.context_window,
        "effective_context_window_percent": model.effective_window_percent,
        "auto_compact_token_limit": model.auto_compact_token_limit,
        "input_modalities": modalities,
    })
}
