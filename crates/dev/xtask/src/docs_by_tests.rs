//! Documents that a test writes, since what they say is known only there. Without the variable the same test compares.

use crate::cargo::{cargo, step};
use anyhow::Result;

/// The definition of the command line is in the program.
pub fn commands() -> Result<()> {
    write("docs/commands.md", &["-p", "codex-cli", "--bin", "codex", "page_of_commands"])
}

/// What cannot be tried on this host is marked in it, so the escape suite writes it when it has run.
pub fn sandbox_probes() -> Result<()> {
    let test = "every_attempt_ends_as_the_table_says";
    write("docs/sandbox-probes.md", &["-p", "codex-sandbox-linux", "--test", "escape", test])
}

fn write(document: &str, test: &[&str]) -> Result<()> {
    step(document, cargo().env("CODEX_WRITE_DOCS", "1").args(["test", "--quiet"]).args(test))
}
