//! An index of session heads, so that finding sessions does not cost more with every one that is kept.
//!
//! Input: the same [`Query`] as [`list`](crate::list()). Output: the same answer. The files are the truth: every answer looks at the folders
//! and reads what is new in them, and times of files are never taken from here. So the database may be deleted, damaged, locked, of another
//! version or impossible to write: it is made anew or passed by, and nothing else notices. Nothing is written while a turn runs.
//!
//! One thread owns the connection; requests come through a mailbox and wait a bounded time.

mod catalog;
mod found;

use crate::relations::{Relation, relations};
use crate::{Query, SessionSummary};
use catalog::Catalog;
use codex_base::AbsPath;
use codex_base::os::{create_private_dir, open_private_append};
use rusqlite::{Connection, ErrorCode};
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::Duration;

/// A name of our own: other programs keep databases of theirs in the same folder.
const FILE: &str = "codex_sessions_1.sqlite";

/// Changes with the tables.
const VERSION: i64 = 3;

/// Bytes. Larger than usual: a search reads most of an index, and every page is a system call.
const PAGE: i64 = 32 * 1024;

/// How long a question waits for the thread; the first one after a long time may have many files to read.
const ANSWER_LIMIT: Duration = Duration::from_secs(30);

/// How long another process's lock is waited for.
const BUSY_LIMIT: Duration = Duration::from_millis(100);

/// Questions that may wait at once.
const WAITING_MAX: usize = 64;

/// The way to the index. Dropping it waits until what was learnt is stored.
#[derive(Debug)]
pub struct Index {
    requests: Option<mpsc::SyncSender<Request>>,
    thread: Option<JoinHandle<()>>,
}

struct Request {
    home: AbsPath,
    tell: Tell,
}

/// Finds the answer in the tables and tells it.
type Tell = Box<dyn Fn(&Catalog<'_>) -> rusqlite::Result<()> + Send>;

impl Index {
    /// An index in `folder`, which is opened with the first question.
    pub fn new(folder: AbsPath) -> Self {
        let (requests, inbox) = mpsc::sync_channel(WAITING_MAX);
        let thread = std::thread::Builder::new()
            .name("session-index".to_owned())
            .spawn(move || serve(&folder, &inbox));
        Self {
            requests: Some(requests),
            thread: thread.ok(),
        }
    }

    /// As [`list`](crate::list()), and never fails either. Blocks.
    pub fn list(&self, home: &AbsPath, query: &Query) -> Vec<SessionSummary> {
        // A name leads to ids and these to files, without looking at the others.
        let indexed = query.name.is_none().then(|| {
            let query = query.clone();
            self.ask(home, move |catalog| catalog.find(&query))
        });
        indexed.flatten().unwrap_or_else(|| crate::list(home, query))
    }

    /// As [`relations`]. Blocks.
    pub fn relations(&self, home: &AbsPath) -> Vec<Relation> {
        self.ask(home, |catalog| catalog.relations()).unwrap_or_else(|| relations(home))
    }

    /// `None` when the tables cannot be used.
    fn ask<T: Send + 'static>(&self, home: &AbsPath, look_up: impl Fn(&Catalog<'_>) -> rusqlite::Result<T> + Send + 'static) -> Option<T> {
        if self.thread.is_none() || home.to_str().is_none() || !crate::list::any_folder(home) {
            return None;
        }
        let (reply, answer) = mpsc::channel();
        let tell = move |catalog: &Catalog<'_>| {
            let found = look_up(catalog)?;
            // Whoever asked may have gone.
            let _ = reply.send(found);
            Ok(())
        };
        let request = Request {
            home: home.clone(),
            tell: Box::new(tell),
        };
        self.requests.as_ref()?.try_send(request).ok()?;
        answer.recv_timeout(ANSWER_LIMIT).ok()
    }
}

impl Drop for Index {
    fn drop(&mut self) {
        self.requests = None;
        if let Some(thread) = self.thread.take() {
            // A panic there cost only the index.
            let _ = thread.join();
        }
    }
}

fn serve(folder: &AbsPath, inbox: &mpsc::Receiver<Request>) {
    let mut connection = None;
    for request in inbox {
        // A damaged one is made anew once; with any other trouble the request is dropped, and who asked looks through the files.
        for _ in 0..2 {
            match answer(&mut connection, folder, &request) {
                Ok(()) => break,
                Err(error) if is_damage(&error) => {
                    connection = None;
                    remove(folder);
                }
                Err(_) => {
                    connection = None;
                    break;
                }
            }
        }
    }
}

/// Tells the answer, then stores what was learnt on the way.
fn answer(connection: &mut Option<Connection>, folder: &AbsPath, request: &Request) -> rusqlite::Result<()> {
    let connection = match connection {
        Some(connection) => connection,
        None => connection.insert(open(folder)?),
    };
    let catalog = Catalog::caught_up(connection, &request.home)?;
    (request.tell)(&catalog)?;
    catalog.store()
}

fn open(folder: &AbsPath) -> rusqlite::Result<Connection> {
    // If it cannot be made, opening says so.
    let _ = create_private_dir(folder);
    // It holds the beginnings of conversations, and the folder may be open to others. SQLite gives its own files beside it the same mode.
    let _ = open_private_append(&folder.join(FILE));
    let connection = Connection::open(folder.join(FILE))?;
    connection.busy_timeout(BUSY_LIMIT)?;
    let version: i64 = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    if version != VERSION {
        connection.execute_batch(&format!(
            "PRAGMA page_size = {PAGE}; BEGIN IMMEDIATE; DROP TABLE IF EXISTS folders; DROP TABLE IF EXISTS sessions; {} \
             PRAGMA user_version = {VERSION}; COMMIT; VACUUM;",
            catalog::TABLES
        ))?;
    }
    Ok(connection)
}

/// Nothing in the file is worth keeping: it is no database, or its tables or values are not ours.
fn is_damage(error: &rusqlite::Error) -> bool {
    use rusqlite::Error;
    let strange = matches!(
        error,
        Error::InvalidColumnType(..) | Error::FromSqlConversionFailure(..) | Error::IntegralValueOutOfRange(..)
    );
    let code = error.sqlite_error_code();
    strange
        || matches!(
            code,
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase | ErrorCode::Unknown)
        )
}

fn remove(folder: &AbsPath) {
    for suffix in ["", "-journal", "-wal", "-shm"] {
        // What cannot be removed cannot be opened either, and is passed by.
        let _ = std::fs::remove_file(folder.join(format!("{FILE}{suffix}")));
    }
}
