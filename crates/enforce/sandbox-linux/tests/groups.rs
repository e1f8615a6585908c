//! Control groups of commands: what all processes of a command use together, their sure end, and nothing left behind.
//!
//! Needs a `cgroup2` in which the tests can make groups; limits need its controllers `memory` and `pids`. What cannot run says so.
#![cfg(target_os = "linux")]
#![expect(clippy::print_stdout, reason = "this is a test, which says what it cannot do")]

mod lab;

use codex_permissions::ResolvedPolicy;
use codex_process::{CommandIo, Expiration, LimitHit, Sandbox};
use codex_protocol::settings::CommandLimits;
use lab::{Groups, Lab, UNLIMITED, USERS, User, command_lines, eventually, within};
use pretty_assertions::assert_eq;
use std::fs;
use std::path::Path;
use std::time::Duration;

/// `None`, which is said, where this host lets us make none.
fn groups(name: &str) -> Option<Groups> {
    let groups = Groups::new();
    if groups.is_none() {
        println!("cannot run here: {name} (no cgroup2 in which this user can make groups)");
    }
    groups
}

/// A sandbox on either rung, as far as this host has it, and none.
fn labs(user: User, groups: &Path) -> Vec<(Lab, ResolvedPolicy)> {
    let confined = [Lab::with_groups(user, groups), Lab::with_groups_without_namespaces(user, groups)];
    let confined = confined.into_iter().filter(|lab| {
        let capabilities = lab.sandbox.capabilities();
        if !capabilities.confines {
            println!("cannot run here: a part of it ({})", capabilities.missing.join("; "));
        }
        capabilities.confines
    });
    let confined = confined.map(|lab| (lab.workspace(false), lab));
    let free = (ResolvedPolicy::unconfined(), Lab::with_groups(user, groups));
    confined.chain([free]).map(|(policy, lab)| (lab, policy)).collect()
}

#[tokio::test]
async fn a_command_has_a_group_of_its_own_which_goes_with_it() {
    let name = "a_command_has_a_group_of_its_own_which_goes_with_it";
    let Some(groups) = groups(name) else { return };
    for user in USERS {
        for (lab, policy) in labs(user, &groups.folder) {
            let script = "grep ^0: /proc/self/cgroup; touch ready; until [ -e go ]; do sleep 0.01; done; (sleep 1000 &) ; exit 3";
            let seen = async {
                lab::eventually("the command", || lab.exists("w/ready")).await;
                let seen = groups.left();
                lab.write("w/go", "");
                seen
            };
            let ((outcome, output), seen) = tokio::join!(lab.run_limited(&policy, UNLIMITED, script), seen);
            fs::remove_file(lab.base.join("w/ready")).unwrap();
            fs::remove_file(lab.base.join("w/go")).unwrap();

            assert_eq!(outcome.code, Some(3), "{user:?} {output}");
            assert!(seen.iter().any(|group| group.starts_with("codex-command-")), "{user:?} {seen:?}");
            // Where there are namespaces it is the first that the command sees.
            assert!(output.contains("/codex-command-") || output == "0::/\n", "{user:?} {output}");
            assert_eq!(groups.left(), [""; 0], "{user:?}");
            assert!(outcome.usage.unwrap().cpu > Duration::ZERO);
        }
        // Where limits can be set, and only there, the place is found without being told.
        let lab = Lab::new(user);
        let (_, output) = lab
            .run_limited(&ResolvedPolicy::unconfined(), UNLIMITED, "grep ^0: /proc/self/cgroup")
            .await;
        let in_ours = output.contains("/codex-command-");
        assert_eq!(in_ours, groups.memory || groups.processes, "{user:?} {output}");
        assert_eq!(groups.left(), [""; 0], "{user:?}");
    }
}

fn sleepers(marker: &str) -> usize {
    let sleeps = format!("sleep {marker} ");
    command_lines().iter().filter(|(line, _)| *line == sleeps).count()
}

