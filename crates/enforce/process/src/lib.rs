//! Where commands run: from a command and a resolved policy to a supervised process tree and its output.
//!
//! ```text
//! CommandSpec + ResolvedPolicy --Sandbox::prepare--> PreparedCommand --spawn--> Running --exited--> one ExitOutcome
//! ```
//!
//! A [`Sandbox`] decides what a command is started with and refuses what it cannot enforce; [`spawn`] starts it and owns the
//! rest: output pump, time limit, cancellation and kill ladder. Whoever drops the last [`Running`] ends the whole tree, and so
//! does the end of this process, however it comes.
//!
//! | module | says |
//! | --- | --- |
//! | [`command`] | what is to run, and the trait that confines it |
//! | [`running`] | a live command: output, input, signals, its one end |
//! | [`output`] | what is kept of a command's output |
//! | [`limit`] | which limit stopped a command, in words |
//! | [`record`] | what a recorder saw of a command |
//! | [`facts`] | looks up what a policy must know of the file system |
//! | `starter`, `packets` (Linux) | a process that turns into supervisors, and what travels with descriptors |
//! | [`wire`] | what travels between this process and the helper that becomes the supervisor |

pub mod command;
mod direct;
pub mod facts;
pub mod limit;
pub mod output;
#[cfg(target_os = "linux")]
pub mod packets;
pub mod record;
pub mod running;
mod spawn;
#[cfg(target_os = "linux")]
pub mod starter;
#[cfg(target_os = "linux")]
mod supervised;
pub mod wire;

pub use command::{CommandIo, CommandSpec, Launch, NoSandbox, PreparedCommand, Sandbox, SandboxError};
pub use running::{ExitCause, ExitOutcome, Expiration, Ladder, LimitHit, Running, Usage, WriteError};
pub use spawn::{SpawnError, spawn, spawn_or_again};
