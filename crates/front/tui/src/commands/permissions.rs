//! `/permissions`: what commands may do from the next turn on.

use crate::picker::{Picker, permissions};
use crate::state::{Effect, Now, State};

pub fn run(state: &mut State, _: &str, _: Now) -> Vec<Effect> {
    if let Some(open) = super::open(state) {
        let rows = permissions::rows(open);
        state.picker = Some(Picker::new("What commands may do", rows));
    }
    Vec::new()
}
