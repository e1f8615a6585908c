//! The skills that folders see, for clients, and the switch of each.

use crate::engine::{Engine, blocking};
use crate::settings::TurnOverrides;
use crate::thread::{resolve, skills};
use codex_base::{AbsPath, with_causes};
use codex_config::edit;
use codex_protocol::requests::RequestError;
use codex_protocol::skills::{SkillNamed, SkillsConfigWriteResult, SkillsListEntry};
use std::sync::Arc;

impl Engine {
    /// What each folder sees.
    ///
    /// # Errors
    /// If the configuration of one cannot be read.
    pub async fn skills(self: &Arc<Self>, cwds: Vec<AbsPath>) -> Result<Vec<SkillsListEntry>, RequestError> {
        let shared = Arc::clone(&self.shared);
        let look = move || cwds.into_iter().map(|cwd| entry(&shared, cwd)).collect();
        blocking(look).await?
    }

    /// Switches a skill on or off in the user's configuration; what comes of it in `cwd`.
    ///
    /// # Errors
    /// If the file cannot be changed.
    pub async fn switch_skill(
        self: &Arc<Self>,
        skill: SkillNamed,
        on: bool,
        cwd: AbsPath,
    ) -> Result<SkillsConfigWriteResult, RequestError> {
        let shared = Arc::clone(&self.shared);
        let change = move || {
            edit::switch_skill(&shared.env, &skill, on).map_err(|error| RequestError::internal(error.code(), with_causes(&error)))?;
            let seen = entry(&shared, cwd)?;
            let found = seen.skills.iter().find(|found| skill.fits(&found.name, &found.path));
            Ok(SkillsConfigWriteResult {
                effective_enabled: found.map_or(on, |found| found.enabled),
            })
        };
        blocking(change).await?
    }
}

fn entry(shared: &crate::shared::Shared, cwd: AbsPath) -> Result<SkillsListEntry, RequestError> {
    let overrides = TurnOverrides {
        cwd: Some(cwd),
        ..TurnOverrides::default()
    };
    let (cwd, resolved) =
        resolve::config_for(shared, &overrides).map_err(|error| RequestError::invalid(error.code(), with_causes(&error)))?;
    let set = skills::of_folder(shared, &cwd, &resolved);
    Ok(SkillsListEntry {
        skills: set.skills.into_iter().map(|skill| skill.metadata).collect(),
        errors: set.errors,
        cwd,
    })
}
