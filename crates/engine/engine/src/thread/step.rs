//! `step(event, env) -> effects`: the whole behaviour of a thread, without I/O, clock or environment.
//!
//! The match is total: whatever a model, client, server or file causes, in whatever order, is an ordinary branch. Late reports of finished
//! work fall through by phase. Model events are handled in `turn/sampling.rs`, tool calls in `turn/tooling.rs`, ends in `turn/ending.rs`.

use super::event::{Effect, RequestKey, ThreadEvent, ThreadReply, ThreadRequest, Timer};
use super::lost::{journal_lost, journal_lost_request, untold};
use super::state::{Env, Life, ThreadState};
use crate::context::instructions::tagged;
use crate::context::surroundings;
use crate::settings::{TurnOverrides, TurnSettings, TurnSetup, UserContent};
use crate::turn::calls::Calls;
use crate::turn::compacting::Cause;
use crate::turn::phase::{Phase, Task, Turn};
use crate::turn::user_shell::UserShell;
use codex_protocol::collaboration::{CollaborationMode, ModeSettings};
use codex_protocol::errors::TurnError;
use codex_protocol::items::{ThreadItem, UserInput};
use codex_protocol::journal::{EventMsg, Record, TurnContext};
use codex_protocol::notifications::{Notification, TurnNotification};
use codex_protocol::requests::RequestError;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// How long terminals of a closing thread have to report their end.
pub const CLOSING_LIMIT: Duration = Duration::from_secs(5);

/// Steered input counts from here; before it comes what the turn was started with.
const FIRST_STEER: usize = 1;

impl ThreadState {
    /// Takes one event and says what must happen next.
    pub fn step(&mut self, event: ThreadEvent, env: &Env) -> Vec<Effect> {
        let mut out = Out(Vec::new());
        match event {
            ThreadEvent::Request { key, request } => self.on_request(key, request, env, &mut out),
            ThreadEvent::TurnResolved { turn_id, setup } => self.on_resolved(&turn_id, setup, env, &mut out),
            ThreadEvent::InputRead { turn_id, order, content } => self.on_input_read(&turn_id, order, content, env, &mut out),
            ThreadEvent::Model { sampling, event } => self.on_model(sampling, event, env, &mut out),
            ThreadEvent::ChangesFound {
                turn_id,
                changes,
                surroundings,
            } => self.on_changes_found(&turn_id, &changes, &surroundings, env, &mut out),
            ThreadEvent::UndoFound { key, found } => self.on_undo_found(key, found, &mut out),
            ThreadEvent::Prepared { call_id, result } => self.on_prepared(&call_id, result, env, &mut out),
            ThreadEvent::Answered { request_id, answer } => self.on_answered(&request_id, answer, env, &mut out),
            ThreadEvent::Granted { call_id, scope, result } => self.on_granted(&call_id, scope, result, env, &mut out),
            ThreadEvent::Reviewed { request_id, result } => self.on_reviewed(&request_id, &result, env, &mut out),
            ThreadEvent::CodeReview { turn_id, news } => self.on_review_news(&turn_id, news, env, &mut out),
            ThreadEvent::Report(report) => self.on_report(report, env, &mut out),
            ThreadEvent::Finished { call_id, outcome } => self.on_finished(&call_id, *outcome, env, &mut out),
            ThreadEvent::Timer(timer) => self.on_timer(timer, env, &mut out),
            ThreadEvent::CommitFailed { reason } => self.on_commit_failed(&reason, env, &mut out),
            ThreadEvent::Shutdown => self.on_shutdown(env, &mut out),
        }
        if self.journal_lost {
            out.0 = out.0.into_iter().flat_map(untold).collect();
        }
        out.0
    }

