//! Several things to choose, in an order: what the status line and the title say. What is chosen shows while the list is there.

use super::{Choice, Picker, Row, Source};
use crate::items::{self, ITEMS};
use crate::keep::keep;
use crate::state::{Effect, State};
use codex_protocol::config::ConfigEdit;
use codex_tui_kit::keys::{Code, Key};

/// Which line it is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    StatusLine,
    Title,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Several {
    pub place: Place,
    /// Names, in their order.
    pub taken: Vec<String>,
    /// What counted when the list was opened.
    before: Option<Vec<String>>,
}

impl Place {
    /// The list's title, the setting, and what counts without it.
    const fn facts(self) -> (&'static str, &'static str, &'static [&'static str]) {
        match self {
            Self::StatusLine => ("What the last row says", "tui.status_line", items::STATUS_LINE),
            Self::Title => ("What the window's title says", "tui.terminal_title", items::TITLE),
        }
    }

    fn wanted(self, state: &mut State) -> &mut Option<Vec<String>> {
        match self {
            Self::StatusLine => &mut state.wanted.status_line,
            Self::Title => &mut state.wanted.terminal_title,
        }
    }
}

pub fn open(state: &mut State, place: Place) {
    let before = place.wanted(state).clone();
    let (title, _, usual) = place.facts();
    let taken = items::names(before.as_ref(), usual);
    // By the names of the table, once each.
    let mut names: Vec<String> = Vec::new();
    for name in taken.into_iter().filter_map(|name| Some(items::find(name)?.name.to_owned())) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    let mut picker = Picker::new(title, rows(&names));
    picker.source = Source::Several(Several {
        place,
        taken: names,
        before,
    });
    state.picker = Some(picker);
}

/// What is taken first, in its order; then the others.
fn rows(taken: &[String]) -> Vec<Row> {
    let chosen = taken.iter().filter_map(|name| items::find(name));
    let others = ITEMS.iter().filter(|item| !taken.iter().any(|name| name == item.name));
    let row = |mark: &str, item: &items::Item| Row::new(format!("{mark} {}", item.name), item.about, Choice::Item(item.name));
    let mut rows: Vec<Row> = chosen.map(|item| row("[x]", item)).collect();
    rows.extend(others.map(|item| row("[ ]", item)));
    rows
}

/// Tab takes or leaves the selected one, Alt with an arrow moves it. Whether the key was one of these.
pub fn press(state: &mut State, key: Key) -> bool {
    let Some(picker) = &mut state.picker else { return false };
    let Some(Choice::Item(name)) = picker.selected().map(|row| row.choice.clone()) else {
        return false;
    };
    let Source::Several(several) = &mut picker.source else {
        return false;
    };
    let at = several.taken.iter().position(|taken| taken == name);
    match (key.code, key.alt, at) {
        (Code::Tab, false, Some(at)) => {
            several.taken.remove(at);
        }
        (Code::Tab, false, None) => several.taken.push(name.to_owned()),
        (Code::Up, true, Some(at)) if at > 0 => several.taken.swap(at, at - 1),
        (Code::Down, true, Some(at)) if at + 1 < several.taken.len() => several.taken.swap(at, at + 1),
        (Code::Up | Code::Down, true, _) => {}
        _ => return false,
    }
    let (place, taken) = (several.place, several.taken.clone());
    let at = picker.shown().1;
    picker.set_rows(rows(&taken));
    match key.code {
        // The next one is at hand.
        Code::Tab => picker.step(isize::try_from(at).unwrap_or_default()),
        _ => picker.select_where(|row| row.choice == Choice::Item(name)),
    }
    *place.wanted(state) = Some(taken);
    true
}

/// What is chosen counts, and is kept.
pub fn accept(state: &mut State) -> Vec<Effect> {
    let Some(Source::Several(several)) = state.picker.take().map(|picker| picker.source) else {
        return Vec::new();
    };
    let (_, key, _) = several.place.facts();
    let edit = ConfigEdit::replace(key, several.taken.clone());
    *several.place.wanted(state) = Some(several.taken);
    keep(vec![edit])
}

/// Everything is as it was.
pub fn cancel(state: &mut State) {
    if let Some(Source::Several(several)) = state.picker.take().map(|picker| picker.source) {
        *several.place.wanted(state) = several.before;
    }
}
