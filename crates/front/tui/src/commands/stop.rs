//! `/stop`: ends all commands that the model left running.

use crate::state::{Effect, Now, State, Then};
use codex_protocol::requests::{BackgroundTerminalsClean, ThreadIdParams};
use std::time::Duration;

pub fn run(state: &mut State, _: &str, now: Now) -> Vec<Effect> {
    let Some(open) = super::open(state) else { return Vec::new() };
    let thread_id = open.thread_id.clone();
    let text = match state.background.len() {
        0 => "nothing runs in the background".to_owned(),
        count => format!("stopping {count} in the background"),
    };
    state.toast(text, now, Duration::from_secs(4));
    vec![Effect::ask::<BackgroundTerminalsClean>(
        ThreadIdParams { thread_id },
        Then::Nothing("cannot stop them"),
    )]
}
