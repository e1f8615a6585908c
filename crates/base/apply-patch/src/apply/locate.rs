//! Where the paths of a plan really lie, and whether they may be written there.
//!
//! Follows symbolic links once, here; what is found is opened later without following any, so a link that appears in between is an
//! error and not a way out.

use super::ApplyError;
use super::steps::{Step, Work};
use crate::{Refusal, WriteScope};
use codex_base::AbsPath;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// A step with its place: `name` in the folder `below` the folder `root`.
#[derive(Debug)]
pub struct Located<'p> {
    pub step: Step<'p>,
    pub root: AbsPath,
    pub below: PathBuf,
    pub name: OsString,
}

pub fn located<'p>(steps: Vec<Step<'p>>, scope: &WriteScope) -> Result<Vec<Located<'p>>, ApplyError> {
    let scope = real_scope(scope);
    let mut seen: BTreeMap<AbsPath, AbsPath> = BTreeMap::new();
    let mut all = Vec::with_capacity(steps.len());
    for step in steps {
        let path = step.path.clone();
        let refused = |why| ApplyError::Refused { path: path.clone(), why };
        // Also by its spelling: a protected name that is a link to elsewhere is protected itself.
        if let Err(why @ Refusal::Protected { .. }) = scope.root_of(&path) {
            return Err(refused(why));
        }
        let real = real_path(&path, step.work)?;
        let root = scope.root_of(&real).map_err(refused)?;
        if let Some(first) = seen.insert(real.clone(), path.clone()) {
            return Err(ApplyError::SameFile { first, second: path });
        }
        all.push(entry(step, root, &real)?);
    }
    Ok(all)
}

fn entry<'p>(step: Step<'p>, root: AbsPath, real: &AbsPath) -> Result<Located<'p>, ApplyError> {
    let parts = real.parent().zip(real.file_name()).and_then(|(parent, name)| {
        let below = parent.strip_prefix(root.as_path()).ok()?.to_owned();
        Some((below, name.to_owned()))
    });
    let (below, name) = parts.ok_or_else(|| ApplyError::io("look up", step.path)(io::ErrorKind::IsADirectory.into()))?;
    Ok(Located { step, root, below, name })
}

/// The scope with its links followed; what does not exist stays as spelled if protected, and is dropped if writable.
fn real_scope(scope: &WriteScope) -> WriteScope {
    match scope {
        WriteScope::Everywhere => WriteScope::Everywhere,
        WriteScope::Roots { writable, protected } => {
            let writable = writable.iter().filter_map(|path| canonical(path).ok()).collect();
            let both = |path: &AbsPath| [Some(path.clone()), real_parent(path).ok()];
            let mut protected: Vec<AbsPath> = protected.iter().flat_map(|path| both(path).into_iter().flatten()).collect();
            protected.extend(protected.clone().iter().filter_map(|path| canonical(path).ok()));
            WriteScope::Roots { writable, protected }
        }
    }
}

fn canonical(path: &Path) -> io::Result<AbsPath> {
    AbsPath::new(fs::canonicalize(path)?).map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))
}

/// What is written is the file behind a link; what is removed is the link.
fn real_path(path: &AbsPath, work: Work<'_>) -> Result<AbsPath, ApplyError> {
    let failed = ApplyError::io("look up", path);
    let is_link = fs::symlink_metadata(path).is_ok_and(|facts| facts.is_symlink());
    match work {
        Work::Write { .. } | Work::Keep if is_link => canonical(path).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => ApplyError::Refused {
                path: path.clone(),
                why: Refusal::DanglingLink,
            },
            _ => failed(error),
        }),
        Work::Write { .. } | Work::Keep | Work::Remove => real_parent(path).map_err(failed),
    }
}

/// `path` with the links of its parents followed, as far as they exist.
fn real_parent(path: &AbsPath) -> io::Result<AbsPath> {
    for ancestor in path.ancestors().skip(1) {
        match canonical(&ancestor) {
            Ok(real) => return Ok(real.join(path.strip_prefix(ancestor.as_path()).unwrap_or(path))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(path.clone())
}
