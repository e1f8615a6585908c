//! The patch format: grammar, plan against file contents, diff, and an all-or-nothing executor.
//!
//! | step | from | to | touches files |
//! | --- | --- | --- | --- |
//! | [`parse`] | the text a model wrote | [`Patch`] | no |
//! | [`plan`] | a patch, a directory, [`PatchFiles`] | [`PatchPlan`]: old and new bytes of every file | only reads, through the trait |
//! | [`apply`] | a plan, a [`WriteScope`] | all of it on disk, or nothing | yes |
//!
//! A plan is complete: when [`plan`] succeeds, every chunk has found its place. [`apply`] does no matching; it refuses paths outside
//! of its scope, files that no longer hold the bytes the plan was made from, and symbolic links that lead out.
//! The format, its guarantees and its limits are described in `docs/apply-patch.md`.

mod apply;
mod diff;
mod error;
mod files;
mod lines;
mod matching;
mod parse;
mod patch;
mod plan;
mod scope;

pub use apply::{ApplyError, Left, apply};
pub use diff::{Change, ChangeKind};
pub use error::{ChunkProblem, PatchError};
pub use files::{DiskFiles, FILE_BYTES_MAX, FileFacts, FileKind, PatchFiles};
pub use parse::parse;
pub use patch::{Anchor, Chunk, ChunkLine, Hunk, Patch};
pub use plan::{MoveTarget, PatchPlan, PlannedChange, plan};
pub use scope::{Refusal, WriteScope};

#[cfg(test)]
#[cfg(unix)]
mod observed;
