//! From the draft to a turn.

use crate::commands;
use crate::shell;
use crate::state::{Effect, Message, Now, Session, State, Then};
use codex_protocol::collaboration::CollaborationMode;
use codex_protocol::requests::{TurnStart, TurnStartParams, TurnSteer, TurnSteerParams};

/// Sends the draft: as a command, to the running turn, or as a turn of its own.
pub fn submit(state: &mut State, now: Now) -> Vec<Effect> {
    let draft = state.editor.expanded();
    if let Some((name, argument)) = commands::parse(&draft) {
        let (name, argument) = (name.to_owned(), argument.to_owned());
        state.clear_field();
        let (effects, done) = commands::run(state, &name, &argument, now);
        if !done {
            state.editor.set_text(&draft);
        }
        return effects;
    }
    let Some((message, mut effects)) = take_draft(state) else {
        return Vec::new();
    };
    if message.shell && matches!(state.session, Session::Open(_)) {
        effects.extend(shell::run(state, &message, now));
        return effects;
    }
    effects.extend(match (&state.session, &state.working) {
        (Session::Open(open), Some(working)) => match &working.turn_id {
            Some(turn_id) if !working.interrupting => {
                let params = TurnSteerParams {
                    thread_id: open.thread_id.clone(),
                    expected_turn_id: turn_id.clone(),
                    input: message.input(),
                };
                state.steering.push(message.clone());
                vec![Effect::ask::<TurnSteer>(params, Then::Steered(message))]
            }
            _ => {
                state.queue.push_back(message);
                Vec::new()
            }
        },
        _ => {
            state.queue.push_back(message);
            next_of_queue(state, now)
        }
    });
    effects
}

/// The draft waits until the turn has ended; without one it is sent.
pub fn queue(state: &mut State, now: Now) -> Vec<Effect> {
    if state.working.is_none() {
        return submit(state, now);
    }
    let Some((message, effects)) = take_draft(state) else {
        return Vec::new();
    };
    state.queue.push_back(message);
    effects
}

/// Empties the field and remembers what stood there.
fn take_draft(state: &mut State) -> Option<(Message, Vec<Effect>)> {
    let text = state.editor.expanded().trim().to_owned();
    if text.is_empty() && state.images.is_empty() {
        return None;
    }
    let shell = shell::is_command(state.editor.text()) && state.images.is_empty();
    state.clear_field();
    let images = std::mem::take(&mut state.images);
    let message = Message { text, images, shell };
    let effects = remember(state, &shell::as_draft(&message));
    Some((message, effects))
}

/// Up finds it again, here and in later sessions.
pub fn remember(state: &mut State, text: &str) -> Vec<Effect> {
    state.recall.at = None;
    if text.is_empty() || state.recall.entries.last().is_some_and(|last| last == text) {
        return Vec::new();
    }
    state.recall.entries.push(text.to_owned());
    let session_id = state.open().map(|open| open.thread_id.clone()).unwrap_or_default();
    let text = text.to_owned();
    vec![Effect::Remember { session_id, text }]
}

/// Starts a turn with the first message that waits, if nothing runs.
pub fn next_of_queue(state: &mut State, now: Now) -> Vec<Effect> {
    let Session::Open(open) = &mut state.session else {
        return Vec::new();
    };
    if state.working.is_some() {
        return Vec::new();
    }
    let Some(message) = state.queue.pop_front() else {
        return Vec::new();
    };
    if message.shell {
        return shell::run(state, &message, now);
    }
    open.has_turns = true;
    let mut params = TurnStartParams {
        thread_id: open.thread_id.clone(),
        input: message.input(),
        ..TurnStartParams::default()
    };
    if std::mem::take(&mut state.chosen.unsaid) {
        let chosen = &state.chosen;
        params.model.clone_from(&chosen.model);
        params.effort.clone_from(&chosen.effort);
        params.collaboration_mode = chosen.mode.map(|mode| {
            Box::new(CollaborationMode {
                mode,
                ..CollaborationMode::default()
            })
        });
        params.cwd = chosen.cwd.as_ref().map(ToString::to_string);
        params.approval_policy = chosen.approval_policy;
        params.approvals_reviewer = chosen.approvals_reviewer;
        params.sandbox_policy.clone_from(&chosen.sandbox);
    }
    state.asked = Some(message);
    state.expect_turn(now);
    vec![Effect::ask::<TurnStart>(params, Then::TurnStarted)]
}

/// What waits goes back into the field, before what stands there.
pub fn take_back_queue(state: &mut State) {
    let waiting = std::mem::take(&mut state.queue);
    let mut texts = Vec::new();
    // Of several together none is run.
    let one = waiting.len() == 1 && state.editor.is_empty();
    for mut message in waiting {
        message.shell &= one;
        texts.push(shell::as_draft(&message));
        state.images.extend(message.images);
    }
    put_before_draft(state, texts);
}

/// Only the last one that waits.
pub fn take_back_last(state: &mut State) {
    if let Some(mut message) = state.queue.pop_back() {
        message.shell &= state.editor.is_empty();
        let text = shell::as_draft(&message);
        state.images.extend(message.images);
        put_before_draft(state, vec![text]);
    }
}

fn put_before_draft(state: &mut State, mut texts: Vec<String>) {
    if texts.is_empty() {
        return;
    }
    let draft = state.editor.expanded();
    if !draft.trim().is_empty() {
        texts.push(draft);
    }
    state.editor.set_text(&texts.join("\n\n"));
}
