//! Finding sessions while reading as little as possible: folder names newest first, then first lines only.
//!
//! Folders are `sessions/YYYY/MM/DD`, files `rollout-YYYY-MM-DDTHH-MM-SS-<thread id>.jsonl` in local time, so the order of names is the
//! order of time and a search can stop at the first hit. Archived files lie side by side in `archived_sessions/`.

use crate::line;
use crate::load::preview_of;
use crate::manage::Place;
use crate::names::names;
use crate::{JournalError, packed};
use codex_base::{AbsPath, Timestamp};
use codex_protocol::journal::{Record, SessionMeta};
use codex_protocol::requests::{SortDirection, ThreadSortKey, ThreadSourceKind};
use std::cmp::Ordering;
use std::collections::HashSet;
use std::fs;
use std::io::{BufRead, Read};
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

/// One stored session, from the head of its file.
#[derive(Debug, Clone, PartialEq)]
pub struct SessionSummary {
    pub path: AbsPath,
    /// Without the instructions and tools that the model was given.
    pub meta: SessionMeta,
    /// What the user called it.
    pub name: Option<String>,
    /// First words of the first message that the user wrote, if it stands near the head.
    pub preview: Option<String>,
    /// When the file was last written.
    pub updated_at: Timestamp,
}

/// Which sessions, in which order. What is empty or `None` filters nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Query {
    /// Those in the archive instead of the others.
    pub archived: bool,
    /// Started in exactly one of these directories.
    pub cwds: Vec<AbsPath>,
    pub sources: Vec<ThreadSourceKind>,
    /// Part of the name or the preview, capitals alike.
    pub search: Option<String>,
    /// Exactly this name.
    pub name: Option<String>,
    pub providers: Vec<String>,
    pub originators: Vec<String>,
    pub excluded: Vec<String>,
    /// Sub-agents of this thread.
    pub parent: Option<String>,
    pub order: ThreadSortKey,
    pub direction: SortDirection,
    /// At most so many.
    pub limit: Option<usize>,
}

impl Query {
    /// Whether a session is wanted, as far as its head tells.
    pub(crate) fn wants(&self, session: &SessionSummary) -> bool {
        let meta = &session.meta;
        let one_of = |wanted: &[String], value: &String| wanted.is_empty() || wanted.contains(value);
        let search = self.search.as_ref().map(|text| text.to_lowercase());
        let found = |text: &Option<String>| match (&search, text) {
            (None, _) => true,
            (Some(search), Some(text)) => text.to_lowercase().contains(search),
            (Some(_), None) => false,
        };
        (self.cwds.is_empty() || self.cwds.contains(&meta.cwd))
            && (self.sources.is_empty() || self.sources.iter().any(|kind| kind.matches(meta.source)))
            && one_of(&self.providers, &meta.model_provider)
            && one_of(&self.originators, &meta.originator)
            && !self.excluded.contains(&meta.id)
            && (self.parent.is_none() || self.parent == meta.parent_thread_id)
            && (self.name.is_none() || self.name == session.name)
            && (found(&session.name) || found(&session.preview))
    }
}

/// The file of a thread, if it has one that is not archived. Looks at names only.
///
/// # Errors
/// [`JournalError::InvalidId`].
pub fn find(home: &AbsPath, thread_id: &str) -> Result<Option<AbsPath>, JournalError> {
    Ok(files_of(home, thread_id, Place::Active)?.into_iter().next())
}

/// The file of a thread in the archive.
///
/// # Errors
/// [`JournalError::InvalidId`].
pub fn find_archived(home: &AbsPath, thread_id: &str) -> Result<Option<AbsPath>, JournalError> {
    Ok(files_of(home, thread_id, Place::Archived)?.into_iter().next())
}

/// The file of a thread, also when it lies in the archive.
///
/// # Errors
/// [`JournalError::InvalidId`].
pub fn find_anywhere(home: &AbsPath, thread_id: &str) -> Result<Option<AbsPath>, JournalError> {
    Ok(match find(home, thread_id)? {
        Some(path) => Some(path),
        None => find_archived(home, thread_id)?,
    })
}

