//! Why a configuration cannot be used. Every error has a stable code and says what to do.

use codex_base::AbsPath;
use std::fmt;
use std::io;

/// Where a value stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// Line and column count from 1; the column counts characters.
    File { file: AbsPath, line: u32, column: u32 },
    /// `-c key=value`, or the overrides of a client.
    Override,
    /// A flag of its own such as `-m`.
    Flag(String),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { file, line, column } => write!(f, "{file}:{line}:{column}"),
            Self::Override => f.write_str("-c/--config override"),
            Self::Flag(flag) => f.write_str(flag),
        }
    }
}

#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    #[error("no home directory: set CODEX_HOME or HOME")]
    HomeMissing,
    #[error("CODEX_HOME is not an existing directory: {path}")]
    HomeInvalid { path: AbsPath },
    #[error("cannot read {file}")]
    Unreadable { file: AbsPath, source: io::Error },
    #[error("{place}: invalid TOML: {message}")]
    Syntax { place: Place, message: String },
    #[error("{place}: `{key}` must be {expected}, not {found}")]
    Type {
        place: Place,
        key: String,
        expected: String,
        found: String,
    },
    #[error("{place}: unknown key `{key}`{}", did_you_mean(.nearest.as_deref()))]
    UnknownKey {
        place: Place,
        key: String,
        nearest: Option<String>,
    },
    #[error("there is no key `{key}`{}", did_you_mean(.nearest.as_deref()))]
    NoSuchKey { key: String, nearest: Option<String> },
    #[error("{place}: unknown model provider `{id}`; known are {}; add a [model_providers.{id}] table or choose one of these", .known.join(", "))]
    UnknownProvider { place: Place, id: String, known: Vec<String> },
    #[error(
        "{place}: `wire_api = \"chat\"` of model provider `{id}` is not supported; use `wire_api = \"responses\"` with an endpoint that speaks the Responses API"
    )]
    WireApiChat { place: Place, id: String },
    #[error("{place}: `{id}` is a built-in model provider and cannot be redefined; choose another name{hint}")]
    ReservedProvider { place: Place, id: String, hint: &'static str },
    #[error("{place}: {problem} in model provider `{id}`")]
    InvalidProvider { place: Place, id: String, problem: String },
    #[error(
        "{place}: the `profile` key is no longer read; move [profiles.{name}] into {name}.config.toml in CODEX_HOME and start with `--profile {name}`"
    )]
    ProfileKey { place: Place, name: String },
    #[error(
        "{place}: [profiles.{name}] is no longer read; move its keys into {name}.config.toml in CODEX_HOME, remove the table and keep `--profile {name}`"
    )]
    ProfileTable { place: Place, name: String },
    #[error("invalid profile name `{name}`: use letters, digits, `-` and `_`")]
    ProfileName { name: String },
    #[error("{place}: {problem}")]
    PermissionsInvalid { place: Place, problem: String },
    #[error(
        "{place}: permission profiles are defined but none is chosen; set `default_permissions`, for example to `{name}` or `:workspace`"
    )]
    PermissionsUnchosen { place: Place, name: String },
    #[error("permission profile `{name}` is not allowed by {requirement}, which names none to take instead; allowed are {}", .allowed.join(", "))]
    ProfileForbidden {
        name: String,
        requirement: Place,
        allowed: Vec<String>,
    },
    #[error("{place}: {key} {problem}")]
    RequirementInvalid { place: Place, key: String, problem: String },
    #[error("{place}: this version cannot {what}, which {key} demands; it does not start rather than ignore it")]
    RequirementUnenforceable { place: Place, key: String, what: &'static str },
    #[error(
        "{place}: full access is not allowed here, and without questions (approval policy `never`) nothing can stand in for it; choose another sandbox mode"
    )]
    FullAccessForbidden { place: Place },
    #[error("{place}: cannot use {file}, which `{key}` names")]
    NamedFile {
        place: Place,
        key: String,
        file: AbsPath,
        source: io::Error,
    },
    #[error("{place}: {file}, which `{key}` names, is empty")]
    NamedFileEmpty { place: Place, key: String, file: AbsPath },
    #[error("invalid override `{text}`: {problem}; write key=value")]
    Override { text: String, problem: &'static str },
}

impl ConfigError {
    /// Stable: never renamed or reused.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::HomeMissing => "config.home_missing",
            Self::HomeInvalid { .. } => "config.home_invalid",
            Self::Unreadable { .. } => "config.unreadable",
            Self::Syntax { .. } => "config.syntax",
            Self::Type { .. } => "config.type",
            Self::UnknownKey { .. } => "config.unknown_key",
            Self::NoSuchKey { .. } => "config.no_such_key",
            Self::UnknownProvider { .. } => "config.unknown_provider",
            Self::WireApiChat { .. } => "config.wire_api_chat",
            Self::ReservedProvider { .. } => "config.reserved_provider",
            Self::InvalidProvider { .. } => "config.invalid_provider",
            Self::ProfileKey { .. } => "config.profile_key",
            Self::ProfileTable { .. } => "config.profile_table",
            Self::ProfileName { .. } => "config.profile_name",
            Self::PermissionsInvalid { .. } => "config.permissions_invalid",
            Self::PermissionsUnchosen { .. } => "config.permissions_unchosen",
            Self::ProfileForbidden { .. } => "config.profile_forbidden",
            Self::RequirementInvalid { .. } => "config.requirement_invalid",
            Self::RequirementUnenforceable { .. } => "config.requirement_unenforceable",
            Self::FullAccessForbidden { .. } => "config.full_access_forbidden",
            Self::NamedFile { .. } | Self::NamedFileEmpty { .. } => "config.named_file",
            Self::Override { .. } => "config.override",
        }
    }
}

fn did_you_mean(nearest: Option<&str>) -> String {
    nearest.map(|name| format!("; did you mean `{name}`?")).unwrap_or_default()
}
