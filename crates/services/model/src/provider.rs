//! Which client serves which provider settings, and with which key.

use crate::event::ModelEvent;
use crate::request::ModelRequest;
use codex_base::Secret;
use codex_protocol::settings::ProviderSettings;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// Something that answers like a model.
pub trait ModelClient: Send + Sync {
    /// Starts ONE attempt on the current tokio runtime. The channel is bounded: a slow reader slows the stream down.
    ///
    /// Exactly one `Completed` or `Failed` ends it, or nothing once `cancel` is cancelled or the receiver is dropped, both of which
    /// close the connection at once.
    fn sample(&self, request: ModelRequest, cancel: CancellationToken) -> mpsc::Receiver<ModelEvent>;

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

/// Makes the client of a provider. Opens no connection; keys are looked up in `env`, `auth` (a stored login) counts after them.
///
/// A missing key is not an error here: the turn that needs it fails with a [`ModelEvent::Failed`].
///
/// # Errors
/// If the settings cannot be used at all, or the script cannot be read.
pub fn build(
    provider: &ProviderSettings,
    env: &dyn Fn(&str) -> Option<String>,
    auth: Option<Secret>,
    identity: &ClientIdentity,
) -> Result<Arc<dyn ModelClient>, ModelSetupError> {
    let _ = (env, auth, identity);
    Err(ModelSetupError::NoBaseUrl { id: provider.id.clone() })
}
