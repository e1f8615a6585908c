//! Words that may stand only in certain places: platform conditions, reads of the environment, secrets, waivers, places and hosts.

use super::rules::RULES;
use super::source::{Line, Source};
use super::{Finding, below_root, finding};
use crate::cargo::root;
use anyhow::Result;
use std::fs;
use std::path::Path;

pub fn platform_code_allowed(path: &str) -> bool {
    is_below(path, &RULES.platform_code)
}

/// A manifest covers its whole crate, so a crate with one allowed file may name dependencies for one platform.
pub fn platform_dependency_allowed(folder: &str, name: &str) -> bool {
    let dir = format!("crates/{folder}/{name}/");
    let near = |allowed: &String| allowed.starts_with(&dir) || dir.starts_with(allowed);
    RULES.platform_code.iter().any(near)
}

fn is_below(path: &str, places: &[String]) -> bool {
    places.iter().any(|place| path.starts_with(place))
}

/// Whether a condition asks for an operating system.
pub fn names_a_platform(condition: &str) -> bool {
    let names = ["target_os", "target_family", "unix", "windows"];
    condition
        .split(|c: char| !c.is_alphanumeric() && c != '_')
        .any(|word| names.contains(&word))
}

pub fn check_source(source: &Source) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (at, line) in source.lines.iter().enumerate() {
        let place = format!("{}:{}", source.path, at + 1);
        findings.extend(problems(&source.path, line).into_iter().map(|problem| finding(&place, problem)));
    }
    findings
}

fn problems(path: &str, line: &Line) -> Vec<&'static str> {
    let mut problems = Vec::new();
    let allows = line.code.contains("#[allow(") || line.code.contains("#![allow(");
    // A module that several test programs share cannot expect what only some of them leave unused.
    if allows && !(line.test && line.code.contains("reason")) {
        problems.push("a lint is waived with `expect` and a reason, not with `allow`");
    }
    if line.test {
        return problems;
    }
    if platform_condition(&line.code) && !platform_code_allowed(path) {
        problems.push("code for one platform belongs into the crates that ARCHITECTURE.md names (invariant 10)");
    }
    if RULES.environment_reads.iter().any(|read| line.code.contains(read)) && !is_below(path, &RULES.environment) {
        problems.push("the environment is read in cli only (invariant 11)");
    }
    if line.code.contains(".expose()") && !is_below(path, &RULES.secrets) {
        problems.push("a secret is opened only where it is sent or stored (invariant 13)");
    }
    problems
}

/// A `cfg`, `cfg_attr` or `cfg!` about the operating system.
fn platform_condition(code: &str) -> bool {
    let conditions = ["cfg(", "cfg_attr(", "cfg!("].iter().filter_map(|open| code.split_once(open));
    conditions.map(|(_, rest)| up_to_closing(rest)).any(names_a_platform)
}

/// What stands before the parenthesis that closes one opened just before `rest`.
fn up_to_closing(rest: &str) -> &str {
    let mut depth = 1_usize;
    let end = rest.find(|c| {
        match c {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        depth == 0
    });
    &rest[..end.unwrap_or(rest.len())]
}

/// Rules for every text file, whatever its language.
pub fn check_file(path: &Path) -> Result<Vec<Finding>> {
    let Ok(text) = String::from_utf8(fs::read(path)?) else {
        return Ok(Vec::new());
    };
    let place = below_root(path);
    let banned = banned();
    let mut findings: Vec<Finding> = orphan_snapshot(path, &text)
        .map(|problem| finding(&place, problem))
        .into_iter()
        .collect();
    for (at, line) in text.lines().enumerate() {
        let problems = banned
            .iter()
            .filter(|(word, _)| line.contains(word.as_str()))
            .map(|(_, problem)| *problem);
        findings.extend(
            problems
                .chain(unnamed_reminder(line))
                .map(|problem| finding(format!("{place}:{}", at + 1), problem)),
        );
    }
    Ok(findings)
}

/// A snapshot file says in its head which file's test it belongs to.
fn orphan_snapshot(path: &Path, text: &str) -> Option<String> {
    let is_snapshot = path.extension().is_some_and(|extension| extension == "snap");
    let source = text
        .lines()
        .take(10)
        .find_map(|line| line.strip_prefix("source: "))
        .filter(|_| is_snapshot)?;
    (!root().join(source).exists()).then(|| format!("is a snapshot of {source}, which is gone"))
}

/// Spelled in pieces, so that this file may be checked like the others.
fn banned() -> Vec<(String, &'static str)> {
    const MACHINE: &str = "names a place on one machine";
    const HOST: &str = "names a package registry or download host";
    let places = [["/root/", "."]];
    let hosts = [
        ["crates", "io"],
        ["npmjs", "org"],
        ["npmjs", "com"],
        ["pypi", "org"],
        ["golang", "org"],
        ["debian", "org"],
        ["rust-lang", "org"],
    ];
    let places = places.iter().map(|parts| (parts.concat(), MACHINE));
    places.chain(hosts.iter().map(|parts| (parts.join("."), HOST))).collect()
}

/// A reminder names the missing thing in parentheses.
fn unnamed_reminder(line: &str) -> Option<&'static str> {
    let word = ["TO", "DO"].concat();
    let unnamed = line.match_indices(&word).any(|(at, _)| {
        let alone = !line[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_');
        let after = &line[at + word.len()..];
        alone && !after.starts_with(|c: char| c == '(' || c.is_alphanumeric() || c == '_')
    });
    unnamed.then_some("a reminder names the missing thing, in parentheses behind the word")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(path: &str, text: &str) -> Vec<String> {
        check_source(&Source::parse(path, text))
            .iter()
            .map(|finding| finding.place.clone())
            .collect()
    }

    #[test]
    fn a_word_in_the_wrong_place_is_found() {
        let text = "#[cfg(unix)]\nfn a() { std::env::var_os(\"X\"); }\n// cfg(windows)\nfn b(s: Secret) { s.expose(); }\n#[cfg(all(test, unix))]\nmod tests { fn c() { std::env::temp_dir(); } }\n";

        assert_eq!(
            check("crates/services/config/src/lib.rs", text).join(" "),
            "crates/services/config/src/lib.rs:1 crates/services/config/src/lib.rs:2 crates/services/config/src/lib.rs:4"
        );
        assert_eq!(check("crates/front/cli/src/main.rs", text), ["crates/front/cli/src/main.rs:4"]);
        assert_eq!(
            check("crates/services/model/src/lib.rs", "fn b(s: Secret) { s.expose(); }"),
            [""; 0]
        );
    }

    #[test]
    fn a_platform_is_recognised_by_whole_words() {
        let check = |code: &str, expect: bool| assert_eq!(platform_condition(code), expect, "{code}");

        check("#[cfg(target_os = \"linux\")]", true);
        check("if cfg!(windows) {", true);
        check("#[cfg_attr(not(unix), expect(dead_code))]", true);
        check("#[cfg(feature = \"x\")]", false);
        check("#[cfg(debug_assertions)] windows", false);
    }

    #[test]
    fn a_reminder_needs_a_name() {
        let check = |line: &str, expect: bool| assert_eq!(unnamed_reminder(line).is_some(), expect, "{line}");
        let word = ["TO", "DO"].concat();

        check(&format!("// {word}: later"), true);
        check(&format!("// {word}(websocket): later"), false);
        check("// AUTODOC", false);
    }
}
