//! Which files count for a directory, which of them are trusted, and their merge.

use crate::requirements::{self, Requirements};
use crate::schema::{self, Findings, UnknownKey};
use crate::tree::{self, Layer, Source, Table};
use crate::{ConfigError, Overrides, Place, ProcessEnv};
use codex_base::{AbsPath, os};
use std::fs;
use std::io;
use std::path::Path;

/// A larger configuration file is a mistake.
const FILE_BYTES_MAX: u64 = 4 * 1024 * 1024;
const PROJECT_FOLDER: &str = ".codex";
const FILE_NAME: &str = "config.toml";
const MANAGED_NAME: &str = "managed_config.toml";
const REQUIREMENTS_NAME: &str = "requirements.toml";

/// Never taken from a project: they choose where conversations are sent, which programs run beside them, or whole other settings.
pub(crate) const NEVER_FROM_PROJECT: [&str; 12] = [
    "openai_base_url",
    "chatgpt_base_url",
    "apps_mcp_product_sku",
    "responses_api_metadata",
    "model_provider",
    "model_providers",
    "notify",
    "profile",
    "profiles",
    "experimental_realtime_ws_base_url",
    "experimental_realtime_webrtc_call_base_url",
    "otel",
];
/// Besides, a project never decides about its own trust.
const PROJECTS: &str = "projects";

/// Everything that files and overrides say for one directory.
pub(crate) struct Layers {
    /// Lowest first; those that do not count are among them.
    pub stack: Vec<Loaded>,
    pub merged: Table,
    pub requirements: Requirements,
    pub warnings: Vec<String>,
    pub project_root: AbsPath,
    pub trusted: Option<bool>,
}

/// One layer as it was read.
pub(crate) struct Loaded {
    pub table: Table,
    /// Why it does not count.
    pub ignored: Option<String>,
}

pub(crate) fn load(env: &ProcessEnv, cwd: &AbsPath, overrides: &Overrides) -> Result<Layers, ConfigError> {
    let mut stack = Stack {
        strict: overrides.strict,
        layers: Vec::new(),
        warnings: Vec::new(),
    };
    stack.personal(env, overrides)?;
    let managed = managed_layer(env)?;
    let session = session_layer(overrides);
    // Session and management count for the root markers and for trust, so they are judged before the project's files are read, and laid
    // above them.
    let mut outside_project = stack.merged();
    tree::merge(&mut outside_project, session.clone());
    tree::merge(&mut outside_project, managed.clone());
    let project_root = project_root(&outside_project, cwd)?;
    let trust = Trust::new(&outside_project, &project_root)?;
    stack.project(env, cwd, &project_root, &trust)?;
    let (model_flag, flags) = flag_layers(overrides);
    for layer in [session, flags, managed.clone(), model_flag] {
        stack.push(layer)?;
    }
    let requirements = stack.requirements(env, &managed)?;
    if overrides.named_mode_only {
        stack.ignore_modes_of_files();
    }
    let merged = stack.merged();
    Ok(Layers {
        merged,
        requirements,
        stack: stack.layers,
        warnings: stack.warnings,
        trusted: trust.of(cwd),
        project_root,
    })
}

