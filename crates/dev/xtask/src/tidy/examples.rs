//! Every example of the user's pages says what it is, so that the program's tests know what to do with it.

use super::{Finding, below_root, finding};
use anyhow::Result;
use codex_testkit::examples::examples;
use std::fs;
use std::path::PathBuf;

pub fn check(files: &[PathBuf]) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    for path in files {
        let name = below_root(path);
        if is_page(&name)
            && let Err(wrong) = examples(&fs::read_to_string(path)?)
        {
            findings.extend(wrong.into_iter().map(|why| match why.split_once(": ") {
                Some((line, why)) => finding(format!("{name}:{line}"), why),
                None => finding(&name, why),
            }));
        }
    }
    Ok(findings)
}

/// The pages whose examples are run.
fn is_page(name: &str) -> bool {
    let in_docs = name.strip_prefix("docs/").is_some_and(|rest| !rest.contains('/'));
    name.ends_with(".md") && (in_docs || ["README.md", "CONTRIBUTING.md"].contains(&name))
}
