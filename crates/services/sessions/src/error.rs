//! Why a journal could not be opened, read or written.

use codex_base::AbsPath;
use std::io;

/// One failed operation on a journal. [`JournalError::code`] is stable; the texts of the first three follow what clients match on.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// Another process, or another journal of this one, writes the thread.
    #[error("thread {thread_id} already has an active writer")]
    InUse { thread_id: String },
    #[error("no rollout found for thread id {thread_id}")]
    NotFound { thread_id: String },
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
    /// The error and what the system said, on one line.
    pub fn with_cause(&self) -> String {
        match std::error::Error::source(self) {
            Some(cause) => format!("{self}: {cause}"),
            None => self.to_string(),
        }
    }

    /// The stable code that clients and scripts match on.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::InUse { .. } => "session.in_use",
            Self::NotFound { .. } => "session.not_found",
            Self::InvalidId { .. } => "session.invalid_id",
            Self::Read { .. } => "journal.read_failed",
            Self::Write { .. } => "journal.write_failed",
        }
    }
}
