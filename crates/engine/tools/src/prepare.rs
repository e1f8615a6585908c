//! From a call as the model wrote it to what it would do, as data. Nothing happens here; patches are checked against the files.
//!
//! Input: a [`ToolCallView`] and the [`TurnTools`] of its turn. Output: [`Prepared`], or the text that answers a call which is unknown,
//! malformed or does not fit the files. Blocking (files are read), so it belongs on a blocking thread.

use crate::args::{self, ExecArgs, ImageArgs, PatchArgs, PermissionsArgs, PlanArgs, StdinArgs, UserInputArgs};
use crate::error::ToolError;
use crate::exec::{ExecAction, Patience};
use crate::patch::{PatchAction, PatchOrigin};
use crate::shell::{self, Login};
use crate::stdin::StdinAction;
use crate::truncation::Budget;
use crate::turn::TurnTools;
use crate::widening::Widened;
use codex_base::AbsPath;
use codex_permissions::ResolvedPolicy;
use codex_protocol::additional::AdditionalPermissions;
use codex_protocol::collaboration::UserInputQuestion;
use codex_protocol::facts::{CommandIntent, PermissionsIntent, SandboxPermissions, ToolIntent};
use codex_protocol::items::{PlanStep, ThreadItem};
use codex_protocol::response_item::ToolCallView;
use std::collections::BTreeSet;

/// As the model is told.
const QUESTIONS_MAX: usize = 3;
/// One key for each, and one for the user's own words.
const OPTIONS_MAX: usize = 8;

/// The two kinds of call items.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallKind {
    /// Input is JSON text.
    Function,
    /// Input is free text.
    Custom,
}

/// A call that can be carried out.
#[derive(Debug, Clone)]
pub struct Prepared {
    pub call_id: String,
    /// What a verdict is made from.
    pub intent: ToolIntent,
    /// What the turn's policy becomes with the permissions that the call asks for besides.
    pub widened: Option<Box<ResolvedPolicy>>,
    /// The item as clients see it begin. Its id is the call's. `None` for calls without one (`write_stdin`, plans) or with a final form
    /// only (`view_image`).
    pub started: Option<ThreadItem>,
    /// May run beside other calls that may.
    pub parallel: bool,
    pub(crate) action: Action,
    /// Tokens of the output, see [`TurnTools::output_token_limit`].
    pub(crate) limit_tokens: usize,
}

#[derive(Debug, Clone)]
pub(crate) enum Action {
    Exec(Box<ExecAction>),
    Stdin(StdinAction),
    Patch(PatchAction),
    Plan {
        explanation: Option<String>,
        plan: Vec<PlanStep>,
    },
    Image {
        path: AbsPath,
        detail: &'static str,
    },
    /// What is asked for is in force already.
    Permissions(AdditionalPermissions),
    /// The answer is the output.
    UserInput,
}

/// Says what `call` would do.
///
/// # Errors
/// With the text that answers the call.
pub fn prepare(call: &ToolCallView, kind: CallKind, turn: &TurnTools) -> Result<Prepared, ToolError> {
    let tool = Tool::of(call, kind, turn)?;
    match tool {
        Tool::ExecCommand => exec_command(call, turn),
        Tool::WriteStdin => write_stdin(call, turn),
        Tool::RequestPermissions => request_permissions(call, turn),
        Tool::UpdatePlan => update_plan(call, turn),
        Tool::RequestUserInput => request_user_input(call, turn),
        Tool::ViewImage => view_image(call, turn),
        Tool::ApplyPatch => match kind {
            CallKind::Custom => patch(call, &call.input, &turn.cwd, PatchOrigin::Tool, turn),
            CallKind::Function => {
                let arguments: PatchArgs = args::parse(&call.input)?;
                patch(call, &arguments.input, &turn.cwd, PatchOrigin::Tool, turn)
            }
        },
    }
}

/// Whether a call may run beside others, as far as its text tells. Such a call may also be prepared while others run; the rest must be
/// prepared after the calls before them are done, since a patch is checked against the files as they are then.
pub fn may_overlap(call: &ToolCallView, kind: CallKind) -> bool {
    match (call.name.as_str(), kind) {
        ("exec_command", CallKind::Function) => {
            args::parse::<ExecArgs>(&call.input).map_or(true, |arguments| codex_shell_parse::patch_heredoc(&arguments.cmd).is_none())
        }
        ("view_image", CallKind::Function) => true,
        _ => false,
    }
}

enum Tool {
    ExecCommand,
    WriteStdin,
    RequestPermissions,
    UpdatePlan,
    RequestUserInput,
    ViewImage,
    ApplyPatch,
}

