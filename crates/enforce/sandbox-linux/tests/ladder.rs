//! What becomes of commands on hosts that refuse something: this test starts itself anew as if it was on one, and inside of our own sandbox.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "this is a test")]

mod lab;

use codex_base::AbsPath;
use codex_permissions::{PathFacts, ResolvedPolicy};
use codex_process::{CommandIo, CommandSpec, Expiration, Launch, PreparedCommand, Sandbox, SandboxError, SpawnError};
use codex_protocol::facts::LackKind;
use codex_protocol::settings::{CommandLimits, FileRules, SandboxPolicy};
use codex_sandbox_linux::{Assignment, HELPER_ARG0, HostFacts, LinuxSandbox, Own, plan};
use lab::{INSIDE, Lab, PROBE, User, is_inside, run_inside};
use seccompiler::{BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule};
use std::collections::BTreeMap;
use std::io;
use std::time::Duration;

fn no_more_namespaces(setting: &str) -> impl Fn() -> io::Result<()> {
    let (user, group) = (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
    let maps = [
        ("setgroups", "deny".to_owned()),
        ("uid_map", format!("{user} {user} 1")),
        ("gid_map", format!("{group} {group} 1")),
    ];
    let setting = format!("/proc/sys/user/{setting}");
    move || {
        // SAFETY: nothing else runs in the new process.
        unsafe { rustix::thread::unshare_unsafe(rustix::thread::UnshareFlags::NEWUSER) }?;
        for (file, text) in &maps {
            std::fs::write(format!("/proc/self/{file}"), text)?;
        }
        std::fs::write(&setting, "0")
    }
}

/// A filter like a container's: no namespaces, no mounts; and, for an old one, no Landlock.
fn container(landlock: bool) -> impl Fn() -> io::Result<()> {
    let filter = |calls: BTreeMap<i64, Vec<SeccompRule>>, error: i32| -> BpfProgram {
        let refuse = SeccompAction::Errno(error.cast_unsigned());
        let architecture = std::env::consts::ARCH.try_into().unwrap();
        SeccompFilter::new(calls, SeccompAction::Allow, refuse, architecture)
            .unwrap()
            .try_into()
            .unwrap()
    };
    let flag = libc::CLONE_NEWUSER as u64;
    let condition = SeccompCondition::new(0, SeccompCmpArgLen::Dword, SeccompCmpOp::MaskedEq(flag), flag).unwrap();
    let in_namespaces = vec![SeccompRule::new(vec![condition]).unwrap()];
    let refused = BTreeMap::from([
        (libc::SYS_clone, in_namespaces.clone()),
        (libc::SYS_unshare, in_namespaces),
        (libc::SYS_mount, vec![]),
    ]);
    let mut unknown = BTreeMap::from([(libc::SYS_clone3, vec![])]);
    if !landlock {
        unknown.insert(libc::SYS_landlock_create_ruleset, vec![]);
    }
    let programs = [filter(refused, libc::EPERM), filter(unknown, libc::ENOSYS)];
    move || {
        rustix::thread::set_no_new_privs(true)?;
        programs
            .iter()
            .try_for_each(|program| seccompiler::apply_filter(program).map_err(io::Error::other))
    }
}

/// Commands are confined by Landlock, and that says why.
async fn is_on_the_second_rung(kind: LackKind, why: &str) {
    let lab = Lab::new(User::Own);
    lab.make_folder("w/sub");
    let capabilities = lab.sandbox.capabilities();
    let lacks = &capabilities.rungs[0].lacks;
    assert_eq!(capabilities.mechanism, "linux-landlock");
    assert!(
        lacks[0].kind == kind && lacks[0].why.contains(why) && !lacks[0].remedy.is_empty(),
        "{lacks:?}"
    );

    let ran = lab
        .run(
            &lab.workspace(false),
            "cat ../out/there && echo x > sub/ran; echo x > ../out/new || echo x > .codex",
        )
        .await;

    assert!(ran.code != 0 && ran.output.starts_with("before\n"), "{ran:?}");
    assert!(
        lab.exists("w/sub/ran") && !lab.exists("out/new") && !lab.exists("w/.codex"),
        "{ran:?}"
    );
}

#[tokio::test]
async fn without_user_namespaces_landlock_confines() {
    if !is_inside() {
        return run_inside(
            "without_user_namespaces_landlock_confines",
            no_more_namespaces("max_user_namespaces"),
        );
    }
    is_on_the_second_rung(LackKind::Setting, "user.max_user_namespaces").await;
    nothing_runs_with_less("user.max_user_namespaces").await;
}

/// That one is made beside the mounts, and comes last.
#[tokio::test]
async fn without_network_namespaces_landlock_confines() {
    if !is_inside() {
        return run_inside(
            "without_network_namespaces_landlock_confines",
            no_more_namespaces("max_net_namespaces"),
        );
    }
    is_on_the_second_rung(LackKind::Setting, "user.max_net_namespaces").await;
    nothing_runs_with_less("user.max_net_namespaces").await;
}

async fn nothing_runs_with_less(setting: &str) {
    // Also when the look beforehand was deceived, nothing runs with less than was planned.
    let lab = Lab::new(User::Own);
    let policy = lab.workspace(false);
    let assignment = Assignment {
        plan: plan(&policy, &HostFacts::default()).unwrap(),
        filters: codex_sandbox_linux::Filters::default(),
        recording: None,
        groups: None,
    };
    let mut plan = postcard::to_allocvec(&assignment).unwrap();
    plan.extend(postcard::to_allocvec(&Own::default()).unwrap());
    let launch = Launch::Helper {
        program: PROBE.into(),
        arg0: HELPER_ARG0.to_owned(),
        plan,
        attached: None,
        starter: None,
        suits: codex_process::starter::Suits::Copy,
    };
    let prepared = PreparedCommand {
        spec: lab.spec(&["/bin/sh", "-c", "echo x > ran"], CommandIo::Pipes),
        launch,
        enforced: Vec::new(),
        withheld: Vec::new(),
    };
    let started = codex_process::spawn(prepared, Expiration::default()).await;
    let refused = match started {
        Err(SpawnError::Sandbox(SandboxError::Unenforceable { rule, missing })) => Some((rule, missing)),
        Ok(_) | Err(_) => None,
    };
    let (rule, missing) = refused.expect("it is refused for want of a namespace");
    assert!(rule == "process isolation" && missing.contains(setting), "{rule}: {missing}");
    assert!(!lab.exists("w/ran") && !lab.exists("w/.codex"));
}

#[tokio::test]
async fn in_a_container_landlock_confines() {
    if !is_inside() {
        return run_inside("in_a_container_landlock_confines", container(true));
    }
    is_on_the_second_rung(LackKind::SystemCallFilter, "container").await;
}

#[tokio::test]
async fn without_namespaces_and_landlock_nothing_runs() {
    if !is_inside() {
        return run_inside("without_namespaces_and_landlock_nothing_runs", container(false));
    }
    let lab = Lab::new(User::Own);
    let script = "echo x > ran";
    let free = lab.run(&ResolvedPolicy::unconfined(), script).await;
    assert!(free.code == 0 && lab.exists("w/ran"), "the control failed: {free:?}");

    let spec = lab.spec(&["/bin/sh", "-c", script], CommandIo::Pipes);
    let Err(SandboxError::Unenforceable { rule, missing }) = lab.sandbox.prepare(spec, &lab.workspace(false)) else {
        panic!("prepared")
    };

    assert_eq!(rule, "sandbox mode workspace-write");
    for part in ["namespaces", "Landlock", "--security-opt", "landlock_create_ruleset"] {
        assert!(missing.contains(part), "{part}: {missing}");
    }
    assert!(!lab.sandbox.capabilities().confines);
}

#[tokio::test]
async fn in_our_own_sandbox_a_command_is_confined_further() {
    if is_inside() {
        return inside_of_our_own().await;
    }
    for lab in [Lab::new(User::Own), Lab::without_namespaces(User::Own)] {
        let me = std::env::current_exe().unwrap();
        let script = format!(
            "{INSIDE}=1 {} in_our_own_sandbox_a_command_is_confined_further --exact --nocapture",
            me.display()
        );
        // Its own temporary folder is open to the outer command, and closed to the inner one.
        let ran = lab.run(&lab.resolve(&SandboxPolicy::workspace_write()), &script).await;
        assert!(ran.code == 0 && ran.output.contains("1 passed"), "{}", ran.output);
    }
}

async fn inside_of_our_own() {
    let sandbox = LinuxSandbox::with_helper(PROBE.into());
    let capabilities = sandbox.capabilities();
    assert_eq!(capabilities.mechanism, "linux-landlock");
    assert_eq!(capabilities.rungs[0].lacks[0].kind, LackKind::SystemCallFilter);
    let folder = tempfile::tempdir().unwrap();
    let cwd = AbsPath::new(folder.path()).unwrap();
    std::fs::write(cwd.join("here"), "read\n").unwrap();
    let facts = PathFacts {
        existing_roots: [(cwd.clone(), cwd.clone())].into(),
        ..PathFacts::unknown(cwd.join("home"))
    };
    let policy = |mode: &SandboxPolicy| codex_permissions::resolve(mode, &FileRules::default(), &cwd, &facts);
    let run = async |policy: &ResolvedPolicy, script: &str| {
        let spec = CommandSpec {
            argv: ["/bin/sh", "-c", script].map(Into::into).to_vec(),
            cwd: cwd.clone(),
            env: vec![("PATH".into(), "/usr/bin:/bin".into())],
            io: CommandIo::Pipes,
            limits: CommandLimits::default(),
        };
        let expiration = Expiration {
            timeout: Some(Duration::from_secs(20)),
            ..Expiration::default()
        };
        let running = codex_process::spawn(sandbox.prepare(spec, policy).unwrap(), expiration)
            .await
            .unwrap();
        (running.exited().await.exit_code(), running.aggregated().to_text())
    };

    let free = run(&ResolvedPolicy::unconfined(), "cat here; echo x > new").await;
    assert!(free.0 == 0 && cwd.join("new").exists(), "the control failed: {free:?}");
    std::fs::remove_file(cwd.join("new")).unwrap();

    let held = run(&policy(&SandboxPolicy::read_only()), "cat here; echo x > new").await;
    assert!(held.0 != 0 && held.1.starts_with("read\n") && !cwd.join("new").exists(), "{held:?}");

    // What is open to both is written to, and nothing else.
    std::fs::create_dir(cwd.join("sub")).unwrap();
    let other = tempfile::tempdir().unwrap();
    let script = format!("echo x > sub/new; echo x > .codex; echo x > {}/new", other.path().display());
    let narrower = run(&policy(&SandboxPolicy::workspace_write()), &script).await;
    assert!(
        narrower.0 != 0 && cwd.join("sub/new").exists() && !cwd.join(".codex").exists() && !other.path().join("new").exists(),
        "{narrower:?}"
    );
}
