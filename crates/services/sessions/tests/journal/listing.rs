//! Finding sessions.

use crate::sample::{at, completed_item, home, message, meta, path, started, user, write};
use codex_base::AbsPath;
use codex_protocol::journal::Record;
use codex_protocol::requests::{SortDirection, ThreadSortKey, ThreadSourceKind};
use codex_sessions::{Journal, Query, SessionSummary, find, list, set_name};
use std::fs::File;
use std::time::{Duration, SystemTime};

/// A session of `id` in `cwd`, `days` after the first.
fn session(home: &AbsPath, id: &str, cwd: &str, days: i64, text: &str) {
    let mut meta = meta(cwd);
    meta.id = id.to_owned();
    let mut journal = Journal::create(home, id, at(days * 86_400_000), "UTC").unwrap();
    let items = [
        Record::SessionMeta(Box::new(meta)),
        started("t", 1),
        message("user", text),
        completed_item("t", user("u", text)),
    ];
    write(&mut journal, &items);
}

fn ids_of(found: Vec<SessionSummary>) -> Vec<String> {
    found.into_iter().map(|summary| summary.meta.id).collect()
}

fn ids(home: &AbsPath, cwd: Option<&str>, limit: usize) -> Vec<String> {
    ids_of(list(
        home,
        &Query {
            cwds: cwd.map(path).into_iter().collect(),
            limit: Some(limit),
            ..Query::default()
        },
    ))
}

#[test]
fn sessions_are_listed_newest_first_and_by_directory() {
    let temp = tempfile::tempdir().unwrap();
    let home = home(&temp);
    for (id, cwd, days) in [
        ("b", "/w", 10),
        ("a", "/w", 0),
        ("d", "/other", 400),
        ("c", "/w", 30),
        ("e", "/w/below", 500),
    ] {
        session(&home, id, cwd, days, "hello");
    }

    assert_eq!(ids(&home, None, 100), ["e", "d", "c", "b", "a"]);
    assert_eq!(ids(&home, None, 2), ["e", "d"]);
    assert_eq!(ids(&home, Some("/w"), 1), ["c"]);
    assert_eq!(ids(&home, Some("/w"), 100), ["c", "b", "a"]);
    assert_eq!(ids(&home, Some("/nowhere"), 100), Vec::<String>::new());
}

#[test]
fn the_session_written_to_last_is_found_although_another_began_later() {
    let temp = tempfile::tempdir().unwrap();
    let home = home(&temp);
    for (id, cwd, days) in [("old", "/w", 0), ("new", "/w", 10), ("elsewhere", "/other", 20)] {
        session(&home, id, cwd, days, "hello");
        let written = SystemTime::UNIX_EPOCH + Duration::from_secs(if id == "old" { 1_000_000 } else { 500_000 + days.unsigned_abs() });
        let file = File::options().append(true).open(find(&home, id).unwrap().unwrap()).unwrap();
        file.set_modified(written).unwrap();
    }

    let by_update = |cwd: Option<&str>| -> Vec<String> {
        let found = list(
            &home,
            &Query {
                cwds: cwd.map(path).into_iter().collect(),
                limit: Some(2),
                order: ThreadSortKey::UpdatedAt,
                ..Query::default()
            },
        );
        found.into_iter().map(|summary| summary.meta.id).collect()
    };
    assert_eq!(by_update(Some("/w")), ["old", "new"]);
    assert_eq!(by_update(None), ["old", "elsewhere"]);
    assert_eq!(ids(&home, Some("/w"), 2), ["new", "old"]);
}

#[test]
fn a_summary_has_the_name_that_was_given_last() {
    let temp = tempfile::tempdir().unwrap();
    let home = home(&temp);
    for (id, days) in [("a", 0), ("b", 1), ("c", 2)] {
        session(&home, id, "/w", days, "hello");
    }
    let index = [
        r#"{"id":"a","thread_name":"first","updated_at":"2026-11-20T12:00:00Z"}"#,
        r#"{"id":"b","thread_name":"other","updated_at":"2026-11-20T12:00:00Z"}"#,
        r#"{"id":"a","thread_name":"second","updated_at":"2026-11-20T13:00:00Z"}"#,
        r#"{"id":"b","thread_name":"","updated_at":"2026-11-20T13:00:00Z"}"#,
        r#"{"id":"c","thread_na"#,
    ];
    std::fs::write(home.join("session_index.jsonl"), index.join("\n")).unwrap();

    let found = list(&home, &Query::default());

    let names: Vec<(&str, Option<&str>)> = found.iter().map(|one| (one.meta.id.as_str(), one.name.as_deref())).collect();
    assert_eq!(names, [("c", None), ("b", None), ("a", Some("second"))]);
}

#[test]
fn a_summary_knows_the_first_message() {
    let temp = tempfile::tempdir().unwrap();
    session(&home(&temp), "a", "/w", 0, &"first words ".repeat(100));

    let found = &list(&home(&temp), &Query::default())[0];

    assert_eq!(found.preview.as_ref().map(|text| text.chars().count()), Some(160));
    assert_eq!(find(&home(&temp), "a").unwrap().as_ref(), Some(&found.path));
    assert_eq!(find(&home(&temp), "missing").unwrap(), None);
}

