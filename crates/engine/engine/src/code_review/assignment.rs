//! From a target to an [`Assignment`]: git is asked what there is, and the answer put into words.

use super::Assignment;
use codex_base::AbsPath;
use codex_git::changes::{self, Base, Changes, ChangesError, Commit};
use codex_protocol::requests::RequestError;
use codex_protocol::review::ReviewTarget;

/// Names of files that a prompt lists; the rest is counted.
const NAMES_MAX: usize = 60;

/// Why a review does not begin.
#[derive(Debug, thiserror::Error)]
pub enum AssignmentError {
    /// The field of the target that says nothing.
    #[error("{0} must not be empty")]
    Empty(&'static str),
    #[error("there is nothing to review: {0}")]
    Nothing(String),
    #[error(transparent)]
    Git(#[from] ChangesError),
}

impl From<AssignmentError> for RequestError {
    fn from(error: AssignmentError) -> Self {
        let (code, hint) = match &error {
            AssignmentError::Empty(_) => ("review.target_empty", None),
            AssignmentError::Nothing(_) => ("review.nothing", None),
            AssignmentError::Git(ChangesError::NoRepository(_)) => (
                "review.no_repository",
                Some("changes and commits are known in a git repository only; a prompt of your own can be reviewed anywhere"),
            ),
            AssignmentError::Git(ChangesError::UnknownBranch(_)) => ("review.unknown_branch", Some("git branch --all lists the branches")),
            AssignmentError::Git(ChangesError::UnknownCommit(_)) => ("review.unknown_commit", Some("git log --oneline lists the commits")),
            AssignmentError::Git(ChangesError::NoCommit) => ("review.no_commit", Some("--uncommitted reviews what is there")),
            AssignmentError::Git(ChangesError::Unrelated { .. }) => {
                ("review.unrelated", Some("a shallow clone may lack it: git fetch --unshallow"))
            }
            AssignmentError::Git(ChangesError::NoGit(_) | ChangesError::Refused(_)) => ("review.git", None),
        };
        let text = match &error {
            AssignmentError::Git(ChangesError::NoGit(cause)) => format!("{error}: {cause}"),
            _ => error.to_string(),
        };
        let told = Self::invalid(code, text);
        match hint {
            Some(hint) => told.with_hint(hint),
            None => told,
        }
    }
}

/// Looks at the repository around `cwd`. Blocks as long as git does.
///
/// # Errors
/// If the target says nothing, does not exist, or holds nothing to review.
pub fn assignment(cwd: &AbsPath, target: ReviewTarget) -> Result<Assignment, AssignmentError> {
    let (hint, prompt) = match &target {
        ReviewTarget::UncommittedChanges => {
            let changes = changes::uncommitted(cwd)?;
            if changes.is_empty() {
                return Err(AssignmentError::Nothing("everything is committed".to_owned()));
            }
            ("current changes".to_owned(), of_uncommitted(&changes))
        }
        ReviewTarget::BaseBranch { branch } => {
            let branch = said("branch", branch)?;
            let base = changes::base(cwd, branch)?;
            let changes = changes::changed_since(cwd, &base.commit)?;
            if changes.is_empty() {
                let why = format!("what is checked out has no changes against {:?}", base.compared_with);
                return Err(AssignmentError::Nothing(why));
            }
            (format!("changes against '{branch}'"), of_base(&base, &changes))
        }
        ReviewTarget::Commit { sha, title } => {
            let sha = said("sha", sha)?;
            let commit = changes::commit(cwd, sha)?;
            let title = title.as_deref().map(str::trim).filter(|title| !title.is_empty());
            (commit_hint(sha, title.unwrap_or(&commit.title)), of_commit(&commit))
        }
        ReviewTarget::Custom { instructions } => {
            let instructions = said("instructions", instructions)?;
            (instructions.to_owned(), instructions.to_owned())
        }
    };
    Ok(Assignment { target, hint, prompt })
}

fn said<'a>(field: &'static str, text: &'a str) -> Result<&'a str, AssignmentError> {
    match text.trim() {
        "" => Err(AssignmentError::Empty(field)),
        text => Ok(text),
    }
}

/// A full id is cut to what git shows.
fn commit_hint(sha: &str, title: &str) -> String {
    let is_id = sha.len() >= 40 && sha.bytes().all(|byte| byte.is_ascii_hexdigit());
    let name = if is_id { &sha[..7] } else { sha };
    if title.is_empty() {
        format!("commit {name}")
    } else {
        format!("commit {name}: {title}")
    }
}

fn of_uncommitted(changes: &Changes) -> String {
    let shown = "`git diff HEAD` shows what git knows of; before the first commit `git diff --cached` does.";
    format!(
        "Review the uncommitted changes of this repository, staged or not, new files included. {shown}{}",
        files(changes)
    )
}

fn of_base(base: &Base, changes: &Changes) -> String {
    let Base { commit, compared_with } = base;
    format!(
        "Review what this work tree changes against `{compared_with}`, uncommitted work included. They parted at commit {commit}; `git diff {commit}` shows what git knows of.{}",
        files(changes)
    )
}

fn of_commit(commit: &Commit) -> String {
    let Commit { id, title } = commit;
    let called = if title.is_empty() {
        String::new()
    } else {
        format!(", titled {title:?}")
    };
    format!("Review what commit {id}{called} changes. `git show {id}` shows it.")
}

fn files(changes: &Changes) -> String {
    let list = |what: &str, names: &[String]| {
        if names.is_empty() {
            return String::new();
        }
        let mut lines: Vec<String> = names.iter().take(NAMES_MAX).map(|name| format!("\n- {name}")).collect();
        if names.len() > NAMES_MAX {
            lines.push(format!("\n- and {} more", names.len() - NAMES_MAX));
        }
        format!("\n\n{what}{}", lines.concat())
    };
    list("Changed files:", &changes.tracked) + &list("New files that are in no diff:", &changes.untracked)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|&name| name.to_owned()).collect()
    }

