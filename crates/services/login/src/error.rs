//! Why there is no login, or no new one.

use crate::Place;
use codex_base::AbsPath;
use std::io;

#[derive(Debug, thiserror::Error)]
pub enum LoginError {
    #[error("no key was given")]
    NoKey,
    #[error("this is not an API key: {0}")]
    InvalidKey(&'static str),
    #[error("`forced_login_method` allows no login with an API key")]
    Forbidden,
    #[error("`allowed_login_methods` in the requirements of this machine allows no login with an API key")]
    NotAllowed,
    #[error("the system's credential store cannot be used: {problem}")]
    Keyring { problem: String },
    #[error("`cli_auth_credentials_store = \"ephemeral\"` stores nothing that another process could read")]
    Ephemeral,
    #[error("cannot read {file}")]
    Unreadable { file: AbsPath, source: io::Error },
    /// Says where, never what: the text is a secret.
    #[error("{place} is damaged: {problem}")]
    Damaged { place: Place, problem: String },
    #[error("another program is changing {file}")]
    Locked { file: AbsPath },
    #[error("cannot write {file}")]
    Write { file: AbsPath, source: io::Error },
}

impl LoginError {
    pub(crate) fn write(file: &AbsPath) -> impl Fn(io::Error) -> Self {
        let file = file.clone();
        move |source| Self::Write {
            file: file.clone(),
            source,
        }
    }

    /// Stable: never renamed or reused.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NoKey => "login.no_key",
            Self::InvalidKey(_) => "login.invalid_key",
            Self::Forbidden | Self::NotAllowed => "login.forbidden",
            Self::Keyring { .. } => "login.keyring",
            Self::Ephemeral => "login.ephemeral",
            Self::Unreadable { .. } => "login.unreadable",
            Self::Damaged { .. } => "login.damaged",
            Self::Locked { .. } => "login.locked",
            Self::Write { .. } => "login.write_failed",
        }
    }

    /// The way out.
    pub const fn hint(&self) -> &'static str {
        match self {
            Self::NoKey | Self::InvalidKey(_) => "pipe one in: printenv OPENAI_API_KEY | codex login --with-api-key",
            Self::Forbidden => "remove the key from the configuration, or ask whoever manages it",
            Self::NotAllowed => "ask whoever manages this machine",
            Self::Keyring { .. } => {
                "it is asked with `secret-tool` (Debian: libsecret-tools) in a desktop session; or set cli_auth_credentials_store to \"file\""
            }
            Self::Ephemeral => "set CODEX_API_KEY for the process that needs it",
            Self::Unreadable { .. } => "check its rights, or remove it with codex logout",
            Self::Write { .. } => "check rights and space",
            Self::Damaged { .. } => "codex logout removes it; then log in again",
            Self::Locked { .. } => "try again",
        }
    }
}
