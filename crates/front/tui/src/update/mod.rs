//! What happens, happens here: an event changes the state and says what is wanted of the world. No input, no output, no clock.

mod keys;
#[cfg(test)]
mod keys_ui_tests;
mod server;
mod submit;
mod vim;

pub use submit::next_of_queue;

use crate::alert;
use crate::background;
use crate::backtrack;
use crate::cells::{self, Notice};
use crate::cost::{self, Cost};
use crate::items;
use crate::keep;
use crate::mention;
use crate::pager::Pager;
use crate::picker;
use crate::picture;
use crate::reader;
use crate::skills;
use crate::state::{Chosen, Effect, Event, Now, Open, Session, State, Then, Toast, Working};
use crate::title;
use crate::waits::Waits;
use crate::{Ended, Failure, Opening};
use codex_protocol::items::Turn;
use codex_protocol::requests::{
    ThreadIdParams, ThreadReadResult, ThreadSetup, ThreadUnsubscribe, TurnInterrupt, TurnInterruptParams, TurnStartResult,
};
use codex_tui_kit::terminal::Input;
use codex_tui_kit::theme::Background;
use serde_json::Value;
use std::time::Duration;

/// How long the first of two presses counts.
const ARMED_FOR: Duration = Duration::from_secs(2);

/// How long the footer says something.
const TOAST_FOR: Duration = Duration::from_secs(4);

/// Changes the state by one event.
pub fn update(state: &mut State, event: Event, now: Now) -> Vec<Effect> {
    let before = alert::Before::of(state);
    let mut effects = happen(state, event, now);
    effects.extend(mention::follow(state));
    effects.extend(skills::follow(state));
    let branch = items::follow_branch(state, &effects);
    effects.extend(branch);
    effects.extend(title::follow(state));
    effects.extend(alert::follow(state, before));
    state.transcript.settle(state.size.columns, &state.look);
    reader::follow(state, now);
    effects
}

fn happen(state: &mut State, event: Event, now: Now) -> Vec<Effect> {
    match event {
        Event::Input(input) => return on_input(state, input, now),
        Event::Server(message) => return server::on_message(state, *message, now),
        Event::ServerGone(reason) => {
            state.ended = Some(Ended::Failed(Failure::new("server.gone", reason)));
            return vec![Effect::Leave];
        }
        Event::Opened(result) => return opened(state, *result, now),
        Event::Answered { then, result } => return answered(state, then, result, now),
        Event::Introduced if state.ask_trust.is_some() => {}
        Event::Introduced => {
            let choosing = state.choosing.take();
            return choosing
                .map(|choosing| picker::sessions::open_first(state, choosing))
                .unwrap_or_default();
        }
        Event::HistoryRead(entries) => {
            // What was sent meanwhile is newer.
            let newer = std::mem::replace(&mut state.recall.entries, entries);
            state.recall.entries.extend(newer);
        }
        Event::Trusted(result) => {
            if let Err(failure) = result {
                state.notice(Notice::from(&failure));
            }
            return open_asked(state);
        }
        Event::DiffRead(result) => diff_read(state, result),
        Event::PictureSeen(file, _, true) => state.images.push(file.to_string()),
        Event::PictureSeen(_, text, false) => keys::paste(state, &text),
        Event::ClipboardRead(Ok(file)) => {
            state.images.push(file.to_string());
            state.pasted.push(file);
        }
        Event::ClipboardRead(Err(failure)) => state.toast(failure.message, now),
        Event::DraftEdited(Ok(text)) => state.editor.set_text(text.trim_end()),
        Event::DraftEdited(Err(failure)) => state.notice(Notice::from(&failure)),
        Event::BranchRead(branch) => state.git_branch = branch,
        Event::FolderSeen(folder, Ok(())) => {
            state.toast(format!("{} from the next turn on", state.look.path(&folder)), now);
            state.look.cwd = Some(folder.clone());
            state.choose(|open, chosen| {
                open.cwd = folder.clone();
                chosen.cwd = Some(folder);
            });
        }
        Event::FolderSeen(folder, Err(reason)) => state.notice(Notice::error(format!("cannot work in {folder}: {reason}"))),
        Event::Exported(Ok(file)) => state.notice(Notice::info(format!("the conversation is in {file}"))),
        Event::Exported(Err(failure)) => state.notice(Notice::from(&failure)),
        Event::Trouble(notice) => state.notice(notice),
        Event::ToldToEnd => return leave(state),
        Event::Tick => tick(state, now),
    }
    Vec::new()
}

