//! Edits of the user's configuration file that leave everything else as it was: comments, order, spacing, rights, a symbolic link.
//!
//! [`changed`] is the whole decision, from text to text. [`user_config`] performs it: it takes a lock, so that two programs do not lose each
//! other's edit, and writes a new file over the old one, so that nobody ever reads half of one.

mod document;
mod file;
mod json;
mod skills;

pub use crate::explain::key_path;
pub use document::{Change, changed};
pub use json::changes;

use crate::{ConfigError, ProcessEnv};
use codex_base::AbsPath;
use codex_protocol::skills::SkillNamed;
use std::io;

/// Why a file was left as it was.
#[derive(Debug, thiserror::Error)]
pub enum EditError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error("{file}: `{key}` is not a table, so nothing can be set below it")]
    NoTable { file: AbsPath, key: String },
    #[error("{file}: a value for `{key}` cannot be written as TOML")]
    Unwritable { file: AbsPath, key: String },
    #[error("another program is editing {file} for too long; its lock is {lock}")]
    Locked { file: AbsPath, lock: AbsPath },
    #[error("{file} changes faster than it can be edited")]
    Unsteady { file: AbsPath },
    #[error("{file} is another one than the client has seen")]
    Conflict { file: AbsPath },
    #[error("cannot write {file}")]
    Write { file: AbsPath, source: io::Error },
}

impl EditError {
    /// Stable: never renamed or reused.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Config(error) => error.code(),
            Self::NoTable { .. } | Self::Unwritable { .. } => "config.edit_refused",
            Self::Conflict { .. } => "config.version_conflict",
            Self::Locked { .. } | Self::Unsteady { .. } => "config.edit_locked",
            Self::Write { .. } => "config.edit_failed",
        }
    }
}

/// Changes the user's `config.toml`, which is made if it is missing. Waits up to five seconds for another editor; blocks meanwhile.
/// Returns whether the text is another one now.
///
/// # Errors
/// The file is then as it was; one that is not TOML is not touched.
pub fn user_config(env: &ProcessEnv, changes: &[Change]) -> Result<bool, EditError> {
    let written = file::edit(&user_file(env), changes, file::Check::Syntax, None)?;
    Ok(written.changed)
}

/// A file as an edit left it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    pub file: AbsPath,
    /// `sha256:` and the hash of the text.
    pub version: String,
    pub changed: bool,
}

/// As [`user_config`] for a client: every value must have the type of its key afterwards, and the file must be the version that the client
/// expects, if it expects any.
///
/// # Errors
/// The file is then as it was.
pub fn write(env: &ProcessEnv, changes: &[Change], expected: Option<&str>) -> Result<Written, EditError> {
    file::edit(&user_file(env), changes, file::Check::Types, expected)
}

/// The file that these edits are about.
pub fn user_file(env: &ProcessEnv) -> AbsPath {
    env.codex_home.join("config.toml")
}

/// Switches a skill on or off in the user's `config.toml`.
///
/// # Errors
/// As of [`user_config`].
pub fn switch_skill(env: &ProcessEnv, skill: &SkillNamed, on: bool) -> Result<bool, EditError> {
    let text = std::fs::read_to_string(user_file(env)).unwrap_or_default();
    user_config(env, &[skills::switched(&text, skill, on)])
}

#[cfg(test)]
mod tests;
