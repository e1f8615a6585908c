//! `/warnings`: what went wrong or may go wrong, once more.

use crate::cells::Notice;
use crate::state::{Effect, Now, State};

pub fn run(state: &mut State, _: &str, _: Now) -> Vec<Effect> {
    let text = if state.warnings.is_empty() {
        "there were no warnings".to_owned()
    } else {
        let count = state.warnings.len();
        let list: Vec<String> = state.warnings.iter().map(|warning| format!("- {warning}")).collect();
        format!("{count} so far\n{}", list.join("\n"))
    };
    state.push(crate::cells::Cell::Notice(Notice::info(text)));
    Vec::new()
}
