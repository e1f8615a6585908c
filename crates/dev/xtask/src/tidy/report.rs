//! Long functions and files: a list to look at, and a limit that needs a reason.

use super::source::Source;
use super::{Finding, finding};
use std::collections::BTreeMap;

const FUNCTION_LINES: usize = 60;
const FILE_LINES: usize = 600;
const FILE_LINES_MAX: usize = 1000;
const CRATE_LINES_MAX: usize = 15_000;

/// Files that may be longer, and why. Tables, wire types and generated code are the usual reasons.
const LONG_FILES: [(&str, &str); 0] = [];

/// The report, and what breaks a limit.
pub fn make(sources: &[Source]) -> (String, Vec<Finding>) {
    let mut report = String::new();
    let mut findings = Vec::new();
    let mut crates: BTreeMap<&str, usize> = BTreeMap::new();
    for source in sources {
        let lines = source.code_lines();
        *crates.entry(crate_of(&source.path)).or_default() += lines;
        if lines > FILE_LINES {
            report.push_str(&format!("long file      {lines:5}  {}\n", source.path));
        }
        if lines > FILE_LINES_MAX && !LONG_FILES.iter().any(|(path, _)| *path == source.path) {
            findings.push(finding(
                &source.path,
                format!("has {lines} lines without its tests; over {FILE_LINES_MAX} it needs a reason in tidy's list"),
            ));
        }
        let long = source
            .functions
            .iter()
            .filter(|function| function.lines > FUNCTION_LINES && !source.lines[function.line - 1].test);
        report.extend(long.map(|function| {
            format!(
                "long function  {:5}  {}:{} {}\n",
                function.lines, source.path, function.line, function.name
            )
        }));
    }
    report.extend(
        sources
            .iter()
            .filter_map(|source| Some(format!("sleeps in tests{:5}  {}\n", sleeps_in_tests(source)?, source.path))),
    );
    let total: usize = crates.values().sum();
    for (name, lines) in &crates {
        if *lines > CRATE_LINES_MAX {
            findings.push(finding(
                name,
                format!("has {lines} lines without its tests; the limit is {CRATE_LINES_MAX}"),
            ));
        }
    }
    report.push_str(&format!("{total} lines without tests in {} crates\n", crates.len()));
    (report, findings)
}

/// A test that sleeps is slow, or wrong on a slow machine. The test kit's own waits are not tests.
fn sleeps_in_tests(source: &Source) -> Option<usize> {
    let count = source.lines.iter().filter(|line| line.test && line.code.contains("sleep(")).count();
    (count > 0 && !source.path.starts_with("crates/dev/")).then_some(count)
}

/// `crates/<folder>/<name>`.
fn crate_of(path: &str) -> &str {
    path.match_indices('/').nth(2).map_or(path, |(at, _)| &path[..at])
}
