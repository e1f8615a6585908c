//! The merged tree as a [`Config`].

use crate::profiles::{Permissions, Profiles, without_zero};
use crate::requirements::Requirements;
use crate::tree::{Node, Table, Value, dotted};
use crate::{Config, ConfigError, Overrides, ProcessEnv, Replacement, ToolSwitches, features, layers, providers};
use codex_base::AbsPath;
use codex_protocol::requests::ReasoningShown;
use codex_protocol::settings::{
    ApprovalPolicy, CommandLimits, GranularApprovals, NetworkAccess, SandboxMode, SandboxPolicy, WebSearchDetails, WebSearchLocation,
    WebSearchMode,
};
use codex_protocol::skills::{SkillNamed, SkillRule, SkillSettings};
use serde::de::DeserializeOwned;
use std::time::Duration;

const PROJECT_DOC_BYTES_MAX: usize = 32 * 1024;
const TERMINAL_WAIT_MAX: Duration = Duration::from_millis(300_000);
const ON_FAILURE: &str = "on-failure";

/// What reading needs beside the tree.
pub(crate) struct Reader<'a> {
    pub tree: &'a Table,
    pub env: &'a ProcessEnv,
    pub cwd: &'a AbsPath,
    pub trusted: Option<bool>,
    pub warnings: Vec<String>,
}