/// The ids of all stored threads, archived ones too, the newest first.
pub fn ids(home: &AbsPath) -> Vec<String> {
    let files = [false, true].map(|archived| paths(home, archived)).concat();
    let mut ids: Vec<String> = files.iter().filter_map(|path| thread_id(path)).map(str::to_owned).collect();
    ids.sort_unstable_by(|a, b| b.cmp(a));
    ids
}

/// There is no such thread, but perhaps one whose id is the same but for a slip or two.
pub fn not_found(home: &AbsPath, thread_id: &str) -> JournalError {
    let ids = ids(home);
    JournalError::NotFound {
        thread_id: thread_id.to_owned(),
        near: codex_base::nearest_within(2, thread_id, ids.iter().map(String::as_str)).map(str::to_owned),
    }
}

/// The file of a thread that can go on.
///
/// # Errors
/// [`JournalError::Archived`], [`JournalError::NotFound`], [`JournalError::InvalidId`].
pub fn find_active(home: &AbsPath, thread_id: &str) -> Result<AbsPath, JournalError> {
    let thread_id = || thread_id.to_owned();
    match find(home, &thread_id())? {
        Some(path) => Ok(path),
        None if find_archived(home, &thread_id())?.is_some() => Err(JournalError::Archived { thread_id: thread_id() }),
        None => Err(not_found(home, &thread_id())),
    }
}

/// All files of a thread in one place; the first is the one that counts.
pub(crate) fn files_of(home: &AbsPath, thread_id: &str, place: Place) -> Result<Vec<AbsPath>, JournalError> {
    check_id(thread_id)?;
    // Only names are compared: paths of thousands of files cost more than reading their folders.
    let its = |folder: AbsPath| {
        entries_called(folder, |name| is_rollout(name) && id_in(name) == Some(thread_id))
            .into_iter()
            .next()
    };
    let first = match place {
        Place::Active => near(home, thread_id).find_map(its).or_else(|| {
            let days = day_folders(home).into_iter().filter(|folder| !folder.archived);
            days.map(|folder| folder.path).find_map(its)
        }),
        Place::Archived => its(home.join("archived_sessions")),
    };
    // A crash while a compressed file was unpacked leaves both; the plain one is whole.
    let twin = first.as_ref().and_then(packed::twin).filter(|twin| twin.exists());
    Ok(first.into_iter().chain(twin).collect())
}

/// The folders of the days around the time that a time-ordered id begins with.
fn near(home: &AbsPath, thread_id: &str) -> impl Iterator<Item = AbsPath> {
    let hex: String = thread_id.chars().filter(|c| *c != '-').take(13).collect();
    let created = match (hex.get(..12), hex.get(12..)) {
        (Some(ms), Some("7")) => i64::from_str_radix(ms, 16).ok().and_then(|ms| Timestamp::from_millisecond(ms).ok()),
        _ => None,
    };
    let sessions = home.join("sessions");
    // Local dates differ from the universal one by a day at most.
    let days = [0, 24, -24].map(|hours| created.and_then(|at| at.checked_add(jiff::SignedDuration::from_hours(hours)).ok()));
    days.into_iter()
        .flatten()
        .map(move |day| sessions.join(day.strftime("%Y/%m/%d").to_string()))
}

/// Stored sessions. What cannot be read is left out.
pub fn list(home: &AbsPath, query: &Query) -> Vec<SessionSummary> {
    let mut names = names(home);
    let mut paths = match &query.name {
        None => paths(home, query.archived),
        Some(wanted) => {
            let place = if query.archived { Place::Archived } else { Place::Active };
            let called = names.iter().filter(|(_, name)| *name == wanted);
            called
                .filter_map(|(id, _)| files_of(home, id, place).ok()?.into_iter().next())
                .collect()
        }
    };
    let written = |path: &AbsPath| fs::metadata(path).and_then(|facts| facts.modified()).unwrap_or(UNIX_EPOCH);
    let mut timed: Vec<(SystemTime, AbsPath)> = match query.order {
        ThreadSortKey::CreatedAt => paths.drain(..).map(|path| (UNIX_EPOCH, path)).collect(),
        ThreadSortKey::UpdatedAt => paths.drain(..).map(|path| (written(&path), path)).collect(),
    };
    let by_name = |(_, a): &(SystemTime, AbsPath), (_, b): &(SystemTime, AbsPath)| a.file_name().cmp(&b.file_name());
    order(&mut timed, query, by_name, |(written, _)| *written);
    let summary = |(_, path)| {
        let mut summary = summary(path)?;
        summary.name = names.remove(&summary.meta.id);
        query.wants(&summary).then_some(summary)
    };
    timed
        .into_iter()
        .filter_map(summary)
        .take(query.limit.unwrap_or(usize::MAX))
        .collect()
}