impl Tool {
    fn of(call: &ToolCallView, kind: CallKind, turn: &TurnTools) -> Result<Self, ToolError> {
        let namespace = call.namespace.as_deref().unwrap_or_default();
        let name = if matches!(namespace, "" | "functions") {
            call.name.clone()
        } else {
            format!("{namespace}{}", call.name)
        };
        let set = &turn.tools;
        match (kind, name.as_str()) {
            (CallKind::Function, "exec_command") if set.shell => Ok(Self::ExecCommand),
            (CallKind::Function, "write_stdin") if set.shell => Ok(Self::WriteStdin),
            (CallKind::Function, "request_permissions") if set.request_permissions => Ok(Self::RequestPermissions),
            (CallKind::Function, "update_plan") if set.update_plan => Ok(Self::UpdatePlan),
            (CallKind::Function, "request_user_input") if set.request_user_input => Ok(Self::RequestUserInput),
            (CallKind::Function, "view_image") if set.view_image => Ok(Self::ViewImage),
            (CallKind::Function | CallKind::Custom, "apply_patch") if set.apply_patch => Ok(Self::ApplyPatch),
            (CallKind::Function, _) => Err(ToolError::UnsupportedFunction { name }),
            (CallKind::Custom, _) => Err(ToolError::UnsupportedCustom { name }),
        }
    }
}

fn exec_command(call: &ToolCallView, turn: &TurnTools) -> Result<Prepared, ToolError> {
    let arguments: ExecArgs = args::parse(&call.input)?;
    let cwd = arguments
        .workdir
        .as_ref()
        .map_or_else(|| turn.cwd.clone(), |workdir| turn.cwd.join(workdir));
    if let Some(heredoc) = codex_shell_parse::patch_heredoc(&arguments.cmd) {
        let cwd = heredoc.cd.as_ref().map_or_else(|| cwd.clone(), |cd| cwd.join(cd));
        return patch(call, &heredoc.patch, &cwd, PatchOrigin::Heredoc, turn);
    }
    if codex_shell_parse::is_bare_patch(&arguments.cmd) {
        return Err(ToolError::BarePatch);
    }
    let more = more_of(&arguments, &cwd, turn)?;
    let login = login_of(&arguments, turn)?;
    let invocation = shell::invocation(&turn.shell, arguments.shell.as_deref(), &arguments.cmd, login, &turn.env);
    let action = ExecAction::new(&call.call_id, &arguments.cmd, invocation, &cwd, turn);
    let action = ExecAction {
        tty: arguments.tty.unwrap_or(false),
        patience: Patience::HandOver(args::exec_wait(arguments.yield_time_ms)),
        budget: Budget::new(arguments.max_output_tokens, turn),
        ..action
    };
    let intent = CommandIntent {
        argv: action.invocation.argv.clone(),
        script: arguments.cmd,
        cwd,
        sandbox_permissions: arguments.sandbox_permissions.unwrap_or_default(),
        additional_permissions: more.as_ref().map(|more| Box::new(more.permissions.clone())),
        justification: arguments.justification,
        prefix_rule: arguments.prefix_rule,
    };
    Ok(Prepared {
        widened: more.map(|more| Box::new(more.policy)),
        ..Prepared::command(intent, action)
    })
}

/// The permissions that a call asks for besides, and the turn's policy with them.
fn more_of(arguments: &ExecArgs, cwd: &AbsPath, turn: &TurnTools) -> Result<Option<Widened>, ToolError> {
    let wrong = |why: String| ToolError::Additional { why };
    let asks = arguments.sandbox_permissions == Some(SandboxPermissions::WithAdditionalPermissions);
    let widening = turn.widening.as_ref().filter(|_| turn.tools.additional_permissions);
    match (asks, &arguments.additional_permissions, widening) {
        (false, None, _) => Ok(None),
        (false, Some(_), _) => Err(wrong(
            "it counts with `sandbox_permissions: \"with_additional_permissions\"` only".to_owned(),
        )),
        (true, _, None) => Err(wrong(
            "it is not offered here; leave it out, or ask for `require_escalated`".to_owned(),
        )),
        (true, None, Some(_)) => Err(wrong("it is missing".to_owned())),
        (true, Some(asked), Some(widening)) => widening.widened(asked, cwd).map(Some).map_err(wrong),
    }
}

fn login_of(arguments: &ExecArgs, turn: &TurnTools) -> Result<Login, ToolError> {
    match (arguments.login, turn.allow_login_shell) {
        (Some(true), false) => Err(ToolError::LoginShellOff),
        (Some(true), true) => Ok(Login::Asked),
        (None, true) => Ok(Login::Default),
        (Some(false), _) | (None, false) => Ok(Login::Off),
    }
}

