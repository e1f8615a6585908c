//! `/clear`: another conversation on a clear window. What stood there stays in the scrollback.

use crate::state::{Effect, Now, State};
use crate::update;

pub fn run(state: &mut State, _: &str, _: Now) -> Vec<Effect> {
    state.clear_window();
    update::open_new(state)
}
