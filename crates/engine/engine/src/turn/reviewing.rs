//! Steps of a turn that concern the automatic reviewer: put a question to it, act on its answer.

use super::calls::{Asked, CallState};
use super::tooling::before_approval;
use crate::reviewer::{self, Asker, NoAssessment};
use crate::settings::TurnSettings;
use crate::thread::event::{Effect, PreparedCall};
use crate::thread::state::{Env, ThreadState};
use crate::thread::step::Out;
use codex_approvals::Reason;
use codex_protocol::assessment::{ApprovalReview, ApprovalReviewStatus, Assessment, AssessmentOutcome};
use codex_protocol::journal::{ApprovalReviewed, EventMsg, Record};
use codex_protocol::notifications::{AutoApprovalReviewCompleted, AutoApprovalReviewStarted, Notification, WaitingFor};
use codex_protocol::questions::{Answer, ApprovalDecision};
use codex_protocol::requests::RequestId;

impl ThreadState {
    pub(crate) fn review(
        &mut self,
        call_id: &str,
        prepared: Box<PreparedCall>,
        reasons: &[Reason],
        settings: &TurnSettings,
        env: &Env,
        out: &mut Out,
    ) {
        let why: Vec<String> = reasons
            .iter()
            .map(|reason| format!("{}: {}", reason.source.as_str(), reason.rule))
            .collect();
        let turn_id = self.turn_id();
        let asker = Asker {
            session_id: &self.info.session_id,
            turn_id: &turn_id,
            installation_id: &self.info.installation_id,
        };
        let action = reviewer::action(&prepared.intent, settings);
        let asked = action.and_then(|(action, detail)| {
            let request = reviewer::request(&action, &detail, &why.join("\n"), &self.history, settings, &asker, env.ids)?;
            Some((action, request))
        });
        let item = prepared.started.as_ref().map(before_approval);
        if let Some(item) = &item {
            out.notify(self.item_started(item, env));
        }
        let Some((action, request)) = asked else {
            let message = "not run: it is too long for the automatic reviewer to judge. Split it into smaller steps.".to_owned();
            self.decline(call_id, &prepared, message, env, out);
            return self.after_call(env, out);
        };
        let request_id = RequestId::Integer((env.next_request_id)());
        let item_id = item.as_ref().map_or(call_id, |item| item.id()).to_owned();
        let started_at_ms = env.now.as_millisecond();
        if let Some(call) = self.turn.as_mut().and_then(|turn| turn.calls.get_mut(call_id)) {
            call.state = CallState::Asking {
                prepared,
                request_id: request_id.clone(),
                asked: Asked::Reviewer {
                    action: action.clone(),
                    started_at_ms,
                },
            };
        }
        out.notify(self.status_notification());
        out.notify(Notification::AutoApprovalReviewStarted(AutoApprovalReviewStarted {
            thread_id: self.info.id.clone(),
            turn_id,
            review_id: request_id.to_string(),
            target_item_id: Some(item_id.clone()),
            action,
            review: ApprovalReview {
                status: ApprovalReviewStatus::InProgress,
                risk_level: None,
                rationale: None,
            },
            started_at_ms,
        }));
        self.waiting_for(WaitingFor::Approval { item_id }, out);
        out.push(Effect::Review {
            request_id,
            request: Box::new(request),
        });
    }

    pub(crate) fn on_reviewed(&mut self, request_id: &RequestId, result: &Result<Assessment, NoAssessment>, env: &Env, out: &mut Out) {
        let Some(turn) = &mut self.turn else { return };
        let Some(settings) = turn.phase.settings().cloned() else { return };
        let turn_id = turn.id.clone();
        let Some(call) = turn.calls.asking(request_id) else { return };
        let call_id = call.view.call_id.clone();
        let CallState::Asking {
            prepared,
            asked: Asked::Reviewer { action, started_at_ms },
            ..
        } = std::mem::replace(&mut call.state, CallState::Preparing)
        else {
            return;
        };
        let review = reviewer::outcome(result);
        let record = EventMsg::ApprovalReviewed(ApprovalReviewed {
            turn_id: turn_id.clone(),
            call_id: call_id.clone(),
            action: action.clone(),
            review: review.clone(),
        });
        let told = Notification::AutoApprovalReviewCompleted(AutoApprovalReviewCompleted {
            thread_id: self.info.id.clone(),
            turn_id,
            review_id: request_id.to_string(),
            target_item_id: Some(prepared.started.as_ref().map_or(call_id.as_str(), |item| item.id()).to_owned()),
            action,
            review: review.clone(),
            decision_source: "agent".to_owned(),
            started_at_ms,
            completed_at_ms: env.now.as_millisecond(),
        });
        out.commit(vec![Record::Event(Box::new(record))], vec![told]);
        out.notify(self.status_notification());
        let allowed = matches!(result, Ok(assessment) if assessment.outcome == AssessmentOutcome::Allow);
        if allowed {
            self.act_on_answer(&call_id, prepared, &settings, Answer::Decision(ApprovalDecision::Accept), env, out);
        } else {
            self.decline(&call_id, &prepared, reviewer::declined(&review), env, out);
            self.after_call(env, out);
        }
    }
}
