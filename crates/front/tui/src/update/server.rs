//! What the server tells and asks.

use super::{submit, turn_known};
use crate::Failure;
use crate::background;
use crate::cells::Notice;
use crate::cost;
use crate::limits;
use crate::mention;
use crate::questions::Question;
use crate::state::{Effect, Now, Session, State};
use codex_protocol::items::{ThreadItem, TurnStatus};
use codex_protocol::notifications::{Notification, WaitingFor};
use codex_rpc::ServerMessage;
use std::sync::Arc;

pub fn on_message(state: &mut State, message: ServerMessage, now: Now) -> Vec<Effect> {
    match message {
        ServerMessage::Notification(notification) => on_notification(state, notification, now),
        ServerMessage::Request { id, request } => {
            let item = state.transcript.item(request.item_id());
            let question = Question::of(id, request, item.as_ref(), &state.look);
            state.questions.push_back(question);
            Vec::new()
        }
    }
}

fn on_notification(state: &mut State, notification: Notification, now: Now) -> Vec<Effect> {
    let ours = match (notification.thread_id(), state.open()) {
        (None, _) => true,
        (Some(thread_id), Some(open)) => thread_id == open.thread_id,
        // Whatever the thread says before its answer came follows with the answer.
        (Some(_), None) => false,
    };
    if !ours {
        if let Notification::ThreadTokenUsageUpdated(n) = notification
            && state.open().is_none()
        {
            state.usage_ahead = Some((n.thread_id, n.token_usage));
        }
        return Vec::new();
    }
    if let Some(working) = &mut state.working {
        working.waits.on(&notification, now.monotonic);
    }
    let columns = state.size.columns;
    match notification {
        Notification::TurnStarted(n) => {
            if state.working.is_none() {
                // Somebody else began it, or the server itself.
                state.expect_turn(now);
            }
            if let Session::Open(open) = &mut state.session {
                open.has_turns = true;
            }
            return turn_known(state, &n.turn);
        }
        Notification::TurnCompleted(n) => {
            background::left(state);
            state.working = None;
            state.questions.clear();
            state.plan.clear();
            let interrupted = n.turn.status == TurnStatus::Interrupted;
            let proposed = state.proposed.take().filter(|_| n.turn.status == TurnStatus::Completed);
            state.transcript.turn_ended(n.turn, &state.look);
            // What the turn never took is not lost.
            for message in std::mem::take(&mut state.steering).into_iter().rev() {
                state.queue.push_front(message);
            }
            if interrupted {
                submit::take_back_queue(state);
            }
            let effects = submit::next_of_queue(state, now);
            // Whoever has more to say is not asked.
            let idle = state.working.is_none() && state.editor.is_empty();
            if let Some((item_id, plan)) = proposed.filter(|_| idle && state.is_planning()) {
                state.questions.push_back(Question::of_plan(item_id, &plan));
            }
            return effects;
        }
        Notification::ItemStarted(n) => state.transcript.started(&n.item, now.monotonic, columns, &state.look),
        Notification::ItemCompleted(n) => {
            if let ThreadItem::UserMessage { content, .. } = &n.item {
                let taken = state.steering.iter().position(|message| message.input() == *content);
                taken.map(|at| state.steering.remove(at));
            }
            background::ended(state, n.item.id());
            state.keep_answer(&n.item);
            state.transcript.completed(&n.item);
        }
        Notification::AgentMessageDelta(n) | Notification::PlanDelta(n) => state.transcript.answer_delta(&n.item_id, &n.delta),
        Notification::CommandExecutionOutputDelta(n) => state.transcript.command_delta(&n.item_id, &n.delta),
        Notification::TurnWaiting(n) => {
            if n.waiting_for == WaitingFor::Model {
                background::left(state);
            }
        }
        Notification::TurnPlanUpdated(n) => state.plan = n.plan,
        Notification::ThreadTokenUsageUpdated(n) => cost::told(state, n.token_usage),
        Notification::AccountRateLimitsUpdated(n) => limits::told(state, n.rate_limits),
        Notification::ThreadNameUpdated(n) => {
            if let Session::Open(open) = &mut state.session {
                open.name = n.thread_name;
            }
        }
        Notification::Error(n) if n.will_retry => {}
        // Of the thread as a whole: no turn tells it.
        Notification::Error(n) if n.turn_id.is_empty() => {
            let failure = Failure::new(n.error.code.as_deref().unwrap_or("internal.panic"), n.error.message);
            state.notice(Notice::from(&failure));
        }
        // The end of the turn tells it again.
        Notification::Error(_) => {}
        Notification::FileSearchUpdated(n) => mention::found(state, n),
        Notification::FileSearchCompleted(n) => mention::completed(state, &n.session_id),
        Notification::Warning(n) => state.notice(Notice::warning(n.message)),
        Notification::ThreadClosed(n) => thread_closed(state, &n.thread_id),
        Notification::ServerRequestResolved(n) => state.questions.retain(|question| question.id != n.request_id),
        Notification::ThreadStarted(_)
        | Notification::ThreadStatusChanged(_)
        | Notification::ThreadArchived(_)
        | Notification::ThreadUnarchived(_)
        | Notification::ThreadDeleted(_)
        | Notification::TurnDiffUpdated(_)
        | Notification::ReasoningSummaryTextDelta(_)
        | Notification::TerminalInteraction(_)
        | Notification::AutoApprovalReviewStarted(_)
        | Notification::AutoApprovalReviewCompleted(_)
        | Notification::SkillsChanged(_) => {}
    }
    Vec::new()
}

impl State {
    /// For `/copy`, and for the question behind a plan.
    pub(super) fn keep_answer(&mut self, item: &ThreadItem) {
        match item {
            ThreadItem::AgentMessage { text, .. } => self.last_answer = Some(Arc::clone(text)),
            ThreadItem::Plan { id, text } => {
                self.last_answer = Some(Arc::clone(text));
                self.proposed = Some((id.clone(), Arc::clone(text)));
            }
            _ => {}
        }
    }
}

/// Its turn, if one was running, has no end of its own.
fn thread_closed(state: &mut State, thread_id: &str) {
    state.working = None;
    state.questions.clear();
    state.plan.clear();
    state.transcript.break_off(&state.look);
    state.queue.extend(std::mem::take(&mut state.steering));
    submit::take_back_queue(state);
    if state.is_putting_away {
        return;
    }
    let way_on = format!("/resume {thread_id} opens it again, /new starts another one");
    state.notice(Notice::warning(format!("the server has closed this session; {way_on}")));
}
