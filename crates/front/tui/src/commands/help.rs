//! `/help`: every command and the keys worth knowing.

use super::{Argument, COMMANDS};
use crate::cells::Notice;
use crate::state::{Effect, Now, State};

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

pub fn run(state: &mut State, _: &str, _: Now) -> Vec<Effect> {
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
