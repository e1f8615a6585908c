//! Steps of a turn that tells of a code review. The work is done by a reviewer in a thread of its own (`code_review/thread.rs`); here its
//! commands and waits are passed on under this turn's name, and its answer becomes part of this conversation.
//!
//! A review that was entered is left in every case: completed, failed, interrupted, or with a reviewer that is lost.

use super::phase::{Outcome, Phase, Task, Turn};
use crate::code_review::answer;
use crate::code_review::{Assignment, thread::ReviewerNews};
use crate::context::instructions::tagged;
use crate::context::items::{message, text_message};
use crate::settings::{TurnOverrides, TurnSettings};
use crate::thread::event::{Effect, RequestKey};
use crate::thread::state::{Env, ThreadState};
use crate::thread::step::{NewTurn, Out, preview};
use codex_protocol::errors::{CodexErrorInfo, TurnError};
use codex_protocol::items::{ThreadItem, TurnStatus, UserInput};
use codex_protocol::journal::Record;
use codex_protocol::notifications::{ErrorNotification, Notification, TurnNotification, Warning};
use codex_protocol::requests::RequestError;
use codex_protocol::review::ReviewOutput;
use codex_protocol::settings::ApprovalPolicy;
use serde_json::json;
use std::sync::Arc;

#[cfg(test)]
#[path = "code_review_tests.rs"]
mod tests;

/// Code of a review whose reviewer ended without a word.
pub const LOST: &str = "review.lost";
/// Code of a review whose reviewer ended its turn without an answer.
pub const NO_ANSWER: &str = "review.no_answer";

/// The text of a review that was not finished.
pub const INTERRUPTED: &str = "The review was interrupted before it was finished.";

/// A review that a turn tells of.
#[derive(Debug)]
pub struct CodeReview {
    pub assignment: Assignment,
    pub stage: Stage,
}

#[derive(Debug)]
pub enum Stage {
    /// Nothing was told yet.
    Ahead,
    /// The reviewer is starting, working or ending.
    Entered {
        /// Its last message.
        answer: Option<Arc<str>>,
        /// How its turn ended.
        ended: Option<Outcome>,
    },
    /// The reviewer is gone, and how that ended is still to be told.
    Alone,
    /// Everything was told.
    Left,
}

impl CodeReview {
    pub const fn new(assignment: Assignment) -> Self {
        Self {
            assignment,
            stage: Stage::Ahead,
        }
    }

    pub const fn is_reviewer_there(&self) -> bool {
        matches!(self.stage, Stage::Entered { .. })
    }
}

impl ThreadState {
    pub(crate) fn on_review_request(&mut self, key: RequestKey, assignment: Assignment, env: &Env, out: &mut Out) {
        if self.turn.is_some() {
            let message = "a turn is running; review when it has ended, or interrupt it";
            return out.reply(key, Err(RequestError::invalid("turn.active", message)));
        }
        self.start_turn(key, NewTurn::of(Task::Review(Box::new(CodeReview::new(assignment)))), env, out);
    }

    /// The settings are known: the review begins.
    pub(crate) fn enter_review(&mut self, settings: Arc<TurnSettings>, env: &Env, out: &mut Out) {
        // A reviewer that could ask would wait for somebody who does not know it.
        let overrides = TurnOverrides {
            approval_policy: Some(ApprovalPolicy::Never),
            model: settings.review_model.clone().or_else(|| self.overrides.model.clone()),
            granted: None,
            ..self.overrides.clone()
        };
        let Some(turn) = &mut self.turn else { return };
        let Task::Review(review) = &mut turn.task else { return };
        review.stage = Stage::Entered { answer: None, ended: None };
        let Assignment { target, hint, prompt } = review.assignment.clone();
        let turn_id = turn.id.clone();
        turn.phase = Phase::Reviewing { settings };
        let entered = ThreadItem::EnteredReviewMode {
            id: env.ids.uuid().to_string(),
            review: hint,
            target: Some(target),
        };
        self.tell_whole_item(&entered, Vec::new(), env, out);
        out.push(Effect::StartReviewer {
            turn_id,
            prompt,
            overrides: Box::new(overrides),
        });
    }

    /// An item that is there from the first word, with the records of the conversation that stand before it.
    fn tell_whole_item(&self, item: &ThreadItem, mut records: Vec<Record>, env: &Env, out: &mut Out) {
        records.push(self.completed_record(item, env));
        out.commit(records, vec![self.item_started(item, env), self.item_completed(item, env)]);
    }

    pub(crate) fn on_review_news(&mut self, turn_id: &str, news: ReviewerNews, env: &Env, out: &mut Out) {
        // Also while the turn is ending: it waits for the reviewer's end.
        if self.turn.as_ref().is_none_or(|turn| turn.id != turn_id) {
            return;
        }
        match news {
            ReviewerNews::NotStarted(error) => {
                let code = error.stable_code().to_owned();
                self.on_reviewer_gone(
                    Some(Outcome::Failed(TurnError::new(&code, error.message, CodexErrorInfo::Other))),
                    env,
                    out,
                );
            }
            ReviewerNews::Told(notification) => self.on_reviewer_told(*notification, env, out),
        }
    }

