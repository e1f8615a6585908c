//! A command that the user runs themselves: in their shell, without a sandbox or limits, for as long as it takes.

use crate::environment::CallIds;
use crate::exec::{ExecAction, Patience};
use crate::prepare::Prepared;
use crate::shell::{self, Login};
use crate::turn::TurnTools;
use codex_protocol::facts::{CommandIntent, SandboxPermissions};
use codex_protocol::items::{CommandExecutionItem, CommandExecutionSource};
use codex_protocol::settings::CommandLimits;
use std::time::Duration;

/// The command as a call that nobody has to decide about. Looks nothing up. `time_max` kills it.
pub fn user_command(id: &str, script: &str, time_max: Option<Duration>, turn: &TurnTools) -> Prepared {
    let login = if turn.allow_login_shell { Login::Default } else { Login::Off };
    let invocation = shell::invocation(&turn.shell, None, script, login, &turn.env);
    let action = ExecAction::new(id, script, invocation, &turn.cwd, turn);
    let action = ExecAction {
        ids: CallIds {
            permission_profile: None,
            ..action.ids
        },
        limits: CommandLimits::default(),
        patience: Patience::ToTheEnd(time_max),
        item: CommandExecutionItem {
            source: CommandExecutionSource::UserShell,
            ..action.item
        },
        ..action
    };
    let intent = CommandIntent {
        argv: action.invocation.argv.clone(),
        script: script.to_owned(),
        cwd: turn.cwd.clone(),
        sandbox_permissions: SandboxPermissions::RequireEscalated,
        additional_permissions: None,
        justification: None,
        prefix_rule: None,
    };
    Prepared::command(intent, action)
}
