//! Starts, resumes, reads and ends threads.

use crate::context::instructions::BASE;
use crate::context::items::base_message;
use crate::context::repair::missing_outputs;
use crate::home::installation_id;
use crate::settings::TurnOverrides;
use crate::thread::actor::{self, Mailbox, Message, Reply};
use crate::thread::event::{ThreadEvent, ThreadRequest};
use crate::thread::perform::{Subscriber, Subscribers, World, WorldParts, forward};
use crate::thread::resolve;
use crate::thread::state::{Resumed, ThreadInfo, ThreadState};
use codex_base::{AbsPath, Clock, Ids, Timestamp};
use codex_config::{ConfigError, Overrides, ProcessEnv, Resolved};
use codex_model::{ClientIdentity, ModelClient};
use codex_process::Sandbox;
use codex_protocol::errors::{CodexErrorInfo, TurnError};
use codex_protocol::items::{GitInfo, SessionSource, Thread, ThreadStatus, Turn, TurnStatus};
use codex_protocol::journal::{EventMsg, Record, SessionMeta, WorldState};
use codex_protocol::notifications::{ErrorNotification, Notification, ThreadClosed, Warning};
use codex_protocol::questions::ApprovalDecision;
use codex_protocol::requests::{RequestError, RequestId, ThreadSetup, ThreadSortKey};
use codex_sessions::{Faults, Journal, JournalError, Loaded};
use codex_tools::{Terminals, ToolWorld};
use serde_json::value::RawValue;
use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// How long all threads together have to end at shutdown.
const SHUTDOWN_LIMIT: Duration = Duration::from_secs(8);

/// What an engine is made of; chosen by the binary, or by a test.
pub struct EngineParts {
    pub env: ProcessEnv,
    pub overrides: Overrides,
    pub sandbox: Arc<dyn Sandbox>,
    pub clock: Arc<dyn Clock>,
    pub ids: Arc<dyn Ids>,
    pub identity: ClientIdentity,
    pub source: SessionSource,
    /// Hit points of the journal, for tests.
    pub faults: Option<Arc<dyn Faults>>,
    /// Used instead of the configured provider, for tests.
    pub model: Option<Arc<dyn ModelClient>>,
}

/// What all threads of a process share.
pub struct Shared {
    pub env: ProcessEnv,
    pub overrides: Overrides,
    pub sandbox: Arc<dyn Sandbox>,
    pub clock: Arc<dyn Clock>,
    pub ids: Arc<dyn Ids>,
    pub identity: ClientIdentity,
    pub source: SessionSource,
    pub faults: Option<Arc<dyn Faults>>,
    pub model: Option<Arc<dyn ModelClient>>,
    request_ids: AtomicI64,
}

impl Shared {
    /// One sequence of server request ids per process, from 0.
    pub fn next_request_id(&self) -> i64 {
        self.request_ids.fetch_add(1, Ordering::Relaxed)
    }
}

/// All loaded threads.
pub struct Engine {
    shared: Arc<Shared>,
    /// Looked up and changed for a moment at a time, never across a wait.
    threads: Mutex<HashMap<String, Loading>>,
}

struct Loading {
    handle: ThreadHandle,
    task: JoinHandle<()>,
}

/// The way to a loaded thread.
#[derive(Clone)]
pub struct ThreadHandle {
    pub id: String,
    mailbox: Mailbox,
}

impl ThreadHandle {
    /// Puts a request. The thread's task calls `reply` once, before it tells anything that follows from the request.
    pub async fn request(&self, request: ThreadRequest, reply: Reply) {
        self.mailbox.request(request, reply).await;
    }

    /// Hands over a client's answer. An answer that comes too late is ignored.
    pub async fn answer(&self, request_id: RequestId, answer: Result<ApprovalDecision, String>) {
        drop(self.mailbox.answer(request_id, answer).await);
    }

    pub async fn subscribe(&self, subscriber: Arc<dyn Subscriber>) {
        drop(self.mailbox.send(Message::Subscribe(subscriber)).await);
    }

    pub async fn unsubscribe(&self, connection: u64) {
        drop(self.mailbox.send(Message::Unsubscribe { connection }).await);
    }

    /// What the thread's settings differ in from the configuration.
    ///
    /// # Errors
    /// If the thread has just ended.
    pub async fn overrides(&self) -> Result<TurnOverrides, RequestError> {
        let (reply, answer) = tokio::sync::oneshot::channel();
        drop(self.mailbox.send(Message::Overrides { reply }).await);
        answer.await.map_err(|_| not_found(&self.id))
    }

