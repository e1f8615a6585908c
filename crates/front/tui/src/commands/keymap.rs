//! `/keymap`: which key does what, and another one for it.

use crate::rebind;
use crate::state::{Effect, Now, State};

pub fn run(state: &mut State, _: &str, _: Now) -> Vec<Effect> {
    rebind::list(state);
    Vec::new()
}
