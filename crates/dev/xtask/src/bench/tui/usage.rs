//! What the processes of a terminal use, as the kernel counts it (`/proc`, so Linux alone).

use anyhow::{Context, Result, bail};
use std::fs;
use std::path::Path;
use std::time::Duration;

/// Of all processes in the session of a terminal; memory of the largest one.
#[derive(Debug, Clone, Default)]
pub struct Usage {
    /// Of threads that live.
    pub cpu: Duration,
    /// How often a thread waited and went on.
    pub wakes: u64,
    pub resident_bytes: u64,
    pub peak_bytes: u64,
}

impl Usage {
    /// `leader` is the process that the terminal was made for.
    pub fn of_session(leader: u32) -> Result<Self> {
        let mut usage = Self::default();
        let mut found = false;
        for entry in fs::read_dir("/proc").context("what a running process uses is read from /proc")? {
            let path = entry?.path();
            // A process may end meanwhile.
            let Ok(stat) = fs::read_to_string(path.join("stat")) else {
                continue;
            };
            if session_of(&stat) == Some(leader) {
                found = true;
                usage.add(&path);
            }
        }
        if found { Ok(usage) } else { bail!("process {leader} has ended") }
    }

    pub fn since(&self, earlier: &Self) -> Self {
        Self {
            cpu: self.cpu.saturating_sub(earlier.cpu),
            wakes: self.wakes.saturating_sub(earlier.wakes),
            ..self.clone()
        }
    }

    fn add(&mut self, process: &Path) {
        let status = fs::read_to_string(process.join("status")).unwrap_or_default();
        let bytes = |name| number(&status, name).unwrap_or(0) * 1024;
        self.resident_bytes = self.resident_bytes.max(bytes("VmRSS"));
        self.peak_bytes = self.peak_bytes.max(bytes("VmHWM"));
        for thread in fs::read_dir(process.join("task")).into_iter().flatten().flatten() {
            let read = |name| fs::read_to_string(thread.path().join(name)).unwrap_or_default();
            let nanos = read("schedstat")
                .split(' ')
                .next()
                .and_then(|nanos| nanos.parse().ok())
                .unwrap_or(0);
            self.cpu += Duration::from_nanos(nanos);
            self.wakes += number(&read("status"), "voluntary_ctxt_switches").unwrap_or(0);
        }
    }
}

/// The sixth field; the second one is a name in brackets that may hold anything.
fn session_of(stat: &str) -> Option<u32> {
    stat.rsplit_once(") ")?.1.split(' ').nth(3)?.parse().ok()
}

/// Of a line `name:  number unit`.
fn number(status: &str, name: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use pretty_assertions::assert_eq;

    #[test]
    fn the_kernel_s_tables_are_read() {
        let stat = "42 (a) b) S 1 42 40 34816 42 4194560 1\n";
        let status = "Name:\tcodex\nVmRSS:\t   15284 kB\nvoluntary_ctxt_switches:\t17\nnonvoluntary_ctxt_switches:\t3\n";

        assert_eq!(session_of(stat), Some(40));
        assert_eq!(number(status, "VmRSS"), Some(15284));
        assert_eq!(number(status, "voluntary_ctxt_switches"), Some(17));
        assert_eq!(number(status, "VmHWM"), None);
    }
}
