//! One turn from the client's side: start, report, interrupt, end.

use crate::human::visible;
use crate::output::{Report, Streams};
use crate::waits::{Wait, Waits};
use crate::{ExecError, ExecOptions, ExitStatus, Surroundings, Task, reaches, session};
use codex_base::Clock;
use codex_base::clock::until;
use codex_protocol::errors::{CodexErrorInfo, TurnError};
use codex_protocol::items::{Thread, ThreadItem, Turn, TurnStatus, UserInput};
use codex_protocol::notifications::Notification;
use codex_protocol::questions::{ApprovalAnswer, ApprovalDecision};
use codex_protocol::requests::{
    ReviewStart, ReviewStartParams, ThreadCompactStart, ThreadIdParams, TurnInterrupt, TurnInterruptParams, TurnStart, TurnStartParams,
};
use codex_rpc::{Client, Events, ServerMessage};
use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// How long an interrupted turn may take to say that it has ended, or has begun.
const INTERRUPT_LIMIT: Duration = Duration::from_secs(10);

/// What can end a run early.
enum Failure {
    /// Told on stderr by whoever sees this.
    Error(ExecError),
    /// stdout cannot be written.
    Output(io::Error),
    /// A signal came before there was a turn.
    Interrupted,
}

impl From<ExecError> for Failure {
    fn from(error: ExecError) -> Self {
        Self::Error(error)
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Output(error)
    }
}

pub async fn run(
    options: ExecOptions,
    client: Client,
    events: Events,
    surroundings: &mut Surroundings,
    thread: &mut Option<Thread>,
) -> ExitStatus {
    let ended = attempt(options, client, events, surroundings, thread).await;
    let streams = &mut surroundings.streams;
    match ended {
        Ok(status) => status,
        Err(Failure::Error(error)) => {
            streams.err(&format!("{}\n", visible(&error.report()))).await;
            ExitStatus::of_failure(Some(&error.code))
        }
        // Whoever read our output has gone; there is nobody to tell.
        Err(Failure::Output(error)) if error.kind() == ErrorKind::BrokenPipe => ExitStatus::Failed,
        Err(Failure::Output(error)) => {
            let error = ExecError::new("output.write_failed", format!("cannot write to stdout: {error}"));
            streams.err(&format!("{}\n", visible(&error.report()))).await;
            ExitStatus::Failed
        }
        Err(Failure::Interrupted) => ExitStatus::Interrupted,
    }
}

async fn attempt(
    options: ExecOptions,
    client: Client,
    events: Events,
    surroundings: &mut Surroundings,
    thread: &mut Option<Thread>,
) -> Result<ExitStatus, Failure> {
    let Surroundings { streams, signals, clock } = surroundings;
    let mut last_message_file = match options.last_message_file.clone() {
        // A named pipe is waited for until somebody reads from it.
        Some(path) => tokio::select! {
            biased;
            () = reaches(signals, 1) => return Err(Failure::Interrupted),
            opened = tokio::task::spawn_blocking(move || open_last_message(&path)) => {
                Some(opened.map_err(|lost| ExecError::new("exec.last_message_file", format!("cannot open the file for the last message: {lost}")))??)
            }
        },
        None => None,
    };
    let setup = tokio::select! {
        biased;
        () = reaches(signals, 1) => return Err(Failure::Interrupted),
        setup = named_wait(session::open(&options, &client), "the session to start", clock, streams) => setup?,
    };
    *thread = Some(setup.thread.clone());
    let prompt = options.task.prompt().map(String::as_str);
    let report = Report::start(options.output, &setup, prompt, streams).await?;
    if options.task == Task::Open {
        if let Some((file, path)) = &mut last_message_file {
            write_last_message(file, path, None, streams).await;
        }
        return Ok(ExitStatus::Done);
    }
    let mut run = Run {
        report,
        waits: Waits::default(),
        clock: Arc::clone(clock),
        was_planning: setup.collaboration_mode.is_some(),
        thread_id: setup.thread.id,
        turn_id: String::new(),
        last_message: None,
        client,
        events,
        signals: signals.clone(),
    };
    let status = match run.turn(&options, streams).await {
        Ok(status) => status,
        Err(Failure::Error(error)) => return run.lost(error, last_message_file.as_mut(), streams).await,
        Err(failure) => return Err(failure),
    };
    let message = run.last_message.as_deref().filter(|_| status == ExitStatus::Done);
    if let Some((file, path)) = &mut last_message_file {
        write_last_message(file, path, message, streams).await;
    }
    match run.report.finish(streams).await {
        // The work is done; a reader that left early does not undo it.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(status),
        finished => finished.map(|()| status).map_err(Failure::Output),
    }
}

