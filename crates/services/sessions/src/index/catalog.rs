//! The tables, brought up to date with the folders, and the search in them.
//!
//! A folder whose time is as it was, and was old enough when it was read, holds what it held. Of a file only its head is kept, which does not
//! change; a session whose first words were not there yet is read again.

use super::found::{File, Found};
use crate::line;
use crate::list::{DayFolder, day_entries, day_folders, order, summary};
use crate::relations::Relation;
use crate::{Query, SessionSummary, names};
use codex_base::{AbsPath, Timestamp};
use codex_protocol::items::{SessionSource, SubAgentKind};
use codex_protocol::requests::ThreadSortKey;
use rusqlite::{Connection, Transaction, TransactionBehavior, params, params_from_iter};
use std::collections::{HashMap, HashSet};
use std::fs;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A search for the last session walks the whole index of places, so that holds numbers instead of what all sessions of a folder share.
pub const TABLES: &str = "
    CREATE TABLE folders (
        number INTEGER PRIMARY KEY, path TEXT NOT NULL UNIQUE, home TEXT NOT NULL, archived INTEGER NOT NULL,
        changed INTEGER NOT NULL, settled INTEGER NOT NULL
    );
    CREATE TABLE sessions (
        folder INTEGER NOT NULL, file TEXT NOT NULL, cwd TEXT NOT NULL, kind TEXT NOT NULL,
        id TEXT NOT NULL, parent TEXT, source TEXT, preview TEXT, meta TEXT NOT NULL, PRIMARY KEY (folder, file)
    ) WITHOUT ROWID;
    CREATE INDEX sessions_by_place ON sessions (cwd, kind);
    CREATE INDEX sessions_by_relation ON sessions (folder, id, parent, source) WHERE parent IS NOT NULL OR source IS NOT NULL;
";

/// Clocks of file systems are coarse: a folder that changed just before it was read may change again without its time showing it.
const SETTLED_AFTER: Duration = Duration::from_secs(2);

/// The tables as of now, in a transaction that is not over.
pub struct Catalog<'a> {
    transaction: Transaction<'a>,
    home: AbsPath,
    folders: HashMap<i64, Folder>,
}

/// A folder of the home, as the tables have it.
#[derive(Debug, Clone)]
struct Folder {
    number: i64,
    path: String,
    archived: bool,
    changed: i64,
    settled: bool,
}

/// What the tables do not know yet.
struct Work<'f> {
    /// Folders to read, with the times that they have.
    stale: Vec<(&'f DayFolder, i64)>,
    /// Numbers of those that are no more.
    gone: Vec<i64>,
}

impl<'f> Work<'f> {
    fn between(known: &HashMap<String, Folder>, found: &'f [DayFolder]) -> Self {
        let mut gone: HashMap<&str, i64> = known.values().map(|folder| (folder.path.as_str(), folder.number)).collect();
        let mut stale = Vec::new();
        for folder in found {
            let path = text(&folder.path);
            gone.remove(path.as_str());
            let Some(changed) = fs::metadata(&folder.path).and_then(|facts| facts.modified()).ok().map(nanos) else {
                continue;
            };
            if !known.get(&path).is_some_and(|known| known.settled && known.changed == changed) {
                stale.push((folder, changed));
            }
        }
        Self {
            stale,
            gone: gone.into_values().collect(),
        }
    }

    fn is_empty(&self) -> bool {
        self.stale.is_empty() && self.gone.is_empty()
    }
}

impl<'a> Catalog<'a> {
    /// Reads what is new in the folders of `home`.
    pub fn caught_up(connection: &'a Connection, home: &AbsPath) -> rusqlite::Result<Self> {
        let found = day_folders(home);
        // Reading alone takes no lock that another process would meet.
        let (catalog, work) = Self::begin(connection, TransactionBehavior::Deferred, home, &found)?;
        if work.is_empty() {
            return Ok(catalog);
        }
        drop(catalog);
        let (mut catalog, work) = Self::begin(connection, TransactionBehavior::Immediate, home, &found)?;
        catalog.catch_up(work)?;
        Ok(catalog)
    }

