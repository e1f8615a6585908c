//! Many commands: one after the other, and all at once.

use super::measures::{Bench, MODES, Measure, SANDBOXED, ended_with, exec, millis, shell};
use super::{Program, process};
use anyhow::{Context, Result};
use codex_testkit::{Answer, MockModel, TempHome};

const SEQUENTIAL: usize = 50;
const PARALLEL: usize = 20;

/// From the first request to the one that has all outputs.
pub fn sequential(bench: &Bench<'_>) -> Result<Vec<Measure>> {
    MODES
        .iter()
        .map(|mode| {
            let name = format!("{SEQUENTIAL} commands one after the other, {mode}");
            let mut measure = bench.ms(name);
            let answers = || {
                let calls = (1..=SEQUENTIAL).map(|number| Answer::items([shell(&format!("call_{number}"), "true")]));
                calls.chain([Answer::message("Done.")]).collect()
            };
            for (_, at, program) in bench.turns(bench.loads) {
                measure.samples[at].push(first_to_last(program, mode, answers(), SEQUENTIAL)?);
            }
            Ok(measure)
        })
        .collect()
}

/// What runs side by side takes as long as one of them.
pub fn parallel(bench: &Bench<'_>) -> Result<Vec<Measure>> {
    let name = format!("{PARALLEL} commands of 200 ms in one answer");
    let mut measure = bench.ms(name);
    for (_, at, program) in bench.turns(bench.loads) {
        let calls = (1..=PARALLEL).map(|number| shell(&format!("call_{number}"), "sleep 0.2"));
        let answers = vec![Answer::items(calls), Answer::message("Done.")];
        measure.samples[at].push(first_to_last(program, SANDBOXED, answers, PARALLEL)?);
    }
    Ok(vec![measure])
}

fn first_to_last(program: &Program, mode: &str, answers: Vec<Answer>, calls: usize) -> Result<f64> {
    let mock = MockModel::start(answers);
    let home = TempHome::new();
    home.use_model(&mock, "");
    process::run(&mut exec(&home, program, mode))?;
    let requests = mock.requests();
    let (first, last) = (
        requests.first().context("no request came")?,
        requests.last().context("no request came")?,
    );
    for number in 1..=calls {
        ended_with(last, &format!("call_{number}"), 0)?;
    }
    Ok(millis(last.arrived_at.duration_since(first.arrived_at)))
}
