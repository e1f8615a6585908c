//! Performs effects: the only file of a thread that touches journal, model, tools and subscribers.
//!
//! Every effect that starts work reports exactly one terminal event, whatever happens to the work, so the state machine always converges.

use super::actor::{Gone, Mailbox, Message, Reply, facts_of};
use super::event::{Effect, PreparedCall, ProgramNotice, RequestKey, ThreadEvent};
use super::resolve;
use super::state::{Env, ThreadState};
use super::{undo, widening};
use crate::code_review::{self, thread::Reviewer};
use crate::compact::changes::{self, Changes, ChangesQuery};
use crate::context::surroundings::Surroundings;
use crate::engine::journal_error;
use crate::engine::{Engine, internal};
use crate::reviewer::{self, NoAssessment};
use crate::shared::Shared;
use codex_base::{AbsPath, Timestamp};
use codex_hooks::NotifyError;
use codex_model::{ModelClient, ModelError, ModelEvent, ModelRequest, Retry};
use codex_permissions::ResolvedPolicy;
use codex_protocol::assessment::Assessment;
use codex_protocol::errors::{CodexErrorInfo, TurnError};
use codex_protocol::items::{SessionSource, Thread, TurnStatus};
use codex_protocol::journal::Record;
use codex_protocol::notifications::{Notification, ThreadTokenUsageUpdated};
use codex_protocol::questions::ServerRequest;
use codex_protocol::requests::{RequestError, RequestId};
use codex_sessions::{Journal, JournalError, Loaded};
use codex_skills::SkillSet;
use codex_tools::{Prepared, ToolOutcome, ToolReport, ToolWorld};
use std::collections::{BTreeMap, HashMap};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

/// A connection that listens to a thread. Its calls must not wait.
pub trait Subscriber: Send + Sync {
    /// Tells connections apart.
    fn connection(&self) -> u64;
    fn notify(&self, notification: &Notification);
    fn ask(&self, request_id: &RequestId, request: &ServerRequest);
    /// `Some` while so much waits to be read that models and tools should pause; resolves when they may go on.
    fn caught_up(&self) -> Option<CaughtUp>;
}

/// A wait for a subscriber that is behind.
pub type CaughtUp = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Resolves when no subscriber is behind, or `cancel` ends the wait.
async fn room(subscribers: &Subscribers, cancel: &CancellationToken) {
    let behind = || {
        let subscribers = subscribers.lock().unwrap_or_else(PoisonError::into_inner);
        subscribers.iter().find_map(|subscriber| subscriber.caught_up())
    };
    while let Some(caught_up) = behind() {
        if cancel.run_until_cancelled(caught_up).await.is_none() {
            return;
        }
    }
}

/// Shared with the watcher of the thread's task, which tells subscribers of a panic; held for a moment at a time, never across a wait.
pub type Subscribers = Arc<Mutex<Vec<Arc<dyn Subscriber>>>>;

/// Whether the thread is to be unloaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    No,
    Yes,
}

/// Everything a thread's effects act on.
pub struct World {
    pub shared: Arc<Shared>,
    pub journal: Journal,
    pub model: Arc<dyn ModelClient>,
    pub tools: ToolWorld,
    pub mailbox: Mailbox,
    pub subscribers: Subscribers,
    /// Ends with the thread; every piece of work holds a child.
    pub cancel: CancellationToken,
    pub thread_id: String,
    pub session_id: String,
    pub source: SessionSource,
    /// Starts the threads that work for this one.
    pub engine: Weak<Engine>,
    pub work: Work,
}

/// Work under way.
#[derive(Default)]
pub struct Work {
    replies: BTreeMap<RequestKey, Reply>,
    prepared: HashMap<String, Prepared>,
    calls: HashMap<String, CancellationToken>,
    sampling: Option<CancellationToken>,
    questions: BTreeMap<RequestId, ServerRequest>,
    reviews: BTreeMap<RequestId, CancellationToken>,
    /// Ends the thread that reviews code.
    reviewer: Option<CancellationToken>,
}

