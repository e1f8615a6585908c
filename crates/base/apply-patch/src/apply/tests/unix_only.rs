//! What needs modes, links, signals or mounts.

use super::*;
use pretty_assertions::assert_eq;
use proptest::prelude::*;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Stdio};

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn mode_and_owner_of_a_file_stay() {
    let ground = Ground::new();
    ground.write("theirs", "a\n");
    if rustix::process::geteuid().is_root() {
        std::os::unix::fs::chown(ground.inside.join("theirs"), Some(12345), Some(54321)).unwrap();
    }
    let owner = |name: &str| {
        fs::metadata(ground.inside.join(name))
            .map(|facts| (facts.uid(), facts.gid()))
            .unwrap()
    };
    let owner_before = owner("theirs");
    for (name, mode) in [("run.sh", 0o755), ("secret", 0o600), ("moving", 0o711)] {
        ground.write(name, "a\n");
        set_mode(&ground.inside.join(name), mode);
    }

    let body = "*** Update File: run.sh\n@@\n-a\n+b\n*** Add File: secret\n+b\n*** Update File: theirs\n@@\n-a\n+b\n*** Update File: moving\n*** Move to: there\n@@\n-a\n+b";
    ground.apply(body).unwrap();

    let mode = |name: &str| fs::metadata(ground.inside.join(name)).unwrap().permissions().mode() & 0o7777;
    assert_eq!([mode("run.sh"), mode("secret"), mode("there")], [0o755, 0o600, 0o711]);
    assert_eq!((ground.read("theirs"), owner("theirs")), ("b\n".to_owned(), owner_before));
}

#[test]
fn a_link_inside_is_followed_for_edits_and_removed_as_itself() {
    let ground = Ground::new();
    ground.write("real/f", "f\n");
    symlink("real/f", ground.inside.join("link")).unwrap();
    symlink("real", ground.inside.join("folder")).unwrap();

    ground
        .apply("*** Update File: link\n@@\n-f\n+F\n*** Add File: folder/new\n+n")
        .unwrap();
    assert_eq!(
        (ground.read("real/f"), ground.read("real/new")),
        ("F\n".to_owned(), "n\n".to_owned())
    );
    assert!(ground.inside.join("link").is_symlink() && ground.inside.join("folder").is_symlink());

    ground.apply("*** Delete File: link").unwrap();
    assert!(!ground.inside.join("link").is_symlink());
    assert_eq!(ground.read("real/f"), "F\n");
}

#[test]
fn one_file_by_two_names_is_refused() {
    let ground = Ground::new();
    ground.write("f", "f\n");
    symlink("f", ground.inside.join("link")).unwrap();

    let error = ground
        .apply("*** Update File: f\n@@\n-f\n+a\n*** Update File: link\n@@\n-f\n+b")
        .unwrap_err();

    assert_eq!(error, "$W/link is the same file as $W/f");
    assert_eq!(ground.read("f"), "f\n");
}

#[test]
fn a_link_that_leads_out_or_to_something_protected_is_refused() {
    let ground = Ground::new();
    ground.write(".git/config", "c\n");
    fs::write(ground.outside.join("f"), "f\n").unwrap();
    symlink(ground.outside.join("f"), ground.inside.join("file")).unwrap();
    symlink(&ground.outside, ground.inside.join("folder")).unwrap();
    symlink(".git", ground.inside.join("git")).unwrap();
    symlink("nothing", ground.inside.join("dangling")).unwrap();
    let before = (ground.tree(), tree(&ground.outside));

    let check = |body: &str, expect: &str| assert_eq!(ground.apply(body).unwrap_err(), expect);
    check(
        "*** Update File: file\n@@\n-f\n+F",
        "cannot write $W/file: it lies outside of the writable folders",
    );
    check(
        "*** Add File: folder/new\n+n",
        "cannot write $W/folder/new: it lies outside of the writable folders",
    );
    check(
        "*** Delete File: folder/f",
        "cannot write $W/folder/f: it lies outside of the writable folders",
    );
    check(
        "*** Update File: git/config\n@@\n-c\n+d",
        "cannot write $W/git/config: $W/.git is protected",
    );
    check(
        "*** Add File: dangling\n+d",
        "cannot write $W/dangling: it is a symbolic link to nothing",
    );

    assert_eq!((ground.tree(), tree(&ground.outside)), before);
}

