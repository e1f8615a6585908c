//! `/theme [name]`: other colours, for what is shown from now on.

use crate::cells::Notice;
use crate::picker::{Choice, Picker, Row, themes};
use crate::state::{Effect, Now, State};
use codex_tui_kit::theme::{BUILT_IN, Background, ThemeSpec};

pub fn run(state: &mut State, argument: &str, now: Now) -> Vec<Effect> {
    if !argument.is_empty() {
        match themes::named(state, argument) {
            Ok(theme) => themes::take(state, argument, theme, now),
            Err(error) => state.notice(Notice::error(error.to_string())),
        }
        return Vec::new();
    }
    let rows = BUILT_IN.iter().map(|(name, _)| {
        let ground = match ThemeSpec::built_in(name).map(|spec| spec.background) {
            Ok(Background::Dark) => "for dark terminals",
            Ok(Background::Light) => "for light terminals",
            Err(_) => "",
        };
        Row::new(*name, ground, Choice::Theme((*name).to_owned())).current(state.theme_name.as_deref() == Some(*name))
    });
    let rows = rows.collect();
    state.theme_before = Some(state.look.theme.clone());
    state.picker = Some(Picker::new("Colours", rows));
    themes::preview(state);
    Vec::new()
}