    fn on_request(&mut self, key: RequestKey, request: ThreadRequest, env: &Env, out: &mut Out) {
        if self.life == Life::Closing {
            let message = format!("thread {} is closing", self.info.id);
            return out.reply(key, Err(RequestError::invalid("thread.closing", message)));
        }
        let takes_no_input = |turn: &Turn| turn.is_ending() || turn.task.instead_of_input().is_some();
        match request {
            ThreadRequest::StartTurn { .. } if self.turn.as_ref().is_some_and(takes_no_input) => self.waiting.push_back((key, request)),
            ThreadRequest::StartTurn {
                input,
                overrides,
                output_schema,
            } => match &self.turn {
                None => {
                    let new = NewTurn {
                        task: Task::Answer,
                        input,
                        overrides: *overrides,
                        output_schema,
                    };
                    self.start_turn(key, new, env, out);
                }
                Some(_) => {
                    // The input joins the running turn; the answer carries that turn's id.
                    let running = self.turn_in_progress().map(Box::new);
                    out.reply(key, running.map(ThreadReply::TurnStarted).ok_or_else(no_active_turn));
                    self.join_running_turn(*overrides, output_schema.is_some(), out);
                    self.steer(input, out);
                }
            },
            ThreadRequest::Steer { expected_turn_id, input } => match self.check_active(&expected_turn_id) {
                Err(error) => out.reply(key, Err(error)),
                // What is ending answers nothing any more.
                Ok(turn_id) if self.turn_mut(&turn_id).is_none() => out.reply(key, Err(no_active_turn())),
                Ok(turn_id) => match self.turn.as_ref().and_then(|turn| turn.task.instead_of_input()) {
                    Some(does) => {
                        let message = format!("the running turn {does} and takes no input");
                        out.reply(key, Err(RequestError::invalid("turn.not_steerable", message)));
                    }
                    None => {
                        out.reply(key, Ok(ThreadReply::Steered { turn_id }));
                        self.steer(input, out);
                    }
                },
            },
            ThreadRequest::Compact => self.on_compact(key, env, out),
            ThreadRequest::UndoCompaction => self.on_undo_compaction(key, env, out),
            ThreadRequest::UserCommand(command) => self.on_user_command(key, command, env, out),
            ThreadRequest::ReviewCode(assignment) => self.on_review_request(key, *assignment, env, out),
            ThreadRequest::Interrupt { turn_id } => self.on_interrupt(key, &turn_id, env, out),
        }
    }

    /// Settings that come with input for a running turn count from the next one.
    fn join_running_turn(&mut self, overrides: TurnOverrides, schema: bool, out: &mut Out) {
        if overrides == TurnOverrides::default() && !schema {
            return;
        }
        self.next_overrides.merge(overrides);
        let schema = if schema { "; the output schema is not used" } else { "" };
        let message = format!("a turn is running: its input was added, the new settings count from the next turn{schema}");
        out.notify(self.warning(message));
    }

    fn on_interrupt(&mut self, key: RequestKey, turn_id: &str, env: &Env, out: &mut Out) {
        if let Some(Turn {
            phase: Phase::Ending { replies, .. },
            ..
        }) = &mut self.turn
        {
            return replies.push(key);
        }
        match self.check_active(turn_id) {
            Err(error) => out.reply(key, Err(error)),
            Ok(_) => self.interrupt(vec![key], env, out),
        }
    }

    /// The running turn's id, if it is the expected one. An empty expectation fits any turn.
    fn check_active(&self, expected: &str) -> Result<String, RequestError> {
        let turn = self.turn.as_ref().ok_or_else(no_active_turn)?;
        if !expected.is_empty() && turn.id != expected {
            let message = format!("expected active turn id {expected} but found {}", turn.id);
            return Err(RequestError::invalid("turn.not_active", message));
        }
        Ok(turn.id.clone())
    }

