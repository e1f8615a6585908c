//! What confinement costs a command, above a plain spawn of the same: per mode, per way of confining, in small and in large workspaces, with and
//! without patterns that deny, in a session and for one command alone.

use super::measures::{self, Bench, MODES, Measure, PER_RUN, SANDBOXED, UNSANDBOXED, exec, in_session, millis};
use super::plain::{self, Observed};
use super::table::percentile;
use super::{Program, process};
use anyhow::{Context, Result};
use codex_testkit::TempHome;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

const FEW: usize = 10;
pub const MANY: usize = 100_000;
const FILES_PER_FOLDER: usize = 100;
const PATTERNS: usize = 50;
/// Of the patterns, how many match a file.
const MATCHES: usize = 10;
const AIM: &str = "5";
/// A little more than the time in which a change of a folder may leave its stamps as they were.
const SETTLES: Duration = Duration::from_millis(2200);

/// How long the model thinks before each command: not at all, so that what follows a command is in the way of the next one, and no longer than
/// any model.
const THINKS: [Duration; 2] = [Duration::ZERO, Duration::from_millis(20)];

/// How commands are confined.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// As this machine has it.
    Best,
    /// As where namespaces are refused.
    WithoutNamespaces,
}

#[derive(Debug, Clone, Copy)]
struct Case {
    mode: &'static str,
    way: Way,
    patterns: bool,
}

impl Case {
    /// Patterns and ways make a difference only where something is confined.
    fn all() -> Vec<Self> {
        let confined = MODES.into_iter().filter(|mode| *mode != UNSANDBOXED);
        let ways = [Way::Best, Way::WithoutNamespaces];
        let cases = confined.flat_map(|mode| {
            let of_way = move |way| [false, true].map(|patterns| Self { mode, way, patterns });
            ways.into_iter().flat_map(of_way)
        });
        let unconfined = Self {
            mode: UNSANDBOXED,
            way: Way::Best,
            patterns: false,
        };
        cases.chain([unconfined]).collect()
    }

    fn name(self, files: usize) -> String {
        let way = match self.way {
            Way::Best => "",
            Way::WithoutNamespaces => ", namespaces refused",
        };
        let patterns = if self.patterns { PATTERNS } else { 0 };
        format!("{}{way}, {files} files, {patterns} patterns", self.mode)
    }

    /// The built-in permission profile that is the mode, as programs spell it.
    fn profile(self) -> &'static str {
        match self.mode {
            SANDBOXED => ":workspace",
            UNSANDBOXED => ":danger-full-access",
            _ => ":read-only",
        }
    }

    /// A profile with patterns, if there are any.
    fn config(self) -> String {
        if !self.patterns {
            return String::new();
        }
        let mut text = format!(
            "default_permissions = \"bench\"\n[permissions.bench]\nextends = \"{}\"\n[permissions.bench.filesystem.\":workspace_roots\"]\n",
            self.profile()
        );
        for number in 0..PATTERNS {
            let _ = writeln!(text, "\"**/*.key{number}\" = \"none\"");
        }
        text
    }
}

/// A program with its workspaces.
struct Subject<'a> {
    program: &'a Program,
    home: TempHome,
    /// What it ran for `true`, and in which environment.
    observed: Observed,
}

impl<'a> Subject<'a> {
    /// Not in the folder for temporary files: that one is writable by itself.
    fn new(program: &'a Program, files: usize) -> Result<Self> {
        let home = TempHome::outside_temp();
        fill(home.workspace(), files)?;
        let (_, argv) = in_session(&home, "", measures::SEES_ENVIRONMENT, Duration::ZERO, || {
            exec(&home, program, SANDBOXED)
        })?;
        let observed = measures::observed(&home, argv);
        Ok(Self { program, home, observed })
    }

    /// `true` as the second and later commands of a session, in a folder that nobody changed just now: what is kept of one that was is not
    /// believed.
    fn session(&self, case: Case, thinks: Duration) -> Result<Vec<f64>> {
        std::thread::sleep(SETTLES);
        let run = || {
            let mut command = if case.patterns {
                measures::exec_as_configured(&self.home, self.program)
            } else {
                exec(&self.home, self.program, case.mode)
            };
            around(&mut command, case.way);
            command
        };
        Ok(in_session(&self.home, &case.config(), "true", thinks, run)?.0)
    }

