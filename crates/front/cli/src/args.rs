//! The command line: words in, [`Command`] out.
//!
//! Options may stand before `exec`, after it, and after its subcommand; the nearest to the last word wins, lists are joined in order of
//! nesting. Nothing is looked up here: paths are as written and `-c` values are unparsed.

mod exec;
mod interactive;
mod review;
mod shared;

pub use exec::{Color, ExecCommand};
pub use interactive::TuiCommand;
pub use review::Reviewed;

use crate::commands::{self, Root};
use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};
use codex_exec::ExecError;
use codex_tui::{Opening, Verb};
use interactive::{Again, Interactive};
pub use shared::{Shared, profile_name, sandbox_mode};

/// What was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    Exec(Box<ExecCommand>),
    /// Any other command, with the options that stand before it.
    Other(Box<Root>, commands::Sub),
    /// Well-formed, and not to be run.
    Refused(ExecError),
    /// The terminal interface.
    Tui(Box<TuiCommand>),
}

/// Reads the command line, the program's name included.
///
/// # Errors
/// A usage error, or the text of `--help` and `--version`: see [`clap::Error::exit_code`].
pub fn parse<I, T>(words: I) -> Result<Command, clap::Error>
where
    I: IntoIterator<Item = T>,
    T: Into<std::ffi::OsString> + Clone,
{
    let words: Vec<std::ffi::OsString> = words.into_iter().map(Into::into).collect();
    let definition = definition();
    let matches = definition
        .clone()
        .try_get_matches_from(&words)
        .map_err(|error| commands::explained(error, &words, &definition))?;
    if let Some(refusal) = commands::refusal(&matches) {
        return Ok(Command::Refused(refusal));
    }
    let Cli {
        shared,
        interactive,
        images,
        command,
        prompt,
    } = Cli::from_arg_matches(&matches)?;
    let tui = |tui: TuiCommand| {
        let config = commands::overrides(&matches);
        Ok(Command::Tui(Box::new(TuiCommand { config, ..tui })))
    };
    let notes = interactive.notes_before_exec();
    let exec = |exec: exec::Exec, shared, images| {
        let exec = exec.merged(shared, notes, images);
        let config = commands::overrides(&matches);
        Ok(Command::Exec(Box::new(ExecCommand { config, ..exec })))
    };
    match command {
        None => {
            let misspelt = prompt.as_deref().and_then(|word| commands::misspelt(word, &definition));
            match misspelt {
                Some(refusal) => Ok(Command::Refused(refusal)),
                None => tui(TuiCommand::of(Opening::New, prompt, shared, interactive, images)),
            }
        }
        Some(Sub::Resume(again)) => tui(again.merged(Verb::Resume, shared, interactive, images)),
        Some(Sub::Fork(again)) => tui(again.merged(Verb::Fork, shared, interactive, images)),
        Some(Sub::Exec(command)) => exec(*command, shared, images),
        Some(Sub::Review(command)) => exec(exec::Exec::of_review(*command), shared, images),
        Some(Sub::Other(command)) => {
            let config = commands::overrides(&matches);
            let root = Root { config, shared };
            Ok(Command::Other(Box::new(root), command))
        }
    }
}

/// The whole command line as clap knows it.
pub fn definition() -> clap::Command {
    commands::with_overrides(Cli::command())
}

/// A coding agent for the terminal.
#[derive(Debug, Parser)]
#[command(name = "codex-cli", bin_name = "codex", version, propagate_version = true)]
#[command(max_term_width = 110)]
struct Cli {
    #[command(flatten)]
    shared: Shared,

    #[command(flatten)]
    interactive: Interactive,

    /// Attach pictures to the first prompt (several values; put `--` before a prompt that follows)
    #[arg(short, long = "image", value_name = "FILE", num_args = 1.., value_delimiter = ',')]
    images: Vec<String>,

    #[command(subcommand)]
    command: Option<Sub>,

    /// First prompt of the terminal interface
    #[arg(value_name = "PROMPT")]
    prompt: Option<String>,
}

#[derive(Debug, Subcommand)]
enum Sub {
    /// Run one prompt without a terminal interface
    #[command(visible_alias = "e")]
    Exec(Box<exec::Exec>),
    /// Review code: uncommitted changes, a branch, a commit, or what a prompt says
    Review(Box<review::Review>),
    /// Go on with a session in the terminal interface
    Resume(Box<Again>),
    /// Start a session with the history of another in the terminal interface
    Fork(Box<Again>),
    #[command(flatten)]
    Other(commands::Sub),
}

/// The notes on what was given.
fn given<const N: usize>(notes: [(bool, &'static str); N]) -> Vec<&'static str> {
    notes.into_iter().filter_map(|(given, note)| given.then_some(note)).collect()
}

fn joined<T>(mut outer: Vec<T>, inner: Vec<T>) -> Vec<T> {
    outer.extend(inner);
    outer
}

#[cfg(test)]
#[path = "args_tests.rs"]
mod tests;
