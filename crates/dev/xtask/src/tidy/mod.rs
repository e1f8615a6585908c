//! The rules of ARCHITECTURE.md that a program can check.
//!
//! Input: the manifests and files of this checkout. Output: findings, each of which fails the check, and a report of long functions and
//! files, which does not. The same rules run as a test of this crate.

pub mod workspace;

mod codes;
#[cfg(unix)]
mod examples;
mod layers;
pub mod licences;
mod report;
mod rules;
mod source;
mod words;

use crate::cargo::root;
use crate::crates_readme;
use anyhow::{Result, bail};
use source::Source;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use workspace::members;

/// One broken rule.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// File, line, crate or dependency.
    pub place: String,
    pub problem: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.problem)
    }
}

fn finding(place: impl fmt::Display, problem: impl fmt::Display) -> Finding {
    Finding {
        place: place.to_string(),
        problem: problem.to_string(),
    }
}

/// Prints the report and the findings; fails if there are any.
pub fn command() -> Result<()> {
    let checked = check()?;
    print!("{}", checked.report);
    for finding in &checked.findings {
        eprintln!("{finding}");
    }
    if !checked.findings.is_empty() {
        bail!("{} rules are broken", checked.findings.len());
    }
    Ok(())
}

struct Checked {
    findings: Vec<Finding>,
    report: String,
}

fn check() -> Result<Checked> {
    let members = members()?;
    let sources = Source::read_all(&members)?;
    let mut findings = layers::check(&members);
    findings.extend(licences::check()?);
    for source in &sources {
        findings.extend(words::check_source(source));
    }
    let files = text_files(root())?;
    for path in &files {
        findings.extend(words::check_file(path)?);
    }
    findings.extend(codes::check(&files)?);
    #[cfg(unix)]
    findings.extend(examples::check(&files)?);
    findings.extend(generated()?);
    let (report, too_long) = report::make(&sources);
    findings.extend(too_long);
    findings.sort();
    findings.dedup();
    Ok(Checked { findings, report })
}

fn generated() -> Result<Option<Finding>> {
    let current = fs::read_to_string(crates_readme::path()).unwrap_or_default();
    let stale = current != crates_readme::text()?;
    Ok(stale.then(|| finding("crates/README.md", "is not current: run `cargo xtask crates-readme`")))
}

/// Every file of the checkout that people write, with its path below `root`.
fn text_files(root: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let name = entry.file_name();
            if entry.file_type()?.is_dir() {
                if name != ".git" && name != "target" {
                    folders.push(entry.path());
                }
            } else if name != "Cargo.lock" {
                found.push(entry.path());
            }
        }
    }
    found.sort();
    Ok(found)
}

/// `path` as seen from the workspace's folder, with forward slashes.
fn below_root(path: &Path) -> String {
    path.strip_prefix(root()).unwrap_or(path).to_string_lossy().replace('\\', "/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_repository_is_tidy() {
        let checked = check().unwrap();

        let list: Vec<String> = checked.findings.iter().map(Finding::to_string).collect();
        assert!(list.is_empty(), "broken rules:\n{}", list.join("\n"));
    }
}
