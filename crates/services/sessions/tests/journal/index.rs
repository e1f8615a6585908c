//! The index answers as the files do, whatever state it is in.

use crate::sample::{at, completed_item, home, index, message, meta, path, started, user, write};
use codex_base::AbsPath;
use codex_protocol::journal::{HistoryBase, Record, SessionMeta};
use codex_protocol::requests::{SortDirection, ThreadSortKey, ThreadSourceKind};
use codex_sessions::{Index, Journal, Query, archive, delete, find, list, relations, set_name, unarchive};
use pretty_assertions::assert_eq;
use std::fs;

const FILE: &str = "codex_sessions_1.sqlite";

fn session(home: &AbsPath, id: &str, cwd: &str, days: i64) {
    let mut meta = meta(cwd);
    meta.id = id.to_owned();
    let mut journal = Journal::create(home, id, at(days * 86_400_000), "UTC").unwrap();
    let items = [
        Record::SessionMeta(Box::new(meta)),
        started("t", 1),
        message("user", id),
        completed_item("t", user("u", &format!("words of {id}"))),
    ];
    write(&mut journal, &items);
}

fn queries() -> Vec<Query> {
    let all = Query::default;
    vec![
        all(),
        Query {
            order: ThreadSortKey::UpdatedAt,
            ..all()
        },
        Query {
            direction: SortDirection::Asc,
            limit: Some(2),
            ..all()
        },
        Query {
            cwds: vec![path("/w")],
            ..all()
        },
        Query {
            cwds: vec![path("/nowhere")],
            order: ThreadSortKey::UpdatedAt,
            ..all()
        },
        Query {
            sources: ThreadSourceKind::INTERACTIVE.to_vec(),
            ..all()
        },
        Query {
            sources: ThreadSourceKind::ROOTS.to_vec(),
            limit: Some(1),
            ..all()
        },
        Query {
            search: Some("OF B".to_owned()),
            ..all()
        },
        Query {
            name: Some("named".to_owned()),
            ..all()
        },
        Query { archived: true, ..all() },
    ]
}

/// A new index says the same as the files, and so does the next one over what it stored.
#[track_caller]
fn agrees(folder: &AbsPath, home: &AbsPath) {
    for _ in 0..2 {
        let index = Index::new(folder.clone());
        for query in queries() {
            assert_eq!(index.list(home, &query), list(home, &query), "{query:?}");
        }
        assert_eq!(index.relations(home), relations(home));
    }
}

#[test]
fn it_answers_as_the_files_do_while_sessions_come_change_and_go() {
    let temp = tempfile::tempdir().unwrap();
    let home = home(&temp);
    agrees(&home, &home);
    for (id, cwd, days) in [("a", "/w", 0), ("b", "/w", 40), ("c", "/other", 40), ("d", "/w", 400)] {
        session(&home, id, cwd, days);
        agrees(&home, &home);
    }
    set_name(&home, "b", "named", at(0)).unwrap();
    agrees(&home, &home);

    let (mut journal, _) = Journal::resume(&home, "a").unwrap();
    journal.append(&[message("user", "later")], at(0)).unwrap();
    let file = fs::File::options().append(true).open(find(&home, "a").unwrap().unwrap()).unwrap();
    file.set_modified(std::time::SystemTime::now() + std::time::Duration::from_secs(60))
        .unwrap();
    drop(journal);
    agrees(&home, &home);
    let latest = Query {
        order: ThreadSortKey::UpdatedAt,
        limit: Some(1),
        ..Query::default()
    };
    assert_eq!(Index::new(home.clone()).list(&home, &latest)[0].meta.id, "a");

    archive(&home, "b", &index(&home)).unwrap();
    delete(&home, "c", &index(&home)).unwrap();
    agrees(&home, &home);
    assert!(home.join(FILE).exists());
}

#[test]
fn a_session_whose_first_words_come_later_gets_them() {
    let temp = tempfile::tempdir().unwrap();
    let home = home(&temp);
    let mut journal = Journal::create(&home, "a", at(0), "UTC").unwrap();
    let mut described = meta("/w");
    described.id = "a".to_owned();
    journal.append(&[Record::SessionMeta(Box::new(described))], at(0)).unwrap();
    agrees(&home, &home);

    journal.append(&[completed_item("t", user("u", "at last"))], at(1)).unwrap();

    agrees(&home, &home);
    assert_eq!(
        Index::new(home.clone()).list(&home, &Query::default())[0].preview.as_deref(),
        Some("at last")
    );
}

#[test]
fn a_file_whose_head_comes_later_is_found_when_it_has_come() {
    let temp = tempfile::tempdir().unwrap();
    let home = home(&temp);
    session(&home, "a", "/w", 0);
    session(&home, "b", "/w", 0);
    let file = find(&home, "a").unwrap().unwrap();
    let text = fs::read(&file).unwrap();
    fs::write(&file, "").unwrap();
    // Long ago, so that the folder's time is trusted.
    fs::File::open(file.parent().unwrap())
        .unwrap()
        .set_modified(std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_700_000_000))
        .unwrap();
    agrees(&home, &home);

    fs::write(&file, text).unwrap();

    agrees(&home, &home);
    assert_eq!(index(&home).list(&home, &Query::default()).len(), 2);
}

