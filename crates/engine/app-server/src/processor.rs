//! Processes the requests of one connection, in the order they come.

use crate::config;
use crate::files::FileSearches;
use crate::models;
use crate::subscriber::{ConnectionSubscriber, Everyone};
use crate::{AppServer, ServerFacts};
use codex_base::{AbsPath, os};
use codex_engine::settings::TurnOverrides;
use codex_engine::thread::event::{ThreadReply, ThreadRequest};
use codex_engine::{Cut, Engine, ForkOptions, NewThread, Subscriber, ThreadHandle};
use codex_protocol::config::ConfigBatchWriteParams;
use codex_protocol::items::Thread;
use codex_protocol::notifications::{Notification, ThreadStarted};
use codex_protocol::questions::{Answer, ApprovalAnswer, ServerRequest};
use codex_protocol::requests::{
    ClientRequest, Empty, InitializeParams, InitializeResult, RequestError, RequestId, ReviewStartParams, ReviewStartResult,
    ThreadForkParams, ThreadIdParams, ThreadReadResult, ThreadResumeParams, ThreadSettings, ThreadSetup, ThreadStartParams,
    ThreadUnsubscribeResult, ThreadUnsubscribeStatus, TurnInterruptParams, TurnStartParams, TurnStartResult, TurnSteerParams,
    TurnSteerResult,
};
use codex_protocol::review::ReviewDelivery;
use codex_rpc::{Connection, Incoming, ServerHandle};
use serde_json::Value;
use std::collections::HashSet;
use std::sync::Arc;

pub struct Processor {
    pub(crate) engine: Arc<Engine>,
    facts: Arc<ServerFacts>,
    pub(crate) everyone: Arc<Everyone>,
    handle: ServerHandle,
    pub(crate) subscriber: Arc<ConnectionSubscriber>,
    pub(crate) subscribed: HashSet<String>,
    files: FileSearches,
    initialized: bool,
}

impl Processor {
    pub fn new(server: &AppServer, id: u64, connection: &Connection) -> Self {
        let handle = connection.handle();
        let subscriber = Arc::new(ConnectionSubscriber::new(id, handle.clone()));
        Self {
            engine: Arc::clone(&server.engine),
            facts: Arc::clone(&server.facts),
            everyone: Arc::clone(&server.everyone),
            handle,
            subscriber,
            subscribed: HashSet::new(),
            files: FileSearches::default(),
            initialized: false,
        }
    }

    pub async fn run(mut self, mut connection: Connection) {
        loop {
            match connection.next().await {
                Incoming::Request(id, request) => self.on_request(id, request).await,
                Incoming::Answer { id, result } => self.on_answer(id, result).await,
                // `initialized` says nothing new; what was malformed has been answered where an answer was due.
                Incoming::Notification { .. } | Incoming::Malformed(_) => {}
                Incoming::Closed { .. } => break,
            }
        }
        for thread_id in self.subscribed {
            if let Some(thread) = self.engine.get(&thread_id) {
                thread.unsubscribe(self.subscriber.connection()).await;
            }
        }
    }

