//! `codex sandbox learn`: the profile that it proposes lets the same command do the same again, and nothing else.

use crate::support::{Lab, PATIENCE, Ran};
use codex_testkit::network::{NameServer, inside};
use codex_testkit::world::World;
use pretty_assertions::assert_eq;
use std::fs;
use std::io::Write;
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;

/// Reads a file outside of the workspace, writes into one folder of it, asks git, runs python.
const SCRIPT: &str = "cat ../conf/app.conf && echo built > build/out && git status --short && python3 tool.py";

/// A repository with a folder for builds, and next to it what belongs to somebody else.
fn lab() -> Lab {
    let lab = Lab::new();
    lab.home
        .make_repository(&[("tool.py", "import json\nprint(json.dumps({'a': 1}))\n"), (".gitignore", "build\n")]);
    fs::write(lab.home.workspace().join("new"), "x\n").unwrap();
    for folder in ["work/build", "conf", "other"] {
        fs::create_dir_all(lab.root().join(folder)).unwrap();
    }
    fs::write(lab.root().join("conf/app.conf"), "level=1\n").unwrap();
    fs::write(lab.root().join("other/secret"), "s3cret\n").unwrap();
    lab
}

fn run_in(world: impl Fn(&mut Command), lab: &Lab, arguments: &[&str]) -> Ran {
    let mut command = lab.command(&[&["sandbox"], arguments].concat());
    world(&mut command);
    lab.start(command).ended(PATIENCE)
}

fn run(lab: &Lab, arguments: &[&str]) -> Ran {
    run_in(|_| (), lab, arguments)
}

fn learns_and_repeats(lab: &Lab, script: &str, world: impl Fn(&mut Command)) {
    let out = lab.home.workspace().join("build/out");
    let there = out.exists();
    let before = "level=1\n?? new\n{\"a\": 1}\n";

    let learning = run_in(
        &world,
        lab,
        &["learn", "-s", "workspace-write", "--save", "mine", "--", "sh", "-c", script],
    );

    assert_eq!(learning.assert_code(0).stdout, before);
    if there {
        fs::write(&out, "").unwrap();
    } else {
        fs::remove_file(&out).unwrap();
    }
    let again = run_in(&world, lab, &["--log-denials", "-p", "mine", "--", "sh", "-c", script]);
    assert_eq!(again.assert_code(0).stdout, before);
    assert!(
        again.stderr.starts_with("\n=== Sandbox denials ===\nNone found.\n"),
        "{}",
        again.all()
    );
    assert_eq!(fs::read_to_string(&out).unwrap(), "built\n");
    // And the rest stays closed.
    let secret = lab.root().join("other/secret");
    let read = run_in(&world, lab, &["--log-denials", "-p", "mine", "--", "cat", secret.to_str().unwrap()]);
    assert!(read.end() == Ok(1) && !read.stdout.contains("s3cret"), "{}", read.all());
    assert!(
        read.stderr.contains(&format!("(cat) read {}: no rule opens it", secret.display())),
        "{}",
        read.all()
    );
    for closed in ["more", ".git/hooks/pre-commit", ".git/config", "../conf/app.conf"] {
        let append = format!("echo x >> {closed}");
        let ran = run_in(&world, lab, &["-p", "mine", "--", "sh", "-c", &append]);
        assert!(ran.end() != Ok(0), "{closed}: {}", ran.all());
    }
    assert!(
        !fs::read_to_string(lab.home.workspace().join(".git/config"))
            .unwrap()
            .contains("x\n[")
    );
    assert!(!lab.home.workspace().join("more").exists());
}

#[test]
fn the_same_command_does_the_same_under_what_was_learned_and_nothing_else_is_open() {
    learns_and_repeats(&lab(), SCRIPT, |_| ());
}

