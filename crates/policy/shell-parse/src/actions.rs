//! What a command line does, in words for the user. Display only: nothing is decided from it.

use crate::plain::plain_commands;
use crate::quoted;
use codex_protocol::items::CommandAction;

/// Commands that only shape or announce the output of their neighbours.
const SHAPING: [&str; 11] = ["echo", "printf", "true", "cd", "pwd", "wc", "sort", "uniq", "cut", "tr", "tee"];
const READERS: [&str; 7] = ["cat", "bat", "head", "tail", "nl", "less", "more"];
const SEARCHERS: [&str; 6] = ["rg", "grep", "egrep", "fgrep", "ag", "ack"];
const LISTERS: [&str; 4] = ["ls", "find", "tree", "fd"];
/// Options whose value is the next word.
const SEARCH_VALUES: [&str; 10] = ["-A", "-B", "-C", "-f", "-g", "-t", "-T", "-m", "--glob", "--type"];
const READ_VALUES: [&str; 2] = ["-n", "-c"];

/// One action for each command, without those that only shape output. One `Unknown` with the whole script if any part is not understood.
pub fn actions(script: &str) -> Vec<CommandAction> {
    let unknown = || {
        vec![CommandAction::Unknown {
            command: script.to_owned(),
        }]
    };
    let Some(commands) = plain_commands(script) else { return unknown() };
    let telling: Vec<_> = commands.iter().filter(|argv| !shapes(argv)).collect();
    let found: Option<Vec<Vec<_>>> = telling.into_iter().map(|argv| action(argv)).collect();
    match found.map(|found| found.concat()) {
        Some(found) if !found.is_empty() => found,
        Some(_) | None => unknown(),
    }
}

/// A reader without a file reads its neighbour, so it shapes too.
fn shapes(argv: &[String]) -> bool {
    let program = argv[0].as_str();
    SHAPING.contains(&program) || (reads(program) && operands(argv).is_empty())
}

fn reads(program: &str) -> bool {
    READERS.contains(&program) || program == "sed"
}

fn action(argv: &[String]) -> Option<Vec<CommandAction>> {
    let command = quoted(argv);
    let operands = operands(argv);
    let words: Vec<&str> = argv.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["sed", first, ..] if *first != "-n" => None,
        [program, ..] if reads(program) => Some(operands.iter().map(|path| read(&command, path)).collect()),
        ["rg", rest @ ..] if rest.contains(&"--files") => Some(vec![list(command, operands.first())]),
        ["git", "grep", ..] => Some(vec![search(command, &operands[1..])]),
        ["git", "ls-files", ..] => Some(vec![list(command, operands.get(1))]),
        [program, ..] if SEARCHERS.contains(program) => Some(vec![search(command, &operands)]),
        [program, ..] if LISTERS.contains(program) => Some(vec![list(command, operands.first())]),
        _ => None,
    }
}

/// The words that are neither options nor their values.
fn operands(argv: &[String]) -> Vec<String> {
    let with_value: &[&str] = match argv[0].as_str() {
        // For `sed -n SCRIPT FILE...` the script counts as the value.
        "head" | "tail" | "sed" => &READ_VALUES,
        program if SEARCHERS.contains(&program) || program == "git" => &SEARCH_VALUES,
        _ => &[],
    };
    let mut found = Vec::new();
    let mut words = argv[1..].iter();
    while let Some(word) = words.next() {
        if with_value.contains(&word.as_str()) {
            words.next();
        } else if !word.starts_with('-') || word == "-" {
            found.push(word.clone());
        }
    }
    found
}

fn read(command: &str, path: &str) -> CommandAction {
    CommandAction::Read {
        command: command.to_owned(),
        name: crate::base_name(path).to_owned(),
        path: path.to_owned(),
    }
}

fn list(command: String, path: Option<&String>) -> CommandAction {
    CommandAction::ListFiles {
        command,
        path: path.cloned(),
    }
}

fn search(command: String, operands: &[String]) -> CommandAction {
    CommandAction::Search {
        command,
        query: operands.first().cloned(),
        path: operands.get(1).cloned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(script: &str, expect: &str) {
        let shown: Vec<String> = actions(script)
            .into_iter()
            .map(|action| match action {
                CommandAction::Read { name, path, .. } => format!("read {name} {path}"),
                CommandAction::ListFiles { path, .. } => format!("list {}", path.unwrap_or_default()),
                CommandAction::Search { query, path, .. } => {
                    format!("search {} in {}", query.unwrap_or_default(), path.unwrap_or_default())
                }
                CommandAction::Unknown { command } => format!("unknown {command}"),
            })
            .collect();
        assert_eq!(shown.join(", "), expect, "{script}");
    }

    #[test]
    fn common_commands_are_described() {
        check("cat src/lib.rs", "read lib.rs src/lib.rs");
        check("cat a b", "read a a, read b b");
        check("sed -n 1,20p src/x.rs", "read x.rs src/x.rs");
        check("head -n 5 x", "read x x");
        check("ls -la", "list ");
        check("ls src && cat a", "list src, read a a");
        check("rg -n 'fn main' src | head -5", "search fn main in src");
        check("grep -r foo .", "search foo in .");
        check("git grep foo", "search foo in ");
        check("rg --files src", "list src");
        check("find . -name x", "list .");
        check("cd sub && ls", "list ");
        check("cargo test", "unknown cargo test");
        check("ls && cargo test", "unknown ls && cargo test");
        check("echo hi", "unknown echo hi");
        check("cat a > b", "unknown cat a > b");
        check("sed -i s/a/b/ x", "unknown sed -i s/a/b/ x");
        check("", "unknown ");
    }
}
