//! Which client serves which provider settings, and with which key.

use crate::bounds::Bounds;
use crate::error::{self, ModelError, never};
use crate::event::ModelEvent;
use crate::offered::{self, ModelLists};
use crate::refresh::{Offer, Refresh};
use crate::request::ModelRequest;
use crate::responses::{Credential, Endpoint, Responses};
use crate::scripted::script::Script;
use crate::scripted::{Scripted, demo};
use crate::token::TokenSource;
use codex_base::{Secret, os};
use codex_http::{HttpClient, HttpSettings};
use codex_protocol::errors::CodexErrorInfo;
use codex_protocol::settings::{ProviderSettings, WireApi};
use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// Id of the provider that needs no configuration.
const BUILT_IN: &str = "openai";
/// Bytes of a script.
const SCRIPT_BYTES_MAX: u64 = 1 << 30;

/// Something that answers like a model.
pub trait ModelClient: Send + Sync {
    /// Starts ONE attempt on the current tokio runtime. The channel is bounded: a slow reader slows the stream down.
    ///
    /// Exactly one `Completed` or `Failed` ends it, or nothing once `cancel` is cancelled or the receiver is dropped, both of which
    /// close the connection at once.
    fn sample(&self, request: ModelRequest, cancel: CancellationToken) -> mpsc::Receiver<ModelEvent>;

    /// Tells the provider the beginning of a conversation before the first question, where that helps. Returns at once, fails silently.
    fn warm_up(&self, _request: ModelRequest) {}

    /// Asks the provider for its list of models beside everything else, where it has one and the known one is not fresh. Returns at once;
    /// `None` if nothing was to be asked.
    fn refresh_models(&self) -> Option<Refresh> {
        None
    }

    /// Requests that one sampling may cost at most, the first included.
    fn attempts_max(&self) -> u32;
}

/// How we introduce ourselves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientIdentity {
    /// Header `originator`, e.g. `codex_exec`.
    pub originator: String,
    pub user_agent: String,
}

/// Why there is no client for these settings.
#[derive(Debug, thiserror::Error)]
pub enum ModelSetupError {
    #[error("cannot read the script {}", path.display())]
    ReadScript { path: PathBuf, source: io::Error },
    #[error("script {name}, line {line}: {problem}")]
    BadScript { name: String, line: usize, problem: String },
    #[error("provider {id} has no base_url")]
    NoBaseUrl { id: String },
    #[error("provider {id}: {problem}")]
    BadSetting { id: String, problem: String },
}

impl ModelSetupError {
    /// Stable code of this error.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::ReadScript { .. } => "model.script_unreadable",
            Self::BadScript { .. } => crate::error::SCRIPT_INVALID,
            Self::NoBaseUrl { .. } | Self::BadSetting { .. } => "model.provider_invalid",
        }
    }
}

/// The login that a user stored.
pub enum StoredLogin {
    None,
    Key(Secret),
    /// There is one, and this is why no request can be made with it. Nothing else is used in its place: another key may cost somebody else.
    Unusable(String),
    /// No key may be sent, wherever it is from, and this is why.
    Forbidden(String),
}

/// Makes the client of a provider. Opens no connection; keys are looked up in `env`, and `login` counts for a provider that asks for one:
/// after `CODEX_API_KEY`, before `OPENAI_API_KEY`. `lists` learns what models the provider offers, where it is asked for them.
///
/// A missing key is not an error here: the turn that needs it fails with a [`ModelEvent::Failed`].
///
/// # Errors
/// If the settings cannot be used at all, or the script cannot be read.
pub fn build(
    provider: &ProviderSettings,
    env: &dyn Fn(&str) -> Option<String>,
    login: StoredLogin,
    identity: &ClientIdentity,
    lists: &Arc<ModelLists>,
) -> Result<Arc<dyn ModelClient>, ModelSetupError> {
    match provider.wire_api {
        WireApi::Scripted => Ok(Arc::new(Scripted::new(script(provider)?, provider))),
        WireApi::Responses => {
            let http = HttpClient::new(HttpSettings::from_env(identity.user_agent.clone(), env));
            Ok(Arc::new(Responses::new(endpoint(provider, env, login, identity, lists)?, http)))
        }
    }
}

fn script(provider: &ProviderSettings) -> Result<Script, ModelSetupError> {
    let Some(path) = &provider.script else {
        return Script::parse("demo", demo::demo_script());
    };
    let text = os::read_regular_text(path.as_path(), SCRIPT_BYTES_MAX).map_err(|source| ModelSetupError::ReadScript {
        path: path.as_path().into(),
        source,
    })?;
    Script::parse(&path.as_path().display().to_string(), &text)
}

