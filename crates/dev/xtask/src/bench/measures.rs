//! What is measured, and the scripted answers it takes.

use super::plain::{self, Observed};
use super::process::{self, Used};
use super::{Program, history, loads, many, names, sandbox, tui};
use anyhow::{Context, Result, bail};
use codex_testkit::{Answer, MockModel, Recorded, TempHome, events};
use serde_json::{Value, json};
use std::process::Command;
use std::time::Duration;

/// Which programs are measured, and how often.
pub struct Bench<'a> {
    pub programs: &'a [Program],
    pub runs: usize,
    pub commands: usize,
    /// Of everything heavy.
    pub loads: usize,
}

/// One line of the table: for each program its samples, in the order of the programs.
#[derive(Debug)]
pub struct Measure {
    pub name: String,
    pub unit: Unit,
    /// What we aim at, if anything was decided.
    pub aim: Option<&'static str>,
    pub samples: Vec<Vec<f64>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    Milliseconds,
    Megabytes,
    Kilobytes,
    Percent,
    /// The name says of what.
    Count,
}

/// A sandbox mode, as the command line names it.
pub const SANDBOXED: &str = "workspace-write";
pub const UNSANDBOXED: &str = "danger-full-access";
pub const MODES: [&str; 3] = ["read-only", SANDBOXED, UNSANDBOXED];

/// A part of the benchmark, by the name that `--only` takes.
type Group = (&'static str, fn(&Bench<'_>) -> Result<Vec<Measure>>);

const GROUPS: [Group; 19] = [
    ("starts", starts),
    ("turns", turns),
    ("commands", all_commands),
    ("sandbox", sandbox::overhead),
    ("many", many::sequential),
    ("parallel", many::parallel),
    ("stream", loads::stream),
    ("output", loads::output),
    ("patch", loads::patch),
    ("resume", history::resume),
    ("sessions", history::sessions),
    ("names", names::exits),
    ("tui-starts", tui::starts),
    ("tui-idle", tui::waiting),
    ("tui-stream", tui::streaming),
    ("tui-memory", tui::remembering),
    ("tui-flood", tui::flooded),
    ("tui-files", tui::files::mentioning),
    ("size", |bench| Ok(vec![sizes(bench)?])),
];

pub fn group_names() -> Vec<&'static str> {
    GROUPS.iter().map(|(name, _)| *name).collect()
}

/// `tui` is all that begin with it.
pub fn is_of(name: &str, wanted: &str) -> bool {
    name.strip_prefix(wanted)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
}

impl Bench<'_> {
    /// Every group, or these.
    pub fn all(&self, only: &[&str]) -> Result<Vec<Measure>> {
        let mut all = Vec::new();
        for (name, measure) in GROUPS {
            if only.is_empty() || only.iter().any(|wanted| is_of(name, wanted)) {
                eprintln!("== {name}");
                all.extend(measure(self)?);
            }
        }
        Ok(all)
    }

    pub fn measure(&self, unit: Unit, name: impl Into<String>) -> Measure {
        Measure {
            name: name.into(),
            unit,
            aim: None,
            samples: vec![Vec::new(); self.programs.len()],
        }
    }

    pub fn ms(&self, name: impl Into<String>) -> Measure {
        self.measure(Unit::Milliseconds, name)
    }

    pub fn mb(&self, name: impl Into<String>) -> Measure {
        self.measure(Unit::Megabytes, name)
    }

    /// The programs in turn, so often: the number of the run, and which program it is.
    pub fn turns(&self, runs: usize) -> impl Iterator<Item = (usize, usize, &Program)> {
        (0..runs).flat_map(|run| self.programs.iter().enumerate().map(move |(at, program)| (run, at, program)))
    }
}

impl Measure {
    pub const fn aim(self, aim: &'static str) -> Self {
        self.aim_if(Some(aim))
    }

    pub const fn aim_if(mut self, aim: Option<&'static str>) -> Self {
        self.aim = aim;
        self
    }
}

/// In a home that has seen a run before: a first run ever may have files to make.
fn starts(bench: &Bench<'_>) -> Result<Vec<Measure>> {
    let mut version = bench.ms("process start (`--version`)");
    let mut request = bench.ms("prompt to first request").aim("40");
    let homes: Vec<TempHome> = bench.programs.iter().map(|_| TempHome::new()).collect();
    for (run, at, program) in bench.turns(bench.runs + 1) {
        let home = &homes[at];
        let start = process::run(home.command(&program.path).arg("--version"))?.wall;
        let mock = MockModel::start([Answer::message("Hello.")]);
        home.use_model(&mock, "");
        let used = process::run(&mut exec(home, program, SANDBOXED))?;
        let first = mock.requests().into_iter().next().context("no request came")?;
        if run > 0 {
            version.samples[at].push(millis(start));
            request.samples[at].push(millis(first.arrived_at.duration_since(used.started_at)));
        }
    }
    Ok(vec![version, request])
}

