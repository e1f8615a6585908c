//! A stored session by id or name, read without a lock.

use crate::environment;
use codex_base::AbsPath;
use codex_exec::ExecError;
use codex_rpc::lookup;
use codex_sessions::{JournalError, Loaded};

pub struct Stored {
    pub home: AbsPath,
    pub path: AbsPath,
    pub loaded: Loaded,
}

/// Finds and reads a session.
///
/// # Errors
/// `session.not_found`, or why its journal cannot be read.
pub fn open(session: &str) -> Result<Stored, ExecError> {
    let surroundings = environment::read()?;
    let home = surroundings.process.codex_home;
    let path = locate(&home, session)?;
    let loaded = codex_sessions::read(&path).map_err(|error| journal_error(&error))?;
    Ok(Stored { home, path, loaded })
}

fn locate(home: &AbsPath, session: &str) -> Result<AbsPath, ExecError> {
    // A name may be no possible id.
    let file = |id: &str| codex_sessions::find_anywhere(home, id).ok().flatten();
    if lookup::is_uuid(session) {
        let id = session.to_ascii_lowercase();
        return file(&id).ok_or_else(|| journal_error(&codex_sessions::not_found(home, &id)));
    }
    if let Some(path) = file(session) {
        return Ok(path);
    }
    let names = codex_sessions::names(home);
    let mut called = names.iter().filter(|(_, name)| *name == session);
    called.find_map(|(id, _)| file(id)).ok_or_else(|| {
        let ids = codex_sessions::ids(home);
        let known = ids.iter().map(|id| (id.as_str(), names.get(id).map(String::as_str)));
        ExecError::new("session.not_found", format!("no session has the id or name {session:?}")).with_hint(lookup::hint(session, known))
    })
}

pub fn journal_error(error: &JournalError) -> ExecError {
    ExecError {
        hint: error.hint(),
        ..ExecError::new(error.code(), error.with_cause())
    }
}