    async fn on_request(&mut self, id: RequestId, request: ClientRequest) {
        if !self.initialized && !matches!(request, ClientRequest::Initialize(_)) {
            return self.reply::<Empty>(id, Err(RequestError::invalid("connection.not_initialized", "Not initialized")));
        }
        match request {
            ClientRequest::Initialize(params) => {
                let result = self.initialize(params);
                self.reply(id, result);
            }
            ClientRequest::ThreadStart(params) => self.thread_start(id, params).await,
            ClientRequest::ThreadResume(params) => self.thread_resume(id, params).await,
            ClientRequest::ThreadRead(params) => {
                let thread = self.engine.read(&params.thread_id, params.include_turns).await;
                self.reply(id, thread.map(|thread| ThreadReadResult { thread }));
            }
            ClientRequest::ThreadFork(params) => self.thread_fork(id, params).await,
            ClientRequest::ThreadList(_)
            | ClientRequest::ThreadArchive(_)
            | ClientRequest::ThreadUnarchive(_)
            | ClientRequest::ThreadDelete(_)
            | ClientRequest::ThreadNameSet(_) => self.on_stored(id, request).await,
            ClientRequest::ThreadUnsubscribe(params) => {
                let status = self.unsubscribe(params).await;
                self.reply(id, Ok(ThreadUnsubscribeResult { status }));
            }
            ClientRequest::ThreadCompactStart(params) => {
                self.ask_thread(id, params.thread_id, ThreadRequest::Compact).await;
            }
            ClientRequest::ThreadCompactUndo(params) => {
                self.ask_thread(id, params.thread_id, ThreadRequest::UndoCompaction).await;
            }
            ClientRequest::ModelList(params) => self.reply(id, models::list(&self.engine, params).await),
            ClientRequest::CollaborationModeList(Empty {}) => self.reply(id, Ok(models::modes())),
            ClientRequest::ConfigValueWrite(params) => {
                let batch = ConfigBatchWriteParams {
                    edits: vec![params.edit],
                    expected_version: params.expected_version,
                    file_path: params.file_path,
                    reload_user_config: false,
                };
                let result = config::write(&self.engine, batch).await;
                self.reply(id, result);
            }
            ClientRequest::ConfigBatchWrite(params) => self.reply(id, config::write(&self.engine, params).await),
            ClientRequest::ReviewStart(params) => self.review_start(id, params).await,
            ClientRequest::ThreadShellCommand(params) => self.shell_command(id, params).await,
            ClientRequest::BackgroundTerminalsList(params) => self.reply(id, self.list_terminals(params).await),
            ClientRequest::BackgroundTerminalsTerminate(params) => self.reply(id, self.terminate(params).await),
            ClientRequest::BackgroundTerminalsClean(params) => self.reply(id, self.clean_terminals(&params.thread_id).await),
            ClientRequest::TurnStart(params) => self.turn_start(id, params).await,
            ClientRequest::TurnSteer(params) => self.turn_steer(id, params).await,
            ClientRequest::TurnInterrupt(params) => self.turn_interrupt(id, params).await,
            ClientRequest::SkillsList(params) => self.reply(id, self.skills_list(params).await),
            ClientRequest::SkillsConfigWrite(params) => self.skills_config_write(id, params).await,
            ClientRequest::FuzzyFileSearch(params) => {
                let roots = self.directories(&params.roots);
                let handle = self.handle.clone();
                let reply = move |result| send_reply(&handle, id, Ok(result));
                self.files.once(params.cancellation_token, roots, &params.query, reply);
            }
            ClientRequest::FileSearchStart(params) => {
                let roots = self.directories(&params.roots);
                let result = self.files.start(params.session_id, roots, &self.handle);
                self.reply(id, result.map(|()| Empty {}));
            }
            ClientRequest::FileSearchUpdate(params) => {
                let result = self.files.search(&params.session_id, &params.query);
                self.reply(id, result.map(|()| Empty {}));
            }
            ClientRequest::FileSearchStop(params) => {
                self.files.stop(&params.session_id);
                self.reply(id, Ok(Empty {}));
            }
        }
    }

    fn initialize(&mut self, params: InitializeParams) -> Result<InitializeResult, RequestError> {
        if self.initialized {
            return Err(RequestError::invalid("connection.already_initialized", "Already initialized"));
        }
        self.initialized = true;
        if let Some(capabilities) = params.capabilities {
            self.subscriber.mute(capabilities.opt_out_notification_methods);
        }
        self.everyone.join(Arc::clone(&self.subscriber));
        let (family, system) = os::platform();
        let client = format!("({}; {})", params.client_info.name, params.client_info.version);
        Ok(InitializeResult {
            user_agent: format!("{} {client}", self.facts.user_agent),
            codex_home: self.engine.codex_home().clone(),
            platform_family: family.to_owned(),
            platform_os: system.to_owned(),
        })
    }

    async fn thread_start(&mut self, id: RequestId, params: ThreadStartParams) {
        let new = NewThread {
            base_instructions: params.base_instructions,
            ephemeral: params.ephemeral.unwrap_or(false),
            thread_source: params.thread_source,
            parent: None,
        };
        let overrides = self.overrides(params.settings);
        let setup = self.engine.start(overrides, new, self.subscriber.clone()).await;
        self.begun(id, setup);
    }

    fn overrides(&self, settings: ThreadSettings) -> TurnOverrides {
        TurnOverrides {
            cwd: self.directory(settings.cwd),
            model: settings.model,
            model_provider: settings.model_provider,
            approval_policy: settings.approval_policy,
            approvals_reviewer: settings.approvals_reviewer,
            sandbox_mode: settings.sandbox,
            developer_instructions: settings.developer_instructions,
            config: settings.config.unwrap_or_default(),
            ..TurnOverrides::default()
        }
    }

