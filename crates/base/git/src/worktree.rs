//! A new work tree of a repository, made by the git program.

use codex_base::AbsPath;
use std::io;
use std::process::{Command, Output, Stdio};

/// Why there is no new work tree. Nothing of it is left.
#[derive(Debug, thiserror::Error)]
pub enum WorktreeError {
    #[error("cannot start git")]
    NoGit(#[source] io::Error),
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
/// `folder` must not exist, or be empty. Takes as long as a checkout does; hooks and filters of the repository run as with git itself.
///
/// # Errors
/// If there is no git, or it refuses.
pub fn add_detached(repository: &AbsPath, folder: &AbsPath) -> Result<(), WorktreeError> {
    let mut git = git(repository);
    git.args(["worktree", "add", "--quiet", "--detach"])
        .arg(folder.as_path())
        .arg("HEAD");
    let output = git.output().map_err(WorktreeError::NoGit)?;
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
