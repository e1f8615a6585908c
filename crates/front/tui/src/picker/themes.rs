//! Themes to choose from: the selected one is in force while the list is shown.

use super::Choice;
use crate::state::{Now, State};
use codex_tui_kit::theme::{Theme, ThemeError, ThemeSpec};
use std::sync::Arc;
use std::time::Duration;

/// The theme of this name, for this terminal.
///
/// # Errors
/// If there is none.
pub fn named(state: &State, name: &str) -> Result<Theme, ThemeError> {
    let now = &state.look.theme;
    let spec = ThemeSpec::built_in(name)?;
    let mut theme = Theme::new(&spec, now.depth);
    theme.glyphs = now.glyphs;
    theme.motion = now.motion;
    Ok(theme)
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

pub fn take(state: &mut State, name: &str, theme: Theme, now: Now) {
    state.theme_before = None;
    state.look.theme = Arc::new(theme);
    state.theme_name = Some(name.to_owned());
    state.toast(format!("{name}, until codex ends"), now, Duration::from_secs(4));
}
