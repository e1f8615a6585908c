//! Headless run: one prompt goes in, progress and one answer come out.
//!
//! A client of the app server like any other: it starts or resumes a thread, starts a turn, and turns notifications into text
//! ([`human`]) or JSON lines ([`json`]), both pure. It reads no environment, no configuration and no terminal: what only those know comes in
//! as [`ExecOptions`] and [`Surroundings`]. It never approves anything: a question from the server is declined.

pub mod human;
pub mod json;
pub mod prompt;

mod diff;
mod output;
mod session;
mod turn;
mod waits;

pub use output::{Output, Streams};
pub use session::Session;
pub use waits::Wait;

use codex_base::{AbsPath, Clock};
use codex_protocol::items::Thread;
use codex_protocol::requests::ThreadSettings;
use codex_protocol::review::ReviewTarget;
use codex_rpc::{Client, Events};
use std::path::PathBuf;
use std::sync::Arc;
use tokio::sync::watch;

/// What is done with the session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Task {
    /// It is opened, and that is all.
    Open,
    /// A prompt is answered; it is complete, standard input included.
    Answer(String),
    /// Its conversation is summed up.
    Compact,
    /// Code is reviewed.
    Review(ReviewTarget),
}

impl Task {
    const fn prompt(&self) -> Option<&String> {
        match self {
            Self::Answer(prompt) => Some(prompt),
            Self::Open | Self::Compact | Self::Review(_) => None,
        }
    }
}

/// One headless run, as the command line asked for it.
#[derive(Debug, Clone)]
pub struct ExecOptions {
    pub session: Session,
    pub task: Task,
    /// Paths as given.
    pub images: Vec<String>,
    pub cwd: AbsPath,
    /// But for the directory, and for when it is asked: with a reviewer that is no person on request, else never, and what would be asked is
    /// declined.
    pub settings: ThreadSettings,
    pub ephemeral: bool,
    /// What started the session, in the caller's words; `None` is `user`.
    pub thread_source: Option<String>,
    /// JSON Schema that the final message shall follow.
    pub output_schema: Option<serde_json::Value>,
    /// Gets the final message, without an added newline.
    pub last_message_file: Option<PathBuf>,
    pub output: Output,
}

impl ExecOptions {
    /// With nothing said but this.
    pub fn new(session: Session, task: Task, cwd: AbsPath, output: Output) -> Self {
        Self {
            session,
            task,
            images: Vec::new(),
            cwd,
            settings: ThreadSettings::default(),
            ephemeral: false,
            thread_source: None,
            output_schema: None,
            last_message_file: None,
            output,
        }
    }
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExitStatus {
    /// The turn completed, whatever its commands did.
    Done,
    /// The turn failed, or never began.
    Failed,
    /// A signal ended the turn, and the journal says so.
    Interrupted,
    /// A second signal came: leave without waiting for anything.
    AtOnce,
    /// The journal cannot be written.
    JournalLost,
}

impl ExitStatus {
    /// Of a run, or a turn, that failed with this code.
    fn of_failure(code: Option<&str>) -> Self {
        match code {
            Some(JOURNAL_LOST) => Self::JournalLost,
            Some(_) | None => Self::Failed,
        }
    }

    /// The process's exit code.
    pub const fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed | Self::Interrupted | Self::AtOnce => 1,
            Self::JournalLost => 4,
        }
    }
}

/// Why a run could not begin or go on.
pub use codex_rpc::Failure as ExecError;

/// The code of a turn that ended because its journal could not be written.
const JOURNAL_LOST: &str = "journal.write_failed";

/// What the process gives a run.
pub struct Surroundings {
    pub streams: Streams,
    /// Counts requests to stop: the first ends the turn and waits until that is recorded, the second does not wait.
    pub signals: watch::Receiver<u32>,
    pub clock: Arc<dyn Clock>,
}

/// What a run leaves behind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    pub status: ExitStatus,
    /// `None` when it never began.
    pub thread_id: Option<String>,
    /// `None` for an ephemeral thread, too.
    pub journal: Option<AbsPath>,
}

/// Runs one prompt to its end.
pub async fn run(options: ExecOptions, client: Client, events: Events, mut surroundings: Surroundings) -> Ended {
    let mut thread = None;
    let status = run_to_status(options, client, events, &mut surroundings, &mut thread).await;
    let (thread_id, journal) = thread.map(|thread| (thread.id, thread.path)).unzip();
    Ended {
        status,
        thread_id,
        journal: journal.flatten(),
    }
}

async fn run_to_status(
    options: ExecOptions,
    client: Client,
    events: Events,
    surroundings: &mut Surroundings,
    thread: &mut Option<Thread>,
) -> ExitStatus {
    let mut signals = surroundings.signals.clone();
    tokio::select! {
        biased;
        () = reaches(&mut signals, 2) => ExitStatus::AtOnce,
        status = Box::pin(turn::run(options, client, events, surroundings, thread)) => status,
    }
}

/// Resolves when that many signals have come; never, once nobody can send any.
async fn reaches(signals: &mut watch::Receiver<u32>, count: u32) {
    if signals.wait_for(|&seen| seen >= count).await.is_err() {
        std::future::pending::<()>().await;
    }
}

#[cfg(test)]
#[cfg(unix)]
mod run_tests;
#[cfg(test)]
#[cfg(unix)]
mod test_notifications;
