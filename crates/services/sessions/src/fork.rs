//! A new thread that begins with the history of another.
//!
//! Input: a stored thread and the place where the fork leaves it. Output: a new file that refers to the other one, which may grow on. A
//! source whose lines have no numbers (older versions) cannot be referred to by number: its lines are copied as they are.

use crate::journal::Beginning;
use crate::lineage::{self, File, Lineage};
use crate::list::find_active;
use crate::load::{Place, bytes_of};
use crate::{Journal, JournalError, Loaded};
use codex_base::{AbsPath, Timestamp};
use codex_protocol::journal::{EventMsg, HistoryBase, Record, SessionMeta};

/// Where a fork leaves its source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cut {
    /// At its end, as far as it is written.
    End,
    /// Behind this turn.
    After(String),
    /// In front of this turn.
    Before(String),
}

/// A fork that can be made.
pub struct Fork {
    source_id: String,
    /// Of the source.
    meta: SessionMeta,
    /// Of the source and what it refers to, up to the cut, without descriptions.
    records: Vec<(Timestamp, Record)>,
    reference: Reference,
}

enum Reference {
    Numbered(HistoryBase),
    /// The first bytes of a file without numbers.
    Copy(Vec<u8>),
}

impl Fork {
    /// Reads the source.
    ///
    /// # Errors
    /// Any [`JournalError`] of reading, and [`JournalError::TurnNotFound`].
    pub fn plan(home: &AbsPath, source_id: &str, cut: &Cut) -> Result<Self, JournalError> {
        let path = find_active(home, source_id)?;
        let lineage = lineage::read(&path)?;
        let (base, length) = place_of(&lineage, cut)?;
        let numbered = lineage.own.scan.next_ordinal.is_some();
        let reference = if numbered {
            Reference::Numbered(base)
        } else {
            let mut bytes = bytes_of(&path)?;
            bytes.truncate(usize::try_from(base.end_byte_offset).unwrap_or(usize::MAX));
            Reference::Copy(bytes)
        };
        let scan = lineage.joined();
        let records = scan.loaded.records.into_iter().take(length);
        Ok(Self {
            source_id: source_id.to_owned(),
            meta: scan.loaded.meta,
            records: records.filter(|(_, record)| !matches!(record, Record::SessionMeta(_))).collect(),
            reference,
        })
    }

    /// The source's description.
    pub const fn source(&self) -> &SessionMeta {
        &self.meta
    }

    /// Makes the file; `meta` describes the new thread and is completed with where it comes from.
    ///
    /// # Errors
    /// [`JournalError::InUse`], [`JournalError::InvalidId`] or [`JournalError::Write`].
    pub fn create(self, home: &AbsPath, meta: SessionMeta, now: Timestamp, timezone: &str) -> Result<(Journal, Loaded), JournalError> {
        let meta = self.described(meta);
        let (ordinal, copied) = match self.reference {
            Reference::Numbered(base) => (Some(base.end_ordinal_exclusive), Vec::new()),
            Reference::Copy(bytes) => (None, bytes),
        };
        let file = Beginning { ordinal, copied };
        let thread_id = meta.id.clone();
        let first = Record::SessionMeta(Box::new(meta));
        let mut journal = Journal::create_with(home, &thread_id, file, now, timezone)?;
        journal.append(std::slice::from_ref(&first), now)?;
        let records = std::iter::once((now, first)).chain(self.records).collect();
        Ok((journal, Loaded::new(records, &thread_id, Vec::new())))
    }

    /// The same for a thread that is kept in memory only.
    ///
    /// # Errors
    /// Never, but an append may fail for other journals.
    pub fn in_memory(self, meta: SessionMeta, now: Timestamp) -> Result<(Journal, Loaded), JournalError> {
        let meta = SessionMeta {
            history_base: None,
            ..self.described(meta)
        };
        let thread_id = meta.id.clone();
        let records: Vec<_> = std::iter::once((now, Record::SessionMeta(Box::new(meta))))
            .chain(self.records)
            .collect();
        let mut journal = Journal::in_memory();
        for (at, record) in &records {
            journal.append(std::slice::from_ref(record), *at)?;
        }
        Ok((journal, Loaded::new(records, &thread_id, Vec::new())))
    }

    fn described(&self, meta: SessionMeta) -> SessionMeta {
        SessionMeta {
            forked_from_id: Some(self.source_id.clone()),
            history_base: match &self.reference {
                Reference::Numbered(base) => Some(base.clone()),
                Reference::Copy(_) => self.meta.history_base.clone(),
            },
            ..meta
        }
    }
}

/// The place of the cut, and how many of the joined records stand before it.
fn place_of(lineage: &Lineage, cut: &Cut) -> Result<(HistoryBase, usize), JournalError> {
    let own = &lineage.own;
    let end = HistoryBase {
        thread_id: own.thread_id.clone(),
        end_ordinal_exclusive: own.scan.next_ordinal.unwrap_or_default(),
        end_byte_offset: own.scan.whole_bytes,
    };
    // As in the joined history: the fork's own description comes first and the others' are left out.
    let inherited = lineage.sources.iter().flat_map(|source| {
        let lines = source.file.scan.loaded.records.iter().zip(&source.file.scan.places);
        let kept = lines.filter(|((_, record), place)| source.holds(**place) && !matches!(record, Record::SessionMeta(_)));
        kept.map(|(record, place)| (&source.file, record, place))
    });
    let mut own_lines = own
        .scan
        .loaded
        .records
        .iter()
        .zip(&own.scan.places)
        .map(|(record, place)| (own, record, place));
    let first = own_lines.next();
    let lines = first.into_iter().chain(inherited).chain(own_lines);
    let starts: Vec<(usize, &str, &File, Place)> = lines
        .enumerate()
        .filter_map(|(at, (file, (_, record), place))| Some((at, started(record)?, file, *place)))
        .collect();
    let position = |turn_id: &str| {
        let missing = || JournalError::TurnNotFound {
            turn_id: turn_id.to_owned(),
        };
        starts.iter().position(|(_, id, ..)| *id == turn_id).ok_or_else(missing)
    };
    let next = match cut {
        Cut::End => None,
        Cut::Before(turn_id) => starts.get(position(turn_id)?),
        Cut::After(turn_id) => starts[position(turn_id)?..].iter().find(|(_, id, ..)| *id != turn_id.as_str()),
    };
    Ok(match next {
        None => (end, usize::MAX),
        Some((at, _, file, place)) => (
            HistoryBase {
                thread_id: file.thread_id.clone(),
                end_ordinal_exclusive: place.ordinal.unwrap_or_default(),
                end_byte_offset: place.offset,
            },
            *at,
        ),
    })
}

fn started(record: &Record) -> Option<&str> {
    match record {
        Record::Event(event) => match &**event {
            EventMsg::TaskStarted { turn_id, .. } => Some(turn_id),
            _ => None,
        },
        _ => None,
    }
}
