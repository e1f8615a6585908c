//! The command line: words in, [`Command`] out.
//!
//! Options may stand before `exec`, after it, and after its subcommand; the nearest to the last word wins, lists are joined in order of
//! nesting. Nothing is looked up here: paths are as written and `-c` values are unparsed.

mod exec;

pub use exec::{Color, ExecCommand};

use crate::commands::{self, Root};
use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand};
use codex_exec::ExecError;
use codex_protocol::settings::SandboxMode;
use std::path::PathBuf;

/// What was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    Exec(Box<ExecCommand>),
    /// Any other command, with the options that stand before it.
    Other(Box<Root>, commands::Sub),
    /// Well-formed, and not to be run.
    Refused(ExecError),
    /// The terminal interface, perhaps with a first prompt.
    Tui {
        prompt: Option<String>,
    },
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
        images,
        command,
        prompt,
    } = Cli::from_arg_matches(&matches)?;
    match command {
        None => Ok(Command::Tui { prompt }),
        Some(Sub::Exec(exec)) => {
            let exec = exec.merged(shared, images)?;
            let config = commands::overrides(&matches);
            Ok(Command::Exec(Box::new(ExecCommand { config, ..exec })))
        }
        Some(Sub::Other(command)) => {
            let root = Root {
                config: commands::overrides(&matches),
                model: shared.model,
                profile: shared.profile,
                sandbox: shared.sandbox,
                cd: shared.cd,
                add_dirs: shared.add_dirs,
                strict_config: shared.strict_config,
            };
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
#[command(subcommand_precedence_over_arg = true, max_term_width = 110)]
struct Cli {
    #[command(flatten)]
    shared: Shared,

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
    #[command(flatten)]
    Other(commands::Sub),
}

/// Options of every level.
#[derive(Debug, Default, Args)]
struct Shared {
    /// Override a configuration value, e.g. -c model=NAME (a dotted key and a TOML value)
    #[arg(short, long, value_name = "KEY=VALUE")]
    config: Vec<String>,

    /// Model to use
    #[arg(short, long)]
    model: Option<String>,

    /// Put NAME.config.toml over the user's configuration
    #[arg(short, long, value_name = "NAME", value_parser = profile_name)]
    profile: Option<String>,

    /// What commands may touch
    #[arg(short, long, value_name = "MODE", value_parser = sandbox_mode())]
    sandbox: Option<SandboxMode>,

    /// Work in this directory
    #[arg(short = 'C', long, value_name = "DIR")]
    cd: Option<PathBuf>,

    /// Let commands write here, too (may be repeated)
    #[arg(long = "add-dir", value_name = "DIR")]
    add_dirs: Vec<PathBuf>,

    /// Refuse unknown configuration keys
    #[arg(long)]
    strict_config: bool,
}

impl Shared {
    fn under(self, nearer: Self) -> Self {
        Self {
            config: joined(self.config, nearer.config),
            model: nearer.model.or(self.model),
            profile: nearer.profile.or(self.profile),
            sandbox: nearer.sandbox.or(self.sandbox),
            cd: nearer.cd.or(self.cd),
            add_dirs: joined(self.add_dirs, nearer.add_dirs),
            strict_config: nearer.strict_config || self.strict_config,
        }
    }
}

fn joined<T>(mut outer: Vec<T>, inner: Vec<T>) -> Vec<T> {
    outer.extend(inner);
    outer
}

fn profile_name(name: &str) -> Result<String, String> {
    let good = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
    if good {
        Ok(name.to_owned())
    } else {
        Err("use letters, digits, `-` and `_`".to_owned())
    }
}

fn sandbox_mode() -> impl clap::builder::TypedValueParser<Value = SandboxMode> {
    use clap::builder::{PossibleValuesParser, TypedValueParser};
    let modes = [SandboxMode::ReadOnly, SandboxMode::WorkspaceWrite, SandboxMode::DangerFullAccess];
    PossibleValuesParser::new(modes.map(SandboxMode::as_str)).map(move |word| {
        modes
            .into_iter()
            .find(|mode| mode.as_str() == word)
            .unwrap_or(SandboxMode::ReadOnly)
    })
}

#[cfg(test)]
#[path = "args_tests.rs"]
mod tests;
