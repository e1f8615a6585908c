//! Performs what the state wants: one loop, one connection, one terminal.
//!
//! Nothing here decides anything. A frame is made when something changed, the last one is on its way, and enough time has passed; without
//! changes the loop sleeps.

use crate::alert;
use crate::cells::Notice;
use crate::editor;
use crate::export;
use crate::history;
use crate::picture;
use crate::session;
use crate::state::{Effect, Event, Now, State, Then};
use crate::update::update;
use crate::{Ended, Failure, Options, view};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD as BASE64;
use codex_base::Clock;
use codex_base::clock::until;
use codex_protocol::items::ThreadTokenUsage;
use codex_protocol::notifications::Notification;
use codex_protocol::requests::ClientRequest;
use codex_rpc::{Client, Events, ServerMessage};
use codex_tui_kit::terminal::{Frame, Input, Port, Size, Surface, notify, title};
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, watch};

/// Between frames after a key, and after what a key asked for.
const FRAME_AFTER_KEY: Duration = Duration::from_millis(4);
/// Between frames otherwise: a stream is read, not raced.
const FRAME: Duration = Duration::from_millis(33);
/// So long a frame that is due waits for what the server has said already.
const READING_MAX: Duration = Duration::from_millis(4);
/// Finished lines that one frame takes along: a terminal shows them in a few milliseconds, and then what was typed meanwhile.
const LINES_PER_FRAME_MAX: usize = 100;
/// How long the terminal may take the last frame.
const LEAVING_MAX: Duration = Duration::from_secs(2);
/// How long Windows may take to show a word.
const TOAST_LIMIT: Duration = Duration::from_secs(20);
/// Results of effects that may wait for the loop.
const RESULTS_WAITING_MAX: usize = 64;

/// What the process gives the interface.
pub struct Surroundings {
    pub terminal: Port,
    pub size: Size,
    pub client: Client,
    pub events: Events,
    pub clock: Arc<dyn Clock>,
    /// Counts requests to end.
    pub signals: watch::Receiver<u32>,
}

/// How it ended, and what is left to say.
#[derive(Debug)]
pub struct Outcome {
    pub ended: Ended,
    /// Of the last conversation, if anything was said in it.
    pub thread_id: Option<String>,
    /// What it used.
    pub usage: Option<ThreadTokenUsage>,
}

/// Runs the interface until somebody leaves.
pub async fn run(options: Options, around: Surroundings) -> Outcome {
    let Surroundings {
        terminal,
        size,
        client,
        events,
        clock,
        signals,
    } = around;
    let (results, inbox) = mpsc::channel(RESULTS_WAITING_MAX);
    let (state, first) = State::begin(options, size);
    let mut app = App {
        state,
        terminal,
        client,
        began: Began {
            instant: Instant::now(),
            reading: clock.monotonic(),
        },
        clock,
        results,
        painting: false,
        lent: None,
        shown: None,
        drawn_at: None,
        dirty: true,
        cut_short: false,
        urgent: true,
        streaming: false,
    };
    app.read_history();
    app.draw(app.now());
    app.introduce_then(first);
    // A share of turns that is used up would make keys look as if there were none while the server has more to say.
    tokio::task::unconstrained(app.follow(events, inbox, signals)).await;
    app.leave().await
}

struct App {
    state: State,
    terminal: Port,
    client: Client,
    clock: Arc<dyn Clock>,
    began: Began,
    results: mpsc::Sender<Event>,
    /// A frame is under way.
    painting: bool,
    /// There while an editor has the terminal; its end takes the terminal back.
    lent: Option<std::sync::mpsc::Sender<()>>,
    /// The live rows that were sent last.
    shown: Option<Frame>,
    drawn_at: Option<Duration>,
    dirty: bool,
    /// The last frame did not take all lines that were finished.
    cut_short: bool,
    urgent: bool,
    /// What came last is a piece of something longer.
    streaming: bool,
}

enum Goes {
    On,
    Away,
}

/// One moment by two clocks. How far apart two keys are must not depend on what this thread waits for between two looks.
struct Began {
    instant: Instant,
    reading: Duration,
}

impl Began {
    fn reading_at(&self, instant: Instant) -> Duration {
        let before = self.instant.saturating_duration_since(instant);
        (self.reading + instant.saturating_duration_since(self.instant)).saturating_sub(before)
    }
}

