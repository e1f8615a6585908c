//! A Rust file, read just well enough to ask what stands where: comments and texts told from code, tests from the rest, functions measured.
//!
//! This is no parser. It knows comments, strings, characters and braces, which is what the rules need.

use super::below_root;
use super::workspace::Member;
use anyhow::{Context, Result};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

pub struct Source {
    /// Below the workspace's folder, with forward slashes.
    pub path: String,
    pub lines: Vec<Line>,
    pub functions: Vec<Function>,
}

pub struct Line {
    /// Without comments and without what stands in quotes.
    pub code: String,
    /// Of a `#[path = "…"]`.
    path: Option<String>,
    /// In a test module, a test function or a file of tests.
    pub test: bool,
}

pub struct Function {
    pub name: String,
    /// Counts from 1.
    pub line: usize,
    pub lines: usize,
}

impl Source {
    /// Every Rust file of these crates.
    pub fn read_all(members: &[Member]) -> Result<Vec<Self>> {
        let mut files = Vec::new();
        for member in members {
            rust_files(&member.dir, &mut files)?;
        }
        let mut sources = Vec::new();
        let mut test_files = BTreeSet::new();
        for file in files {
            let text = fs::read_to_string(&file).with_context(|| format!("could not read {}", file.display()))?;
            let source = Self::parse(&below_root(&file), &text);
            test_files.extend(source.test_modules());
            sources.push(source);
        }
        for source in &mut sources {
            if is_test_file(&source.path, &test_files) {
                source.lines.iter_mut().for_each(|line| line.test = true);
            }
        }
        Ok(sources)
    }

    pub fn parse(path: &str, text: &str) -> Self {
        let path_of = |line: &str| Some(line.trim().strip_prefix("#[path = \"")?.strip_suffix("\"]")?.to_owned());
        let blank = blank(text);
        let both = blank.lines().zip(text.lines());
        let mut lines: Vec<Line> = both
            .map(|(code, line)| Line {
                code: code.to_owned(),
                path: path_of(line),
                test: false,
            })
            .collect();
        for region in test_regions(&lines) {
            lines[region].iter_mut().for_each(|line| line.test = true);
        }
        let functions = functions(&lines);
        Self {
            path: path.to_owned(),
            lines,
            functions,
        }
    }

    pub fn code_lines(&self) -> usize {
        self.lines.iter().filter(|line| !line.test).count()
    }

    /// Where the files of `#[cfg(test)] mod name;` lie, without extension, also where `#[path = "…"]` says it.
    fn test_modules(&self) -> Vec<String> {
        let (folder, file) = self.path.rsplit_once('/').unwrap_or(("", &self.path));
        let stem = file.trim_end_matches(".rs");
        let base = if matches!(stem, "lib" | "main" | "mod") {
            folder.to_owned()
        } else {
            format!("{folder}/{stem}")
        };
        let tests = || self.lines.iter().filter(|line| line.test);
        let declared = tests().filter_map(|line| Some(format!("{base}/{}", line.code.trim().strip_prefix("mod ")?.strip_suffix(';')?)));
        let named = tests().filter_map(|line| Some(format!("{folder}/{}", line.path.as_deref()?.strip_suffix(".rs")?)));
        declared.chain(named).collect()
    }
}

fn is_test_file(path: &str, modules: &BTreeSet<String>) -> bool {
    path.contains("/tests/")
        || modules
            .iter()
            .any(|module| path == format!("{module}.rs") || path.starts_with(&format!("{module}/")))
}