    pub(crate) fn start_turn(&mut self, key: RequestKey, new: NewTurn, env: &Env, out: &mut Out) {
        if self.journal_lost {
            return out.reply(key, Err(journal_lost_request()));
        }
        let mut wanted = self.overrides.clone();
        wanted.merge(std::mem::take(&mut self.next_overrides));
        wanted.merge(new.overrides);
        let turn = Turn {
            id: env.ids.uuid().to_string(),
            task: new.task,
            started_at: env.now,
            output_schema: new.output_schema,
            phase: Phase::Resolving {
                wanted: Box::new(wanted.clone()),
            },
            calls: Calls::default(),
            unrecorded: new.input.clone(),
            steers: BTreeMap::new(),
            steers_accepted: FIRST_STEER,
            steers_pending: 0,
            last_message: None,
            said: Vec::new(),
            user_shell: UserShell::default(),
            notice: None,
            diff: String::new(),
            answered: false,
            compaction_failed: false,
        };
        let turn_id = turn.id.clone();
        self.turn = Some(turn);
        self.updated_at = env.now;
        let Some(view) = self.turn_in_progress() else { return };
        let started = EventMsg::TaskStarted {
            turn_id: turn_id.clone(),
            started_at: env.now.as_second(),
            model_context_window: self.usage.model_context_window,
            mode: wanted.collaboration_mode.as_ref().map(|mode| mode.mode).unwrap_or_default(),
        };
        let mut records = std::mem::take(&mut self.owed);
        records.push(Record::Event(Box::new(started)));
        let reply = match self.turn.as_ref().map(|turn| &turn.task) {
            Some(Task::Compact) => ThreadReply::CompactionStarted,
            Some(Task::UserShell) => ThreadReply::UserCommandStarted,
            Some(Task::Review(_)) => ThreadReply::ReviewStarted(Box::new(self.review_in_progress().unwrap_or_else(|| view.clone()))),
            Some(Task::Answer) | None => ThreadReply::TurnStarted(Box::new(view.clone())),
        };
        out.reply(key, Ok(reply));
        let started = Notification::TurnStarted(TurnNotification {
            thread_id: self.info.id.clone(),
            turn: view,
        });
        out.commit(records, vec![self.status_notification(), started]);
        out.push(Effect::Resolve {
            turn_id,
            overrides: Box::new(wanted),
            input: new.input,
        });
    }

    fn on_resolved(&mut self, turn_id: &str, setup: Result<Box<TurnSetup>, TurnError>, env: &Env, out: &mut Out) {
        let Some(Turn {
            phase: Phase::Resolving { wanted },
            ..
        }) = self.turn_mut(turn_id)
        else {
            return;
        };
        let wanted = std::mem::take(wanted);
        let setup = match setup {
            Ok(setup) => *setup,
            Err(error) => return self.fail(error, env, out),
        };
        // They stick only now: what cannot be resolved must not fail the turns after this one, too.
        self.overrides = *wanted;
        let TurnSetup { settings, input, warnings } = setup;
        for message in warnings {
            if self.warned.insert(message.clone()) {
                out.notify(self.warning(message));
            }
        }
        self.model.clone_from(&settings.model);
        self.cwd.clone_from(settings.cwd());
        self.skills = Arc::clone(&settings.skills);
        self.usage.model_context_window = i64::try_from(settings.model_info.effective_window()).ok();

        let Some(turn) = &mut self.turn else { return };
        turn.unrecorded.clear();
        match turn.task {
            Task::Answer => {}
            // What changed around is told with the new history.
            Task::Compact => {
                out.commit(vec![turn_context(turn_id, &settings)], Vec::new());
                return self.begin_compaction(settings, Cause::Requested, env, out);
            }
            // The model is told around what when it is asked something.
            Task::UserShell => {
                out.commit(vec![turn_context(turn_id, &settings)], Vec::new());
                turn.phase = Phase::Working {
                    settings,
                    follow_up: false,
                };
                return self.start_user_commands(env, out);
            }
            // The reviewer is told where it is; this conversation is when it goes on.
            Task::Review(_) => {
                out.commit(vec![turn_context(turn_id, &settings)], Vec::new());
                return self.enter_review(settings, env, out);
            }
        }
        let (messages, told) = surroundings::messages(&settings.surroundings, self.told.as_ref(), env.ids);
        let mut records: Vec<Record> = messages.iter().cloned().map(Record::ResponseItem).collect();
        self.history.extend(messages);
        if self.told.as_ref() != Some(&told) {
            records.push(Record::WorldState(Box::new(told.clone())));
            self.told = Some(told);
        }
        records.push(turn_context(turn_id, &settings));
        out.commit(records, Vec::new());
        turn.phase = Phase::Working { settings, follow_up: true };
        if !input.input.is_empty() {
            self.record_input(input, env, out);
        }
        self.start_user_commands(env, out);
        self.go_on(env, out);
    }

    fn steer(&mut self, input: Vec<UserInput>, out: &mut Out) {
        let Some(turn) = &mut self.turn else { return };
        let order = turn.steers_accepted;
        turn.steers_accepted += 1;
        self.read_input(order, input, out);
    }

