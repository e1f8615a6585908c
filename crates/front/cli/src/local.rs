//! Before a run with a model on this machine: can its server answer, and does it have the model?

use crate::environment::Surroundings;
use crate::prepare::tell;
use crate::signals::Signals;
use codex_config::Resolved;
use codex_exec::ExecError;
use codex_model::{LocalServer, local};
use codex_protocol::settings::ProviderSettings;

/// What must be there first.
#[derive(Debug, PartialEq, Eq)]
pub struct LocalModel {
    server: LocalServer,
    provider: ProviderSettings,
    model: String,
}

impl LocalModel {
    /// `model` is the one that the command line names. None if the provider is not on this machine.
    pub fn of(resolved: &Resolved, model: Option<&str>) -> Option<Self> {
        let config = &resolved.config;
        let server = LocalServer::of(&config.provider)?;
        let model = model.or(config.model.as_deref()).unwrap_or(server.default_model());
        Some(Self {
            server,
            provider: config.provider.clone(),
            model: model.to_owned(),
        })
    }

    /// Waits until the model can be asked, which may mean that it is fetched; a signal ends that.
    ///
    /// # Errors
    /// If there is no server, it is too old, it cannot get the model, or a signal came.
    pub async fn ready(&self, surroundings: &Surroundings, signals: &Signals) -> Result<(), ExecError> {
        let env = |name: &str| surroundings.process.var(name).map(str::to_owned);
        let mut count = signals.count.clone();
        tokio::select! {
            ready = local::ready(self.server, &self.provider, &self.model, &env, &|text| tell(&format!("note: {text}"))) => {
                ready.map_err(|error| ExecError::new(error.code, error.message))
            }
            _ = count.changed() => {
                signals.die_if_told_to();
                Err(ExecError::new("exec.interrupted", "interrupted before the model was there"))
            }
        }
    }
}