/// Gives the turn's id; that of one that compacts comes with its start and is empty here.
async fn start(options: &ExecOptions, client: &Client, thread_id: &str, was_planning: bool) -> Result<String, ExecError> {
    let thread_id = thread_id.to_owned();
    let turn = match &options.task {
        Task::Open => return Ok(String::new()),
        Task::Answer(prompt) => {
            let params = TurnStartParams {
                thread_id,
                input: input(&options.images, prompt),
                output_schema: options.output_schema.clone(),
                // Here work is done, whatever the session was about before: nobody could have the plan carried out.
                collaboration_mode: was_planning.then(Box::default),
                ..TurnStartParams::default()
            };
            client.request::<TurnStart>(params).await?.turn
        }
        Task::Compact => {
            client.request::<ThreadCompactStart>(ThreadIdParams { thread_id }).await?;
            return Ok(String::new());
        }
        Task::Review(target) => {
            let params = ReviewStartParams {
                thread_id,
                target: target.clone(),
                delivery: None,
            };
            client.request::<ReviewStart>(params).await?.turn
        }
    };
    Ok(turn.id)
}

struct Run {
    report: Report,
    waits: Waits,
    clock: Arc<dyn Clock>,
    /// The session was left in plan mode.
    was_planning: bool,
    thread_id: String,
    /// Empty until it is known.
    turn_id: String,
    last_message: Option<Arc<str>>,
    client: Client,
    events: Events,
    signals: watch::Receiver<u32>,
}

impl Run {
    async fn turn(&mut self, options: &ExecOptions, streams: &mut Streams) -> Result<ExitStatus, Failure> {
        let started = start(options, &self.client, &self.thread_id, self.was_planning);
        let (mut signals, clock) = (self.signals.clone(), Arc::clone(&self.clock));
        let left = async {
            reaches(&mut signals, 1).await;
            clock.sleep(INTERRUPT_LIMIT).await;
        };
        self.turn_id = tokio::select! {
            biased;
            started = named_wait(started, "the turn to start", &self.clock, streams) => started?,
            // A review looks at the repository first, and git may take its time. What begins in the meantime is interrupted as ever.
            () = left => return Ok(ExitStatus::Interrupted),
        };
        self.follow(streams).await
    }

    /// Reports until the turn has ended.
    async fn follow(&mut self, streams: &mut Streams) -> Result<ExitStatus, Failure> {
        let mut give_up: Option<Duration> = None;
        let mut signals = self.signals.clone();
        loop {
            let message = tokio::select! {
                biased;
                () = reaches(&mut signals, 1), if give_up.is_none() => {
                    self.interrupt();
                    give_up = Some(self.clock.monotonic() + INTERRUPT_LIMIT);
                    continue;
                }
                message = self.events.next() => message,
                () = until(&*self.clock, self.waits.due()), if give_up.is_none() => {
                    self.name_the_wait(streams).await?;
                    continue;
                }
                () = until(&*self.clock, give_up) => return Ok(ExitStatus::Interrupted),
            };
            match message {
                Some(ServerMessage::Notification(notification)) => {
                    if let Some(turn) = self.told(&notification, streams).await? {
                        return Ok(status(&turn, give_up.is_some()));
                    }
                }
                Some(ServerMessage::Request { id, .. }) => {
                    // Approvals are off, so nothing should be asked; what is asked is refused. If the server is gone the loop notices.
                    let decision = ApprovalDecision::Decline;
                    let _ = self.client.respond(id, &ApprovalAnswer { decision }).await;
                }
                None => {
                    return Err(ExecError::new("server.gone", format!("the app server has ended: {}", self.events.end().reason)).into());
                }
            }
        }
    }

    /// Shows a notification. Returns our turn when it has ended. A reader of stdout that is gone ends the turn, which is recorded; one that
    /// left before the line about the end changes nothing.
    async fn told(&mut self, notification: &Notification, streams: &mut Streams) -> Result<Option<Turn>, Failure> {
        self.waits.on(notification, self.clock.monotonic());
        if let Notification::TurnStarted(n) = notification
            && n.thread_id == self.thread_id
            && self.turn_id.is_empty()
        {
            self.turn_id.clone_from(&n.turn.id);
        }
        if let Notification::ItemCompleted(n) = notification
            && let ThreadItem::AgentMessage { text, .. } = &n.item
            && n.thread_id == self.thread_id
        {
            self.last_message = Some(Arc::clone(text));
        }
        let ended = self.ended(notification);
        match self.report.on(notification, streams).await {
            Err(error) if ended.is_some() && error.kind() == ErrorKind::BrokenPipe => return Ok(ended),
            Err(error) if ended.is_some() => return Err(Failure::Output(error)),
            Err(error) => {
                self.abandon().await;
                return Err(Failure::Output(error));
            }
            Ok(()) => {}
        }
        if let Notification::ThreadClosed(n) = notification
            && n.thread_id == self.thread_id
        {
            return Err(ExecError::new("server.gone", "the thread ended before its turn did").into());
        }
        Ok(ended)
    }

