//! A bearer token that a program prints: run when needed, kept for a while, run again when the provider refuses it.
//!
//! The program's output is the token, blanks around it removed. It is a [`Secret`] from its first byte; what the program writes to its
//! standard error may be shown when it fails. Limits: its time, 64 KiB of output, 4 KiB of errors.

use crate::error::{self, ModelError, never};
use codex_base::{Secret, os};
use codex_protocol::errors::CodexErrorInfo;
use codex_protocol::settings::TokenCommand;
use std::io;
use std::process::{ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::Command;
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};

const OUTPUT_BYTES_MAX: u64 = 64 * 1024;
const ERROR_BYTES_MAX: u64 = 4 * 1024;
/// Characters of the program's own words that are shown.
const WORDS_MAX: usize = 300;

/// One program and its last token.
pub(crate) struct TokenSource {
    provider: String,
    command: TokenCommand,
    /// Held while the program runs, so that two requests do not run it twice; its time limit bounds the wait.
    last: Mutex<Option<Lease>>,
    /// A new token was refused, too: until one is accepted, a refusal is told instead of asked about again.
    in_vain: AtomicBool,
}

/// A token and when it was made.
#[derive(Clone)]
pub(crate) struct Lease {
    pub token: Secret,
    at: Instant,
}

/// Why there is no token.
#[derive(Debug, thiserror::Error)]
enum TokenError {
    #[error("cannot be started")]
    Start(#[source] io::Error),
    #[error("did not end within {limit_ms} ms")]
    TimedOut { limit_ms: u64 },
    #[error("ended with {status}{}{words}", if .words.is_empty() { "" } else { ": " })]
    Failed { status: ExitStatus, words: String },
    #[error("printed nothing")]
    Empty,
    #[error("printed more than {OUTPUT_BYTES_MAX} bytes, or no text")]
    NoToken,
    #[error("printed something else than a token: it has line ends, or characters that no header takes")]
    NotPlain,
    #[error("cannot be read")]
    Read(#[source] io::Error),
}

impl TokenSource {
    pub(crate) fn new(provider: &str, command: TokenCommand) -> Self {
        Self {
            provider: provider.to_owned(),
            command,
            last: Mutex::default(),
            in_vain: AtomicBool::new(false),
        }
    }

    /// The token in use, or a new one.
    pub(crate) async fn token(&self) -> Result<Lease, ModelError> {
        let mut last = self.last.lock().await;
        if let Some(lease) = last.as_ref().filter(|lease| self.is_fresh(lease)) {
            return Ok(lease.clone());
        }
        let token = run(&self.command).await.map_err(|problem| self.failed(&problem))?;
        let lease = Lease { token, at: Instant::now() };
        *last = Some(lease.clone());
        Ok(lease)
    }

    /// The provider refused it; the next one is made anew, unless somebody has done that already. Whether asking again at once may help.
    pub(crate) async fn refused(&self, lease: &Lease) -> bool {
        let mut last = self.last.lock().await;
        if last.as_ref().is_some_and(|last| last.at == lease.at) {
            *last = None;
        }
        !self.in_vain.load(Ordering::Relaxed)
    }

    /// The status of the last answer to one question.
    pub(crate) async fn answered(&self, lease: &Lease, status: u16) {
        let refused = status == 401;
        if refused {
            self.refused(lease).await;
        }
        self.in_vain.store(refused, Ordering::Relaxed);
    }

    fn is_fresh(&self, lease: &Lease) -> bool {
        let limit_ms = self.command.refresh_interval_ms;
        limit_ms == 0 || lease.at.elapsed() < Duration::from_millis(limit_ms)
    }

    fn failed(&self, problem: &TokenError) -> ModelError {
        let cause = std::error::Error::source(problem)
            .map(|cause| format!(": {cause}"))
            .unwrap_or_default();
        let text = format!(
            "The token command `{}` of the provider `{}` {problem}{cause}. It is set in `model_providers.{}.auth`.",
            self.command.command, self.provider, self.provider
        );
        never(error::TOKEN_COMMAND, text, CodexErrorInfo::Unauthorized)
    }
}

async fn run(settings: &TokenCommand) -> Result<Secret, TokenError> {
    let limit = Duration::from_millis(settings.timeout_ms);
    let mut command = std::process::Command::new(&settings.command);
    command.args(&settings.args);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    if let Some(cwd) = &settings.cwd {
        command.current_dir(cwd);
    }
    os::detach(&mut command);
    let mut child = Command::from(command).kill_on_drop(true).spawn().map_err(TokenError::Start)?;
    let mut group = Group(child.id());
    let (output, errors) = (child.stdout.take(), child.stderr.take());
    let ended = timeout(limit, async {
        let (output, errors, status) = tokio::join!(read(output, OUTPUT_BYTES_MAX + 1), read(errors, ERROR_BYTES_MAX), child.wait());
        Ok::<_, io::Error>((output?, errors?, status?))
    });
    let (output, errors, status) = ended
        .await
        .map_err(|_| TokenError::TimedOut {
            limit_ms: settings.timeout_ms,
        })?
        .map_err(TokenError::Read)?;
    group.0 = None;
    if !status.success() {
        return Err(TokenError::Failed {
            status,
            words: last_words(&errors),
        });
    }
    if output.len() as u64 > OUTPUT_BYTES_MAX {
        return Err(TokenError::NoToken);
    }
    let token = String::from_utf8(output).map_err(|_| TokenError::NoToken)?;
    match token.trim() {
        "" => Err(TokenError::Empty),
        token if token.contains(|c: char| !matches!(c, ' '..='~')) => Err(TokenError::NotPlain),
        token => Ok(Secret::new(token.to_owned())),
    }
}

/// The command and what it started: they end with the wait for them. What is left behind by one that ended in time is its own affair.
struct Group(Option<u32>);

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(leader) = self.0 {
            os::kill_group(leader);
        }
    }
}

