//! `/model [name]`: another model, or another effort, from the next turn on.

use crate::picker::choose;
use crate::state::{Effect, Now, State, Then};
use codex_protocol::models::ModelListParams;
use codex_protocol::requests::ModelList;

pub fn run(state: &mut State, argument: &str, now: Now) -> Vec<Effect> {
    if super::open(state).is_none() {
        return Vec::new();
    }
    let (name, effort) = argument.split_once(char::is_whitespace).unwrap_or((argument, ""));
    if !name.is_empty() {
        let effort = (!effort.trim().is_empty()).then(|| effort.trim().to_owned());
        choose::set_model(state, name, effort, now);
        return Vec::new();
    }
    ask(state, Then::Models)
}

/// Asks for the models of the provider in force.
pub fn ask(state: &State, then: Then) -> Vec<Effect> {
    let Some(open) = state.open() else { return Vec::new() };
    let params = ModelListParams {
        model_provider: Some(open.model_provider.clone()),
        ..ModelListParams::default()
    };
    vec![Effect::ask::<ModelList>(params, then)]
}
