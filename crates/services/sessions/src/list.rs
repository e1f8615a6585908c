//! Finding sessions while reading as little as possible: folder names newest first, then first lines only.

use crate::JournalError;
use codex_base::{AbsPath, Timestamp};
use codex_protocol::journal::SessionMeta;

/// One stored session, from the head of its file.
#[derive(Debug, Clone, PartialEq)]
pub struct SessionSummary {
    pub path: AbsPath,
    pub meta: SessionMeta,
    /// First words of the first user message.
    pub preview: Option<String>,
    /// When the file was last written.
    pub updated_at: Timestamp,
}

/// The file of a thread, if it has one.
pub fn find(home: &AbsPath, thread_id: &str) -> Result<Option<AbsPath>, JournalError> {
    let _ = (home, thread_id);
    Ok(None)
}

/// Stored sessions, newest (by start) first, at most `limit`; with `cwd` only those that were started in exactly that directory.
pub fn list(home: &AbsPath, cwd: Option<&AbsPath>, limit: usize) -> Vec<SessionSummary> {
    let _ = (home, cwd, limit);
    Vec::new()
}
