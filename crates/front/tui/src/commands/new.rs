//! `/new`: another conversation with the same settings.

use crate::state::{Effect, Now, State};
use crate::update;

pub fn run(state: &mut State, _: &str, _: Now) -> Vec<Effect> {
    update::open_new(state)
}
