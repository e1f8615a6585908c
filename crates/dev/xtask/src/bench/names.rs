//! How long a program stays after the last byte of the answer when no name server ever answers.
//!
//! Measured in a network of its own, where the only name server hears everything and says nothing. A program that waits for a name of
//! anybody but its provider (which has none here) shows it.

use super::measures::{Bench, Measure};
use anyhow::{Result, bail};
#[cfg(target_os = "linux")]
use {
    super::Program,
    super::measures::{SANDBOXED, exec, millis},
    super::process,
    anyhow::Context,
    std::path::Path,
};

/// The word that makes this program the one in the network of its own.
pub const ALONE: &str = "own-network";

#[cfg(not(target_os = "linux"))]
pub fn exits(_: &Bench<'_>) -> Result<Vec<Measure>> {
    Ok(Vec::new())
}

#[cfg(not(target_os = "linux"))]
pub fn helper(_: &[&str]) -> Result<()> {
    bail!("{ALONE} is for Linux")
}

#[cfg(target_os = "linux")]
pub fn exits(bench: &Bench<'_>) -> Result<Vec<Measure>> {
    let mut measure = bench.ms("last byte to exit, name server dead").aim("50");
    for (at, program) in bench.programs.iter().enumerate() {
        let ourselves = std::env::current_exe().context("could not find this program")?;
        let mut command = codex_testkit::network::own_network(&ourselves);
        command.args(["bench", ALONE, &bench.loads.to_string()]).arg(&program.path);
        let output = command.stderr(std::process::Stdio::inherit()).output()?;
        if !output.status.success() {
            bail!("the helper failed");
        }
        let lines = String::from_utf8_lossy(&output.stdout).into_owned();
        measure.samples[at] = lines.lines().map(|line| Ok(line.parse()?)).collect::<Result<_>>()?;
    }
    Ok(vec![measure])
}

/// The helper's side: `RUNS PROGRAM`; prints milliseconds, one line each.
#[cfg(target_os = "linux")]
pub fn helper(arguments: &[&str]) -> Result<()> {
    use codex_testkit::{Answer, MockModel, TempHome};
    let [runs, path] = arguments else {
        bail!("{ALONE} is for the benchmark itself")
    };
    codex_testkit::network::prepare();
    let names = codex_testkit::network::NameServer::silent();
    let program = Program {
        label: "",
        path: Path::new(path).to_owned(),
    };
    let home = TempHome::new();
    for run in 0..=runs.parse::<usize>()? {
        let mock = MockModel::start([Answer::message("Hello.")]);
        home.use_model(&mock, "");
        let used = process::run(&mut exec(&home, &program, SANDBOXED))?;
        let end = used.started_at + used.wall;
        let (_, sent) = mock
            .requests()
            .last()
            .and_then(|request| request.ended)
            .context("no answer was sent")?;
        if run > 0 {
            println!("{}", millis(end.duration_since(sent)));
        }
    }
    eprintln!("   names that {path} looked up: {:?}", names.asked());
    Ok(())
}
