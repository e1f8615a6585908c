//! Settings as data: `config` fills them, services and the engine take only the part they need.

use codex_base::AbsPath;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// When a question is put to the client before something runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ApprovalPolicy {
    /// Ask for every command that is not known to be harmless.
    Untrusted,
    /// Ask for dangerous commands and when the model wants to leave the sandbox. `on-failure` is an older spelling that means this.
    #[serde(alias = "on-failure")]
    OnRequest,
    /// Never ask: what would be asked is refused.
    Never,
    /// Like `on-request`, for the kinds of question that are switched on; the others are refused.
    Granular(GranularApprovals),
}

/// Which questions may be asked. Text form: `{"granular": {...}}`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct GranularApprovals {
    /// To run or write outside of the sandbox.
    pub sandbox_approval: bool,
    /// What a rule says must be asked.
    pub rules: bool,
    pub mcp_elicitations: bool,
    #[serde(default)]
    pub request_permissions: bool,
    #[serde(default)]
    pub skill_approval: bool,
}

impl ApprovalPolicy {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Untrusted => "untrusted",
            Self::OnRequest => "on-request",
            Self::Never => "never",
            Self::Granular(_) => "granular",
        }
    }
}

words! {
    /// Who answers approval questions.
    #[derive(Default)]
    pub enum ApprovalsReviewer {
        #[default]
        User = "user",
        /// A model decides in the user's place. `guardian_subagent` is an older spelling.
        #[serde(alias = "guardian_subagent")]
        AutoReview = "auto_review",
    }

    /// The named sandbox modes. Config and command line know the first three.
    pub enum SandboxMode {
        ReadOnly = "read-only",
        WorkspaceWrite = "workspace-write",
        DangerFullAccess = "danger-full-access",
        /// Somebody else confines commands. Only a complete [`SandboxPolicy`] of a client says so.
        #[serde(skip_deserializing)]
        ExternalSandbox = "external-sandbox",
    }
}

/// What commands of a thread may touch, in the app-server's camelCase form. Journals spell it in kebab case.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum SandboxPolicy {
    DangerFullAccess,
    /// Codex already runs in somebody else's sandbox and makes none of its own.
    ExternalSandbox {
        /// What that sandbox has, as commands and the model are told.
        #[serde(default)]
        network_access: NetworkAccess,
    },
    ReadOnly {
        #[serde(default)]
        network_access: bool,
    },
    WorkspaceWrite {
        /// Roots besides the thread's directory, `/tmp` and `$TMPDIR`.
        #[serde(default)]
        writable_roots: Vec<AbsPath>,
        #[serde(default)]
        network_access: bool,
        #[serde(default)]
        exclude_tmpdir_env_var: bool,
        #[serde(default)]
        exclude_slash_tmp: bool,
    },
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NetworkAccess {
    #[default]
    Restricted,
    Enabled,
}

impl SandboxPolicy {
    pub const fn read_only() -> Self {
        Self::ReadOnly { network_access: false }
    }

    pub const fn workspace_write() -> Self {
        Self::WorkspaceWrite {
            writable_roots: Vec::new(),
            network_access: false,
            exclude_tmpdir_env_var: false,
            exclude_slash_tmp: false,
        }
    }

    pub const fn mode(&self) -> SandboxMode {
        match self {
            Self::DangerFullAccess => SandboxMode::DangerFullAccess,
            Self::ExternalSandbox { .. } => SandboxMode::ExternalSandbox,
            Self::ReadOnly { .. } => SandboxMode::ReadOnly,
            Self::WorkspaceWrite { .. } => SandboxMode::WorkspaceWrite,
        }
    }

    pub const fn network_access(&self) -> bool {
        match self {
            Self::DangerFullAccess => true,
            Self::ExternalSandbox { network_access } => matches!(network_access, NetworkAccess::Enabled),
            Self::ReadOnly { network_access } | Self::WorkspaceWrite { network_access, .. } => *network_access,
        }
    }
}

/// How much of the machine one command, with everything it starts, may use. `None`: no limit of ours.
///
/// They are there for accidents, so an ordinary build is far below the default.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CommandLimits {
    /// Processes and threads at the same time.
    pub processes: Option<u64>,
    /// Bytes of writable memory of each process.
    pub memory_bytes: Option<u64>,
    /// Bytes of the largest file that is written.
    pub file_bytes: Option<u64>,
    /// Open files of each process.
    pub open_files: Option<u64>,
}

