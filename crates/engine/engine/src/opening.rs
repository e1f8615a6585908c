//! Opens a thread: what configuration, model, project and journal say about it, put into the values that its task starts from.

use crate::context::instructions::BASE;
use crate::context::items::base_message;
use crate::context::repair::missing_outputs;
use crate::home::installation_id;
use crate::settings::TurnOverrides;
use crate::shared::Shared;
use crate::thread::resolve;
use crate::thread::state::{Resumed, ThreadInfo};
use crate::turn::code_review::INTERRUPTED as REVIEW_INTERRUPTED;
use codex_base::{AbsPath, Timestamp};
use codex_config::Resolved;
use codex_login::Login;
use codex_model::{ModelClient, ModelInfo, ModelRequest, StoredLogin};
use codex_permissions::modes::NotAMode;
use codex_protocol::items::{GitInfo, SessionSource, Thread, ThreadItem, ThreadStatus, Turn, TurnStatus};
use codex_protocol::journal::{EventMsg, PrefixBase, Record, SessionMeta, TurnTimes};
use codex_protocol::requests::{RequestError, SandboxInexact, ThreadSetup};
use codex_protocol::response_item::ResponseItem;
use codex_protocol::settings::SandboxPolicy;
use codex_sessions::Loaded;
use serde_json::json;
use serde_json::value::RawValue;
use std::sync::Arc;

/// Configuration for a thread's directory, and what was made of it.
pub struct Opening {
    pub cwd: AbsPath,
    pub resolved: Resolved,
    pub model_slug: String,
    pub model_info: ModelInfo,
    pub model: Arc<dyn ModelClient>,
    pub tools: Box<RawValue>,
    pub git: Option<GitInfo>,
    pub instruction_sources: Vec<AbsPath>,
    /// The policy in the words of modes.
    pub as_mode: Result<SandboxPolicy, NotAMode>,
    /// Of configuration, model and project documents; told with the thread's set-up.
    pub warnings: Vec<String>,
}

/// The login that `codex login` left, for a provider that asks for one. Why it cannot be used is told by the request that needs it.
fn stored_login(shared: &Shared, resolved: &Resolved) -> StoredLogin {
    let config = &resolved.config;
    if !config.provider.requires_openai_auth {
        return StoredLogin::None;
    }
    let settings = codex_login::Settings::new(config.cli_auth_credentials_store.as_deref(), config.forced_login_method.as_deref())
        .within(config.allowed_login_methods.as_deref());
    if settings.no_keys {
        let why = "`allowed_login_methods` in the requirements of this machine allows no API key, and this build knows no other login; use a \
                   provider that needs none, or ask whoever manages this machine.";
        return StoredLogin::Forbidden(why.to_owned());
    }
    // Not even asked for: a store that is locked would ask its user.
    if shared.env.var("CODEX_API_KEY").is_some_and(|key| !key.trim().is_empty()) {
        return StoredLogin::None;
    }
    match codex_login::load(&shared.env.codex_home, settings).map(|stored| stored.map(|stored| stored.login)) {
        Ok(None) => StoredLogin::None,
        Ok(Some(Login::ApiKey(key))) => StoredLogin::Key(key),
        Ok(Some(login)) => {
            let why = login.unusable().unwrap_or_default();
            StoredLogin::Unusable(format!("The stored login is a {}. {why}", login.description()))
        }
        Err(error) => StoredLogin::Unusable(format!("The stored login cannot be used: {error}; {}.", error.hint())),
    }
}

/// Who answers for the configured provider.
///
/// # Errors
/// If the provider cannot be used.
pub fn client(shared: &Shared, resolved: &Resolved) -> Result<Arc<dyn ModelClient>, RequestError> {
    if let Some(model) = &shared.model {
        return Ok(Arc::clone(model));
    }
    let lookup = |name: &str| shared.env.var(name).map(str::to_owned);
    let (provider, login) = (&resolved.config.provider, stored_login(shared, resolved));
    codex_model::build(provider, &lookup, login, &shared.identity, &shared.models).map_err(|error| invalid(error.code(), &error))
}

fn invalid(code: &str, error: &dyn std::error::Error) -> RequestError {
    RequestError::invalid(code, codex_base::with_causes(error))
}

