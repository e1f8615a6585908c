//! `kill -9` at three hundred moments: the session goes on, no byte of a request is missing in the journal, nothing is left running, and no
//! command runs twice.
//!
//! Three turns are killed: one with twelve calls; one on a bad day, where answers break off, the server refuses, and a terminal is
//! handed to the model; and one that is compacted on the way. Two thirds of the moments are hit points around appends and spawns, where the program kills itself (see
//! `src/hit_points.rs`); the others are times. Every command leaves a mark when it begins and one when it ends, so that a second run
//! shows. The model asks for each call once; what was running when the process died is told as aborted and left to the model.

use crate::support::{Lab, Ran, assert_grows_but_for};
use codex_testkit::events::Usage;
use codex_testkit::{Answer, MockModel, Recorded, events};
use pretty_assertions::assert_eq;
use serde_json::{Value, json};
use std::collections::{BTreeSet, VecDeque};
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

const PATCHED: &str = "new\n";
const PATCH: &str = "*** Begin Patch\n*** Update File: patched.txt\n@@\n-old\n+new\n*** End Patch\n";
/// The call of the patch; the others are commands.
const PATCH_CALL: &str = "c4";
/// How long after the end of the program its processes may live; a second, on a machine that does nothing else.
const GONE: Duration = Duration::from_secs(5);

/// What the model says, answer by answer, and how many calls it makes: `c1` and so on.
struct Script {
    answers: Vec<Answer>,
    calls: usize,
    /// How often the conversation is compacted.
    compactions: usize,
    config: &'static str,
}

fn twelve_calls() -> Script {
    let items = vec![
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
    ];
    let slowly = |items| Answer::items(items).delay_between_events(Duration::from_millis(1));
    Script {
        answers: items.into_iter().map(slowly).collect(),
        calls: 12,
        compactions: 0,
        config: "",
    }
}

fn bad_day() -> Script {
    let broken = Answer::items([command("c1", "sleep 0.05"), events::message("msg_1", "I'll lo")]);
    let cut = broken.event_count() - 3;
    let handed_over = json!({ "cmd": text_of("c5", "sleep 0.4"), "tty": true, "yield_time_ms": 250 });
    let answers = vec![
        broken.drop_after_events(cut),
        Answer::error(503, "server_is_overloaded", "busy").header("retry-after", "0"),
        Answer::items([command("c2", "sleep 0.05"), command("c3", "sleep 0.1")]),
        Answer::items([events::apply_patch(PATCH_CALL, PATCH)]),
        Answer::reset(),
        Answer::items([events::function_call("c5", "exec_command", &handed_over)]),
        Answer::error(500, "server_error", "oops").header("retry-after", "0"),
        Answer::items([command("c6", "sleep 0.02")]),
        Answer::message("All done."),
    ];
    Script {
        answers,
        calls: 6,
        compactions: 0,
        config: "",
    }
}

/// The conversation is over its limit after the second answer, and is compacted in the middle of the turn.
fn compacted() -> Script {
    let long = Usage {
        input: 60_000,
        ..Usage::default()
    };
    let calls = [command("c2", "sleep 0.03"), command("c3", "sleep 0.05")];
    let answers = vec![
        Answer::items([command("c1", "sleep 0.02")]),
        Answer::items_with_usage(calls, Some(long)),
        Answer::items([events::apply_patch(PATCH_CALL, PATCH)]),
        Answer::items([command("c5", "sleep 0.02")]),
        Answer::message("All done."),
    ];
    Script {
        answers,
        calls: 5,
        compactions: 1,
        config: "model_auto_compact_token_limit = 50000\n",
    }
}

/// It has no tools to offer.
fn asks_for_a_summary(request: &Recorded) -> bool {
    request.json["tools"].as_array().is_none_or(Vec::is_empty)
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
    calls: usize,
    compactions: usize,
}