impl Default for CommandLimits {
    /// No limit of memory: programs that reserve address space in advance (sanitizers) would fail under any that is of use.
    fn default() -> Self {
        Self {
            processes: Some(8192),
            memory_bytes: None,
            file_bytes: Some(100 << 30),
            open_files: None,
        }
    }
}

words! {
    /// What a path may be used for. Writing includes reading.
    #[derive(PartialOrd, Ord, Hash)]
    pub enum Rights {
        /// `none` is an older spelling.
        #[serde(alias = "none")]
        None = "deny",
        Read = "read",
        Write = "write",
    }
}

/// What permission profiles and managed requirements say of files, beyond a [`SandboxPolicy`].
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FileRules {
    /// The lines of the profile in force, which then stand in place of the roots of the mode. The deepest one at or above a path decides.
    pub profile: Option<Vec<FileRule>>,
    /// Lines that were allowed besides; they open, and what they deny they close. What is protected in what they open stays so.
    pub additional: Vec<FileRule>,
    /// Names that nobody may read, whatever the profile says of the folders around them.
    pub deny_globs: Vec<DenyGlob>,
    /// What the administrator closed; nothing lifts it, not even full access.
    pub managed_deny: Vec<FileRule>,
    pub unix_sockets: UnixSockets,
    /// Sockets that the administrator closed, whatever opens them.
    pub closed_sockets: Vec<SocketRule>,
    /// Where the administrator closed the network, whatever opens it.
    pub network_closed: Option<String>,
}

/// The unix sockets of other programs that commands may connect to, with network and without. What a command listens at itself is its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UnixSockets {
    Named(Vec<SocketRule>),
    /// Every one that the system lets this user connect to. `place`: where it says so.
    All {
        place: String,
    },
}

impl Default for UnixSockets {
    fn default() -> Self {
        Self::Named(Vec::new())
    }
}

/// One socket that may be connected to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct SocketRule {
    pub path: AbsPath,
    /// Where it stands, for explanations.
    pub place: String,
}

/// One line about a file or a folder and everything below it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileRule {
    pub path: AbsPath,
    pub rights: Rights,
    /// Where it stands, for explanations: a file with its line, or the name of a built-in profile.
    pub place: String,
}

/// An absolute pattern: `*`, `?` and `[...]` stay within one name, `**` crosses them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DenyGlob {
    pub pattern: String,
    pub place: String,
    /// From the administrator.
    pub managed: bool,
    /// How many names below its fixed part are looked at for what lies there already; `None`: all the way down.
    pub max_depth: Option<u32>,
}

/// Where a configuration value came from; the layer that won.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    Default,
    System {
        file: AbsPath,
        line: Option<u32>,
    },
    User {
        file: AbsPath,
        line: Option<u32>,
    },
    Profile {
        file: AbsPath,
        line: Option<u32>,
    },
    Project {
        file: AbsPath,
        line: Option<u32>,
    },
    /// `managed_config.toml` or `requirements.toml` of an administrator.
    Managed {
        file: AbsPath,
        line: Option<u32>,
    },
    /// `-c key=value`, or the overrides of a client's `thread/start`.
    Session,
    /// A flag of its own such as `-m` or `-s`.
    Flag {
        flag: String,
    },
}

/// One entry of `[model_providers]`, or a built-in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ProviderSettings {
    /// The key of the entry, e.g. `openai`.
    pub id: String,
    /// Display name.
    pub name: String,
    /// API root; `/responses` is appended. `None` for providers that contact nobody (`scripted`).
    pub base_url: Option<String>,
    pub wire_api: WireApi,
    /// Environment variable that holds the bearer token.
    pub env_key: Option<String>,
    pub env_key_instructions: Option<String>,
    pub experimental_bearer_token: Option<String>,
    /// A program whose output is the bearer token; never beside the keys above.
    pub auth: Option<TokenCommand>,
    pub query_params: BTreeMap<String, String>,
    pub http_headers: BTreeMap<String, String>,
    /// Header name to environment variable; skipped when the variable is unset or blank.
    pub env_http_headers: BTreeMap<String, String>,
    pub request_max_retries: u32,
    pub stream_max_retries: u32,
    /// Longest silence between two stream events, the response head included.
    pub stream_idle_timeout_ms: u64,
    /// Try a websocket before HTTP.
    pub supports_websockets: bool,
    /// Limit for opening one, the handshake included.
    pub websocket_connect_timeout_ms: u64,
    /// Use `CODEX_API_KEY` / `OPENAI_API_KEY` or a stored login.
    pub requires_openai_auth: bool,
    /// Script of the scripted provider; `None` plays the embedded demo script.
    pub script: Option<AbsPath>,
}

