//! Edits of the user's configuration that a client asks for.

use crate::settings::Origin;
use codex_base::AbsPath;
use serde::{Deserialize, Serialize};
use serde_json::Value;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MergeStrategy {
    /// The value stands in the place of what is there.
    Replace,
    /// Entries of a table that the value does not name stay.
    Upsert,
}

/// One value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ConfigEdit {
    /// Dotted, as one writes it in the file.
    pub key_path: String,
    pub merge_strategy: MergeStrategy,
    /// Null takes the key out.
    pub value: Value,
}

impl ConfigEdit {
    pub fn replace(key_path: impl Into<String>, value: impl Into<Value>) -> Self {
        Self {
            key_path: key_path.into(),
            merge_strategy: MergeStrategy::Replace,
            value: value.into(),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ConfigValueWriteParams {
    #[serde(flatten)]
    pub edit: ConfigEdit,
    /// The version of the file that the client has seen.
    pub expected_version: Option<String>,
    /// Only the user's own file can be written.
    pub file_path: Option<AbsPath>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ConfigBatchWriteParams {
    /// All of them, or none.
    pub edits: Vec<ConfigEdit>,
    pub expected_version: Option<String>,
    pub file_path: Option<AbsPath>,
    /// Accepted: every turn reads the configuration anew.
    #[serde(default)]
    pub reload_user_config: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ConfigWriteResult {
    pub status: WriteStatus,
    /// Of the file now: `sha256:<hex>`.
    pub version: String,
    pub file_path: AbsPath,
    pub overridden_metadata: Option<OverriddenMetadata>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum WriteStatus {
    Ok,
    /// Written, but something else says otherwise and wins.
    OkOverridden,
}

/// Why an edit was refused, in the names that clients know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ConfigWriteErrorCode {
    ConfigVersionConflict,
    ConfigValidationError,
    ConfigLayerReadonly,
    /// One that another server has.
    #[serde(other)]
    Other,
}

/// Who says otherwise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OverriddenMetadata {
    pub message: String,
    pub overriding_layer: ConfigLayerMetadata,
    pub effective_value: Value,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ConfigLayerMetadata {
    pub name: ConfigLayerSource,
    /// Empty where the layer is no file of ours to write.
    pub version: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum ConfigLayerSource {
    System { file: AbsPath },
    User { file: AbsPath },
    Project { dot_codex_folder: AbsPath },
    SessionFlags,
    LegacyManagedConfigTomlFromFile { file: AbsPath },
}

impl ConfigLayerSource {
    /// `None` for a default, which no layer says.
    pub fn of(origin: &Origin) -> Option<Self> {
        Some(match origin {
            Origin::Default => return None,
            Origin::System { file, .. } => Self::System { file: file.clone() },
            Origin::User { file, .. } | Origin::Profile { file, .. } => Self::User { file: file.clone() },
            Origin::Project { file, .. } => Self::Project {
                dot_codex_folder: file.parent().unwrap_or_else(|| file.clone()),
            },
            Origin::Managed { file, .. } => Self::LegacyManagedConfigTomlFromFile { file: file.clone() },
            Origin::Session | Origin::Flag { .. } => Self::SessionFlags,
        })
    }
}