#[tokio::test]
async fn a_group_that_lost_its_supervisor_is_ended_by_the_next_session_and_no_other_is() {
    let name = "a_group_that_lost_its_supervisor_is_ended_by_the_next_session_and_no_other_is";
    let Some(groups) = groups(name) else { return };
    for user in USERS {
        let marker = format!("{}31", std::process::id());
        let script = format!("setsid sleep {marker} & echo up; wait");
        let lab = Lab::with_groups(user, &groups.folder);
        let start = || async {
            let spec = lab.spec(&["/bin/sh", "-c", &script], CommandIo::Pipes);
            let running = lab.start(&ResolvedPolicy::unconfined(), spec, Expiration::default()).await.unwrap();
            eventually("it runs", || running.aggregated().to_text() == "up\n").await;
            running
        };
        let (killed, alive) = (start().await, start().await);
        eventually("both sleep", || sleepers(&marker) == 2).await;
        assert_eq!((groups.left().len(), sleepers(&marker)), (2, 2));
        let supervisor = rustix::process::Pid::from_raw(killed.pid().cast_signed()).unwrap();

        rustix::process::kill_process(supervisor, rustix::process::Signal::KILL).unwrap();
        killed.exited().await;
        // Without confinement nobody else ends what left the session.
        assert_eq!((groups.left().len(), sleepers(&marker)), (2, 2));
        let stranger = groups.folder.join("codex-command-of-somebody-else");
        fs::create_dir(&stranger).unwrap();
        Lab::with_groups(user, &groups.folder);

        within(Duration::from_secs(2), "the left one is gone", || sleepers(&marker) == 1).await;
        assert_eq!(groups.left().len(), 2, "{:?}", groups.left());
        assert!(stranger.exists() && alive.exit().is_none());
        fs::remove_dir(&stranger).unwrap();
        alive.kill(codex_process::Ladder::HARD);
        alive.exited().await;
        assert_eq!(groups.left(), [""; 0]);
    }
}

#[tokio::test]
async fn memory_is_limited_for_all_processes_together_and_the_end_says_so() {
    let name = "memory_is_limited_for_all_processes_together_and_the_end_says_so";
    let Some(groups) = groups(name) else { return };
    if !groups.memory {
        println!("cannot run here: {name} (no controller `memory` in this cgroup2)");
        return;
    }
    let limits = CommandLimits {
        memory_bytes: Some(96 << 20),
        ..UNLIMITED
    };
    // Each is far below the limit, all are above.
    let script = "for i in 1 2 3 4; do dd if=/dev/zero of=/dev/null bs=40M count=100 2>/dev/null & done; wait; echo done";
    for user in USERS {
        for (lab, policy) in labs(user, &groups.folder) {
            let (outcome, output) = lab.run_limited(&policy, limits, script).await;
            assert_eq!(outcome.limit_hit(), Some(LimitHit::Memory), "{user:?} {outcome:?} {output}");
            assert!(!output.contains("done"), "{user:?} {output}");
            let peak = outcome.usage.unwrap().peak_memory_bytes;
            assert!((64 << 20..=97 << 20).contains(&peak), "{user:?} {peak}");
            let (outcome, output) = lab.run_limited(&policy, UNLIMITED, script).await;
            assert_eq!((outcome.limit_hit(), output.as_str()), (None, "done\n"), "{user:?} {outcome:?}");
            let peak = outcome.usage.unwrap().peak_memory_bytes;
            assert!(peak > 97 << 20, "of all together: {peak}");
            assert_eq!(groups.left(), [""; 0]);
        }
    }
}

#[tokio::test]
async fn processes_are_limited_in_every_mode_and_for_root() {
    let name = "processes_are_limited_in_every_mode_and_for_root";
    let Some(groups) = groups(name) else { return };
    if !groups.processes {
        println!("cannot run here: {name} (no controller `pids` in this cgroup2)");
        return;
    }
    let limits = CommandLimits {
        processes: Some(20),
        ..UNLIMITED
    };
    let script = "i=0; while [ $i -lt 30 ]; do sleep 300 & i=$((i+1)); done; echo all";
    for user in USERS {
        for (lab, policy) in labs(user, &groups.folder) {
            let (outcome, output) = lab.run_limited(&policy, limits, script).await;
            assert_eq!(outcome.limit_hit(), Some(LimitHit::Processes), "{user:?} {outcome:?} {output}");
            assert!(!output.contains("all"), "{user:?} {output}");
            let (outcome, output) = lab.run_limited(&policy, UNLIMITED, script).await;
            assert_eq!((outcome.limit_hit(), output.as_str()), (None, "all\n"), "{user:?} {outcome:?}");
            assert_eq!(groups.left(), [""; 0]);
        }
    }
}