fn on_input(state: &mut State, input: Input, now: Now) -> Vec<Effect> {
    match input {
        Input::Key(key, _) => return keys::press(state, key, now),
        Input::Paste(text) if state.words_wanted().is_some() => {
            if let Some(words) = state.words_wanted() {
                words.insert_paste(&text.replace(['\r', '\n'], " "));
            }
        }
        Input::Paste(text) if state.picker.is_some() => return picker::keys::paste(state, &text),
        Input::Paste(text) => match picture::look(state, &text) {
            Some(effect) => return vec![effect],
            None => keys::paste(state, &text),
        },
        Input::Resized(size) => {
            state.size = size;
            state.transcript.set_width(size.columns, &state.look);
        }
        Input::Focus(focused) => state.focused = focused,
        Input::Stop => return vec![Effect::Suspend],
        Input::Continued => return vec![Effect::Retake],
        Input::Resumed => return vec![Effect::Repaint],
        Input::Gone => {
            state.ended = Some(Ended::TerminalGone);
            return vec![Effect::Leave];
        }
        Input::Background { red, green, blue } => {
            if state.theme_name.is_none() && state.theme_before.is_none() {
                state.look.set_background(Background::of(red, green, blue));
            }
            state.transcript.set_width(state.size.columns, &state.look);
        }
        Input::Painted => {}
    }
    Vec::new()
}

fn tick(state: &mut State, now: Now) {
    let over = |until: Duration| until <= now.monotonic;
    if state.toast.as_ref().is_some_and(|toast| over(toast.until)) {
        state.toast = None;
    }
    if state.back_armed.is_some_and(over) {
        state.back_armed = None;
    }
    if state.quit_armed.is_some_and(over) {
        state.quit_armed = None;
    }
    if let Some(text) = state.burst.flush(now.monotonic) {
        keys::paste(state, &text);
    }
}

/// Leaves in order; a turn that runs ends with the server.
pub fn leave(state: &mut State) -> Vec<Effect> {
    state.ended.get_or_insert(Ended::Left);
    vec![Effect::Leave]
}

/// Another conversation with the settings of this one, and what was chosen in it.
pub fn open_new(state: &mut State) -> Vec<Effect> {
    open_with_choices(state, Opening::New)
}

/// Another conversation, for which everything that was chosen counts.
pub fn open_with_choices(state: &mut State, opening: Opening) -> Vec<Effect> {
    let again = Chosen {
        before: None,
        ..std::mem::take(&mut state.chosen)
    };
    let effects = open_other(state, opening);
    state.chosen = again;
    effects
}

/// Another conversation in place of this one, which stays as it is: it comes back if the other one cannot be opened.
pub fn open_other(state: &mut State, opening: Opening) -> Vec<Effect> {
    let mut effects = Vec::new();
    if let Session::Open(open) = std::mem::replace(&mut state.session, Session::Opening) {
        state.previous = Some(open);
    }
    state.chosen = Chosen::default();
    effects.push(Effect::Open(opening, state.settings.clone()));
    effects
}

/// What is chosen and was not refused counts for the thread that has just been opened, too.
fn choose_again(open: &mut Open, chosen: &mut Chosen) {
    let given = Chosen {
        before: Some(Box::new(open.clone())),
        ..std::mem::take(chosen)
    };
    open.model = given.model.clone().unwrap_or_else(|| open.model.clone());
    open.effort = given.effort.clone().or_else(|| open.effort.clone());
    open.mode = given.mode.unwrap_or(open.mode);
    open.cwd = given.cwd.clone().unwrap_or_else(|| open.cwd.clone());
    open.approval_policy = given.approval_policy.unwrap_or(open.approval_policy);
    open.approvals_reviewer = given.approvals_reviewer.unwrap_or(open.approvals_reviewer);
    open.sandbox = given.sandbox.clone().unwrap_or_else(|| open.sandbox.clone());
    let any = given.model.is_some() || given.mode.is_some() || given.cwd.is_some() || given.sandbox.is_some();
    *chosen = Chosen { unsaid: any, ..given };
}

/// What was to be opened before the question about the checkout.
fn open_asked(state: &mut State) -> Vec<Effect> {
    let Some(asked) = state.ask_trust.take() else { return Vec::new() };
    match state.choosing.take() {
        Some(choosing) => picker::sessions::open_first(state, choosing),
        None => vec![Effect::Open(asked.opening, state.settings.clone())],
    }
}

fn diff_read(state: &mut State, result: Result<String, Failure>) {
    match result {
        Ok(diff) if diff.trim().is_empty() => state.notice(Notice::info("nothing differs from the last commit")),
        Ok(diff) => {
            let lines = cells::diff_lines(&diff, usize::from(state.size.columns), &state.look);
            state.pager = Some(Pager::new("what differs from the last commit", lines, state.size));
        }
        Err(failure) => state.notice(Notice::from(&failure)),
    }
}

