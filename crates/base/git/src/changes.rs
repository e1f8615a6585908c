//! What a review needs to know of a repository: what is not committed, where a branch was left, what a commit is called. Git is asked.
//!
//! Only plumbing commands that start no other program: no hook, filter, pager, signature check or file watcher of the repository's own
//! configuration runs. So a file whose time stamp alone is new counts as changed. Each question takes as long as git does.

use crate::worktree::{self, answered};
use codex_base::AbsPath;
use std::io;
use std::process::{Command, Output};

/// Why a question about the repository has no answer.
#[derive(Debug, thiserror::Error)]
pub enum ChangesError {
    #[error("cannot start git")]
    NoGit(#[source] io::Error),
    /// The directory lies in no work tree that git knows.
    #[error("{0} is in no git repository")]
    NoRepository(AbsPath),
    #[error("there is no branch or commit {0:?} in this repository")]
    UnknownBranch(String),
    #[error("there is no commit {0:?} in this repository")]
    UnknownCommit(String),
    /// Nothing was ever committed here.
    #[error("this repository has no commit yet")]
    NoCommit,
    #[error("{branch:?} and what is checked out have no commit in common")]
    Unrelated { branch: String },
    /// What git said.
    #[error("git refused: {0}")]
    Refused(String),
}

/// Paths as git writes them, from the top of the work tree.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Changes {
    /// Known to git and different from the commit that was compared with.
    pub tracked: Vec<String>,
    /// Neither known to git nor ignored.
    pub untracked: Vec<String>,
}

impl Changes {
    pub fn is_empty(&self) -> bool {
        self.tracked.is_empty() && self.untracked.is_empty()
    }
}

/// Where the checked-out commit and a branch parted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Base {
    /// Full hex id.
    pub commit: String,
    /// What was compared with: the branch, the branch it follows if that is ahead, or the branch of `origin` if there is no other.
    pub compared_with: String,
}

/// A commit that exists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commit {
    /// Full hex id.
    pub id: String,
    /// The first line of its message.
    pub title: String,
}

/// What is not in the last commit. Before the first one, everything that is staged.
///
/// # Errors
/// If there is no git, or no repository around `cwd`.
pub fn uncommitted(cwd: &AbsPath) -> Result<Changes, ChangesError> {
    expect_work_tree(cwd)?;
    match commit_id(cwd, "HEAD")? {
        Some(head) => changed_since(cwd, &head),
        None => Ok(Changes {
            tracked: paths(cwd, &["ls-files", "-z", "--full-name", "--", ":/"])?,
            untracked: untracked(cwd)?,
        }),
    }
}

/// What the work tree has more or less than `commit`, untracked files included.
///
/// # Errors
/// If there is no git, no repository around `cwd`, or no such commit.
pub fn changed_since(cwd: &AbsPath, commit: &str) -> Result<Changes, ChangesError> {
    const COMPARE: [&str; 4] = ["diff-index", "--name-only", "-z", "--ignore-submodules=dirty"];
    let mut git = without_filters(cwd)?;
    git.args(COMPARE).arg(commit);
    Ok(Changes {
        tracked: names(&checked(git.output().map_err(ChangesError::NoGit)?)?),
        untracked: untracked(cwd)?,
    })
}

/// What is not in the last commit as text in git's form, files that git does not know included.
///
/// A file of those that is no text or longer than 1 MiB is named without its lines.
///
/// # Errors
/// If there is no git, or no repository around `cwd`.
pub fn text(cwd: &AbsPath) -> Result<String, ChangesError> {
    const SHOW: [&str; 5] = ["diff", "--no-color", "--no-ext-diff", "--no-textconv", "--ignore-submodules=dirty"];
    expect_work_tree(cwd)?;
    let mut git = without_filters(cwd)?;
    git.args(SHOW);
    match commit_id(cwd, "HEAD")? {
        Some(head) => git.arg(head),
        None => git.arg("--cached"),
    };
    let tracked = checked(git.output().map_err(ChangesError::NoGit)?)?;
    let mut text = String::from_utf8_lossy(&tracked).into_owned();
    if let Some(top) = answer(cwd, &["rev-parse", "--show-toplevel"])? {
        for path in untracked(cwd)? {
            text += &added(&cwd.join(&top).join(&path), &path);
        }
    }
    Ok(text)
}

/// A file that git does not know, as git would show it.
fn added(file: &AbsPath, path: &str) -> String {
    const BYTES_MAX: u64 = 1 << 20;
    let head = format!("diff --git a/{path} b/{path}\nnew file mode 100644\n");
    let small = file
        .symlink_metadata()
        .is_ok_and(|facts| facts.is_file() && facts.len() <= BYTES_MAX);
    let contents = if small { std::fs::read_to_string(file).ok() } else { None };
    match contents {
        Some(contents) if contents.is_empty() => head,
        Some(contents) => {
            let count = contents.lines().count();
            let lines: String = contents.lines().map(|line| format!("+{line}\n")).collect();
            format!("{head}--- /dev/null\n+++ b/{path}\n@@ -0,0 +1,{count} @@\n{lines}")
        }
        None => format!("{head}Binary files /dev/null and b/{path} differ\n"),
    }
}

/// Git without the filters that are configured: a file as old as the index is compared by content, which would run them.
fn without_filters(cwd: &AbsPath) -> Result<Command, ChangesError> {
    let mut git = git(cwd);
    let mut count = 0;
    for name in filters(cwd)? {
        for (key, value) in [("clean", ""), ("process", ""), ("required", "false")] {
            git.env(format!("GIT_CONFIG_KEY_{count}"), format!("{name}.{key}"));
            git.env(format!("GIT_CONFIG_VALUE_{count}"), value);
            count += 1;
        }
    }
    git.env("GIT_CONFIG_COUNT", count.to_string());
    Ok(git)
}