fn paths(home: &AbsPath, archived: bool) -> Vec<AbsPath> {
    let folders = day_folders(home).into_iter().filter(|folder| folder.archived == archived);
    folders.flat_map(|folder| day_entries(folder.path)).collect()
}

/// Sorts as `query` wants it: by the time in the file's name, or by when it was last written and then by name.
pub(crate) fn order<T>(found: &mut [T], query: &Query, by_name: impl Fn(&T, &T) -> Ordering, written: impl Fn(&T) -> SystemTime) {
    match query.order {
        ThreadSortKey::CreatedAt => found.sort_by(by_name),
        ThreadSortKey::UpdatedAt => found.sort_by(|a, b| written(a).cmp(&written(b)).then_with(|| by_name(a, b))),
    }
    if query.direction == SortDirection::Desc {
        found.reverse();
    }
}

/// An id becomes part of file names: letters, digits, `-` and `_` only.
pub(crate) fn check_id(thread_id: &str) -> Result<(), JournalError> {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if thread_id.is_empty() || thread_id.len() > 128 || !thread_id.chars().all(plain) {
        return Err(JournalError::InvalidId {
            thread_id: thread_id.to_owned(),
        });
    }
    Ok(())
}

const PREFIX: &str = "rollout-";
const TIME_FORM: &str = "YYYY-MM-DDTHH-MM-SS-";

/// The id in a rollout's name.
pub(crate) fn thread_id(path: &Path) -> Option<&str> {
    id_in(path.file_name()?.to_str()?)
}

fn id_in(name: &str) -> Option<&str> {
    let id = name
        .strip_prefix(PREFIX)?
        .trim_end_matches(".zst")
        .strip_suffix(".jsonl")?
        .get(TIME_FORM.len()..)?;
    (!id.is_empty()).then_some(id)
}

/// Where the file of a thread that starts at `now` goes.
pub(crate) fn rollout_path(home: &AbsPath, thread_id: &str, now: Timestamp, timezone: &str) -> AbsPath {
    let local = now.to_zoned(codex_base::zone::named(timezone));
    let name = format!("{PREFIX}{}-{thread_id}.jsonl", local.strftime("%Y-%m-%dT%H-%M-%S"));
    home.join("sessions").join(local.strftime("%Y/%m/%d").to_string()).join(name)
}

/// Where an archived file goes.
pub(crate) fn archived_path(home: &AbsPath, file: &AbsPath) -> AbsPath {
    home.join("archived_sessions").join(file.file_name().unwrap_or_default())
}

/// Where an archived file came from: the folder of the day in its name.
pub(crate) fn place_in_sessions(home: &AbsPath, file: &AbsPath) -> AbsPath {
    let name = file.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let date = name.strip_prefix(PREFIX).unwrap_or_default();
    let day = [date.get(..4), date.get(5..7), date.get(8..10)];
    let folder = day
        .into_iter()
        .fold(home.join("sessions"), |folder, part| folder.join(part.unwrap_or("00")));
    folder.join(name)
}

/// A folder that holds rollouts.
pub(crate) struct DayFolder {
    pub path: AbsPath,
    pub archived: bool,
}

/// Whether there is anything that an index could be made of; without it a home stays as it is.
pub(crate) fn any_folder(home: &AbsPath) -> bool {
    ["sessions", "archived_sessions"].iter().any(|name| home.join(name).is_dir())
}

