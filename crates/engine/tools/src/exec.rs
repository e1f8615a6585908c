//! Runs `exec_command`: start, wait for the end or the yield time, and hand what goes on over to the thread's sessions.

use crate::environment::{self, CallIds};
use crate::login::LoginShell;
use crate::outcome::{ToolOutcome, ToolReport};
use crate::result::{Ending, exec_text, interrupted_text};
use crate::shell::{Invocation, Profile};
use crate::terminals::{Session, Started, Terminals, Waiting};
use crate::truncation::Budget;
use crate::turn::{ToolWorld, TurnTools};
use codex_approvals::Attempt;
use codex_base::with_causes;
use codex_base::{AbsPath, HeadTail};
use codex_permissions::ResolvedPolicy;
use codex_process::{CommandIo, CommandSpec, ExitOutcome, Expiration, Ladder, SandboxError, SpawnError, limit, spawn_or_again};
use codex_protocol::facts::Denial;
use codex_protocol::items::{CommandExecutionItem, CommandExecutionSource, CommandExecutionStatus, ThreadItem};
use codex_protocol::settings::CommandLimits;
use std::ffi::OsString;
use std::io;
use std::time::Duration;
use thiserror::Error;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// Longest wait for a killed command to be gone; its tree is killed after 50 ms already.
const KILLED_WAIT_MAX: Duration = Duration::from_secs(2);

#[derive(Debug, Clone)]
pub(crate) struct ExecAction {
    pub invocation: Invocation,
    pub cwd: AbsPath,
    pub login: LoginShell,
    pub ids: CallIds,
    pub tty: bool,
    pub limits: CommandLimits,
    pub patience: Patience,
    pub budget: Budget,
    pub turn_id: String,
    pub item: CommandExecutionItem,
}

/// What becomes of a command that takes long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Patience {
    /// After this its call ends, and it goes on as a session of the model.
    HandOver(Duration),
    /// It is waited for; after this, if anything, it is killed.
    ToTheEnd(Option<Duration>),
}

impl Patience {
    const fn limit(self) -> Option<Duration> {
        match self {
            Self::HandOver(wait) => Some(wait),
            Self::ToTheEnd(limit) => limit,
        }
    }
}

