//! Taking the last compaction back while the thread is loaded.
//!
//! The words before it are in the journal alone, so it is read again; what it says becomes the thread's conversation only if no turn has
//! begun meanwhile, and only once it is written down that it does.

use super::event::{Effect, RequestKey, ThreadReply, Undo};
use super::lost::journal_lost_request;
use super::state::{Env, Resumed, ThreadState};
use super::step::Out;
use crate::engine::journal_error;
use codex_base::Timestamp;
use codex_protocol::journal::Record;
use codex_protocol::requests::RequestError;
use codex_sessions::{JournalError, Loaded};

impl ThreadState {
    pub(crate) fn on_undo_compaction(&mut self, key: RequestKey, env: &Env, out: &mut Out) {
        if let Err(error) = self.may_undo() {
            return out.reply(key, Err(error));
        }
        // What a resume mended belongs to the conversation that is read now. A thread that has said nothing gets no file by this.
        if !self.history.is_empty() {
            out.commit(std::mem::take(&mut self.owed), Vec::new());
        }
        let window_id = env.ids.uuid().to_string();
        out.push(Effect::FindUndo { key, window_id });
    }

    pub(crate) fn on_undo_found(&mut self, key: RequestKey, found: Result<Box<Undo>, RequestError>, out: &mut Out) {
        let undo = match self.may_undo().and(found) {
            Ok(undo) => *undo,
            Err(error) => return out.reply(key, Err(error)),
        };
        let Resumed {
            history,
            told,
            size,
            carried,
            window,
            ..
        } = undo.resumed;
        (self.history, self.told, self.size, self.carried, self.window) = (history, told, size, carried, window);
        out.commit(undo.records, Vec::new());
        out.push(Effect::Sync);
        out.reply(key, Ok(ThreadReply::CompactionUndone));
    }

    fn may_undo(&self) -> Result<(), RequestError> {
        if self.turn.is_some() {
            let message = "a turn is running; undo the compaction when it has ended, or interrupt it";
            return Err(RequestError::invalid("turn.active", message));
        }
        if self.journal_lost {
            return Err(journal_lost_request());
        }
        Ok(())
    }
}

/// What takes the last compaction of a journal back.
///
/// # Errors
/// If it has none that still counts, or cannot be read.
pub fn find(journal: Result<Loaded, JournalError>, window_id: String, now: Timestamp) -> Result<Box<Undo>, RequestError> {
    let mut records = recorded(journal).map_err(|error| journal_error(&error))?;
    let undo = codex_sessions::undo_compaction(&records, window_id);
    let undo = undo.map_err(|error| RequestError::invalid(error.code(), error.to_string()))?;
    records.extend(undo.iter().map(|record| (now, record.clone())));
    Ok(Box::new(Undo {
        records: undo,
        resumed: Resumed::from_records(&records),
    }))
}

/// What a thread's journal holds. Its file appears with the first turn.
pub fn recorded(journal: Result<Loaded, JournalError>) -> Result<Vec<(Timestamp, Record)>, JournalError> {
    match journal {
        Ok(loaded) => Ok(loaded.records),
        Err(JournalError::NotFound { .. }) => Ok(Vec::new()),
        Err(JournalError::Read { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}
