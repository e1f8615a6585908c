//! The escape suite: everything in `table.rs` is tried without a sandbox, where it must succeed, and in every mode on every rung, and under a
//! recorder, where it must end as the table says. `docs/sandbox-probes.md` is written from the same table.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "this is a test")]

#[path = "../lab/mod.rs"]
mod lab;

mod ground;
mod page;
mod table;

use codex_permissions::{ResolvedPolicy, Rights};
use codex_process::record::Recording;
use codex_process::{CommandIo, Expiration};
use codex_protocol::settings::SandboxPolicy;
use ground::{Ground, has_root, hidden_paths, is_about_hiding};
use lab::{Lab, PROBE, User};
use std::collections::{BTreeMap, BTreeSet};
use std::process::Stdio;
use std::time::Duration;
use table::{Control, Effect, MODES, Mode, Probe, RUNGS, Rung, probes};

/// The attempts that are made while their supervisor is killed.
const KILLED: &str = "leak-daemon-killed";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Setting {
    Control,
    Confined(Rung, Mode, Option<Recording>),
}

/// A recorder takes calls off the filters, and hears of those that others do for a command: it must open nothing by that.
const RECORDED: [Mode; 3] = [Mode::WorkspaceWrite, Mode::Network, Mode::Hiding];

impl Setting {
    /// Without a sandbox it does not matter.
    const fn rung(self) -> Rung {
        match self {
            Self::Control => Rung::Namespaces,
            Self::Confined(rung, ..) => rung,
        }
    }
}

type Effects = BTreeMap<&'static str, BTreeSet<Effect>>;

