//! The conversation at a terminal: how soon it is there, how quickly keys appear, what it uses while it waits, streams and remembers.
//!
//! Each program runs on a terminal of its own (a PTY of 80x24 with an emulator behind it, which also answers its questions), in inline mode,
//! with the same arguments and the same mock server. A key has appeared when the emulator shows it in the field; the clock stops when the
//! bytes were read that made it so.

mod desk;
pub mod files;
mod usage;

use super::loads::Server;
use super::measures::{Bench, Measure, UNSANDBOXED, Unit, exec, megabytes, millis, shell};
use super::{Program, history, process};
use anyhow::Result;
use codex_testkit::{Answer, MockModel, TempHome, events};
use desk::Desk;
use std::time::{Duration, Instant};

/// Keys whose way to the screen is timed, per run.
const KEYS: usize = 40;
/// As somebody types who is in a hurry: fewer milliseconds would look like a paste.
const BETWEEN_KEYS: Duration = Duration::from_millis(45);
const IDLE: Duration = Duration::from_secs(10);
/// 200 deltas a second; the timer adds up to a millisecond to each pause.
const BETWEEN_TOKENS: Duration = Duration::from_micros(4_200);
const STREAMED: Duration = Duration::from_secs(8);
const LONG_TRANSCRIPT: usize = 5_000;

/// Runs this so often with each program by turns. What another program cannot do is named and left out from then on; of ours it is an error.
fn by_turns(bench: &Bench<'_>, runs: usize, what: &str, mut part: impl FnMut(usize, &Program, usize) -> Result<()>) -> Result<()> {
    let mut left_out = vec![false; bench.programs.len()];
    for (run, at, program) in bench.turns(runs) {
        if left_out[at] {
            continue;
        }
        match part(at, program, run) {
            Err(error) if at > 0 => {
                eprintln!("not measured of {}, {what}: {error:#}", program.label);
                left_out[at] = true;
            }
            done => done?,
        }
    }
    Ok(())
}

/// From the start of the process to the first frame with a field to type into.
pub fn starts(bench: &Bench<'_>) -> Result<Vec<Measure>> {
    let named = |what: &str| bench.ms(format!("first frame, {what}")).aim("50");
    let (mut empty, mut full) = (named("no stored sessions"), named("10,000 stored sessions"));
    by_turns(bench, 1, "starts", |at, program, _| {
        let mock = MockModel::start([Answer::message("Hello."), Answer::message("Hello.")]);
        let few = desk::home(&mock)?;
        process::run(&mut exec(&few, program, UNSANDBOXED))?;
        let many = desk::home(&mock)?;
        process::run(&mut exec(&many, program, UNSANDBOXED))?;
        history::fill(&many)?;
        for run in 0..=bench.runs {
            for (home, measure) in [(&few, &mut empty), (&many, &mut full)] {
                let (desk, took) = Desk::sit_down(program, home, &[])?;
                desk.leave()?;
                if run > 0 {
                    measure.samples[at].push(millis(took));
                }
            }
        }
        Ok(())
    })?;
    Ok(vec![empty, full])
}

/// Nothing goes on: keys, and what is used without them.
pub fn waiting(bench: &Bench<'_>) -> Result<Vec<Measure>> {
    let mut keys = bench.ms("a key until it is shown, idle").aim("16 at p99");
    let mut cpu = bench.measure(Unit::Percent, "CPU while idle, of one core").aim("0.0");
    let mut wakes = bench.measure(Unit::Count, "the same: threads woken, per second");
    let mut written = bench.measure(Unit::Count, "the same: written to the terminal, bytes per second");
    let mut memory = bench.mb("memory after one turn").aim("60");
    by_turns(bench, bench.loads, "nothing going on", |at, program, _| {
        let mock = MockModel::start([Answer::message("The sum was a difference.")]);
        let home = desk::home(&mock)?;
        let (mut desk, _) = Desk::sit_down(program, &home, &["Mend the test."])?;
        desk.wait_for("The sum was a difference.")?;
        desk.wait_until_idle()?;
        keys.samples[at].extend(desk.time_keys(KEYS)?);
        desk.settle();
        memory.samples[at].push(megabytes(desk.usage()?.resident_bytes));
        let before = (desk.usage()?, desk.written());
        std::thread::sleep(IDLE);
        let after = (desk.usage()?, desk.written());
        let used = after.0.since(&before.0);
        cpu.samples[at].push(used.cpu.as_secs_f64() / IDLE.as_secs_f64() * 100.0);
        wakes.samples[at].push(used.wakes as f64 / IDLE.as_secs_f64());
        written.samples[at].push((after.1 - before.1) as f64 / IDLE.as_secs_f64());
        desk.leave()?;
        Ok(())
    })?;
    Ok(vec![keys, cpu, wakes, written, memory])
}

/// 200 tokens a second: what reading them costs, and keys meanwhile.
pub fn streaming(bench: &Bench<'_>) -> Result<Vec<Measure>> {
    let mut keys = bench.ms("a key until it is shown, 200 tokens/s coming in").aim("16 at p99");
    let mut cpu = bench.measure(Unit::Percent, "CPU while 200 tokens/s come in, of one core").aim("3");
    by_turns(bench, bench.loads, "200 tokens/s", |at, program, _| {
        // Twice the time of the keys: a slow program must not come to the end of it.
        let seconds = STREAMED + 2 * BETWEEN_KEYS * KEYS as u32 + Duration::from_secs(10);
        let mock = MockModel::start([long_answer(seconds)]);
        let home = desk::home(&mock)?;
        let (mut desk, _) = Desk::sit_down(program, &home, &["Tell me."])?;
        desk.wait_for("Paragraph 1 ")?;
        let (before, begin) = (desk.usage()?, Instant::now());
        std::thread::sleep(STREAMED);
        let used = desk.usage()?.since(&before);
        cpu.samples[at].push(used.cpu.as_secs_f64() / begin.elapsed().as_secs_f64() * 100.0);
        keys.samples[at].extend(desk.time_keys(KEYS)?);
        desk.interrupt()?;
        desk.leave()?;
        Ok(())
    })?;
    Ok(vec![keys, cpu])
}