    /// Answers whoever made a thread, then tells everybody of it.
    fn begun(&mut self, id: RequestId, setup: Result<ThreadSetup, RequestError>) {
        let started = setup.as_ref().ok().map(|setup| Thread {
            turns: Vec::new(),
            ..setup.thread.clone()
        });
        self.reply(id, setup);
        if let Some(thread) = started {
            self.subscribed.insert(thread.id.clone());
            let thread = Box::new(thread);
            self.everyone.tell(&Notification::ThreadStarted(ThreadStarted { thread }));
        }
    }

    async fn thread_resume(&mut self, id: RequestId, params: ThreadResumeParams) {
        let overrides = self.overrides(params.settings);
        let subscriber = self.subscriber.clone();
        let setup = self
            .engine
            .resume(&params.thread_id, overrides, params.exclude_turns, subscriber)
            .await;
        if setup.is_ok() {
            self.subscribed.insert(params.thread_id);
        }
        let thread = setup.as_ref().ok().map(|setup| told_of(&setup.thread));
        self.reply(id, setup);
        self.tell_usage(thread).await;
    }

    /// What a stored thread has used is told behind the answer, not in it.
    async fn tell_usage(&self, thread: Option<(String, String)>) {
        if let Some((thread_id, turn_id)) = thread
            && let Some(thread) = self.engine.get(&thread_id)
        {
            thread.tell_usage(turn_id).await;
        }
    }

    async fn thread_fork(&mut self, id: RequestId, params: ThreadForkParams) {
        let cut = match (params.last_turn_id, params.before_turn_id) {
            (None, None) => Cut::End,
            (Some(turn_id), None) => Cut::After(turn_id),
            (None, Some(turn_id)) => Cut::Before(turn_id),
            (Some(_), Some(_)) => {
                let error = RequestError::invalid("request.fork_cut", "lastTurnId and beforeTurnId exclude each other");
                return self.reply::<Empty>(id, Err(error));
            }
        };
        let options = ForkOptions {
            ephemeral: params.ephemeral,
            thread_source: params.thread_source,
            exclude_turns: params.exclude_turns,
        };
        let overrides = self.overrides(params.settings);
        let subscriber = self.subscriber.clone();
        let setup = self.engine.fork(&params.thread_id, cut, overrides, options, subscriber).await;
        let thread = setup.as_ref().ok().map(|setup| told_of(&setup.thread));
        self.begun(id, setup);
        self.tell_usage(thread).await;
    }

    async fn unsubscribe(&mut self, params: ThreadIdParams) -> ThreadUnsubscribeStatus {
        let Some(thread) = self.engine.get(&params.thread_id) else {
            return ThreadUnsubscribeStatus::NotLoaded;
        };
        if !self.subscribed.remove(&params.thread_id) {
            return ThreadUnsubscribeStatus::NotSubscribed;
        }
        thread.unsubscribe(self.subscriber.connection()).await;
        ThreadUnsubscribeStatus::Unsubscribed
    }

    async fn turn_start(&self, id: RequestId, params: TurnStartParams) {
        let overrides = TurnOverrides {
            cwd: self.directory(params.cwd),
            model: params.model,
            effort: params.effort,
            approval_policy: params.approval_policy,
            approvals_reviewer: params.approvals_reviewer,
            sandbox_policy: params.sandbox_policy,
            collaboration_mode: params.collaboration_mode.map(|mode| *mode),
            ..TurnOverrides::default()
        };
        let request = ThreadRequest::StartTurn {
            input: params.input,
            overrides: Box::new(overrides),
            output_schema: params.output_schema,
        };
        self.ask_thread(id, params.thread_id, request).await;
    }

    async fn review_start(&self, id: RequestId, params: ReviewStartParams) {
        let ReviewStartParams {
            thread_id,
            target,
            delivery: Some(ReviewDelivery::Inline) | None,
        } = params;
        let assignment = match self.thread(&thread_id) {
            Ok(thread) => self.engine.assignment(&thread, target).await,
            Err(error) => Err(error),
        };
        let request = match assignment {
            Ok(assignment) => ThreadRequest::ReviewCode(Box::new(assignment)),
            Err(error) => return self.reply::<Empty>(id, Err(error)),
        };
        self.ask_thread(id, thread_id, request).await;
    }

    async fn turn_steer(&self, id: RequestId, params: TurnSteerParams) {
        let request = ThreadRequest::Steer {
            expected_turn_id: params.expected_turn_id,
            input: params.input,
        };
        self.ask_thread(id, params.thread_id, request).await;
    }

    async fn turn_interrupt(&self, id: RequestId, params: TurnInterruptParams) {
        let request = ThreadRequest::Interrupt { turn_id: params.turn_id };
        self.ask_thread(id, params.thread_id, request).await;
    }