/// What one run of all attempts came to.
struct Outcome {
    user: User,
    setting: Setting,
    effects: Effects,
    said: BTreeMap<String, String>,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn every_attempt_ends_as_the_table_says() {
    let outcomes = outcomes(&MODES, None).await;

    all_right(&outcomes);
    let cannot_run = cannot_run(&outcomes);
    println!("cannot run here: {}", cannot_run.iter().copied().collect::<Vec<_>>().join(", "));
    page::write_if_asked(&cannot_run);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn every_attempt_ends_as_the_table_says_under_a_recorder() {
    all_right(&outcomes(&RECORDED, Some(Recording::Uses)).await);
}

/// Of everybody, without a sandbox and in these modes on every rung.
async fn outcomes(modes: &[Mode], recording: Option<Recording>) -> Vec<Outcome> {
    let mut runs = Vec::new();
    for user in users() {
        runs.push((user, Setting::Control));
        for rung in RUNGS {
            runs.extend(modes.iter().map(|mode| (user, Setting::Confined(rung, *mode, recording))));
        }
    }
    let tasks: Vec<_> = runs
        .into_iter()
        .map(|(user, setting)| tokio::spawn(outcome(user, setting)))
        .collect();
    let mut outcomes = Vec::new();
    for task in tasks {
        outcomes.push(task.await.unwrap());
    }
    outcomes
}

fn all_right(outcomes: &[Outcome]) {
    let wrong: Vec<String> = outcomes
        .iter()
        .flat_map(|outcome| probes().filter_map(|probe| wrong(outcome, probe, control_works(outcomes, outcome.user, probe))))
        .collect();
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn the_page_of_probes_is_up_to_date() {
    page::check();
}

#[test]
fn every_row_has_an_attempt_and_every_attempt_a_row() {
    let output = std::process::Command::new(PROBE).arg("attempts").output().unwrap();
    let known = String::from_utf8(output.stdout).unwrap();
    let attempts: BTreeSet<&str> = known.lines().collect();
    let rows: BTreeSet<&str> = probes().map(|probe| probe.id).collect();

    let differ: Vec<_> = attempts.symmetric_difference(&rows).collect();

    assert!(differ.is_empty(), "{differ:?}");
    assert_eq!(probes().count(), rows.len(), "an id is used twice");
    assert!(probes().all(|probe| probe.allowed.modes.is_empty() == probe.allowed.reason.is_empty()));
}

/// As root both, since rights of root make a difference; otherwise there is only one.
fn users() -> Vec<User> {
    if rustix::process::geteuid().is_root() {
        vec![User::Own, User::Ordinary]
    } else {
        vec![User::Ordinary]
    }
}

fn is_root(user: User) -> bool {
    user == User::Own && rustix::process::geteuid().is_root()
}

async fn outcome(user: User, setting: Setting) -> Outcome {
    let (limited, rest): (Vec<&'static Probe>, Vec<&'static Probe>) = probes().partition(|probe| probe.is_limited());
    let (killed, rest): (Vec<&'static Probe>, Vec<_>) = rest.into_iter().partition(|probe| probe.id == KILLED);
    let (mut effects, mut said) = run(user, setting, &rest).await;
    let (more, also) = run_and_kill(user, setting, &killed).await;
    effects.extend(more);
    said.extend(also);
    if is_root(user) {
        effects.extend(limited.iter().map(|probe| (probe.id, BTreeSet::new())));
    } else {
        // Each alone: what one holds is missing for the next.
        for probe in limited {
            let (more, also) = run_limited(user, setting, &[probe]).await;
            effects.extend(more);
            said.extend(also);
        }
    }
    Outcome {
        user,
        setting,
        effects,
        said,
    }
}

async fn run(user: User, setting: Setting, probes: &[&'static Probe]) -> (Effects, BTreeMap<String, String>) {
    let mut ground = Ground::new(user, setting.rung(), probes);
    let output = match setting {
        Setting::Control => {
            let mut command = tokio::process::Command::from(ground.unconfined());
            let output = command.stdin(Stdio::null()).output().await.unwrap();
            String::from_utf8(output.stdout).unwrap()
        }
        Setting::Confined(_, mode, recording) => {
            let instructions = ground.instructions();
            let spec = ground
                .lab
                .spec(&[PROBE, "escape", instructions.to_str().unwrap()], CommandIo::Pipes);
            let expiration = Expiration {
                timeout: Some(Duration::from_secs(200)),
                ..Expiration::default()
            };
            let running = ground
                .lab
                .start_and(&policy(&ground.lab, mode, probes), recording, spec, expiration)
                .await
                .unwrap();
            running.exited().await;
            running.aggregated().to_text()
        }
    };
    let said = parse(&output);
    (ground.effects(&said), said)
}

/// Looks at what the attempts have taken while they still hold it.
async fn run_limited(user: User, setting: Setting, probes: &[&'static Probe]) -> (Effects, BTreeMap<String, String>) {
    let mut ground = Ground::new(user, setting.rung(), probes);
    let last = probes.last().unwrap().id;
    let Setting::Confined(_, mode, recording) = setting else {
        let output = tokio::process::Command::from(ground.unconfined()).output().await.unwrap();
        let said = parse(&String::from_utf8(output.stdout).unwrap());
        return (ground.effects(&said), said);
    };
    let script = format!("{PROBE} escape {}; exec sleep 1000", ground.instructions().display());
    let mut spec = ground.lab.spec(&["/bin/sh", "-c", &script], CommandIo::Pipes);
    spec.limits = ground::LIMITS;
    let running = ground
        .lab
        .start_and(&policy(&ground.lab, mode, probes), recording, spec, Expiration::default())
        .await
        .unwrap();
    lab::within(Duration::from_secs(60), "the attempts are made", || {
        running
            .aggregated()
            .to_text()
            .lines()
            .any(|line| line.starts_with(&format!("{last} ")))
    })
    .await;
    let said = parse(&running.aggregated().to_text());
    let effects = ground.effects(&said);
    running.kill(codex_process::Ladder::HARD);
    running.exited().await;
    (effects, said)
}

/// Kills what stands between the host and the command as soon as the attempts are made.
async fn run_and_kill(user: User, setting: Setting, probes: &[&'static Probe]) -> (Effects, BTreeMap<String, String>) {
    let mut ground = Ground::new(user, setting.rung(), probes);
    let Setting::Confined(rung, mode, recording) = setting else {
        // Nothing stands in between.
        let output = tokio::process::Command::from(ground.unconfined()).output().await.unwrap();
        let said = parse(&String::from_utf8(output.stdout).unwrap());
        return (ground.effects(&said), said);
    };
    let script = format!("{PROBE} escape {}; exec sleep 1000", ground.instructions().display());
    let spec = ground.lab.spec(&["/bin/sh", "-c", &script], CommandIo::Pipes);
    let running = ground
        .lab
        .start_and(&policy(&ground.lab, mode, probes), recording, spec, Expiration::default())
        .await
        .unwrap();
    lab::eventually("the attempts are made", || running.aggregated().to_text().contains(KILLED)).await;
    lab::eventually("the daemon runs", || lab::processes_with(ground.tag(KILLED)) > 0).await;
    let supervisor = rustix::process::Pid::from_raw(running.pid().cast_signed()).unwrap();
    rustix::process::kill_process(supervisor, rustix::process::Signal::KILL).unwrap();
    running.exited().await;
    let said = parse(&running.aggregated().to_text());
    if rung == Rung::Namespaces {
        lab::within(Duration::from_secs(1), "the daemon is gone", || {
            lab::processes_with(ground.tag(KILLED)) == 0
        })
        .await;
    }
    (ground.effects(&said), said)
}

fn policy(lab: &Lab, mode: Mode, probes: &[&'static Probe]) -> ResolvedPolicy {
    let own = probes
        .iter()
        .filter(|probe| has_root(probe.id))
        .map(|probe| format!("ws/{}", probe.id));
    let nested = probes.iter().filter(|probe| probe.id.starts_with("meta-parent-"));
    let nested = nested.map(|probe| format!("ws/{}/deep/nested", probe.id));
    let roots: Vec<String> = own.chain(nested).collect();
    match mode {
        Mode::ReadOnly => lab.resolve(&SandboxPolicy::read_only()),
        Mode::WorkspaceWrite | Mode::Network => lab.resolve(&SandboxPolicy::WorkspaceWrite {
            writable_roots: roots.iter().map(|root| lab.path(root)).collect(),
            network_access: mode == Mode::Network,
            exclude_tmpdir_env_var: true,
            exclude_slash_tmp: true,
        }),
        Mode::Hiding => {
            let disk = "../".repeat(20);
            let hidden: Vec<String> = probes
                .iter()
                .filter(|probe| is_about_hiding(probe.id))
                .flat_map(|probe| hidden_paths(probe.id))
                .collect();
            let mut lines = vec![(disk.as_str(), Rights::Read), ("w", Rights::Write)];
            lines.extend(roots.iter().map(|root| (root.as_str(), Rights::Write)));
            lines.extend(hidden.iter().map(|path| (path.as_str(), Rights::None)));
            lab.profile(&lines)
        }
    }
}

fn parse(output: &str) -> BTreeMap<String, String> {
    let lines = output.lines().filter_map(|line| line.split_once(' '));
    lines.map(|(id, said)| (id.to_owned(), said.to_owned())).collect()
}

/// Why this attempt did not end as the table says.
fn wrong(outcome: &Outcome, probe: &Probe, control_works: bool) -> Option<String> {
    if probe.is_limited() && is_root(outcome.user) {
        return None;
    }
    let shown = &outcome.effects[probe.id];
    let worked = shown.contains(&probe.effect);
    let another = |also: Option<Effect>| {
        let declared = |effect: &Effect| *effect == probe.effect || Some(*effect) == also;
        shown.iter().any(|effect| effect.is_outside() && !declared(effect))
    };
    // Where nothing is hidden, what could be is an ordinary file.
    let ordinary = is_about_hiding(probe.id).then_some(Effect::Protected);
    let said = outcome.said.get(probe.id).map_or("nothing", String::as_str);
    let is_right = match outcome.setting {
        Setting::Control => match probe.control {
            Control::Anybody => worked,
            Control::Root => worked == is_root(outcome.user),
            Control::With(_) | Control::RootWith(_) => true,
        },
        // What this host cannot do at all need not work confined. What outlives its recorder opens nothing any more, and may end of that.
        Setting::Confined(rung, mode, recording) if probe.is_allowed(rung, mode) => {
            let may_end = recording.is_some() && probe.id == KILLED;
            !another(ordinary) && (worked || may_end || !control_works)
        }
        Setting::Confined(..) => !another(None) && !worked,
    };
    (!is_right || said == "nothing").then(|| {
        let Outcome { user, setting, .. } = outcome;
        format!("{user:?} {setting:?} {}: shown {shown:?}, said {said}", probe.id)
    })
}

fn control_works(outcomes: &[Outcome], user: User, probe: &Probe) -> bool {
    let control = outcomes
        .iter()
        .find(|outcome| outcome.user == user && outcome.setting == Setting::Control);
    control.is_some_and(|control| control.effects[probe.id].contains(&probe.effect))
}

/// The probes whose control does not succeed on this host for anybody.
fn cannot_run(outcomes: &[Outcome]) -> BTreeSet<&'static str> {
    let works = |probe: &Probe| users().into_iter().any(|user| control_works(outcomes, user, probe));
    probes().filter(|probe| !works(probe)).map(|probe| probe.id).collect()
}