    /// A turn that ends before it was looked up has still heard what the user said.
    pub(crate) fn keep_unrecorded_input(&mut self, out: &mut Out) {
        let Some(turn) = &mut self.turn else { return };
        let input = std::mem::take(&mut turn.unrecorded);
        if !input.is_empty() {
            self.read_input(FIRST_STEER - 1, input, out);
        }
    }

    fn read_input(&mut self, order: usize, input: Vec<UserInput>, out: &mut Out) {
        let Some(turn) = &mut self.turn else { return };
        turn.steers_pending += 1;
        let resolved = turn.phase.settings().map(|settings| settings.cwd());
        let cwd = resolved.or(self.overrides.cwd.as_ref()).unwrap_or(&self.cwd).clone();
        let turn_id = turn.id.clone();
        out.push(Effect::ReadInput {
            turn_id,
            order,
            cwd,
            skills: Arc::clone(&self.skills),
            input,
        });
    }

    fn on_input_read(&mut self, turn_id: &str, order: usize, content: UserContent, env: &Env, out: &mut Out) {
        let Some(turn) = self.turn.as_mut().filter(|turn| turn.id == turn_id) else {
            return;
        };
        turn.steers_pending = turn.steers_pending.saturating_sub(1);
        turn.steers.insert(order, content);
        if turn.is_ending() {
            self.end_turn_if_quiet(env, out);
        } else {
            self.go_on(env, out);
        }
    }

    /// The user's words become part of the conversation.
    pub(crate) fn record_input(&mut self, content: UserContent, env: &Env, out: &mut Out) {
        let item = crate::context::items::message(env.ids, "user", content.parts);
        let shown = ThreadItem::UserMessage {
            id: item.id().unwrap_or_default().to_owned(),
            content: content.input,
        };
        if self.preview.is_empty() {
            self.preview = preview(&shown);
        }
        self.history.push(item.clone());
        self.carried.take(&shown);
        if let (Some(turn), ThreadItem::UserMessage { content, .. }) = (&mut self.turn, &shown) {
            turn.said.extend(content.iter().filter_map(UserInput::text).map(str::to_owned));
        }
        let completed = self.completed_record(&shown, env);
        let mut notifications = vec![self.item_started(&shown, env), self.item_completed(&shown, env)];
        notifications.extend(content.unread.into_iter().map(|message| self.warning(message)));
        let mut records = vec![Record::ResponseItem(item), completed];
        for skill in content.skills {
            let item = crate::context::items::text_message(env.ids, "user", &tagged("skill", &skill));
            self.history.push(item.clone());
            records.push(Record::ResponseItem(item));
        }
        out.commit(records, notifications);
    }

    fn on_timer(&mut self, timer: Timer, env: &Env, out: &mut Out) {
        match timer {
            Timer::Backoff { sampling } => self.on_backoff_over(sampling, env, out),
            Timer::Ending { turn_id } => {
                if self.turn.as_ref().is_some_and(|turn| turn.id == turn_id && turn.is_ending()) {
                    self.end_turn(env, out);
                }
            }
            Timer::Closing => {
                self.terminals.clear();
                self.unload_when_quiet(out);
            }
        }
    }

    fn on_commit_failed(&mut self, reason: &str, env: &Env, out: &mut Out) {
        self.journal_lost = true;
        let error = journal_lost(reason);
        match &self.turn {
            Some(turn) if turn.is_ending() => self.end_turn(env, out),
            Some(_) => self.fail(error, env, out),
            None => out.notify(self.warning(error.message)),
        }
    }

    fn on_shutdown(&mut self, env: &Env, out: &mut Out) {
        if self.life == Life::Closing {
            return;
        }
        self.life = Life::Closing;
        out.push(Effect::SetTimer {
            timer: Timer::Closing,
            after: CLOSING_LIMIT,
        });
        match &self.turn {
            Some(turn) if turn.is_ending() => {}
            Some(_) => self.interrupt(Vec::new(), env, out),
            None => {}
        }
        out.push(Effect::EndTerminals);
        self.unload_when_quiet(out);
    }

    /// A closing thread unloads as soon as no turn and no terminal is left.
    pub(crate) fn unload_when_quiet(&mut self, out: &mut Out) {
        if self.life == Life::Closing && self.turn.is_none() && self.terminals.is_empty() {
            out.push(Effect::Sync);
            out.push(Effect::Unload);
        }
    }
}

