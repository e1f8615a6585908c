//! The variables that every command gets beside the user's, added last so that nothing removes them.
//!
//! Names and values are facts that scripts rely on: no colours, no pagers, one locale, and who is calling.

use crate::turn::Environment;
use codex_permissions::ResolvedPolicy;
use std::ffi::{OsStr, OsString};

/// Says to scripts that there is no network; absent when there is.
const NETWORK_DISABLED: &str = "CODEX_SANDBOX_NETWORK_DISABLED";
const PERMISSION_PROFILE: &str = "CODEX_PERMISSION_PROFILE";

/// Ids that a command is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CallIds {
    pub thread_id: String,
    pub session_id: String,
    pub call_id: String,
    /// Name of the permission profile, unless the mode was named.
    pub permission_profile: Option<String>,
}

/// `base` (the policy-filtered parent environment, perhaps through a login profile) and the fixed variables.
///
/// `terminal` is the `TERM` of a command that has a terminal; without one it is `dumb`.
pub(crate) fn of_command(base: &Environment, ids: &CallIds, terminal: Option<&OsStr>, policy: &ResolvedPolicy) -> Environment {
    let mut fixed: Vec<(&str, OsString)> = [
        ("NO_COLOR", "1"),
        ("LANG", "C.UTF-8"),
        ("LC_CTYPE", "C.UTF-8"),
        ("LC_ALL", "C.UTF-8"),
        ("COLORTERM", ""),
        ("PAGER", "cat"),
        ("GIT_PAGER", "cat"),
        ("GH_PAGER", "cat"),
        ("CODEX_CI", "1"),
        ("CODEX_APPLY_PATCH_PRESERVE_LINE_ENDINGS", "1"),
        ("CODEX_THREAD_ID", &ids.thread_id),
        ("CODEX_SESSION_ID", &ids.session_id),
        ("CODEX_TOOL_CALL_ID", &ids.call_id),
        ("CODEX_VERSION", codex_protocol::VERSION),
    ]
    .map(|(key, value)| (key, OsString::from(value)))
    .into();
    fixed.push(("TERM", terminal.unwrap_or(OsStr::new("dumb")).to_owned()));
    if !policy.network {
        fixed.push((NETWORK_DISABLED, "1".into()));
    }
    fixed.extend(ids.permission_profile.as_ref().map(|name| (PERMISSION_PROFILE, name.into())));
    let is_fixed = |key: &OsStr| key == NETWORK_DISABLED || key == PERMISSION_PROFILE || fixed.iter().any(|(fixed, _)| key == *fixed);
    let mut env: Environment = base.iter().filter(|(key, _)| !is_fixed(key)).cloned().collect();
    env.extend(fixed.into_iter().map(|(key, value)| (key.into(), value)));
    env
}

/// `TERM` for a command with a terminal: the user's own, unless that cannot do anything.
pub(crate) fn terminal_name(user_env: &Environment) -> OsString {
    let own = user_env.iter().find(|(key, _)| key == "TERM").map(|(_, value)| value);
    own.filter(|value| !value.is_empty() && *value != "dumb")
        .cloned()
        .unwrap_or_else(|| "xterm-256color".into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use codex_protocol::settings::SandboxMode;

    fn env_of(base: &[(&str, &str)], tty: bool, policy: &ResolvedPolicy) -> String {
        let base: Environment = base.iter().map(|(key, value)| (key.into(), value.into())).collect();
        let ids = CallIds {
            thread_id: "t".into(),
            session_id: "s".into(),
            call_id: "c".into(),
            permission_profile: policy.confined.then(|| ":read-only".to_owned()),
        };
        let term = terminal_name(&base);
        let env = of_command(&base, &ids, tty.then_some(term.as_os_str()), policy);
        let lines: Vec<String> = env
            .iter()
            .map(|(key, value)| format!("{}={}", key.display(), value.display()))
            .collect();
        lines.join(" ").replace(codex_protocol::VERSION, "VERSION")
    }

    #[test]
    fn fixed_variables_come_last_and_win() {
        let no_network = ResolvedPolicy {
            confined: true,
            network: false,
            mode: SandboxMode::ReadOnly,
            ..ResolvedPolicy::unconfined()
        };

        insta::assert_snapshot!(env_of(&[("TERM", "xterm"), ("A", "b"), ("PAGER", "less")], false, &no_network), @"A=b NO_COLOR=1 LANG=C.UTF-8 LC_CTYPE=C.UTF-8 LC_ALL=C.UTF-8 COLORTERM= PAGER=cat GIT_PAGER=cat GH_PAGER=cat CODEX_CI=1 CODEX_APPLY_PATCH_PRESERVE_LINE_ENDINGS=1 CODEX_THREAD_ID=t CODEX_SESSION_ID=s CODEX_TOOL_CALL_ID=c CODEX_VERSION=VERSION TERM=dumb CODEX_SANDBOX_NETWORK_DISABLED=1 CODEX_PERMISSION_PROFILE=:read-only");
    }

    #[test]
    fn a_terminal_keeps_the_users_kind() {
        let open = ResolvedPolicy::unconfined();

        assert!(env_of(&[("TERM", "xterm")], true, &open).ends_with("TERM=xterm"));
        assert!(env_of(&[("TERM", "dumb")], true, &open).ends_with("TERM=xterm-256color"));
        assert!(!env_of(&[("CODEX_SANDBOX_NETWORK_DISABLED", "1")], false, &open).contains("NETWORK"));
        assert!(!env_of(&[("CODEX_PERMISSION_PROFILE", "p")], false, &open).contains("PROFILE"));
    }
}
