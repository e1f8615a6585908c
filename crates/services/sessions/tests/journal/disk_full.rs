//! A real limit of the system in the middle of a write: the test starts itself again under a shell's file-size limit.

use crate::sample::{at, home, message, meta_record, only_records, path};
use codex_sessions::{Journal, read};
use std::path::Path;
use std::process::Command;

/// In units of 512 bytes: 8 KiB.
const LIMIT_BLOCKS: u32 = 16;
/// Lies in the working directory of the process that has the limit.
const MARKER: &str = "codex-journal-limit";

#[test]
fn a_write_that_meets_the_limit_is_taken_back_and_told() {
    let temp = tempfile::tempdir().unwrap();
    std::fs::write(temp.path().join(MARKER), "").unwrap();
    let script = format!("trap '' XFSZ; ulimit -f {LIMIT_BLOCKS}; exec \"$0\" \"$@\"");

    let output = Command::new("/bin/sh")
        .args(["-c", &script])
        .arg(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "disk_full::a_large_write_succeeds_unless_there_is_a_limit",
            "--nocapture",
        ])
        .current_dir(temp.path())
        .output()
        .unwrap();

    assert!(
        output.status.success(),
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    let file = codex_sessions::find(&home(&temp), "limited")
        .unwrap()
        .expect("the other process wrote here, under the limit");
    let loaded = read(&file).unwrap();
    assert_eq!(
        (only_records(&loaded), loaded.problems),
        (vec![meta_record("/w"), message("user", "small")], vec![])
    );
}

/// Without the limit the positive control, under it the process that meets it.
#[test]
fn a_large_write_succeeds_unless_there_is_a_limit() {
    let temp = tempfile::tempdir().unwrap();
    let limited = Path::new(MARKER).exists();
    let home = if limited {
        path(std::path::absolute(".").unwrap().to_str().unwrap())
    } else {
        home(&temp)
    };
    let mut journal = Journal::create(&home, "limited", at(0), "UTC").unwrap();
    journal.append(&[meta_record("/w")], at(0)).unwrap();
    let length = || std::fs::metadata(journal_path(&home)).unwrap().len();
    let before = length();

    let large = journal.append(&[message("user", &"x".repeat(20_000))], at(1));

    if limited {
        assert_eq!((large.unwrap_err().code(), length()), ("journal.write_failed", before));
        journal.append(&[message("user", "small")], at(2)).unwrap();
    } else {
        large.unwrap();
        assert!(length() > before + 20_000);
    }
}

fn journal_path(home: &codex_base::AbsPath) -> codex_base::AbsPath {
    codex_sessions::find(home, "limited").unwrap().unwrap()
}
