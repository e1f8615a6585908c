//! `/pwd`: where commands run.

use crate::cells::Notice;
use crate::state::{Effect, Now, State};

pub fn run(state: &mut State, _: &str, _: Now) -> Vec<Effect> {
    if let Some(open) = super::open(state) {
        let cwd = open.cwd.to_string();
        state.notice(Notice::info(cwd));
    }
    Vec::new()
}
