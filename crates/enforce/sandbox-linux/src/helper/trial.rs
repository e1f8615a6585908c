//! The helper's other job: finds out whether namespaces and mounts can be made here, by making them around nothing.

use super::namespaces::{self, Entered};
use super::{Refusal, TRIAL, mounts, quit};
use crate::plan::{MountOp, Namespace};
use std::io::Write;

const NAMESPACES: [Namespace; 5] = [
    Namespace::User,
    Namespace::Mount,
    Namespace::Pid,
    Namespace::Ipc,
    Namespace::Network,
];

/// Says [`TRIAL`] if everything can be made, else what failed.
pub(super) fn run() -> ! {
    let words = match namespaces::enter(&NAMESPACES, None) {
        Ok(Entered::Outside(inside)) => {
            // It says what there is to say; its end is all that is waited for.
            let _ = rustix::process::waitpid(Some(inside), rustix::process::WaitOptions::empty());
            quit(0)
        }
        Ok(Entered::Inside(settled)) => {
            match settled.and_then(|_| mounts::apply(&[MountOp::AllReadOnly, MountOp::Dev, MountOp::Proc], &[])) {
                Ok(()) => TRIAL.to_owned(),
                Err(refusal) => words(&refusal),
            }
        }
        Err(refusal) => words(&refusal),
    };
    // Nobody listens any more if this fails.
    let _ = std::io::stdout().write_all(words.as_bytes());
    let _ = std::io::stdout().flush();
    quit(0)
}

fn words(refusal: &Refusal) -> String {
    format!("{}: {}", refusal.rule, refusal.missing)
}
