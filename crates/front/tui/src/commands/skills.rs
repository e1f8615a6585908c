//! `/skills`: the skills that the folder sees, each to be switched on or off.

use crate::skills;
use crate::state::{Effect, Now, State, Then};

pub fn run(state: &mut State, _: &str, _: Now) -> Vec<Effect> {
    if super::open(state).is_none() {
        return Vec::new();
    }
    skills::ask(state, Then::Skills { shown: true })
}
