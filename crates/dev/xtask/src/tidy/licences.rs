//! Under which terms our dependencies come, and where they come from.

use super::rules::RULES;
use super::{Finding, finding};
use crate::cargo::{host, metadata, root};
use anyhow::{Context, Result};
use serde_json::Value;
use std::fs;

/// What this system needs, and where everything comes from. The needs of another system are not on this machine until it is built for.
pub fn check() -> Result<Vec<Finding>> {
    let mut findings = check_for(&host()?)?;
    let lock = fs::read_to_string(root().join("Cargo.lock")).context("could not read Cargo.lock")?;
    findings.extend(
        lock.lines()
            .filter(|line| line.contains("\"git+"))
            .map(|line| finding("Cargo.lock", format!("git dependency: {line}"))),
    );
    Ok(findings)
}

/// What a build for this target needs.
pub fn check_for(triple: &str) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    let metadata = metadata(&["--filter-platform", triple])?;
    for package in metadata["packages"].as_array().context("metadata without packages")? {
        let from_registry = package["source"].as_str().is_some();
        if from_registry && !package["license"].as_str().is_some_and(allowed) {
            findings.push(finding(
                package_name(package),
                format!("its licence {} is not on the list", package["license"]),
            ));
        }
    }
    Ok(findings)
}

fn package_name(package: &Value) -> String {
    format!(
        "{} {}",
        package["name"].as_str().unwrap_or("?"),
        package["version"].as_str().unwrap_or("?")
    )
}

/// Whether an SPDX expression can be met with licences of the list. The old form with a slash means `OR`.
fn allowed(expression: &str) -> bool {
    let spaced = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let (met, rest) = any_of(&words);
    met && rest.is_empty()
}

fn any_of<'a>(words: &'a [&'a str]) -> (bool, &'a [&'a str]) {
    let (mut met, mut rest) = all_of(words);
    while let ["OR", more @ ..] = rest {
        let (next, left) = all_of(more);
        met |= next;
        rest = left;
    }
    (met, rest)
}

fn all_of<'a>(words: &'a [&'a str]) -> (bool, &'a [&'a str]) {
    let (mut met, mut rest) = one(words);
    while let ["AND", more @ ..] = rest {
        let (next, left) = one(more);
        met &= next;
        rest = left;
    }
    (met, rest)
}

fn one<'a>(words: &'a [&'a str]) -> (bool, &'a [&'a str]) {
    match words {
        ["(", inner @ ..] => match any_of(inner) {
            (met, [")", rest @ ..]) => (met, rest),
            (_, rest) => (false, rest),
        },
        [name, "WITH", exception, rest @ ..] => (is_listed(&format!("{name} WITH {exception}")), rest),
        [name, rest @ ..] => (is_listed(name), rest),
        [] => (false, &[]),
    }
}

fn is_listed(licence: &str) -> bool {
    RULES.licences.iter().any(|known| known == licence)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_expression_is_met_by_the_list_or_not() {
        let check = |expression: &str, expect: bool| assert_eq!(allowed(expression), expect, "{expression}");

        check("MIT", true);
        check("MIT/Apache-2.0", true);
        check("GPL-3.0 OR MIT", true);
        check("GPL-3.0 AND MIT", false);
        check("(MIT OR GPL-3.0) AND Unicode-3.0", true);
        check("Apache-2.0 WITH LLVM-exception OR Apache-2.0", true);
        check("GPL-2.0 WITH Classpath-exception-2.0", false);
        check("(MIT", false);
        check("", false);
    }
}
