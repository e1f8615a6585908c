//! The slash commands: one table, one file each.
//!
//! To add one: a file here with a `pub fn run(state: &mut State, argument: &str, now: Now) -> Vec<Effect>`, and a row of [`COMMANDS`]. A
//! command whose feature does not exist has no row.

mod archive;
mod cd;
mod clear;
mod compact;
pub mod copy;
mod delete;
mod diff;
mod export;
mod fork;
mod help;
mod init;
mod keymap;
mod leave;
mod mention;
pub mod model;
mod new;
mod permissions;
pub mod plan;
mod ps;
mod pwd;
pub mod raw;
mod rename;
mod resume;
pub mod review;
mod skills;
mod status;
mod statusline;
mod stop;
mod theme;
mod title;
pub mod tui;
pub mod vim;
mod warnings;

#[cfg(test)]
mod ui_tests;

use crate::cells::Notice;
use crate::state::{Effect, Now, Open, State};

/// Whether it takes words after its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Argument {
    None,
    /// What the help calls it.
    Optional(&'static str),
}

/// When it may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    Always,
    /// Not while a turn runs.
    Idle,
}

pub struct Command {
    pub name: &'static str,
    pub aliases: &'static [&'static str],
    pub help: &'static str,
    pub argument: Argument,
    pub when: When,
    pub run: fn(&mut State, &str, Now) -> Vec<Effect>,
}

/// In the order of the popup.
#[rustfmt::skip]
pub const COMMANDS: &[Command] = &[
    Command { argument: Argument::Optional("name effort"), ..command("model", "another model, and how much it thinks", When::Always, model::run) },
    command("permissions", "what commands may do, and when you are asked", When::Always, permissions::run),
    Command { argument: Argument::Optional("what"), ..command("plan", "have a plan made before anything is changed", When::Always, plan::run) },
    Command { argument: Argument::Optional("what"), ..command("review", "have a change read and be told what is wrong with it", When::Idle, review::run) },
    command("skills", "what special instructions there are, on and off", When::Always, skills::run),
    command("init", "have AGENTS.md written, which tells every session about the project", When::Idle, init::run),
    Command { argument: Argument::Optional("name"), ..command("rename", "name this session", When::Always, rename::run) },
    command("new", "start a new conversation", When::Idle, new::run),
    command("clear", "start a new conversation on a clear screen", When::Idle, clear::run),
    command("archive", "put this session into the archive and start another one", When::Idle, archive::run),
    command("delete", "delete this session for good and start another one", When::Idle, delete::run),
    Command { argument: Argument::Optional("session"), ..command("resume", "go on with a stored session", When::Idle, resume::run) },
    Command { argument: Argument::Optional("session"), ..command("fork", "go on in a copy of a session", When::Idle, fork::run) },
    command("compact", "sum up the conversation to free room", When::Idle, compact::run),
    Command { argument: Argument::Optional("letters"), ..command("mention", "put a file into the message, as with @", When::Always, mention::run) },
    command("copy", "copy the last answer", When::Always, copy::run),
    command("diff", "what differs from the last commit", When::Always, diff::run),
    Command { argument: Argument::Optional("file"), ..command("export", "write the conversation into a Markdown file", When::Always, export::run) },
    Command { argument: Argument::Optional("folder"), ..command("cd", "work in another folder", When::Always, cd::run) },
    command("pwd", "the folder commands run in", When::Always, pwd::run),
    Command { argument: Argument::Optional("name"), ..command("theme", "other colours", When::Always, theme::run) },
    command("tui", "scrollback or the whole window, from the next start on", When::Always, tui::run),
    command("ps", "what runs in the background", When::Always, ps::run),
    command("stop", "end all that runs in the background", When::Always, stop::run),
    command("statusline", "what the last row says", When::Always, statusline::run),
    command("title", "what the window's title says", When::Always, title::run),
    command("raw", "answers as they were written, to be copied", When::Always, raw::run),
    command("keymap", "which key does what, and another one for it", When::Always, keymap::run),
    command("vim", "keys as in Vim, or no longer", When::Always, vim::run),
    command("warnings", "what went wrong, once more", When::Always, warnings::run),
    command("status", "model, folder, permissions, tokens", When::Always, status::run),
    command("help", "commands and keys", When::Always, help::run),
    Command { aliases: &["exit"], ..command("quit", "leave", When::Always, leave::run) },
];

