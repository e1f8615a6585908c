//! Models that a client may offer for choice.

use serde::{Deserialize, Serialize};

/// Which page of the list. Models that are not meant for choice are left out unless asked for.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ModelListParams {
    pub cursor: Option<String>,
    pub include_hidden: Option<bool>,
    pub limit: Option<u32>,
    /// Key of `model_providers`; `None`: the configured one.
    pub model_provider: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ModelListResult {
    pub data: Vec<Model>,
    pub next_cursor: Option<String>,
}

/// One model. What it must have follows the clients that exist: they refuse a list without.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Model {
    pub id: String,
    /// The name that requests use.
    pub model: String,
    pub display_name: String,
    pub description: String,
    pub hidden: bool,
    /// What is used when nothing is configured.
    pub is_default: bool,
    /// `none` for a model without one.
    pub default_reasoning_effort: String,
    pub supported_reasoning_efforts: Vec<ReasoningEffortOption>,
    /// `text`, `image`.
    #[serde(default)]
    pub input_modalities: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReasoningEffortOption {
    pub reasoning_effort: String,
    pub description: String,
}
