//! What cannot be enforced does not run, and the error names what is missing.
#![cfg(target_os = "linux")]

mod lab;

use codex_process::{CommandIo, Expiration, Launch, PreparedCommand, Sandbox, SandboxError, SpawnError};
use codex_sandbox_linux::{HELPER_ARG0, HostFacts, plan};
use lab::{Lab, User};
use std::os::unix::process::CommandExt;

#[tokio::test]
async fn without_user_namespaces_nothing_runs() {
    /// What this test does in the process that it starts of itself.
    async fn inside_without_user_namespaces() {
        let allowed = std::fs::read_to_string("/proc/sys/user/max_user_namespaces").unwrap();
        assert_eq!(allowed.trim(), "0", "this process was to have no user namespaces");
        let lab = Lab::new(User::Own);
        let spec = || lab.spec(&["/bin/sh", "-c", "echo x > ran"], CommandIo::Pipes);
        let policy = lab.workspace(false);

        let free = lab
            .start(&codex_permissions::ResolvedPolicy::unconfined(), spec(), Expiration::default())
            .await
            .unwrap();
        assert!(free.exited().await.exit_code() == 0 && lab.exists("w/ran"), "the control failed");
        std::fs::remove_file(lab.path("w/ran")).unwrap();

        let Err(SandboxError::Unenforceable { missing, .. }) = lab.sandbox.prepare(spec(), &policy) else {
            panic!("prepared")
        };
        assert!(
            !lab.sandbox.capabilities().confines && missing.contains("user.max_user_namespaces"),
            "{missing}"
        );

        // Also when the look beforehand was deceived.
        let plan = postcard::to_allocvec(&plan(&policy, &HostFacts::default()).unwrap()).unwrap();
        let launch = Launch::Helper {
            program: lab::PROBE.into(),
            arg0: HELPER_ARG0.to_owned(),
            plan,
        };
        let started = codex_process::spawn(
            PreparedCommand {
                spec: spec(),
                launch,
                enforced: Vec::new(),
            },
            Expiration::default(),
        )
        .await;
        let Err(SpawnError::Sandbox(SandboxError::Unenforceable { rule, missing })) = started else {
            panic!("{started:?}")
        };
        assert!(
            rule == "process isolation" && missing.contains("user.max_user_namespaces"),
            "{rule}: {missing}"
        );
        assert!(!lab.exists("w/ran") && !lab.exists("w/.codex"));
    }

    if std::env::var_os("LAB_INSIDE").is_some() {
        return inside_without_user_namespaces().await;
    }
    let mut inside = std::process::Command::new(std::env::current_exe().unwrap());
    inside
        .args(["without_user_namespaces_nothing_runs", "--exact", "--nocapture"])
        .env("LAB_INSIDE", "1");
    let (user, group) = (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
    let maps = [
        ("setgroups", "deny".to_owned()),
        ("uid_map", format!("{user} {user} 1")),
        ("gid_map", format!("{group} {group} 1")),
    ];
    // SAFETY: the new process has one thread and only makes system calls; its few allocations are made by the copy of a process whose
    // other threads hold no allocator lock for longer than the copy takes (the test harness is waiting).
    unsafe {
        inside.pre_exec(move || {
            rustix::thread::unshare_unsafe(rustix::thread::UnshareFlags::NEWUSER)?;
            for (file, text) in &maps {
                std::fs::write(format!("/proc/self/{file}"), text)?;
            }
            std::fs::write("/proc/sys/user/max_user_namespaces", "0")
        });
    }
    let output = inside.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && said.contains("1 passed"),
        "{said}{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

#[tokio::test]
async fn a_rule_whose_path_vanished_meanwhile_refuses_the_command() {
    let lab = Lab::new(User::Own);
    let mut prepared = lab
        .sandbox
        .prepare(
            lab.spec(&["/bin/sh", "-c", "echo x > ran"], CommandIo::Pipes),
            &lab.workspace(false),
        )
        .unwrap();
    std::fs::remove_dir_all(lab.path("w/.git")).unwrap();
    std::os::unix::fs::symlink(lab.path("out"), lab.path("w/.git")).unwrap();
    prepared.enforced.clear();

    let started = codex_process::spawn(prepared, Expiration::default()).await;

    let Err(SpawnError::Sandbox(SandboxError::Unenforceable { rule, .. })) = started else {
        panic!("{started:?}")
    };
    assert!(rule.starts_with("read-only path") && rule.ends_with("w/.git"), "{rule}");
    assert!(!lab.exists("w/ran") && !lab.exists("w/.codex"));
}

#[tokio::test]
async fn a_folder_that_its_owner_could_open_is_refused_while_names_are_missing_in_it() {
    use std::os::unix::fs::{PermissionsExt, chown};
    let lab = Lab::new(User::Ordinary);
    let folder = lab.path("w");
    if rustix::process::geteuid().is_root() {
        chown(&folder, Some(65534), Some(65534)).unwrap();
    }
    std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o555)).unwrap();
    let script = ["/bin/sh", "-c", "chmod u+w . && mkdir .codex"];
    let free = lab
        .start(
            &codex_permissions::ResolvedPolicy::unconfined(),
            lab.spec(&script, CommandIo::Pipes),
            Expiration::default(),
        )
        .await;
    assert!(
        free.unwrap().exited().await.exit_code() == 0 && lab.exists("w/.codex"),
        "the control failed"
    );
    std::fs::remove_dir(lab.path("w/.codex")).unwrap();
    std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o555)).unwrap();

    let started = lab
        .start(&lab.workspace(false), lab.spec(&script, CommandIo::Pipes), Expiration::default())
        .await;

    let Err(SpawnError::Sandbox(SandboxError::Unenforceable { rule, .. })) = started else {
        panic!("{started:?}")
    };
    assert!(rule.starts_with("protected name") && !lab.exists("w/.codex"), "{rule}");
}
