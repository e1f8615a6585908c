//! Where a run's output goes, and in which form.

use crate::human::{Colour, HumanText, visible};
use crate::json::JsonEvents;
use crate::waits::Status;
use codex_protocol::errors::TurnError;
use codex_protocol::notifications::Notification;
use codex_protocol::requests::ThreadSetup;
use std::io;
use tokio::io::{AsyncWrite, AsyncWriteExt};

/// The form of the output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Output {
    /// Progress on stderr, the final message on stdout.
    Human { colour: Colour },
    /// One JSON object per line on stdout. `status`: long waits, too.
    Json { status: bool },
}

/// The process's streams and what is known about them.
pub struct Streams {
    pub stdout: Box<dyn AsyncWrite + Send + Unpin>,
    pub stderr: Box<dyn AsyncWrite + Send + Unpin>,
    pub stdout_is_terminal: bool,
    pub stderr_is_terminal: bool,
}

impl Streams {
    /// # Errors
    /// If stdout cannot be written, a closed pipe included.
    pub async fn out(&mut self, text: &str) -> io::Result<()> {
        self.stdout.write_all(text.as_bytes()).await?;
        self.stdout.flush().await
    }

    /// With a line feed behind it; a long text is not copied for that.
    ///
    /// # Errors
    /// As [`Self::out`].
    pub async fn line_out(&mut self, text: &str) -> io::Result<()> {
        self.stdout.write_all(text.as_bytes()).await?;
        self.out("\n").await
    }

    /// Progress that nobody can receive is not worth failing for.
    pub async fn err(&mut self, text: &str) {
        if self.stderr.write_all(text.as_bytes()).await.is_ok() {
            let _ = self.stderr.flush().await;
        }
    }
}

/// The state of the chosen form.
pub enum Report {
    Human(Box<HumanText>),
    Json { state: Box<JsonEvents>, status: bool },
}

impl Report {
    /// Begins the output once the thread is known.
    pub async fn start(output: Output, setup: &ThreadSetup, prompt: Option<&str>, streams: &mut Streams) -> io::Result<Self> {
        match output {
            Output::Human { colour } => {
                let (state, text) = HumanText::start(setup, prompt, colour);
                streams.err(&text).await;
                Ok(Self::Human(Box::new(state)))
            }
            Output::Json { status } => {
                let (state, first) = JsonEvents::start(setup);
                lines(streams, first).await?;
                let state = Box::new(state);
                Ok(Self::Json { state, status })
            }
        }
    }

    pub async fn on(&mut self, notification: &Notification, streams: &mut Streams) -> io::Result<()> {
        match self {
            Self::Human(state) => streams.err(&state.on(notification)).await,
            Self::Json { state, .. } => lines(streams, state.on(notification)).await?,
        }
        Ok(())
    }

    /// A wait that takes long; scripts hear of it only if they want to.
    pub async fn waiting(&mut self, wait: &Status, streams: &mut Streams) -> io::Result<()> {
        match self {
            Self::Human(state) => streams.err(&state.progress(&wait.line())).await,
            Self::Json { state, status: true } => lines(streams, state.waiting(wait)).await?,
            Self::Json { status: false, .. } => {}
        }
        Ok(())
    }

    pub async fn failed(&mut self, error: &TurnError, streams: &mut Streams) -> io::Result<()> {
        match self {
            Self::Human(state) => streams.err(&state.failed(error)).await,
            Self::Json { state, .. } => lines(streams, state.failed(error)).await?,
        }
        Ok(())
    }

    /// The turn was told to stop.
    pub fn interrupting(&mut self) {
        match self {
            Self::Human(_) => {}
            Self::Json { state, .. } => state.silence(),
        }
    }

    /// The answer on stdout, unless the terminal shows it already.
    pub async fn finish(&self, streams: &mut Streams) -> io::Result<()> {
        match self {
            Self::Human(state) => match state.final_message() {
                Some(_) if streams.stdout_is_terminal && streams.stderr_is_terminal => Ok(()),
                Some(message) if streams.stdout_is_terminal => streams.line_out(&visible(message)).await,
                Some(message) => streams.line_out(message).await,
                None => Ok(()),
            },
            Self::Json { .. } => Ok(()),
        }
    }
}

/// The line feed goes into the line's own memory: an answer may have 20 MB.
async fn lines(streams: &mut Streams, lines: Vec<String>) -> io::Result<()> {
    for mut line in lines {
        line.push('\n');
        streams.out(&line).await?;
    }
    Ok(())
}
