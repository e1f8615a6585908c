//! What one `true` costs: a plain spawn, supervised only, read-only, workspace-write. From a process of 40 MB.
//!
//! `cargo run --release -p codex-sandbox-linux --example cost -- [ROUNDS]`

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

    let rounds: usize = std::env::args().nth(1).and_then(|rounds| rounds.parse().ok()).unwrap_or(300);
    let ballast = vec![1_u8; 40 << 20];
    let temp = tempfile::tempdir().unwrap();
    let base = AbsPath::new(std::fs::canonicalize(temp.path()).unwrap()).unwrap();
    let (cwd, other, home) = (base.join("w"), base.join("other"), base.join("home"));
    for folder in [&cwd, &other, &home] {
        std::fs::create_dir(folder).unwrap();
    }
    let sandbox = codex_sandbox_linux::probe();
    let resolve = |policy: SandboxPolicy| {
        let files = FileRules::default();
        let at = codex_process::facts::Surroundings {
            cwd: &cwd,
            home: None,
            tmpdir: None,
            codex_home: &home,
        };
        codex_permissions::resolve(&policy, &files, &cwd, &codex_process::facts::path_facts(&policy, &files, at))
    };
    // Two empty roots: eight missing names.
    let workspace_write = SandboxPolicy::WorkspaceWrite {
        writable_roots: vec![other.clone()],
        network_access: false,
        exclude_tmpdir_env_var: true,
        exclude_slash_tmp: true,
    };
    let policies = [
        ("plain spawn", None),
        ("supervised", Some(ResolvedPolicy::unconfined())),
        ("read-only", Some(resolve(SandboxPolicy::read_only()))),
        ("workspace-write", Some(resolve(workspace_write))),
    ];
    let mut times = vec![Vec::new(); policies.len()];
    for _ in 0..rounds {
        for ((_, policy), times) in policies.iter().zip(&mut times) {
            let spec = CommandSpec {
                argv: vec!["/bin/true".into()],
                cwd: cwd.clone(),
                env: Vec::new(),
                io: CommandIo::Pipes,
                limits: CommandLimits::default(),
            };
            let start = Instant::now();
            let prepared = match policy {
                Some(policy) => sandbox.prepare(spec, policy).unwrap(),
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
        println!("{name:16} p50 {:6.2} ms   p99 {:6.2} ms", at(50), at(99));
    }
    drop(ballast);
}

#[cfg(not(target_os = "linux"))]
fn main() {}
