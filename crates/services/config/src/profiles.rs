//! `[permissions.NAME]`: what a permission profile means for one working directory.
//!
//! A profile becomes [`FileRules`], which count, and the [`SandboxPolicy`] that comes nearest, for those who know modes only.

use crate::tree::{Node, Table, Value, dotted};
use crate::{ConfigError, Place, ProcessEnv, Replacement};
use codex_base::AbsPath;
use codex_permissions::devices::{self, Device, GPU_WORD};
use codex_permissions::{pattern_problem, strength};
use codex_protocol::additional::MINIMAL_PATHS;
use codex_protocol::requests::ActivePermissionProfile;
use codex_protocol::settings::{DenyGlob, FileRule, FileRules, Rights, SandboxPolicy, SocketRule, UnixSockets};
use std::collections::BTreeMap;
use std::path::{Component, Path};

const READ_ONLY: &str = ":read-only";
const WORKSPACE: &str = ":workspace";
const FULL_ACCESS: &str = ":danger-full-access";
const BUILT_IN: [&str; 3] = [READ_ONLY, WORKSPACE, FULL_ACCESS];
/// Here itself, in the nested form.
const SELF: &str = ".";
const ROOT: &str = ":root";
const WORKSPACE_ROOTS: &str = ":workspace_roots";
const TMPDIR: &str = ":tmpdir";
const SLASH_TMP: &str = ":slash_tmp";
const MINIMAL: &str = ":minimal";

/// What commands may touch, and how that was chosen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Permissions {
    pub policy: SandboxPolicy,
    pub rules: FileRules,
    /// Unless a mode was named.
    pub profile: Option<ActivePermissionProfile>,
    /// Of the profile, by a requirement.
    pub change: Option<Replacement>,
    pub warnings: Vec<String>,
}

impl Permissions {
    pub(crate) fn of(policy: SandboxPolicy) -> Self {
        Self {
            policy,
            rules: FileRules::default(),
            profile: None,
            change: None,
            warnings: Vec::new(),
        }
    }

    /// Of a profile that builds on nothing.
    pub(crate) fn named(name: &str, policy: SandboxPolicy) -> Self {
        Self {
            profile: Some(ActivePermissionProfile {
                id: name.to_owned(),
                extends: None,
            }),
            ..Self::of(policy)
        }
    }
}

/// One line of a profile: where it stands and what it says.
#[derive(Debug, Clone)]
struct Rule {
    rights: Rights,
    place: Option<Place>,
}

/// (key, path below it) to rule. The children of a profile override it; a deny stays.
type Rules = BTreeMap<(String, String), Rule>;

/// What profiles are read from.
pub(crate) struct Profiles<'a> {
    pub tree: &'a Table,
    pub env: &'a ProcessEnv,
    pub cwd: &'a AbsPath,
    pub add_dirs: &'a [AbsPath],
    /// `features.network_proxy`: traffic would have to go through a proxy.
    pub proxy_demanded: bool,
}

