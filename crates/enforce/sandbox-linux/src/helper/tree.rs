//! Ends everything that descends from this process.

use rustix::process::{Pid, Signal, WaitOptions, getpid, kill_process};
use std::collections::{HashMap, HashSet};
use std::fs;
use std::time::{Duration, Instant};

/// Processes that wait in the kernel or belong to somebody else by now cannot be waited for without end.
const LIMIT: Duration = Duration::from_secs(5);

/// What collecting the children that have ended came to.
pub(super) struct Collected {
    /// The main child's wait status, if it was among them.
    pub main_status: Option<i32>,
    pub all_gone: bool,
}

pub(super) fn collect(main: Pid) -> Collected {
    let mut main_status = None;
    let all_gone = loop {
        match rustix::process::wait(WaitOptions::NOHANG) {
            Ok(Some((pid, status))) if pid == main => main_status = Some(status.as_raw()),
            Ok(Some(_)) | Err(rustix::io::Errno::INTR) => {}
            Ok(None) => break false,
            Err(_no_children) => break true,
        }
    };
    Collected { main_status, all_gone }
}

/// Kills until no child is left. As subreaper we inherit every orphan, so no child means no descendant; a process that forks
/// faster than we look shows up in the next round. The main child's status, if it ended meanwhile.
pub(super) fn end(main: Pid) -> Option<i32> {
    let deadline = Instant::now() + LIMIT;
    let mut main_status = None;
    loop {
        let collected = collect(main);
        main_status = main_status.or(collected.main_status);
        if collected.all_gone || Instant::now() > deadline {
            return main_status;
        }
        for pid in descendants() {
            // One that has gone meanwhile is what we want.
            let _ = kill_process(pid, Signal::KILL);
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn descendants() -> Vec<Pid> {
    let parents = parents();
    let mut found = HashSet::from([getpid().as_raw_nonzero().get()]);
    loop {
        let before = found.len();
        for (child, parent) in &parents {
            if found.contains(parent) {
                found.insert(*child);
            }
        }
        if found.len() == before {
            break;
        }
    }
    found.remove(&getpid().as_raw_nonzero().get());
    found.into_iter().filter_map(Pid::from_raw).collect()
}

/// Each process of the system with its parent.
fn parents() -> HashMap<i32, i32> {
    let Ok(entries) = fs::read_dir("/proc") else {
        return HashMap::new();
    };
    entries
        .filter_map(|entry| {
            let pid: i32 = entry.ok()?.file_name().to_str()?.parse().ok()?;
            Some((pid, parent_of(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)?))
        })
        .collect()
}

/// The name in parentheses may hold anything, also parentheses and spaces.
fn parent_of(stat: &str) -> Option<i32> {
    stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parent_is_found_behind_any_name() {
        assert_eq!(parent_of("12 (a) b (c) S 7 12 12 0"), Some(7));
        assert_eq!(parent_of("12 (sh) S 1 12"), Some(1));
        assert_eq!(parent_of("12 (sh"), None);
    }
}