    /// The thread as it stands, with its turns if asked for.
    ///
    /// # Errors
    /// If its journal cannot be read.
    pub async fn read(&self, include_turns: bool) -> Result<Thread, RequestError> {
        let (reply, answer) = tokio::sync::oneshot::channel();
        drop(self.mailbox.send(Message::Read { include_turns, reply }).await);
        answer.await.map_err(|_| not_found(&self.id))?
    }
}

/// What a thread is started from: configuration for its directory and what was made of it.
struct Prepared {
    cwd: AbsPath,
    resolved: Resolved,
    model_slug: String,
    model: Arc<dyn ModelClient>,
    tools: Box<RawValue>,
    git: Option<GitInfo>,
    instruction_sources: Vec<AbsPath>,
    /// Of configuration, model and project documents; told with the thread's set-up.
    warnings: Vec<String>,
}

impl Engine {
    pub fn new(parts: EngineParts) -> Arc<Self> {
        let EngineParts {
            env,
            overrides,
            sandbox,
            clock,
            ids,
            identity,
            source,
            faults,
            model,
        } = parts;
        let request_ids = AtomicI64::new(0);
        let shared = Shared {
            env,
            overrides,
            sandbox,
            clock,
            ids,
            identity,
            source,
            faults,
            model,
            request_ids,
        };
        Arc::new(Self {
            shared: Arc::new(shared),
            threads: Mutex::new(HashMap::new()),
        })
    }

    pub fn codex_home(&self) -> &AbsPath {
        &self.shared.env.codex_home
    }

    pub fn get(&self, thread_id: &str) -> Option<ThreadHandle> {
        self.threads().get(thread_id).map(|loading| loading.handle.clone())
    }

    fn threads(&self) -> std::sync::MutexGuard<'_, HashMap<String, Loading>> {
        self.threads.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes a thread. Its rollout file appears with the first turn.
    ///
    /// # Errors
    /// If the configuration, the provider or the journal's place cannot be used.
    pub async fn start(
        self: &Arc<Self>,
        overrides: TurnOverrides,
        base_instructions: Option<String>,
        ephemeral: bool,
        subscriber: Arc<dyn Subscriber>,
    ) -> Result<ThreadSetup, RequestError> {
        let prepared = self.prepare(overrides.clone()).await?;
        let now = self.shared.clock.now();
        let id = self.shared.ids.uuid().to_string();
        let journal = if ephemeral {
            Journal::in_memory()
        } else {
            Journal::create(&self.shared.env.codex_home, &id, now, &self.shared.env.timezone).map_err(|error| journal_error(&error))?
        };
        let text = base_instructions.unwrap_or_else(|| BASE.to_owned());
        let info = self.thread_info(
            &prepared,
            &id,
            &journal,
            now,
            base_message(&text),
            Arc::from(prepared.tools.clone()),
            "new",
        );
        let meta = self.session_meta(&prepared, &info, text);
        let cwd = prepared.cwd.clone();
        let mut state = ThreadState::new(ThreadInfo { ephemeral, ..info }, prepared.model_slug.clone(), cwd, overrides, meta);
        state.warned.extend(prepared.warnings.iter().cloned());
        let setup = thread_setup(&prepared, state.thread());
        self.spawn(state, journal, prepared.model, subscriber);
        Ok(setup)
    }

