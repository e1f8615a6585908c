//! What the login profile does to the environment, captured once instead of once per command.
//!
//! Input: a shell, the environment it starts in, and the policy of the turn, under which the profile runs. Output: the environment that
//! it leaves. A profile that fails, prints too much or takes longer than [`CAPTURE_TIME_MAX`] counts for nothing: the environment then
//! stays as it was. Functions and options of the profile are not kept; `login: true` runs a real login shell.

use crate::shell::{self, Invocation, Login, Profile};
use crate::turn::{Environment, ToolWorld, TurnTools};
use codex_base::AbsPath;
use codex_permissions::ResolvedPolicy;
use codex_process::{CommandIo, CommandSpec, Expiration, spawn_or_again};
use codex_protocol::settings::CommandLimits;
use std::ffi::OsString;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::OnceCell;
use tokio_util::sync::CancellationToken;

/// Longest time that a profile may take.
const CAPTURE_TIME_MAX: Duration = Duration::from_secs(5);

/// Different shells or environments that one thread remembers.
const REMEMBERED_MAX: usize = 4;

/// Stands in front of the variables, behind whatever the profile prints.
const MARKER: &str = "\u{1}codex login environment\u{1}";

/// Variables that a shell sets for itself; the capture's values say nothing about the next shell.
const OF_THE_SHELL: [&str; 4] = ["_", "SHLVL", "PWD", "OLDPWD"];

/// Reads the login profile of the user's shell ahead of the first command, so that no call waits for it. Cheap when that was done.
pub async fn warm_up(turn: &TurnTools, world: &ToolWorld) {
    if turn.tools.shell && turn.allow_login_shell {
        let invocation = shell::invocation(&turn.shell, None, "", Login::Default, &turn.env);
        if invocation.profile == Profile::Captured {
            world.terminals.login.get(&LoginShell::new(&invocation, turn), world).await;
        }
    }
}

/// A login shell: which, from what, and where and under what its profile is read.
#[derive(Debug, Clone)]
pub(crate) struct LoginShell {
    /// Absolute path.
    shell: String,
    pub base: Arc<Environment>,
    cwd: AbsPath,
    policy: ResolvedPolicy,
}

impl LoginShell {
    pub fn new(invocation: &Invocation, turn: &TurnTools) -> Self {
        let shell = invocation.argv.first().cloned().unwrap_or_default();
        Self {
            shell,
            base: turn.env.clone(),
            cwd: turn.cwd.clone(),
            policy: turn.policy.clone(),
        }
    }

    /// The directory and the policy are not part of what a profile leaves; if they matter to it, the first one counts.
    fn is_like(&self, other: &Self) -> bool {
        self.shell == other.shell && self.base == other.base
    }
}

type Captured = Arc<OnceCell<Arc<Environment>>>;

/// The captured environments of one thread.
#[derive(Default)]
pub(crate) struct LoginEnvironments {
    // Locked for a look only; the capture itself is awaited in the cell.
    cells: Mutex<Vec<(LoginShell, Captured)>>,
}

impl LoginEnvironments {
    /// The environment of a login shell. Calls at the same time share one capture.
    pub async fn get(&self, login: &LoginShell, world: &ToolWorld) -> Arc<Environment> {
        let cell = self.cell(login);
        let capture = || async { capture(login, world).await.map_or_else(|| login.base.clone(), Arc::new) };
        cell.get_or_init(capture).await.clone()
    }

    fn cell(&self, login: &LoginShell) -> Captured {
        let mut cells = self.cells.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, cell)) = cells.iter().find(|(known, _)| known.is_like(login)) {
            return cell.clone();
        }
        if cells.len() >= REMEMBERED_MAX {
            cells.remove(0);
        }
        let cell = Captured::default();
        cells.push((login.clone(), cell.clone()));
        cell
    }
}

async fn capture(login: &LoginShell, world: &ToolWorld) -> Option<Environment> {
    let script = format!("printf %s '{MARKER}'; exec env -0");
    let mut env: Environment = login.base.iter().filter(|(name, _)| name != "TERM").cloned().collect();
    env.push(("TERM".into(), "dumb".into()));
    let argv = [login.shell.clone(), "-lc".into(), script].map(OsString::from).into();
    let spec = CommandSpec {
        argv,
        cwd: login.cwd.clone(),
        env,
        io: CommandIo::Pipes,
        limits: CommandLimits::default(),
    };
    let prepared = world.sandbox.prepare(spec.clone(), &login.policy).ok()?;
    let again = || world.sandbox.prepare(spec, &login.policy);
    let expiration = Expiration {
        timeout: Some(CAPTURE_TIME_MAX),
        cancel: CancellationToken::new(),
    };
    let running = spawn_or_again(prepared, again, expiration).await.ok()?;
    let exit = running.exited().await;
    let output = running.aggregated();
    let whole = exit.exit_code() == 0 && output.dropped_bytes() == 0;
    whole.then(|| parse(&output.to_text(), &login.base)).flatten()
}

/// Reads `env -0` behind the marker. Values that are not UTF-8 stay what they were before the profile.
fn parse(output: &str, base: &Environment) -> Option<Environment> {
    let (_, list) = output.rsplit_once(MARKER)?;
    let mut env: Environment = Vec::new();
    for entry in list.strip_suffix('\0')?.split('\0') {
        let (name, value) = entry.split_once('=').filter(|(name, _)| !name.is_empty())?;
        if is_kept_from_base(name) {
            continue;
        }
        if value.contains(char::REPLACEMENT_CHARACTER) {
            env.extend(base.iter().find(|(known, _)| known == name).cloned());
        } else {
            env.push((name.into(), value.into()));
        }
    }
    env.extend(
        base.iter()
            .filter(|(name, _)| name.to_str().is_some_and(is_kept_from_base))
            .cloned(),
    );
    Some(env)
}

fn is_kept_from_base(name: &str) -> bool {
    OF_THE_SHELL.contains(&name) || name == "TERM"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(output: &str) -> Option<String> {
        let base = vec![
            ("PATH".into(), "/bin".into()),
            ("TERM".into(), "xterm".into()),
            ("SHLVL".into(), "1".into()),
            ("BAD".into(), "b".into()),
        ];
        let env = parse(output, &base)?;
        let lines: Vec<String> = env
            .iter()
            .map(|(name, value)| format!("{}={}", name.display(), value.display()))
            .collect();
        Some(lines.join(" "))
    }

    #[test]
    fn the_profiles_variables_replace_the_old_ones_but_not_the_shells_own() {
        let output = format!("welcome!\n{MARKER}PATH=/opt:/bin\0TERM=dumb\0SHLVL=2\0A=x=y\nz\0BAD=\u{fffd}\0");

        assert_eq!(parsed(&output).as_deref(), Some("PATH=/opt:/bin A=x=y\nz BAD=b TERM=xterm SHLVL=1"));
    }

    #[test]
    fn a_capture_that_is_not_whole_counts_for_nothing() {
        assert_eq!(parsed("no marker\0"), None);
        assert_eq!(parsed(&format!("{MARKER}A=1\0B=cut")), None);
        assert_eq!(parsed(&format!("{MARKER}\0")), None);
    }
}
