//! `/export [file]`: the conversation as Markdown, in a file that was not there before.

use crate::export::Target;
use crate::state::{Effect, Now, State, Then};
use codex_protocol::requests::{ThreadRead, ThreadReadParams};

pub fn run(state: &mut State, argument: &str, _: Now) -> Vec<Effect> {
    let Some(open) = super::open_with_turns(state, "there is nothing to export yet") else {
        return Vec::new();
    };
    let (thread_id, cwd) = (open.thread_id.clone(), open.cwd.clone());
    let target = match argument {
        "" => {
            let id: String = thread_id.chars().take(8).collect();
            Target::Folder(cwd, format!("codex-{id}"))
        }
        file => Target::File(state.look.place(&cwd, file)),
    };
    let params = ThreadReadParams {
        thread_id,
        include_turns: true,
    };
    vec![Effect::ask::<ThreadRead>(params, Then::Export(target))]
}
