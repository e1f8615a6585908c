//! `kill -9` at a hundred moments of a turn with twelve calls: the session goes on, no byte of a request is missing in the journal, and
//! no command runs twice.
//!
//! Half of the moments are hit points around appends and spawns, where the program kills itself (see `src/hit_points.rs`); the other half
//! are times. Every command leaves a mark when it begins and one when it ends, so that a second run shows. The model asks for each call
//! once; what was running when the process died is told as aborted and left to the model.

use crate::support::{Lab, Ran, assert_grows_and_is_journaled};
use codex_testkit::{Answer, MockModel, Recorded, events};
use pretty_assertions::assert_eq;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fs;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

const PATCHED: &str = "new\n";
const PATCH: &str = "*** Begin Patch\n*** Update File: patched.txt\n@@\n-old\n+new\n*** End Patch\n";
/// The call of the patch; the other eleven are commands.
const PATCH_CALL: &str = "c4";
/// How long after the end of the program its processes may live.
const GONE: Duration = Duration::from_secs(1);

/// What the model says, answer by answer.
fn script() -> Vec<Vec<Value>> {
    vec![
        vec![
            events::reasoning("rs_1", &["Look first."], "sealed"),
            events::message("msg_1", "I'll look."),
            command("c1", "sleep 0.02"),
            command("c2", "sleep 0.03"),
            command("c3", "sleep 0.02"),
        ],
        vec![events::apply_patch(PATCH_CALL, PATCH)],
        // Left alone, the daemon outlives its command, its session and this test.
        vec![
            command("c5", "setsid sh -c 'sleep 60 & sleep 60' >/dev/null 2>&1 &"),
            command("c6", "sleep 0.06"),
        ],
        vec![terminal("c7", "sleep 0.03")],
        vec![
            events::message("msg_2", "Nearly there."),
            command("c8", "sleep 0.02"),
            command("c9", "sleep 0.02"),
            command("c10", "sleep 0.03"),
        ],
        vec![command("c11", "sleep 0.02")],
        vec![command("c12", "sleep 0.02")],
        vec![events::message("msg_3", "All done.")],
    ]
}

fn text_of(call: &str, work: &str) -> String {
    format!("echo x >> began-{call}; {work}\necho x >> ended-{call}")
}

fn command(call: &str, work: &str) -> Value {
    events::exec_command(call, &text_of(call, work))
}

fn terminal(call: &str, work: &str) -> Value {
    events::function_call(call, "exec_command", &json!({ "cmd": text_of(call, work), "tty": true }))
}

/// One turn that is killed and resumed.
struct Turn {
    lab: Lab,
    mock: MockModel,
    /// Answers that were given so far; shared with the mock.
    given: Arc<Mutex<usize>>,
}

impl Turn {
    fn new() -> Self {
        let given = Arc::new(Mutex::new(0));
        let counter = Arc::clone(&given);
        let mut script = script().into_iter();
        let mock = MockModel::start_with(move |_, _: &Recorded| {
            *counter.lock().unwrap() += 1;
            let next = script.next().unwrap_or_else(|| vec![events::message("msg_4", "All done.")]);
            Answer::items(next).delay_between_events(Duration::from_millis(1))
        });
        let lab = Lab::new();
        lab.home.use_model(&mock, "");
        lab.home.write("patched.txt", "old\n");
        Self { lab, mock, given }
    }

    fn command(&self) -> std::process::Command {
        self.lab
            .command(&["exec", "--skip-git-repo-check", "-s", "workspace-write", "do it all"])
    }

    fn killed_at_hit_point(&self, hit_point: &str) {
        let mut command = self.command();
        command.env("CODEX_TEST_HIT_POINT", hit_point);
        let ran = self.lab.start(command).ended(crate::support::PATIENCE);
        assert_eq!(ran.end(), Err(libc::SIGKILL), "the hit point was not met: {}", ran.all());
    }

    /// It may have ended before.
    fn killed_after(&self, time: Duration) -> Ran {
        let begin = Instant::now();
        let mut started = self.lab.start(self.command());
        std::thread::sleep(time.saturating_sub(begin.elapsed()));
        started.child.kill().unwrap();
        started.ended(crate::support::PATIENCE)
    }

    /// Everything that must hold after the process has gone.
    fn assert_goes_on(&self) {
        self.lab.assert_none_left(GONE);
        if self.lab.journal().is_none() {
            // Killed before the first line: nothing was sent, nothing was begun, and there is nothing to go on with.
            assert_eq!((self.mock.all_requests().len(), *self.given.lock().unwrap()), (0, 0));
            let resumed = self.lab.run(&["exec", "resume", "--skip-git-repo-check", "--last", "go on"]);
            assert!(resumed.stderr.contains("[session.not_found]"), "{}", resumed.stderr);
            return;
        }
        let id = self.lab.session_id();
        let sandbox = ["-s", "workspace-write"];
        let arguments = [&["exec", "resume", "--skip-git-repo-check"][..], &sandbox, &[id.as_str(), "go on"]].concat();
        let resumed = self.lab.run(&arguments);
        resumed.assert_code(0);
        assert_eq!(resumed.stdout, "All done.\n");
        self.lab.assert_none_left(GONE);
        let journal = self.lab.journal_text();
        for line in journal.lines() {
            assert!(serde_json::from_str::<Value>(line).is_ok(), "a torn line: {line}");
        }
        assert_eq!(self.lab.turn_event(), "task_complete");
        assert_grows_and_is_journaled(&self.mock, &journal);
        self.assert_nothing_ran_twice();
    }

