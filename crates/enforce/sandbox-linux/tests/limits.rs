//! How much of the machine a command may use, and what is told of what it used. Small limits: nothing here strains the machine.
#![cfg(target_os = "linux")]

mod lab;

use codex_permissions::ResolvedPolicy;
use codex_process::LimitHit;
use codex_protocol::settings::CommandLimits;
use lab::{Lab, UNLIMITED, USERS, User};
use pretty_assertions::assert_eq;
use std::fs;
use std::time::Duration;

fn policies(lab: &Lab) -> [ResolvedPolicy; 2] {
    [lab.workspace(false), ResolvedPolicy::unconfined()]
}

#[tokio::test]
async fn a_file_ends_at_the_limit_and_the_end_says_so() {
    for user in USERS {
        let lab = Lab::new(user);
        for policy in policies(&lab) {
            let limits = CommandLimits {
                file_bytes: Some(1 << 20),
                ..UNLIMITED
            };
            for script in ["exec head -c 2000000 /dev/zero > big", "head -c 2000000 /dev/zero > big; exit $?"] {
                let (outcome, output) = lab.run_limited(&policy, limits, script).await;
                assert_eq!(outcome.limit_hit(), Some(LimitHit::FileSize), "{user:?} {outcome:?} {output}");
                assert_eq!(fs::metadata(lab.path("w/big")).unwrap().len(), 1 << 20);

                let (outcome, output) = lab.run_limited(&policy, CommandLimits::default(), script).await;
                assert_eq!((outcome.code, outcome.limit_hit()), (Some(0), None), "{user:?} {output}");
                fs::remove_file(lab.path("w/big")).unwrap();
            }
            let (outcome, output) = lab.run_limited(&policy, limits, "ulimit -f unlimited").await;
            // Unconfined it depends on what root may do outside.
            assert!(outcome.code != Some(0) || !policy.confined, "{user:?} {output}");
        }
    }
}

#[tokio::test]
async fn memory_and_open_files_are_limited_for_each_process() {
    let limits = CommandLimits {
        memory_bytes: Some(64 << 20),
        open_files: Some(40),
        ..UNLIMITED
    };
    for user in USERS {
        let lab = Lab::new(user);
        for policy in policies(&lab) {
            let script = "dd if=/dev/zero of=/dev/null bs=100M count=1";
            let (outcome, output) = lab.run_limited(&policy, limits, script).await;
            assert_eq!(outcome.code, Some(1), "{user:?} {output}");
            let (outcome, output) = lab.run_limited(&policy, UNLIMITED, script).await;
            assert_eq!(outcome.code, Some(0), "{user:?} {output}");
            let (_, output) = lab.run_limited(&policy, limits, "ulimit -n").await;
            assert_eq!(output, "40\n");
        }
    }
}

#[tokio::test]
async fn an_ordinary_users_confined_command_has_so_many_processes() {
    let lab = Lab::new(User::Ordinary);
    let limits = CommandLimits {
        processes: Some(20),
        ..UNLIMITED
    };
    let script = "i=0; while [ $i -lt 30 ]; do sleep 300 & i=$((i+1)); done; echo all";

    let (held, held_output) = lab.run_limited(&lab.workspace(false), limits, script).await;
    let (default, default_output) = lab.run_limited(&lab.workspace(false), CommandLimits::default(), script).await;
    // Everything that the user runs would count there.
    let (free, free_output) = lab.run_limited(&ResolvedPolicy::unconfined(), limits, script).await;

    assert!(held.code != Some(0) && !held_output.contains("all"), "{held:?} {held_output}");
    assert_eq!((default.code, default_output.as_str()), (Some(0), "all\n"));
    assert_eq!((free.code, free_output.as_str()), (Some(0), "all\n"));
}

#[tokio::test]
async fn the_end_tells_what_the_whole_tree_used() {
    let script = "sh -c 'dd if=/dev/zero of=/dev/null bs=64M count=4; :'; exit 0";
    for user in USERS {
        let lab = Lab::new(user);
        for policy in policies(&lab) {
            let (outcome, output) = lab.run_limited(&policy, CommandLimits::default(), script).await;

            let usage = outcome.usage.unwrap();
            assert!(usage.peak_memory_bytes > 64 << 20, "{user:?} {usage:?} {output}");
            assert!(usage.cpu > Duration::ZERO, "{user:?} {usage:?}");
        }
    }
}

#[tokio::test]
async fn the_kernel_takes_a_command_before_codex_when_memory_runs_out() {
    let own: i32 = fs::read_to_string("/proc/self/oom_score_adj").unwrap().trim().parse().unwrap();
    for user in USERS {
        let lab = Lab::new(user);
        for policy in policies(&lab) {
            let (_, output) = lab.run_limited(&policy, UNLIMITED, "cat /proc/self/oom_score_adj").await;
            assert_eq!(output, format!("{}\n", own.max(200)), "{user:?}");
        }
    }
}
