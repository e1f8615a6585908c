//! A place to try things in: a workspace, a folder outside of it, a home, and a helper that runs as root or as an ordinary user.

#![allow(dead_code, clippy::unwrap_used, reason = "test code, and each test binary uses a part of it")]

use codex_base::AbsPath;
use codex_permissions::{ResolvedPolicy, Rights};
use codex_process::facts::{Surroundings, path_facts};
use codex_process::record::{Record, Recording};
use codex_process::{CommandIo, CommandSpec, ExitOutcome, Expiration, Running, Sandbox, SpawnError};
use codex_protocol::settings::{CommandLimits, FileRule, FileRules, SandboxPolicy};
use codex_sandbox_linux::LinuxSandbox;
use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Who runs the helper and so the command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum User {
    /// Whoever runs the tests.
    Own,
    /// An ordinary user when the tests are run by root.
    Ordinary,
}

pub const USERS: [User; 2] = [User::Own, User::Ordinary];

pub const UNLIMITED: CommandLimits = CommandLimits {
    processes: None,
    memory_bytes: None,
    file_bytes: None,
    open_files: None,
};

pub const PROBE: &str = env!("CARGO_BIN_EXE_codex-sandbox-linux-test-helper");

pub struct Lab {
    _temp: Option<tempfile::TempDir>,
    pub base: AbsPath,
    pub sandbox: LinuxSandbox,
}

/// A folder for control groups, as a user has one that the system delegated: this process is in it, too.
pub struct Groups {
    pub folder: PathBuf,
    pub memory: bool,
    pub processes: bool,
    /// Where this process came from.
    before: PathBuf,
    /// A process is in one group at a time.
    _alone: MutexGuard<'static, ()>,
}

impl Groups {
    /// `None` where this host lets us make none.
    pub fn new() -> Option<Self> {
        static ALONE: Mutex<()> = Mutex::new(());
        let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        let made = own_group().and_then(|before| {
            // A group that holds processes has none below with limits, unless it is the root of all.
            let limits = |group: &&Path| fs::read_to_string(group.join("cgroup.subtree_control")).is_ok_and(|text| text.contains("memory"));
            let around = [Some(before.as_path()), before.parent()].into_iter().flatten().find(limits);
            let folder = around.unwrap_or(&before).join(format!("codex-test-{}", std::process::id()));
            let runner = folder.join("runner");
            fs::create_dir_all(&runner).ok()?;
            fs::write(runner.join("cgroup.procs"), "0").ok()?;
            Some((before, folder))
        });
        let (before, folder) = made?;
        let on = |controller: &str| fs::write(folder.join("cgroup.subtree_control"), format!("+{controller}")).is_ok();
        let (memory, processes) = (on("memory"), on("pids"));
        for path in [folder.clone(), folder.join("cgroup.procs")] {
            fs::set_permissions(path, fs::Permissions::from_mode(0o777)).unwrap();
        }
        Some(Self {
            folder,
            memory,
            processes,
            before,
            _alone: alone,
        })
    }

    /// What commands left.
    pub fn left(&self) -> Vec<String> {
        let entries = fs::read_dir(&self.folder).unwrap().flatten();
        let folders = entries.filter(|entry| entry.file_type().unwrap().is_dir());
        let names = folders.map(|entry| entry.file_name().into_string().unwrap());
        names.filter(|name| name != "runner").collect()
    }
}

fn own_group() -> Option<PathBuf> {
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
    let mount = mounts.lines().find(|line| line.contains(" - cgroup2 "))?.split(' ').nth(4)?;
    let own = fs::read_to_string("/proc/self/cgroup").unwrap();
    let own = own.lines().find_map(|line| line.strip_prefix("0::/"))?;
    Some(Path::new(mount).join(own))
}

impl Drop for Groups {
    fn drop(&mut self) {
        // A test that failed may leave something in it.
        for left in self.left() {
            let _ = fs::write(self.folder.join(&left).join("cgroup.kill"), "1");
            let _ = fs::remove_dir(self.folder.join(left));
        }
        let _ = fs::write(self.before.join("cgroup.procs"), "0");
        // The last supervisors may be on their way out.
        let deadline = Instant::now() + Duration::from_secs(10);
        let gone = |folder: &Path| fs::remove_dir(folder).is_ok() || !folder.exists();
        while !(gone(&self.folder.join("runner")) && gone(&self.folder)) && Instant::now() < deadline {
            std::thread::yield_now();
        }
    }
}

/// How a command ended and what it said.
#[derive(Debug)]
pub struct Ran {
    pub code: i32,
    pub output: String,
}

impl Lab {
    pub fn new(user: User) -> Self {
        Self::with(user, LinuxSandbox::with_helper)
    }

    /// With the control groups of commands in this folder.
    pub fn with_groups(user: User, groups: &Path) -> Self {
        Self::with(user, |helper| {
            LinuxSandbox::with_helper(helper).with_groups_in(Some(groups.to_owned()))
        })
    }