    /// Loads a stored thread, or joins a loaded one, and subscribes to it.
    ///
    /// # Errors
    /// If there is no such thread, somebody else writes it, or it cannot be read.
    pub async fn resume(
        self: &Arc<Self>,
        thread_id: &str,
        overrides: TurnOverrides,
        exclude_turns: bool,
        subscriber: Arc<dyn Subscriber>,
    ) -> Result<ThreadSetup, RequestError> {
        if let Some(handle) = self.get(thread_id) {
            return self.join(&handle, overrides, exclude_turns, subscriber).await;
        }
        let prepared = self.prepare(overrides.clone()).await?;
        let home = self.shared.env.codex_home.clone();
        let id = thread_id.to_owned();
        let opened = tokio::task::spawn_blocking(move || Journal::resume(&home, &id)).await;
        let (journal, loaded) = opened.map_err(|panic| internal(&panic))?.map_err(|error| journal_error(&error))?;
        let turns = codex_sessions::turns(&loaded.records);
        let text = if loaded.meta_missing {
            BASE
        } else {
            &loaded.meta.base_instructions
        };
        let base_item = loaded.meta.base_item.clone().unwrap_or_else(|| base_message(text));
        let stored_tools = loaded.meta.tools.clone().and_then(|tools| RawValue::from_string(tools).ok());
        let tools = Arc::from(stored_tools.unwrap_or_else(|| prepared.tools.clone()));
        let created_at = loaded.meta.timestamp.parse().unwrap_or_else(|_| self.shared.clock.now());
        let info = self.thread_info(&prepared, thread_id, &journal, created_at, base_item, tools, "cold_resume");
        let info = ThreadInfo {
            session_id: loaded.meta.session_id.clone(),
            source: loaded.meta.source,
            ..info
        };
        let mut warnings = loaded.problems.clone();
        if !loaded.meta.model.is_empty() && loaded.meta.model != prepared.model_slug {
            let (old, new) = (&loaded.meta.model, &prepared.model_slug);
            warnings.push(format!(
                "This session was recorded with model `{old}` but is resuming with `{new}`."
            ));
        }
        let resumed = self.resumed(&prepared, &info, loaded, &turns);
        let mut state = ThreadState::with(info, prepared.model_slug.clone(), prepared.cwd.clone(), overrides, resumed);
        state.warned.extend(prepared.warnings.iter().cloned());
        state
            .shown_ids
            .extend(turns.iter().flat_map(|turn| &turn.items).map(|item| item.id().to_owned()));
        let mut thread = state.thread();
        if !exclude_turns {
            thread.turns = turns;
        }
        let setup = thread_setup(&prepared, thread);
        for message in warnings {
            subscriber.notify(&Notification::Warning(Warning {
                message,
                thread_id: Some(thread_id.to_owned()),
            }));
        }
        self.spawn(state, journal, prepared.model, subscriber);
        Ok(setup)
    }

    /// Subscribes to a loaded thread. It keeps its own settings, so these are what the answer tells, whatever was `wanted`.
    async fn join(
        &self,
        handle: &ThreadHandle,
        wanted: TurnOverrides,
        exclude_turns: bool,
        subscriber: Arc<dyn Subscriber>,
    ) -> Result<ThreadSetup, RequestError> {
        let own = handle.overrides().await?;
        let prepared = self.prepare(own.clone()).await?;
        let thread = handle.read(!exclude_turns).await?;
        let mut changed = own.clone();
        changed.merge(wanted);
        if changed != own {
            let message =
                "This thread is loaded already and keeps its settings; the other ones that were asked for are ignored.".to_owned();
            let thread_id = Some(handle.id.clone());
            subscriber.notify(&Notification::Warning(Warning { message, thread_id }));
        }
        handle.subscribe(subscriber).await;
        Ok(thread_setup(&prepared, thread))
    }

    /// A loaded or stored thread, without subscribing.
    ///
    /// # Errors
    /// If there is no such thread or its journal cannot be read.
    pub async fn read(&self, thread_id: &str, include_turns: bool) -> Result<Thread, RequestError> {
        if let Some(handle) = self.get(thread_id) {
            return handle.read(include_turns).await;
        }
        let home = self.shared.env.codex_home.clone();
        let id = thread_id.to_owned();
        let read = tokio::task::spawn_blocking(move || {
            let path = codex_sessions::find(&home, &id)?.ok_or(JournalError::NotFound { thread_id: id })?;
            codex_sessions::read(&path).map(|loaded| (path, loaded))
        });
        let (path, loaded) = read
            .await
            .map_err(|panic| internal(&panic))?
            .map_err(|error| journal_error(&error))?;
        let turns = codex_sessions::turns(&loaded.records);
        let updated_at = loaded.records.last().map_or(Timestamp::UNIX_EPOCH, |(time, _)| *time);
        let mut thread = stored_thread(&loaded.meta, path, preview_of(&turns), updated_at);
        if include_turns {
            thread.turns = turns;
        }
        Ok(thread)
    }

