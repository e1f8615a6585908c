//! Commands that people and scripts know and this build does not have: one clear error each, never a prompt for a model.
//!
//! A command that is built loses its row here; two of one name do not pass the tests.

use clap::{Arg, ArgMatches, Command, FromArgMatches, Subcommand};
use codex_exec::ExecError;
use std::process::ExitCode;

/// A row of [`COMMANDS`] or [`DEBUG_COMMANDS`].
#[derive(Debug, PartialEq, Eq)]
struct Row {
    name: &'static str,
    aliases: &'static [&'static str],
    why: Why,
    way_out: &'static str,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Why {
    /// It will come.
    NotYet,
    /// It is nothing without an account of the vendor's hosted service.
    Service,
    /// It has no use here.
    Gone,
}

const fn row(name: &'static str, why: Why, way_out: &'static str) -> Row {
    Row {
        name,
        aliases: &[],
        why,
        way_out,
    }
}

const USE_EXEC: &str = "codex exec PROMPT runs one task without a terminal interface";
const NO_STORAGE_CHANGE: &str = "sessions are read as they are, whichever version wrote them; there is nothing to migrate";

#[rustfmt::skip]
const COMMANDS: &[Row] = &[
    row("queue", Why::NotYet, "codex exec resume ID PROMPT runs the next task of a session"),
    row("agents", Why::NotYet, USE_EXEC),
    row("mcp", Why::NotYet, USE_EXEC),
    row("mcp-server", Why::NotYet, "codex exec --json gives a program every event"),
    row("app-server", Why::NotYet, "codex exec --json gives a program every event"),
    row("exec-server", Why::NotYet, "codex exec runs commands on this machine"),
    row("execpolicy", Why::NotYet, USE_EXEC),
    row("plugin", Why::NotYet, USE_EXEC),
    row("update", Why::NotYet, "install the new version as you installed this one"),
    Row { aliases: &["a"], ..row("apply", Why::Service, "git apply FILE applies a diff you have") },
    Row { aliases: &["cloud-tasks"], ..row("cloud", Why::Service, USE_EXEC) },
    row("remote-control", Why::Service, USE_EXEC),
    row("app", Why::Service, USE_EXEC),
    row("git-credential", Why::Service, "use a credential helper of git"),
    row("tcp-tunnel", Why::Service, "use ssh -L"),
    row("migrate-rollouts", Why::Gone, NO_STORAGE_CHANGE),
    row("migrate-nfs-db", Why::Gone, NO_STORAGE_CHANGE),
    row("responses", Why::Gone, "curl sends a payload of your own"),
    row("responses-api-proxy", Why::Gone, "set CODEX_API_KEY for the one process that needs it"),
    row("stdio-to-uds", Why::Gone, "use socat or nc -U"),
];

#[rustfmt::skip]
const DEBUG_COMMANDS: &[Row] = &[
    row("app-server", Why::NotYet, "codex exec --json shows the events of a turn"),
    row("clear-memories", Why::NotYet, "no memories are kept yet"),
    row("trace-reduce", Why::Gone, "the journal of a session is the trace"),
];

/// A command that is not in this build: one of `codex debug`, or a top-level one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Missing<const DEBUG: bool>(&'static Row);

pub type Absent = Missing<false>;
pub type AbsentDebug = Missing<true>;

impl<const DEBUG: bool> Missing<DEBUG> {
    const ROWS: &'static [Row] = if DEBUG { DEBUG_COMMANDS } else { COMMANDS };

    pub fn run(self) -> Result<ExitCode, ExecError> {
        Err(self.0.error(if DEBUG { "codex debug" } else { "codex" }))
    }
}

impl Row {
    fn error(&self, above: &str) -> ExecError {
        let name = self.name;
        let (code, message) = match self.why {
            Why::NotYet => ("cli.not_in_this_build", format!("`{above} {name}` is not in this build yet")),
            Why::Service => (
                "service.unavailable",
                format!("`{above} {name}` needs the vendor's hosted service, which this build does not use"),
            ),
            Why::Gone => ("cli.command_gone", format!("`{above} {name}` does not exist here")),
        };
        ExecError::new(code, message).with_hint(self.way_out)
    }

    /// Takes any words, so that a script's call fails for the one reason there is.
    fn command(&self) -> Command {
        let words = Arg::new("words").num_args(0..).trailing_var_arg(true).allow_hyphen_values(true);
        Command::new(self.name)
            .aliases(self.aliases)
            .about("Not in this build")
            .hide(true)
            .arg(words.hide(true))
    }
}

impl<const DEBUG: bool> FromArgMatches for Missing<DEBUG> {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let row = Self::ROWS.iter().find(|row| matches.subcommand_name() == Some(row.name));
        row.map(Self)
            .ok_or_else(|| clap::Error::new(clap::error::ErrorKind::InvalidSubcommand))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

impl<const DEBUG: bool> Subcommand for Missing<DEBUG> {
    fn augment_subcommands(command: Command) -> Command {
        command.subcommands(Self::ROWS.iter().map(Row::command))
    }

    fn augment_subcommands_for_update(command: Command) -> Command {
        Self::augment_subcommands(command)
    }

    fn has_subcommand(name: &str) -> bool {
        Self::ROWS.iter().any(|row| row.name == name)
    }
}