    pub fn with_groups_without_namespaces(user: User, groups: &Path) -> Self {
        Self::with(user, |helper| {
            LinuxSandbox::without_namespaces(helper).with_groups_in(Some(groups.to_owned()))
        })
    }

    /// Wherever this runs, commands have no control groups.
    pub fn without_groups(user: User) -> Self {
        Self::with(user, |helper| LinuxSandbox::with_helper(helper).with_groups_in(None))
    }

    pub fn without_groups_and_namespaces(user: User) -> Self {
        Self::with(user, |helper| LinuxSandbox::without_namespaces(helper).with_groups_in(None))
    }

    /// As on a host that refuses namespaces.
    pub fn without_namespaces(user: User) -> Self {
        Self::with(user, LinuxSandbox::without_namespaces)
    }

    fn with(user: User, sandbox: impl FnOnce(PathBuf) -> LinuxSandbox) -> Self {
        let temp = tempfile::tempdir().unwrap();
        let base = AbsPath::new(fs::canonicalize(temp.path()).unwrap()).unwrap();
        let helper = match user {
            User::Own => PROBE,
            User::Ordinary => env!("CARGO_BIN_EXE_codex-sandbox-linux-test-helper-user"),
        };
        let lab = Self {
            _temp: Some(temp),
            base,
            sandbox: sandbox(PathBuf::from(helper)),
        };
        for folder in ["", "w", "w/.git", "w/.git/hooks", "out", "home"] {
            lab.make_folder(folder);
        }
        lab.write("w/.git/config", "[core]\n");
        lab.write("out/there", "before\n");
        lab
    }

    /// One that somebody else made.
    pub fn at(base: impl AsRef<Path>) -> Self {
        Self {
            _temp: None,
            base: AbsPath::new(base).unwrap(),
            sandbox: LinuxSandbox::with_helper(PathBuf::from(PROBE)),
        }
    }

    /// For everybody, so that only the sandbox decides.
    pub fn make_folder(&self, path: &str) {
        fs::create_dir_all(self.path(path)).unwrap();
        fs::set_permissions(self.path(path), fs::Permissions::from_mode(0o777)).unwrap();
    }

    pub fn write(&self, path: &str, text: &str) {
        fs::write(self.path(path), text).unwrap();
        fs::set_permissions(self.path(path), fs::Permissions::from_mode(0o666)).unwrap();
    }

    pub fn path(&self, path: &str) -> AbsPath {
        self.base.join(path)
    }

    pub fn exists(&self, path: &str) -> bool {
        fs::symlink_metadata(self.path(path)).is_ok()
    }

    pub fn resolve(&self, policy: &SandboxPolicy) -> ResolvedPolicy {
        self.resolve_files(policy, &FileRules::default())
    }

    pub fn resolve_files(&self, policy: &SandboxPolicy, files: &FileRules) -> ResolvedPolicy {
        self.resolve_at("w", policy, files)
    }

    /// With another working directory than `w`.
    pub fn workspace_at(&self, cwd: &str, policy: &SandboxPolicy) -> ResolvedPolicy {
        self.resolve_at(cwd, policy, &FileRules::default())
    }

    fn resolve_at(&self, cwd: &str, policy: &SandboxPolicy, files: &FileRules) -> ResolvedPolicy {
        let at = Surroundings {
            cwd: &self.path(cwd),
            home: Some(&self.path("user")),
            tmpdir: None,
            codex_home: &self.path("home"),
        };
        codex_permissions::resolve(policy, files, at.cwd, &path_facts(policy, files, at))
    }

    /// A permission profile: paths below the base, or absolute ones, with their rights.
    pub fn profile(&self, lines: &[(&str, Rights)]) -> ResolvedPolicy {
        let line = |(path, rights): &(&str, Rights)| FileRule {
            path: self.path(path),
            rights: *rights,
            place: format!("profile: {path}"),
        };
        let files = FileRules {
            profile: Some(lines.iter().map(line).collect()),
            ..FileRules::default()
        };
        self.resolve_files(&SandboxPolicy::workspace_write(), &files)
    }

    /// Only the workspace, without temporary folders.
    pub fn workspace(&self, network_access: bool) -> ResolvedPolicy {
        self.resolve(&SandboxPolicy::WorkspaceWrite {
            writable_roots: Vec::new(),
            network_access,
            exclude_tmpdir_env_var: true,
            exclude_slash_tmp: true,
        })
    }

    pub fn spec(&self, argv: &[&str], io: CommandIo) -> CommandSpec {
        let set = |(name, value): (&str, &str)| (OsString::from(name), OsString::from(value));
        let env = [
            ("PATH", "/usr/local/bin:/usr/bin:/bin"),
            ("BASE", self.base.to_str().unwrap()),
            ("PROBE", PROBE),
        ]
        .map(set)
        .to_vec();
        CommandSpec {
            argv: argv.iter().map(OsString::from).collect(),
            cwd: self.path("w"),
            env,
            io,
            limits: CommandLimits::default(),
        }
    }

