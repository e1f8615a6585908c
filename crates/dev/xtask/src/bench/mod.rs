//! How quick and how small the program is, also next to another one that speaks the same `exec --json`.
//!
//! Both programs get the same scripted answers from a mock server, in turn, so that a busy moment of the machine hits both. Nothing here
//! judges: the table goes to `docs/performance.md` by hand.

mod history;
mod loads;
mod many;
mod measures;
mod names;
mod plain;
mod process;
mod sandbox;
mod table;
mod tui;

use crate::size;
use anyhow::{Context, Result, bail};
use measures::Bench;
use std::path::PathBuf;

const USAGE: &str = "\
cargo xtask bench [--bin PATH] [--against PATH] [--runs N] [--commands N] [--loads N] [--only GROUP,…]

  --bin PATH       the program (default: a fresh release build)
  --against PATH   another program, run in turn with the first
  --runs N         starts, first requests and turns of each (default 20)
  --commands N     commands per sandbox mode of each (default 100)
  --loads N        runs of everything heavy (default 5)
  --only GROUP,…   only these: starts turns commands sandbox many parallel stream output patch resume sessions names size tui
                   (tui is tui-starts tui-idle tui-stream tui-memory tui-flood tui-files)
";

/// The word that makes this program its own helper; see [`plain`].
const PLAIN: &str = "plain-spawns";

/// A program under test.
pub struct Program {
    pub label: &'static str,
    pub path: PathBuf,
}

pub fn command(arguments: &[&str]) -> Result<()> {
    match arguments {
        [PLAIN, rest @ ..] => return plain::helper(rest),
        [loads::SERVE] => return loads::helper(),
        [names::ALONE, rest @ ..] => return names::helper(rest),
        _ => {}
    }
    let mut bench = Bench {
        programs: &[],
        runs: 20,
        commands: 100,
        loads: 5,
    };
    let mut only = Vec::new();
    let (mut own, mut other) = (None, None);
    let mut rest = arguments;
    loop {
        match rest {
            [] => break,
            ["--bin", path, ..] => own = Some(program("codex", path)?),
            ["--against", path, ..] => other = Some(program("other", path)?),
            ["--runs", count, ..] => bench.runs = positive(count)?,
            ["--commands", count, ..] => bench.commands = positive(count)?,
            ["--loads", count, ..] => bench.loads = positive(count)?,
            ["--only", names, ..] => only = groups(names)?,
            ["--help" | "-h", ..] => {
                print!("{USAGE}");
                return Ok(());
            }
            _ => bail!("unknown arguments: {}\n\n{USAGE}", rest.join(" ")),
        }
        rest = &rest[2..];
    }
    let own = match own {
        Some(program) => program,
        None => fresh_build()?,
    };
    let programs: Vec<Program> = std::iter::once(own).chain(other).collect();
    bench.programs = &programs;
    let results = bench.all(&only)?;
    print!("{}", table::render(&programs, &results));
    Ok(())
}

fn fresh_build() -> Result<Program> {
    size::build_release()?;
    Ok(Program {
        label: "codex",
        path: size::release_binary(),
    })
}

fn program(label: &'static str, path: &str) -> Result<Program> {
    let path = std::path::absolute(path)?;
    path.metadata().with_context(|| format!("no program at {}", path.display()))?;
    Ok(Program { label, path })
}

fn groups(names: &str) -> Result<Vec<&str>> {
    let known = measures::group_names();
    let names: Vec<&str> = names.split(',').collect();
    let is_known = |wanted: &str| known.iter().any(|name| measures::is_of(name, wanted));
    match names.iter().find(|name| !is_known(name)) {
        Some(unknown) => bail!("there is no group {unknown}; known are {}", known.join(" ")),
        None => Ok(names),
    }
}

fn positive(text: &str) -> Result<usize> {
    let number = text.parse().with_context(|| format!("{text} is no number"))?;
    if number == 0 { bail!("0 runs measure nothing") } else { Ok(number) }
}
