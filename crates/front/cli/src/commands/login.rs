//! `codex login`, `codex login status`, `codex logout`. Everything they say goes to stderr; stdout stays empty.

use super::Root;
use crate::environment::{self, Surroundings, config_error};
use crate::tell;
use clap::Subcommand;
use codex_config::{Overrides, Resolved};
use codex_exec::ExecError;
use codex_login::{KEY_BYTES_MAX, LoginError, Place, Settings, Stored};
use std::io::Read;
use std::process::ExitCode;

const PIPE_HINT: &str = "store a key: printenv OPENAI_API_KEY | codex login --with-api-key";

/// Arguments of `codex login`.
#[derive(Debug, Clone, PartialEq, Eq, clap::Args)]
pub struct Login {
    /// Read an API key from standard input and store it; nobody is asked whether it is good
    #[arg(long)]
    with_api_key: bool,

    /// Log in to the hosted service with a code (not in this build)
    #[arg(long)]
    device_auth: bool,

    /// Log in to the hosted service with a token (not in this build)
    #[arg(long)]
    with_access_token: bool,

    #[arg(long, value_name = "KEY", num_args = 0..=1, hide = true)]
    api_key: Option<Option<String>>,

    #[arg(long = "experimental_issuer", value_name = "URL", hide = true)]
    issuer: Option<String>,

    #[arg(long = "experimental_client-id", value_name = "ID", hide = true)]
    client_id: Option<String>,

    #[command(subcommand)]
    action: Option<Action>,
}

#[derive(Debug, Clone, PartialEq, Eq, Subcommand)]
enum Action {
    /// Say which login is stored; exit code 1 if there is none
    Status,
}

/// Arguments of `codex logout`.
#[derive(Debug, Clone, PartialEq, Eq, clap::Args)]
pub struct Logout {}

impl Login {
    pub fn run(&self, root: &Root) -> Result<ExitCode, ExecError> {
        if self.action == Some(Action::Status) {
            return status(root);
        }
        if self.api_key.is_some() {
            let message = "--api-key is gone: other users can read what stands on a command line";
            return Err(ExecError::new("login.api_key_flag", message).with_hint(PIPE_HINT));
        }
        if self.with_api_key && !self.device_auth {
            return with_api_key(root);
        }
        let way = match (self.device_auth, self.with_access_token) {
            (true, _) => "`codex login --device-auth`",
            (false, true) => "`codex login --with-access-token`",
            (false, false) => "`codex login` in a browser",
        };
        let message = format!("{way} needs the vendor's hosted service, which this build does not use");
        Err(ExecError::new("service.unavailable", message).with_hint(PIPE_HINT))
    }
}

impl Logout {
    pub fn run(&self, root: &Root) -> Result<ExitCode, ExecError> {
        let surroundings = environment::read()?;
        let settings = settings(&surroundings, root)?;
        let removed = codex_login::forget(&surroundings.process.codex_home, settings).map_err(login_error)?;
        for place in &removed {
            let what = match place {
                Place::File(file) => format!("{file} is removed"),
                Place::Keyring => format!("the entry in {place} is removed"),
            };
            tell(&format!("Logged out: {what}.\n"));
        }
        if removed.is_empty() {
            tell("Not logged in.\n");
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// What configuration says about logins. No profile and no project has a say.
fn settings(surroundings: &Surroundings, root: &Root) -> Result<Settings, ExecError> {
    let overrides = Overrides {
        cli: root.overrides()?.cli,
        ..Overrides::default()
    };
    let resolved = codex_config::resolve(&surroundings.process, &surroundings.process.cwd, &overrides).map_err(config_error)?;
    Ok(settings_of(&resolved))
}

pub fn settings_of(resolved: &Resolved) -> Settings {
    let config = &resolved.config;
    Settings::new(config.cli_auth_credentials_store.as_deref(), config.forced_login_method.as_deref())
        .within(config.allowed_login_methods.as_deref())
}

fn with_api_key(root: &Root) -> Result<ExitCode, ExecError> {
    let surroundings = environment::read()?;
    let settings = settings(&surroundings, root)?;
    if surroundings.terminals.stdin {
        return Err(ExecError::new("login.terminal", "a key is not read from a terminal").with_hint(PIPE_HINT));
    }
    let mut key = Vec::new();
    let limit = KEY_BYTES_MAX as u64 + 1024;
    let read = std::io::stdin().lock().take(limit).read_to_end(&mut key);
    read.map_err(|error| ExecError::new("login.stdin", format!("cannot read stdin: {error}")))?;
    let place = codex_login::save_key(&surroundings.process.codex_home, settings, &key).map_err(login_error)?;
    tell(&format!(
        "API key stored in {place}. The provider checks it with the first request.\n"
    ));
    if surroundings.process.var("CODEX_API_KEY").is_some_and(|key| !key.trim().is_empty()) {
        tell("note: CODEX_API_KEY is set and counts before it\n");
    }
    Ok(ExitCode::SUCCESS)
}

fn status(root: &Root) -> Result<ExitCode, ExecError> {
    let surroundings = environment::read()?;
    let settings = settings(&surroundings, root)?;
    let home = &surroundings.process.codex_home;
    let login = codex_login::load(home, settings).map_err(login_error)?;
    let (text, code) = match &login {
        Some(stored) => (logged_in(stored), ExitCode::SUCCESS),
        None => ("Not logged in.\n".to_owned(), ExitCode::FAILURE),
    };
    tell(&text);
    let set = |name: &str| surroundings.process.var(name).is_some_and(|key| !key.trim().is_empty());
    if set("CODEX_API_KEY") {
        tell("CODEX_API_KEY is set and counts before a stored login.\n");
    } else if login.is_none() && set("OPENAI_API_KEY") {
        tell("OPENAI_API_KEY is set and is used while there is no login.\n");
    }
    Ok(code)
}

fn logged_in(Stored { login, place }: &Stored) -> String {
    let unusable = login.unusable().map(|why| format!("{why}\n")).unwrap_or_default();
    format!("Logged in: {}, stored in {place}.\n{unusable}", login.description())
}

pub fn login_error(error: LoginError) -> ExecError {
    ExecError::new(error.code(), codex_base::with_causes(&error)).with_hint(error.hint())
}
