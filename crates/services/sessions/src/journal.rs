//! One writer per thread: append and sync.
//!
//! Input: records. Effect: whole lines at the end of the thread's file. The file appears with the first of them, belongs to
//! its owner alone (0600, folders 0700) and is never rewritten; after a failed write it is cut back to what it was.

use crate::appending::Appending;
use crate::line::Encoder;
use crate::list::{check_id, find_active, rollout_path};
use crate::load::{Scan, scan};
use crate::{Faults, JournalError, Loaded, packed};
use codex_base::os::{FileLock, create_private_dir, lock_holder, open_private_append};
use codex_base::{AbsPath, Timestamp};
use codex_protocol::journal::Record;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How a file begins, or goes on.
pub(crate) struct Beginning {
    /// Number of the next line; `None` in the style of older versions.
    pub ordinal: Option<u64>,
    /// What follows the next line.
    pub copied: Vec<u8>,
}

/// The journal of one thread, open for writing. Dropping it releases the thread's writer lock.
#[derive(Debug)]
pub struct Journal {
    store: Store,
}

#[derive(Debug)]
enum Store {
    File(Box<FileStore>),
    /// Bounded by the thread's own life: it is its history.
    Memory(Vec<(Timestamp, Record)>),
}

impl Journal {
    /// Takes the writer lock of a new thread. The file is named now and appears at the first append.
    ///
    /// `timezone` is an IANA name for the date in the file's name; an unknown one counts as UTC.
    ///
    /// # Errors
    /// [`JournalError::InUse`], [`JournalError::InvalidId`], or [`JournalError::Write`] if `home` cannot be written.
    pub fn create(home: &AbsPath, thread_id: &str, now: Timestamp, timezone: &str) -> Result<Self, JournalError> {
        let file = Beginning {
            ordinal: Some(0),
            copied: Vec::new(),
        };
        Self::create_with(home, thread_id, file, now, timezone)
    }

    pub(crate) fn create_with(
        home: &AbsPath,
        thread_id: &str,
        file: Beginning,
        now: Timestamp,
        timezone: &str,
    ) -> Result<Self, JournalError> {
        let lock = lock(home, thread_id)?;
        let path = rollout_path(home, thread_id, now, timezone);
        Ok(Self::of(path, None, file, lock))
    }

    /// The journal of an ephemeral thread: the records stay in this process.
    pub const fn in_memory() -> Self {
        Self {
            store: Store::Memory(Vec::new()),
        }
    }

    /// Takes the writer lock of a stored thread, reads it, and cuts off a broken tail.
    ///
    /// A file of older versions, whose lines have no numbers, goes on without them.
    ///
    /// # Errors
    /// Any [`JournalError`].
    pub fn resume(home: &AbsPath, thread_id: &str) -> Result<(Self, Loaded), JournalError> {
        find_active(home, thread_id)?;
        let lock = lock(home, thread_id)?;
        // Once more: it may have been archived or deleted until the lock was taken.
        let mut path = find_active(home, thread_id)?;
        let mut damage = None;
        if packed::is_packed(&path) {
            (path, damage) = packed::unpack(&path).map_err(|source| JournalError::Write { path, source })?;
        }
        let mut scan = scan(&path)?;
        scan.loaded.problems.extend(damage);
        let file = open_at_whole_line(&path, &scan).map_err(JournalError::write(&path))?;
        tracing::debug!(%path, records = scan.loaded.records.len(), bytes = scan.whole_bytes, "journal resumed");
        let next = Beginning {
            ordinal: scan.next_ordinal,
            copied: Vec::new(),
        };
        Ok((Self::of(path, Some(file), next, lock), scan.loaded))
    }

    fn of(path: AbsPath, file: Option<File>, next: Beginning, lock: FileLock) -> Self {
        let store = FileStore {
            path,
            file,
            encoder: Encoder::new(next.ordinal),
            behind_first: next.copied,
            unsynced: false,
            cut_to: None,
            faults: None,
            _lock: lock,
        };
        Self {
            store: Store::File(Box::new(store)),
        }
    }

    /// Calls `faults` at every hit point from now on. For tests; a journal in memory has no hit points.
    #[must_use]
    pub fn with_faults(mut self, faults: Arc<dyn Faults>) -> Self {
        if let Store::File(store) = &mut self.store {
            store.faults = Some(faults);
        }
        self
    }

    /// Appends whole lines, with one write unless they are long. After an error the file is as long as before. Blocks for the length of the
    /// writes.
    ///
    /// # Errors
    /// [`JournalError::Write`].
    pub fn append(&mut self, records: &[Record], now: Timestamp) -> Result<(), JournalError> {
        match &mut self.store {
            Store::File(store) => store.append(records, now).map_err(JournalError::write(&store.path)),
            Store::Memory(kept) => {
                kept.extend(records.iter().map(|record| (now, record.clone())));
                Ok(())
            }
        }
    }

    /// Waits until everything appended is on the disk. Nothing to do before the first append.
    ///
    /// # Errors
    /// [`JournalError::Write`].
    pub fn sync(&mut self) -> Result<(), JournalError> {
        match &mut self.store {
            Store::File(store) => store.sync().map_err(JournalError::write(&store.path)),
            Store::Memory(_) => Ok(()),
        }
    }

    /// Where the file is, or will be after the first append; `None` for a journal in memory.
    pub const fn path(&self) -> Option<&AbsPath> {
        match &self.store {
            Store::File(store) => Some(&store.path),
            Store::Memory(_) => None,
        }
    }