    fn on_reviewer_told(&mut self, notification: Notification, env: &Env, out: &mut Out) {
        match notification {
            Notification::TurnCompleted(TurnNotification { turn, .. }) => {
                let outcome = match (turn.status, turn.error) {
                    (TurnStatus::Failed, Some(error)) => Outcome::Failed(error),
                    (TurnStatus::Completed, _) => Outcome::Completed,
                    (TurnStatus::Interrupted | TurnStatus::InProgress | TurnStatus::Failed, _) => Outcome::Interrupted,
                };
                if let Some(Stage::Entered { ended, .. }) = self.review_stage() {
                    *ended = Some(outcome);
                    // What it left running ends with it, and is told before it is gone.
                    out.push(Effect::EndReviewer);
                }
            }
            Notification::ThreadClosed(_) => self.on_reviewer_gone(None, env, out),
            Notification::ItemStarted(n) => {
                let item = self.without_prompt(n.item);
                self.pass_on_start(&item, env, out);
            }
            Notification::ItemCompleted(n) => {
                let item = self.without_prompt(n.item);
                self.pass_on_end(item, env, out);
            }
            other => out.0.extend(self.renamed(other).map(|told| Effect::Notify(Box::new(told)))),
        }
    }

    fn review_stage(&mut self) -> Option<&mut Stage> {
        match &mut self.turn {
            Some(Turn {
                task: Task::Review(review),
                ..
            }) => Some(&mut review.stage),
            _ => None,
        }
    }

    /// What the reviewer was told is long and nobody typed it: here it is what was asked for, in a few words.
    fn without_prompt(&self, item: ThreadItem) -> ThreadItem {
        match (item, self.turn.as_ref().map(|turn| &turn.task)) {
            (ThreadItem::UserMessage { id, .. }, Some(Task::Review(review))) => ThreadItem::UserMessage {
                id,
                content: vec![UserInput::Text {
                    text: format!("Review of {}", review.assignment.hint),
                }],
            },
            (item, _) => item,
        }
    }

    fn pass_on_start(&self, item: &ThreadItem, env: &Env, out: &mut Out) {
        if is_shown(item) {
            out.notify(self.item_started(item, env));
        }
    }

    fn pass_on_end(&mut self, item: ThreadItem, env: &Env, out: &mut Out) {
        if let ThreadItem::AgentMessage { text, .. } = &item
            && let Some(Stage::Entered { answer, .. }) = self.review_stage()
        {
            *answer = Some(Arc::clone(text));
        }
        if !is_shown(&item) {
            return;
        }
        if self.preview.is_empty() {
            self.preview = preview(&item);
        }
        self.carried.take(&item);
        out.commit(vec![self.completed_record(&item, env)], vec![self.item_completed(&item, env)]);
    }

    /// What the reviewer's thread tells, as this thread tells it; `None` for what concerns only the reviewer.
    fn renamed(&mut self, notification: Notification) -> Option<Notification> {
        let thread_id = self.info.id.clone();
        let turn_id = self.turn.as_ref()?.id.clone();
        let mut told = notification;
        match &mut told {
            Notification::CommandExecutionOutputDelta(n) => (n.thread_id, n.turn_id) = (thread_id, turn_id),
            Notification::ReasoningSummaryTextDelta(n) => (n.thread_id, n.turn_id) = (thread_id, turn_id),
            Notification::TerminalInteraction(n) => (n.thread_id, n.turn_id) = (thread_id, turn_id),
            Notification::TurnWaiting(n) => (n.thread_id, n.turn_id) = (thread_id, turn_id),
            Notification::Error(ErrorNotification { will_retry: false, .. }) => return None,
            Notification::Error(n) => (n.thread_id, n.turn_id) = (thread_id, turn_id),
            Notification::Warning(Warning { message, thread_id: about }) => {
                if !self.warned.insert(message.clone()) {
                    return None;
                }
                *about = Some(thread_id);
            }
            Notification::AccountRateLimitsUpdated(_) => {}
            Notification::ThreadStarted(_)
            | Notification::ThreadStatusChanged(_)
            | Notification::ThreadTokenUsageUpdated(_)
            | Notification::ThreadClosed(_)
            | Notification::ThreadArchived(_)
            | Notification::ThreadUnarchived(_)
            | Notification::ThreadDeleted(_)
            | Notification::ThreadNameUpdated(_)
            | Notification::TurnStarted(_)
            | Notification::TurnCompleted(_)
            | Notification::TurnPlanUpdated(_)
            | Notification::TurnDiffUpdated(_)
            | Notification::ItemStarted(_)
            | Notification::ItemCompleted(_)
            | Notification::AgentMessageDelta(_)
            | Notification::PlanDelta(_)
            | Notification::ServerRequestResolved(_)
            | Notification::AutoApprovalReviewStarted(_)
            | Notification::AutoApprovalReviewCompleted(_)
            | Notification::SkillsChanged(_)
            | Notification::FileSearchUpdated(_)
            | Notification::FileSearchCompleted(_) => return None,
        }
        Some(told)
    }

