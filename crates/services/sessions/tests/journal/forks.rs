//! Forks: they refer to the beginning of another thread.

use crate::sample::{at, home, index, message, meta, only_records, started, write};
use codex_base::AbsPath;
use codex_protocol::journal::{Record, SessionMeta};
use codex_sessions::{Cut, Fork, Journal, JournalError, Query, archive, delete, find, find_anywhere, list, read, turns, unarchive};
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

    assert_eq!(
        stored(&home, "fork"),
        [started("a", 1), message("user", "1"), message("user", "2"), message("user", "3")]
    );
    // The numbers of these lines begin anew, unlike in a real fork, so the second limit also cuts the first thread.
    assert_eq!(
        stored(&home, "again"),
        [started("a", 1), message("user", "2"), message("user", "4")]
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
    assert_eq!(stored(&home, "fork"), [message("user", "1")]);

    std::fs::remove_dir_all(home.join("archived_sessions")).unwrap();
    let error = read(&fork).unwrap_err();
    assert_eq!(error.code(), "session.fork_source_missing");
    assert_eq!(error.to_string(), "thread fork continues thread root, whose rollout is missing");
}

#[test]
fn threads_that_refer_to_each_other_end() {
    let temp = tempfile::tempdir().unwrap();
    session(&home(&temp), "a", Some(("b", 9)), &[]);
    session(&home(&temp), "b", Some(("a", 9)), &[]);

    let error = read(&find(&home(&temp), "a").unwrap().unwrap()).unwrap_err();
    assert_eq!(error.code(), "session.fork_cycle");
}

/// A session of two turns `a` and `b`, one message each.
fn two_turns(home: &AbsPath, id: &str) -> Vec<Record> {
    let records = [started("a", 1), message("user", "1"), started("b", 2), message("user", "2")];
    session(home, id, None, &records);
    records.to_vec()
}

fn fork(home: &AbsPath, source: &str, id: &str, cut: &Cut) -> Result<(Journal, Vec<Record>), JournalError> {
    let plan = Fork::plan(home, source, cut)?;
    let (journal, loaded) = plan.create(home, named(id), at(5), "UTC")?;
    Ok((journal, only_records(&loaded)))
}

/// The records behind the description.
fn stored(home: &AbsPath, id: &str) -> Vec<Record> {
    only_records(&read(&find_anywhere(home, id).unwrap().unwrap()).unwrap()).split_off(1)
}

#[test]
fn a_fork_takes_over_the_turns_in_front_of_its_cut_and_goes_its_own_way() {
    let temp = tempfile::tempdir().unwrap();
    let home = home(&temp);
    let all = two_turns(&home, "root");
    let cases = [
        ("end", Cut::End, 4),
        ("after_b", Cut::After("b".to_owned()), 4),
        ("after_a", Cut::After("a".to_owned()), 2),
        ("before_b", Cut::Before("b".to_owned()), 2),
        ("before_a", Cut::Before("a".to_owned()), 0),
    ];
    for (id, cut, taken) in cases {
        let (mut journal, loaded) = fork(&home, "root", id, &cut).unwrap();
        assert_eq!(loaded[1..], all[..taken], "{id}");
        assert_eq!(stored(&home, id), all[..taken], "{id}");

        journal.append(&[started("c", 3), message("user", "3")], at(6)).unwrap();
        assert_eq!(
            stored(&home, id),
            [&all[..taken], &[started("c", 3), message("user", "3")]].concat(),
            "{id}"
        );
    }

    let (mut root, _) = Journal::resume(&home, "root").unwrap();
    root.append(&[message("user", "grown later")], at(7)).unwrap();
    assert_eq!(stored(&home, "end").len(), 6, "the source may grow");
    assert_eq!(
        fork(&home, "root", "x", &Cut::After("nope".to_owned())).err().unwrap().to_string(),
        "turn not found: nope"
    );
    assert_eq!(find(&home, "x").unwrap(), None);
}

