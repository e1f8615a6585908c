//! How turns end: completed, interrupted or failed. Every end records an output for every call and exactly one end record.

use super::calls::CallState;
use super::phase::{Outcome, Phase, Task, Turn};
use super::tooling::records_of;
use crate::context::instructions::{TURN_ABORTED, tagged};
use crate::context::items::text_message;
use crate::context::repair::LOST;
use crate::thread::event::{Effect, ProgramNotice, RequestKey, ThreadReply, Timer};
use crate::thread::state::{Env, ThreadState};
use crate::thread::step::Out;
use codex_hooks::TurnEnded;
use codex_protocol::errors::TurnError;
use codex_protocol::items::{ThreadItem, ThreadStatus, TurnItemsView, TurnStatus};
use codex_protocol::journal::{EventMsg, Record, TurnTimes};
use codex_protocol::notifications::{ErrorNotification, Notification, TurnNotification};
use codex_tools::ToolOutput;
use std::sync::Arc;
use std::time::Duration;

/// How long running calls have to report after they were cancelled. The kill ladder is far shorter.
const ENDING_LIMIT: Duration = Duration::from_secs(5);

/// Output of a call that was still waiting when the turn was interrupted.
const NOT_STARTED: &str = "aborted by user before it started";

impl ThreadState {
    pub(crate) fn complete(&mut self, env: &Env, out: &mut Out) {
        let notice = self.program_notice();
        let Some(turn) = &mut self.turn else { return };
        turn.notice = notice;
        turn.phase = Phase::Ending {
            outcome: Outcome::Completed,
            replies: Vec::new(),
        };
        self.end_turn(env, out);
    }

    /// What the user's `notify` program is told of the turn; of sub-agents, and of what the user ran, nobody is told.
    fn program_notice(&self) -> Option<Box<ProgramNotice>> {
        let turn = self.turn.as_ref()?;
        let settings = turn.phase.settings()?;
        if settings.notify.is_empty() || self.info.id != self.info.session_id || matches!(turn.task, Task::UserShell) {
            return None;
        }
        Some(Box::new(ProgramNotice {
            command: Arc::clone(&settings.notify),
            turn: TurnEnded {
                thread_id: self.info.id.clone(),
                turn_id: turn.id.clone(),
                cwd: settings.cwd().clone(),
                client: self.info.originator.clone(),
                input_messages: turn.said.clone(),
                last_assistant_message: turn.last_message.as_ref().and_then(message_text).map(|text| text.to_string()),
            },
        }))
    }

    pub(crate) fn interrupt(&mut self, replies: Vec<RequestKey>, env: &Env, out: &mut Out) {
        self.begin_end(Outcome::Interrupted, replies, NOT_STARTED, env, out);
    }

    pub(crate) fn fail(&mut self, error: TurnError, env: &Env, out: &mut Out) {
        self.begin_end(Outcome::Failed(error), Vec::new(), LOST, env, out);
    }

    fn begin_end(&mut self, outcome: Outcome, replies: Vec<RequestKey>, text: &str, env: &Env, out: &mut Out) {
        let Some(turn) = &mut self.turn else { return };
        let turn_id = turn.id.clone();
        let is_reviewed = turn.is_reviewer_there();
        turn.phase = Phase::Ending { outcome, replies };
        out.push(Effect::StopSampling);
        if is_reviewed {
            out.push(Effect::EndReviewer);
        }
        self.keep_unrecorded_input(out);
        self.cancel_calls(text, env, out);
        out.push(Effect::SetTimer {
            timer: Timer::Ending { turn_id },
            after: ENDING_LIMIT,
        });
        self.end_turn_if_quiet(env, out);
    }

    /// Ends the turn once every cancelled call has reported and every input that was accepted is there to be recorded.
    pub(crate) fn end_turn_if_quiet(&mut self, env: &Env, out: &mut Out) {
        if self.turn.as_ref().is_some_and(|turn| {
            !turn.calls.any_running() && !turn.user_shell.is_running() && turn.steers_pending == 0 && !turn.is_reviewer_there()
        }) {
            self.end_turn(env, out);
        }
    }

