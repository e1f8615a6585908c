//! The merged tree as a [`Config`].

use crate::providers;
use crate::tree::{Node, Table, Value, dotted};
use crate::{Config, ConfigError, Overrides, ProcessEnv, ToolSwitches};
use codex_base::AbsPath;
use codex_protocol::settings::{
    ApprovalPolicy, ApprovalsReviewer, EnvironmentInherit, ReasoningSummary, SandboxMode, SandboxPolicy, ShellEnvironmentPolicy, Verbosity,
};
use std::time::Duration;

const PROJECT_DOC_BYTES_MAX: usize = 32 * 1024;
const TERMINAL_WAIT_MAX: Duration = Duration::from_millis(300_000);
const MODES: [(&str, SandboxMode); 3] = [
    ("read-only", SandboxMode::ReadOnly),
    ("workspace-write", SandboxMode::WorkspaceWrite),
    ("danger-full-access", SandboxMode::DangerFullAccess),
];
const REVIEWERS: [(&str, ApprovalsReviewer); 3] = [
    ("user", ApprovalsReviewer::User),
    ("auto_review", ApprovalsReviewer::AutoReview),
    ("guardian_subagent", ApprovalsReviewer::AutoReview),
];
const SUMMARIES: [(&str, ReasoningSummary); 4] = [
    ("auto", ReasoningSummary::Auto),
    ("concise", ReasoningSummary::Concise),
    ("detailed", ReasoningSummary::Detailed),
    ("none", ReasoningSummary::None),
];
const VERBOSITIES: [(&str, Verbosity); 3] = [("low", Verbosity::Low), ("medium", Verbosity::Medium), ("high", Verbosity::High)];
const INHERITS: [(&str, EnvironmentInherit); 3] = [
    ("all", EnvironmentInherit::All),
    ("core", EnvironmentInherit::Core),
    ("none", EnvironmentInherit::None),
];
/// `on-failure` is an older spelling.
const ON_FAILURE: &str = "on-failure";
const APPROVALS: [(&str, ApprovalPolicy); 4] = [
    ("on-request", ApprovalPolicy::OnRequest),
    ("untrusted", ApprovalPolicy::Untrusted),
    ("never", ApprovalPolicy::Never),
    (ON_FAILURE, ApprovalPolicy::OnRequest),
];

/// What reading needs beside the tree.
pub(crate) struct Reader<'a> {
    pub tree: &'a Table,
    pub env: &'a ProcessEnv,
    pub cwd: &'a AbsPath,
    pub trusted: Option<bool>,
    pub warnings: Vec<String>,
}

