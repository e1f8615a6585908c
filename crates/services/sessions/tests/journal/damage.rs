//! Files in states that crashes and other programs leave behind.

use crate::sample::{THREAD, agent, at, completed_item, home, message, meta_record, only_records, started, store, text_of};
use codex_protocol::journal::Record;
use codex_sessions::{Journal, read};
use pretty_assertions::assert_eq;

fn records() -> Vec<Record> {
    vec![
        meta_record("/w"),
        started("t", 1),
        message("user", "hi"),
        completed_item("t", agent("m", "ho")),
    ]
}

/// Loads damaged text; checks that resuming it and appending gives a file that loads without further loss.
/// Returns which of the original records survived, and the problems.
fn survivors(damaged: &[u8]) -> (Vec<usize>, Vec<String>) {
    let temp = tempfile::tempdir().unwrap();
    let file = store(&home(&temp), damaged);
    let loaded = read(&file).unwrap();
    let found = only_records(&loaded);
    let kept: Vec<usize> = (0..records().len()).filter(|&n| found.contains(&records()[n])).collect();
    assert_eq!(kept.len(), found.len(), "nothing is made up");

    let (mut journal, resumed) = Journal::resume(&home(&temp), THREAD).unwrap();
    assert_eq!(resumed, loaded, "a writer sees what a reader sees");
    journal.append(&[message("user", "again")], at(100)).unwrap();
    let after = read(&file).unwrap();
    assert_eq!(only_records(&after), [found, vec![message("user", "again")]].concat());
    assert!(
        after.problems.iter().all(|problem| !problem.contains("incomplete")),
        "a torn tail is reported once"
    );
    (kept, loaded.problems)
}

fn check(name: &str, damaged: impl AsRef<[u8]>, kept: &[usize], problems: &[&str]) {
    let (survived, reported) = survivors(damaged.as_ref());
    assert_eq!(
        (survived.as_slice(), reported),
        (kept, problems.iter().map(|&text| text.to_owned()).collect::<Vec<_>>()),
        "{name}"
    );
}