    /// Stored threads, newest first by the time that `order` names; with `cwd` only those of exactly that directory.
    ///
    /// # Errors
    /// Only if the listing itself failed inside codex.
    pub async fn list(&self, cwd: Option<AbsPath>, limit: usize, order: ThreadSortKey) -> Result<Vec<Thread>, RequestError> {
        let home = self.shared.env.codex_home.clone();
        let listed = tokio::task::spawn_blocking(move || match order {
            ThreadSortKey::CreatedAt => codex_sessions::list(&home, cwd.as_ref(), limit),
            ThreadSortKey::UpdatedAt => codex_sessions::list_by_update(&home, cwd.as_ref(), limit),
        });
        let summaries = listed.await.map_err(|panic| internal(&panic))?;
        let thread = |summary: codex_sessions::SessionSummary| {
            let preview = summary.preview.unwrap_or_default();
            let thread = stored_thread(&summary.meta, summary.path, preview, summary.updated_at);
            Thread {
                name: summary.name,
                ..thread
            }
        };
        Ok(summaries.into_iter().map(thread).collect())
    }

    /// Interrupts turns, ends terminals, flushes journals. Bounded: what does not end in time is left to its supervisor.
    pub async fn shutdown(&self) {
        let loaded: Vec<Loading> = self.threads().drain().map(|(_, loading)| loading).collect();
        for loading in &loaded {
            drop(loading.handle.mailbox.event(ThreadEvent::Shutdown).await);
        }
        let all = async {
            for loading in loaded {
                drop(loading.task.await); // A panic was told by the thread's watcher.
            }
        };
        tokio::select! {
            () = all => {}
            () = self.shared.clock.sleep(SHUTDOWN_LIMIT) => {}
        }
    }

    async fn prepare(&self, overrides: TurnOverrides) -> Result<Prepared, RequestError> {
        let shared = Arc::clone(&self.shared);
        let prepared = tokio::task::spawn_blocking(move || prepare(&shared, &overrides)).await;
        prepared.map_err(|panic| internal(&panic))?
    }

    #[expect(clippy::too_many_arguments, reason = "one place that collects a thread's unchanging facts")]
    fn thread_info(
        &self,
        prepared: &Prepared,
        id: &str,
        journal: &Journal,
        created_at: Timestamp,
        base_item: codex_protocol::response_item::ResponseItem,
        tools: Arc<RawValue>,
        history_initialization: &'static str,
    ) -> ThreadInfo {
        ThreadInfo {
            id: id.to_owned(),
            session_id: id.to_owned(),
            installation_id: installation_id(&self.shared.env.codex_home),
            source: self.shared.source,
            originator: self.shared.identity.originator.clone(),
            cli_version: codex_protocol::VERSION.to_owned(),
            ephemeral: false,
            created_at,
            path: journal.path().cloned(),
            git: prepared.git.clone(),
            model_provider: prepared.resolved.config.provider.id.clone(),
            history_initialization,
            attempts_max: prepared.model.attempts_max(),
            capabilities: self.shared.sandbox.capabilities().clone(),
            base_item,
            tools,
        }
    }

    fn session_meta(&self, prepared: &Prepared, info: &ThreadInfo, base_instructions: String) -> SessionMeta {
        SessionMeta {
            id: info.id.clone(),
            session_id: info.session_id.clone(),
            timestamp: info.created_at.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string(),
            cwd: prepared.cwd.clone(),
            originator: info.originator.clone(),
            cli_version: info.cli_version.clone(),
            source: info.source,
            model_provider: info.model_provider.clone(),
            model: prepared.model_slug.clone(),
            base_instructions,
            base_item: Some(info.base_item.clone()),
            tools: Some(info.tools.get().to_owned()),
            git: prepared.git.clone(),
        }
    }

    /// What a stored thread goes on with: its history, closed where a crash left it open.
    fn resumed(&self, prepared: &Prepared, info: &ThreadInfo, loaded: Loaded, turns: &[Turn]) -> Resumed {
        let mut history = codex_sessions::model_input(&loaded.records);
        let mut owed = Vec::new();
        if loaded.meta_missing {
            owed.push(Record::SessionMeta(Box::new(self.session_meta(prepared, info, BASE.to_owned()))));
        }
        let repairs = missing_outputs(&history, &*self.shared.ids);
        history.extend(repairs.iter().cloned());
        owed.extend(repairs.into_iter().map(Record::ResponseItem));
        owed.extend(unfinished(&loaded, turns, self.shared.clock.now()));
        let mut resumed = Resumed {
            history,
            owed,
            preview: preview_of(turns),
            ..Resumed::default()
        };
        for (_, record) in loaded.records {
            match record {
                Record::WorldState(state) => resumed.told = Some(*state),
                Record::Event(event) => {
                    if let EventMsg::TokenCount {
                        total,
                        last,
                        model_context_window,
                    } = *event
                    {
                        resumed.usage = codex_protocol::items::ThreadTokenUsage {
                            total,
                            last,
                            model_context_window,
                        };
                    }
                }
                Record::Compacted(_) => resumed.told = None,
                Record::SessionMeta(_)
                | Record::TurnContext(_)
                | Record::ResponseItem(_)
                | Record::TokenUsage(_)
                | Record::PrefixBreak { .. } => {}
            }
        }
        if resumed.told == Some(WorldState::default()) {
            resumed.told = None; // Another program's file: tell everything once more.
        }
        resumed
    }

