//! The second layer for writing: even where a mount is missed, nothing is written outside of the writable roots.
//!
//! What this kernel's Landlock knows is used, and none at all is no reason to refuse: the mounts are what the plan relies on.

use super::Refusal;
use codex_base::AbsPath;
use landlock::{ABI, AccessFs, PathBeneath, PathFd, RulesetAttr, RulesetCreatedAttr};

const RULE: &str = "writes below the writable roots only";

pub(super) fn apply(writable: &[AbsPath]) -> Result<(), Refusal> {
    // The last version that knows another right to write; ioctl on devices is left to the devices that exist.
    let writes = AccessFs::from_write(ABI::V3);
    let refuse = |error: landlock::RulesetError| Refusal {
        rule: RULE.to_owned(),
        missing: error.to_string(),
    };
    let mut rules = landlock::Ruleset::default()
        .handle_access(writes)
        .and_then(landlock::Ruleset::create)
        .map_err(refuse)?;
    let private = std::path::Path::new("/dev");
    for path in writable.iter().map(AbsPath::as_path).chain([private]) {
        // A root that is gone needs no rule.
        let Ok(folder) = PathFd::new(path) else { continue };
        rules = rules.add_rule(PathBeneath::new(folder, writes)).map_err(refuse)?;
    }
    rules.restrict_self().map(drop).map_err(refuse)
}
