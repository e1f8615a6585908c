//! Stored sessions as their user meets them: listed, named, put away, deleted; a second writer; a disk that is full or read-only; and how
//! much a turn writes.

use crate::support::{Lab, PATIENCE, wait_for};
use codex_testkit::{Answer, Gate, MockModel, events};
use pretty_assertions::assert_eq;
use std::fs;
use std::process::Command;

fn lab_with_a_session(mock: &MockModel) -> (Lab, String) {
    let lab = Lab::with_model(mock);
    lab.run(&["exec", "mend it"]).assert_code(0);
    let id = lab.session_id();
    (lab, id)
}

fn answering() -> MockModel {
    MockModel::start_with(|number, _| Answer::message(&format!("answer {number}")))
}

#[test]
fn a_session_is_listed_named_put_away_brought_back_and_deleted() {
    let mock = answering();
    let (lab, id) = lab_with_a_session(&mock);
    let out = |arguments: &[&str]| lab.run(arguments).assert_code(0).stdout.clone();

    assert!(out(&["sessions"]).ends_with(&format!("  {id}  mend it\n")));
    assert_eq!(out(&["sessions", "--search", "nothing"]), "");
    assert_eq!(
        out(&["rename", &id, " the mending "]),
        format!("Session {id} is called the mending now.\n")
    );
    let line: serde_json::Value = serde_json::from_str(&out(&["sessions", "--all", "--json"])).unwrap();
    assert_eq!(
        (&line["id"], &line["name"], &line["preview"]),
        (&id.as_str().into(), &"the mending".into(), &"mend it".into())
    );

    assert_eq!(out(&["archive", "the mending"]), format!("Archived session the mending ({id}).\n"));
    let away = lab.run(&["exec", "resume", &id, "more"]);
    away.assert_code(1);
    assert!(
        away.stderr
            .contains(&format!("session {id} is archived [session.archived]\nhint: codex unarchive {id}")),
        "{}",
        away.stderr
    );
    for command in [&["exec", "resume", "the mending", "more"][..], &["archive", "the mending"]] {
        assert_eq!(
            lab.run(command).assert_code(1).stderr,
            format!("error: session \"the mending\" is archived [session.archived]\nhint: codex unarchive {id}\n")
        );
    }
    assert!(out(&["sessions", "--archived"]).contains("the mending"));
    assert_eq!(
        out(&["unarchive", "the mending"]),
        format!("Unarchived session the mending ({id}).\n")
    );
    lab.run(&["exec", "resume", "the mending", "more"]).assert_code(0);
    for command in [
        &["exec", "resume", "the mendin", "more"][..],
        &["archive", "the mendin"],
        &["show", "the mendin"],
    ] {
        assert_eq!(
            lab.run(command).assert_code(1).stderr,
            "error: no session has the id or name \"the mendin\" [session.not_found]\nhint: did you mean \"the mending\"?\n"
        );
    }

    let asked = lab.run(&["delete", "the mending"]);
    asked.assert_code(1);
    assert!(asked.stderr.contains("[session.unconfirmed]"), "{}", asked.stderr);
    assert!(
        lab.run(&["delete", "the mending", "--force"])
            .assert_code(1)
            .stderr
            .contains("[session.force_needs_id]")
    );
    assert_eq!(out(&["delete", &id, "--force"]), format!("Deleted session {id}.\n"));
    assert_eq!((lab.journal(), out(&["sessions"])), (None, String::new()));
    let gone = lab.run(&["archive", "the mending"]);
    assert_eq!(
        gone.assert_code(1).stderr,
        "error: no session has the id or name \"the mending\" [session.not_found]\nhint: codex sessions --all lists them\n"
    );
}

#[test]
fn a_session_in_use_is_refused_with_the_process_that_uses_it() {
    let gate = Gate::new();
    let stalled = gate.clone();
    let mock = MockModel::start_with(move |number, _| match number {
        2 => Answer::message("late").stall_last(&stalled),
        _ => Answer::message("answer"),
    });
    let (lab, id) = lab_with_a_session(&mock);
    let mut busy = lab.start(lab.command(&["exec", "resume", &id, "wait"]));
    wait_for("the second request", || (mock.requests().len() == 2).then_some(()));

    let expect = format!(
        "thread {id} already has an active writer: process {} [session.in_use]",
        busy.child.id()
    );
    for arguments in [&["exec", "resume", &id, "x"][..], &["archive", &id], &["delete", &id, "--force"]] {
        let refused = lab.run(arguments);
        assert!(refused.assert_code(1).stderr.contains(&expect), "{arguments:?}: {}", refused.stderr);
    }

    gate.open();
    busy.ended(PATIENCE).assert_code(0);
    // The lock file of a writer that is gone stands in nobody's way.
    lab.run(&["archive", &id]).assert_code(0);
}

