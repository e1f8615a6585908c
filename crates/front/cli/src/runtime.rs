//! The two kinds of runtime that commands run on.

use codex_exec::ExecError;
use tokio::runtime::{Builder, Runtime};

/// For a server.
///
/// # Errors
/// `cli.no_runtime` if the system refuses threads.
pub fn two_workers() -> Result<Runtime, ExecError> {
    built(Builder::new_multi_thread().worker_threads(2))
}

/// For one thing to wait for.
///
/// # Errors
/// As [`two_workers`].
pub fn on_this_thread() -> Result<Runtime, ExecError> {
    built(&mut Builder::new_current_thread())
}

fn built(builder: &mut Builder) -> Result<Runtime, ExecError> {
    let failed = |error| ExecError::new("cli.no_runtime", format!("cannot start: {error}"));
    builder.enable_all().build().map_err(failed)
}
