//! What the parser lets pass and we do not: options that a command has no use for, features that do not exist, a misspelt command.

use super::features;
use clap::error::ErrorKind;
use clap::{ArgMatches, Command};
use codex_exec::ExecError;

/// Commands that read a profile, as written on the line.
#[rustfmt::skip]
const WITH_PROFILE: &[&str] = &[
    "exec", "review", "resume", "fork", "queue", "archive", "unarchive", "delete", "sessions", "show", "config", "mcp", "sandbox",
    "debug prompt-input",
];

/// Commands that can refuse unknown keys.
#[rustfmt::skip]
const WITH_STRICT_CONFIG: &[&str] = &[
    "exec", "review", "resume", "fork", "queue", "archive", "unarchive", "delete", "sessions", "show", "config", "app-server",
    "exec-server", "doctor",
];

/// Why this line is not run, if it is not.
pub fn refusal(matches: &ArgMatches) -> Option<ExecError> {
    let switches = levels(matches)
        .flat_map(|(_, level)| ["enable", "disable"].map(|id| values(level, id)))
        .flatten();
    switches
        .map(|name| features::named(name).err())
        .chain([profile(matches), strict_config(matches)])
        .flatten()
        .next()
}

fn profile(matches: &ArgMatches) -> Option<ExecError> {
    let name = matches.try_get_one::<String>("profile").ok().flatten()?;
    let command = command_without(matches, WITH_PROFILE)?;
    let message = format!("--profile {name} has no meaning for `codex {command}`");
    let hint = format!("commands with a profile: none at all, {}", WITH_PROFILE.join(", "));
    Some(ExecError::new("cli.profile_not_supported", message).with_hint(hint))
}

fn strict_config(matches: &ArgMatches) -> Option<ExecError> {
    matches
        .try_get_one::<bool>("strict_config")
        .ok()
        .flatten()
        .filter(|&&strict| strict)?;
    let command = command_without(matches, WITH_STRICT_CONFIG)?;
    let message = format!("--strict-config is not supported for `codex {command}`");
    let hint = format!("commands with it: none at all, {}", WITH_STRICT_CONFIG.join(", "));
    Some(ExecError::new("cli.strict_config_not_supported", message).with_hint(hint))
}

/// The words of the command if it is not in the list, with all its subcommands or one of them.
fn command_without(matches: &ArgMatches, list: &[&str]) -> Option<String> {
    let words: Vec<&str> = levels(matches).filter_map(|(name, _)| name).collect();
    let listed = (1..=words.len()).any(|end| list.contains(&words[..end].join(" ").as_str()));
    (!words.is_empty() && !listed).then(|| words.join(" "))
}

/// The matches of every level, outermost first, with the names of the commands.
pub fn levels(matches: &ArgMatches) -> impl Iterator<Item = (Option<&str>, &ArgMatches)> {
    std::iter::successors(Some((None, matches)), |(_, level)| {
        level.subcommand().map(|(name, level)| (Some(name), level))
    })
}

/// The values of an option on one level; none where the level does not have it.
pub fn values<'a>(level: &'a ArgMatches, id: &str) -> impl Iterator<Item = &'a str> {
    let found = level.try_get_many::<String>(id).ok().flatten();
    found.into_iter().flatten().map(String::as_str)
}

/// A usage error told by its cause if that is a word in the place of a command.
pub fn explained(error: clap::Error, words: &[std::ffi::OsString], definition: &Command) -> clap::Error {
    if !matches!(error.kind(), ErrorKind::UnknownArgument | ErrorKind::InvalidSubcommand) {
        return error;
    }
    let lenient = definition.clone().ignore_errors(true).try_get_matches_from(words).ok();
    let first = lenient
        .as_ref()
        .filter(|matches| matches.subcommand().is_none())
        .and_then(|matches| matches.try_get_one::<String>("prompt").ok().flatten());
    let better = first.and_then(|word| match error.kind() {
        // Two words, and the first is neither a command nor alone.
        ErrorKind::InvalidSubcommand => Some(misspelt(word, definition).unwrap_or_else(|| unknown(word))),
        _ => misspelt(word, definition),
    });
    match better {
        Some(better) => {
            let text = better.report();
            let text = text.strip_prefix("error: ").unwrap_or(&text);
            clap::Error::raw(ErrorKind::InvalidSubcommand, format!("{text}\n"))
        }
        None => error,
    }
}

fn unknown(word: &str) -> ExecError {
    ExecError::new("cli.unknown_command", format!("`{word}` is not a command"))
        .with_hint("codex --help names all commands; a prompt of several words needs quotes")
}

/// The error for a first word that is nearly a command; such a word is no prompt.
pub fn misspelt(word: &str, definition: &Command) -> Option<ExecError> {
    let names = definition
        .get_subcommands()
        .filter(|command| !command.is_hide_set())
        .map(Command::get_name);
    let nearest = codex_base::nearest(word, names)?;
    Some(unknown(word).with_hint(format!("did you mean `codex {nearest}`? codex --help names all commands")))
}