#[test]
fn a_protected_name_that_is_a_link_protects_both_ends() {
    let ground = Ground::new();
    ground.write("elsewhere/config", "c\n");
    symlink("elsewhere", ground.inside.join(".git")).unwrap();

    for path in [".git/config", "elsewhere/config", ".git/new"] {
        let error = ground.apply(&format!("*** Add File: {path}\n+d")).unwrap_err();
        assert!(error.contains("is protected"), "{error}");
    }
    assert_eq!(ground.read("elsewhere/config"), "c\n");
}

/// The abilities of root make every file writable, so root sees the patch succeed; both outcomes are checked.
#[test]
fn a_file_that_may_not_be_written_is_not_replaced_unless_by_root() {
    let ground = Ground::new();
    ground.write("f", "f\n");
    set_mode(&ground.inside.join("f"), 0o444);

    let outcome = ground.apply("*** Update File: f\n@@\n-f\n+F");

    if rustix::process::geteuid().is_root() {
        assert_eq!((outcome, ground.read("f")), (Ok(()), "F\n".to_owned()));
    } else {
        assert_eq!(
            (outcome.unwrap_err(), ground.read("f")),
            ("failed to write $W/f: Permission denied (os error 13)".to_owned(), "f\n".to_owned())
        );
    }
}

/// Runs this very test again in a child process with `CODEX_PATCH_TEST_CHILD` set to `value`.
pub(super) fn as_child(test: &str, value: &str, wrapper: &[&str]) -> Command {
    let program = std::env::current_exe().unwrap();
    let argv: Vec<&str> = wrapper
        .iter()
        .copied()
        .chain([program.to_str().unwrap(), "--exact", test, "--nocapture"])
        .collect();
    let mut command = Command::new(argv[0]);
    command.args(&argv[1..]).env("CODEX_PATCH_TEST_CHILD", value).stdin(Stdio::null());
    command
}

pub(super) fn child_value() -> Option<String> {
    std::env::var("CODEX_PATCH_TEST_CHILD").ok()
}

pub(super) fn ground_at(inside: &str) -> Ground {
    let inside = AbsPath::new(inside).unwrap();
    Ground {
        _home: None,
        outside: inside.join("none"),
        inside,
    }
}

pub(super) fn all_files_patch() -> String {
    (0..200)
        .map(|n| format!("*** Update File: d{}/f{n}\n@@\n-old {n}\n+new {n}\n", n % 7))
        .collect::<String>()
        .trim_end()
        .to_owned()
}

#[test]
fn a_kill_at_any_rename_leaves_whole_files_and_the_next_patch_tidies_up() {
    if let Some(value) = child_value() {
        let (inside, rename) = value.split_once(' ').unwrap();
        let moment = match rename {
            "staged" => Moment::Staged,
            "done" => Moment::Renamed,
            number => Moment::Rename(number.parse().unwrap()),
        };
        let ground = ground_at(inside);
        let _ = apply_watched::<SystemFolder>(&ground.plan(&all_files_patch()), &ground.scope(), &mut |now| {
            if now == moment {
                rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL).unwrap();
            }
            Ok(())
        });
        panic!("still alive");
    }
    for (kill, changed) in [("staged", 0), ("0", 0), ("1", 1), ("117", 117), ("199", 199), ("done", 200)] {
        let ground = Ground::new();
        two_hundred(&ground, 7);
        let test = "apply::tests::unix_only::a_kill_at_any_rename_leaves_whole_files_and_the_next_patch_tidies_up";

        let status = as_child(test, &format!("{} {kill}", ground.inside), &[])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .unwrap();

        assert_eq!(status.signal(), Some(9), "killed at {kill}");
        let (leftovers, files): (Vec<_>, Vec<_>) = ground.tree().into_iter().partition(|(name, _)| is_leftover(name));
        let new = (0..200)
            .filter(|n| ground.read(&format!("d{}/f{n}", n % 7)) == format!("new {n}\n"))
            .count();
        let old = (0..200)
            .filter(|n| ground.read(&format!("d{}/f{n}", n % 7)) == format!("old {n}\n"))
            .count();
        assert_eq!(
            (new, old, files.len(), leftovers.len()),
            (changed, 200 - changed, 200 + 7, 200),
            "killed at {kill}"
        );

        // What a changed file held before is still there.
        let kept = leftovers.iter().filter(|(_, contents)| contents.contains("old")).count();
        assert_eq!(kept, changed);

        ground
            .apply((0..7).map(|n| format!("*** Add File: d{n}/next\n+n\n")).collect::<String>().trim())
            .unwrap();
        assert_eq!(ground.tree().keys().filter(|name| is_leftover(name)).count(), 0, "killed at {kill}");
    }
}

