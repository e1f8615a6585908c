//! Starts a prepared command, one way or the other.

use crate::command::{Launch, PreparedCommand, SandboxError};
use crate::running::{Expiration, Running};
use std::io;
use std::path::PathBuf;

/// Why a command did not start. Nothing of it is left behind.
#[derive(Debug, thiserror::Error)]
pub enum SpawnError {
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
    /// The program is missing or cannot be executed.
    #[error("failed to start {program:?}")]
    Program { program: PathBuf, source: io::Error },
    #[error("cannot work in {cwd:?}")]
    Cwd { cwd: PathBuf, source: io::Error },
    /// Our own part failed: no more processes, descriptors or memory.
    #[error("failed to {step}")]
    System { step: &'static str, source: io::Error },
    #[error("the supervisor ended before the command started")]
    SupervisorLost,
    #[error("no terminal for commands on this system")]
    NoTerminal,
}

impl SpawnError {
    pub(crate) const fn system(step: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::System { step, source }
    }
}

/// [`spawn`], and if the plan cannot be carried out, once more with the one of `again`: what a plan names may have gone since it was made, and
/// another program takes away what it likes. Nothing of the command has run by then.
///
/// # Errors
/// As [`spawn`], and if there is no other plan.
pub async fn spawn_or_again(
    prepared: PreparedCommand,
    again: impl FnOnce() -> Result<PreparedCommand, SandboxError>,
    expiration: Expiration,
) -> Result<Running, SpawnError> {
    match spawn(prepared, expiration.clone()).await {
        Err(SpawnError::Sandbox(SandboxError::Unenforceable { .. })) => spawn(again()?, expiration).await,
        started => started,
    }
}

/// Starts the command and resolves once its program runs (about 3 ms when confined; at most 10 s). Needs a tokio runtime.
///
/// # Errors
/// If the program cannot be started or what was planned cannot be enforced; then nothing of it runs.
pub async fn spawn(prepared: PreparedCommand, expiration: Expiration) -> Result<Running, SpawnError> {
    if prepared.spec.argv.is_empty() {
        return Err(SpawnError::Program {
            program: PathBuf::new(),
            source: io::ErrorKind::InvalidInput.into(),
        });
    }
    if prepared.spec.argv.iter().any(|argument| argument.as_encoded_bytes().contains(&0)) {
        return Err(SpawnError::Program {
            program: prepared.spec.argv.into_iter().next().unwrap_or_default().into(),
            source: io::Error::new(
                io::ErrorKind::InvalidInput,
                "a zero byte is among its arguments, which the system takes for their end",
            ),
        });
    }
    match prepared.launch {
        Launch::Direct => crate::direct::spawn(prepared.spec, expiration),
        #[cfg(target_os = "linux")]
        Launch::Helper {
            program,
            arg0,
            plan,
            attached,
            starter,
            suits,
        } => {
            let helper = crate::supervised::Helper {
                program: &program,
                arg0: &arg0,
                plan: &plan,
                attached: attached.as_deref(),
                starter: starter.as_deref(),
                suits,
            };
            crate::supervised::spawn(prepared.spec, helper, expiration).await
        }
        #[cfg(not(target_os = "linux"))]
        Launch::Helper { .. } => {
            let (rule, missing) = ("supervision by a helper".to_owned(), "this system has no such helper".to_owned());
            Err(SandboxError::Unenforceable { rule, missing }.into())
        }
    }
}
