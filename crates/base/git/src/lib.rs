//! Facts about a git repository, read from its files without starting git.
//!
//! Input: a directory. Output: where its work tree begins, what is checked out, and its remotes ([`RepoFacts`]). All functions block on the
//! file system and read at most a few bounded files. What is not understood is missing from the answer, never an error.

use codex_base::AbsPath;
use std::collections::BTreeMap;

/// What is known of the repository around a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RepoFacts {
    /// The top of the work tree: the directory that holds `.git`.
    pub root: AbsPath,
    /// The top of the main work tree: differs from `root` in a linked work tree.
    pub main_root: AbsPath,
    /// Where HEAD and the index of this work tree lie.
    pub git_dir: AbsPath,
    /// The branch that is checked out, also before its first commit; `None` when HEAD is detached.
    pub branch: Option<String>,
    /// Hex id of the commit that is checked out; `None` before the first one.
    pub commit: Option<String>,
    /// Fetch URL of each remote by name, as configured, without credentials.
    pub remotes: BTreeMap<String, String>,
}

impl RepoFacts {
    /// The URL of `origin`.
    pub fn origin_url(&self) -> Option<&str> {
        self.remotes.get("origin").map(String::as_str)
    }
}

/// Facts about the repository that `cwd` lies in.
pub fn facts(cwd: &AbsPath) -> Option<RepoFacts> {
    let _ = cwd;
    None
}

/// Whether `cwd` or an ancestor holds a `.git` that is a file, or a directory with a `HEAD` entry.
///
/// An empty `.git` directory or a bare repository does not count (observed of the reference).
pub fn is_repository(cwd: &AbsPath) -> bool {
    cwd.ancestors().any(|directory| is_work_tree(&directory))
}

fn is_work_tree(directory: &AbsPath) -> bool {
    let dot_git = directory.join(".git");
    match std::fs::metadata(&dot_git) {
        Ok(found) if found.is_file() => true,
        Ok(found) => found.is_dir() && std::fs::symlink_metadata(dot_git.join("HEAD")).is_ok(),
        Err(_) => false,
    }
}
