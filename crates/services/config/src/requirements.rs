//! What an administrator allows: `requirements.toml`, and `managed_config.toml` of older versions read as constraints.
//!
//! A constraint that this version cannot enforce ends the start; it is never left out.

use crate::profiles::is_pattern;
use crate::read::policy_of;
use crate::tree::{self, Node, Table};
use crate::value::by_name;
use crate::{Config, ConfigError, Place, ProcessEnv, Replacement};
use codex_base::AbsPath;
use codex_permissions::pattern_problem;
use codex_protocol::settings::{
    ApprovalPolicy, ApprovalsReviewer, DenyGlob, FileRule, FileRules, NetworkAccess, Rights, SandboxMode, SandboxPolicy, SocketRule,
    UnixSockets, WebSearchMode,
};
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;

/// Keys that are set outright: they become a layer of their own.
const PINNED: [&str; 10] = [
    "allow_login_shell",
    "log_dir",
    "sqlite_home",
    "model_catalog_json",
    "model_provider",
    "model_providers",
    "cli_auth_credentials_store",
    "check_for_update_on_startup",
    "otel",
    "features",
];

/// Constraints on what files, flags and clients may choose.
#[derive(Debug, Default)]
pub(crate) struct Requirements {
    approvals: Option<Allowed<ApprovalPolicy>>,
    reviewers: Option<Allowed<ApprovalsReviewer>>,
    modes: Option<Allowed<SandboxMode>>,
    web_search: Option<Allowed<WebSearchMode>>,
    profiles: Option<AllowedProfiles>,
    network: Option<NetworkLimits>,
    more_instructions: Option<String>,
    login_methods: Option<Vec<String>>,
    new_thread: Option<NewThread>,
    /// What nobody may read.
    deny_read: DenyRead,
}

/// Rules about the network: commands have none here, and what they say of unix sockets holds.
#[derive(Debug)]
struct NetworkLimits {
    all_sockets_allowed: bool,
    closed_sockets: Vec<SocketRule>,
    place: Place,
}

#[derive(Debug, Default)]
struct DenyRead {
    paths: Vec<FileRule>,
    globs: Vec<DenyGlob>,
}

/// `models.new_thread`: what a thread that begins is run with, whoever asks for what.
#[derive(Debug)]
struct NewThread {
    model: Option<String>,
    effort: Option<String>,
    service_tier: Option<String>,
    place: Place,
}

/// The values of a key that may be used; never empty.
#[derive(Debug)]
struct Allowed<T> {
    values: Vec<T>,
    place: Place,
}

/// Which permission profiles may be chosen.
#[derive(Debug)]
struct AllowedProfiles {
    allowed: BTreeMap<String, bool>,
    /// Stands in for one that is not allowed.
    default: Option<String>,
    place: Place,
}

/// The part of `requirements.toml` that is configuration: it wins over every other layer.
pub(crate) fn pinned(table: &Table) -> Table {
    let keys = PINNED.iter().filter_map(|key| Some(((*key).to_owned(), table.get(*key)?.clone())));
    let mut pinned: Table = keys.collect();
    if let Some(mut profiles) = table.get("permissions").cloned() {
        if let tree::Value::Table(inner) = &mut profiles.value {
            inner.remove("filesystem");
        }
        pinned.insert("permissions".to_owned(), profiles);
    }
    pinned
}

