//! Facts about a git repository, read from its files without starting git; what changed in it ([`changes`]) and new work trees ([`worktree`]), with git.
//!
//! Input: a directory. Output: where its work tree begins, what is checked out, and its remotes ([`RepoFacts`]). All functions block on the
//! file system and read at most a few bounded files. What is not understood is missing from the answer, never an error.

pub mod changes;
mod config;
pub mod worktree;

use codex_base::{AbsPath, os};
use config::remotes;
use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Read};

/// What is known of the repository around a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RepoFacts {
    /// The top of the work tree: the directory that holds `.git`.
    pub root: AbsPath,
    /// The top of the main work tree: differs from `root` in a linked work tree.
    pub main_root: AbsPath,
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

/// Facts about the repository that `cwd` lies in; `None` outside one, or when its `.git` leads nowhere.
///
/// Branches in the `reftable` format are not read: `branch` and `commit` are then missing.
pub fn facts(cwd: &AbsPath) -> Option<RepoFacts> {
    let root = cwd.ancestors().find(is_work_tree)?;
    let git_dir = git_dir(&root)?;
    let common_dir = common_dir(&git_dir);
    let main_root = if common_dir == git_dir {
        Some(root.clone())
    } else {
        main_root(&common_dir)
    };
    let (branch, commit) = head(&git_dir, &common_dir);
    let remotes = read_text(&common_dir.join("config"), CONFIG_BYTES_MAX)
        .map(|text| remotes(&text))
        .unwrap_or_default();
    Some(RepoFacts {
        main_root: main_root.unwrap_or_else(|| root.clone()),
        root,
        branch,
        commit,
        remotes,
    })
}

/// Whether `cwd` or an ancestor holds a `.git` that is a file, or a directory with a `HEAD` entry.
///
/// An empty `.git` directory or a bare repository does not count (observed of the reference).
pub fn is_repository(cwd: &AbsPath) -> bool {
    cwd.ancestors().any(|directory| is_work_tree(&directory))
}

fn is_work_tree(directory: &AbsPath) -> bool {
    let dot_git = directory.join(".git");
    match fs::metadata(&dot_git) {
        Ok(found) if found.is_file() => true,
        Ok(found) => found.is_dir() && fs::symlink_metadata(dot_git.join("HEAD")).is_ok(),
        Err(_) => false,
    }
}

/// `.git` itself, or the directory that a `.git` file names (linked work trees, submodules).
fn git_dir(root: &AbsPath) -> Option<AbsPath> {
    let dot_git = root.join(".git");
    if fs::metadata(&dot_git).is_ok_and(|found| found.is_dir()) {
        return Some(dot_git);
    }
    let text = read_text(&dot_git, SMALL_BYTES_MAX)?;
    Some(root.join(text.strip_prefix("gitdir:")?.trim()))
}

/// Where branches and the configuration lie; differs from `git_dir` in a linked work tree.
fn common_dir(git_dir: &AbsPath) -> AbsPath {
    match read_text(&git_dir.join("commondir"), SMALL_BYTES_MAX) {
        Some(text) => git_dir.join(text.trim()),
        None => git_dir.clone(),
    }
}

/// The work tree that a common directory belongs to; none for a bare repository.
fn main_root(common_dir: &AbsPath) -> Option<AbsPath> {
    if common_dir.file_name()? == ".git" {
        common_dir.parent()
    } else {
        None
    }
}

/// The branch and the commit that are checked out.
fn head(git_dir: &AbsPath, common_dir: &AbsPath) -> (Option<String>, Option<String>) {
    let Some(text) = read_text(&git_dir.join("HEAD"), SMALL_BYTES_MAX) else {
        return (None, None);
    };
    match symbolic(&text) {
        // What a repository in the reftable format has there, so that older programs do not think it has none.
        Some("refs/heads/.invalid") => (None, None),
        Some(name) => (name.strip_prefix("refs/heads/").map(str::to_owned), resolve(name, common_dir)),
        None => (None, object_id(&text)),
    }
}

/// Links from ref to ref that are followed, as many as git itself follows.
const LINKS_MAX: usize = 5;

/// The commit of a ref: its own file wins over the packed list.
fn resolve(name: &str, common_dir: &AbsPath) -> Option<String> {
    let mut name = name.to_owned();
    for _ in 0..LINKS_MAX {
        if !is_ref_name(&name) {
            return None;
        }
        let Some(text) = read_text(&common_dir.join(&name), SMALL_BYTES_MAX) else {
            return packed(&name, common_dir);
        };
        match symbolic(&text) {
            Some(next) => name = next.to_owned(),
            None => return object_id(&text),
        }
    }
    None
}

fn packed(name: &str, common_dir: &AbsPath) -> Option<String> {
    let file = os::open_regular(&common_dir.join("packed-refs")).ok()?;
    let mut lines = BufReader::new(file.take(PACKED_BYTES_MAX)).lines().map_while(Result::ok);
    lines.find_map(|line| {
        line.split_once(' ')
            .filter(|(_, packed)| *packed == name)
            .and_then(|(id, _)| object_id(id))
    })
}

/// The name in `ref: <name>`.
fn symbolic(text: &str) -> Option<&str> {
    text.strip_prefix("ref:").map(str::trim)
}

/// A name that stays inside the repository.
fn is_ref_name(name: &str) -> bool {
    name.starts_with("refs/") && !name.split('/').any(|part| part.is_empty() || part.starts_with('.'))
}

/// SHA-1 or SHA-256 in hex.
fn object_id(text: &str) -> Option<String> {
    let id = text.trim();
    (matches!(id.len(), 40 | 64) && id.bytes().all(|byte| byte.is_ascii_hexdigit())).then(|| id.to_ascii_lowercase())
}

const SMALL_BYTES_MAX: u64 = 64 * 1024;
const CONFIG_BYTES_MAX: u64 = 1024 * 1024;
/// About 200 000 refs.
const PACKED_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// The text of a regular file, at most `bytes_max` of it.
fn read_text(path: &AbsPath, bytes_max: u64) -> Option<String> {
    let mut bytes = Vec::new();
    os::open_regular(path).ok()?.take(bytes_max).read_to_end(&mut bytes).ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests;
