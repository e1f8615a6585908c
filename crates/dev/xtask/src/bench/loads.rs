//! Much at once: a long answer in short deltas, a command that prints a lot, a patch with many hunks.

use super::Program;
use super::measures::{Bench, Measure, SANDBOXED, ended_with, exec, megabytes, millis, shell};
use super::process::{self, Used};
use anyhow::{Context, Result, bail};
use codex_testkit::{Answer, MockModel, TempHome, events};
use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

/// The word that makes this program the server of the long answer. A process of its own, so that the hundreds of megabytes do not show
/// in the peaks we measure.
pub const SERVE: &str = "serve-stream";

const ANSWER_BYTES: usize = 20_000_000;
const DELTA: &str = "twenty bytes of text";

/// Human mode, so that the final message is printed once.
pub fn stream(bench: &Bench<'_>) -> Result<Vec<Measure>> {
    let mut wall = bench.ms("an answer of 20 MB in deltas of 20 bytes: wall").aim("2000");
    let mut cpu = bench.ms("the same: CPU");
    let mut peak = bench.mb("the same: peak RSS").aim("120");
    for (_, at, program) in bench.turns(bench.loads) {
        let server = Server::start()?;
        let home = TempHome::new();
        home.write_config(&codex_testkit::home::provider_config(&server.base_url, ""));
        let used = process::run(&mut exec(&home, program, SANDBOXED))?;
        if !used.stdout.contains(DELTA) {
            bail!("the answer did not come through: {}", used.stdout);
        }
        wall.samples[at].push(millis(used.wall));
        cpu.samples[at].push(millis(used.cpu));
        peak.samples[at].push(megabytes(used.peak_bytes));
    }
    Ok(vec![wall, cpu, peak])
}

pub struct Server {
    child: Child,
    base_url: String,
}

impl Server {
    pub fn base_url(&self) -> &str {
        &self.base_url
    }

    pub fn start() -> Result<Self> {
        let ourselves = std::env::current_exe().context("could not find this program")?;
        let mut child = Command::new(ourselves)
            .args(["bench", SERVE])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("could not start the server")?;
        let mut port = String::new();
        BufReader::new(child.stdout.take().context("stdout is a pipe")?).read_line(&mut port)?;
        let base_url = format!("http://127.0.0.1:{}/v1", port.trim());
        Ok(Self { child, base_url })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Both fail if it has ended, which nothing makes it do.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The server's side: prints its port, answers every POST with the long answer, ends when killed.
pub fn helper() -> Result<()> {
    let body = Arc::new(Body::new());
    let listener = TcpListener::bind("127.0.0.1:0")?;
    println!("{}", listener.local_addr()?.port());
    for stream in listener.incoming() {
        let (stream, body) = (stream?, Arc::clone(&body));
        std::thread::spawn(move || {
            // A client that goes away early shows in its own run.
            let _ = answer(stream, &body);
        });
    }
    Ok(())
}

/// The answer as it goes over the wire, each event in a chunk of its own, as servers send them. Made beforehand: what is measured is who
/// reads it.
struct Body {
    start: Vec<u8>,
    /// Goes out [`BLOCKS`](Self::BLOCKS) times.
    deltas: Vec<u8>,
    end: Vec<u8>,
}

impl Body {
    const BLOCKS: usize = 1000;

    fn new() -> Self {
        let text = DELTA.repeat(ANSWER_BYTES / DELTA.len());
        let mut events = events::around(&[events::message("msg_1", &text)]);
        let done = events.pop();
        events.truncate(1);
        events.insert(0, events::created("resp_1"));
        let delta = serde_json::json!({
            "type": "response.output_text.delta", "sequence_number": 100_000, "item_id": "msg_1",
            "output_index": 0, "content_index": 0, "delta": DELTA, "logprobs": [], "obfuscation": "0123456789ab",
        });
        let completed = events::completed("resp_1", Some(events::Usage::default()));
        let mut end: Vec<u8> = done.iter().chain([&completed]).flat_map(chunk).collect();
        end.extend(b"0\r\n\r\n");
        Self {
            start: events.iter().flat_map(chunk).collect(),
            deltas: chunk(&delta).repeat(ANSWER_BYTES / DELTA.len() / Self::BLOCKS),
            end,
        }
    }
}

fn chunk(event: &serde_json::Value) -> Vec<u8> {
    let text = codex_testkit::answer::sse(event);
    format!("{:x}\r\n{text}\r\n", text.len()).into_bytes()
}

fn answer(mut stream: TcpStream, body: &Body) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let (mut first, mut length) = (String::new(), 0);
    reader.read_line(&mut first)?;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap_or(0);
        }
        if line.trim().is_empty() {
            break;
        }
    }
    std::io::copy(&mut reader.take(length), &mut std::io::sink())?;
    if !first.starts_with("POST") {
        return stream.write_all(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
    }
    stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n")?;
    stream.write_all(&body.start)?;
    for _ in 0..Body::BLOCKS {
        stream.write_all(&body.deltas)?;
    }
    stream.write_all(&body.end)
}

