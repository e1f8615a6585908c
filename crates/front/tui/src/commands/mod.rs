//! The slash commands: one table.
//!
//! To add one: a `fn(state: &mut State, argument: &str, now: Now) -> Vec<Effect>` in the module that it belongs to, and a row of
//! [`COMMANDS`]. A command whose feature does not exist has no row.

pub mod interface;
pub mod look;
pub mod model;
pub mod plan;
pub mod review;
mod session;
mod status;

#[cfg(test)]
mod ui_tests;

use crate::cells::Notice;
use crate::picker::several::{self, Place};
use crate::picker::{Picker, permissions};
use crate::state::{Effect, Now, Open, State, Then};
use crate::{background, rebind, skills, update};

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
    taking("name effort", command("model", "another model, and how much it thinks", When::Always, model::run)),
    command("permissions", "what commands may do, and when you are asked", When::Always, |state, _, _| shows(state, choose_permissions)),
    taking("what", command("plan", "have a plan made before anything is changed", When::Always, plan::run)),
    taking("what", command("review", "have a change read and be told what is wrong with it", When::Idle, review::run)),
    command("skills", "what special instructions there are, on and off", When::Always, |state, _, _| with_open(state, |state| skills::ask(state, Then::Skills { shown: true }))),
    command("init", "have AGENTS.md written, which tells every session about the project", When::Idle, session::init),
    taking("name", command("rename", "name this session", When::Always, session::rename)),
    command("new", "start a new conversation", When::Idle, |state, _, _| update::open_new(state)),
    command("clear", "start a new conversation on a clear screen", When::Idle, session::clear),
    command("archive", "put this session into the archive and start another one", When::Idle, session::archive),
    command("delete", "delete this session for good and start another one", When::Idle, session::delete),
    taking("session", command("resume", "go on with a stored session", When::Idle, session::resume)),
    taking("session", command("fork", "go on in a copy of a session", When::Idle, session::fork)),
    command("compact", "sum up the conversation to free room", When::Idle, session::compact),
    taking("letters", command("mention", "put a file into the message, as with @", When::Always, |state, letters, _| shows(state, |state| state.editor.insert(&format!("@{letters}"))))),
    command("copy", "copy the last answer", When::Always, |state, _, now| look::copy(state, now)),
    command("diff", "what differs from the last commit", When::Always, |state, _, _| vec![Effect::ReadDiff(state.cwd().clone())]),
    taking("file", command("export", "write the conversation into a Markdown file", When::Always, session::export)),
    taking("folder", command("cd", "work in another folder", When::Always, session::cd)),
    command("pwd", "the folder commands run in", When::Always, look::pwd),
    taking("name", command("theme", "other colours", When::Always, interface::theme)),
    command("tui", "scrollback or the whole window, from the next start on", When::Always, interface::tui),
    command("ps", "what runs in the background", When::Always, |state, _, _| with_open(state, |state| background::ask(state, Then::Terminals { shown: true }))),
    command("stop", "end all that runs in the background", When::Always, look::stop),
    command("statusline", "what the last row says", When::Always, |state, _, _| shows(state, |state| several::open(state, Place::StatusLine))),
    command("title", "what the window's title says", When::Always, |state, _, _| shows(state, |state| several::open(state, Place::Title))),
    command("raw", "answers as they were written, to be copied", When::Always, |state, _, now| interface::raw(state, now)),
    command("keymap", "which key does what, and another one for it", When::Always, |state, _, _| shows(state, rebind::list)),
    command("vim", "keys as in Vim, or no longer", When::Always, |state, _, now| interface::vim(state, now)),
    command("warnings", "what went wrong, once more", When::Always, look::warnings),
    command("status", "model, folder, permissions, tokens", When::Always, status::run),
    command("help", "commands and keys", When::Always, look::help),
    Command { aliases: &["exit"], ..command("quit", "leave", When::Always, |state, _, _| update::leave(state)) },
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

const fn taking(argument: &'static str, command: Command) -> Command {
    Command {
        argument: Argument::Optional(argument),
        ..command
    }
}

/// Does something that nothing else follows from.
fn shows(state: &mut State, show: impl FnOnce(&mut State)) -> Vec<Effect> {
    show(state);
    Vec::new()
}

fn choose_permissions(state: &mut State) {
    if let Some(open) = open(state) {
        let rows = permissions::rows(open);
        state.picker = Some(Picker::new("What commands may do", rows));
    }
}

/// What needs an open thread.
fn with_open(state: &mut State, run: impl FnOnce(&mut State) -> Vec<Effect>) -> Vec<Effect> {
    if open(state).is_some() { run(state) } else { Vec::new() }
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