fn turns(bench: &Bench<'_>) -> Result<Vec<Measure>> {
    let mut wall = bench.ms("turn of 3 commands and a patch: wall");
    let mut cpu = bench.ms("the same: CPU, with its commands");
    let mut peak = bench.mb("the same: peak RSS of the largest process").aim("40");
    let mut written = bench.measure(Unit::Kilobytes, "the same: written to disk");
    let mut lines = bench.measure(Unit::Kilobytes, "the same: lines added to the journal");
    let homes: Vec<TempHome> = bench.programs.iter().map(|_| TempHome::new()).collect();
    homes.iter().for_each(|home| home.make_repository(&BROKEN));
    for (run, at, program) in bench.turns(bench.runs + 1) {
        let home = &homes[at];
        let used = turn(program, home)?;
        if run > 0 {
            wall.samples[at].push(millis(used.wall));
            cpu.samples[at].push(millis(used.cpu));
            peak.samples[at].push(megabytes(used.peak_bytes));
            written.samples[at].push(kilobytes(used.written_bytes));
            let journal = home.journals().pop().context("no journal was written")?;
            lines.samples[at].push(kilobytes(journal.metadata()?.len()));
        }
    }
    Ok(vec![wall, cpu, peak, written, lines])
}

/// A repository whose test fails.
const BROKEN: [(&str, &str); 2] = [("sum.sh", "echo $(($1 - $2))\n"), ("test.sh", "test \"$(sh sum.sh 2 2)\" = 4\n")];
const PATCH: &str = "*** Begin Patch\n*** Update File: sum.sh\n@@\n-echo $(($1 - $2))\n+echo $(($1 + $2))\n*** End Patch\n";

/// A turn of five requests: it reads, runs a test that fails, patches, runs it again, sums up.
fn turn(program: &Program, home: &TempHome) -> Result<Used> {
    let mock = MockModel::start([
        Answer::items([shell("call_1", "cat sum.sh test.sh")]),
        Answer::items([shell("call_2", "sh test.sh")]),
        Answer::items([events::apply_patch("call_3", PATCH)]),
        Answer::items([shell("call_4", "sh test.sh")]),
        Answer::message("The sum was a difference. The test passes now."),
    ]);
    home.use_model(&mock, "");
    BROKEN.iter().for_each(|(path, contents)| home.write(path, contents));
    let used = process::run(&mut exec(home, program, SANDBOXED))?;
    let requests = mock.requests();
    let last = requests.last().context("no request came")?;
    ended_with(last, "call_2", 1)?;
    ended_with(last, "call_4", 0)?;
    Ok(used)
}

fn all_commands(bench: &Bench<'_>) -> Result<Vec<Measure>> {
    let mut all = commands(bench, SANDBOXED, "sandboxed", Some("5 above plain"))?;
    all.extend(commands(bench, UNSANDBOXED, "unsandboxed", None)?);
    Ok(all)
}

/// The time from one request to the next with a `true` between them, less the same with a call that does nothing.
fn commands(bench: &Bench<'_>, mode: &str, word: &str, aim: Option<&'static str>) -> Result<Vec<Measure>> {
    let mut cost = bench.ms(format!("a {word} `true`, without login shell")).aim_if(aim);
    let mut plain = bench.ms("the same by a plain spawn from a 40 MB parent");
    let rounds = bench.commands.div_ceil(PER_RUN);
    for (_, at, program) in bench.turns(rounds) {
        let (home, samples, observed) = command_costs(program, mode)?;
        cost.samples[at].extend(samples);
        plain.samples[at].extend(plain::measure(&observed, PER_RUN, Duration::ZERO)?.into_iter().map(millis));
        drop(home);
    }
    Ok(vec![cost, plain])
}

/// Commands in one turn; between two of them stands a call that does nothing.
pub const PER_RUN: usize = 25;

fn command_costs(program: &Program, mode: &str) -> Result<(TempHome, Vec<f64>, Observed)> {
    let home = TempHome::new();
    let (samples, argv) = in_session(&home, "", SEES_ENVIRONMENT, Duration::ZERO, || exec(&home, program, mode))?;
    let observed = observed(&home, argv);
    Ok((home, samples, observed))
}