    /// Hands a request to its thread; the thread's task sends the answer, so that nothing it tells next can overtake it.
    pub(crate) async fn ask_thread(&self, id: RequestId, thread_id: String, request: ThreadRequest) {
        let thread = match self.thread(&thread_id) {
            Ok(thread) => thread,
            Err(error) => return self.reply::<Empty>(id, Err(error)),
        };
        let mut unanswered = Unanswered {
            handle: self.handle.clone(),
            id: Some(id),
        };
        let reply = Box::new(move |reply: Result<ThreadReply, RequestError>| {
            let unserialisable = |error: serde_json::Error| RequestError::internal("rpc.unserialisable", error.to_string());
            unanswered.reply(reply.and_then(|reply| result_of(reply, thread_id).map_err(unserialisable)));
        });
        thread.request(request, reply).await;
    }

    pub(crate) fn thread(&self, thread_id: &str) -> Result<ThreadHandle, RequestError> {
        let missing = || RequestError::invalid("thread.not_found", format!("thread not found: {thread_id}"));
        self.engine.get(thread_id).ok_or_else(missing)
    }

    async fn on_answer(&self, id: RequestId, result: Result<Value, RequestError>) {
        let Some(question) = self.subscriber.take_question(&id) else {
            return;
        };
        let Some(thread) = self.engine.get(question.thread_id()) else {
            return;
        };
        let answer = result.map_err(|error| error.message);
        let answer = answer.and_then(|value| answer_to(&question, value).map_err(|error| error.to_string()));
        thread.answer(id, answer).await;
    }

    /// Relative directories count from the server's.
    pub(crate) fn directory(&self, cwd: Option<String>) -> Option<AbsPath> {
        cwd.map(|cwd| self.facts.cwd.join(cwd))
    }

    /// Where relative directories count from.
    pub(crate) fn server_cwd(&self) -> AbsPath {
        self.facts.cwd.clone()
    }

    pub(crate) fn directories(&self, roots: &[String]) -> Vec<AbsPath> {
        roots.iter().map(|root| self.facts.cwd.join(root)).collect()
    }

    pub(crate) fn reply<T: serde::Serialize + Send + Sync + 'static>(&self, id: RequestId, result: Result<T, RequestError>) {
        send_reply(&self.handle, id, result);
    }
}

/// What a thread's word means on the wire.
fn result_of(reply: ThreadReply, thread_id: String) -> serde_json::Result<Value> {
    match reply {
        ThreadReply::TurnStarted(turn) => serde_json::to_value(TurnStartResult { turn: *turn }),
        ThreadReply::Steered { turn_id } => serde_json::to_value(TurnSteerResult { turn_id }),
        ThreadReply::ReviewStarted(turn) => serde_json::to_value(ReviewStartResult {
            turn: *turn,
            review_thread_id: thread_id,
        }),
        ThreadReply::CompactionStarted | ThreadReply::CompactionUndone | ThreadReply::UserCommandStarted | ThreadReply::Interrupted => {
            serde_json::to_value(Empty {})
        }
    }
}

fn answer_to(question: &ServerRequest, value: Value) -> serde_json::Result<Answer> {
    match question {
        ServerRequest::UserInput(_) => serde_json::from_value(value).map(Answer::UserInput),
        ServerRequest::PermissionsApproval(_) => serde_json::from_value(value).map(Answer::Permissions),
        ServerRequest::CommandExecutionApproval(_) | ServerRequest::FileChangeApproval(_) => {
            serde_json::from_value(value).map(|ApprovalAnswer { decision }| Answer::Decision(decision))
        }
    }
}

/// A request that a thread has in hand. Should the thread end without a word, the client is told.
struct Unanswered {
    handle: ServerHandle,
    id: Option<RequestId>,
}

impl Unanswered {
    fn reply(&mut self, result: Result<Value, RequestError>) {
        if let Some(id) = self.id.take() {
            send_reply(&self.handle, id, result);
        }
    }
}

impl Drop for Unanswered {
    fn drop(&mut self) {
        let message = "the thread ended before it answered";
        self.reply(Err(RequestError::invalid("thread.not_loaded", message)));
    }
}

fn send_reply<T: serde::Serialize>(handle: &ServerHandle, id: RequestId, result: Result<T, RequestError>) {
    // A peer that is gone is noticed by its connection's task.
    drop(handle.reply(id, result));
}

/// The ids of a thread and its last turn.
fn told_of(thread: &Thread) -> (String, String) {
    let turn_id = thread.turns.last().map(|turn| turn.id.clone());
    (thread.id.clone(), turn_id.unwrap_or_default())
}
