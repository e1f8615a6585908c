//! `--worktree`: a git work tree of its own for one session, below the home of our files.
//!
//! `$CODEX_HOME/worktrees/<4 hex digits>/<name of the repository>` holds the last commit, detached. It is not removed afterwards: what the
//! session did is in it.

use codex_base::{AbsPath, Ids, os};
use codex_exec::ExecError;
use codex_git::worktree::{WorktreeError, add_detached};
use std::fs;
use std::io::ErrorKind;
use std::time::Duration;

/// A work tree that was just made.
#[derive(Debug, PartialEq, Eq)]
pub struct Made {
    pub root: AbsPath,
    /// Where the caller stood, in the new tree; its root if the last commit does not have that directory.
    pub cwd: AbsPath,
    /// What is checked out, as git abbreviates it.
    pub commit: String,
}

/// Folders that are tried before the random names are called used up.
const TRIES: u32 = 32;

/// Enough for the checkout of a very large repository.
const LIMIT: Duration = Duration::from_secs(600);

/// # Errors
/// Outside a repository, before its first commit, or if git refuses or does not end. Nothing is left then that git could take back.
pub fn make(codex_home: &AbsPath, cwd: &AbsPath, ids: &dyn Ids) -> Result<Made, ExecError> {
    let wrong = |message: String| ExecError::new("exec.worktree", message);
    let facts = codex_git::facts(cwd).ok_or_else(|| wrong(format!("--worktree needs a git repository, and {cwd} is in none")))?;
    let commit = facts
        .commit
        .ok_or_else(|| wrong("--worktree needs a commit to start from, and this repository has none".to_owned()))?;
    let name = facts.main_root.file_name().unwrap_or_else(|| "repository".as_ref());
    let parent = new_folder(&codex_home.join(codex_permissions::WORKTREES), ids)?;
    let root = parent.join(name);
    if let Err(error) = add_detached(&facts.root, &root, LIMIT) {
        // Only if git left it empty, which it does when it refuses.
        let _ = fs::remove_dir(&parent);
        return Err(match error {
            WorktreeError::NoGit(source) => wrong(format!("--worktree needs the git program: {source}")),
            WorktreeError::TimedOut { .. } => wrong(format!("cannot make a work tree in {root}: {error}"))
                .with_hint("a hook or a filter of the repository may wait for something: git worktree add shows what"),
            WorktreeError::Refused(_) => wrong(format!("cannot make a work tree: {error}")),
        });
    }
    let same_place = cwd.strip_prefix(&facts.root).map(|place| root.join(place)).ok();
    Ok(Made {
        cwd: same_place.filter(|place| place.is_dir()).unwrap_or_else(|| root.clone()),
        commit: commit.chars().take(7).collect(),
        root,
    })
}

/// A folder that nobody else has.
fn new_folder(below: &AbsPath, ids: &dyn Ids) -> Result<AbsPath, ExecError> {
    let wrong = |error: std::io::Error| ExecError::new("exec.worktree", format!("cannot make a folder in {below}: {error}"));
    os::create_private_dir(below).map_err(wrong)?;
    for _ in 0..TRIES {
        let folder = below.join(format!("{:04x}", ids.below(0x1_0000)));
        match fs::create_dir(&folder) {
            Ok(()) => return Ok(folder),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(error) => return Err(wrong(error)),
        }
    }
    let full = format!("{below} is full of work trees");
    Err(ExecError::new("exec.worktree", full).with_hint("git worktree remove FOLDER removes those that are no longer needed"))
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;
    use codex_base::ids::CountingIds;
    use codex_testkit::TempHome;

    #[test]
    fn the_last_commit_is_checked_out_at_the_same_place() {
        let home = TempHome::new();
        home.make_repository(&[("in/file", "committed\n")]);
        let workspace = AbsPath::new(home.workspace()).unwrap();
        fs::write(workspace.join("in/file"), "changed\n").unwrap();
        fs::create_dir(workspace.join("new")).unwrap();
        let codex_home = AbsPath::new(home.codex_home()).unwrap();
        let ids = CountingIds::default();

        let made = make(&codex_home, &workspace.join("in"), &ids).unwrap();
        let second = make(&codex_home, &workspace.join("new"), &ids).unwrap();

        let name = workspace.file_name().unwrap();
        assert_eq!(made.root, codex_home.join("worktrees/0001").join(name));
        assert_eq!(made.cwd, made.root.join("in"));
        assert_eq!(fs::read_to_string(made.cwd.join("file")).unwrap(), "committed\n");
        assert_eq!(codex_git::facts(&made.root).unwrap().branch, None);
        assert_eq!(second.cwd, codex_home.join("worktrees/0002").join(name));
    }

    #[test]
    fn without_a_commit_there_is_none_and_nothing_is_left() {
        let home = TempHome::new();
        let workspace = AbsPath::new(home.workspace()).unwrap();
        let codex_home = AbsPath::new(home.codex_home()).unwrap();

        let outside = make(&codex_home, &workspace, &CountingIds::default()).unwrap_err();
        fs::create_dir(workspace.join(".git")).unwrap();
        fs::write(workspace.join(".git/HEAD"), "ref: refs/heads/main\n").unwrap();
        let before_the_first = make(&codex_home, &workspace, &CountingIds::default()).unwrap_err();
        fs::write(workspace.join(".git/HEAD"), "0123456789012345678901234567890123456789\n").unwrap();
        let refused = make(&codex_home, &workspace, &CountingIds::default()).unwrap_err();

        for error in [outside, before_the_first, refused] {
            assert_eq!(error.code, "exec.worktree", "{error}");
        }
        assert_eq!(fs::read_dir(codex_home.join("worktrees")).unwrap().count(), 0);
    }
}
