//! Starts a program without a supervisor: its process group is all that can be killed. For systems without a helper, and for tests.

use crate::command::{CommandIo, CommandSpec};
use crate::running::{ExitCause, ExitOutcome, Expiration, Input, Ladder, Orders, Running, Shared};
use crate::spawn::SpawnError;
use std::io::Read;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;
use tokio::process::{Child, Command};
use tokio::sync::{oneshot, watch};

#[cfg(unix)]
pub(crate) mod terminal;

/// How long output is waited for after the command has ended, when something else holds its pipe.
const DRAIN: Duration = Duration::from_millis(100);

pub(crate) fn spawn(spec: CommandSpec, expiration: Expiration) -> Result<Running, SpawnError> {
    let mut command = Command::new(&spec.argv[0]);
    command
        .args(&spec.argv[1..])
        .env_clear()
        .envs(spec.env.iter().map(|(name, value)| (name, value)));
    command.current_dir(&spec.cwd).kill_on_drop(true);
    let (input, source) = connect(&mut command, spec.io)?;
    let child = command.spawn().map_err(|source| failed(&spec, source))?;
    // The command holds its own copies; with ours open the output would never end.
    drop(command);
    let (shared, orders) = Shared::new(child.id().unwrap_or_default(), input);
    let drained = pump(Arc::clone(&shared), source);
    tokio::spawn(drive(Arc::clone(&shared), child, drained, orders, expiration));
    Ok(Running::new(shared))
}

fn failed(spec: &CommandSpec, source: std::io::Error) -> SpawnError {
    if spec.cwd.is_dir() {
        SpawnError::Program {
            program: spec.argv[0].clone().into(),
            source,
        }
    } else {
        SpawnError::Cwd {
            cwd: spec.cwd.to_path_buf(),
            source,
        }
    }
}

type Source = Box<dyn Read + Send>;

fn connect(command: &mut Command, io: CommandIo) -> Result<(Input, Source), SpawnError> {
    match io {
        CommandIo::Pipes => {
            let (reader, writer) = std::io::pipe().map_err(SpawnError::system("make a pipe"))?;
            let errors = writer.try_clone().map_err(SpawnError::system("make a pipe"))?;
            command.stdin(Stdio::null()).stdout(writer).stderr(errors);
            #[cfg(unix)]
            command.process_group(0);
            Ok((Input::Closed, Box::new(reader)))
        }
        #[cfg(unix)]
        CommandIo::Pty { rows, cols } => terminal::connect(command, rows, cols),
        #[cfg(not(unix))]
        CommandIo::Pty { .. } => Err(SpawnError::NoTerminal),
        CommandIo::Inherited => Ok((Input::Closed, Box::new(std::io::empty()))),
    }
}

/// Reads in a thread of its own: the one way that every system has. The thread ends with the last holder of the pipe.
fn pump(shared: Arc<Shared>, mut source: Source) -> oneshot::Receiver<()> {
    let (done, drained) = oneshot::channel();
    std::thread::spawn(move || {
        let mut buffer = vec![0; 64 * 1024];
        loop {
            match source.read(&mut buffer) {
                Ok(count) if count > 0 => shared.push_output(&buffer[..count]),
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                // A terminal whose last user is gone reads as an error.
                Ok(_) | Err(_) => break,
            }
        }
        // Nobody waits any more when the drain limit has passed.
        let _ = done.send(());
    });
    drained
}

async fn drive(
    shared: Arc<Shared>,
    mut child: Child,
    drained: oneshot::Receiver<()>,
    mut orders: watch::Receiver<Orders>,
    expiration: Expiration,
) {
    let mut cause = ExitCause::Exited;
    let mut interrupts = 0;
    let mut hard_kill_at = None;
    let expired = expired(&expiration);
    tokio::pin!(expired);
    let status = loop {
        let ladder = tokio::select! {
            status = child.wait() => break status.ok(),
            why = &mut expired, if cause == ExitCause::Exited && hard_kill_at.is_none() => { cause = why; Some(Ladder::DEFAULT) }
            Ok(()) = orders.changed() => {
                let asked = orders.borrow_and_update().clone();
                shared.take_signals().into_iter().for_each(|signal| signal_child(&child, signal));
                if asked.interrupts > interrupts {
                    interrupts = asked.interrupts;
                    signal_group(&mut child, Signal::Interrupt);
                }
                asked.kill
            }
            () = until(hard_kill_at) => { signal_group(&mut child, Signal::Kill); hard_kill_at = None; None }
        };
        if let Some(ladder) = ladder {
            if !ladder.grace.is_zero() {
                signal_group(&mut child, Signal::Terminate);
            }
            hard_kill_at = Some(tokio::time::Instant::now() + ladder.grace);
        }
    };
    signal_group(&mut child, Signal::Kill);
    // What still holds the pipe has left the group; it is not waited for.
    let _ = tokio::time::timeout(DRAIN, drained).await;
    shared.finish(outcome(status, cause));
}

pub(crate) async fn expired(expiration: &Expiration) -> ExitCause {
    let timeout = expiration.timeout.map(|limit| tokio::time::Instant::now() + limit);
    tokio::select! {
        () = until(timeout) => ExitCause::TimedOut,
        () = expiration.cancel.cancelled() => ExitCause::Cancelled,
    }
}

pub(crate) async fn until(at: Option<tokio::time::Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}

fn outcome(status: Option<ExitStatus>, cause: ExitCause) -> ExitOutcome {
    let Some(status) = status else {
        return ExitOutcome {
            code: None,
            signal: None,
            cause: ExitCause::Lost,
            usage: None,
            limit: None,
        };
    };
    #[cfg(unix)]
    let signal = std::os::unix::process::ExitStatusExt::signal(&status);
    #[cfg(not(unix))]
    let signal = None;
    ExitOutcome {
        code: status.code(),
        signal,
        cause,
        usage: None,
        limit: None,
    }
}

#[derive(Clone, Copy)]
enum Signal {
    Interrupt,
    Terminate,
    Kill,
}

/// To the program alone: the group is ours, too.
#[cfg(unix)]
fn signal_child(child: &Child, signal: i32) {
    if let Some(pid) = child.id() {
        // SAFETY: plain numbers. A process that is gone already needs no signal; it has not been waited for, so the id is its own.
        unsafe { libc::kill(pid.cast_signed(), signal) };
    }
}

#[cfg(not(unix))]
const fn signal_child(_: &Child, _: i32) {}

#[cfg(unix)]
fn signal_group(child: &mut Child, signal: Signal) {
    use rustix::process::{Pid, kill_process_group};
    let signal = match signal {
        Signal::Interrupt => rustix::process::Signal::INT,
        Signal::Terminate => rustix::process::Signal::TERM,
        Signal::Kill => rustix::process::Signal::KILL,
    };
    if let Some(group) = child.id().and_then(|id| Pid::from_raw(id.cast_signed())) {
        // One that is gone already is what we want, and a command in our own group leads none.
        let _ = kill_process_group(group, signal).or_else(|_| rustix::process::kill_process(group, signal));
    }
}

#[cfg(not(unix))]
fn signal_group(child: &mut Child, signal: Signal) {
    match signal {
        // There is no polite way that every program understands.
        Signal::Interrupt | Signal::Terminate => {}
        // A process that is gone already is what we want.
        Signal::Kill => drop(child.start_kill()),
    }
}