/// Layers, lowest first.
struct Stack {
    strict: bool,
    layers: Vec<Loaded>,
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
        if let Some(node) = tree::get(&self.merged(), &["profiles", name]) {
            return Err(ConfigError::ProfileTable {
                place: node.source.place.clone(),
                name: name.to_owned(),
            });
        }
        let file = env.codex_home.join(format!("{name}.config.toml"));
        if !self.file(&file, Layer::Profile)? {
            self.warnings.push(format!("profile `{name}` has no file: {file} does not exist"));
        }
        Ok(())
    }

    /// The project's files from its root down to `cwd`: those that are trusted count.
    fn project(&mut self, env: &ProcessEnv, cwd: &AbsPath, root: &AbsPath, trust: &Trust) -> Result<(), ConfigError> {
        let mut folders: Vec<AbsPath> = cwd.ancestors().take_while(|folder| folder.starts_with(root)).collect();
        folders.reverse();
        for folder in folders {
            let own = folder.join(PROJECT_FOLDER);
            let file = own.join(FILE_NAME);
            if canonical(&own).unwrap_or(own) == env.codex_home || !file.exists() {
                continue;
            }
            let read = read_file(&file, Layer::Project, self.layers.len());
            if trust.of(&folder) == Some(true) {
                let mut layer = read?.unwrap_or_default();
                self.drop_forbidden(&mut layer, &file);
                self.push(layer)?;
            } else {
                let distrusted = trust.of(&folder) == Some(false);
                self.warnings.push(untrusted(&file, &folder, distrusted, env));
                // Kept to be shown; a file that nobody trusts may be broken.
                self.ignore(read.ok().flatten().unwrap_or_default(), "the project is not trusted");
            }
        }
        Ok(())
    }

    /// Takes out of a project's layer what a project may not set.
    fn drop_forbidden(&mut self, layer: &mut Table, file: &AbsPath) {
        let names = NEVER_FROM_PROJECT.iter().copied().chain([PROJECTS]);
        let dropped: Table = names.filter_map(|name| layer.remove_entry(name)).collect();
        let told: Vec<_> = NEVER_FROM_PROJECT.iter().filter(|name| dropped.contains_key(**name)).collect();
        if !told.is_empty() {
            let names: Vec<_> = told.iter().map(|name| format!("`{name}`")).collect();
            self.warnings
                .push(format!("{file}: a project may not set {}; ignored", names.join(", ")));
        }
        self.ignore(dropped, "a project may not set it");
    }

    fn ignore_modes_of_files(&mut self) {
        const KEY: &str = "sandbox_mode";
        for layer in &mut self.layers {
            let of_file = |node: &tree::Node| !matches!(node.source.layer, Layer::Session | Layer::Flag);
            layer.table.retain(|key, node| key != KEY || !of_file(node));
        }
    }

    fn ignore(&mut self, table: Table, why: &str) {
        if !table.is_empty() {
            self.layers.push(Loaded {
                table,
                ignored: Some(why.to_owned()),
            });
        }
    }

    /// `false` if there is no such file.
    fn file(&mut self, file: &AbsPath, layer: Layer) -> Result<bool, ConfigError> {
        let Some(table) = read_file(file, layer, self.layers.len())? else {
            return Ok(false);
        };
        self.push(table)?;
        Ok(true)
    }

    fn push(&mut self, mut layer: Table) -> Result<(), ConfigError> {
        if let Some(node) = layer.get("profile") {
            let name = node.text().unwrap_or("NAME").to_owned();
            return Err(ConfigError::ProfileKey {
                place: node.source.place.clone(),
                name,
            });
        }
        let findings = schema::check_layer(&mut layer, schema::Document::Config)?;
        if let Some(first) = findings.unknown.first().filter(|_| self.strict) {
            return Err(first.clone().into());
        }
        self.tell(findings);
        self.layers.push(Loaded {
            table: layer,
            ignored: None,
        });
        Ok(())
    }

    fn tell(&mut self, findings: Findings) {
        if let Some(first) = findings.unknown.first() {
            let place = match &first.place {
                Place::File { file, .. } => file.to_string(),
                other => other.to_string(),
            };
            let names: Vec<_> = findings.unknown.iter().map(named).collect();
            self.warnings
                .push(format!("{place}: unknown keys are ignored: {}", names.join(", ")));
        }
        self.warnings.extend(findings.notes);
    }

    /// The administrator's constraints; what they set outright becomes the topmost layer.
    fn requirements(&mut self, env: &ProcessEnv, managed: &Table) -> Result<Requirements, ConfigError> {
        let file = AbsPath::new(&env.system_config_dir).map(|folder| folder.join(REQUIREMENTS_NAME));
        let mut table = match file {
            Ok(file) => read_file(&file, Layer::Requirement, usize::MAX)?.unwrap_or_default(),
            Err(_) => Table::new(),
        };
        let findings = schema::check_layer(&mut table, schema::Document::Requirements)?;
        self.tell(findings);
        self.layers.push(Loaded {
            table: requirements::pinned(&table),
            ignored: None,
        });
        Requirements::read(&table, managed, env, &mut self.warnings)
    }

    fn merged(&self) -> Table {
        let mut merged = Table::new();
        for layer in self.layers.iter().filter(|layer| layer.ignored.is_none()) {
            tree::merge(&mut merged, layer.table.clone());
        }
        merged
    }
}

fn named(unknown: &UnknownKey) -> String {
    let line = match &unknown.place {
        Place::File { line, .. } => Some(format!("line {line}")),
        Place::Override | Place::Flag(_) => None,
    };
    let meant = unknown.nearest.as_ref().map(|nearest| format!("did you mean `{nearest}`?"));
    let details: Vec<_> = line.into_iter().chain(meant).collect();
    match details.as_slice() {
        [] => format!("`{}`", unknown.key),
        details => format!("`{}` ({})", unknown.key, details.join(", ")),
    }
}

