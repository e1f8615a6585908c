//! The options of `codex exec` and of its subcommands, merged into one [`ExecCommand`].

use super::review::{Review, Reviewed};
use super::shared::Shared;
use super::{given, joined};
use clap::{Args, Subcommand, ValueEnum};
use codex_exec::Session;
use std::path::PathBuf;

/// `codex exec`, options of all levels merged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExecCommand {
    pub session: Session,
    /// A review instead of a task.
    pub review: Option<Reviewed>,
    pub prompt: Option<String>,
    /// `key=value` in order of rising precedence.
    pub config: Vec<String>,
    pub images: Vec<String>,
    pub color: Color,
    pub shared: Shared,
    pub own: ExecFlags,
    /// What the user should know about the flags themselves: older spellings, and those that change nothing here.
    pub notes: Vec<String>,
}

/// When to colour what goes to stderr.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Color {
    Always,
    Never,
    #[default]
    Auto,
}

#[derive(Debug, Args)]
pub(super) struct Exec {
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
    /// Start a new session with the history of another
    Fork(Fork),
    /// Review code: uncommitted changes, a branch, a commit, or what a prompt says
    Review(Box<Review>),
}

/// What `resume` and `fork` take besides.
#[derive(Debug, Args)]
struct Level {
    #[command(flatten)]
    shared: Shared,

    #[command(flatten)]
    own: ExecFlags,

    /// Attach a picture to the prompt (may be repeated)
    #[arg(short, long = "image", value_name = "FILE", value_delimiter = ',')]
    images: Vec<String>,
}

#[derive(Debug, Args)]
struct Resume {
    #[command(flatten)]
    level: Level,

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

#[derive(Debug, Args)]
struct Fork {
    #[command(flatten)]
    level: Level,

    /// Id or name of the session that is taken over
    #[arg(value_name = "SESSION_ID")]
    session: String,

    /// What to do next; `-` reads it from standard input. Without one only the new session is made
    #[arg(value_name = "PROMPT")]
    prompt: Option<String>,
}

/// Options of `exec` and its subcommands.
#[derive(Debug, Clone, PartialEq, Eq, Default, Args)]
pub struct ExecFlags {
    /// Print events as JSON lines on stdout
    #[arg(long, alias = "experimental-json")]
    pub json: bool,

    /// With --json: also events that say what a long wait is for
    #[arg(long)]
    pub status: bool,

    /// Write the final message to FILE
    #[arg(short, long = "output-last-message", value_name = "FILE")]
    pub output_last_message: Option<PathBuf>,

    /// JSON Schema for the final message
    #[arg(long, value_name = "FILE")]
    pub output_schema: Option<PathBuf>,

    /// Also run outside a git repository
    #[arg(long)]
    pub skip_git_repo_check: bool,

    /// Keep no journal of this session
    #[arg(long)]
    pub ephemeral: bool,

    /// Leave out the user's config.toml
    #[arg(long)]
    pub ignore_user_config: bool,

    /// Trust this project from now on: its .codex/ counts, too
    #[arg(long)]
    pub trust: bool,

    /// Leave out the .rules files of user and project
    #[arg(long)]
    pub ignore_rules: bool,

    /// What started this session, for its journal [default: user]
    #[arg(long, value_name = "SOURCE")]
    pub thread_source: Option<String>,

    /// Accepted for programs that pass it; has a meaning at the vendor only
    #[arg(long, value_name = "PROGRAM", value_parser = ["standard", "daybreak_blue", "daybreak_red"])]
    pub cyber_access_program: Option<String>,

    /// Accepted for old scripts
    #[arg(long, hide = true)]
    pub include_plan_tool: bool,
}

impl Exec {
    /// `codex review` is `codex exec review`.
    pub(super) fn of_review(review: Review) -> Self {
        Self {
            shared: Shared::default(),
            own: ExecFlags::default(),
            images: Vec::new(),
            color: Color::default(),
            command: Some(ExecSub::Review(Box::new(review))),
            prompt: None,
        }
    }

    /// One set of options from the outermost level to the innermost.
    pub(super) fn merged(self, root: Shared, root_notes: Vec<String>, root_images: Vec<String>) -> ExecCommand {
        let Self {
            shared,
            own,
            images,
            color,
            command,
            prompt,
        } = self;
        let mut review = None;
        let (session, prompt, inner) = match command {
            None => (Session::New, prompt, None),
            Some(ExecSub::Review(command)) => {
                review = Some(command.target.reviewed());
                let level = Level {
                    shared: command.shared,
                    own: command.own,
                    images: Vec::new(),
                };
                (Session::New, command.prompt, Some(level))
            }
            Some(ExecSub::Resume(resume)) => {
                let (session, prompt) = target(resume.last, resume.all, resume.session, resume.prompt);
                (session, prompt, Some(resume.level))
            }
            Some(ExecSub::Fork(fork)) => (Session::Fork(fork.session), fork.prompt, Some(fork.level)),
        };
        let (shared, own, images) = match inner {
            None => (shared, own, images),
            Some(inner) => (shared.under(inner.shared), own.under(inner.own), joined(images, inner.images)),
        };
        let shared = root.under(shared);
        let images = joined(root_images, images);
        let own_notes = shared.notes().into_iter().chain(own.notes());
        let schema = "--output-schema changes nothing for a review: its form is fixed";
        let unused = given([
            (review.is_some() && own.output_schema.is_some(), schema),
            (review.is_some() && !images.is_empty(), "--image changes nothing for a review"),
        ]);
        let notes = root_notes.into_iter().chain(own_notes.chain(unused).map(str::to_owned)).collect();
        ExecCommand {
            session,
            review,
            prompt,
            config: Vec::new(),
            images,
            color,
            shared,
            own,
            notes,
        }
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

impl ExecFlags {
    fn under(self, nearer: Self) -> Self {
        Self {
            json: nearer.json || self.json,
            status: nearer.status || self.status,
            output_last_message: nearer.output_last_message.or(self.output_last_message),
            output_schema: nearer.output_schema.or(self.output_schema),
            skip_git_repo_check: nearer.skip_git_repo_check || self.skip_git_repo_check,
            ephemeral: nearer.ephemeral || self.ephemeral,
            ignore_user_config: nearer.ignore_user_config || self.ignore_user_config,
            trust: nearer.trust || self.trust,
            ignore_rules: nearer.ignore_rules || self.ignore_rules,
            thread_source: nearer.thread_source.or(self.thread_source),
            cyber_access_program: nearer.cyber_access_program.or(self.cyber_access_program),
            include_plan_tool: nearer.include_plan_tool || self.include_plan_tool,
        }
    }

    fn notes(&self) -> Vec<&'static str> {
        let special = self.cyber_access_program.as_deref().is_some_and(|program| program != "standard");
        let plan = "--include-plan-tool is no longer needed: the plan is always offered";
        let waits = "--status changes nothing without --json: the text output names long waits anyway";
        given([
            (self.include_plan_tool, plan),
            (self.status && !self.json, waits),
            (special, "--cyber-access-program has a meaning at the vendor only; it is not sent"),
        ])
    }
}

#[cfg(test)]
#[path = "exec_tests.rs"]
mod tests;
