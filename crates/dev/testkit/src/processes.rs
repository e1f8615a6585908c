//! Finds every process that a test started, to prove that none is left.
//!
//! A test puts a [`Marker`] into the environment or an argument of what it starts; children inherit the environment, so daemons that left
//! their session are found as well. Reads `/proc` where it exists, else asks `ps`.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

/// A word that no other process carries.
#[derive(Debug, Clone)]
pub struct Marker(String);

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundProcess {
    pub pid: u32,
    /// Arguments joined by spaces.
    pub command: String,
}

impl Default for Marker {
    fn default() -> Self {
        Self::new()
    }
}

impl Marker {
    /// The variable that [`env`](Self::env) sets.
    pub const VARIABLE: &str = "CODEX_TEST_MARKER";

    pub fn new() -> Self {
        Self(format!("marker-{}", uuid::Uuid::new_v4().simple()))
    }

    /// The word itself, for an argument.
    pub fn word(&self) -> &str {
        &self.0
    }

    /// For the environment of a program.
    pub fn env(&self) -> (&'static str, &str) {
        (Self::VARIABLE, &self.0)
    }

    /// Every live process with the marker in its environment or arguments; not the calling one, no zombies.
    pub fn processes(&self) -> Vec<FoundProcess> {
        let mut found = if has_proc() { in_proc(&self.0) } else { in_ps(&self.0) };
        found.retain(|process| process.pid != std::process::id());
        found.sort_by_key(|process| process.pid);
        found
    }

    /// Waits until no process carries the marker.
    ///
    /// # Errors
    /// The processes that are left after `limit`.
    pub fn wait_until_none(&self, limit: Duration) -> Result<(), Vec<FoundProcess>> {
        self.wait(limit, Vec::is_empty).map(drop)
    }

    /// Waits until at least `count` processes carry the marker: the positive control of [`wait_until_none`](Self::wait_until_none).
    ///
    /// # Errors
    /// The processes that were found within `limit`.
    pub fn wait_for(&self, count: usize, limit: Duration) -> Result<Vec<FoundProcess>, Vec<FoundProcess>> {
        self.wait(limit, |found| found.len() >= count)
    }

    fn wait(&self, limit: Duration, enough: impl Fn(&Vec<FoundProcess>) -> bool) -> Result<Vec<FoundProcess>, Vec<FoundProcess>> {
        let deadline = Instant::now() + limit;
        loop {
            let found = self.processes();
            if enough(&found) {
                return Ok(found);
            }
            if Instant::now() >= deadline {
                return Err(found);
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

/// Whether this process exists and is no zombie.
pub fn is_alive(pid: u32) -> bool {
    if has_proc() {
        return state_in_proc(pid).is_some_and(|state| !matches!(state, 'Z' | 'X'));
    }
    let output = Command::new("ps").args(["-o", "stat=", "-p", &pid.to_string()]).output();
    output.is_ok_and(|output| output.status.success() && !output.stdout.trim_ascii().is_empty() && !output.stdout.starts_with(b"Z"))
}

fn has_proc() -> bool {
    Path::new("/proc/self/environ").exists()
}

fn in_proc(word: &str) -> Vec<FoundProcess> {
    let pids = fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter_map(|pid: u32| {
        // A process may go, or change its owner, between two reads; then it is not ours to report.
        let arguments = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        let carries = contains(&arguments, word) || contains(&environment, word);
        let command = || String::from_utf8_lossy(&arguments).trim_end_matches('\0').replace('\0', " ");
        (carries && is_alive(pid)).then(|| FoundProcess { pid, command: command() })
    })
    .collect()
}

/// The letter behind the parenthesised name, which may hold anything.
fn state_in_proc(pid: u32) -> Option<char> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(") ")?.1.chars().next()
}

fn contains(haystack: &[u8], word: &str) -> bool {
    haystack.windows(word.len()).any(|window| window == word.as_bytes())
}

fn in_ps(word: &str) -> Vec<FoundProcess> {
    let output = Command::new("ps")
        .args(["-axEww", "-o", "pid=,stat=,command="])
        .output()
        .expect("neither /proc nor ps can be read");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let carrying = text.lines().filter(|line| line.contains(word));
    let parsed = carrying.filter_map(|line| {
        let (pid, rest) = line.trim_start().split_once(' ')?;
        let (state, command) = rest.trim_start().split_once(' ')?;
        (!state.starts_with('Z')).then(|| {
            Some(FoundProcess {
                pid: pid.parse().ok()?,
                command: command.trim().to_owned(),
            })
        })?
    });
    parsed.collect()
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn a_marked_process_is_found_until_it_is_gone() {
        let marker = Marker::new();
        assert!(marker.processes().is_empty());

        let (name, word) = marker.env();
        let mut child = Command::new("sleep").arg("60").env(name, word).spawn().unwrap();
        let found = marker.wait_for(1, Duration::from_secs(10)).unwrap();
        assert_eq!(
            found,
            [FoundProcess {
                pid: child.id(),
                command: "sleep 60".to_owned()
            }]
        );
        assert!(is_alive(child.id()));

        child.kill().unwrap();
        marker.wait_until_none(Duration::from_secs(10)).unwrap();
        child.wait().unwrap();
        assert!(!is_alive(child.id()));
    }
}