#[test]
fn every_kind_of_damage_costs_only_itself() {
    let text = text_of(&records());
    let lines: Vec<&str> = text.lines().collect();
    let [first, second, third, fourth] = lines[..] else {
        panic!("four lines")
    };
    let all = &[0, 1, 2, 3];
    let no_meta = "the line that describes the session (session_meta) is missing";

    check("whole", &text, all, &[]);
    check("newline lost at the end", text.trim_end(), all, &[]);
    check("blank lines", text.replace('\n', "\n\n \n"), all, &[]);
    check("line ends of another system", text.replace('\n', "\r\n"), all, &[]);
    check("a byte order mark", format!("\u{feff}{text}"), all, &[]);
    check("out of order", format!("{first}\n{third}\n{second}\n{fourth}\n"), all, &[]);
    check(
        "torn tail",
        &text[..text.len() - 10],
        &[0, 1, 2],
        &["the last line was incomplete and is dropped (304 bytes)"],
    );
    check(
        "torn at its first byte",
        [&text, "{"].concat(),
        all,
        &["the last line was incomplete and is dropped (1 bytes)"],
    );
    check(
        "tail of NULs",
        [text.as_bytes(), &[0; 4096]].concat(),
        all,
        &["the last line was incomplete and is dropped (4096 bytes)"],
    );
    check(
        "NULs before a line",
        format!("{first}\n{second}\n\0\0\0\0{third}\n{fourth}\n"),
        all,
        &[],
    );
    check(
        "a line of NULs",
        format!("{first}\n{second}\n\0\0\n{third}\n{fourth}\n"),
        all,
        &["line 3 is unreadable and was skipped"],
    );
    check(
        "two broken lines",
        format!("{first}\n{}\n{third}\nnot json\n{fourth}\n", &second[..50]),
        &[0, 2, 3],
        &["2 lines are unreadable and were skipped, the first is line 2"],
    );
    check(
        "half a line glued to the next",
        format!("{first}\n{}{third}\n{fourth}\n", &second[..50]),
        &[0, 3],
        &[
            "line 2 is unreadable and was skipped",
            "a line is missing: its number does not occur",
        ],
    );
    check(
        "missing lines",
        format!("{first}\n{fourth}\n"),
        &[0, 3],
        &["2 lines are missing: their numbers do not occur"],
    );
    check(
        "repeated lines",
        format!("{first}\n{second}\n{third}\n{second}\n{third}\n{fourth}\n"),
        all,
        &["2 lines are repeated and were skipped, the first is line 4"],
    );
    check(
        "bytes that are no UTF-8",
        [first.as_bytes(), b"\n{\"type\":\"\xff\"}\n", third.as_bytes(), b"\n"].concat(),
        &[0, 2],
        &["line 2 is unreadable and was skipped"],
    );
    check(
        "unknown types",
        format!("{first}\n{{\"type\":\"hologram\",\"payload\":[]}}\n[]\n{fourth}\n"),
        &[0, 3],
        &["line 3 is unreadable and was skipped"],
    );
    check(
        "unknown events",
        format!("{first}\n{{\"type\":\"event_msg\",\"payload\":{{\"type\":\"hum\"}}}}\n{third}\n{fourth}\n"),
        &[0, 2, 3],
        &[],
    );
    check(
        "an unknown item",
        format!("{first}\n{second}\n{third}\n{}\n", fourth.replace("AgentMessage", "Hologram")),
        &[0, 1, 2],
        &[],
    );
    check(
        "fields we do not know",
        text.replace(r#""payload":{"id""#, r#""new":[{}],"payload":{"newer":{"a":1},"id""#)
            .replace(r#","item":{"#, r#","newer":[],"item":{"new":{},"#),
        all,
        &[],
    );
    check(
        "known type, wrong payload",
        format!("{first}\n{{\"type\":\"response_item\",\"payload\":7}}\n"),
        &[0],
        &["line 2 is unreadable and was skipped"],
    );
    check("empty", "", &[], &[no_meta]);
    check(
        "torn first line",
        &first[..40],
        &[],
        &["the last line was incomplete and is dropped (40 bytes)", no_meta],
    );
    check("first line lost", format!("{second}\n{third}\n"), &[1, 2], &[no_meta]);
}

#[cfg(unix)]
#[test]
fn a_pipe_in_the_place_of_a_journal_is_not_waited_for() {
    let temp = tempfile::tempdir().unwrap();
    let file = store(&home(&temp), b"");
    std::fs::remove_file(&file).unwrap();
    assert!(std::process::Command::new("mkfifo").arg(&*file).status().unwrap().success());

    let refused = Journal::resume(&home(&temp), THREAD).unwrap_err().with_cause();

    assert!(refused.ends_with(": not a regular file"), "{refused}");
    assert_eq!(codex_sessions::list(&home(&temp), &codex_sessions::Query::default()), []);
}

#[test]
fn a_session_without_its_first_line_still_knows_its_id() {
    let temp = tempfile::tempdir().unwrap();
    let file = store(&home(&temp), b"");

    let loaded = read(&file).unwrap();

    assert!(loaded.meta_missing);
    assert_eq!((loaded.meta.id.as_str(), loaded.meta.base_instructions.as_str()), (THREAD, ""));
}

#[test]
fn lines_go_on_counting_after_damage() {
    let ordinals = |damaged: &str| {
        let temp = tempfile::tempdir().unwrap();
        let file = store(&home(&temp), damaged.as_bytes());
        let (mut journal, _) = Journal::resume(&home(&temp), THREAD).unwrap();
        journal.append(&[message("user", "again")], at(100)).unwrap();
        let text = std::fs::read_to_string(&file).unwrap();
        let last: serde_json::Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
        last["ordinal"].clone()
    };
    let text = text_of(&records());

    assert_eq!(ordinals(&text), 4);
    assert_eq!(ordinals(&format!("{text}broken\n")), 5, "a skipped line leaves a gap");
    assert_eq!(ordinals(&text[..text.len() - 1]), 4);
    assert_eq!(ordinals(""), 0);
    assert_eq!(
        ordinals(r#"{"timestamp":"2026-04-01T00:00:00Z","type":"session_meta","payload":{"id":"x"}}"#),
        serde_json::Value::Null
    );
}

#[test]
fn a_line_with_the_highest_number_does_not_stop_the_writer() {
    let text = text_of(&records());
    let highest = text.replace("\"ordinal\":3", &format!("\"ordinal\":{}", u64::MAX));
    assert_ne!(highest, text);

    check(
        "and a broken line behind it",
        highest.clone() + "?\n",
        &[0, 1, 2, 3],
        &["line 5 is unreadable and was skipped"],
    );
    check("at the end", highest, &[0, 1, 2, 3], &[]);
}

#[test]
fn a_long_journal_keeps_its_order_and_its_damage_costs_only_itself() {
    let count = 12_000;
    let words = |number: usize| message("user", &format!("{number} {}", "x".repeat(300)));
    let records: Vec<Record> = std::iter::once(meta_record("/w")).chain((1..count).map(words)).collect();
    let text = text_of(&records);
    let mut lines: Vec<&str> = text.lines().collect();
    assert!(text.len() > 5 * 1024 * 1024, "several batches: {}", text.len());
    lines[7_000] = "{ broken";
    lines.insert(11_000, lines[10]);
    let damaged = format!("{}\n{{\"torn", lines.join("\n"));
    let temp = tempfile::tempdir().unwrap();

    let loaded = read(&store(&home(&temp), damaged.as_bytes())).unwrap();

    let kept: Vec<Record> = [&records[..7_000], &records[7_001..]].concat();
    assert!(only_records(&loaded) == kept, "all but the broken line, in order");
    assert_eq!(
        loaded.problems,
        [
            "line 7001 is unreadable and was skipped",
            "line 11001 is repeated and was skipped",
            "the last line was incomplete and is dropped (6 bytes)"
        ]
    );
}