impl Requirements {
    /// Reads a table that was checked against the key tables, and the managed configuration as constraints where it says nothing.
    ///
    /// # Errors
    /// `config.requirement_invalid`, and `config.requirement_unenforceable` for what this version cannot hold anybody to.
    pub(crate) fn read(table: &Table, managed: &Table, env: &ProcessEnv, warnings: &mut Vec<String>) -> Result<Self, ConfigError> {
        unenforceable(table)?;
        let modes = match remote_modes(table, env)? {
            Some(modes) => Some(modes),
            None => table
                .get("allowed_sandbox_modes")
                .map(|node| allowed_modes("allowed_sandbox_modes", node))
                .transpose()?,
        };
        Ok(Self {
            approvals: approvals(table)?.or(legacy(managed, "approval_policy", None)?),
            reviewers: reviewers(table)?.or(legacy(managed, "approvals_reviewer", Some(ApprovalsReviewer::User))?),
            modes: modes.or(legacy(managed, "sandbox_mode", Some(SandboxMode::ReadOnly))?),
            web_search: web_search(table)?,
            profiles: profiles(table)?,
            network: network(table, env, warnings)?,
            more_instructions: table
                .get("additional_developer_instructions")
                .and_then(Node::text)
                .map(str::to_owned),
            login_methods: login_methods(table)?,
            new_thread: new_thread(table)?,
            deny_read: deny_read(table, env)?,
        })
    }

    /// Sets what is pinned for a thread that begins. What somebody asked for instead is told.
    pub(crate) fn pin_new_thread(&self, config: &mut Config) -> Vec<Replacement> {
        let Some(pins) = &self.new_thread else { return Vec::new() };
        let slots = [
            ("model", &pins.model, &mut config.model),
            ("model_reasoning_effort", &pins.effort, &mut config.model_reasoning_effort),
            ("service_tier", &pins.service_tier, &mut config.service_tier),
        ];
        let mut changes = Vec::new();
        for (key, pin, slot) in slots {
            let Some(pin) = pin else { continue };
            if let Some(asked) = slot.replace(pin.clone())
                && asked != *pin
            {
                changes.push(Replacement::by(&pins.place, key, asked, pin));
            }
        }
        changes
    }

    /// Replaces what is not allowed by the first value that is, and says so.
    ///
    /// `workspace_write` is the policy of that mode as configured.
    ///
    /// # Errors
    /// `config.full_access_forbidden` when full access was asked for and nobody would be asked instead.
    pub(crate) fn constrain(&self, config: &mut Config, workspace_write: &SandboxPolicy) -> Result<Vec<Replacement>, ConfigError> {
        let mut changes = Vec::new();
        changes.extend(replaced(
            "approval_policy",
            &self.approvals,
            &mut config.approval_policy,
            ApprovalPolicy::as_str,
        ));
        changes.extend(replaced(
            "approvals_reviewer",
            &self.reviewers,
            &mut config.approvals_reviewer,
            ApprovalsReviewer::as_str,
        ));
        let asked = config.sandbox_policy.mode();
        let mut mode = asked;
        let change = replaced("sandbox_mode", &self.modes, &mut mode, SandboxMode::as_str);
        if let Some(change) = change {
            if asked == SandboxMode::DangerFullAccess && config.approval_policy == ApprovalPolicy::Never {
                return Err(ConfigError::FullAccessForbidden { place: change.place });
            }
            config.permission_profile = None;
            config.file_rules = FileRules {
                additional: std::mem::take(&mut config.file_rules.additional),
                ..FileRules::default()
            };
            config.sandbox_policy = policy_of(mode, workspace_write);
            changes.push(change);
        }
        changes.extend(self.constrain_additional(config));
        changes.extend(self.constrain_web_search(config));
        changes.extend(self.close_network(config));
        changes.extend(self.close_sockets(config));
        config.allowed_login_methods.clone_from(&self.login_methods);
        config.file_rules.managed_deny.extend(self.deny_read.paths.iter().cloned());
        config.file_rules.deny_globs.extend(self.deny_read.globs.iter().cloned());
        if let Some(more) = &self.more_instructions {
            let own = config.developer_instructions.take();
            config.developer_instructions = Some(own.map_or_else(|| more.clone(), |own| format!("{own}\n\n{more}")));
        }
        Ok(changes)
    }

