//! What a confined command can do, judged from outside. Each attempt is made twice: it must fail confined and succeed unconfined.
#![cfg(target_os = "linux")]

mod lab;

use codex_permissions::ResolvedPolicy;
use codex_process::facts::{Surroundings, path_facts};
use codex_process::{CommandIo, ExitCause, Expiration, Ladder, SpawnError};
use codex_protocol::settings::{FileRules, SandboxPolicy};
use lab::{Lab, Ran, USERS, User};
use pretty_assertions::assert_eq;
use std::fs;
use std::os::unix::fs::symlink;

/// A script, and a path that exists afterwards if and only if it did what it wants.
async fn stays_inside(script: &str, trace: &str, prepare: impl Fn(&Lab), policy: impl Fn(&Lab) -> ResolvedPolicy) {
    for user in USERS {
        let lab = Lab::new(user);
        prepare(&lab);
        let free = lab.run(&ResolvedPolicy::unconfined(), script).await;
        assert!(
            free.code == 0 && lab.exists(trace),
            "{user:?}: the control failed: {script}: {free:?}"
        );

        let lab = Lab::new(user);
        prepare(&lab);
        let held = lab.run(&policy(&lab), script).await;
        assert!(held.code != 0 && !lab.exists(trace), "{user:?}: not refused: {script}: {held:?}");
    }
}

#[tokio::test]
async fn writes_stay_in_the_workspace() {
    for (script, trace) in [
        ("echo x > $BASE/out/new", "out/new"),
        ("ln -s $BASE/out link && echo x > link/new", "out/new"),
        ("echo x > /proc/self/root/$BASE/out/new", "out/new"),
        ("echo x > ../out/new", "out/new"),
        ("ln ../out/there hard", "w/hard"),
        ("mv ../out/there here && touch done", "w/done"),
        ("mkdir ../new", "new"),
        ("cp in ../out/new", "out/new"),
        ("echo x > ../home/config.toml", "home/config.toml"),
    ] {
        stays_inside(script, trace, |lab| lab.write("w/in", "x"), |lab| lab.workspace(true)).await;
    }
}

#[tokio::test]
async fn read_only_writes_nothing_but_reads_everything() {
    let read_only = |lab: &Lab| lab.resolve(&SandboxPolicy::read_only());
    stays_inside("echo x > new", "w/new", |_| {}, read_only).await;

    let lab = Lab::new(User::Own);
    let ran = lab
        .run(
            &read_only(&lab),
            "cat ../out/there; echo x > /dev/null && echo y > /dev/shm/y && cat /dev/shm/y",
        )
        .await;
    assert_eq!((ran.code, ran.output.as_str()), (0, "before\ny\n"));
    assert!(!fs::exists("/dev/shm/y").unwrap());
}

#[tokio::test]
async fn the_workspace_is_written_as_ever() {
    let script = "echo x > new && mkdir -p sub/.git sub/.codex && touch sub/.git/config && mv new sub/moved && ln sub/moved hard && ln -s hard soft \
                  && echo y >> soft && rm -r sub && cat hard && git status --short | head -3; echo end";
    for user in USERS {
        let lab = Lab::new(user);
        let Ran { code, output } = lab.run(&lab.workspace(false), script).await;
        assert_eq!(code, 0, "{output}");
        assert!(
            output.starts_with("x\ny\n") && lab.exists("w/hard") && !lab.exists("w/sub"),
            "{output}"
        );
    }
}

#[tokio::test]
async fn protected_names_stay_as_they_are() {
    for (script, trace) in [
        ("touch .git/hooks/post-commit", "w/.git/hooks/post-commit"),
        ("echo x >> .git/config && touch done", "w/done"),
        ("mv .git moved", "w/moved"),
        ("rm -r .git && touch done", "w/done"),
        ("mkdir .codex", "w/.codex"),
        ("mkdir -p .codex && echo x > .codex/config.toml", "w/.codex"),
        ("mkdir x && mv x .agents", "w/.agents"),
        ("touch .aws", "w/.aws"),
        ("ln -s .git .codex", "w/.codex"),
        ("mkdir .codex; rmdir .codex && mkdir .codex", "w/.codex"),
    ] {
        stays_inside(script, trace, |_| {}, |lab| lab.workspace(false)).await;
    }
}

