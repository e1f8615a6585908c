//! A file to records, whatever state it is in.
//!
//! Input: the bytes of a journal. Output: its records in order, and what was wrong with it. Broken lines, repeated lines and a torn tail
//! cost only themselves; lines of unknown type are passed over in silence. A fork that only refers to the beginning of another thread gets
//! that beginning from the other thread's file ([`lineage`](crate::lineage)).

use crate::line::{self, Line};
use crate::{JournalError, lineage, packed, portions};
use codex_base::{AbsPath, Timestamp};
use codex_protocol::items::{SessionSource, ThreadItem, UserInput};
use codex_protocol::journal::{EventMsg, HistoryBase, Record, SessionMeta};
use foldhash::HashSet;
use foldhash::fast::FixedState;
use std::hash::BuildHasher;
use std::io::{self, BufRead, Read};
use std::ops::Range;
use std::path::Path;

/// What a journal holds.
#[derive(Debug, Clone, PartialEq)]
pub struct Loaded {
    /// The first `session_meta`; see [`Loaded::meta_missing`].
    pub meta: SessionMeta,
    /// The file has no readable `session_meta` (killed in the very first append): `meta` then knows only the id and perhaps the directory,
    /// and the writer must append one before anything else.
    pub meta_missing: bool,
    /// In file order, `session_meta` included. Times have milliseconds.
    pub records: Vec<(Timestamp, Record)>,
    /// Sentences for the user, at most one per kind of damage.
    pub problems: Vec<String>,
}

impl Loaded {
    pub(crate) fn new(records: Vec<(Timestamp, Record)>, thread_id: &str, problems: Vec<String>) -> Self {
        let first = records.iter().find_map(|(_, record)| match record {
            Record::SessionMeta(meta) => Some((**meta).clone()),
            _ => None,
        });
        let meta_missing = first.is_none();
        let mut meta = first.unwrap_or_else(|| meta_from(&records, thread_id));
        // A session that began in another program: what it was offered when it went on here.
        let base = records.iter().find_map(|(_, record)| match record {
            Record::PrefixBase(base) => Some(base),
            _ => None,
        });
        if let (None, Some(base)) = (&meta.tools, base) {
            meta.tools = Some(base.tools.clone());
            meta.base_item.get_or_insert_with(|| base.base_item.clone());
        }
        Self {
            meta_missing,
            meta,
            records,
            problems,
        }
    }

    /// First words of the first message that the user wrote.
    pub fn preview(&self) -> Option<String> {
        self.records.iter().find_map(|(_, record)| preview_of(record))
    }
}

/// Reads a journal without touching it.
///
/// # Errors
/// If the file cannot be read, or the one that it is a fork of is gone. Damage inside it is no error but a [problem](Loaded::problems).
pub fn read(path: &Path) -> Result<Loaded, JournalError> {
    let path = AbsPath::new(path).map_err(|error| JournalError::Read {
        path: crate::line::root(),
        source: io::Error::new(io::ErrorKind::InvalidInput, error),
    })?;
    Ok(scan(&path)?.loaded)
}

/// Reads a journal, and what a fork refers to.
pub(crate) fn scan(path: &AbsPath) -> Result<Scan, JournalError> {
    Ok(lineage::read(path)?.joined())
}

/// A journal's contents, and what a writer must know to go on with it.
pub(crate) struct Scan {
    pub loaded: Loaded,
    /// Everything behind this is a torn line.
    pub whole_bytes: u64,
    /// The last whole line lacks its newline.
    pub newline_missing: bool,
    /// `None` when the file's lines have no numbers.
    pub next_ordinal: Option<u64>,
    /// Of each record.
    pub places: Vec<Place>,
}

/// Where a record's line stands in its file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    pub ordinal: Option<u64>,
    /// Of the line's first byte.
    pub offset: u64,
}

impl Scan {
    pub fn base(&self) -> Option<&HistoryBase> {
        self.loaded.meta.history_base.as_ref()
    }
}

pub(crate) fn scan_file(path: &AbsPath) -> Result<Scan, JournalError> {
    let thread_id = crate::list::thread_id(path).unwrap_or_default();
    match packed::open(path) {
        Ok(reader) => scan_lines(reader, thread_id).map_err(JournalError::read(path)),
        // Nothing of it can be read: an empty journal that says so.
        Err(error) if error.kind() == io::ErrorKind::InvalidData => {
            let scanner = Scanner {
                broken_off: Some(error.to_string()),
                ..Scanner::default()
            };
            Ok(scanner.finish(thread_id))
        }
        Err(error) => Err(JournalError::read(path)(error)),
    }
}

