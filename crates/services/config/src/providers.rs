//! Model providers: the built-in ones and `[model_providers.*]`.

use crate::tree::{Node, Table, dotted};
use crate::{ConfigError, ProcessEnv};
use codex_base::AbsPath;
use codex_protocol::settings::{ProviderSettings, TokenCommand, WireApi};

const OPENAI: &str = "openai";
const OPENAI_BASE_URL: &str = "https://api.openai.com/v1";
/// Which organization and project a request is for, if the user says so.
const OPENAI_HEADERS: [(&str, &str); 2] = [("OpenAI-Organization", "OPENAI_ORGANIZATION"), ("OpenAI-Project", "OPENAI_PROJECT")];
const OLLAMA: &str = "ollama";
const LM_STUDIO: &str = "lmstudio";
const SCRIPTED: &str = "scripted";
const BUILT_IN: [&str; 4] = [OPENAI, OLLAMA, LM_STUDIO, SCRIPTED];
/// More requests than this for one sampling help nobody.
const RETRIES_MAX: u32 = 100;

/// The provider that `model_provider` names. Every configured entry is checked, chosen or not.
pub(crate) fn selected(tree: &Table, env: &ProcessEnv, cwd: &AbsPath) -> Result<ProviderSettings, ConfigError> {
    let scripted = ProviderSettings {
        wire_api: WireApi::Scripted,
        ..built_in(SCRIPTED, "Scripted", None)
    };
    let (ollama, lm_studio) = (local(OLLAMA, "Ollama", 11434, env), local(LM_STUDIO, "LM Studio", 1234, env));
    let mut known = vec![openai(tree)?, ollama, lm_studio, scripted];
    let entries = entries(tree)?;
    for entry in &entries {
        match known.iter_mut().find(|provider| provider.id == SCRIPTED) {
            Some(scripted) if entry.id == SCRIPTED => *scripted = entry.scripted(scripted, env, cwd)?,
            Some(_) | None => known.push(entry.custom(env, cwd)?),
        }
    }
    let Some(choice) = tree.get("model_provider") else {
        return Ok(known.swap_remove(0));
    };
    let id = choice.non_empty("model_provider")?;
    entries.iter().filter(|entry| entry.id == id).try_for_each(Entry::usable)?;
    let at = known.iter().position(|provider| provider.id == id);
    let unknown = || ConfigError::UnknownProvider {
        place: choice.source.place.clone(),
        id: id.clone(),
        known: known.iter().map(|provider| format!("`{}`", provider.id)).collect(),
    };
    let at = at.ok_or_else(unknown)?;
    Ok(known.swap_remove(at))
}

fn entries(tree: &Table) -> Result<Vec<Entry<'_>>, ConfigError> {
    let Some(providers) = tree.get("model_providers") else {
        return Ok(Vec::new());
    };
    let tables = providers.table("model_providers")?.iter();
    tables
        .map(|(id, node)| Entry::new(id, dotted("model_providers", id), node))
        .collect()
}

fn built_in(id: &str, name: &str, base_url: Option<String>) -> ProviderSettings {
    ProviderSettings {
        id: id.to_owned(),
        name: name.to_owned(),
        base_url,
        ..ProviderSettings::default()
    }
}

fn openai(tree: &Table) -> Result<ProviderSettings, ConfigError> {
    let configured = tree
        .get("openai_base_url")
        .map(|node| node.non_empty("openai_base_url"))
        .transpose()?;
    let base_url = configured.unwrap_or_else(|| OPENAI_BASE_URL.to_owned());
    Ok(ProviderSettings {
        requires_openai_auth: true,
        supports_websockets: true,
        env_http_headers: OPENAI_HEADERS
            .map(|(header, variable)| (header.to_owned(), variable.to_owned()))
            .into(),
        ..built_in(OPENAI, "OpenAI", Some(base_url))
    })
}

/// A server on this machine; `CODEX_OSS_BASE_URL` and `CODEX_OSS_PORT` say where.
fn local(id: &str, name: &str, port: u16, env: &ProcessEnv) -> ProviderSettings {
    let named = |variable: &str| env.var(variable).map(str::trim).filter(|value| !value.is_empty());
    let port = named("CODEX_OSS_PORT").and_then(|port| port.parse().ok()).unwrap_or(port);
    let base_url = named("CODEX_OSS_BASE_URL").map_or_else(|| format!("http://localhost:{port}/v1"), str::to_owned);
    built_in(id, name, Some(base_url))
}

fn path(env: &ProcessEnv, cwd: &AbsPath) -> impl Fn(&Node, &str) -> Result<AbsPath, ConfigError> {
    |node, key| Ok(node.path(&node.non_empty(key)?, env, cwd))
}

/// One table of `[model_providers]`.
struct Entry<'a> {
    id: &'a str,
    key: String,
    table: &'a Table,
    node: &'a Node,
}

impl<'a> Entry<'a> {
    fn new(id: &'a str, key: String, node: &'a Node) -> Result<Self, ConfigError> {
        let table = node.table(&key)?;
        Ok(Self { id, key, table, node })
    }

