//! A plan as single steps on single directory entries, in the order of their execution.

use crate::{FileFacts, PatchPlan};
use codex_base::AbsPath;

/// What happens to one directory entry.
#[derive(Debug)]
pub struct Step<'p> {
    pub path: &'p AbsPath,
    pub before: Option<&'p FileFacts>,
    pub work: Work<'p>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Work<'p> {
    /// `mode`: that of the file the contents come from; `None` for a new file or where modes do not exist.
    Write {
        contents: &'p [u8],
        mode: Option<u32>,
    },
    Remove,
    /// The contents stay; only checked.
    Keep,
}

/// Removals come last, so that a moved file exists at each moment.
pub fn steps(plan: &PatchPlan) -> Vec<Step<'_>> {
    let mut steps = Vec::new();
    let mut removals = Vec::new();
    for change in &plan.changes {
        let before = change.before.as_ref();
        let step = |work| Step {
            path: &change.path,
            before,
            work,
        };
        let Some(contents) = &change.after else {
            removals.push(step(Work::Remove));
            continue;
        };
        let mode = before.and_then(|facts| facts.mode);
        let write = Work::Write { contents, mode };
        match &change.move_to {
            Some(target) => {
                steps.push(Step {
                    path: &target.path,
                    before: target.before.as_ref(),
                    work: write,
                });
                removals.push(step(Work::Remove));
            }
            None if before.is_some_and(|facts| facts.bytes == *contents) => steps.push(step(Work::Keep)),
            None => steps.push(step(write)),
        }
    }
    steps.append(&mut removals);
    steps
}