    pub async fn start(&self, policy: &ResolvedPolicy, spec: CommandSpec, expiration: Expiration) -> Result<Running, SpawnError> {
        self.start_and(policy, None, spec, expiration).await
    }

    pub async fn start_and(
        &self,
        policy: &ResolvedPolicy,
        recording: Option<Recording>,
        spec: CommandSpec,
        expiration: Expiration,
    ) -> Result<Running, SpawnError> {
        let prepared = match recording {
            Some(recording) => self.sandbox.prepare_recorded(spec, policy, recording)?,
            None => self.sandbox.prepare(spec, policy)?,
        };
        codex_process::spawn(prepared, expiration).await
    }

    /// Runs a shell script in the workspace to its end, with a recorder beside.
    pub async fn record(&self, policy: &ResolvedPolicy, recording: Recording, script: &str) -> (Ran, Record) {
        let spec = self.spec(&["/bin/bash", "-c", script], CommandIo::Pipes);
        let expiration = Expiration {
            timeout: Some(Duration::from_secs(20)),
            ..Expiration::default()
        };
        let prepared = self.sandbox.prepare_recorded(spec, policy, recording).unwrap();
        let running = codex_process::spawn(prepared, expiration).await.unwrap();
        let outcome = running.exited().await;
        let ran = Ran {
            code: outcome.exit_code(),
            output: running.aggregated().to_text(),
        };
        (ran, running.record().expect("a record"))
    }

    /// Runs a script of the system's shell to its end.
    pub async fn run_limited(&self, policy: &ResolvedPolicy, limits: CommandLimits, script: &str) -> (ExitOutcome, String) {
        let mut spec = self.spec(&["/bin/sh", "-c", script], CommandIo::Pipes);
        spec.limits = limits;
        let expiration = Expiration {
            timeout: Some(Duration::from_secs(120)),
            ..Expiration::default()
        };
        let running = self.start(policy, spec, expiration).await.unwrap();
        let outcome = running.exited().await;
        (outcome, running.aggregated().to_text())
    }

    /// Runs a shell script in the workspace to its end.
    pub async fn run(&self, policy: &ResolvedPolicy, script: &str) -> Ran {
        let spec = self.spec(&["/bin/bash", "-c", script], CommandIo::Pipes);
        let expiration = Expiration {
            timeout: Some(Duration::from_secs(20)),
            ..Expiration::default()
        };
        let running = self.start(policy, spec, expiration).await.unwrap();
        let outcome = running.exited().await;
        Ran {
            code: outcome.exit_code(),
            output: running.aggregated().to_text(),
        }
    }
}

/// Waits for something that is about to be so, at most 10 s.
pub async fn eventually(what: &str, mut check: impl FnMut() -> bool) {
    within(Duration::from_secs(10), what, &mut check).await;
}

pub async fn within(limit: Duration, what: &str, mut check: impl FnMut() -> bool) {
    let deadline = Instant::now() + limit;
    while !check() {
        assert!(Instant::now() < deadline, "not within {limit:?}: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// How many processes have a command line that holds `marker`, wherever they are.
pub fn processes_with(marker: &str) -> usize {
    command_lines().iter().filter(|(line, _)| line.contains(marker)).count()
}

/// Of all living processes.
pub fn command_lines() -> Vec<(String, rustix::process::Pid)> {
    let line = |path: &Path| Some(String::from_utf8_lossy(&fs::read(path.join("cmdline")).ok()?).replace('\0', " "));
    fs::read_dir("/proc")
        .unwrap()
        .flatten()
        .filter_map(|entry| {
            let process = rustix::process::Pid::from_raw(entry.file_name().to_str()?.parse().ok()?)?;
            Some((line(&entry.path())?, process))
        })
        .collect()
}

pub const INSIDE: &str = "LAB_INSIDE";

/// Whether this is the process that [`run_inside`] started.
pub fn is_inside() -> bool {
    std::env::var_os(INSIDE).is_some()
}

/// Runs the test of this name in a process that `limit` was applied to.
pub fn run_inside(name: &str, limit: impl Fn() -> std::io::Result<()> + Send + Sync + 'static) {
    let mut inside = std::process::Command::new(std::env::current_exe().unwrap());
    inside.args([name, "--exact", "--nocapture"]).env(INSIDE, "1");
    // SAFETY: the new process has one thread and only makes system calls; its few allocations are made by the copy of a process whose
    // other threads hold no allocator lock for longer than the copy takes (the test harness is waiting).
    unsafe { std::os::unix::process::CommandExt::pre_exec(&mut inside, limit) };
    let output = inside.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && said.contains("1 passed"),
        "{said}{}",
        String::from_utf8_lossy(&output.stderr)
    );
}
