//! Runs `write_stdin`: writes to a session or looks at it, and tells what came out since the last look.

use crate::exec::append_lines;
use crate::outcome::{ToolOutcome, ToolReport};
use crate::result::{Ending, aborted_text, exec_text};
use crate::terminals::Session;
use crate::truncation::Budget;
use crate::turn::ToolWorld;
use codex_process::{ExitOutcome, WriteError, limit};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// Ctrl-C; the one input that also reaches a command without a terminal.
const INTERRUPT: &str = "\u{3}";

/// Longest wait for a session's end to be reported before the model is told about it.
const REPORTED_WAIT_MAX: Duration = Duration::from_millis(250);

#[derive(Debug, Clone)]
pub(crate) struct StdinAction {
    pub session_id: u32,
    /// Empty: just a look.
    pub chars: String,
    pub wait: Duration,
    pub budget: Budget,
}

pub(crate) async fn run(
    action: StdinAction,
    world: &ToolWorld,
    reports: &mpsc::Sender<ToolReport>,
    cancel: &CancellationToken,
) -> ToolOutcome {
    let Some(session) = world.terminals.find(action.session_id) else {
        return failed(&format!("Unknown process id {}", action.session_id));
    };
    let begun = world.clock.monotonic();
    let waited = || world.clock.monotonic().saturating_sub(begun);
    // Cancelling ends the wait only: the session belongs to the thread.
    tokio::select! {
        outcome = write_and_wait(&action, &session, world, reports) => match outcome {
            Ok(ending) => action.told(&session, ending, waited(), world).await,
            Err(outcome) => outcome,
        },
        () = cancel.cancelled() => ToolOutcome::text(aborted_text(waited()), false),
        () = world.terminals.closed() => ToolOutcome::text(aborted_text(waited()), false),
    }
}

async fn write_and_wait(
    action: &StdinAction,
    session: &Session,
    world: &ToolWorld,
    reports: &mpsc::Sender<ToolReport>,
) -> Result<Option<ExitOutcome>, ToolOutcome> {
    if let Some(exit) = session.running.exit() {
        return Ok(Some(exit));
    }
    if !action.chars.is_empty() {
        write(action, session).await?;
        let input = ToolReport::TerminalInput {
            item_id: session.item_id().to_owned(),
            process_id: session.id.to_string(),
            stdin: action.chars.clone(),
        };
        // Nobody listens any more: then nobody misses it.
        let _ = reports.send(input).await;
    }
    Ok(tokio::select! {
        biased;
        exit = session.running.exited() => Some(exit),
        () = world.clock.sleep(action.wait) => None,
    })
}

async fn write(action: &StdinAction, session: &Session) -> Result<(), ToolOutcome> {
    match session.running.write(action.chars.as_bytes()).await {
        Ok(()) => Ok(()),
        Err(WriteError::StdinClosed) if action.chars == INTERRUPT => {
            session.running.interrupt();
            Ok(())
        }
        Err(WriteError::StdinClosed) => Err(failed(
            "stdin is closed for this session; rerun exec_command with tty=true to keep stdin open",
        )),
        // It ended while we wrote; the wait that follows tells how.
        Err(_) if session.running.exit().is_some() => Ok(()),
        Err(error) => Err(failed(&error.to_string())),
    }
}

fn failed(reason: &str) -> ToolOutcome {
    ToolOutcome::text(format!("write_stdin failed: {reason}"), false)
}

impl StdinAction {
    async fn told(&self, session: &Session, exit: Option<ExitOutcome>, waited: Duration, world: &ToolWorld) -> ToolOutcome {
        let output = session.running.take_new();
        let mut reached = None;
        let ending = match exit {
            Some(exit) => {
                reached = session.reached(&exit);
                world.terminals.forget(session.id);
                // So that clients see the item end before the model goes on.
                tokio::select! {
                    () = session.reported.cancelled() => {}
                    () = world.clock.sleep(REPORTED_WAIT_MAX) => {}
                }
                Ending::Exited(exit.exit_code())
            }
            None => Ending::Running(session.id),
        };
        let success = matches!(ending, Ending::Running(_) | Ending::Exited(0));
        let mut text = exec_text(&*world.ids, ending, waited, &output, self.budget);
        if let Some(reached) = reached {
            append_lines(&mut text, &limit::told(&reached));
        }
        ToolOutcome::text(text, success)
    }
}
