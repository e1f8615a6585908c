//! The scripted provider: answers from a JSONL file, played through the same events as a real model's.
//!
//! The format is written down in `docs/scripted-model.md`. [`script`] reads the file, [`matching`] compares a step with the request and fills
//! in what was captured (both pure), here the events are played.
//!
//! Position: every item made from step n has an id that names n (`…_script_<n>_<i>`), so the next step is one more than the highest number
//! in the input. That holds after a restart and for partial answers. Steps that left no item (failures) are counted in memory only.

pub mod demo;
pub mod matching;
pub mod script;

use crate::error::{self, ModelError, Retry, never};
use crate::event::ModelEvent;
use crate::failures::{self, StatusFacts};
use crate::provider::ModelClient;
use crate::request::ModelRequest;
use crate::responses::EVENTS_WAITING_MAX;
use crate::stream::kind_of;
use codex_protocol::errors::CodexErrorInfo;
use codex_protocol::response_item::{ItemView, ResponseItem};
use codex_protocol::settings::ProviderSettings;
use script::{Failure, Script, Step};
use serde_json::json;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// Threads whose position is remembered beside what their input tells.
const THREADS_MAX: usize = 1024;

/// Plays one script to every thread, each from its own position.
pub struct Scripted {
    script: Arc<Script>,
    idle_limit: Duration,
    attempts_max: u32,
    /// Thread id -> next step.
    next: Mutex<HashMap<String, usize>>,
}

impl Scripted {
    pub fn new(script: Script, provider: &ProviderSettings) -> Self {
        Self {
            script: Arc::new(script),
            idle_limit: Duration::from_millis(provider.stream_idle_timeout_ms),
            attempts_max: provider.attempts_max(),
            next: Mutex::default(),
        }
    }

    /// The events that answer this request. Goes on to the next step unless this one did not fit.
    fn next_answer(&self, request: &ModelRequest) -> Played {
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        let remembered = next.get(&request.metadata.thread_id).copied().unwrap_or(0);
        let step = remembered.max(matching::steps_answered(&request.input));
        let played = play(&self.script, step, request, self.idle_limit);
        if next.len() >= THREADS_MAX {
            next.clear();
        }
        let following = if played.fits { step + 1 } else { step };
        next.insert(request.metadata.thread_id.clone(), following);
        played
    }
}

impl ModelClient for Scripted {
    fn sample(&self, request: ModelRequest, cancel: CancellationToken) -> mpsc::Receiver<ModelEvent> {
        let played = self.next_answer(&request);
        let (events, receiver) = mpsc::channel(EVENTS_WAITING_MAX);
        tokio::spawn(async move {
            tokio::select! {
                biased;
                () = cancel.cancelled() => {}
                () = events.closed() => {}
                () = perform(played, &events) => {}
            }
        });
        receiver
    }

    fn attempts_max(&self) -> u32 {
        self.attempts_max
    }
}

/// What a step turns into: events with a pause before each.
#[derive(Debug, PartialEq)]
pub struct Played {
    /// `false`: there is no such step, or it expected another request.
    pub fits: bool,
    pub events: Vec<(Duration, ModelEvent)>,
}

async fn perform(played: Played, events: &mpsc::Sender<ModelEvent>) {
    for (pause, event) in played.events {
        if !pause.is_zero() {
            tokio::time::sleep(pause).await;
        }
        if events.send(event).await.is_err() {
            return;
        }
    }
}

/// The events of step `at` for this request. Pure.
pub fn play(script: &Script, at: usize, request: &ModelRequest, idle_limit: Duration) -> Played {
    let failed = |error| Played {
        fits: false,
        events: vec![(Duration::ZERO, ModelEvent::Failed(error))],
    };
    let Some(step) = script.steps.get(at) else {
        return failed(script_ended(script, at));
    };
    let view = matching::View::of(&request.input);
    if let Some(mismatch) = matching::mismatch(&step.expect, &view) {
        return failed(script_error(error::SCRIPT_MISMATCH, script, step, &mismatch));
    }
    let items = match matching::filled(step, &view) {
        Ok(items) => items,
        Err(problem) => return failed(script_error(error::SCRIPT_MISMATCH, script, step, &problem)),
    };
    let items = items
        .iter()
        .enumerate()
        .map(|(index, item)| item.response_item(at, index))
        .collect::<Result<Vec<_>, _>>();
    match items {
        Ok(items) => answer(step, at, &items, idle_limit),
        Err(problem) => failed(script_error(error::SCRIPT_INVALID, script, step, &problem.to_string())),
    }
}