impl Profiles<'_> {
    /// Names with a colon are ours.
    ///
    /// # Errors
    /// `config.permissions_invalid` if a profile is called like a built-in.
    pub(crate) fn check_names(&self) -> Result<(), ConfigError> {
        for (name, node) in self.all()?.into_iter().flatten() {
            if name.starts_with(':') {
                return Err(invalid(
                    node,
                    format!("names that start with `:` are built in, `{name}` cannot be defined"),
                ));
            }
        }
        Ok(())
    }

    pub(crate) fn first(&self) -> Result<Option<(&String, &Node)>, ConfigError> {
        Ok(self.all()?.and_then(|profiles| profiles.iter().next()))
    }

    fn all(&self) -> Result<Option<&Table>, ConfigError> {
        self.tree.get("permissions").map(|node| node.table("permissions")).transpose()
    }

    /// The profile `name`, which `asked` names.
    ///
    /// # Errors
    /// If it does not exist, extends itself, holds a path that is none, or asks for what cannot be enforced.
    pub(crate) fn resolve(&self, name: &str, asked: &Node) -> Result<Permissions, ConfigError> {
        if name == FULL_ACCESS {
            return Ok(Permissions::named(name, SandboxPolicy::DangerFullAccess));
        }
        let chain = self.chain(name, asked)?;
        let mut warnings = Vec::new();
        let mut rules = Rules::new();
        let mut max_depth = None;
        let mut network = Network::default();
        let mut sockets = Sockets::default();
        let mut roots = vec![self.cwd.clone()];
        roots.extend(self.add_dirs.iter().cloned());
        for link in chain.iter().rev() {
            match link {
                Link::BuiltIn(name) => rules.extend(built_in(name)),
                Link::Table { key, table, .. } => {
                    self.add_rules(key, table, &mut rules, &mut warnings)?;
                    max_depth = scan_depth(key, table)?.or(max_depth);
                    network.add(key, table)?;
                    self.add_sockets(key, table, &mut sockets)?;
                    self.add_roots(key, table, &mut roots)?;
                }
            }
        }
        let network = network.open(self.proxy_demanded, &mut warnings);
        let rules = FileRules {
            unix_sockets: sockets.opened()?,
            ..self.file_rules(name, &rules, &roots, max_depth)?
        };
        let policy = self.nearest_mode(&rules, network);
        Ok(Permissions {
            profile: Some(ActivePermissionProfile {
                id: name.to_owned(),
                extends: chain.get(1).map(Link::name),
            }),
            rules,
            warnings,
            ..Permissions::of(policy)
        })
    }

    /// The profile, the one it extends, and so on.
    fn chain(&self, name: &str, asked: &Node) -> Result<Vec<Link<'_>>, ConfigError> {
        let mut links = Vec::new();
        let mut names: Vec<String> = Vec::new();
        let (mut next, mut from) = (name.to_owned(), asked);
        loop {
            if next == FULL_ACCESS {
                return Err(invalid(from, format!("`{FULL_ACCESS}` cannot be extended")));
            }
            if let Some(name) = BUILT_IN.iter().find(|built_in| **built_in == next) {
                links.push(Link::BuiltIn(name));
                return Ok(links);
            }
            let seen = names.contains(&next);
            names.push(next.clone());
            if seen {
                return Err(invalid(
                    from,
                    format!("permission profiles extend each other in a circle: {}", names.join(" -> ")),
                ));
            }
            let Some(node) = self.all()?.and_then(|profiles| profiles.get(&next)) else {
                return Err(self.undefined(&next, from));
            };
            let key = dotted("permissions", &next);
            let table = node.table(&key)?;
            let parent = table.get("extends");
            links.push(Link::Table {
                name: next,
                key: key.clone(),
                table,
            });
            let Some(parent) = parent else { return Ok(links) };
            next = parent.non_empty(&dotted(&key, "extends"))?;
            from = parent;
        }
    }

    fn undefined(&self, name: &str, from: &Node) -> ConfigError {
        let defined = self.all().ok().flatten().into_iter().flat_map(|profiles| profiles.keys().cloned());
        let known: Vec<_> = BUILT_IN
            .iter()
            .map(|name| (*name).to_owned())
            .chain(defined)
            .map(|name| format!("`{name}`"))
            .collect();
        invalid(
            from,
            format!("there is no permission profile `{name}`; known are {}", known.join(", ")),
        )
    }

    fn add_rules(&self, key: &str, table: &Table, rules: &mut Rules, warnings: &mut Vec<String>) -> Result<(), ConfigError> {
        let Some(node) = table.get("filesystem") else { return Ok(()) };
        let key = dotted(key, "filesystem");
        for (path, node) in node.table(&key)? {
            if path == "glob_scan_max_depth" {
                continue;
            }
            let path = if path == ":project_roots" { WORKSPACE_ROOTS } else { path };
            if path.starts_with(':') && ![ROOT, WORKSPACE_ROOTS, TMPDIR, SLASH_TMP, MINIMAL, GPU_WORD].contains(&path) {
                warnings.push(format!(
                    "{}: there is no special path `{path}`; the entry is left out",
                    node.source.place
                ));
                continue;
            }
            let key = dotted(&key, path);
            match &node.value {
                Value::Other(_) => {
                    let rights = add_rule(rules, (path, SELF), &key, node)?;
                    warnings.extend(opens_no_device(path, rights, node));
                }
                Value::Table(inner) => {
                    for (below, node) in inner {
                        add_rule(rules, (path, below), &dotted(&key, below), node)?;
                    }
                }
            }
        }
        Ok(())
    }

    fn add_roots(&self, key: &str, table: &Table, roots: &mut Vec<AbsPath>) -> Result<(), ConfigError> {
        let Some(node) = table.get("workspace_roots") else { return Ok(()) };
        let key = dotted(key, "workspace_roots");
        for (path, node) in node.table(&key)? {
            let key = dotted(&key, path);
            let counts = node.boolean(&key)?;
            without_zero(path, &key, node)?;
            let root = node.path(path, self.env, self.cwd);
            roots.retain(|known| known != &root || known == self.cwd);
            if counts {
                roots.push(root);
            }
        }
        Ok(())
    }

    fn add_sockets(&self, key: &str, table: &Table, sockets: &mut Sockets) -> Result<(), ConfigError> {
        const ALL: &str = "dangerously_allow_all_unix_sockets";
        const NAMES: [(&str, bool); 3] = [("allow", true), ("deny", false), ("none", false)];
        let Some(node) = table.get("network") else { return Ok(()) };
        let key = dotted(key, "network");
        let table = node.table(&key)?;
        if let Some(node) = table.get(ALL) {
            let all = node.boolean(&dotted(&key, ALL))?;
            sockets.all = all.then(|| node.source.place.clone());
        }
        let Some(node) = table.get("unix_sockets") else { return Ok(()) };
        let key = dotted(&key, "unix_sockets");
        for (text, node) in node.table(&key)? {
            let wrong = |problem: &str| invalid(node, format!("{key}: `{text}` {problem}"));
            if is_pattern(text) {
                return Err(wrong("must be the path of one socket, patterns are not for them"));
            }
            without_zero(text, &dotted(&key, text), node)?;
            let path = self.env.absolute(text).filter(|_| text != "~");
            let path = path.ok_or_else(|| wrong("must be an absolute path, or start with `~/`"))?;
            let opens = node.one_of(&dotted(&key, text), &NAMES)?;
            sockets.named.insert(path, (opens, node.source.place.clone()));
        }
        Ok(())
    }

    /// The rules with every path spelled out.
    fn file_rules(&self, name: &str, rules: &Rules, roots: &[AbsPath], max_depth: Option<u32>) -> Result<FileRules, ConfigError> {
        let mut lines = Vec::new();
        let mut deny_globs = Vec::new();
        for ((key, below), rule) in rules {
            let mut place = rule.place.as_ref().map_or_else(|| format!("profile {name}"), Place::to_string);
            if key == GPU_WORD {
                place = format!("{GPU_WORD} at {place}");
            }
            for target in self.targets(key, below, rule, roots)? {
                match target {
                    Target::Path(path) => lines.push(FileRule {
                        path,
                        rights: rule.rights,
                        place: place.clone(),
                    }),
                    Target::Pattern(pattern) => deny_globs.push(DenyGlob {
                        pattern,
                        place: place.clone(),
                        managed: false,
                        max_depth,
                    }),
                }
            }
        }
        Ok(FileRules {
            profile: Some(lines),
            deny_globs,
            ..FileRules::default()
        })
    }

    /// The folders, files or patterns that a rule is about.
    fn targets(&self, key: &str, below: &str, rule: &Rule, roots: &[AbsPath]) -> Result<Vec<Target>, ConfigError> {
        let wrong = |problem: String| ConfigError::PermissionsInvalid {
            place: rule.place.clone().unwrap_or(Place::Override),
            problem,
        };
        let subtree = below.strip_suffix("/**").unwrap_or(below);
        let inside = Path::new(if is_pattern(below) { below } else { subtree });
        if !inside
            .components()
            .all(|part| matches!(part, Component::Normal(_) | Component::CurDir))
        {
            return Err(wrong(format!("`{below}` must be a path below `{key}`")));
        }
        if below != SELF && key.starts_with(':') && key != WORKSPACE_ROOTS {
            return Err(wrong(format!(
                "`{key}` does not take paths below it; name them with an absolute path"
            )));
        }
        let bases = self.bases(key, roots).map_err(|problem| wrong(problem.to_owned()))?;
        let target = |base: AbsPath| match (below == SELF, is_pattern(key), is_pattern(below)) {
            (true, false, _) => Target::Path(base),
            (true, true, _) => Target::Pattern(base.to_string()),
            (false, false, false) => Target::Path(base.join(inside)),
            (false, ..) => Target::Pattern(base.join(inside).to_string()),
        };
        Ok(bases.into_iter().map(target).collect())
    }

    /// The places that a key stands for.
    fn bases(&self, key: &str, roots: &[AbsPath]) -> Result<Vec<AbsPath>, String> {
        Ok(match key {
            ROOT => AbsPath::new("/").into_iter().collect(),
            WORKSPACE_ROOTS => roots.to_vec(),
            TMPDIR => self.temporary().into_iter().collect(),
            SLASH_TMP => AbsPath::new("/tmp").into_iter().collect(),
            GPU_WORD => devices::gpu().collect(),
            MINIMAL => MINIMAL_PATHS.iter().filter_map(|path| AbsPath::new(path).ok()).collect(),
            _ => {
                let path = if is_pattern(key) {
                    key
                } else {
                    key.strip_suffix("/**").unwrap_or(key)
                };
                vec![self.env.absolute(path).ok_or_else(|| {
                    format!(
                        "`{path}` must be an absolute path, start with `~/`, or be a special path; what is relative to the workspace stands below `\":workspace_roots\"`"
                    )
                })?]
            }
        })
    }

    /// What comes nearest to the lines among the modes.
    fn nearest_mode(&self, rules: &FileRules, network_access: bool) -> SandboxPolicy {
        let lines = rules.profile.as_deref().unwrap_or_default();
        let deepest = |path: &AbsPath| {
            let covering = lines.iter().filter(|line| path.starts_with(&line.path));
            covering.max_by_key(|line| (line.path.components().count(), strength(line.rights)))
        };
        let writable = |path: Option<&AbsPath>| path.and_then(deepest).is_some_and(|line| line.rights == Rights::Write);
        let (temporary, slash_tmp) = (self.temporary(), AbsPath::new("/tmp").ok());
        let special = |path: &AbsPath| path == self.cwd || Some(path) == temporary.as_ref() || Some(path) == slash_tmp.as_ref();
        let mut writes: Vec<&AbsPath> = lines.iter().map(|line| &line.path).filter(|path| writable(Some(path))).collect();
        writes.sort();
        writes.dedup();
        if writes.is_empty() {
            return SandboxPolicy::ReadOnly { network_access };
        }
        SandboxPolicy::WorkspaceWrite {
            writable_roots: writes.into_iter().filter(|path| !special(path)).cloned().collect(),
            network_access,
            exclude_tmpdir_env_var: !writable(temporary.as_ref()),
            exclude_slash_tmp: !writable(slash_tmp.as_ref()),
        }
    }

    fn temporary(&self) -> Option<AbsPath> {
        self.env.var("TMPDIR").and_then(|path| AbsPath::new(path).ok())
    }
}

