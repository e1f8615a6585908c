//! A home, a marked program in it, and what a run of it left.

use codex_testkit::{Marker, MockModel, TempHome, processes::FoundProcess};
use serde_json::value::RawValue;
use std::collections::HashMap;
use std::fs::{self, File};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus};
use std::time::{Duration, Instant};

/// How long a run may take before the test gives up on it.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// A home of its own, with a link to the program in it: whatever runs that program, under whatever name, is found by the link.
pub struct Lab {
    pub home: TempHome,
    pub marker: Marker,
    program: PathBuf,
    runs: std::cell::Cell<u32>,
}

impl Lab {
    /// Outside the folders that every sandbox may write to. The workspace is no repository yet.
    pub fn new() -> Self {
        let home = TempHome::outside_temp();
        let program = home.workspace().with_file_name("codex");
        let original = Path::new(env!("CARGO_BIN_EXE_codex"));
        fs::hard_link(original, &program)
            .or_else(|_| fs::copy(original, &program).map(drop))
            .unwrap();
        Self {
            home,
            marker: Marker::new(),
            program,
            runs: std::cell::Cell::new(0),
        }
    }

    /// With a repository and `mock` as its model.
    pub fn with_model(mock: &MockModel) -> Self {
        let lab = Self::new();
        lab.home.make_repository(&[("README.md", "A test.\n")]);
        lab.home.use_model(mock, "");
        lab
    }

    /// Everything lies below it.
    pub fn root(&self) -> &Path {
        self.home.workspace().parent().unwrap()
    }

    /// The program, as the lab knows it.
    pub fn program(&self) -> &Path {
        &self.program
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.home.command(&self.program);
        let (name, word) = self.marker.env();
        command.env(name, word).args(arguments);
        command
    }

    /// Runs to the end.
    pub fn run(&self, arguments: &[&str]) -> Ran {
        self.start(self.command(arguments)).ended(PATIENCE)
    }

    /// With its output in files, so that nothing that is left behind can hold a reader.
    pub fn start(&self, mut command: Command) -> Started {
        self.runs.set(self.runs.get() + 1);
        let file = |stream: &str| self.root().join(format!("{stream}-{}", self.runs.get()));
        let (stdout, stderr) = (file("stdout"), file("stderr"));
        command
            .stdout(File::create(&stdout).unwrap())
            .stderr(File::create(&stderr).unwrap());
        Started {
            child: command.spawn().unwrap(),
            stdout,
            stderr,
        }
    }

    /// Processes of this lab: by the environment they inherited, or by the file they run.
    pub fn processes(&self) -> Vec<FoundProcess> {
        let mut found = self.marker.processes();
        found.extend(running_below(self.root()));
        found.sort_by_key(|process| process.pid);
        found.dedup_by_key(|process| process.pid);
        found
    }