pub(crate) fn endpoint(
    provider: &ProviderSettings,
    env: &dyn Fn(&str) -> Option<String>,
    login: StoredLogin,
    identity: &ClientIdentity,
    lists: &Arc<ModelLists>,
) -> Result<Endpoint, ModelSetupError> {
    let base = provider
        .base_url
        .as_deref()
        .ok_or_else(|| ModelSetupError::NoBaseUrl { id: provider.id.clone() })?;
    let url = |path: &str, query: &BTreeMap<String, String>| {
        codex_http::endpoint(base, path, query).map_err(|problem| ModelSetupError::BadSetting {
            id: provider.id.clone(),
            problem: format!("base_url is {problem}"),
        })
    };
    let offer = match offered::identity(provider) {
        None => None,
        Some(identity) => {
            let mut query = provider.query_params.clone();
            query.insert("client_version".to_owned(), codex_protocol::VERSION.to_owned());
            Some(Offer {
                url: url("models", &query)?,
                identity,
                lists: Arc::clone(lists),
            })
        }
    };
    let value = |name: &str| env(name).filter(|value| !value.trim().is_empty());
    Ok(Endpoint {
        url: url("responses", &provider.query_params)?,
        offer,
        identity: identity.clone(),
        headers: headers(provider),
        secrets: secret_headers(provider, &value),
        credential: credential(provider, &value, login),
        bounds: Bounds::new(Duration::from_millis(provider.stream_idle_timeout_ms)),
        attempts_max: provider.attempts_max(),
        sockets: provider.supports_websockets,
        socket_connect_limit: Duration::from_millis(provider.websocket_connect_timeout_ms),
    })
}

fn headers(provider: &ProviderSettings) -> Vec<(String, String)> {
    let version = (provider.id == BUILT_IN).then(|| ("version".to_owned(), codex_protocol::VERSION.to_owned()));
    version.into_iter().collect()
}

/// `http_headers`, which may hold a key as well, and `env_http_headers`: of the built-in provider the account's organisation and project.
fn secret_headers(provider: &ProviderSettings, value: &dyn Fn(&str) -> Option<String>) -> Vec<(String, Secret)> {
    let literal = provider
        .http_headers
        .iter()
        .map(|(header, value)| (header.clone(), Secret::new(value.clone())));
    let from_variables = provider
        .env_http_headers
        .iter()
        .filter_map(|(header, variable)| Some((header.clone(), Secret::new(value(variable)?))));
    literal.chain(from_variables).collect()
}

/// Where the key comes from. The provider's own token keys win; the account's keys are for providers that ask for them and never reach another
/// one.
fn credential(provider: &ProviderSettings, value: &dyn Fn(&str) -> Option<String>, login: StoredLogin) -> Credential {
    let bearer = |key: String| Credential::Bearer(Secret::new(key));
    let or_else = |key: Option<String>, missing: &dyn Fn() -> ModelError| key.map_or_else(|| Credential::Missing(missing()), bearer);
    if let Some(command) = &provider.auth {
        return Credential::Command(TokenSource::new(&provider.id, command.clone()));
    }
    if let Some(variable) = &provider.env_key {
        return or_else(value(variable), &|| missing_key(variable, provider));
    }
    if let Some(token) = &provider.experimental_bearer_token {
        return bearer(token.clone());
    }
    if !provider.requires_openai_auth {
        return Credential::None;
    }
    match (login, value("CODEX_API_KEY")) {
        (StoredLogin::Forbidden(why), _) | (StoredLogin::Unusable(why), None) => Credential::Missing(no_key(why)),
        (StoredLogin::None | StoredLogin::Key(_) | StoredLogin::Unusable(_), Some(key)) => bearer(key),
        (StoredLogin::Key(key), None) => Credential::Bearer(key),
        (StoredLogin::None, None) => or_else(value("OPENAI_API_KEY"), &no_credentials),
    }
}

fn missing_key(variable: &str, provider: &ProviderSettings) -> ModelError {
    let mut text = format!("Missing environment variable: `{variable}`.");
    if let Some(instructions) = &provider.env_key_instructions {
        text = format!("{text} {instructions}");
    }
    never(error::MISSING_KEY, text, CodexErrorInfo::Unauthorized)
}

