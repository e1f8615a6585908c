//! The arguments of function calls, read from the JSON text that the model wrote.
//!
//! Unknown arguments are ignored; missing, wrong and broken ones are answered with serde's own words (as observed of the reference).

use codex_protocol::additional::AdditionalPermissions;
use codex_protocol::collaboration::UserInputQuestion;
use codex_protocol::facts::SandboxPermissions;
use codex_protocol::items::PlanStep;
use serde::Deserialize;
use std::time::Duration;

/// Reads the arguments of one call.
///
/// # Errors
/// With the sentence that the model is told after `failed to parse function arguments: `.
pub(crate) fn parse<'a, T: Deserialize<'a>>(arguments: &'a str) -> Result<T, serde_json::Error> {
    serde_json::from_str(arguments)
}

#[derive(Debug, Deserialize)]
pub(crate) struct ExecArgs {
    pub cmd: String,
    pub workdir: Option<String>,
    pub shell: Option<String>,
    pub login: Option<bool>,
    pub tty: Option<bool>,
    pub yield_time_ms: Option<u64>,
    pub max_output_tokens: Option<usize>,
    pub sandbox_permissions: Option<SandboxPermissions>,
    pub additional_permissions: Option<AdditionalPermissions>,
    pub justification: Option<String>,
    pub prefix_rule: Option<Vec<String>>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct PermissionsArgs {
    pub reason: Option<String>,
    pub permissions: AdditionalPermissions,
    /// Of several machines, which there are not here.
    pub environment_id: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct StdinArgs {
    pub session_id: u32,
    #[serde(default)]
    pub chars: Option<String>,
    pub yield_time_ms: Option<u64>,
    pub max_output_tokens: Option<usize>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct PlanArgs {
    pub explanation: Option<String>,
    pub plan: Vec<PlanStep>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct UserInputArgs {
    pub questions: Vec<UserInputQuestion>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct ImageArgs {
    pub path: String,
}

/// The function form of `apply_patch`, which is not offered but understood.
#[derive(Debug, Deserialize)]
pub(crate) struct PatchArgs {
    #[serde(alias = "patch")]
    pub input: String,
}

/// How long `exec_command` waits: 10 s unless told, between 250 ms and 30 s.
pub(crate) fn exec_wait(yield_time_ms: Option<u64>) -> Duration {
    Duration::from_millis(yield_time_ms.unwrap_or(10_000).clamp(250, 30_000))
}

/// How long `write_stdin` waits: after writing 250 ms unless told and at most 30 s; a mere look at least 5 s and at most `background_max_ms`.
pub(crate) fn stdin_wait(yield_time_ms: Option<u64>, is_look: bool, background_max_ms: u64) -> Duration {
    let asked = yield_time_ms.unwrap_or(250);
    Duration::from_millis(if is_look {
        asked.clamp(5_000, background_max_ms.max(5_000))
    } else {
        asked.clamp(250, 30_000)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_are_clamped() {
        let exec = |asked| exec_wait(asked).as_millis();
        let write = |asked| stdin_wait(asked, false, 300_000).as_millis();
        let look = |asked| stdin_wait(asked, true, 300_000).as_millis();

        assert_eq!(
            [exec(None), exec(Some(1)), exec(Some(400)), exec(Some(u64::MAX))],
            [10_000, 250, 400, 30_000]
        );
        assert_eq!(
            [write(None), write(Some(0)), write(Some(900)), write(Some(60_000))],
            [250, 250, 900, 30_000]
        );
        assert_eq!([look(None), look(Some(6_000)), look(Some(u64::MAX))], [5_000, 6_000, 300_000]);
        assert_eq!(stdin_wait(None, true, 10).as_millis(), 5_000);
    }

    #[test]
    fn broken_arguments_are_answered_in_the_known_words() {
        let error = |arguments| parse::<ExecArgs>(arguments).unwrap_err().to_string();

        assert_eq!(error("{bad json"), "key must be a string at line 1 column 2");
        assert_eq!(error(r#"{"command": "x"}"#), "missing field `cmd` at line 1 column 16");
        assert!(parse::<ExecArgs>(r#"{"cmd": "echo a", "extra": 1, "tty": null}"#).is_ok());
    }
}
