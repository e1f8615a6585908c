//! `/copy`: the last answer goes to the clipboard of whoever sits at the terminal.

use crate::cells::Notice;
use crate::state::{Effect, Now, State};
use codex_tui_kit::terminal;
use std::time::Duration;

pub fn run(state: &mut State, _: &str, now: Now) -> Vec<Effect> {
    let Some(answer) = &state.last_answer else {
        state.notice(Notice::info("there is no answer to copy yet"));
        return Vec::new();
    };
    let bytes = terminal::copy(answer);
    let characters = answer.chars().count();
    state.toast(format!("copied {characters} characters"), now, Duration::from_secs(3));
    vec![Effect::Terminal(bytes)]
}
