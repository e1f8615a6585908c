//! What may not be read is not read under any name, and what is open in it is.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "this is a test")]

mod lab;

use codex_permissions::{ResolvedPolicy, Rights};
use codex_protocol::settings::{DenyGlob, FileRule, FileRules, SandboxPolicy};
use lab::{Lab, USERS, User};
use pretty_assertions::assert_eq;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;

const SECRET: &str = "the secret of the test";

/// A script that prints the secret when nothing holds it must not under `policy`.
async fn stays_secret(script: &str, prepare: impl Fn(&Lab), policy: impl Fn(&Lab) -> ResolvedPolicy) {
    for user in USERS {
        let lab = Lab::new(user);
        prepare(&lab);
        let free = lab.run(&ResolvedPolicy::unconfined(), script).await;
        assert!(free.output.contains(SECRET), "{user:?}: the control failed: {script}: {free:?}");
        let lab = Lab::new(user);
        prepare(&lab);
        let held = lab.run(&policy(&lab), script).await;
        assert!(!held.output.contains(SECRET), "{user:?}: read: {script}: {held:?}");
    }
}

fn prepare(lab: &Lab) {
    for folder in ["w/keys", "w/keys/deep", "w/keys/public", "out/closed"] {
        lab.make_folder(folder);
    }
    for file in ["w/keys/a", "w/keys/deep/a", "w/one", "out/closed/a", "out/one"] {
        lab.write(file, SECRET);
    }
    lab.write("w/keys/public/a", "public\n");
    symlink(lab.path("w/keys"), lab.path("w/link")).unwrap();
    symlink(lab.path("out/one"), lab.path("w/link-to-file")).unwrap();
}

fn closed(lab: &Lab) -> ResolvedPolicy {
    let root: String = "../".repeat(20);
    lab.profile(&[
        (root.as_str(), Rights::Read),
        ("w", Rights::Write),
        ("w/keys", Rights::None),
        ("w/keys/public", Rights::Read),
        ("w/one", Rights::None),
        ("out/closed", Rights::None),
        ("out/one", Rights::None),
        ("w/missing", Rights::None),
    ])
}

#[tokio::test]
async fn a_denied_path_is_denied_under_all_of_its_names() {
    for script in [
        "cat keys/a",
        "cat keys/deep/a",
        "cat one",
        "cat ../out/closed/a ../out/one",
        "cat link/a",
        "cat link-to-file",
        "cat /proc/self/root/$PWD/one",
        "cat /proc/self/cwd/one",
        "mv keys moved; cat moved/a keys/a",
        "mv one two; cat two one",
        "ln one hard; cat hard one",
        "cp -r keys copy; cat copy/a",
        "cd keys && cat a",
        "chmod 777 keys one; cat keys/a one",
        "exec 7<one; cat <&7",
        "ln -s $PWD/keys/deep other; cat other/a",
        "mkdir mine && mv keys mine/ && cat mine/keys/a",
        "tar cf - . ../out | cat -v",
    ] {
        stays_secret(script, prepare, closed).await;
    }
}

