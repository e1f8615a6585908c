//! What a turn's policy becomes with permissions that a call asks for besides: configuration once more, with them.
//!
//! So what an administrator requires is laid over them as over everything else. What is protected and credentials stay closed.

use super::resolve;
use crate::settings::TurnOverrides;
use crate::shared::Shared;
use codex_base::AbsPath;
use codex_config::{Config, Replacement, Resolved};
use codex_permissions::additional::{Additional, Places};
use codex_protocol::additional::AdditionalPermissions;
use codex_tools::{Widened, Widening};
use std::fmt;
use std::sync::Arc;

/// Where rules that come of it say they stand.
const PLACE: &str = "additional_permissions of the call";

pub struct TurnWidening {
    pub shared: Arc<Shared>,
    pub overrides: TurnOverrides,
    /// The turn's directory.
    pub cwd: AbsPath,
    /// What the turn began with.
    pub config: Arc<Config>,
}

impl fmt::Debug for TurnWidening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TurnWidening").field("cwd", &self.cwd).finish_non_exhaustive()
    }
}

impl TurnWidening {
    fn resolve(&self, additional: Option<Additional>) -> Result<Resolved, String> {
        let additional = additional.map(|additional| (additional, PLACE.to_owned()));
        let resolved = resolve::config_with(&self.shared, &self.overrides, additional);
        resolved.map(|(_, resolved)| resolved).map_err(|error| error.to_string())
    }
}

impl Widening for TurnWidening {
    fn widened(&self, asked: &AdditionalPermissions, cwd: &AbsPath) -> Result<Widened, String> {
        let (tmpdir, slash_tmp) = resolve::temporary(&self.shared);
        let places = Places {
            cwd,
            workspace_roots: std::slice::from_ref(&self.cwd),
            tmpdir: tmpdir.as_ref(),
            slash_tmp: slash_tmp.as_ref(),
        };
        let additional = Additional::resolve(asked, places).map_err(|error| error.to_string())?;
        if additional == Additional::default() {
            return Err("it names nothing".to_owned());
        }
        let permissions = additional.to_wire();
        let (before, with) = (self.resolve(None)?, self.resolve(Some(additional))?);
        let same = |config: &Config| (config.sandbox_policy.clone(), config.file_rules.clone());
        if same(&before.config) != same(&self.config) {
            return Err("the configuration has changed since the turn began; the next turn can ask".to_owned());
        }
        if let Some(change) = with.changes.iter().find(|change| !before.changes.contains(change)) {
            let Replacement { key, from, place, .. } = change;
            return Err(format!("{key} = {from:?} is not allowed by {place}"));
        }
        Ok(Widened {
            permissions,
            policy: resolve::policy(&self.shared, &self.cwd, &with.config),
        })
    }
}
