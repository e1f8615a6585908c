//! The cases below `faults/`: what a provider, or the way to it, does wrong, and what is expected of codex then.
//!
//! A case is data; to add one, add a table to one of the files. The same cases are played to a model client (one attempt), to an app server
//! (a whole turn) and to the program.
//!
//! | key | meaning |
//! | --- | --- |
//! | `name` | what goes wrong |
//! | `answers` | what the server answers, in order; the last one again and again. See [`Spec`] |
//! | `tls` | the names in the server's certificate; without it the server speaks plain HTTP |
//! | `base_url` | `http://127.0.0.1:{port}/v1` by default; `{nobody}` is a port where nobody listens |
//! | `proxy` | a proxy in front of the server: `works`, `closes`, `stalls`, or the status that it refuses with |
//! | `env` | variables of codex; `{ca}` is a file with the certificate authority, `{proxy}` the URL of the proxy |
//! | `idle_ms` | `stream_idle_timeout_ms`; 20000 by default |
//! | `attempt` | what one attempt gives, see the test in `codex-model` |
//! | `end` | the code that a turn ends with, or `completed` |
//! | `requests` | how many requests the server saw in the turn; at most three are allowed |
//! | `waits_ms` | the waits that the server named and that were shown |
//! | `said`, `ran` | the messages that were shown, the commands that were run, in order |
//! | `proxied` | what the proxy was asked for |
#![expect(clippy::panic, reason = "a case that cannot be read is a test that has failed")]

use crate::answer::{Answer, Gate};
use crate::mock::MockModel;
use crate::proxy::{MockProxy, ProxyManner};
use crate::tls::Tls;
use crate::{events, home};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::Duration;

/// More answers than any turn over a case asks for.
const ANSWERS_MAX: usize = 8;

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    pub name: String,
    #[serde(default)]
    answers: Vec<Spec>,
    tls: Option<Vec<String>>,
    #[serde(default = "plain_url")]
    base_url: String,
    proxy: Option<ProxySpec>,
    #[serde(default)]
    env: BTreeMap<String, String>,
    #[serde(default = "twenty_seconds")]
    idle_ms: u64,
    pub attempt: Vec<String>,
    pub end: String,
    pub requests: usize,
    #[serde(default)]
    pub waits_ms: Vec<u64>,
    #[serde(default)]
    pub said: Vec<String>,
    #[serde(default)]
    pub ran: Vec<String>,
    #[serde(default)]
    pub proxied: Vec<String>,
}

/// One answer: a `stream` of lines, or a `status` with a `body`.
///
/// The lines: `say TEXT` (a whole message), `begin TEXT` (one without its end), `run NAME` (a command that notes its name), `completed`,
/// `failed CODE MESSAGE`, `incomplete REASON`, `data TEXT`, `raw TEXT` (as it is), `hex BYTES`, `fill COUNT` (so many `x`), `long COUNT`
/// (a message of so many `x`). `COUNT * LINE` repeats a line, with its number in place of `#`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    #[serde(default = "ok")]
    status: u16,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    #[serde(default)]
    body: String,
    #[serde(default)]
    stream: Vec<String>,
    /// No head at all.
    #[serde(default)]
    headless: bool,
    /// What comes behind the body: `stall`, `drop`, `reset`, `comments` (one every 20 ms), `flood LINE`.
    then: Option<String>,
    /// The connection breaks after so many bytes of the body.
    bytes: Option<usize>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
enum ProxySpec {
    Manner(String),
    Refuses(u16),
}

fn plain_url() -> String {
    "http://127.0.0.1:{port}/v1".to_owned()
}

const fn twenty_seconds() -> u64 {
    20_000
}

const fn ok() -> u16 {
    200
}

/// Every case of every file, in the order of their names.
pub fn faults() -> Vec<Fault> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct File {
        case: Vec<Fault>,
    }
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("faults");
    let entries = fs::read_dir(&folder).expect("the folder of faults");
    let mut files: Vec<_> = entries.map(|entry| entry.expect("a file").path()).collect();
    files.sort();
    let read = |path: &std::path::PathBuf| {
        let text = fs::read_to_string(path).expect("a readable file");
        let file: Result<File, _> = toml::from_str(&text);
        file.unwrap_or_else(|error| panic!("{}: {error}", path.display())).case
    };
    files.iter().flat_map(read).collect()
}

/// A case set up: servers, files and settings.
pub struct Stage {
    pub mock: MockModel,
    pub proxy: Option<MockProxy>,
    pub base_url: String,
    pub env: Vec<(String, String)>,
    /// Holds the port where nobody listens.
    nobody: tokio::net::TcpSocket,
    folder: tempfile::TempDir,
}

impl Fault {
    pub fn set_up(&self) -> Stage {
        let mut answers: Vec<Answer> = self.answers.iter().map(Spec::answer).collect();
        let last = answers.last().cloned().unwrap_or_else(|| Answer::message("Hello."));
        answers.extend(std::iter::repeat_n(last, ANSWERS_MAX));
        let hosts: Option<Vec<&str>> = self.tls.as_ref().map(|hosts| hosts.iter().map(String::as_str).collect());
        let tls = hosts.map(|hosts| Tls::for_hosts(&hosts));
        let mock = match &tls {
            Some(tls) => MockModel::start_tls(answers, tls),
            None => MockModel::start(answers),
        };
        let folder = tempfile::Builder::new().prefix(home::PREFIX).tempdir().expect("a temporary folder");
        let ca = tls.as_ref().map_or("", Tls::ca_pem);
        fs::write(folder.path().join("ca.pem"), ca).expect("a file");
        let nobody = tokio::net::TcpSocket::new_v4().expect("a socket");
        nobody.bind(([127, 0, 0, 1], 0).into()).expect("a free port");
        let mut stage = Stage {
            proxy: self.proxy.as_ref().map(|proxy| MockProxy::start(mock.port(), proxy.manner())),
            mock,
            base_url: String::new(),
            env: Vec::new(),
            nobody,
            folder,
        };
        stage.base_url = stage.filled(&self.base_url);
        stage.env = self.env.iter().map(|(name, value)| (name.clone(), stage.filled(value))).collect();
        stage
    }

