//! Archive, unarchive, delete: a session's file moved or removed under its writer lock.
//!
//! Sub-agents go where the session that they work for goes. The index tells which those are.

use crate::journal::lock;
use crate::list::{archived_path, files_of, find_archived, place_in_sessions};
use crate::relations::{Relation, family};
use crate::{Index, JournalError};
use codex_base::AbsPath;
use codex_base::os::create_private_dir;
use std::fs;
use std::io;

/// Moves a session to `archived_sessions/`, and those of its sub-agents. Answers with the ids of all that were moved, its own first.
///
/// # Errors
/// If there is none, it is archived already, somebody writes it, or a file cannot be moved.
pub fn archive(home: &AbsPath, thread_id: &str, index: &Index) -> Result<Vec<String>, JournalError> {
    crate::list::find_active(home, thread_id)?;
    let family = family_in(home, thread_id, index, Place::Active);
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
pub fn unarchive(home: &AbsPath, thread_id: &str, index: &Index) -> Result<Vec<String>, JournalError> {
    let missing = || JournalError::NotArchived {
        thread_id: thread_id.to_owned(),
    };
    find_archived(home, thread_id)?.ok_or_else(missing)?;
    let family = family_in(home, thread_id, index, Place::Archived);
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
pub fn delete(home: &AbsPath, thread_id: &str, index: &Index) -> Result<Vec<String>, JournalError> {
    let family = deletable(home, thread_id, index)?;
    let locks = family.iter().map(|id| lock(home, id)).collect::<Result<Vec<_>, _>>()?;
    // Sub-agents first: should one of them stay, so does what it belongs to.
    for id in family.iter().rev() {
        for place in [Place::Active, Place::Archived] {
            for file in files_of(home, id, place)? {
                fs::remove_file(&file).map_err(JournalError::write(&file))?;
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
pub fn deletable(home: &AbsPath, thread_id: &str, index: &Index) -> Result<Vec<String>, JournalError> {
    crate::list::find_anywhere(home, thread_id)?.ok_or_else(|| crate::list::not_found(home, thread_id))?;
    let relations = index.relations(home);
    let family = family(&relations, thread_id);
    let refers = |relation: &&Relation| {
        let to_family = relation.source.as_ref().is_some_and(|source| family.contains(source));
        to_family && !family.contains(&relation.id)
    };
    let forks: Vec<String> = relations.iter().filter(refers).map(|relation| relation.id.clone()).collect();
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

/// A session and those of its sub-agents that lie in the same place.
fn family_in(home: &AbsPath, thread_id: &str, index: &Index, place: Place) -> Vec<String> {
    let mut relations = index.relations(home);
    relations.retain(|relation| relation.archived == (place == Place::Archived));
    family(&relations, thread_id)
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
    moved().map_err(JournalError::write(from))
}
