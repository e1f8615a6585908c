//! Builders of notifications for tests: a test states only what matters to it.

use codex_base::AbsPath;
use codex_protocol::errors::{CodexErrorInfo, TurnError};
use codex_protocol::items::*;
use codex_protocol::notifications::*;
use codex_protocol::requests::{ReasoningShown, ThreadSetup};
use codex_protocol::settings::{ApprovalPolicy, ApprovalsReviewer, SandboxPolicy};

pub const THREAD: &str = "01a1f84b-c74f-7223-8daf-c7c8e964d410";
pub const TURN: &str = "turn-1";

pub fn path(text: &str) -> AbsPath {
    AbsPath::new(text).unwrap()
}

pub fn setup() -> ThreadSetup {
    ThreadSetup {
        thread: Thread {
            id: THREAD.to_owned(),
            session_id: THREAD.to_owned(),
            preview: String::new(),
            ephemeral: false,
            model_provider: "scripted".to_owned(),
            model: None,
            created_at: 0,
            updated_at: 0,
            status: ThreadStatus::Idle,
            path: None,
            cwd: path("/w"),
            cli_version: "0".to_owned(),
            source: SessionSource::Exec,
            originator: None,
            project_id: None,
            name: None,
            forked_from_id: None,
            parent_thread_id: None,
            git_info: None,
            turns: vec![],
        },
        model: "mock-model".to_owned(),
        model_provider: "scripted".to_owned(),
        cwd: path("/w"),
        approval_policy: ApprovalPolicy::Never,
        approvals_reviewer: ApprovalsReviewer::User,
        sandbox: SandboxPolicy::WorkspaceWrite {
            writable_roots: vec![path("/more")],
            network_access: true,
            exclude_tmpdir_env_var: false,
            exclude_slash_tmp: false,
        },
        active_permission_profile: None,
        sandbox_inexact: None,
        instruction_sources: vec![],
        reasoning_effort: Some("medium".to_owned()),
        collaboration_mode: None,
        reasoning_summary: Some("auto".to_owned()),
        reasoning_shown: ReasoningShown::Summary,
        warnings: vec![],
    }
}

pub fn turn(status: TurnStatus, error: Option<&str>) -> Turn {
    Turn {
        id: TURN.to_owned(),
        items: vec![],
        items_view: TurnItemsView::NotLoaded,
        status,
        error: error.map(turn_error),
        started_at: None,
        completed_at: None,
        duration_ms: None,
    }
}

fn turn_error(message: &str) -> TurnError {
    TurnError::new("model.overloaded", message, CodexErrorInfo::ServerOverloaded)
}

pub fn turn_started() -> Notification {
    Notification::TurnStarted(TurnNotification {
        thread_id: THREAD.to_owned(),
        turn: turn(TurnStatus::InProgress, None),
    })
}

pub fn turn_ended(status: TurnStatus, error: Option<&str>) -> Notification {
    Notification::TurnCompleted(TurnNotification {
        thread_id: THREAD.to_owned(),
        turn: turn(status, error),
    })
}

pub fn started(item: ThreadItem) -> Notification {
    Notification::ItemStarted(ItemStarted {
        thread_id: THREAD.to_owned(),
        turn_id: TURN.to_owned(),
        item,
        started_at_ms: 0,
    })
}

pub fn completed(item: ThreadItem) -> Notification {
    Notification::ItemCompleted(ItemCompleted {
        thread_id: THREAD.to_owned(),
        turn_id: TURN.to_owned(),
        item,
        completed_at_ms: 0,
    })
}

pub fn user_message(id: &str, text: &str) -> ThreadItem {
    ThreadItem::UserMessage {
        id: id.to_owned(),
        content: vec![UserInput::Text { text: text.to_owned() }],
    }
}

pub fn message(id: &str, text: &str) -> ThreadItem {
    ThreadItem::AgentMessage {
        id: id.to_owned(),
        text: text.into(),
        phase: None,
    }
}

pub fn reasoning(id: &str, summary: &[&str]) -> ThreadItem {
    ThreadItem::Reasoning {
        id: id.to_owned(),
        summary: summary.iter().map(|&part| part.to_owned()).collect(),
        content: vec![],
    }
}