/// `distrusted`: the configuration says so, which no flag turns around.
fn untrusted(file: &AbsPath, folder: &AbsPath, distrusted: bool, env: &ProcessEnv) -> String {
    let config = env.codex_home.join(FILE_NAME);
    if distrusted {
        format!("{file} is ignored because the project is called untrusted; to use it, set trust_level = \"trusted\" for it in {config}")
    } else {
        format!(
            "{file} is ignored because the project is not trusted; to use it, run `codex exec --trust`, or add [projects.\"{folder}\"] with trust_level = \"trusted\" to {config}"
        )
    }
}

/// `None` if the file does not exist.
fn read_file(file: &AbsPath, layer: Layer, rank: usize) -> Result<Option<Table>, ConfigError> {
    match read_bounded(file) {
        Ok(text) => {
            tracing::debug!(%file, ?layer, "configuration file");
            tree::parse(&text, file, layer, rank).map(Some)
        }
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(None),
        Err(source) => Err(ConfigError::Unreadable {
            file: file.clone(),
            source,
        }),
    }
}

pub(crate) fn read_bounded(file: &Path) -> io::Result<String> {
    if fs::canonicalize(file)? == Path::new("/dev/null") {
        return Ok(String::new());
    }
    os::read_regular_text(file, FILE_BYTES_MAX)
}

/// The managed configuration of older versions: above everything but the model's flag.
fn managed_layer(env: &ProcessEnv) -> Result<Table, ConfigError> {
    let folder = if os::platform().0 == "windows" {
        Ok(env.codex_home.clone())
    } else {
        AbsPath::new(&env.system_config_dir)
    };
    let Ok(folder) = folder else { return Ok(Table::new()) };
    Ok(read_file(&folder.join(MANAGED_NAME), Layer::Managed, MANAGED_RANK)?.unwrap_or_default())
}

/// Above every file, whatever the number of files.
const SESSION_RANK: usize = usize::MAX - 4;
const FLAG_RANK: usize = SESSION_RANK + 1;
const MANAGED_RANK: usize = FLAG_RANK + 1;
const MODEL_FLAG_RANK: usize = MANAGED_RANK + 1;

fn session_layer(overrides: &Overrides) -> Table {
    let source = Source {
        layer: Layer::Session,
        rank: SESSION_RANK,
        place: Place::Override,
    };
    let mut layer = Table::new();
    for (key, value) in &overrides.cli {
        let path: Vec<String> = key.split('.').map(str::to_owned).collect();
        tree::set(&mut layer, &path, tree::node(value.clone(), &source));
    }
    if let Some(text) = &overrides.developer_instructions {
        let text = tree::node(toml::Value::String(text.clone()), &source);
        tree::set(&mut layer, &["developer_instructions".to_owned()], text);
    }
    layer
}

/// That of the model, which even managed configuration does not beat, and that of the others.
fn flag_layers(overrides: &Overrides) -> (Table, Table) {
    let flagged = |key: &str, flag: &str, rank: usize, value: Option<toml::Value>| {
        let source = Source {
            layer: Layer::Flag,
            rank,
            place: Place::Flag(flag.to_owned()),
        };
        Some((key.to_owned(), tree::node(value?, &source)))
    };
    let flag = |key, name, rank, text: Option<String>| flagged(key, name, rank, text.map(toml::Value::String));
    let approval = overrides.approval_policy.and_then(|policy| toml::Value::try_from(policy).ok());
    let reviewer = overrides.approvals_reviewer.map(|reviewer| reviewer.as_str().to_owned());
    let mode = overrides.sandbox_mode.map(|mode| mode.as_str().to_owned());
    let others = [
        flag("model_provider", "--model-provider", FLAG_RANK, overrides.model_provider.clone()),
        flagged("approval_policy", "-a", FLAG_RANK, approval),
        flag("approvals_reviewer", "--approve-for-me", FLAG_RANK, reviewer),
        flag("sandbox_mode", "-s", FLAG_RANK, mode),
        flag("default_permissions", "-P", FLAG_RANK, overrides.permission_profile.clone()),
    ];
    let model = flag("model", "-m", MODEL_FLAG_RANK, overrides.model.clone());
    (model.into_iter().collect(), others.into_iter().flatten().collect())
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

pub(crate) fn canonical(path: &AbsPath) -> Option<AbsPath> {
    path.canonicalize().ok().and_then(|found| AbsPath::new(found).ok())
}
