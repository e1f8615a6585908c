//! What the step tests share: a thread in memory, events in, effects out as one line each.

use crate::settings::{TurnOverrides, TurnSettings, TurnSetup, UserContent};
use crate::thread::event::{Effect, MoreRights, PreparedCall, RequestKey, ThreadEvent, ThreadReply, ThreadRequest};
use crate::thread::state::{Env, ThreadInfo, ThreadState};
use codex_base::ids::CountingIds;
use codex_base::{AbsPath, Timestamp};
use codex_model::{ModelError, ModelEvent, Retry};
use codex_permissions::additional::Additional;
use codex_permissions::{ResolvedPolicy, Rights};
use codex_protocol::collaboration::CollaborationMode;
use codex_protocol::errors::CodexErrorInfo;
use codex_protocol::facts::{Capabilities, CommandIntent, PermissionsIntent, SandboxPermissions, ToolIntent};
use codex_protocol::items::{
    CommandExecutionItem, CommandExecutionSource, CommandExecutionStatus, SessionSource, ThreadItem, TokenUsageBreakdown, UserInput,
};
use codex_protocol::journal::{EventMsg, Record, SessionMeta};
use codex_protocol::notifications::Notification;
use codex_protocol::questions::PermissionGrantScope;
use codex_protocol::response_item::ResponseItem;
use codex_protocol::settings::FileRules;
use codex_protocol::settings::{ApprovalPolicy, ApprovalsReviewer, CommandLimits, SandboxPolicy};
use codex_tools::{Terminals, ToolOutcome, ToolOutput, ToolSet, TurnTools, UserShell};
use serde_json::json;
use std::cell::Cell;
use std::sync::Arc;

/// A thread whose world is the test.
pub struct Bench {
    pub state: ThreadState,
    ids: CountingIds,
    requests: Cell<i64>,
    keys: u64,
    approval: ApprovalPolicy,
    pub mode: CollaborationMode,
    pub reviewer: ApprovalsReviewer,
    pub notify: Vec<String>,
    now: Timestamp,
    /// `model_auto_compact_token_limit`.
    pub limit_tokens: Option<u64>,
    /// `model_context_window`.
    pub window: Option<u64>,
}

fn cwd() -> AbsPath {
    AbsPath::new(if cfg!(windows) { r"C:\w" } else { "/w" }).unwrap()
}

impl Bench {
    pub fn new(approval: ApprovalPolicy) -> Self {
        let base_item = ResponseItem::make(&json!({"type": "message", "role": "developer", "content": []})).unwrap();
        let info = ThreadInfo {
            id: "T".into(),
            session_id: "T".into(),
            installation_id: "I".into(),
            source: SessionSource::Exec,
            thread_source: None,
            originator: "test".into(),
            cli_version: "0".into(),
            ephemeral: true,
            created_at: Timestamp::UNIX_EPOCH,
            path: None,
            forked_from_id: None,
            parent_thread_id: None,
            git: None,
            model_provider: "mock".into(),
            history_initialization: "new",
            attempts_max: 3,
            capabilities: Capabilities {
                mechanism: "test".into(),
                confines: true,
                missing: Vec::new(),
                rungs: Vec::new(),
            },
            base_item: base_item.clone(),
            tools: serde_json::value::to_raw_value(&json!([])).unwrap().into(),
        };
        let meta = SessionMeta {
            id: "T".into(),
            session_id: "T".into(),
            timestamp: String::new(),
            cwd: cwd(),
            originator: "test".into(),
            cli_version: "0".into(),
            source: SessionSource::Exec,
            thread_source: None,
            model_provider: "mock".into(),
            model: "m".into(),
            base_instructions: String::new(),
            base_item: Some(base_item),
            tools: None,
            git: None,
            forked_from_id: None,
            history_base: None,
            parent_thread_id: None,
        };
        let state = ThreadState::new(info, "m".into(), cwd(), TurnOverrides::default(), meta);
        Self {
            state,
            ids: CountingIds::default(),
            requests: Cell::new(0),
            keys: 0,
            approval,
            mode: CollaborationMode::default(),
            reviewer: ApprovalsReviewer::User,
            notify: Vec::new(),
            now: Timestamp::UNIX_EPOCH,
            limit_tokens: None,
            window: None,
        }
    }

