//! A conversation as a Markdown file.

use crate::Failure;
use crate::cells::Reviewing;
use codex_base::AbsPath;
use codex_protocol::items::{CommandExecutionItem, FileUpdateChange, Thread, ThreadItem, UserInput};
use std::fmt::Write as _;
use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};

/// Names that are tried where nobody gave one.
const NAMES_MAX: u32 = 99;

/// Where it goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// This file, which must not be there.
    File(AbsPath),
    /// A new file of this directory; the name begins so.
    Folder(AbsPath, String),
}

/// The conversation: what was said, what was run and changed.
pub fn markdown(thread: &Thread) -> String {
    let title = thread.name.as_ref().unwrap_or(&thread.preview);
    let title = title.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut out = format!("# {}\n\n", if title.is_empty() { "Conversation" } else { &title });
    let model = thread.model.as_ref().map(|model| format!(", {model}")).unwrap_or_default();
    // Writing to a string cannot fail.
    let _ = writeln!(out, "Session {} in `{}`{model}.", thread.id, thread.cwd);
    for item in thread.turns.iter().flat_map(|turn| Reviewing::said(&turn.items)) {
        let part = part(item);
        if !part.is_empty() {
            let _ = write!(out, "\n{}\n", part.trim_end());
        }
    }
    out
}

fn part(item: &ThreadItem) -> String {
    match item {
        ThreadItem::UserMessage { content, .. } => format!("## User\n\n{}", said(content)),
        ThreadItem::AgentMessage { text, .. } if text.trim().is_empty() => String::new(),
        ThreadItem::AgentMessage { text, .. } => format!("## Codex\n\n{text}"),
        ThreadItem::Plan { text, .. } => format!("## Plan\n\n{text}"),
        ThreadItem::CommandExecution(item) => command(item),
        ThreadItem::FileChange { changes, .. } => changes.iter().map(change).collect::<Vec<_>>().join("\n\n"),
        ThreadItem::McpToolCall(call) => format!("*Called {} of {}.*", call.tool, call.server),
        ThreadItem::WebSearch { query, .. } => format!("*Searched the web for {query}.*"),
        ThreadItem::ImageView { path, .. } => format!("*Looked at `{path}`.*"),
        ThreadItem::EnteredReviewMode { review, .. } => format!("## Review of {review}"),
        ThreadItem::ContextCompaction { .. } => "*Summed up the conversation so far.*".to_owned(),
        // What came of a review is the answer that follows.
        ThreadItem::ExitedReviewMode { .. } | ThreadItem::Reasoning { .. } | ThreadItem::CollabAgentToolCall(_) => String::new(),
    }
}

fn said(content: &[UserInput]) -> String {
    let part = |part: &UserInput| match part {
        UserInput::Text { text } => text.trim_end().to_owned(),
        UserInput::LocalImage { path } => format!("*Picture `{path}`*"),
        UserInput::Image { .. } => "*Picture*".to_owned(),
        UserInput::Skill { name, .. } => format!("*Skill `{name}`*"),
    };
    content.iter().map(part).collect::<Vec<_>>().join("\n\n")
}

fn command(item: &CommandExecutionItem) -> String {
    let output = item.aggregated_output.as_deref().unwrap_or_default().trim_end();
    let blank = if output.is_empty() { "" } else { "\n" };
    let code = item.exit_code.filter(|code| *code != 0);
    let code = code.map(|code| format!("\n\nExit code {code}.")).unwrap_or_default();
    format!("{}{code}", fenced("console", &format!("$ {}{blank}{output}", item.command)))
}

fn change(change: &FileUpdateChange) -> String {
    format!("`{}`\n\n{}", change.path, fenced("diff", change.diff.trim_end()))
}

/// With a fence longer than any that stands in the text.
fn fenced(language: &str, text: &str) -> String {
    let mut longest = 0;
    let mut run = 0;
    for c in text.chars() {
        run = if c == '`' { run + 1 } else { 0 };
        longest = longest.max(run);
    }
    let fence = "`".repeat((longest + 1).max(3));
    format!("{fence}{language}\n{text}\n{fence}")
}

