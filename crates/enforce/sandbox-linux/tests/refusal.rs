//! What cannot be enforced does not run, and the error names what is missing.
#![cfg(target_os = "linux")]

mod lab;

use codex_process::{CommandIo, Expiration, Running, Sandbox, SandboxError, SpawnError};
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

/// Each repository goes away just after the command was planned, as another program's may at any time.
async fn start_while_vanish(lab: &Lab, repositories: &[&str], script: &str) -> Result<Running, SpawnError> {
    for folder in repositories
        .iter()
        .flat_map(|git| ["objects", "refs"].map(|name| format!("{git}/{name}")))
    {
        lab.make_folder(&folder);
    }
    repositories.iter().for_each(|git| lab.write(&format!("{git}/HEAD"), ""));
    let mut left = repositories.iter();
    let mut plan = || {
        let prepared = lab
            .sandbox
            .prepare(lab.spec(&["/bin/sh", "-c", script], CommandIo::Pipes), &lab.workspace(false));
        if let Some(git) = left.next() {
            std::fs::remove_dir_all(lab.path(git)).expect("it was made above");
        }
        prepared
    };
    codex_process::spawn_or_again(plan()?, plan, Expiration::default()).await
}

#[tokio::test]
async fn a_repository_that_vanishes_is_planned_for_once_more_and_what_is_missing_then_cannot_be_made() {
    let lab = Lab::new(User::Own);

    let ran = start_while_vanish(&lab, &["w/.git"], "echo x > ran; mkdir -p .git/hooks").await;

    let ran = ran.unwrap().exited().await;
    assert!(ran.exit_code() != 0 && lab.exists("w/ran") && !lab.exists("w/.git"), "{ran:?}");
}

#[tokio::test]
async fn when_something_vanishes_again_the_command_is_refused() {
    let lab = Lab::new(User::Own);

    let started = start_while_vanish(&lab, &["w/a/.git", "w/b/.git"], "echo x > ran").await;

    let Err(SpawnError::Sandbox(SandboxError::Unenforceable { rule, .. })) = started else {
        panic!("{started:?}")
    };
    assert!(rule.starts_with("immovable folder") && rule.ends_with("w/b/.git"), "{rule}");
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
