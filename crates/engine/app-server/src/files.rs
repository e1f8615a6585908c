//! `fuzzyFileSearch`: the searches of one connection. They end with it.

use codex_base::AbsPath;
use codex_file_search::{FileMatch, Report, SearchSession};
use codex_protocol::notifications::Notification;
use codex_protocol::requests::RequestError;
use codex_protocol::search::{FileSearchIdParams, FileSearchUpdated, FoundFile, FoundKind, FuzzyFileSearchResult};
use codex_rpc::ServerHandle;
use std::collections::HashMap;
use tokio::sync::mpsc;

/// Searches of each kind that a connection may have at once: each keeps the names of all files below its folders.
const SEARCHES_MAX: usize = 16;

#[derive(Default)]
pub struct FileSearches {
    /// By the client's id.
    sessions: HashMap<String, SearchSession>,
    /// Single questions by their token. One that was answered rests until the next of its token.
    once: HashMap<String, SearchSession>,
}

impl FileSearches {
    /// One of the same id ends.
    ///
    /// # Errors
    /// If there are too many others.
    pub fn start(&mut self, session_id: String, roots: Vec<AbsPath>, handle: &ServerHandle) -> Result<(), RequestError> {
        if self.sessions.len() >= SEARCHES_MAX && !self.sessions.contains_key(&session_id) {
            let message = format!("this connection has {SEARCHES_MAX} file search sessions already");
            return Err(RequestError::invalid("search.too_many", message).with_hint("fuzzyFileSearch/sessionStop ends one"));
        }
        let handle = handle.clone();
        let id = session_id.clone();
        let session = SearchSession::start(roots, move |report| tell(&handle, &id, report));
        self.sessions.insert(session_id, session);
        Ok(())
    }

    /// # Errors
    /// If there is no such session.
    pub fn search(&self, session_id: &str, query: &str) -> Result<(), RequestError> {
        let session = self.sessions.get(session_id).ok_or_else(|| {
            let message = format!("no file search session: {session_id}");
            RequestError::invalid("search.not_found", message).with_hint("fuzzyFileSearch/sessionStart begins one")
        })?;
        session.search(query);
        Ok(())
    }

    pub fn stop(&mut self, session_id: &str) {
        self.sessions.remove(session_id);
    }

    /// Answers when all files were looked at; with nothing if a newer question takes the place of this one.
    pub fn once(
        &mut self,
        token: Option<String>,
        roots: Vec<AbsPath>,
        query: &str,
        reply: impl FnOnce(FuzzyFileSearchResult) + Send + 'static,
    ) {
        let (found, mut inbox) = mpsc::unbounded_channel();
        let session = SearchSession::start(roots, move |report: Report| {
            if report.complete {
                // Whoever asked may have gone.
                drop(found.send(report));
            }
        });
        session.search(query);
        let held = match token {
            Some(token) => {
                if self.once.len() >= SEARCHES_MAX && !self.once.contains_key(&token) {
                    self.once.clear();
                }
                self.once.insert(token, session);
                None
            }
            None => Some(session),
        };
        tokio::spawn(async move {
            let files = inbox.recv().await.map(|report| report.matches).unwrap_or_default();
            drop(held);
            let files = files.into_iter().map(file).collect();
            reply(FuzzyFileSearchResult { files });
        });
    }
}

/// A peer that is gone is noticed by its connection's task.
fn tell(handle: &ServerHandle, session_id: &str, report: Report) {
    let session_id = session_id.to_owned();
    let files = report.matches.into_iter().map(file).collect();
    drop(handle.notify(Notification::FileSearchUpdated(FileSearchUpdated {
        session_id: session_id.clone(),
        query: report.query,
        files,
    })));
    if report.complete {
        drop(handle.notify(Notification::FileSearchCompleted(FileSearchIdParams { session_id })));
    }
}

fn file(found: FileMatch) -> FoundFile {
    let name = found.path.rsplit('/').next().unwrap_or_default().to_owned();
    FoundFile {
        root: found.root.to_string(),
        match_type: if found.is_folder { FoundKind::Directory } else { FoundKind::File },
        file_name: name,
        score: found.score,
        indices: Some(found.indices),
        path: found.path,
    }
}
