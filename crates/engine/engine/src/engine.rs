//! Starts, resumes, reads and ends threads.

use crate::code_review::Assignment;
use crate::code_review::assignment::assignment;
use crate::context::instructions::BASE;
use crate::context::items::base_message;
use crate::opening::{Identity, Opening};
use crate::settings::TurnOverrides;
use crate::shared::{EngineParts, Shared};
use crate::thread::actor::{self, Mailbox, Message, Reply};
use crate::thread::event::{ThreadEvent, ThreadRequest};
use crate::thread::perform::{Subscriber, Subscribers, Work, World, forward};
use crate::thread::state::{ThreadInfo, ThreadState};
use codex_base::AbsPath;
use codex_config::{Overrides, ProcessEnv};
use codex_model::ModelClient;
use codex_protocol::collaboration::ModeKind;
use codex_protocol::errors::{CodexErrorInfo, TurnError};
use codex_protocol::items::{SessionSource, SubAgentKind, Thread};
use codex_protocol::notifications::{ErrorNotification, Notification, ThreadIdNotification, Warning};
use codex_protocol::questions::Answer;
use codex_protocol::requests::{RequestError, RequestId, ThreadSetup};
use codex_protocol::review::ReviewTarget;
use codex_protocol::terminals::BackgroundTerminal;
use codex_sessions::{Cut, Fork, Index, Journal, JournalError, Loaded};
use codex_tools::{Terminals, ToolWorld};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

/// How long all threads together have to end at shutdown.
const SHUTDOWN_LIMIT: Duration = Duration::from_secs(8);

/// All loaded threads.
pub struct Engine {
    pub(crate) shared: Arc<Shared>,
    /// Looked up and changed for a moment at a time, never across a wait.
    threads: Mutex<HashMap<String, Loading>>,
    /// Held only to take or make the way to it.
    pub(crate) index: Mutex<Option<Arc<Index>>>,
}

/// How a fork is answered and kept.
#[derive(Debug, Clone, Default)]
pub struct ForkOptions {
    /// In memory only.
    pub ephemeral: bool,
    /// What started it, in the client's words; `None` is `user`.
    pub thread_source: Option<String>,
    /// Its turns are not told.
    pub exclude_turns: bool,
}

/// A thread with a history, about to be loaded.
struct Stored {
    info: ThreadInfo,
    loaded: Loaded,
    name: Option<String>,
    journal: Journal,
}

struct Loading {
    handle: ThreadHandle,
    task: JoinHandle<()>,
}

/// What a new thread has beside its settings.
#[derive(Debug, Clone, Default)]
pub struct NewThread {
    /// In place of our own.
    pub base_instructions: Option<String>,
    /// Keep it in memory only.
    pub ephemeral: bool,
    /// What started it, in the client's words; `None` is `user`.
    pub thread_source: Option<String>,
    /// For a thread that works for another one.
    pub parent: Option<Parent>,
}