/// Why there is no process.
#[derive(Debug, Error)]
enum StartError {
    #[error("Failed to create unified exec process: {0}")]
    Workdir(io::Error),
    #[error("{}", with_causes(.0))]
    Sandbox(#[from] SandboxError),
    #[error("Failed to create unified exec process: {}", with_causes(.0))]
    Spawn(SpawnError),
}

pub(crate) async fn run(
    action: ExecAction,
    policy: ResolvedPolicy,
    world: &ToolWorld,
    reports: &mpsc::Sender<ToolReport>,
    cancel: &CancellationToken,
) -> ToolOutcome {
    let begun = world.clock.monotonic();
    let stopped = async {
        tokio::select! {
            () = cancel.cancelled() => {}
            () = world.terminals.closed() => {}
        }
    };
    tokio::pin!(stopped);

    let started = async {
        let permit = world.terminals.permit().await;
        (start(&action, &policy, world).await, permit)
    };
    let (session, _permit) = tokio::select! {
        (session, permit) = started => (session, permit),
        () = &mut stopped => return action.interrupted(world.clock.monotonic().saturating_sub(begun)),
    };
    let session = match session {
        Ok(session) => session,
        Err(error) => return action.not_started(&error),
    };
    // Deltas may be lost to a slow reader, the process id as well: neither is worth a wait.
    let _ = reports.try_send(ToolReport::Pid {
        item_id: session.item_id().to_owned(),
        pid: session.running.pid(),
    });

    let wait_begun = world.clock.monotonic();
    let waited = || world.clock.monotonic().saturating_sub(wait_begun);
    let too_long = async {
        match action.patience.limit() {
            Some(limit) => world.clock.sleep(limit).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        biased;
        exit = session.running.exited() => {
            session.flush(reports);
            action.ended(&session, &exit, waited(), world)
        }
        () = &mut stopped => {
            let waited = waited();
            killed(&session, world).await;
            action.stopped(&session, waited, world)
        }
        () = too_long => match action.patience {
            Patience::HandOver(_) => {
                let output = session.running.take_new();
                session.hand_over(world.clock.clone());
                ToolOutcome::text(action.text(Ending::Running(session.id), waited(), &output, world), true)
            }
            Patience::ToTheEnd(_) => {
                let waited = waited();
                killed(&session, world).await;
                action.cut_off(&session, waited, "It was killed: its time was up.", world)
            }
        },
        never = session.pump(reports, &*world.clock) => match never {},
    }
}

async fn start(action: &ExecAction, policy: &ResolvedPolicy, world: &ToolWorld) -> Result<Waiting, StartError> {
    // Asked first because every mechanism reports it differently.
    let cwd = action.cwd.clone();
    let opened = tokio::task::spawn_blocking(move || std::fs::read_dir(cwd.as_path()).map(drop)).await;
    opened
        .map_err(io::Error::other)
        .flatten()
        .or_else(only_missing)
        .map_err(StartError::Workdir)?;
    let spec = action.command(policy, world).await;
    // What a shell is to do is not noted: it may hold anything. The journal has it under the call's id.
    let (call_id, arguments) = (&action.ids.call_id, spec.argv.len().saturating_sub(1));
    let program = spec.argv.first().cloned().unwrap_or_default();
    let prepared = world.sandbox.prepare(spec.clone(), policy)?;
    tracing::debug!(call_id, ?program, arguments, cwd = %action.cwd, enforced = ?prepared.enforced, "command");
    // No time limit, and no token: a command that goes on must not end with its call.
    let again = || world.sandbox.prepare(spec, policy);
    let running = spawn_or_again(prepared, again, Expiration::default()).await;
    let running = running.map_err(|error| match error {
        SpawnError::Sandbox(error) => StartError::Sandbox(error),
        error => StartError::Spawn(error),
    })?;
    tracing::debug!(call_id, pid = running.pid(), "command started");
    let started = Started {
        running,
        item: action.item.clone(),
        turn_id: action.turn_id.clone(),
        policy: policy.clone(),
        limits: action.limits,
        at: world.clock.monotonic(),
    };
    Ok(Terminals::admit(&world.terminals, &*world.ids, started))
}

/// A folder that may be entered but not listed is fine to run in.
fn only_missing(error: io::Error) -> io::Result<()> {
    if error.kind() == io::ErrorKind::PermissionDenied {
        Ok(())
    } else {
        Err(error)
    }
}

async fn killed(session: &Session, world: &ToolWorld) {
    session.running.kill(Ladder::DEFAULT);
    tokio::select! {
        _ = session.running.exited() => {}
        () = world.clock.sleep(KILLED_WAIT_MAX) => {}
    }
}

impl ExecAction {
    /// `script` as its call says nothing more of it: it is waited for, without a terminal.
    pub fn new(call_id: &str, script: &str, invocation: Invocation, cwd: &AbsPath, turn: &TurnTools) -> Self {
        Self {
            cwd: cwd.clone(),
            login: LoginShell::new(&invocation, turn),
            ids: CallIds {
                thread_id: turn.thread_id.clone(),
                session_id: turn.session_id.clone(),
                call_id: call_id.to_owned(),
                permission_profile: turn.permission_profile.clone(),
            },
            tty: false,
            limits: turn.limits,
            patience: Patience::ToTheEnd(None),
            budget: Budget::new(None, turn),
            turn_id: turn.turn_id.clone(),
            item: CommandExecutionItem {
                id: call_id.to_owned(),
                command: codex_shell_parse::quoted(&invocation.argv),
                cwd: cwd.clone(),
                process_id: None,
                source: CommandExecutionSource::UnifiedExecStartup,
                status: CommandExecutionStatus::InProgress,
                command_actions: codex_shell_parse::actions(script),
                aggregated_output: None,
                exit_code: None,
                duration_ms: None,
                limit_reached: None,
            },
            invocation,
        }
    }

    async fn command(&self, policy: &ResolvedPolicy, world: &ToolWorld) -> CommandSpec {
        let user_env = &self.login.base;
        let (base, argv) = match self.invocation.profile {
            Profile::AsShown => (user_env.clone(), self.invocation.argv.clone()),
            Profile::Captured => (world.terminals.login.get(&self.login, world).await, self.invocation.without_login()),
        };
        let terminal = self.tty.then(|| environment::terminal_name(user_env));
        CommandSpec {
            argv: argv.into_iter().map(OsString::from).collect(),
            cwd: self.cwd.clone(),
            env: environment::of_command(&base, &self.ids, terminal.as_deref(), policy),
            io: if self.tty { CommandIo::PTY } else { CommandIo::Pipes },
            limits: self.limits,
        }
    }

    fn text(&self, ending: Ending, waited: Duration, output: &HeadTail, world: &ToolWorld) -> String {
        exec_text(&*world.ids, ending, waited, output, self.budget)
    }

    fn ended(&self, session: &Session, exit: &ExitOutcome, waited: Duration, world: &ToolWorld) -> ToolOutcome {
        let output = session.running.take_new();
        let code = exit.exit_code();
        if let Some(usage) = exit.usage {
            tracing::debug!(call_id = self.ids.call_id, code, cpu = ?usage.cpu, peak_memory_bytes = usage.peak_memory_bytes, "command ended");
        }
        let may_be_denied = session.policy.confined && code != 0;
        let denial = may_be_denied.then(|| self.denial(session, code, &output, world)).flatten();
        let item = session.ended_item(exit, world.clock.monotonic());
        let mut text = self.text(Ending::Exited(code), waited, &output, world);
        if let Some(reached) = limit::reached(exit, &self.limits) {
            append_lines(&mut text, &limit::told(&reached));
        }
        if let Some(denial) = &denial {
            append_lines(&mut text, &codex_approvals::explained(denial));
        }
        let outcome = ToolOutcome::text(text, code == 0).with_item(item);
        ToolOutcome { denial, ..outcome }
    }

    fn denial(&self, session: &Session, exit_code: i32, output: &HeadTail, world: &ToolWorld) -> Option<Denial> {
        let script = self.invocation.argv.last().map(String::as_str).unwrap_or_default();
        let plain = codex_shell_parse::plain_commands(script).map(|commands| commands.concat());
        let words = plain.unwrap_or_else(|| script.split_whitespace().map(str::to_owned).collect());
        codex_approvals::denial(Attempt {
            exit_code,
            output: &output.to_text(),
            words: &words,
            cwd: &self.cwd,
            policy: &session.policy,
            host: world.sandbox.capabilities(),
        })
    }

    /// The call was cancelled and its command is dead.
    fn stopped(&self, session: &Session, waited: Duration, world: &ToolWorld) -> ToolOutcome {
        if let Patience::ToTheEnd(_) = self.patience {
            return self.cut_off(session, waited, "The user stopped it.", world);
        }
        let code = session.running.exit().map_or(-1, |exit| exit.exit_code());
        let item = session.failed_item(code, world.clock.monotonic());
        ToolOutcome::text(interrupted_text(waited), false).with_item(item)
    }

    /// The command is dead before its time; what it printed until then counts.
    fn cut_off(&self, session: &Session, waited: Duration, why: &str, world: &ToolWorld) -> ToolOutcome {
        let code = session.running.exit().map_or(-1, |exit| exit.exit_code());
        let mut text = self.text(Ending::Exited(code), waited, &session.running.take_new(), world);
        append_lines(&mut text, why);
        ToolOutcome::text(text, false).with_item(session.failed_item(code, world.clock.monotonic()))
    }

    /// The call was cancelled before there was a process.
    fn interrupted(&self, waited: Duration) -> ToolOutcome {
        ToolOutcome::text(interrupted_text(waited), false).with_item(self.failed_item(None))
    }

    fn not_started(&self, error: &StartError) -> ToolOutcome {
        let reason = error.to_string();
        let text = format!(
            "exec_command failed: CreateProcess {{ message: {:?} }}",
            format!("Rejected({reason:?})")
        );
        ToolOutcome::text(text, false).with_item(self.failed_item(Some(reason)))
    }

    fn failed_item(&self, aggregated_output: Option<String>) -> ThreadItem {
        ThreadItem::CommandExecution(CommandExecutionItem {
            status: CommandExecutionStatus::Failed,
            exit_code: Some(-1),
            duration_ms: Some(0),
            aggregated_output,
            ..self.item.clone()
        })
    }
}

/// Adds whole lines behind a text that may end in the middle of one.
pub(crate) fn append_lines(text: &mut String, lines: &str) {
    if !lines.is_empty() {
        if !text.ends_with('\n') {
            text.push('\n');
        }
        text.push_str(lines.trim_end());
    }
}
