//! No process is left, whatever ends a command: time limit, cancellation, drop, its own end, or the death of the process that started it.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "this is a test")]

mod lab;

use codex_permissions::ResolvedPolicy;
use codex_process::{CommandIo, CommandSpec, ExitCause, ExitOutcome, Expiration, Ladder, Running};
use codex_protocol::settings::SandboxPolicy;
use lab::{Lab, USERS, User, eventually, processes_with, within};
use pretty_assertions::assert_eq;
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

/// A shell that leaves processes everywhere: in its group, in another session, orphaned, deaf to polite signals.
fn tree(lab: &Lab, marker: &str, io: CommandIo) -> CommandSpec {
    let script = format!(
        "trap '' TERM INT HUP; S='sleep {marker}'; $S & setsid $S & (setsid sh -c \"$S & $S & wait\" &) ; (($S &) &); echo up; wait; $S"
    );
    lab.spec(&["/bin/bash", "-c", &script], io)
}

const SLEEPERS: usize = 5;

/// No two tests share a number of seconds to sleep.
fn marker() -> String {
    use std::sync::atomic::{AtomicU32, Ordering};
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!(
        "{}.{:05}{:03}",
        90_000,
        std::process::id() % 100_000,
        NEXT.fetch_add(1, Ordering::Relaxed)
    )
}

async fn all_up(marker: &str) {
    let sleeping = format!("sleep {marker}");
    // The shells hold the text in their own command lines as well.
    eventually("the tree stands", || sleepers(&sleeping) == SLEEPERS).await;
}

fn sleepers(line: &str) -> usize {
    std::fs::read_dir("/proc")
        .unwrap()
        .filter_map(|entry| std::fs::read(entry.ok()?.path().join("cmdline")).ok())
        .filter(|cmdline| String::from_utf8_lossy(cmdline).replace('\0', " ").trim_end() == line)
        .count()
}

/// What enforces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rung {
    Namespaces,
    Landlock,
}

const RUNGS: [Rung; 2] = [Rung::Namespaces, Rung::Landlock];

impl Rung {
    fn lab(self, user: User) -> Lab {
        match self {
            Self::Namespaces => Lab::new(user),
            Self::Landlock => Lab::without_namespaces(user),
        }
    }

    /// Each mode, by its name; full access needs no rung and is tried once.
    fn policies(self, lab: &Lab) -> Vec<(&'static str, ResolvedPolicy)> {
        let mut policies = vec![
            ("read-only", lab.resolve(&SandboxPolicy::read_only())),
            ("workspace-write", lab.workspace(false)),
        ];
        if self == Self::Namespaces {
            policies.push(("danger-full-access", ResolvedPolicy::unconfined()));
        }
        policies
    }
}

/// In every way to run: on which rung, as whom, in which mode, with a terminal or not. All trees of a rung stand before the first one ends.
async fn everywhere(
    limit: Option<Duration>,
    end: impl AsyncFn(Running, CancellationToken) -> Option<ExitOutcome>,
    expect: impl Fn(&ExitOutcome),
) {
    for rung in RUNGS {
        on_rung(rung, limit, &end, &expect).await;
    }
}

async fn on_rung(
    rung: Rung,
    limit: Option<Duration>,
    end: &impl AsyncFn(Running, CancellationToken) -> Option<ExitOutcome>,
    expect: &impl Fn(&ExitOutcome),
) {
    let labs = USERS.map(|user| (user, rung.lab(user)));
    let mut trees = Vec::new();
    for (user, lab) in &labs {
        for (mode, policy) in rung.policies(lab) {
            for io in [CommandIo::Pipes, CommandIo::PTY] {
                let marker = marker();
                let expiration = Expiration {
                    timeout: limit,
                    ..Expiration::default()
                };
                let cancel = expiration.cancel.clone();
                let running = lab.start(&policy, tree(lab, &marker, io), expiration).await.unwrap();
                let what = format!("nothing is left: {rung:?} {user:?} {mode} {io:?}");
                trees.push((running, cancel, marker, what));
            }
        }
    }
    for (_, _, marker, _) in &trees {
        all_up(marker).await;
    }
    for (running, cancel, marker, what) in trees {
        let outcome = end(running, cancel).await;
        if let Some(outcome) = outcome {
            assert_eq!(processes_with(&marker), 0, "when the end is told, {what}");
            expect(&outcome);
        }
        within(Duration::from_secs(1), &what, || processes_with(&marker) == 0).await;
    }
    for (_, lab) in &labs {
        eventually("no stand-in is left", || !lab.exists("w/.codex")).await;
    }
}

