//! `/rename [name]`: the name under which the session is found. Without one, the present name stands in the field to be changed.

use crate::state::{Effect, Now, State, Then};
use codex_protocol::requests::{ThreadNameSet, ThreadNameSetParams};

pub fn run(state: &mut State, argument: &str, _: Now) -> Vec<Effect> {
    let Some(open) = super::open_with_turns(state, "a session has a name when something was said in it") else {
        return Vec::new();
    };
    if argument.is_empty() {
        let name = open.name.clone().unwrap_or_default();
        state.editor.set_text(&format!("/rename {name}"));
        return Vec::new();
    }
    let params = ThreadNameSetParams {
        thread_id: open.thread_id.clone(),
        name: argument.to_owned(),
    };
    vec![Effect::ask::<ThreadNameSet>(params, Then::Nothing("cannot rename the session"))]
}
