//! `codex debug ...`: commands that show what is going on inside. Each has a module of its own below this one.
//!
//! To add one: a module, a variant of [`Topic`], an arm of [`Debug::run`].

mod models;
mod prefix;
mod prompt_input;

use super::{Root, absent, sandbox};
use clap::Subcommand;
use codex_exec::ExecError;
use std::process::ExitCode;

/// Arguments of `codex debug`.
#[derive(Debug, Clone, PartialEq, Eq, clap::Args)]
pub struct Debug {
    #[command(subcommand)]
    topic: Topic,
}

#[derive(Debug, Clone, PartialEq, Eq, Subcommand)]
enum Topic {
    /// Print what is known of each model, as JSON
    Models(models::Models),
    /// Print the input of a session's first request, as JSON; nothing is sent
    PromptInput(prompt_input::PromptInput),
    /// Show whether every request of a session began like the one before
    Prefix(prefix::Prefix),
    /// Older name of `codex sandbox` on Linux
    #[command(hide = true)]
    Landlock(Box<sandbox::Run>),
    /// Older name of `codex sandbox` on macOS
    #[command(hide = true)]
    Seatbelt(Box<sandbox::Run>),
    #[command(flatten)]
    Absent(absent::AbsentDebug),
}

impl Debug {
    pub fn run(self, root: &Root) -> Result<ExitCode, ExecError> {
        match self.topic {
            Topic::Models(command) => command.run(root),
            Topic::PromptInput(command) => command.run(root),
            Topic::Prefix(command) => command.run(),
            Topic::Landlock(command) => command.run_on("linux", root),
            Topic::Seatbelt(command) => command.run_on("macos", root),
            Topic::Absent(command) => command.run(),
        }
    }
}