    /// `codex sandbox` with `true`, from its start to its end.
    fn one_shot(&self, case: Case) -> Result<f64> {
        let mut command = self.home.command(&self.program.path);
        let profile = if case.patterns { "bench" } else { case.profile() };
        command.args(["sandbox", "-P", profile, "--"]).args(TRUE);
        around(&mut command, case.way);
        Ok(millis(process::run(&mut command)?.wall))
    }
}

const TRUE: [&str; 1] = ["/bin/true"];

/// So many files, in folders of a hundred; some of them match patterns.
pub fn fill(workspace: &Path, files: usize) -> Result<()> {
    for number in 0..files {
        let folder = workspace.join(format!("folder{}", number / FILES_PER_FOLDER));
        if number % FILES_PER_FOLDER == 0 {
            fs::create_dir(&folder).with_context(|| format!("could not make {}", folder.display()))?;
        }
        let name = if number < MATCHES {
            format!("secret.key{number}")
        } else {
            format!("file{number}")
        };
        fs::write(folder.join(name), "")?;
    }
    Ok(())
}

#[cfg(target_os = "linux")]
fn around(command: &mut Command, way: Way) {
    if way == Way::WithoutNamespaces {
        codex_testkit::world::World::NamespacesRefused.around(command);
    }
}

#[cfg(not(target_os = "linux"))]
fn around(_: &mut Command, _: Way) {}

pub fn overhead(bench: &Bench<'_>) -> Result<Vec<Measure>> {
    let mut all = Vec::new();
    for files in [FEW, MANY] {
        let subjects: Vec<Subject<'_>> = bench
            .programs
            .iter()
            .map(|program| Subject::new(program, files))
            .collect::<Result<_>>()?;
        for thinks in THINKS {
            let after = after(thinks);
            let mut plain = bench.ms(format!("a plain spawn of the session's `true`{after}, {files} files"));
            for case in Case::all() {
                all.push(told(sessions(bench, case, thinks, files, &subjects, &mut plain)?));
            }
            all.push(plain);
        }
        if files == FEW {
            all.push(told(bubblewrap(bench, &subjects)?));
        }
        let mut plain = bench.ms(format!("a plain spawn of `/bin/true`, {files} files"));
        for case in Case::all() {
            all.push(told(one_shots(bench, case, files, &subjects, &mut plain)?));
        }
        all.push(plain);
    }
    Ok(all)
}

/// The table comes with the last of them, many minutes later.
fn told(measure: Measure) -> Measure {
    let middles = measure
        .samples
        .iter()
        .map(|samples| format!(" {:.2}", percentile(&mut samples.clone(), 50)));
    eprintln!("   {}:{}", measure.name, middles.collect::<String>());
    measure
}

/// Those that a case is for: other programs have other ways where namespaces are refused, if any.
fn concerned<'a>(case: Case, subjects: &'a [Subject<'a>]) -> impl Iterator<Item = (usize, &'a Subject<'a>)> {
    let all = subjects.iter().enumerate();
    all.filter(move |(at, _)| case.way == Way::Best || *at == 0)
}

fn after(thinks: Duration) -> String {
    if thinks.is_zero() {
        String::new()
    } else {
        format!(" {} ms after the one before", thinks.as_millis())
    }
}

/// Samples of a plain spawn, and their middle.
fn spawned(observed: &Observed, rest: Duration) -> Result<(Vec<f64>, f64)> {
    let mut spawned: Vec<f64> = plain::measure(observed, PER_RUN, rest)?.into_iter().map(millis).collect();
    let middle = percentile(&mut spawned, 50);
    Ok((spawned, middle))
}

