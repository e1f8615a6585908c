//! The `codex` program: command line, environment, and everything wired together.
//!
//! Order: the sandbox helper under its own argv\[0\]; then hardening, arguments, environment, checks (`prepare`), and only then a runtime with two
//! workers, the server (`wire`) and the front end. This is the only crate that reads the environment, names a platform's sandbox, or
//! turns errors into exit codes.

mod args;
mod commands;
mod environment;
mod first_run;
mod hardening;
mod hit_points;
mod local;
mod panics;
mod prepare;
mod runtime;
mod signals;
mod stdin;
mod terminal;
mod trust;
mod wire;
mod worktree;

use args::Command;
use codex_exec::human::visible;
use codex_exec::{Ended, ExecError, ExecOptions, ExitStatus, Streams};
use codex_process::Sandbox;
use environment::Surroundings;
use prepare::Prepared;
use signals::Signals;
use std::io::Write;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

/// How long threads, terminals and journals may take to end; the engine's own limit is shorter.
const SHUTDOWN_LIMIT: Duration = Duration::from_secs(10);

fn main() -> ExitCode {
    become_sandbox_helper_if_called_so();
    hardening::harden();
    match args::parse(std::env::args_os()) {
        Ok(command) => run(command).unwrap_or_else(|error| {
            tell(&format!("{}\n", error.report()));
            ExitCode::FAILURE
        }),
        Err(usage) => {
            // Help goes to stdout and a mistake to stderr; a closed stream is no reason to fail.
            let _ = usage.print();
            ExitCode::from(u8::try_from(usage.exit_code()).unwrap_or(2))
        }
    }
}

/// Commands are started through this same executable under a hidden name, before there is a runtime or a second thread.
#[cfg(target_os = "linux")]
fn become_sandbox_helper_if_called_so() {
    let called = std::env::args_os().next();
    let name = called.as_deref().and_then(|path| std::path::Path::new(path).file_name());
    if name.is_some_and(|name| name == codex_sandbox_linux::HELPER_ARG0) {
        codex_sandbox_linux::helper_main();
    }
}

#[cfg(not(target_os = "linux"))]
const fn become_sandbox_helper_if_called_so() {}

fn run(command: Command) -> Result<ExitCode, ExecError> {
    match command {
        Command::Tui(command) => terminal::run(&command),
        Command::Exec(command) => {
            let sandbox = wire::sandbox();
            let surroundings = environment::read_for(command.shared.cd.as_deref())?;
            let prepared = prepare::exec(&command, &surroundings)?;
            start(prepared, &surroundings, sandbox, |_, _| {})
        }
        Command::Refused(error) => Err(error),
        Command::Other(root, command) => command.run(&root),
    }
}

/// Runs to the end and leaves the process: nothing that still waits somewhere may hold it back.
fn start(
    prepared: Prepared,
    surroundings: &Surroundings,
    sandbox: Arc<dyn Sandbox>,
    at_end: impl FnOnce(&Ended, &ExecOptions),
) -> Result<ExitCode, ExecError> {
    surroundings.can_be_told()?;
    let runtime = runtime::two_workers()?;
    let Prepared { options, overrides, local } = prepared;
    runtime.block_on(async {
        let signals = Signals::listen().map_err(signals::deaf)?;
        if let Some(local) = local {
            Box::pin(local.ready(surroundings, &signals)).await?;
        }
        let ended = Box::pin(serve(options.clone(), surroundings, overrides, sandbox, &signals)).await;
        at_end(&ended, &options);
        signals.die_if_told_to();
        std::process::exit(i32::from(ended.status.code()))
    })
}

async fn serve(
    options: ExecOptions,
    surroundings: &Surroundings,
    overrides: codex_config::Overrides,
    sandbox: Arc<dyn Sandbox>,
    signals: &Signals,
) -> Ended {
    let connected = wire::connect(wire::Front::Exec, surroundings, overrides, sandbox, None);
    let around = codex_exec::Surroundings {
        streams: Streams {
            stdout: Box::new(tokio::io::stdout()),
            stderr: Box::new(tokio::io::stderr()),
            stdout_is_terminal: surroundings.terminals.stdout,
            stderr_is_terminal: surroundings.terminals.stderr,
        },
        signals: signals.count.clone(),
        clock: connected.clock,
    };
    let ended = codex_exec::run(options, connected.client, connected.events, around).await;
    if ended.status != ExitStatus::AtOnce {
        let mut more = signals.count.clone();
        more.mark_unchanged();
        // Whatever has not ended by then ends with the process: its supervisors see that.
        tokio::select! {
            () = connected.server.shutdown() => {}
            () = tokio::time::sleep(SHUTDOWN_LIMIT) => {}
            _ = more.changed() => {}
        }
    }
    ended
}

/// On stderr, if anybody is there. Names in it cannot drive the terminal.
fn tell(text: &str) {
    // Where stderr is closed, the exit code is all that is left to tell.
    let _ = std::io::stderr().write_all(visible(text).as_bytes());
}