impl World {
    pub fn with_env<R>(&self, step: impl FnOnce(&Env) -> R) -> R {
        let next_request_id = || self.shared.next_request_id();
        step(&Env {
            now: self.now(),
            ids: &*self.shared.ids,
            next_request_id: &next_request_id,
        })
    }

    fn now(&self) -> Timestamp {
        self.shared.clock.now()
    }

    pub fn await_reply(&mut self, key: RequestKey, reply: Reply) {
        self.work.replies.insert(key, reply);
    }

    /// Keeps a prepared call until it runs or is discarded; the step gets its facts.
    pub fn keep(&mut self, call_id: &str, result: Result<Box<Prepared>, String>) -> Result<PreparedCall, String> {
        let prepared = *result?;
        let facts = facts_of(&prepared);
        self.work.prepared.insert(call_id.to_owned(), prepared);
        Ok(facts)
    }

    /// The call has reported; there is nothing left to cancel.
    pub fn call_ended(&mut self, call_id: &str) {
        self.work.calls.remove(call_id);
    }

    pub fn review_ended(&mut self, request_id: &RequestId) {
        self.work.reviews.remove(request_id);
    }

    /// A new subscriber is asked everything that still waits for an answer.
    pub fn subscribe(&mut self, subscriber: Arc<dyn Subscriber>) {
        for (request_id, request) in &self.work.questions {
            subscriber.ask(request_id, request);
        }
        let mut subscribers = self.subscribers.lock().unwrap_or_else(PoisonError::into_inner);
        subscribers.retain(|known| known.connection() != subscriber.connection());
        subscribers.push(subscriber);
    }

    pub fn unsubscribe(&mut self, connection: u64) {
        self.subscribers
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .retain(|known| known.connection() != connection);
    }

    pub fn tell_usage(&mut self, state: &ThreadState, turn_id: String) {
        if state.usage.total.total_tokens > 0 {
            self.notify(&Notification::ThreadTokenUsageUpdated(ThreadTokenUsageUpdated {
                thread_id: state.info.id.clone(),
                turn_id,
                token_usage: state.usage,
            }));
        }
    }

    /// Answers with the thread as it stands in its journal, the running turn marked as running. A file is read on a blocking thread.
    pub fn read(&self, state: &ThreadState, include_turns: bool, reply: oneshot::Sender<Result<Thread, RequestError>>) {
        let thread = state.thread();
        // A reader may have gone; then nobody misses the answer.
        if !include_turns {
            let _ = reply.send(Ok(thread));
            return;
        }
        let running = state.turn_in_progress().map(|turn| turn.id);
        match self.journal.path().cloned() {
            Some(path) => drop(tokio::task::spawn_blocking(move || {
                let _ = reply.send(with_turns(thread, codex_sessions::read(&path), running.as_deref()));
            })),
            None => {
                let _ = reply.send(with_turns(thread, self.journal.load(), running.as_deref()));
            }
        }
    }

    /// Performs effects one after the other until a commit fails; then comes what was not performed.
    pub fn perform_in_order(&mut self, effects: Vec<Effect>) -> Result<Ended, (JournalError, Vec<Effect>)> {
        let mut effects = effects.into_iter();
        while let Some(effect) = effects.next() {
            match self.perform(effect) {
                Ok(Ended::No) => {}
                Ok(Ended::Yes) => return Ok(Ended::Yes),
                Err(lost) => return Err((lost, effects.collect())),
            }
        }
        Ok(Ended::No)
    }

