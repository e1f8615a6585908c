//! Where a patch may write, as a pure question about real paths.

use codex_base::AbsPath;
use std::path::Path;

/// What [`crate::apply`] may change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WriteScope {
    /// No confinement.
    Everywhere,
    /// Below `writable`, but not at or below `protected`, whether or not that exists. Roots that do not exist allow nothing.
    Roots { writable: Vec<AbsPath>, protected: Vec<AbsPath> },
}

/// Why a path is not written to.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("it lies outside of the writable folders")]
    OutsideRoots,
    #[error("{by} is protected")]
    Protected { by: AbsPath },
    #[error("it is a symbolic link to nothing")]
    DanglingLink,
}

impl WriteScope {
    /// The root through which `real`, a path without symbolic links, may be changed. Roots and protected paths are real, too.
    pub(crate) fn root_of(&self, real: &AbsPath) -> Result<AbsPath, Refusal> {
        match self {
            Self::Everywhere => Ok(real.ancestors().last().unwrap_or_else(|| real.clone())),
            Self::Roots { writable, protected } => {
                if let Some(by) = protected.iter().find(|protected| covers(protected, real)) {
                    return Err(Refusal::Protected { by: by.clone() });
                }
                let below = |root: &&AbsPath| real.starts_with(root.as_path()) && *real != **root;
                writable.iter().find(below).cloned().ok_or(Refusal::OutsideRoots)
            }
        }
    }
}

/// Capital letters do not count: on a case-insensitive disk, which may be mounted anywhere, `.GIT` is `.git`.
fn covers(protected: &Path, path: &Path) -> bool {
    let mut components = path.components();
    protected.components().all(|wanted| {
        components
            .next()
            .is_some_and(|found| found.as_os_str().eq_ignore_ascii_case(wanted.as_os_str()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn protection_beats_the_roots_and_knows_no_case() {
        let abs = |path: &str| AbsPath::new(std::path::absolute(path).unwrap()).unwrap();
        let scope = WriteScope::Roots {
            writable: vec![abs("/w"), abs("/tmp")],
            protected: vec![abs("/w/.git")],
        };
        let root = |path: &str| scope.root_of(&abs(path));

        assert_eq!(root("/w/a/b"), Ok(abs("/w")));
        assert_eq!(root("/tmp/x"), Ok(abs("/tmp")));
        assert_eq!(root("/w/.gitignore"), Ok(abs("/w")));
        assert_eq!(root("/w/.git"), Err(Refusal::Protected { by: abs("/w/.git") }));
        assert_eq!(root("/w/.git/hooks/x"), Err(Refusal::Protected { by: abs("/w/.git") }));
        assert_eq!(root("/w/.GIT/hooks/x"), Err(Refusal::Protected { by: abs("/w/.git") }));
        assert_eq!(root("/w"), Err(Refusal::OutsideRoots));
        assert_eq!(root("/wide/x"), Err(Refusal::OutsideRoots));
        assert_eq!(root("/etc/x"), Err(Refusal::OutsideRoots));
        assert!(WriteScope::Everywhere.root_of(&abs("/etc/x")).is_ok());
    }
}
