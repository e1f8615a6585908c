//! What a turn's policy becomes with permissions that a call asks for besides: configuration once more, with them.
//!
//! So what an administrator requires is laid over them as over everything else. What is protected and credentials stay closed.

use super::event::{MoreRights, ThreadEvent};
use super::resolve;
use crate::context::{instructions, surroundings};
use crate::settings::{TurnOverrides, TurnSettings};
use crate::shared::Shared;
use codex_base::AbsPath;
use codex_config::{Config, Replacement, Resolved};
use codex_permissions::additional::{Additional, Places, intersect};
use codex_permissions::{ResolvedPolicy, rights};
use codex_protocol::additional::AdditionalPermissions;
use codex_protocol::facts::PermissionsIntent;
use codex_protocol::questions::PermissionsAnswer;
use codex_tools::{Granted, TurnTools, Widened, Widening};
use std::fmt;
use std::sync::Arc;

/// Where rules that come of it say they stand.
const PLACE: &str = "additional_permissions of the call";

#[derive(Clone)]
pub struct TurnWidening {
    pub shared: Arc<Shared>,
    pub overrides: TurnOverrides,
    /// The turn's directory.
    pub cwd: AbsPath,
    /// What the turn began with, and what was granted since.
    pub config: Arc<Config>,
}

impl fmt::Debug for TurnWidening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TurnWidening").field("cwd", &self.cwd).finish_non_exhaustive()
    }
}

impl TurnWidening {
    fn additional(&self, asked: &AdditionalPermissions, cwd: &AbsPath) -> Result<Additional, String> {
        let mut asked = asked.clone();
        if let (Some(home), Some(files)) = (&self.shared.env.home, &mut asked.file_system) {
            // Models write it as a shell would take it.
            for path in [&mut files.read, &mut files.write].into_iter().flatten().flatten() {
                if let Some(below) = path.strip_prefix("~/") {
                    *path = home.join(below).to_string();
                }
            }
        }
        let (tmpdir, slash_tmp) = resolve::temporary(&self.shared);
        let places = Places {
            cwd,
            workspace_roots: std::slice::from_ref(&self.cwd),
            tmpdir: tmpdir.as_ref(),
            slash_tmp: slash_tmp.as_ref(),
        };
        Additional::resolve(&asked, places).map_err(|error| error.to_string())
    }

    fn resolve(&self, overrides: &TurnOverrides, additional: Option<Additional>) -> Result<Resolved, String> {
        let additional = additional.map(|additional| (additional, PLACE.to_owned()));
        let resolved = resolve::config_with(&self.shared, overrides, additional);
        resolved.map(|(_, resolved)| resolved).map_err(|error| error.to_string())
    }

    /// The configuration with more, all of it.
    fn with(&self, overrides: &TurnOverrides, additional: Option<Additional>) -> Result<Config, String> {
        let (before, with) = (self.resolve(&self.overrides, None)?, self.resolve(overrides, additional)?);
        let same = |config: &Config| (config.sandbox_policy.clone(), config.file_rules.clone());
        if same(&before.config) != same(&self.config) {
            return Err("the configuration has changed since the turn began; the next turn can ask".to_owned());
        }
        if let Some(change) = with.changes.iter().find(|change| !before.changes.contains(change)) {
            let Replacement { key, from, place, .. } = change;
            return Err(format!("{key} = {from:?} is not allowed by {place}"));
        }
        Ok(with.config)
    }
}

impl Widening for TurnWidening {
    fn widened(&self, asked: &AdditionalPermissions, cwd: &AbsPath) -> Result<Widened, String> {
        let additional = self.additional(asked, cwd)?;
        if additional == Additional::default() {
            return Err("it names nothing".to_owned());
        }
        let config = self.with(&self.overrides, Some(additional.clone()))?;
        let policy = resolve::policy(&self.shared, &self.cwd, &config);
        if let Some(path) = closed(&policy, &additional) {
            return Err(format!("{path} stays closed, whatever is granted; leave it out"));
        }
        Ok(Widened {
            permissions: additional.to_wire(),
            policy,
        })
    }

    fn granted(&self, asked: &PermissionsIntent, answered: &AdditionalPermissions) -> Result<Option<Granted>, String> {
        let of = |permissions| self.additional(permissions, &asked.cwd);
        let additional = intersect(&of(&asked.permissions)?, &of(answered)?);
        if additional == Additional::default() {
            return Ok(None);
        }
        let before = self.overrides.granted.clone().unwrap_or_default();
        let overrides = TurnOverrides {
            granted: Some(before.join(&additional)),
            ..self.overrides.clone()
        };
        let config = self.with(&overrides, None)?;
        Ok(Some(Granted {
            additional,
            policy: resolve::policy(&self.shared, &self.cwd, &config),
            widening: Arc::new(Self {
                overrides,
                config: Arc::new(config),
                ..self.clone()
            }),
        }))
    }
}

/// What a policy does not open although it was asked for: what is protected, and credentials.
fn closed<'a>(policy: &ResolvedPolicy, additional: &'a Additional) -> Option<&'a AbsPath> {
    let mut lines = additional.lines.iter();
    let found = lines.find(|(path, wanted)| rights(policy, &codex_process::facts::real_path(path)) < **wanted);
    found.map(|(path, _)| path)
}

/// The settings that a turn goes on with after an answer.
pub async fn grant(
    shared: Arc<Shared>,
    call_id: String,
    asked: PermissionsIntent,
    answer: PermissionsAnswer,
    settings: Arc<TurnSettings>,
) -> ThreadEvent {
    let look = tokio::task::spawn_blocking(move || {
        let widening = settings.tools.widening.as_ref().ok_or("it is not offered here")?;
        let granted = widening.granted(&asked, &answer.permissions)?;
        Ok(granted.map(|granted| {
            Box::new(MoreRights {
                additional: granted.additional.clone(),
                settings: Arc::new(widened_settings(&shared, &settings, granted)),
            })
        }))
    });
    ThreadEvent::Granted {
        call_id,
        scope: answer.scope,
        result: look.await.unwrap_or_else(|panic| Err(format!("it failed inside codex: {panic}"))),
    }
}

/// What the model is told from now on, after a compaction for instance, goes along.
fn widened_settings(shared: &Shared, settings: &TurnSettings, granted: Granted) -> TurnSettings {
    let tools = TurnTools {
        policy: granted.policy,
        widening: Some(granted.widening),
        ..(*settings.tools).clone()
    };
    let mut changed = settings.clone();
    if let Some(text) = &mut changed.surroundings.permissions {
        *text = instructions::permissions(&tools.policy, settings.approval_policy, shared.sandbox.capabilities());
    }
    if let Some(text) = changed.surroundings.environment.get_mut("filesystem") {
        *text = surroundings::filesystem_text(&tools.cwd, &tools.policy);
    }
    changed.tools = Arc::new(tools);
    changed
}
