//! Splits a script into simple commands, if it consists of nothing else.

use crate::grammar::{parse, text_of};
use tree_sitter::Node;

/// Characters that a shell may act on in an unquoted word (a `=` at its start only in zsh).
const ACTIVE: [char; 20] = [
    '*', '?', '[', ']', '{', '}', '~', '^', '#', '$', '\\', '`', '\'', '"', '<', '>', '(', ')', '|', '&',
];
/// Words that are no program at the start of a command.
const KEYWORDS: [&str; 3] = ["time", "coproc", "!"];

/// The simple commands of `script`, in order, or `None` if it is anything but simple commands joined by `&&`, `||`, `|`, `;` and newlines.
///
/// A simple command is an unquoted plain name and words: plain, single-quoted, double-quoted without expansion or escape, or these glued
/// together. Anything else is opaque: assignments, expansions, redirections, globs, background, negation, compound commands, comments,
/// here-documents, escapes, an unknown construct, or text that is too long to read. An empty script is opaque too, so that "all of them
/// are safe" is never said of nothing.
pub fn plain_commands(script: &str) -> Option<Vec<Vec<String>>> {
    let tree = parse(script)?;
    if tree.root_node().has_error() {
        return None;
    }
    let mut reader = Reader {
        script,
        read_to: 0,
        commands: Vec::new(),
    };
    reader.statements(tree.root_node())?;
    reader.gap(script.len(), Gap::Statement)?;
    Some(reader.commands).filter(|commands| !commands.is_empty())
}

struct Reader<'a> {
    script: &'a str,
    /// Every byte before this one is accounted for.
    read_to: usize,
    commands: Vec<Vec<String>>,
}

/// What may stand between two tokens.
#[derive(Clone, Copy, PartialEq)]
enum Gap {
    /// Blanks and newlines, or nothing.
    Statement,
    /// At least one blank: a continuation line alone glues two words into one.
    Word,
}

