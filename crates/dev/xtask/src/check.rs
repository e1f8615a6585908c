//! What has to hold before a change is sent.

use crate::cargo::{cargo, step};
use crate::tidy;
use anyhow::Result;

pub fn everything() -> Result<()> {
    step("cargo fmt", cargo().args(["fmt", "--all", "--check"]))?;
    step(
        "cargo clippy",
        cargo().args(["clippy", "--workspace", "--all-targets", "--quiet", "--", "-D", "warnings"]),
    )?;
    eprintln!("== tidy");
    tidy::command()?;
    step("tests", cargo().args(["nextest", "run", "--workspace"]))
}