/// The contents of a journal as they lie there.
pub(crate) fn bytes_of(path: &AbsPath) -> Result<Vec<u8>, JournalError> {
    let (bytes, _) = packed::bytes(path).map_err(JournalError::read(path))?;
    Ok(bytes)
}

/// A longer line is not read. The largest legitimate ones hold a few pictures.
const LINE_BYTES_MAX: u64 = 256 * 1024 * 1024;

/// So much is read before its lines are taken apart, by several threads where there are many.
const BATCH_BYTES: usize = 2 * 1024 * 1024;

fn scan_lines(mut reader: impl BufRead, thread_id: &str) -> io::Result<Scan> {
    let mut scanner = Scanner::default();
    let mut batch = Batch::default();
    loop {
        let more = match batch.fill(&mut reader) {
            Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                scanner.broken_off = Some(error.to_string());
                false
            }
            filled => filled?,
        };
        let found = portions::map(&batch.lines, |lines| {
            lines.iter().map(|line| line::from_line(&batch.text[line.text.clone()])).collect()
        });
        for (line, found) in batch.lines.iter().zip(found) {
            let text = &batch.text[line.text.clone()];
            match text.last() {
                Some(b'\n') => scanner.whole_line(text, line.bytes, found),
                _ => scanner.last_line(text, line.bytes, found),
            }
        }
        if !more {
            return Ok(scanner.finish(thread_id));
        }
    }
}

/// Lines as they were read.
#[derive(Default)]
struct Batch {
    text: Vec<u8>,
    lines: Vec<RawLine>,
}

struct RawLine {
    /// In the batch, with its newline.
    text: Range<usize>,
    /// In the file.
    bytes: u64,
}

impl Batch {
    /// Lines in place of those before; whether there may be more. An error leaves the lines before it.
    fn fill(&mut self, reader: &mut impl BufRead) -> io::Result<bool> {
        self.text.clear();
        self.lines.clear();
        while self.text.len() < BATCH_BYTES {
            let from = self.text.len();
            let mut bytes = reader.by_ref().take(LINE_BYTES_MAX).read_until(b'\n', &mut self.text)? as u64;
            if bytes == 0 {
                return Ok(false);
            }
            if bytes == LINE_BYTES_MAX && self.text.last() != Some(&b'\n') {
                bytes += reader.skip_until(b'\n')? as u64;
                self.text.truncate(from);
                self.text.extend(b"?\n");
            }
            self.lines.push(RawLine {
                text: from..self.text.len(),
                bytes,
            });
        }
        Ok(true)
    }
}

#[derive(Default)]
struct Scanner {
    records: Vec<(Timestamp, Record)>,
    places: Vec<Place>,
    lines: u64,
    unreadable: Finding,
    repeated: Finding,
    seen: HashSet<u64>,
    previous: u64,
    /// Lines that are neither blank nor repeated, and the lowest and highest of their numbers.
    counted: u64,
    numbers: Option<(u64, u64)>,
    numbered: bool,
    next_ordinal: u64,
    line_offset: u64,
    whole_bytes: u64,
    newline_missing: bool,
    torn_bytes: u64,
    /// Why a compressed file could not be read to its end.
    broken_off: Option<String>,
}

impl Scanner {
    fn whole_line(&mut self, text: &[u8], bytes: u64, found: Result<Line, line::Unreadable>) {
        self.lines += 1;
        self.line_offset = self.whole_bytes;
        self.whole_bytes += bytes;
        if text.iter().all(u8::is_ascii_whitespace) {
            return;
        }
        match found {
            Ok(found) => self.take(found, text),
            Err(line::Unreadable) => {
                self.counted += 1;
                self.unreadable.at(self.lines);
                self.next_ordinal = self.next_ordinal.saturating_add(1);
            }
        }
    }

    /// A last line without a newline counts if it is complete (only the newline was lost), else it is torn.
    fn last_line(&mut self, text: &[u8], bytes: u64, found: Result<Line, line::Unreadable>) {
        match found {
            Ok(found) => {
                self.lines += 1;
                self.line_offset = self.whole_bytes;
                self.whole_bytes += bytes;
                self.newline_missing = true;
                self.take(found, text);
            }
            Err(line::Unreadable) => self.torn_bytes = bytes,
        }
    }