    /// What opens a path for writing makes another mode of the read-only one.
    fn constrain_additional(&self, config: &mut Config) -> Vec<Replacement> {
        let Some(allowed) = self
            .modes
            .as_ref()
            .filter(|allowed| !allowed.values.contains(&SandboxMode::WorkspaceWrite))
        else {
            return Vec::new();
        };
        let mut changes = Vec::new();
        for line in config.file_rules.additional.iter_mut().filter(|line| line.rights == Rights::Write) {
            line.rights = Rights::Read;
            let key = format!("additional permissions for {}", line.path);
            changes.push(Replacement::by(&allowed.place, key, "write", "read"));
        }
        changes
    }

    /// What was asked for is replaced like everything else. Where nobody asked, nothing wider than usual comes in its place, and nobody is told.
    fn constrain_web_search(&self, config: &mut Config) -> Option<Replacement> {
        let allowed = self.web_search.as_ref()?;
        let Some(asked) = &mut config.web_search else {
            let usual = [config.usual_web_search(), WebSearchMode::Cached];
            let instead = usual.into_iter().find(|mode| allowed.values.contains(mode));
            config.web_search = match instead {
                Some(mode) if mode == config.usual_web_search() => None,
                instead => Some(instead.unwrap_or(WebSearchMode::Disabled)),
            };
            return None;
        };
        replaced("web_search", &self.web_search, asked, WebSearchMode::as_str)
    }

    /// The profile that may be used when `asked` was asked for.
    ///
    /// # Errors
    /// `config.profile_forbidden` if it is not allowed and the requirement names no other.
    pub(crate) fn allowed_profile(&self, asked: &str) -> Result<(String, Option<Replacement>), ConfigError> {
        let Some(profiles) = &self.profiles else {
            return Ok((asked.to_owned(), None));
        };
        if profiles.allowed.get(asked) == Some(&true) {
            return Ok((asked.to_owned(), None));
        }
        let allowed: Vec<String> = profiles
            .allowed
            .iter()
            .filter(|(_, allowed)| **allowed)
            .map(|(name, _)| name.clone())
            .collect();
        let Some(instead) = &profiles.default else {
            return Err(ConfigError::ProfileForbidden {
                name: asked.to_owned(),
                requirement: profiles.place.clone(),
                allowed: allowed.iter().map(|name| format!("`{name}`")).collect(),
            });
        };
        let change = Replacement {
            allowed,
            ..Replacement::by(&profiles.place, "default_permissions", asked, instead)
        };
        Ok((instead.clone(), Some(change)))
    }

    fn close_network(&self, config: &mut Config) -> Option<Replacement> {
        let place = &self.network.as_ref()?.place;
        config.file_rules.network_closed = Some(place.to_string());
        let change = |key: &str, from: &str, to: &str| Replacement::by(place, key, from, to);
        match &mut config.sandbox_policy {
            SandboxPolicy::ExternalSandbox { network_access } if *network_access == NetworkAccess::Enabled => {
                *network_access = NetworkAccess::Restricted;
                Some(change("networkAccess", "enabled", "restricted"))
            }
            SandboxPolicy::ReadOnly { network_access } | SandboxPolicy::WorkspaceWrite { network_access, .. } if *network_access => {
                *network_access = false;
                Some(change("sandbox_workspace_write.network_access", "true", "false"))
            }
            SandboxPolicy::DangerFullAccess => Some(change("network access of danger-full-access", "true", "false")),
            SandboxPolicy::ExternalSandbox { .. } | SandboxPolicy::ReadOnly { .. } | SandboxPolicy::WorkspaceWrite { .. } => None,
        }
    }
}