    /// Our turn, if this is its end.
    fn ended(&self, notification: &Notification) -> Option<Turn> {
        match notification {
            Notification::TurnCompleted(n) if n.thread_id == self.thread_id && n.turn.id == self.turn_id => Some(n.turn.clone()),
            _ => None,
        }
    }

    fn interrupt(&mut self) {
        self.report.interrupting();
        let params = TurnInterruptParams {
            thread_id: self.thread_id.clone(),
            turn_id: self.turn_id.clone(),
        };
        let client = self.client.clone();
        // Its answer says nothing that the turn's end does not say; that it may have ended just now is fine.
        tokio::spawn(async move { client.request::<TurnInterrupt>(params).await });
    }

    /// Interrupts and waits for the end, telling nobody.
    async fn abandon(&mut self) {
        self.interrupt();
        let give_up = self.clock.monotonic() + INTERRUPT_LIMIT;
        loop {
            tokio::select! {
                biased;
                message = self.events.next() => match message {
                    Some(ServerMessage::Notification(notification)) if self.ended(&notification).is_some() => return,
                    Some(_) => {}
                    None => return,
                },
                // A turn that does not end in time is left to the shutdown.
                () = until(&*self.clock, Some(give_up)) => return,
            }
        }
    }

    async fn name_the_wait(&mut self, streams: &mut Streams) -> Result<(), Failure> {
        if let Some(wait) = self.waits.status(self.clock.monotonic())
            && let Err(error) = self.report.waiting(&wait, streams).await
        {
            self.abandon().await;
            return Err(Failure::Output(error));
        }
        Ok(())
    }

    /// The turn never started, or its end will never be told.
    async fn lost(&mut self, error: ExecError, file: Option<&mut (File, String)>, streams: &mut Streams) -> Result<ExitStatus, Failure> {
        let status = ExitStatus::of_failure(Some(&error.code));
        let details = error.hint.map(|hint| format!("hint: {hint}"));
        let told = TurnError {
            additional_details: details,
            ..TurnError::new(&error.code, error.message, CodexErrorInfo::Other)
        };
        self.report.failed(&told, streams).await?;
        if let Some((file, path)) = file {
            write_last_message(file, path, None, streams).await;
        }
        Ok(status)
    }
}

fn status(turn: &Turn, interrupting: bool) -> ExitStatus {
    match turn.status {
        TurnStatus::Completed if !interrupting => ExitStatus::Done,
        TurnStatus::Completed | TurnStatus::Interrupted | TurnStatus::InProgress => ExitStatus::Interrupted,
        TurnStatus::Failed => ExitStatus::of_failure(turn.error.as_ref().and_then(|error| error.code.as_deref())),
    }
}

/// Pictures first, then the text.
fn input(images: &[String], prompt: &str) -> Vec<UserInput> {
    let images = images.iter().map(|path| UserInput::LocalImage { path: path.clone() });
    images.chain([UserInput::Text { text: prompt.to_owned() }]).collect()
}

/// Waits for `work`; from two seconds on a line says what for.
async fn named_wait<T>(work: impl Future<Output = T>, what: &str, clock: &Arc<dyn Clock>, streams: &mut Streams) -> T {
    let mut wait = Wait::new(what, clock.monotonic());
    let mut work = std::pin::pin!(work);
    loop {
        tokio::select! {
            biased;
            done = &mut work => return done,
            () = until(&**clock, Some(wait.due())) => {
                if let Some(line) = wait.line(clock.monotonic()) {
                    streams.err(&format!("{line}\n")).await;
                }
            }
        }
    }
}

/// Opened before anything else happens, so that a wrong path costs nothing; its contents stay until the end.
fn open_last_message(path: &Path) -> Result<(File, String), ExecError> {
    let shown = path.display().to_string();
    match OpenOptions::new().write(true).create(true).truncate(false).open(path) {
        Ok(file) => Ok((file, shown)),
        Err(error) => Err(ExecError::new(
            "exec.last_message_file",
            format!("cannot write the last message to {shown}: {error}"),
        )),
    }
}

async fn write_last_message(file: &mut File, path: &str, message: Option<&str>, streams: &mut Streams) {
    // A pipe, or a device, has no length.
    let emptied = file
        .metadata()
        .and_then(|found| if found.is_file() { file.set_len(0) } else { Ok(()) });
    let written = emptied.and_then(|()| file.write_all(message.unwrap_or_default().as_bytes()));
    if let Err(error) = written {
        streams
            .err(&format!(
                "warning: cannot write the last message to {path}: {error} [exec.last_message_file]\n"
            ))
            .await;
    } else if message.is_none() {
        streams.err(&format!("warning: there is no final message; {path} is empty\n")).await;
    }
}