/// A turn that is asked for.
pub(crate) struct NewTurn {
    pub task: Task,
    pub input: Vec<UserInput>,
    pub overrides: TurnOverrides,
    pub output_schema: Option<serde_json::Value>,
}

impl NewTurn {
    /// `task`, without a word of the user, as the thread is set.
    pub fn of(task: Task) -> Self {
        Self {
            task,
            input: Vec::new(),
            overrides: TurnOverrides::default(),
            output_schema: None,
        }
    }
}

/// What a turn is run with, for the journal.
pub(crate) fn turn_context(turn_id: &str, settings: &TurnSettings) -> Record {
    Record::TurnContext(Box::new(TurnContext {
        turn_id: turn_id.to_owned(),
        cwd: settings.cwd().clone(),
        approval_policy: settings.approval_policy,
        sandbox_policy: settings.sandbox_policy.clone(),
        model: settings.model.clone(),
        effort: settings.effort.clone(),
        summary: None,
        collaboration_mode: CollaborationMode {
            mode: settings.mode.mode,
            settings: ModeSettings {
                model: settings.model.clone(),
                ..settings.mode.settings.clone()
            },
        },
    }))
}

/// The effects of one step, in order.
pub struct Out(pub Vec<Effect>);

impl Out {
    pub fn push(&mut self, effect: Effect) {
        self.0.push(effect);
    }

    /// A record that needs no append of its own: it joins the one before, if that comes right before.
    pub fn record(&mut self, record: Record) {
        match self.0.last_mut() {
            Some(Effect::Commit { records, .. }) => records.push(record),
            _ => self.commit(vec![record], Vec::new()),
        }
    }

    pub fn notify(&mut self, notification: Notification) {
        self.push(Effect::Notify(Box::new(notification)));
    }

    /// The prepared call will not run.
    pub fn discard(&mut self, call_id: &str) {
        self.push(Effect::Discard {
            call_id: call_id.to_owned(),
        });
    }

    pub fn commit(&mut self, records: Vec<Record>, notifications: Vec<Notification>) {
        self.push(Effect::Commit { records, notifications });
    }

    pub fn reply(&mut self, key: RequestKey, result: Result<ThreadReply, RequestError>) {
        self.push(Effect::Reply { key, result });
    }
}

fn no_active_turn() -> RequestError {
    RequestError::invalid("turn.none_active", "no active turn")
}

/// First line of the first text, at most 200 characters.
pub(crate) fn preview(item: &ThreadItem) -> String {
    let ThreadItem::UserMessage { content, .. } = item else {
        return String::new();
    };
    let text = content.iter().find_map(UserInput::text);
    let line = text.and_then(|text| text.lines().next()).unwrap_or_default();
    line.chars().take(200).collect()
}

impl TurnOverrides {
    /// What `newer` names replaces what was there.
    pub fn merge(&mut self, newer: Self) {
        fn newest<T>(old: &mut Option<T>, new: Option<T>) {
            if new.is_some() {
                *old = new;
            }
        }
        // Whoever chooses another sandbox means all of it.
        let other_mode = newer.sandbox_mode.is_some() && newer.sandbox_mode != self.sandbox_mode;
        if other_mode || newer.sandbox_policy.is_some() && newer.sandbox_policy != self.sandbox_policy {
            self.granted = None;
        }
        newest(&mut self.cwd, newer.cwd);
        newest(&mut self.model, newer.model);
        newest(&mut self.model_provider, newer.model_provider);
        if let (Some(mode), Some(effort)) = (&mut self.collaboration_mode, &newer.effort) {
            mode.settings.reasoning_effort = Some(effort.clone());
        }
        newest(&mut self.effort, newer.effort);
        newest(&mut self.approval_policy, newer.approval_policy);
        newest(&mut self.approvals_reviewer, newer.approvals_reviewer);
        newest(&mut self.sandbox_mode, newer.sandbox_mode);
        newest(&mut self.sandbox_policy, newer.sandbox_policy);
        newest(&mut self.developer_instructions, newer.developer_instructions);
        if let Some(mode) = newer.collaboration_mode {
            newest(&mut self.model, Some(mode.settings.model.clone()).filter(|model| !model.is_empty()));
            self.collaboration_mode = Some(mode);
        }
        self.new_thread |= newer.new_thread;
        self.config.extend(newer.config);
    }
}
