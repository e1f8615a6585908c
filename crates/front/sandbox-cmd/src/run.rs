//! The command itself: its environment, its start, the signals on the way, its end.

use crate::{InForce, SandboxCmdError};
use codex_base::AbsPath;
use codex_config::ProcessEnv;
use codex_permissions::ResolvedPolicy;
use codex_process::record::{Record, Recording};
use codex_process::{CommandIo, CommandSpec, ExitCause, Expiration, PreparedCommand, Sandbox, SandboxError, SpawnError, Usage};
use codex_protocol::items::LimitReached;
use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::io;
use std::path::Path;
use tokio::sync::mpsc;

/// Set to `1` while the network is off; what codex itself was started with says nothing of this command.
const NETWORK_DISABLED: &str = "CODEX_SANDBOX_NETWORK_DISABLED";
/// Belongs to tool calls; observed of the reference: not set here.
const PERMISSION_PROFILE: &str = "CODEX_PERMISSION_PROFILE";

/// How the command ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    /// The command's own, or 128 + signal.
    pub exit_code: u8,
    /// The signal that ended the command after it had come to this process, too: then this process should end the same way.
    pub shared_signal: Option<i32>,
    /// What was seen, if that was asked for.
    pub record: Option<Record>,
    /// The limit that stopped it.
    pub limit: Option<LimitReached>,
    /// `None`: nobody was there to count.
    pub usage: Option<Usage>,
}

/// Prepares `argv` to run under the policy, with this process's streams, and with a recorder if one is asked for.
///
/// # Errors
/// If the policy cannot be enforced on this host, or nothing can record.
pub fn prepare(
    in_force: &InForce,
    argv: Vec<OsString>,
    env: &ProcessEnv,
    sandbox: &dyn Sandbox,
    recording: Option<Recording>,
) -> Result<PreparedCommand, SandboxError> {
    let spec = CommandSpec {
        argv,
        cwd: in_force.cwd.clone(),
        env: environment(in_force, env),
        io: CommandIo::Inherited,
        limits: in_force.limits,
    };
    match recording {
        Some(recording) => sandbox.prepare_recorded(spec, &in_force.policy, recording),
        None => sandbox.prepare(spec, &in_force.policy),
    }
}

/// Runs it to its end and passes on what comes from `signals`. Dropped before the end, it takes the whole tree along. `again` plans it anew, for
/// when something that the first plan names is gone.
///
/// # Errors
/// If the command did not start, or nobody knows how it ended.
pub async fn run(
    prepared: PreparedCommand,
    again: impl FnOnce() -> Result<PreparedCommand, SandboxError>,
    mut signals: mpsc::Receiver<i32>,
) -> Result<Ended, SandboxCmdError> {
    let spec = prepared.spec.clone();
    let running = codex_process::spawn_or_again(prepared, again, Expiration::default())
        .await
        .map_err(|error| not_started(error, &spec))?;
    let mut came = BTreeSet::new();
    let outcome = loop {
        tokio::select! {
            outcome = running.exited() => break outcome,
            Some(signal) = signals.recv() => {
                came.insert(signal);
                running.pass_on(signal);
            }
        }
    };
    // What came with the command's end counts, too: the keys of a terminal reach both at once.
    while let Ok(signal) = signals.try_recv() {
        came.insert(signal);
    }
    match outcome.cause {
        ExitCause::Lost => Err(SandboxCmdError::Lost),
        ExitCause::Exited | ExitCause::TimedOut | ExitCause::Cancelled => Ok(Ended {
            exit_code: u8::try_from(outcome.exit_code() & 0xff).unwrap_or(1),
            shared_signal: outcome.signal.filter(|signal| came.contains(signal)),
            record: running.record(),
            limit: codex_process::limit::reached(&outcome, &spec.limits),
            usage: outcome.usage,
        }),
    }
}

fn environment(in_force: &InForce, env: &ProcessEnv) -> Vec<(OsString, OsString)> {
    let mut variables = codex_config::shell_environment(&in_force.shell_environment_policy, &env.vars);
    variables.retain(|(name, _)| name != NETWORK_DISABLED && name != PERMISSION_PROFILE);
    if is_marked(&in_force.policy) {
        variables.push((NETWORK_DISABLED.into(), "1".into()));
    }
    variables
}

const fn is_marked(policy: &ResolvedPolicy) -> bool {
    policy.confined && !policy.network
}

fn not_started(error: SpawnError, spec: &CommandSpec) -> SandboxCmdError {
    let name = spec.argv.first().map_or_else(|| OsStr::new(""), OsString::as_os_str);
    let program = name.to_string_lossy().into_owned();
    match error {
        SpawnError::Sandbox(error) => error.into(),
        // An empty name was looked for in the folders of PATH, and found one of them.
        SpawnError::Program { .. } if program.is_empty() => SandboxCmdError::NotFound { program },
        SpawnError::Program { source, .. } if source.kind() == io::ErrorKind::NotFound => {
            // The system says the same of a script whose interpreter is missing.
            if is_file(name, &spec.cwd) {
                let why = "the program that it names in its first line, or its loader, is missing".to_owned();
                SandboxCmdError::NotExecutable {
                    program,
                    why,
                    may_be_closed: true,
                }
            } else {
                SandboxCmdError::NotFound { program }
            }
        }
        SpawnError::Program { source, .. } => SandboxCmdError::NotExecutable {
            program,
            why: source.to_string(),
            may_be_closed: source.kind() == io::ErrorKind::PermissionDenied,
        },
        SpawnError::Cwd { cwd, source } => SandboxCmdError::Cwd { cwd, source },
        error => SandboxCmdError::Start(error),
    }
}

impl From<SandboxError> for SandboxCmdError {
    fn from(error: SandboxError) -> Self {
        match error {
            SandboxError::Unenforceable { .. } => Self::Unenforceable(error),
            SandboxError::Unrecordable { .. } => Self::Unrecordable(error),
        }
    }
}

fn is_file(name: &OsStr, cwd: &AbsPath) -> bool {
    Path::new(name).components().count() > 1 && cwd.join(name).exists()
}