    pub fn step(&mut self, event: ThreadEvent) -> Vec<Effect> {
        let next_request_id = || {
            self.requests.set(self.requests.get() + 1);
            self.requests.get() - 1
        };
        self.state.step(
            event,
            &Env {
                now: self.now,
                ids: &self.ids,
                next_request_id: &next_request_id,
            },
        )
    }

    /// Steps, and writes each effect as a line.
    pub fn told(&mut self, event: ThreadEvent) -> String {
        told(&self.step(event))
    }

    pub fn request(&mut self, request: ThreadRequest) -> String {
        told(&self.effects(request))
    }

    pub fn effects(&mut self, request: ThreadRequest) -> Vec<Effect> {
        self.keys += 1;
        let key = RequestKey(self.keys);
        self.step(ThreadEvent::Request { key, request })
    }

    pub fn start(&mut self) -> String {
        let input = vec![UserInput::Text { text: "mend it".into() }];
        self.request(ThreadRequest::StartTurn {
            input,
            overrides: Box::default(),
            output_schema: None,
        })
    }

    /// A turn that is sampling.
    pub fn sampling(approval: ApprovalPolicy) -> Self {
        let mut bench = Self::new(approval);
        bench.start();
        bench.resolved();
        bench
    }

    pub fn resolved(&mut self) -> String {
        let input = self.content("mend it");
        self.resolved_with(input)
    }

    pub fn resolved_without_input(&mut self) -> String {
        self.resolved_with(UserContent::default())
    }

    fn resolved_with(&mut self, input: UserContent) -> String {
        let turn_id = self.state.turn_in_progress().unwrap().id;
        let setup = TurnSetup {
            settings: Arc::new(self.settings()),
            input,
            warnings: Vec::new(),
        };
        self.told(ThreadEvent::TurnResolved {
            turn_id,
            setup: Ok(Box::new(setup)),
        })
    }

    pub fn content(&self, text: &str) -> UserContent {
        UserContent {
            input: vec![UserInput::Text { text: text.into() }],
            parts: vec![json!({"type": "input_text", "text": text})],
            ..UserContent::default()
        }
    }

    pub fn settings(&self) -> TurnSettings {
        let mut model_info = codex_model::catalog().find("m");
        model_info.context_window = self.window.unwrap_or(model_info.context_window);
        let (reports, _) = tokio::sync::mpsc::channel(1);
        let policy = codex_permissions::resolve(
            &codex_protocol::settings::SandboxPolicy::read_only(),
            &FileRules::default(),
            &cwd(),
            &codex_permissions::PathFacts::unknown(cwd()),
        );
        let tools = TurnTools {
            tools: ToolSet {
                shell: true,
                additional_permissions: false,
                request_permissions: false,
                update_plan: true,
                request_user_input: true,
                view_image: true,
                apply_patch: true,
                image_detail_original: false,
                web_search: None,
            },
            cwd: cwd(),
            policy,
            widening: None,
            may_ask: false,
            shell: UserShell { path: "/bin/sh".into() },
            env: Arc::default(),
            allow_login_shell: true,
            limits: CommandLimits::default(),
            output_token_limit: 1000,
            background_terminal_max_ms: 1000,
            thread_id: "T".into(),
            session_id: "T".into(),
            turn_id: "U".into(),
            permission_profile: None,
            terminals: Arc::new(Terminals::new(reports)),
        };
        TurnSettings {
            model: "m".into(),
            model_info,
            effort: None,
            summary: None,
            verbosity: None,
            service_tier: None,
            mode: self.mode.clone(),
            approval_policy: self.approval,
            reviewer: self.reviewer,
            review_model: None,
            sandbox_policy: SandboxPolicy::read_only(),
            notify: Arc::from(self.notify.clone()),
            tools: Arc::new(tools),
            surroundings: crate::context::surroundings::Surroundings::default(),
            skills: Arc::default(),
            compaction: crate::settings::CompactionSettings {
                limit_tokens: self.limit_tokens,
                prompt: None,
            },
        }
    }

