//! The grammar: script to syntax tree, and the commands that can be seen in a tree.

use crate::{SHELLS, base_name};
use std::ops::ControlFlow;
use tree_sitter::{Node, ParseOptions, Parser, Tree};

/// Longer scripts are not read: a kernel takes no longer argument (128 KiB on Linux).
const SCRIPT_BYTES_MAX: usize = 256 * 1024;
/// Parsing stops after this many reports of progress (one per 100 steps), so that no text can hold us up: some seconds at worst.
const PROGRESS_MAX: u32 = 100_000;
/// Shells within shells that are looked into.
const NESTING_MAX: usize = 4;

/// `None` when the script is too long or takes too long.
pub(crate) fn parse(script: &str) -> Option<Tree> {
    if script.len() > SCRIPT_BYTES_MAX {
        return None;
    }
    let mut parser = Parser::new();
    parser.set_language(&tree_sitter_bash::LANGUAGE.into()).ok()?;
    let mut reports = 0;
    let mut progress = |_: &tree_sitter::ParseState| {
        reports += 1;
        if reports > PROGRESS_MAX {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    };
    let bytes = ascii_only(script);
    let mut read = |at: usize, _| bytes.get(at..).unwrap_or_default();
    parser.parse_with_options(&mut read, None, Some(ParseOptions::new().progress_callback(&mut progress)))
}

/// The script with every byte beyond ASCII as `%`, an ordinary letter of words: offsets stay, and words are cut from the script itself.
///
/// The scanner of tree-sitter-bash 0.25.1 hands whole code points to C's `isdigit`, which reads outside its table for large ones.
fn ascii_only(script: &str) -> Vec<u8> {
    script.bytes().map(|byte| if byte.is_ascii() { byte } else { b'%' }).collect()
}

/// Every command that can be seen in the script, also in what [`plain_commands`](crate::plain_commands) calls opaque: in lists,
/// subshells, conditions, substitutions, and in the text given to a nested `bash -c`.
///
/// Quotes are removed; what only a running shell knows (`$X`, `$(...)`, escapes) stays as written. So a match may tighten a decision,
/// and its absence proves nothing.
pub fn commands_inside(script: &str) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    let mut scripts = vec![(script.to_owned(), 0)];
    while let Some((script, depth)) = scripts.pop() {
        let Some(tree) = parse(&script) else { continue };
        let commands = commands_in(&tree, &script);
        if depth < NESTING_MAX {
            scripts.extend(
                commands
                    .iter()
                    .filter_map(|argv| nested_script(argv))
                    .map(|nested| (nested.to_owned(), depth + 1)),
            );
        }
        found.extend(commands);
    }
    found
}

/// The text that a shell in `argv` would run: `bash -c TEXT`, with any options before.
pub(crate) fn nested_script(argv: &[String]) -> Option<&str> {
    let (program, arguments) = argv.split_first()?;
    if !SHELLS.contains(&base_name(program)) {
        return None;
    }
    let takes_script = |argument: &String| argument.starts_with('-') && !argument.starts_with("--") && argument.contains('c');
    let after = arguments.iter().position(takes_script)? + 1;
    arguments[after..]
        .iter()
        .find(|argument| !argument.starts_with('-'))
        .map(String::as_str)
}

/// In source order. Walks with a cursor: depth of nesting costs no stack.
fn commands_in(tree: &Tree, script: &str) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    let mut cursor = tree.walk();
    loop {
        let node = cursor.node();
        if node.kind() == "command" {
            found.push(words_of(node, script));
        }
        if cursor.goto_first_child() {
            continue;
        }
        while !cursor.goto_next_sibling() {
            if !cursor.goto_parent() {
                return found;
            }
        }
    }
}

fn words_of(command: Node<'_>, script: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut cursor = command.walk();
    for child in command.children(&mut cursor) {
        match child.kind() {
            "variable_assignment" | "herestring_redirect" | "subshell" | "comment" => {}
            "file_redirect" => words.extend(after_redirect(child, script)),
            _ => words.push(literal(child, script)),
        }
    }
    // The grammar files words behind a redirection (`rm > log -rf x`) under the redirection.
    if let Some(statement) = command.parent().filter(|parent| parent.kind() == "redirected_statement") {
        let mut cursor = statement.walk();
        let redirects = statement.children(&mut cursor).filter(|child| child.kind() == "file_redirect");
        words.extend(redirects.flat_map(|redirect| after_redirect(redirect, script)));
    }
    words
}

/// Every destination of a redirection but the first is really a word of the command.
fn after_redirect(redirect: Node<'_>, script: &str) -> Vec<String> {
    let mut cursor = redirect.walk();
    redirect
        .children_by_field_name("destination", &mut cursor)
        .skip(1)
        .map(|word| literal(word, script))
        .collect()
}

/// The word without its quotes; what cannot be known stays as written.
fn literal(node: Node<'_>, script: &str) -> String {
    let text = text_of(node, script);
    match node.kind() {
        "command_name" | "concatenation" => {
            let mut cursor = node.walk();
            node.children(&mut cursor).map(|part| literal_leaf(part, script)).collect()
        }
        _ => unquoted(node.kind(), text).to_owned(),
    }
}

/// One level below [`literal`]: a command name may itself be a concatenation; nothing nests deeper.
fn literal_leaf(node: Node<'_>, script: &str) -> String {
    let text = text_of(node, script);
    if node.kind() != "concatenation" {
        return unquoted(node.kind(), text).to_owned();
    }
    let mut cursor = node.walk();
    node.children(&mut cursor)
        .map(|part| unquoted(part.kind(), text_of(part, script)))
        .collect()
}

/// Empty for a token that ends inside of a character, which the grammar cannot see (`${x%é}` reads as the operator `%%` and more).
pub(crate) fn text_of<'a>(node: Node<'_>, script: &'a str) -> &'a str {
    script.get(node.byte_range()).unwrap_or_default()
}

fn unquoted<'a>(kind: &str, text: &'a str) -> &'a str {
    let inner = match kind {
        "raw_string" => text.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\'')),
        "string" => text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')),
        _ => None,
    };
    inner.unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// This one ended the whole process with a segmentation fault.
    #[test]
    fn a_large_code_point_behind_a_brace_is_read_like_any_letter() {
        assert!(parse("echo {\u{A79E7}").is_some());
        assert!(parse("echo {\u{A79E7}..9}; rm -rf \u{10FFFF}").is_some());
    }
}
