//! `!` and a command: it runs in the user's shell, outside of the sandbox. The model reads what came of it with its next request.

use crate::cells::Notice;
use crate::state::{Effect, Message, Now, Session, State, Then};
use crate::waits::Waits;
use codex_protocol::requests::ThreadShellCommand;
use codex_protocol::terminals::ThreadShellCommandParams;

/// Whether a draft is a command for the shell. What a placeholder stands for does not make it one: nobody saw how it begins.
pub fn is_command(draft: &str) -> bool {
    draft.starts_with('!')
}

/// A message as it is put into the field again: it stays what it was.
pub fn as_draft(message: &Message) -> String {
    let text = &message.text;
    if is_command(text) && !message.shell {
        format!(" {text}")
    } else {
        text.clone()
    }
}

/// Runs it: in a turn of its own, or beside the running one.
pub fn run(state: &mut State, message: &Message, now: Now) -> Vec<Effect> {
    let command = message.text.trim_start_matches('!').trim().to_owned();
    let Session::Open(open) = &mut state.session else {
        return Vec::new();
    };
    if command.is_empty() {
        state.notice(Notice::info("! and a command runs it in your shell, outside of the sandbox"));
        return Vec::new();
    }
    open.has_turns = true;
    let params = ThreadShellCommandParams {
        thread_id: open.thread_id.clone(),
        command,
        timeout_ms: None,
    };
    let then = if state.working.is_some() {
        Then::Nothing("cannot run the command")
    } else {
        state.expect_turn(now);
        if let Some(working) = &mut state.working {
            working.waits = Waits::begin("starting the command", now.monotonic);
        }
        Then::TurnStarted
    };
    vec![Effect::ask::<ThreadShellCommand>(params, then)]
}