    /// Waits until no process is left.
    pub fn assert_none_left(&self, limit: Duration) {
        let deadline = Instant::now() + limit;
        loop {
            let left = self.processes();
            if left.is_empty() {
                return;
            }
            assert!(Instant::now() < deadline, "left after {limit:?}: {left:#?}");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// The one journal there is.
    pub fn journal(&self) -> Option<PathBuf> {
        let mut journals = self.home.journals();
        assert!(journals.len() < 2, "{journals:?}");
        journals.pop()
    }

    pub fn journal_text(&self) -> String {
        fs::read_to_string(self.journal().unwrap()).unwrap()
    }

    /// The id that the journal's name ends with.
    pub fn session_id(&self) -> String {
        let journal = self.journal().unwrap();
        let name = journal.file_stem().unwrap().to_str().unwrap();
        name[name.len() - 36..].to_owned()
    }

    /// How the last turn stands: the type of the last event that begins or ends one.
    pub fn turn_event(&self) -> String {
        let text = self.journal_text();
        // A line that is being written is none yet.
        let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
        let lines = whole.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
        let mut kinds = lines
            .filter(|line| line["type"] == "event_msg")
            .map(|line| line["payload"]["type"].as_str().unwrap().to_owned());
        kinds
            .rfind(|kind| ["task_started", "task_complete", "turn_aborted"].contains(&kind.as_str()))
            .unwrap()
    }
}

/// A run under way. Killed when dropped.
pub struct Started {
    pub child: Child,
    stdout: PathBuf,
    stderr: PathBuf,
}

impl Started {
    pub fn signal(&self, signal: i32) {
        let pid = i32::try_from(self.child.id()).unwrap();
        // SAFETY: plain numbers; the child has not been waited for, so the id is still its own.
        assert_eq!(unsafe { libc::kill(pid, signal) }, 0);
    }

    pub fn stdout(&self) -> String {
        fs::read_to_string(&self.stdout).unwrap()
    }

    pub fn stderr(&self) -> String {
        fs::read_to_string(&self.stderr).unwrap()
    }

    pub fn ended(&mut self, limit: Duration) -> Ran {
        let status = self.wait(limit);
        assert!(status.is_some(), "still running after {limit:?}; stderr: {}", self.stderr());
        Ran {
            status: status.unwrap(),
            stdout: fs::read_to_string(&self.stdout).unwrap(),
            stderr: self.stderr(),
        }
    }

    fn wait(&mut self, limit: Duration) -> Option<ExitStatus> {
        let deadline = Instant::now() + limit;
        loop {
            let status = self.child.try_wait().unwrap();
            if status.is_some() || Instant::now() >= deadline {
                return status;
            }
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        // Both fail if it has ended, which is the usual case.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A run that has ended.
#[derive(Debug)]
pub struct Ran {
    pub status: ExitStatus,
    pub stdout: String,
    pub stderr: String,
}

impl Ran {
    /// `Ok` with the exit code, or `Err` with the signal.
    pub fn end(&self) -> Result<i32, i32> {
        self.status.code().ok_or_else(|| self.status.signal().unwrap())
    }

    #[track_caller]
    pub fn assert_code(&self, code: i32) -> &Self {
        assert_eq!(self.end(), Ok(code), "stdout: {}\nstderr: {}", self.stdout, self.stderr);
        self
    }

    /// Exit code, stdout and stderr in one text.
    pub fn all(&self) -> String {
        format!("{:?}\n-- stdout\n{}-- stderr\n{}", self.end(), self.stdout, self.stderr)
    }
}

/// Waits until `found` finds something.
#[track_caller]
pub fn wait_for<T>(what: &str, mut found: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = found() {
            return found;
        }
        assert!(Instant::now() < deadline, "{what} did not come in {PATIENCE:?}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// The items of a request as the bytes that went over the wire.
pub fn items(body: &[u8]) -> Vec<String> {
    let body: HashMap<String, Box<RawValue>> = serde_json::from_slice(body).unwrap();
    let items: Vec<Box<RawValue>> = serde_json::from_str(body["input"].get()).unwrap();
    items.iter().map(|item| item.get().to_owned()).collect()
}

/// The input of each request begins with the one before, and every item of each stands in the journal with the same bytes.
#[track_caller]
pub fn assert_grows_and_is_journaled(mock: &MockModel, journal: &str) {
    assert_grows_but_for(0, mock, journal);
}

/// The same, where so many requests may begin anew.
#[track_caller]
pub fn assert_grows_but_for(breaks: usize, mock: &MockModel, journal: &str) {
    let inputs: Vec<_> = mock.requests().iter().map(|request| items(&request.body)).collect();
    let mut broken = Vec::new();
    for (number, pair) in inputs.windows(2).enumerate() {
        let same = pair[0].iter().zip(&pair[1]).take_while(|(a, b)| a == b).count();
        if same < pair[0].len() {
            broken.push(format!(
                "request {} does not extend request {}: {}",
                number + 2,
                number + 1,
                pair[0][same]
            ));
        }
    }
    assert!(broken.len() <= breaks, "{broken:#?}");
    for item in inputs.last().into_iter().flatten() {
        assert!(journal.contains(item.as_str()), "not in the journal: {item}");
    }
}

#[cfg(target_os = "linux")]
fn running_below(root: &Path) -> Vec<FoundProcess> {
    let pids = fs::read_dir("/proc").unwrap().flatten();
    let pids = pids.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    pids.filter_map(|pid| {
        // Codex itself shows an ordinary user no more than its command line.
        let file = fs::read_link(format!("/proc/{pid}/exe")).ok().or_else(|| first_argument(pid))?;
        let below = file.starts_with(root) && codex_testkit::is_alive(pid);
        below.then(|| FoundProcess {
            pid,
            command: format!("{} (supervisor)", file.display()),
        })
    })
    .collect()
}

#[cfg(target_os = "linux")]
fn first_argument(pid: u32) -> Option<PathBuf> {
    let line = fs::read_to_string(format!("/proc/{pid}/cmdline")).ok()?;
    line.split('\0').next().map(PathBuf::from)
}

#[cfg(not(target_os = "linux"))]
fn running_below(_: &Path) -> Vec<FoundProcess> {
    Vec::new()
}
