//! `/fork [session]`: goes on in a copy; the session itself stays as it is. Without a name, one is chosen: this one is on top.

use crate::Opening;
use crate::picker::sessions;
use crate::session::Verb;
use crate::state::{Effect, Now, State};
use crate::update;

pub fn run(state: &mut State, argument: &str, _: Now) -> Vec<Effect> {
    match argument {
        "" => sessions::open(state, Verb::Fork),
        session => update::open_other(state, Opening::Fork(session.to_owned())),
    }
}