/// What is particular to one thread.
pub struct Identity {
    pub id: String,
    /// The rollout file; `None` for an ephemeral thread.
    pub path: Option<AbsPath>,
    /// The thread whose history it begins with.
    pub forked_from_id: Option<String>,
    pub created_at: Timestamp,
    pub thread_source: Option<String>,
    pub base_item: ResponseItem,
    pub tools: Arc<RawValue>,
    /// As the model's provider is told: `new`, `cold_resume` or `cold_fork`.
    pub history_initialization: &'static str,
}

impl Opening {
    /// Reads configuration files, project documents and git facts: for a blocking thread.
    ///
    /// # Errors
    /// If the configuration, the catalogue of models or the provider cannot be used.
    pub fn look_up(shared: &Shared, overrides: &TurnOverrides, source: SessionSource) -> Result<Self, RequestError> {
        let (cwd, resolved) = resolve::config_for(shared, overrides).map_err(|error| invalid(error.code(), &error))?;
        let (model_slug, model_info) = resolve::model_for(shared, &resolved).map_err(|error| invalid(error.code(), &error))?;
        let model = client(shared, &resolved)?;
        let docs = resolve::project_docs(shared, &cwd, &resolved);
        Ok(Self {
            tools: codex_tools::specs(&resolve::tool_set(&resolved, &model_info, source)),
            as_mode: resolve::as_mode(shared, &cwd, &resolved.config),
            git: git_info(&cwd),
            warnings: resolved
                .warnings
                .iter()
                .cloned()
                .chain(resolve::warnings(&model_info, &docs))
                .collect(),
            instruction_sources: docs.sources,
            model_slug,
            model_info,
            model,
            cwd,
            resolved,
        })
    }

    /// The facts that do not change while the thread is loaded.
    pub fn info(&self, shared: &Shared, identity: Identity) -> ThreadInfo {
        ThreadInfo {
            session_id: identity.id.clone(),
            id: identity.id,
            installation_id: installation_id(&shared.env.codex_home, identity.path.is_some()),
            source: shared.source,
            thread_source: identity.thread_source,
            originator: shared.identity.originator.clone(),
            cli_version: codex_protocol::VERSION.to_owned(),
            ephemeral: identity.path.is_none(),
            created_at: identity.created_at,
            path: identity.path,
            forked_from_id: identity.forked_from_id,
            parent_thread_id: None,
            git: self.git.clone(),
            model_provider: self.resolved.config.provider.id.clone(),
            history_initialization: identity.history_initialization,
            attempts_max: self.model.attempts_max(),
            capabilities: shared.sandbox.capabilities().clone(),
            base_item: identity.base_item,
            tools: identity.tools,
        }
    }

    /// Starts what may be done before the first question. Nothing waits for it.
    pub fn get_ready(&self, info: &ThreadInfo) {
        self.model.warm_up(self.warm_up(info));
        drop(self.model.refresh_models());
    }

    /// The beginning of every request of the thread, which a provider may read before the first question.
    fn warm_up(&self, info: &ThreadInfo) -> ModelRequest {
        let (config, model) = (&self.resolved.config, &self.model_info);
        let effort = config.model_reasoning_effort.clone().or_else(|| model.default_effort.clone());
        let turn = json!({
            "installation_id": info.installation_id,
            "session_id": info.session_id,
            "thread_id": info.id,
            "agent_name": "/root",
            "turn_id": "",
            "window_id": format!("{}:0", info.id),
            "window_number": 0,
            "request_kind": "prewarm",
            "history_initialization": info.history_initialization,
            "thread_source": info.thread_source.as_deref().unwrap_or("user"),
            "sandbox": info.capabilities.mechanism,
            "sandbox_mode": config.sandbox_policy.mode().as_str(),
            "model": self.model_slug,
            "reasoning_effort": effort,
        });
        ModelRequest {
            model: self.model_slug.clone(),
            input: vec![info.base_item.clone()],
            tools: Arc::clone(&info.tools),
            parallel_tool_calls: model.supports_parallel_tool_calls,
            effort,
            summary: Some(config.model_reasoning_summary.unwrap_or(model.default_summary)),
            verbosity: config
                .model_verbosity
                .or(model.default_verbosity)
                .filter(|_| model.supports_verbosity),
            service_tier: config.service_tier.clone(),
            output_schema: None,
            metadata: info.metadata(0, String::new(), turn.as_object().cloned().unwrap_or_default()),
        }
    }