fn damages(stored: &[u8]) -> [(&'static str, Vec<u8>); 6] {
    [
        ("empty", Vec::new()),
        (
            "another kind of file",
            b"not a database, and longer than its header would be: ".repeat(40),
        ),
        ("cut in the middle", stored[..stored.len() / 2].to_vec()),
        ("cut in its first page", stored[..2000].to_vec()),
        ("zeros in the middle", {
            let mut bytes = stored.to_vec();
            let (from, to) = (bytes.len() / 3, bytes.len() / 2);
            bytes[from..to].fill(0);
            bytes
        }),
        ("zeros behind the header", {
            let mut bytes = stored.to_vec();
            bytes[100..].fill(0);
            bytes
        }),
    ]
}

/// A session that works for another, or goes on from it.
fn related(home: &AbsPath, id: &str, parent: Option<&str>, source: Option<&str>) {
    let base = |id: &str| HistoryBase {
        thread_id: id.to_owned(),
        end_ordinal_exclusive: 4,
        end_byte_offset: 0,
    };
    let meta = SessionMeta {
        id: id.to_owned(),
        parent_thread_id: parent.map(str::to_owned),
        history_base: source.map(base),
        ..meta("/w")
    };
    write(
        &mut Journal::create(home, id, at(0), "UTC").unwrap(),
        &[Record::SessionMeta(Box::new(meta)), completed_item("t", user("u", id))],
    );
}

/// What only the relations tell: sub-agents come along, and what a fork needs stays.
#[track_caller]
fn moves_know_the_family(home: &AbsPath, what: &str) {
    assert_eq!(archive(home, "a", &index(home)).unwrap(), ["a", "agent", "agent2"], "{what}");
    assert_eq!(delete(home, "a", &index(home)).unwrap_err().code(), "session.has_forks", "{what}");
    assert_eq!(unarchive(home, "a", &index(home)).unwrap(), ["a", "agent", "agent2"], "{what}");
}

#[test]
fn archive_and_delete_know_sub_agents_and_forks_whatever_became_of_it() {
    let temp = tempfile::tempdir().unwrap();
    let home = home(&temp);
    session(&home, "a", "/w", 0);
    related(&home, "agent", Some("a"), None);
    agrees(&home, &home);
    // The index knows the family of the moment before only.
    related(&home, "agent2", Some("agent"), None);
    related(&home, "fork", None, Some("agent"));
    moves_know_the_family(&home, "stale");
    let database = home.join(FILE);
    let stored = fs::read(&database).unwrap();
    for (what, bytes) in damages(&stored) {
        fs::write(&database, bytes).unwrap();
        moves_know_the_family(&home, what);
    }
    fs::remove_file(&database).unwrap();
    moves_know_the_family(&home, "deleted");

    let holder = rusqlite::Connection::open(&database).unwrap();
    holder.execute_batch("BEGIN EXCLUSIVE").unwrap();
    moves_know_the_family(&home, "locked");
    drop(holder);

    let change = |sql: &str| rusqlite::Connection::open(&database).unwrap().execute_batch(sql).unwrap();
    // What version 1 kept knew no relations.
    change("PRAGMA user_version = 1; DROP TABLE sessions; CREATE TABLE sessions (folder TEXT, file TEXT, home TEXT);");
    moves_know_the_family(&home, "of an older version");

    assert_eq!(delete(&home, "fork", &index(&home)).unwrap(), ["fork"]);
    assert_eq!(delete(&home, "a", &index(&home)).unwrap(), ["a", "agent", "agent2"]);
    assert_eq!(list(&home, &Query::default()), []);
}

#[cfg(unix)]
#[test]
fn it_is_for_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let temp = tempfile::tempdir().unwrap();
    let home = home(&temp);
    session(&home, "a", "/w", 0);

    agrees(&home, &home);

    assert_eq!(fs::metadata(home.join(FILE)).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn whatever_became_of_it_the_answer_is_right() {
    let temp = tempfile::tempdir().unwrap();
    let home = home(&temp);
    session(&home, "a", "/w", 0);
    session(&home, "b", "/w", 1);
    related(&home, "agent", Some("a"), None);
    agrees(&home, &home);
    let database = home.join(FILE);
    for (what, bytes) in damages(&fs::read(&database).unwrap()) {
        fs::write(&database, bytes).unwrap();
        eprintln!("{what}");
        agrees(&home, &home);
    }
    fs::remove_file(&database).unwrap();
    agrees(&home, &home);

    let change = |sql: &str| rusqlite::Connection::open(&database).unwrap().execute_batch(sql).unwrap();
    change("PRAGMA user_version = 99; DROP TABLE sessions; CREATE TABLE sessions (other TEXT);");
    agrees(&home, &home);
    change("DROP TABLE sessions; CREATE TABLE sessions (other TEXT);");
    agrees(&home, &home);

    let holder = rusqlite::Connection::open(&database).unwrap();
    holder.execute_batch("BEGIN EXCLUSIVE").unwrap();
    session(&home, "c", "/w", 2);
    agrees(&home, &home);
    drop(holder);
    agrees(&home, &home);
}

#[test]
fn a_place_where_nothing_can_be_written_and_one_that_several_homes_share() {
    let (temp, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (home, other) = (home(&temp), home(&other));
    session(&home, "a", "/w", 0);
    session(&other, "b", "/w", 0);
    fs::write(home.join("a-file"), "").unwrap();

    agrees(&home.join("a-file"), &home);
    let shared = home.join("shared");
    agrees(&shared, &home);
    agrees(&shared, &other);
    agrees(&shared, &home);
}
