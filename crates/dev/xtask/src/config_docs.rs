//! Writes `docs/config.schema.json` and the reference part of `docs/config.md` from the key tables of `codex-config`.

use crate::cargo::root;
use anyhow::{Context, Result};
use std::fs;
use std::path::PathBuf;

const BEGIN: &str = "Do not edit below. -->\n";
const END: &str = "<!-- end of the written part -->";

fn page_path() -> PathBuf {
    root().join("docs/config.md")
}

fn schema_path() -> PathBuf {
    root().join("docs/config.schema.json")
}

pub fn write() -> Result<()> {
    fs::write(schema_path(), codex_config::json_schema()).context("could not write docs/config.schema.json")?;
    fs::write(page_path(), page()?).context("could not write docs/config.md")
}

/// What the page should say now.
fn page() -> Result<String> {
    let text = fs::read_to_string(page_path()).context("could not read docs/config.md")?;
    let (before, rest) = text
        .split_once(BEGIN)
        .context("docs/config.md has lost the mark of its written part")?;
    let (_, after) = rest
        .split_once(END)
        .context("docs/config.md has lost the end mark of its written part")?;
    Ok(format!("{before}{BEGIN}\n{}\n{END}{after}", codex_config::reference()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use pretty_assertions::assert_eq;

    #[test]
    fn the_written_files_are_up_to_date() {
        let hint = "run `cargo xtask config-docs`";

        assert_eq!(fs::read_to_string(schema_path()).unwrap(), codex_config::json_schema(), "{hint}");
        assert_eq!(fs::read_to_string(page_path()).unwrap(), page().unwrap(), "{hint}");
    }
}
