//! Forks that other programs made: they refer to the beginning of another thread.

use crate::sample::{at, home, message, meta, only_records, started, write};
use codex_base::AbsPath;
use codex_protocol::journal::{Record, SessionMeta};
use codex_sessions::{Journal, JournalError, find, read};
use pretty_assertions::assert_eq;

fn named(id: &str) -> SessionMeta {
    SessionMeta {
        id: id.to_owned(),
        ..meta("/w")
    }
}

fn named_record(id: &str) -> Record {
    Record::SessionMeta(Box::new(named(id)))
}

/// A thread of its own, or the fork of another before one of its lines.
fn session(home: &AbsPath, id: &str, forked_from: Option<(&str, u64)>, records: &[Record]) {
    let mut journal = Journal::create(home, id, at(0), "UTC").unwrap();
    journal.append(&[named_record(id)], at(0)).unwrap();
    if let Some((parent, end)) = forked_from {
        let file = journal.path().unwrap().clone();
        let text = std::fs::read_to_string(&file).unwrap();
        let base = format!(r#""payload":{{"history_base":{{"thread_id":"{parent}","end_ordinal_exclusive":{end},"end_byte_offset":1}},"#);
        std::fs::write(&file, text.replace(r#""payload":{"#, &base)).unwrap();
    }
    write(&mut journal, records);
}

#[test]
fn a_fork_begins_with_what_it_refers_to() {
    let temp = tempfile::tempdir().unwrap();
    let home = home(&temp);
    session(
        &home,
        "root",
        None,
        &[started("a", 1), message("user", "1"), message("user", "grown later")],
    );
    session(&home, "fork", Some(("root", 3)), &[message("user", "2"), message("user", "3")]);
    session(&home, "again", Some(("fork", 2)), &[message("user", "4")]);

    let of = |id: &str| only_records(&read(&find(&home, id).unwrap().unwrap()).unwrap());

    assert_eq!(
        of("fork"),
        [
            named_record("fork"),
            started("a", 1),
            message("user", "1"),
            message("user", "2"),
            message("user", "3")
        ]
    );
    // The numbers of these lines begin anew, unlike in a real fork, so the second limit also cuts the first thread.
    assert_eq!(
        of("again"),
        [named_record("again"), started("a", 1), message("user", "2"), message("user", "4")]
    );
}

#[test]
fn a_fork_whose_source_is_gone_is_refused_by_name_and_an_archived_source_counts() {
    let temp = tempfile::tempdir().unwrap();
    let home = home(&temp);
    session(&home, "root", None, &[message("user", "1")]);
    session(&home, "fork", Some(("root", 9)), &[]);
    let (root, fork) = (find(&home, "root").unwrap().unwrap(), find(&home, "fork").unwrap().unwrap());

    std::fs::create_dir(home.join("archived_sessions")).unwrap();
    std::fs::rename(&root, home.join("archived_sessions").join(root.file_name().unwrap())).unwrap();
    assert_eq!(only_records(&read(&fork).unwrap()), [named_record("fork"), message("user", "1")]);

    std::fs::remove_dir_all(home.join("archived_sessions")).unwrap();
    let Err(JournalError::Read { source, .. }) = read(&fork) else {
        panic!("the source is gone")
    };
    assert_eq!(
        source.to_string(),
        "invalid paginated history lineage for root: missing source rollout"
    );
}

#[test]
fn threads_that_refer_to_each_other_end() {
    let temp = tempfile::tempdir().unwrap();
    session(&home(&temp), "a", Some(("b", 9)), &[]);
    session(&home(&temp), "b", Some(("a", 9)), &[]);

    assert!(read(&find(&home(&temp), "a").unwrap().unwrap()).is_err());
}
