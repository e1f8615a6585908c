//! The draft in an editor of the user's own: a file, the program on the terminal, and the file read again.

use crate::Failure;
use codex_base::{AbsPath, os};
use std::io::{self, Read};
use std::process::Command;

/// Bytes of an edited draft.
const DRAFT_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// Which editor, and where its file lies meanwhile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Editor {
    /// As `VISUAL` or `EDITOR` say it: a program and perhaps arguments.
    pub command: String,
    pub folder: AbsPath,
}

/// Runs the editor and waits for its end; the terminal must be free for it.
///
/// # Errors
/// If the file cannot be written or read, or the editor does not start or fails: the draft is then as it was.
pub fn edit(editor: &Editor, draft: &str) -> Result<String, Failure> {
    let file = editor.folder.join(format!("draft-{}.md", std::process::id()));
    let failed = |what: &str, error: &io::Error| Failure::new("tui.editor", format!("cannot {what} {file}: {error}"));
    os::create_private_dir(&editor.folder).map_err(|error| failed("make a folder for", &error))?;
    os::write_atomic(&file, draft.as_bytes(), os::Privacy::Owner).map_err(|error| failed("write", &error))?;
    let edited = run(&editor.command, &file).and_then(|()| read(&file).map_err(|error| failed("read", &error)));
    // What is left of it harms nobody.
    drop(std::fs::remove_file(&file));
    edited
}

fn run(command: &str, file: &AbsPath) -> Result<(), Failure> {
    let words = words(command);
    let (program, arguments) = words.split_first().ok_or_else(none)?;
    let ended = Command::new(program).args(arguments).arg(file.as_path()).status();
    let hint = "the draft is as it was; VISUAL or EDITOR name another editor";
    match ended {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(Failure::new("tui.editor", format!("{command} ended with {status}")).with_hint(hint)),
        Err(error) => Err(Failure::new("tui.editor", format!("cannot start {command}: {error}")).with_hint(hint)),
    }
}

/// Nobody said which editor.
pub fn none() -> Failure {
    Failure::new("tui.editor", "no editor is named").with_hint("set the variable VISUAL or EDITOR, e.g. to nano")
}

fn read(file: &AbsPath) -> io::Result<String> {
    let mut text = String::new();
    std::fs::File::open(file)?.take(DRAFT_BYTES_MAX).read_to_string(&mut text)?;
    Ok(text)
}

/// The words of a command line; quotes keep blanks together.
fn words(command: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    for c in command.chars() {
        match (c, quote) {
            (c, Some(open)) if c == open => quote = None,
            ('"' | '\'', None) => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (c, None) if c.is_whitespace() => words.extend(word.take()),
            (c, _) => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_has_words_and_quotes() {
        assert_eq!(words("code --wait"), ["code", "--wait"]);
        assert_eq!(words(r#""/my editor/ed" -c 'set nu' """#), ["/my editor/ed", "-c", "set nu", ""]);
        assert_eq!(words("  "), [""; 0]);
    }

    #[test]
    fn an_editor_that_does_not_start_leaves_the_draft() {
        let folder = tempfile::tempdir().unwrap();
        let editor = Editor {
            command: "/no/such/editor".to_owned(),
            folder: AbsPath::new(folder.path()).unwrap(),
        };

        let failure = edit(&editor, "draft").unwrap_err();

        assert_eq!(failure.code, "tui.editor");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
