//! `/theme [name]`: other colours, for what is shown from now on.

use crate::cells::Notice;
use crate::picker::{Choice, Picker, Row, themes};
use crate::state::{Effect, Now, State};

pub fn run(state: &mut State, argument: &str, now: Now) -> Vec<Effect> {
    if !argument.is_empty() {
        return match themes::named(state, argument) {
            Ok(theme) => themes::take(state, argument, theme, now),
            Err(error) => {
                state.notice(Notice::error(error));
                Vec::new()
            }
        };
    }
    let rows = state.themes.list().into_iter().map(|(name, about)| {
        let current = state.theme_name.as_deref() == Some(name.as_str());
        Row::new(name.clone(), about, Choice::Theme(name)).current(current)
    });
    let rows = rows.collect();
    state.theme_before = Some(state.look.theme.clone());
    state.picker = Some(Picker::new("Colours", rows));
    themes::preview(state);
    Vec::new()
}
