//! Ctrl-R: what was written before, found by some of its letters while they are typed. The field shows what is found.

use crate::keymap::{Action, FIELD, Lookup};
use crate::state::State;
use codex_tui_kit::composer::Editor;
use codex_tui_kit::keys::{Code, Key};

/// A search that goes on.
#[derive(Debug)]
pub struct Search {
    pub query: String,
    /// Which entry is shown.
    at: Option<usize>,
    /// What stood in the field.
    before: Editor,
}

/// Which way it goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    Older,
    Newer,
}

pub fn begin(state: &mut State) {
    state.search = Some(Search {
        query: String::new(),
        at: None,
        before: state.editor.clone(),
    });
}

/// A key while a search goes on: letters are searched for, Enter leaves what is found in the field, Esc what was there before. Any other
/// ends the search and means what it means: `false`.
pub fn press(state: &mut State, key: Key) -> bool {
    let Some(search) = &mut state.search else { return false };
    if let Lookup::Action(Action::SearchHistory(way)) = state.keymap.lookup(FIELD, &[key]) {
        go_on(state, way);
        return true;
    }
    match (key.code, key.typed()) {
        (Code::Escape, _) => leave(state),
        (Code::Char('c' | 'g'), None) if key.ctrl => leave(state),
        (Code::Enter, _) => state.search = None,
        (Code::Up, _) => go_on(state, Way::Older),
        (Code::Down, _) => go_on(state, Way::Newer),
        (Code::Backspace, _) => {
            search.query.pop();
            search.at = None;
            find(state);
        }
        (_, Some(c)) => {
            search.query.push(c);
            find(state);
        }
        _ => {
            state.search = None;
            return false;
        }
    }
    true
}

fn leave(state: &mut State) {
    if let Some(search) = state.search.take() {
        state.editor = search.before;
    }
}

/// The newest entry with these letters, from the one that is shown on.
fn find(state: &mut State) {
    let Some(search) = &state.search else { return };
    let from = search.at.map_or(state.recall.entries.len(), |at| at + 1);
    let found = (0..from).rev().find(|at| matches(&state.recall.entries[*at], &search.query));
    show(state, found);
}

fn go_on(state: &mut State, way: Way) {
    let Some(search) = &state.search else { return };
    let entries = &state.recall.entries;
    let shown = search.at.map(|at| &entries[at]);
    // The same words once more are nothing new.
    let is_next = |at: &usize| matches(&entries[*at], &search.query) && Some(&entries[*at]) != shown;
    let found = match (way, search.at) {
        (Way::Older, at) => (0..at.unwrap_or(entries.len())).rev().find(is_next),
        (Way::Newer, Some(at)) => (at + 1..entries.len()).find(is_next),
        (Way::Newer, None) => None,
    };
    if found.is_some() {
        show(state, found);
    }
}

fn show(state: &mut State, found: Option<usize>) {
    let Some(search) = &mut state.search else { return };
    search.at = found;
    match found {
        Some(at) if !search.query.is_empty() => state.editor.set_text(&state.recall.entries[at]),
        _ => state.editor = search.before.clone(),
    }
}

fn matches(entry: &str, query: &str) -> bool {
    query.is_empty() || entry.to_lowercase().contains(&query.to_lowercase())
}

/// For the last row.
pub fn words(state: &State) -> Option<String> {
    let search = state.search.as_ref()?;
    let nothing = if search.at.is_none() && !search.query.is_empty() {
        " · nothing matches"
    } else {
        ""
    };
    Some(format!("written before: {}{nothing} · enter takes · esc leaves", search.query))
}

#[cfg(test)]
mod tests {
    use crate::desk::Desk;
    use insta::assert_snapshot;

    fn desk(columns: u16, rows: u16) -> Desk {
        let mut desk = Desk::sized(columns, rows);
        desk.state.recall.entries = ["Fix the parser", "run the tests", "fix the lexer", "fix the lexer"]
            .map(str::to_owned)
            .to_vec();
        desk.skip();
        desk
    }

    #[test]
    fn letters_find_what_was_written_before_the_newest_first() {
        for (columns, rows) in [(80, 24), (120, 40)] {
            let mut desk = desk(columns, rows);
            desk.type_text("a draft");
            desk.press("ctrl-r");
            desk.type_text("fix");
            if columns == 80 {
                assert_snapshot!(desk.screen(), @r"
                › fix the lexer
                  written before: fix · enter takes · esc leaves
                ");
            } else {
                assert_snapshot!(desk.screen(), @r"
                › fix the lexer
                  written before: fix · enter takes · esc leaves
                ");
            }
            desk.press("ctrl-r");
            assert_eq!(desk.state.editor.text(), "Fix the parser");
            desk.press("ctrl-s");
            assert_eq!(desk.state.editor.text(), "fix the lexer");
            desk.press("up");
            desk.press("enter");
            assert_eq!(desk.state.editor.text(), "Fix the parser");
            assert!(desk.state.search.is_none() && desk.effects.is_empty());
        }
    }

    #[test]
    fn what_is_not_found_leaves_the_draft() {
        let mut desk = desk(80, 24);
        desk.type_text("a draft");
        desk.press("ctrl-r");
        desk.type_text("zzz");
        assert_snapshot!(desk.screen(), @r"
        › a draft
          written before: zzz · nothing matches · enter takes · esc leaves
        ");
        desk.press("esc");
        assert_eq!(desk.state.editor.text(), "a draft");
        desk.press("ctrl-r");
        desk.type_text("tests");
        desk.press("left");
        desk.type_text("!");
        assert_eq!(desk.state.editor.text(), "run the test!s");
    }
}
