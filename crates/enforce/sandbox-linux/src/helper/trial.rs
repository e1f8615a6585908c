//! The helper's other job: finds out whether namespaces and mounts can be made here, by making them around nothing.

use super::namespaces::{self, Entered, Network};
use super::{LISTENS, Refusal, TRIAL, listener, mounts, quit};
use crate::plan::{MountOp, Namespace};
use std::io::Write;

const NAMESPACES: [Namespace; 6] = [
    Namespace::User,
    Namespace::Mount,
    Namespace::Pid,
    Namespace::Ipc,
    Namespace::Uts,
    Namespace::Network,
];

/// Says [`LISTENS`] if a supervisor can be handed calls, and behind it [`TRIAL`] if everything can be made, else what failed.
pub(super) fn run() -> ! {
    let listens = if listens() { LISTENS } else { "" };
    let words = match namespaces::enter(&NAMESPACES, None) {
        Ok(Entered::Outside(inside)) => {
            // It says what there is to say; its end is all that is waited for.
            let _ = rustix::process::waitpid(Some(inside), rustix::process::WaitOptions::empty());
            quit(0)
        }
        Ok(Entered::Inside(settled)) => {
            let everything = settled.and_then(|settled| {
                mounts::apply(&[MountOp::AllReadOnly, MountOp::Dev, MountOp::Proc], &[], None, || Ok(Vec::new()))?;
                settled.network.map_or(Ok(()), Network::enter)
            });
            match everything {
                Ok(()) => TRIAL.to_owned(),
                Err(refusal) => words(&refusal),
            }
        }
        Err(refusal) => words(&refusal),
    };
    // Nobody listens any more if this fails.
    let _ = std::io::stdout().write_all(format!("{listens}{words}").as_bytes());
    let _ = std::io::stdout().flush();
    quit(0)
}

/// In a copy of this process: a filter is never taken off.
fn listens() -> bool {
    // SAFETY: this process has one thread, so the copy may do whatever it likes.
    match unsafe { libc::fork() } {
        -1 => false,
        0 => quit(i32::from(!listener::is_to_be_had())),
        pid => {
            let ended = rustix::process::waitpid(rustix::process::Pid::from_raw(pid), rustix::process::WaitOptions::empty());
            matches!(ended, Ok(Some((_, status))) if status.exit_status() == Some(0))
        }
    }
}

fn words(refusal: &Refusal) -> String {
    format!("{}: {}", refusal.rule, refusal.missing)
}
