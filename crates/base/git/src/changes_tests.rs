//! Against repositories that the real git made.

use super::*;
use crate::tests::Fixture;
use std::fs;

impl Fixture {
    fn write(&self, path: &str, text: &str) {
        fs::write(self.at(path), text).unwrap();
    }

    /// A repository with `a` and `b`, committed.
    fn with_files() -> Self {
        let fixture = Self::new();
        fixture.write("r/a", "1\n");
        fixture.write("r/b", "1\n");
        fixture.git("r", &["add", "."]);
        fixture.git("r", &["commit", "-q", "-m", "first\n\nmore"]);
        fixture
    }
}

fn changes(tracked: &[&str], untracked: &[&str]) -> Changes {
    let owned = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
    Changes {
        tracked: owned(tracked),
        untracked: owned(untracked),
    }
}

#[test]
fn staged_unstaged_and_untracked_files_are_uncommitted() {
    let fixture = Fixture::with_files();
    fs::create_dir(fixture.at("r/sub")).unwrap();
    let uncommitted = || uncommitted(&fixture.at("r/sub")).unwrap();
    assert_eq!(uncommitted(), Changes::default());

    fixture.write("r/a", "22\n");
    fixture.git("r", &["add", "a"]);
    fs::remove_file(fixture.at("r/b")).unwrap();
    fixture.write("r/.gitignore", "ignored\n");
    fixture.write("r/ignored", "");
    fixture.write("r/sub/n ö\n", "");

    assert_eq!(uncommitted(), changes(&["a", "b"], &[".gitignore", "sub/n ö\n"]));
}

#[test]
#[cfg(unix)]
fn what_is_uncommitted_as_text() {
    let fixture = Fixture::with_files();
    fs::create_dir(fixture.at("r/sub")).unwrap();
    fixture.write("r/a", "2\n");
    fixture.write("r/sub/new", "one\ntwo\n");
    fixture.write("r/empty", "");
    fs::write(fixture.at("r/z"), [0, 159, 146]).unwrap();
    std::os::unix::fs::symlink("/etc/passwd", fixture.at("r/link").as_path()).unwrap();

    let text = text(&fixture.at("r/sub")).unwrap();

    let without_ids: Vec<&str> = text.lines().filter(|line| !line.starts_with("index ")).collect();
    assert_eq!(
        without_ids.join("\n"),
        "diff --git a/a b/a\n--- a/a\n+++ b/a\n@@ -1 +1 @@\n-1\n+2\n\
         diff --git a/empty b/empty\nnew file mode 100644\n\
         diff --git a/link b/link\nnew file mode 100644\nBinary files /dev/null and b/link differ\n\
         diff --git a/sub/new b/sub/new\nnew file mode 100644\n--- /dev/null\n+++ b/sub/new\n@@ -0,0 +1,2 @@\n+one\n+two\n\
         diff --git a/z b/z\nnew file mode 100644\nBinary files /dev/null and b/z differ"
    );
}

#[test]
fn before_the_first_commit_everything_is_uncommitted() {
    let fixture = Fixture::new();
    fixture.write("r/a", "1\n");
    fixture.write("r/b", "1\n");
    fixture.git("r", &["add", "a"]);

    assert_eq!(uncommitted(&fixture.at("r")).unwrap(), changes(&["a"], &["b"]));
    assert!(matches!(base(&fixture.at("r"), "main"), Err(ChangesError::NoCommit)));
    assert!(matches!(commit(&fixture.at("r"), "HEAD"), Err(ChangesError::UnknownCommit(_))));
}

