//! `/archive`: this session leaves the list; it can be found in the archive.

use crate::state::{Effect, Now, State, Then};
use codex_protocol::requests::{ThreadArchive, ThreadIdParams};

pub fn run(state: &mut State, _: &str, _: Now) -> Vec<Effect> {
    let Some(open) = super::open_with_turns(state, "there is nothing to archive yet") else {
        return Vec::new();
    };
    let thread_id = open.thread_id.clone();
    state.is_putting_away = true;
    vec![Effect::ask::<ThreadArchive>(
        ThreadIdParams { thread_id },
        Then::PutAway("in the archive"),
    )]
}