/// The thread that another one works for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parent {
    pub thread_id: String,
    /// The root thread's id, which both share.
    pub session_id: String,
    /// What the work is.
    pub kind: SubAgentKind,
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
    pub async fn answer(&self, request_id: RequestId, answer: Result<Answer, String>) {
        drop(self.mailbox.answer(request_id, answer).await);
    }

    pub async fn subscribe(&self, subscriber: Arc<dyn Subscriber>) {
        drop(self.mailbox.send(Message::Subscribe(subscriber)).await);
    }

    pub async fn unsubscribe(&self, connection: u64) {
        drop(self.mailbox.send(Message::Unsubscribe { connection }).await);
    }

    /// Interrupts what runs, and unloads the thread.
    pub(crate) async fn shut_down(&self) {
        drop(self.mailbox.event(ThreadEvent::Shutdown).await);
    }

    pub(crate) async fn renamed(&self, name: String) {
        drop(self.mailbox.send(Message::Renamed { name }).await);
    }

    /// Has all subscribers told what was used up to its last turn.
    pub async fn tell_usage(&self, turn_id: String) {
        drop(self.mailbox.send(Message::Usage { turn_id }).await);
    }

    /// What the thread's settings differ in from the configuration.
    ///
    /// # Errors
    /// If the thread has just ended.
    pub async fn overrides(&self) -> Result<TurnOverrides, RequestError> {
        self.ask(|reply| Message::Overrides { reply }).await
    }

    /// Commands of the model that go on without a call that waits for them, the oldest first.
    ///
    /// # Errors
    /// If the thread has just ended.
    pub async fn background_terminals(&self) -> Result<Vec<BackgroundTerminal>, RequestError> {
        Ok(self.terminals().await?.background())
    }

    /// Ends one of them; `false` if there is none of this id.
    ///
    /// # Errors
    /// If the thread has just ended.
    pub async fn terminate(&self, process_id: &str) -> Result<bool, RequestError> {
        let terminals = self.terminals().await?;
        Ok(process_id.parse().is_ok_and(|id| terminals.kill(id)))
    }

    /// Ends all of them.
    ///
    /// # Errors
    /// If the thread has just ended.
    pub async fn clean_terminals(&self) -> Result<(), RequestError> {
        self.terminals().await?.kill_background();
        Ok(())
    }

    async fn terminals(&self) -> Result<Arc<Terminals>, RequestError> {
        self.ask(|reply| Message::Terminals { reply }).await
    }

    /// The thread as it stands, with its turns if asked for.
    ///
    /// # Errors
    /// If its journal cannot be read.
    pub async fn read(&self, include_turns: bool) -> Result<Thread, RequestError> {
        self.ask(|reply| Message::Read { include_turns, reply }).await?
    }

    async fn ask<T>(&self, message: impl FnOnce(oneshot::Sender<T>) -> Message) -> Result<T, RequestError> {
        let (reply, answer) = oneshot::channel();
        drop(self.mailbox.send(message(reply)).await);
        answer.await.map_err(|_| not_found(&self.id))
    }
}

impl Engine {
    pub fn new(parts: EngineParts) -> Arc<Self> {
        Arc::new(Self {
            shared: Arc::new(Shared::new(parts)),
            threads: Mutex::new(HashMap::new()),
            index: Mutex::default(),
        })
    }

    /// What the configuration is resolved with.
    pub fn configuration(&self) -> (&ProcessEnv, &Overrides) {
        (&self.shared.env, &self.shared.overrides)
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
        new: NewThread,
        subscriber: Arc<dyn Subscriber>,
    ) -> Result<ThreadSetup, RequestError> {
        let overrides = TurnOverrides {
            new_thread: true,
            ..overrides
        };
        let source = match &new.parent {
            Some(parent) => SessionSource::SubAgent(parent.kind),
            None => self.shared.source,
        };
        let opening = self.open(overrides.clone(), source).await?;
        let now = self.shared.clock.now();
        let id = self.shared.ids.uuid().to_string();
        let journal = if new.ephemeral {
            Journal::in_memory()
        } else {
            Journal::create(&self.shared.env.codex_home, &id, now, &self.shared.env.timezone).map_err(|error| journal_error(&error))?
        };
        let configured = || opening.resolved.config.base_instructions.clone();
        let text = new.base_instructions.or_else(configured).unwrap_or_else(|| BASE.to_owned());
        let identity = Identity {
            id,
            path: journal.path().cloned(),
            forked_from_id: None,
            created_at: now,
            thread_source: new.thread_source.filter(|source| !source.is_empty()),
            base_item: base_message(&text),
            tools: Arc::from(opening.tools.clone()),
            history_initialization: "new",
        };
        let mut info = opening.info(&self.shared, identity);
        info.source = source;
        if let Some(parent) = new.parent {
            info.session_id = parent.session_id;
            info.parent_thread_id = Some(parent.thread_id);
        }
        let meta = opening.meta(&info, text);
        let mut state = ThreadState::new(info, opening.model_slug.clone(), opening.cwd.clone(), overrides, meta);
        state.warned.extend(opening.warnings.iter().cloned());
        let setup = opening.setup(state.thread());
        opening.get_ready(&state.info);
        self.spawn(state, journal, opening.model, subscriber);
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
        let opening = self.open(overrides.clone(), self.shared.source).await?;
        let home = self.shared.env.codex_home.clone();
        let id = thread_id.to_owned();
        let opened = blocking(move || Ok((Journal::resume(&home, &id)?, codex_sessions::names(&home).remove(&id))));
        let ((journal, loaded), name) = opened.await?.map_err(|error| journal_error(&error))?;
        let info = opening.stored_info(&self.shared, thread_id, journal.path().cloned(), &loaded.meta, loaded.meta_missing);
        let stored = Stored {
            info,
            loaded,
            name,
            journal,
        };
        Ok(self.go_on(opening, stored, overrides, exclude_turns, subscriber))
    }

