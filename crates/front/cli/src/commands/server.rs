//! The server in this process, for commands that ask it something and are done.

use crate::environment::Surroundings;
use crate::runtime;
use crate::wire::{self, Front};
use codex_config::Overrides;
use codex_exec::ExecError;
use codex_model::ModelClient;
use codex_protocol::requests::Method;
use codex_rpc::Client;
use std::sync::Arc;
use std::time::Duration;

/// How long a command's requests may take together.
const REQUESTS_LIMIT: Duration = Duration::from_secs(300);

/// How long the server may take to end.
const SHUTDOWN_LIMIT: Duration = Duration::from_secs(10);

/// Starts the server, makes one request, ends the server.
///
/// # Errors
/// The server's own, with its stable code and hint.
pub fn ask<M: Method>(surroundings: &Surroundings, overrides: Overrides, params: M::Params) -> Result<M::Result, ExecError> {
    with_client(surroundings, overrides, None, async |client| {
        Ok(client.request::<M>(params).await?)
    })
}

/// Starts the server, hands out a client that has introduced itself, ends the server. `model` stands in place of the configured one.
///
/// # Errors
/// What `work` returns, or `server.timeout`.
pub fn with_client<T>(
    surroundings: &Surroundings,
    overrides: Overrides,
    model: Option<Arc<dyn ModelClient>>,
    work: impl AsyncFnOnce(Client) -> Result<T, ExecError>,
) -> Result<T, ExecError> {
    surroundings.can_be_told()?;
    let runtime = runtime::two_workers()?;
    let result = runtime.block_on(async {
        let connected = wire::connect(Front::Exec, surroundings, overrides, wire::sandbox(), model);
        let client = connected.client;
        let done = async {
            client.introduce("codex_cli", "Codex CLI").await?;
            work(client).await
        };
        let result = tokio::time::timeout(REQUESTS_LIMIT, Box::pin(done)).await;
        // Whatever has not ended by then ends with the process.
        let _ = tokio::time::timeout(SHUTDOWN_LIMIT, connected.server.shutdown()).await;
        result
    });
    runtime.shutdown_background();
    result.unwrap_or_else(|_| {
        let message = format!("no answer within {} s", REQUESTS_LIMIT.as_secs());
        Err(ExecError::new("server.timeout", message))
    })
}
