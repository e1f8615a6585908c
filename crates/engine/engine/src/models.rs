//! The models of a provider, for a client that lets its user choose.

use crate::Engine;
use crate::engine::blocking;
use crate::opening;
use crate::settings::TurnOverrides;
use crate::shared::Shared;
use crate::thread::resolve;
use codex_base::with_causes;
use codex_model::ModelInfo;
use codex_protocol::models::{Model, ReasoningEffortOption};
use codex_protocol::requests::RequestError;
use std::sync::Arc;

impl Engine {
    /// What is known of the provider's models, hidden ones too. If that is old, the provider is asked beside it, for the next time.
    ///
    /// # Errors
    /// If the configuration, the catalogue of models or the provider cannot be used.
    pub async fn models(&self, model_provider: Option<String>) -> Result<Vec<Model>, RequestError> {
        let shared = Arc::clone(&self.shared);
        let (models, client) = blocking(move || look_up(&shared, model_provider)).await??;
        drop(client.refresh_models());
        Ok(models)
    }
}

type Found = (Vec<Model>, Arc<dyn codex_model::ModelClient>);

fn look_up(shared: &Shared, model_provider: Option<String>) -> Result<Found, RequestError> {
    let overrides = TurnOverrides {
        model_provider,
        ..TurnOverrides::default()
    };
    let (_, resolved) =
        resolve::config_for(shared, &overrides).map_err(|error| RequestError::invalid(error.code(), with_causes(&error)))?;
    let catalog = resolve::catalog_of(shared, &resolved).map_err(|error| RequestError::invalid(error.code(), with_causes(&error)))?;
    let default = resolve::default_model(&catalog, &resolved);
    let models = catalog.models().iter().map(|info| model(info, default)).collect();
    Ok((models, opening::client(shared, &resolved)?))
}

fn model(info: &ModelInfo, default: &str) -> Model {
    let efforts = info.efforts.iter().map(|effort| ReasoningEffortOption {
        reasoning_effort: effort.name.clone(),
        description: effort.description.clone(),
    });
    let modalities: &[&str] = if info.image_input { &["text", "image"] } else { &["text"] };
    Model {
        id: info.slug.clone(),
        model: info.slug.clone(),
        display_name: info.display_name.clone(),
        description: info.description.clone(),
        hidden: info.hidden,
        is_default: info.slug == default,
        default_reasoning_effort: info.default_effort.clone().unwrap_or_else(|| "none".to_owned()),
        supported_reasoning_efforts: efforts.collect(),
        input_modalities: modalities.iter().map(|&name| name.to_owned()).collect(),
    }
}
