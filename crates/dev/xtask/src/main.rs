//! Repository chores: check, tidy, cross-target checks, benchmarks, size, generated files.
//!
//! `cargo xtask` without arguments lists them. Nothing here is shipped.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program for people at a terminal")]

#[cfg(unix)]
mod bench;
mod cargo;
mod check;
mod config_docs;
mod crates_readme;
mod cross;
mod docs_by_tests;
mod size;
mod tidy;

use anyhow::{Result, bail};
use std::process::ExitCode;

const USAGE: &str = "\
cargo xtask check                            fmt, clippy, tidy and tests
cargo xtask check --target windows|macos [PACKAGE...]
                                             type-check the workspace, or some packages, for another system
cargo xtask tidy                             the rules of ARCHITECTURE.md that a program can check, and a report of long code
cargo xtask crates-readme                    write crates/README.md
cargo xtask commands-docs                    write docs/commands.md
cargo xtask config-docs                      write docs/config.schema.json and the reference part of docs/config.md
cargo xtask sandbox-probes-docs              run the escape suite of the Linux sandbox and write docs/sandbox-probes.md
cargo xtask size [--no-build]                size of the release program; fails above the limit
cargo xtask bench [--help]                   how quick and how small, also next to another program
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &[String]) -> Result<()> {
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        [] | ["help" | "--help" | "-h"] => {
            print!("{USAGE}");
            Ok(())
        }
        ["check"] => check::everything(),
        ["check", "--target", target, packages @ ..] => cross::check(target.parse()?, packages),
        ["tidy"] => tidy::command(),
        ["commands-docs"] => docs_by_tests::commands(),
        ["sandbox-probes-docs"] => docs_by_tests::sandbox_probes(),
        ["config-docs"] => config_docs::write(),
        ["crates-readme"] => crates_readme::write(),
        ["size"] => size::command(size::Build::Fresh),
        ["size", "--no-build"] => size::command(size::Build::AsItIs),
        ["bench", rest @ ..] => run_bench(rest),
        _ => bail!("unknown arguments: {}\n\n{USAGE}", words.join(" ")),
    }
}

#[cfg(unix)]
fn run_bench(arguments: &[&str]) -> Result<()> {
    bench::command(arguments)
}

#[cfg(not(unix))]
fn run_bench(_: &[&str]) -> Result<()> {
    bail!("benchmarks run on Unix only")
}
