//! The whole interface without a window: keys go in, the screen of a terminal comes out. The app server, the engine and the commands are
//! real; the model reads from a script; the sandbox only claims to confine.

use codex_app_server::{AppServer, ServerFacts};
use codex_base::{AbsPath, RandomIds, SystemClock};
use codex_config::{Overrides, ProcessEnv};
use codex_engine::{Engine, EngineParts};
use codex_model::ClientIdentity;
use codex_permissions::ResolvedPolicy;
use codex_process::{CommandSpec, Launch, PreparedCommand, Sandbox, SandboxError};
use codex_protocol::facts::Capabilities;
use codex_protocol::items::SessionSource;
use codex_protocol::requests::ThreadSettings;
use codex_rpc::Wire;
use codex_testkit::{Screen, TempHome};
use codex_tui::app::Outcome;
use codex_tui::history::File as HistoryFile;
use codex_tui::{Opening, Options, Settings, Surroundings};
use codex_tui_kit::keys::{Code, Key};
use codex_tui_kit::terminal::{Device, Input, Port, Size, Surface};
use codex_tui_kit::theme::{Background, ColorDepth, Theme};
use std::io;
use std::sync::{Arc, Condvar, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, watch};

/// How long something may take before the test gives up.
const PATIENCE: Duration = Duration::from_secs(30);
/// A terminal that got nothing for so long has got everything, if nothing is under way.
const QUIET: Duration = Duration::from_millis(120);

/// What the interface starts with.
pub struct Setup {
    pub home: TempHome,
    pub options: Options,
    pub columns: u16,
    pub rows: u16,
    /// Stands on the screen before.
    pub before: String,
}

impl Setup {
    /// 80x24, a repository with a README, a model that says these answers (lines of a script).
    pub fn new(script: &str) -> Self {
        let home = TempHome::new();
        home.make_repository(&[("README.md", "# demo\n"), ("a.txt", "one\ntwo\n")]);
        Self::in_home(home, script)
    }

    /// The same in a home that exists, with another script.
    pub fn in_home(home: TempHome, script: &str) -> Self {
        let file = home.codex_home().join("script.jsonl");
        std::fs::write(&file, script).unwrap();
        home.write_config(&format!(
            "model_provider = \"scripted\"\nsandbox_mode = \"workspace-write\"\napproval_policy = \"on-request\"\n\
             [model_providers.scripted]\nscript = {file:?}\n"
        ));
        let cwd = AbsPath::new(home.workspace()).unwrap();
        let root = cwd.parent().unwrap();
        let mut options = Options {
            opening: Opening::New,
            choosing: None,
            settings: Settings {
                cwd,
                thread: ThreadSettings::default(),
            },
            prompt: None,
            images: Vec::new(),
            home: Some(root),
            history: Some(HistoryFile {
                path: AbsPath::new(home.codex_home().join("history.jsonl")).unwrap(),
                bytes_max: None,
            }),
            timezone: "Etc/UTC".to_owned(),
            surface: Surface::Inline,
            trust: None,
            preferences: codex_tui::preferences::Preferences::default(),
            theme: Theme::default_for(Background::Dark, ColorDepth::TrueColor),
        };
        // What moves would be seen at any step.
        options.preferences.settings.animations = false;
        Self {
            home,
            options,
            columns: 80,
            rows: 24,
            before: String::new(),
        }
    }

    pub fn start(self) -> Ui {
        Ui::start(self)
    }
}

/// A terminal that somebody sits at.
pub struct Ui {
    window: Arc<Window>,
    input: mpsc::Sender<Input>,
    signals: watch::Sender<u32>,
    app: Option<JoinHandle<Outcome>>,
    home: Option<TempHome>,
}

struct Window {
    inside: Mutex<Inside>,
    changed: Condvar,
}

struct Inside {
    screen: Screen,
    written_at: Instant,
    bytes: Vec<u8>,
    largest_write: usize,
}

struct TestDevice(Arc<Window>);

impl Device for TestDevice {
    fn size(&self) -> io::Result<Size> {
        let (columns, rows) = self.0.inside.lock().unwrap().screen.size();
        Ok(Size { columns, rows })
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut inside = self.0.inside.lock().unwrap();
        inside.screen.feed(bytes);
        inside.bytes.extend_from_slice(bytes);
        inside.largest_write = inside.largest_write.max(bytes.len());
        inside.written_at = Instant::now();
        drop(inside);
        self.0.changed.notify_all();
        Ok(())
    }

