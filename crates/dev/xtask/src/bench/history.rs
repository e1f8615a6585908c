//! What has been: long sessions that are resumed, and many of them in one home.

use super::measures::{Bench, Measure, SANDBOXED, exec, millis};
use super::{Program, process};
use anyhow::{Context, Result, bail};
use codex_testkit::{Answer, MockModel, TempHome, events};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime};

const LONG: [(usize, Option<&str>); 2] = [(1_000, Some("80")), (10_000, Some("80"))];
const SESSIONS: usize = 10_000;
const LONG_AGO: Duration = Duration::from_secs(24 * 60 * 60);

/// From the start of the process to its request, which holds every item.
pub fn resume(bench: &Bench<'_>) -> Result<Vec<Measure>> {
    LONG.iter()
        .map(|(items, aim)| {
            let name = format!("resuming a session of {items} items: to its first request");
            let mut measure = bench.ms(name).aim_if(*aim);
            for (at, program) in bench.programs.iter().enumerate() {
                let home = TempHome::new();
                let messages =
                    (0..*items).map(|number| events::message(&format!("msg_{number}"), &format!("Item {number}, of a usual length.")));
                let mock = MockModel::start([Answer::items(messages)]);
                home.use_model(&mock, "");
                process::run(&mut exec(&home, program, SANDBOXED))?;
                for run in 0..=bench.loads {
                    let sample = to_first_request(&home, &mut resume_last(&home, program), *items)?;
                    if run > 0 {
                        measure.samples[at].push(sample);
                    }
                }
            }
            Ok(measure)
        })
        .collect()
}

/// A new session, and the newest one resumed, in a home with many; the first run after they appeared is not counted.
pub fn sessions(bench: &Bench<'_>) -> Result<Vec<Measure>> {
    let mut fresh = bench.ms("prompt to first request, 10,000 sessions in the home");
    let mut last = bench.ms("`resume --last` to first request, the same home");
    for (at, program) in bench.programs.iter().enumerate() {
        let home = TempHome::new();
        let mock = MockModel::start([Answer::message("Hello.")]);
        home.use_model(&mock, "");
        process::run(&mut exec(&home, program, SANDBOXED))?;
        fill(&home)?;
        for run in 0..=bench.loads {
            let new = to_first_request(&home, &mut exec(&home, program, SANDBOXED), 1)?;
            let resumed = to_first_request(&home, &mut resume_last(&home, program), 1)?;
            if run > 0 {
                fresh.samples[at].push(new);
                last.samples[at].push(resumed);
            }
        }
    }
    Ok(vec![fresh, last])
}

/// Copies of the home's newest session: as many as somebody has after years.
pub fn fill(home: &TempHome) -> Result<()> {
    let model = home.journals().pop().context("no journal was written")?;
    (0..SESSIONS).try_for_each(|number| copy_session(&model, number))?;
    age(&month(&model)?)
}

/// The same session under another id, on one of 28 days of an earlier month.
fn copy_session(model: &Path, number: usize) -> Result<()> {
    let name = model.file_stem().and_then(|name| name.to_str()).context("a journal has a name")?;
    let (stamp, id) = name.split_at(name.len() - 36);
    let day = format!("{:02}", number % 28 + 1);
    let other = format!("0199{:04x}{}", number, &id[8..]);
    let text = fs::read_to_string(model)?.replace(id, &other);
    let folder = month(model)?.join(&day);
    fs::create_dir_all(&folder)?;
    let time = &stamp["rollout-2026-01-01".len()..];
    fs::write(folder.join(format!("rollout-2026-01-{day}{time}{other}.jsonl")), text)?;
    Ok(())
}

/// Where the copies lie.
fn month(model: &Path) -> Result<PathBuf> {
    let year = model.ancestors().nth(3).context("a journal lies below its year")?;
    Ok(year.with_file_name("2026").join("01"))
}

/// What lies in `folder` was last written long ago, as sessions of earlier days are: a folder that has just changed is read again with
/// every question, because its time may not tell the next change.
fn age(folder: &Path) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            age(&path)?;
        }
        fs::File::open(&path)?.set_modified(SystemTime::now() - LONG_AGO)?;
    }
    Ok(())
}

fn resume_last(home: &TempHome, program: &Program) -> Command {
    let mut command = home.command(&program.path);
    command
        .args(["exec", "--json", "--skip-git-repo-check", "-s", SANDBOXED, "-C"])
        .arg(home.workspace())
        .args(["resume", "--last", "Go on."]);
    command
}

fn to_first_request(home: &TempHome, command: &mut Command, items: usize) -> Result<f64> {
    let mock = MockModel::start([Answer::message("Done.")]);
    home.use_model(&mock, "");
    let used = process::run(command)?;
    let first = mock.requests().into_iter().next().context("no request came")?;
    if first.input().len() < items {
        bail!("the request holds {} items, {items} were expected", first.input().len());
    }
    Ok(millis(first.arrived_at.duration_since(used.started_at)))
}
