//! The tables, brought up to date with the folders, and the search in them.
//!
//! A folder whose time is as it was, and was old enough when it was read, holds what it held. Of a file only its head is kept, which does not
//! change; a session whose first words were not there yet is read again.

use super::found::Found;
use crate::line;
use crate::list::{DayFolder, day_entries, day_folders, order, summary};
use crate::relations::Relation;
use crate::{Query, SessionSummary, names};
use codex_base::{AbsPath, Timestamp};
use codex_protocol::requests::{ThreadSortKey, ThreadSourceKind};
use rusqlite::{Connection, Transaction, TransactionBehavior, params, params_from_iter};
use std::collections::{HashMap, HashSet};
use std::fs;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

pub const TABLES: &str = "
    CREATE TABLE folders (path TEXT PRIMARY KEY, home TEXT NOT NULL, changed INTEGER NOT NULL, settled INTEGER NOT NULL) WITHOUT ROWID;
    CREATE TABLE sessions (
        folder TEXT NOT NULL, file TEXT NOT NULL, home TEXT NOT NULL, archived INTEGER NOT NULL, cwd TEXT NOT NULL, kind TEXT NOT NULL,
        id TEXT NOT NULL, parent TEXT, source TEXT, preview TEXT, meta TEXT NOT NULL, PRIMARY KEY (folder, file)
    ) WITHOUT ROWID;
    CREATE INDEX sessions_by_place ON sessions (home, archived, cwd, kind);
    CREATE INDEX sessions_by_relation ON sessions (home, archived, id, parent, source) WHERE parent IS NOT NULL OR source IS NOT NULL;
";

/// Clocks of file systems are coarse: a folder that changed just before it was read may change again without its time showing it.
const SETTLED_AFTER: Duration = Duration::from_secs(2);

/// The tables as of now, in a transaction that is not over.
pub struct Catalog<'a> {
    transaction: Transaction<'a>,
    home: AbsPath,
}

impl<'a> Catalog<'a> {
    /// Reads what is new in the folders of `home`.
    pub fn caught_up(connection: &'a mut Connection, home: &AbsPath) -> rusqlite::Result<Self> {
        let known = known_folders(connection, home)?;
        let found = day_folders(home);
        let stale: Vec<(&DayFolder, i64)> = found
            .iter()
            .filter_map(|folder| Some((folder, nanos(fs::metadata(&folder.path).ok()?.modified().ok()?))))
            .filter(|(folder, changed)| known.get(&text(&folder.path)) != Some(&(*changed, true)))
            .collect();
        let gone: Vec<&String> = {
            let here: HashSet<String> = found.iter().map(|folder| text(&folder.path)).collect();
            known.keys().filter(|path| !here.contains(*path)).collect()
        };
        // Reading alone takes no lock that another process would meet.
        let behavior = match stale.is_empty() && gone.is_empty() {
            true => TransactionBehavior::Deferred,
            false => TransactionBehavior::Immediate,
        };
        let catalog = Self {
            transaction: connection.transaction_with_behavior(behavior)?,
            home: home.clone(),
        };
        for path in gone {
            catalog.transaction.execute("DELETE FROM sessions WHERE folder = ?", [path])?;
            catalog.transaction.execute("DELETE FROM folders WHERE path = ?", [path])?;
        }
        for (folder, changed) in stale {
            catalog.read_folder(folder, changed)?;
        }
        Ok(catalog)
    }

    fn read_folder(&self, folder: &DayFolder, changed: i64) -> rusqlite::Result<()> {
        let path = text(&folder.path);
        let mut settled = nanos(SystemTime::now()).saturating_sub(changed) > i64::try_from(SETTLED_AFTER.as_nanos()).unwrap_or(i64::MAX);
        let mut statement = self.transaction.prepare_cached("SELECT file FROM sessions WHERE folder = ?")?;
        let mut known: HashSet<String> = statement.query_map([&path], |row| row.get(0))?.collect::<Result<_, _>>()?;
        for file in day_entries(folder.path.clone()) {
            let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if known.remove(&name) {
                continue;
            }
            match summary(file) {
                Some(session) => self.insert(&path, &name, folder.archived, &session)?,
                // Its head may come later.
                None => settled = false,
            }
        }
        for name in known {
            let mut delete = self
                .transaction
                .prepare_cached("DELETE FROM sessions WHERE folder = ? AND file = ?")?;
            delete.execute([&path, &name])?;
        }
        let mut note = self
            .transaction
            .prepare_cached("INSERT OR REPLACE INTO folders VALUES (?, ?, ?, ?)")?;
        note.execute(params![path, text(&self.home), changed, settled])?;
        Ok(())
    }