    /// Writes down the end and tells it. Calls that never reported are closed as lost.
    pub(crate) fn end_turn(&mut self, env: &Env, out: &mut Out) {
        self.close_lost_calls(env);
        self.leave_lost_user_commands(env, out);
        self.leave_unfinished_review(env, out);
        let Some(mut turn) = self.turn.take() else { return };
        let ended = Phase::Ending {
            outcome: Outcome::Completed,
            replies: Vec::new(),
        };
        let Phase::Ending { outcome, replies } = std::mem::replace(&mut turn.phase, ended) else {
            return;
        };
        let outputs = turn.calls.take_outputs();
        self.history.extend(outputs.iter().cloned());
        let mut records = records_of(outputs);
        // Input that was accepted but never sent stays part of the conversation.
        let unsent = std::mem::take(&mut turn.steers);
        let turn_id = turn.id.clone();
        self.turn = Some(turn);
        if !unsent.is_empty() {
            out.commit(std::mem::take(&mut records), Vec::new());
            for content in unsent.into_values() {
                self.record_input(content, env, out);
            }
        }
        records.extend(self.take_user_notes(env));
        // Of the user's own commands the notes tell how they ended.
        let is_the_models = self.turn.as_ref().is_some_and(|turn| !matches!(turn.task, Task::UserShell));
        if outcome == Outcome::Interrupted && is_the_models {
            let note = text_message(env.ids, "user", &tagged("turn_aborted", TURN_ABORTED));
            self.history.push(note.clone());
            records.push(Record::ResponseItem(note));
        }
        let Some(turn) = self.turn.take() else { return };
        self.last_turn_failed = matches!(outcome, Outcome::Failed(_));
        self.updated_at = env.now;
        records.push(end_record(&turn, &outcome, env));
        let mut notifications = Vec::new();
        if let Outcome::Failed(error) = &outcome {
            notifications.push(self.idle_notification(ThreadStatus::SystemError));
            notifications.push(Notification::Error(ErrorNotification {
                error: error.clone(),
                thread_id: self.info.id.clone(),
                turn_id,
                will_retry: false,
            }));
        } else {
            notifications.push(self.idle_notification(ThreadStatus::Idle));
        }
        let mut turn = turn;
        let notice = turn.notice.take().map(|notice| with_all_input(notice, &turn.said));
        let view = turn_view(turn, outcome, env);
        notifications.push(Notification::TurnCompleted(TurnNotification {
            thread_id: self.info.id.clone(),
            turn: view,
        }));
        self.tell_end(records, notifications, replies, out);
        out.0.extend(notice.map(Effect::TellProgram));
        self.next_waiting(env, out);
        self.unload_when_quiet(out);
    }

    fn close_lost_calls(&mut self, env: &Env) {
        let Some(turn) = &mut self.turn else { return };
        let lost: Vec<String> = turn
            .calls
            .iter_mut()
            .filter(|call| !matches!(call.state, CallState::Done { .. } | CallState::Recorded))
            .map(|call| call.view.call_id.clone())
            .collect();
        for call_id in lost {
            self.close_call(&call_id, ToolOutput::Text(LOST.to_owned()), env);
        }
    }

    /// Replies to interrupts go out behind the record and before the end is told; a lost journal does not silence the end.
    fn tell_end(&self, records: Vec<Record>, notifications: Vec<Notification>, replies: Vec<RequestKey>, out: &mut Out) {
        let journaled = !self.journal_lost;
        if journaled {
            out.commit(records, Vec::new());
        }
        for key in replies {
            out.reply(key, Ok(ThreadReply::Interrupted));
        }
        for notification in notifications {
            out.notify(notification);
        }
        if journaled {
            out.push(Effect::Sync);
        }
    }

    /// The first of the waiting inputs starts a turn, the others join it.
    fn next_waiting(&mut self, env: &Env, out: &mut Out) {
        for (key, request) in std::mem::take(&mut self.waiting) {
            let mut next = self.step(crate::thread::event::ThreadEvent::Request { key, request }, env);
            out.0.append(&mut next);
        }
    }
}

fn end_record(turn: &Turn, outcome: &Outcome, env: &Env) -> Record {
    let times = TurnTimes {
        started_at: turn.started_at.as_second(),
        completed_at: env.now.as_second(),
        duration_ms: duration_ms(turn, env),
    };
    let complete = |last_agent_message, error| EventMsg::TaskComplete {
        turn_id: turn.id.clone(),
        last_agent_message,
        times,
        error,
    };
    let event = match outcome {
        Outcome::Interrupted => EventMsg::TurnAborted {
            turn_id: turn.id.clone(),
            reason: "interrupted".to_owned(),
            times,
        },
        Outcome::Completed => complete(turn.last_message.as_ref().and_then(message_text), None),
        Outcome::Failed(error) => complete(None, Some(error.clone())),
    };
    Record::Event(Box::new(event))
}

/// Input that came while the last answer was being read belongs to the turn as well.
fn with_all_input(mut notice: Box<ProgramNotice>, said: &[String]) -> Box<ProgramNotice> {
    notice.turn.input_messages = said.to_vec();
    notice
}

fn message_text(item: &ThreadItem) -> Option<Arc<str>> {
    match item {
        ThreadItem::AgentMessage { text, .. } => Some(text.clone()),
        _ => None,
    }
}

fn duration_ms(turn: &Turn, env: &Env) -> i64 {
    (env.now.as_millisecond() - turn.started_at.as_millisecond()).max(0)
}

/// The ended turn as clients see it: a completed one carries its last message, the others nothing.
fn turn_view(turn: Turn, outcome: Outcome, env: &Env) -> codex_protocol::items::Turn {
    let duration_ms = duration_ms(&turn, env);
    let (status, error, items) = match outcome {
        Outcome::Completed => (TurnStatus::Completed, None, turn.last_message.into_iter().collect()),
        Outcome::Interrupted => (TurnStatus::Interrupted, None, Vec::new()),
        Outcome::Failed(error) => (TurnStatus::Failed, Some(error), Vec::new()),
    };
    let items_view = if items.is_empty() {
        TurnItemsView::NotLoaded
    } else {
        TurnItemsView::Summary
    };
    codex_protocol::items::Turn {
        id: turn.id,
        items,
        items_view,
        status,
        error,
        started_at: Some(turn.started_at.as_second()),
        completed_at: Some(env.now.as_second()),
        duration_ms: Some(duration_ms),
    }
}
