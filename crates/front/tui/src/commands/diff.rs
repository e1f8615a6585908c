//! `/diff`: what differs from the last commit, untracked files included, on the whole window.

use crate::state::{Effect, Now, State};

pub fn run(state: &mut State, _: &str, _: Now) -> Vec<Effect> {
    let cwd = state.open().map_or(&state.settings.cwd, |open| &open.cwd);
    vec![Effect::ReadDiff(cwd.clone())]
}