impl Reader<'_> {
    pub(crate) fn config(&mut self, overrides: &Overrides) -> Result<Config, ConfigError> {
        Ok(Config {
            model: self.read("model", Node::non_empty)?,
            provider: providers::selected(self.tree, self.env, self.cwd)?,
            approval_policy: self.approval_policy()?,
            approvals_reviewer: self
                .read("approvals_reviewer", |node, key| node.one_of(key, &REVIEWERS))?
                .unwrap_or_default(),
            sandbox_policy: self.sandbox_policy(overrides)?,
            model_reasoning_effort: self.read("model_reasoning_effort", Node::non_empty)?,
            model_reasoning_summary: self.read("model_reasoning_summary", |node, key| node.one_of(key, &SUMMARIES))?,
            model_verbosity: self.read("model_verbosity", |node, key| node.one_of(key, &VERBOSITIES))?,
            model_context_window: self.read("model_context_window", Node::count)?,
            tool_output_token_limit: self.read("tool_output_token_limit", Node::count)?,
            developer_instructions: self.read("developer_instructions", Node::string)?,
            cli_auth_credentials_store: self.read("cli_auth_credentials_store", Node::string)?,
            forced_login_method: self.read("forced_login_method", Node::string)?,
            project_doc_max_bytes: self.read("project_doc_max_bytes", Node::count)?.unwrap_or(PROJECT_DOC_BYTES_MAX),
            project_doc_fallback_filenames: self.read("project_doc_fallback_filenames", Node::strings)?.unwrap_or_default(),
            shell_environment_policy: self.shell_environment_policy()?,
            background_terminal_max_timeout: self
                .read("background_terminal_max_timeout", Node::count)?
                .map_or(TERMINAL_WAIT_MAX, Duration::from_millis),
            allow_login_shell: self.switch("allow_login_shell")?,
            include_permissions_instructions: self.switch("include_permissions_instructions")?,
            include_environment_context: self.switch("include_environment_context")?,
            tools: ToolSwitches {
                update_plan: self.switch("tools.update_plan.enabled")?,
                view_image: self.switch("features.view_image")?,
                shell: self.switch("features.shell_tool")?,
            },
        })
    }

    /// The value at a dotted path. Something on the way that is no table is an error.
    fn find(&self, path: &str) -> Result<Option<&Node>, ConfigError> {
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

    fn read<T>(&self, path: &str, view: impl Fn(&Node, &str) -> Result<T, ConfigError>) -> Result<Option<T>, ConfigError> {
        self.find(path)?.map(|node| view(node, path)).transpose()
    }

    /// A switch that is on by default.
    fn switch(&self, path: &str) -> Result<bool, ConfigError> {
        Ok(self.read(path, Node::boolean)?.unwrap_or(true))
    }

    /// Without a setting, trust decides: a project that was called untrusted is asked about everything.
    fn approval_policy(&mut self) -> Result<ApprovalPolicy, ConfigError> {
        let Some(node) = self.find("approval_policy")? else {
            return Ok(match self.trusted {
                Some(false) => ApprovalPolicy::Untrusted,
                Some(true) | None => ApprovalPolicy::OnRequest,
            });
        };
        if let Value::Table(_) = node.value {
            return Err(ConfigError::ApprovalGranular {
                place: node.source.place.clone(),
            });
        }
        let policy = node.one_of("approval_policy", &APPROVALS)?;
        if node.text() == Some(ON_FAILURE) {
            let warning = format!(
                "{}: approval_policy = \"{ON_FAILURE}\" is an older spelling and now means \"on-request\"",
                node.source.place
            );
            self.warnings.push(warning);
        }
        Ok(policy)
    }

    fn sandbox_policy(&mut self, overrides: &Overrides) -> Result<SandboxPolicy, ConfigError> {
        let configured = self.workspace_write(overrides)?;
        let mode = self.sandbox_mode()?;
        Ok(match (&overrides.sandbox_policy, mode) {
            (Some(policy), _) => policy.clone(),
            (None, SandboxMode::ReadOnly) => SandboxPolicy::read_only(),
            (None, SandboxMode::WorkspaceWrite) => configured,
            (None, SandboxMode::DangerFullAccess) => SandboxPolicy::DangerFullAccess,
        })
    }

    /// `sandbox_mode` or `default_permissions`, whichever stands in the higher layer; inside one layer the latter. Without either, any trust
    /// entry opens the workspace.
    fn sandbox_mode(&mut self) -> Result<SandboxMode, ConfigError> {
        let mode = self.find("sandbox_mode")?;
        let profile = self.find("default_permissions")?;
        let rank = |node: Option<&Node>| node.map(|node| node.source.rank);
        match (mode, profile) {
            (Some(mode), _) if rank(Some(mode)) > rank(profile) => mode.one_of("sandbox_mode", &MODES),
            (_, Some(profile)) => {
                let (mode, warning) = profile_mode(profile)?;
                self.warnings.extend(warning);
                Ok(mode)
            }
            (_, None) => Ok(if self.trusted.is_some() {
                SandboxMode::WorkspaceWrite
            } else {
                SandboxMode::ReadOnly
            }),
        }
    }

    fn workspace_write(&self, overrides: &Overrides) -> Result<SandboxPolicy, ConfigError> {
        let key = |name: &str| format!("sandbox_workspace_write.{name}");
        let off = |name: &str| -> Result<bool, ConfigError> { Ok(self.read(&key(name), Node::boolean)?.unwrap_or(false)) };
        let roots_key = key("writable_roots");
        let mut writable_roots = Vec::new();
        if let Some(node) = self.find(&roots_key)? {
            writable_roots.extend(node.strings(&roots_key)?.iter().map(|root| node.path(root, self.env, self.cwd)));
        }
        writable_roots.extend(overrides.add_dirs.iter().cloned());
        Ok(SandboxPolicy::WorkspaceWrite {
            writable_roots,
            network_access: off("network_access")?,
            exclude_tmpdir_env_var: off("exclude_tmpdir_env_var")?,
            exclude_slash_tmp: off("exclude_slash_tmp")?,
        })
    }

    fn shell_environment_policy(&self) -> Result<ShellEnvironmentPolicy, ConfigError> {
        let key = |name: &str| format!("shell_environment_policy.{name}");
        let default = ShellEnvironmentPolicy::default();
        Ok(ShellEnvironmentPolicy {
            inherit: self
                .read(&key("inherit"), |node, key| node.one_of(key, &INHERITS))?
                .unwrap_or(default.inherit),
            ignore_default_excludes: self.switch(&key("ignore_default_excludes"))?,
            exclude: self.read(&key("exclude"), Node::strings)?.unwrap_or_default(),
            set: self.read(&key("set"), Node::string_map)?.unwrap_or_default(),
            include_only: self.read(&key("include_only"), Node::strings)?.unwrap_or_default(),
        })
    }
}

/// A built-in permission profile as a mode. Others are not enforced yet; instead of ignoring what they deny, nothing may be written.
fn profile_mode(node: &Node) -> Result<(SandboxMode, Option<String>), ConfigError> {
    let name = node.string("default_permissions")?;
    Ok(match name.as_str() {
        ":read-only" => (SandboxMode::ReadOnly, None),
        ":workspace" => (SandboxMode::WorkspaceWrite, None),
        ":danger-full-access" => (SandboxMode::DangerFullAccess, None),
        _ => {
            let place = &node.source.place;
            let warning = format!("{place}: permission profile `{name}` is not supported yet; the sandbox is read-only instead");
            (SandboxMode::ReadOnly, Some(warning))
        }
    })
}