/// All folders that may hold rollouts, the archive first, then the last day first.
pub(crate) fn day_folders(home: &AbsPath) -> Vec<DayFolder> {
    let below = |parent: AbsPath| entries(&parent, |name| name.bytes().all(|byte| byte.is_ascii_digit()));
    let days = below(home.join("sessions")).into_iter().flat_map(below).flat_map(below);
    let archive = DayFolder {
        path: home.join("archived_sessions"),
        archived: true,
    };
    std::iter::once(archive)
        .chain(days.map(|path| DayFolder { path, archived: false }))
        .collect()
}

/// The rollouts in a folder, last name first, each once.
pub(crate) fn day_entries(folder: AbsPath) -> Vec<AbsPath> {
    entries_called(folder, is_rollout)
}

/// Those whose name is `wanted`; a compressed file beside its plain one is left out.
fn entries_called(folder: AbsPath, wanted: impl Fn(&str) -> bool) -> Vec<AbsPath> {
    let mut files = entries(&folder, wanted);
    let plain: HashSet<Option<AbsPath>> = files.iter().map(packed::twin).collect();
    files.retain(|path| !packed::is_packed(path) || !plain.contains(&Some(path.clone())));
    files
}

fn is_rollout(name: &str) -> bool {
    name.starts_with(PREFIX) && (name.ends_with(".jsonl") || name.ends_with(".jsonl.zst"))
}

/// The entries of a folder whose name is wanted, last name first; none when it cannot be read.
fn entries(folder: &AbsPath, wanted: impl Fn(&str) -> bool) -> Vec<AbsPath> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut names: Vec<String> = entries
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|name| wanted(name))
        .collect();
    names.sort_unstable();
    names.into_iter().rev().map(|name| folder.join(name)).collect()
}

/// Most that is read of one file for a list; the first line of ours has about 20 KiB.
const HEAD_BYTES_MAX: u64 = 1024 * 1024;
/// Lines among which the first message of the user is looked for. It is about the ninth.
const HEAD_LINES_MAX: usize = 40;

pub(crate) fn summary(path: AbsPath) -> Option<SessionSummary> {
    let updated_at = fs::metadata(&path).ok()?.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
    let mut reader = packed::open(&path).ok()?.take(HEAD_BYTES_MAX);
    let Some(Record::SessionMeta(meta)) = next_record(&mut reader) else {
        return None;
    };
    let mut meta = meta;
    meta.base_instructions = String::new();
    meta.base_item = None;
    meta.tools = None;
    let preview = first_words(&mut reader).or_else(|| inherited_words(&path, &meta));
    let updated_at = Timestamp::from_second(i64::try_from(updated_at.as_secs()).ok()?).ok()?;
    Some(SessionSummary {
        path,
        meta: *meta,
        name: None,
        preview,
        updated_at,
    })
}

fn first_words(reader: &mut impl BufRead) -> Option<String> {
    (0..HEAD_LINES_MAX)
        .map_while(|_| next_record(reader))
        .find_map(|record| preview_of(&record))
}

/// Sources that a fork of forks is followed through for its first words.
const SOURCES_MAX: usize = 8;

/// A fork begins with the words of its source.
fn inherited_words(path: &AbsPath, meta: &SessionMeta) -> Option<String> {
    let home = crate::lineage::home_of(path)?;
    let mut source = meta.history_base.as_ref()?.thread_id.clone();
    for _ in 0..SOURCES_MAX {
        let mut reader = packed::open(&find_anywhere(&home, &source).ok()??).ok()?.take(HEAD_BYTES_MAX);
        let Some(Record::SessionMeta(meta)) = next_record(&mut reader) else {
            return None;
        };
        if let Some(words) = first_words(&mut reader) {
            return Some(words);
        }
        source = meta.history_base?.thread_id;
    }
    None
}

/// The next line that is a record; `None` at the end.
fn next_record(reader: &mut impl BufRead) -> Option<Record> {
    let mut text = Vec::new();
    loop {
        text.clear();
        if reader.read_until(b'\n', &mut text).ok()? == 0 {
            return None;
        }
        if let Some(record) = line::from_line(&text).ok().and_then(|line| line.record) {
            return Some(record);
        }
    }
}
