//! `codex compact`: sums up a stored session now, or takes the last compaction back.

use super::{Root, print, stored};
use crate::prepare::Prepared;
use crate::{environment, tell, wire};
use clap::Args;
use codex_base::{Ids, RandomIds, Timestamp};
use codex_exec::{ExecError, ExecOptions, ExitStatus, Session, Task};
use codex_protocol::requests::ThreadSettings;
use codex_sessions::Journal;
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

    /// As `exec` runs a turn: with the same lines, signals and exit codes.
    fn compact(&self, root: &Root) -> Result<ExitCode, ExecError> {
        let stored = stored::open(&self.session)?;
        let surroundings = environment::read()?;
        let meta = stored.loaded.meta;
        let session = Session::Resume(meta.id.clone());
        let options = ExecOptions {
            settings: ThreadSettings {
                model: root.shared.model.clone(),
                sandbox: root.shared.sandbox(),
                ..ThreadSettings::default()
            },
            ..ExecOptions::new(session, Task::Compact, meta.cwd, surroundings.output())
        };
        let prepared = Prepared {
            options,
            overrides: root.overrides()?,
            local: None,
        };
        let id = meta.id;
        crate::start(prepared, &surroundings, wire::sandbox(), |ended, _| {
            if ended.status == ExitStatus::Done {
                let done = format!("session {id} is compacted; codex compact {id} --undo takes it back\n");
                if let Err(error) = print(&done) {
                    tell(&format!("{}\n", error.report()));
                }
            }
        })
    }

    fn take_back(&self) -> Result<ExitCode, ExecError> {
        let found = stored::open(&self.session)?;
        let thread_id = found.loaded.meta.id.clone();
        // Read once more under the lock: what counts is what nobody else can add to.
        let (mut journal, loaded) = Journal::resume(&found.home, &thread_id).map_err(|error| stored::journal_error(&error))?;
        let uuid = RandomIds.uuid().to_string();
        let undone = codex_sessions::undo_compaction(&loaded.records, uuid);
        let records = undone.map_err(|error| ExecError::new(error.code(), error.to_string()))?;
        let written = journal.append(&records, Timestamp::now()).and_then(|()| journal.sync());
        written.map_err(|error| stored::journal_error(&error))?;
        print(&format!("the last compaction of session {thread_id} is undone\n"))?;
        tell(
            "note: a conversation over its limit is compacted again with its next turn; model_auto_compact_token_limit or a model with a larger window leaves it whole\n",
        );
        Ok(ExitCode::SUCCESS)
    }
}
