//! Steps of a turn that concern tool calls: prepare, decide, ask, run, record.

use super::calls::{Asked, Call, CallState};
use super::phase::Turn;
use crate::compact::carried::Plan;
use crate::settings::TurnSettings;
use crate::thread::event::{Effect, MoreRights, PreparedCall};
use crate::thread::state::{Env, ThreadState};
use crate::thread::step::Out;
use codex_approvals::{Action, AfterAnswer, ToolFacts};
use codex_protocol::additional::AdditionalPermissions;
use codex_protocol::call_items::CallStatus;
use codex_protocol::collaboration::UserInputParams;
use codex_protocol::facts::{PermissionsIntent, ToolIntent};
use codex_protocol::items::{CommandExecutionSource, CommandExecutionStatus, PatchApplyStatus, ThreadItem};
use codex_protocol::journal::{EventMsg, PermissionsGranted, Record};
use codex_protocol::notifications::{Notification, ServerRequestResolved, TurnDiffUpdated, TurnPlanUpdated, WaitingFor};
use codex_protocol::questions::{
    Answer, ApprovalDecision, CommandExecutionApprovalParams, FileChangeApprovalParams, PermissionGrantScope, PermissionsApprovalParams,
    Question, ServerRequest,
};
use codex_protocol::requests::RequestId;
use codex_protocol::settings::ApprovalsReviewer;
use codex_tools::{CallKind, ToolOutcome, ToolOutput, granted_text, output_item};
use serde_json::json;
use std::sync::Arc;

/// The diff of a whole turn is told up to here; each patch's own diff is in its item all the same.
const TURN_DIFF_BYTES_MAX: usize = 1024 * 1024;

/// A verdict that the client has to complete.
struct Asking {
    question: Question,
    offers: Vec<ApprovalDecision>,
    /// What makes it a question, the strongest first.
    rules: Vec<String>,
}

impl ThreadState {
    /// Prepares every queued call whose turn has come.
    pub(crate) fn start_calls(&mut self, out: &mut Out) {
        let Some(turn) = &mut self.turn else { return };
        let Some(settings) = turn.phase.settings().cloned() else { return };
        for (call, kind) in turn.calls.start_ready() {
            out.push(Effect::Prepare {
                call,
                kind,
                settings: Arc::clone(&settings),
            });
        }
    }

    pub(crate) fn on_prepared(&mut self, call_id: &str, result: Result<PreparedCall, String>, env: &Env, out: &mut Out) {
        let working = self.turn.as_mut().and_then(|turn| Some((turn.phase.settings()?.clone(), turn)));
        let Some((settings, turn)) = working else {
            return out.discard(call_id);
        };
        if !turn.calls.is_preparing(call_id) {
            return out.discard(call_id);
        }
        match result {
            Err(text) => {
                self.close_call(call_id, ToolOutput::Text(text), env);
                self.after_call(env, out);
            }
            Ok(prepared) if !prepared.parallel && !turn.calls.is_first_open(call_id) => {
                if let Some(call) = turn.calls.get_mut(call_id) {
                    call.state = CallState::Held {
                        prepared: Box::new(prepared),
                    };
                }
            }
            Ok(prepared) => self.decide(call_id, Box::new(prepared), &settings, env, out),
        }
    }

    /// The one place where a prepared call meets the decision.
    fn decide(&mut self, call_id: &str, prepared: Box<PreparedCall>, settings: &TurnSettings, env: &Env, out: &mut Out) {
        let verdict = codex_approvals::decide(&self.facts(&prepared, settings));
        match verdict.action {
            Action::Run { policy } => {
                if let Some(item) = &prepared.started {
                    out.notify(self.item_started(item, env));
                }
                self.run(call_id, prepared, policy, out);
            }
            Action::Ask { question, offers } => {
                let reviewer = match question {
                    // What the user wants to have nobody else knows.
                    Question::UserInput { .. } => ApprovalsReviewer::User,
                    Question::Command { .. } | Question::FileChange { .. } | Question::Permissions(_) => settings.reviewer,
                };
                match reviewer {
                    ApprovalsReviewer::User => {
                        let rules = verdict.reasons.into_iter().map(|reason| reason.rule).collect();
                        self.ask(call_id, prepared, Asking { question, offers, rules }, env, out);
                    }
                    ApprovalsReviewer::AutoReview => self.review(call_id, prepared, &verdict.reasons, settings, env, out),
                }
            }
            Action::Refuse { message } => {
                if let Some(item) = &prepared.started {
                    out.notify(self.item_started(item, env));
                }
                self.decline(call_id, &prepared, message, env, out);
                self.after_call(env, out);
            }
        }
    }