impl Reader<'_> {
    /// The configuration within the requirements, and what these changed.
    pub(crate) fn config(&mut self, overrides: &Overrides, requirements: &Requirements) -> Result<(Config, Vec<Replacement>), ConfigError> {
        let workspace_write = self.workspace_write(overrides)?;
        let sandbox = self.sandbox(overrides, requirements, &workspace_write)?;
        self.warnings.extend(sandbox.warnings.iter().cloned());
        if let (SandboxPolicy::ReadOnly { .. }, false) = (&sandbox.policy, overrides.add_dirs.is_empty()) {
            let warning = "--add-dir opens nothing while the sandbox is read-only; --sandbox workspace-write does";
            self.warnings.push(warning.to_owned());
        }
        let mut changes: Vec<Replacement> = sandbox.change.clone().into_iter().collect();
        let mut config = self.as_asked(sandbox)?;
        for (more, place) in &overrides.additional {
            let widened = codex_permissions::additional::widen(&config.sandbox_policy, &config.file_rules, more, place);
            (config.sandbox_policy, config.file_rules) = widened;
        }
        changes.extend(requirements.constrain(&mut config, &workspace_write)?);
        if overrides.new_thread {
            changes.extend(requirements.pin_new_thread(&mut config));
        }
        self.warnings.extend(changes.iter().map(Replacement::to_string));
        Ok((config, changes))
    }

    fn as_asked(&mut self, sandbox: Permissions) -> Result<Config, ConfigError> {
        Ok(Config {
            model: self.read("model", Node::non_empty)?,
            provider: providers::selected(self.tree, self.env, self.cwd)?,
            approval_policy: self.approval_policy()?,
            approvals_reviewer: self.named("approvals_reviewer")?.unwrap_or_default(),
            sandbox_policy: sandbox.policy,
            file_rules: sandbox.rules,
            permission_profile: sandbox.profile,
            model_reasoning_effort: self.read("model_reasoning_effort", Node::non_empty)?,
            plan_mode_reasoning_effort: self.read("plan_mode_reasoning_effort", Node::non_empty)?,
            model_reasoning_summary: self.named("model_reasoning_summary")?,
            model_verbosity: self.named("model_verbosity")?,
            service_tier: self.read("service_tier", Node::non_empty)?,
            model_context_window: self.read("model_context_window", Node::count)?,
            model_auto_compact_token_limit: self.read("model_auto_compact_token_limit", Node::count)?,
            compact_prompt: self.compact_prompt()?,
            model_catalog_json: self.path("model_catalog_json")?,
            review_model: self.read("review_model", Node::non_empty)?,
            oss_provider: self.read("oss_provider", Node::string)?,
            tool_output_token_limit: self.read("tool_output_token_limit", Node::count)?,
            developer_instructions: self.read("developer_instructions", Node::string)?,
            base_instructions: self.named_file("model_instructions_file")?,
            project_doc_max_bytes: self.read("project_doc_max_bytes", Node::count)?.unwrap_or(PROJECT_DOC_BYTES_MAX),
            project_doc_fallback_filenames: self.read("project_doc_fallback_filenames", Node::strings)?.unwrap_or_default(),
            shell_environment_policy: self.section("shell_environment_policy")?,
            command_limits: self.command_limits()?,
            background_terminal_max_timeout: self
                .read("background_terminal_max_timeout", Node::count)?
                .map_or(TERMINAL_WAIT_MAX, Duration::from_millis),
            allow_login_shell: self.switch("allow_login_shell")?,
            include_permissions_instructions: self.switch("include_permissions_instructions")?,
            include_collaboration_mode_instructions: self.switch("include_collaboration_mode_instructions")?,
            include_environment_context: self.switch("include_environment_context")?,
            include_environment_context_time: self.switch("include_environment_context_time")?,
            tools: ToolSwitches {
                update_plan: self.switch("tools.update_plan.enabled")?,
                request_user_input: self.switch("tools.experimental_request_user_input.enabled")?,
                ask_in_default_mode: self.switch_off("features.default_mode_request_user_input")?,
                view_image: self.switch("features.view_image")?,
                shell: self.switch("features.shell_tool")?,
                additional_permissions: self.switch_off("features.exec_permission_approvals")?,
                request_permissions: self.switch_off("features.request_permissions_tool")?,
            },
            web_search: self.web_search()?,
            web_search_details: self.web_search_details()?,
            skills: self.skills()?,
            notify: self.notify()?,
            history: self.section("history")?,
            terminal: self.terminal()?,
            sqlite_home: self.sqlite_home()?,
            log_dir: self.path("log_dir")?.unwrap_or_else(|| self.env.codex_home.join("log")),
            reasoning_shown: match (
                self.switch_off("hide_agent_reasoning")?,
                self.switch_off("show_raw_agent_reasoning")?,
            ) {
                (true, _) => ReasoningShown::Nothing,
                (false, true) => ReasoningShown::Full,
                (false, false) => ReasoningShown::Summary,
            },
            cli_auth_credentials_store: self.read("cli_auth_credentials_store", Node::string)?,
            forced_login_method: self.read("forced_login_method", Node::string)?,
            allowed_login_methods: None,
        })
    }

    /// The value at a dotted path. Something on the way that is no table is an error.
    pub(crate) fn find(&self, path: &str) -> Result<Option<&Node>, ConfigError> {
        let mut table = self.tree;
        let mut walked = String::new();
        let (folders, last) = path.rsplit_once('.').unwrap_or(("", path));
        for name in folders.split('.').filter(|name| !name.is_empty()) {
            walked = dotted(&walked, name);
            let Some(node) = table.get(name) else { return Ok(None) };
            table = node.table(&walked)?;
        }
        Ok(table.get(last))
    }

    pub(crate) fn read<T>(&self, path: &str, view: impl Fn(&Node, &str) -> Result<T, ConfigError>) -> Result<Option<T>, ConfigError> {
        self.find(path)?.map(|node| view(node, path)).transpose()
    }

    /// A table that its type reads.
    pub(crate) fn section<T: DeserializeOwned + Default>(&self, path: &str) -> Result<T, ConfigError> {
        let read = |node: &Node, path: &str| node.parsed().map_err(|error| node.wrong(path, error.message()));
        Ok(self.read(path, read)?.unwrap_or_default())
    }

    /// A switch that is on by default.
    pub(crate) fn switch(&self, path: &str) -> Result<bool, ConfigError> {
        Ok(self.read(path, Node::boolean)?.unwrap_or(true))
    }

    /// A switch that is off by default.
    pub(crate) fn switch_off(&self, path: &str) -> Result<bool, ConfigError> {
        Ok(self.read(path, Node::boolean)?.unwrap_or(false))
    }

    pub(crate) fn named<T: DeserializeOwned>(&self, path: &str) -> Result<Option<T>, ConfigError> {
        self.read(path, Node::named)
    }

    fn path(&self, key: &str) -> Result<Option<AbsPath>, ConfigError> {
        self.read(key, |node, key| Ok(node.path(&node.non_empty(key)?, self.env, self.cwd)))
    }

    /// The text of a file that a key names.
    fn named_file(&self, key: &str) -> Result<Option<String>, ConfigError> {
        let (Some(node), Some(file)) = (self.find(key)?, self.path(key)?) else {
            return Ok(None);
        };
        let place = || node.source.place.clone();
        let text = layers::read_bounded(&file).map_err(|source| ConfigError::NamedFile {
            place: place(),
            key: key.to_owned(),
            file: file.clone(),
            source,
        })?;
        if text.trim().is_empty() {
            return Err(ConfigError::NamedFileEmpty {
                place: place(),
                key: key.to_owned(),
                file,
            });
        }
        Ok(Some(text))
    }

    fn compact_prompt(&self) -> Result<Option<String>, ConfigError> {
        match self.read("compact_prompt", Node::string)? {
            Some(text) => Ok(Some(text)),
            None => self.named_file("experimental_compact_prompt_file"),
        }
    }

    fn sqlite_home(&self) -> Result<AbsPath, ConfigError> {
        let of_environment = || {
            let named = self.env.var("CODEX_SQLITE_HOME").filter(|path| !path.is_empty());
            named.map(|path| self.env.expand(path, &self.env.cwd))
        };
        let configured = self.path("sqlite_home")?;
        Ok(configured.or_else(of_environment).unwrap_or_else(|| self.env.codex_home.clone()))
    }

    /// `web_search`, else what older switches say.
    fn web_search(&self) -> Result<Option<WebSearchMode>, ConfigError> {
        if let Some(mode) = self.named("web_search")? {
            return Ok(Some(mode));
        }
        if let Some(node) = self.find("tools.web_search")?
            && let Ok(on) = node.boolean("tools.web_search")
        {
            return Ok(Some(if on { WebSearchMode::Live } else { WebSearchMode::Disabled }));
        }
        for (feature, mode) in [
            ("web_search_request", WebSearchMode::Live),
            ("web_search_cached", WebSearchMode::Cached),
        ] {
            if self.has_switched_on(feature)? {
                return Ok(Some(mode));
            }
        }
        Ok(None)
    }

    fn web_search_details(&self) -> Result<WebSearchDetails, ConfigError> {
        // A switch in the table's place was read above.
        if self.find("tools.web_search")?.is_none_or(|node| node.boolean("").is_ok()) {
            return Ok(WebSearchDetails::default());
        }
        let mut details: WebSearchDetails = self.section("tools.web_search")?;
        details.location = details.location.filter(|location| *location != WebSearchLocation::default());
        Ok(details)
    }

    /// Whether `[features]` itself switches a flag on.
    fn has_switched_on(&self, feature: &'static str) -> Result<bool, ConfigError> {
        let Some(node) = self.find(features::TABLE)? else {
            return Ok(false);
        };
        Ok(features::said(node.table(features::TABLE)?, feature)? == Some(true))
    }

    fn skills(&self) -> Result<SkillSettings, ConfigError> {
        let rules = match self.find("skills.config")? {
            Some(node) => node
                .items()
                .unwrap_or_default()
                .iter()
                .filter_map(|entry| self.skill_rule(node, entry))
                .collect(),
            None => Vec::new(),
        };
        Ok(SkillSettings {
            rules,
            include_instructions: self.switch("skills.include_instructions")?,
            max_context_tokens: self.read("skills.max_context_tokens", Node::count)?,
            bundled: self.switch("skills.bundled.enabled")?,
        })
    }

    /// `None` for an entry that names no skill; the check of its layer has told of it.
    fn skill_rule(&self, list: &Node, entry: &toml::Value) -> Option<SkillRule> {
        let text = |key: &str| entry.get(key).and_then(toml::Value::as_str).filter(|text| !text.trim().is_empty());
        let skill = match text("path") {
            Some(path) => SkillNamed::Path(list.path(path, self.env, self.cwd)),
            None => SkillNamed::Name(text("name")?.to_owned()),
        };
        let enabled = entry.get("enabled").and_then(toml::Value::as_bool)?;
        Some(SkillRule { skill, enabled })
    }

    fn notify(&self) -> Result<Vec<String>, ConfigError> {
        let Some(node) = self.find("notify")? else { return Ok(Vec::new()) };
        let command = node.strings("notify")?;
        match command.first() {
            Some(program) if program.trim().is_empty() => Err(node.wrong("notify", "a program and its arguments")),
            Some(_) | None => Ok(command),
        }
    }

    /// Without a setting, trust decides: a project that was called untrusted is asked about everything.
    fn approval_policy(&mut self) -> Result<ApprovalPolicy, ConfigError> {
        let Some(node) = self.find("approval_policy")? else {
            return Ok(match self.trusted {
                Some(false) => ApprovalPolicy::Untrusted,
                Some(true) | None => ApprovalPolicy::OnRequest,
            });
        };
        if let Value::Table(table) = &node.value {
            return granular(node, table).map(ApprovalPolicy::Granular);
        }
        let policy = node.named("approval_policy")?;
        if node.text() == Some(ON_FAILURE) {
            let warning = format!(
                "{}: approval_policy = \"{ON_FAILURE}\" is an older spelling and now means \"on-request\"",
                node.source.place
            );
            self.warnings.push(warning);
        }
        Ok(policy)
    }

    /// What commands may touch: a client's policy, a mode, or a permission profile.
    fn sandbox(
        &self,
        overrides: &Overrides,
        requirements: &Requirements,
        workspace_write: &SandboxPolicy,
    ) -> Result<Permissions, ConfigError> {
        let profiles = Profiles {
            tree: self.tree,
            env: self.env,
            cwd: self.cwd,
            add_dirs: &overrides.add_dirs,
            proxy_demanded: self.has_switched_on("network_proxy")?,
        };
        profiles.check_names()?;
        let mode = self.find("sandbox_mode")?;
        let chosen = self.find("default_permissions")?;
        if let Some(policy) = &overrides.sandbox_policy {
            return Ok(Permissions::of(policy.clone()));
        }
        let rank = |node: Option<&Node>| node.map(|node| node.source.rank);
        match (mode, chosen) {
            (Some(node), _) if rank(mode) > rank(chosen) => {
                let mode = node.named("sandbox_mode")?;
                Ok(Permissions::of(policy_of(mode, workspace_write)))
            }
            (mode, Some(node)) => {
                let mut sandbox = profile(&profiles, node, requirements, workspace_write)?;
                if let Some(mode) = mode.filter(|mode| mode.source.rank == node.source.rank) {
                    let place = &mode.source.place;
                    sandbox.warnings.push(format!(
                        "{place}: `sandbox_mode` has no effect beside `default_permissions` of the same layer; remove one of them"
                    ));
                }
                Ok(sandbox)
            }
            (_, None) => {
                if let Some((name, first)) = profiles.first()? {
                    return Err(ConfigError::PermissionsUnchosen {
                        place: first.source.place.clone(),
                        name: name.clone(),
                    });
                }
                // Without a setting, any trust entry opens the workspace.
                let (mode, name) = match self.trusted {
                    _ if overrides.named_mode_only => (SandboxMode::ReadOnly, ":read-only"),
                    Some(_) => (SandboxMode::WorkspaceWrite, ":workspace"),
                    None => (SandboxMode::ReadOnly, ":read-only"),
                };
                Ok(Permissions::named(name, policy_of(mode, workspace_write)))
            }
        }
    }

    fn workspace_write(&self, overrides: &Overrides) -> Result<SandboxPolicy, ConfigError> {
        const ROOTS: &str = "sandbox_workspace_write.writable_roots";
        let off = |name: &str| self.switch_off(&format!("sandbox_workspace_write.{name}"));
        let mut writable_roots = Vec::new();
        if let Some(node) = self.find(ROOTS)? {
            for root in node.strings(ROOTS)? {
                without_zero(&root, ROOTS, node)?;
                writable_roots.push(node.path(&root, self.env, self.cwd));
            }
        }
        writable_roots.extend(overrides.add_dirs.iter().cloned());
        Ok(SandboxPolicy::WorkspaceWrite {
            writable_roots,
            network_access: off("network_access")?,
            exclude_tmpdir_env_var: off("exclude_tmpdir_env_var")?,
            exclude_slash_tmp: off("exclude_slash_tmp")?,
        })
    }

    fn command_limits(&self) -> Result<CommandLimits, ConfigError> {
        const MIB: u64 = 1 << 20;
        let default = CommandLimits::default();
        let limit = |name: &str, unit: u64, default: Option<u64>| -> Result<Option<u64>, ConfigError> {
            let asked: Option<u64> = self.read(&format!("command_limits.{name}"), Node::count)?;
            Ok(asked.map_or(default, |count| (count > 0).then(|| count.saturating_mul(unit))))
        };
        Ok(CommandLimits {
            processes: limit("processes", 1, default.processes)?,
            memory_bytes: limit("memory_mb", MIB, default.memory_bytes)?,
            file_bytes: limit("file_size_mb", MIB, default.file_bytes)?,
            open_files: limit("open_files", 1, default.open_files)?,
        })
    }
}

