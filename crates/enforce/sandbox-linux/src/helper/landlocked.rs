//! Executes a plan without namespaces, in the process that becomes the command.
//!
//! The rules are those of the session ([`crate::ruleset`]), or made here.

use super::exec::Streams;
use super::hearing::Heard;
use super::{Refusal, init, seccomp};
use crate::landlocked::LandlockPlan;
use crate::plan::Filters;
use crate::ruleset::{Rules, restrict_self};
use codex_process::wire::Report;
use rustix::fd::OwnedFd;

const RULE: &str = "files that the policy opens only";

/// What cannot be `heard` is not done for the command either.
pub(super) fn apply(
    plan: &LandlockPlan,
    ruleset: Option<&OwnedFd>,
    streams: &Streams,
    filters: &Filters,
    heard: &Heard<'_>,
) -> Result<(), Report> {
    init::limit_core().map_err(|error| Refusal::of("no core dumps", "set the limit")(error).into_report())?;
    init::gain_nothing()
        .and_then(|()| init::drop_privileges(rustix::thread::CapabilitySet::empty()))
        .map_err(|error| Refusal::of("no privileges", "drop them")(error).into_report())?;
    let restricted = match (ruleset, streams) {
        (Some(ruleset), Streams::Inherited { .. } | Streams::Ours { .. }) => restrict_self(ruleset),
        _ => {
            let rules = Rules::of(plan).map_err(|error| {
                let missing = error.to_string();
                Refusal {
                    rule: RULE.to_owned(),
                    missing,
                }
                .into_report()
            })?;
            if let Streams::Terminal { slave } = streams {
                // The command's own.
                let allowed = rules.allow_device(slave);
                allowed.map_err(|error| Refusal::of(RULE, "allow the terminal")(error.into()).into_report())?;
            }
            rules.restrict_self()
        }
    };
    restricted.map_err(|error| Refusal::of(RULE, "restrict")(error).into_report())?;
    let unserved = heard.done.is_empty();
    let listener = heard.install(filters.first.len() + usize::from(unserved))?;
    // There is one listener for all filters of a process. Where somebody around us has it, the command does without.
    if listener.is_none() || unserved {
        seccomp::refuse_metadata().map_err(Refusal::into_report)?;
    }
    seccomp::apply(&filters.first).map_err(Refusal::into_report)
}