fn rust_files(dir: &Path, found: &mut Vec<PathBuf>) -> Result<()> {
    let mut entries = fs::read_dir(dir)?.collect::<std::io::Result<Vec<_>>>()?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let path = entry.path();
        if entry.file_type()?.is_dir() {
            rust_files(&path, found)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    Ok(())
}

/// The text with comments and the insides of quotes replaced by spaces; lines stay where they are.
fn blank(text: &str) -> String {
    let characters: Vec<char> = text.chars().collect();
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    while at < characters.len() {
        let rest = &characters[at..];
        let (length, keep) = match rest {
            ['/', '/', ..] => (rest.iter().position(|c| *c == '\n').unwrap_or(rest.len()), 0),
            ['/', '*', ..] => (block_comment(rest), 0),
            ['r', '"' | '#', ..] if !after_word(&characters, at) => raw_string(rest).map_or((1, 1), |length| (length, 0)),
            ['"', ..] => (quoted(rest, '"'), 0),
            ['\'', '\\', ..] | ['\'', _, '\'', ..] => (quoted(rest, '\''), 0),
            _ => (1, 1),
        };
        for character in &rest[..length] {
            out.push(if keep == 1 || *character == '\n' { *character } else { ' ' });
        }
        at += length;
    }
    out
}

fn after_word(characters: &[char], at: usize) -> bool {
    // `br"…"` and `cr"…"` are raw strings too, so one letter in front does not make a word.
    let word = characters[..at]
        .iter()
        .rev()
        .take_while(|c| c.is_alphanumeric() || **c == '_')
        .count();
    word > 1
}

fn block_comment(rest: &[char]) -> usize {
    let mut depth = 0;
    let mut at = 0;
    while at + 1 < rest.len() {
        match (rest[at], rest[at + 1]) {
            ('/', '*') => depth += 1,
            ('*', '/') => depth -= 1,
            _ => {
                at += 1;
                continue;
            }
        }
        at += 2;
        if depth == 0 {
            return at;
        }
    }
    rest.len()
}

/// The length of a raw string; none if this is a raw identifier.
fn raw_string(rest: &[char]) -> Option<usize> {
    let hashes = rest[1..].iter().take_while(|c| **c == '#').count();
    if rest.get(1 + hashes) != Some(&'"') {
        return None;
    }
    let mut at = 2 + hashes;
    while at < rest.len() {
        let closes = rest[at] == '"' && rest[at + 1..].iter().take_while(|c| **c == '#').count() >= hashes;
        at += 1;
        if closes {
            return Some(at + hashes);
        }
    }
    Some(rest.len())
}

fn quoted(rest: &[char], quote: char) -> usize {
    let mut at = 1;
    while at < rest.len() {
        match rest[at] {
            '\\' => at += 2,
            character if character == quote => return at + 1,
            _ => at += 1,
        }
    }
    rest.len()
}

/// Line ranges of items under `#[cfg(test)]`, `#[cfg(all(test, …))]`, `#[test]` and the like.
fn test_regions(lines: &[Line]) -> Vec<std::ops::Range<usize>> {
    let marks = ["#[cfg(test)]", "#[cfg(all(test", "#[test]", "#[tokio::test"];
    let starts = (0..lines.len()).filter(|at| marks.iter().any(|mark| lines[*at].code.trim_start().starts_with(mark)));
    starts.map(|start| start..item_end(lines, start)).collect()
}

/// Behind the last line of the item that starts here: its closing brace, or a semicolon before any brace.
fn item_end(lines: &[Line], start: usize) -> usize {
    let mut depth = 0_usize;
    let mut brackets = 0_usize;
    for (at, line) in lines.iter().enumerate().skip(start) {
        for character in line.code.chars() {
            match character {
                '[' | '(' => brackets += 1,
                ']' | ')' => brackets = brackets.saturating_sub(1),
                '{' => depth += 1,
                '}' => {
                    depth = depth.saturating_sub(1);
                    if depth == 0 {
                        return at + 1;
                    }
                }
                ';' if depth == 0 && brackets == 0 => return at + 1,
                _ => {}
            }
        }
    }
    lines.len()
}

fn functions(lines: &[Line]) -> Vec<Function> {
    let named = lines
        .iter()
        .enumerate()
        .filter_map(|(at, line)| Some((at, function_name(&line.code)?)));
    named
        .map(|(at, name)| Function {
            name,
            line: at + 1,
            lines: item_end(lines, at) - at,
        })
        .collect()
}

/// The name behind the keyword, if a function is declared on this line.
fn function_name(code: &str) -> Option<String> {
    let (before, after) = code.split_once("fn ")?;
    let starts_a_word = before.is_empty() || before.ends_with([' ', '\t']);
    let name: String = after.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
    (starts_a_word && !name.is_empty()).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use pretty_assertions::assert_eq;

    #[test]
    fn code_is_told_from_comments_texts_and_tests() {
        let text = r##"
// fn comment() {
fn long(a: &'static str) -> char {
    /* } /* } */ } */
    let b = "} // \" }";
    let c = br#"} " }"#;
    '}'
}

#[cfg(all(test, unix))]
mod tests {
    fn inner() {}
}
#[cfg(test)]
mod fixtures;
#[cfg(test)]
#[path = "lib_tests.rs"]
mod more;
"##;
        let source = Source::parse("crates/x/y/src/lib.rs", text);

        let measured: Vec<_> = source.functions.iter().map(|f| (f.name.as_str(), f.line, f.lines)).collect();
        assert_eq!(measured, [("long", 3, 6), ("inner", 12, 1)]);
        let tests: Vec<usize> = (0..source.lines.len())
            .filter(|at| source.lines[*at].test)
            .map(|at| at + 1)
            .collect();
        assert_eq!(tests, [10, 11, 12, 13, 14, 15, 16, 17, 18]);
        assert_eq!(source.lines[4].code.trim_end(), "    let b =            ;");
        assert_eq!(
            source.test_modules(),
            ["crates/x/y/src/fixtures", "crates/x/y/src/more", "crates/x/y/src/lib_tests"]
        );
    }
}