    pub fn model(&mut self, event: ModelEvent) -> String {
        let sampling = self.state.sampling;
        self.told(ThreadEvent::Model { sampling, event })
    }

    pub fn call(&mut self, call_id: &str, name: &str) -> String {
        let item = json!({"type": "function_call", "call_id": call_id, "name": name, "arguments": "{}"});
        self.model(ModelEvent::ItemDone(ResponseItem::make(&item).unwrap()))
    }

    pub fn message(&mut self, text: &str) -> String {
        let item = json!({"type": "message", "id": "msg_1", "role": "assistant", "content": [{"type": "output_text", "text": text}]});
        self.model(ModelEvent::ItemDone(ResponseItem::make(&item).unwrap()))
    }

    pub fn completed(&mut self) -> String {
        let usage = TokenUsageBreakdown {
            total_tokens: 3,
            input_tokens: 2,
            output_tokens: 1,
            ..TokenUsageBreakdown::default()
        };
        self.model(ModelEvent::Completed {
            response_id: "r".into(),
            usage: Some(usage),
            end_turn: None,
        })
    }

    /// The files and surroundings of a compaction, none of them worth telling.
    pub fn found(&mut self) -> String {
        let turn_id = self.state.turn_in_progress().unwrap().id;
        self.told(ThreadEvent::ChangesFound {
            turn_id,
            changes: Box::default(),
            surroundings: Box::default(),
        })
    }

    pub fn too_long(&mut self) -> String {
        self.model(ModelEvent::Failed(ModelError::new(
            codex_model::error::CONTEXT_WINDOW,
            "too long",
            CodexErrorInfo::ContextWindowExceeded,
            Retry::Never,
        )))
    }

    pub fn failed(&mut self, retry: Retry) -> String {
        self.model(ModelEvent::Failed(ModelError::new(
            "model.stream_closed",
            "the stream broke",
            CodexErrorInfo::Other,
            retry,
        )))
    }

    pub fn prepared(&mut self, call_id: &str, permissions: SandboxPermissions) -> String {
        let item = CommandExecutionItem {
            id: call_id.into(),
            command: "sh -c 'make x'".into(),
            cwd: cwd(),
            process_id: Some("7".into()),
            source: CommandExecutionSource::UnifiedExecStartup,
            status: CommandExecutionStatus::InProgress,
            command_actions: Vec::new(),
            aggregated_output: None,
            exit_code: None,
            duration_ms: None,
            limit_reached: None,
        };
        let intent = ToolIntent::Command(CommandIntent {
            argv: ["sh", "-c", "make x"].map(str::to_owned).to_vec(),
            script: "make x".into(),
            cwd: cwd(),
            sandbox_permissions: permissions,
            additional_permissions: None,
            justification: Some("it needs the network".into()),
            prefix_rule: None,
        });
        let prepared = PreparedCall {
            intent,
            widened: None,
            started: Some(ThreadItem::CommandExecution(item)),
            parallel: true,
        };
        self.told(ThreadEvent::Prepared {
            call_id: call_id.into(),
            result: Ok(prepared),
        })
    }

    /// The call asks to write in `/srv`.
    pub fn permissions_prepared(&mut self, call_id: &str) -> String {
        let intent = ToolIntent::Permissions(PermissionsIntent {
            permissions: srv().to_wire(),
            cwd: cwd(),
            reason: None,
        });
        let prepared = PreparedCall {
            intent,
            widened: Some(Box::new(ResolvedPolicy::unconfined())),
            started: None,
            parallel: false,
        };
        self.told(ThreadEvent::Prepared {
            call_id: call_id.into(),
            result: Ok(prepared),
        })
    }

    pub fn granted(&mut self, call_id: &str, scope: PermissionGrantScope) -> String {
        let rights = MoreRights {
            additional: srv(),
            settings: Arc::new(self.settings()),
        };
        self.told(ThreadEvent::Granted {
            call_id: call_id.into(),
            scope,
            result: Ok(Some(Box::new(rights))),
        })
    }