    fn perform(&mut self, effect: Effect) -> Result<Ended, JournalError> {
        match effect {
            Effect::Commit { records, notifications } => self.commit(&records, &notifications)?,
            Effect::Notify(notification) => self.notify(&notification),
            Effect::Reply { key, result } => {
                if let Some(reply) = self.work.replies.remove(&key) {
                    reply(result);
                }
            }
            Effect::Resolve { turn_id, overrides, input } => self.resolve(turn_id, *overrides, input),
            Effect::ReadInput {
                turn_id,
                order,
                cwd,
                skills,
                input,
            } => self.read_input(turn_id, order, cwd, skills, input),
            Effect::Sample { sampling, request } => self.sample(sampling, *request),
            Effect::FindChanges {
                turn_id,
                query,
                overrides,
                surroundings,
            } => self.find_changes(turn_id, *query, *overrides, *surroundings),
            Effect::FindUndo { key, window_id } => self.find_undo(key, window_id),
            Effect::StopSampling => stop(self.work.sampling.take()),
            Effect::Prepare { call, kind, settings } => self.prepare(call, kind, Arc::clone(&settings.tools)),
            Effect::Discard { call_id } => {
                self.work.prepared.remove(&call_id);
            }
            Effect::Ask { request_id, request } => {
                self.each_subscriber(|subscriber| subscriber.ask(&request_id, &request));
                self.work.questions.insert(request_id, *request);
            }
            Effect::Review { request_id, request } => self.review(request_id, *request),
            Effect::Withdraw { request_id } => {
                self.work.questions.remove(&request_id);
                stop(self.work.reviews.remove(&request_id));
            }
            Effect::StartReviewer {
                turn_id,
                prompt,
                overrides,
            } => self.start_reviewer(turn_id, prompt, *overrides),
            Effect::EndReviewer => stop(self.work.reviewer.take()),
            Effect::Run { call_id, policy } => self.run(call_id, *policy),
            Effect::Grant {
                call_id,
                asked,
                answer,
                settings,
            } => self.spawn_report(widening::grant(Arc::clone(&self.shared), call_id, *asked, *answer, settings)),
            Effect::RunUserCommand { prepared } => {
                let call_id = prepared.call_id.clone();
                self.work.prepared.insert(call_id.clone(), *prepared);
                self.run(call_id, ResolvedPolicy::unconfined());
            }
            Effect::Cancel { call_id } => stop(self.work.calls.remove(&call_id)),
            Effect::SetTimer { timer, after } => {
                tracing::debug!(?timer, ?after, "timer");
                let sleep = self.shared.clock.sleep(after);
                self.spawn_report(async move {
                    sleep.await;
                    ThreadEvent::Timer(timer)
                });
            }
            Effect::TellProgram(notice) => self.tell_program(&notice),
            Effect::Sync => self.journal.sync()?,
            Effect::EndTerminals => self.tools.terminals.kill_all(),
            Effect::Unload => {
                self.cancel.cancel();
                return Ok(Ended::Yes);
            }
        }
        Ok(Ended::No)
    }

    /// Journal first, then tell.
    fn commit(&mut self, records: &[Record], notifications: &[Notification]) -> Result<(), JournalError> {
        if !records.is_empty() {
            let appended = self.journal.append(records, self.now());
            appended.inspect_err(|error| tracing::warn!(code = error.code(), error = error.with_cause(), "the journal takes no more"))?;
        }
        for notification in notifications {
            self.notify(notification);
        }
        Ok(())
    }

    fn notify(&mut self, notification: &Notification) {
        if let Notification::ServerRequestResolved(resolved) = notification {
            self.work.questions.remove(&resolved.request_id);
        }
        self.each_subscriber(|subscriber| subscriber.notify(notification));
    }