fn opened(state: &mut State, result: Result<ThreadSetup, Failure>, now: Now) -> Vec<Effect> {
    match result {
        Ok(setup) => {
            let again = matches!(state.session, Session::Opening) && !setup.thread.turns.is_empty();
            state.look.cwd = Some(setup.cwd.clone());
            for turn in &setup.thread.turns {
                state.replay(turn);
            }
            for warning in &setup.warnings {
                state.notice(Notice::warning(warning.clone()));
            }
            if again {
                let what = if setup.thread.forked_from_id.is_some() {
                    "a copy of"
                } else {
                    "going on with"
                };
                let title = picker::sessions::title(&setup.thread).map(|title| format!("“{}”", first_words(&title)));
                let title = title.unwrap_or_else(|| "a session without a message".to_owned());
                state.notice(Notice::info(format!("{what} {title}")));
            }
            let mut effects = Vec::new();
            if let Some(left) = state.previous.take() {
                state.usage = None;
                state.cost = Cost::default();
                if left.thread_id != setup.thread.id {
                    background::forget(state);
                    let params = ThreadIdParams { thread_id: left.thread_id };
                    effects.push(Effect::ask::<ThreadUnsubscribe>(params, Then::Quiet));
                }
            }
            let mut open = Open::of(&setup);
            open.has_turns |= state.going_back.is_some() && setup.thread.forked_from_id.is_some();
            backtrack::gone(state, setup.thread.forked_from_id.as_deref());
            choose_again(&mut open, &mut state.chosen);
            let thread_id = open.thread_id.clone();
            state.session = Session::Open(Box::new(open));
            if let Some((_, usage)) = state.usage_ahead.take().filter(|(of, _)| *of == thread_id) {
                cost::told(state, usage);
            }
            if again {
                effects.extend(background::ask(state, Then::Terminals { shown: false }));
            }
            effects.extend(submit::next_of_queue(state, now));
            effects
        }
        Err(failure) if state.previous.is_some() => {
            state.going_back = None;
            if let Some(previous) = state.previous.take() {
                state.session = Session::Open(previous);
            }
            state.notice(Notice::from(&failure));
            Vec::new()
        }
        Err(failure) => {
            state.ended = Some(Ended::Failed(failure));
            vec![Effect::Leave]
        }
    }
}

pub fn first_words(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default();
    let short: String = line.chars().take(60).collect();
    if short.len() == line.len() { short } else { format!("{short}…") }
}

fn answered(state: &mut State, then: Then, result: Result<Value, Failure>, now: Now) -> Vec<Effect> {
    match result {
        Ok(value) => heard(state, then, value, now),
        Err(failure) => refused(state, then, failure, now),
    }
}

fn heard(state: &mut State, then: Then, value: Value, now: Now) -> Vec<Effect> {
    match then {
        Then::TurnStarted => {
            state.asked = None;
            state.chosen.before = None;
            // A compaction has no turn in its answer: its notification tells it.
            return serde_json::from_value::<TurnStartResult>(value)
                .map(|started| turn_known(state, &started.turn))
                .unwrap_or_default();
        }
        Then::Models => picker::choose::models_listed(state, value),
        Then::Effort { more } => picker::choose::step_effort(state, value, more, now),
        Then::Sessions(serial) => picker::sessions::listed(state, serial, value, now.unix_seconds),
        Then::Terminals { shown } => background::listed(state, value, shown),
        Then::Skills { shown } => skills::listed(state, value, shown),
        Then::SkillSwitched => return skills::ask(state, Then::Skills { shown: true }),
        Then::Earlier => backtrack::listed(state, value),
        Then::Transcript { find } => {
            let read = serde_json::from_value::<ThreadReadResult>(value);
            let turns = read.map(|read| read.thread.turns).unwrap_or_default();
            let lines = cells::of_turns(&turns, state.size.columns, &state.look);
            let pager = Pager::new("The conversation", lines, state.size);
            state.pager = Some(if find { pager.searching() } else { pager });
        }
        Then::Export(target) => match serde_json::from_value::<ThreadReadResult>(value) {
            Ok(read) => return vec![Effect::Export(target, Box::new(read.thread))],
            Err(error) => state.notice(Notice::error(format!("cannot read the conversation: {error}"))),
        },
        Then::Files(session_id) => return mention::heard(state, &session_id),
        Then::Unarchived(opening) => return open_other(state, opening),
        Then::PutAway(what) => {
            state.is_putting_away = false;
            state.notice(Notice::info(format!("the session is {what}; here is another one")));
            state.session = Session::Opening;
            return open_new(state);
        }
        Then::Kept => keep::kept(state, value),
        Then::Quiet | Then::Steered(_) | Then::Nothing(_) => {}
    }
    Vec::new()
}