#[tokio::test]
async fn a_time_limit_ends_the_tree() {
    let wait = async |running: Running, _| Some(running.exited().await);
    let expect = |outcome: &ExitOutcome| assert_eq!((outcome.cause, outcome.exit_code()), (ExitCause::TimedOut, 137));
    everywhere(Some(Duration::from_secs(4)), wait, expect).await;
}

#[tokio::test]
async fn a_kill_ends_the_tree() {
    let kill = async |running: Running, _| {
        running.kill(Ladder::DEFAULT);
        Some(running.exited().await)
    };
    everywhere(None, kill, |outcome| {
        assert_eq!((outcome.cause, outcome.exit_code()), (ExitCause::Exited, 137))
    })
    .await;
}

#[tokio::test]
async fn the_last_drop_ends_the_tree() {
    let forget = async |running: Running, _| {
        let other = running.clone();
        drop(running);
        assert!(
            tokio::time::timeout(Duration::from_millis(20), other.exited()).await.is_err(),
            "a clone still holds it"
        );
        None
    };
    everywhere(None, forget, |_| ()).await;
}

#[tokio::test]
async fn a_cancellation_ends_the_tree_and_is_no_time_limit() {
    let cancel = async |running: Running, cancel: CancellationToken| {
        cancel.cancel();
        Some(running.exited().await)
    };
    everywhere(Some(Duration::from_secs(60)), cancel, |outcome| {
        assert_eq!((outcome.cause, outcome.exit_code()), (ExitCause::Cancelled, 137))
    })
    .await;
}

#[tokio::test]
async fn a_cancelled_token_ends_the_tree_once() {
    let lab = Lab::new(User::Own);
    for policy in [lab.workspace(false), ResolvedPolicy::unconfined()] {
        let marker = marker();
        let expiration = Expiration {
            timeout: Some(Duration::from_secs(60)),
            ..Expiration::default()
        };
        let running = lab
            .start(&policy, tree(&lab, &marker, CommandIo::Pipes), expiration.clone())
            .await
            .unwrap();
        all_up(&marker).await;

        let asked = Instant::now();
        expiration.cancel.cancel();
        running.kill(Ladder {
            grace: Duration::from_secs(50),
        });
        let outcome = running.exited().await;

        assert!(asked.elapsed() < Duration::from_secs(1), "the shorter ladder counts");
        assert_eq!((outcome.cause, outcome.exit_code()), (ExitCause::Cancelled, 137));
        assert_eq!(
            (processes_with(&marker), running.exited().await, running.exit()),
            (0, outcome, Some(outcome))
        );
    }
}

#[tokio::test]
async fn what_a_command_leaves_behind_ends_with_it() {
    for (rung, user) in RUNGS.into_iter().flat_map(|rung| USERS.map(|user| (rung, user))) {
        let lab = rung.lab(user);
        for (mode, policy) in rung.policies(&lab) {
            let marker = marker();
            let script = format!("sleep {marker} & (setsid sleep {marker} &); echo done; exit 5");

            let ran = lab.run(&policy, &script).await;

            let left = processes_with(&marker);
            assert_eq!((ran.code, ran.output.as_str(), left), (5, "done\n", 0), "{rung:?} {user:?} {mode}");
        }
    }
}