impl App {
    async fn follow(&mut self, mut events: Events, mut inbox: mpsc::Receiver<Event>, mut signals: watch::Receiver<u32>) {
        let mut server_gone = false;
        let mut told_to_end = false;
        loop {
            let clock = Arc::clone(&self.clock);
            let now = self.now();
            let frame = (self.dirty && !self.painting).then(|| self.frame_due());
            let tick = self.state.deadline(now);
            let event = tokio::select! {
                biased;
                input = self.terminal.next() => {
                    if input == Input::Painted {
                        self.painting = false;
                        continue;
                    }
                    Event::Input(input)
                }
                seen = signals.wait_for(|count| *count > 0), if !told_to_end => {
                    told_to_end = true;
                    if seen.is_err() {
                        continue;
                    }
                    Event::ToldToEnd
                }
                // We hold a sender, so there is always a next one.
                Some(event) = inbox.recv() => event,
                message = events.next(), if !server_gone && self.listens(frame, now.monotonic) => match message {
                    Some(message) => Event::Server(Box::new(message)),
                    None => {
                        server_gone = true;
                        Event::ServerGone(format!("the app server has ended: {}", events.end().reason))
                    }
                },
                () = std::future::ready(()), if frame.is_some_and(|due| due <= now.monotonic) => {
                    self.draw(now);
                    continue;
                }
                () = until(&*clock, [frame, tick].into_iter().flatten().min()) => {
                    if tick.is_none_or(|tick| self.now().monotonic < tick) {
                        continue;
                    }
                    Event::Tick
                }
            };
            if matches!(event, Event::DraftEdited(_)) {
                self.lent = None;
            }
            self.dirty = true;
            self.urgent |= answers_a_key(&event);
            self.streaming = is_delta(&event);
            let now = match &event {
                Event::Input(Input::Key(_, read_at)) => Now {
                    monotonic: self.began.reading_at(*read_at),
                    ..self.now()
                },
                _ => self.now(),
            };
            let effects = update(&mut self.state, event, now);
            if let Goes::Away = self.perform_all(effects) {
                return;
            }
        }
    }

    fn now(&self) -> Now {
        Now {
            monotonic: self.clock.monotonic(),
            unix_seconds: self.clock.now().as_second(),
        }
    }

    fn listens(&self, frame: Option<Duration>, now: Duration) -> bool {
        match frame {
            // The answer pauses then: the server waits for us.
            None => !(self.painting && self.state.transcript.is_full()),
            Some(due) => hears_before(due, now, self.streaming),
        }
    }

    fn frame_due(&self) -> Duration {
        if self.cut_short {
            // The terminal alone says how fast.
            return Duration::ZERO;
        }
        let pause = if self.urgent { FRAME_AFTER_KEY } else { FRAME };
        self.drawn_at.map_or(Duration::ZERO, |drawn| drawn + pause)
    }

    fn draw(&mut self, now: Now) {
        self.dirty = false;
        self.urgent = false;
        // What is finished waits until it can be written where it belongs.
        let finished = match self.state.surface() {
            Surface::Inline | Surface::Linear => self.state.transcript.take_some(LINES_PER_FRAME_MAX),
            Surface::Fullscreen => Vec::new(),
        };
        self.cut_short = self.state.surface() != Surface::Fullscreen && self.state.transcript.is_behind();
        self.dirty = self.cut_short;
        let live = view::frame(&self.state, now);
        if finished.is_empty() && self.shown.as_ref() == Some(&live) {
            return;
        }
        self.shown = Some(live.clone());
        self.drawn_at = Some(now.monotonic);
        self.painting = true;
        self.terminal.show(Frame { finished, ..live });
    }

    fn perform_all(&mut self, effects: Vec<Effect>) -> Goes {
        for effect in effects {
            if let Goes::Away = self.perform(effect) {
                return Goes::Away;
            }
        }
        Goes::On
    }

