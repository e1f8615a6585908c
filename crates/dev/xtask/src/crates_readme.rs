//! Writes `crates/README.md`: the folders in the order of dependence, and what each crate is for in its own words.

use crate::cargo::root;
use crate::tidy::workspace::{Member, members};
use anyhow::{Context, Result};
use std::fs;
use std::path::PathBuf;

/// What a folder answers, top of the dependence first.
const FOLDERS: [(&str, &str); 8] = [
    ("front", "How people and programs reach codex"),
    ("engine", "Threads, turns, tools, and their server"),
    ("services", "What the engine asks for"),
    ("enforce", "Making a policy so"),
    ("policy", "What may happen: pure, no input or output"),
    ("wire", "The one vocabulary and how it travels"),
    ("base", "Small tools without opinions"),
    ("dev", "Never shipped"),
];

pub fn path() -> PathBuf {
    root().join("crates/README.md")
}

pub fn write() -> Result<()> {
    fs::write(path(), text()?).context("could not write crates/README.md")
}

/// What the file should say now.
pub fn text() -> Result<String> {
    let members = members()?;
    let mut text = String::from(
        "# Crates\n\n<!-- Written by `cargo xtask crates-readme` from the first line of each crate. Do not edit. -->\n\n\
         A crate depends only on folders further down this page; `cargo xtask tidy` checks it. `ARCHITECTURE.md` has the whole picture.\n",
    );
    for (folder, purpose) in FOLDERS {
        let inside: Vec<&Member> = members.iter().filter(|member| member.folder == folder).collect();
        if inside.is_empty() {
            continue;
        }
        text.push_str(&format!("\n## {folder}/\n\n{purpose}.\n\n| crate | what it is |\n| --- | --- |\n"));
        for member in inside {
            text.push_str(&format!("| [{0}]({folder}/{0}) | {1} |\n", member.name, purpose_of(member)?));
        }
    }
    Ok(text)
}

/// The first sentence of the crate's own documentation; it may go over several lines.
fn purpose_of(member: &Member) -> Result<String> {
    let source = member.root_file();
    let contents = fs::read_to_string(&source).with_context(|| format!("could not read {}", source.display()))?;
    let paragraph: Vec<&str> = contents
        .lines()
        .skip_while(|line| !line.starts_with("//!"))
        .map_while(|line| line.strip_prefix("//!").map(str::trim))
        .take_while(|line| !line.is_empty())
        .collect();
    let text = paragraph.join(" ").replace(['[', ']'], "");
    let sentence = text.split_once(". ").map_or(text.as_str(), |(first, _)| first);
    Ok(sentence.trim_end_matches(['.', ':']).replace('|', "\\|"))
}
