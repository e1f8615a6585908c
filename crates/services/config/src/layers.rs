//! Which files count for a directory, which of them are trusted, and their merge.

use crate::known::{drop_forbidden, unknown_keys};
use crate::tree::{self, Layer, Source, Table};
use crate::{ConfigError, Overrides, Place, ProcessEnv};
use codex_base::{AbsPath, os};
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// A larger configuration file is a mistake.
const FILE_BYTES_MAX: u64 = 4 * 1024 * 1024;
const PROJECT_FOLDER: &str = ".codex";
const FILE_NAME: &str = "config.toml";

/// Everything that files and overrides say for one directory.
pub(crate) struct Layers {
    pub merged: Table,
    pub warnings: Vec<String>,
    pub project_root: AbsPath,
    pub trusted: Option<bool>,
}

pub(crate) fn load(env: &ProcessEnv, cwd: &AbsPath, overrides: &Overrides) -> Result<Layers, ConfigError> {
    let mut stack = Stack {
        strict: overrides.strict,
        layers: Vec::new(),
        warnings: Vec::new(),
    };
    stack.personal(env, overrides)?;
    let session = session_layer(overrides);
    // The session counts for the root markers and for trust, so it is judged before the project's files are read, and laid above them.
    let mut outside_project = stack.merged();
    tree::merge(&mut outside_project, session.clone());
    let project_root = project_root(&outside_project, cwd)?;
    let trust = Trust::new(&outside_project, &project_root)?;
    stack.project(env, cwd, &project_root, &trust)?;
    stack.push(session)?;
    stack.push(flag_layer(overrides))?;
    let merged = stack.merged();
    Ok(Layers {
        merged,
        warnings: stack.warnings,
        trusted: trust.of(cwd),
        project_root,
    })
}

/// Layers, lowest first.
struct Stack {
    strict: bool,
    layers: Vec<Table>,
    warnings: Vec<String>,
}

impl Stack {
    fn personal(&mut self, env: &ProcessEnv, overrides: &Overrides) -> Result<(), ConfigError> {
        if let Ok(folder) = AbsPath::new(&env.system_config_dir) {
            self.file(&folder.join(FILE_NAME), Layer::System)?;
        }
        if !overrides.ignore_user_config {
            self.file(&env.codex_home.join(FILE_NAME), Layer::User)?;
        }
        let Some(name) = &overrides.profile else { return Ok(()) };
        self.profile(env, name)
    }

