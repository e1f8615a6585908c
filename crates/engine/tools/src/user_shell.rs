//! A command that the user runs themselves: in their shell, without a sandbox or limits, for as long as it takes.

use crate::environment::CallIds;
use crate::exec::{ExecAction, Patience};
use crate::login::LoginShell;
use crate::prepare::{Action, Prepared, command_item};
use crate::shell::{self, Login};
use crate::truncation::Budget;
use crate::turn::TurnTools;
use codex_protocol::facts::{CommandIntent, SandboxPermissions, ToolIntent};
use codex_protocol::items::{CommandExecutionItem, CommandExecutionSource, ThreadItem};
use codex_protocol::settings::CommandLimits;
use std::time::Duration;

/// The command as a call that nobody has to decide about. Looks nothing up. `time_max` kills it.
pub fn user_command(id: &str, script: &str, time_max: Option<Duration>, turn: &TurnTools) -> Prepared {
    let login = if turn.allow_login_shell { Login::Default } else { Login::Off };
    let invocation = shell::invocation(&turn.shell, None, script, login, &turn.env);
    let item = CommandExecutionItem {
        source: CommandExecutionSource::UserShell,
        ..command_item(id, &invocation.argv, script, &turn.cwd)
    };
    let intent = CommandIntent {
        argv: invocation.argv.clone(),
        script: script.to_owned(),
        cwd: turn.cwd.clone(),
        sandbox_permissions: SandboxPermissions::RequireEscalated,
        additional_permissions: None,
        justification: None,
        prefix_rule: None,
    };
    let started = ThreadItem::CommandExecution(item.clone());
    let action = ExecAction {
        cwd: turn.cwd.clone(),
        login: LoginShell::new(&invocation, turn),
        ids: CallIds {
            thread_id: turn.thread_id.clone(),
            session_id: turn.session_id.clone(),
            call_id: id.to_owned(),
            permission_profile: None,
        },
        tty: false,
        limits: CommandLimits::default(),
        patience: Patience::ToTheEnd(time_max),
        budget: Budget {
            asked_tokens: None,
            limit_tokens: turn.output_token_limit,
        },
        turn_id: turn.turn_id.clone(),
        item,
        invocation,
    };
    Prepared {
        call_id: id.to_owned(),
        intent: ToolIntent::Command(intent),
        widened: None,
        started: Some(started),
        parallel: true,
        action: Action::Exec(Box::new(action)),
        limit_tokens: turn.output_token_limit,
    }
}
