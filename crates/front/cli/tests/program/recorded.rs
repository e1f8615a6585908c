//! `codex sandbox --log-denials`: what was refused is seen in the kernel, beside a command that runs as ever.

use crate::support::{Lab, PATIENCE, Ran, wait_for};
use codex_testkit::network::Recorder;
use codex_testkit::world::World;
use std::fs;
use std::time::Duration;

fn logged(lab: &Lab, arguments: &[&str]) -> Ran {
    lab.run(&[&["sandbox", "--log-denials"], arguments].concat())
}

/// Of a run, with the lab's own place left out.
fn shown(lab: &Lab, ran: &Ran) -> String {
    ran.all().replace(lab.root().to_str().unwrap(), "[LAB]").replace("sh: 1: ", "sh: ")
}

#[test]
fn what_was_refused_is_told_with_its_rule_when_the_command_has_ended() {
    let lab = Lab::new();
    lab.home
        .write_config("[permissions.p.filesystem]\n\":root\" = \"read\"\n\":workspace_roots\" = { hidden = \"deny\" }\n");
    fs::write(lab.home.workspace().join("hidden"), "x\n").unwrap();

    let script = "echo out; echo x > new; cat hidden; rm hidden; cat missing; exit 5";
    let ran = logged(&lab, &["-P", "p", "--", "sh", "-c", script]);

    insta::assert_snapshot!(shown(&lab, &ran), @r#"
    Ok(5)
    -- stdout
    out
    -- stderr
    sh: cannot create new: Read-only file system
    cat: hidden: Permission denied
    rm: cannot remove 'hidden': Read-only file system
    cat: missing: No such file or directory

    === Sandbox denials ===
    (cat) read [LAB]/work/hidden: [LAB]/codex-home/config.toml:3:24; `"[LAB]/work/hidden" = "read"` would allow it
    (rm) write [LAB]/work/hidden: [LAB]/codex-home/config.toml:3:24
    (sh) write [LAB]/work/new: [LAB]/codex-home/config.toml:2:1; `"[LAB]/work" = "write"` would allow it
    "#);
    let quiet = logged(
        &lab,
        &["-s", "workspace-write", "--", "sh", "-c", "echo x > new; rm new; cat missing"],
    );
    insta::assert_snapshot!(shown(&lab, &quiet), @"
    Ok(1)
    -- stdout
    -- stderr
    cat: missing: No such file or directory

    === Sandbox denials ===
    None found.
    ");
}

#[test]
fn without_namespaces_the_same_is_told() {
    let lab = Lab::new();
    let run = |mode: &str| {
        let mut command = lab.command(&[
            "sandbox",
            "--log-denials",
            "-s",
            mode,
            "--",
            "sh",
            "-c",
            "echo x > new; exec 3>/dev/null",
        ]);
        World::NamespacesRefused.around(&mut command);
        lab.start(command).ended(PATIENCE)
    };

    let allowed = run("workspace-write");
    assert!(lab.home.workspace().join("new").exists());
    fs::remove_file(lab.home.workspace().join("new")).unwrap();
    let ran = run("read-only");

    insta::assert_snapshot!(shown(&lab, &allowed), @"
    Ok(0)
    -- stdout
    -- stderr

    === Sandbox denials ===
    None found.
    ");
    insta::assert_snapshot!(shown(&lab, &ran), @r#"
    Ok(0)
    -- stdout
    -- stderr
    sh: cannot create new: Permission denied

    === Sandbox denials ===
    (sh) write [LAB]/work/new: the sandbox mode; `"[LAB]/work" = "write"` would allow it
    "#);
}

#[test]
fn a_recorded_command_gets_its_signals_and_ends_with_codex() {
    for mode in ["read-only", "danger-full-access"] {
        let lab = Lab::new();
        let script = "trap 'echo got' USR1; trap 'echo bye; exit 4' TERM; echo ready; while :; do sleep 0.02; done";
        let options = ["sandbox", "--log-denials", "-s", mode, "--", "sh", "-c", script];
        let mut started = lab.start(lab.command(&options));
        wait_for("the command", || started.stdout().contains("ready").then_some(()));

        started.signal(libc::SIGUSR1);
        wait_for("the signal", || started.stdout().contains("got").then_some(()));
        started.signal(libc::SIGTERM);

        let ran = started.ended(PATIENCE);
        assert_eq!((ran.end(), ran.stdout.as_str()), (Ok(4), "ready\ngot\nbye\n"), "{mode}");
        assert_eq!(ran.stderr, "\n=== Sandbox denials ===\nNone found.\n");
        lab.assert_none_left(Duration::from_secs(5));

        let mut started = lab.start(lab.command(&options));
        wait_for("the command", || started.stdout().contains("ready").then_some(()));
        started.child.kill().unwrap();
        lab.assert_none_left(Duration::from_secs(5));
    }
}

#[test]
fn the_report_comes_before_the_signal_that_ends_both() {
    let lab = Lab::new();
    let script = "echo x > new; echo ready; exec sleep 300";
    let mut started = lab.start(lab.command(&["sandbox", "--log-denials", "--", "sh", "-c", script]));
    wait_for("the command", || started.stdout().contains("ready").then_some(()));

    started.signal(libc::SIGTERM);

    let ran = started.ended(PATIENCE);
    assert_eq!(ran.end(), Err(libc::SIGTERM));
    assert!(ran.stderr.contains("\n(sh) write "), "{}", ran.all());
}

#[test]
fn where_somebody_records_already_the_command_runs_and_that_is_said() {
    let lab = Lab::new();
    let mut command = lab.command(&["sandbox", "--log-denials", "--", "sh", "-c", "echo ran; echo x > new"]);
    let recorder = Recorder::around(&mut command);

    let ran = lab.start(command).ended(PATIENCE);

    recorder.finish();
    insta::assert_snapshot!(shown(&lab, &ran), @"
    Ok(2)
    -- stdout
    ran
    -- stderr
    note: --log-denials: cannot record the command: something around codex records already (a recorded command, a container's own filter), and the kernel has one recorder for all that runs there
    sh: cannot create new: Read-only file system
    ");
    assert!(!lab.home.workspace().join("new").exists());
}
