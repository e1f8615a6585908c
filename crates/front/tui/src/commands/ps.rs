//! `/ps`: the commands that the model left running, each to be stopped.

use crate::background;
use crate::state::{Effect, Now, State, Then};

pub fn run(state: &mut State, _: &str, _: Now) -> Vec<Effect> {
    if super::open(state).is_none() {
        return Vec::new();
    }
    background::ask(state, Then::Terminals { shown: true })
}