pub(super) fn is_leftover(name: &str) -> bool {
    folder::is_temporary_name(Path::new(name).file_name().unwrap())
}

#[test]
fn the_files_of_a_patch_at_work_are_not_leftovers() {
    let ground = Ground::new();
    ground.write("d/a", "a\n");
    let plan = ground.plan("*** Update File: d/a\n@@\n-a\n+A");

    let mut second = None;
    apply_watched::<SystemFolder>(&plan, &ground.scope(), &mut |moment| {
        if moment == Moment::Staged {
            second = Some(ground.apply("*** Add File: d/b\n+b"));
        }
        Ok(())
    })
    .unwrap();

    assert_eq!(second, Some(Ok(())));
    assert_eq!(
        (ground.read("d/a"), ground.read("d/b"), ground.tree().len()),
        ("A\n".to_owned(), "b\n".to_owned(), 3)
    );
}

#[test]
fn more_folders_than_files_may_be_open_fail_with_nothing_changed() {
    let body = || (0..100).map(|n| format!("*** Add File: new{n}/x\n+x\n")).collect::<String>();
    if let Some(inside) = child_value() {
        let ground = ground_at(&inside);
        println!("child saw {}", ground.apply(body().trim_end()).unwrap_err());
        return;
    }
    let ground = Ground::new();
    let test = "apply::tests::unix_only::more_folders_than_files_may_be_open_fail_with_nothing_changed";
    let wrapper = ["sh", "-c", "ulimit -n 64 && exec \"$@\"", "sh"];

    let output = as_child(test, &ground.inside.to_string(), &wrapper).output().unwrap();

    let stdout = String::from_utf8_lossy(&output.stdout);
    assert!(
        stdout.contains("child saw failed to open the folder of $W/new") && stdout.contains("(os error 24)"),
        "{stdout}"
    );
    assert_eq!(ground.tree().len(), 0);
    ground.apply(body().trim_end()).unwrap();
}

/// Names and contents of a few files.
fn files() -> impl Strategy<Value = BTreeMap<String, String>> {
    proptest::collection::btree_map("[ab]/[a-d]", "([xyz]\n){0,4}", 0..6)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]
    #[test]
    fn a_patch_from_one_tree_to_another_arrives_there(before in files(), after in files()) {
        let ground = Ground::new();
        before.iter().for_each(|(name, contents)| ground.write(name, contents));
        let add = |(name, contents): (&String, &String)| {
            format!("*** Add File: {name}\n{}", contents.lines().map(|line| format!("+{line}\n")).collect::<String>())
        };
        let update = |(name, contents): (&String, &String)| {
            let old: String = before[name].lines().map(|line| format!("-{line}\n")).collect();
            let new: String = contents.lines().map(|line| format!("+{line}\n")).collect();
            if old.is_empty() { add((name, contents)) } else { format!("*** Update File: {name}\n@@\n{old}{new}") }
        };
        let gone = before.keys().filter(|name| !after.contains_key(*name)).map(|name| format!("*** Delete File: {name}\n"));
        let there = after.iter().map(|file| if before.contains_key(file.0) { update(file) } else { add(file) });
        let body: String = gone.chain(there).collect();
        prop_assume!(!body.is_empty());

        ground.apply(body.trim_end_matches('\n')).unwrap();

        let files: BTreeMap<String, String> = ground.tree().into_iter().filter_map(|(name, what)| {
            let contents = what.split_once(") ")?.1.to_owned();
            (contents != "folder").then_some((name, contents))
        }).collect();
        prop_assert_eq!(files, after);
    }
}