fn no_credentials() -> ModelError {
    no_key(
        "No key for the model provider. Set `CODEX_API_KEY` or `OPENAI_API_KEY`, store one with `codex login --with-api-key`, or configure \
         another provider under `[model_providers]` in config.toml. `codex demo` needs no key."
            .to_owned(),
    )
}

fn no_key(text: String) -> ModelError {
    never(error::NO_CREDENTIALS, text, CodexErrorInfo::Unauthorized)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity() -> ClientIdentity {
        ClientIdentity {
            originator: "codex_exec".into(),
            user_agent: "codex_exec/1".into(),
        }
    }

    /// `set`: variables, each of which holds `$` and its name.
    fn check(provider: &ProviderSettings, set: &[&str], login: StoredLogin, expect: &str) {
        let value = |name: &str| set.contains(&name).then(|| format!("${name}"));
        let found = match credential(provider, &value, login) {
            Credential::None => "none".to_owned(),
            Credential::Bearer(key) => key.expose().to_owned(),
            Credential::Command(_) => "command".to_owned(),
            Credential::Missing(error) => format!("{}: {}", error.code, error.message),
        };
        assert_eq!(found, expect, "{provider:?} {set:?}");
    }

    #[test]
    fn each_provider_gets_its_own_key_only() {
        let built_in = ProviderSettings {
            id: "openai".into(),
            requires_openai_auth: true,
            ..Default::default()
        };
        let custom = ProviderSettings {
            id: "mine".into(),
            ..Default::default()
        };
        let literal = ProviderSettings {
            experimental_bearer_token: Some("literal".into()),
            ..custom.clone()
        };
        let with_env_key = ProviderSettings {
            env_key: Some("MINE".into()),
            env_key_instructions: Some("Ask Ada.".into()),
            ..custom.clone()
        };
        let account = ["CODEX_API_KEY", "OPENAI_API_KEY"];
        let stored = || StoredLogin::Key(Secret::new("stored".into()));
        let unusable = || StoredLogin::Unusable("why".into());
        let forbidden = || StoredLogin::Forbidden("why".into());
        let none = || StoredLogin::None;

        check(&built_in, &account, forbidden(), "model.no_credentials: why");
        check(&with_env_key, &["MINE"], forbidden(), "$MINE");
        check(&built_in, &account, stored(), "$CODEX_API_KEY");
        check(&built_in, &account, unusable(), "$CODEX_API_KEY");
        check(&built_in, &account[1..], stored(), "stored");
        check(&built_in, &account[1..], unusable(), "model.no_credentials: why");
        check(&built_in, &account[1..], none(), "$OPENAI_API_KEY");
        check(
            &built_in,
            &[],
            none(),
            &format!("model.no_credentials: {}", no_credentials().message),
        );
        check(&custom, &account, stored(), "none");
        check(&literal, &account, stored(), "literal");
        check(&with_env_key, &["MINE"], stored(), "$MINE");
        let missing = "model.missing_key: Missing environment variable: `MINE`. Ask Ada.";
        check(&with_env_key, &account, stored(), missing);
        let with_command = ProviderSettings {
            auth: Some(codex_protocol::settings::TokenCommand {
                command: "print-token".into(),
                args: Vec::new(),
                timeout_ms: 1,
                refresh_interval_ms: 0,
                cwd: None,
            }),
            ..with_env_key
        };
        check(&with_command, &["MINE"], stored(), "command");
    }

    #[test]
    fn without_any_key_one_message_names_the_ways() {
        let text = no_credentials().message;

        for way in ["OPENAI_API_KEY", "CODEX_API_KEY", "codex login", "[model_providers]", "codex demo"] {
            assert!(text.contains(way), "{way} in {text}");
        }
    }

    #[test]
    fn settings_that_cannot_be_used_are_named() {
        let check = |provider: ProviderSettings, expect: &str| {
            let error = build(
                &provider,
                &|_| None,
                StoredLogin::None,
                &identity(),
                &Arc::new(ModelLists::new(None)),
            )
            .err()
            .expect("the settings are bad");
            assert_eq!(error.to_string(), expect);
        };
        let mine = || ProviderSettings {
            id: "mine".into(),
            ..Default::default()
        };

        check(mine(), "provider mine has no base_url");
        check(
            ProviderSettings {
                base_url: Some("h/v1".into()),
                ..mine()
            },
            "provider mine: base_url is not a usable URL: relative URL without a base",
        );
    }
}
