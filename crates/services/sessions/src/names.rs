//! What users called their sessions: `session_index.jsonl`, which only grows.
//!
//! One line is `{"id", "thread_name", "updated_at"}`; the last line of a thread counts, and an empty name is none. Names need not be unique.

use crate::JournalError;
use codex_base::os::{create_private_dir, open_private_append, open_regular};
use codex_base::{AbsPath, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom, Write};

/// Most that is read, from the end: about 100 000 names.
const INDEX_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// Characters of a name at most.
pub const NAME_CHARS_MAX: usize = 200;

#[derive(Deserialize)]
struct NamedThread {
    id: String,
    thread_name: Option<String>,
}

fn index(home: &AbsPath) -> AbsPath {
    home.join("session_index.jsonl")
}

/// The names by thread id. A file that cannot be read holds none.
pub fn names(home: &AbsPath) -> HashMap<String, String> {
    let mut names = HashMap::new();
    let Ok(mut file) = open_regular(&index(home)) else {
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

/// The name as it is kept: without blanks around it.
///
/// # Errors
/// If it is empty, too long, or more than one line.
pub fn checked(name: &str) -> Result<&str, JournalError> {
    let name = name.trim();
    if name.is_empty() {
        return Err(JournalError::NameEmpty);
    }
    if name.chars().count() > NAME_CHARS_MAX || name.chars().any(char::is_control) {
        return Err(JournalError::NameUnfit { max: NAME_CHARS_MAX });
    }
    Ok(name)
}

/// Calls a thread `name` from now on, whether or not it has a file yet.
///
/// # Errors
/// [`JournalError::NameEmpty`], [`JournalError::NameUnfit`] or [`JournalError::Write`].
pub fn set_name(home: &AbsPath, thread_id: &str, name: &str, now: Timestamp) -> Result<String, JournalError> {
    #[derive(Serialize)]
    struct Line<'a> {
        id: &'a str,
        thread_name: &'a str,
        updated_at: String,
    }
    let name = checked(name)?;
    crate::list::check_id(thread_id)?;
    let path = index(home);
    let line = Line {
        id: thread_id,
        thread_name: name,
        updated_at: format!("{now:.9}"),
    };
    let append = || {
        create_private_dir(home)?;
        let mut text = serde_json::to_string(&line)?;
        text.push('\n');
        if !ends_with_newline(&path)? {
            text.insert(0, '\n');
        }
        open_private_append(&path)?.write_all(text.as_bytes())
    };
    append().map_err(JournalError::write(&path))?;
    Ok(name.to_owned())
}

/// A line that was torn off costs only itself.
fn ends_with_newline(path: &AbsPath) -> std::io::Result<bool> {
    let mut file = match open_regular(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(true),
        Err(error) => return Err(error),
    };
    if file.metadata()?.len() == 0 {
        return Ok(true);
    }
    file.seek(SeekFrom::End(-1))?;
    let mut last = [0];
    file.read_exact(&mut last)?;
    Ok(last == *b"\n")
}
