//! `/raw`: answers as they were written, without signs and indents, to be marked and copied in the terminal.

use crate::state::{Effect, Now, State};
use std::time::Duration;

pub fn run(state: &mut State, _: &str, now: Now) -> Vec<Effect> {
    state.look.raw = !state.look.raw;
    let words = if state.look.raw {
        "answers as they were written"
    } else {
        "answers as they are meant"
    };
    state.toast(words, now, Duration::from_secs(3));
    // On the whole window everything is shown anew.
    state.transcript.set_width(state.size.columns, &state.look);
    Vec::new()
}