    fn profile(&mut self, env: &ProcessEnv, name: &str) -> Result<(), ConfigError> {
        if name.is_empty() || !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_') {
            return Err(ConfigError::ProfileName { name: name.to_owned() });
        }
        if let Some(node) = self
            .merged()
            .get("profiles")
            .and_then(|profiles| profiles.table("profiles").ok()?.get(name).cloned())
        {
            return Err(ConfigError::ProfileTable {
                place: node.source.place,
                name: name.to_owned(),
            });
        }
        let file = env.codex_home.join(format!("{name}.config.toml"));
        if !self.file(&file, Layer::Profile)? {
            self.warnings.push(format!("profile `{name}` has no file: {file} does not exist"));
        }
        Ok(())
    }

    /// The project's files from its root down to `cwd`: those that are trusted.
    fn project(&mut self, env: &ProcessEnv, cwd: &AbsPath, root: &AbsPath, trust: &Trust) -> Result<(), ConfigError> {
        let mut folders: Vec<AbsPath> = cwd.ancestors().take_while(|folder| folder.starts_with(root)).collect();
        folders.reverse();
        for folder in folders {
            let own = folder.join(PROJECT_FOLDER);
            let file = own.join(FILE_NAME);
            if canonical(&own).unwrap_or(own) == env.codex_home || !file.exists() {
                continue;
            }
            if trust.of(&folder) == Some(true) {
                let mut layer = read_file(&file, Layer::Project, self.layers.len())?.unwrap_or_default();
                let dropped = drop_forbidden(&mut layer);
                if !dropped.is_empty() {
                    self.warnings
                        .push(format!("{file}: a project may not set {}; ignored", dropped.join(", ")));
                }
                self.push(layer)?;
            } else {
                self.warnings.push(untrusted(&file, &folder, env));
            }
        }
        Ok(())
    }

    /// `false` if there is no such file.
    fn file(&mut self, file: &AbsPath, layer: Layer) -> Result<bool, ConfigError> {
        let Some(table) = read_file(file, layer, self.layers.len())? else {
            return Ok(false);
        };
        self.push(table)?;
        Ok(true)
    }

    fn push(&mut self, layer: Table) -> Result<(), ConfigError> {
        if let Some(node) = layer.get("profile") {
            let name = node.text().unwrap_or("NAME").to_owned();
            return Err(ConfigError::ProfileKey {
                place: node.source.place.clone(),
                name,
            });
        }
        let unknown = unknown_keys(&layer);
        match unknown.first() {
            Some(first) if self.strict => return Err(first.clone().into()),
            Some(first) => {
                let place = match &first.place {
                    Place::File { file, .. } => file.to_string(),
                    other => other.to_string(),
                };
                let names: Vec<_> = unknown
                    .iter()
                    .map(|unknown| named(&unknown.key, unknown.nearest.as_deref()))
                    .collect();
                self.warnings
                    .push(format!("{place}: unknown keys are ignored: {}", names.join(", ")));
            }
            None => {}
        }
        self.layers.push(layer);
        Ok(())
    }

    fn merged(&self) -> Table {
        let mut merged = Table::new();
        for layer in &self.layers {
            tree::merge(&mut merged, layer.clone());
        }
        merged
    }
}

fn named(key: &str, nearest: Option<&str>) -> String {
    nearest.map_or_else(|| format!("`{key}`"), |nearest| format!("`{key}` (did you mean `{nearest}`?)"))
}

fn untrusted(file: &AbsPath, folder: &AbsPath, env: &ProcessEnv) -> String {
    format!(
        "{file} is ignored because the project is not trusted; to use it, add [projects.\"{folder}\"] with trust_level = \"trusted\" to {}",
        env.codex_home.join(FILE_NAME)
    )
}

/// `None` if the file does not exist.
fn read_file(file: &AbsPath, layer: Layer, rank: usize) -> Result<Option<Table>, ConfigError> {
    match read_bounded(file) {
        Ok(text) => tree::parse(&text, file, layer, rank).map(Some),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(None),
        Err(source) => Err(ConfigError::Unreadable {
            file: file.clone(),
            source,
        }),
    }
}

pub(crate) fn read_bounded(file: &Path) -> io::Result<String> {
    let mut text = String::new();
    let read = File::open(file)?.take(FILE_BYTES_MAX + 1).read_to_string(&mut text)?;
    if read as u64 > FILE_BYTES_MAX {
        return Err(io::Error::new(
            io::ErrorKind::FileTooLarge,
            format!("larger than {FILE_BYTES_MAX} bytes"),
        ));
    }
    Ok(text)
}

/// Above every file, whatever the number of files.
const SESSION_RANK: usize = usize::MAX - 1;

fn session_layer(overrides: &Overrides) -> Table {
    let source = Source {
        layer: Layer::Session,
        rank: SESSION_RANK,
        place: Place::Override,
    };
    let mut layer = Table::new();
    for (key, value) in &overrides.cli {
        tree::set(&mut layer, key, tree::node(value.clone(), &source));
    }
    if let Some(text) = &overrides.developer_instructions {
        tree::set(
            &mut layer,
            "developer_instructions",
            tree::node(toml::Value::String(text.clone()), &source),
        );
    }
    layer
}