    fn custom(&self, env: &ProcessEnv, cwd: &AbsPath) -> Result<ProviderSettings, ConfigError> {
        if BUILT_IN.contains(&self.id) {
            let hint = if self.id == OPENAI { ", or set openai_base_url" } else { "" };
            return Err(ConfigError::ReservedProvider {
                place: self.node.source.place.clone(),
                id: self.id.to_owned(),
                hint,
            });
        }
        self.wire_api()?;
        self.one_way_to_sign_in()?;
        let mut provider = self.parsed()?;
        if provider.name.is_empty() {
            return Err(self.invalid("`name` is missing"));
        }
        provider.base_url.get_or_insert_with(|| OPENAI_BASE_URL.to_owned());
        provider.auth = self.token_command(env, cwd)?;
        Ok(provider)
    }

    /// What needs neither files nor folders to be understood.
    fn parsed(&self) -> Result<ProviderSettings, ConfigError> {
        let table = self
            .table
            .iter()
            .filter(|(name, _)| !["auth", "script", "wire_api"].contains(&name.as_str()));
        let table: toml::Table = table.map(|(name, node)| (name.clone(), node.to_toml())).collect();
        let read: Result<ProviderSettings, _> = table.try_into();
        let read = read.map_err(|error| self.invalid(error.message()))?;
        Ok(ProviderSettings {
            id: self.id.to_owned(),
            request_max_retries: read.request_max_retries.min(RETRIES_MAX),
            stream_max_retries: read.stream_max_retries.min(RETRIES_MAX),
            ..read
        })
    }

    /// `auth`: the program that prints the token.
    fn token_command(&self, env: &ProcessEnv, cwd: &AbsPath) -> Result<Option<TokenCommand>, ConfigError> {
        let Some(node) = self.table.get("auth") else { return Ok(None) };
        let inner = Entry::new(self.id, dotted(&self.key, "auth"), node)?;
        let command = inner.read("command", Node::non_empty)?;
        Ok(Some(TokenCommand {
            command: command.ok_or_else(|| self.invalid("`auth.command` is missing"))?,
            args: inner.read("args", Node::strings)?.unwrap_or_default(),
            timeout_ms: inner.read("timeout_ms", Node::count)?.unwrap_or(5000).max(1),
            refresh_interval_ms: inner.read("refresh_interval_ms", Node::count)?.unwrap_or(300_000),
            cwd: inner.read("cwd", path(env, cwd))?,
        }))
    }

    fn one_way_to_sign_in(&self) -> Result<(), ConfigError> {
        let others = ["env_key", "experimental_bearer_token", "requires_openai_auth"];
        let set = |key: &&&str| match self.table.get(**key) {
            Some(node) => node.boolean(key).unwrap_or(true),
            None => false,
        };
        match others.iter().find(set) {
            Some(other) if self.table.contains_key("auth") => Err(self.invalid(&format!("`auth` cannot be combined with `{other}`"))),
            Some(_) | None => Ok(()),
        }
    }

    /// The built-in scripted provider takes its script and limits from its table, and nothing else.
    fn scripted(&self, built_in: &ProviderSettings, env: &ProcessEnv, cwd: &AbsPath) -> Result<ProviderSettings, ConfigError> {
        let limits = self.parsed()?;
        Ok(ProviderSettings {
            script: self.read("script", path(env, cwd))?,
            request_max_retries: limits.request_max_retries,
            stream_max_retries: limits.stream_max_retries,
            stream_idle_timeout_ms: limits.stream_idle_timeout_ms,
            websocket_connect_timeout_ms: limits.websocket_connect_timeout_ms,
            ..built_in.clone()
        })
    }

    /// Ways to sign in that an existing file may name, and that only matter once this provider is chosen.
    fn usable(&self) -> Result<(), ConfigError> {
        match ["aws", "gateway_oauth"].iter().find(|key| self.table.contains_key(**key)) {
            Some(key) => Err(self.invalid(&format!("`{key}` is not supported yet (use `env_key` or `auth`)"))),
            None => Ok(()),
        }
    }

    fn wire_api(&self) -> Result<(), ConfigError> {
        let Some(node) = self.table.get("wire_api") else { return Ok(()) };
        if node.text() == Some("chat") {
            return Err(ConfigError::WireApiChat {
                place: node.source.place.clone(),
                id: self.id.to_owned(),
            });
        }
        node.one_of(&dotted(&self.key, "wire_api"), &[("responses", ())])
    }

    fn read<T>(&self, name: &str, view: impl Fn(&Node, &str) -> Result<T, ConfigError>) -> Result<Option<T>, ConfigError> {
        self.table.get(name).map(|node| view(node, &dotted(&self.key, name))).transpose()
    }

    fn invalid(&self, problem: &str) -> ConfigError {
        ConfigError::InvalidProvider {
            place: self.node.source.place.clone(),
            id: self.id.to_owned(),
            problem: problem.to_owned(),
        }
    }
}
