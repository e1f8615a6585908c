//! `--trust`: the project of a run is recorded as trusted in the user's configuration.
//!
//! [`ask`] decides and reads only; [`Trust::record`] writes, once every other check has passed.

use crate::environment::{config_error, edit_error};
use codex_base::AbsPath;
use codex_config::edit::{self, Change};
use codex_config::{Overrides, ProcessEnv};
use codex_exec::ExecError;

/// A project that may be trusted.
#[derive(Debug)]
pub struct Trust {
    root: AbsPath,
    /// The files say so already.
    recorded: bool,
}

/// Whether the project of `cwd` may be trusted. The user's file counts here even where the run leaves it out.
///
/// # Errors
/// If it was called untrusted, anywhere; or if its configuration, which would count then, is broken.
pub fn ask(env: &ProcessEnv, cwd: &AbsPath, overrides: &Overrides) -> Result<Trust, ExecError> {
    let resolve = |overrides: &Overrides| codex_config::resolve(env, cwd, overrides).map_err(config_error);
    let with_users = Overrides {
        ignore_user_config: false,
        ..overrides.clone()
    };
    let files = Overrides {
        cli: Vec::new(),
        ..with_users.clone()
    };
    let (all, files) = (resolve(&with_users)?, resolve(&files)?);
    let root = all.project_root;
    let root = root.canonicalize().ok().and_then(|real| AbsPath::new(real).ok()).unwrap_or(root);
    if [all.trusted, files.trusted].contains(&Some(false)) {
        let message = format!("--trust: the project {root} is marked as untrusted");
        let hint = format!(
            "to trust it after all, change its trust_level below [projects] in {}",
            env.codex_home.join("config.toml")
        );
        return Err(ExecError::new("exec.untrusted_project", message).with_hint(hint));
    }
    let trust = Trust {
        root,
        recorded: files.trusted == Some(true),
    };
    resolve(&trust.counted(overrides.clone()))?;
    Ok(trust)
}

impl Trust {
    /// Writes it down unless it is. Returns what this run goes on with, and the line for the user if something was written.
    ///
    /// # Errors
    /// If the user's file cannot be changed; it is then as it was.
    pub fn record(&self, env: &ProcessEnv, overrides: Overrides) -> Result<(Overrides, Option<String>), ExecError> {
        let written = !self.recorded && record(env, &self.root, Level::Trusted)?;
        let note = written.then(|| {
            format!(
                "note: {} is trusted from now on, says {}",
                self.root,
                env.codex_home.join("config.toml")
            )
        });
        let overrides = if overrides.ignore_user_config {
            self.counted(overrides)
        } else {
            overrides
        };
        Ok((overrides, note))
    }

    /// With the trust as if `-c` had said it.
    fn counted(&self, mut overrides: Overrides) -> Overrides {
        let level = toml::Table::from_iter([("trust_level".to_owned(), "trusted".into())]);
        let project = toml::Table::from_iter([(self.root.to_string(), level.into())]);
        overrides.cli.push(("projects".to_owned(), project.into()));
        overrides
    }
}

/// What is decided about a project.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    Trusted,
    Untrusted,
}

/// Writes the decision into the user's file; whether that changed it.
///
/// # Errors
/// If the file cannot be changed; it is then as it was.
pub fn record(env: &ProcessEnv, root: &AbsPath, level: Level) -> Result<bool, ExecError> {
    let root = root.to_string();
    let change = Change::Set {
        path: Change::path(&["projects", &root, "trust_level"]),
        value: match level {
            Level::Trusted => "trusted".into(),
            Level::Untrusted => "untrusted".into(),
        },
    };
    edit::user_config(env, &[change]).map_err(edit_error)
}
