//! Where the prompt comes from: the argument, standard input, or both.
//!
//! [`source`] and [`compose`] are pure; the caller reads standard input in between: all of it where it is the prompt, and beside an argument
//! only what does not keep it waiting. Input is UTF-8 (a byte order mark is dropped) or UTF-16
//! with a byte order mark.

use crate::ExecError;

/// What has to be read from standard input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// Nothing: the argument is the prompt.
    Argument,
    /// All of it is the prompt. `notice`: say so before waiting; `-` says it already.
    Stdin { notice: bool },
    /// The argument, and what is there goes below it.
    Both,
    /// There is neither an argument nor anything that could be read.
    Missing,
}

/// Whether a session is continued: with a prompt argument, standard input is then left alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Continues {
    No,
    Yes,
}

pub fn source(argument: Option<&str>, stdin_is_terminal: bool, continues: Continues) -> Source {
    match (argument, stdin_is_terminal, continues) {
        (Some("-"), _, _) => Source::Stdin { notice: false },
        (None, true, _) => Source::Missing,
        (None, false, _) => Source::Stdin { notice: true },
        (Some(_), true, _) | (Some(_), false, Continues::Yes) => Source::Argument,
        (Some(_), false, Continues::No) => Source::Both,
    }
}

/// The prompt from the argument and the bytes that were read.
///
/// # Errors
/// If there is no prompt, or the bytes are no text.
pub fn compose(source: Source, argument: Option<&str>, stdin: &[u8]) -> Result<String, ExecError> {
    let argument = argument.unwrap_or_default();
    match source {
        Source::Argument if argument.trim().is_empty() => Err(missing("the prompt is empty")),
        Source::Argument => Ok(argument.to_owned()),
        Source::Missing => Err(missing(
            "No prompt provided. Either specify one as an argument or pipe the prompt into stdin.",
        )),
        Source::Stdin { .. } => {
            let text = decode(stdin)?;
            if text.trim().is_empty() {
                Err(missing("there is no prompt on stdin"))
            } else {
                Ok(text)
            }
        }
        Source::Both => {
            let text = decode(stdin)?;
            if text.trim().is_empty() {
                return if argument.trim().is_empty() {
                    Err(missing("the prompt is empty"))
                } else {
                    Ok(argument.to_owned())
                };
            }
            let newline = if text.ends_with('\n') { "" } else { "\n" };
            Ok(format!("{argument}\n\n<stdin>\n{text}{newline}</stdin>"))
        }
    }
}

fn missing(message: &str) -> ExecError {
    ExecError::new("exec.no_prompt", message).with_hint("codex exec 'what to do', or pipe it in")
}

fn decode(bytes: &[u8]) -> Result<String, ExecError> {
    match bytes {
        [0xFF, 0xFE, 0, 0, ..] | [0, 0, 0xFE, 0xFF, ..] => Err(not_text("it is UTF-32")),
        [0xFF, 0xFE, rest @ ..] => decode_utf16(rest, u16::from_le_bytes),
        [0xFE, 0xFF, rest @ ..] => decode_utf16(rest, u16::from_be_bytes),
        [0xEF, 0xBB, 0xBF, rest @ ..] => decode_utf8(rest, 3),
        _ => decode_utf8(bytes, 0),
    }
}

fn decode_utf8(bytes: &[u8], skipped: usize) -> Result<String, ExecError> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Ok(text.to_owned()),
        Err(error) => Err(not_text(&format!("byte {} is not UTF-8", skipped + error.valid_up_to()))),
    }
}

fn decode_utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Result<String, ExecError> {
    let (pairs, rest) = bytes.as_chunks::<2>();
    let units: Vec<u16> = pairs.iter().map(|pair| unit(*pair)).collect();
    match (String::from_utf16(&units), rest) {
        (Ok(text), []) => Ok(text),
        _ => Err(not_text("it is broken UTF-16")),
    }
}

fn not_text(why: &str) -> ExecError {
    ExecError::new("exec.prompt_not_text", format!("cannot read the prompt from stdin: {why}"))
        .with_hint("convert it to UTF-8 first, e.g. with iconv -f ENCODING -t UTF-8")
}

#[cfg(test)]
mod tests {
    use super::*;
    use pretty_assertions::assert_eq;

    #[test]
    fn where_the_prompt_comes_from() {
        let check =
            |argument, terminal, continues, expect| assert_eq!(source(argument, terminal, continues), expect, "{argument:?} {terminal}");

        check(None, true, Continues::No, Source::Missing);
        check(None, false, Continues::No, Source::Stdin { notice: true });
        check(Some("-"), true, Continues::No, Source::Stdin { notice: false });
        check(Some("-"), false, Continues::Yes, Source::Stdin { notice: false });
        check(Some("x"), true, Continues::No, Source::Argument);
        check(Some("x"), false, Continues::No, Source::Both);
        check(Some("x"), false, Continues::Yes, Source::Argument);
        check(None, false, Continues::Yes, Source::Stdin { notice: true });
    }

    #[test]
    fn how_argument_and_input_become_one_prompt() {
        let check = |source, argument, stdin: &[u8], expect: Result<&str, &str>| {
            let composed = compose(source, argument, stdin);
            assert_eq!(composed.as_deref().map_err(|error| error.code.as_str()), expect, "{stdin:?}");
        };
        let piped = Source::Stdin { notice: true };

        check(piped, None, b"do it\n", Ok("do it\n"));
        check(piped, None, b" \n", Err("exec.no_prompt"));
        check(piped, None, b"\xEF\xBB\xBFdo", Ok("do"));
        check(piped, None, b"\xFF\xFEd\0o\0", Ok("do"));
        check(piped, None, b"\xFE\xFF\0d\0o", Ok("do"));
        check(piped, None, b"\xFF\xFEd\0o", Err("exec.prompt_not_text"));
        check(piped, None, b"ab\xFFc", Err("exec.prompt_not_text"));
        check(
            Source::Both,
            Some("Summarize"),
            b"piped body\n",
            Ok("Summarize\n\n<stdin>\npiped body\n</stdin>"),
        );
        check(
            Source::Both,
            Some("Summarize"),
            b"piped body",
            Ok("Summarize\n\n<stdin>\npiped body\n</stdin>"),
        );
        check(Source::Both, Some("Summarize"), b"\n", Ok("Summarize"));
        check(Source::Argument, Some("x"), b"", Ok("x"));
        check(Source::Argument, Some(" "), b"", Err("exec.no_prompt"));
        check(Source::Missing, None, b"", Err("exec.no_prompt"));
    }

    #[test]
    fn an_input_that_is_no_text_is_refused_with_the_place() {
        let error = compose(Source::Both, Some("x"), b"\xEF\xBB\xBFab\xFF").unwrap_err();

        insta::assert_snapshot!(error.report(), @r"
        error: cannot read the prompt from stdin: byte 5 is not UTF-8 [exec.prompt_not_text]
        hint: convert it to UTF-8 first, e.g. with iconv -f ENCODING -t UTF-8
        ");
    }
}
