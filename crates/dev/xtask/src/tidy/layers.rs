//! Who may depend on whom (ARCHITECTURE.md, section 3).

use super::workspace::{Dependency, Member};
use super::{Finding, finding, words};

/// The shipped folders in the order of dependence: a crate depends only on folders to the left of its own.
const ORDER: [&str; 7] = ["base", "wire", "policy", "enforce", "services", "engine", "front"];

/// Edges inside a folder.
const INSIDE: [(&str, &str, &str); 15] = [
    ("base", "http", "base"),
    ("base", "secrets", "base"),
    ("base", "git", "base"),
    ("base", "file-search", "base"),
    ("base", "apply-patch", "base"),
    ("wire", "rpc", "protocol"),
    ("policy", "approvals", "permissions"),
    ("policy", "approvals", "shell-parse"),
    ("enforce", "sandbox-linux", "process"),
    ("enforce", "sandbox-macos", "process"),
    ("enforce", "sandbox-windows", "process"),
    ("enforce", "exec-server", "process"),
    ("engine", "tools", "checkpoint"),
    ("engine", "engine", "checkpoint"),
    ("engine", "engine", "tools"),
];
const INSIDE_TOO: [(&str, &str, &str); 2] = [("engine", "app-server", "engine"), ("front", "tui", "tui-kit")];

/// Crates that only `cli` may name; it hands them over as trait values.
const NAMED_BY_CLI_ALONE: [(&str, &str); 5] = [
    ("enforce", "sandbox-linux"),
    ("enforce", "sandbox-macos"),
    ("enforce", "sandbox-windows"),
    ("policy", "execpolicy"),
    ("base", "secrets"),
];

/// What a front end sees besides `wire` and `base`.
const FRONT_EXCEPTIONS: [(&str, &str, &str); 4] = [
    ("sandbox-cmd", "enforce", "process"),
    ("sandbox-cmd", "policy", "permissions"),
    ("sandbox-cmd", "policy", "approvals"),
    ("sandbox-cmd", "services", "config"),
];

/// Only these may use the catch-all error type.
const ANYHOW: [(&str, &str); 2] = [("front", "cli"), ("dev", "xtask")];

pub fn check(members: &[Member]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for member in members {
        for dependency in &member.dependencies {
            let problem = match members.iter().find(|other| other.package() == dependency.package) {
                Some(other) => edge(member, other, dependency.dev),
                None => foreign(member, dependency),
            };
            findings.extend(problem.map(|problem| finding(format!("crates/{}/{}", member.folder, member.name), problem)));
        }
    }
    findings
}

/// What is wrong with `from` depending on `to`.
fn edge(from: &Member, to: &Member, dev: bool) -> Option<String> {
    let (place, other) = ((from.folder.as_str(), from.name.as_str()), (to.folder.as_str(), to.name.as_str()));
    if place.0 == "dev" || place == ("front", "cli") && other.0 != "dev" || dev && other == ("dev", "testkit") {
        return None;
    }
    if other.0 == "dev" {
        return Some(format!("depends on {}, which is never shipped", other.1));
    }
    if NAMED_BY_CLI_ALONE.contains(&other) {
        return Some(format!("names {}; only cli may", other.1));
    }
    let rank = |folder: &str| ORDER.iter().position(|name| *name == folder);
    if place.0 == other.0 {
        let known = INSIDE.iter().chain(&INSIDE_TOO).any(|edge| *edge == (place.0, place.1, other.1));
        return (!known).then(|| format!("depends on {}, its neighbour in {}/", other.1, place.0));
    }
    if rank(place.0) < rank(other.0) {
        return Some(format!("depends on {}/{}, which lies above it", other.0, other.1));
    }
    let seen_by_front = dev || matches!(other.0, "wire" | "base") || FRONT_EXCEPTIONS.contains(&(place.1, other.0, other.1));
    (place.0 == "front" && !seen_by_front).then(|| format!("depends on {}/{}; a front end sees wire and base only", other.0, other.1))
}

/// What is wrong with a dependency from outside the workspace.
fn foreign(member: &Member, dependency: &Dependency) -> Option<String> {
    if dependency.package == "anyhow" && !dependency.dev && !ANYHOW.contains(&(member.folder.as_str(), member.name.as_str())) {
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