/// As much as may be; the rest is read and dropped, so that the program does not wait for a reader.
async fn read(stream: Option<impl AsyncRead + Unpin>, bytes_max: u64) -> io::Result<Vec<u8>> {
    let mut kept = Vec::new();
    if let Some(mut stream) = stream {
        (&mut stream).take(bytes_max).read_to_end(&mut kept).await?;
        tokio::io::copy(&mut stream, &mut tokio::io::sink()).await?;
    }
    Ok(kept)
}

/// The last line that says something, shortened.
fn last_words(errors: &[u8]) -> String {
    let text = String::from_utf8_lossy(errors);
    let line = text.lines().map(str::trim).rfind(|line| !line.is_empty()).unwrap_or_default();
    line.chars().filter(|c| !c.is_control()).take(WORDS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> TokenCommand {
        TokenCommand {
            command: "sh".into(),
            args: vec!["-c".into(), script.into()],
            timeout_ms: 5_000,
            refresh_interval_ms: 60_000,
            cwd: None,
        }
    }

    async fn shown(command: TokenCommand) -> String {
        match TokenSource::new("mine", command).token().await {
            Ok(_) => "a token".to_owned(),
            Err(error) => format!("{}: {}", error.code, error.message),
        }
    }

    #[tokio::test]
    async fn each_way_to_have_no_token_names_the_command() {
        let set = "It is set in `model_providers.mine.auth`.";
        let named = |what: &str| format!("model.token_command: The token command `sh` of the provider `mine` {what}. {set}");

        assert_eq!(shown(shell("echo '  t0ken '; echo loud >&2")).await, "a token");
        assert_eq!(
            shown(shell("echo t0ken; echo log; echo 'sign in first' >&2; exit 3")).await,
            named("ended with exit status: 3: sign in first")
        );
        assert_eq!(shown(shell("exit 1")).await, named("ended with exit status: 1"));
        assert_eq!(shown(shell("echo")).await, named("printed nothing"));
        let not_plain = named("printed something else than a token: it has line ends, or characters that no header takes");
        assert_eq!(shown(shell("echo Logged in.; echo t0ken")).await, not_plain);
        assert_eq!(
            shown(shell("head -c 70000 /dev/zero | tr '\\0' x")).await,
            named("printed more than 65536 bytes, or no text")
        );
        let slow = TokenCommand {
            timeout_ms: 50,
            ..shell("exec sleep 60")
        };
        assert_eq!(shown(slow).await, named("did not end within 50 ms"));
        let missing = TokenCommand {
            command: "no-such-program".into(),
            ..shell("")
        };
        assert!(
            shown(missing)
                .await
                .contains("`no-such-program` of the provider `mine` cannot be started: ")
        );
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn what_a_command_that_takes_too_long_started_ends_with_it() {
        let marker = codex_testkit::Marker::new();
        let slow = TokenCommand {
            timeout_ms: 1_000,
            ..shell(&format!("MARKER={} sleep 60 & wait", marker.word()))
        };

        let source = TokenSource::new("mine", slow);
        let asked = tokio::spawn(async move { source.token().await.is_ok() });
        let started = tokio::task::spawn_blocking({
            let marker = marker.clone();
            move || marker.wait_for(2, Duration::from_secs(10)).is_ok()
        });

        assert!(started.await.unwrap(), "the control");
        assert!(!asked.await.unwrap());
        assert_eq!(marker.wait_until_none(Duration::from_secs(5)), Ok(()));
    }

    #[tokio::test]
    async fn a_token_is_kept_for_its_time_and_made_anew_when_it_was_refused() {
        let folder = tempfile::tempdir().unwrap();
        let count = format!("echo x >> {0}; wc -l < {0}", folder.path().join("runs").display());
        let source = TokenSource::new("mine", shell(&count));

        let first = source.token().await.ok().unwrap();
        let again = source.token().await.ok().unwrap();
        source.refused(&again).await;
        source.refused(&first).await;
        let second = source.token().await.ok().unwrap();
        source.refused(&first).await;
        let kept = source.token().await.ok().unwrap();

        assert!(first.at == again.at && second.at == kept.at && first.at != second.at);
        assert_eq!(std::fs::read_to_string(folder.path().join("runs")).unwrap().lines().count(), 2);
    }

    #[tokio::test]
    async fn the_interval_ends_a_token_and_zero_never_does() {
        let made = |refresh_interval_ms: u64| async move {
            let command = TokenCommand {
                refresh_interval_ms,
                ..shell("echo t")
            };
            let source = TokenSource::new("mine", command);
            let first = source.token().await.ok().unwrap();
            let waited = Lease {
                at: first.at.checked_sub(Duration::from_secs(1)).unwrap(),
                ..first
            };
            *source.last.lock().await = Some(waited.clone());
            source.token().await.ok().unwrap().at == waited.at
        };

        assert!(made(0).await);
        assert!(made(60_000).await);
        assert!(!made(900).await);
    }
}