    /// The provider's settings for `config.toml`. With two retries the turn takes the course that the case tells.
    pub fn config(&self, stage: &Stage, retries: u32) -> String {
        let idle_ms = self.idle_ms;
        home::provider_config(&stage.base_url, "")
            + &format!("request_max_retries = 0\nstream_max_retries = {retries}\nstream_idle_timeout_ms = {idle_ms}\n")
    }

    pub const fn idle(&self) -> Duration {
        Duration::from_millis(self.idle_ms)
    }
}

impl Stage {
    fn words(&self) -> Vec<(&str, String)> {
        let proxy = self.proxy.as_ref().map_or(String::new(), MockProxy::url);
        let nobody = self.nobody.local_addr().expect("a bound socket").port();
        vec![
            ("{proxy}", proxy),
            ("{ca}", self.folder.path().join("ca.pem").display().to_string()),
            ("{port}", self.mock.port().to_string()),
            ("{nobody}", nobody.to_string()),
        ]
    }

    fn filled(&self, text: &str) -> String {
        self.words()
            .iter()
            .fold(text.to_owned(), |text, (word, value)| text.replace(word, value))
    }

    /// `text` with the ports and files of this stage as the words that stand for them in a case.
    pub fn shown(&self, text: &str) -> String {
        let proxy_port = self.proxy.as_ref().map(|proxy| proxy.url().replace("http://", ""));
        let text = proxy_port.map_or_else(|| text.to_owned(), |address| text.replace(&address, "{proxy}"));
        let words = self.words();
        words
            .iter()
            .filter(|(_, value)| !value.is_empty())
            .fold(text, |text, (word, value)| text.replace(value, word))
    }
}

impl ProxySpec {
    fn manner(&self) -> ProxyManner {
        match self {
            Self::Refuses(status) => ProxyManner::Refuses(*status),
            Self::Manner(manner) => match manner.as_str() {
                "works" => ProxyManner::Works,
                "closes" => ProxyManner::Closes,
                "stalls" => ProxyManner::Stalls,
                other => panic!("no such manner of a proxy: {other}"),
            },
        }
    }
}

impl Spec {
    fn answer(&self) -> Answer {
        let pieces = || self.stream.iter().enumerate().flat_map(|(number, line)| pieces(number, line));
        let mut answer = match (self.status, self.stream.is_empty()) {
            (200, false) => Answer::raw_events(pieces()),
            (status, _) => Answer::status(status, self.body.clone()),
        };
        for (name, value) in &self.headers {
            answer = answer.header(name, value);
        }
        if self.headless {
            answer = answer.stall_head(&Gate::new());
        }
        if let Some(count) = self.bytes {
            answer = answer.drop_after_bytes(count);
        }
        let count = answer.event_count();
        match self.then.as_deref().map(|then| then.split_once(' ').unwrap_or((then, ""))) {
            None => answer,
            Some(("stall", _)) => answer.then_stall(),
            Some(("drop", _)) => answer.drop_after_events(count),
            Some(("reset", _)) => answer.reset_after_events(count),
            Some(("comments", _)) => answer.then_repeat(": still here\n\n", Duration::from_millis(20)),
            Some(("flood", line)) => answer.then_repeat(pieces_of(0, line).concat(), Duration::ZERO),
            Some((other, _)) => panic!("nothing of the kind follows an answer: {other}"),
        }
    }
}

fn pieces(number: usize, line: &str) -> Vec<Vec<u8>> {
    match line
        .split_once(" * ")
        .and_then(|(count, line)| Some((count.parse::<usize>().ok()?, line)))
    {
        Some((count, line)) => (1..=count)
            .flat_map(|n| pieces_of(number * 10_000 + n, &line.replace('#', &n.to_string())))
            .collect(),
        None => pieces_of(number, line),
    }
}

/// What goes over the wire for one line.
fn pieces_of(number: usize, line: &str) -> Vec<Vec<u8>> {
    let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
    let id = format!("msg_{number}");
    let event = |event: serde_json::Value| crate::answer::sse(&event).into_bytes();
    let message = |text: &str| events::message(&id, text);
    match word {
        "say" => events::around(&[message(rest)]).into_iter().map(event).collect(),
        "begin" => vec![
            event(events::item_added(number, &message(rest))),
            event(events::text_delta(&id, rest)),
        ],
        "run" => vec![event(events::item_done(
            number,
            &events::exec_command(rest, &format!("echo {rest} >> ran")),
        ))],
        "completed" => vec![event(events::completed("resp_1", None))],
        "failed" => {
            let (code, text) = rest.split_once(' ').unwrap_or((rest, ""));
            vec![event(events::failed(code, text))]
        }
        "incomplete" => vec![event(events::incomplete(rest))],
        "data" => vec![format!("data: {rest}\n\n").into_bytes()],
        "raw" => vec![rest.as_bytes().to_vec()],
        "hex" => vec![
            rest.split(' ')
                .map(|byte| u8::from_str_radix(byte, 16).expect("two hexadecimal digits"))
                .collect(),
        ],
        "fill" => vec![vec![b'x'; rest.parse().expect("a number")]],
        "long" => vec![event(events::item_done(
            number,
            &message(&"x".repeat(rest.parse().expect("a number"))),
        ))],
        other => panic!("no such line: {other}"),
    }
}
