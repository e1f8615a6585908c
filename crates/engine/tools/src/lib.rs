//! The tools a model may call: what it is told about them, what its calls would do, and doing it.
//!
//! | step | function | from | to |
//! | --- | --- | --- | --- |
//! | offer | [`specs`] | [`ToolSet`] | the `tools` array of a request |
//! | understand | [`prepare`] | a call and its [`TurnTools`] | [`Prepared`]: intent and started item, or the text of a [`ToolError`] |
//! | do | [`run`] | a [`Prepared`] and the policy of its verdict | one [`ToolOutcome`], and [`ToolReport`]s meanwhile |
//! | answer | [`output_item`] | a [`ToolOutput`] | the item for the model |
//!
//! Between understanding and doing somebody decides (`policy/approvals`); nothing here decides what is allowed, and nothing happens before
//! [`run`]. A call that is unknown or malformed is answered and never ends a turn. Commands that outlive their call live in [`Terminals`],
//! one per thread.
//!
//! To add a tool: its spec in `specs.rs`, its arguments in `args.rs`, an arm in `prepare.rs` that makes the intent, an action in `run.rs`.

mod args;
mod environment;
mod error;
mod exec;
mod image_view;
mod login;
mod outcome;
mod patch;
mod prepare;
mod reading;
mod result;
mod run;
mod shell;
mod specs;
mod stdin;
mod terminals;
mod truncation;
mod turn;
mod user_shell;
mod widening;

pub use error::ToolError;
pub use image_view::{IMAGE_FILE_BYTES_MAX, IMAGE_SIDE_MAX};
pub use login::warm_up;
pub use outcome::{ToolOutcome, ToolOutput, ToolReport, output_item};
pub use prepare::{CallKind, Prepared, may_overlap, prepare};
pub use run::run;
pub use specs::{SPECS_BYTES_MAX, ToolSet, WebSearch, specs};
pub use terminals::{SESSIONS_MAX, Terminals};
pub use turn::{Environment, ToolWorld, TurnTools, UserShell};
pub use user_shell::user_command;
pub use widening::{Granted, Widened, Widening, granted_text};
