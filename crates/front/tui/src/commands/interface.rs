//! How the interface looks and takes keys, kept for the sessions to come.

use crate::cells::Notice;
use crate::keep::keep;
use crate::picker::{Choice, Picker, Row, themes};
use crate::state::{Effect, Now, State};
use codex_protocol::config::ConfigEdit;
use codex_protocol::terminal::AlternateScreen;
use codex_tui_kit::composer::vim::Vim;
use std::time::Duration;

/// How long the footer says what was done.
const SAID_FOR: Duration = Duration::from_secs(3);

/// Other colours, for what is shown from now on.
pub fn theme(state: &mut State, argument: &str, now: Now) -> Vec<Effect> {
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

/// Where the next conversation is, in the terminal's own scrollback or on the whole window.
pub fn tui(state: &mut State, _: &str, _: Now) -> Vec<Effect> {
    let is_whole = state.wanted.alternate_screen == AlternateScreen::Always;
    let row = |name: &str, about: &str, whole| Row::new(name, about, Choice::WholeWindow(whole)).current(whole == is_whole);
    let rows = vec![
        row("scrollback", "what is finished stays in the terminal", false),
        row("fullscreen", "the whole window; the terminal is as before at the end", true),
    ];
    state.picker = Some(Picker::new("Where the next conversation is", rows));
    Vec::new()
}

pub fn keep_whole_window(state: &mut State, whole: bool, now: Now) -> Vec<Effect> {
    let (chosen, name) = if whole {
        (AlternateScreen::Always, "always")
    } else {
        (AlternateScreen::Never, "never")
    };
    state.wanted.alternate_screen = chosen;
    state.toast_for("from the next start on", now, SAID_FOR);
    keep(vec![ConfigEdit::replace("tui.alternate_screen", name)])
}

/// Answers as they were written, without signs and indents, to be marked and copied in the terminal.
pub fn raw(state: &mut State, now: Now) -> Vec<Effect> {
    state.look.raw = !state.look.raw;
    let words = if state.look.raw {
        "answers as they were written"
    } else {
        "answers as they are meant"
    };
    state.toast_for(words, now, SAID_FOR);
    // On the whole window everything is shown anew.
    state.transcript.set_width(state.size.columns, &state.look);
    Vec::new()
}

/// The field takes keys as Vim does, or no longer.
pub fn vim(state: &mut State, now: Now) -> Vec<Effect> {
    let on = state.vim.is_none();
    state.vim = on.then(Vim::default);
    state.wanted.vim_mode_default = on;
    let words = if on { "keys as in Vim" } else { "keys without Vim" };
    state.toast_for(words, now, SAID_FOR);
    keep(vec![ConfigEdit::replace("tui.vim_mode_default", on)])
}
