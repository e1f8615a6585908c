//! The commands of `codex` other than `exec`: one module each, with its clap types and a `run`.
//!
//! To add one: `mod NAME;`, a variant of [`Sub`] whose first line is its help, an arm of [`Sub::run`]. A command gets what stands before it
//! as [`Root`], reads [`crate::environment`] if it needs surroundings, asks the server through [`server::ask`] or [`server::with_client`],
//! and writes its product with [`print`]. `-c`, `--enable` and `--disable` are taken at every level without a word in the module:
//! [`Root::config`] has them all.

mod absent;
mod compact;
mod completion;
mod config;
mod debug;
pub mod demo;
mod doctor;
mod features;
mod line;
pub mod login;
mod sandbox;
mod server;
mod sessions;
mod show;
mod stored;

use crate::args::Shared;
pub use line::{explained, misspelt, refusal};

use clap::{ArgMatches, Subcommand};
use codex_config::Overrides;
use codex_exec::ExecError;
use serde::Serialize;
use std::io::Write;
use std::process::ExitCode;

/// Every command but `exec`.
#[derive(Debug, Clone, PartialEq, Eq, Subcommand)]
pub enum Sub {
    /// See a real turn in a small repository of its own: no account, no network, scripted words
    Demo(demo::Demo),
    /// Print a completion script for a shell
    Completion(completion::Completion),
    /// Tell who set which configuration key, and where
    Config(config::Config),
    /// Store an API key, or say what is stored
    Login(login::Login),
    /// Remove the stored login
    Logout(login::Logout),
    /// List feature flags, switch one
    Features(features::Features),
    /// Print a stored session
    Show(show::Show),
    /// Sum up a stored session for its model, or take that back
    Compact(compact::Compact),
    /// List stored sessions, the one used last first
    Sessions(sessions::Sessions),
    /// Put a session away
    Archive(sessions::Move),
    /// Bring an archived session back
    Unarchive(sessions::Move),
    /// Remove a session and its sub-agents for good
    Delete(sessions::Delete),
    /// Give a session a name
    Rename(sessions::Rename),
    /// Run a command in the sandbox, without a model
    #[command(subcommand_negates_reqs = true)]
    Sandbox(Box<sandbox::Sandbox>),
    /// Check what works on this machine; exit code 1 if something does not
    Doctor(doctor::Doctor),
    /// Look inside
    Debug(debug::Debug),
    #[command(flatten)]
    Absent(absent::Absent),
}

impl Sub {
    /// Runs to the end. What is told on the way goes to stderr, the product to stdout.
    ///
    /// # Errors
    /// Whatever kept the command from its product; told once, by the caller.
    pub fn run(self, root: &Root) -> Result<ExitCode, ExecError> {
        match self {
            Self::Demo(command) => command.run(),
            Self::Completion(command) => command.run(),
            Self::Config(command) => command.run(root),
            Self::Login(command) => command.run(root),
            Self::Logout(command) => command.run(root),
            Self::Features(command) => command.run(root),
            Self::Sandbox(command) => command.run(root),
            Self::Doctor(command) => command.run(root),
            Self::Debug(command) => command.run(root),
            Self::Show(command) => command.run(),
            Self::Compact(command) => command.run(root),
            Self::Sessions(command) => command.run(root),
            Self::Archive(command) => command.archive(root),
            Self::Unarchive(command) => command.unarchive(root),
            Self::Delete(command) => command.run(root),
            Self::Rename(command) => command.run(root),
            Self::Absent(command) => command.run(),
        }
    }
}

/// What stands before a command on the line, and the configuration overrides of all levels.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Root {
    /// `key=value` in order of rising precedence, `--enable` and `--disable` included.
    pub config: Vec<String>,
    pub shared: Shared,
}

impl Root {
    /// The configuration overrides of `-c`, `--enable` and `--disable`, the profile and `--strict-config`.
    ///
    /// # Errors
    /// `config.override`.
    pub fn overrides(&self) -> Result<Overrides, ExecError> {
        self.shared.overrides(&self.config)
    }
}

/// Adds `-c`, `--enable` and `--disable` to every command that does not define them itself.
pub fn with_overrides(command: clap::Command) -> clap::Command {
    let has = |id: &str| command.get_arguments().any(|arg| arg.get_id() == id);
    let missing = OVERRIDES.map(|option| (!has(option.id)).then(|| option.arg()));
    command.args(missing.into_iter().flatten()).mut_subcommands(with_overrides)
}

/// The overrides of all levels, outermost first; on each level the switches come after `-c`.
pub fn overrides(matches: &ArgMatches) -> Vec<String> {
    let of_level = |(_, level)| OVERRIDES.map(|option| line::values(level, option.id).map(option.meaning).collect::<Vec<_>>());
    line::levels(matches).flat_map(of_level).flatten().collect()
}

/// An option that every level takes.
#[derive(Clone, Copy)]
struct OverrideOption {
    id: &'static str,
    short: Option<char>,
    value: &'static str,
    help: &'static str,
    meaning: fn(&str) -> String,
}

const OVERRIDES: [OverrideOption; 3] = [
    OverrideOption {
        id: "config",
        short: Some('c'),
        value: "KEY=VALUE",
        help: "Override a configuration value, e.g. -c model=NAME (a dotted key and a TOML value)",
        meaning: str::to_owned,
    },
    OverrideOption {
        id: "enable",
        short: None,
        value: "FEATURE",
        help: "Switch a feature on for this run",
        meaning: |name| format!("features.{}=true", features::canonical(name)),
    },
    OverrideOption {
        id: "disable",
        short: None,
        value: "FEATURE",
        help: "Switch a feature off for this run",
        meaning: |name| format!("features.{}=false", features::canonical(name)),
    },
];

impl OverrideOption {
    fn arg(self) -> clap::Arg {
        clap::Arg::new(self.id)
            .short(self.short)
            .long(self.id)
            .value_name(self.value)
            .help(self.help)
            .action(clap::ArgAction::Append)
    }
}

/// The product as JSON for people and programs.
fn json_text(value: &impl Serialize) -> Result<String, ExecError> {
    let text = serde_json::to_string_pretty(value);
    text.map(|text| text + "\n").map_err(unserialisable)
}

fn unserialisable(error: serde_json::Error) -> ExecError {
    ExecError::new("exec.unserialisable", error.to_string())
}

/// Writes a command's product to stdout. A reader that has gone away has seen what it wanted.
fn print(text: &str) -> Result<(), ExecError> {
    let mut stdout = std::io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(ExecError::new("output.write_failed", format!("cannot write to stdout: {error}")))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod page_tests;
#[cfg(test)]
mod tests;
