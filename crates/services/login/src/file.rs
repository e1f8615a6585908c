//! `auth.json`: its form, and its reading and writing.

use crate::{Account, Login, LoginError};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use codex_base::os::{self, FileLock, Privacy};
use codex_base::{AbsPath, Secret};
use serde::Deserialize;
use serde_json::Value;
use std::io::{self, Read};
use std::time::{Duration, Instant};

/// A larger file is no login.
const FILE_BYTES_MAX: u64 = 1024 * 1024;

/// How long another program may hold the lock.
const LOCK_LIMIT: Duration = Duration::from_secs(5);
const LOCK_STEP: Duration = Duration::from_millis(20);

/// The claim of an id token that tells about the account.
const ACCOUNT_CLAIM: &str = "https://api.openai.com/auth";

/// What is in the file, as far as we look. Form: as written by the program whose files we share, its versions to 0.169.
#[derive(Default, Deserialize)]
#[serde(default)]
pub struct AuthFile {
    auth_mode: Option<String>,
    #[serde(rename = "OPENAI_API_KEY")]
    api_key: Option<String>,
    tokens: Option<Tokens>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Tokens {
    id_token: Value,
    account_id: Option<String>,
}

impl AuthFile {
    /// The text of a file that holds this key alone.
    pub fn of_key(key: &Secret) -> Secret {
        let value = serde_json::json!({"auth_mode": "apikey", "OPENAI_API_KEY": key.expose()});
        Secret::new(format!("{value:#}\n"))
    }

    /// Errors say where, never what.
    pub fn parse(text: &[u8]) -> Result<Self, String> {
        if text.len() as u64 > FILE_BYTES_MAX {
            return Err("it is too large".to_owned());
        }
        if text.trim_ascii_start().first() != Some(&b'{') {
            return Err("it does not begin with {".to_owned());
        }
        // The parser's own message could quote the text.
        serde_json::from_slice(text).map_err(|error| {
            let (line, column) = (error.line(), error.column());
            format!("it is not the JSON of a login (line {line}, column {column})")
        })
    }

    /// `None` if nothing is stored. Older files have no mode: a key counts before tokens.
    pub fn login(self) -> Result<Option<Login>, String> {
        let key = self
            .api_key
            .filter(|key| !key.trim().is_empty())
            .map(|key| Secret::new(key.trim().to_owned()));
        let account = self.tokens.map(|tokens| Login::Account(tokens.account()));
        let missing = |what: &str| format!("it holds no {what}");
        match self.auth_mode.as_deref() {
            None => Ok(key.map(Login::ApiKey).or(account)),
            Some("apikey") => key.map(|key| Some(Login::ApiKey(key))).ok_or_else(|| missing("key")),
            Some("chatgpt") => account.map(Some).ok_or_else(|| missing("tokens")),
            Some(mode) => Ok(Some(Login::Other { mode: mode.to_owned() })),
        }
    }
}

impl Tokens {
    fn account(self) -> Account {
        let claims = self.id_token.as_str().and_then(claims).unwrap_or_default();
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let about = &claims[ACCOUNT_CLAIM];
        Account {
            email: text(&claims["email"]),
            plan: text(&about["chatgpt_plan_type"]),
            id: self.account_id.or_else(|| text(&about["chatgpt_account_id"])),
        }
    }
}

/// The middle part of a signed token. The signature is not checked.
fn claims(token: &str) -> Option<Value> {
    let payload = token.split('.').nth(1)?;
    let bytes = URL_SAFE_NO_PAD.decode(payload.trim_end_matches('=')).ok()?;
    serde_json::from_slice(&bytes).ok()
}

/// The file's content, as far as it may be a login; `None` if there is no file.
pub fn read(file: &AbsPath) -> Result<Option<Vec<u8>>, LoginError> {
    let mut bytes = Vec::new();
    let read = os::open_regular(file).and_then(|opened| opened.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes));
    match read {
        Ok(_) => Ok(Some(bytes)),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(None),
        Err(source) => Err(LoginError::Unreadable {
            file: file.clone(),
            source,
        }),
    }
}

/// Whole or not at all, for the owner alone. A symbolic link is written through.
pub fn write(file: &AbsPath, text: &str) -> Result<(), LoginError> {
    let failed = LoginError::write(file);
    if let Some(folder) = file.parent() {
        os::create_private_dir(&folder).map_err(&failed)?;
    }
    let _lock = lock(file)?;
    let target = os::link_target(file).map_err(&failed)?;
    os::write_atomic(&target, text.as_bytes(), Privacy::Owner).map_err(failed)
}

/// Whether there was a file. Of a symbolic link, what it leads to goes with it: there the key is.
pub fn remove(file: &AbsPath) -> Result<bool, LoginError> {
    if !file.is_symlink() && !file.exists() {
        return Ok(false);
    }
    let _lock = lock(file)?;
    // A link may lead to a device, which is nobody's login.
    let target = os::link_target(file).ok().filter(|target| target != file && target.is_file());
    let mut was_there = false;
    for path in target.iter().chain([file]) {
        match std::fs::remove_file(path) {
            Ok(()) => was_there = true,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(source) => return Err(LoginError::write(path)(source)),
        }
    }
    Ok(was_there)
}

/// `None` where the file system has no locks.
fn lock(file: &AbsPath) -> Result<Option<FileLock>, LoginError> {
    let path = file.with_added_extension("lock");
    let start = Instant::now();
    loop {
        match FileLock::try_acquire(&path) {
            Ok(Some(lock)) => return Ok(Some(lock)),
            Ok(None) if start.elapsed() < LOCK_LIMIT => std::thread::sleep(LOCK_STEP),
            Ok(None) => return Err(LoginError::Locked { file: file.clone() }),
            Err(error) if error.kind() == io::ErrorKind::Unsupported => return Ok(None),
            Err(source) => return Err(LoginError::write(file)(source)),
        }
    }
}
