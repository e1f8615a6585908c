//! Writes `docs/commands.md`. The definition of the command line is in the program, so a test of the program writes it.

use crate::cargo::{cargo, step};
use anyhow::Result;

pub fn write() -> Result<()> {
    let mut test = cargo();
    test.env("CODEX_WRITE_DOCS", "1")
        .args(["test", "--quiet", "-p", "codex-cli", "--bin", "codex", "page_of_commands"]);
    step("docs/commands.md", &mut test)
}
