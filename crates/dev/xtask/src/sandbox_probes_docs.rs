//! Writes `docs/sandbox-probes.md`. What cannot be tried on this host is marked in it, so the escape suite writes it when it has run.

use crate::cargo::{cargo, step};
use anyhow::Result;

pub fn write() -> Result<()> {
    let mut test = cargo();
    test.env("CODEX_WRITE_DOCS", "1").args([
        "test",
        "--quiet",
        "-p",
        "codex-sandbox-linux",
        "--test",
        "escape",
        "every_attempt_ends_as_the_table_says",
    ]);
    step("docs/sandbox-probes.md", &mut test)
}
