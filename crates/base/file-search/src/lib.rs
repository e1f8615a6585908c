//! Finds files by a few letters of their path, while they are still being looked up.
//!
//! A [`SearchSession`] walks its roots once, in threads of its own, and reports the best matches of the query it was given last: first of
//! what was found so far, then again as more is found. A newer query ends the work for the older one. What git ignores is left out, and so is
//! `.git`; other hidden files are found. Dropping the session ends its threads.

mod best;
pub mod fuzzy;
mod walk;

pub use best::{FileMatch, MATCHES_MAX};

use best::Best;
use codex_base::AbsPath;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, Sender, TryRecvError};
use std::thread;

/// Entries matched between two looks at what else is to be done.
const STRIDE: usize = 8_192;
/// Files of all roots together; what is beyond is not found. A path takes about 60 bytes.
const ENTRIES_MAX: usize = 2_000_000;

/// The best matches of a query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    pub query: String,
    /// Best first; at most [`MATCHES_MAX`].
    pub matches: Vec<FileMatch>,
    /// Everything was looked at: for this query nothing else follows.
    pub complete: bool,
}

/// A file or folder below a root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    /// Index of its root.
    pub root: usize,
    /// From the root, with `/` between names.
    pub path: Box<str>,
    pub is_folder: bool,
}

enum Message {
    Query(String),
    Found(Vec<Entry>),
    Walked,
}

/// Files to search in. Its threads end with it.
#[derive(Debug)]
pub struct SearchSession {
    orders: Sender<Message>,
    ended: Arc<AtomicBool>,
}

impl SearchSession {
    /// Begins to look up files. `report` is called by a thread of the session, for the query of the last [`Self::search`].
    pub fn start(roots: Vec<AbsPath>, report: impl FnMut(Report) + Send + 'static) -> Self {
        let (orders, inbox) = mpsc::channel();
        let ended = Arc::new(AtomicBool::new(false));
        let found = orders.clone();
        let walk_ended = Arc::clone(&ended);
        let walked = roots.clone();
        thread::spawn(move || {
            walk::walk(&walked, ENTRIES_MAX, &walk_ended, |entries| {
                found.send(Message::Found(entries)).is_ok()
            });
            // A session that is over needs no end.
            drop(found.send(Message::Walked));
        });
        let searcher = Searcher {
            roots,
            report,
            ended: Arc::clone(&ended),
            entries: Vec::new(),
            walked: false,
            best: None,
            matched: 0,
        };
        thread::spawn(move || searcher.run(&inbox));
        Self { orders, ended }
    }

    /// From now on the best matches of this are reported.
    pub fn search(&self, query: &str) {
        // The other end waits until this one is dropped.
        drop(self.orders.send(Message::Query(query.to_owned())));
    }
}

impl Drop for SearchSession {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
        // Wakes the searcher; the walk sees the flag.
        drop(self.orders.send(Message::Walked));
    }
}

/// The one owner of what was found.
struct Searcher<R> {
    roots: Vec<AbsPath>,
    report: R,
    ended: Arc<AtomicBool>,
    entries: Vec<Entry>,
    walked: bool,
    best: Option<Best>,
    /// So many entries were matched with the query.
    matched: usize,
}

impl<R: FnMut(Report)> Searcher<R> {
    fn run(mut self, inbox: &Receiver<Message>) {
        // What was last reported as it still is.
        let mut said: Option<(usize, bool)> = None;
        while !self.ended.load(Ordering::Relaxed) {
            let due = self.best.is_some() && self.matched < self.entries.len();
            let message = if due {
                inbox.try_recv()
            } else {
                inbox.recv().map_err(TryRecvError::from)
            };
            match message {
                Ok(Message::Query(query)) => {
                    self.best = Some(Best::new(&query));
                    self.matched = 0;
                    said = None;
                }
                Ok(Message::Found(entries)) => self.entries.extend(entries),
                Ok(Message::Walked) => self.walked = true,
                Err(TryRecvError::Empty) => self.stride(),
                Err(TryRecvError::Disconnected) => return,
            }
            if self.worth_telling(said) {
                said = self.progress();
                self.tell();
            }
        }
    }

    fn stride(&mut self) {
        let Some(best) = &mut self.best else { return };
        let end = (self.matched + STRIDE).min(self.entries.len());
        for (index, entry) in self.entries[self.matched..end].iter().enumerate() {
            best.look_at(self.matched + index, entry);
        }
        self.matched = end;
    }

    /// How far the search is; `None` without a query.
    fn progress(&self) -> Option<(usize, bool)> {
        self.best.as_ref().map(|_| (self.matched, self.walked))
    }

    /// As soon as something was found, and again when everything there is now was looked at.
    fn worth_telling(&self, said: Option<(usize, bool)>) -> bool {
        let all_matched = self.matched == self.entries.len();
        let first = said.is_none() && self.best.as_ref().is_some_and(|best| !best.is_empty());
        let news = said != self.progress();
        news && (first || all_matched && (self.walked || !self.entries.is_empty()))
    }

    fn tell(&mut self) {
        let Some(best) = &mut self.best else { return };
        let complete = self.walked && self.matched == self.entries.len();
        let report = Report {
            query: best.query().to_owned(),
            matches: best.matches(&self.entries, &self.roots),
            complete,
        };
        (self.report)(report);
    }
}

#[cfg(test)]
mod tests;