    #[test]
    fn what_a_reviewer_is_asked() {
        let changes = Changes {
            tracked: names(&["a.rs", "b.rs"]),
            untracked: names(&["new.rs"]),
        };
        let base = Base {
            commit: "abc".to_owned(),
            compared_with: "origin/main".to_owned(),
        };
        let commit = Commit {
            id: "abc".to_owned(),
            title: "Add \"b\"".to_owned(),
        };

        insta::assert_snapshot!(of_uncommitted(&changes), @r"
        Review the uncommitted changes of this repository, staged or not, new files included. `git diff HEAD` shows what git knows of; before the first commit `git diff --cached` does.

        Changed files:
        - a.rs
        - b.rs

        New files that are in no diff:
        - new.rs
        ");
        insta::assert_snapshot!(of_base(&base, &Changes { untracked: vec![], ..changes }), @r"
        Review what this work tree changes against `origin/main`, uncommitted work included. They parted at commit abc; `git diff abc` shows what git knows of.

        Changed files:
        - a.rs
        - b.rs
        ");
        insta::assert_snapshot!(of_commit(&commit), @r#"Review what commit abc, titled "Add \"b\"" changes. `git show abc` shows it."#);
    }

    #[test]
    fn a_long_list_of_files_is_cut() {
        let changes = Changes {
            tracked: (0..NAMES_MAX + 3).map(|number| number.to_string()).collect(),
            untracked: vec![],
        };

        let prompt = of_uncommitted(&changes);

        assert!(prompt.ends_with("\n- 59\n- and 3 more"), "{prompt}");
    }

    #[test]
    fn what_people_read_of_a_commit() {
        assert_eq!(commit_hint("HEAD", "Add b"), "commit HEAD: Add b");
        assert_eq!(commit_hint(&"a1".repeat(20), ""), "commit a1a1a1a");
    }
}
