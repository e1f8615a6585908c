//! `/statusline`: what the last row says.

use crate::picker::several::{self, Place};
use crate::state::{Effect, Now, State};

pub fn run(state: &mut State, _: &str, _: Now) -> Vec<Effect> {
    several::open(state, Place::StatusLine);
    Vec::new()
}