    fn insert(&self, folder: &str, file: &str, archived: bool, session: &SessionSummary) -> rusqlite::Result<()> {
        let Some(meta) = line::head_text(&session.meta) else {
            return Ok(());
        };
        let mut insert = self
            .transaction
            .prepare_cached("INSERT OR REPLACE INTO sessions VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")?;
        let relation = Relation::of(&session.meta, archived);
        insert.execute(params![
            folder,
            file,
            text(&self.home),
            archived,
            text(&session.meta.cwd),
            kind(&session.meta),
            relation.id,
            relation.parent,
            relation.source,
            session.preview,
            meta,
        ])?;
        Ok(())
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
            if found.len() >= query.limit {
                break;
            }
            let Some(mut session) = self.session(file.folder, file.name, file.written)? else {
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
        let mut statement = self.transaction.prepare_cached(
            "SELECT id, archived, parent, source FROM sessions WHERE home = ? AND (parent IS NOT NULL OR source IS NOT NULL)",
        )?;
        let rows = statement.query_map([text(&self.home)], |row| {
            Ok(Relation {
                id: row.get(0)?,
                archived: row.get(1)?,
                parent: row.get(2)?,
                source: row.get(3)?,
            })
        })?;
        let mut relations: Vec<Relation> = rows.collect::<Result<_, _>>()?;
        relations.sort();
        Ok(relations)
    }

    /// Those of the right place, directory and source.
    fn candidates(&self, query: &Query) -> rusqlite::Result<Found> {
        let marks = |count: usize| vec!["?"; count].join(", ");
        let kinds: Vec<&str> = query.sources.iter().flat_map(|kind| kind_words(*kind)).copied().collect();
        let mut sql = "SELECT folder, file FROM sessions WHERE home = ? AND archived = ?".to_owned();
        let mut values = vec![text(&self.home), i64::from(query.archived).to_string()];
        if !query.cwds.is_empty() {
            sql += &format!(" AND cwd IN ({})", marks(query.cwds.len()));
            values.extend(query.cwds.iter().map(text));
        }
        if !query.sources.is_empty() {
            sql += &format!(" AND kind IN ({})", marks(kinds.len()));
            values.extend(kinds.iter().map(|kind| (*kind).to_owned()));
        }
        let mut statement = self.transaction.prepare_cached(&sql)?;
        let mut rows = statement.query(params_from_iter(values))?;
        let mut found = Found::default();
        while let Some(row) = rows.next()? {
            found.push(row.get_ref(0)?.as_str()?, row.get_ref(1)?.as_str()?);
        }
        Ok(found)
    }

    /// `None` when the file has just gone.
    fn session(&self, folder: &str, file: &str, written: SystemTime) -> rusqlite::Result<Option<SessionSummary>> {
        let Ok(path) = AbsPath::new(format!("{folder}/{file}")) else {
            return Ok(None);
        };
        let mut head = self
            .transaction
            .prepare_cached("SELECT preview, meta FROM sessions WHERE folder = ? AND file = ?")?;
        let (preview, meta): (Option<String>, String) = head.query_row([folder, file], |row| Ok((row.get(0)?, row.get(1)?)))?;
        if preview.is_none() {
            return Ok(summary(path));
        }
        let written = match written == UNIX_EPOCH {
            true => fs::metadata(&path).and_then(|facts| facts.modified()).ok(),
            false => Some(written),
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

fn known_folders(connection: &Connection, home: &AbsPath) -> rusqlite::Result<HashMap<String, (i64, bool)>> {
    let mut statement = connection.prepare_cached("SELECT path, changed, settled FROM folders WHERE home = ?")?;
    let rows = statement.query_map([text(home)], |row| Ok((row.get(0)?, (row.get(1)?, row.get(2)?))))?;
    rows.collect()
}

fn text(path: &AbsPath) -> String {
    path.to_string_lossy().into_owned()
}

fn nanos(time: SystemTime) -> i64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)
}

/// The narrowest kind of a session's source.
fn kind(meta: &codex_protocol::journal::SessionMeta) -> &'static str {
    let kinds = ALL_KINDS.iter().find(|(kind, _)| kind.matches(meta.source));
    kinds.map_or("unknown", |(_, word)| word)
}

const ALL_KINDS: [(ThreadSourceKind, &str); 9] = [
    (ThreadSourceKind::Cli, "cli"),
    (ThreadSourceKind::Vscode, "vscode"),
    (ThreadSourceKind::Exec, "exec"),
    (ThreadSourceKind::AppServer, "appServer"),
    (ThreadSourceKind::SubAgentReview, "review"),
    (ThreadSourceKind::SubAgentCompact, "compact"),
    (ThreadSourceKind::SubAgentThreadSpawn, "spawn"),
    (ThreadSourceKind::SubAgentOther, "other"),
    (ThreadSourceKind::Unknown, "unknown"),
];

const fn kind_words(kind: ThreadSourceKind) -> &'static [&'static str] {
    match kind {
        ThreadSourceKind::Cli => &["cli"],
        ThreadSourceKind::Vscode => &["vscode"],
        ThreadSourceKind::Exec => &["exec"],
        ThreadSourceKind::AppServer => &["appServer"],
        ThreadSourceKind::SubAgent => &["review", "compact", "spawn", "other"],
        ThreadSourceKind::SubAgentReview => &["review"],
        ThreadSourceKind::SubAgentCompact => &["compact"],
        ThreadSourceKind::SubAgentThreadSpawn => &["spawn"],
        ThreadSourceKind::SubAgentOther => &["other"],
        ThreadSourceKind::Unknown => &["unknown"],
    }
}
