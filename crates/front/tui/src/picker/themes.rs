//! Themes to choose from: the selected one is in force while the list is shown.

use super::Choice;
use crate::keep::keep;
use crate::state::{Effect, Now, State};
use codex_protocol::config::ConfigEdit;
use codex_tui_kit::theme::Theme;
use std::sync::Arc;

/// The theme of this name, for this terminal.
///
/// # Errors
/// What is wrong, for people, if there is none.
pub fn named(state: &State, name: &str) -> Result<Theme, String> {
    state.themes.named(name, &state.look.theme)
}

/// Shows the selected one, or what was there before if the list is gone.
pub fn preview(state: &mut State) {
    let Some(before) = state.theme_before.clone() else { return };
    let selected = state.picker.as_ref().map(|picker| picker.selected().map(|row| row.choice.clone()));
    match selected {
        Some(Some(Choice::Theme(name))) => {
            if let Ok(theme) = named(state, &name) {
                state.look.theme = Arc::new(theme);
            }
        }
        Some(_) => {}
        None => {
            state.look.theme = before;
            state.theme_before = None;
        }
    }
}

/// Counts from now on, here and in sessions to come.
pub fn take(state: &mut State, name: &str, theme: Theme, now: Now) -> Vec<Effect> {
    state.theme_before = None;
    state.look.theme = Arc::new(theme);
    state.theme_name = Some(name.to_owned());
    state.wanted.theme = Some(name.to_owned());
    state.toast(name, now);
    keep(vec![ConfigEdit::replace("tui.theme", name)])
}
