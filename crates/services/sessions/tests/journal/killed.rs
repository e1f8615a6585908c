//! A process that dies at a hit point: the test starts itself again and the other process aborts in the middle of an append.

use crate::sample::{THREAD, at, home, message, meta_record, only_records, path, write};
use codex_sessions::{Faults, HitPoint, Journal};
use pretty_assertions::assert_eq;
use std::io;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// Lies in the working directory of the process that dies; names the hit that kills it, counted from 0.
const MARKER: &str = "codex-journal-hit";

/// Aborts at one hit; never, when there is none.
struct AbortAt {
    hits_left: Option<AtomicU32>,
}

impl Faults for AbortAt {
    fn hit(&self, _: HitPoint) -> io::Result<()> {
        match &self.hits_left {
            Some(left) if left.fetch_sub(1, Ordering::Relaxed) == 0 => std::process::abort(),
            Some(_) | None => Ok(()),
        }
    }
}

fn records() -> Vec<codex_protocol::journal::Record> {
    vec![meta_record("/w"), message("user", "one"), message("user", "two")]
}

#[test]
fn a_session_resumes_whenever_its_process_died() {
    let died_at = |hit: u32| {
        let temp = tempfile::tempdir().unwrap();
        std::fs::write(temp.path().join(MARKER), hit.to_string()).unwrap();
        let status = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "killed::three_appends_succeed_unless_a_hit_kills"])
            .current_dir(temp.path())
            .output()
            .unwrap()
            .status;
        assert!(!status.success(), "the process was to die");
        let (_journal, loaded) = Journal::resume(&home(&temp), THREAD).unwrap();
        assert_eq!(only_records(&loaded), records()[..loaded.records.len()]);
        let torn = loaded.problems.iter().any(|problem| problem.contains("incomplete"));
        (loaded.records.len(), torn)
    };

    // Before, in the middle of and after each append; before the very first one there is a file, but nothing in it.
    let outcomes: Vec<(usize, bool)> = (0..9).map(died_at).collect();

    let none = false;
    assert_eq!(
        outcomes,
        [
            (0, none),
            (0, true),
            (1, none),
            (1, none),
            (1, true),
            (2, none),
            (2, none),
            (2, true),
            (3, none)
        ]
    );
}

/// In the other process this dies; here it is the positive control.
#[test]
fn three_appends_succeed_unless_a_hit_kills() {
    let hit = std::fs::read_to_string(MARKER)
        .ok()
        .map(|text| AtomicU32::new(text.parse().unwrap()));
    // The process that dies works in its parent's folder: it could not remove one of its own.
    let temp = hit.is_none().then(|| tempfile::tempdir().unwrap());
    let home = match &temp {
        Some(temp) => home(temp),
        None => path(std::path::absolute(".").unwrap().to_str().unwrap()),
    };
    let mut journal = Journal::create(&home, THREAD, at(0), "UTC")
        .unwrap()
        .with_faults(Arc::new(AbortAt { hits_left: hit }));

    write(&mut journal, &records());

    assert_eq!(only_records(&journal.load().unwrap()), records());
}
