//! Configuration for one working directory: layers, trust, and the origin of every value.
//!
//! Input: the [`ProcessEnv`] that was read once at start, a directory, and what flags and clients override.
//! Output: a [`Resolved`]: the [`Config`], where each value came from, warnings, and whether the project is trusted.
//! It reads configuration files and nothing else: no variables, no clock, and no writes but in [`edit`]. A file that is broken, or a value of the wrong
//! type, is a [`ConfigError`] that names file, line and key; an unknown key is only a warning.
//!
//! | module | gives |
//! | --- | --- |
//! | [`edit`] | edits of the user's file that keep its comments and order |
//! | [`features`] | every feature flag and its state |
//! | [`env`] | [`ProcessEnv`] |
//! | `dotenv` | `$CODEX_HOME/.env` |
//! | `layers` | which files count for a directory, trust, and their merge |
//! | `tree`, `value` | TOML text as a tree in which every value knows its place; typed views of a value |
//! | `read`, `providers`, `terminal` | the merged tree as a [`Config`] |
//! | `schema` | every key that files may hold: type, default, meaning; the check of a layer, the JSON schema, the reference page |
//! | [`features`] | the names of `[features]` |
//! | `profiles` | what a permission profile means for a directory |
//! | `requirements` | what an administrator allows |
//! | `explain` | [`explain()`] |
//! | `overrides` | [`parse_override`] |
//! | `shell_env` | [`shell_environment`] |

mod dotenv;
pub mod edit;
pub mod env;
mod error;
mod explain;
pub mod features;
mod layers;
mod overrides;
mod profiles;
mod providers;
mod read;
mod requirements;
mod schema;
mod settings;
mod shell_env;
mod terminal;
mod tree;
mod value;

pub use codex_protocol::additional::MINIMAL_PATHS;
pub use env::ProcessEnv;
pub use error::{ConfigError, Place};
pub use explain::{Explanation, Said, explain};
pub use overrides::parse_override;
pub use schema::{json_schema, reference};
pub use settings::{Config, Overrides, Replacement, Resolved, ToolSwitches};
pub use shell_env::shell_environment;

use codex_base::AbsPath;
use codex_protocol::settings::Origin;

/// The configuration for a thread in `cwd`. May be asked as often as there are directories; files are read each time.
///
/// # Errors
/// See [`ConfigError`]; a broken file of a project that is not trusted is no error.
pub fn resolve(env: &ProcessEnv, cwd: &AbsPath, overrides: &Overrides) -> Result<Resolved, ConfigError> {
    let layers = layers::load(env, cwd, overrides)?;
    let mut reader = read::Reader {
        tree: &layers.merged,
        env,
        cwd,
        trusted: layers.trusted,
        warnings: layers.warnings,
    };
    let (config, changes) = reader.config(overrides, &layers.requirements)?;
    let warnings = env.warnings.iter().cloned().chain(reader.warnings).collect();
    let mut origins = tree::origins(&layers.merged);
    if overrides.sandbox_policy.is_some() {
        origins.insert("sandbox_mode".to_owned(), Origin::Session);
    }
    Ok(Resolved {
        config,
        origins,
        changes,
        warnings,
        trusted: layers.trusted,
        project_root: layers.project_root,
    })
}