impl Turn {
    fn new(script: Script) -> Self {
        let Script {
            answers,
            calls,
            compactions,
            config,
        } = script;
        let given = Arc::new(Mutex::new(0));
        let counter = Arc::clone(&given);
        let mut answers = answers.into_iter();
        let mock = MockModel::start_with(move |_, request: &Recorded| {
            if asks_for_a_summary(request) {
                return Answer::message("Some calls are done.");
            }
            *counter.lock().unwrap() += 1;
            answers.next().unwrap_or_else(|| Answer::message("All done."))
        });
        let lab = Lab::new();
        lab.home.use_model(&mock, config);
        lab.home.write("patched.txt", "old\n");
        Self {
            lab,
            mock,
            given,
            calls,
            compactions,
        }
    }

    fn command(&self, words: &[&str]) -> Command {
        let common = ["exec", "--skip-git-repo-check", "-s", "workspace-write"];
        self.lab.command(&[&common[..], words].concat())
    }

    fn first(&self) -> Command {
        self.command(&["do it all"])
    }

    fn resumed(&self) -> Command {
        self.command(&["resume", &self.lab.session_id(), "go on"])
    }

    fn killed_at_hit_point(&self, mut command: Command, hit_point: &str) {
        command.env("CODEX_TEST_HIT_POINT", hit_point);
        let ran = self.lab.start(command).ended(crate::support::PATIENCE);
        assert_eq!(ran.end(), Err(libc::SIGKILL), "the hit point was not met: {}", ran.all());
    }

    /// It may have ended before.
    fn killed_after(&self, time: Duration) -> Ran {
        let begin = Instant::now();
        let mut started = self.lab.start(self.first());
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
        let resumed = self.lab.start(self.resumed()).ended(crate::support::PATIENCE);
        resumed.assert_code(0);
        assert_eq!(resumed.stdout, "All done.\n");
        self.lab.assert_none_left(GONE);
        let journal = self.lab.journal_text();
        for line in journal.lines() {
            assert!(serde_json::from_str::<Value>(line).is_ok(), "a torn line: {line}");
        }
        assert_eq!(self.lab.turn_event(), "task_complete");
        // A compaction that was killed is begun anew: its question is lost, then the conversation is another.
        assert_grows_but_for(2 * self.compactions, &self.mock, &journal);
        self.assert_nothing_ran_twice();
    }

