//! `[permissions.NAME]`: what a permission profile means for one working directory.
//!
//! A profile becomes a [`SandboxPolicy`] and [`FileRules`]. What the sandbox cannot hold commands to is an error, never left out.

use crate::tree::{Node, Table, Value, dotted};
use crate::{ConfigError, Place, ProcessEnv};
use codex_base::AbsPath;
use codex_protocol::settings::{FileRules, SandboxPolicy};
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

/// What a profile allows, in the words of the sandbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Permissions {
    pub policy: SandboxPolicy,
    pub rules: FileRules,
    pub warnings: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Access {
    Read,
    Write,
    Deny,
}

/// One line of a profile: where it stands and what it says.
#[derive(Debug, Clone)]
struct Rule {
    access: Access,
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

    pub(crate) fn any_defined(&self) -> Result<Option<&Node>, ConfigError> {
        Ok(self.all()?.and_then(|profiles| profiles.values().next()))
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
            return Ok(Permissions {
                policy: SandboxPolicy::DangerFullAccess,
                rules: FileRules::default(),
                warnings: Vec::new(),
            });
        }
        let chain = self.chain(name, asked)?;
        let mut warnings = Vec::new();
        let mut rules = Rules::new();
        let mut network = Network::default();
        let mut roots = vec![self.cwd.clone()];
        roots.extend(self.add_dirs.iter().cloned());
        for link in chain.iter().rev() {
            match link {
                Link::BuiltIn(name) => rules.extend(built_in(name)),
                Link::Table(key, table) => {
                    self.add_rules(key, table, &mut rules, &mut warnings)?;
                    network.add(key, table)?;
                    self.add_roots(key, table, &mut roots)?;
                }
            }
        }
        let network = network.open(self.proxy_demanded, &mut warnings);
        Compiled::new(self, &rules, &roots)?.permissions(self.cwd, network, warnings)
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
            links.push(Link::Table(key.clone(), table));
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
            if path.starts_with(':') && ![ROOT, WORKSPACE_ROOTS, TMPDIR, SLASH_TMP, MINIMAL].contains(&path) {
                warnings.push(format!(
                    "{}: there is no special path `{path}`; the entry is left out",
                    node.source.place
                ));
                continue;
            }
            let key = dotted(&key, path);
            match &node.value {
                Value::Other(_) => add_rule(rules, (path, SELF), &key, node)?,
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
            let counts = node.boolean(&dotted(&key, path))?;
            let root = node.path(path, self.env, self.cwd);
            roots.retain(|known| known != &root || known == self.cwd);
            if counts {
                roots.push(root);
            }
        }
        Ok(())
    }

    /// The folders or files that a rule is about.
    fn targets(&self, key: &str, below: &str, rule: &Rule, roots: &[AbsPath]) -> Result<Vec<AbsPath>, ConfigError> {
        let wrong = |problem: String| ConfigError::PermissionsInvalid {
            place: rule.place.clone().unwrap_or(Place::Override),
            problem,
        };
        let below = below.strip_suffix("/**").unwrap_or(below);
        let inside = Path::new(below);
        if !inside
            .components()
            .all(|part| matches!(part, Component::Normal(_) | Component::CurDir))
        {
            return Err(wrong(format!("`{below}` must be a path below `{key}`")));
        }
        let bases = match key {
            ROOT => AbsPath::new("/").into_iter().collect(),
            WORKSPACE_ROOTS => roots.to_vec(),
            TMPDIR => self.temporary().into_iter().collect(),
            SLASH_TMP => AbsPath::new("/tmp").into_iter().collect(),
            _ => {
                let path = key.strip_suffix("/**").unwrap_or(key);
                let home = self.env.home.as_ref().filter(|_| path == "~" || path.starts_with("~/"));
                match home {
                    Some(home) => vec![self.env.expand(path, home)],
                    None => vec![
                        AbsPath::new(path)
                            .map_err(|_| wrong(format!("`{path}` must be an absolute path, start with `~/`, or be a special path")))?,
                    ],
                }
            }
        };
        Ok(bases
            .into_iter()
            .map(|base| if below == SELF { base } else { base.join(inside) })
            .collect())
    }

    fn temporary(&self) -> Option<AbsPath> {
        self.env.var("TMPDIR").and_then(|path| AbsPath::new(path).ok())
    }
}