    /// The tables as they are, and what they do not know yet of `found`.
    fn begin<'f>(
        connection: &'a Connection,
        behavior: TransactionBehavior,
        home: &AbsPath,
        found: &'f [DayFolder],
    ) -> rusqlite::Result<(Self, Work<'f>)> {
        let transaction = Transaction::new_unchecked(connection, behavior)?;
        let known = known_folders(&transaction, home)?;
        let work = Work::between(&known, found);
        let catalog = Self {
            transaction,
            home: home.clone(),
            folders: known.into_values().map(|folder| (folder.number, folder)).collect(),
        };
        Ok((catalog, work))
    }

    fn catch_up(&mut self, work: Work<'_>) -> rusqlite::Result<()> {
        for number in work.gone {
            self.change("DELETE FROM sessions WHERE folder = ?", [number])?;
            self.change("DELETE FROM folders WHERE number = ?", [number])?;
            self.folders.remove(&number);
        }
        for (folder, changed) in work.stale {
            let read = self.read_folder(folder, changed)?;
            self.folders.insert(read.number, read);
        }
        Ok(())
    }

    fn read_folder(&self, folder: &DayFolder, changed: i64) -> rusqlite::Result<Folder> {
        let path = text(&folder.path);
        let mut settled = nanos(SystemTime::now()).saturating_sub(changed) > i64::try_from(SETTLED_AFTER.as_nanos()).unwrap_or(i64::MAX);
        let number = self.number_of(&path, folder.archived)?;
        let mut statement = self.transaction.prepare_cached("SELECT file FROM sessions WHERE folder = ?")?;
        let mut known: HashSet<String> = statement.query_map([number], |row| row.get(0))?.collect::<Result<_, _>>()?;
        for file in day_entries(folder.path.clone()) {
            let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if known.remove(&name) {
                continue;
            }
            match summary(file) {
                Some(session) => self.insert(number, &name, folder.archived, &session)?,
                // Its head may come later.
                None => settled = false,
            }
        }
        for name in known {
            self.change("DELETE FROM sessions WHERE folder = ? AND file = ?", params![number, name])?;
        }
        let note = "UPDATE folders SET changed = ?, settled = ? WHERE number = ?";
        self.change(note, params![changed, settled, number])?;
        Ok(Folder {
            number,
            path,
            archived: folder.archived,
            changed,
            settled,
        })
    }

    /// The number of a folder, which gets one if it has none, also when another process has just given it one.
    fn number_of(&self, path: &str, archived: bool) -> rusqlite::Result<i64> {
        let enter = "INSERT OR IGNORE INTO folders (path, home, archived, changed, settled) VALUES (?, ?, ?, 0, 0)";
        self.change(enter, params![path, text(&self.home), archived])?;
        let mut number = self.transaction.prepare_cached("SELECT number FROM folders WHERE path = ?")?;
        number.query_row([path], |row| row.get(0))
    }

    fn insert(&self, folder: i64, file: &str, archived: bool, session: &SessionSummary) -> rusqlite::Result<()> {
        let Some(meta) = line::head_text(&session.meta) else {
            return Ok(());
        };
        let Relation { id, parent, source, .. } = Relation::of(&session.meta, archived);
        let (cwd, kind) = (text(&session.meta.cwd), source_word(session.meta.source));
        self.change(
            "INSERT OR REPLACE INTO sessions VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            params![folder, file, cwd, kind, id, parent, source, session.preview, meta],
        )
    }

    fn change(&self, statement: &str, values: impl rusqlite::Params) -> rusqlite::Result<()> {
        self.transaction.prepare_cached(statement)?.execute(values).map(drop)
    }

    /// The sessions that `query` wants.
    pub fn find(&self, query: &Query) -> rusqlite::Result<Vec<SessionSummary>> {
        let candidates = self.candidates(query)?;
        let mut files = match query.order {
            ThreadSortKey::UpdatedAt => candidates.with_times(),
            ThreadSortKey::CreatedAt => candidates.without_times(),
        };
        order(&mut files, query, |a, b| a.name.cmp(b.name), |file| file.written);
        let mut names = names(&self.home);
        let mut found = Vec::new();
        for file in files {
            if query.limit.is_some_and(|limit| found.len() >= limit) {
                break;
            }
            let Some(mut session) = self.session(&file)? else {
                continue;
            };
            session.name = names.remove(&session.meta.id);
            if query.wants(&session) {
                found.push(session);
            }
        }
        Ok(found)
    }

    /// Which sessions belong to which, as [`relations`](crate::relations::relations) tells it from the files.
    pub fn relations(&self) -> rusqlite::Result<Vec<Relation>> {
        let mut statement = self
            .transaction
            .prepare_cached("SELECT folder, id, parent, source FROM sessions WHERE parent IS NOT NULL OR source IS NOT NULL")?;
        let mut rows = statement.query([])?;
        let mut relations = Vec::new();
        while let Some(row) = rows.next()? {
            let Some(folder) = self.folders.get(&row.get(0)?) else {
                continue;
            };
            relations.push(Relation {
                id: row.get(1)?,
                archived: folder.archived,
                parent: row.get(2)?,
                source: row.get(3)?,
            });
        }
        relations.sort();
        Ok(relations)
    }

    /// Those of the right place, directory and source.
    fn candidates(&self, query: &Query) -> rusqlite::Result<Found> {
        let marks = |count: usize| vec!["?"; count].join(", ");
        let wanted = |source: SessionSource| query.sources.iter().any(|kind| kind.matches(source));
        let kinds: Vec<&str> = SOURCES
            .iter()
            .filter(|(source, _)| wanted(*source))
            .map(|(_, word)| *word)
            .collect();
        let mut conditions = Vec::new();
        let mut values = Vec::new();
        if !query.cwds.is_empty() {
            conditions.push(format!("cwd IN ({})", marks(query.cwds.len())));
            values.extend(query.cwds.iter().map(text));
        }
        if !query.sources.is_empty() {
            conditions.push(format!("kind IN ({})", marks(kinds.len())));
            values.extend(kinds.iter().map(|kind| (*kind).to_owned()));
        }
        let mut sql = "SELECT folder, file FROM sessions INDEXED BY sessions_by_place".to_owned();
        if !conditions.is_empty() {
            sql += &format!(" WHERE {}", conditions.join(" AND "));
        }
        let mut statement = self.transaction.prepare_cached(&sql)?;
        let mut rows = statement.query(params_from_iter(values))?;
        let mut found = Found::default();
        while let Some(row) = rows.next()? {
            if let Some(folder) = self.folders.get(&row.get(0)?).filter(|folder| folder.archived == query.archived) {
                found.push(folder.number, &folder.path, row.get_ref(1)?.as_str()?);
            }
        }
        Ok(found)
    }

    /// `None` when the file has just gone.
    fn session(&self, file: &File<'_>) -> rusqlite::Result<Option<SessionSummary>> {
        let Ok(path) = AbsPath::new(format!("{}/{}", file.folder, file.name)) else {
            return Ok(None);
        };
        let mut head = self
            .transaction
            .prepare_cached("SELECT preview, meta FROM sessions WHERE folder = ? AND file = ?")?;
        let (preview, meta): (Option<String>, String) =
            head.query_row(params![file.number, file.name], |row| Ok((row.get(0)?, row.get(1)?)))?;
        if preview.is_none() {
            return Ok(summary(path));
        }
        let written = match file.written == UNIX_EPOCH {
            true => fs::metadata(&path).and_then(|facts| facts.modified()).ok(),
            false => Some(file.written),
        };
        let (Some(written), Some(meta)) = (written, line::head_from(&meta)) else {
            return Ok(None);
        };
        Ok(Some(SessionSummary {
            path,
            meta,
            name: None,
            preview,
            updated_at: Timestamp::try_from(written).map(whole_seconds).unwrap_or_default(),
        }))
    }

    /// Keeps what was learnt.
    pub fn store(self) -> rusqlite::Result<()> {
        self.transaction.commit()
    }
}

