//! Carries out a plan: all of it, or nothing.
//!
//! The order, and what a kill at any moment leaves:
//!
//! 1. every path is resolved and checked against the scope (nothing is touched);
//! 2. missing folders are made, and every new content is written to a temporary file beside its target and synced (a kill leaves the
//!    old files and temporary files);
//! 3. every file that will be replaced or removed is read again: it must hold the bytes the plan was made from;
//! 4. the temporary files change places with their targets, one atomic rename each, then files are moved out of the way that go (a
//!    kill leaves each file whole, old or new; the old contents of those already changed lie in the temporary files);
//! 5. folders are synced, the old contents removed.
//!
//! An error in 2 to 4, or a panic, undoes what was done, last first. Temporary files are named `.codex-patch-…`; those that a killed
//! process left are removed by the next patch that touches their folder, if no patch is at work in it (folders are locked with
//! `flock`; where that does not work, they stay).
//!
//! [`folder::Folder`] is what the steps are made of: directory descriptors on Unix, plain paths elsewhere.

mod folder;
mod locate;
#[cfg(any(not(unix), test))]
mod portable;
mod steps;
mod transaction;
#[cfg(unix)]
mod unix;

pub use folder::mode_of;

use crate::{PatchPlan, Refusal, WriteScope};
use codex_base::AbsPath;
use std::io;
use transaction::Transaction;

#[cfg(not(unix))]
type SystemFolder = portable::PathFolder;
#[cfg(unix)]
type SystemFolder = unix::DescriptorFolder;

/// Why a plan was not carried out. Unless it is [`ApplyError::NotUndone`], every file is as it was.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    #[error("cannot write {path}: {why}")]
    Refused { path: AbsPath, why: Refusal },
    /// Two paths of the patch lead to one file.
    #[error("{second} is the same file as {first}")]
    SameFile { first: AbsPath, second: AbsPath },
    /// Somebody else changed, made or removed the file since the plan was made.
    #[error("{path} was changed meanwhile")]
    ChangedMeanwhile { path: AbsPath },
    /// The cause stands in the text, since models are told the text.
    #[error("failed to {doing} {path}: {error}")]
    Io {
        doing: &'static str,
        path: AbsPath,
        error: io::Error,
    },
    /// After `cause` some paths could not be put back.
    #[error("{cause}; not undone: {}", left.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "))]
    NotUndone { cause: Box<ApplyError>, left: Vec<Left> },
}

impl ApplyError {
    fn io(doing: &'static str, path: &AbsPath) -> impl Fn(io::Error) -> Self {
        let path = path.clone();
        move |error| Self::Io {
            doing,
            path: path.clone(),
            error,
        }
    }
}

/// A path that is not as it was.
#[derive(Debug, thiserror::Error)]
#[error("{path} ({why})")]
pub struct Left {
    pub path: AbsPath,
    pub why: String,
}

/// A moment of an application, for tests that fail or die there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Moment {
    /// Before the n-th file is staged, from 0.
    Stage(usize),
    /// Everything is staged, nothing checked.
    Staged,
    /// Before the n-th rename, from 0.
    Rename(usize),
    /// All renames are done, the old contents are still there.
    Renamed,
}

/// Writes, moves and removes what `plan` says, inside of `roots`.
///
/// A file that is reached through a symbolic link is edited where it really lies, if that is inside of `roots`; the link stays. A
/// deleted or moved link is removed itself. Blocks: every new file is synced.
///
/// # Errors
/// If a path is refused, a file is not as it was planned with, or the system fails; see [`ApplyError`].
pub fn apply(plan: &PatchPlan, roots: &WriteScope) -> Result<(), ApplyError> {
    apply_watched::<SystemFolder>(plan, roots, &mut |_| Ok(()))
}

fn apply_watched<F: folder::Folder>(
    plan: &PatchPlan,
    roots: &WriteScope,
    watch: &mut dyn FnMut(Moment) -> io::Result<()>,
) -> Result<(), ApplyError> {
    let located = locate::located(steps::steps(plan), roots)?;
    let mut transaction = Transaction::<F>::default();
    match transaction.run(located, watch) {
        Ok(()) => {
            transaction.finish();
            Ok(())
        }
        Err(cause) => Err(transaction.undone(cause)),
    }
}

#[cfg(test)]
mod tests;