/// `{ granular = { ... } }`; the first three switches must be there.
fn granular(node: &Node, table: &Table) -> Result<GranularApprovals, ConfigError> {
    const KEY: &str = "approval_policy.granular";
    let Some(switches) = table.get("granular") else {
        return Err(node.wrong("approval_policy", "`on-request`, `untrusted`, `never` or a table `granular`"));
    };
    switches
        .parsed()
        .map_err(|error| switches.wrong(KEY, &error.message().replace("missing field", "a table with the switch")))
}

fn profile(
    profiles: &Profiles<'_>,
    node: &Node,
    requirements: &Requirements,
    workspace_write: &SandboxPolicy,
) -> Result<Permissions, ConfigError> {
    let asked = node.non_empty("default_permissions")?;
    let (name, change) = requirements.allowed_profile(&asked)?;
    // The built-in one follows `[sandbox_workspace_write]`.
    let found = if name == ":workspace" {
        Permissions::named(&name, workspace_write.clone())
    } else {
        profiles.resolve(&name, node)?
    };
    Ok(Permissions { change, ..found })
}

/// What a mode means; `workspace_write` is that one as configured.
pub(crate) fn policy_of(mode: SandboxMode, workspace_write: &SandboxPolicy) -> SandboxPolicy {
    match mode {
        SandboxMode::ReadOnly => SandboxPolicy::read_only(),
        SandboxMode::WorkspaceWrite => workspace_write.clone(),
        SandboxMode::DangerFullAccess => SandboxPolicy::DangerFullAccess,
        SandboxMode::ExternalSandbox => SandboxPolicy::ExternalSandbox {
            network_access: NetworkAccess::Restricted,
        },
    }
}
