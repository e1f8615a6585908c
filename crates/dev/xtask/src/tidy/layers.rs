//! Who may depend on whom (ARCHITECTURE.md, section 3).

use super::rules::RULES;
use super::workspace::{Dependency, Member};
use super::{Finding, finding, words};
use std::collections::BTreeMap;

pub fn check(members: &[Member]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for member in members {
        for dependency in &member.dependencies {
            let problem = match members.iter().find(|other| other.package() == dependency.package) {
                Some(other) => edge(member, other, dependency.dev),
                None => foreign(member, dependency),
            };
            findings.extend(problem.map(|problem| finding(format!("crates/{}", member.place()), problem)));
        }
    }
    findings
}

/// What is wrong with `from` depending on `to`.
fn edge(from: &Member, to: &Member, dev: bool) -> Option<String> {
    let (place, other) = (from.place(), to.place());
    if from.folder == "dev" || place == "front/cli" && to.folder != "dev" || dev && other == "dev/testkit" {
        return None;
    }
    if to.folder == "dev" {
        return Some(format!("depends on {}, which is never shipped", to.name));
    }
    if RULES.named_by_cli_alone.contains(&other) {
        return Some(format!("names {}; only cli may", to.name));
    }
    let rank = |folder: &str| RULES.order.iter().position(|name| name == folder);
    let listed = |list: &BTreeMap<String, Vec<String>>, wanted| list.get(&place).is_some_and(|known| known.contains(wanted));
    if from.folder == to.folder {
        return (!listed(&RULES.inside, &to.name)).then(|| format!("depends on {}, its neighbour in {}/", to.name, from.folder));
    }
    if rank(&from.folder) < rank(&to.folder) {
        return Some(format!("depends on {other}, which lies above it"));
    }
    let seen_by_front = dev || matches!(to.folder.as_str(), "wire" | "base") || listed(&RULES.seen_by_front, &other);
    (from.folder == "front" && !seen_by_front).then(|| format!("depends on {other}; a front end sees wire and base only"))
}

/// What is wrong with a dependency from outside the workspace.
fn foreign(member: &Member, dependency: &Dependency) -> Option<String> {
    if dependency.package == "anyhow" && !dependency.dev && !RULES.anyhow.contains(&member.place()) {
        return Some("depends on anyhow; errors of a library are typed".to_owned());
    }
    let bound = dependency.target.as_deref().is_some_and(words::names_a_platform);
    let allowed = words::platform_dependency_allowed(&member.folder, &member.name);
    (bound && !dependency.dev && !allowed).then(|| format!("depends on {} for one platform only", dependency.package))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(path: &str, dependencies: &[(&str, bool)]) -> Member {
        let (folder, name) = path.split_once('/').unwrap();
        let dependencies = dependencies
            .iter()
            .map(|(package, dev)| Dependency {
                package: (*package).to_owned(),
                dev: *dev,
                target: None,
            })
            .collect();
        Member {
            folder: folder.to_owned(),
            name: name.to_owned(),
            dir: path.into(),
            dependencies,
        }
    }

    #[test]
    fn a_wrong_edge_is_found() {
        let crates = [
            member("base/base", &[]),
            member("wire/protocol", &[("codex-base", false)]),
            member("policy/approvals", &[("codex-process", false)]),
            member("enforce/process", &[("codex-protocol", false), ("anyhow", false)]),
            member("enforce/sandbox-linux", &[("codex-process", false)]),
            member("services/config", &[("codex-model", false)]),
            member("services/model", &[("codex-testkit", true)]),
            member("engine/tools", &[("codex-sandbox-linux", true), ("codex-testkit", false)]),
            member(
                "front/exec",
                &[("codex-protocol", false), ("codex-tools", false), ("codex-config", true)],
            ),
            member(
                "front/cli",
                &[("codex-sandbox-linux", false), ("codex-exec", false), ("anyhow", false)],
            ),
            member("dev/testkit", &[("codex-base", false)]),
        ];

        let found: Vec<String> = check(&crates).iter().map(Finding::to_string).collect();

        insta::assert_snapshot!(found.join("\n"), @r"
        crates/policy/approvals: depends on enforce/process, which lies above it
        crates/enforce/process: depends on anyhow; errors of a library are typed
        crates/services/config: depends on model, its neighbour in services/
        crates/engine/tools: names sandbox-linux; only cli may
        crates/engine/tools: depends on testkit, which is never shipped
        crates/front/exec: depends on engine/tools; a front end sees wire and base only
        ");
    }
}