#[test]
fn so_it_does_without_namespaces() {
    let lab = lab();
    let refused = |command: &mut Command| World::NamespacesRefused.around(command);
    fs::write(lab.home.workspace().join("build/out"), "").unwrap();
    // A recorded command makes no names beside protected ones there, so that git keeps no note of what it saw.
    let script = format!("export GIT_OPTIONAL_LOCKS=0; {SCRIPT}");
    learns_and_repeats(&lab, &script, refused);
}

#[test]
fn the_streams_and_the_exit_code_are_the_commands_and_the_profile_is_on_stderr() {
    let lab = Lab::new();

    let ran = run(&lab, &["learn", "--", "sh", "-c", "echo out; echo err >&2; echo x > new; exit 7"]);

    insta::assert_snapshot!(ran.all().replace(lab.root().to_str().unwrap(), "[LAB]"), @r#"
    Ok(7)
    -- stdout
    out
    -- stderr
    err
    sh: 1: cannot create new: Read-only file system
    # Learned by `codex sandbox learn` from one run of sh (exit code 7). Another run may need more.
    # It ran: dash
    default_permissions = "learned"

    [permissions.learned.filesystem]
    ":minimal" = "read"

    [permissions.learned.filesystem.":workspace_roots"]
    "." = "read"

    [permissions.learned.network]
    enabled = false

    # Refused while learning, and not in this profile:
    #   (sh) write [LAB]/work/new: the sandbox mode; `"[LAB]/work" = "write"` would allow it
    note: the profile is not complete, something was refused while learning (its end says what); -s workspace-write, or -s danger-full-access for a command that you trust, lets it do more
    "#);
}

#[test]
fn what_looks_risky_stays_a_comment() {
    let lab = lab();
    let home = lab.home.command(Path::new("true"));
    let home = home.get_envs().find(|(name, _)| *name == "HOME").unwrap().1.unwrap().to_owned();
    let home = Path::new(&home);
    fs::create_dir_all(home.join(".ssh")).unwrap();
    fs::write(home.join(".ssh/id_test"), "key\n").unwrap();
    fs::write(home.join(".bashrc"), "\n").unwrap();
    let script = "cat ~/.ssh/id_test && echo x >> ~/.bashrc && echo x > .git/hooks/pre-commit";

    let ran = run(&lab, &["learn", "-s", "danger-full-access", "--json", "--", "sh", "-c", script]);

    ran.assert_code(0);
    let end = ran.stderr.find("\n}\n").unwrap() + 2;
    let json: serde_json::Value = serde_json::from_str(&ran.stderr[..end]).unwrap();
    let withheld: Vec<(&str, &str)> = json["withheld"]
        .as_array()
        .unwrap()
        .iter()
        .map(|withheld| {
            (
                withheld["line"]["key"].as_str().unwrap(),
                withheld["risk"]["kind"].as_str().unwrap(),
            )
        })
        .collect();
    let expect = [
        ("~/.bashrc", "startUp"),
        ("~/.ssh/id_test", "credentials"),
        (".git/hooks", "repository"),
        (".git/hooks/pre-commit", "repository"),
    ];
    let (mut withheld, mut expect) = (withheld, expect.to_vec());
    withheld.sort_unstable();
    expect.sort_unstable();
    assert_eq!(withheld, expect, "{json:#}");
    let profile: toml::Table = toml::from_str(json["profile"].as_str().unwrap()).unwrap();
    let text = profile.to_string();
    assert!(
        !text.contains(".ssh") && !text.contains("hooks") && !text.contains("bashrc"),
        "{text}"
    );
    assert!(ran.stderr.contains("4 lines look risky"), "{}", ran.stderr);
}

#[test]
fn nothing_is_written_over_and_then_nothing_runs_either() {
    let lab = Lab::new();
    let mine = lab.home.codex_home().join("mine.config.toml");
    let file = lab.home.workspace().join("profile.toml");
    fs::write(&mine, "# mine\n").unwrap();
    fs::write(&file, "# file\n").unwrap();
    let check = |options: &[&str]| {
        let ran = run(&lab, &[&["learn"], options, &["--", "sh", "-c", "echo ran"]].concat());
        ran.assert_code(1);
        assert!(
            ran.stderr.contains("[sandbox.profile_exists]") && ran.stdout.is_empty(),
            "{}",
            ran.all()
        );
    };

    check(&["--save", "mine"]);
    check(&["-o", "profile.toml"]);

    assert_eq!(
        fs::read_to_string(&mine).unwrap() + &fs::read_to_string(&file).unwrap(),
        "# mine\n# file\n"
    );
    // Made by the command itself, meanwhile.
    let ran = run(
        &lab,
        &[
            "learn",
            "-s",
            "workspace-write",
            "-o",
            "late.toml",
            "--",
            "sh",
            "-c",
            "echo own > late.toml",
        ],
    );
    ran.assert_code(1);
    assert_eq!(fs::read_to_string(lab.home.workspace().join("late.toml")).unwrap(), "own\n");
    assert!(ran.stderr.contains("[permissions.learned.filesystem]"), "{}", ran.all());
    let ran = run(&lab, &["learn", "-o", "fresh.toml", "--", "true"]);
    ran.assert_code(0);
    assert!(
        fs::read_to_string(lab.home.workspace().join("fresh.toml"))
            .unwrap()
            .contains("default_permissions = \"learned\"")
    );
}

#[test]
fn without_a_command_or_a_recorder_nothing_is_learned() {
    let lab = Lab::new();
    let none = run(&lab, &["learn"]);
    assert!(none.assert_code(1).stderr.contains("[sandbox.no_command]"), "{}", none.all());

    let recorded = run(
        &lab,
        &[
            "learn",
            "--",
            lab.program().to_str().unwrap(),
            "sandbox",
            "learn",
            "--",
            "echo",
            "ran",
        ],
    );

    recorded.assert_code(1);
    assert!(
        recorded.stdout.is_empty() && recorded.stderr.contains("[sandbox.unrecordable]"),
        "{}",
        recorded.all()
    );
}

/// Where the name server is the test's own.
#[test]
fn hosts_are_learned_with_the_names_that_were_asked_for() {
    inside("learned::hosts_are_learned_with_the_names_that_were_asked_for", || {
        const FETCH: &str = "import socket\ns = socket.create_connection(('service.example', 7777), 10)\nprint(s.recv(9).decode())\n";
        let _names = NameServer::helpful();
        let listener = TcpListener::bind("127.0.0.1:7777").unwrap();
        let server = std::thread::spawn(move || {
            for _ in 0..2 {
                listener.accept().unwrap().0.write_all(b"served").unwrap();
            }
        });
        let lab = Lab::new();
        fs::write(lab.home.workspace().join("fetch.py"), FETCH).unwrap();
        let network = "sandbox_workspace_write.network_access=true";
        let command = ["--", "python3", "fetch.py"];

        let learning = run(
            &lab,
            &[
                &["learn", "-c", "sandbox_mode=workspace-write", "-c", network, "--save", "net"],
                &command[..],
            ]
            .concat(),
        );

        assert_eq!(learning.assert_code(0).stdout, "served\n");
        let text = fs::read_to_string(lab.home.codex_home().join("net.config.toml")).unwrap();
        assert!(text.contains("\n# Asked for: service.example\n"), "{text}");
        assert!(text.contains("127.0.0.1:7777") && text.contains("\nenabled = true\n"), "{text}");
        let again = run(&lab, &[&["--log-denials", "-p", "net"], &command[..]].concat());
        assert_eq!(again.assert_code(0).stdout, "served\n");
        assert!(again.stderr.ends_with("None found.\n"), "{}", again.all());
        let off = run(&lab, &[&["--log-denials"], &command[..]].concat());
        assert!(
            off.end() != Ok(0) && off.stderr.contains("(python3) connect network: the network is off"),
            "{}",
            off.all()
        );
        server.join().unwrap();
    });
}
