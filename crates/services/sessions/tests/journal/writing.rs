//! One writer, whole lines, and what happens when a write fails.

use crate::sample::{THREAD, agent, at, completed_item, home, message, meta_record, only_records, text_of, thread, write};
use codex_base::AbsPath;
use codex_protocol::journal::Record;
use codex_sessions::{Faults, HitPoint, Journal, JournalError, read};
use pretty_assertions::assert_eq;
use std::fs;
use std::io;
use std::sync::{Arc, Mutex};

fn create(home: &AbsPath) -> Journal {
    Journal::create(home, THREAD, at(0), "UTC").unwrap()
}

#[test]
fn what_was_appended_is_what_is_resumed() {
    let temp = tempfile::tempdir().unwrap();
    let mut journal = create(&home(&temp));
    write(&mut journal, &thread());
    journal.sync().unwrap();
    let written = journal.load().unwrap();
    drop(journal);

    let (_journal, loaded) = Journal::resume(&home(&temp), THREAD).unwrap();

    assert_eq!(loaded, written);
    assert_eq!((only_records(&loaded), loaded.problems), (thread(), vec![]));
    assert_eq!(loaded.records[3].0, at(3));
}

#[test]
fn several_records_in_one_append_are_as_several_appends() {
    let temp = tempfile::tempdir().unwrap();
    let mut journal = create(&home(&temp));
    let records = [meta_record("/w"), message("user", "a"), message("user", "b")];
    journal.append(&records, at(0)).unwrap();

    let text = fs::read_to_string(journal.path().unwrap()).unwrap();

    let without_time = |text: &str| {
        text.lines()
            .map(|line| line.split_once(',').unwrap().1.to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(without_time(&text), without_time(&text_of(&records)));
}

#[test]
fn a_second_writer_is_refused_until_the_first_is_gone() {
    let temp = tempfile::tempdir().unwrap();
    let mut first = create(&home(&temp));
    first.append(&[meta_record("/w")], at(0)).unwrap();

    let refused = [
        Journal::resume(&home(&temp), THREAD).map(|_| ()),
        Journal::create(&home(&temp), THREAD, at(1), "UTC").map(|_| ()),
    ];
    for refused in refused {
        let error = refused.unwrap_err();
        let holder = if cfg!(target_os = "linux") {
            format!(": process {}", std::process::id())
        } else {
            String::new()
        };
        let text = format!("thread {THREAD} already has an active writer{holder}");
        assert_eq!((error.to_string(), error.code()), (text, "session.in_use"));
    }

    drop(first);
    Journal::resume(&home(&temp), THREAD).unwrap();
}

#[test]
fn a_writer_that_is_about_to_end_is_waited_for() {
    let temp = tempfile::tempdir().unwrap();
    let mut first = create(&home(&temp));
    first.append(&[meta_record("/w")], at(0)).unwrap();

    let second = std::thread::scope(|scope| {
        let second = scope.spawn(|| Journal::resume(&home(&temp), THREAD).map(|_| ()));
        drop(first);
        second.join().unwrap()
    });

    second.unwrap();
}

#[test]
fn ids_that_are_no_file_names_and_ids_without_a_file_are_refused() {
    let temp = tempfile::tempdir().unwrap();
    for id in ["", "..", "../x", "a/b", "a\\b", "a b", "a\0"] {
        assert!(
            matches!(Journal::create(&home(&temp), id, at(0), "UTC"), Err(JournalError::InvalidId { .. })),
            "{id:?}"
        );
        assert!(
            matches!(Journal::resume(&home(&temp), id), Err(JournalError::InvalidId { .. })),
            "{id:?}"
        );
    }
    let error = Journal::resume(&home(&temp), THREAD).unwrap_err();
    assert_eq!(
        (error.to_string(), error.code()),
        (format!("no rollout found for thread id {THREAD}"), "session.not_found")
    );
    assert_eq!(fs::read_dir(temp.path()).unwrap().count(), 0, "a refusal leaves nothing behind");
}

#[test]
fn a_journal_in_memory_gives_its_records_back_and_touches_no_disk() {
    let mut journal = Journal::in_memory();
    write(&mut journal, &thread());
    journal.sync().unwrap();

    assert_eq!(only_records(&journal.load().unwrap()), thread());
    assert_eq!(journal.path(), None);
}

#[test]
fn a_journal_nothing_was_written_to_has_no_file() {
    let temp = tempfile::tempdir().unwrap();
    let mut journal = create(&home(&temp));

    journal.append(&[], at(0)).unwrap();
    journal.sync().unwrap();

    assert!(!journal.path().unwrap().exists());
    assert!(journal.load().unwrap().meta_missing);
}

/// Fails at one point, once, and notes what the file held at each.
struct FailOnce {
    at: Mutex<Option<HitPoint>>,
    seen: Mutex<Vec<HitPoint>>,
}

impl Faults for FailOnce {
    fn hit(&self, point: HitPoint) -> io::Result<()> {
        self.seen.lock().unwrap().push(point);
        let mut fails_at = self.at.lock().unwrap();
        if *fails_at == Some(point) {
            *fails_at = None;
            return Err(io::ErrorKind::StorageFull.into());
        }
        Ok(())
    }
}

/// Longer than what is put together in memory before it is written; with and without characters that JSON escapes.
fn long_records() -> [Record; 3] {
    [
        message("user", "short"),
        message("user", &"long ".repeat(600_000)),
        completed_item("turn", agent("msg_1", &"\"\n\u{1}".repeat(600_000))),
    ]
}

#[test]
fn lines_of_any_length_are_read_as_they_were_written() {
    let temp = tempfile::tempdir().unwrap();
    let mut journal = create(&home(&temp));

    journal.append(&[meta_record("/w")], at(0)).unwrap();
    journal.append(&long_records(), at(1)).unwrap();
    journal.append(&[message("user", "last")], at(2)).unwrap();

    let expect: Vec<Record> = [meta_record("/w")]
        .into_iter()
        .chain(long_records())
        .chain([message("user", "last")])
        .collect();
    let loaded = journal.load().unwrap();
    assert!(only_records(&loaded) == expect, "they are too long to be shown");
    assert_eq!(loaded.problems, Vec::<String>::new());
}

#[test]
fn a_failed_append_leaves_no_trace_and_the_next_one_goes_on() {
    let points = [HitPoint::BeforeAppend, HitPoint::MidAppend, HitPoint::AfterAppend];
    for (point, lost) in points.into_iter().flat_map(|point| {
        let short = [message("user", "lost"), message("user", "lost too")];
        [(point, short.to_vec()), (point, long_records().to_vec())]
    }) {
        for fails_first in [true, false] {
            let temp = tempfile::tempdir().unwrap();
            let faults = Arc::new(FailOnce {
                at: Mutex::new(None),
                seen: Mutex::default(),
            });
            let mut journal = create(&home(&temp)).with_faults(faults.clone());
            let file = journal.path().unwrap().clone();
            if !fails_first {
                journal.append(&[meta_record("/w")], at(0)).unwrap();
            }
            let before = fs::read(&file).ok();
            *faults.at.lock().unwrap() = Some(point);

            let error = journal.append(&lost, at(1)).unwrap_err();

            assert_eq!(error.code(), "journal.write_failed");
            assert_eq!(fs::read(&file).ok(), before, "{point:?}");
            journal.append(&[message("user", "kept")], at(2)).unwrap();
            let loaded = read(&file).unwrap();
            assert_eq!(loaded.records.last().unwrap().1, message("user", "kept"));
            assert_eq!(loaded.records.len(), if fails_first { 1 } else { 2 });
        }
    }
}

#[test]
fn every_append_passes_its_hit_points_in_order() {
    let temp = tempfile::tempdir().unwrap();
    let faults = Arc::new(FailOnce {
        at: Mutex::new(None),
        seen: Mutex::default(),
    });
    let mut journal = create(&home(&temp)).with_faults(faults.clone());

    journal.append(&[meta_record("/w")], at(0)).unwrap();
    journal.append(&long_records(), at(1)).unwrap();

    let each = [HitPoint::BeforeAppend, HitPoint::MidAppend, HitPoint::AfterAppend];
    assert_eq!(*faults.seen.lock().unwrap(), [each, each].concat());
}
