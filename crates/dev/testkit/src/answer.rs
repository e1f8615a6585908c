//! A whole HTTP answer as data: status, headers, body, and where it goes wrong.
//!
//! Made by a test, played by [`MockModel`](crate::MockModel). Several faults may be combined; the first one that ends the answer counts.

use crate::events::{self, Usage};
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// What the server does with one request.
#[derive(Debug, Clone)]
pub struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Body,
    pub(crate) before_head: Option<Gate>,
    pub(crate) between_events: Duration,
    /// Waits before the event with this index.
    pub(crate) before_event: Vec<(usize, Gate)>,
    pub(crate) cut: Option<Cut>,
    /// What follows the body, in front of its end.
    pub(crate) then: Then,
}

#[derive(Debug, Clone)]
pub(crate) enum Body {
    Events(Vec<Vec<u8>>),
    Plain(Vec<u8>),
}

#[derive(Debug, Clone, Default)]
pub(crate) enum Then {
    #[default]
    End,
    /// Nothing more, until the client goes away.
    Stall,
    /// The same piece again and again until the client goes away.
    Repeat { piece: Vec<u8>, every: Duration },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cut {
    pub at: CutAt,
    pub how: CutHow,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CutAt {
    /// Nothing is sent, not even a head.
    BeforeHead,
    Events(usize),
    Bytes(usize),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CutHow {
    /// The body ends as if it were whole.
    Clean,
    /// The connection closes in mid-body.
    Drop,
    /// The connection is reset.
    Reset,
}

impl Answer {
    /// These events and no others.
    pub fn events(events: impl IntoIterator<Item = Value>) -> Self {
        Self::raw_events(events.into_iter().map(|event| sse(&event)))
    }

    /// Pieces of an event stream exactly as they go over the wire (each with its own blank line), for comments and broken data.
    pub fn raw_events(pieces: impl IntoIterator<Item = impl Into<Vec<u8>>>) -> Self {
        Self::new(200, Body::Events(pieces.into_iter().map(Into::into).collect())).header("content-type", "text/event-stream")
    }

    /// `created`, every item with its deltas, `completed` with [`Usage::default`].
    pub fn items(items: impl IntoIterator<Item = Value>) -> Self {
        Self::items_with_usage(items, Some(Usage::default()))
    }

    pub fn items_with_usage(items: impl IntoIterator<Item = Value>, usage: Option<Usage>) -> Self {
        let items: Vec<Value> = items.into_iter().collect();
        let response_id = format!("resp_{}", uuid::Uuid::new_v4().simple());
        let mut all = vec![events::created(&response_id)];
        all.extend(events::around(&items));
        all.push(events::completed(&response_id, usage));
        Self::events(all)
    }

    /// One assistant message: the shortest answer that ends a turn.
    pub fn message(text: &str) -> Self {
        Self::items([events::message("msg_1", text)])
    }

    /// An answer that is no stream, for example an error status.
    pub fn status(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self::new(status, Body::Plain(body.into()))
    }

    /// An error status with the usual JSON body.
    pub fn error(status: u16, code: &str, message: &str) -> Self {
        let body = serde_json::json!({ "error": { "type": code, "code": code, "message": message } });
        Self::status(status, body.to_string()).header("content-type", "application/json")
    }

    /// The connection is reset before any byte of an answer.
    pub fn reset() -> Self {
        Self::status(200, Vec::new()).cut(CutAt::BeforeHead, CutHow::Reset)
    }

    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The body ends well-formed after the first `count` events.
    #[must_use]
    pub fn cut_after_events(self, count: usize) -> Self {
        self.cut(CutAt::Events(count), CutHow::Clean)
    }

    /// The connection closes in mid-body after the first `count` events.
    #[must_use]
    pub fn drop_after_events(self, count: usize) -> Self {
        self.cut(CutAt::Events(count), CutHow::Drop)
    }

    /// The connection is reset after the first `count` events.
    #[must_use]
    pub fn reset_after_events(self, count: usize) -> Self {
        self.cut(CutAt::Events(count), CutHow::Reset)
    }

    /// The connection closes in mid-body after `count` bytes of the body.
    #[must_use]
    pub fn drop_after_bytes(self, count: usize) -> Self {
        self.cut(CutAt::Bytes(count), CutHow::Drop)
    }

    /// Not even a status line until the gate opens.
    #[must_use]
    pub fn stall_head(mut self, gate: &Gate) -> Self {
        self.before_head = Some(gate.clone());
        self
    }

    #[must_use]
    pub const fn delay_between_events(mut self, delay: Duration) -> Self {
        self.between_events = delay;
        self
    }

    /// The event with this index (0 first) is sent when the gate opens.
    #[must_use]
    pub fn stall_before_event(mut self, index: usize, gate: &Gate) -> Self {
        self.before_event.push((index, gate.clone()));
        self
    }

    /// The last event, usually `response.completed`, is sent when the gate opens.
    #[must_use]
    pub fn stall_last(self, gate: &Gate) -> Self {
        let last = self.event_count().saturating_sub(1);
        self.stall_before_event(last, gate)
    }

    /// The connection stays open behind the last event, and nothing more comes.
    #[must_use]
    pub fn then_stall(mut self) -> Self {
        self.then = Then::Stall;
        self
    }

    /// Behind the last event the same piece comes again and again until the client goes away.
    #[must_use]
    pub fn then_repeat(mut self, piece: impl Into<Vec<u8>>, every: Duration) -> Self {
        self.then = Then::Repeat {
            piece: piece.into(),
            every,
        };
        self
    }

    /// Events of the stream; 0 for a plain body. `1..=event_count()` are the places where a stream can be cut.
    pub const fn event_count(&self) -> usize {
        match &self.body {
            Body::Events(events) => events.len(),
            Body::Plain(_) => 0,
        }
    }

    const fn new(status: u16, body: Body) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body,
            before_head: None,
            between_events: Duration::ZERO,
            before_event: Vec::new(),
            cut: None,
            then: Then::End,
        }
    }

    const fn cut(mut self, at: CutAt, how: CutHow) -> Self {
        self.cut = Some(Cut { at, how });
        self
    }
}

/// One event as a server sends it.
pub fn sse(event: &Value) -> String {
    format!("event: {}\ndata: {event}\n\n", event["type"].as_str().unwrap_or("message"))
}

/// A place in an answer where the server waits until the test says go on.
#[derive(Debug, Clone, Default)]
pub struct Gate {
    open: Arc<watch::Sender<bool>>,
    reached: Arc<watch::Sender<bool>>,
}

impl Gate {
    pub fn new() -> Self {
        Self::default()
    }

    pub fn open(&self) {
        self.open.send_replace(true);
    }

    /// Resolves when the server stands at the gate, so everything before it has been sent.
    pub async fn reached(&self) {
        let mut reached = self.reached.subscribe();
        let arrival = tokio::time::timeout(crate::mock::PATIENCE, reached.wait_for(|reached| *reached)).await;
        assert!(arrival.is_ok(), "the server did not reach the gate in {:?}", crate::mock::PATIENCE);
    }

    pub(crate) async fn pass(&self) {
        self.reached.send_replace(true);
        let mut open = self.open.subscribe();
        // The sender lives in `self`, so waiting cannot fail.
        let _ = open.wait_for(|open| *open).await;
    }
}