    /// The same for a stored thread: what was sent first is sent again, byte for byte.
    pub fn stored_info(&self, shared: &Shared, id: &str, path: Option<AbsPath>, meta: &SessionMeta, meta_missing: bool) -> ThreadInfo {
        let text = if meta_missing { BASE } else { &meta.base_instructions };
        let stored_tools = meta.tools.clone().and_then(|tools| RawValue::from_string(tools).ok());
        let identity = Identity {
            id: id.to_owned(),
            path,
            forked_from_id: meta.forked_from_id.clone(),
            thread_source: meta.thread_source.clone(),
            created_at: meta.timestamp.parse().unwrap_or_else(|_| shared.clock.now()),
            base_item: meta.base_item.clone().unwrap_or_else(|| base_message(text)),
            tools: Arc::from(stored_tools.unwrap_or_else(|| self.tools.clone())),
            history_initialization: "cold_resume",
        };
        ThreadInfo {
            session_id: meta.session_id.clone(),
            source: meta.source,
            parent_thread_id: meta.parent_thread_id.clone(),
            ..self.info(shared, identity)
        }
    }

    /// What the user should know before a stored thread goes on.
    pub fn resume_warnings(&self, loaded: &Loaded) -> Vec<String> {
        let (old, new) = (&loaded.meta.model, &self.model_slug);
        let other_model =
            (!old.is_empty() && old != new).then(|| format!("This session was recorded with model `{old}` but is resuming with `{new}`."));
        loaded.problems.iter().cloned().chain(other_model).collect()
    }

    /// The first line of a new journal.
    pub fn meta(&self, info: &ThreadInfo, base_instructions: String) -> SessionMeta {
        SessionMeta {
            id: info.id.clone(),
            session_id: info.session_id.clone(),
            timestamp: info.created_at.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string(),
            cwd: self.cwd.clone(),
            originator: info.originator.clone(),
            cli_version: info.cli_version.clone(),
            source: info.source,
            thread_source: info.thread_source.clone(),
            model_provider: info.model_provider.clone(),
            model: self.model_slug.clone(),
            base_instructions,
            base_item: Some(info.base_item.clone()),
            tools: Some(info.tools.get().to_owned()),
            git: self.git.clone(),
            forked_from_id: None,
            history_base: None,
            parent_thread_id: info.parent_thread_id.clone(),
        }
    }

    /// The facts of a fork: what its source was sent first it is sent too, byte for byte.
    pub fn fork_info(&self, shared: &Shared, id: String, ephemeral: bool, source: &SessionMeta) -> ThreadInfo {
        let stored_tools = source.tools.clone().and_then(|tools| RawValue::from_string(tools).ok());
        let base_item = source.base_item.clone().unwrap_or_else(|| base_message(&source.base_instructions));
        let identity = Identity {
            id,
            path: None,
            forked_from_id: Some(source.id.clone()),
            thread_source: None,
            created_at: shared.clock.now(),
            base_item,
            tools: Arc::from(stored_tools.unwrap_or_else(|| self.tools.clone())),
            history_initialization: "cold_fork",
        };
        ThreadInfo {
            ephemeral,
            ..self.info(shared, identity)
        }
    }

    /// The answer to `thread/start`, `thread/fork` and `thread/resume`.
    pub fn setup(&self, thread: Thread) -> ThreadSetup {
        let config = &self.resolved.config;
        let summary = config.model_reasoning_summary.unwrap_or(self.model_info.default_summary);
        ThreadSetup {
            thread,
            model: self.model_slug.clone(),
            model_provider: config.provider.id.clone(),
            cwd: self.cwd.clone(),
            approval_policy: config.approval_policy,
            approvals_reviewer: config.approvals_reviewer,
            sandbox: self.as_mode.clone().unwrap_or_else(|_| config.sandbox_policy.clone()),
            active_permission_profile: config.permission_profile.clone(),
            sandbox_inexact: self.as_mode.as_ref().err().map(|error| SandboxInexact {
                code: error.code().to_owned(),
                message: error.to_string(),
            }),
            instruction_sources: self.instruction_sources.clone(),
            reasoning_effort: config
                .model_reasoning_effort
                .clone()
                .or_else(|| self.model_info.default_effort.clone()),
            collaboration_mode: None,
            reasoning_summary: Some(summary.as_str().to_owned()),
            reasoning_shown: config.reasoning_shown,
            warnings: self.warnings.clone(),
        }
    }

