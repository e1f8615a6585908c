//! A new work tree of a repository, made by the git program.

use codex_base::{AbsPath, os};
use std::io;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

/// Why there is no new work tree. Nothing of it is left, unless git had no time to take it back.
#[derive(Debug, thiserror::Error)]
pub enum WorktreeError {
    #[error("cannot start git")]
    NoGit(#[source] io::Error),
    #[error("git did not end within {limit:?}")]
    TimedOut { limit: Duration },
    /// What git said.
    #[error("git refused: {0}")]
    Refused(String),
}

/// Variables that point git at one repository, whatever the directory says. They are set while a hook runs.
const POINTERS: [&str; 6] = [
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_COMMON_DIR",
    "GIT_OBJECT_DIRECTORY",
    "GIT_PREFIX",
];

/// Checks out the last commit of the repository whose work tree is `repository` into `folder`, detached from any branch.
///
/// `folder` must not exist, or be empty. Takes as long as a checkout does, and no longer than the limit; hooks and filters of the repository run as with git itself.
///
/// # Errors
/// If there is no git, it refuses, or does not end.
pub fn add_detached(repository: &AbsPath, folder: &AbsPath, limit: Duration) -> Result<(), WorktreeError> {
    let mut git = git(repository);
    git.args(["worktree", "add", "--quiet", "--detach"])
        .arg(folder.as_path())
        .arg("HEAD");
    let output = os::output_within(&mut git, limit).map_err(|error| match error.kind() {
        io::ErrorKind::TimedOut => WorktreeError::TimedOut { limit },
        _ => WorktreeError::NoGit(error),
    })?;
    answered(output).map(drop).map_err(WorktreeError::Refused)
}

/// Git in the repository of this folder, whatever the environment says.
pub(crate) fn git(folder: &AbsPath) -> Command {
    let mut git = Command::new("git");
    for name in POINTERS {
        git.env_remove(name);
    }
    git.arg("-C").arg(folder.as_path()).stdin(Stdio::null());
    git
}

/// What git wrote, or why it refused.
pub(crate) fn answered(output: Output) -> Result<Vec<u8>, String> {
    if output.status.success() {
        return Ok(output.stdout);
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let last = said.lines().rfind(|line| !line.trim().is_empty()).unwrap_or("no reason given");
    Err(last.trim_start_matches("fatal: ").to_owned())
}