/// The folder around something hidden would take it to a name that the next command's rules do not know.
#[tokio::test]
async fn what_is_hidden_is_not_carried_off_for_the_next_command() {
    let prepare = |lab: &Lab| {
        for (folder, file) in [("w/a/b", "s"), ("w/c/d", "x.key"), ("w/e/f", "x.pem")] {
            lab.make_folder(folder);
            lab.write(&format!("{folder}/{file}"), SECRET);
        }
    };
    let policy = |lab: &Lab| {
        let glob = |pattern: &str| DenyGlob {
            pattern: lab.path(pattern).to_string(),
            place: "profile".into(),
            managed: false,
            max_depth: None,
        };
        let files = FileRules {
            profile: Some(
                [("/", Rights::Read), ("w", Rights::Write), ("w/a/b", Rights::None)]
                    .map(|(path, rights)| FileRule {
                        path: if path == "/" {
                            codex_base::AbsPath::new(path).unwrap()
                        } else {
                            lab.path(path)
                        },
                        rights,
                        place: "profile".into(),
                    })
                    .into(),
            ),
            deny_globs: vec![glob("w/c/**/x.key"), glob("w/**/*.pem")],
            ..FileRules::default()
        };
        lab.resolve_files(&SandboxPolicy::workspace_write(), &files)
    };
    let carry = "mv a A; mv a/b A; mv c C; mv c/d C; mv e E; mkdir q; mv a c q; true";
    let read = "cat */b/s q/*/b/s b/s A/s */d/x.key q/*/d/x.key d/x.key C/x.key */f/x.pem 2>/dev/null; true";

    for user in USERS {
        let lab = Lab::new(user);
        prepare(&lab);
        lab.run(&ResolvedPolicy::unconfined(), carry).await;
        let free = lab.run(&ResolvedPolicy::unconfined(), read).await;
        assert_eq!(free.output.matches(SECRET).count(), 3, "{user:?}: the control failed: {free:?}");

        let lab = Lab::new(user);
        prepare(&lab);
        lab.run(&policy(&lab), carry).await;
        assert!(lab.exists("w/E/f/x.pem"), "what matches under every name may go with its folder");
        let held = lab.run(&policy(&lab), read).await;
        assert_eq!(held.output, "", "{user:?}");

        let lab = Lab::without_namespaces(user);
        prepare(&lab);
        lab.run(&policy(&lab), carry).await;
        let held = lab.run(&policy(&lab), read).await;
        assert_eq!(held.output, "", "{user:?}, without namespaces");
    }
}

#[tokio::test]
async fn what_is_open_in_something_denied_is_reached_but_its_neighbours_are_not_listed() {
    for user in USERS {
        let lab = Lab::new(user);
        prepare(&lab);

        let ran = lab
            .run(
                &closed(&lab),
                "cat keys/public/a; ls keys; touch keys/public/x; touch keys/x; touch missing; mkdir missing; ls missing; echo end",
            )
            .await;

        assert!(ran.output.starts_with("public\n"), "{ran:?}");
        assert!(!ran.output.contains("deep") && ran.output.ends_with("end\n"), "{ran:?}");
        for path in ["w/keys/public/x", "w/keys/x", "w/missing"] {
            assert!(!lab.exists(path), "{path}");
        }
    }
}

#[tokio::test]
async fn without_a_line_for_the_disk_only_what_is_named_is_there() {
    for user in USERS {
        let lab = Lab::new(user);
        prepare(&lab);
        let up = "../".repeat(20);
        let system: Vec<String> = ["bin", "lib", "lib64", "usr", "etc/ld.so.cache"]
            .into_iter()
            .filter(|name| fs::exists(format!("/{name}")).unwrap())
            .map(|name| format!("{up}{name}"))
            .collect();
        let mut lines: Vec<(&str, Rights)> = system.iter().map(|path| (path.as_str(), Rights::Read)).collect();
        lines.extend([("w", Rights::Write), ("w/keys", Rights::None), ("w/keys/public", Rights::Write)]);
        let policy = lab.profile(&lines);

        let script = "ls -d /* | tr '\\n' ' '; cat /etc/passwd ../out/one 2>/dev/null || echo nothing; echo x > new; echo y > keys/public/y; cat keys/a;                       echo z > /z; echo z > /usr/z; ls /proc | grep -c '^[0-9]'; cat /proc/mounts | grep -c out; echo q > /dev/null && echo end";
        let ran = lab.run(&policy, script).await;

        assert!(ran.output.contains("nothing\n") && ran.output.ends_with("end\n"), "{ran:?}");
        assert!(!ran.output.contains(SECRET), "{ran:?}");
        assert!(lab.exists("w/new") && lab.exists("w/keys/public/y"), "{ran:?}");
        let names: Vec<&str> = ran.output.lines().next().unwrap().split(' ').collect();
        assert!(!names.contains(&"/root") && names.contains(&"/proc"), "{names:?}");
    }
}