    pub fn finished(&mut self, call_id: &str, text: &str) -> String {
        let outcome = ToolOutcome {
            output: ToolOutput::Text(text.into()),
            success: true,
            item: None,
            denial: None,
            plan: None,
            diff: None,
        };
        self.told(ThreadEvent::Finished {
            call_id: call_id.into(),
            outcome: Box::new(outcome),
        })
    }
}

fn srv() -> Additional {
    Additional {
        lines: [(AbsPath::new("/srv").unwrap(), Rights::Write)].into(),
        ..Additional::default()
    }
}

pub fn told(effects: &[Effect]) -> String {
    effects.iter().flat_map(lines).collect::<Vec<_>>().join("\n")
}

/// One line per effect; a commit also gets one per record and notification.
fn lines(effect: &Effect) -> Vec<String> {
    match effect {
        Effect::Commit { records, notifications } => {
            // That a request is written down before it is made is a test of its own; here every `sample` says it.
            let records = records
                .iter()
                .filter(|record| !matches!(record, Record::ModelRequest(request) if request.compaction.is_none()));
            let records = records.map(|record| format!("journal {}", record_name(record)));
            records
                .chain(
                    notifications
                        .iter()
                        .map(|notification| format!("tell {}", notification_name(notification))),
                )
                .collect()
        }
        Effect::Notify(notification) => vec![format!("tell {}", notification_name(notification))],
        Effect::Reply { key, result } => vec![match result {
            Ok(ThreadReply::TurnStarted(_)) => format!("reply {} started", key.0),
            Ok(ThreadReply::Steered { .. }) => format!("reply {} steered", key.0),
            Ok(ThreadReply::Interrupted) => format!("reply {} interrupted", key.0),
            Ok(ThreadReply::CompactionUndone) => format!("reply {} compaction undone", key.0),
            Ok(ThreadReply::ReviewStarted(turn)) => format!("reply {} review started, {} item", key.0, turn.items.len()),
            Ok(ThreadReply::UserCommandStarted) => format!("reply {} user command started", key.0),
            Ok(ThreadReply::CompactionStarted) => format!("reply {} compaction started", key.0),
            Err(error) => format!("reply {} error [{}] {error}", key.0, error.stable_code()),
        }],
        Effect::Resolve { .. } => vec!["resolve".into()],
        Effect::ReadInput { .. } => vec!["read input".into()],
        Effect::Sample { request, .. } => vec![format!(
            "sample: {}",
            request.input.iter().map(item_name).collect::<Vec<_>>().join(", ")
        )],
        Effect::StopSampling => vec!["stop sampling".into()],
        Effect::Prepare { call, .. } => vec![format!("prepare {}", call.call_id)],
        Effect::Discard { call_id } => vec![format!("discard {call_id}")],
        Effect::Ask { request_id, request } => vec![format!("ask {request_id} about {}", request.item_id())],
        Effect::Review { request_id, .. } => vec![format!("review {request_id}")],
        Effect::StartReviewer { prompt, .. } => vec![format!("start reviewer: {prompt}")],
        Effect::EndReviewer => vec!["end reviewer".into()],
        Effect::Withdraw { request_id } => vec![format!("withdraw {request_id}")],
        Effect::Run { call_id, policy } => vec![format!("run {call_id} {}", if policy.confined { "confined" } else { "unconfined" })],
        Effect::Grant { call_id, .. } => vec![format!("grant {call_id}")],
        Effect::RunUserCommand { prepared } => vec![format!("run {} of the user", prepared.call_id)],
        Effect::Cancel { call_id } => vec![format!("cancel {call_id}")],
        Effect::SetTimer { timer, .. } => vec![format!("timer {timer:?}").split(" {").next().unwrap().to_owned()],
        Effect::TellProgram(notice) => vec![format!("start {}", notice.command.join(" "))],
        Effect::Sync => vec!["sync".into()],
        Effect::EndTerminals => vec!["end terminals".into()],
        Effect::Unload => vec!["unload".into()],
        Effect::FindChanges { .. } => vec!["find changes".into()],
        Effect::FindUndo { .. } => vec!["find undo".into()],
    }
}