#[test]
fn a_fork_of_a_fork_may_leave_it_before_the_fork_began() {
    let temp = tempfile::tempdir().unwrap();
    let home = home(&temp);
    let all = two_turns(&home, "root");
    let (mut journal, _) = fork(&home, "root", "fork", &Cut::End).unwrap();
    journal.append(&[started("c", 3), message("user", "3")], at(6)).unwrap();
    drop(journal);

    fork(&home, "fork", "early", &Cut::After("a".to_owned())).unwrap();
    fork(&home, "fork", "late", &Cut::Before("c".to_owned())).unwrap();
    fork(&home, "fork", "full", &Cut::End).unwrap();

    assert_eq!(stored(&home, "early"), all[..2]);
    assert_eq!(stored(&home, "late"), all);
    assert_eq!(stored(&home, "full").len(), 6);
    let text = std::fs::read_to_string(find(&home, "early").unwrap().unwrap()).unwrap();
    assert!(
        text.contains(r#""history_base":{"thread_id":"root","end_ordinal_exclusive":3,"#),
        "{text}"
    );
    let (_, again) = Journal::resume(&home, "full").unwrap();
    assert_eq!(turns(&again.records).len(), 3);
}

#[test]
fn the_fork_of_a_file_without_numbers_is_a_copy_in_its_style() {
    let temp = tempfile::tempdir().unwrap();
    let home = home(&temp);
    let all = two_turns(&home, "root");
    let file = find(&home, "root").unwrap().unwrap();
    let text = std::fs::read_to_string(&file).unwrap();
    let bare: Vec<String> = (0..)
        .zip(text.lines())
        .map(|(n, line)| line.replace(&format!(r#""ordinal":{n},"#), ""))
        .collect();
    std::fs::write(&file, bare.join("\n")).unwrap();

    let (mut journal, _) = fork(&home, "root", "fork", &Cut::End).unwrap();
    let (_, early) = fork(&home, "root", "early", &Cut::After("a".to_owned())).unwrap();
    journal.append(&[message("user", "3")], at(6)).unwrap();
    std::fs::remove_file(&file).unwrap();

    let kept: Vec<Record> = stored(&home, "fork")
        .into_iter()
        .filter(|record| !matches!(record, Record::SessionMeta(_)))
        .collect();
    assert_eq!(kept, [all.clone(), vec![message("user", "3")]].concat());
    assert_eq!(early[1..], all[..2]);
    let text = std::fs::read_to_string(find(&home, "fork").unwrap().unwrap()).unwrap();
    assert!(!text.contains("ordinal"), "{text}");
}

#[test]
fn a_session_that_forks_need_is_not_deleted_and_the_answer_names_them() {
    let temp = tempfile::tempdir().unwrap();
    let home = home(&temp);
    two_turns(&home, "root");
    drop(fork(&home, "root", "fork", &Cut::End).unwrap());
    archive(&home, "fork", &index(&home)).unwrap();

    let refused = delete(&home, "root", &index(&home)).unwrap_err();
    assert_eq!(refused.code(), "session.has_forks");
    assert_eq!(
        refused.to_string(),
        "cannot delete thread root: forked history still references it (fork)"
    );

    assert_eq!(delete(&home, "fork", &index(&home)).unwrap(), ["fork"]);
    assert_eq!(delete(&home, "root", &index(&home)).unwrap(), ["root"]);
    assert_eq!(delete(&home, "root", &index(&home)).unwrap_err().code(), "session.not_found");
    assert_eq!(list(&home, &Query::default()), []);
}

#[test]
fn a_session_moves_to_the_archive_and_back_to_its_day() {
    let temp = tempfile::tempdir().unwrap();
    let home = home(&temp);
    two_turns(&home, "root");
    drop(fork(&home, "root", "fork", &Cut::End).unwrap());
    let file = find(&home, "root").unwrap().unwrap();

    assert_eq!(archive(&home, "root", &index(&home)).unwrap(), ["root"]);
    assert_eq!(find(&home, "root").unwrap(), None);
    assert_eq!(stored(&home, "fork").len(), 4, "the fork still finds its beginning");
    assert_eq!(archive(&home, "root", &index(&home)).unwrap_err().code(), "session.archived");
    assert_eq!(Journal::resume(&home, "root").unwrap_err().to_string(), "session root is archived");
    assert_eq!(fork(&home, "root", "x", &Cut::End).err().unwrap().code(), "session.archived");

    assert_eq!(unarchive(&home, "root", &index(&home)).unwrap(), ["root"]);
    assert_eq!(find(&home, "root").unwrap(), Some(file));
    assert_eq!(unarchive(&home, "root", &index(&home)).unwrap_err().code(), "session.not_archived");
    assert_eq!(archive(&home, "nope", &index(&home)).unwrap_err().code(), "session.not_found");
}

#[test]
fn sub_agents_go_where_their_session_goes() {
    let temp = tempfile::tempdir().unwrap();
    let home = home(&temp);
    two_turns(&home, "root");
    for (id, parent) in [("child", "root"), ("grandchild", "child"), ("other", "nobody")] {
        let meta = SessionMeta {
            parent_thread_id: Some(parent.to_owned()),
            ..named(id)
        };
        let mut journal = Journal::create(&home, id, at(9), "UTC").unwrap();
        journal.append(&[Record::SessionMeta(Box::new(meta))], at(9)).unwrap();
    }

    assert_eq!(archive(&home, "root", &index(&home)).unwrap(), ["root", "child", "grandchild"]);
    assert_eq!(unarchive(&home, "root", &index(&home)).unwrap(), ["root", "child", "grandchild"]);
    assert_eq!(delete(&home, "root", &index(&home)).unwrap(), ["root", "child", "grandchild"]);
    assert_eq!(list(&home, &Query::default()).len(), 1);
}

#[test]
fn a_session_that_is_written_is_neither_moved_nor_removed() {
    let temp = tempfile::tempdir().unwrap();
    let home = home(&temp);
    two_turns(&home, "root");
    let (journal, _) = Journal::resume(&home, "root").unwrap();

    let holder = if cfg!(target_os = "linux") {
        format!(": process {}", std::process::id())
    } else {
        String::new()
    };
    let expect = format!("thread root already has an active writer{holder}");
    let refused =
        [archive(&home, "root", &index(&home)), delete(&home, "root", &index(&home))].map(|result| result.unwrap_err().to_string());
    assert_eq!(refused, [expect.clone(), expect]);
    assert!(find(&home, "root").unwrap().is_some());

    drop(journal);
    archive(&home, "root", &index(&home)).unwrap();
}