#[test]
fn the_base_is_where_the_branches_parted() {
    let fixture = Fixture::with_files();
    let parted = fixture.git("r", &["rev-parse", "HEAD"]);
    fixture.git("r", &["switch", "-q", "-c", "topic"]);
    fixture.git("r", &["commit", "-q", "--allow-empty", "-m", "topic"]);
    fixture.git("r", &["switch", "-q", "main"]);
    fixture.commit("r");
    fixture.git("r", &["switch", "-q", "topic"]);
    let found = |branch: &str| base(&fixture.at("r"), branch);

    let main = Base {
        commit: parted,
        compared_with: "main".to_owned(),
    };
    assert_eq!(found("main").unwrap(), main);
    for unknown in ["nosuch", "", "--all", "a b"] {
        assert!(matches!(found(unknown), Err(ChangesError::UnknownBranch(name)) if name == unknown));
    }
    fixture.git("r", &["switch", "-q", "--orphan", "other"]);
    fixture.commit("r");
    assert!(matches!(found("main"), Err(ChangesError::Unrelated { .. })));
}

#[test]
fn a_branch_that_is_behind_the_one_it_follows_stands_for_it() {
    let fixture = Fixture::with_files();
    fixture.git(".", &["clone", "-q", "r", "clone"]);
    fixture.git("clone", &["switch", "-q", "-c", "topic"]);
    let newer = fixture.commit("r");
    fixture.git("clone", &["fetch", "-q"]);
    fixture.git("clone", &["merge", "-q", "--ff-only", "origin/main"]);

    let found = base(&fixture.at("clone"), "main").unwrap();
    assert_eq!((found.commit, found.compared_with), (newer.clone(), "origin/main".to_owned()));

    fixture.git("clone", &["branch", "-q", "-D", "main"]);
    let found = base(&fixture.at("clone"), "main").unwrap();
    assert_eq!((found.commit, found.compared_with), (newer, "origin/main".to_owned()));
}

#[test]
fn a_commit_has_an_id_and_a_title() {
    let fixture = Fixture::with_files();
    let id = fixture.git("r", &["rev-parse", "HEAD"]);
    let found = |name: &str| commit(&fixture.at("r"), name);

    for name in ["HEAD", "main", &id[..8]] {
        assert_eq!(
            found(name).unwrap(),
            Commit {
                id: id.clone(),
                title: "first".to_owned()
            }
        );
    }
    for unknown in ["deadbeef", "", "-x", "HEAD:a"] {
        assert!(matches!(found(unknown), Err(ChangesError::UnknownCommit(name)) if name == unknown));
    }
}

#[test]
fn outside_a_repository_the_directory_is_named() {
    let fixture = Fixture::new();
    let outside = fixture.at(".");
    let named = |error: ChangesError| matches!(error, ChangesError::NoRepository(at) if at == outside);

    assert!(named(uncommitted(&outside).unwrap_err()));
    assert!(named(base(&outside, "main").unwrap_err()));
    assert!(named(commit(&outside, "HEAD").unwrap_err()));
}

#[test]
fn no_program_that_the_repository_names_is_started() {
    let fixture = Fixture::with_files();
    let trap = fixture.at("trap");
    let command = format!("touch {trap}; cat");
    fixture.write("r/.gitattributes", "* filter=trap diff=trap\n");
    for key in [
        "filter.trap.clean",
        "diff.trap.textconv",
        "diff.external",
        "core.fsmonitor",
        "core.pager",
        "gpg.program",
    ] {
        fixture.git("r", &["config", key, &command]);
    }
    fixture.git("r", &["config", "log.showSignature", "true"]);
    fixture.write("r/a", "2\n");

    let found = uncommitted(&fixture.at("r")).unwrap();
    text(&fixture.at("r")).unwrap();
    let head = commit(&fixture.at("r"), "HEAD").unwrap();
    base(&fixture.at("r"), "main").unwrap();
    changed_since(&fixture.at("r"), &head.id).unwrap();

    assert_eq!(found, changes(&["a"], &[".gitattributes"]));
    assert!(!trap.exists());
    // The control: git itself starts them.
    fixture.git("r", &["add", "a"]);
    assert!(trap.exists());
}