    /// Starts the thread's task and the watcher that tells subscribers should it panic.
    fn spawn(self: &Arc<Self>, state: ThreadState, journal: Journal, model: Arc<dyn ModelClient>, subscriber: Arc<dyn Subscriber>) {
        let (mailbox, inbox) = Mailbox::new();
        let thread_id = state.info.id.clone();
        let cancel = CancellationToken::new();
        let (reports, report_inbox) = mpsc::channel(64);
        let terminals = Arc::new(Terminals::new(reports));
        let forward_to = mailbox.clone();
        tokio::spawn(async move { forward(report_inbox, &forward_to).await });
        let subscribers: Subscribers = Arc::new(Mutex::new(vec![subscriber]));
        let shared = Arc::clone(&self.shared);
        let tools = ToolWorld {
            sandbox: Arc::clone(&shared.sandbox),
            clock: Arc::clone(&shared.clock),
            ids: Arc::clone(&shared.ids),
            terminals,
        };
        let journal = match &shared.faults {
            Some(faults) => journal.with_faults(Arc::clone(faults)),
            None => journal,
        };
        let world = World::new(WorldParts {
            shared,
            journal,
            model,
            tools,
            mailbox: mailbox.clone(),
            subscribers: Arc::clone(&subscribers),
            cancel: cancel.clone(),
            thread_id: thread_id.clone(),
            session_id: state.info.session_id.clone(),
        });
        let owner = tokio::spawn(actor::run(state, inbox, world));
        let engine = Arc::downgrade(self);
        let id = thread_id.clone();
        let task = tokio::spawn(async move {
            let ended = owner.await;
            cancel.cancel();
            if ended.is_err() {
                tell_panic(&subscribers, &id);
            }
            tell(&subscribers, &Notification::ThreadClosed(ThreadClosed { thread_id: id.clone() }));
            if let Some(engine) = engine.upgrade() {
                engine.threads().remove(&id);
            }
        });
        self.threads().insert(
            thread_id.clone(),
            Loading {
                handle: ThreadHandle { id: thread_id, mailbox },
                task,
            },
        );
    }
}

fn tell(subscribers: &Subscribers, notification: &Notification) {
    for subscriber in subscribers.lock().unwrap_or_else(PoisonError::into_inner).iter() {
        subscriber.notify(notification);
    }
}

/// A bug in the thread's task: the turn fails with an internal error, the thread unloads, others go on.
fn tell_panic(subscribers: &Subscribers, thread_id: &str) {
    let error = TurnError::new(
        "internal.panic",
        "internal error: this thread stopped unexpectedly; its journal is whole",
        CodexErrorInfo::InternalServerError,
    );
    let notification = ErrorNotification {
        error,
        thread_id: thread_id.to_owned(),
        turn_id: String::new(),
        will_retry: false,
    };
    tell(subscribers, &Notification::Error(notification));
}

fn prepare(shared: &Shared, overrides: &TurnOverrides) -> Result<Prepared, RequestError> {
    let (cwd, resolved) = resolve::config_for(shared, overrides).map_err(|error| config_error(&error))?;
    let (model_slug, info) = resolve::model_for(&resolved);
    let lookup = |name: &str| shared.env.var(name).map(str::to_owned);
    let model = match &shared.model {
        Some(model) => Arc::clone(model),
        None => codex_model::build(&resolved.config.provider, &lookup, None, &shared.identity)
            .map_err(|error| RequestError::invalid(error.code(), error.to_string()))?,
    };
    let docs = resolve::project_docs(shared, &cwd, &resolved);
    Ok(Prepared {
        tools: codex_tools::specs(&resolve::tool_set(&resolved, &info)),
        git: git_info(&cwd),
        warnings: resolved.warnings.iter().cloned().chain(resolve::warnings(&info, &docs)).collect(),
        instruction_sources: docs.sources,
        model_slug,
        model,
        cwd,
        resolved,
    })
}

