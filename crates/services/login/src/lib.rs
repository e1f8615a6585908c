//! The credentials that a login leaves, in `auth.json` in the home of codex or in the system's own store: read, written and removed.
//!
//! Input: the home and what configuration says about logins. Output: a [`Login`], whose key is a [`Secret`] that only a request may open.
//! Nothing here opens a connection and nothing checks a key: a provider does that when it is asked something. What is stored has the form that
//! other programs write and read; a login that this program cannot use is recognised, named, and left as it is.
//!
//! [`load`] reads, [`save_key`] and [`forget`] change, [`Login::description`] is what a user may see.

mod error;
mod file;
mod keyring;

pub use error::LoginError;

use codex_base::{AbsPath, Secret};
use file::AuthFile;
use keyring::Keyring;
use std::fmt;

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
    /// The system's own store.
    Keyring,
    /// The system's own store where it can be asked, else the file.
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

    fn allows(self, method: Option<Method>) -> bool {
        let required = match method {
            Some(Method::ApiKey) => !self.no_keys,
            Some(Method::Account) => !self.no_accounts,
            None => !self.no_keys && !self.no_accounts,
        };
        required && self.forced.is_none_or(|forced| method == Some(forced))
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

/// Where a login lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    File(AbsPath),
    Keyring,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(file) => file.fmt(f),
            Self::Keyring => f.write_str("the system's credential store"),
        }
    }
}

/// A login and where it was found.
pub struct Stored {
    pub login: Login,
    pub place: Place,
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
/// If it cannot be read or is damaged, or the settings want a store that cannot be asked. Blocks; a locked store asks its user.
pub fn load(home: &AbsPath, settings: Settings) -> Result<Option<Stored>, LoginError> {
    let stored = match settings.store {
        Store::Ephemeral => None,
        Store::File => in_file(home)?,
        Store::Keyring => in_keyring(&Keyring::of(home)?)?,
        Store::Auto => match Keyring::of(home).and_then(|keyring| in_keyring(&keyring)) {
            Ok(None) | Err(LoginError::Keyring { .. }) => in_file(home)?,
            found => found?,
        },
    };
    Ok(stored.filter(|stored| settings.allows(stored.login.method())))
}

fn in_file(home: &AbsPath) -> Result<Option<Stored>, LoginError> {
    let file = path(home);
    file::read(&file)?.map_or(Ok(None), |text| stored(&text, Place::File(file)))
}

fn in_keyring(keyring: &Keyring) -> Result<Option<Stored>, LoginError> {
    keyring
        .read()?
        .map_or(Ok(None), |text| stored(text.expose().as_bytes(), Place::Keyring))
}

fn stored(text: &[u8], place: Place) -> Result<Option<Stored>, LoginError> {
    match AuthFile::parse(text).and_then(AuthFile::login) {
        Ok(login) => Ok(login.map(|login| Stored { login, place })),
        Err(problem) => Err(LoginError::Damaged { place, problem }),
    }
}

/// Stores an API key in the place of whatever login there was. White space around it is dropped; nobody is asked whether it is good.
///
/// # Errors
/// If it is no key, if the settings forbid it, or if it cannot be written; what was stored is then as it was.
pub fn save_key(home: &AbsPath, settings: Settings, key: &[u8]) -> Result<Place, LoginError> {
    if settings.no_keys {
        return Err(LoginError::NotAllowed);
    }
    if settings.forced.is_some_and(|forced| forced != Method::ApiKey) {
        return Err(LoginError::Forbidden);
    }
    let login = || key_in(key).map(|key| AuthFile::of_key(&key));
    match settings.store {
        Store::Ephemeral => Err(LoginError::Ephemeral),
        Store::File => to_file(home, &login()?),
        Store::Keyring => to_keyring(home, &login()?),
        Store::Auto => match to_keyring(home, &login()?) {
            Err(LoginError::Keyring { .. }) => to_file(home, &login()?),
            stored => stored,
        },
    }
}

fn to_file(home: &AbsPath, login: &Secret) -> Result<Place, LoginError> {
    let file = path(home);
    file::write(&file, login.expose())?;
    Ok(Place::File(file))
}

/// A file from before would be a second copy that nobody thinks of.
fn to_keyring(home: &AbsPath, login: &Secret) -> Result<Place, LoginError> {
    Keyring::of(home)?.write(login)?;
    file::remove(&path(home))?;
    Ok(Place::Keyring)
}

/// Removes the stored login, readable or not, from every place where the settings look. From which ones.
///
/// # Errors
/// If it cannot be removed.
pub fn forget(home: &AbsPath, settings: Settings) -> Result<Vec<Place>, LoginError> {
    let from_keyring = || Keyring::of(home).and_then(|keyring| keyring.remove());
    let in_keyring = match settings.store {
        Store::File | Store::Ephemeral => false,
        Store::Keyring => from_keyring()?,
        Store::Auto => match from_keyring() {
            Err(LoginError::Keyring { .. }) => false,
            removed => removed?,
        },
    };
    let file = path(home);
    let in_file = file::remove(&file)?;
    let places = [(in_keyring, Place::Keyring), (in_file, Place::File(file))];
    Ok(places.into_iter().filter(|(removed, _)| *removed).map(|(_, place)| place).collect())
}

/// Where logins are stored that lie in a file.
pub fn path(home: &AbsPath) -> AbsPath {
    home.join("auth.json")
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
