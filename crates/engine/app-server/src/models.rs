//! `model/list`, a page of the models that may be chosen, and `collaborationMode/list`.

use codex_engine::Engine;
use codex_protocol::collaboration::{CollaborationModeListResult, CollaborationModeMask, ModeKind};
use codex_protocol::models::{ModelListParams, ModelListResult};
use codex_protocol::requests::RequestError;

/// As clients know them. `None` leaves the rest to the configuration.
pub(crate) fn modes() -> CollaborationModeListResult {
    let mask = |name: &str, mode| CollaborationModeMask {
        name: name.to_owned(),
        mode: Some(mode),
        model: None,
        reasoning_effort: None,
    };
    CollaborationModeListResult {
        data: vec![mask("Plan", ModeKind::Plan), mask("Default", ModeKind::Default)],
    }
}

/// # Errors
/// If the cursor is not one of ours, or the configuration cannot be used.
pub(crate) async fn list(engine: &Engine, params: ModelListParams) -> Result<ModelListResult, RequestError> {
    let skip = crate::store::skipped(params.cursor.as_deref(), "model/list")?;
    let mut data = engine.models(params.model_provider).await?;
    data.retain(|model| !model.hidden || params.include_hidden == Some(true));
    let (data, next_cursor) = crate::store::page(data, skip, params.limit);
    Ok(ModelListResult { data, next_cursor })
}
