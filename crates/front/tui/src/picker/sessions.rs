//! Stored sessions to choose from: the server searches, here is which ones and how they look.

use super::{Choice, Picker, Row, Source};
use crate::look::Look;
use crate::session::{Choosing, Verb};
use crate::state::{Effect, State, Then};
use codex_protocol::items::Thread;
use codex_protocol::requests::{ThreadList, ThreadListParams, ThreadListResult, ThreadSortKey, ThreadSourceKind};
use serde_json::Value;

/// So many are asked for: who looks for another one types a part of its name.
const LISTED_MAX: u32 = 100;

/// Which sessions are listed, and for what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sessions {
    pub verb: Verb,
    pub everywhere: bool,
    /// Those that no person led, too.
    pub non_interactive: bool,
    /// Nothing is open behind it: who takes none leaves.
    pub first: bool,
    pub archived: bool,
    pub by: ThreadSortKey,
    /// Of the list asked for last; older ones come too late.
    pub serial: u64,
    /// It is not there yet.
    pub waiting: bool,
}

impl Sessions {
    const fn of(verb: Verb) -> Self {
        Self {
            verb,
            everywhere: false,
            non_interactive: false,
            first: false,
            archived: false,
            by: ThreadSortKey::UpdatedAt,
            serial: 0,
            waiting: true,
        }
    }
}

/// Shows the list and asks for what stands on it.
pub fn open(state: &mut State, verb: Verb) -> Vec<Effect> {
    show(state, Sessions::of(verb))
}

/// The same at the start, before anything is open.
pub fn open_first(state: &mut State, choosing: Choosing) -> Vec<Effect> {
    let sessions = Sessions {
        everywhere: choosing.among.everywhere,
        non_interactive: choosing.among.non_interactive,
        first: true,
        ..Sessions::of(choosing.verb)
    };
    show(state, sessions)
}

fn show(state: &mut State, sessions: Sessions) -> Vec<Effect> {
    let title = match sessions.verb {
        Verb::Resume => "Go on with a session",
        Verb::Fork => "Copy a session and go on there",
    };
    let mut picker = Picker::new(title, Vec::new());
    picker.source = Source::Sessions(sessions);
    state.picker = Some(picker);
    ask(state)
}

/// The chosen session, to be looked at.
pub fn preview(state: &State) -> Vec<Effect> {
    let chosen = state.picker.as_ref().and_then(Picker::selected).map(|row| &row.choice);
    let Some(Choice::Session { thread_id, .. }) = chosen else {
        return Vec::new();
    };
    vec![Effect::read_thread(thread_id.clone(), Then::Transcript { find: false })]
}

/// Asks for the list that the picker should show now.
pub fn ask(state: &mut State) -> Vec<Effect> {
    state.lists_asked += 1;
    let serial = state.lists_asked;
    let cwd = state.cwd().to_string();
    let Some(picker) = &mut state.picker else { return Vec::new() };
    let query = picker.query().trim().to_owned();
    let Source::Sessions(sessions) = &mut picker.source else {
        return Vec::new();
    };
    sessions.serial = serial;
    sessions.waiting = true;
    let params = ThreadListParams {
        limit: Some(LISTED_MAX),
        cwd: (!sessions.everywhere).then(|| cwd.into()),
        sort_key: Some(sessions.by),
        source_kinds: sessions.non_interactive.then(|| ThreadSourceKind::ROOTS.to_vec()),
        archived: Some(sessions.archived),
        search_term: (!query.is_empty()).then_some(query),
        ..ThreadListParams::default()
    };
    vec![Effect::ask::<ThreadList>(params, Then::Sessions(serial))]
}

/// The list has come.
pub fn listed(state: &mut State, serial: u64, answer: Value, unix_seconds: i64) {
    let open = state.open().map(|open| open.thread_id.clone());
    let Some(picker) = &mut state.picker else { return };
    let Source::Sessions(sessions) = &mut picker.source else { return };
    if sessions.serial != serial {
        return;
    }
    sessions.waiting = false;
    let threads = serde_json::from_value::<ThreadListResult>(answer)
        .map(|list| list.data)
        .unwrap_or_default();
    let rows = threads
        .iter()
        .filter(|thread| Some(&thread.id) != open.as_ref() || sessions.verb == Verb::Fork);
    let rows = rows.map(|thread| row(thread, sessions, &state.look, unix_seconds)).collect();
    picker.set_rows(rows);
}

/// How a session is called: by its name, else by its first message. `None`: only commands of the user ran in it.
pub fn title(thread: &Thread) -> Option<String> {
    let words = thread.name.as_ref().unwrap_or(&thread.preview);
    let words = words.split_whitespace().collect::<Vec<_>>().join(" ");
    (!words.is_empty()).then_some(words)
}

fn row(thread: &Thread, sessions: &Sessions, look: &Look, unix_seconds: i64) -> Row {
    let label = title(thread).unwrap_or_else(|| "no message yet".to_owned());
    let time = match sessions.by {
        ThreadSortKey::CreatedAt => thread.created_at,
        ThreadSortKey::UpdatedAt => thread.updated_at,
    };
    let mut details = vec![ago(unix_seconds.saturating_sub(time))];
    if sessions.everywhere {
        details.push(look.path(&thread.cwd));
    }
    details.extend(thread.git_info.as_ref().and_then(|git| git.branch.clone()));
    let choice = Choice::Session {
        thread_id: thread.id.clone(),
        verb: sessions.verb,
        archived: sessions.archived,
    };
    Row::new(label, details.join(" · "), choice)
}

/// `now`, `5m ago`, `3h ago`, `12d ago`.
pub fn ago(seconds: i64) -> String {
    match seconds {
        ..60 => "now".to_owned(),
        60..3_600 => format!("{}m ago", seconds / 60),
        3_600..86_400 => format!("{}h ago", seconds / 3_600),
        _ => format!("{}d ago", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::ago;

    #[test]
    fn ages_are_short() {
        assert_eq!([-5, 59, 60, 7_300, 900_000].map(ago), ["now", "now", "1m ago", "2h ago", "10d ago"]);
    }
}