    /// A thread of its own that begins with what another one says up to `cut`. Its file appears at once.
    ///
    /// # Errors
    /// If there is no such thread or turn, or the new journal's place cannot be used.
    pub async fn fork(
        self: &Arc<Self>,
        source_id: &str,
        cut: Cut,
        overrides: TurnOverrides,
        options: ForkOptions,
        subscriber: Arc<dyn Subscriber>,
    ) -> Result<ThreadSetup, RequestError> {
        let overrides = TurnOverrides {
            new_thread: true,
            ..overrides
        };
        let opening = self.open(overrides.clone(), self.shared.source).await?;
        let id = self.shared.ids.uuid().to_string();
        let (shared, source_id) = (Arc::clone(&self.shared), source_id.to_owned());
        let exclude_turns = options.exclude_turns;
        let forked = blocking(move || {
            let home = &shared.env.codex_home;
            let plan = Fork::plan(home, &source_id, &cut)?;
            let mut info = opening.fork_info(&shared, id, options.ephemeral, plan.source());
            info.thread_source = options.thread_source.filter(|source| !source.is_empty());
            let meta = opening.meta(&info, plan.source().base_instructions.clone());
            let now = shared.clock.now();
            let (journal, loaded) = match options.ephemeral {
                true => plan.in_memory(meta, now)?,
                false => plan.create(home, meta, now, &shared.env.timezone)?,
            };
            info.path = journal.path().cloned();
            let stored = Stored {
                info,
                loaded,
                name: None,
                journal,
            };
            Ok((opening, stored))
        });
        let (opening, stored) = forked.await?.map_err(|error| journal_error(&error))?;
        Ok(self.go_on(opening, stored, overrides, exclude_turns, subscriber))
    }

    /// Loads a thread that has a history.
    fn go_on(
        self: &Arc<Self>,
        opening: Opening,
        stored: Stored,
        mut overrides: TurnOverrides,
        exclude_turns: bool,
        subscriber: Arc<dyn Subscriber>,
    ) -> ThreadSetup {
        let turns = codex_sessions::turns(&stored.loaded.records);
        let warnings = opening.resume_warnings(&stored.loaded);
        let mut resumed = opening.resumed(&self.shared, &stored.info, stored.loaded, &turns);
        resumed.name = stored.name;
        // Whoever left it planning finds it planning; the model is the configured one, as in any mode.
        if resumed.mode.mode == ModeKind::Plan && overrides.collaboration_mode.is_none() {
            resumed.mode.settings.model.clear();
            overrides.collaboration_mode = Some(std::mem::take(&mut resumed.mode));
        }
        let mode = overrides.collaboration_mode.clone();
        let mut state = ThreadState::with(stored.info, opening.model_slug.clone(), opening.cwd.clone(), overrides, resumed);
        state.warned.extend(opening.warnings.iter().cloned());
        state
            .shown_ids
            .extend(turns.iter().flat_map(|turn| &turn.items).map(|item| item.id().to_owned()));
        let mut thread = state.thread();
        let thread_id = Some(thread.id.clone());
        if !exclude_turns {
            thread.turns = turns;
        }
        let setup = ThreadSetup {
            collaboration_mode: mode,
            ..opening.setup(thread)
        };
        for message in warnings {
            let thread_id = thread_id.clone();
            subscriber.notify(&Notification::Warning(Warning { message, thread_id }));
        }
        opening.get_ready(&state.info);
        self.spawn(state, stored.journal, opening.model, subscriber);
        setup
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
        let opening = self.open(own.clone(), self.shared.source).await?;
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
        Ok(ThreadSetup {
            collaboration_mode: own.collaboration_mode,
            ..opening.setup(thread)
        })
    }

