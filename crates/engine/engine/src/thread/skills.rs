//! The skills that a folder sees, what the model is told of them, and those that a message asks for.
//!
//! Looks at files: belongs on a blocking thread.

use super::resolve;
use crate::shared::Shared;
use codex_base::AbsPath;
use codex_config::Resolved;
use codex_model::ModelInfo;
use codex_protocol::items::UserInput;
use codex_protocol::skills::{SkillMetadata, SkillSettings};
use codex_skills::{Skill, SkillSet, SkillsRequest, told};

/// Part of the model's window that the list of skills may take, in hundredths (observed of the reference).
const WINDOW_PERCENT: u64 = 2;
const BYTES_PER_TOKEN: usize = 4;

pub fn of_folder(shared: &Shared, cwd: &AbsPath, resolved: &Resolved) -> SkillSet {
    codex_skills::skills(&SkillsRequest {
        codex_home: &shared.env.codex_home,
        home: shared.env.home.as_ref(),
        system_config_dir: &shared.env.system_config_dir,
        project_root: &resolved.project_root,
        cwd,
        settings: &resolved.config.skills,
        may_read: &resolve::may_read(shared, cwd, resolved),
    })
}

/// The list for the model, and what the user should know of it.
pub fn told(set: &SkillSet, settings: &SkillSettings, model: &ModelInfo) -> (Option<String>, Vec<String>) {
    let mut warnings: Vec<String> = set
        .errors
        .iter()
        .map(|error| format!("{} is not used as a skill: {}", error.path, error.message))
        .collect();
    if !settings.include_instructions {
        return (None, warnings);
    }
    let of_window = || usize::try_from(model.effective_window() * WINDOW_PERCENT / 100).unwrap_or(usize::MAX);
    let tokens = settings.max_context_tokens.unwrap_or_else(of_window);
    let (list, left_out) = told::list(set, tokens.saturating_mul(BYTES_PER_TOKEN));
    warnings.extend(left_out);
    (list, warnings)
}

/// The skills that input names, as `$name` or by itself, each once and whole.
pub fn asked_for(input: &[UserInput], set: &SkillSet) -> Vec<String> {
    let mut asked: Vec<&Skill> = Vec::new();
    for part in input {
        let named: Vec<&Skill> = match part {
            UserInput::Text { text } => told::mentioned(text, set),
            UserInput::Skill { name, path } => {
                let found = set
                    .enabled()
                    .find(|skill| skill.metadata.path.as_path() == std::path::Path::new(path));
                let found = found.or_else(|| set.enabled().find(|skill| skill.metadata.name == *name));
                found.into_iter().collect()
            }
            UserInput::LocalImage { .. } | UserInput::Image { .. } => Vec::new(),
        };
        for skill in named {
            if !asked.contains(&skill) {
                asked.push(skill);
            }
        }
    }
    let whole = |skill: &Skill| {
        told::whole(skill).unwrap_or_else(|error| {
            let SkillMetadata { name, path, .. } = &skill.metadata;
            format!("<name>{name}</name>\n<path>{path}</path>\nIt cannot be read: {error}")
        })
    };
    asked.into_iter().map(whole).collect()
}
