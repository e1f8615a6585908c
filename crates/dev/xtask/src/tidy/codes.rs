//! `docs/errors.md` names every stable error code of the program, and no other.

use super::rules::RULES;
use super::{Finding, below_root, finding};
use crate::cargo::root;
use anyhow::Result;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// Compares the codes in the sources with those in the document.
pub fn check(files: &[std::path::PathBuf]) -> Result<Vec<Finding>> {
    let document = root().join("docs/errors.md");
    let told = quoted(&fs::read_to_string(&document)?, '`');
    let mut used = BTreeMap::new();
    for path in files.iter().filter(|path| is_product_source(path)) {
        for code in quoted(&fs::read_to_string(path)?, '"') {
            used.entry(code).or_insert_with(|| below_root(path));
        }
    }
    let missing = used.iter().filter(|(code, _)| !told.contains(code));
    let missing = missing.map(|(code, place)| finding(place, format!("error code `{code}` is not in docs/errors.md")));
    let unused = told.iter().filter(|code| !used.contains_key(*code));
    let unused = unused.map(|code| finding("docs/errors.md", format!("nothing has the code `{code}`")));
    Ok(missing.chain(unused).collect())
}

fn is_product_source(path: &Path) -> bool {
    let below = below_root(path);
    let test = below.contains("/tests") || below.contains("_tests") || below.contains("/testing");
    below.ends_with(".rs") && below.starts_with("crates/") && !below.starts_with("crates/dev/") && !test
}

/// Everything between two quotes on one line that has the shape of a code.
fn quoted(text: &str, quote: char) -> Vec<String> {
    let pieces = text.lines().flat_map(|line| line.split(quote));
    let mut codes: Vec<String> = pieces.filter(|piece| is_code(piece)).map(str::to_owned).collect();
    codes.sort();
    codes.dedup();
    codes
}

fn is_code(text: &str) -> bool {
    let Some((family, rest)) = text.split_once('.') else { return false };
    let word = !rest.is_empty() && rest.chars().all(|c| c.is_ascii_lowercase() || c == '_');
    let among = |list: &[String], text: &str| list.iter().any(|known| known == text);
    among(&RULES.code_families, family) && word && !among(&RULES.no_codes, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_told_from_other_quoted_texts() {
        let line = r#"fail("model.no_key", "config.toml", "a.b", "model.", "Model.x"); x("turn.none_active")"#;

        assert_eq!(quoted(line, '"'), ["model.no_key", "turn.none_active"]);
    }
}
