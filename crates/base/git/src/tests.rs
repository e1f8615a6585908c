//! Against repositories that the real git made.

use super::*;
use std::process::Command;
use std::time::Duration;

/// A temporary directory with a repository `r` that git made.
pub(crate) struct Fixture {
    temp: tempfile::TempDir,
}

impl Fixture {
    pub(crate) fn new() -> Self {
        let fixture = Self {
            temp: tempfile::tempdir().unwrap(),
        };
        fixture.git(".", &["init", "-q", "-b", "main", "r"]);
        fixture
    }

    pub(crate) fn at(&self, path: &str) -> AbsPath {
        // Git spells paths without links, and the temporary directory may be one.
        AbsPath::new(self.temp.path().canonicalize().unwrap()).unwrap().join(path)
    }

    pub(crate) fn git(&self, directory: &str, args: &[&str]) -> String {
        let identity = [
            "-c",
            "user.name=t",
            "-c",
            "user.email=t@example.com",
            "-c",
            "commit.gpgsign=false",
            "-c",
            "protocol.file.allow=always",
        ];
        let output = Command::new("git")
            .current_dir(self.at(directory))
            .env("GIT_CONFIG_GLOBAL", self.at("no-config").as_path())
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .args(identity)
            .args(args)
            .output()
            .expect("git is installed");
        assert!(output.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    pub(crate) fn commit(&self, directory: &str) -> String {
        self.git(directory, &["commit", "-q", "--allow-empty", "-m", "x"]);
        self.git(directory, &["rev-parse", "HEAD"])
    }

    fn facts(&self, path: &str) -> RepoFacts {
        facts(&self.at(path)).unwrap()
    }
}

#[cfg(unix)]
#[test]
fn a_work_tree_that_takes_too_long_is_given_up() {
    use std::os::unix::fs::PermissionsExt;
    let fixture = Fixture::new();
    fixture.commit("r");
    let hook = fixture.at("r/.git/hooks/post-checkout");
    fs::create_dir_all(hook.parent().unwrap()).unwrap();
    fs::write(&hook, "#!/bin/sh\nexec sleep 5\n").unwrap();
    fs::set_permissions(&hook, fs::Permissions::from_mode(0o755)).unwrap();

    let given_up = worktree::add_detached(&fixture.at("r"), &fixture.at("slow"), Duration::from_millis(300)).unwrap_err();
    fs::remove_file(&hook).unwrap();
    worktree::add_detached(&fixture.at("r"), &fixture.at("good"), Duration::from_secs(60)).unwrap();

    assert_eq!(given_up.to_string(), "git did not end within 300ms");
    assert!(fixture.at("good/.git").exists());
}

#[test]
fn a_repository_without_commits_has_a_branch_only() {
    let fixture = Fixture::new();

    let found = fixture.facts("r");

    assert_eq!(
        found,
        RepoFacts {
            root: fixture.at("r"),
            main_root: fixture.at("r"),
            branch: Some("main".to_owned()),
            commit: None,
            remotes: BTreeMap::new(),
        }
    );
}

#[test]
fn branch_commit_and_remotes_are_what_git_says() {
    let fixture = Fixture::new();
    fixture.commit("r");
    fixture.git("r", &["switch", "-q", "-c", "topic/one"]);
    let id = fixture.commit("r");
    fixture.git("r", &["remote", "add", "origin", "https://me:token@example.com/a.git"]);
    fixture.git("r", &["remote", "add", "other", "git@example.com:b.git"]);
    fs::create_dir_all(fixture.at("r/deep/er")).unwrap();

    let found = fixture.facts("r/deep/er");

    assert_eq!(
        (found.root.clone(), found.branch.as_deref(), found.commit.as_deref()),
        (fixture.at("r"), Some("topic/one"), Some(&*id))
    );
    assert_eq!(found.origin_url(), Some("https://example.com/a.git"));
    assert_eq!(found.remotes["other"], "git@example.com:b.git");
}

#[test]
fn packed_refs_and_a_detached_head_are_resolved() {
    let fixture = Fixture::new();
    let first = fixture.commit("r");
    fixture.git("r", &["tag", "-a", "-m", "x", "v1"]);
    fixture.git("r", &["pack-refs", "--all"]);
    assert!(!fixture.at("r/.git/refs/heads/main").exists(), "the branch is packed");
    assert_eq!(fixture.facts("r").commit, Some(first.clone()));

    let second = fixture.commit("r");
    assert_eq!(
        fixture.facts("r").commit,
        Some(second),
        "the branch's own file wins over the packed list"
    );

    fixture.git("r", &["checkout", "-q", "--detach", &first]);
    let found = fixture.facts("r");
    assert_eq!((found.branch, found.commit), (None, Some(first)));
}

#[test]
fn a_linked_work_tree_knows_its_own_branch_and_the_main_root() {
    let fixture = Fixture::new();
    fixture.commit("r");
    fixture.git("r", &["remote", "add", "origin", "/somewhere"]);
    fixture.git("r", &["worktree", "add", "-q", "-b", "side", "../tree"]);
    let id = fixture.commit("tree");

    let found = fixture.facts("tree");

    assert_eq!((found.root.clone(), found.main_root.clone()), (fixture.at("tree"), fixture.at("r")));
    assert_eq!(
        (found.branch.as_deref(), found.commit.as_deref(), found.origin_url()),
        (Some("side"), Some(&*id), Some("/somewhere"))
    );
    assert!(is_repository(&fixture.at("tree")));
}

#[test]
fn a_submodule_is_its_own_repository() {
    let fixture = Fixture::new();
    let id = fixture.commit("r");
    fixture.git(".", &["init", "-q", "-b", "main", "outer"]);
    fixture.git("outer", &["submodule", "--quiet", "add", fixture.at("r").to_str().unwrap(), "sub"]);

    let found = fixture.facts("outer/sub");

    assert_eq!(
        (found.root.clone(), found.main_root.clone(), found.commit),
        (fixture.at("outer/sub"), fixture.at("outer/sub"), Some(id))
    );
}

#[test]
fn what_counts_as_a_repository() {
    let fixture = Fixture::new();
    fixture.git(".", &["init", "-q", "--bare", "bare.git"]);
    fs::create_dir_all(fixture.at("empty/.git")).unwrap();
    fs::create_dir_all(fixture.at("file")).unwrap();
    fs::write(fixture.at("file/.git"), "anything").unwrap();
    fs::create_dir_all(fixture.at("r/empty/.git")).unwrap();
    let check = |path: &str, expect: bool| assert_eq!(is_repository(&fixture.at(path)), expect, "{path}");

    check("r", true);
    check("r/empty", true);
    check("file", true);
    check("empty", false);
    check("bare.git", false);
    check("missing", false);
    assert_eq!(facts(&fixture.at("file")), None, "a .git file that names nothing");
}

#[test]
fn a_head_that_points_out_of_the_repository_gives_no_commit() {
    let fixture = Fixture::new();
    fs::write(fixture.at("secret"), "a".repeat(40)).unwrap();
    for head in [
        "ref: refs/../../../secret",
        "ref: /etc/passwd",
        "ref: refs/heads/loop",
        "not hex",
        "",
    ] {
        fs::write(fixture.at("r/.git/HEAD"), head).unwrap();
        fs::write(fixture.at("r/.git/refs/heads/loop"), "ref: refs/heads/loop").unwrap();

        assert_eq!(fixture.facts("r").commit, None, "{head}");
    }
}
