//! Esc Esc: back to an earlier message, to say it in other words.
//!
//! The conversation up to there goes on in a copy, so nothing that was said is lost; files stay as they are.

use crate::picker::{Choice, Picker, Row};
use crate::state::{Effect, Now, Session, State, Then};
use crate::{Opening, cells::Notice, update};
use codex_protocol::items::{ThreadItem, Turn, UserInput};
use codex_protocol::requests::ThreadReadResult;
use serde_json::Value;
use std::time::Duration;

/// How long the first press counts.
const ARMED_FOR: Duration = Duration::from_secs(2);

/// A message to go back to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Earlier {
    /// The turn that it began.
    pub turn_id: String,
    pub text: String,
    /// Paths of its pictures.
    pub images: Vec<String>,
}

/// Esc on an empty field while nothing runs.
pub fn esc(state: &mut State, now: Now) -> Vec<Effect> {
    let Some(open) = state.open() else { return Vec::new() };
    if !open.has_turns {
        state.toast_for("there is no earlier message to go back to", now, ARMED_FOR);
        return Vec::new();
    }
    let thread_id = open.thread_id.clone();
    if state.back_armed.take().is_some_and(|until| now.monotonic < until) {
        state.toast = None;
        return vec![Effect::read_thread(thread_id, Then::Earlier)];
    }
    state.back_armed = Some(now.monotonic + ARMED_FOR);
    state.toast_for("esc again to go back to an earlier message", now, ARMED_FOR);
    Vec::new()
}

/// The conversation so far has come: its messages, the last one selected.
pub fn listed(state: &mut State, answer: Value) {
    let turns = serde_json::from_value::<ThreadReadResult>(answer)
        .map(|read| read.thread.turns)
        .unwrap_or_default();
    let mut rows: Vec<Row> = turns.iter().filter_map(row).collect();
    if rows.is_empty() {
        state.notice(Notice::info("there is no earlier message to go back to"));
        return;
    }
    if let Some(last) = rows.last_mut() {
        last.current = true;
    }
    let mut picker = Picker::new("Go back to before a message", rows);
    picker.current_word = "last";
    state.picker = Some(picker);
}

fn row(turn: &Turn) -> Option<Row> {
    let content = turn.items.iter().find_map(|item| match item {
        ThreadItem::UserMessage { content, .. } => Some(content),
        _ => None,
    })?;
    let (text, images) = (words_of(content), pictures_of(content));
    let answer = turn.items.iter().rev().find_map(|item| match item {
        ThreadItem::AgentMessage { text, .. } => Some(text.split_whitespace().collect::<Vec<_>>().join(" ")),
        _ => None,
    });
    let words = text.split_whitespace().map(str::to_owned);
    let label: Vec<String> = words.chain(images.iter().map(|path| format!("[Image {path}]"))).collect();
    let label = label.join(" ");
    let earlier = Earlier {
        turn_id: turn.id.clone(),
        text,
        images,
    };
    Some(Row::new(label, answer.unwrap_or_default(), Choice::Back(earlier)))
}

fn words_of(content: &[UserInput]) -> String {
    let texts = content.iter().filter_map(|part| match part {
        UserInput::Text { text } => Some(text.as_str()),
        UserInput::Image { .. } | UserInput::LocalImage { .. } | UserInput::Skill { .. } => None,
    });
    texts.collect::<Vec<_>>().join("\n")
}

/// Those that lie in files. What came in another way is in the journal of the session that is left.
fn pictures_of(content: &[UserInput]) -> Vec<String> {
    let paths = content.iter().filter_map(|part| match part {
        UserInput::LocalImage { path } => Some(path.clone()),
        UserInput::Text { .. } | UserInput::Image { .. } | UserInput::Skill { .. } => None,
    });
    paths.collect()
}

/// The copy is opened; the message stands in the field when it is.
pub fn go(state: &mut State, earlier: Earlier) -> Vec<Effect> {
    let Session::Open(open) = &state.session else { return Vec::new() };
    let opening = Opening::Back {
        thread_id: open.thread_id.clone(),
        before_turn_id: earlier.turn_id.clone(),
    };
    let effects = update::open_with_choices(state, opening);
    state.going_back = Some(earlier);
    effects
}

/// The copy is open.
pub fn gone(state: &mut State, from: Option<&str>) {
    let Some(earlier) = state.going_back.take() else { return };
    let kept = from.map(|id| format!("; what followed is kept: /resume {id}")).unwrap_or_default();
    state.notice(Notice::info(format!(
        "back to before “{}”; files stay as they are{kept}",
        update::first_words(&earlier.text)
    )));
    state.editor.set_text(&earlier.text);
    state.images = earlier.images;
}