    fn assert_nothing_ran_twice(&self) {
        let requests = self.mock.requests();
        for call in (1..=self.calls).map(|number| format!("c{number}")) {
            let outputs_in = |request: &Recorded| -> Vec<Value> {
                let items = request.input().iter();
                items
                    .filter(|item| item["call_id"] == *call && item["output"].is_string())
                    .cloned()
                    .collect()
            };
            // The newest request that knows the call: a compaction leaves the others out.
            let outputs = requests
                .iter()
                .rev()
                .map(outputs_in)
                .find(|outputs| !outputs.is_empty())
                .unwrap_or_default();
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
                Some(text) if text.contains("Process running with session ID") => {
                    assert!(marks[0] == 1 && marks[1] < 2, "{call}: {marks:?}")
                }
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
fn undisturbed(script: fn() -> Script) -> Duration {
    let answers = script().answers.len();
    let turn = Turn::new(script());
    let begin = Instant::now();
    let ran = turn.lab.start(turn.first()).ended(crate::support::PATIENCE);
    let time = begin.elapsed();
    ran.assert_code(0);
    turn.lab.assert_none_left(GONE);
    assert_eq!(*turn.given.lock().unwrap(), answers);
    for call in (1..=turn.calls)
        .map(|number| format!("c{number}"))
        .filter(|call| call != PATCH_CALL)
    {
        // What was handed to the model ends with the program.
        let ended = usize::from(call != "c5" || turn.calls != 6);
        assert_eq!(
            [turn.marks("began", &call), turn.marks("ended", &call).min(ended)],
            [1, ended],
            "{call}"
        );
    }
    let compactions = turn.mock.requests().iter().filter(|request| asks_for_a_summary(request)).count();
    assert_eq!(compactions, turn.compactions);
    assert_grows_but_for(turn.compactions, &turn.mock, &turn.lab.journal_text());
    turn.assert_nothing_ran_twice();
    time
}

/// Several at a time: they mostly wait.
const AT_A_TIME: usize = 3;

/// Checks a fresh turn at each moment; names the moment if one fails.
fn at_each<M: std::fmt::Debug + Send>(script: fn() -> Script, moments: impl IntoIterator<Item = M>, kill: impl Fn(&Turn, &M) + Sync) {
    let moments = Mutex::new(moments.into_iter().collect::<VecDeque<M>>());
    let work = || {
        // The lock is not held while a turn runs.
        while let Some(moment) = { moments.lock().unwrap().pop_front() } {
            let checked = catch_unwind(AssertUnwindSafe(|| {
                let turn = Turn::new(script());
                kill(&turn, &moment);
                turn.assert_goes_on();
            }));
            if let Err(why) = checked {
                tell(&format!("killed at {moment:?}"));
                resume_unwind(why);
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..AT_A_TIME {
            scope.spawn(work);
        }
    });
}

#[expect(clippy::print_stdout, reason = "only seen when the test fails")]
fn tell(moment: &str) {
    println!("{moment}");
}

fn at_hit_points(script: fn() -> Script, hits: impl IntoIterator<Item = String>) {
    at_each(script, hits, |turn, hit| turn.killed_at_hit_point(turn.first(), hit));
}

/// Kills at `count` times spread over the turn, shifted by `shift` thousandths of their distance.
fn at_times(script: fn() -> Script, count: u32, shift: u32) {
    let whole = undisturbed(script);
    let killed = AtomicU32::new(0);
    let times = (0..count).map(|number| whole * (number * 1000 + shift) / (count * 1000));
    at_each(script, times, |turn, time| {
        let end = turn.killed_after(*time).end();
        killed.fetch_add(u32::from(end == Err(libc::SIGKILL)), Ordering::Relaxed);
    });
    // A turn that happens to be quicker than the first ends before its time has come.
    let killed = killed.into_inner();
    assert!(killed > count / 2, "only {killed} of {count} were killed");
}

/// One hit point for each number; which moment of its append it is goes in turn, beginning with the `first`.
fn appends(numbers: impl IntoIterator<Item = u32>, first: usize) -> impl Iterator<Item = String> {
    let moments = ["before", "mid", "after"];
    let cycle = moments.into_iter().cycle().skip(first);
    numbers
        .into_iter()
        .zip(cycle)
        .map(|(number, moment)| format!("append:{number}:{moment}"))
}

#[test]
fn at_the_appends_of_a_turn() {
    at_hit_points(twelve_calls, appends(1..=48, 0));
}

#[test]
fn at_other_moments_of_the_same_appends() {
    at_hit_points(twelve_calls, appends(1..=48, 1));
}

#[test]
fn at_the_remaining_moments_of_the_same_appends() {
    at_hit_points(twelve_calls, appends(1..=48, 2));
}

#[test]
fn around_each_spawn() {
    let moments = ["before", "after", "running"];
    at_hit_points(
        twelve_calls,
        moments
            .iter()
            .flat_map(|moment| (1..=12).map(move |number| format!("spawn:{number}:{moment}"))),
    );
}

#[test]
fn at_twenty_five_times() {
    at_times(twelve_calls, 25, 0);
}

#[test]
fn at_twenty_five_other_times() {
    at_times(twelve_calls, 25, 500);
}

#[test]
fn at_the_appends_of_a_bad_day() {
    at_hit_points(bad_day, appends(1..=24, 1));
}

#[test]
fn at_thirty_times_of_a_bad_day() {
    at_times(bad_day, 30, 300);
}

#[test]
fn at_the_appends_around_a_compaction() {
    at_hit_points(compacted, appends(4..=18, 0).chain(appends(6..=14, 1)));
}

#[test]
fn at_twenty_times_of_a_turn_with_a_compaction() {
    at_times(compacted, 20, 400);
}

/// Whoever goes on after a kill is killed as well.
#[test]
fn and_once_more_while_it_goes_on() {
    let pairs = (1..=16).zip(appends((2..=17).rev(), 0));
    at_each(twelve_calls, pairs, |turn, (number, again)| {
        turn.killed_at_hit_point(turn.first(), &format!("append:{number}:mid"));
        turn.lab.assert_none_left(GONE);
        if turn.lab.journal().is_some() {
            turn.killed_at_hit_point(turn.resumed(), again);
        }
    });
}
