//! `/tui`: where the next conversation is, in the terminal's own scrollback or on the whole window.

use crate::keep::keep;
use crate::picker::{Choice, Picker, Row};
use crate::state::{Effect, Now, State};
use codex_protocol::config::ConfigEdit;
use codex_protocol::terminal::AlternateScreen;
use std::time::Duration;

pub fn run(state: &mut State, _: &str, _: Now) -> Vec<Effect> {
    let is_whole = state.wanted.alternate_screen == AlternateScreen::Always;
    let rows = vec![
        Row::new("scrollback", "what is finished stays in the terminal", Choice::WholeWindow(false)).current(!is_whole),
        Row::new(
            "fullscreen",
            "the whole window; the terminal is as before at the end",
            Choice::WholeWindow(true),
        )
        .current(is_whole),
    ];
    state.picker = Some(Picker::new("Where the next conversation is", rows));
    Vec::new()
}

pub fn keep_choice(state: &mut State, whole: bool, now: Now) -> Vec<Effect> {
    let (chosen, name) = if whole {
        (AlternateScreen::Always, "always")
    } else {
        (AlternateScreen::Never, "never")
    };
    state.wanted.alternate_screen = chosen;
    state.toast("from the next start on", now, Duration::from_secs(3));
    keep(vec![ConfigEdit::replace("tui.alternate_screen", name)])
}