impl Reader<'_> {
    fn statements(&mut self, root: Node<'_>) -> Option<()> {
        // A left-nested list may be as deep as it is long, so the way is kept here and not on the stack.
        let mut open = vec![root];
        while let Some(node) = open.pop() {
            match node.kind() {
                "program" | "list" | "pipeline" => {
                    let mut cursor = node.walk();
                    let children: Vec<_> = node.children(&mut cursor).collect();
                    open.extend(children.into_iter().rev());
                }
                "command" => self.command(node)?,
                "&&" | "||" | "|" | ";" | "\n" => self.token(node, Gap::Statement)?,
                _ => return None,
            }
        }
        Some(())
    }

    fn command(&mut self, node: Node<'_>) -> Option<()> {
        let mut cursor = node.walk();
        let mut words = Vec::new();
        for child in node.children(&mut cursor) {
            self.token(child, if words.is_empty() { Gap::Statement } else { Gap::Word })?;
            words.push(if words.is_empty() { self.name(child)? } else { self.word(child)? });
        }
        self.commands.push(words);
        Some(())
    }

    fn name(&self, node: Node<'_>) -> Option<String> {
        let only = Some(node)
            .filter(|node| node.kind() == "command_name" && node.child_count() == 1)?
            .child(0)?;
        let name = self.bare(only)?;
        (!KEYWORDS.contains(&name.as_str())).then_some(name)
    }

    fn word(&self, node: Node<'_>) -> Option<String> {
        if node.kind() != "concatenation" {
            return self.part(node);
        }
        let mut cursor = node.walk();
        let mut end = node.start_byte();
        let mut word = String::new();
        for part in node.children(&mut cursor) {
            if part.start_byte() != end {
                return None;
            }
            end = part.end_byte();
            word.push_str(&self.part(part)?);
        }
        (end == node.end_byte()).then_some(word)
    }

    fn part(&self, node: Node<'_>) -> Option<String> {
        let text = text_of(node, self.script);
        match node.kind() {
            "word" | "number" => self.bare(node),
            "raw_string" => text
                .strip_prefix('\'')?
                .strip_suffix('\'')
                .filter(|inner| !inner.contains('\''))
                .map(str::to_owned),
            "string" => text
                .strip_prefix('"')?
                .strip_suffix('"')
                .filter(|inner| !inner.contains(['"', '$', '`', '\\']))
                .map(str::to_owned),
            _ => None,
        }
    }

    fn bare(&self, node: Node<'_>) -> Option<String> {
        let text = text_of(node, self.script);
        let plain = matches!(node.kind(), "word" | "number")
            && !text.is_empty()
            && !text.starts_with('=')
            && !text.contains(ACTIVE)
            && !text.contains(|c: char| c == ';' || c.is_whitespace() || c.is_control());
        plain.then(|| text.to_owned())
    }

    /// Accounts for `node` and for what stands before it.
    fn token(&mut self, node: Node<'_>, gap: Gap) -> Option<()> {
        self.gap(node.start_byte(), gap)?;
        self.read_to = node.end_byte();
        Some(())
    }

    fn gap(&self, until: usize, gap: Gap) -> Option<()> {
        let blanks = self.script.get(self.read_to..until)?.replace("\\\n", "");
        let allowed = match gap {
            Gap::Statement => blanks.chars().all(|c| matches!(c, ' ' | '\t' | '\n')),
            Gap::Word => !blanks.is_empty() && blanks.chars().all(|c| matches!(c, ' ' | '\t')),
        };
        allowed.then_some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(script: &str, expect: &str) {
        let found = plain_commands(script).map(|commands| commands.iter().map(|argv| argv.join("·")).collect::<Vec<_>>().join(" | "));
        assert_eq!(found.as_deref(), Some(expect), "{script:?}");
    }

    #[test]
    fn simple_commands_are_split() {
        check("ls", "ls");
        check("ls && git status | head -5", "ls | git·status | head·-5");
        check("a || b; c\nd", "a | b | c | d");
        check("a &&\n  b", "a | b");
        check("\n ls \n\n", "ls");
        check("ls;", "ls");
        check("echo 'a b' \"c d\"", "echo·a b·c d");
        check("git \"sta\"tus", "git·status");
        check("touch 'a'\"b\"", "touch·ab");
        check("echo '$x `y` \\ #' \"it's\"", "echo·$x `y` \\ #·it's");
        check("echo \"  two  blanks  \" ''", "echo·  two  blanks  ·");
        check("echo \"a\nb\"", "echo·a\nb");
        check("ls \\\n  -l", "ls·-l");
        check("sed -n 1,5p x", "sed·-n·1,5p·x");
        check("cp a=b c:d,e 10 %1 +x -- -", "cp·a=b·c:d,e·10·%1·+x·--·-");
        check("cat ä/日本", "cat·ä/日本");
        check("let x=1", "let·x=1");
    }

    #[test]
    fn everything_else_is_opaque() {
        let scripts = [
            "",
            "  \n",
            "'ls' x",
            "l\"s\" x",
            "\\ls",
            "VAR=1 cmd",
            "X=1",
            "X=1; ls",
            "echo $VAR",
            "echo ${X}",
            "echo \"$X\"",
            "ls $(x)",
            "ls `x`",
            "echo \"`x`\"",
            "cat <(x)",
            "ls > f",
            "ls 2>&1",
            "cat < f",
            "ls &>f",
            "(ls)",
            "{ ls; }",
            "if a; then b; fi",
            "for x in a; do b; done",
            "while a; do b; done",
            "f() { ls; }",
            "[ a ]",
            "[[ a ]]",
            "ls &",
            "ls & ls",
            "a |& b",
            "! ls",
            "time ls",
            "coproc ls",
            "ls *",
            "ls ?",
            "ls [a]",
            "ls {a,b}",
            "ls ~",
            "ls a~",
            "ls ^a",
            "echo a#b",
            "ls # c",
            "# c",
            "echo a\\ b",
            "echo \"a\\\"b\"",
            "echo $'a'",
            "echo $\"a\"",
            "cat <<E\nx\nE",
            "cat <<<x",
            "echo 'a",
            "echo \"a",
            "ls )",
            "a && ",
            "| a",
            "ls;;",
            "ls\\\nfoo",
            "ls \\",
            "ls\r",
            "ls\r\nls",
            "ls\u{b}x",
            "ls \u{a0}x",
            "ls\u{c}",
            "ls =ls",
            "export X=1",
            "unset X",
            "declare x",
            "((1))",
            "echo $((1))",
            "case a in b) c;; esac",
            "ls a(b)",
            "select x in a; do b; done",
            "a\0b",
            "function f { ls; }",
            "ls $",
            "ls !(a)",
            "until a; do b; done",
        ];

        for script in scripts {
            assert_eq!(plain_commands(script), None, "{script:?}");
        }
    }

    /// Shapes that made the grammar, or our way through its tree, take minutes or all memory before they were bounded.
    #[test]
    fn long_and_deep_scripts_neither_hang_nor_overflow() {
        let joined = |separator: &str, count: usize| vec!["ls"; count].join(separator);
        let heredocs: String = (0..1000).map(|at| format!("<<E{at} ")).collect();
        assert_eq!(plain_commands(&joined(" && ", 5000)).map(|commands| commands.len()), Some(5000));
        assert_eq!(plain_commands(&joined("|", 400)).map(|commands| commands.len()), Some(400));
        assert_eq!(plain_commands(&joined("|", 5000)), None);
        assert_eq!(plain_commands(&"a".repeat(300_000)), None);

        let repeated = [
            "(",
            "$(",
            "\"$(",
            "\"`",
            "{ ",
            "if a; then ",
            "case a in b) ",
            "${a:-",
            "$((",
            "[[ ",
            "a'b'",
            "a=",
            "a|",
            "> a ",
            "! ",
            "f() ",
            "@(",
            "$",
            "{1..",
        ];
        let nested = repeated.iter().map(|piece| piece.repeat(32_000 / piece.len()));
        for script in nested.chain([
            format!("cat {heredocs}\n"),
            format!("cat <<{}\nx", "A".repeat(5000)),
            "$(".repeat(8000) + &")".repeat(8000),
        ]) {
            assert_eq!(plain_commands(&script), None);
            crate::commands_inside(&script);
        }
    }

    /// What a grammar may stumble over, and characters of every length next to it.
    fn pieces() -> impl Strategy<Value = &'static str> {
        let pieces = [
            "ls",
            " ",
            "\n",
            "é",
            "日",
            "\u{A79E7}",
            "\u{10FFFF}",
            "%",
            "$",
            "${",
            "}",
            "{",
            "..",
            "$(",
            ")",
            "((",
            "))",
            "[[",
            "]]",
            "=~",
            "=",
            "x=",
            "<<",
            "<<E\n",
            "\nE\n",
            "'",
            "\"",
            "\\",
            "`",
            ">",
            "2>",
            "&",
            "|",
            ";",
            "#",
            "!",
            "*",
            "@(",
            "-",
            "/",
            ":",
            "\t",
            "\r",
            "\0",
            "1",
            "in",
            "case ",
            "esac",
            "if ",
            "then ",
            "fi",
            "for ",
            "do ",
            "done",
            "bash -c ",
        ];
        prop::sample::select(pieces.to_vec())
    }

    proptest! {
        #[test]
        fn quoted_words_come_back_as_they_were(words in prop::collection::vec("[^\\x00]{0,12}", 0..5)) {
            let argv: Vec<String> = std::iter::once("cmd".to_owned()).chain(words).collect();
            let script: String = argv.iter().enumerate().map(|(at, word)| match at {
                0 => word.clone(),
                _ => format!(" '{}'", word.replace('\'', "'\"'\"'")),
            }).collect();

            prop_assert_eq!(plain_commands(&script), Some(vec![argv]));
        }

        #[test]
        fn no_text_panics_whatever_it_is_made_of(pieces in prop::collection::vec(pieces(), 0..12)) {
            let script = pieces.concat();
            plain_commands(&script);
            crate::commands_inside(&script);
            crate::actions(&script);
            crate::patch_heredoc(&script);
        }

        #[test]
        fn no_text_panics_and_no_byte_is_lost(script in "[a-z '\"|&;$`\\\\\n\t(){}<>#*=!~\\[\\]-]{0,40}") {
            crate::commands_inside(&script);
            if let Some(commands) = plain_commands(&script) {
                let kept = commands.concat().concat().chars().filter(|c| c.is_ascii_lowercase()).count();
                prop_assert_eq!(kept, script.chars().filter(|c| c.is_ascii_lowercase()).count());
            }
        }
    }
}