fn answer(step: &Step, at: usize, items: &[ResponseItem], idle_limit: Duration) -> Played {
    let pause = Duration::from_millis(step.delay_ms);
    let content: Vec<_> = items
        .iter()
        .enumerate()
        .flat_map(|(index, item)| item_events(item, &format!("output_{index}"), step.chunk_chars))
        .collect();
    let whole = content.len();
    let failed = ModelEvent::Failed;
    // How much of the content comes, and what comes last.
    let (kept, last) = match &step.fail {
        Some(Failure::Connect) => return without_head(pause, connect_failed()),
        Some(Failure::HttpStatus { status, body, retry_after }) => {
            return without_head(pause, http_status(*status, body, retry_after.as_deref()));
        }
        None => {
            let completed = ModelEvent::Completed {
                response_id: format!("resp_script_{at}"),
                usage: step.usage.map(crate::stream::Usage::breakdown),
                end_turn: step.end_turn,
            };
            (whole, (pause, completed))
        }
        Some(Failure::Cut { after_events }) => {
            let cut = ModelError::disconnected(error::STREAM_CLOSED, "stream closed before response.completed");
            (*after_events, (pause, failed(cut)))
        }
        Some(Failure::Stall { after_events }) => {
            let silence = ModelError::disconnected(error::IDLE_TIMEOUT, "idle timeout waiting for SSE");
            (*after_events, (idle_limit, failed(silence)))
        }
        Some(Failure::ResponseFailed { code, message }) => {
            let response = json!({ "error": { "code": code, "message": message } });
            (whole, (pause, failed(failures::response_failed(&response.to_string()))))
        }
        Some(Failure::Incomplete { reason }) => {
            let response = json!({ "incomplete_details": { "reason": reason } });
            (whole, (pause, failed(failures::response_incomplete(&response.to_string()))))
        }
    };
    let mut events = vec![(pause, ModelEvent::HeadReceived)];
    events.extend(content.into_iter().take(kept).map(|event| (pause, event)));
    events.push(last);
    Played { fits: true, events }
}

fn without_head(pause: Duration, error: ModelError) -> Played {
    Played {
        fits: true,
        events: vec![(pause, ModelEvent::Failed(error))],
    }
}

/// Added, deltas, done, as a provider streams them.
fn item_events(item: &ResponseItem, fallback_id: &str, chunk_chars: Option<usize>) -> Vec<ModelEvent> {
    let id = item.id().unwrap_or(fallback_id);
    let text_delta = |delta| ModelEvent::TextDelta {
        item_id: id.to_owned(),
        delta,
    };
    let summary_delta = |index, delta| ModelEvent::SummaryDelta {
        item_id: id.to_owned(),
        index,
        delta,
    };
    let mut events = vec![ModelEvent::ItemAdded {
        id: id.to_owned(),
        kind: kind_of(item.view()),
    }];
    match item.view() {
        ItemView::Message { .. } => {
            let text = item.view().message_text().unwrap_or_default();
            events.extend(chunks(&text, chunk_chars).map(text_delta));
        }
        ItemView::Reasoning { summary, .. } => {
            for (index, part) in (0..).zip(summary) {
                events.extend(chunks(part, chunk_chars).map(|delta| summary_delta(index, delta)));
            }
        }
        ItemView::FunctionCall(_)
        | ItemView::WebSearchCall { .. }
        | ItemView::CustomToolCall(_)
        | ItemView::FunctionCallOutput { .. }
        | ItemView::CustomToolCallOutput { .. }
        | ItemView::Known { .. }
        | ItemView::Unknown { .. } => {}
    }
    events.push(ModelEvent::ItemDone(item.clone()));
    events
}

fn chunks(text: &str, size: Option<usize>) -> impl Iterator<Item = String> {
    let characters: Vec<char> = text.chars().collect();
    let size = size.unwrap_or(characters.len()).max(1);
    let chunks: Vec<String> = characters.chunks(size).map(|chunk| chunk.iter().collect()).collect();
    chunks.into_iter()
}

fn connect_failed() -> ModelError {
    let info = CodexErrorInfo::HttpConnectionFailed { http_status_code: None };
    ModelError::new(
        error::CONNECT,
        "Connection failed: error sending request: scripted",
        info,
        Retry::Backoff,
    )
}

fn http_status(status: u16, body: &str, retry_after: Option<&str>) -> ModelError {
    let facts = StatusFacts {
        status,
        status_text: &status.to_string(),
        body,
        url: "script",
        retry_after,
        ..StatusFacts::default()
    };
    failures::status(&facts, SystemTime::now())
}

fn script_ended(script: &Script, at: usize) -> ModelError {
    let text = format!(
        "script {}: it has {} steps and the model was asked {} times",
        script.name,
        script.steps.len(),
        at + 1
    );
    never(error::SCRIPT_ENDED, text, CodexErrorInfo::Other)
}

fn script_error(code: &'static str, script: &Script, step: &Step, problem: &str) -> ModelError {
    let text = format!("script {}, line {}: {problem}", script.name, step.line);
    never(code, text, CodexErrorInfo::Other)
}

#[cfg(test)]
mod tests;