const fn command(name: &'static str, help: &'static str, when: When, run: fn(&mut State, &str, Now) -> Vec<Effect>) -> Command {
    Command {
        name,
        aliases: &[],
        help,
        argument: Argument::None,
        when,
        run,
    }
}

/// The open thread; without one, that is said.
fn open(state: &mut State) -> Option<&Open> {
    if state.open().is_none() {
        state.notice(Notice::info("the session is not open yet"));
    }
    state.open()
}

/// The open thread if something was said in it; otherwise this is said.
fn open_with_turns<'a>(state: &'a mut State, otherwise: &str) -> Option<&'a Open> {
    if open(state).is_some_and(|open| !open.has_turns) {
        state.notice(Notice::info(otherwise));
    }
    state.open().filter(|open| open.has_turns)
}

/// The command of this name or alias.
pub fn find(name: &str) -> Option<&'static Command> {
    COMMANDS
        .iter()
        .find(|command| command.name == name || command.aliases.contains(&name))
}

/// The commands that a draft may become: it begins with `/` and is one word so far. The one that it is already comes first.
pub fn matching(draft: &str) -> Vec<&'static Command> {
    let Some(word) = draft.strip_prefix('/').filter(|word| !word.contains(char::is_whitespace)) else {
        return Vec::new();
    };
    let starts = |name: &str| name.starts_with(word);
    let matches = |command: &&Command| starts(command.name) || command.aliases.iter().any(|alias| starts(alias));
    let mut found: Vec<&'static Command> = COMMANDS.iter().filter(matches).collect();
    found.sort_by_key(|command| command.name != word);
    found
}

/// Name and argument of a draft that is a command. A path is none.
pub fn parse(draft: &str) -> Option<(&str, &str)> {
    let rest = draft.strip_prefix('/')?;
    let (name, argument) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
    let is_name = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    is_name.then(|| (name, argument.trim()))
}

/// Runs a command by name, or says why not. The effects, and whether the draft is done with.
pub fn run(state: &mut State, name: &str, argument: &str, now: Now) -> (Vec<Effect>, bool) {
    let Some(command) = find(name) else {
        let names = COMMANDS
            .iter()
            .flat_map(|command| std::iter::once(command.name).chain(command.aliases.iter().copied()));
        let notice = Notice::error(format!("/{name} is not a command"));
        let hint = match codex_base::nearest(name, names) {
            Some(nearest) => format!("did you mean /{nearest}? /help names all commands"),
            None => "/help names all commands; a message that begins with / needs a blank before it".to_owned(),
        };
        state.notice(notice.with_hint(hint));
        return (Vec::new(), false);
    };
    if command.when == When::Idle && state.working.is_some() {
        let notice = Notice::error(format!("/{} does not work while a turn runs", command.name));
        state.notice(notice.with_hint("esc interrupts the turn"));
        return (Vec::new(), false);
    }
    ((command.run)(state, argument, now), true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_or_a_division_is_no_command() {
        assert_eq!(parse("/help"), Some(("help", "")));
        assert_eq!(parse("/rename  a b "), Some(("rename", "a b")));
        assert_eq!(parse("/usr/bin is full"), None);
        assert_eq!(parse("/"), None);
        assert_eq!(parse("1/2"), None);
    }

    #[test]
    fn every_name_is_there_once() {
        let mut names: Vec<&str> = COMMANDS
            .iter()
            .flat_map(|command| [&[command.name], command.aliases].concat())
            .collect();
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count);
    }
}
