//! The window's title: what it says, and the bytes that set it. The terminal keeps the one from before and takes it back at the end.

use crate::items;
use crate::state::{Effect, State};
use codex_tui_kit::terminal::title;
use codex_tui_kit::{cells, sanitize};

/// Columns of a title.
const TITLE_MAX: usize = 120;

/// What the title shall be; `None` leaves it alone.
pub fn of(state: &State) -> Option<String> {
    let names = items::names(state.wanted.terminal_title.as_ref(), items::TITLE);
    if names.is_empty() {
        return None;
    }
    // A sign and what it stands before are one.
    let is_sign = |name: &&str| items::find(name).is_some_and(|item| item.name == "activity");
    let (signs, others): (Vec<&str>, Vec<&str>) = names.into_iter().partition(is_sign);
    let sign = items::say(state, signs.first().copied());
    let said = items::say(state, others);
    let text = [sign.concat(), said.join(" · ")].join(" ");
    let text = sanitize::label(text.trim());
    Some(cells::truncate(&text, TITLE_MAX).into_owned())
}

/// Sets the title if it is another one now.
pub fn follow(state: &mut State) -> Option<Effect> {
    let wanted = of(state);
    if wanted == state.title_shown {
        return None;
    }
    let bytes = match (&state.title_shown, &wanted) {
        (None, Some(text)) => [title::keep(), title::set(text)].concat(),
        (Some(_), Some(text)) => title::set(text),
        (_, None) => title::give_back(),
    };
    state.title_shown = wanted;
    Some(Effect::Terminal(bytes))
}
