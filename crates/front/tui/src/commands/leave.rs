//! `/quit`: leaves; a turn that runs is interrupted.

use crate::state::{Effect, Now, State};
use crate::update;

pub fn run(state: &mut State, _: &str, _: Now) -> Vec<Effect> {
    update::leave(state)
}