fn refused(state: &mut State, then: Then, failure: Failure, now: Now) -> Vec<Effect> {
    let told = |words: &str, failure: Failure| Failure {
        message: format!("{words}: {}", failure.message),
        ..failure
    };
    match then {
        Then::TurnStarted => {
            state.working = None;
            state.notice(Notice::from(&failure));
            // What was chosen may be the reason, and what was written is not lost.
            if let (Some(before), Session::Open(open)) = (state.chosen.before.take(), &mut state.session) {
                *open = before;
                state.chosen = Chosen::default();
            }
            if let Some(message) = state.asked.take() {
                state.queue.push_front(message);
            }
            submit::take_back_queue(state);
        }
        Then::Files(session_id) => {
            mention::refused(state, &session_id);
            state.notice(Notice::from(&failure));
        }
        Then::Steered(message) => {
            // The turn ended before it heard of the message, or takes none: it is the next one's.
            if let Some(at) = state.steering.iter().position(|waiting| *waiting == message) {
                state.steering.remove(at);
                state.queue.push_front(message);
            }
            return submit::next_of_queue(state, now);
        }
        Then::Quiet | Then::Terminals { shown: false } | Then::Skills { shown: false } => {}
        Then::Kept => state.notice(Notice::from(&told("it counts until codex ends", failure))),
        Then::Nothing(what) => state.notice(Notice::from(&told(what, failure))),
        Then::Transcript { .. } => state.notice(Notice::from(&failure)),
        Then::Models
        | Then::Effort { .. }
        | Then::Terminals { .. }
        | Then::Skills { .. }
        | Then::SkillSwitched
        | Then::Earlier
        | Then::Export(_)
        | Then::Sessions(_)
        | Then::Unarchived(_)
        | Then::PutAway(_) => {
            state.picker = None;
            state.is_putting_away = false;
            if state.previous.is_none() && matches!(state.session, Session::Opening) {
                // There is nothing to go back to.
                state.ended = Some(Ended::Failed(failure));
                return vec![Effect::Leave];
            }
            state.notice(Notice::from(&failure));
        }
    }
    Vec::new()
}

/// The server has said which turn it is. An interrupt that came before goes out now.
fn turn_known(state: &mut State, turn: &Turn) -> Vec<Effect> {
    let Some(working) = &mut state.working else { return Vec::new() };
    let new = working.turn_id.is_none();
    working.turn_id.get_or_insert_with(|| turn.id.clone());
    if new && working.interrupting {
        send_interrupt(state)
    } else {
        Vec::new()
    }
}

/// Ends the running turn.
fn interrupt(state: &mut State) -> Vec<Effect> {
    let Some(working) = &mut state.working else { return Vec::new() };
    working.interrupting = true;
    send_interrupt(state)
}

fn send_interrupt(state: &State) -> Vec<Effect> {
    let turn_id = state.working.as_ref().and_then(|working| working.turn_id.clone());
    match (state.open(), turn_id) {
        (Some(open), Some(turn_id)) => {
            let thread_id = open.thread_id.clone();
            let params = TurnInterruptParams { thread_id, turn_id };
            vec![Effect::ask::<TurnInterrupt>(params, Then::Nothing("cannot interrupt"))]
        }
        _ => Vec::new(),
    }
}

impl State {
    /// A turn was asked for and may begin at any time.
    pub fn expect_turn(&mut self, now: Now) {
        self.working = Some(Working {
            turn_id: None,
            since: now.monotonic,
            waits: Waits::begin("sending to the model", now.monotonic),
            interrupting: false,
        });
    }

    /// A word in the footer.
    pub fn toast(&mut self, text: impl Into<String>, now: Now) {
        self.toast_for(text, now, TOAST_FOR);
    }

    pub fn toast_for(&mut self, text: impl Into<String>, now: Now, time: Duration) {
        self.toast = Some(Toast {
            text: text.into(),
            until: now.monotonic + time,
        });
    }

    /// Scrolls what stands in the window out of it.
    pub fn clear_window(&mut self) {
        self.transcript.blank(self.size.rows);
    }

    fn arm_quit(&mut self, now: Now) {
        self.quit_armed = Some(now.monotonic + ARMED_FOR);
    }

    fn replay(&mut self, turn: &Turn) {
        self.transcript.replay(turn);
        for item in &turn.items {
            self.keep_answer(item);
        }
    }
}
