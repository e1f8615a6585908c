//! What a host's way to confine commands refuses although the policy allows it, and what people and models are told of that.

use codex_base::AbsPath;
use codex_permissions::{ResolvedPolicy, Rights, rights};
use codex_protocol::facts::{Capabilities, Shortfall, ShortfallKind};

/// What commands under `policy` may not do on this host although the policy allows it.
pub fn shortfalls<'a>(policy: &ResolvedPolicy, host: &'a Capabilities) -> Vec<&'a Shortfall> {
    let writes = policy.writable_roots().next().is_some();
    let in_force = host.in_force().filter(|_| policy.confined);
    let all = in_force.map_or(&[][..], |rung| &rung.shortfalls);
    all.iter()
        .filter(|shortfall| match shortfall.kind {
            ShortfallKind::Names | ShortfallKind::Metadata => writes,
            ShortfallKind::NamesAroundHidden => hides_beside_writable(policy),
            ShortfallKind::System => true,
        })
        .collect()
}

/// Whether something hidden lies in a writable folder.
fn hides_beside_writable(policy: &ResolvedPolicy) -> bool {
    let is_writable = |path: &AbsPath| rights(policy, path) == Rights::Write;
    let mut points = policy.turning_points().into_iter();
    !policy.deny_globs.is_empty()
        || points.any(|path| rights(policy, path) == Rights::None && path.ancestors().skip(1).any(|around| is_writable(&around)))
}

/// For the user, once per session: what is refused, why, and the way out. `None` if the host enforces the policy exactly.
pub fn shortfall_notice(policy: &ResolvedPolicy, host: &Capabilities) -> Option<String> {
    let refused = listed(&shortfalls(policy, host))?;
    let better = host.rungs.iter().find(|rung| rung.mechanism != host.mechanism);
    let why = better
        .and_then(|rung| rung.lacks.first())
        .map(|lack| format!(" Why: {}. Way out: {}.", lack.why, lack.remedy))
        .unwrap_or_default();
    Some(format!(
        "This host confines commands more narrowly than the sandbox policy asks ({}): {refused}.{why}",
        host.mechanism
    ))
}

/// For the model, beside what the policy allows.
pub fn shortfall_rules(policy: &ResolvedPolicy, host: &Capabilities) -> Option<String> {
    let refused = listed(&shortfalls(policy, host))?;
    Some(format!(
        "This host cannot enforce that exactly, so commands are refused more: {refused}."
    ))
}

fn listed(shortfalls: &[&Shortfall]) -> Option<String> {
    let words: Vec<&str> = shortfalls.iter().map(|shortfall| shortfall.what.as_str()).collect();
    (!words.is_empty()).then(|| words.join("; "))
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use codex_permissions::{PathFacts, candidate_roots};
    use codex_protocol::facts::{Lack, LackKind, Rung};
    use codex_protocol::settings::{FileRules, SandboxPolicy};

    fn host(mechanism: &str) -> Capabilities {
        let shortfall = |kind, what: &str| Shortfall {
            kind,
            what: what.to_owned(),
        };
        Capabilities {
            mechanism: mechanism.to_owned(),
            confines: true,
            missing: Vec::new(),
            rungs: vec![
                Rung {
                    mechanism: "good".to_owned(),
                    lacks: vec![Lack {
                        kind: LackKind::Kernel,
                        why: "the kernel is old".to_owned(),
                        remedy: "take a new one".to_owned(),
                    }],
                    shortfalls: Vec::new(),
                    shows: Vec::new(),
                },
                Rung {
                    mechanism: "less".to_owned(),
                    lacks: Vec::new(),
                    shortfalls: vec![
                        shortfall(ShortfallKind::Metadata, "no times"),
                        shortfall(ShortfallKind::NamesAroundHidden, "no names"),
                        shortfall(ShortfallKind::System, "no queues"),
                    ],
                    shows: Vec::new(),
                },
            ],
        }
    }

    fn policy(chosen: &SandboxPolicy) -> ResolvedPolicy {
        let path = |text: &str| AbsPath::new(text).expect("test paths are absolute");
        let roots = candidate_roots(chosen, &path("/w"), None, None);
        let facts = PathFacts {
            existing_roots: roots.into_iter().map(|root| (root.clone(), root)).collect(),
            ..PathFacts::unknown(path("/home/u/.codex"))
        };
        codex_permissions::resolve(chosen, &FileRules::default(), &path("/w"), &facts)
    }

    #[test]
    fn what_is_refused_depends_on_the_host_and_on_whether_anything_may_be_written() {
        let told = |mechanism: &str, chosen: &SandboxPolicy| shortfall_notice(&policy(chosen), &host(mechanism)).unwrap_or_default();
        let writes = SandboxPolicy::workspace_write();
        let reads = SandboxPolicy::ReadOnly { network_access: false };

        insta::assert_snapshot!(told("less", &writes), @"This host confines commands more narrowly than the sandbox policy asks (less): no times; no queues. Why: the kernel is old. Way out: take a new one.");
        insta::assert_snapshot!(told("less", &reads), @"This host confines commands more narrowly than the sandbox policy asks (less): no queues. Why: the kernel is old. Way out: take a new one.");
        assert_eq!(told("good", &writes), "");
        assert_eq!(told("less", &SandboxPolicy::DangerFullAccess), "");
        insta::assert_snapshot!(shortfall_rules(&policy(&writes), &host("less")).unwrap(), @"This host cannot enforce that exactly, so commands are refused more: no times; no queues.");
    }
}