#[tokio::test]
async fn nothing_is_left_of_what_stands_in_for_missing_names() {
    for user in USERS {
        let lab = Lab::new(user);

        let ran = lab.run(&lab.workspace(false), "ls -A; git -C . rev-parse 2>&1 | head -1").await;

        let names: Vec<_> = fs::read_dir(lab.path("w"))
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        assert_eq!(names, [".git"], "{ran:?}");
    }
}

/// It takes rights away from everything that is made in the folder.
const ACCESS_LIST: [u8; 28] = {
    const NOBODY: [u8; 4] = [0xff; 4];
    let [a, b, c, d] = NOBODY;
    // Version 2; then for owner, group and others: who, what (a bit for read, write and execute each), no number.
    [
        2, 0, 0, 0, 1, 0, 7, 0, a, b, c, d, 4, 0, 5, 0, a, b, c, d, 0x20, 0, 0, 0, a, b, c, d,
    ]
};

#[tokio::test]
async fn nothing_is_left_either_where_an_access_list_changes_the_modes_of_what_is_made() {
    for user in USERS {
        let lab = Lab::new(user);
        lab.write("w/.git/HEAD", "ref: refs/heads/main\n");
        for part in ["objects", "refs", "info"] {
            lab.make_folder(&format!("w/.git/{part}"));
        }
        for folder in ["w", "w/.git", "w/.git/info"] {
            let flags = rustix::fs::XattrFlags::empty();
            let set = rustix::fs::setxattr(lab.path(folder).as_path(), "system.posix_acl_default", &ACCESS_LIST, flags);
            set.expect("this needs a file system with access lists");
        }
        let names = || {
            let folders = ["w", "w/.git", "w/.git/info"].map(|folder| fs::read_dir(lab.path(folder)).unwrap());
            let mut names: Vec<_> = folders.into_iter().flatten().map(|entry| entry.unwrap().path()).collect();
            names.sort();
            names
        };
        let before = names();

        let ran = lab
            .run(&lab.workspace(false), "ls -A . .git .git/info; echo x > .codex || echo closed")
            .await;

        let stands_in = |name: &str| ran.output.lines().any(|line| line == name);
        assert!(
            stands_in(".codex") && stands_in("attributes") && stands_in("closed"),
            "{user:?} {ran:?}"
        );
        assert_eq!(names(), before, "{user:?}");
    }
}

#[tokio::test]
async fn a_folder_of_a_repository_that_is_closed_to_the_user_refuses_no_command() {
    let lab = Lab::new(User::Ordinary);
    lab.write("w/.git/HEAD", "ref: refs/heads/main\n");
    for part in ["objects", "refs", "info"] {
        lab.make_folder(&format!("w/.git/{part}"));
    }
    let closed = lab.path("w/.git/info");
    let is_root = rustix::process::geteuid().is_root();
    if is_root {
        std::os::unix::fs::chown(closed.as_path(), Some(0), Some(0)).unwrap();
    }
    let mode = if is_root { 0o700 } else { 0 };
    fs::set_permissions(closed.as_path(), std::os::unix::fs::PermissionsExt::from_mode(mode)).unwrap();

    let spec = lab.spec(&["/bin/ls", ".git/info"], CommandIo::Pipes);
    let started = lab.start(&lab.workspace(false), spec, Expiration::default()).await;

    // Its owner could open it, and then make what is protected.
    assert_eq!(started.is_ok(), is_root, "{started:?}");
}

