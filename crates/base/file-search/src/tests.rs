use super::*;
use pretty_assertions::assert_eq;
use std::fs;
use tempfile::TempDir;

fn tree(files: &[&str]) -> (TempDir, AbsPath) {
    let folder = tempfile::tempdir().unwrap();
    for file in files {
        let path = folder.path().join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "").unwrap();
    }
    let root = AbsPath::new(folder.path()).unwrap();
    (folder, root)
}

/// What is found for the query when everything was looked at.
fn found(root: &AbsPath, query: &str) -> Vec<String> {
    let (reports, inbox) = mpsc::channel();
    let session = SearchSession::start(vec![root.clone()], move |report| drop(reports.send(report)));
    session.search(query);
    let last = inbox.iter().find(|report| report.complete).unwrap();
    assert_eq!(last.query, query);
    last.matches.into_iter().map(|found| found.path).collect()
}

#[test]
fn letters_in_order_find_a_path_and_the_best_one_is_first() {
    let (_folder, root) = tree(&["src/main.rs", "src/parse/mod.rs", "docs/manual.md", "README.md"]);

    assert_eq!(found(&root, "mainrs"), ["src/main.rs"]);
    assert_eq!(found(&root, "parse mod"), ["src/parse/mod.rs"]);
    assert_eq!(found(&root, "README"), ["README.md"]);
    assert_eq!(found(&root, "zzz"), Vec::<String>::new());
}

#[test]
fn without_letters_the_upper_folders_are_listed() {
    let (_folder, root) = tree(&["a/b/deep.txt", "top.txt"]);

    let mut upper = found(&root, "");
    let deep = upper.split_off(2);
    upper.sort();
    assert_eq!(upper, ["a", "top.txt"]);
    assert_eq!(deep, ["a/b", "a/b/deep.txt"]);
}

#[test]
fn what_git_ignores_and_its_own_files_are_left_out_and_hidden_files_are_not() {
    let (_folder, root) = tree(&[".git/config", "target/config", ".github/config", "src/config"]);
    fs::write(root.join(".gitignore"), "target\n").unwrap();

    let mut paths = found(&root, "config");
    paths.sort();
    assert_eq!(paths, [".github/config", "src/config"]);
}

#[cfg(unix)]
#[test]
fn ignore_files_that_are_none_are_not_waited_for() {
    let (_folder, root) = tree(&["a/config", "b/config", "b/c/config", "config"]);
    let pipe = |path: &str| {
        assert!(
            std::process::Command::new("mkfifo")
                .arg(&*root.join(path))
                .status()
                .unwrap()
                .success()
        )
    };
    let paths = || {
        let mut paths = found(&root, "config");
        paths.sort();
        paths
    };

    pipe("b/c/.gitignore");
    std::os::unix::fs::symlink("/dev/zero", root.join("a/.ignore")).unwrap();
    assert_eq!(paths(), ["b/config", "config"]);

    fs::write(root.join(".ignore"), "b\n").unwrap();
    pipe(".gitignore");
    assert_eq!(paths(), ["b/config", "config"], "nothing is ignored then");
}

#[test]
fn a_newer_query_is_answered_in_place_of_an_older_one() {
    let (_folder, root) = tree(&["alpha.txt", "beta.txt"]);
    let (reports, inbox) = mpsc::channel();
    let session = SearchSession::start(vec![root], move |report| drop(reports.send(report)));

    session.search("alpha");
    session.search("beta");

    let last = inbox.iter().find(|report| report.complete && report.query == "beta").unwrap();
    assert_eq!(
        last.matches.iter().map(|found| found.path.as_str()).collect::<Vec<_>>(),
        ["beta.txt"]
    );
    assert_eq!(last.matches[0].indices, [0, 1, 2, 3]);
    drop(session);
    // Its threads let go of the report: nothing comes any more.
    assert_eq!(inbox.iter().filter(|report| report.query == "alpha" && report.complete).count(), 0);
}