fn flag_layer(overrides: &Overrides) -> Table {
    let flags = [
        ("model", "-m", overrides.model.clone()),
        ("model_provider", "--model-provider", overrides.model_provider.clone()),
        (
            "approval_policy",
            "-a",
            overrides.approval_policy.map(|policy| policy.as_str().to_owned()),
        ),
        (
            "approvals_reviewer",
            "--approve-for-me",
            overrides.approvals_reviewer.map(|reviewer| reviewer.as_str().to_owned()),
        ),
        ("sandbox_mode", "-s", overrides.sandbox_mode.map(|mode| mode.as_str().to_owned())),
    ];
    let set = flags.into_iter().filter_map(|(key, flag, value)| {
        let source = Source {
            layer: Layer::Flag,
            rank: SESSION_RANK + 1,
            place: Place::Flag(flag.to_owned()),
        };
        Some((key.to_owned(), tree::node(toml::Value::String(value?), &source)))
    });
    set.collect()
}

/// The nearest folder from `cwd` upwards that holds one of the markers; `cwd` itself if there is none.
fn project_root(table: &Table, cwd: &AbsPath) -> Result<AbsPath, ConfigError> {
    let markers = match table.get("project_root_markers") {
        Some(node) => node.strings("project_root_markers")?,
        None => vec![".git".to_owned()],
    };
    Ok(codex_base::os::project_root(cwd, &markers))
}

/// The trust entries and what they are asked about.
struct Trust {
    entries: Vec<(String, bool)>,
    /// Asked after the folder itself: the project root, and the main checkout of a worktree.
    project: Vec<AbsPath>,
}

impl Trust {
    fn new(table: &Table, project_root: &AbsPath) -> Result<Self, ConfigError> {
        let mut entries = Vec::new();
        if let Some(projects) = table.get("projects") {
            for (folder, node) in projects.table("projects")? {
                let key = tree::dotted("projects", folder);
                let Some(level) = node.table(&key)?.get("trust_level") else {
                    continue;
                };
                entries.push((
                    folder.clone(),
                    level.one_of(&tree::dotted(&key, "trust_level"), &[("trusted", true), ("untrusted", false)])?,
                ));
            }
        }
        let project = std::iter::once(project_root.clone()).chain(main_checkout(project_root)).collect();
        Ok(Self { entries, project })
    }

    /// The first entry for the folder, the project root or the main checkout, each as the system knows it and as it is spelled here.
    fn of(&self, folder: &AbsPath) -> Option<bool> {
        let asked = std::iter::once(folder).chain(&self.project);
        asked
            .flat_map(|path| [canonical(path), Some(path.clone())])
            .flatten()
            .find_map(|path| self.entry(&path))
    }

    /// Keys compare as written; without case where the system's paths have none.
    fn entry(&self, path: &AbsPath) -> Option<bool> {
        let path = path.to_string();
        let same = |key: &str| key == path || (os::platform().0 == "windows" && key.eq_ignore_ascii_case(&path));
        self.entries.iter().find(|(key, _)| same(key)).map(|(_, trusted)| *trusted)
    }
}

/// The checkout that a linked worktree belongs to.
///
/// Only if that checkout knows the worktree: a `.git` file alone could claim to belong to any trusted project.
fn main_checkout(root: &AbsPath) -> Option<AbsPath> {
    let pointer = root.join(".git");
    let text = read_bounded(&pointer).ok()?;
    let git_dir = canonical(&root.join(text.strip_prefix("gitdir:")?.trim()))?;
    let back = read_bounded(&git_dir.join("gitdir")).ok()?;
    let known = canonical(&git_dir.join(back.trim()))? == canonical(&pointer)?;
    let worktrees = git_dir
        .parent()
        .filter(|folder| folder.file_name().is_some_and(|name| name == "worktrees"))?;
    let repository = worktrees
        .parent()
        .filter(|folder| folder.file_name().is_some_and(|name| name == ".git"))?;
    if known { repository.parent() } else { None }
}

fn canonical(path: &AbsPath) -> Option<AbsPath> {
    path.canonicalize().ok().and_then(|found| AbsPath::new(found).ok())
}
