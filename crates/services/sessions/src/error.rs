//! Why a journal could not be opened, read or written.

use codex_base::AbsPath;
use std::io;

/// One failed operation on a journal. [`JournalError::code`] is stable; texts of errors that other programs have too follow what clients match on.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// Another process, or another journal of this one, writes the thread.
    #[error("thread {thread_id} already has an active writer{}", holder.map(|pid| format!(": process {pid}")).unwrap_or_default())]
    InUse {
        thread_id: String,
        /// The process that writes it, where the system tells.
        holder: Option<u32>,
    },
    #[error("no rollout found for thread id {thread_id}")]
    NotFound {
        thread_id: String,
        /// An id that is nearly the same.
        near: Option<String>,
    },
    /// It has to come back from the archive first.
    #[error("session {thread_id} is archived")]
    Archived { thread_id: String },
    #[error("no archived rollout found for thread id {thread_id}")]
    NotArchived { thread_id: String },
    /// Its file holds the history of others.
    #[error("cannot delete thread {thread_id}: forked history still references it ({})", forks.join(", "))]
    HasForks { thread_id: String, forks: Vec<String> },
    #[error("thread {thread_id} continues thread {source_id}, whose rollout is missing")]
    ForkSourceMissing { thread_id: String, source_id: String },
    #[error("thread {thread_id} is a fork of one that is a fork of it")]
    ForkCycle { thread_id: String },
    #[error("turn not found: {turn_id}")]
    TurnNotFound { turn_id: String },
    #[error("thread name must not be empty")]
    NameEmpty,
    #[error("thread name must be one line of at most {max} characters")]
    NameUnfit { max: usize },
    /// The id could not be part of a file name.
    #[error("invalid thread id: {thread_id:?}")]
    InvalidId { thread_id: String },
    #[error("failed to read the journal {path}")]
    Read { path: AbsPath, source: io::Error },
    /// The file is as long as before the call.
    #[error("failed to write the journal {path}")]
    Write { path: AbsPath, source: io::Error },
}

impl JournalError {
    pub(crate) fn write(path: &AbsPath) -> impl FnOnce(io::Error) -> Self {
        let path = path.clone();
        move |source| Self::Write { path, source }
    }

    pub(crate) fn read(path: &AbsPath) -> impl FnOnce(io::Error) -> Self {
        let path = path.clone();
        move |source| Self::Read { path, source }
    }

    /// The error and what the system said, on one line.
    pub fn with_cause(&self) -> String {
        match std::error::Error::source(self) {
            Some(cause) => format!("{self}: {cause}"),
            None => self.to_string(),
        }
    }

    /// The request was wrong, not the disk.
    pub const fn is_callers(&self) -> bool {
        !matches!(self, Self::Read { .. } | Self::Write { .. })
    }

    /// The way out, where there is one.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::InUse { .. } => Some("end the other one, or fork the session".to_owned()),
            Self::Archived { thread_id } => Some(format!("codex unarchive {thread_id}")),
            Self::NotFound { near: Some(id), .. } => Some(format!("did you mean {id}?")),
            Self::NotFound { near: None, .. } => Some("codex sessions --all lists them".to_owned()),
            Self::NotArchived { .. } => Some("codex sessions --all --archived lists them".to_owned()),
            Self::HasForks { .. } => Some("delete the forks first, or archive it: codex archive keeps what they need".to_owned()),
            Self::ForkSourceMissing { source_id, .. } => {
                Some(format!("put the file of {source_id} back below sessions/ or archived_sessions/"))
            }
            Self::InvalidId { .. }
            | Self::ForkCycle { .. }
            | Self::TurnNotFound { .. }
            | Self::NameEmpty
            | Self::NameUnfit { .. }
            | Self::Read { .. } => None,
            Self::Write { .. } => Some("check rights and space; codex exec --ephemeral keeps no journal".to_owned()),
        }
    }

    /// The stable code that clients and scripts match on.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::InUse { .. } => "session.in_use",
            Self::NotFound { .. } => "session.not_found",
            Self::Archived { .. } => "session.archived",
            Self::NotArchived { .. } => "session.not_archived",
            Self::HasForks { .. } => "session.has_forks",
            Self::ForkSourceMissing { .. } => "session.fork_source_missing",
            Self::ForkCycle { .. } => "session.fork_cycle",
            Self::TurnNotFound { .. } => "turn.not_found",
            Self::NameEmpty | Self::NameUnfit { .. } => "session.bad_name",
            Self::InvalidId { .. } => "session.invalid_id",
            Self::Read { .. } => "journal.read_failed",
            Self::Write { .. } => "journal.write_failed",
        }
    }
}
