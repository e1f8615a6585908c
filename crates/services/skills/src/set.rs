//! Finds skills: folders with a `SKILL.md`.
//!
//! Input: where to look and what configuration says ([`SkillsRequest`]). Output: a [`SkillSet`]. Files are read and nothing is written. Trust
//! plays no part: a skill is words for the model, like AGENTS.md.

use crate::files::{directories, is_file, read_at_most, read_link_at_most};
use crate::front_matter;
use codex_base::AbsPath;
use codex_protocol::skills::{SkillErrorInfo, SkillMetadata, SkillScope, SkillSettings};
use std::cell::RefCell;
use std::collections::HashSet;
use std::path::{Path, PathBuf};

/// Where to look.
#[derive(Clone, Copy)]
pub struct SkillsRequest<'a> {
    pub codex_home: &'a AbsPath,
    /// The user's.
    pub home: Option<&'a AbsPath>,
    /// Of the system layer, e.g. `/etc/codex`.
    pub system_config_dir: &'a Path,
    /// The topmost directory of the project.
    pub project_root: &'a AbsPath,
    pub cwd: &'a AbsPath,
    pub settings: &'a SkillSettings,
    /// Whether what a skill of the project leads to may be read: a link in a checkout could name a file of the user's.
    pub may_read: &'a dyn Fn(&Path) -> bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skill {
    pub metadata: SkillMetadata,
    /// The model is told of it without being asked for it.
    pub listed: bool,
    /// Of the project: where its file lay when it was allowed to be read.
    pub(crate) place: Option<PathBuf>,
}

/// What there is. Of several with one name the first is meant.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SkillSet {
    pub skills: Vec<Skill>,
    pub errors: Vec<SkillErrorInfo>,
}

impl SkillSet {
    /// Those that are switched on.
    pub fn enabled(&self) -> impl Iterator<Item = &Skill> {
        self.skills.iter().filter(|skill| skill.metadata.enabled)
    }
}

/// Folders below a root, and how deep they may lie (observed of the reference).
const DEPTH_MAX: usize = 6;
const FOLDERS_MAX: usize = 2000;
/// Of a file's head.
const HEAD_BYTES_MAX: usize = 64 * 1024;
/// Characters.
const NAME_MAX: usize = 64;
const DESCRIPTION_MAX: usize = 1024;

/// Looks for skills. Blocks on the file system.
///
/// The project's come first, those nearest to `cwd` before others, then the user's, the machine's, and those of programs. A file that is
/// reached twice counts once.
pub fn skills(request: &SkillsRequest<'_>) -> SkillSet {
    let mut set = SkillSet::default();
    let mut seen = HashSet::new();
    for root in roots(request) {
        for file in files(&root) {
            let Ok(real) = file.canonicalize() else { continue };
            if seen.contains(&real) {
                continue;
            }
            match read(&file, root.scope, request) {
                Ok(skill) => {
                    // What a project may not lead to is still a skill where the user put it.
                    seen.insert(real);
                    set.skills.push(skill);
                }
                Err(message) => set.errors.push(SkillErrorInfo { path: file, message }),
            }
        }
    }
    set
}

struct Root {
    path: AbsPath,
    scope: SkillScope,
}

fn roots(request: &SkillsRequest<'_>) -> Vec<Root> {
    let root = |path, scope| Root { path, scope };
    let mut roots = Vec::new();
    for directory in directories(request.project_root, request.cwd).iter().rev() {
        roots.push(root(directory.join(".agents/skills"), SkillScope::Repo));
    }
    roots.push(root(request.project_root.join(".codex/skills"), SkillScope::Repo));
    roots.extend(request.home.map(|home| root(home.join(".agents/skills"), SkillScope::User)));
    let user = request.codex_home.join("skills");
    let bundled = user.join(".system");
    roots.push(root(user, SkillScope::User));
    if let Ok(admin) = AbsPath::new(request.system_config_dir.join("skills")) {
        roots.push(root(admin, SkillScope::Admin));
    }
    if request.settings.bundled {
        roots.push(root(bundled, SkillScope::System));
    }
    roots
}

/// The `SKILL.md` files below a root, in the order of their paths. Nothing is looked for inside of a skill, nor in hidden folders.
fn files(root: &Root) -> Vec<AbsPath> {
    let mut found = Vec::new();
    let mut walked: HashSet<PathBuf> = HashSet::new();
    let mut waiting = vec![(root.path.clone(), 0)];
    while let Some((folder, depth)) = waiting.pop() {
        // A link may lead back.
        let Ok(real) = folder.canonicalize() else { continue };
        if walked.len() >= FOLDERS_MAX || !walked.insert(real) {
            continue;
        }
        let file = folder.join("SKILL.md");
        if is_file(&file) {
            found.push(file);
            continue;
        }
        if depth == DEPTH_MAX {
            continue;
        }
        let entries = std::fs::read_dir(&folder).into_iter().flatten().flatten();
        let follows_links = root.scope != SkillScope::System;
        let mut folders: Vec<AbsPath> = entries
            .filter(|entry| !entry.file_name().to_string_lossy().starts_with('.'))
            .filter(|entry| {
                entry
                    .file_type()
                    .is_ok_and(|kind| kind.is_dir() || (kind.is_symlink() && follows_links))
            })
            .map(|entry| folder.join(entry.file_name()))
            .filter(|folder| folder.is_dir())
            .collect();
        folders.sort();
        waiting.extend(folders.into_iter().rev().map(|folder| (folder, depth + 1)));
    }
    found.sort();
    found
}

fn read(file: &AbsPath, scope: SkillScope, request: &SkillsRequest<'_>) -> Result<Skill, String> {
    let place = RefCell::new(None);
    let may_read = |real: &Path| {
        // Links of the user's own folders are the user's own.
        if scope == SkillScope::Repo {
            place.replace(Some(real.to_owned()));
        }
        scope != SkillScope::Repo || (request.may_read)(real)
    };
    let head = read_link_at_most(file, HEAD_BYTES_MAX, &may_read).map_err(|error| format!("it cannot be read: {error}"))?;
    let (yaml, _) = front_matter::split(&head.text).ok_or("it does not begin with a block between two lines of `---`")?;
    let said = front_matter::scalars(yaml);
    let text = |key: &str, max: usize| -> Result<String, String> {
        let text = said.get(key).map(|text| one_line(text)).filter(|text| !text.is_empty());
        let text = text.ok_or_else(|| format!("its head has no `{key}`"))?;
        if text.chars().count() > max {
            return Err(format!("its `{key}` has more than {max} characters"));
        }
        Ok(text)
    };
    let (name, description) = (text("name", NAME_MAX)?, text("description", DESCRIPTION_MAX)?);
    let said_last = request.settings.rules.iter().rev().find(|rule| rule.skill.fits(&name, file));
    let metadata = SkillMetadata {
        enabled: said_last.is_none_or(|rule| rule.enabled),
        short_description: said.get("metadata.short-description").map(|text| one_line(text)),
        name,
        description,
        path: file.clone(),
        scope,
    };
    let listed = is_listed(file);
    let place = place.into_inner();
    Ok(Skill { metadata, listed, place })
}

/// A file beside it may say that only a user may ask for it.
fn is_listed(file: &AbsPath) -> bool {
    let Some(folder) = file.parent() else { return true };
    let more = read_at_most(&folder.join("agents/openai.yaml"), HEAD_BYTES_MAX);
    let said = more.map(|file| front_matter::scalars(&file.text)).unwrap_or_default();
    said.get("policy.allow_implicit_invocation")
        .is_none_or(|allowed| allowed != "false")
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
