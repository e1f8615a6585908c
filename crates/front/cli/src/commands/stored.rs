//! A stored session by id or name, read without a lock.

use crate::environment;
use codex_base::AbsPath;
use codex_exec::ExecError;
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
    if let Some(path) = file(session) {
        return Ok(path);
    }
    let names = codex_sessions::names(home);
    let mut called = names.iter().filter(|(_, name)| *name == session);
    called.find_map(|(id, _)| file(id)).ok_or_else(|| {
        let error = ExecError::new("session.not_found", format!("no session has the id or name {session:?}"));
        match codex_base::nearest(session, names.values().map(String::as_str)) {
            Some(name) => error.with_hint(format!("did you mean {name:?}?")),
            None => error.with_hint("codex sessions --all lists them"),
        }
    })
}

pub fn journal_error(error: &JournalError) -> ExecError {
    ExecError::new(error.code(), error.with_cause())
}