    fn each_subscriber(&self, tell: impl Fn(&dyn Subscriber)) {
        for subscriber in self.subscribers.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            tell(&**subscriber);
        }
    }

    /// Sends the event that `work` comes to, unless the thread ends first.
    fn spawn_report(&self, work: impl Future<Output = ThreadEvent> + Send + 'static) {
        let mailbox = self.mailbox.clone();
        let cancel = self.cancel.clone();
        tokio::spawn(async move {
            tokio::select! {
                () = cancel.cancelled() => {}
                event = work => drop(mailbox.event(event).await), // A thread that is gone needs no report.
            }
        });
    }

    /// Started here and now: the process may end right after the turn.
    fn tell_program(&self, notice: &ProgramNotice) {
        let env: Vec<_> = self
            .shared
            .env
            .vars
            .iter()
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        tracing::debug!(program = notice.command.first(), "notify");
        // The turn went well all the same, so it is the log that tells.
        match codex_hooks::notify(&notice.command, &env, &notice.turn) {
            Ok(None) => {}
            Ok(Some(started)) => {
                let (shared, command) = (Arc::clone(&self.shared), Arc::clone(&notice.command));
                tokio::spawn(async move {
                    if let Some(status) = started.failure().await
                        && shared.is_new_notify_failure(&command)
                    {
                        tracing::error!(program = command.first(), %status, "the program of `notify` failed");
                    }
                });
            }
            Err(NotifyError::Start { program, source }) => {
                if self.shared.is_new_notify_failure(&notice.command) {
                    tracing::error!(program, %source, "the program of `notify` cannot be started");
                }
            }
        }
    }

    fn resolve(&self, turn_id: String, overrides: crate::settings::TurnOverrides, input: Vec<codex_protocol::items::UserInput>) {
        let request = resolve::ResolveRequest {
            shared: Arc::clone(&self.shared),
            terminals: Arc::clone(&self.tools.terminals),
            thread_id: self.thread_id.clone(),
            session_id: self.session_id.clone(),
            turn_id: turn_id.clone(),
            source: self.source,
            overrides,
            input,
        };
        let world = self.tools.clone();
        let cancel = self.cancel.clone();
        self.spawn_report(async move {
            let setup = tokio::task::spawn_blocking(move || resolve::turn_setup(request))
                .await
                .unwrap_or_else(|panic| {
                    Err(TurnError::new(
                        "internal.panic",
                        format!("resolving the turn failed: {panic}"),
                        CodexErrorInfo::InternalServerError,
                    ))
                });
            if let Ok(setup) = &setup {
                let turn = Arc::clone(&setup.settings.tools);
                // Beside the first request: the user's profile is read once per thread, before a command needs it.
                tokio::spawn(async move { cancel.run_until_cancelled(codex_tools::warm_up(&turn, &world)).await });
            }
            ThreadEvent::TurnResolved {
                turn_id,
                setup: setup.map(Box::new),
            }
        });
    }

    fn start_reviewer(&mut self, turn_id: String, prompt: String, overrides: crate::settings::TurnOverrides) {
        let reviewer = Reviewer {
            turn_id,
            prompt,
            overrides,
            parent: Reviewer::parent(self.thread_id.clone(), self.session_id.clone()),
            ephemeral: self.journal.path().is_none(),
            followers: Arc::clone(&self.subscribers),
        };
        let cancel = self.cancel.child_token();
        self.work.reviewer = Some(cancel.clone());
        tokio::spawn(code_review::thread::run(
            self.engine.clone(),
            reviewer,
            self.mailbox.clone(),
            cancel,
        ));
    }

    fn read_input(&self, turn_id: String, order: usize, cwd: AbsPath, skills: Arc<SkillSet>, input: Vec<codex_protocol::items::UserInput>) {
        self.spawn_report(async move {
            let fallback = input.clone();
            let content = tokio::task::spawn_blocking(move || resolve::user_content(input, &cwd, &skills)).await;
            let content = content.unwrap_or_else(|_| crate::settings::UserContent {
                input: fallback,
                ..Default::default()
            });
            ThreadEvent::InputRead { turn_id, order, content }
        });
    }

    /// Within a limit: a file system that does not answer must not hold up the turn.
    fn find_changes(&self, turn_id: String, query: ChangesQuery, overrides: crate::settings::TurnOverrides, told: Surroundings) {
        const LIMIT: Duration = Duration::from_secs(10);
        let shared = Arc::clone(&self.shared);
        let too_late = self.shared.clock.sleep(LIMIT);
        let (unseen, as_told) = (Changes::unseen(&query), told.clone());
        self.spawn_report(async move {
            let look =
                tokio::task::spawn_blocking(move || (changes::look_up(&query), resolve::surroundings_now(&shared, &overrides, told)));
            let (changes, surroundings) = tokio::select! {
                found = look => found.unwrap_or((unseen, as_told)),
                () = too_late => (unseen, as_told),
            };
            ThreadEvent::ChangesFound {
                turn_id,
                changes: Box::new(changes),
                surroundings: Box::new(surroundings),
            }
        });
    }

    fn find_undo(&self, key: RequestKey, window_id: String) {
        let now = self.now();
        let source = match self.journal.path() {
            Some(path) => Err(path.clone()),
            None => Ok(self.journal.load()),
        };
        self.spawn_report(async move {
            let look = tokio::task::spawn_blocking(move || {
                let journal = source.unwrap_or_else(|path| codex_sessions::read(&path));
                undo::find(journal, window_id, now)
            });
            let found = look.await.unwrap_or_else(|panic| Err(internal(&panic)));
            ThreadEvent::UndoFound { key, found }
        });
    }

    fn sample(&mut self, sampling: u64, request: ModelRequest) {
        let cancel = self.cancel.child_token();
        tracing::debug!(sampling, model = request.model, items = request.input.len(), "asking the model");
        let mut events = self.model.sample(request, cancel.clone());
        self.work.sampling = Some(cancel.clone());
        let mailbox = self.mailbox.clone();
        let subscribers = Arc::clone(&self.subscribers);
        let following = async move {
            let mut ended = false;
            while let Some(event) = events.recv().await {
                room(&subscribers, &cancel).await;
                ended = is_last_word(sampling, &event);
                if mailbox.event(ThreadEvent::Model { sampling, event }).await == Err(Gone) || ended {
                    break;
                }
            }
            if !ended && !cancel.is_cancelled() {
                let info = CodexErrorInfo::ResponseStreamDisconnected { http_status_code: None };
                let message = "stream disconnected before completion: the model's answer ended without a last word";
                let error = ModelError::new(codex_model::error::STREAM_CLOSED, message, info, Retry::Backoff);
                let event = ModelEvent::Failed(error);
                drop(mailbox.event(ThreadEvent::Model { sampling, event }).await);
            }
        };
        tokio::spawn(following.in_current_span());
    }

    fn review(&mut self, request_id: RequestId, request: ModelRequest) {
        let cancel = self.cancel.child_token();
        self.work.reviews.insert(request_id.clone(), cancel.clone());
        let model = Arc::clone(&self.model);
        let limit = self.shared.clock.sleep(reviewer::LIMIT);
        self.spawn_report(async move {
            let result = tokio::select! {
                result = assess(&*model, &request, &cancel) => result,
                () = limit => Err(NoAssessment::TimedOut),
                () = cancel.cancelled() => Err(NoAssessment::Failed("the question was withdrawn".to_owned())),
            };
            cancel.cancel();
            ThreadEvent::Reviewed { request_id, result }
        });
    }

    fn prepare(&self, call: codex_protocol::response_item::ToolCallView, kind: codex_tools::CallKind, turn: Arc<codex_tools::TurnTools>) {
        let mailbox = self.mailbox.clone();
        let call_id = call.call_id.clone();
        tokio::spawn(async move {
            let prepared = tokio::task::spawn_blocking(move || codex_tools::prepare(&call, kind, &turn)).await;
            let result = match prepared {
                Ok(prepared) => prepared.map(Box::new).map_err(|error| error.text()),
                Err(panic) => Err(format!("the tool failed inside codex: {panic}")),
            };
            drop(mailbox.send(Message::Prepared { call_id, result }).await);
        });
    }

    fn run(&mut self, call_id: String, policy: ResolvedPolicy) {
        let cancel = self.cancel.child_token();
        self.work.calls.insert(call_id.clone(), cancel.clone());
        let mailbox = self.mailbox.clone();
        let Some(prepared) = self.work.prepared.remove(&call_id) else {
            return self.spawn_report(async move {
                ThreadEvent::Finished {
                    call_id,
                    outcome: Box::new(broken("the prepared call is gone")),
                }
            });
        };
        let world = self.tools.clone();
        let subscribers = Arc::clone(&self.subscribers);
        let cancelled = cancel.clone();
        let (reports, report_inbox) = mpsc::channel(64);
        let running = async move { codex_tools::run(prepared, policy, &world, reports, cancel).await };
        let running = tokio::spawn(running.in_current_span());
        tokio::spawn(async move {
            // Reports end when the call drops its sender; they are told before its outcome.
            forward(report_inbox, &mailbox).await;
            let outcome = running
                .await
                .unwrap_or_else(|panic| broken(&format!("the tool failed inside codex: {panic}")));
            room(&subscribers, &cancelled).await;
            let outcome = Box::new(outcome);
            drop(mailbox.event(ThreadEvent::Finished { call_id, outcome }).await);
        });
    }
}

