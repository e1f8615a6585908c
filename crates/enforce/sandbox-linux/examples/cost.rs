//! What one `true` costs: a plain spawn, supervised only, read-only, workspace-write, both without namespaces. From a process of 40 MB, and with so
//! many folders at the top of the workspace. With `changes` a name comes and one goes there before each command.
//!
//! `cargo run --release -p codex-sandbox-linux --example cost -- [ROUNDS [FOLDERS [changes]]]`

#[cfg(target_os = "linux")]
fn main() {
    if std::env::args().next().is_some_and(|name| name == codex_sandbox_linux::HELPER_ARG0) {
        codex_sandbox_linux::helper_main();
    }
    measure();
}

#[cfg(target_os = "linux")]
#[expect(clippy::print_stdout, clippy::unwrap_used, reason = "a measuring program")]
#[tokio::main]
async fn measure() {
    use codex_base::AbsPath;
    use codex_permissions::ResolvedPolicy;
    use codex_process::{CommandIo, CommandSpec, Expiration, Launch, NoSandbox, PreparedCommand, Sandbox};
    use codex_protocol::settings::{CommandLimits, FileRules, SandboxPolicy};
    use std::time::Instant;

    let number = |at| std::env::args().nth(at).and_then(|word: String| word.parse::<usize>().ok());
    let (rounds, folders) = (number(1).unwrap_or(300), number(2).unwrap_or(0));
    let changes = std::env::args().nth(3).is_some_and(|word| word == "changes");
    let ballast = vec![1_u8; 40 << 20];
    let temp = tempfile::tempdir().unwrap();
    let base = AbsPath::new(std::fs::canonicalize(temp.path()).unwrap()).unwrap();
    // What stands in for missing names would be news without namespaces.
    let (cwd, apart, other, home) = (base.join("w"), base.join("apart"), base.join("other"), base.join("home"));
    for folder in [&cwd, &apart, &other, &home] {
        std::fs::create_dir(folder).unwrap();
    }
    for number in 0..folders {
        for workspace in [&cwd, &apart] {
            std::fs::create_dir(workspace.join(format!("folder{number}"))).unwrap();
        }
    }
    let sandbox = codex_sandbox_linux::probe();
    let without_namespaces = codex_sandbox_linux::LinuxSandbox::without_namespaces("/proc/self/exe".into());
    let resolve = |cwd: &AbsPath, policy: SandboxPolicy| {
        let files = FileRules::default();
        let at = codex_process::facts::Surroundings {
            cwd,
            home: None,
            tmpdir: None,
            codex_home: &home,
        };
        codex_permissions::resolve(&policy, &files, cwd, &codex_process::facts::path_facts(&policy, &files, at))
    };
    // Two empty roots: eight missing names.
    let workspace_write = |other: &AbsPath| SandboxPolicy::WorkspaceWrite {
        writable_roots: vec![other.clone()],
        network_access: false,
        exclude_tmpdir_env_var: true,
        exclude_slash_tmp: true,
    };
    let policies = [
        ("plain spawn", None),
        ("supervised", Some((&sandbox, ResolvedPolicy::unconfined()))),
        ("read-only", Some((&sandbox, resolve(&cwd, SandboxPolicy::read_only())))),
        ("workspace-write", Some((&sandbox, resolve(&cwd, workspace_write(&other))))),
        (
            "without namespaces: read-only",
            Some((&without_namespaces, resolve(&apart, SandboxPolicy::read_only()))),
        ),
        (
            "the same: workspace-write",
            Some((&without_namespaces, resolve(&apart, workspace_write(&apart)))),
        ),
    ];
    let mut times = vec![Vec::new(); policies.len()];
    for round in 0..rounds {
        for workspace in [&cwd, &apart].into_iter().filter(|_| changes) {
            std::fs::create_dir(workspace.join(format!("new{round}"))).unwrap();
            let _ = std::fs::remove_dir(workspace.join(format!("new{}", round.wrapping_sub(1))));
        }
        for ((_, policy), times) in policies.iter().zip(&mut times) {
            let spec = CommandSpec {
                argv: vec!["/bin/true".into()],
                cwd: cwd.clone(),
                env: Vec::new(),
                io: CommandIo::Pipes,
                limits: CommandLimits::default(),
            };
            // As between two commands of a session, which at least asks its model.
            tokio::time::sleep(std::time::Duration::from_millis(2)).await;
            let start = Instant::now();
            let prepared = match policy {
                Some((sandbox, policy)) => sandbox.prepare(spec, policy).unwrap(),
                None => PreparedCommand {
                    launch: Launch::Direct,
                    ..NoSandbox::default().prepare(spec, &ResolvedPolicy::unconfined()).unwrap()
                },
            };
            let outcome = codex_process::spawn(prepared, Expiration::default()).await.unwrap().exited().await;
            assert_eq!(outcome.exit_code(), 0);
            times.push(start.elapsed());
        }
    }
    for ((name, _), mut times) in policies.into_iter().zip(times) {
        times.sort_unstable();
        let at = |percent: usize| times[(times.len() - 1) * percent / 100].as_secs_f64() * 1e3;
        println!("{name:30} p50 {:6.2} ms   p99 {:6.2} ms", at(50), at(99));
    }
    drop(ballast);
}

#[cfg(not(target_os = "linux"))]
fn main() {}
