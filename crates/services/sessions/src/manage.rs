//! Archive, unarchive, delete: a session's file moved or removed under its writer lock.
//!
//! Sub-agents go where the session that they work for goes.

use crate::journal::lock;
use crate::list::{archived_path, files_of, find_archived, place_in_sessions};
use crate::{JournalError, Query, SessionSummary, list};
use codex_base::AbsPath;
use codex_base::os::create_private_dir;
use std::fs;
use std::io;

/// Moves a session to `archived_sessions/`, and those of its sub-agents. Answers with the ids of all that were moved, its own first.
///
/// # Errors
/// If there is none, it is archived already, somebody writes it, or a file cannot be moved.
pub fn archive(home: &AbsPath, thread_id: &str) -> Result<Vec<String>, JournalError> {
    crate::list::find_active(home, thread_id)?;
    let family = family(home, thread_id, Place::Active);
    for id in &family {
        let _lock = lock(home, id)?;
        for file in files_of(home, id, Place::Active)? {
            move_file(&file, &archived_path(home, &file))?;
        }
    }
    Ok(family)
}

/// Moves an archived session back to the folder of its day, and those of its sub-agents.
///
/// # Errors
/// If it is not in the archive, somebody writes it, or a file cannot be moved.
pub fn unarchive(home: &AbsPath, thread_id: &str) -> Result<Vec<String>, JournalError> {
    let missing = || JournalError::NotArchived {
        thread_id: thread_id.to_owned(),
    };
    find_archived(home, thread_id)?.ok_or_else(missing)?;
    let family = family(home, thread_id, Place::Archived);
    for id in &family {
        let _lock = lock(home, id)?;
        for file in files_of(home, id, Place::Archived)? {
            move_file(&file, &place_in_sessions(home, &file))?;
        }
    }
    Ok(family)
}

/// Removes a session for good, archived or not, and its sub-agents.
///
/// Refused while the file of another session refers to its history: removing the file would cut that one off from its beginning, and copying
/// the history into every fork would rewrite files that only grow.
///
/// # Errors
/// If there is none, somebody writes it, forks refer to it, or a file cannot be removed.
pub fn delete(home: &AbsPath, thread_id: &str) -> Result<Vec<String>, JournalError> {
    let family = deletable(home, thread_id)?;
    let locks = family.iter().map(|id| lock(home, id)).collect::<Result<Vec<_>, _>>()?;
    // Sub-agents first: should one of them stay, so does what it belongs to.
    for id in family.iter().rev() {
        for place in [Place::Active, Place::Archived] {
            for file in files_of(home, id, place)? {
                fs::remove_file(&file).map_err(|source| JournalError::Write {
                    path: file.clone(),
                    source,
                })?;
            }
        }
    }
    drop(locks);
    Ok(family)
}

/// The session and its sub-agents, if nothing keeps them from being deleted.
///
/// # Errors
/// If there is none, or forks refer to it.
pub fn deletable(home: &AbsPath, thread_id: &str) -> Result<Vec<String>, JournalError> {
    crate::list::find_anywhere(home, thread_id)?.ok_or_else(|| JournalError::NotFound {
        thread_id: thread_id.to_owned(),
    })?;
    let all: Vec<SessionSummary> = everything(home);
    let family = family_among(&all, thread_id);
    let refers = |session: &&SessionSummary| {
        let base = session.meta.history_base.as_ref();
        base.is_some_and(|base| family.contains(&base.thread_id)) && !family.contains(&session.meta.id)
    };
    let forks: Vec<String> = all.iter().filter(refers).map(|session| session.meta.id.clone()).collect();
    if !forks.is_empty() {
        return Err(JournalError::HasForks {
            thread_id: thread_id.to_owned(),
            forks,
        });
    }
    Ok(family)
}

/// Where a session lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    Active,
    Archived,
}

fn everything(home: &AbsPath) -> Vec<SessionSummary> {
    let query = |archived| Query {
        archived,
        ..Query::default()
    };
    let mut all = list(home, &query(false));
    all.extend(list(home, &query(true)));
    all
}

fn family(home: &AbsPath, thread_id: &str, place: Place) -> Vec<String> {
    let query = Query {
        archived: place == Place::Archived,
        ..Query::default()
    };
    family_among(&list(home, &query), thread_id)
}

/// A session and the sub-agents below it.
fn family_among(all: &[SessionSummary], thread_id: &str) -> Vec<String> {
    let mut family = vec![thread_id.to_owned()];
    let mut at = 0;
    while let Some(parent) = family.get(at).cloned() {
        let works_for = |session: &&SessionSummary| session.meta.parent_thread_id.as_ref() == Some(&parent);
        let children = all.iter().filter(works_for).map(|session| session.meta.id.clone());
        let new: Vec<String> = children.filter(|id| !family.contains(id)).collect();
        family.extend(new);
        at += 1;
    }
    family
}

fn move_file(from: &AbsPath, to: &AbsPath) -> Result<(), JournalError> {
    let moved = || {
        if let Some(folder) = to.parent() {
            create_private_dir(&folder)?;
        }
        if to.exists() {
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, format!("{to} exists already")));
        }
        fs::rename(from, to)
    };
    moved().map_err(|source| JournalError::Write {
        path: from.clone(),
        source,
    })
}