/// Whether an answer ends with this; an end is noted.
fn is_last_word(sampling: u64, event: &ModelEvent) -> bool {
    match event {
        ModelEvent::Completed { .. } => tracing::debug!(sampling, "the answer is whole"),
        // Its message may hold a server's words.
        ModelEvent::Failed(error) => tracing::debug!(sampling, code = error.code, retry = ?error.retry, "no whole answer"),
        _ => return false,
    }
    true
}

/// The reviewer's answer. What breaks on the way is tried once more.
async fn assess(model: &dyn ModelClient, request: &ModelRequest, cancel: &CancellationToken) -> Result<Assessment, NoAssessment> {
    let first = answer_text(model.sample(request.clone(), cancel.child_token())).await;
    let text = match first {
        Err(error) if error.retry != Retry::Never => answer_text(model.sample(request.clone(), cancel.child_token())).await,
        other => other,
    };
    reviewer::parse(&text.map_err(|error| NoAssessment::Failed(error.message))?)
}

/// The last message of an answer.
async fn answer_text(mut events: mpsc::Receiver<ModelEvent>) -> Result<String, ModelError> {
    let mut text = String::new();
    while let Some(event) = events.recv().await {
        match event {
            ModelEvent::ItemDone(item) => text = item.view().message_text().map_or(text, |text| text.to_string()),
            ModelEvent::Completed { .. } => return Ok(text),
            ModelEvent::Failed(error) => return Err(error),
            ModelEvent::HeadReceived
            | ModelEvent::ItemAdded { .. }
            | ModelEvent::TextDelta { .. }
            | ModelEvent::SummaryDelta { .. }
            | ModelEvent::News(_) => {}
        }
    }
    let info = CodexErrorInfo::ResponseStreamDisconnected { http_status_code: None };
    Err(ModelError::new(
        codex_model::error::STREAM_CLOSED,
        "its answer broke off",
        info,
        Retry::Backoff,
    ))
}

/// The reducer's view of a journal as the thread's turns.
fn with_turns(mut thread: Thread, journal: Result<Loaded, JournalError>, running: Option<&str>) -> Result<Thread, RequestError> {
    let records = undo::recorded(journal).map_err(|error| journal_error(&error))?;
    thread.turns = codex_sessions::turns(&records);
    if let Some(last) = thread.turns.last_mut().filter(|last| running == Some(last.id.as_str())) {
        last.status = TurnStatus::InProgress;
    }
    Ok(thread)
}

/// Hands reports of tools to the thread until their sender is gone.
pub async fn forward(mut reports: mpsc::Receiver<ToolReport>, mailbox: &Mailbox) {
    while let Some(report) = reports.recv().await {
        if mailbox.event(ThreadEvent::Report(report)).await == Err(Gone) {
            return;
        }
    }
}

/// The outcome of a call that failed inside codex.
fn broken(text: &str) -> ToolOutcome {
    ToolOutcome::text(text, false)
}

fn stop(work: Option<CancellationToken>) {
    if let Some(work) = work {
        work.cancel();
    }
}