#[tokio::test]
async fn credentials_are_empty_rather_than_closed() {
    let prepare = |lab: &Lab| {
        for folder in ["user", "user/.ssh", "user/.aws"] {
            lab.make_folder(folder);
        }
        for file in ["user/.ssh/id_rsa", "user/.aws/credentials", "user/.npmrc", "home/auth.json"] {
            lab.write(file, SECRET);
        }
        lab.write("user/.ssh/config", "Host x\n");
    };
    let read_only = |lab: &Lab| lab.resolve(&SandboxPolicy::read_only());
    for script in [
        "cat ../user/.npmrc",
        "cat ../user/.ssh/id_rsa",
        "cat ../user/.aws/credentials",
        "cat ../home/auth.json",
    ] {
        stays_secret(script, prepare, |lab| lab.workspace(true)).await;
        stays_secret(script, prepare, read_only).await;
    }
    let lab = Lab::new(User::Own);
    prepare(&lab);
    let ran = lab
        .run(
            &lab.workspace(false),
            "cat ../user/.npmrc && ls -A ../user/.aws && cat ../user/.ssh/config",
        )
        .await;
    assert_eq!((ran.code, ran.output.as_str()), (0, "Host x\n"));
}

fn with_globs(lab: &Lab, patterns: &[&str]) -> ResolvedPolicy {
    with_globs_to(lab, patterns, None)
}

fn with_globs_to(lab: &Lab, patterns: &[&str], max_depth: Option<u32>) -> ResolvedPolicy {
    let glob = |pattern: &&str| DenyGlob {
        pattern: lab.path(pattern).to_string(),
        place: "profile".into(),
        managed: false,
        max_depth,
    };
    let files = FileRules {
        deny_globs: patterns.iter().map(glob).collect(),
        ..FileRules::default()
    };
    lab.resolve_files(&SandboxPolicy::workspace_write(), &files)
}

#[tokio::test]
async fn names_that_match_a_pattern_are_not_read_in_any_encoding() {
    let odd = OsStr::from_bytes(b"w/a/\xff\xfe.env");
    let prepare = |lab: &Lab| {
        lab.make_folder("w/a");
        fs::write(lab.base.join(odd), SECRET).unwrap();
        fs::set_permissions(lab.base.join(odd), std::os::unix::fs::PermissionsExt::from_mode(0o666)).unwrap();
        lab.write("w/a/.env", SECRET);
        lab.write("out/real", SECRET);
        symlink(lab.path("out/real"), lab.path("w/link.env")).unwrap();
    };
    let policy = |lab: &Lab| with_globs(lab, &["w/**/*.env"]);
    for script in [
        "cat a/*.env",
        "cat a/.env",
        "cat link.env",
        "cat ../out/real",
        "mv a b; cat b/.env b/*.env",
    ] {
        stays_secret(script, prepare, policy).await;
    }
}

#[tokio::test]
async fn what_matches_a_pattern_is_closed_as_deep_as_it_was_looked_for() {
    for lab in [Lab::new(User::Own), Lab::without_namespaces(User::Own)] {
        lab.make_folder("w/a/b");
        for file in ["w/x.env", "w/a/x.env", "w/a/b/x.env"] {
            lab.write(file, file);
        }
        let script = "cat x.env a/x.env a/b/x.env 2>/dev/null; true";
        let shown = |depth| {
            let policy = with_globs_to(&lab, &["w/**/*.env"], depth);
            let lab = &lab;
            async move { lab.run(&policy, script).await.output }
        };

        assert_eq!(shown(Some(1)).await, "w/a/x.envw/a/b/x.env");
        assert_eq!(shown(Some(2)).await, "w/a/b/x.env");
        assert_eq!(shown(None).await, "");
    }
}