    fn assert_nothing_ran_twice(&self) {
        let requests = self.mock.requests();
        let last = requests.last().unwrap();
        for call in (1..=12).map(|number| format!("c{number}")) {
            let outputs: Vec<&Value> = last
                .input()
                .iter()
                .filter(|item| item["call_id"] == *call && item["output"].is_string())
                .collect();
            assert!(outputs.len() < 2, "{call} is answered twice");
            let output = outputs.first().map(|item| item["output"].as_str().unwrap());
            if call == PATCH_CALL {
                self.assert_patched_wholly(output);
                self.assert_nothing_else_is_there(output == Some("aborted"));
                continue;
            }
            let marks = [self.marks("began", &call), self.marks("ended", &call)];
            match output {
                // Never received, or received and lost with the process.
                None => assert_eq!(marks, [0, 0], "{call} was not asked for"),
                Some("aborted") => assert!(marks[0] < 2 && marks[1] <= marks[0], "{call}: {marks:?}"),
                Some(text) => {
                    assert!(text.contains("Process exited with code 0"), "{call}: {text}");
                    assert_eq!(marks, [1, 1], "{call}: {text}");
                }
            }
        }
    }

    fn marks(&self, moment: &str, call: &str) -> usize {
        let path = self.lab.home.workspace().join(format!("{moment}-{call}"));
        fs::read_to_string(path).unwrap_or_default().lines().count()
    }

    fn assert_patched_wholly(&self, output: Option<&str>) {
        let text = self.lab.home.read("patched.txt");
        match output {
            None => assert_eq!(text, "old\n"),
            Some("aborted") => assert!(["old\n", PATCHED].contains(&text.as_str()), "{text:?}"),
            Some(output) => assert_eq!((text.as_str(), output.contains("Success.")), (PATCHED, true), "{output}"),
        }
    }

    /// A patch that was killed leaves what it staged until the next patch in that folder.
    fn assert_nothing_else_is_there(&self, patch_was_killed: bool) {
        let left_by_patch = |name: &str| patch_was_killed && name.starts_with(".codex-patch-") && name.ends_with("-0-patched.txt");
        let entries = fs::read_dir(self.lab.home.workspace()).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let unknown: BTreeSet<String> = names
            .filter(|name| name != "patched.txt" && !name.starts_with("began-") && !name.starts_with("ended-") && !left_by_patch(name))
            .collect();
        assert_eq!(unknown, BTreeSet::new());
    }
}

/// The turn when nobody disturbs it: the control of everything below. Returns how long it takes.
fn undisturbed() -> Duration {
    let turn = Turn::new();
    let begin = Instant::now();
    let ran = turn.lab.start(turn.command()).ended(crate::support::PATIENCE);
    let time = begin.elapsed();
    ran.assert_code(0);
    turn.lab.assert_none_left(GONE);
    assert_eq!(*turn.given.lock().unwrap(), 8);
    for number in (1..=12).filter(|number| format!("c{number}") != PATCH_CALL) {
        let call = format!("c{number}");
        assert_eq!([turn.marks("began", &call), turn.marks("ended", &call)], [1, 1], "{call}");
    }
    assert_grows_and_is_journaled(&turn.mock, &turn.lab.journal_text());
    turn.assert_nothing_ran_twice();
    time
}

fn hit_points(hits: impl IntoIterator<Item = String>) {
    for hit in hits {
        println_hit(&hit);
        let turn = Turn::new();
        turn.killed_at_hit_point(&hit);
        turn.assert_goes_on();
    }
}

/// In the output of a test that fails, the last of these lines names the moment.
#[expect(clippy::print_stdout, reason = "only seen when the test fails")]
fn println_hit(moment: &str) {
    println!("killed at {moment}");
}

/// Kills at `count` times spread over the turn, shifted by `shift` thousandths of their distance.
fn times(count: u32, shift: u32) {
    let whole = undisturbed();
    let mut killed = 0;
    for number in 0..count {
        let time = whole * (number * 1000 + shift) / (count * 1000);
        println_hit(&format!("{time:?} of {whole:?}"));
        let turn = Turn::new();
        killed += u32::from(turn.killed_after(time).end() == Err(libc::SIGKILL));
        turn.assert_goes_on();
    }
    // A turn that happens to be quicker than the first ends before its time has come.
    assert!(killed > count / 2, "only {killed} of {count} were killed");
}

fn appends(numbers: impl IntoIterator<Item = u32>) -> impl Iterator<Item = String> {
    let moments = ["before", "mid", "after"];
    numbers
        .into_iter()
        .zip(moments.into_iter().cycle())
        .map(|(number, moment)| format!("append:{number}:{moment}"))
}

#[test]
fn at_the_first_appends_of_a_turn() {
    hit_points(appends([1, 1, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15]));
}

#[test]
fn at_later_appends_of_a_turn() {
    hit_points(appends((16..50).step_by(2)));
}

#[test]
fn around_each_spawn() {
    let moments = ["before", "after", "running"];
    let spawns = (1..=12).map(|number| format!("spawn:{number}:{}", moments[number % 3]));
    let more = ["spawn:1:running", "spawn:2:running", "spawn:6:running", "spawn:8:running"].map(str::to_owned);
    hit_points(spawns.chain(more));
}

#[test]
fn at_twenty_five_times() {
    times(25, 0);
}

#[test]
fn at_twenty_five_other_times() {
    times(25, 500);
}
