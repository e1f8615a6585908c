//! Commands that show something.

use super::{Argument, COMMANDS, open};
use crate::cells::{Cell, Notice};
use crate::state::{Effect, Now, State, Then};
use codex_protocol::requests::BackgroundTerminalsClean;
use codex_tui_kit::terminal;
use std::time::Duration;

const KEYS: &[(&str, &str)] = &[
    ("enter", "send; while a turn runs, give it the message"),
    ("tab", "send when the turn has ended"),
    ("shift-enter, ctrl-j", "new line"),
    ("esc", "interrupt the turn; twice on an empty field: back to an earlier message"),
    ("@", "a file for the message"),
    ("$", "a skill for the message"),
    ("!", "a command for your shell; the model reads what comes of it"),
    ("ctrl-t", "the conversation on the whole window"),
    ("up, down", "earlier messages"),
    ("ctrl-c", "clear the draft; twice to leave"),
    ("ctrl-z", "suspend"),
];

/// Every command and the keys worth knowing.
pub fn help(state: &mut State, _: &str, _: Now) -> Vec<Effect> {
    let mut text = "commands\n".to_owned();
    for command in COMMANDS {
        let argument = match command.argument {
            Argument::None => String::new(),
            Argument::Optional(name) => format!(" [{name}]"),
        };
        text += &format!("  {:<20} {}\n", format!("/{}{argument}", command.name), command.help);
    }
    text += "keys\n";
    for (key, meaning) in KEYS {
        text += &format!("  {key:<20} {meaning}\n");
    }
    state.notice(Notice::info(text.trim_end()));
    Vec::new()
}

/// The last answer goes to the clipboard of whoever sits at the terminal.
pub fn copy(state: &mut State, now: Now) -> Vec<Effect> {
    let Some(answer) = &state.last_answer else {
        state.notice(Notice::info("there is no answer to copy yet"));
        return Vec::new();
    };
    let bytes = terminal::copy(answer);
    let characters = answer.chars().count();
    state.toast_for(format!("copied {characters} characters"), now, Duration::from_secs(3));
    vec![Effect::Terminal(bytes)]
}

/// Where commands run.
pub fn pwd(state: &mut State, _: &str, _: Now) -> Vec<Effect> {
    if let Some(open) = open(state) {
        let cwd = open.cwd.to_string();
        state.notice(Notice::info(cwd));
    }
    Vec::new()
}

/// Ends all commands that the model left running.
pub fn stop(state: &mut State, _: &str, now: Now) -> Vec<Effect> {
    let Some(open) = open(state) else { return Vec::new() };
    let params = open.id();
    let text = match state.background.len() {
        0 => "nothing runs in the background".to_owned(),
        count => format!("stopping {count} in the background"),
    };
    state.toast(text, now);
    vec![Effect::ask::<BackgroundTerminalsClean>(params, Then::Nothing("cannot stop them"))]
}

/// What went wrong or may go wrong, once more.
pub fn warnings(state: &mut State, _: &str, _: Now) -> Vec<Effect> {
    let text = if state.warnings.is_empty() {
        "there were no warnings".to_owned()
    } else {
        let count = state.warnings.len();
        let list: Vec<String> = state.warnings.iter().map(|warning| format!("- {warning}")).collect();
        format!("{count} so far\n{}", list.join("\n"))
    };
    state.push(Cell::Notice(Notice::info(text)));
    Vec::new()
}
