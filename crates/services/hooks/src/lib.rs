//! Programs that are told what happened.
//!
//! So far one: `notify`, started after each completed turn of a root thread. It is not waited for and cannot hold anything up: its streams
//! are null and it is in a process group of its own. That it cannot be started, or ends otherwise than well, is for the log.

use codex_base::{AbsPath, os};
use serde::Serialize;
use std::ffi::OsString;
use std::io;
use std::process::{Command, ExitStatus, Stdio};

/// A completed turn, as `notify` programs get it in their last argument. Names are those that existing programs read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct TurnEnded {
    pub thread_id: String,
    pub turn_id: String,
    pub cwd: AbsPath,
    /// First word of the user agent, e.g. `codex_exec`.
    pub client: String,
    /// What the user said in this turn.
    pub input_messages: Vec<String>,
    pub last_assistant_message: Option<String>,
}

/// Why a program was not started.
#[derive(Debug, thiserror::Error)]
pub enum NotifyError {
    #[error("cannot start {program}")]
    Start { program: String, source: io::Error },
}

/// Systems refuse a longer argument (Linux: 128 KiB).
const ARGUMENT_BYTES_MAX: usize = 100 * 1024;
/// What is left of texts in an argument that would be too long: written as JSON a byte may take six.
const MESSAGE_BYTES: usize = 12 * 1024;
const INPUT_BYTES: usize = 4 * 1024;

impl TurnEnded {
    /// The JSON text. Long texts lose their end where the whole would be too long for an argument.
    pub fn payload(&self) -> String {
        let text = self.json();
        if text.len() <= ARGUMENT_BYTES_MAX {
            return text;
        }
        let mut left = INPUT_BYTES;
        let input_messages = self.input_messages.iter().map_while(|text| {
            let kept = (left > 0).then(|| cut(text, left))?;
            left -= kept.len();
            Some(kept.to_owned())
        });
        Self {
            input_messages: input_messages.collect(),
            last_assistant_message: self
                .last_assistant_message
                .as_deref()
                .map(|text| cut(text, MESSAGE_BYTES).to_owned()),
            ..self.clone()
        }
        .json()
    }

    fn json(&self) -> String {
        #[derive(Serialize)]
        struct Payload<'a> {
            r#type: &'static str,
            #[serde(flatten)]
            turn: &'a TurnEnded,
        }
        serde_json::to_string(&Payload {
            r#type: "agent-turn-complete",
            turn: self,
        })
        .unwrap_or_default()
    }
}

/// The longest beginning of at most so many bytes.
fn cut(text: &str, bytes_max: usize) -> &str {
    &text[..text.floor_char_boundary(bytes_max)]
}

/// A program that was started. Dropped, it goes on by itself, and the runtime sees to it that no dead process stays behind.
#[derive(Debug)]
pub struct Started(tokio::process::Child);

impl Started {
    /// Waits for its end: how it ended, unless that was well.
    pub async fn failure(mut self) -> Option<ExitStatus> {
        self.0.wait().await.ok().filter(|status| !status.success())
    }
}

/// Starts the program with the turn as its last argument. Needs a tokio runtime.
///
/// `command` is the program and its own arguments; nothing happens if it is empty. `env` is its whole environment.
///
/// # Errors
/// If the program cannot be started.
pub fn notify(command: &[String], env: &[(OsString, OsString)], turn: &TurnEnded) -> Result<Option<Started>, NotifyError> {
    let Some((program, arguments)) = command.split_first() else {
        return Ok(None);
    };
    let mut started = Command::new(program);
    started
        .args(arguments)
        .arg(turn.payload())
        .env_clear()
        .envs(env.iter().map(|(name, value)| (name, value)))
        .current_dir(&turn.cwd)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    os::detach(&mut started);
    match tokio::process::Command::from(started).spawn() {
        Ok(child) => Ok(Some(Started(child))),
        Err(source) => Err(NotifyError::Start {
            program: program.clone(),
            source,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pretty_assertions::assert_eq;

    fn turn(cwd: &std::path::Path) -> TurnEnded {
        TurnEnded {
            thread_id: "t".into(),
            turn_id: "u".into(),
            cwd: AbsPath::new(cwd).unwrap(),
            client: "codex_exec".into(),
            input_messages: vec!["hi".into(), "and \"that\"".into()],
            last_assistant_message: None,
        }
    }

    #[test]
    fn the_payload_has_the_names_that_programs_read() {
        assert_eq!(
            turn(std::path::Path::new("/w")).payload(),
            r#"{"type":"agent-turn-complete","thread-id":"t","turn-id":"u","cwd":"/w","client":"codex_exec","input-messages":["hi","and \"that\""],"last-assistant-message":null}"#
        );
    }

    #[test]
    fn long_texts_are_cut_to_what_an_argument_may_hold() {
        let long = TurnEnded {
            input_messages: vec!["\u{1}".repeat(5000), "second".into(), "third".into()],
            last_assistant_message: Some("é".repeat(200_000)),
            ..turn(std::path::Path::new("/w"))
        };

        let payload = long.payload();

        assert!(payload.len() <= ARGUMENT_BYTES_MAX, "{}", payload.len());
        let value: serde_json::Value = serde_json::from_str(&payload).unwrap();
        assert_eq!(value["last-assistant-message"].as_str().map(str::len), Some(MESSAGE_BYTES));
        assert_eq!(value["input-messages"].as_array().map(Vec::len), Some(1));
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn the_program_runs_by_itself_in_the_directory_of_the_thread() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().canonicalize().unwrap();
        let command = [
            "/bin/sh",
            "-c",
            r#"printf '%s|%s|%s' "$1" "$A" "$(pwd -P)" > told.tmp; mv told.tmp told"#,
            "name",
        ]
        .map(String::from);
        let env = [("A".into(), "b".into()), ("PATH".into(), "/usr/bin:/bin".into())];

        notify(&command, &env, &turn(&folder)).unwrap();

        let told = folder.join("told");
        let waited = tokio::time::timeout(std::time::Duration::from_secs(20), async {
            while !told.exists() {
                tokio::time::sleep(std::time::Duration::from_millis(5)).await;
            }
        });
        waited.await.expect("the program ran");
        let payload = turn(&folder).payload();
        assert_eq!(std::fs::read_to_string(told).unwrap(), format!("{payload}|b|{}", folder.display()));
    }

    #[tokio::test]
    async fn a_program_that_is_missing_is_an_error_and_none_at_all_is_fine() {
        let folder = tempfile::tempdir().unwrap();

        let missing = notify(&["/nowhere/at/all".to_owned()], &[], &turn(folder.path())).unwrap_err();

        assert_eq!(missing.to_string(), "cannot start /nowhere/at/all");
        assert!(notify(&[], &[], &turn(folder.path())).unwrap().is_none());
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn how_a_program_failed_is_known_and_that_it_went_well_is_no_failure() {
        let folder = tempfile::tempdir().unwrap();
        let failure = async |script: &str| {
            let command = ["/bin/sh", "-c", script].map(String::from);
            let started = notify(&command, &[], &turn(folder.path())).unwrap().unwrap();
            started.failure().await.and_then(|status| status.code())
        };

        assert_eq!((failure("exit 3").await, failure("exit 0").await), (Some(3), None));
    }
}