impl Default for ProviderSettings {
    /// Limits as the reference has them (observed): 4 request retries, 5 stream retries, 300 s of silence.
    fn default() -> Self {
        Self {
            id: String::new(),
            name: String::new(),
            base_url: None,
            wire_api: WireApi::Responses,
            env_key: None,
            env_key_instructions: None,
            experimental_bearer_token: None,
            auth: None,
            query_params: BTreeMap::new(),
            http_headers: BTreeMap::new(),
            env_http_headers: BTreeMap::new(),
            request_max_retries: 4,
            stream_max_retries: 5,
            stream_idle_timeout_ms: 300_000,
            supports_websockets: false,
            websocket_connect_timeout_ms: 15_000,
            requires_openai_auth: false,
            script: None,
        }
    }
}

impl ProviderSettings {
    /// Requests that one sampling may cost at most: the first and as many more as the larger of the two limits.
    pub fn attempts_max(&self) -> u32 {
        1 + self.request_max_retries.max(self.stream_max_retries).min(100)
    }
}

/// `[model_providers.X.auth]`: a program that prints a token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenCommand {
    /// A name without a slash is looked up in `PATH`.
    pub command: String,
    pub args: Vec<String>,
    /// Time it may take; at least 1.
    pub timeout_ms: u64,
    /// How long a token is used before the program runs again; 0: until the provider refuses it.
    pub refresh_interval_ms: u64,
    /// Where it runs; `None`: codex's own working directory.
    pub cwd: Option<AbsPath>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WireApi {
    Responses,
    Scripted,
}

/// How the environment of commands is made from codex's own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ShellEnvironmentPolicy {
    pub inherit: EnvironmentInherit,
    /// `false` drops names that match `*KEY*`, `*SECRET*`, `*TOKEN*`.
    pub ignore_default_excludes: bool,
    pub exclude: Vec<String>,
    pub set: BTreeMap<String, String>,
    pub include_only: Vec<String>,
    /// Pattern to what is done with names that match; the same as `exclude` and `include_only`.
    pub filters: BTreeMap<String, EnvironmentFilter>,
}

impl Default for ShellEnvironmentPolicy {
    /// Everything but what looks like a secret.
    fn default() -> Self {
        Self {
            inherit: EnvironmentInherit::All,
            ignore_default_excludes: false,
            exclude: Vec::new(),
            set: BTreeMap::new(),
            include_only: Vec::new(),
            filters: BTreeMap::new(),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EnvironmentFilter {
    Include,
    Exclude,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EnvironmentInherit {
    All,
    Core,
    None,
}

words! {
    /// `model_reasoning_summary`.
    pub enum ReasoningSummary {
        Auto = "auto",
        Concise = "concise",
        Detailed = "detailed",
        None = "none",
    }
}

/// `model_verbosity`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verbosity {
    Low,
    Medium,
    High,
}

words! {
    /// `web_search`.
    pub enum WebSearchMode {
        Disabled = "disabled",
        Cached = "cached",
        Indexed = "indexed",
        Live = "live",
    }
}

/// `[tools.web_search]`: details of a provider's own search.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct WebSearchDetails {
    /// How much of what is found the model gets: `low`, `medium` or `high`.
    pub context_size: Option<String>,
    /// `None`: everywhere.
    pub allowed_domains: Option<Vec<String>>,
    /// Where the user is, roughly.
    pub location: Option<WebSearchLocation>,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct WebSearchLocation {
    /// Two letters.
    pub country: Option<String>,
    pub region: Option<String>,
    pub city: Option<String>,
    pub timezone: Option<String>,
}

/// `[history]`: what is kept of the prompts that were typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct HistorySettings {
    pub persistence: HistoryPersistence,
    /// Size of the file from which the oldest lines are dropped.
    pub max_bytes: Option<usize>,
}

impl Default for HistorySettings {
    fn default() -> Self {
        Self {
            persistence: HistoryPersistence::SaveAll,
            max_bytes: None,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HistoryPersistence {
    SaveAll,
    None,
}
