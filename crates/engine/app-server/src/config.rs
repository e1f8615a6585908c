//! `config/value/write`, `config/batchWrite`: edits of the user's configuration file.

use codex_config::edit::{self, Change, EditError};
use codex_config::{Overrides, ProcessEnv};
use codex_engine::Engine;
use codex_protocol::config::{
    ConfigBatchWriteParams, ConfigEdit, ConfigLayerMetadata, ConfigLayerSource, ConfigWriteErrorCode, ConfigWriteResult,
    OverriddenMetadata, WriteStatus,
};
use codex_protocol::requests::RequestError;
use codex_protocol::settings::Origin;
use serde_json::Value;
use std::sync::Arc;

/// All of the edits, or none.
///
/// # Errors
/// If the file may not be written, is another version than expected, or would not be a configuration afterwards; it is then as it was.
pub(crate) async fn write(engine: &Arc<Engine>, params: ConfigBatchWriteParams) -> Result<ConfigWriteResult, RequestError> {
    let engine = Arc::clone(engine);
    // Reads and writes files, and waits for another program's lock.
    let work = tokio::task::spawn_blocking(move || {
        let (env, overrides) = engine.configuration();
        write_now(env, overrides, &params)
    });
    work.await
        .unwrap_or_else(|error| Err(RequestError::internal("config.edit_failed", error.to_string())))
}

fn write_now(env: &ProcessEnv, overrides: &Overrides, params: &ConfigBatchWriteParams) -> Result<ConfigWriteResult, RequestError> {
    let file = edit::user_file(env);
    if let Some(asked) = params.file_path.as_ref().filter(|asked| **asked != file) {
        let message = format!("{asked} is not the user's configuration file, {file}");
        let error = RequestError::invalid("config.not_writable", message);
        return Err(named(error, ConfigWriteErrorCode::ConfigLayerReadonly));
    }
    let mut changes = Vec::new();
    for edit in &params.edits {
        changes.extend(of_edit(edit)?);
    }
    let written = edit::write(env, &changes, params.expected_version.as_deref()).map_err(|error| refused(&error))?;
    let overridden = params.edits.iter().find_map(|edit| overridden(env, overrides, edit));
    Ok(ConfigWriteResult {
        status: if overridden.is_some() {
            WriteStatus::OkOverridden
        } else {
            WriteStatus::Ok
        },
        version: written.version,
        file_path: written.file,
        overridden_metadata: overridden,
    })
}

fn of_edit(edit: &ConfigEdit) -> Result<Vec<Change>, RequestError> {
    let path = edit::key_path(&edit.key_path);
    let invalid = |message: String| {
        let error = RequestError::invalid("config.edit_refused", message);
        named(error, ConfigWriteErrorCode::ConfigValidationError)
    };
    if path.is_empty() {
        return Err(invalid("an edit needs a keyPath".to_owned()));
    }
    edit::changes(&path, &edit.value, edit.merge_strategy).ok_or_else(|| invalid(format!("{}: TOML has no such value", edit.key_path)))
}

/// What another layer says about the key, if that counts and is not what was written.
fn overridden(env: &ProcessEnv, overrides: &Overrides, edit: &ConfigEdit) -> Option<OverriddenMetadata> {
    if edit.value.is_null() {
        return None;
    }
    let resolved = codex_config::resolve(env, &env.cwd, overrides).ok()?;
    let origin = resolved.origins.get(&edit.key_path)?;
    if matches!(origin, Origin::User { .. }) {
        return None;
    }
    let said = codex_config::explain(env, &env.cwd, overrides, &edit.key_path).ok()?;
    let effective_value = said.into_iter().next().and_then(|said| said.value).unwrap_or(Value::Null);
    if effective_value == edit.value {
        return None;
    }
    let name = ConfigLayerSource::of(origin)?;
    let place = match &name {
        ConfigLayerSource::System { file }
        | ConfigLayerSource::User { file }
        | ConfigLayerSource::LegacyManagedConfigTomlFromFile { file } => file.to_string(),
        ConfigLayerSource::Project { dot_codex_folder } => dot_codex_folder.to_string(),
        ConfigLayerSource::SessionFlags => "the command line".to_owned(),
    };
    Some(OverriddenMetadata {
        message: format!("{} is written, but {place} says otherwise and wins", edit.key_path),
        overriding_layer: ConfigLayerMetadata {
            name,
            version: String::new(),
        },
        effective_value,
    })
}

fn refused(error: &EditError) -> RequestError {
    let message = codex_base::with_causes(error);
    let invalid = |name| named(RequestError::invalid(error.code(), &*message), name);
    match error {
        EditError::Conflict { .. } => invalid(ConfigWriteErrorCode::ConfigVersionConflict),
        EditError::Config(_) | EditError::NoTable { .. } | EditError::Unwritable { .. } => {
            invalid(ConfigWriteErrorCode::ConfigValidationError)
        }
        EditError::Locked { .. } | EditError::Unsteady { .. } | EditError::Write { .. } => RequestError::internal(error.code(), message),
    }
}

/// With the name that other clients know.
fn named(mut error: RequestError, name: ConfigWriteErrorCode) -> RequestError {
    if let Some(data) = &mut error.data {
        data.config_write_error_code = Some(name);
    }
    error
}
