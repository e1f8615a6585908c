//! `/plan [text]`: plan mode, and what is to be planned. The way out is a key, and the answer to a proposal.

use crate::state::{Effect, Message, Now, State};
use crate::update;
use codex_protocol::collaboration::ModeKind;

/// The request that follows a plan whose conversation goes on.
const IMPLEMENT: &str = "Implement the plan.";

pub fn run(state: &mut State, argument: &str, now: Now) -> Vec<Effect> {
    if super::open(state).is_none() {
        return Vec::new();
    }
    set(state, ModeKind::Plan, now);
    if argument.is_empty() {
        return Vec::new();
    }
    state.queue.push_back(Message::text(argument));
    update::next_of_queue(state, now)
}

/// The other mode.
pub fn cycle(state: &mut State, now: Now) {
    let Some(open) = state.open() else { return };
    let other = match open.mode {
        ModeKind::Plan => ModeKind::Default,
        ModeKind::Default => ModeKind::Plan,
    };
    set(state, other, now);
}

fn set(state: &mut State, mode: ModeKind, now: Now) {
    let when = if state.working.is_some() { ", from the next turn on" } else { "" };
    let words = match mode {
        ModeKind::Plan => format!("plan mode: nothing is changed{when}"),
        ModeKind::Default => format!("default mode: codex does the work{when}"),
    };
    state.toast(words, now);
    state.choose(|open, chosen| {
        open.mode = mode;
        chosen.mode = Some(mode);
    });
}

/// Has a plan carried out: in this conversation, or in a new one that knows the plan and nothing else.
pub fn implement(state: &mut State, plan: &str, afresh: bool, now: Now) -> Vec<Effect> {
    set(state, ModeKind::Default, now);
    if afresh {
        state
            .queue
            .push_front(Message::text(format!("Implement this plan:\n\n{}", plan.trim())));
        return update::open_new(state);
    }
    state.queue.push_front(Message::text(IMPLEMENT));
    update::next_of_queue(state, now)
}
