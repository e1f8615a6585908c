//! `/resume [session]`: goes on with a stored session, in place of this one.

use crate::Opening;
use crate::picker::sessions;
use crate::session::Verb;
use crate::state::{Effect, Now, State};
use crate::update;

pub fn run(state: &mut State, argument: &str, _: Now) -> Vec<Effect> {
    match argument {
        "" => sessions::open(state, Verb::Resume),
        session => update::open_other(state, Opening::Resume(session.to_owned())),
    }
}