enum Target {
    Path(AbsPath),
    Pattern(String),
}

/// Whether `text` means more than one name; a trailing `/**` only means everything below.
pub(crate) fn is_pattern(text: &str) -> bool {
    text.strip_suffix("/**").unwrap_or(text).contains(['*', '?', '['])
}

fn scan_depth(key: &str, table: &Table) -> Result<Option<u32>, ConfigError> {
    const NAME: &str = "glob_scan_max_depth";
    let Some(node) = table.get("filesystem") else { return Ok(None) };
    let key = dotted(key, "filesystem");
    let Some(node) = node.table(&key)?.get(NAME) else { return Ok(None) };
    let depth = node.integer(&dotted(&key, NAME), 1, i64::from(u32::MAX))?;
    Ok(u32::try_from(depth).ok())
}

enum Link<'a> {
    BuiltIn(&'static str),
    /// `key` is `permissions.` and the name.
    Table {
        name: String,
        key: String,
        table: &'a Table,
    },
}

impl Link<'_> {
    fn name(&self) -> String {
        match self {
            Self::BuiltIn(name) => (*name).to_owned(),
            Self::Table { name, .. } => name.clone(),
        }
    }
}

/// Told here, since what enforces the rules would only know that some mount failed.
pub(crate) fn without_zero(path: &str, key: &str, node: &Node) -> Result<(), ConfigError> {
    match path.contains('\0') {
        true => Err(invalid(node, format!("`{key}`: a path has no zero byte"))),
        false => Ok(()),
    }
}

