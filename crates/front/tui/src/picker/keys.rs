//! What keys do to the list.

use super::{Picker, Source, choose, sessions, several, themes};
use crate::keymap::{Action, Context, Lookup, Step};
use crate::state::{Effect, Now, State};
use crate::update;
use codex_protocol::requests::ThreadSortKey;
use codex_tui_kit::keys::{Code, Key};
use codex_tui_kit::terminal::Surface;

/// Rows of a step by page.
const PAGE: isize = 8;

/// A key while a list is shown: none reaches the field.
pub fn press(state: &mut State, key: Key, now: Now) -> Vec<Effect> {
    let effects = pressed(state, key, now);
    themes::preview(state);
    effects
}

fn pressed(state: &mut State, key: Key, now: Now) -> Vec<Effect> {
    let Some(picker) = &mut state.picker else { return Vec::new() };
    picker.numbered = state.surface == Surface::Linear;
    if let Some(c) = key.typed() {
        picker.type_char(c);
        return searched(state);
    }
    if key == Key::ctrl('c') {
        return stepped(state, Step::Cancel, now);
    }
    if several::press(state, key) {
        return Vec::new();
    }
    let Some(picker) = &mut state.picker else { return Vec::new() };
    match state.keymap.press(&[Context::List], key) {
        Lookup::Action(Action::List(step)) => return stepped(state, step, now),
        Lookup::Action(_) | Lookup::Prefix => return Vec::new(),
        Lookup::Nothing => {}
    }
    match (key.code, key.ctrl) {
        (Code::Backspace, _) => {
            let mut query = picker.query().to_owned();
            query.pop();
            picker.set_query(query);
            searched(state)
        }
        (Code::Char('u'), true) => {
            picker.set_query(String::new());
            searched(state)
        }
        _ => switch(state, key),
    }
}

fn stepped(state: &mut State, step: Step, now: Now) -> Vec<Effect> {
    if matches!(&state.picker, Some(picker) if matches!(picker.source, Source::Several(_))) {
        match step {
            Step::Cancel => {
                several::cancel(state);
                return Vec::new();
            }
            Step::Accept => return several::accept(state),
            Step::Up | Step::Down | Step::PageUp | Step::PageDown | Step::Top | Step::Bottom => {}
        }
    }
    let Some(picker) = &mut state.picker else { return Vec::new() };
    match step {
        Step::Cancel => {
            let first = matches!(&picker.source, Source::Sessions(sessions) if sessions.first);
            state.picker = None;
            if first {
                return update::leave(state);
            }
        }
        Step::Accept => {
            let Some(choice) = picker.selected().map(|row| row.choice.clone()) else {
                return Vec::new();
            };
            state.picker = None;
            return choose::choose(state, choice, now);
        }
        Step::Down => picker.turn(true),
        Step::Up => picker.turn(false),
        Step::PageDown => picker.step(PAGE),
        Step::PageUp => picker.step(-PAGE),
        Step::Top => picker.step(isize::MIN),
        Step::Bottom => picker.step(isize::MAX),
    }
    Vec::new()
}

/// Words that came as one piece.
pub fn paste(state: &mut State, text: &str) -> Vec<Effect> {
    let Some(picker) = &mut state.picker else { return Vec::new() };
    for c in text.chars().filter(|c| !c.is_control()) {
        picker.type_char(c);
    }
    searched(state)
}

/// The words have changed: who does not have all rows asks for them.
fn searched(state: &mut State) -> Vec<Effect> {
    match &state.picker {
        Some(picker) if picker.number().is_none() && matches!(picker.source, Source::Sessions(_)) => sessions::ask(state),
        _ => Vec::new(),
    }
}

/// Keys of the list of sessions alone.
fn switch(state: &mut State, key: Key) -> Vec<Effect> {
    let Some(Picker {
        source: Source::Sessions(list),
        ..
    }) = &mut state.picker
    else {
        return Vec::new();
    };
    match (key.code, key.ctrl) {
        (Code::Char('t'), true) => return sessions::preview(state),
        (Code::Tab, false) => list.everywhere = !list.everywhere,
        (Code::Char('a'), true) => list.archived = !list.archived,
        (Code::Char('s'), true) => {
            list.by = match list.by {
                ThreadSortKey::UpdatedAt => ThreadSortKey::CreatedAt,
                ThreadSortKey::CreatedAt => ThreadSortKey::UpdatedAt,
            }
        }
        _ => return Vec::new(),
    }
    sessions::ask(state)
}
