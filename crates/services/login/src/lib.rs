//! The credentials that a login leaves: `auth.json` in the home of codex, read, written and removed.
//!
//! Input: the home and what configuration says about logins. Output: a [`Login`], whose key is a [`Secret`] that only a request may open.
//! Nothing here opens a connection and nothing checks a key: a provider does that when it is asked something. The file has the form that
//! other programs write and read; a login that this program cannot use is recognised, named, and left as it is.
//!
//! [`load`] reads, [`save_key`] and [`forget`] change, [`Login::description`] is what a user may see.

mod error;
mod file;

pub use error::LoginError;

use codex_base::{AbsPath, Secret};
use file::AuthFile;

/// What configuration says about logins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Settings {
    pub store: Store,
    /// The only way of logging in that is allowed.
    pub forced: Option<Method>,
    /// An administrator's requirements leave no logins with an API key.
    pub no_keys: bool,
    /// Nor with an account.
    pub no_accounts: bool,
}

/// `cli_auth_credentials_store`: where credentials lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Store {
    #[default]
    File,
    /// The system's own store: not in this build.
    Keyring,
    /// The system's own store where there is one, else the file; so the file, in this build.
    Auto,
    /// The memory of one process: nothing is read or written.
    Ephemeral,
}

/// `forced_login_method`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    ApiKey,
    Account,
}

impl Settings {
    /// From the values of `cli_auth_credentials_store` and `forced_login_method`; what is not known counts as not set.
    pub fn new(store: Option<&str>, forced: Option<&str>) -> Self {
        Self {
            store: match store {
                Some("keyring") => Store::Keyring,
                Some("auto") => Store::Auto,
                Some("ephemeral") => Store::Ephemeral,
                _ => Store::File,
            },
            forced: match forced {
                Some("api") => Some(Method::ApiKey),
                Some("chatgpt") => Some(Method::Account),
                _ => None,
            },
            ..Self::default()
        }
    }

    /// Within `allowed_login_methods` of an administrator; without it, all are allowed.
    #[must_use]
    pub fn within(self, allowed: Option<&[String]>) -> Self {
        let lacks = |method: &str| allowed.is_some_and(|allowed| allowed.iter().all(|name| name != method));
        Self {
            no_keys: lacks("api"),
            no_accounts: lacks("chatgpt"),
            ..self
        }
    }

    const fn allows(self, method: Option<Method>) -> bool {
        let required = match method {
            Some(Method::ApiKey) => !self.no_keys,
            Some(Method::Account) => !self.no_accounts,
            None => !self.no_keys && !self.no_accounts,
        };
        required && allowed(method, self.forced)
    }
}

/// A stored login.
pub enum Login {
    ApiKey(Secret),
    /// An account of the vendor's hosted service.
    Account(Account),
    /// Of a kind that only other programs know.
    Other {
        mode: String,
    },
}

/// What the tokens of an account say about it. Unverified: good for showing, not for deciding.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Account {
    pub email: Option<String>,
    pub plan: Option<String>,
    pub id: Option<String>,
}

/// A key is longer than this only by mistake.
pub const KEY_BYTES_MAX: usize = 16 * 1024;

/// The stored login, if there is one that the settings allow.
///
/// # Errors
/// If the file cannot be read or is damaged, or the settings name a store that is not in this build.
pub fn load(home: &AbsPath, settings: Settings) -> Result<Option<Login>, LoginError> {
    match settings.store {
        Store::Keyring => Err(LoginError::Keyring),
        Store::Ephemeral => Ok(None),
        Store::File | Store::Auto => {
            let login = file::read(&path(home))?
                .and_then(|(auth, file)| auth.login(&file).transpose())
                .transpose()?;
            Ok(login.filter(|login| settings.allows(login.method())))
        }
    }
}

/// Stores an API key in the place of whatever login there was. White space around it is dropped; nobody is asked whether it is good.
///
/// # Errors
/// If it is no key, if the settings forbid it, or if it cannot be written; what was stored is then as it was.
pub fn save_key(home: &AbsPath, settings: Settings, key: &[u8]) -> Result<AbsPath, LoginError> {
    if settings.no_keys {
        return Err(LoginError::NotAllowed);
    }
    if !allowed(Some(Method::ApiKey), settings.forced) {
        return Err(LoginError::Forbidden);
    }
    match settings.store {
        Store::Keyring => return Err(LoginError::Keyring),
        Store::Ephemeral => return Err(LoginError::Ephemeral),
        Store::File | Store::Auto => {}
    }
    let key = key_in(key)?;
    let path = path(home);
    file::write(&path, &AuthFile::of_key(&key))?;
    Ok(path)
}

/// Removes the stored login, readable or not. Whether there was one.
///
/// # Errors
/// If it cannot be removed.
pub fn forget(home: &AbsPath) -> Result<bool, LoginError> {
    file::remove(&path(home))
}

/// Where logins are stored.
pub fn path(home: &AbsPath) -> AbsPath {
    home.join("auth.json")
}

const fn allowed(method: Option<Method>, forced: Option<Method>) -> bool {
    matches!(
        (method, forced),
        (_, None) | (Some(Method::ApiKey), Some(Method::ApiKey)) | (Some(Method::Account), Some(Method::Account))
    )
}

/// One word that can stand in a header.
fn key_in(bytes: &[u8]) -> Result<Secret, LoginError> {
    let text = std::str::from_utf8(bytes).map_err(|_| LoginError::InvalidKey("it is not text"))?;
    let key = text.trim_start_matches('\u{feff}').trim();
    match key {
        "" => Err(LoginError::NoKey),
        _ if key.len() > KEY_BYTES_MAX => Err(LoginError::InvalidKey("it is too long")),
        _ if !key.chars().all(|c| c.is_ascii_graphic()) => Err(LoginError::InvalidKey("it has spaces or other characters that no key has")),
        _ => Ok(Secret::new(key.to_owned())),
    }
}

impl Login {
    const fn method(&self) -> Option<Method> {
        match self {
            Self::ApiKey(_) => Some(Method::ApiKey),
            Self::Account(_) => Some(Method::Account),
            Self::Other { .. } => None,
        }
    }

    /// Why no request can be made with it; `None` if one can.
    pub fn unusable(&self) -> Option<String> {
        match self {
            Self::ApiKey(_) => None,
            Self::Account(_) | Self::Other { .. } => Some(
                "This build sends no requests with an account of the vendor's hosted service; set CODEX_API_KEY, or store a key: \
                 printenv OPENAI_API_KEY | codex login --with-api-key"
                    .to_owned(),
            ),
        }
    }

    /// One line for the user; of a key no more than its ends.
    pub fn description(&self) -> String {
        match self {
            Self::ApiKey(key) => format!("API key {}", masked(key)),
            Self::Account(account) => {
                let email = account.email.as_ref().map(|email| format!(" {email}")).unwrap_or_default();
                let plan = account.plan.as_ref().map(|plan| format!(" (plan: {plan})")).unwrap_or_default();
                format!("ChatGPT account{email}{plan}")
            }
            Self::Other { mode } => format!("login of the kind `{mode}`"),
        }
    }
}

/// The first 8 and the last 5 characters, or nothing of a key that they would give away.
fn masked(key: &Secret) -> String {
    let key: Vec<char> = key.expose().chars().collect();
    if key.len() <= 13 {
        return "***".to_owned();
    }
    let text = |part: &[char]| part.iter().collect::<String>();
    format!("{}***{}", text(&key[..8]), text(&key[key.len() - 5..]))
}

#[cfg(test)]
mod tests;
