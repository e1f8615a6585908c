//! The fenced blocks of a Markdown page, and what each of them promises.
//!
//! Every block says what it is in its opening line; `CONTRIBUTING.md` has the list. A block that does not say it, or says something
//! unknown, is an error, so that an example can be left unchecked only on purpose.

/// One block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Example {
    /// Of the opening fence, counted from 1.
    pub line: usize,
    pub kind: Kind,
    pub text: String,
    /// What the model says while the block runs, from a `<!-- model` comment in front of it: a script as in `docs/scripted-model.md`.
    pub model: Option<String>,
}

/// What a block promises.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `sh`, `sh exit=N`: the block runs in one shell and ends with this code.
    Shell {
        exit: i32,
    },
    /// `console`: each line behind `$ ` runs, and prints what stands below it.
    Console,
    /// `toml`: the user's `config.toml`, without an unknown key.
    Config,
    /// `toml project`: `.codex/config.toml` of a trusted project.
    ProjectConfig,
    /// `toml other`: some other TOML file.
    Toml,
    /// `json`, `jsonl`: one value, or one on each line; `…` may stand for the contents of a list, an object or a text.
    Json,
    JsonLines,
    /// `jsonl script`: a script for the scripted model.
    Script,
    /// `text`, `diff`, or anything with `no-run`: only for reading.
    Reading,
}

/// # Errors
/// The line and what is wrong with it, for each block that cannot be understood.
pub fn examples(markdown: &str) -> Result<Vec<Example>, Vec<String>> {
    let mut found = Vec::new();
    let mut wrong = Vec::new();
    let mut model = None;
    let mut lines = markdown.lines().enumerate();
    while let Some((at, line)) = lines.next() {
        let trimmed = line.trim_start();
        let indent = line.len() - trimmed.len();
        if trimmed == "<!-- model" {
            model = Some(until(&mut lines, indent, |line| line.trim() == "-->"));
            continue;
        }
        let ticks = trimmed.len() - trimmed.trim_start_matches('`').len();
        if ticks < 3 {
            // The comment belongs to the block directly below it.
            model = model.filter(|_| trimmed.is_empty());
            continue;
        }
        let text = until(&mut lines, indent, |line| {
            line.trim().len() >= ticks && line.trim().trim_matches('`').is_empty()
        });
        match kind(trimmed[ticks..].trim()) {
            Ok(kind) => found.push(Example {
                line: at + 1,
                kind,
                text,
                model: model.take(),
            }),
            Err(why) => wrong.push(format!("{}: {why}", at + 1)),
        }
    }
    if wrong.is_empty() { Ok(found) } else { Err(wrong) }
}

fn until<'a>(lines: &mut impl Iterator<Item = (usize, &'a str)>, indent: usize, end: impl Fn(&str) -> bool) -> String {
    let body = lines.take_while(|(_, line)| !end(line));
    body.map(|(_, line)| {
        let blanks = line.len() - line.trim_start().len();
        format!("{}\n", &line[blanks.min(indent)..])
    })
    .collect()
}

fn kind(info: &str) -> Result<Kind, String> {
    let words: Vec<&str> = info.split_whitespace().collect();
    match words[..] {
        ["sh"] => Ok(Kind::Shell { exit: 0 }),
        ["sh", word] if word.starts_with("exit=") => {
            let exit = word["exit=".len()..].parse();
            exit.map(|exit| Kind::Shell { exit })
                .map_err(|_| format!("`{word}` names no exit code"))
        }
        ["console"] => Ok(Kind::Console),
        ["toml"] => Ok(Kind::Config),
        ["toml", "project"] => Ok(Kind::ProjectConfig),
        ["toml", "other"] => Ok(Kind::Toml),
        ["json"] => Ok(Kind::Json),
        ["jsonl"] => Ok(Kind::JsonLines),
        ["jsonl", "script"] => Ok(Kind::Script),
        ["text" | "diff"] | [_, "no-run"] => Ok(Kind::Reading),
        [] => Err("a block must say what it is, e.g. `sh`, `toml`, `json` or `text` (see CONTRIBUTING.md)".to_owned()),
        _ => Err(format!(
            "`{info}` is no kind of block that the tests know; `no-run` behind the language leaves it alone"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pretty_assertions::assert_eq;

    fn check(markdown: &str, expected: &[(usize, Kind, &str, Option<&str>)]) {
        let found = examples(markdown).unwrap();
        let found: Vec<_> = found
            .iter()
            .map(|example| (example.line, example.kind, example.text.as_str(), example.model.as_deref()))
            .collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn each_block_says_what_it_is() {
        check(
            "# A\n```sh\ncodex\n```\n\n  ```toml project\n  a = 1\n    b\n  ```\n````text\n```\n````\n```python no-run\n```\n",
            &[
                (2, Kind::Shell { exit: 0 }, "codex\n", None),
                (6, Kind::ProjectConfig, "a = 1\n  b\n", None),
                (10, Kind::Reading, "```\n", None),
                (13, Kind::Reading, "", None),
            ],
        );
    }

    #[test]
    fn a_model_belongs_to_the_next_block_alone() {
        check(
            "<!-- model\n{}\n-->\n```sh exit=4\na\n```\n```console\n$ b\n```\n<!-- model\n{}\n-->\nwords\n```json\n1\n```\n",
            &[
                (4, Kind::Shell { exit: 4 }, "a\n", Some("{}\n")),
                (7, Kind::Console, "$ b\n", None),
                (14, Kind::Json, "1\n", None),
            ],
        );
    }

    #[test]
    fn a_block_that_does_not_say_it_is_an_error() {
        let wrong = examples("```\na\n```\n```bash\n```\n```sh exit=x\n```\n").unwrap_err();

        let lines: Vec<&str> = wrong.iter().map(|text| text.split(':').next().unwrap()).collect();
        assert_eq!(lines, ["1", "4", "6"]);
    }
}
