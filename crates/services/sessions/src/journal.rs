//! One writer per thread: append and sync.

use crate::{Faults, JournalError, Loaded};
use codex_base::{AbsPath, Timestamp};
use codex_protocol::journal::Record;
use std::sync::Arc;

/// The journal of one thread, open for writing. Dropping it releases the thread's writer lock.
pub struct Journal {
    path: Option<AbsPath>,
}

impl Journal {
    /// Takes the writer lock of a new thread. The file is named now and appears at the first append.
    ///
    /// `timezone` is an IANA name for the date in the file's name; an unknown one counts as UTC.
    ///
    /// # Errors
    /// [`JournalError::InUse`], [`JournalError::InvalidId`], or [`JournalError::Write`] if `home` cannot be written.
    pub fn create(home: &AbsPath, thread_id: &str, now: Timestamp, timezone: &str) -> Result<Self, JournalError> {
        let _ = (home, thread_id, now, timezone);
        Ok(Self { path: None })
    }

    /// A journal of an ephemeral thread: the records stay in this process.
    pub fn in_memory() -> Self {
        Self { path: None }
    }

    /// Takes the writer lock of a stored thread, reads it, and cuts off a broken tail.
    ///
    /// # Errors
    /// Any [`JournalError`].
    pub fn resume(home: &AbsPath, thread_id: &str) -> Result<(Self, Loaded), JournalError> {
        let _ = home;
        Err(JournalError::NotFound { thread_id: thread_id.to_owned() })
    }

    /// Calls `faults` at every hit point from now on. For tests.
    #[must_use]
    pub fn with_faults(self, faults: Arc<dyn Faults>) -> Self {
        let _ = faults;
        self
    }

    /// Appends whole lines with one write. After an error the file is as long as before. Blocks for the length of a write.
    ///
    /// # Errors
    /// [`JournalError::Write`].
    pub fn append(&mut self, records: &[Record], now: Timestamp) -> Result<(), JournalError> {
        let _ = (records, now);
        Ok(())
    }

    /// Waits until everything appended is on the disk. Nothing to do before the first append.
    ///
    /// # Errors
    /// [`JournalError::Write`].
    pub fn sync(&mut self) -> Result<(), JournalError> {
        Ok(())
    }

    /// Where the file is, or will be after the first append; `None` for a journal in memory.
    pub const fn path(&self) -> Option<&AbsPath> {
        self.path.as_ref()
    }

    /// What was written so far, read back (from the file, or from memory).
    ///
    /// # Errors
    /// [`JournalError::Read`]; [`JournalError::NotFound`] before the first append.
    pub fn load(&self) -> Result<Loaded, JournalError> {
        Err(JournalError::NotFound { thread_id: String::new() })
    }
}
