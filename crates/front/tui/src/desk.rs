//! A state that somebody sits at, for tests: keys and answers go in, live rows and requests come out. No terminal, no server.

use crate::session::{Opening, Settings};
use crate::state::{Effect, Event, Now, State, Then};
use crate::update::update;
use crate::{Options, view};
use codex_base::AbsPath;
use codex_protocol::items::{SessionSource, Thread, ThreadStatus, Turn};
use codex_protocol::requests::{ReasoningShown, ThreadSettings, ThreadSetup};
use codex_protocol::settings::{ApprovalPolicy, ApprovalsReviewer, SandboxPolicy};
use codex_tui_kit::keys::{Code, Key};
use codex_tui_kit::terminal::{Input, Size, Surface};
use codex_tui_kit::theme::{Background, ColorDepth, Theme};
use serde_json::Value;
use std::time::{Duration, Instant};

/// When it is: 2026-11-25 12:00 UTC.
pub const TODAY: i64 = 1_795_608_000;

pub struct Desk {
    pub state: State,
    /// Wanted and not taken yet.
    pub effects: Vec<Effect>,
    time: Duration,
}

impl Desk {
    /// An open session at `/home/u/work` in a window of 80x24.
    pub fn new() -> Self {
        Self::sized(80, 24)
    }

    pub fn sized(columns: u16, rows: u16) -> Self {
        Self::with(columns, rows, |_| {})
    }

    /// With other options.
    pub fn with(columns: u16, rows: u16, change: impl FnOnce(&mut Options)) -> Self {
        let mut options = Options {
            opening: Opening::New,
            choosing: None,
            settings: Settings {
                cwd: path("/home/u/work"),
                thread: ThreadSettings::default(),
            },
            prompt: None,
            images: Vec::new(),
            home: Some(path("/home/u")),
            history: None,
            timezone: "Etc/UTC".to_owned(),
            preferences: crate::preferences::Preferences::default(),
            theme: Theme::default_for(Background::Dark, ColorDepth::TrueColor),
            surface: Surface::Inline,
            trust: None,
        };
        // The title is told with every change of what goes on; who is about it asks for it.
        options.preferences.settings.terminal_title = Some(Vec::new());
        options.preferences.settings.animations = false;
        change(&mut options);
        let (state, _) = State::begin(options, Size { columns, rows });
        let mut desk = Self {
            state,
            effects: Vec::new(),
            time: Duration::from_secs(1),
        };
        desk.open(setup("t-1", Vec::new()));
        desk
    }

    pub fn open(&mut self, setup: ThreadSetup) {
        self.happens(Event::Opened(Box::new(Ok(setup))));
    }

    /// The open session has a turn.
    pub fn with_turns(mut self) -> Self {
        if let crate::state::Session::Open(open) = &mut self.state.session {
            open.has_turns = true;
        }
        self
    }

    pub fn happens(&mut self, event: Event) {
        self.time += Duration::from_millis(50);
        let now = self.now();
        let effects = update(&mut self.state, event, now);
        self.effects.extend(effects);
    }

    pub fn press(&mut self, key: &str) {
        let key: Key = key.parse().unwrap();
        self.happens(Event::Input(Input::Key(key, Instant::now())));
    }

    pub fn type_text(&mut self, text: &str) {
        for c in text.chars() {
            self.happens(Event::Input(Input::Key(Key::plain(Code::Char(c)), Instant::now())));
            self.happens(Event::Tick);
        }
    }

    /// Types a command and sends it.
    pub fn say(&mut self, text: &str) {
        self.type_text(text);
        self.press("enter");
    }

    /// What was asked of the server since the last look: method and parameters as JSON, without what is null; and what for.
    pub fn asked(&mut self) -> Vec<(String, Then)> {
        let mut asked = Vec::new();
        for effect in std::mem::take(&mut self.effects) {
            match effect {
                Effect::Ask { request, then } => asked.push((short(&serde_json::to_value(request).unwrap()), then)),
                other => self.effects.push(other),
            }
        }
        asked
    }

    /// The one request since the last look.
    #[track_caller]
    pub fn asked_one(&mut self) -> (String, Then) {
        let mut asked = self.asked();
        assert_eq!(asked.len(), 1, "{asked:?}");
        asked.remove(0)
    }

    /// The server answers the one request since the last look.
    #[track_caller]
    pub fn answer(&mut self, answer: Value) -> String {
        let (request, then) = self.asked_one();
        self.happens(Event::Answered { then, result: Ok(answer) });
        request
    }

    /// What became finished since the last look, and the live rows.
    pub fn screen(&mut self) -> String {
        let now = self.now();
        let finished = self.state.transcript.take_finished();
        let live = view::frame(&self.state, now).live;
        let rows: Vec<String> = finished
            .iter()
            .chain(&live)
            .map(|row| row.line.to_string().trim_end().to_owned())
            .collect();
        rows.join("\n").trim_matches('\n').to_owned()
    }

    /// What became finished since the last look.
    pub fn finished(&mut self) -> String {
        let finished = self.state.transcript.take_finished();
        finished
            .iter()
            .map(|row| row.line.to_string().trim_end().to_owned() + "\n")
            .collect()
    }

    /// Looks away from what is there.
    pub fn skip(&mut self) {
        self.state.transcript.take_finished();
        self.effects.clear();
    }

    pub const fn now(&self) -> Now {
        Now {
            monotonic: self.time,
            unix_seconds: TODAY,
        }
    }
}

pub fn path(path: &str) -> AbsPath {
    AbsPath::new(path).unwrap()
}

pub fn thread(id: &str, preview: &str, seconds_ago: i64) -> Thread {
    Thread {
        id: id.to_owned(),
        session_id: id.to_owned(),
        preview: preview.to_owned(),
        ephemeral: false,
        model_provider: "scripted".to_owned(),
        model: None,
        created_at: TODAY - seconds_ago,
        updated_at: TODAY - seconds_ago,
        status: ThreadStatus::NotLoaded,
        path: None,
        cwd: path("/home/u/work"),
        cli_version: "0".to_owned(),
        source: SessionSource::Cli,
        originator: None,
        project_id: None,
        name: None,
        forked_from_id: None,
        parent_thread_id: None,
        git_info: None,
        turns: Vec::new(),
    }
}

pub fn setup(id: &str, turns: Vec<Turn>) -> ThreadSetup {
    ThreadSetup {
        thread: Thread {
            turns,
            ..thread(id, "", 0)
        },
        model: "small".to_owned(),
        model_provider: "scripted".to_owned(),
        cwd: path("/home/u/work"),
        approval_policy: ApprovalPolicy::OnRequest,
        approvals_reviewer: ApprovalsReviewer::User,
        sandbox: SandboxPolicy::workspace_write(),
        active_permission_profile: None,
        sandbox_inexact: None,
        instruction_sources: Vec::new(),
        reasoning_effort: None,
        collaboration_mode: None,
        reasoning_summary: None,
        reasoning_shown: ReasoningShown::default(),
        warnings: Vec::new(),
    }
}

/// `method {parameters}`; nulls are left out.
fn short(request: &Value) -> String {
    let method = request["method"].as_str().unwrap_or_default();
    let mut params = request["params"].clone();
    if let Some(params) = params.as_object_mut() {
        params.retain(|_, value| !value.is_null());
    }
    format!("{method} {params}")
}