    /// What was written so far, read back from the file or from memory. Without any record only [`Loaded::meta_missing`] is of use.
    ///
    /// # Errors
    /// [`JournalError::Read`].
    pub fn load(&self) -> Result<Loaded, JournalError> {
        match &self.store {
            Store::File(store) if store.file.is_some() => crate::load::read(&store.path),
            Store::File(_) => Ok(Loaded::new(Vec::new(), "", Vec::new())),
            Store::Memory(records) => Ok(Loaded::new(records.clone(), "", Vec::new())),
        }
    }
}

/// The file of a journal.
struct FileStore {
    path: AbsPath,
    /// `None` until the first append.
    file: Option<File>,
    encoder: Encoder,
    /// Something was appended that may not be on the disk.
    unsynced: bool,
    /// Lines of a fork's source that follow its first line.
    behind_first: Vec<u8>,
    /// A failed write could not be taken back: the length to return to before the next one.
    cut_to: Option<u64>,
    faults: Option<Arc<dyn Faults>>,
    _lock: FileLock,
}

impl std::fmt::Debug for FileStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FileStore")
            .field("path", &self.path)
            .field("open", &self.file.is_some())
            .finish_non_exhaustive()
    }
}

impl FileStore {
    fn append(&mut self, records: &[Record], now: Timestamp) -> io::Result<()> {
        if records.is_empty() {
            return Ok(());
        }
        if let Some(length) = self.cut_to {
            self.cut(length)?;
        }
        let length = self.open()?.metadata()?.len();
        match self.write(records, now) {
            Ok(encoder) => self.encoder = encoder,
            Err(error) => {
                self.cut_to = Some(length);
                // The write's error is the one to report. If the cut fails too, it is tried again before the next write, and a reader
                // drops the torn line.
                let _ = self.cut(length);
                return Err(error);
            }
        }
        self.behind_first = Vec::new();
        self.unsynced = true;
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        if let Some(file) = self.file.as_ref().filter(|_| self.unsynced) {
            file.sync_data()?;
        }
        self.unsynced = false;
        Ok(())
    }

    fn open(&mut self) -> io::Result<&mut File> {
        if self.file.is_none() {
            if let Some(folder) = self.path.parent() {
                create_private_dir(&folder)?;
            }
            self.file = Some(open_private_append(&self.path)?);
            tracing::debug!(path = %self.path, "journal opened");
        }
        self.file.as_mut().ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    /// Answers with what the next line needs to know of these.
    fn write(&mut self, records: &[Record], now: Timestamp) -> io::Result<Encoder> {
        let mut encoder = self.encoder.clone();
        let copied = std::mem::take(&mut self.behind_first);
        let faults = self.faults.clone();
        let written = {
            let mut lines = Appending::new(self.open()?, faults.as_deref());
            append_lines(records, now, &copied, &mut encoder, &mut lines).and_then(|()| lines.finish())
        };
        self.behind_first = copied;
        written.map(|()| encoder)
    }

    /// Takes back what lies behind `length`; a file that held nothing before goes away again.
    fn cut(&mut self, length: u64) -> io::Result<()> {
        if length == 0 {
            self.file = None;
            fs::remove_file(&self.path)?;
        } else {
            truncate(&self.path, length)?;
        }
        self.cut_to = None;
        Ok(())
    }
}

/// The lines of `records`, with `copied` behind the first.
fn append_lines(records: &[Record], now: Timestamp, copied: &[u8], encoder: &mut Encoder, lines: &mut Appending<'_>) -> io::Result<()> {
    for (at, record) in records.iter().enumerate() {
        encoder.encode(record, now, lines)?;
        if at == 0 && !copied.is_empty() {
            lines.write_all(copied)?;
            if !copied.ends_with(b"\n") {
                lines.write_all(b"\n")?;
            }
        }
    }
    Ok(())
}

/// A handle of its own, because one that only appends may not shorten a file on every system.
fn truncate(path: &AbsPath, length: u64) -> io::Result<()> {
    OpenOptions::new().write(true).open(path)?.set_len(length)
}

fn open_at_whole_line(path: &AbsPath, scan: &Scan) -> io::Result<File> {
    let mut file = open_private_append(path)?;
    if file.metadata()?.len() > scan.whole_bytes {
        truncate(path, scan.whole_bytes)?;
    }
    if scan.newline_missing {
        file.write_all(b"\n")?;
    }
    Ok(file)
}

/// How long a writer that is about to end is waited for. It has told the end of its turn when it still has to sync its file and to stop
/// its processes, and whoever heard of that end, or stopped it, may be here at once.
const WRITER_PATIENCE: Duration = Duration::from_secs(2);
const WRITER_STEP: Duration = Duration::from_millis(10);

/// The thread's writer lock. The empty lock file stays: removing it would race with the next writer.
pub(crate) fn lock(home: &AbsPath, thread_id: &str) -> Result<FileLock, JournalError> {
    check_id(thread_id)?;
    let folder = home.join("thread-writer-locks");
    let path = folder.join(format!("{thread_id}.lock"));
    let begun = Instant::now();
    loop {
        let taken = create_private_dir(&folder).and_then(|()| FileLock::try_acquire(&path));
        match taken {
            Ok(Some(lock)) => return Ok(lock),
            Ok(None) if begun.elapsed() < WRITER_PATIENCE => std::thread::sleep(WRITER_STEP),
            Ok(None) => {
                return Err(JournalError::InUse {
                    thread_id: thread_id.to_owned(),
                    holder: lock_holder(&path),
                });
            }
            Err(source) => return Err(JournalError::Write { path, source }),
        }
    }
}
