//! What is known of each model: a small file in the program with the provider's own list over it, or the file that `model_catalog_json`
//! names. Looks nothing up over the network: a provider's list is what `crate::offered` has kept.
//!
//! Every model is used with direct tools. The named default is `gpt-5.5`: of the models in the file it is the one whose own tool mode is
//! direct, so nothing it was tuned for is missing here. A model that is not in the file works with fallback figures and `known: false`.

use crate::listing::{self, CatalogError};
use crate::offered::{self, ModelLists};
use codex_base::Timestamp;
use codex_protocol::settings::{ProviderSettings, ReasoningSummary, Verbosity, WireApi};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// Window of a model nobody told us about, in tokens (as observed of the reference).
const FALLBACK_WINDOW_TOKENS: u64 = 272_000;

/// The model's name where the words come from a script.
pub const SCRIPTED_MODEL: &str = "scripted";

/// Models and which of them is the default.
pub struct Catalog {
    models: Vec<ModelInfo>,
    default: String,
    source: Source,
}

/// Where a catalogue comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    BuiltIn,
    File(PathBuf),
    /// The built-in one, with what the provider said then over it.
    Provider {
        fetched_at: Timestamp,
    },
}

/// A reasoning effort that may be chosen.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
pub struct Effort {
    #[serde(rename = "effort")]
    pub name: String,
    /// May be empty.
    #[serde(default)]
    pub description: String,
}

/// What the engine needs to know of a model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelInfo {
    pub slug: String,
    pub display_name: String,
    /// May be empty.
    pub description: String,
    /// Total window, in tokens.
    pub context_window: u64,
    /// Share of the window that is used, in percent.
    pub effective_window_percent: u64,
    /// Tokens from which a conversation is compacted, if configuration does not say it.
    pub auto_compact_token_limit: Option<u64>,
    pub default_effort: Option<String>,
    /// Efforts that may be chosen; empty when unknown.
    pub efforts: Vec<Effort>,
    /// Summary that is asked for unless configured.
    pub default_summary: ReasoningSummary,
    pub supports_verbosity: bool,
    pub default_verbosity: Option<Verbosity>,
    pub supports_parallel_tool_calls: bool,
    /// Whether the freeform patch tool is offered. The reference offers an unknown model none; we do, because it needs no special training.
    pub patch_tool: bool,
    /// Whether commands are offered.
    pub shell_tool: bool,
    /// A search of the web may bring pictures, too.
    pub image_search: bool,
    pub image_input: bool,
    /// Takes pictures at `detail: "original"`.
    pub image_detail_original: bool,
    /// Budget of one tool output, in tokens.
    pub truncation_tokens: usize,
    /// Not offered in lists.
    pub hidden: bool,
    /// `false`: the figures are guesses and the user should be warned.
    pub known: bool,
}

impl ModelInfo {
    /// Tokens that may be used: the window times the effective percentage.
    pub const fn effective_window(&self) -> u64 {
        self.context_window.saturating_mul(self.effective_window_percent) / 100
    }

    pub(crate) fn fallback(slug: &str) -> Self {
        Self {
            slug: slug.to_owned(),
            display_name: slug.to_owned(),
            description: String::new(),
            context_window: FALLBACK_WINDOW_TOKENS,
            effective_window_percent: 95,
            auto_compact_token_limit: None,
            default_effort: None,
            efforts: Vec::new(),
            default_summary: ReasoningSummary::Auto,
            supports_verbosity: false,
            default_verbosity: None,
            supports_parallel_tool_calls: true,
            patch_tool: true,
            shell_tool: true,
            image_search: false,
            image_input: true,
            image_detail_original: false,
            truncation_tokens: 10_000,
            hidden: false,
            known: false,
        }
    }
}

