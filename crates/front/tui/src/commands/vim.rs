//! `/vim`: the field takes keys as Vim does, or no longer; kept for the next start.

use crate::keep::keep;
use crate::state::{Effect, Now, State};
use codex_protocol::config::ConfigEdit;
use codex_tui_kit::composer::vim::Vim;
use std::time::Duration;

pub fn run(state: &mut State, _: &str, now: Now) -> Vec<Effect> {
    let on = state.vim.is_none();
    state.vim = on.then(Vim::default);
    state.wanted.vim_mode_default = on;
    let words = if on { "keys as in Vim" } else { "keys without Vim" };
    state.toast(words, now, Duration::from_secs(3));
    keep(vec![ConfigEdit::replace("tui.vim_mode_default", on)])
}
