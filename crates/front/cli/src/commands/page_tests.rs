//! `docs/commands.md`, written from the definition of the command line.
//!
//! `cargo xtask commands-docs` writes it; otherwise this test holds it to the definition.

use crate::args::definition;
use clap::{Arg, Command};
use pretty_assertions::assert_eq;
use std::fmt::Write;
use std::fs;

const INTRODUCTION: &str = "\
# Commands

<!-- Written by `cargo xtask commands-docs` from the definition of the command line. Do not edit. -->

Every command takes `-h` (short help), `--help` (long help), and, where it reads configuration, `-c KEY=VALUE`, `--enable FEATURE` and
`--disable FEATURE`: before the command, after it, and after its subcommand; what stands nearer to the end counts more. `codex help COMMAND` is
`codex COMMAND --help`.

A command's product goes to stdout, everything else to stderr. Exit codes: 0 done, 1 failed, 2 wrong usage; see [errors.md](errors.md) for
those of `codex exec` and for every error code. A command that other versions have and this one has not ends with
`cli.not_in_this_build` or `service.unavailable` and says what does the work.
";

/// Listed once, in the introduction.
const EVERYWHERE: [&str; 5] = ["config", "enable", "disable", "help", "version"];

fn page() -> String {
    let mut definition = definition();
    definition.build();
    let mut page = INTRODUCTION.to_owned();
    section(&definition, "codex", &mut page);
    page
}

fn section(command: &Command, name: &str, page: &mut String) {
    let about = command.get_long_about().or_else(|| command.get_about()).map(ToString::to_string);
    write!(page, "\n## {name}\n\n{}.\n", about.unwrap_or_default().trim_end_matches('.')).unwrap();
    let arguments = command.get_positionals().chain(command.get_opts()).chain(flags(command));
    let rows: Vec<String> = arguments
        .filter(|arg| !arg.is_hide_set() && !EVERYWHERE.contains(&arg.get_id().as_str()))
        .map(row)
        .collect();
    if !rows.is_empty() {
        write!(page, "\n| argument | meaning |\n| --- | --- |\n{}", rows.concat()).unwrap();
    }
    let subcommands: Vec<&Command> = command
        .get_subcommands()
        .filter(|sub| !sub.is_hide_set() && sub.get_name() != "help")
        .collect();
    for sub in subcommands {
        section(sub, &format!("{name} {}", sub.get_name()), page);
    }
}

fn flags(command: &Command) -> impl Iterator<Item = &Arg> {
    let takes_none = |arg: &&Arg| !arg.is_positional() && !arg.get_action().takes_values();
    command.get_arguments().filter(takes_none)
}

fn row(arg: &Arg) -> String {
    let short = arg.get_short().map(|short| format!("`-{short}`"));
    let long = arg.get_long().map(|long| format!("`--{long}`"));
    let names: Vec<String> = short.into_iter().chain(long).collect();
    let value = arg
        .get_value_names()
        .filter(|_| arg.is_positional() || arg.get_action().takes_values());
    let value = value.map(|names| names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(" "));
    let argument = [names.join(", "), value.unwrap_or_default()].join(" ");
    let choices: Vec<String> = arg
        .get_possible_values()
        .iter()
        .filter(|value| arg.get_action().takes_values() && !value.is_hide_set())
        .map(|value| format!("`{}`", value.get_name()))
        .collect();
    let choices = if choices.is_empty() {
        String::new()
    } else {
        format!(": {}", choices.join(", "))
    };
    let help = arg
        .get_long_help()
        .or_else(|| arg.get_help())
        .map(ToString::to_string)
        .unwrap_or_default();
    let help = help.replace('\n', " ").replace('|', "\\|");
    format!("| {} | {help}{choices} |\n", argument.trim())
}

#[test]
fn the_page_of_commands_is_up_to_date() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../docs/commands.md");

    if std::env::var_os("CODEX_WRITE_DOCS").is_some() {
        fs::write(file, page()).unwrap();
    }

    assert_eq!(
        fs::read_to_string(file).unwrap_or_default(),
        page(),
        "run `cargo xtask commands-docs`"
    );
}
