//! `/compact`: sums up the conversation, as a turn of its own.

use crate::cells::Notice;
use crate::state::{Effect, Now, State, Then};
use codex_protocol::requests::{ThreadCompactStart, ThreadIdParams};

pub fn run(state: &mut State, _: &str, now: Now) -> Vec<Effect> {
    let Some(open) = state.open().filter(|open| open.has_turns) else {
        state.notice(Notice::info("there is nothing to sum up yet"));
        return Vec::new();
    };
    let thread_id = open.thread_id.clone();
    state.expect_turn(now);
    vec![Effect::ask::<ThreadCompactStart>(ThreadIdParams { thread_id }, Then::TurnStarted)]
}
