//! What cannot be enforced does not run, and the error names what is missing.
#![cfg(target_os = "linux")]

mod lab;

use codex_process::{CommandIo, Expiration, Sandbox, SandboxError, SpawnError};
use lab::{Lab, User};

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
