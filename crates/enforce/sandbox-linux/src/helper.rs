//! The helper process: takes a plan and a command from its parent, applies the plan, starts the command, supervises its tree.
//!
//! ```text
//! codex --(spawn)--> supervisor --(clone into the namespaces)--> init, PID 1 in there --> command      confined
//! codex --(spawn)--> supervisor, subreaper --------------------------------------------> command      unconfined, or without namespaces
//! codex --(spawn)--> starter --(fork)--> supervisor ...                                               in a session
//! ```
//!
//! The supervisor stays outside of the namespaces: it holds the socket to codex, walks the kill ladder and cleans up. The end of that socket
//! is how it learns that codex is gone: unlike the parent-death signal it cannot come too early (that signal comes when the *thread*
//! that started us ends) nor be missed. Init has the signal, since its parent has one thread.
//!
//! One thread, no runtime: it forks freely.

mod broker;
mod cgroup;
mod exec;
mod hearing;
mod init;
mod landlock;
mod landlocked;
mod limits;
mod link;
mod listener;
mod mounts;
mod namespaces;
mod placeholder;
mod recorder;
mod scratch;
pub(crate) mod seccomp;
mod signals;
mod sockets;
mod spare;
mod starter;
mod supervisor;
mod tree;
mod trial;

use codex_process::wire::{Failure, Report};
use std::io;

/// The argument that makes the helper try what it can, and what it says if that is everything.
pub(crate) const TRIAL: &str = "trial";
/// What the trial says first if a supervisor can be handed calls.
pub(crate) const LISTENS: &str = "+";

/// What the executable does under the name [`crate::HELPER_ARG0`]. Standard input is the socket to the parent.
pub fn helper_main() -> ! {
    let argument = std::env::args_os().nth(1);
    if argument.as_ref().is_some_and(|argument| argument == TRIAL) {
        trial::run()
    }
    let done = if argument.is_some_and(|argument| argument == codex_process::starter::ARGUMENT) {
        starter::run()
    } else {
        supervisor::run()
    };
    std::process::exit(i32::from(done.is_err()))
}

/// Ends a copy of this process at once, without anything that the original will do at its own end.
fn quit(code: i32) -> ! {
    // SAFETY: ends the process, nothing more.
    unsafe { libc::_exit(code) }
}

/// Why a step of the plan failed, in the words that reach the user.
#[derive(Debug)]
pub(crate) struct Refusal {
    rule: String,
    missing: String,
}

impl Refusal {
    /// `step` is what was tried, e.g. `mount /proc`.
    fn of<'a>(rule: &'a str, step: impl std::fmt::Display + 'a) -> impl FnOnce(io::Error) -> Self + 'a {
        move |error| Self {
            rule: rule.to_owned(),
            missing: format!("failed to {step}: {error}"),
        }
    }

    fn into_report(self) -> Report {
        Report::Failed(Failure::Unenforceable {
            rule: self.rule,
            missing: self.missing,
        })
    }
}