    fn take(&mut self, found: Line, text: &[u8]) {
        let hash = FixedState::default().hash_one(text.trim_ascii_end());
        // Numbered lines are unique. Others may legitimately be alike, but hardly to the millisecond and next to each other.
        let again = if found.ordinal.is_some() {
            !self.seen.insert(hash)
        } else {
            self.previous == hash
        };
        self.previous = hash;
        if again {
            self.repeated.at(self.lines);
            return;
        }
        self.counted += 1;
        if let Some(ordinal) = found.ordinal {
            let (lowest, highest) = self.numbers.unwrap_or((ordinal, ordinal));
            self.numbers = Some((lowest.min(ordinal), highest.max(ordinal)));
            self.numbered = true;
            self.next_ordinal = self.next_ordinal.max(ordinal.saturating_add(1));
        }
        if let Some(record) = found.record {
            let at = found.timestamp.or(self.records.last().map(|(at, _)| *at)).unwrap_or_default();
            self.records.push((at, record));
            self.places.push(Place {
                ordinal: found.ordinal,
                offset: self.line_offset,
            });
        }
    }

    /// Numbers that no line has, but for those that unreadable lines may have had.
    fn missing(&self) -> Option<String> {
        let (lowest, highest) = self.numbers?;
        match (highest - lowest).saturating_add(1).saturating_sub(self.counted) {
            1 => Some("a line is missing: its number does not occur".to_owned()),
            // A number that is damaged itself says nothing.
            count @ 2..=1_000_000 => Some(format!("{count} lines are missing: their numbers do not occur")),
            _ => None,
        }
    }

    fn finish(self, thread_id: &str) -> Scan {
        let mut problems = Vec::new();
        problems.extend(self.unreadable.sentence("unreadable"));
        problems.extend(self.repeated.sentence("repeated"));
        problems.extend(self.missing());
        if self.torn_bytes > 0 {
            problems.push(format!("the last line was incomplete and is dropped ({} bytes)", self.torn_bytes));
        }
        problems.extend(self.broken_off.map(|why| format!("{why}; what comes before that place is used")));
        let next_ordinal = (self.numbered || self.records.is_empty()).then_some(self.next_ordinal);
        let mut loaded = Loaded::new(self.records, thread_id, problems);
        if loaded.meta_missing {
            loaded
                .problems
                .push("the line that describes the session (session_meta) is missing".to_owned());
        }
        Scan {
            loaded,
            whole_bytes: self.whole_bytes,
            newline_missing: self.newline_missing,
            next_ordinal,
            places: self.places,
        }
    }
}

/// How often one kind of damage was met, and where first.
#[derive(Default)]
struct Finding {
    count: u64,
    first_line: u64,
}

impl Finding {
    fn at(&mut self, line: u64) {
        if self.count == 0 {
            self.first_line = line;
        }
        self.count += 1;
    }

    fn sentence(&self, kind: &str) -> Option<String> {
        match self.count {
            0 => None,
            1 => Some(format!("line {} is {kind} and was skipped", self.first_line)),
            count => Some(format!(
                "{count} lines are {kind} and were skipped, the first is line {}",
                self.first_line
            )),
        }
    }
}

/// What can still be said of a session whose first line is lost.
fn meta_from(records: &[(Timestamp, Record)], thread_id: &str) -> SessionMeta {
    let context = records.iter().find_map(|(_, record)| match record {
        Record::TurnContext(context) => Some(context),
        _ => None,
    });
    SessionMeta {
        id: thread_id.to_owned(),
        session_id: thread_id.to_owned(),
        timestamp: format!("{:.3}", records.first().map(|(at, _)| *at).unwrap_or_default()),
        cwd: context.map_or_else(crate::line::root, |context| context.cwd.clone()),
        originator: String::new(),
        cli_version: String::new(),
        source: SessionSource::Unknown,
        thread_source: None,
        model_provider: String::new(),
        model: context.map(|context| context.model.clone()).unwrap_or_default(),
        base_instructions: String::new(),
        base_item: None,
        tools: None,
        git: None,
        forked_from_id: None,
        history_base: None,
        parent_thread_id: None,
    }
}

const PREVIEW_CHARS_MAX: usize = 160;

pub(crate) fn preview_of(record: &Record) -> Option<String> {
    let Record::Event(event) = record else { return None };
    let EventMsg::ItemCompleted {
        item: ThreadItem::UserMessage { content, .. },
        ..
    } = &**event
    else {
        return None;
    };
    let text = content.iter().find_map(|input| match input {
        UserInput::Text { text } if !text.trim().is_empty() => Some(text.trim()),
        UserInput::Text { .. } | UserInput::LocalImage { .. } | UserInput::Image { .. } | UserInput::Skill { .. } => None,
    })?;
    Some(text.chars().take(PREVIEW_CHARS_MAX).collect())
}