fn git_info(cwd: &AbsPath) -> Option<GitInfo> {
    let facts = codex_git::facts(cwd)?;
    let origin_url = facts.origin_url().map(str::to_owned);
    Some(GitInfo {
        sha: facts.commit,
        branch: facts.branch,
        origin_url,
    })
}

/// The end record that a crash kept from being written.
fn unfinished(loaded: &Loaded, turns: &[Turn], now: Timestamp) -> Option<Record> {
    let last = turns.last()?;
    let ended = loaded.records.iter().rev().find_map(|(_, record)| match record {
        Record::Event(event) => match &**event {
            EventMsg::TaskComplete { turn_id, .. } | EventMsg::TurnAborted { turn_id, .. } => Some(*turn_id == last.id),
            EventMsg::TaskStarted { .. } => Some(false),
            EventMsg::ItemCompleted { .. } | EventMsg::TokenCount { .. } | EventMsg::ThreadRolledBack { .. } => None,
        },
        _ => None,
    });
    (ended == Some(false) && last.status != TurnStatus::Completed).then(|| {
        Record::Event(Box::new(EventMsg::TurnAborted {
            turn_id: last.id.clone(),
            reason: "interrupted".to_owned(),
            started_at: last.started_at.unwrap_or_default(),
            completed_at: now.as_second(),
            duration_ms: 0,
        }))
    })
}

fn thread_setup(prepared: &Prepared, thread: Thread) -> ThreadSetup {
    let config = &prepared.resolved.config;
    let model_info = codex_model::catalog().find(&prepared.model_slug);
    let summary = config.model_reasoning_summary.unwrap_or(model_info.default_summary);
    ThreadSetup {
        thread,
        model: prepared.model_slug.clone(),
        model_provider: config.provider.id.clone(),
        cwd: prepared.cwd.clone(),
        approval_policy: config.approval_policy,
        approvals_reviewer: "user".to_owned(),
        sandbox: config.sandbox_policy.clone(),
        instruction_sources: prepared.instruction_sources.clone(),
        reasoning_effort: config.model_reasoning_effort.clone().or(model_info.default_effort),
        reasoning_summary: Some(summary.as_str().to_owned()),
        warnings: prepared.warnings.clone(),
    }
}

fn stored_thread(meta: &SessionMeta, path: AbsPath, preview: String, updated_at: Timestamp) -> Thread {
    let created_at = meta.timestamp.parse().unwrap_or(Timestamp::UNIX_EPOCH);
    Thread {
        id: meta.id.clone(),
        session_id: meta.session_id.clone(),
        preview,
        ephemeral: false,
        model_provider: meta.model_provider.clone(),
        model: Some(meta.model.clone()),
        created_at: created_at.as_second(),
        updated_at: updated_at.as_second(),
        status: ThreadStatus::NotLoaded,
        path: Some(path),
        cwd: meta.cwd.clone(),
        cli_version: meta.cli_version.clone(),
        source: meta.source,
        originator: Some(meta.originator.clone()),
        project_id: None,
        name: None,
        git_info: meta.git.clone(),
        turns: Vec::new(),
    }
}

fn preview_of(turns: &[Turn]) -> String {
    let first = turns.iter().flat_map(|turn| &turn.items).find_map(|item| match item {
        codex_protocol::items::ThreadItem::UserMessage { .. } => Some(crate::thread::step::preview(item)),
        _ => None,
    });
    first.unwrap_or_default()
}

fn config_error(error: &ConfigError) -> RequestError {
    RequestError::invalid(error.code(), error.to_string())
}

fn journal_error(error: &JournalError) -> RequestError {
    let text = error.with_cause();
    match error {
        JournalError::InUse { .. } | JournalError::NotFound { .. } | JournalError::InvalidId { .. } => {
            RequestError::invalid(error.code(), text)
        }
        JournalError::Read { .. } | JournalError::Write { .. } => RequestError::internal(error.code(), text),
    }
}

fn internal(panic: &tokio::task::JoinError) -> RequestError {
    RequestError::internal("internal.panic", format!("internal error: {panic}"))
}

fn not_found(thread_id: &str) -> RequestError {
    RequestError::invalid("thread.not_found", format!("thread not found: {thread_id}"))
}
