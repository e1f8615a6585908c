//! `/mention [letters]`: the files of the folder, as if `@` were typed.

use crate::state::{Effect, Now, State};

pub fn run(state: &mut State, argument: &str, _: Now) -> Vec<Effect> {
    state.editor.insert(&format!("@{argument}"));
    Vec::new()
}