fn invalid(node: &Node, problem: String) -> ConfigError {
    ConfigError::PermissionsInvalid {
        place: node.source.place.clone(),
        problem,
    }
}

fn built_in(name: &str) -> Vec<((String, String), Rule)> {
    let rule = |key: &str, rights| ((key.to_owned(), SELF.to_owned()), Rule { rights, place: None });
    let mut rules = vec![rule(ROOT, Rights::Read)];
    if name == WORKSPACE {
        rules.extend([WORKSPACE_ROOTS, TMPDIR, SLASH_TMP].map(|key| rule(key, Rights::Write)));
    }
    rules
}

/// What somebody wrote who wants a device, and gets none.
fn opens_no_device(path: &str, rights: Rights, node: &Node) -> Option<String> {
    let is_device = path == GPU_WORD || Device::of(Path::new(path)) == Device::Named;
    let place = &node.source.place;
    match rights {
        Rights::Read if is_device => Some(format!("{place}: a device is opened by `write` alone, `{path}` opens nothing")),
        Rights::Write if path.trim_end_matches('/') == "/dev" => Some(format!(
            "{place}: devices are named one by one (`/dev/kvm`, `{GPU_WORD}`), `{path}` opens none"
        )),
        Rights::Read | Rights::Write | Rights::None => None,
    }
}

