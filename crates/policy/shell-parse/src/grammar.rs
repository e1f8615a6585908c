//! The grammar: script to syntax tree, and the commands that can be seen in a tree.

use crate::{SHELLS, base_name};
use std::ops::ControlFlow;
use tree_sitter::{Node, ParseOptions, Parser, Tree};

/// Longer scripts are not read: the grammar's time grows with the square of some texts.
const SCRIPT_BYTES_MAX: usize = 32 * 1024;
/// Scripts with more bars are not read: this grammar needs seconds for a pipeline of some thousand commands.
const BARS_MAX: usize = 500;
/// Parsing stops after this many reports of progress (one per 100 steps), so that no text can hold us up: about a second.
const PROGRESS_MAX: u32 = 10_000;
/// Words with other commands in them contain each other, so their texts together may be far longer than the script: this much is kept,
const NESTED_BYTES_MAX: usize = 1024 * 1024;
/// and then of each only this much.
const NESTED_WORD_BYTES: usize = 64;
/// Shells within shells that are looked into.
const NESTING_MAX: usize = 4;

/// `None` when the script is too long, takes too long, or holds a NUL character, which no argument can.
pub(crate) fn parse(script: &str) -> Option<Tree> {
    let readable = script.len() <= SCRIPT_BYTES_MAX && !script.contains('\0') && script.matches('|').count() <= BARS_MAX;
    if !readable {
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
/// Quotes are removed; what only a running shell knows (`$X`, `$(...)`, escapes) stays as written, cut short where such things nest by the
/// thousand. So a match may tighten a decision, and its absence proves nothing.
pub fn commands_inside(script: &str) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    let mut nested_bytes = NESTED_BYTES_MAX;
    let mut scripts = vec![(script.to_owned(), 0)];
    while let Some((script, depth)) = scripts.pop() {
        let Some(tree) = parse(&script) else { continue };
        let (commands, left) = Seen {
            script: &script,
            nested_bytes,
        }
        .commands(&tree);
        nested_bytes = left;
        if depth < NESTING_MAX {
            let nested = commands.iter().filter_map(|argv| shell_script(argv));
            scripts.extend(nested.map(|nested| (nested.to_owned(), depth + 1)));
        }
        found.extend(commands);
    }
    found
}

/// The text that a shell in `argv` would run: `bash -c TEXT`, with any options before.
pub fn shell_script(argv: &[String]) -> Option<&str> {
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

/// Reads the commands of one tree.
struct Seen<'a> {
    script: &'a str,
    /// Bytes of nesting words that may still be copied.
    nested_bytes: usize,
}

impl Seen<'_> {
    /// In source order. Walks with a cursor and keeps the way up itself: deep nesting costs no stack, and asking a node for its parent
    /// would walk down from the root each time.
    fn commands(mut self, tree: &Tree) -> (Vec<Vec<String>>, usize) {
        let mut found = Vec::new();
        let mut cursor = tree.walk();
        let mut above: Vec<Node<'_>> = Vec::new();
        loop {
            let node = cursor.node();
            if node.kind() == "command" {
                found.push(self.words(node, above.last().copied()));
            }
            if cursor.goto_first_child() {
                above.push(node);
                continue;
            }
            while !cursor.goto_next_sibling() {
                if !cursor.goto_parent() {
                    return (found, self.nested_bytes);
                }
                above.pop();
            }
        }
    }

    fn words(&mut self, command: Node<'_>, parent: Option<Node<'_>>) -> Vec<String> {
        let mut words = Vec::new();
        let mut cursor = command.walk();
        for child in command.children(&mut cursor) {
            match child.kind() {
                "variable_assignment" | "herestring_redirect" | "subshell" | "comment" => {}
                "file_redirect" => words.extend(self.after_redirect(child)),
                _ => words.push(self.literal(child)),
            }
        }
        // The grammar files words behind a redirection (`rm > log -rf x`) under the redirection.
        if let Some(statement) = parent.filter(|parent| parent.kind() == "redirected_statement") {
            let mut cursor = statement.walk();
            for redirect in statement.children(&mut cursor).filter(|child| child.kind() == "file_redirect") {
                words.extend(self.after_redirect(redirect));
            }
        }
        words
    }

    /// Every destination of a redirection but the first is really a word of the command.
    fn after_redirect(&mut self, redirect: Node<'_>) -> Vec<String> {
        let mut cursor = redirect.walk();
        redirect
            .children_by_field_name("destination", &mut cursor)
            .skip(1)
            .map(|word| self.literal(word))
            .collect()
    }

    /// The word without its quotes; what cannot be known stays as written. A command name may be a concatenation; nothing nests deeper.
    fn literal(&mut self, node: Node<'_>) -> String {
        match node.kind() {
            "command_name" | "concatenation" => {
                let mut cursor = node.walk();
                let parts: Vec<_> = node.children(&mut cursor).collect();
                parts
                    .into_iter()
                    .map(|part| {
                        if part.kind() == "concatenation" {
                            self.literal(part)
                        } else {
                            self.part(part)
                        }
                    })
                    .collect()
            }
            _ => self.part(node),
        }
    }

    fn part(&mut self, node: Node<'_>) -> String {
        let text = unquoted(node.kind(), text_of(node, self.script));
        let nests = node.child_count() > 0 && node.kind() != "raw_string";
        if !nests {
            return text.to_owned();
        }
        let kept = if text.len() <= self.nested_bytes {
            text.len()
        } else {
            text.floor_char_boundary(NESTED_WORD_BYTES)
        };
        self.nested_bytes = self.nested_bytes.saturating_sub(kept);
        text[..kept].to_owned()
    }
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
