//! `codex features`: which flags there are, which are on, and switching one in the user's configuration.

use super::{Root, print};
use crate::environment::{self, Surroundings, config_error, edit_error};
use crate::tell;
use clap::Subcommand;
use codex_config::features::{self, Feature, Stage, State};
use codex_config::{Overrides, edit};
use codex_exec::ExecError;
use std::fmt::Write;
use std::process::ExitCode;

/// Arguments of `codex features`.
#[derive(Debug, Clone, PartialEq, Eq, clap::Args)]
pub struct Features {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Clone, PartialEq, Eq, Subcommand)]
enum Action {
    /// Name, stage and state of every feature
    List,
    /// Switch a feature on in config.toml
    Enable {
        #[arg(value_name = "FEATURE")]
        name: String,
    },
    /// Switch a feature off in config.toml
    Disable {
        #[arg(value_name = "FEATURE")]
        name: String,
    },
}

impl Features {
    pub fn run(&self, root: &Root) -> Result<ExitCode, ExecError> {
        match &self.action {
            Action::List => {
                let surroundings = environment::read()?;
                print(&table(&states(&surroundings, &root.overrides()?)?))?;
            }
            Action::Enable { name } => switch(name, true)?,
            Action::Disable { name } => switch(name, false)?,
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// The flag of that name.
///
/// # Errors
/// `config.unknown_feature` with the nearest name.
pub fn named(name: &str) -> Result<Feature, ExecError> {
    features::find(name).ok_or_else(|| {
        let error = ExecError::new("config.unknown_feature", format!("there is no feature `{name}`"));
        match features::nearest(name) {
            Some(nearest) => error.with_hint(format!("did you mean `{nearest}`? codex features list names all")),
            None => error.with_hint("codex features list names all"),
        }
    })
}

/// Today's name of a flag; a word that is none as it is.
pub fn canonical(name: &str) -> &str {
    features::find(name).map_or(name, |feature| feature.name)
}

fn states(surroundings: &Surroundings, overrides: &Overrides) -> Result<Vec<State>, ExecError> {
    features::states(&surroundings.process, &surroundings.process.cwd, overrides).map_err(config_error)
}

/// Three columns without a heading.
fn table(states: &[State]) -> String {
    let width = states.iter().map(|state| state.feature.name.len()).max().unwrap_or_default();
    states.iter().fold(String::new(), |mut text, State { feature, enabled, .. }| {
        // Writing to a string does not fail.
        let _ = writeln!(text, "{:width$}  {:17}  {enabled}", feature.name, feature.stage);
        text
    })
}

fn switch(name: &str, on: bool) -> Result<(), ExecError> {
    let feature = named(name)?;
    let surroundings = environment::read()?;
    let of = |overrides: Overrides| -> Result<Option<State>, ExecError> {
        Ok(states(&surroundings, &overrides)?
            .into_iter()
            .find(|state| state.feature == feature))
    };
    let without = Overrides {
        ignore_user_config: true,
        ..Overrides::default()
    };
    let (Some(state), Some(without)) = (of(Overrides::default())?, of(without)?) else {
        return Ok(());
    };
    let changes = features::changes(&state, without.enabled, on);
    edit::user_config(&surroundings.process, &changes).map_err(edit_error)?;
    if let Some(warning) = warning(feature, on) {
        tell(&warning);
    }
    let done = if on { "Enabled" } else { "Disabled" };
    print(&format!("{done} feature `{}` in config.toml.\n", feature.name))
}

fn warning(feature: Feature, on: bool) -> Option<String> {
    let name = feature.name;
    match feature.stage {
        Stage::UnderDevelopment if on => Some(format!("warning: `{name}` is under development: expect it to change and to fail\n")),
        Stage::Deprecated if on => Some(format!("warning: `{name}` is deprecated and will go\n")),
        Stage::Removed => Some(format!("warning: `{name}` was removed; the setting has no effect\n")),
        Stage::Stable | Stage::Experimental | Stage::UnderDevelopment | Stage::Deprecated => None,
    }
}