#[test]
fn what_is_no_session_is_passed_over() {
    let temp = tempfile::tempdir().unwrap();
    let home = home(&temp);
    session(&home, "a", "/w", 0, "hello");
    let day = home.join("sessions/2026/11/20");
    for (name, contents) in [
        ("rollout-2026-11-20T13-00-00-x.jsonl", "torn"),
        ("rollout-short.jsonl", ""),
        ("notes.txt", "x"),
    ] {
        std::fs::write(day.join(name), contents).unwrap();
    }
    std::fs::create_dir_all(home.join("sessions/tmp/11/20/rollout-2026-11-20T13-00-00-y.jsonl")).unwrap();
    std::fs::create_dir_all(day.join("rollout-2026-11-20T14-00-00-z.jsonl")).unwrap();

    assert_eq!(ids(&home, None, 100), ["a"]);
    assert_eq!(ids(&path("/no/such/home"), None, 100), Vec::<String>::new());
}

#[cfg(unix)]
#[test]
fn older_files_are_not_opened_once_enough_are_found() {
    let temp = tempfile::tempdir().unwrap();
    let home = home(&temp);
    session(&home, "new", "/w", 10, "hello");
    session(&home, "old", "/w", 0, "hello");
    // Opening a pipe that nobody writes to would block this test for good.
    let old = find(&home, "old").unwrap().unwrap();
    std::fs::remove_file(&old).unwrap();
    assert!(std::process::Command::new("mkfifo").arg(old.as_path()).status().unwrap().success());

    assert_eq!(ids(&home, Some("/w"), 1), ["new"]);
    assert_eq!(find(&home, "old").unwrap(), Some(old), "names alone are enough to find a thread");
}

#[test]
fn every_filter_must_hold() {
    let temp = tempfile::tempdir().unwrap();
    let home = home(&temp);
    for (id, cwd, days) in [("a", "/w", 0), ("b", "/w", 1), ("c", "/other", 2)] {
        session(&home, id, cwd, days, &format!("Fix the {id} test"));
    }
    set_name(&home, "a", " first ", at(0)).unwrap();
    set_name(&home, "b", "Second", at(0)).unwrap();
    let check = |query: Query, expect: &[&str]| assert_eq!(ids_of(list(&home, &query)), expect, "{query:?}");
    let all = Query::default;
    let texts = |texts: &[&str]| texts.iter().map(|&text| text.to_owned()).collect::<Vec<_>>();

    check(
        Query {
            direction: SortDirection::Asc,
            ..all()
        },
        &["a", "b", "c"],
    );
    check(
        Query {
            cwds: vec![path("/w"), path("/x")],
            ..all()
        },
        &["b", "a"],
    );
    check(
        Query {
            search: Some("fix THE".to_owned()),
            ..all()
        },
        &["c", "b", "a"],
    );
    check(
        Query {
            search: Some("seco".to_owned()),
            ..all()
        },
        &["b"],
    );
    check(
        Query {
            name: Some("first".to_owned()),
            ..all()
        },
        &["a"],
    );
    check(
        Query {
            name: Some("firs".to_owned()),
            ..all()
        },
        &[],
    );
    check(
        Query {
            excluded: texts(&["b", "c"]),
            ..all()
        },
        &["a"],
    );
    check(
        Query {
            sources: ThreadSourceKind::INTERACTIVE.to_vec(),
            ..all()
        },
        &[],
    );
    check(
        Query {
            sources: vec![ThreadSourceKind::Exec],
            limit: Some(2),
            ..all()
        },
        &["c", "b"],
    );
    check(
        Query {
            providers: texts(&["mock"]),
            originators: texts(&["codex_exec"]),
            ..all()
        },
        &["c", "b", "a"],
    );
    check(
        Query {
            providers: texts(&["other"]),
            ..all()
        },
        &[],
    );
    check(
        Query {
            parent: Some("a".to_owned()),
            ..all()
        },
        &[],
    );
    check(Query { archived: true, ..all() }, &[]);
}

#[cfg(unix)]
#[test]
fn a_name_does_not_wait_for_a_pipe_in_the_place_of_the_index() {
    let temp = tempfile::tempdir().unwrap();
    let home = home(&temp);
    let pipe = home.join("session_index.jsonl");
    assert!(std::process::Command::new("mkfifo").arg(&*pipe).status().unwrap().success());

    let error = set_name(&home, "a", "name", at(0)).unwrap_err();

    assert_eq!(std::error::Error::source(&error).unwrap().to_string(), "not a regular file");
}

#[test]
fn a_name_is_one_line_and_a_torn_one_costs_only_itself() {
    let temp = tempfile::tempdir().unwrap();
    let home = home(&temp);
    std::fs::write(
        home.join("session_index.jsonl"),
        "{\"id\":\"a\",\"thread_name\":\"kept\"}\n{\"id\":\"b\",\"thr",
    )
    .unwrap();

    let refused = ["", "  ", "two\nlines", &"x".repeat(201)].map(|name| set_name(&home, "b", name, at(0)).unwrap_err().to_string());
    let set = set_name(&home, "c", "\tnew one ", at(0)).unwrap();

    assert_eq!(refused[..2], ["thread name must not be empty", "thread name must not be empty"]);
    assert_eq!(refused[2..], ["thread name must be one line of at most 200 characters"; 2]);
    assert_eq!(set, "new one");
    let names = codex_sessions::names(&home);
    assert_eq!(names.get("a").map(String::as_str), Some("kept"));
    assert_eq!(names.get("c").map(String::as_str), Some("new one"));
    assert_eq!(names.len(), 2);
}