#[tokio::test]
async fn a_command_that_ends_does_not_open_the_names_for_one_that_runs() {
    let lab = Lab::new(User::Own);
    // What a killed supervisor left behind is taken over.
    fs::create_dir(lab.path("w/.agents")).unwrap();
    fs::set_permissions(lab.path("w/.agents"), std::os::unix::fs::PermissionsExt::from_mode(0o1555)).unwrap();
    let script = "echo ready; while ! test -e go; do sleep 0.01; done; mkdir .codex || rmdir .codex || touch .codex/x || echo refused";
    let spec = lab.spec(&["/bin/sh", "-c", script], CommandIo::Pipes);
    let long = lab.start(&lab.workspace(false), spec, Expiration::default()).await.unwrap();

    assert_eq!(lab.run(&lab.workspace(false), "true").await.code, 0);
    lab.write("w/go", "");
    long.exited().await;

    let output = long.aggregated().to_text();
    assert!(output.ends_with("refused\n"), "{output}");
    for name in [".codex", ".agents", ".aws"] {
        assert!(!lab.exists(&format!("w/{name}")), "{name}");
    }
}

#[tokio::test]
async fn codex_home_in_the_workspace_is_neither_written_nor_moved_away() {
    let policy = |lab: &Lab| {
        let (policy, files) = (SandboxPolicy::workspace_write(), FileRules::default());
        let at = Surroundings {
            cwd: &lab.path("w"),
            home: None,
            tmpdir: None,
            codex_home: &lab.path("w/a/home"),
        };
        codex_permissions::resolve(&policy, &files, at.cwd, &path_facts(&policy, &files, at))
    };
    let prepare = |lab: &Lab| {
        lab.make_folder("w/a");
        lab.make_folder("w/a/home");
    };
    stays_inside("echo x > a/home/config.toml", "w/a/home/config.toml", prepare, policy).await;
    stays_inside("mv a b", "w/b", prepare, policy).await;
    stays_inside("mkdir -p a/home", "w/a", |_| {}, policy).await;
}

#[tokio::test]
async fn a_protected_name_that_is_a_symbolic_link_cannot_be_exchanged_nor_written_through() {
    let prepare = |lab: &Lab| {
        lab.make_folder("w/shared");
        symlink(lab.path("w/shared"), lab.path("w/.codex")).unwrap();
        symlink(lab.path("w/none"), lab.path("w/.agents")).unwrap();
    };
    for (script, trace) in [
        ("rm .codex && mkdir .codex && touch .codex/x", "w/.codex/x"),
        ("mv .codex old", "w/old"),
        ("touch .codex/x", "w/shared/x"),
        ("touch shared/x", "w/shared/x"),
        ("mv shared other", "w/other"),
        ("mkdir none && touch .agents/x", "w/none/x"),
        ("ln -sfn out .codex && touch done", "w/done"),
    ] {
        stays_inside(script, trace, prepare, |lab| lab.workspace(false)).await;
    }
    let lab = Lab::new(User::Own);
    prepare(&lab);
    lab.write("w/shared/config.toml", "here");
    assert_eq!(lab.run(&lab.workspace(false), "cat .codex/config.toml").await.output, "here");
}

#[tokio::test]
async fn a_worktree_protects_the_repository_behind_it() {
    let prepare = |lab: &Lab| {
        lab.make_folder("w/main/.git/worktrees/t");
        lab.make_folder("w/main/.git/hooks");
        lab.write("w/main/.git/worktrees/t/commondir", "../..\n");
        fs::remove_dir_all(lab.path("w/.git")).unwrap();
        lab.write("w/.git", &format!("gitdir: {}\n", lab.path("w/main/.git/worktrees/t")));
    };
    let policy = |lab: &Lab| lab.workspace(false);
    stays_inside("touch main/.git/hooks/x", "w/main/.git/hooks/x", prepare, policy).await;
    stays_inside("echo x > .git && touch done", "w/done", prepare, policy).await;
    stays_inside("mv main other", "w/other", prepare, policy).await;
}

