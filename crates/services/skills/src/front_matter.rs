//! The head of a `SKILL.md`, and files of the same kind: the part of YAML that they use.
//!
//! Read are mappings of scalars, nested by indentation, with plain, quoted and block scalars. Lists, anchors and flow collections are passed
//! over: nothing that codex asks for is written with them.

use std::collections::BTreeMap;

/// The lines between the first line, which must be `---`, and the next such line; and what follows them.
pub fn split(text: &str) -> Option<(&str, &str)> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let (first, rest) = text.split_once('\n')?;
    if first.trim_end() != "---" {
        return None;
    }
    let mut at = 0;
    for line in rest.split_inclusive('\n') {
        if line.trim_end() == "---" {
            return Some((&rest[..at], &rest[at + line.len()..]));
        }
        at += line.len();
    }
    None
}

/// Every scalar under its path, e.g. `metadata.short-description`.
pub fn scalars(yaml: &str) -> BTreeMap<String, String> {
    let lines: Vec<&str> = yaml.lines().map(str::trim_end).collect();
    let mut found = BTreeMap::new();
    // The mappings around the line at hand: their indentation and key.
    let mut around: Vec<(usize, String)> = Vec::new();
    let mut at = 0;
    while at < lines.len() {
        let line = lines[at];
        at += 1;
        let indent = indent_of(line);
        if line.trim_start().starts_with('-') {
            at += lines[at..]
                .iter()
                .take_while(|line| line.is_empty() || indent_of(line) > indent)
                .count();
            continue;
        }
        let Some((key, value)) = key_and_value(line.trim_start()) else {
            continue;
        };
        while around.last().is_some_and(|(outer, _)| *outer >= indent) {
            around.pop();
        }
        let path: Vec<&str> = around.iter().map(|(_, key)| key.as_str()).chain([key.as_str()]).collect();
        let path = path.join(".");
        if value.is_empty() {
            around.push((indent, key));
            continue;
        }
        let below = || lines[at..].iter().take_while(|line| line.is_empty() || indent_of(line) > indent);
        let count = below().count();
        let text = match value.as_bytes()[0] {
            b'|' => block(below(), "\n"),
            b'>' => block(below(), " "),
            b'"' | b'\'' => quoted(&joined(value, below())),
            _ => plain(value, below()),
        };
        at += count;
        found.insert(path, text);
    }
    found
}

fn indent_of(line: &str) -> usize {
    line.len() - line.trim_start_matches(' ').len()
}

/// `key: value`; `None` for comments, entries of lists, and whatever else there may be.
fn key_and_value(line: &str) -> Option<(String, &str)> {
    if line.starts_with(['#', '{', '[', '}', ']']) {
        return None;
    }
    let (key, value) = line.split_once(':')?;
    if !(value.is_empty() || value.starts_with([' ', '\t'])) {
        return None;
    }
    let key = key.trim().trim_matches(['"', '\'']);
    let value = value.trim();
    let value = if value.starts_with('#') { "" } else { value };
    (!key.is_empty()).then(|| (key.to_owned(), value))
}

fn joined<'a>(first: &str, more: impl Iterator<Item = &'a &'a str>) -> String {
    more.fold(first.to_owned(), |text, line| format!("{text} {}", line.trim()))
}

/// A block scalar without the line breaks at its end.
fn block<'a>(lines: impl Iterator<Item = &'a &'a str>, between: &str) -> String {
    let lines: Vec<&str> = lines.copied().collect();
    let indent = lines.iter().filter(|line| !line.is_empty()).map(|line| indent_of(line)).min();
    let lines: Vec<&str> = lines
        .iter()
        .map(|line| line.get(indent.unwrap_or(0)..).unwrap_or_default())
        .collect();
    lines.join(between).trim().to_owned()
}

/// Up to the closing quotation mark.
fn quoted(text: &str) -> String {
    let mut letters = text.chars().peekable();
    let quote = letters.next().unwrap_or('"');
    let mut out = String::new();
    while let Some(c) = letters.next() {
        match c {
            '\'' if quote == '\'' && letters.peek() == Some(&'\'') => {
                letters.next();
                out.push('\'');
            }
            c if c == quote => break,
            '\\' if quote == '"' => match letters.next() {
                Some('n') => out.push('\n'),
                Some('t') => out.push('\t'),
                Some(other) => out.push(other),
                None => {}
            },
            c => out.push(c),
        }
    }
    out
}

/// Without a comment behind it.
fn plain<'a>(first: &str, more: impl Iterator<Item = &'a &'a str>) -> String {
    let without_comment = |line: &str| line.find(" #").map_or(line, |at| &line[..at]).trim().to_owned();
    let more = more
        .map(|line| without_comment(line))
        .filter(|line| !line.is_empty() && !line.starts_with('#'));
    std::iter::once(without_comment(first)).chain(more).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(yaml: &str) -> String {
        let lines = scalars(yaml).into_iter().map(|(key, value)| format!("{key} = {value:?}"));
        lines.collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn scalars_of_every_kind_are_read() {
        let yaml = "\
# a comment
name: deploy   # behind it
description: >
  Ships the
  service.

metadata:
  short-description: \"Say \\\"ship\\\"\"
  owner: 'it''s us'
notes: |
  one
    two
long: goes on
  in the next line
tools:
  - type: mcp
    value: x
url: http://a:1/b
last:
";
        insta::assert_snapshot!(shown(yaml), @r#"
        description = "Ships the service."
        long = "goes on in the next line"
        metadata.owner = "it's us"
        metadata.short-description = "Say \"ship\""
        name = "deploy"
        notes = "one\n  two"
        url = "http://a:1/b"
        "#);
    }

    #[test]
    fn the_head_stands_between_two_lines() {
        assert_eq!(split("---\nname: a\n---\nbody\n"), Some(("name: a\n", "body\n")));
        assert_eq!(split("\u{feff}---\r\nname: a\r\n---"), Some(("name: a\r\n", "")));
        assert_eq!(split("name: a\n---\n"), None);
        assert_eq!(split("---\nname: a\n"), None);
        assert_eq!(split("---"), None);
    }
}