    fn suspend(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn retake(&mut self) -> io::Result<bool> {
        Ok(false)
    }

    fn enter(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn leave(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Ui {
    fn start(setup: Setup) -> Self {
        let Setup {
            home,
            options,
            columns,
            rows,
            before,
        } = setup;
        let mut screen = Screen::new(columns, rows);
        screen.feed(before.replace('\n', "\r\n").as_bytes());
        let window = Arc::new(Window {
            inside: Mutex::new(Inside {
                screen,
                written_at: Instant::now(),
                bytes: Vec::new(),
                largest_write: 0,
            }),
            changed: Condvar::new(),
        });
        let terminal = Port::open(Box::new(TestDevice(Arc::clone(&window)))).unwrap();
        let input = terminal.sender();
        let (signals, seen) = watch::channel(0);
        let env = environment(&home, &options.settings.cwd);
        let app = std::thread::spawn(move || run(options, terminal, Size { columns, rows }, seen, env));
        Self {
            window,
            input,
            signals,
            app: Some(app),
            home: Some(home),
        }
    }

    /// One key, as bindings name it.
    #[track_caller]
    pub fn press(&self, key: &str) {
        self.send(Input::Key(key.parse().unwrap(), Instant::now()));
    }

    /// As somebody types: not as fast as a paste.
    pub fn type_text(&self, text: &str) {
        for c in text.chars() {
            let code = if c == '\n' { Code::Enter } else { Code::Char(c) };
            self.send(Input::Key(Key::plain(code), Instant::now()));
            std::thread::sleep(Duration::from_millis(9));
        }
    }

    /// Types a message and sends it.
    pub fn say(&self, text: &str) {
        self.type_text(text);
        self.press("enter");
    }

    pub fn paste(&self, text: &str) {
        self.send(Input::Paste(text.to_owned()));
    }

    pub fn send(&self, input: Input) {
        self.input.blocking_send(input).unwrap();
    }

    pub fn signal(&self) {
        self.signals.send_modify(|count| *count += 1);
    }

    /// The window gets another size.
    pub fn resize(&self, columns: u16, rows: u16) {
        self.window.inside.lock().unwrap().screen.resize(columns, rows);
        self.send(Input::Resized(Size { columns, rows }));
    }

    /// Waits until the window shows this.
    #[track_caller]
    pub fn wait_for(&self, text: &str) {
        self.wait_until(&format!("{text:?} is shown"), |screen| screen.text().contains(text));
    }

    /// Waits until the window does not show this any more.
    #[track_caller]
    pub fn wait_gone(&self, text: &str) {
        self.wait_until(&format!("{text:?} is gone"), |screen| !screen.text().contains(text));
    }

    #[track_caller]
    pub fn wait_until(&self, what: &str, holds: impl Fn(&Screen) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        let mut inside = self.window.inside.lock().unwrap();
        while !holds(&inside.screen) {
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "waited for: {what}; the screen:\n{}", inside.screen.text());
            inside = self.window.changed.wait_timeout(inside, left).unwrap().0;
        }
    }

    /// Waits until this much more was written, in frames or pieces of them.
    #[track_caller]
    pub fn wait_for_writes(&self, count: usize) {
        let seen = std::cell::Cell::new(0);
        self.wait_until("more is written", |_| {
            seen.set(seen.get() + 1);
            seen.get() > count
        });
    }

    /// Waits until nothing more is written: for keys that change only what is on the screen.
    pub fn settle(&self) {
        let mut inside = self.window.inside.lock().unwrap();
        let begin = Instant::now();
        loop {
            let quiet_since = inside.written_at.max(begin);
            let left = QUIET.saturating_sub(quiet_since.elapsed());
            if left.is_zero() || begin.elapsed() > PATIENCE {
                return;
            }
            inside = self.window.changed.wait_timeout(inside, left).unwrap().0;
        }
    }

    /// The window, with times and ids made words.
    pub fn screen(&self) -> String {
        words(&self.window.inside.lock().unwrap().screen.text())
    }

    /// Everything that can be scrolled to, and the window, as lines.
    pub fn lines(&self) -> Vec<String> {
        let lines = self.window.inside.lock().unwrap().screen.lines();
        lines.iter().map(|line| words(line)).collect()
    }

    pub fn cursor(&self) -> Option<(usize, usize)> {
        self.window.inside.lock().unwrap().screen.cursor()
    }

    /// All that was ever written.
    pub fn bytes(&self) -> Vec<u8> {
        self.window.inside.lock().unwrap().bytes.clone()
    }

    /// Bytes of the largest frame so far.
    pub fn largest_write(&self) -> usize {
        self.window.inside.lock().unwrap().largest_write
    }

    pub fn home(&self) -> &TempHome {
        self.home.as_ref().unwrap()
    }

    /// Waits until the interface has ended.
    pub fn ended(mut self) -> (Outcome, Vec<String>, TempHome) {
        let outcome = self.app.take().unwrap().join().unwrap();
        (outcome, self.lines(), self.home.take().unwrap())
    }

    /// Leaves, as somebody would.
    pub fn quit(self) -> (Outcome, Vec<String>, TempHome) {
        self.send(Input::Key(Key::ctrl('d'), Instant::now()));
        self.ended()
    }
}

impl Drop for Ui {
    fn drop(&mut self) {
        // A test that failed leaves an interface behind; it ends with this.
        self.signal();
    }
}

fn environment(home: &TempHome, cwd: &AbsPath) -> ProcessEnv {
    let mut env = ProcessEnv::new(home.env(), cwd.clone(), Some("/bin/sh".into()), "Etc/UTC".into()).unwrap();
    env.system_config_dir = home.home().join("etc");
    env
}

fn run(options: Options, terminal: Port, size: Size, signals: watch::Receiver<u32>, env: ProcessEnv) -> Outcome {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    let outcome = runtime.block_on(async {
        let cwd = env.cwd.clone();
        let clock = Arc::new(SystemClock::default());
        let identity = ClientIdentity {
            originator: "codex-test".into(),
            user_agent: "codex-test/0".into(),
        };
        let engine = Engine::new(EngineParts {
            env,
            overrides: Overrides::default(),
            sandbox: Arc::new(PretendSandbox::new()),
            clock: clock.clone(),
            ids: Arc::new(RandomIds),
            identity,
            source: SessionSource::Cli,
            faults: None,
            model: None,
        });
        let user_agent = "codex-test/0.200.0".into();
        let server = AppServer::new(engine, ServerFacts { user_agent, cwd });
        let (client, events) = server.connect_in_process(Wire::Serialised);
        let around = Surroundings {
            terminal,
            size,
            client,
            events,
            clock,
            signals,
        };
        let outcome = Box::pin(codex_tui::run(options, around)).await;
        server.shutdown().await;
        outcome
    });
    runtime.shutdown_background();
    outcome
}

/// What differs from run to run.
fn words(text: &str) -> String {
    let mut out = String::new();
    for (index, part) in text.split("/codex-test-").enumerate() {
        // Six letters make the folder's name.
        let part = if index > 0 { part.get(6..).unwrap_or(part) } else { part };
        out += if index > 0 { "/codex-test-NAME" } else { "" };
        out += part;
    }
    for (pattern, word) in FILTERS {
        out = replaced(&out, pattern, word);
    }
    out
}

/// `#` is a run of digits.
const FILTERS: &[(&str, &str)] = &[
    ("worked for #m #s · #:#", "worked for TIME"),
    ("worked for #s · #:#", "worked for TIME"),
    ("(#s · pid # · ", "(TIME · "),
    ("(#s · ", "(TIME · "),
    ("(#s)", "(TIME)"),
];

fn replaced(text: &str, pattern: &str, word: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((at, length)) = (0..rest.len()).find_map(|at| Some((at, matches(rest.get(at..)?, pattern)?))) {
        out += &rest[..at];
        out += word;
        rest = &rest[at + length..];
    }
    out + rest
}

/// How long the match at the start of the text is.
fn matches(text: &str, pattern: &str) -> Option<usize> {
    let mut rest = text;
    for (index, literal) in pattern.split('#').enumerate() {
        if index > 0 {
            let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
            rest = (digits > 0).then(|| &rest[digits..])?;
        }
        rest = rest.strip_prefix(literal)?;
    }
    Some(text.len() - rest.len())
}

/// Claims to confine and starts commands as they are: these tests are about what is shown.
struct PretendSandbox(Capabilities);

impl PretendSandbox {
    fn new() -> Self {
        Self(Capabilities {
            mechanism: "pretended".into(),
            confines: true,
            missing: Vec::new(),
            rungs: Vec::new(),
        })
    }
}

impl Sandbox for PretendSandbox {
    fn capabilities(&self) -> &Capabilities {
        &self.0
    }

    fn prepare(&self, spec: CommandSpec, _: &ResolvedPolicy) -> Result<PreparedCommand, SandboxError> {
        Ok(PreparedCommand {
            spec,
            launch: Launch::Direct,
            enforced: Vec::new(),
            withheld: Vec::new(),
        })
    }
}
