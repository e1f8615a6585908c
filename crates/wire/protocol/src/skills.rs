//! Skills: instructions for special work that a user, a project or an administrator keeps in folders.

use codex_base::AbsPath;
use serde::{Deserialize, Serialize};

/// Who keeps a skill.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum SkillScope {
    User,
    Repo,
    /// Came with a program.
    System,
    /// For everybody on this machine.
    Admin,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SkillMetadata {
    /// `$name` in a message asks for it.
    pub name: String,
    /// When it is of use.
    pub description: String,
    pub short_description: Option<String>,
    /// Its `SKILL.md`.
    pub path: AbsPath,
    pub scope: SkillScope,
    pub enabled: bool,
}

/// Why a file is no skill.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SkillErrorInfo {
    pub path: AbsPath,
    pub message: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SkillsListParams {
    /// The server's own folder if there are none.
    pub cwds: Vec<String>,
    /// Skills are looked up every time; accepted for clients that ask.
    pub force_reload: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SkillsListResult {
    pub data: Vec<SkillsListEntry>,
}

/// What one folder sees.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SkillsListEntry {
    pub cwd: AbsPath,
    pub skills: Vec<SkillMetadata>,
    pub errors: Vec<SkillErrorInfo>,
}

/// Switches a skill on or off in the user's configuration: by the path of its file, or by name.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SkillsConfigWriteParams {
    pub enabled: bool,
    pub name: Option<String>,
    pub path: Option<AbsPath>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SkillsConfigWriteResult {
    /// As it is now: another layer of the configuration may decide otherwise.
    pub effective_enabled: bool,
}

/// What configuration says about one skill. The last word counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SkillRule {
    pub skill: SkillNamed,
    pub enabled: bool,
}

/// How configuration names a skill.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SkillNamed {
    /// Its `SKILL.md`, or the folder of that.
    Path(AbsPath),
    Name(String),
}

impl SkillNamed {
    pub fn fits(&self, name: &str, path: &AbsPath) -> bool {
        match self {
            Self::Name(named) => named == name,
            Self::Path(named) => named == path || path.parent().is_some_and(|folder| *named == folder),
        }
    }
}

/// What configuration says about skills.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SkillSettings {
    pub rules: Vec<SkillRule>,
    /// The model is told which there are.
    pub include_instructions: bool,
    /// Tokens of that; `None`: a part of the model's window.
    pub max_context_tokens: Option<usize>,
    /// Those of programs count, too.
    pub bundled: bool,
}

impl Default for SkillSettings {
    fn default() -> Self {
        Self {
            rules: Vec::new(),
            include_instructions: true,
            max_context_tokens: None,
            bundled: true,
        }
    }
}
