//! The bytes of an answer's body -> events in batches, with the limits on sizes. Pure.
//!
//! What arrives together leaves together: a batch takes what several chunks give, and successive deltas of one item become one delta.

use crate::bounds::Bounds;
use crate::error::{self, ModelError};
use crate::event::ModelEvent;
use crate::failures;
use crate::sse::Decoder;
use crate::stream::Interpreter;

/// Bytes of a body that is no stream which are kept for the error's text.
const OPENING_BYTES_MAX: usize = 64 * 1024;
/// A web page is told by so much of it.
const PAGE_BYTES: usize = 1024;

/// A batch takes chunks up to this size together.
const BATCH_BYTES: usize = 64 * 1024;

/// What is not more than this did not come in a flood.
const TRICKLE_BYTES_MAX: usize = 8 * 1024;

/// What some chunks gave.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Batch {
    /// At most the last one is a `Completed` or `Failed`.
    pub events: Vec<ModelEvent>,
    /// Whether there was a whole event, understood or not. Comments and halves of events are no sign of life.
    pub alive: bool,
    /// Of the chunks.
    bytes: usize,
}

impl Batch {
    pub fn is_full(&self) -> bool {
        self.is_last() || self.bytes >= BATCH_BYTES
    }

    pub fn is_last(&self) -> bool {
        matches!(self.events.last(), Some(ModelEvent::Completed { .. } | ModelEvent::Failed(_)))
    }

    /// A few words and nothing else: more of them come, and none is waited for.
    pub fn is_trickle(&self) -> bool {
        let [event] = &self.events[..] else { return false };
        self.bytes < TRICKLE_BYTES_MAX && matches!(event, ModelEvent::TextDelta { .. } | ModelEvent::SummaryDelta { .. })
    }

    fn push(&mut self, event: ModelEvent) {
        match (self.events.last_mut(), event) {
            (Some(ModelEvent::TextDelta { item_id: a, delta }), ModelEvent::TextDelta { item_id: b, delta: more }) if *a == b => {
                delta.push_str(&more);
            }
            (_, event) => self.events.push(event),
        }
    }

    pub fn fail(&mut self, error: ModelError) {
        if !self.is_last() {
            self.events.push(ModelEvent::Failed(error));
        }
    }
}

pub(crate) struct Reading {
    decoder: Decoder,
    interpreter: Interpreter,
    bytes: u64,
    bytes_max: u64,
    /// The first bytes, until an event shows that this is a stream.
    opening: Option<Vec<u8>>,
}

impl Reading {
    pub fn new(bounds: &Bounds) -> Self {
        Self {
            decoder: Decoder::new(bounds.event_bytes),
            interpreter: Interpreter::default(),
            bytes: 0,
            bytes_max: bounds.answer_bytes,
            opening: Some(Vec::new()),
        }
    }

    pub fn chunk(&mut self, bytes: &[u8], batch: &mut Batch) {
        batch.bytes += bytes.len();
        self.bytes += bytes.len() as u64;
        if self.bytes > self.bytes_max {
            return batch.fail(too_much(self.bytes_max));
        }
        let interpreter = &mut self.interpreter;
        let fed = self.decoder.feed(bytes, |data| take(batch, interpreter, data));
        if batch.alive {
            self.opening = None;
        }
        if let Some(opening) = &mut self.opening {
            let room = OPENING_BYTES_MAX.saturating_sub(opening.len());
            opening.extend_from_slice(&bytes[..bytes.len().min(room)]);
            if is_page(opening) && opening.len() >= PAGE_BYTES {
                return batch.fail(page(opening));
            }
        }
        if let Err(problem) = fed {
            batch.fail(ModelError::unbounded(error::EVENT_TOO_LARGE, problem.to_string()));
        }
    }

    /// The body has ended.
    pub fn end(self, batch: &mut Batch) {
        let Self {
            decoder, mut interpreter, ..
        } = self;
        decoder.finish(|data| take(batch, &mut interpreter, data));
        batch.fail(match self.opening.as_deref().map(<[u8]>::trim_ascii) {
            Some(opening) if is_page(opening) => page(opening),
            Some(opening) if opening.starts_with(b"{") => json(opening),
            Some(b"") => closed("the answer is empty"),
            Some(_) | None => closed("stream closed before response.completed"),
        });
    }
}

/// Nothing counts behind the last event.
fn take(batch: &mut Batch, interpreter: &mut Interpreter, data: &str) {
    batch.alive = true;
    if !batch.is_last()
        && let Some(event) = interpreter.read(data)
    {
        batch.push(event);
    }
}

fn closed(what: &str) -> ModelError {
    ModelError::disconnected(error::STREAM_CLOSED, what)
}

pub(crate) fn too_much(limit: u64) -> ModelError {
    ModelError::unbounded(error::ANSWER_TOO_LARGE, format!("the answer is over {limit} bytes and has no end"))
}

/// No line of an event stream begins like that.
fn is_page(opening: &[u8]) -> bool {
    let text = opening.strip_prefix(b"\xef\xbb\xbf").unwrap_or(opening);
    text.trim_ascii_start().starts_with(b"<")
}

fn page(opening: &[u8]) -> ModelError {
    let text = String::from_utf8_lossy(opening);
    let title = title(&text).map(|title| format!(" titled \"{title}\"")).unwrap_or_default();
    not_a_stream(&format!(
        "a web page{title} came instead of an answer; does the network want a login, or is base_url wrong?"
    ))
}