/// Writes the conversation, and says where.
///
/// # Errors
/// If the file is there already, or cannot be written.
pub fn to_file(target: &Target, thread: &Thread) -> Result<AbsPath, Failure> {
    write(target, &markdown(thread)).map_err(|error| {
        let place = match target {
            Target::File(file) => file,
            Target::Folder(folder, _) => folder,
        };
        let failure = Failure::new("tui.export", format!("cannot write the conversation to {place}: {error}"));
        match error.kind() {
            io::ErrorKind::AlreadyExists => failure.with_hint("nothing is overwritten; name another file: /export FILE"),
            _ => failure.with_hint("name another place: /export FILE"),
        }
    })
}

/// Writes a file that was not there before, whole or not at all.
///
/// # Errors
/// If there is one of this name, or it cannot be written.
pub fn write(target: &Target, text: &str) -> io::Result<AbsPath> {
    match target {
        Target::File(path) => write_new(path, text).map(|()| path.clone()),
        Target::Folder(folder, stem) => {
            for number in 1..=NAMES_MAX {
                let number = if number == 1 { String::new() } else { format!("-{number}") };
                let path = folder.join(format!("{stem}{number}.md"));
                match write_new(&path, text) {
                    Ok(()) => return Ok(path),
                    Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                    Err(error) => return Err(error),
                }
            }
            Err(io::ErrorKind::AlreadyExists.into())
        }
    }
}

fn write_new(path: &AbsPath, text: &str) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).open(path)?;
    let written = file.write_all(text.as_bytes()).and_then(|()| file.sync_all());
    if written.is_err() {
        // Half a file would look like a whole one; it is ours, as it was not there before.
        drop(fs::remove_file(path));
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::desk::{path, thread};
    use codex_protocol::items::{Turn, TurnStatus};
    use insta::assert_snapshot;
    use serde_json::json;

    #[test]
    fn what_was_said_and_done_is_markdown_that_reads_back() {
        let items = json!([
            {"type": "userMessage", "id": "1", "content": [{"type": "text", "text": "Mend the *parser*."}]},
            {"type": "commandExecution", "id": "2", "command": "cat notes.md", "cwd": "/home/u/work", "status": "failed",
             "aggregatedOutput": "```rust\nfn a() {}\n```\n", "exitCode": 1},
            {"type": "fileChange", "id": "3", "status": "completed", "changes": [
                {"path": "/home/u/work/a.rs", "kind": {"type": "update", "move_path": null}, "diff": "@@ -1 +1 @@\n-a\n+b\n"}]},
            {"type": "agentMessage", "id": "4", "text": "Done.\n\n- one"}
        ]);
        let turn = Turn {
            items: serde_json::from_value(items).unwrap(),
            ..serde_json::from_value::<Turn>(json!({"id": "t", "items": [], "status": "completed"})).unwrap()
        };
        assert_eq!(turn.status, TurnStatus::Completed);
        let thread = Thread {
            turns: vec![turn],
            ..thread("t-1", "Mend the\nparser", 0)
        };

        assert_snapshot!(markdown(&thread), @r"
        # Mend the parser

        Session t-1 in `/home/u/work`.

        ## User

        Mend the *parser*.

        ````console
        $ cat notes.md
        ```rust
        fn a() {}
        ```
        ````

        Exit code 1.

        `/home/u/work/a.rs`

        ```diff
        @@ -1 +1 @@
        -a
        +b
        ```

        ## Codex

        Done.

        - one
        ");
    }

    #[test]
    fn nothing_is_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let root = codex_base::AbsPath::new(folder.path()).unwrap();
        let of = Target::Folder(root.clone(), "codex".to_owned());

        let first = write(&of, "one").unwrap();
        let second = write(&of, "two").unwrap();
        let refused = write(&Target::File(first.clone()), "three").unwrap_err();

        assert_eq!([&first, &second], [&root.join("codex.md"), &root.join("codex-2.md")]);
        assert_eq!(refused.kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(fs::read_to_string(&first).unwrap(), "one");
        assert!(write(&Target::File(path("/nowhere/at/all.md")), "").is_err());
    }
}
