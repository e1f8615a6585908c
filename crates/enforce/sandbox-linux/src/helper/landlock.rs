//! The second layer: even where a mount or another namespace is missed, nothing is written outside of the writable roots, no process
//! outside gets a signal and, without network, nothing is connected.
//!
//! What this kernel's Landlock knows is used, and none at all is no reason to refuse: the plan does not rely on it.

use super::Refusal;
use crate::plan::{Confinement, Sockets, SystemCalls};
use codex_base::AbsPath;
use landlock::{ABI, Access, AccessFs, AccessNet, PathBeneath, PathFd, RulesetAttr, RulesetCreatedAttr, RulesetError, Scope};

const RULE: &str = "writes below the writable roots only";

pub(super) fn apply(plan: &Confinement) -> Result<(), Refusal> {
    restrict(plan).map_err(|error| Refusal {
        rule: RULE.to_owned(),
        missing: error.to_string(),
    })
}

fn restrict(plan: &Confinement) -> Result<(), RulesetError> {
    // The last version that knows another right to write.
    let writes = AccessFs::from_write(ABI::V5);
    let rules = landlock::Ruleset::default().handle_access(writes)?.scope(Scope::Signal)?;
    let rules = match plan.system_calls {
        SystemCalls::NetworkOn => rules,
        SystemCalls::NetworkOff => rules.handle_access(AccessNet::from_all(ABI::V4))?,
    };
    let rules = match (plan.system_calls, &plan.sockets) {
        (SystemCalls::NetworkOn, Sockets::All) => rules,
        (SystemCalls::NetworkOff, _) | (_, Sockets::Pairs | Sockets::Own { .. }) => rules.scope(Scope::AbstractUnixSocket)?,
    };
    let mut rules = rules.create()?;
    let private = std::path::Path::new("/dev");
    for path in plan.writable.iter().map(AbsPath::as_path).chain([private]) {
        // A root that is gone needs no rule.
        let Ok(folder) = PathFd::new(path) else { continue };
        rules = rules.add_rule(PathBeneath::new(folder, writes))?;
    }
    rules.restrict_self().map(drop)
}
