//! Finding sessions while reading as little as possible: folder names newest first, then first lines only.
//!
//! Folders are `sessions/YYYY/MM/DD`, files `rollout-YYYY-MM-DDTHH-MM-SS-<thread id>.jsonl` in local time, so the order of names is the
//! order of time and a search can stop at the first hit.

use crate::JournalError;
use crate::line::{self, Content};
use crate::load::preview_of;
use codex_base::{AbsPath, Timestamp};
use codex_protocol::journal::{Record, SessionMeta};
use serde::Deserialize;
use std::cmp::Reverse;
use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

/// One stored session, from the head of its file.
#[derive(Debug, Clone, PartialEq)]
pub struct SessionSummary {
    pub path: AbsPath,
    pub meta: SessionMeta,
    /// What the user called it.
    pub name: Option<String>,
    /// First words of the first message that the user wrote, if it stands near the head.
    pub preview: Option<String>,
    /// When the file was last written.
    pub updated_at: Timestamp,
}

/// The file of a thread, if it has one. Looks at names only.
///
/// # Errors
/// [`JournalError::InvalidId`].
pub fn find(home: &AbsPath, thread_id: &str) -> Result<Option<AbsPath>, JournalError> {
    check_id(thread_id)?;
    Ok(rollouts(home).find(|path| self::thread_id(path) == Some(thread_id)))
}

/// The file of a thread, also when it lies in the archive.
pub(crate) fn find_anywhere(home: &AbsPath, thread_id: &str) -> Result<Option<AbsPath>, JournalError> {
    let archived = || {
        names(&home.join("archived_sessions"), is_rollout)
            .into_iter()
            .find(|path| self::thread_id(path) == Some(thread_id))
    };
    Ok(find(home, thread_id)?.or_else(archived))
}

/// Stored sessions, newest (by start) first, at most `limit`; with `cwd` only those that were started in exactly that directory.
///
/// What cannot be read is left out.
pub fn list(home: &AbsPath, cwd: Option<&AbsPath>, limit: usize) -> Vec<SessionSummary> {
    summaries(home, rollouts(home), cwd, limit)
}

/// As [`list()`], but the session that was written to last comes first. Looks at the time of every file.
pub fn list_by_update(home: &AbsPath, cwd: Option<&AbsPath>, limit: usize) -> Vec<SessionSummary> {
    let written = |path: &AbsPath| fs::metadata(path).and_then(|facts| facts.modified()).unwrap_or(UNIX_EPOCH);
    let mut timed: Vec<(SystemTime, AbsPath)> = rollouts(home).map(|path| (written(&path), path)).collect();
    timed.sort_by_key(|(written, _)| Reverse(*written));
    summaries(home, timed.into_iter().map(|(_, path)| path), cwd, limit)
}

fn summaries(home: &AbsPath, paths: impl Iterator<Item = AbsPath>, cwd: Option<&AbsPath>, limit: usize) -> Vec<SessionSummary> {
    let mut names = given_names(home);
    let summary = |path| {
        let mut summary = summary(path, cwd)?;
        summary.name = names.remove(&summary.meta.id);
        Some(summary)
    };
    paths.filter_map(summary).take(limit).collect()
}

/// Most that is read of the names, from the end: about 100 000 of them.
const INDEX_BYTES_MAX: u64 = 16 * 1024 * 1024;

#[derive(Deserialize)]
struct NamedThread {
    id: String,
    thread_name: Option<String>,
}

/// The names in `session_index.jsonl`, which only grows: the last line of a thread counts, and an empty name is none.
fn given_names(home: &AbsPath) -> HashMap<String, String> {
    let mut names = HashMap::new();
    let Ok(mut file) = File::open(home.join("session_index.jsonl")) else {
        return names;
    };
    let end = file.metadata().map_or(0, |facts| facts.len());
    if file.seek(SeekFrom::Start(end.saturating_sub(INDEX_BYTES_MAX))).is_err() {
        return names;
    }
    for line in BufReader::new(file.take(INDEX_BYTES_MAX)).split(b'\n').map_while(Result::ok) {
        let Ok(NamedThread { id, thread_name }) = serde_json::from_slice(&line) else {
            continue;
        };
        match thread_name.filter(|name| !name.is_empty()) {
            Some(name) => names.insert(id, name),
            None => names.remove(&id),
        };
    }
    names
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
    let id = path
        .file_name()?
        .to_str()?
        .strip_prefix(PREFIX)?
        .strip_suffix(".jsonl")?
        .get(TIME_FORM.len()..)?;
    (!id.is_empty()).then_some(id)
}

/// Where the file of a thread that starts at `now` goes.
pub(crate) fn rollout_path(home: &AbsPath, thread_id: &str, now: Timestamp, timezone: &str) -> AbsPath {
    let timezone = jiff::tz::TimeZone::get(timezone).unwrap_or(jiff::tz::TimeZone::UTC);
    let local = now.to_zoned(timezone);
    let name = format!("{PREFIX}{}-{thread_id}.jsonl", local.strftime("%Y-%m-%dT%H-%M-%S"));
    home.join("sessions").join(local.strftime("%Y/%m/%d").to_string()).join(name)
}

/// All rollout files, newest name first. Folders are read only when the search gets there.
fn rollouts(home: &AbsPath) -> impl Iterator<Item = AbsPath> {
    let folders = |parent: AbsPath| names(&parent, |name| name.bytes().all(|byte| byte.is_ascii_digit()));
    folders(home.join("sessions"))
        .into_iter()
        .flat_map(folders)
        .flat_map(folders)
        .flat_map(|day| names(&day, is_rollout))
}

fn is_rollout(name: &str) -> bool {
    name.starts_with(PREFIX) && name.ends_with(".jsonl")
}

/// The entries of a folder whose name is wanted, last name first; none when it cannot be read.
fn names(folder: &AbsPath, wanted: impl Fn(&str) -> bool) -> Vec<AbsPath> {
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

fn summary(path: AbsPath, cwd: Option<&AbsPath>) -> Option<SessionSummary> {
    let file = File::open(&path).ok()?;
    let updated_at = file.metadata().ok()?.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
    let mut reader = BufReader::new(file.take(HEAD_BYTES_MAX));
    let Some(Record::SessionMeta(meta)) = next_record(&mut reader) else {
        return None;
    };
    if cwd.is_some_and(|cwd| *cwd != meta.cwd) {
        return None;
    }
    let preview = (0..HEAD_LINES_MAX)
        .map_while(|_| next_record(&mut reader))
        .find_map(|record| preview_of(&record));
    let updated_at = Timestamp::from_second(i64::try_from(updated_at.as_secs()).ok()?).ok()?;
    Some(SessionSummary {
        path,
        meta: *meta,
        name: None,
        preview,
        updated_at,
    })
}

/// The next line that is a record; `None` at the end.
fn next_record(reader: &mut impl BufRead) -> Option<Record> {
    let mut text = Vec::new();
    loop {
        text.clear();
        if reader.read_until(b'\n', &mut text).ok()? == 0 {
            return None;
        }
        if let Ok(line::Line {
            content: Content::Record(record),
            ..
        }) = line::from_line(&text)
        {
            return Some(record);
        }
    }
}