impl Requirements {
    fn close_sockets(&self, config: &mut Config) -> Vec<Replacement> {
        let Some(limits) = &self.network else { return Vec::new() };
        config.file_rules.closed_sockets.clone_from(&limits.closed_sockets);
        let change = |key: &str, from: &str, to: &str| Replacement::by(&limits.place, key, from, to);
        // Under another name it is the same socket.
        let real = |path: &AbsPath| path.canonicalize().unwrap_or_else(|_| path.as_path().to_owned());
        match &mut config.file_rules.unix_sockets {
            UnixSockets::All { .. } if limits.all_sockets_allowed && limits.closed_sockets.is_empty() => Vec::new(),
            sockets @ UnixSockets::All { .. } => {
                *sockets = UnixSockets::default();
                vec![change("permissions.network.dangerously_allow_all_unix_sockets", "true", "false")]
            }
            UnixSockets::Named(rules) => {
                let is_closed = |rule: &SocketRule| limits.closed_sockets.iter().any(|closed| real(&closed.path) == real(&rule.path));
                let (closed, open): (Vec<_>, Vec<_>) = std::mem::take(rules).into_iter().partition(is_closed);
                *rules = open;
                let change = |rule: &SocketRule| change("permissions.network.unix_sockets", &rule.path.to_string(), "deny");
                closed.iter().map(change).collect()
            }
        }
    }
}

impl<T> Allowed<T> {
    fn at(node: &Node, values: Vec<T>) -> Self {
        Self {
            values,
            place: node.source.place.clone(),
        }
    }
}

/// Puts the first value that is allowed in the place of one that is not.
fn replaced<T: Copy + PartialEq>(
    key: &str,
    allowed: &Option<Allowed<T>>,
    slot: &mut T,
    name: impl Fn(T) -> &'static str,
) -> Option<Replacement> {
    let allowed = allowed.as_ref().filter(|allowed| !allowed.values.contains(slot))?;
    let instead = *allowed.values.first()?;
    let asked = std::mem::replace(slot, instead);
    Some(Replacement {
        allowed: allowed.values.iter().map(|value| name(*value).to_owned()).collect(),
        ..Replacement::by(&allowed.place, key, name(asked), name(instead))
    })
}

fn unenforceable(table: &Table) -> Result<(), ConfigError> {
    let names = ["rules", "prefix_rules"];
    match tree::get(table, &names) {
        Some(node) if !node.items().is_some_and(<[toml::Value]>::is_empty) => Err(ConfigError::RequirementUnenforceable {
            place: node.source.place.clone(),
            key: names.join("."),
            what: "match commands against rules",
        }),
        Some(_) | None => Ok(()),
    }
}

/// `permissions.filesystem.deny_read`: absolute paths and patterns, or below the user's home.
fn deny_read(table: &Table, env: &ProcessEnv) -> Result<DenyRead, ConfigError> {
    const KEY: [&str; 3] = ["permissions", "filesystem", "deny_read"];
    let mut found = DenyRead::default();
    let Some(node) = tree::get(table, &KEY) else {
        return Ok(found);
    };
    let place = node.source.place.to_string();
    for text in node.items().unwrap_or_default().iter().filter_map(toml::Value::as_str) {
        let path = env.absolute(text).ok_or_else(|| no_path(&KEY.join("."), node, text))?;
        if is_pattern(text) {
            if let Some(problem) = pattern_problem(text) {
                return Err(invalid(
                    &KEY.join("."),
                    node,
                    &format!("holds `{text}`, which is no pattern: {problem}"),
                ));
            }
            found.globs.push(DenyGlob {
                pattern: path.to_string(),
                place: place.clone(),
                managed: true,
                max_depth: None,
            });
        } else {
            let whole = path.to_string();
            let path = AbsPath::new(whole.strip_suffix("/**").unwrap_or(&whole)).unwrap_or(path);
            found.paths.push(FileRule {
                path,
                rights: Rights::None,
                place: place.clone(),
            });
        }
    }
    Ok(found)
}

fn reviewers(table: &Table) -> Result<Option<Allowed<ApprovalsReviewer>>, ConfigError> {
    const KEY: &str = "allowed_approvals_reviewers";
    table.get(KEY).map(|node| allowed(KEY, node, named(node))).transpose()
}

/// What the names in a list mean, without those that this version does not know.
fn named<T: DeserializeOwned>(node: &Node) -> impl Iterator<Item = T> {
    let names = node.items().unwrap_or_default().iter().filter_map(toml::Value::as_str);
    names.filter_map(by_name)
}