fn whole_seconds(at: Timestamp) -> Timestamp {
    Timestamp::from_second(at.as_second()).unwrap_or(at)
}

/// By path.
fn known_folders(connection: &Connection, home: &AbsPath) -> rusqlite::Result<HashMap<String, Folder>> {
    let mut statement = connection.prepare_cached("SELECT number, path, archived, changed, settled FROM folders WHERE home = ?")?;
    let rows = statement.query_map([text(home)], |row| {
        let folder = Folder {
            number: row.get(0)?,
            path: row.get(1)?,
            archived: row.get(2)?,
            changed: row.get(3)?,
            settled: row.get(4)?,
        };
        Ok((folder.path.clone(), folder))
    })?;
    rows.collect()
}

fn text(path: &AbsPath) -> String {
    path.to_string_lossy().into_owned()
}

fn nanos(time: SystemTime) -> i64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)
}

/// A word for each source of a session.
const SOURCES: [(SessionSource, &str); 9] = [
    (SessionSource::Cli, "cli"),
    (SessionSource::Vscode, "vscode"),
    (SessionSource::Exec, "exec"),
    (SessionSource::AppServer, "appServer"),
    (SessionSource::SubAgent(SubAgentKind::Review), "review"),
    (SessionSource::SubAgent(SubAgentKind::Compact), "compact"),
    (SessionSource::SubAgent(SubAgentKind::ThreadSpawn), "spawn"),
    (SessionSource::SubAgent(SubAgentKind::Other), "other"),
    (SessionSource::Unknown, "unknown"),
];

fn source_word(wanted: SessionSource) -> &'static str {
    let found = SOURCES.iter().find(|(source, _)| *source == wanted);
    found.map_or("unknown", |(_, word)| word)
}
