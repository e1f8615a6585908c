//! How quick and how small the program is, also next to another one that speaks the same `exec --json`.
//!
//! Both programs get the same scripted answers from a mock server, in turn, so that a busy moment of the machine hits both. Nothing here
//! judges: the table goes to `docs/performance.md` by hand.

mod measures;
mod plain;
mod process;
mod table;

use crate::size;
use anyhow::{Context, Result, bail};
use measures::{Measure, Plan};
use std::path::PathBuf;

const USAGE: &str = "\
cargo xtask bench [--bin PATH] [--against PATH] [--runs N] [--commands N]

  --bin PATH       the program (default: a fresh release build)
  --against PATH   another program, run in turn with the first
  --runs N         starts, first requests and turns of each (default 20)
  --commands N     commands per sandbox mode of each (default 100)
";

/// The word that makes this program its own helper; see [`plain`].
const PLAIN: &str = "plain-spawns";

/// A program under test.
pub struct Program {
    pub label: &'static str,
    pub path: PathBuf,
}

pub fn command(arguments: &[&str]) -> Result<()> {
    if let [PLAIN, rest @ ..] = arguments {
        return plain::helper(rest);
    }
    let mut plan = Plan { runs: 20, commands: 100 };
    let (mut own, mut other) = (None, None);
    let mut rest = arguments;
    loop {
        match rest {
            [] => break,
            ["--bin", path, ..] => own = Some(program("codex", path)?),
            ["--against", path, ..] => other = Some(program("other", path)?),
            ["--runs", count, ..] => plan.runs = positive(count)?,
            ["--commands", count, ..] => plan.commands = positive(count)?,
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
    let results = Measure::all(&programs, plan)?;
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

fn positive(text: &str) -> Result<usize> {
    let number = text.parse().with_context(|| format!("{text} is no number"))?;
    if number == 0 { bail!("0 runs measure nothing") } else { Ok(number) }
}
