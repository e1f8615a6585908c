//! `/keymap`: another key for an action, or none, kept for the sessions to come.

use crate::cells::Notice;
use crate::keep::keep;
use crate::keymap::ROWS;
use crate::picker::{Choice, Picker, Row};
use crate::preferences;
use crate::state::{Effect, Now, State};
use codex_protocol::config::ConfigEdit;
use codex_protocol::terminal::KeyChange;
use codex_tui_kit::keys::{Code, Key};
use serde_json::Value;

/// A row of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bound {
    pub context: &'static str,
    pub action: &'static str,
    usual: &'static [&'static str],
}

/// What its keys shall be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wish {
    /// The next key that is pressed.
    Press,
    None,
    Usual,
}

/// Every action with its keys.
pub fn list(state: &mut State) {
    let rows = ROWS.iter().map(|row| {
        let bound = Bound {
            context: row.context.name(),
            action: row.name,
            usual: row.keys,
        };
        let keys = keys(state, bound);
        let keys = if keys.is_empty() { "no key".to_owned() } else { keys.join(", ") };
        Row::new(format!("{}.{}", bound.context, bound.action), keys, Choice::Binding(bound))
    });
    state.picker = Some(Picker::new("Keys", rows.collect()));
}

/// What shall become of one of them.
pub fn ask(state: &mut State, bound: Bound) {
    let row = |label: &str, detail: String, wish| Row::new(label, detail, Choice::Bind(bound, wish));
    let answers = vec![
        row("Another key", "press it next; esc leaves".to_owned(), Wish::Press),
        row("No key", String::new(), Wish::None),
        row("The usual", bound.usual.join(", "), Wish::Usual),
    ];
    let now = keys(state, bound).join(", ");
    state.picker = Some(Picker::question(format!("{}.{} ({now})", bound.context, bound.action), answers));
}

/// The keys in force.
fn keys(state: &State, bound: Bound) -> Vec<String> {
    let changed = state.wanted.keymap.iter().rev().find(|change| is_about(change, bound));
    changed.map_or_else(
        || bound.usual.iter().map(|&key| key.to_owned()).collect(),
        |change| change.keys.clone(),
    )
}

fn is_about(change: &KeyChange, bound: Bound) -> bool {
    change.context == bound.context && change.action == bound.action
}

pub fn wish(state: &mut State, bound: Bound, wish: Wish, now: Now) -> Vec<Effect> {
    match wish {
        Wish::Press => {
            state.binding = Some(bound);
            Vec::new()
        }
        Wish::None => set(state, bound, Some(Vec::new()), now),
        Wish::Usual => set(state, bound, None, now),
    }
}

/// The key that was waited for.
pub fn press(state: &mut State, bound: Bound, key: Key, now: Now) -> Vec<Effect> {
    state.binding = None;
    if key.code == Code::Escape || key == Key::ctrl('c') {
        return Vec::new();
    }
    set(state, bound, Some(vec![key.to_string()]), now)
}

/// Counts at once; what it hides is told.
fn set(state: &mut State, bound: Bound, keys: Option<Vec<String>>, now: Now) -> Vec<Effect> {
    let mut changes = state.wanted.keymap.clone();
    changes.retain(|change| !is_about(change, bound));
    let value = keys.as_ref().map_or(Value::Null, |keys| keys.clone().into());
    changes.extend(keys.map(|keys| KeyChange {
        context: bound.context.to_owned(),
        action: bound.action.to_owned(),
        keys,
        place: "/keymap".to_owned(),
    }));
    let before = preferences::keymap(&state.wanted.keymap).map(|(_, told)| told).unwrap_or_default();
    match preferences::keymap(&changes) {
        Ok((keymap, told)) => {
            state.keymap = keymap;
            state.wanted.keymap = changes;
            for new in told.into_iter().filter(|told| !before.contains(told)) {
                state.notice(Notice::warning(new));
            }
        }
        Err(failure) => {
            state.notice(Notice::from(&failure));
            return Vec::new();
        }
    }
    let shown = self::keys(state, bound).join(", ");
    let shown = if shown.is_empty() { "no key" } else { &shown };
    let words = format!("{}.{}: {shown}", bound.context, bound.action);
    state.toast(words, now);
    keep(vec![ConfigEdit::replace(
        format!("tui.keymap.{}.{}", bound.context, bound.action),
        value,
    )])
}

#[cfg(test)]
mod tests {
    use crate::desk::Desk;
    use insta::assert_snapshot;

    #[test]
    fn an_action_gets_another_key_at_once_and_for_later() {
        for (columns, rows) in [(80, 24), (120, 40)] {
            let mut desk = Desk::sized(columns, rows);
            desk.skip();
            desk.say("/keymap");
            desk.type_text("global.copy");
            let list = desk.screen();
            desk.press("enter");
            let question = desk.screen();
            desk.press("enter");
            let waiting = desk.screen();
            desk.press("ctrl-e");
            assert_eq!(
                desk.asked_one().0,
                r#"config/batchWrite {"edits":[{"keyPath":"tui.keymap.global.copy","mergeStrategy":"replace","value":["ctrl-e"]}],"reloadUserConfig":true}"#
            );
            if columns == 80 {
                assert_snapshot!(format!("{list}\n\n{question}\n\n{waiting}\n\n{}", desk.screen()), @r"
                Keys
                › global.copy
                ❯ global.copy  ctrl-o
                  enter takes · esc leaves

                global.copy (ctrl-o)
                ❯ 1. Another key  press it next; esc leaves
                  2. No key
                  3. The usual    ctrl-o
                  enter takes · esc leaves

                › Ask for something
                  press the key for global.copy · esc leaves

                ✗ tui.keymap: ctrl-e is editor.move_line_end, so global.copy cannot be reached
                  with ctrl-e

                › Ask for something
                  global.copy: ctrl-e
                ");
            } else {
                assert_snapshot!(list, @r"
                Keys
                › global.copy
                ❯ global.copy  ctrl-o
                  enter takes · esc leaves
                ");
            }
            desk.say("/keymap");
            desk.type_text("global.copy");
            desk.press("enter");
            desk.press("3");
            desk.press("enter");
            assert!(desk.asked_one().0.contains(r#""value":null"#));
            desk.press("ctrl-o");
            assert!(desk.screen().contains("no answer to copy"));
        }
    }
}