#[tokio::test]
async fn a_killed_supervisor_takes_its_confined_tree_along_and_the_next_command_cleans_up() {
    for user in USERS {
        let lab = Lab::new(user);
        let marker = marker();
        let running = lab
            .start(&lab.workspace(false), tree(&lab, &marker, CommandIo::Pipes), Expiration::default())
            .await
            .unwrap();
        all_up(&marker).await;
        let supervisor = rustix::process::Pid::from_raw(running.pid().cast_signed()).unwrap();

        rustix::process::kill_process(supervisor, rustix::process::Signal::KILL).unwrap();

        assert_eq!(
            running.exited().await,
            ExitOutcome {
                code: None,
                signal: None,
                cause: ExitCause::Lost,
                usage: None,
                limit: None,
            }
        );
        within(Duration::from_secs(1), "nothing is left", || processes_with(&marker) == 0).await;
        assert!(lab.exists("w/.codex"), "nobody could remove the stand-in");
        assert_eq!(lab.run(&lab.workspace(false), "mkdir .codex || rmdir .codex").await.code, 1);
        assert!(!lab.exists("w/.codex"));
    }
}

#[tokio::test]
async fn a_killed_parent_takes_its_trees_along() {
    /// The process that this test starts of itself and kills.
    async fn parent_to_be_killed(marker: &str) {
        let mut all = Vec::new();
        let everyone = RUNGS.into_iter().flat_map(|rung| USERS.map(|user| (rung, rung.lab(user))));
        let labs: Vec<_> = everyone.collect();
        for (rung, lab) in &labs {
            println!("base {}", lab.base);
            for (_, policy) in rung.policies(lab) {
                for io in [CommandIo::Pipes, CommandIo::PTY] {
                    all.push(lab.start(&policy, tree(lab, marker, io), Expiration::default()).await.unwrap());
                }
            }
        }
        println!("started");
        std::future::pending::<()>().await;
    }

    use std::io::{BufRead, BufReader};
    /// Two users and two kinds of streams, in three modes and in two.
    const TREES: usize = 2 * 2 * (3 + 2);
    if let Ok(marker) = std::env::var("LAB_MARKER") {
        return parent_to_be_killed(&marker).await;
    }
    let marker = marker();
    let mut parent = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["a_killed_parent_takes_its_trees_along", "--exact", "--nocapture"])
        .env("LAB_MARKER", &marker)
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(parent.stdout.take().unwrap()).lines().map_while(Result::ok);
    let said: Vec<String> = lines.take_while(|line| line != "started").collect();
    let bases: Vec<&str> = said
        .iter()
        .filter_map(|line| line.split_once("base ").map(|(_, base)| base))
        .collect();
    let sleeping = format!("sleep {marker}");
    eventually("the trees stand", || sleepers(&sleeping) == TREES * SLEEPERS).await;

    parent.kill().unwrap();
    parent.wait().unwrap();

    within(Duration::from_secs(1), "nothing is left", || processes_with(&marker) == 0).await;
    assert_eq!(bases.len(), 4, "{said:?}");
    for base in bases {
        let left = |name: &&str| std::path::Path::new(base).join("w").join(name).exists();
        within(Duration::from_secs(1), "no stand-in is left", || {
            ![".codex", ".agents", ".aws"].iter().any(left)
        })
        .await;
        std::fs::remove_dir_all(base).unwrap();
    }
}

fn parent_of(process: u32) -> i32 {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap();
    stat.rsplit_once(')').unwrap().1.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[tokio::test]
async fn commands_of_a_session_are_supervised_by_copies_of_one_process_which_may_be_killed() {
    let lab = Lab::new(User::Own);
    let policy = lab.workspace(false);
    let start = async || {
        let spec = lab.spec(
            &["/bin/sh", "-c", "while ! [ -e go ]; do sleep 0.01; done; echo done"],
            CommandIo::Pipes,
        );
        lab.start(&policy, spec, Expiration::default()).await.unwrap()
    };
    let (first, second) = (start().await, start().await);
    let starter = parent_of(first.pid());
    assert_eq!(starter, parent_of(second.pid()));
    assert_ne!(starter.cast_unsigned(), std::process::id());

    rustix::process::kill_process(rustix::process::Pid::from_raw(starter).unwrap(), rustix::process::Signal::KILL).unwrap();
    let third = start().await;

    assert_ne!(parent_of(third.pid()), starter);
    lab.write("w/go", "");
    for running in [first, second, third] {
        assert_eq!(running.exited().await.exit_code(), 0);
        assert_eq!(running.aggregated().to_text(), "done\n");
    }
}