fn title(page: &str) -> Option<String> {
    let lower = page.to_ascii_lowercase();
    let from = lower.find("<title>")? + "<title>".len();
    let to = from + lower[from..].find("</title>")?;
    let words: Vec<&str> = page[from..to].split_whitespace().collect();
    let title: String = words
        .join(" ")
        .chars()
        .filter(|character| !character.is_control())
        .take(100)
        .collect();
    (!title.is_empty()).then_some(title)
}

/// Status 200 with an error in it, or with something else altogether.
fn json(opening: &[u8]) -> ModelError {
    let text = String::from_utf8_lossy(opening);
    failures::error_in_body(&text)
        .unwrap_or_else(|| not_a_stream("JSON came instead of an event stream; does base_url lead to the Responses API?"))
}

fn not_a_stream(what: &str) -> ModelError {
    ModelError::disconnected(error::NOT_A_STREAM, what)
}

#[cfg(test)]
mod tests {
    use super::*;
    use pretty_assertions::assert_eq;
    use std::time::Duration;

    fn bounds() -> Bounds {
        Bounds {
            event_bytes: 2000,
            answer_bytes: 5000,
            ..Bounds::new(Duration::from_secs(1))
        }
    }

    /// The code and text that a body ends with.
    fn end(body: &[u8], chunk_size: usize) -> String {
        let mut reading = Reading::new(&bounds());
        let mut batch = Batch::default();
        for chunk in body.chunks(chunk_size) {
            reading.chunk(chunk, &mut batch);
        }
        reading.end(&mut batch);
        match batch.events.last() {
            Some(ModelEvent::Failed(error)) => format!("{} {:?} {}", error.code, error.retry, error.message),
            other => format!("{other:?}"),
        }
    }

    #[test]
    fn what_comes_instead_of_a_stream_is_named() {
        let long_page = format!(
            "\n<!DOCTYPE html><html><head><TITLE>Hotel\n WiFi</TITLE></head>{}",
            "<p>".repeat(5000)
        );
        let check = |body: &str, expect: &str| {
            for size in [1, 7, 4096] {
                assert_eq!(end(body.as_bytes(), size), expect, "{size}");
            }
        };
        let cut = "stream disconnected before completion";

        check(
            &long_page,
            &format!(
                "model.not_a_stream Backoff {cut}: a web page titled \"Hotel WiFi\" came instead of an answer; does the network want a login, or is base_url wrong?"
            ),
        );
        check(
            "<html>",
            &format!(
                "model.not_a_stream Backoff {cut}: a web page came instead of an answer; does the network want a login, or is base_url wrong?"
            ),
        );
        check(
            r#"{"id":"r","output":[]}"#,
            &format!("model.not_a_stream Backoff {cut}: JSON came instead of an event stream; does base_url lead to the Responses API?"),
        );
        check(
            r#"{"error":{"code":"model_not_found","message":"No such model."}}"#,
            "model.not_found Never No such model.",
        );
        check(" \n", &format!("model.stream_closed Backoff {cut}: the answer is empty"));
        check(
            "upstream timed out",
            &format!("model.stream_closed Backoff {cut}: stream closed before response.completed"),
        );
    }

    #[test]
    fn an_answer_has_a_limit_and_so_has_an_event() {
        let endless = "data: {\"type\":\"response.in_progress\"}\n\n".repeat(1000);

        assert_eq!(
            end(endless.as_bytes(), 100),
            "model.answer_too_large Never the answer is over 5000 bytes and has no end"
        );
        assert_eq!(
            end("x".repeat(9000).as_bytes(), 100),
            "model.event_too_large Never an event of the stream is over 2000 bytes"
        );
    }

    #[test]
    fn deltas_that_arrive_together_leave_together() {
        let delta = |id: &str, text: &str| {
            format!("data: {{\"type\":\"response.output_text.delta\",\"item_id\":\"{id}\",\"delta\":\"{text}\"}}\n\n")
        };
        let added =
            |id: &str| format!("data: {{\"type\":\"response.output_item.added\",\"item\":{{\"type\":\"message\",\"id\":\"{id}\"}}}}\n\n");
        let stream = [
            added("a"),
            added("b"),
            delta("a", "1"),
            delta("a", "2"),
            delta("b", "3"),
            delta("a", "4"),
        ]
        .concat();

        let mut batch = Batch::default();
        let mut reading = Reading::new(&bounds());
        for chunk in stream.as_bytes().chunks(7) {
            reading.chunk(chunk, &mut batch);
        }

        let texts = batch.events.iter().filter_map(|event| match event {
            ModelEvent::TextDelta { item_id, delta } => Some(format!("{item_id}{delta}")),
            _ => None,
        });
        assert_eq!(texts.collect::<Vec<_>>(), ["a12", "b3", "a4"]);
    }

    #[test]
    fn a_few_words_are_a_trickle_and_nothing_else_is() {
        let delta = |text: &str| format!("data: {{\"type\":\"response.output_text.delta\",\"item_id\":\"a\",\"delta\":\"{text}\"}}\n\n");
        let mut reading = Reading::new(&Bounds::new(Duration::from_secs(1)));
        let mut check = |stream: &str, expect: bool| {
            let mut batch = Batch::default();
            reading.chunk(stream.as_bytes(), &mut batch);
            assert_eq!(batch.is_trickle(), expect, "{stream}");
        };

        check(
            "data: {\"type\":\"response.output_item.added\",\"item\":{\"type\":\"message\",\"id\":\"a\"}}\n\n",
            false,
        );
        check(&delta("one").repeat(3), true);
        check(&delta(&"x".repeat(TRICKLE_BYTES_MAX)), false);
        check("data: {\"type\":\"response.completed\",\"response\":{\"id\":\"r\"}}\n\n", false);
        check(": alive\n\n", false);
    }
}
