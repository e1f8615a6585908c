//! Configuration for one working directory: layers, trust, and the origin of every value.
//!
//! Input: the [`ProcessEnv`] that was read once at start, a directory, and what flags and clients override.
//! Output: a [`Resolved`]: the [`Config`], where each value came from, warnings, and whether the project is trusted.
//! It reads configuration files and nothing else: no variables, no clock, no writes. A file that is broken, or a value of the wrong
//! type, is a [`ConfigError`] that names file, line and key; an unknown key is only a warning.
//!
//! | module | gives |
//! | --- | --- |
//! | [`env`] | [`ProcessEnv`] |
//! | `layers` | which files count for a directory, trust, and their merge |
//! | `tree` | TOML text as a tree in which every value knows its place |
//! | `read` | the merged tree as a [`Config`] |
//! | `known` | the keys that files may hold, and unknown ones |
//! | `shell_env` | [`shell_environment`] |

pub mod env;
mod error;
mod overrides;
mod settings;
mod shell_env;

pub use env::ProcessEnv;
pub use error::{ConfigError, Place};
pub use overrides::parse_override;
pub use settings::{Config, Overrides, Resolved, ToolSwitches};
pub use shell_env::shell_environment;
