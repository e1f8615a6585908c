//! `codex debug ...`: commands that show what is going on inside. Each has a module of its own below this one.
//!
//! To add one: a module, a variant of [`Topic`], an arm of [`Debug::run`].

use super::absent;
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
    #[command(flatten)]
    Absent(absent::AbsentDebug),
}

impl Debug {
    pub fn run(self) -> Result<ExitCode, ExecError> {
        match self.topic {
            Topic::Absent(command) => command.run(),
        }
    }
}