    fn facts<'a>(&'a self, prepared: &'a PreparedCall, settings: &'a TurnSettings) -> ToolFacts<'a> {
        ToolFacts {
            intent: &prepared.intent,
            approval_policy: settings.approval_policy,
            policy: settings.policy(),
            grants: &self.grants,
            plan_mode: settings.plan_mode(),
            widened: prepared.widened.as_deref(),
            capabilities: &self.info.capabilities,
        }
    }

    fn run(&mut self, call_id: &str, prepared: Box<PreparedCall>, policy: codex_permissions::ResolvedPolicy, out: &mut Out) {
        if let Some(item @ ThreadItem::CommandExecution(command)) = &prepared.started {
            let waiting = WaitingFor::Tool {
                item_id: item.id().to_owned(),
                what: command.command.clone(),
                pid: None,
            };
            self.waiting_for(waiting, out);
            self.carried.commands_ran = true;
            if let Some(turn) = &self.turn {
                self.terminals.insert(item.id().to_owned(), turn.id.clone());
            }
        }
        if let Some(call) = self.turn.as_mut().and_then(|turn| turn.calls.get_mut(call_id)) {
            call.state = CallState::Running { prepared };
        }
        out.push(Effect::Run {
            call_id: call_id.to_owned(),
            policy: Box::new(policy),
        });
    }

    /// What an item that is running does, for progress lines.
    pub(crate) fn what_runs(&mut self, item_id: &str) -> String {
        let Some(turn) = &mut self.turn else { return String::new() };
        if let Some(script) = turn.user_shell.what_runs(item_id) {
            return script.to_owned();
        }
        let running = turn.calls.iter_mut().find_map(|call| match &call.state {
            CallState::Running { prepared } => match &prepared.started {
                Some(ThreadItem::CommandExecution(item)) if item.id == item_id => Some(item.command.clone()),
                _ => None,
            },
            _ => None,
        });
        running.unwrap_or_default()
    }

    fn ask(&mut self, call_id: &str, prepared: Box<PreparedCall>, asking: Asking, env: &Env, out: &mut Out) {
        let Asking { question, offers, rules } = asking;
        let request_id = RequestId::Integer((env.next_request_id)());
        let Some(turn) = &mut self.turn else { return };
        let item = prepared.started.as_ref().map(before_approval);
        let item_id = item.as_ref().map_or(call_id, |item| item.id()).to_owned();
        let (thread_id, turn_id, started_at_ms) = (self.info.id.clone(), turn.id.clone(), env.now.as_millisecond());
        let request = match question {
            Question::Command {
                reason,
                command,
                cwd,
                additional_permissions,
            } => ServerRequest::CommandExecutionApproval(CommandExecutionApprovalParams {
                thread_id,
                turn_id,
                item_id: item_id.clone(),
                started_at_ms,
                kind: "command".to_owned(),
                reason,
                rules,
                command: Some(command),
                cwd: Some(cwd),
                available_decisions: Some(offers),
                additional_permissions,
                network_approval_context: None,
            }),
            Question::FileChange { reason } => ServerRequest::FileChangeApproval(FileChangeApprovalParams {
                thread_id,
                turn_id,
                item_id: item_id.clone(),
                started_at_ms,
                reason,
                rules,
                grant_root: None,
            }),
            Question::Permissions(PermissionsIntent { permissions, cwd, reason }) => {
                ServerRequest::PermissionsApproval(PermissionsApprovalParams {
                    thread_id,
                    turn_id,
                    item_id: item_id.clone(),
                    started_at_ms,
                    cwd,
                    permissions,
                    reason,
                })
            }
            Question::UserInput { questions } => ServerRequest::UserInput(UserInputParams {
                thread_id,
                turn_id,
                item_id: item_id.clone(),
                questions,
                is_blocking: true,
                auto_resolution_ms: None,
            }),
        };
        if let Some(call) = turn.calls.get_mut(call_id) {
            call.state = CallState::Asking {
                prepared,
                request_id: request_id.clone(),
                asked: Asked::Client,
            };
        }
        out.notify(self.status_notification());
        if let Some(item) = item {
            out.notify(self.item_started(&item, env));
        }
        self.waiting_for(WaitingFor::Approval { item_id }, out);
        out.push(Effect::Ask {
            request_id,
            request: Box::new(request),
        });
    }

    pub(crate) fn on_answered(&mut self, request_id: &RequestId, answer: Result<Answer, String>, env: &Env, out: &mut Out) {
        let Some(turn) = &mut self.turn else { return };
        let Some(settings) = turn.phase.settings().cloned() else { return };
        let Some(call) = turn.calls.asking(request_id) else { return };
        let call_id = call.view.call_id.clone();
        if !matches!(call.state, CallState::Asking { asked: Asked::Client, .. }) {
            return; // A client cannot answer in the reviewer's place.
        }
        let CallState::Asking { prepared, .. } = std::mem::replace(&mut call.state, CallState::Preparing) else {
            return;
        };
        out.notify(self.resolved(request_id));
        out.notify(self.status_notification());
        let answer = match answer {
            Ok(answer) => answer,
            Err(reason) => {
                let message = match prepared.intent {
                    ToolIntent::UserInput { .. } => format!("request_user_input failed: {reason}"),
                    _ => format!("the approval request failed: {reason}"),
                };
                self.decline(&call_id, &prepared, message, env, out);
                return self.after_call(env, out);
            }
        };
        self.act_on_answer(&call_id, prepared, &settings, answer, env, out);
    }

    pub(crate) fn act_on_answer(
        &mut self,
        call_id: &str,
        prepared: Box<PreparedCall>,
        settings: &Arc<TurnSettings>,
        answer: Answer,
        env: &Env,
        out: &mut Out,
    ) {
        match codex_approvals::after_answer(&self.facts(&prepared, settings), answer) {
            AfterAnswer::Run { policy, grant } => {
                self.grants.extend(grant);
                self.run(call_id, prepared, policy, out);
            }
            AfterAnswer::Grant { answer } => {
                let ToolIntent::Permissions(asked) = prepared.intent else { return };
                out.discard(call_id);
                out.push(Effect::Grant {
                    call_id: call_id.to_owned(),
                    asked: Box::new(asked),
                    answer: Box::new(answer),
                    settings: Arc::clone(settings),
                });
            }
            AfterAnswer::Reply { answers } => {
                out.discard(call_id);
                self.close_call(call_id, ToolOutput::Text(json!(answers).to_string()), env);
                self.after_call(env, out);
            }
            AfterAnswer::Decline { message } => {
                self.decline(call_id, &prepared, message, env, out);
                self.after_call(env, out);
            }
            AfterAnswer::Cancel { message } => {
                self.decline(call_id, &prepared, message, env, out);
                self.interrupt(Vec::new(), env, out);
            }
        }
    }

    /// The rest of the turn goes on with what was granted; what counts for the session is kept for the turns after it.
    pub(crate) fn on_granted(
        &mut self,
        call_id: &str,
        scope: PermissionGrantScope,
        result: Result<Option<Box<MoreRights>>, String>,
        env: &Env,
        out: &mut Out,
    ) {
        let Some(turn) = self.turn.as_mut().filter(|turn| turn.phase.settings().is_some()) else {
            return;
        };
        if !turn.calls.is_preparing(call_id) {
            return; // It was taken back meanwhile.
        }
        let text = match result {
            Err(why) => format!("request_permissions failed: {why}"),
            Ok(None) => granted_text(&AdditionalPermissions::default(), scope),
            Ok(Some(rights)) => {
                let permissions = rights.additional.to_wire();
                let text = granted_text(&permissions, scope);
                turn.phase.set_settings(rights.settings);
                if scope == PermissionGrantScope::Session {
                    let before = self.overrides.granted.take().unwrap_or_default();
                    self.overrides.granted = Some(before.join(&rights.additional));
                }
                let granted = EventMsg::PermissionsGranted(PermissionsGranted {
                    turn_id: turn.id.clone(),
                    call_id: call_id.to_owned(),
                    permissions,
                    scope,
                });
                out.commit(vec![Record::Event(Box::new(granted))], Vec::new());
                text
            }
        };
        self.close_call(call_id, ToolOutput::Text(text), env);
        self.after_call(env, out);
    }

    pub(crate) fn resolved(&self, request_id: &RequestId) -> Notification {
        let resolved = ServerRequestResolved {
            thread_id: self.info.id.clone(),
            request_id: request_id.clone(),
        };
        Notification::ServerRequestResolved(resolved)
    }

    /// Ends a call that will not run: the client sees it declined, the model reads why.
    pub(crate) fn decline(&mut self, call_id: &str, prepared: &PreparedCall, message: String, env: &Env, out: &mut Out) {
        out.discard(call_id);
        if let Some(item) = &prepared.started {
            let item = declined(item, &message);
            out.commit(vec![self.completed_record(&item, env)], vec![self.item_completed(&item, env)]);
        }
        self.close_call(call_id, ToolOutput::Text(message), env);
    }

    pub(crate) fn on_finished(&mut self, call_id: &str, outcome: ToolOutcome, env: &Env, out: &mut Out) {
        if self.is_user_command(call_id) {
            return self.on_user_command_finished(call_id, outcome, env, out);
        }
        if let Some((explanation, steps)) = outcome.plan.clone() {
            self.carried.plan = Some(Plan { explanation, steps });
        }
        let Some(turn) = &mut self.turn else { return };
        let Some(Call {
            state: CallState::Running { .. },
            ..
        }) = turn.calls.get_mut(call_id)
        else {
            return;
        };
        let (thread_id, turn_id) = (self.info.id.clone(), turn.id.clone());
        if let Some(diff) = outcome.diff.filter(|diff| turn.diff.len() + diff.len() <= TURN_DIFF_BYTES_MAX) {
            turn.diff.push_str(&diff);
            let diff = turn.diff.clone();
            out.notify(Notification::TurnDiffUpdated(TurnDiffUpdated {
                thread_id: thread_id.clone(),
                turn_id: turn_id.clone(),
                diff,
            }));
        }
        if let Some((explanation, plan)) = outcome.plan {
            out.notify(Notification::TurnPlanUpdated(TurnPlanUpdated {
                thread_id,
                turn_id,
                explanation,
                plan,
            }));
        }
        if let Some(item) = outcome.item {
            self.terminals.remove(item.id());
            self.carried.take(&item);
            out.commit(vec![self.completed_record(&item, env)], vec![self.item_completed(&item, env)]);
        }
        self.close_call(call_id, outcome.output, env);
        self.after_call(env, out);
    }

    /// The call is over; its output waits to be recorded in order.
    pub(crate) fn close_call(&mut self, call_id: &str, output: ToolOutput, env: &Env) {
        let Some(call) = self.turn.as_mut().and_then(|turn| turn.calls.get_mut(call_id)) else {
            return;
        };
        let output = output_item(call_id, call.kind, &output, env.ids);
        call.state = CallState::Done { output };
    }

    /// Something ended: start what waited for it, and see whether the turn can go on.
    pub(crate) fn after_call(&mut self, env: &Env, out: &mut Out) {
        let Some(turn) = &mut self.turn else { return };
        if turn.is_ending() {
            return self.end_turn_if_quiet(env, out);
        }
        let held = turn.calls.next_held();
        if let (Some((call_id, prepared)), Some(settings)) = (held, turn.phase.settings().cloned()) {
            self.decide(&call_id, prepared, &settings, env, out);
        }
        self.start_calls(out);
        self.go_on(env, out);
    }

    /// Takes away every call that has not started and asks the running ones to stop.
    pub(crate) fn cancel_calls(&mut self, text: &str, env: &Env, out: &mut Out) {
        let Some(Turn { calls, user_shell, .. }) = &mut self.turn else {
            return;
        };
        out.0
            .extend(user_shell.running().cloned().map(|call_id| Effect::Cancel { call_id }));
        let mut withdrawn = Vec::new();
        let mut discarded = Vec::new();
        let mut closed: Vec<(String, CallKind)> = Vec::new();
        for call in calls.iter_mut() {
            let call_id = call.view.call_id.clone();
            match &call.state {
                CallState::Running { .. } => out.push(Effect::Cancel { call_id }),
                CallState::Done { .. } | CallState::Recorded => {}
                CallState::Queued => closed.push((call_id, call.kind)),
                CallState::Preparing | CallState::Held { .. } => {
                    discarded.push(call_id.clone());
                    closed.push((call_id, call.kind));
                }
                CallState::Asking { request_id, asked, .. } => {
                    withdrawn.push((request_id.clone(), matches!(asked, Asked::Client)));
                    discarded.push(call_id.clone());
                    closed.push((call_id, call.kind));
                }
            }
        }
        out.0.extend(discarded.into_iter().map(|call_id| Effect::Discard { call_id }));
        for (request_id, by_client) in withdrawn {
            out.push(Effect::Withdraw {
                request_id: request_id.clone(),
            });
            if by_client {
                out.notify(self.resolved(&request_id));
            }
        }
        for (call_id, _) in closed {
            self.close_call(&call_id, ToolOutput::Text(text.to_owned()), env);
        }
    }
}

/// The item while it waits for an answer: nobody has started a process yet.
pub(crate) fn before_approval(item: &ThreadItem) -> ThreadItem {
    let mut item = item.clone();
    if let ThreadItem::CommandExecution(command) = &mut item {
        command.source = CommandExecutionSource::Agent;
        command.process_id = None;
    }
    item
}

/// The item of a call that did not run; a command's output says why.
fn declined(item: &ThreadItem, why: &str) -> ThreadItem {
    let mut item = before_approval(item);
    match &mut item {
        ThreadItem::CommandExecution(command) => {
            command.status = CommandExecutionStatus::Declined;
            command.aggregated_output = Some(why.to_owned());
        }
        ThreadItem::FileChange { status, .. } => *status = PatchApplyStatus::Declined,
        ThreadItem::McpToolCall(call) => call.status = CallStatus::Failed,
        ThreadItem::CollabAgentToolCall(call) => call.status = CallStatus::Failed,
        _ => {}
    }
    item
}

/// Records outputs that are ready, as part of an ending turn.
pub(crate) fn records_of(outputs: Vec<codex_protocol::response_item::ResponseItem>) -> Vec<Record> {
    outputs.into_iter().map(Record::ResponseItem).collect()
}