/// Where HEAD and `branch` parted.
///
/// # Errors
/// If there is no git, no repository around `cwd`, no such branch, or no commit in common.
pub fn base(cwd: &AbsPath, branch: &str) -> Result<Base, ChangesError> {
    expect_work_tree(cwd)?;
    let head = commit_id(cwd, "HEAD")?.ok_or(ChangesError::NoCommit)?;
    let (name, tip) = compared_with(cwd, branch)?;
    match answer(cwd, &["merge-base", &head, &tip])? {
        Some(commit) => Ok(Base {
            commit,
            compared_with: name,
        }),
        None => Err(ChangesError::Unrelated { branch: branch.to_owned() }),
    }
}

/// The commit that `name` means.
///
/// # Errors
/// If there is no git, no repository around `cwd`, or no such commit.
pub fn commit(cwd: &AbsPath, name: &str) -> Result<Commit, ChangesError> {
    expect_work_tree(cwd)?;
    let id = commit_id(cwd, name)?.ok_or_else(|| ChangesError::UnknownCommit(name.to_owned()))?;
    let object = checked(ask(cwd, &["cat-file", "commit", &id])?)?;
    let text = String::from_utf8_lossy(&object);
    let message = text.split_once("\n\n").map_or("", |(_, message)| message);
    let title = message.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
    Ok(Commit {
        id,
        title: title.trim().to_owned(),
    })
}

/// The name and commit of a branch. The branch that it follows stands for it when that has more commits: the local one is then behind what
/// the change will be merged into. A clone that never checked the branch out knows it as one of `origin`.
fn compared_with(cwd: &AbsPath, branch: &str) -> Result<(String, String), ChangesError> {
    let Some(own) = commit_id(cwd, branch)? else {
        let of_origin = format!("refs/remotes/origin/{branch}");
        return match commit_id(cwd, &of_origin)? {
            Some(tip) => Ok((format!("origin/{branch}"), tip)),
            None => Err(ChangesError::UnknownBranch(branch.to_owned())),
        };
    };
    let followed = format!("{branch}@{{upstream}}");
    let Some(upstream) = commit_id(cwd, &followed)? else {
        return Ok((branch.to_owned(), own));
    };
    let ahead = answer(cwd, &["rev-list", "--count", "--max-count=1", &format!("{own}..{upstream}")])?;
    if ahead.is_none_or(|count| count == "0") {
        return Ok((branch.to_owned(), own));
    }
    let name = answer(cwd, &["rev-parse", "--abbrev-ref", "--symbolic-full-name", &followed])?;
    Ok((name.unwrap_or(followed), upstream))
}

/// There is a work tree around `cwd`, and git may read it.
fn expect_work_tree(cwd: &AbsPath) -> Result<(), ChangesError> {
    let output = ask(cwd, &["rev-parse", "--show-toplevel"])?;
    if String::from_utf8_lossy(&output.stderr).contains("not a git repository") {
        return Err(ChangesError::NoRepository(cwd.clone()));
    }
    checked(output).map(drop)
}

fn commit_id(cwd: &AbsPath, name: &str) -> Result<Option<String>, ChangesError> {
    // No name begins like an option.
    if name.is_empty() || name.starts_with('-') {
        return Ok(None);
    }
    answer(cwd, &["rev-parse", "--verify", "--quiet", &format!("{name}^{{commit}}")])
}

fn untracked(cwd: &AbsPath) -> Result<Vec<String>, ChangesError> {
    paths(
        cwd,
        &["ls-files", "--others", "--exclude-standard", "-z", "--full-name", "--", ":/"],
    )
}

fn paths(cwd: &AbsPath, question: &[&str]) -> Result<Vec<String>, ChangesError> {
    Ok(names(&checked(ask(cwd, question)?)?))
}

/// What git separates by zero bytes.
fn names(list: &[u8]) -> Vec<String> {
    let names = list.split(|&byte| byte == 0).filter(|name| !name.is_empty());
    names.map(|name| String::from_utf8_lossy(name).into_owned()).collect()
}

/// `filter.NAME` of every filter that is configured.
fn filters(cwd: &AbsPath) -> Result<Vec<String>, ChangesError> {
    let output = ask(
        cwd,
        &["config", "-z", "--name-only", "--get-regexp", r"^filter\..*\.(clean|process)$"],
    )?;
    let keys = names(&output.stdout).into_iter();
    Ok(keys.filter_map(|key| Some(key.rsplit_once('.')?.0.to_owned())).collect())
}

/// The one line that git answers; `None` if it knows no answer.
fn answer(cwd: &AbsPath, question: &[&str]) -> Result<Option<String>, ChangesError> {
    let output = ask(cwd, question)?;
    let line = String::from_utf8_lossy(&output.stdout).lines().next().map(str::to_owned);
    Ok(line.filter(|line| output.status.success() && !line.is_empty()))
}

fn checked(output: Output) -> Result<Vec<u8>, ChangesError> {
    answered(output).map_err(ChangesError::Refused)
}

fn ask(cwd: &AbsPath, question: &[&str]) -> Result<Output, ChangesError> {
    git(cwd).args(question).output().map_err(ChangesError::NoGit)
}

fn git(cwd: &AbsPath) -> Command {
    let mut git = worktree::git(cwd);
    // What is not here is not fetched, and what git says is in its own language.
    git.env("GIT_NO_LAZY_FETCH", "1").env("LC_ALL", "C");
    git.args(["--no-optional-locks", "-c", "core.fsmonitor=false"]);
    git
}

#[cfg(test)]
#[path = "changes_tests.rs"]
mod tests;