/// The catalogue for a provider: that of the file if there is one, else the embedded one with the provider's own list over it. Old lists
/// count as well: the figures that a provider gave last are better than none. A script plays any model; the one it offers is its own.
///
/// The default of a file is its preferred model that is not hidden.
///
/// # Errors
/// If the file cannot be read, is no catalogue, or names no model.
pub fn catalog_for(file: Option<&Path>, provider: &ProviderSettings, lists: &ModelLists) -> Result<Catalog, CatalogError> {
    if let Some(path) = file {
        let models = listing::read(path)?;
        let default = models.iter().find(|model| !model.hidden).or(models.first());
        return Ok(Catalog {
            default: default.map(|model| model.slug.clone()).unwrap_or_default(),
            models,
            source: Source::File(path.into()),
        });
    }
    let mut catalog = catalog();
    if provider.wire_api == WireApi::Scripted {
        catalog.default = SCRIPTED_MODEL.to_owned();
        for model in &mut catalog.models {
            model.hidden = model.slug != SCRIPTED_MODEL;
        }
    }
    if let Some(list) = offered::identity(provider).and_then(|identity| lists.get(&identity)) {
        catalog.put_over(&list.models());
        catalog.source = Source::Provider {
            fetched_at: list.fetched_at,
        };
    }
    Ok(catalog)
}

/// The embedded catalogue.
pub fn catalog() -> Catalog {
    #[derive(Deserialize)]
    struct Embedded {
        default: String,
        models: Vec<listing::Entry>,
    }
    let Embedded { default, models } = serde_json::from_str(include_str!("catalog.json")).expect("a test reads the embedded file");
    Catalog {
        models: listing::infos(models),
        default,
        source: Source::BuiltIn,
    }
}

impl Catalog {
    /// The model's entry, or fallback figures with `known: false`.
    pub fn find(&self, slug: &str) -> ModelInfo {
        self.models
            .iter()
            .find(|model| model.slug == slug)
            .cloned()
            .unwrap_or_else(|| ModelInfo::fallback(slug))
    }

    /// The model when none is configured.
    pub fn default_model(&self) -> &str {
        &self.default
    }

    pub const fn source(&self) -> &Source {
        &self.source
    }

    /// Entries of the same name are replaced where they stand, new ones come last.
    fn put_over(&mut self, models: &[ModelInfo]) {
        for model in models {
            match self.models.iter_mut().find(|known| known.slug == model.slug) {
                Some(known) => *known = model.clone(),
                None => self.models.push(model.clone()),
            }
        }
    }

    /// Every entry, the hidden ones too, in the order of the file.
    pub fn models(&self) -> &[ModelInfo] {
        &self.models
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_is_a_known_model_that_is_not_hidden() {
        let catalog = catalog();

        let default = catalog.find(catalog.default_model());

        assert!(default.known && !default.hidden);
        assert_eq!(
            (default.default_effort.as_deref(), default.effective_window()),
            (Some("medium"), 258_400)
        );
    }

    #[test]
    fn a_script_offers_its_own_model_and_knows_the_others() {
        let script = ProviderSettings {
            wire_api: WireApi::Scripted,
            ..ProviderSettings::default()
        };

        let catalog = catalog_for(None, &script, &ModelLists::new(None)).unwrap();

        let offered: Vec<&str> = catalog
            .models()
            .iter()
            .filter(|model| !model.hidden)
            .map(|model| model.slug.as_str())
            .collect();
        assert_eq!((offered, catalog.default_model()), (vec![SCRIPTED_MODEL], SCRIPTED_MODEL));
        assert!(catalog.find("gpt-5.5").known);
    }

    #[test]
    fn an_unknown_model_works_with_figures_that_say_so() {
        let info = catalog().find("mock-model");

        assert_eq!(
            (info.known, info.effective_window(), info.default_effort, info.default_summary),
            (false, 258_400, None, ReasoningSummary::Auto)
        );
    }

    #[test]
    fn slugs_are_unique_and_default_efforts_are_offered() {
        let catalog = catalog();

        for (at, model) in catalog
            .models()
            .iter()
            .enumerate()
            .filter(|(_, model)| model.slug != SCRIPTED_MODEL)
        {
            assert!(
                !catalog.models()[..at].iter().any(|other| other.slug == model.slug),
                "{}",
                model.slug
            );
            assert!(
                model
                    .default_effort
                    .as_ref()
                    .is_some_and(|default| model.efforts.iter().any(|effort| effort.name == *default)),
                "{}",
                model.slug
            );
        }
    }
}
