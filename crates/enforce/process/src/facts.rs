//! Looks up what a policy must know of the file system. Blocking, a few dozen system calls.

use codex_base::AbsPath;
use codex_permissions::{PathFacts, candidate_roots};
use codex_protocol::settings::{FileRules, SandboxPolicy};
use std::fs;
use std::path::Path;

/// The facts that [`codex_permissions::resolve`] needs for `policy` in `cwd`. `tmpdir` is the value of `$TMPDIR`.
pub fn path_facts(policy: &SandboxPolicy, cwd: &AbsPath, tmpdir: Option<&Path>, codex_home: &AbsPath) -> PathFacts {
    let tmpdir = tmpdir
        .filter(|path| !path.as_os_str().is_empty())
        .and_then(|path| AbsPath::new(path).ok());
    let slash_tmp = if cfg!(unix) {
        AbsPath::new("/tmp").ok().filter(|path| path.is_dir())
    } else {
        None
    };
    let candidates = candidate_roots(policy, cwd, tmpdir.as_ref(), slash_tmp.as_ref());
    let existing_roots: std::collections::BTreeMap<_, _> = candidates
        .into_iter()
        .filter_map(|spelled| Some((spelled.clone(), canonical(&spelled)?)))
        .collect();
    let git_dirs = existing_roots
        .values()
        .filter_map(|root| Some((root.clone(), pointed_to(root)?)))
        .collect();
    PathFacts {
        tmpdir,
        slash_tmp,
        codex_home: canonical_or_parent(codex_home),
        git_dirs,
        existing_roots,
    }
}

/// The rules with real paths: what exists of each is canonical.
pub fn real_rules(rules: &FileRules) -> FileRules {
    FileRules {
        without_cwd: rules.without_cwd,
        read_only: rules.read_only.iter().map(canonical_or_parent).collect(),
    }
}

fn canonical(path: &Path) -> Option<AbsPath> {
    fs::canonicalize(path).ok().and_then(|path| AbsPath::new(path).ok())
}

/// The canonical form of the part that exists, and the rest as spelled.
fn canonical_or_parent(path: &AbsPath) -> AbsPath {
    path.ancestors()
        .find_map(|ancestor| Some(canonical(&ancestor)?.join(path.strip_prefix(&ancestor).ok()?)))
        .unwrap_or_else(|| path.clone())
}

/// Where a `.git` file below `root` points: the folder of its own, and the common one behind it.
fn pointed_to(root: &AbsPath) -> Option<Vec<AbsPath>> {
    let own = canonical(&root.join(first_line(&root.join(".git"))?.strip_prefix("gitdir:")?.trim()))?;
    let common = first_line(&own.join("commondir")).and_then(|line| canonical(&own.join(line.trim())));
    Some(std::iter::once(own.clone()).chain(common.filter(|common| *common != own)).collect())
}

/// Only of a small regular file: anything may lie there.
fn first_line(path: &Path) -> Option<String> {
    let facts = fs::symlink_metadata(path).ok()?;
    let text = (facts.is_file() && facts.len() <= 64 * 1024).then(|| fs::read_to_string(path).ok())??;
    text.lines().next().map(str::to_owned)
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn a_worktree_protects_both_folders_behind_its_git_file() {
        let temp = tempfile::tempdir().unwrap();
        let base = canonical(temp.path()).unwrap();
        let own = base.join("main/.git/worktrees/w");
        fs::create_dir_all(&own).unwrap();
        fs::create_dir_all(base.join("w")).unwrap();
        fs::write(base.join("w/.git"), format!("gitdir: {own}\n")).unwrap();
        fs::write(own.join("commondir"), "../..\n").unwrap();
        std::os::unix::fs::symlink(base.join("w"), base.join("link")).unwrap();

        let facts = path_facts(
            &SandboxPolicy::workspace_write(),
            &base.join("link"),
            None,
            &base.join("link/home/codex"),
        );

        assert_eq!(facts.git_dirs, [(base.join("w"), vec![own, base.join("main/.git")])]);
        assert_eq!(facts.existing_roots.get(&base.join("link")), Some(&base.join("w")));
        assert_eq!(facts.codex_home, base.join("w/home/codex"));
    }
}