    /// Ends a thread if it is loaded: its turn interrupted, its terminals ended, its journal closed. Answers whether it was.
    ///
    /// # Errors
    /// If it did not end in time.
    pub(crate) async fn unload(&self, thread_id: &str) -> Result<bool, RequestError> {
        let Some(Loading { handle, task }) = self.threads().remove(thread_id) else {
            return Ok(false);
        };
        drop(handle.mailbox.event(ThreadEvent::Shutdown).await);
        tokio::select! {
            _ = task => Ok(true), // A panic was told by the thread's watcher.
            () = self.shared.clock.sleep(SHUTDOWN_LIMIT) => {
                Err(RequestError::internal("thread.not_ended", format!("thread {thread_id} did not end in time")))
            }
        }
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
            self.close_index().await;
        };
        tokio::select! {
            () = all => {}
            () = self.shared.clock.sleep(SHUTDOWN_LIMIT) => {}
        }
    }

    /// The review that `target` asks of a thread, after a look at the repository it works in.
    ///
    /// # Errors
    /// If the target says nothing, does not exist, or holds nothing to review.
    pub async fn assignment(&self, thread: &ThreadHandle, target: ReviewTarget) -> Result<Assignment, RequestError> {
        let cwd = thread.overrides().await?.cwd.unwrap_or_else(|| self.shared.env.cwd.clone());
        Ok(blocking(move || assignment(&cwd, target)).await??)
    }

    async fn open(&self, overrides: TurnOverrides, source: SessionSource) -> Result<Opening, RequestError> {
        let shared = Arc::clone(&self.shared);
        blocking(move || Opening::look_up(&shared, &overrides, source)).await?
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
        let world = World {
            shared,
            journal,
            model,
            tools,
            mailbox: mailbox.clone(),
            subscribers: Arc::clone(&subscribers),
            cancel: cancel.clone(),
            thread_id: thread_id.clone(),
            session_id: state.info.session_id.clone(),
            source: state.info.source,
            engine: Arc::downgrade(self),
            work: Work::default(),
        };
        let span = tracing::info_span!("thread", id = thread_id);
        let owner = tokio::spawn(actor::run(state, inbox, world).instrument(span));
        let engine = Arc::downgrade(self);
        let id = thread_id.clone();
        let task = tokio::spawn(async move {
            let ended = owner.await;
            cancel.cancel();
            if ended.is_err() {
                tell_panic(&subscribers, &id);
            }
            tell(
                &subscribers,
                &Notification::ThreadClosed(ThreadIdNotification { thread_id: id.clone() }),
            );
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
    let message = "internal error: this thread stopped unexpectedly; its journal is whole";
    let notification = ErrorNotification {
        error: TurnError::new("internal.panic", message, CodexErrorInfo::InternalServerError),
        thread_id: thread_id.to_owned(),
        turn_id: String::new(),
        will_retry: false,
    };
    tell(subscribers, &Notification::Error(notification));
}

pub(crate) fn journal_error(error: &JournalError) -> RequestError {
    let text = error.with_cause();
    tracing::debug!(code = error.code(), error = text, "the journal cannot be used");
    let told = match error.is_callers() {
        true => RequestError::invalid(error.code(), text),
        false => RequestError::internal(error.code(), text),
    };
    match error.hint() {
        Some(hint) => told.with_hint(hint),
        None => told,
    }
}

/// What `work` comes to, on a thread that may wait for files.
pub(crate) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, RequestError> {
    tokio::task::spawn_blocking(work).await.map_err(|panic| internal(&panic))
}

pub(crate) fn internal(panic: &tokio::task::JoinError) -> RequestError {
    RequestError::internal("internal.panic", format!("internal error: {panic}"))
}

fn not_found(thread_id: &str) -> RequestError {
    RequestError::invalid("thread.not_found", format!("thread not found: {thread_id}"))
}