pub fn command(id: &str, command: &str, status: CommandExecutionStatus, exit_code: Option<i32>, output: Option<&str>) -> ThreadItem {
    ThreadItem::CommandExecution(CommandExecutionItem {
        id: id.to_owned(),
        command: command.to_owned(),
        cwd: path("/w"),
        process_id: None,
        source: CommandExecutionSource::Agent,
        status,
        command_actions: vec![],
        aggregated_output: output.map(str::to_owned),
        exit_code,
        duration_ms: exit_code.map(|_| 12),
        limit_reached: None,
    })
}

/// A command that the memory limit stopped.
pub fn stopped(id: &str, words: &str, exit_code: i32) -> ThreadItem {
    let mut item = command(id, words, CommandExecutionStatus::Failed, Some(exit_code), None);
    if let ThreadItem::CommandExecution(item) = &mut item {
        item.limit_reached = Some(Box::new(LimitReached {
            limit: LimitHit::Memory,
            allowed: Some(1 << 20),
            cpu_ms: Some(12),
            peak_memory_bytes: Some(1_048_570),
        }));
    }
    item
}

pub fn patch(id: &str, status: PatchApplyStatus) -> ThreadItem {
    let kind = PatchChangeKind::Update { move_path: None };
    let change = FileUpdateChange {
        path: path("/w/a.txt"),
        kind,
        diff: "@@ -1 +1 @@\n-a\n+b\n".to_owned(),
    };
    ThreadItem::FileChange {
        id: id.to_owned(),
        changes: vec![change],
        status,
    }
}

pub fn patch_of_every_kind(id: &str) -> ThreadItem {
    let kinds = [
        PatchChangeKind::Add,
        PatchChangeKind::Delete,
        PatchChangeKind::Update {
            move_path: Some(path("/w/moved.txt")),
        },
    ];
    let change = |(n, kind)| FileUpdateChange {
        path: path(&format!("/w/{n}.txt")),
        kind,
        diff: String::new(),
    };
    ThreadItem::FileChange {
        id: id.to_owned(),
        changes: kinds.into_iter().enumerate().map(change).collect(),
        status: PatchApplyStatus::Declined,
    }
}

pub fn output(item_id: &str, delta: &str) -> Notification {
    Notification::CommandExecutionOutputDelta(delta_of(item_id, delta))
}

fn delta_of(item_id: &str, delta: &str) -> ItemDelta {
    ItemDelta {
        thread_id: THREAD.to_owned(),
        turn_id: TURN.to_owned(),
        item_id: item_id.to_owned(),
        delta: delta.to_owned(),
    }
}

pub fn usage(input_tokens: i64, cached_input_tokens: i64, output_tokens: i64) -> Notification {
    let total = TokenUsageBreakdown {
        total_tokens: input_tokens + output_tokens,
        input_tokens,
        cached_input_tokens,
        cache_write_input_tokens: 0,
        output_tokens,
        reasoning_output_tokens: 0,
    };
    let token_usage = ThreadTokenUsage {
        total,
        last: total,
        model_context_window: None,
    };
    Notification::ThreadTokenUsageUpdated(ThreadTokenUsageUpdated {
        thread_id: THREAD.to_owned(),
        turn_id: TURN.to_owned(),
        token_usage,
    })
}

pub fn warning(message: &str) -> Notification {
    Notification::Warning(Warning {
        message: message.to_owned(),
        thread_id: Some(THREAD.to_owned()),
    })
}

pub fn error(message: &str, will_retry: bool) -> Notification {
    let error = turn_error(message);
    Notification::Error(ErrorNotification {
        error,
        thread_id: THREAD.to_owned(),
        turn_id: TURN.to_owned(),
        will_retry,
    })
}

pub fn plan(steps: &[(&str, PlanStepStatus)]) -> Notification {
    let plan = steps
        .iter()
        .map(|&(step, status)| PlanStep {
            step: step.to_owned(),
            status,
        })
        .collect();
    Notification::TurnPlanUpdated(TurnPlanUpdated {
        thread_id: THREAD.to_owned(),
        turn_id: TURN.to_owned(),
        explanation: None,
        plan,
    })
}
