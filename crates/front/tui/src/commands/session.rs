//! What is done with this session, and with others in its place.

use super::{open, open_with_turns};
use crate::cells::Notice;
use crate::export::Target;
use crate::picker::{Choice, Picker, Row, sessions};
use crate::session::{Opening, Verb};
use crate::state::{Effect, Message, Now, State, Then};
use crate::update;
use codex_protocol::requests::{ThreadArchive, ThreadCompactStart, ThreadNameSet, ThreadNameSetParams};

const INIT: &str = "Write a file AGENTS.md at the top of this project for coding agents that will work here. Read the project first: \
its build files, its layout, its tests, its documentation. Say in at most 60 lines how to build, test and lint (the exact commands), where \
things lie, which conventions the code follows, and what one must know before a first change. State only what you found in the files. If \
there is an AGENTS.md already, correct and complete it instead of writing it anew, and keep what its authors wrote where it is still true.";

/// The model writes AGENTS.md, the file that tells every later session about the project.
pub fn init(state: &mut State, _: &str, now: Now) -> Vec<Effect> {
    state.queue.push_back(Message::text(INIT));
    update::next_of_queue(state, now)
}

/// The name under which the session is found. Without one, the present name stands in the field to be changed.
pub fn rename(state: &mut State, argument: &str, _: Now) -> Vec<Effect> {
    let Some(open) = open_with_turns(state, "a session has a name when something was said in it") else {
        return Vec::new();
    };
    if argument.is_empty() {
        let name = open.name.clone().unwrap_or_default();
        state.editor.set_text(&format!("/rename {name}"));
        return Vec::new();
    }
    let params = ThreadNameSetParams {
        thread_id: open.thread_id.clone(),
        name: argument.to_owned(),
    };
    vec![Effect::ask::<ThreadNameSet>(params, Then::Nothing("cannot rename the session"))]
}

/// What stands in the window stays in the scrollback.
pub fn clear(state: &mut State, _: &str, _: Now) -> Vec<Effect> {
    state.clear_window();
    update::open_new(state)
}

/// This session leaves the list; it can be found in the archive.
pub fn archive(state: &mut State, _: &str, _: Now) -> Vec<Effect> {
    let Some(open) = open_with_turns(state, "there is nothing to archive yet") else {
        return Vec::new();
    };
    let params = open.id();
    state.is_putting_away = true;
    vec![Effect::ask::<ThreadArchive>(params, Then::PutAway("in the archive"))]
}

/// This session goes for good, after one question.
pub fn delete(state: &mut State, _: &str, _: Now) -> Vec<Effect> {
    if open_with_turns(state, "there is nothing to delete yet").is_some() {
        let lost = "what was said is gone; files that were changed stay as they are";
        let rows = vec![Row::new("Keep it", "", Choice::Keep), Row::new("Delete it", lost, Choice::Delete)];
        state.picker = Some(Picker::question("Delete this session for good?", rows));
    }
    Vec::new()
}

/// Goes on with a stored session, in place of this one.
pub fn resume(state: &mut State, argument: &str, _: Now) -> Vec<Effect> {
    stored(state, Verb::Resume, argument)
}

/// Goes on in a copy; the session itself stays as it is. Without a name, one is chosen: this one is on top.
pub fn fork(state: &mut State, argument: &str, _: Now) -> Vec<Effect> {
    stored(state, Verb::Fork, argument)
}

fn stored(state: &mut State, verb: Verb, session: &str) -> Vec<Effect> {
    if session.is_empty() {
        return sessions::open(state, verb);
    }
    update::open_other(state, Opening::named(verb, session))
}

/// Sums up the conversation, as a turn of its own.
pub fn compact(state: &mut State, _: &str, now: Now) -> Vec<Effect> {
    let Some(open) = state.open().filter(|open| open.has_turns) else {
        state.notice(Notice::info("there is nothing to sum up yet"));
        return Vec::new();
    };
    let params = open.id();
    state.expect_turn(now);
    vec![Effect::ask::<ThreadCompactStart>(params, Then::TurnStarted)]
}

/// The conversation as Markdown, in a file that was not there before.
pub fn export(state: &mut State, argument: &str, _: Now) -> Vec<Effect> {
    let Some(open) = open_with_turns(state, "there is nothing to export yet") else {
        return Vec::new();
    };
    let (thread_id, cwd) = (open.thread_id.clone(), open.cwd.clone());
    let target = match argument {
        "" => {
            let id: String = thread_id.chars().take(8).collect();
            Target::Folder(cwd, format!("codex-{id}"))
        }
        file => Target::File(state.look.place(&cwd, file)),
    };
    vec![Effect::read_thread(thread_id, Then::Export(target))]
}

/// Where the next turn works.
pub fn cd(state: &mut State, argument: &str, _: Now) -> Vec<Effect> {
    let Some(open) = open(state) else { return Vec::new() };
    if argument.is_empty() {
        let notice = Notice::info(format!("commands run in {}", open.cwd));
        state.notice(notice.with_hint("/cd FOLDER changes it"));
        return Vec::new();
    }
    let cwd = open.cwd.clone();
    vec![Effect::LookAtFolder(state.look.place(&cwd, argument))]
}
