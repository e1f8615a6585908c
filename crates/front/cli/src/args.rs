//! The command line: words in, [`Command`] out.
//!
//! Options may stand before `exec`, after it, and after its subcommand; the nearest to the last word wins, lists are joined in order of
//! nesting. Nothing is looked up here: paths are as written and `-c` values are unparsed.

use clap::{Args, Parser, Subcommand, ValueEnum};
use codex_exec::Session;
use codex_protocol::settings::SandboxMode;
use std::path::PathBuf;

/// What was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    Exec(Box<ExecCommand>),
    Demo {
        folder: Option<PathBuf>,
    },
    /// The terminal interface, perhaps with a first prompt.
    Tui {
        prompt: Option<String>,
    },
}

/// `codex exec`, options of all levels merged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExecCommand {
    pub session: Session,
    pub prompt: Option<String>,
    /// `key=value` in order of rising precedence.
    pub config: Vec<String>,
    pub images: Vec<String>,
    pub model: Option<String>,
    pub profile: Option<String>,
    pub sandbox: Option<SandboxMode>,
    pub cd: Option<PathBuf>,
    pub add_dirs: Vec<PathBuf>,
    pub strict_config: bool,
    pub json: bool,
    pub color: Color,
    pub last_message_file: Option<PathBuf>,
    pub output_schema: Option<PathBuf>,
    pub skip_git_repo_check: bool,
    pub ephemeral: bool,
    pub ignore_user_config: bool,
}

/// When to colour what goes to stderr.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Color {
    Always,
    Never,
    #[default]
    Auto,
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
    let Cli {
        shared,
        images,
        command,
        prompt,
    } = Cli::try_parse_from(words)?;
    match command {
        None => Ok(Command::Tui { prompt }),
        Some(Sub::Demo { folder }) => Ok(Command::Demo { folder }),
        Some(Sub::Exec(exec)) => exec.merged(shared, images).map(|exec| Command::Exec(Box::new(exec))),
    }
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
    Exec(Box<Exec>),
    /// See a real turn in a small repository of its own: no account, no network, scripted words
    Demo {
        /// An empty or new folder to make the repository in [default: a new one in the temporary folder]
        #[arg(value_name = "DIR")]
        folder: Option<PathBuf>,
    },
}

#[derive(Debug, Args)]
#[command(subcommand_precedence_over_arg = true)]
struct Exec {
    #[command(flatten)]
    shared: Shared,

    #[command(flatten)]
    own: ExecFlags,

    /// Attach pictures to the prompt (several values; put `--` before a prompt that follows)
    #[arg(short, long = "image", value_name = "FILE", num_args = 1.., value_delimiter = ',')]
    images: Vec<String>,

    /// When to colour progress
    #[arg(long, value_enum, default_value_t)]
    color: Color,

    #[command(subcommand)]
    command: Option<ExecSub>,

    /// What to do; `-` or nothing reads it from standard input
    #[arg(value_name = "PROMPT")]
    prompt: Option<String>,
}

#[derive(Debug, Subcommand)]
enum ExecSub {
    /// Continue a session
    Resume(Resume),
}

#[derive(Debug, Args)]
struct Resume {
    #[command(flatten)]
    shared: Shared,

    #[command(flatten)]
    own: ExecFlags,

    /// Attach a picture to the prompt (may be repeated)
    #[arg(short, long = "image", value_name = "FILE", value_delimiter = ',')]
    images: Vec<String>,

    /// Take the newest session of this directory
    #[arg(long)]
    last: bool,

    /// Look at the sessions of all directories
    #[arg(long)]
    all: bool,

    /// Id or name of a session; with --last this is the prompt
    #[arg(value_name = "SESSION_ID", required_unless_present = "last")]
    session: Option<String>,

    /// What to do next; `-` or nothing reads it from standard input
    #[arg(value_name = "PROMPT", conflicts_with = "last")]
    prompt: Option<String>,
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

/// Options of `exec` and its subcommands.
#[derive(Debug, Default, Args)]
struct ExecFlags {
    /// Print events as JSON lines on stdout
    #[arg(long, alias = "experimental-json")]
    json: bool,

    /// Write the final message to FILE
    #[arg(short, long = "output-last-message", value_name = "FILE")]
    output_last_message: Option<PathBuf>,

    /// JSON Schema for the final message
    #[arg(long, value_name = "FILE")]
    output_schema: Option<PathBuf>,

    /// Also run outside a git repository
    #[arg(long)]
    skip_git_repo_check: bool,

    /// Keep no journal of this session
    #[arg(long)]
    ephemeral: bool,

    /// Leave out the user's config.toml
    #[arg(long)]
    ignore_user_config: bool,
}

impl Exec {
    /// One set of options from the outermost level to the innermost.
    fn merged(self, root: Shared, root_images: Vec<String>) -> Result<ExecCommand, clap::Error> {
        let Self {
            shared,
            own,
            images,
            color,
            command,
            prompt,
        } = self;
        let (session, prompt, shared, own, images) = match command {
            None => (Session::New, prompt, shared, own, images),
            Some(ExecSub::Resume(resume)) => {
                let (session, prompt) = target(resume.last, resume.all, resume.session, resume.prompt);
                (
                    session,
                    prompt,
                    shared.under(resume.shared),
                    own.under(resume.own),
                    joined(images, resume.images),
                )
            }
        };
        let shared = root.under(shared);
        Ok(ExecCommand {
            session,
            prompt,
            config: shared.config,
            images: joined(root_images, images),
            model: shared.model,
            profile: shared.profile,
            sandbox: shared.sandbox,
            cd: shared.cd,
            add_dirs: shared.add_dirs,
            strict_config: shared.strict_config,
            json: own.json,
            color,
            last_message_file: own.output_last_message,
            output_schema: own.output_schema,
            skip_git_repo_check: own.skip_git_repo_check,
            ephemeral: own.ephemeral,
            ignore_user_config: own.ignore_user_config,
        })
    }
}

/// With `--last` the only word is the prompt.
fn target(last: bool, all: bool, session: Option<String>, prompt: Option<String>) -> (Session, Option<String>) {
    match (last, session) {
        (true, word) => (Session::Last { everywhere: all }, word),
        (false, Some(session)) => (Session::Resume(session), prompt),
        // The parser demands a session without `--last`.
        (false, None) => (Session::Last { everywhere: all }, prompt),
    }
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

impl ExecFlags {
    fn under(self, nearer: Self) -> Self {
        Self {
            json: nearer.json || self.json,
            output_last_message: nearer.output_last_message.or(self.output_last_message),
            output_schema: nearer.output_schema.or(self.output_schema),
            skip_git_repo_check: nearer.skip_git_repo_check || self.skip_git_repo_check,
            ephemeral: nearer.ephemeral || self.ephemeral,
            ignore_user_config: nearer.ignore_user_config || self.ignore_user_config,
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