fn sessions(
    bench: &Bench<'_>,
    case: Case,
    thinks: Duration,
    files: usize,
    subjects: &[Subject<'_>],
    plain: &mut Measure,
) -> Result<Measure> {
    let name = format!("{}: in a session{}, above a plain spawn", case.name(files), after(thinks));
    let aim = (case.mode != UNSANDBOXED).then_some(AIM);
    let mut measure = bench.ms(name).aim_if(aim);
    for _ in 0..bench.commands.div_ceil(PER_RUN) {
        for (at, subject) in concerned(case, subjects) {
            let samples = subject.session(case, thinks)?;
            let (spawned, middle) = spawned(&subject.observed, thinks)?;
            measure.samples[at].extend(samples.into_iter().map(|sample| sample - middle));
            plain.samples[at].extend(spawned);
        }
    }
    Ok(measure)
}

fn one_shots(bench: &Bench<'_>, case: Case, files: usize, subjects: &[Subject<'_>], plain: &mut Measure) -> Result<Measure> {
    let name = format!("{}: one `codex sandbox`, above a plain spawn", case.name(files));
    let mut measure = bench.ms(name);
    for (_, subject) in concerned(case, subjects) {
        subject.home.write_config(&case.config());
        // The first one may have things to make.
        subject.one_shot(case)?;
    }
    let mut spawned = vec![Vec::new(); subjects.len()];
    for _ in 0..bench.commands {
        for (at, subject) in concerned(case, subjects) {
            measure.samples[at].push(subject.one_shot(case)?);
            let mut command = subject.home.command(TRUE[0]);
            spawned[at].push(millis(process::run(&mut command)?.wall));
        }
    }
    for (at, spawned) in spawned.iter_mut().enumerate() {
        let middle = percentile(spawned, 50);
        measure.samples[at].iter_mut().for_each(|sample| *sample -= middle);
        plain.samples[at].append(spawned);
    }
    Ok(measure)
}

/// The same commands below bubblewrap with what it has of the same.
fn bubblewrap(bench: &Bench<'_>, subjects: &[Subject<'_>]) -> Result<Measure> {
    let Some(bwrap) = in_path("bwrap") else {
        let name = "bubblewrap (there is no `bwrap` in PATH: apt-get install bubblewrap)";
        return Ok(bench.ms(name));
    };
    let name = format!("`{}`, workspace-write, {FEW} files: above a plain spawn", bwrap.display());
    let mut measure = bench.ms(name);
    for _ in 0..bench.commands.div_ceil(PER_RUN) {
        for (at, Subject { observed, .. }) in subjects.iter().enumerate() {
            let dir = observed.dir.display().to_string();
            let confine = ["--ro-bind", "/", "/", "--bind", &dir, &dir, "--dev", "/dev", "--proc", "/proc"];
            let isolate = "--unshare-user --unshare-pid --unshare-ipc --unshare-net --new-session --die-with-parent --";
            let words = [bwrap.display().to_string()].into_iter();
            let words = words.chain(confine.into_iter().chain(isolate.split(' ')).map(str::to_owned));
            let confined = Observed {
                argv: words.chain(observed.argv.iter().cloned()).collect(),
                dir: observed.dir.clone(),
                environment: observed.environment.clone(),
            };
            let (_, middle) = spawned(observed, Duration::ZERO)?;
            let samples = plain::measure(&confined, PER_RUN, Duration::ZERO)?.into_iter().map(millis);
            measure.samples[at].extend(samples.map(|sample| sample - middle));
        }
    }
    Ok(measure)
}

fn in_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|folder| folder.join(name))
        .find(|file| file.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mode_way_and_kind_of_policy_is_a_case() {
        let names: Vec<String> = Case::all().into_iter().map(|case| case.name(FEW)).collect();

        insta::assert_snapshot!(names.join("\n"), @r"
        read-only, 10 files, 0 patterns
        read-only, 10 files, 50 patterns
        read-only, namespaces refused, 10 files, 0 patterns
        read-only, namespaces refused, 10 files, 50 patterns
        workspace-write, 10 files, 0 patterns
        workspace-write, 10 files, 50 patterns
        workspace-write, namespaces refused, 10 files, 0 patterns
        workspace-write, namespaces refused, 10 files, 50 patterns
        danger-full-access, 10 files, 0 patterns
        ");
    }
}