enum Link<'a> {
    BuiltIn(&'static str),
    Table(String, &'a Table),
}

fn invalid(node: &Node, problem: String) -> ConfigError {
    ConfigError::PermissionsInvalid {
        place: node.source.place.clone(),
        problem,
    }
}

fn built_in(name: &str) -> Vec<((String, String), Rule)> {
    let rule = |key: &str, access| ((key.to_owned(), SELF.to_owned()), Rule { access, place: None });
    let mut rules = vec![rule(ROOT, Access::Read)];
    if name == WORKSPACE {
        rules.extend([WORKSPACE_ROOTS, TMPDIR, SLASH_TMP].map(|key| rule(key, Access::Write)));
    }
    rules
}

fn add_rule(rules: &mut Rules, (path, below): (&str, &str), key: &str, node: &Node) -> Result<(), ConfigError> {
    const NAMES: [(&str, Access); 4] = [
        ("read", Access::Read),
        ("write", Access::Write),
        ("deny", Access::Deny),
        ("none", Access::Deny),
    ];
    let access = node.one_of(key, &NAMES)?;
    let is_pattern = |text: &str| text.strip_suffix("/**").unwrap_or(text).contains(['*', '?', '[']);
    if access != Access::Deny && (is_pattern(path) || is_pattern(below)) {
        return Err(invalid(node, format!("`{key}`: patterns are for `deny` only")));
    }
    let rule = Rule {
        access,
        place: Some(node.source.place.clone()),
    };
    let entry = rules.entry((path.to_owned(), below.to_owned())).or_insert_with(|| rule.clone());
    if entry.access != Access::Deny {
        *entry = rule;
    }
    Ok(())
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
        for name in ["mode", "domains", "unix_sockets", "mitm"] {
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

/// The rules with every path spelled out.
struct Compiled {
    rules: Vec<(AbsPath, Access, Option<Place>)>,
    temporary: Option<AbsPath>,
}

impl Compiled {
    fn new(profiles: &Profiles<'_>, rules: &Rules, roots: &[AbsPath]) -> Result<Self, ConfigError> {
        let mut compiled = Vec::new();
        for ((key, below), rule) in rules {
            if rule.access == Access::Deny {
                return Err(ConfigError::PermissionsUnenforceable {
                    place: rule.place.clone().unwrap_or(Place::Override),
                    what: format!(
                        "hide `{}` from commands",
                        if below == SELF { key.clone() } else { format!("{key}/{below}") }
                    ),
                });
            }
            if key == MINIMAL {
                continue;
            }
            for path in profiles.targets(key, below, rule, roots)? {
                compiled.push((path, rule.access, rule.place.clone()));
            }
        }
        Ok(Self {
            rules: compiled,
            temporary: profiles.temporary(),
        })
    }

    /// The longest rule at or above a path; of two for the same path the narrower one.
    fn access(&self, path: &AbsPath) -> Option<Access> {
        let covering = self.rules.iter().filter(|(rule, ..)| path.starts_with(rule));
        covering
            .max_by_key(|(rule, access, _)| (rule.components().count(), std::cmp::Reverse(*access)))
            .map(|(_, access, _)| *access)
    }

    fn permissions(&self, cwd: &AbsPath, network_access: bool, mut warnings: Vec<String>) -> Result<Permissions, ConfigError> {
        let reads_all = AbsPath::new("/").is_ok_and(|root| self.access(&root).is_some());
        if !reads_all {
            let place = self.rules.iter().find_map(|(.., place)| place.clone()).unwrap_or(Place::Override);
            return Err(ConfigError::PermissionsUnenforceable {
                place,
                what: "keep commands from reading; add `\":root\" = \"read\"` or extend `:read-only` or `:workspace`".to_owned(),
            });
        }
        let slash_tmp = AbsPath::new("/tmp").ok();
        let special = |path: &AbsPath| path == cwd || Some(path) == self.temporary.as_ref() || Some(path) == slash_tmp.as_ref();
        let writable = |path: Option<&AbsPath>| path.is_some_and(|path| self.access(path) == Some(Access::Write));
        let writes: Vec<&AbsPath> = self
            .rules
            .iter()
            .filter(|(path, ..)| writable(Some(path)))
            .map(|(path, ..)| path)
            .collect();
        if writes.is_empty() {
            return Ok(Permissions {
                policy: SandboxPolicy::ReadOnly { network_access },
                rules: FileRules::default(),
                warnings,
            });
        }
        let read_only: Vec<AbsPath> = self
            .rules
            .iter()
            .map(|(path, ..)| path)
            .filter(|path| !writable(Some(path)) && writes.iter().any(|write| path.starts_with(write) && path != write))
            .cloned()
            .collect();
        for write in &writes {
            if let Some(closed) = read_only.iter().find(|closed| write.starts_with(closed)) {
                warnings.push(format!("{write} stays read-only because it lies in {closed}, which is"));
            }
        }
        let mut writable_roots: Vec<AbsPath> = writes.iter().filter(|path| !special(path)).map(|path| (*path).clone()).collect();
        writable_roots.dedup();
        Ok(Permissions {
            policy: SandboxPolicy::WorkspaceWrite {
                writable_roots,
                network_access,
                exclude_tmpdir_env_var: !writable(self.temporary.as_ref()),
                exclude_slash_tmp: !writable(slash_tmp.as_ref()),
            },
            rules: FileRules {
                without_cwd: !writable(Some(cwd)),
                read_only,
            },
            warnings,
        })
    }
}