fn item_name(item: &ResponseItem) -> String {
    use codex_protocol::response_item::ItemView;
    match item.view() {
        ItemView::Message { role, .. } => role.clone(),
        ItemView::FunctionCall(call) | ItemView::CustomToolCall(call) => format!("call {}", call.call_id),
        ItemView::FunctionCallOutput { call_id } | ItemView::CustomToolCallOutput { call_id } => {
            let value: serde_json::Value = serde_json::from_str(item.raw().get()).unwrap();
            format!("output {call_id} {:?}", value["output"].as_str().unwrap())
        }
        other => format!("{other:?}"),
    }
}

fn record_name(record: &Record) -> String {
    match record {
        Record::ResponseItem(item) => item_name(item),
        Record::SessionMeta(_) => "session_meta".into(),
        Record::TurnContext(_) => "turn_context".into(),
        Record::WorldState(_) => "world_state".into(),
        Record::TokenUsage(_) => "token_usage".into(),
        Record::Compacted(_) => "compacted".into(),
        Record::PrefixBase(_) => "prefix_base".to_owned(),
        Record::PrefixBreak { reason } => format!("prefix_break {reason}"),
        Record::ModelRequest(request) => match &request.compaction {
            Some(ask) => format!("request for a summary, {}, {} left out", ask.trigger, ask.left_out),
            None => "request".into(),
        },
        Record::Event(event) => match &**event {
            EventMsg::TaskStarted { .. } => "task_started".into(),
            EventMsg::TaskComplete { error: None, .. } => "task_complete".into(),
            EventMsg::TaskComplete { error: Some(error), .. } => format!("task_complete [{}]", error.code.as_deref().unwrap_or("-")),
            EventMsg::TurnAborted { .. } => "turn_aborted".into(),
            EventMsg::ItemCompleted { item, .. } => format!("item_completed {}", thread_item(item)),
            EventMsg::TokenCount { .. } => "token_count".into(),
            EventMsg::ThreadRolledBack { .. } => "rolled back".into(),
            EventMsg::PermissionsGranted(granted) => format!("permissions granted {:?}", granted.scope),
            EventMsg::ApprovalReviewed(reviewed) => format!("approval_reviewed {:?}", reviewed.review.status),
        },
    }
}

fn thread_item(item: &ThreadItem) -> String {
    match item {
        ThreadItem::UserMessage { .. } => "user message".into(),
        ThreadItem::AgentMessage { text, .. } => format!("message {text:?}"),
        ThreadItem::CommandExecution(command) => format!("command {} {:?}", command.id, command.status),
        ThreadItem::EnteredReviewMode { review, .. } => format!("review of {review:?}"),
        ThreadItem::ExitedReviewMode { review, .. } => format!("review {review:?}"),
        other => other.id().to_owned(),
    }
}

fn notification_name(notification: &Notification) -> String {
    match notification {
        Notification::ThreadStatusChanged(n) => format!("status {:?}", n.status),
        Notification::TurnStarted(_) => "turn started".into(),
        Notification::TurnCompleted(n) => format!("turn {:?}", n.turn.status),
        Notification::ItemStarted(n) => format!("started {}", thread_item(&n.item)),
        Notification::ItemCompleted(n) => format!("completed {}", thread_item(&n.item)),
        Notification::ThreadTokenUsageUpdated(_) => "usage".into(),
        Notification::ServerRequestResolved(n) => format!("resolved {}", n.request_id),
        Notification::AutoApprovalReviewStarted(_) => "review started".into(),
        Notification::AutoApprovalReviewCompleted(n) => format!("review {:?}", n.review.status),
        Notification::Error(n) => format!("error {:?} retry={}", n.error.message, n.will_retry),
        Notification::Warning(n) => format!("warning {:?}", n.message),
        Notification::TurnWaiting(n) => format!("waiting for {}", format!("{:?}", n.waiting_for).split(" {").next().unwrap()),
        other => format!("{other:?}"),
    }
}
