//! `codex compact`: sums up a stored session now, or takes the last compaction back.

use super::{Root, print, server, stored};
use crate::environment;
use crate::tell;
use clap::Args;
use codex_base::Timestamp;
use codex_exec::ExecError;
use codex_protocol::errors::TurnError;
use codex_protocol::items::{Turn, TurnStatus};
use codex_protocol::notifications::Notification;
use codex_protocol::requests::{ThreadCompactStart, ThreadIdParams, ThreadResume, ThreadResumeParams};
use codex_protocol::settings::ApprovalPolicy;
use codex_rpc::{Client, Events, ServerMessage};
use codex_sessions::{Journal, UndoError};
use std::process::ExitCode;

/// Arguments of `codex compact`.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct Compact {
    /// Id or name of a session
    #[arg(value_name = "SESSION")]
    session: String,

    /// Take the last compaction back: the session goes on with the words it had before, and all that came after
    #[arg(long)]
    undo: bool,
}

impl Compact {
    pub fn run(&self, root: &Root) -> Result<ExitCode, ExecError> {
        if self.undo { self.take_back() } else { self.compact(root) }
    }

    fn compact(&self, root: &Root) -> Result<ExitCode, ExecError> {
        let stored = stored::open(&self.session)?;
        let thread_id = stored.loaded.meta.id.clone();
        let surroundings = environment::read()?;
        tell(&format!("compacting session {thread_id}\n"));
        let params = ThreadResumeParams {
            thread_id: thread_id.clone(),
            cwd: Some(stored.loaded.meta.cwd.to_string()),
            model: root.model.clone(),
            approval_policy: Some(ApprovalPolicy::Never),
            sandbox: root.sandbox,
            exclude_turns: true,
            ..ThreadResumeParams::default()
        };
        let turn = server::with_events(&surroundings, root.overrides()?, async |client: Client, mut events: Events| {
            client.request::<ThreadResume>(params).await?;
            client
                .request::<ThreadCompactStart>(ThreadIdParams {
                    thread_id: thread_id.clone(),
                })
                .await?;
            ended(&mut events).await
        })?;
        match turn.status {
            TurnStatus::Completed => {
                print(&format!(
                    "session {thread_id} is compacted; codex compact {thread_id} --undo takes it back\n",
                    thread_id = stored.loaded.meta.id
                ))?;
                Ok(ExitCode::SUCCESS)
            }
            TurnStatus::Failed | TurnStatus::Interrupted | TurnStatus::InProgress => Err(failed(turn.error)),
        }
    }

    fn take_back(&self) -> Result<ExitCode, ExecError> {
        let found = stored::open(&self.session)?;
        let thread_id = found.loaded.meta.id.clone();
        // Read once more under the lock: what counts is what nobody else can add to.
        let (mut journal, loaded) = Journal::resume(&found.home, &thread_id).map_err(|error| stored::journal_error(&error))?;
        let records = codex_sessions::undo_compaction(&loaded.records, uuid()).map_err(undo_error)?;
        let written = journal.append(&records, Timestamp::now()).and_then(|()| journal.sync());
        written.map_err(|error| stored::journal_error(&error))?;
        print(&format!("the last compaction of session {thread_id} is undone\n"))?;
        tell(
            "note: a conversation over its limit is compacted again with its next turn; model_auto_compact_token_limit or a model with a larger window leaves it whole\n",
        );
        Ok(ExitCode::SUCCESS)
    }
}

fn uuid() -> String {
    use codex_base::Ids;
    codex_base::RandomIds.uuid().to_string()
}

fn undo_error(error: UndoError) -> ExecError {
    ExecError::new(error.code(), error.to_string())
}

fn failed(error: Option<TurnError>) -> ExecError {
    match error {
        Some(error) => ExecError::new(error.code.as_deref().unwrap_or("compact.failed"), error.message),
        None => ExecError::new("compact.failed", "the compaction was interrupted; nothing is lost"),
    }
}

/// The turn that compacts, once it has ended. What is told on the way goes to stderr.
async fn ended(events: &mut Events) -> Result<Turn, ExecError> {
    while let Some(message) = events.next().await {
        let ServerMessage::Notification(notification) = message else {
            continue;
        };
        match notification {
            Notification::TurnCompleted(ended) => return Ok(ended.turn),
            Notification::Warning(warning) => tell(&format!("warning: {}\n", codex_exec::human::visible(&warning.message))),
            Notification::Error(error) if error.will_retry => tell(&format!("{}\n", codex_exec::human::visible(&error.error.message))),
            _ => {}
        }
    }
    Err(ExecError::new(
        "server.gone",
        format!("the app server has ended: {}", events.end().reason),
    ))
}
