//! `@` in a large folder: how soon files are listed while a name is typed.

use super::by_turns;
use super::desk::{self, Desk};
use crate::bench::measures::{Bench, Measure};
use crate::bench::sandbox;
use anyhow::Result;
use codex_testkit::MockModel;

/// From `@`, a letter behind it, in a session that has not looked at the folder before; and from the last letter of a whole name.
pub fn mentioning(bench: &Bench<'_>) -> Result<Vec<Measure>> {
    let mut first = bench
        .ms(format!(
            "`@` until files are listed, {} files, a letter 45 ms behind it",
            sandbox::MANY
        ))
        .aim("50");
    let mut next = bench.ms("the same: the last letter of a folder's name until it is listed");
    by_turns(bench, 1, "`@`", |at, program, _| {
        let mock = MockModel::start([]);
        let home = desk::home(&mock)?;
        sandbox::fill(home.workspace(), sandbox::MANY)?;
        for run in 0..=bench.loads {
            let (mut desk, _) = Desk::sit_down(program, &home, &[])?;
            desk.settle();
            let (listed, _) = desk.time_list("@f", "folder")?;
            let (_, matched) = desk.time_list("older977", "folder977/")?;
            desk.clear_field()?;
            desk.leave()?;
            if run > 0 {
                first.samples[at].push(listed);
                next.samples[at].push(matched);
            }
        }
        Ok(())
    })?;
    Ok(vec![first, next])
}
