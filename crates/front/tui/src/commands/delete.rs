//! `/delete`: this session goes for good, after one question.

use crate::picker::{Choice, Picker, Row};
use crate::state::{Effect, Now, State};

pub fn run(state: &mut State, _: &str, _: Now) -> Vec<Effect> {
    if super::open_with_turns(state, "there is nothing to delete yet").is_some() {
        let rows = vec![
            Row::new("Keep it", "", Choice::Keep),
            Row::new(
                "Delete it",
                "what was said is gone; files that were changed stay as they are",
                Choice::Delete,
            ),
        ];
        state.picker = Some(Picker::question("Delete this session for good?", rows));
    }
    Vec::new()
}