#[tokio::test]
async fn a_command_has_no_rights_no_terminal_and_sees_no_other_process() {
    let script = "grep -E '^(CapInh|CapPrm|CapEff|CapBnd|CapAmb|NoNewPrivs|Seccomp):' /proc/self/status | tr -d '\\t'; set -- /proc/[0-9]*; echo $#; \
                  : < /dev/tty || echo no tty; echo x > /proc/sys/kernel/hostname || echo no sysctl; \
                  cat /proc/1/environ 2>/dev/null || echo no memory of init; readlink /proc/1/fd/* || echo no files of init; ls /dev | tr '\\n' ' '; ulimit -c";
    let mut outputs = Vec::new();
    for user in USERS {
        let lab = Lab::new(user);
        let output = lab.run(&lab.workspace(false), script).await.output;
        outputs.push(
            output
                .lines()
                .filter(|line| !line.starts_with("/bin/bash:"))
                .map(|line| format!("{line}\n"))
                .collect::<String>(),
        );
    }
    insta::assert_snapshot!(outputs[0], @"
    CapInh:0000000000000000
    CapPrm:0000000000000000
    CapEff:0000000000000000
    CapBnd:0000000000000000
    CapAmb:0000000000000000
    NoNewPrivs:1
    Seccomp:2
    2
    no tty
    no sysctl
    no memory of init
    no files of init
    fd full null ptmx pts random shm stderr stdin stdout tty urandom zero 0
    ");
    assert_eq!(outputs[0], outputs[1]);
}

#[tokio::test]
async fn a_command_has_namespaces_of_its_own() {
    let lab = Lab::new(User::Own);
    let mut kinds = vec!["user", "mnt", "pid", "ipc", "uts", "net"];
    match std::fs::exists("/proc/self/ns/cgroup") {
        Ok(true) => kinds.push("cgroup"),
        Ok(false) | Err(_) => println!("this kernel has no namespaces of control groups"),
    }
    let ours: Vec<String> = kinds
        .iter()
        .map(|kind| std::fs::read_link(format!("/proc/self/ns/{kind}")).unwrap().display().to_string())
        .collect();

    let ran = lab
        .run(&lab.workspace(false), &format!("cd /proc/self/ns && readlink {}", kinds.join(" ")))
        .await;

    let own: Vec<&str> = ran.output.lines().collect();
    assert_eq!(own.len(), kinds.len(), "{own:?}");
    assert!(!own.iter().any(|own| ours.iter().any(|ours| ours == own)), "{own:?} {ours:?}");
}

#[tokio::test]
async fn what_our_own_parent_left_open_is_closed() {
    let lab = Lab::new(User::Own);
    let folder = fs::File::open(lab.path("out")).unwrap();
    rustix::io::fcntl_setfd(&folder, rustix::io::FdFlags::empty()).unwrap();
    let number = std::os::fd::AsRawFd::as_raw_fd(&folder);
    let plain = std::process::Command::new("/bin/ls")
        .arg(format!("/proc/self/fd/{number}/there"))
        .output()
        .unwrap();
    assert!(plain.status.success(), "the control failed");

    for policy in [lab.workspace(false), ResolvedPolicy::unconfined()] {
        let ran = lab.run(&policy, "ls /proc/self/fd | tr '\\n' ' '").await;
        assert_eq!(ran.output, "0 1 2 3 ", "3 is the folder that is listed");
    }
}

#[tokio::test]
async fn the_environment_is_exactly_what_was_given() {
    for policy in [Lab::new(User::Own).workspace(false), ResolvedPolicy::unconfined()] {
        let lab = Lab::new(User::Own);
        let mut spec = lab.spec(&["env"], CommandIo::Pipes);
        spec.env = vec![
            ("PATH".into(), "/usr/bin:/bin".into()),
            ("EMPTY".into(), "".into()),
            ("A".into(), "b=c\nd".into()),
        ];
        let running = lab.start(&policy, spec, Expiration::default()).await.unwrap();
        running.exited().await;
        assert_eq!(running.aggregated().to_text(), "PATH=/usr/bin:/bin\nEMPTY=\nA=b=c\nd\n");
    }
}

#[tokio::test]
async fn exit_codes_signals_and_failures_to_start_are_told_apart() {
    for user in USERS {
        let lab = Lab::new(user);
        for policy in [lab.workspace(false), ResolvedPolicy::unconfined()] {
            assert_eq!(lab.run(&policy, "exit 7").await.code, 7);
            assert_eq!(lab.run(&policy, "kill -KILL $$").await.code, 137);
            assert_eq!(lab.run(&policy, "kill -PIPE $$").await.code, 141);
            assert_eq!(lab.run(&policy, "yes | head -1").await.output, "y\n");

            let failure = |spec| async { lab.start(&policy, spec, Expiration::default()).await.unwrap_err() };
            let missing = failure(lab.spec(&["no-such-program"], CommandIo::Pipes)).await;
            assert!(
                matches!(&missing, SpawnError::Program { source, .. } if source.raw_os_error() == Some(libc::ENOENT)),
                "{missing:?}"
            );
            let mut spec = lab.spec(&["true"], CommandIo::PTY);
            spec.cwd = lab.path("nowhere");
            let missing = failure(spec).await;
            assert!(
                matches!(&missing, SpawnError::Cwd { source, .. } if source.raw_os_error() == Some(libc::ENOENT)),
                "{missing:?}"
            );
        }
    }
}

#[tokio::test]
async fn a_terminal_is_a_terminal() {
    for user in USERS {
        let lab = Lab::new(user);
        for policy in [lab.workspace(false), ResolvedPolicy::unconfined()] {
            let script =
                "tty; stty size; ps -o tty= -p $$ >/dev/null; read line; echo got $line; : > /dev/tty && echo ready; exec sleep 1000";
            let spec = lab.spec(&["/bin/bash", "-c", script], CommandIo::PTY);
            let running = lab.start(&policy, spec, Expiration::default()).await.unwrap();
            running.write(b"hello\n").await.unwrap();
            lab::eventually("it waits for Ctrl-C", || running.aggregated().to_text().contains("ready")).await;
            running.write(b"\x03").await.unwrap();

            let outcome = running.exited().await;
            let output = running.aggregated().to_text();
            assert_eq!((outcome.exit_code(), outcome.cause), (130, ExitCause::Exited), "{output}");
            assert!(
                output.contains("/dev/pts/") && output.contains("24 80") && output.contains("got hello"),
                "{output}"
            );
            assert!(running.write(b"x").await.is_err());
        }
    }
}

#[tokio::test]
async fn an_interrupt_reaches_a_command_without_terminal() {
    let lab = Lab::new(User::Own);
    for policy in [lab.workspace(false), ResolvedPolicy::unconfined()] {
        let spec = lab.spec(&["/bin/sh", "-c", "echo ready; exec sleep 1000"], CommandIo::Pipes);
        let running = lab.start(&policy, spec, Expiration::default()).await.unwrap();
        running.changed().await;
        running.interrupt();
        assert_eq!(running.exited().await.exit_code(), 130);
    }
}

#[tokio::test]
async fn a_polite_signal_comes_first() {
    let lab = Lab::new(User::Own);
    for policy in [lab.workspace(false), ResolvedPolicy::unconfined()] {
        let script = "trap 'echo polite; exit 3' TERM; echo ready; while :; do sleep 0.01; done";
        let running = lab
            .start(
                &policy,
                lab.spec(&["/bin/bash", "-c", script], CommandIo::Pipes),
                Expiration::default(),
            )
            .await
            .unwrap();
        lab::eventually("it is ready", || running.aggregated().to_text().contains("ready")).await;
        running.kill(Ladder {
            grace: std::time::Duration::from_secs(5),
        });
        assert_eq!(running.exited().await.exit_code(), 3);
        assert!(running.aggregated().to_text().ends_with("polite\n"));
    }
}

#[tokio::test]
async fn a_hundred_megabytes_are_counted_and_not_kept() {
    let lab = Lab::new(User::Own);
    let spec = lab.spec(&["/bin/sh", "-c", "head -c 100000000 /dev/zero; printf end"], CommandIo::Pipes);
    let running = lab.start(&lab.workspace(false), spec, Expiration::default()).await.unwrap();

    assert_eq!(running.exited().await.exit_code(), 0);

    let kept = running.take_new();
    assert_eq!((kept.total_bytes(), kept.dropped_bytes()), (100_000_003, 100_000_003 - 1024 * 1024));
    assert!(kept.to_text().ends_with("end") && running.take_new().is_empty());
}