fn add_rule(rules: &mut Rules, (path, below): (&str, &str), key: &str, node: &Node) -> Result<Rights, ConfigError> {
    const NAMES: [(&str, Rights); 4] = [
        ("read", Rights::Read),
        ("write", Rights::Write),
        ("deny", Rights::None),
        ("none", Rights::None),
    ];
    let rights = node.one_of(key, &NAMES)?;
    without_zero(path, key, node)?;
    without_zero(below, key, node)?;
    if rights != Rights::None && (is_pattern(path) || is_pattern(below)) {
        return Err(invalid(node, format!("`{key}`: patterns are for `deny` only")));
    }
    if let Some(problem) = [path, below].into_iter().filter(|part| is_pattern(part)).find_map(pattern_problem) {
        return Err(invalid(node, format!("`{key}` is no pattern: {problem}")));
    }
    let rule = Rule {
        rights,
        place: Some(node.source.place.clone()),
    };
    let entry = rules.entry((path.to_owned(), below.to_owned())).or_insert_with(|| rule.clone());
    if entry.rights != Rights::None {
        *entry = rule;
    }
    Ok(rights)
}

/// What `network` tables say of unix sockets, the inner ones over the outer ones.
#[derive(Default)]
struct Sockets {
    all: Option<Place>,
    named: BTreeMap<AbsPath, (bool, Place)>,
}

impl Sockets {
    /// A denial takes an inherited line away. Nobody looks at single sockets where all are open, so it cannot be kept beside that.
    fn opened(self) -> Result<UnixSockets, ConfigError> {
        if let Some(all) = self.all {
            let denied = self.named.into_iter().find(|(_, (opens, _))| !opens);
            return match denied {
                Some((path, (_, place))) => Err(ConfigError::PermissionsInvalid {
                    place,
                    problem: format!("`{path}` cannot be closed while `dangerously_allow_all_unix_sockets` (at {all}) opens every socket"),
                }),
                None => Ok(UnixSockets::All { place: all.to_string() }),
            };
        }
        let opened = self.named.into_iter().filter(|(_, (opens, _))| *opens);
        let rule = |(path, (_, place)): (AbsPath, (bool, Place))| SocketRule {
            path,
            place: place.to_string(),
        };
        Ok(UnixSockets::Named(opened.map(rule).collect()))
    }
}

/// What `network` tables say, the inner ones over the outer ones.
#[derive(Default)]
struct Network {
    enabled: Option<bool>,
    /// The first rule that needs a proxy.
    restricted: Option<(String, Place)>,
}

impl Network {
    fn add(&mut self, key: &str, table: &Table) -> Result<(), ConfigError> {
        let Some(node) = table.get("network") else { return Ok(()) };
        let key = dotted(key, "network");
        let table = node.table(&key)?;
        if let Some(node) = table.get("enabled") {
            self.enabled = Some(node.boolean(&dotted(&key, "enabled"))?);
        }
        for name in ["mode", "domains", "mitm"] {
            let restricts = |node: &&Node| node.text() != Some("full") && node.value != Value::Table(Table::new());
            if let Some(node) = table.get(name).filter(restricts) {
                self.restricted = Some((dotted(&key, name), node.source.place.clone()));
            }
        }
        Ok(())
    }

    /// Open only without rules that nobody could enforce.
    fn open(&self, proxy_demanded: bool, warnings: &mut Vec<String>) -> bool {
        if self.enabled != Some(true) {
            return false;
        }
        if let Some((key, place)) = &self.restricted {
            warnings.push(format!(
                "{place}: `{key}` needs a proxy that this version does not have; commands have no network instead"
            ));
            return false;
        }
        if proxy_demanded {
            warnings.push("`features.network_proxy` is not in this version; commands have no network instead".to_owned());
        }
        !proxy_demanded
    }
}