#[tokio::test]
async fn too_many_matches_are_an_error_that_names_the_pattern() {
    let lab = Lab::new(User::Own);
    for number in 0..8193 {
        fs::write(lab.path(&format!("out/{number}.env")), "").unwrap();
    }
    let error = codex_process::Sandbox::prepare(
        &lab.sandbox,
        lab.spec(&["true"], codex_process::CommandIo::Pipes),
        &with_globs(&lab, &["out/*.env"]),
    )
    .unwrap_err();
    assert!(error.to_string().contains("out/*.env (profile)"), "{error}");
}

#[tokio::test]
async fn what_an_administrator_closed_stays_closed_with_full_access() {
    let policy = |lab: &Lab| {
        let files = FileRules {
            managed_deny: vec![FileRule {
                path: lab.path("out/closed"),
                rights: Rights::None,
                place: "requirements.toml:2".into(),
            }],
            ..FileRules::default()
        };
        lab.resolve_files(&SandboxPolicy::DangerFullAccess, &files)
    };
    stays_secret("cat ../out/closed/a", prepare, policy).await;
    let lab = Lab::new(User::Own);
    prepare(&lab);
    let ran = lab.run(&policy(&lab), "echo x > ../out/new && cat ../out/one").await;
    assert!(ran.code == 0 && lab.exists("out/new") && ran.output == SECRET, "{ran:?}");
}

#[tokio::test]
async fn a_file_that_matches_has_no_readable_hard_link_in_the_workspace_and_new_ones_are_noticed() {
    let lab = Lab::new(User::Own);
    lab.make_folder("w/a");
    lab.write("w/a/k.env", SECRET);
    fs::hard_link(lab.path("w/a/k.env"), lab.path("w/plain")).unwrap();
    let policy = with_globs(&lab, &["w/**/*.env"]);

    let ran = lab.run(&policy, "cat plain a/k.env; echo end").await;
    assert!(!ran.output.contains(SECRET) && ran.output.ends_with("end\n"), "{ran:?}");

    lab.make_folder("w/b/c");
    lab.write("w/b/c/new.env", SECRET);
    let ran = lab.run(&policy, "cat b/c/new.env; echo end").await;
    assert!(!ran.output.contains(SECRET) && ran.output.ends_with("end\n"), "{ran:?}");
}

/// In mount and user namespaces of its own, where it may bind folders, the test starts itself once more.
#[tokio::test]
async fn other_names_that_mounts_give_are_hidden_and_protected_too() {
    if let Some(base) = std::env::var_os("TEST_INSIDE_OF_BINDS") {
        return inside_of_binds(&Lab::at(base)).await;
    }
    let script = "mount --bind \"$TEST_INSIDE_OF_BINDS/out/closed\" \"$TEST_INSIDE_OF_BINDS/w/seen\" && \
                  mount --bind \"$TEST_INSIDE_OF_BINDS/w/.git\" \"$TEST_INSIDE_OF_BINDS/w/other\" && exec \"$0\" --exact --nocapture \"$1\"";
    let lab = Lab::new(User::Own);
    prepare(&lab);
    for folder in ["w/seen", "w/other"] {
        lab.make_folder(folder);
    }
    let run = std::process::Command::new("unshare")
        .args(["--user", "--map-root-user", "--mount", "/bin/sh", "-c", script])
        .arg(std::env::current_exe().unwrap())
        .arg("other_names_that_mounts_give_are_hidden_and_protected_too")
        .env("TEST_INSIDE_OF_BINDS", lab.base.as_path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&run.stdout).into_owned() + &String::from_utf8_lossy(&run.stderr);
    assert!(run.status.success() && said.contains("1 passed"), "{said}");
}

async fn inside_of_binds(lab: &Lab) {
    let control = lab.run(&ResolvedPolicy::unconfined(), "cat seen/a && touch other/control").await;
    assert!(control.code == 0 && control.output == SECRET, "{control:?}");

    let ran = lab
        .run(&closed(lab), "cat seen/a; touch other/planted; cat ../out/closed/a; echo end")
        .await;

    assert!(!ran.output.contains(SECRET) && ran.output.ends_with("end\n"), "{ran:?}");
    assert!(lab.exists("w/.git/control") && !lab.exists("w/.git/planted"), "{ran:?}");
}