/// From the request that asks for it to the one that has its output.
pub fn output(bench: &Bench<'_>) -> Result<Vec<Measure>> {
    let mut time = bench.ms("a command that prints 100 MB");
    let mut peak = bench.mb("the same: peak RSS");
    for (_, at, program) in bench.turns(bench.loads) {
        let home = TempHome::new();
        let call = shell("call_1", "yes 0123456789012345678901234567890123456789 | head -c 100000000");
        let (used, gap) = one_call(program, &home, Answer::items([call]), |request| ended_with(request, "call_1", 0))?;
        time.samples[at].push(gap);
        peak.samples[at].push(megabytes(used.peak_bytes));
    }
    Ok(vec![time, peak])
}

const HUNKS: usize = 1000;

pub fn patch(bench: &Bench<'_>) -> Result<Vec<Measure>> {
    let mut time = bench.ms(format!("a patch with {HUNKS} hunks in a file of {} lines", HUNKS * 10));
    let (mut before, mut after, mut patch) = (
        String::new(),
        String::new(),
        "*** Begin Patch\n*** Update File: long.txt\n".to_owned(),
    );
    for hunk in 0..HUNKS {
        for line in 0..10 {
            writeln!(before, "line {line} of part {hunk}")?;
            writeln!(after, "line {line} of {} {hunk}", if line == 5 { "changed part" } else { "part" })?;
        }
        write!(
            patch,
            "@@\n line 4 of part {hunk}\n-line 5 of part {hunk}\n+line 5 of changed part {hunk}\n line 6 of part {hunk}\n"
        )?;
    }
    patch.push_str("*** End Patch\n");
    for (_, at, program) in bench.turns(bench.loads) {
        let home = TempHome::new();
        home.write("long.txt", &before);
        let answer = Answer::items([events::apply_patch("call_1", &patch)]);
        let (_, gap) = one_call(program, &home, answer, |_| Ok(()))?;
        if home.read("long.txt") != after {
            bail!("the patch was not applied");
        }
        time.samples[at].push(gap);
    }
    Ok(vec![time])
}

fn one_call(
    program: &Program,
    home: &TempHome,
    answer: Answer,
    check: impl FnOnce(&codex_testkit::Recorded) -> Result<()>,
) -> Result<(Used, f64)> {
    let mock = MockModel::start([answer, Answer::message("Done.")]);
    home.use_model(&mock, "");
    let used = process::run(&mut exec(home, program, SANDBOXED))?;
    let requests = mock.requests();
    let [first, second] = &requests[..] else {
        bail!("{} requests came, 2 were expected", requests.len());
    };
    check(second)?;
    Ok((used, millis(second.arrived_at.duration_since(first.arrived_at))))
}