fn write_stdin(call: &ToolCallView, turn: &TurnTools) -> Result<Prepared, ToolError> {
    let arguments: StdinArgs = args::parse(&call.input)?;
    let chars = arguments.chars.unwrap_or_default();
    let action = StdinAction {
        session_id: arguments.session_id,
        wait: args::stdin_wait(arguments.yield_time_ms, chars.is_empty(), turn.background_terminal_max_ms),
        budget: Budget::new(arguments.max_output_tokens, turn),
        chars: chars.clone(),
    };
    let outside_sandbox = turn.terminals.is_outside(arguments.session_id, &turn.policy);
    let intent = ToolIntent::WriteStdin {
        session_id: arguments.session_id,
        chars,
        outside_sandbox,
    };
    Ok(Prepared::new(call, turn, intent, Action::Stdin(action)))
}

fn request_permissions(call: &ToolCallView, turn: &TurnTools) -> Result<Prepared, ToolError> {
    let wrong = |why: String| ToolError::Permissions { why };
    let asked: PermissionsArgs = args::parse(&call.input)?;
    if let Some(other) = asked.environment_id.filter(|id| id != "local") {
        return Err(wrong(format!("there is no environment `{other}`; leave it out")));
    }
    let widening = turn.widening.as_ref().ok_or_else(|| wrong("it is not offered here".to_owned()))?;
    let Widened { permissions, policy } = widening.widened(&asked.permissions, &turn.cwd).map_err(wrong)?;
    let intent = ToolIntent::Permissions(PermissionsIntent {
        permissions: permissions.clone(),
        cwd: turn.cwd.clone(),
        reason: asked.reason,
    });
    Ok(Prepared {
        widened: Some(Box::new(policy)),
        ..Prepared::new(call, turn, intent, Action::Permissions(permissions))
    })
}

fn update_plan(call: &ToolCallView, turn: &TurnTools) -> Result<Prepared, ToolError> {
    let PlanArgs { explanation, plan } = args::parse(&call.input)?;
    let intent = ToolIntent::Plan {
        explanation: explanation.clone(),
        plan: plan.clone(),
    };
    Ok(Prepared::new(call, turn, intent, Action::Plan { explanation, plan }))
}

fn request_user_input(call: &ToolCallView, turn: &TurnTools) -> Result<Prepared, ToolError> {
    if !turn.may_ask {
        return Err(ToolError::UserInputUnavailable);
    }
    let UserInputArgs { mut questions } = args::parse(&call.input)?;
    if questions.is_empty() || questions.len() > QUESTIONS_MAX {
        return Err(ToolError::UserInput("1 to 3 questions"));
    }
    let ids: BTreeSet<&str> = questions.iter().map(|question| question.id.as_str()).collect();
    if ids.len() < questions.len() {
        return Err(ToolError::UserInput("a different id for every question"));
    }
    let options = |question: &UserInputQuestion| question.options.as_ref().map_or(0, Vec::len);
    if questions.iter().any(|question| options(question) == 0) {
        return Err(ToolError::UserInput("non-empty options for every question"));
    }
    if questions.iter().any(|question| options(question) > OPTIONS_MAX) {
        return Err(ToolError::UserInput("8 options at most for every question"));
    }
    for question in &mut questions {
        question.is_other = true;
    }
    Ok(Prepared::new(call, turn, ToolIntent::UserInput { questions }, Action::UserInput))
}

fn view_image(call: &ToolCallView, turn: &TurnTools) -> Result<Prepared, ToolError> {
    let arguments: ImageArgs = args::parse(&call.input)?;
    let path = turn.cwd.join(arguments.path);
    let detail = if turn.tools.image_detail_original { "original" } else { "high" };
    let prepared = Prepared::new(
        call,
        turn,
        ToolIntent::ReadFile { path: path.clone() },
        Action::Image { path, detail },
    );
    Ok(Prepared {
        parallel: true,
        ..prepared
    })
}

fn patch(call: &ToolCallView, text: &str, cwd: &AbsPath, origin: PatchOrigin, turn: &TurnTools) -> Result<Prepared, ToolError> {
    let (action, intent, item) = PatchAction::new(&call.call_id, text, cwd, origin, &turn.policy)?;
    let prepared = Prepared::new(call, turn, ToolIntent::Patch(intent), Action::Patch(action));
    Ok(Prepared {
        started: Some(item),
        ..prepared
    })
}

impl Prepared {
    /// A call that shows no item and runs alone.
    fn new(call: &ToolCallView, turn: &TurnTools, intent: ToolIntent, action: Action) -> Self {
        Self {
            call_id: call.call_id.clone(),
            intent,
            widened: None,
            started: None,
            parallel: false,
            action,
            limit_tokens: turn.output_token_limit,
        }
    }

    /// A command, which is shown and may run beside others.
    pub(crate) fn command(intent: CommandIntent, action: ExecAction) -> Self {
        Self {
            call_id: action.item.id.clone(),
            intent: ToolIntent::Command(intent),
            widened: None,
            started: Some(ThreadItem::CommandExecution(action.item.clone())),
            parallel: true,
            limit_tokens: action.budget.limit_tokens,
            action: Action::Exec(Box::new(action)),
        }
    }
}
