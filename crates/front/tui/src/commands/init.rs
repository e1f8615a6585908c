//! `/init`: the model writes AGENTS.md, the file that tells every later session about the project.

use crate::state::{Effect, Message, Now, State};
use crate::update;

const REQUEST: &str = "Write a file AGENTS.md at the top of this project for coding agents that will work here. Read the project first: \
its build files, its layout, its tests, its documentation. Say in at most 60 lines how to build, test and lint (the exact commands), where \
things lie, which conventions the code follows, and what one must know before a first change. State only what you found in the files. If \
there is an AGENTS.md already, correct and complete it instead of writing it anew, and keep what its authors wrote where it is still true.";

pub fn run(state: &mut State, _: &str, now: Now) -> Vec<Effect> {
    state.queue.push_back(Message::text(REQUEST));
    update::next_of_queue(state, now)
}
