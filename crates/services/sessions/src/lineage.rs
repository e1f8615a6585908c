//! What a fork refers to: the beginnings of the threads that it came from.
//!
//! Input: a rollout file. Output: the files that make up its history, each source with the place where it ends for this fork. A source may
//! lie in the archive, and may have grown since. Refuses sources that are gone, and threads that refer to each other.

use crate::JournalError;
use crate::list::{self, find_anywhere};
use crate::load::{Place, Scan, scan_file};
use codex_base::AbsPath;
use codex_protocol::journal::{HistoryBase, Record};
use std::collections::HashSet;

/// The files of one history.
pub struct Lineage {
    /// Oldest first.
    pub sources: Vec<Source>,
    pub own: File,
}

pub struct Source {
    pub file: File,
    /// Where it ends for the fork.
    end: HistoryBase,
}

pub struct File {
    pub thread_id: String,
    pub scan: Scan,
}

impl Source {
    /// The line belongs to the fork's history.
    pub const fn holds(&self, place: Place) -> bool {
        match place.ordinal {
            Some(ordinal) => ordinal < self.end.end_ordinal_exclusive,
            None => place.offset < self.end.end_byte_offset,
        }
    }
}

/// Reads a journal and everything it refers to.
///
/// # Errors
/// If one of the files cannot be read or is gone, or they refer to each other.
pub fn read(path: &AbsPath) -> Result<Lineage, JournalError> {
    let own = File {
        thread_id: list::thread_id(path).unwrap_or_default().to_owned(),
        scan: scan_file(path)?,
    };
    let mut sources = Vec::new();
    let mut seen = HashSet::from([own.thread_id.clone()]);
    let mut fork = (own.thread_id.clone(), own.scan.base().cloned());
    let mut limit = u64::MAX;
    let home = home_of(path);
    while let ((thread_id, Some(mut base)), Some(home)) = (fork, &home) {
        if !seen.insert(base.thread_id.clone()) {
            return Err(JournalError::ForkCycle { thread_id });
        }
        let source_id = base.thread_id.clone();
        let missing = JournalError::ForkSourceMissing {
            thread_id,
            source_id: source_id.clone(),
        };
        let scan = scan_file(&find_anywhere(home, &source_id)?.ok_or(missing)?)?;
        fork = (source_id.clone(), scan.base().cloned());
        // A later limit holds for everything before it too: numbers go on from source to fork.
        limit = limit.min(base.end_ordinal_exclusive);
        base.end_ordinal_exclusive = limit;
        sources.push(Source {
            file: File {
                thread_id: source_id,
                scan,
            },
            end: base,
        });
    }
    sources.reverse();
    Ok(Lineage { sources, own })
}

impl Lineage {
    /// One history: the fork's own description, what it takes over, its own lines.
    pub fn joined(self) -> Scan {
        let mut scan = self.own.scan;
        let (mut records, mut places) = (Vec::new(), Vec::new());
        for source in self.sources {
            let kept: Vec<bool> = source.file.scan.places.iter().map(|place| source.holds(*place)).collect();
            let lines = source.file.scan.loaded.records.into_iter().zip(source.file.scan.places);
            for ((record, place), kept) in lines.zip(kept) {
                if kept && !matches!(record.1, Record::SessionMeta(_)) {
                    records.push(record);
                    places.push(place);
                }
            }
        }
        let behind_meta = scan.loaded.records.len().min(1);
        scan.loaded.records.splice(behind_meta..behind_meta, records);
        scan.places.splice(behind_meta..behind_meta, places);
        scan
    }
}

/// `<home>` of `<home>/sessions/YYYY/MM/DD/<file>` and of `<home>/archived_sessions/<file>`.
pub fn home_of(path: &AbsPath) -> Option<AbsPath> {
    let folder = path
        .ancestors()
        .find(|folder| folder.ends_with("sessions") || folder.ends_with("archived_sessions"))?;
    folder.parent()
}