    fn perform(&mut self, effect: Effect) -> Goes {
        match effect {
            Effect::Open(opening, settings) => {
                let client = self.client.clone();
                self.spawn(async move { Event::Opened(Box::new(session::open(&opening, &settings, &client).await)) });
            }
            Effect::Ask { request, then } => self.ask(*request, then),
            Effect::Respond { id, answer } => {
                let client = self.client.clone();
                // A server that is gone says so on its own.
                tokio::spawn(async move { client.respond(id, &answer).await });
            }
            Effect::Remember { session_id, text } => self.remember(session_id, text),
            Effect::Trust(trust, decision) => self.block(move || Event::Trusted((trust.record)(decision))),
            Effect::ReadBranch(cwd) => {
                self.block(move || Event::BranchRead(codex_git::facts(&cwd).and_then(|facts| facts.branch)));
            }
            Effect::ReadDiff(cwd) => self.block(move || Event::DiffRead(diff(&cwd))),
            Effect::LookAtFolder(folder) => {
                self.block(move || {
                    let seen = match std::fs::metadata(&folder) {
                        Ok(facts) if facts.is_dir() => Ok(()),
                        Ok(_) => Err("it is no folder".to_owned()),
                        Err(error) => Err(error.to_string()),
                    };
                    Event::FolderSeen(folder, seen)
                });
            }
            Effect::Export(target, thread) => {
                self.block(move || Event::Exported(export::to_file(&target, &thread)));
            }
            Effect::Terminal(bytes) => self.terminal.send(bytes),
            Effect::EditDraft(program, draft) => {
                let (may_begin, give_back) = self.terminal.lend();
                self.lent = Some(give_back);
                self.block(move || {
                    Event::DraftEdited(match may_begin.recv() {
                        Ok(()) => editor::edit(&program, &draft),
                        Err(_) => Err(Failure::new("tui.editor", "the terminal is gone")),
                    })
                });
            }
            Effect::LookAtPicture(file, text) => self.block(move || {
                let there = std::fs::metadata(&file).is_ok_and(|facts| facts.is_file());
                Event::PictureSeen(file, text, there)
            }),
            Effect::ReadClipboard(folder) => {
                let name = format!("picture-{}-{}.png", std::process::id(), self.clock.monotonic().as_millis());
                self.spawn(async move { Event::ClipboardRead(picture::from_clipboard(folder, name).await) });
            }
            Effect::Toast(text) => self.toast(text),
            Effect::Suspend => self.terminal.suspend(),
            Effect::Retake => self.terminal.retake(),
            Effect::Repaint => self.shown = None,
            Effect::Leave => return Goes::Away,
        }
        Goes::On
    }

    fn introduce_then(&self, first: Vec<Effect>) {
        let client = self.client.clone();
        let first = first.into_iter().find_map(|effect| match effect {
            Effect::Open(opening, settings) => Some((opening, settings)),
            _ => None,
        });
        self.spawn(async move {
            if let Err(failure) = session::introduce(&client).await {
                return Event::Opened(Box::new(Err(failure)));
            }
            match first {
                Some((opening, settings)) => Event::Opened(Box::new(session::open(&opening, &settings, &client).await)),
                // It is opened when a question is answered.
                None => Event::Introduced,
            }
        });
    }

    fn ask(&self, request: ClientRequest, then: Then) {
        let client = self.client.clone();
        self.spawn(async move {
            let result = client.request_any(request).await.map_err(Failure::from);
            Event::Answered { then, result }
        });
    }

    fn remember(&self, session_id: String, text: String) {
        let Some(file) = self.state.history.clone() else { return };
        let ts = self.now().unix_seconds;
        self.block(move || match history::append(&file, &session_id, ts, &text) {
            Ok(()) => Event::Tick,
            Err(error) => Event::Trouble(Notice::warning(format!("cannot keep the message in {}: {error}", file.path))),
        });
    }

    fn read_history(&self) {
        let Some(file) = self.state.history.clone() else { return };
        self.block(move || match history::read(&file) {
            Ok(entries) => Event::HistoryRead(entries),
            Err(error) => Event::Trouble(Notice::warning(format!("cannot read {}: {error}", file.path))),
        });
    }