/// Writes down the environment that commands have; see [`observed`].
pub const SEES_ENVIRONMENT: &str = "cat /proc/$$/environ > environment";

/// After a session whose first command was [`SEES_ENVIRONMENT`].
pub fn observed(home: &TempHome, argv: Vec<String>) -> Observed {
    Observed {
        argv,
        dir: home.workspace().to_owned(),
        environment: home.workspace().join("environment"),
    }
}

/// What [`PER_RUN`] times `true` cost one after the other in the session that `run` is, in milliseconds, and how the program ran it. `first`
/// is a command before them, which is not counted: a session may have things to make once. The model thinks so long about each request.
pub fn in_session(
    home: &TempHome,
    config: &str,
    first: &str,
    thinks: Duration,
    run: impl FnOnce() -> Command,
) -> Result<(Vec<f64>, Vec<String>)> {
    let first = first.to_owned();
    let mock = MockModel::start_with(move |number, _| {
        std::thread::sleep(thinks);
        match number {
            1 => Answer::items([shell("call_1", &first)]),
            _ if number > 1 + 2 * PER_RUN => Answer::message("Done."),
            _ if number % 2 == 0 => Answer::items([shell(&format!("call_{number}"), "true")]),
            // No program has this tool; all of them answer that and ask again.
            _ => Answer::items([events::function_call(&format!("call_{number}"), "nothing", &json!({}))]),
        }
    });
    home.use_model(&mock, config);
    let used = process::run(&mut run())?;
    let requests = mock.requests();
    if requests.len() != 2 + 2 * PER_RUN {
        bail!("{} requests came, {} were expected", requests.len(), 2 + 2 * PER_RUN);
    }
    let gap = |number: usize| millis(requests[number].arrived_at.duration_since(requests[number - 1].arrived_at));
    let numbers = 2..2 + 2 * PER_RUN;
    let mut nothing: Vec<f64> = numbers.clone().filter(|number| number % 2 == 1).map(gap).collect();
    let nothing = super::table::percentile(&mut nothing, 50);
    let mut samples = Vec::new();
    for number in numbers.filter(|number| number % 2 == 0) {
        ended_with(&requests[number], &format!("call_{number}"), 0)?;
        samples.push(gap(number) - nothing);
    }
    Ok((samples, argv_of_true(&used.stdout)?))
}

/// What the program ran for `true`, as it reported it. Needs no unquoting: shell, flag, `true`.
fn argv_of_true(stdout: &str) -> Result<Vec<String>> {
    let events = stdout.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let commands = events.filter_map(|event| event["item"]["command"].as_str().map(str::to_owned));
    let command = commands
        .into_iter()
        .find(|command| command.ends_with(" true"))
        .context("no command was reported")?;
    Ok(command.split(' ').map(str::to_owned).collect())
}

pub fn ended_with(request: &Recorded, call_id: &str, code: i32) -> Result<()> {
    let output = request.output_of(call_id).with_context(|| format!("{call_id} has no output"))?;
    if !output.to_string().contains(&format!("exited with code {code}\\n")) {
        bail!("{call_id} did not exit with code {code}: {output}");
    }
    Ok(())
}

pub fn shell(call_id: &str, cmd: &str) -> Value {
    events::function_call(call_id, "exec_command", &json!({ "cmd": cmd, "login": false }))
}

pub fn exec(home: &TempHome, program: &Program, mode: &str) -> Command {
    exec_with(home, program, &["-s", mode])
}

/// Under the policy that the configuration chooses.
pub fn exec_as_configured(home: &TempHome, program: &Program) -> Command {
    exec_with(home, program, &[])
}

fn exec_with(home: &TempHome, program: &Program, policy: &[&str]) -> Command {
    let mut command = home.command(&program.path);
    command
        .args(["exec", "--json", "--skip-git-repo-check"])
        .args(policy)
        .arg("-C")
        .arg(home.workspace())
        .arg("Mend the test.");
    command
}

fn sizes(bench: &Bench<'_>) -> Result<Measure> {
    let mut measure = bench.mb("size of the program file").aim("30");
    for (at, program) in bench.programs.iter().enumerate() {
        measure.samples[at].push(megabytes(program.path.metadata()?.len()));
    }
    Ok(measure)
}

pub fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

pub fn megabytes(bytes: u64) -> f64 {
    crate::size::megabytes(bytes)
}

fn kilobytes(bytes: u64) -> f64 {
    megabytes(bytes) * 1e3
}