/// A token at a time for so long: prose, a list and code by turns.
fn long_answer(seconds: Duration) -> Answer {
    let count = usize::try_from(seconds.as_millis() / 5).unwrap_or(usize::MAX);
    let tokens: Vec<String> = (0..)
        .flat_map(|number| {
            let text = format!(
                "Paragraph {number} says that *the sum* was a difference, and that `sum.sh` is where\nit was found.\n\n- one of **two** points\n- the other\n\n```sh\necho $(($1 + $2)) # {number}\n```\n\n"
            );
            text.split_inclusive(' ').map(str::to_owned).collect::<Vec<_>>()
        })
        .take(count)
        .collect();
    let message = events::message("msg_1", &tokens.concat());
    let around = events::around(std::slice::from_ref(&message));
    let mut all = vec![events::created("resp_1")];
    all.extend(around.first().cloned());
    all.extend(tokens.iter().map(|token| events::text_delta("msg_1", token)));
    all.extend(around.last().cloned());
    all.push(events::completed("resp_1", Some(events::Usage::default())));
    Answer::events(all).delay_between_events(BETWEEN_TOKENS)
}

/// A long conversation: what it takes in memory, live and resumed, and keys in it.
pub fn remembering(bench: &Bench<'_>) -> Result<Vec<Measure>> {
    let mut live = bench.mb("memory after a turn of 5,000 items").aim("120");
    let mut shown = bench.ms("resuming 5,000 items: from the start to the last one on the screen");
    let mut resumed = bench.mb("the same: memory").aim("120");
    let mut keys = bench.ms("a key until it is shown, behind 5,000 items").aim("16 at p99");
    let last = format!("Item {} ", LONG_TRANSCRIPT - 1);
    by_turns(bench, bench.loads, "5,000 items", |at, program, _| {
        let items = (0..LONG_TRANSCRIPT).map(|number| {
            let text = format!("Item {number} of a long conversation, with `code` and *emphasis*, of a usual length.");
            events::message(&format!("msg_{number}"), &text)
        });
        let mock = MockModel::start([Answer::items(items)]);
        let home = desk::home(&mock)?;
        let (desk, _) = Desk::sit_down(program, &home, &["Tell me everything."])?;
        desk.wait_for(&last)?;
        desk.wait_until_idle()?;
        desk.settle();
        live.samples[at].push(megabytes(desk.usage()?.resident_bytes));
        desk.leave()?;
        let begin = Instant::now();
        let (mut desk, _) = Desk::sit_down(program, &home, &["resume", "--last"])?;
        let seen = desk.wait_for(&last)?;
        shown.samples[at].push(millis(seen.duration_since(begin)));
        desk.settle();
        resumed.samples[at].push(megabytes(desk.usage()?.resident_bytes));
        keys.samples[at].extend(desk.time_keys(KEYS)?);
        desk.leave()?;
        Ok(())
    })?;
    Ok(vec![live, shown, resumed, keys])
}

/// Much at once: keys are still shown.
pub fn flooded(bench: &Bench<'_>) -> Result<Vec<Measure>> {
    let keys_while = |what: &str| bench.ms(format!("a key until it is shown, {what}")).aim("16 at p99");
    let peak = || bench.mb("the same: peak memory");
    let mut answer_keys = keys_while("an answer of 20 MB coming in");
    let mut answer = bench.ms("the same: until the answer is over");
    let mut answer_memory = peak();
    by_turns(bench, bench.loads, "an answer of 20 MB", |at, program, _| {
        let server = Server::start()?;
        let home = TempHome::new();
        desk::write_config(&home, server.base_url())?;
        let begin = Instant::now();
        let (mut desk, _) = Desk::sit_down(program, &home, &["Tell me everything."])?;
        desk.wait_for("twenty bytes of text")?;
        answer_keys.samples[at].extend(desk.time_keys_while_busy()?);
        answer.samples[at].push(millis(begin.elapsed()));
        answer_memory.samples[at].push(megabytes(desk.usage()?.peak_bytes));
        desk.leave()
    })?;
    let mut output_keys = keys_while("a command printing 100 MB");
    let mut output_memory = peak();
    by_turns(bench, bench.loads, "a command printing 100 MB", |at, program, _| {
        let call = shell("call_1", PRINTS_MUCH);
        // More than one end: a program may look at a command that goes on, or ask for a title.
        let ends = std::iter::repeat_n(Answer::message("That was much."), 4);
        let mock = MockModel::start(std::iter::once(Answer::items([call])).chain(ends));
        let home = desk::home(&mock)?;
        let (mut desk, _) = Desk::sit_down(program, &home, &["Print."])?;
        // The request may be there before it is shown that one is under way.
        desk.wait_until_busy()?;
        output_keys.samples[at].extend(desk.time_keys_while_busy()?);
        desk.wait_for("That was much.")?;
        output_memory.samples[at].push(megabytes(desk.usage()?.peak_bytes));
        desk.leave()
    })?;
    Ok(vec![answer_keys, answer, answer_memory, output_keys, output_memory])
}

/// In ten bursts, so that there is time to type.
const PRINTS_MUCH: &str =
    "for i in 1 2 3 4 5 6 7 8 9 10; do yes 0123456789012345678901234567890123456789 | head -c 10000000; sleep 0.3; done";