    /// Asks Windows, from its Linux. Where that cannot be reached, a bell rings.
    fn toast(&self, text: String) {
        let script: Vec<u8> = alert::toast_script(&text).encode_utf16().flat_map(u16::to_le_bytes).collect();
        let mut shell = tokio::process::Command::new("powershell.exe");
        shell
            .args(["-NoProfile", "-NonInteractive", "-EncodedCommand"])
            .arg(BASE64.encode(script));
        shell
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true);
        match shell.spawn() {
            Ok(mut child) => {
                tokio::spawn(async move { tokio::time::timeout(TOAST_LIMIT, child.wait()).await });
            }
            Err(_) => self.terminal.send(notify::bytes(notify::Method::Bell, "", "", false)),
        }
    }

    /// Work that waits for files or programs.
    fn block(&self, work: impl FnOnce() -> Event + Send + 'static) {
        let results = self.results.clone();
        tokio::task::spawn_blocking(move || {
            // A loop that has ended waits for nothing.
            let _ = results.blocking_send(work());
        });
    }

    fn spawn(&self, work: impl Future<Output = Event> + Send + 'static) {
        let results = self.results.clone();
        tokio::spawn(async move {
            let event = work.await;
            // A loop that has ended waits for nothing.
            let _ = results.send(event).await;
        });
    }

    /// Shows what is not shown yet, and gives the terminal back.
    async fn leave(mut self) -> Outcome {
        self.lent = None;
        for picture in &self.state.pasted {
            // What is left of it harms nobody.
            let _ = std::fs::remove_file(picture);
        }
        if self.state.title_shown.is_some() {
            self.terminal.send(title::give_back());
        }
        let mut ended = self.state.ended.take().unwrap_or(Ended::Left);
        let thread_id = self.state.open().filter(|open| open.has_turns).map(|open| open.thread_id.clone());
        self.state.pager = None;
        while self.state.surface != Surface::Fullscreen {
            self.state.transcript.settle(self.state.size.columns, &self.state.look);
            let finished = self.state.transcript.take_finished();
            if finished.is_empty() {
                if self.state.transcript.is_unsettled() {
                    continue;
                }
                break;
            }
            let live = view::frame(&self.state, self.now());
            self.terminal.show(Frame { finished, ..live });
        }
        if ended != Ended::TerminalGone {
            let terminal = self.terminal;
            let left = tokio::task::spawn_blocking(move || terminal.leave());
            // A terminal that takes nothing must not hold the process, nor whoever writes to it next.
            if tokio::time::timeout(LEAVING_MAX, left).await.is_err() {
                ended = Ended::TerminalGone;
            }
        }
        Outcome {
            ended,
            thread_id,
            usage: self.state.usage,
        }
    }
}

fn diff(cwd: &codex_base::AbsPath) -> Result<String, Failure> {
    use codex_git::changes::{self, ChangesError};
    changes::text(cwd).map_err(|error| {
        let code = match error {
            ChangesError::NoRepository(_) => "review.no_repository",
            _ => "review.git",
        };
        Failure::new(code, error.to_string())
    })
}

/// Whether the server is heard before the frame that is due then.
///
/// The pieces of an answer gather at the server until a frame shows them: each would wake the loop by itself otherwise.
fn hears_before(due: Duration, now: Duration, streaming: bool) -> bool {
    now < due + READING_MAX && (now >= due || !streaming)
}

/// Whether somebody waits to see what comes of it.
fn answers_a_key(event: &Event) -> bool {
    match event {
        Event::Server(message) => matches!(&**message, ServerMessage::Notification(Notification::FileSearchUpdated(_))),
        Event::Tick => false,
        _ => true,
    }
}

fn is_delta(event: &Event) -> bool {
    matches!(event, Event::Server(message) if matches!(&**message, ServerMessage::Notification(notification) if notification.is_delta()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_of_an_answer_wait_for_the_frame_that_shows_them_and_no_frame_waits_long_for_more() {
        let due = FRAME;
        let early = due / 2;

        assert!(hears_before(due, early, false));
        assert!(!hears_before(due, early, true));
        assert!(hears_before(due, due, true));
        assert!(!hears_before(due, due + READING_MAX, true));
        assert!(!hears_before(due, due + READING_MAX, false));
    }

    #[test]
    fn keys_are_as_far_apart_as_they_were_read() {
        let began = Began {
            instant: Instant::now(),
            reading: Duration::from_secs(5),
        };
        let after = |millis| began.reading_at(began.instant + Duration::from_millis(millis));

        assert_eq!(after(9) - after(0), Duration::from_millis(9));
        let before = began.reading_at(began.instant.checked_sub(Duration::from_secs(1)).unwrap());
        assert_eq!(before, Duration::from_secs(4));
    }
}