fn allowed<T: PartialEq>(key: &str, node: &Node, named: impl Iterator<Item = T>) -> Result<Allowed<T>, ConfigError> {
    let mut values = Vec::new();
    for value in named {
        if !values.contains(&value) {
            values.push(value);
        }
    }
    if values.is_empty() {
        return Err(invalid(key, node, "names nothing that this version can use"));
    }
    Ok(Allowed::at(node, values))
}

/// The named policies, and switches that allow just themselves.
fn approvals(table: &Table) -> Result<Option<Allowed<ApprovalPolicy>>, ConfigError> {
    const KEY: &str = "allowed_approval_policies";
    let Some(node) = table.get(KEY) else { return Ok(None) };
    let policy = |item: &toml::Value| match item {
        toml::Value::String(name) => Ok(by_name(name)),
        switches => switches.clone().try_into::<ApprovalPolicy>().map(Some),
    };
    let policies = node.items().unwrap_or_default().iter().map(policy).collect::<Result<Vec<_>, _>>();
    let policies = policies.map_err(|error| invalid(KEY, node, &format!("`granular`: {}", error.message())))?;
    allowed(KEY, node, policies.into_iter().flatten()).map(Some)
}

fn invalid(key: &str, node: &Node, problem: &str) -> ConfigError {
    ConfigError::RequirementInvalid {
        place: node.source.place.clone(),
        key: key.to_owned(),
        problem: problem.to_owned(),
    }
}

fn no_path(key: &str, node: &Node, text: &str) -> ConfigError {
    invalid(key, node, &format!("needs absolute paths, not `{text}`"))
}

fn allowed_modes(key: &str, node: &Node) -> Result<Allowed<SandboxMode>, ConfigError> {
    let mode = |name| match name {
        // Requirements alone may name it.
        "external-sandbox" => Some(SandboxMode::ExternalSandbox),
        name => by_name(name),
    };
    let names = node.items().unwrap_or_default().iter().filter_map(toml::Value::as_str);
    let allowed = allowed(key, node, names.filter_map(mode));
    match allowed {
        Ok(modes) if modes.values.contains(&SandboxMode::ReadOnly) => Ok(modes),
        Ok(_) | Err(_) => Err(invalid(key, node, "must contain `read-only`")),
    }
}

/// The modes of the first entry of `remote_sandbox_config` that names this host.
fn remote_modes(table: &Table, env: &ProcessEnv) -> Result<Option<Allowed<SandboxMode>>, ConfigError> {
    const KEY: &str = "remote_sandbox_config";
    let Some(node) = table.get(KEY) else { return Ok(None) };
    let host = env.host_name.as_deref().unwrap_or_default();
    for entry in node.items().unwrap_or_default() {
        let patterns = entry.get("hostname_patterns").and_then(toml::Value::as_array);
        let mut patterns = patterns.into_iter().flatten().filter_map(toml::Value::as_str);
        if patterns.any(|pattern| crate::shell_env::matches(pattern, host.as_ref())) {
            let modes = entry
                .get("allowed_sandbox_modes")
                .cloned()
                .unwrap_or(toml::Value::Array(Vec::new()));
            return allowed_modes(KEY, &tree::node(modes, &node.source)).map(Some);
        }
    }
    Ok(None)
}

fn web_search(table: &Table) -> Result<Option<Allowed<WebSearchMode>>, ConfigError> {
    const KEY: &str = "allowed_web_search_modes";
    let Some(node) = table.get(KEY) else { return Ok(None) };
    let mut allowed = match node.items() {
        Some([]) | None => Allowed::at(node, Vec::new()),
        Some(_) => allowed(KEY, node, named(node))?,
    };
    if !allowed.values.contains(&WebSearchMode::Disabled) {
        allowed.values.push(WebSearchMode::Disabled);
    }
    Ok(Some(allowed))
}