#[test]
fn a_mistyped_id_is_answered_with_the_one_that_was_meant() {
    let mock = answering();
    let (lab, id) = lab_with_a_session(&mock);
    let slip = format!("{}{}", &id[..35], if id.ends_with('0') { '1' } else { '0' });
    let refused = |call: &[&str], session: &str, expect: &str| {
        let words: Vec<&str> = call.iter().map(|word| if *word == "_" { session } else { word }).collect();
        let ran = lab.run(&words);
        assert!(ran.assert_code(1).stderr.contains(expect), "{words:?}: {}", ran.stderr);
    };
    let going_on = [
        &["exec", "resume", "_", "on"][..],
        &["exec", "fork", "_", "on"],
        &["compact", "_"],
        &["archive", "_"],
    ];

    for call in going_on.into_iter().chain([&["show", "_"][..], &["debug", "prefix", "_"]]) {
        for wrong in [&id[..35], &id[..8].to_uppercase(), &slip] {
            refused(call, wrong, &format!("[session.not_found]\nhint: did you mean {id}?\n"));
        }
    }

    lab.run(&["archive", &id]).assert_code(0);
    for call in going_on.into_iter().chain([&["rename", "_", "other"][..]]) {
        refused(call, &id, &format!("is archived [session.archived]\nhint: codex unarchive {id}\n"));
    }
    refused(
        &["exec", "resume", "--last", "--all", "on"],
        "",
        "error: no session to resume [session.not_found]\n",
    );
    // An id counts in capital letters, too.
    lab.run(&["unarchive", &id.to_uppercase()]).assert_code(0);
    lab.run(&["exec", "resume", &id.to_uppercase(), "on"]).assert_code(0);
}

/// Runs under a shell's file-size limit, as on a full disk.
fn with_room_for(lab: &Lab, bytes: u64, arguments: &[&str]) -> crate::support::Ran {
    let program = lab.command(arguments);
    let script = format!("trap '' XFSZ; ulimit -f {}; exec \"$0\" \"$@\"", bytes / 512);
    let mut command = Command::new("/bin/sh");
    command.args(["-c", &script]).arg(program.get_program()).args(program.get_args());
    command
        .env_clear()
        .envs(program.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command.current_dir(program.get_current_dir().unwrap());
    command.stdin(std::process::Stdio::null());
    lab.start(command).ended(PATIENCE)
}

#[test]
fn a_disk_that_fills_up_in_mid_session_ends_the_turn_at_once_and_leaves_the_journal_whole() {
    let mock = MockModel::start_with(|number, _| match number {
        2 => Answer::items([events::message("m", &"long ".repeat(4000))]),
        _ => Answer::message("answer"),
    });
    let (lab, id) = lab_with_a_session(&mock);
    let before = fs::read_to_string(lab.journal().unwrap()).unwrap();

    let full = with_room_for(&lab, before.len() as u64 + 6000, &["exec", "resume", &id, "more"]);

    full.assert_code(4);
    assert!(full.stderr.contains("journal.write_failed"), "{}", full.stderr);
    let after = lab.journal_text();
    assert!(after.starts_with(&before) && after.ends_with('\n'));
    assert!(after.lines().all(|line| serde_json::from_str::<serde_json::Value>(line).is_ok()));

    // With room again it goes on.
    lab.run(&["exec", "resume", &id, "again"]).assert_code(0);
}

#[test]
fn an_ephemeral_turn_needs_nothing_of_its_home() {
    let mock = answering();
    let lab = Lab::with_model(&mock);
    let home = lab.home.codex_home().to_str().unwrap().to_owned();
    let program = lab.command(&["exec", "--ephemeral", "hello"]);
    let script = "mount --bind \"$CODEX_HOME\" \"$CODEX_HOME\" && mount -o remount,ro,bind \"$CODEX_HOME\" && exec \"$0\" \"$@\"";
    let mut command = Command::new("unshare");
    command.args(["--map-root-user", "--mount", "/bin/sh", "-c", script]);
    command.arg(program.get_program()).args(program.get_args());
    command
        .env_clear()
        .envs(program.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command.env("CODEX_HOME", &home).current_dir(program.get_current_dir().unwrap());
    command.stdin(std::process::Stdio::null());

    let ran = lab.start(command).ended(PATIENCE);

    ran.assert_code(0);
    assert_eq!(ran.stdout, "answer 1\n");
    assert_eq!(lab.journal(), None);
}

/// Bytes that the program wrote with write(2) and its kin, output, pipes and sockets included: the shell is charged with them when it has
/// waited.
fn written(lab: &Lab, arguments: &[&str]) -> u64 {
    let program = lab.command(arguments);
    let counts = lab.root().join("io");
    let script = format!("\"$0\" \"$@\" || exit; cat /proc/$$/io > {}", counts.display());
    let mut command = Command::new("/bin/sh");
    command.args(["-c", &script]).arg(program.get_program()).args(program.get_args());
    command
        .env_clear()
        .envs(program.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command.current_dir(program.get_current_dir().unwrap());
    command.stdin(std::process::Stdio::null());
    lab.start(command).ended(PATIENCE).assert_code(0);
    let text = fs::read_to_string(counts).unwrap();
    let count = text.lines().find_map(|line| line.strip_prefix("wchar: ")).unwrap();
    count.trim().parse().unwrap()
}

#[test]
fn a_turn_writes_at_most_three_times_its_journal_lines_and_16_kib() {
    let mock = MockModel::start_with(|number, request| match number {
        n if n % 3 == 0 || request.input().is_empty() => Answer::message("done"),
        n => Answer::items([
            events::message(&format!("m{n}"), "looking"),
            events::exec_command(&format!("c{n}"), "echo one"),
        ]),
    });
    let (lab, id) = lab_with_a_session(&mock);
    let length = || fs::metadata(lab.journal().unwrap()).unwrap().len();

    for turn in 0..3 {
        let (before, requests) = (length(), mock.requests().len());
        let all = written(&lab, &["exec", "resume", &id, "go on"]);
        let lines = length() - before;
        let sent: usize = mock.requests()[requests..].iter().map(|request| request.body.len()).sum();
        let written = all - sent as u64;

        assert!(lines > 1000, "turn {turn}: {lines} bytes of lines");
        assert!(written >= lines, "the count holds what was written: {written} for {lines}");
        assert!(
            written <= 3 * lines + 16 * 1024,
            "turn {turn}: {written} bytes for {lines} of lines"
        );
    }
}