    /// What a stored thread goes on with: its history, closed where a crash left it open.
    pub fn resumed(&self, shared: &Shared, info: &ThreadInfo, loaded: Loaded, turns: &[Turn]) -> Resumed {
        let mut resumed = Resumed::from_records(&loaded.records);
        let mut owed = Vec::new();
        if loaded.meta_missing {
            owed.push(Record::SessionMeta(Box::new(self.meta(info, BASE.to_owned()))));
        } else if loaded.meta.tools.is_none() {
            // Another program's session: it goes on with today's tools, and with these whenever it is resumed again.
            owed.push(Record::PrefixBase(Box::new(PrefixBase {
                base_item: info.base_item.clone(),
                tools: info.tools.get().to_owned(),
            })));
        }
        let repairs = missing_outputs(&resumed.history, &*shared.ids);
        resumed.history.extend(repairs.iter().cloned());
        owed.extend(repairs.into_iter().map(Record::ResponseItem));
        owed.extend(unfinished(&loaded, turns, shared));
        resumed.owed = owed;
        resumed.preview = preview_of(turns);
        resumed
    }
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

/// The records that a crash kept from being written: a review is left, and the turn has ended.
fn unfinished(loaded: &Loaded, turns: &[Turn], shared: &Shared) -> Vec<Record> {
    let Some(last) = turns.last() else { return Vec::new() };
    let now = shared.clock.now();
    let ended = loaded.records.iter().rev().find_map(|(_, record)| match record {
        Record::Event(event) => match &**event {
            EventMsg::TaskComplete { turn_id, .. } | EventMsg::TurnAborted { turn_id, .. } => Some(*turn_id == last.id),
            EventMsg::TaskStarted { .. } => Some(false),
            EventMsg::ItemCompleted { .. }
            | EventMsg::TokenCount { .. }
            | EventMsg::ThreadRolledBack { .. }
            | EventMsg::ApprovalReviewed { .. }
            | EventMsg::PermissionsGranted { .. } => None,
        },
        _ => None,
    });
    if ended != Some(false) || last.status == TurnStatus::Completed {
        return Vec::new();
    }
    let left = unfinished_review(last).then(|| EventMsg::ItemCompleted {
        thread_id: loaded.meta.id.clone(),
        turn_id: last.id.clone(),
        item: ThreadItem::ExitedReviewMode {
            id: shared.ids.uuid().to_string(),
            review: REVIEW_INTERRUPTED.to_owned(),
            output: None,
        },
        started_at_ms: now.as_millisecond(),
        completed_at_ms: now.as_millisecond(),
    });
    let aborted = EventMsg::TurnAborted {
        turn_id: last.id.clone(),
        reason: "interrupted".to_owned(),
        times: TurnTimes {
            started_at: last.started_at.unwrap_or_default(),
            completed_at: now.as_second(),
            duration_ms: 0,
        },
    };
    left.into_iter()
        .chain([aborted])
        .map(|event| Record::Event(Box::new(event)))
        .collect()
}

/// A review was entered and not left.
fn unfinished_review(turn: &Turn) -> bool {
    let mut open = false;
    for item in &turn.items {
        match item {
            ThreadItem::EnteredReviewMode { .. } => open = true,
            ThreadItem::ExitedReviewMode { .. } => open = false,
            _ => {}
        }
    }
    open
}

/// A thread as its journal tells of it.
pub fn stored_thread(meta: &SessionMeta, path: AbsPath, preview: String, updated_at: Timestamp) -> Thread {
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
        forked_from_id: meta.forked_from_id.clone(),
        parent_thread_id: meta.parent_thread_id.clone(),
        git_info: meta.git.clone(),
        turns: Vec::new(),
    }
}

/// First line of the first thing that the user said.
pub fn preview_of(turns: &[Turn]) -> String {
    let first = turns.iter().flat_map(|turn| &turn.items).find_map(|item| match item {
        codex_protocol::items::ThreadItem::UserMessage { .. } => Some(crate::thread::step::preview(item)),
        _ => None,
    });
    first.unwrap_or_default()
}
