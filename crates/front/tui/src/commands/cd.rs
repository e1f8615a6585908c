//! `/cd folder`: where the next turn works.

use crate::cells::Notice;
use crate::state::{Effect, Now, State};

pub fn run(state: &mut State, argument: &str, _: Now) -> Vec<Effect> {
    let Some(open) = super::open(state) else { return Vec::new() };
    if argument.is_empty() {
        let notice = Notice::info(format!("commands run in {}", open.cwd));
        state.notice(notice.with_hint("/cd FOLDER changes it"));
        return Vec::new();
    }
    let cwd = open.cwd.clone();
    vec![Effect::LookAtFolder(state.look.place(&cwd, argument))]
}