    /// The reviewer is no more. `outcome`: how that came, if its own words do not say it.
    fn on_reviewer_gone(&mut self, outcome: Option<Outcome>, env: &Env, out: &mut Out) {
        let Some(stage @ Stage::Entered { .. }) = self.review_stage() else {
            return;
        };
        let Stage::Entered { answer, ended } = std::mem::replace(stage, Stage::Alone) else {
            return;
        };
        if self.turn.as_ref().is_some_and(Turn::is_ending) {
            return self.end_turn_if_quiet(env, out);
        }
        let lost = || Outcome::Failed(TurnError::new(LOST, "the reviewer ended without a word", CodexErrorInfo::Other));
        match (outcome.or(ended).unwrap_or_else(lost), answer) {
            (Outcome::Completed, Some(answer)) => {
                let output = answer::output(&answer);
                let text = output.to_string();
                self.leave_review(&text, Some(output), env, out);
                self.complete(env, out);
            }
            (Outcome::Completed, None) => {
                let error = TurnError::new(NO_ANSWER, "the reviewer gave no answer", CodexErrorInfo::Other);
                self.fail(error, env, out);
            }
            (Outcome::Failed(error), _) => self.fail(error, env, out),
            (Outcome::Interrupted, _) => self.interrupt(Vec::new(), env, out),
        }
    }

    /// Before a turn ends in any other way than with a review.
    pub(crate) fn leave_unfinished_review(&mut self, env: &Env, out: &mut Out) {
        if !matches!(self.review_stage(), Some(Stage::Entered { .. } | Stage::Alone)) {
            return;
        }
        let failed = match self.turn.as_ref().map(|turn| &turn.phase) {
            Some(Phase::Ending {
                outcome: Outcome::Failed(error),
                ..
            }) => format!("The review failed: {}", error.message),
            _ => INTERRUPTED.to_owned(),
        };
        self.leave_review(&failed, None, env, out);
    }

    /// What came of the review, for the user and for the conversation.
    fn leave_review(&mut self, text: &str, output: Option<ReviewOutput>, env: &Env, out: &mut Out) {
        if let Some(stage) = self.review_stage() {
            *stage = Stage::Left;
        }
        let exited = ThreadItem::ExitedReviewMode {
            id: env.ids.uuid().to_string(),
            review: text.to_owned(),
            output: output.map(Box::new),
        };
        let results = format!(
            "<context>The user had a change reviewed. This is what the reviewer says; the user may ask for some of it to be mended.</context>\n<action>review</action>\n<results>\n{text}\n</results>"
        );
        let told = text_message(env.ids, "user", &tagged("user_action", &results));
        self.tell_whole_item(&exited, vec![Record::ResponseItem(told.clone())], env, out);
        let said = message(env.ids, "assistant", vec![json!({"type": "output_text", "text": text})]);
        let shown = ThreadItem::AgentMessage {
            id: said.id().unwrap_or_default().to_owned(),
            text: text.into(),
            phase: None,
        };
        self.tell_whole_item(&shown, vec![Record::ResponseItem(said.clone())], env, out);
        self.history.extend([told, said]);
        if let Some(turn) = &mut self.turn {
            turn.last_message = Some(shown);
        }
    }

    /// The running turn as the answer to `review/start` shows it: with what is reviewed as the user's words (as observed of the reference).
    pub(crate) fn review_in_progress(&self) -> Option<codex_protocol::items::Turn> {
        let turn = self.turn.as_ref()?;
        let Task::Review(review) = &turn.task else { return None };
        let said = ThreadItem::UserMessage {
            id: turn.id.clone(),
            content: vec![UserInput::Text {
                text: review.assignment.hint.clone(),
            }],
        };
        let mut view = self.turn_in_progress()?;
        view.items.push(said);
        Some(view)
    }
}

/// What the reviewer does is shown; what it says is shown as the review.
const fn is_shown(item: &ThreadItem) -> bool {
    match item {
        ThreadItem::UserMessage { .. }
        | ThreadItem::Reasoning { .. }
        | ThreadItem::CommandExecution(_)
        | ThreadItem::FileChange { .. }
        | ThreadItem::McpToolCall(_)
        | ThreadItem::CollabAgentToolCall(_)
        | ThreadItem::WebSearch { .. }
        | ThreadItem::ImageView { .. } => true,
        ThreadItem::AgentMessage { .. }
        | ThreadItem::Plan { .. }
        | ThreadItem::EnteredReviewMode { .. }
        | ThreadItem::ExitedReviewMode { .. }
        | ThreadItem::ContextCompaction { .. } => false,
    }
}