fn login_methods(table: &Table) -> Result<Option<Vec<String>>, ConfigError> {
    const KEY: &str = "allowed_login_methods";
    let Some(node) = table.get(KEY) else { return Ok(None) };
    let methods = node.strings(KEY)?;
    if methods.is_empty() {
        return Err(invalid(KEY, node, "names no way to log in"));
    }
    Ok(Some(methods))
}

fn new_thread(table: &Table) -> Result<Option<NewThread>, ConfigError> {
    let Some(node) = tree::get(table, &["models", "new_thread"]) else {
        return Ok(None);
    };
    let pins = node.table("models.new_thread")?;
    let pin = |name: &str| {
        let key = tree::dotted("models.new_thread", name);
        pins.get(name).map(|node| node.non_empty(&key)).transpose()
    };
    Ok(Some(NewThread {
        model: pin("model")?,
        effort: pin("model_reasoning_effort")?,
        service_tier: pin("service_tier")?,
        place: node.source.place.clone(),
    }))
}

fn profiles(table: &Table) -> Result<Option<AllowedProfiles>, ConfigError> {
    const KEY: &str = "allowed_permission_profiles";
    let default = table.get("default_permissions");
    match (table.get(KEY), default) {
        (None, None) => Ok(None),
        (None, Some(node)) => Err(invalid("default_permissions", node, &format!("needs `{KEY}` beside it"))),
        (Some(node), default) => {
            let mut allowed = BTreeMap::new();
            for (name, value) in node.table(KEY)? {
                allowed.insert(name.clone(), value.boolean(&tree::dotted(KEY, name))?);
            }
            let default = default.and_then(Node::text).map(str::to_owned);
            if default.as_ref().is_some_and(|name| allowed.get(name) != Some(&true)) {
                return Err(invalid(KEY, node, "does not allow its own `default_permissions`"));
            }
            Ok(Some(AllowedProfiles {
                allowed,
                default,
                place: node.source.place.clone(),
            }))
        }
    }
}

/// Without a proxy no rule about hosts can be kept, so there is no network at all. What they say of unix sockets holds; one that they allow is
/// not opened by that alone.
fn network(table: &Table, env: &ProcessEnv, warnings: &mut Vec<String>) -> Result<Option<NetworkLimits>, ConfigError> {
    const KEY: &str = "unix_sockets";
    let found = ["network_proxy", "experimental_network"]
        .into_iter()
        .find_map(|key| table.get_key_value(key));
    let Some((key, node)) = found else { return Ok(None) };
    let place = node.source.place.clone();
    warnings.push(format!(
        "{place}: rules about the network cannot be enforced by this version; commands in the sandbox have no network"
    ));
    let table = node.table(key)?;
    let all = table.get("dangerously_allow_all_unix_sockets");
    let mut closed = Vec::new();
    if let Some(node) = table.get(KEY) {
        let key = tree::dotted(key, KEY);
        for (text, node) in node.table(&key)? {
            if node.text() == Some("allow") {
                continue;
            }
            let path = env.absolute(text).filter(|_| text != "~");
            closed.push(SocketRule {
                path: path.ok_or_else(|| no_path(&key, node, text))?,
                place: node.source.place.to_string(),
            });
        }
    }
    Ok(Some(NetworkLimits {
        all_sockets_allowed: all.map(|node| node.boolean(key)).transpose()?.unwrap_or(false),
        closed_sockets: closed,
        place,
    }))
}

/// A value of the managed configuration; the weakest one may be chosen as well.
fn legacy<T: DeserializeOwned + PartialEq>(managed: &Table, key: &str, weakest: Option<T>) -> Result<Option<Allowed<T>>, ConfigError> {
    let Some(node) = managed.get(key).filter(|node| node.text().is_some()) else {
        return Ok(None);
    };
    let value = node.named(key)?;
    let weakest = weakest.filter(|weakest| *weakest != value);
    Ok(Some(Allowed::at(node, std::iter::once(value).chain(weakest).collect())))
}
