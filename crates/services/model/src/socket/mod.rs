//! One attempt over a websocket, and the way back to HTTP.
//!
//! [`lane`] says which way a request goes, [`link`] owns an open connection, [`chain`] finds what the provider knows already. The
//! messages are those of the event stream without its framing, so [`crate::stream`] reads them too.

mod chain;
mod lane;
mod link;
mod opening;

pub(crate) use lane::{Found, Lane};
pub(crate) use opening::open;

use crate::bounds::Patience;
use crate::error::{self, ModelError};
use crate::event::ModelEvent;
use crate::failures::{self, StatusFacts};
use crate::news::News;
use crate::request::ModelRequest;
use crate::responses::{Inner, Stop, send, unix_now};
use crate::sse::TooLarge;
use crate::stream::Interpreter;
use chain::Chain;
use codex_protocol::response_item::ResponseItem;
use lane::Ready;
use link::Reply;
use serde::Deserialize;
use serde_json::Value;
use std::sync::Arc;
use std::time::SystemTime;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout_at};

/// How an attempt over a websocket ended.
pub(crate) enum Lap {
    Done,
    /// Nothing of an answer was told; the request goes over HTTP.
    UseHttp,
}

/// Answers the request over the open connection, if there is one.
pub(crate) async fn attempt(inner: &Arc<Inner>, request: &ModelRequest, events: &mpsc::Sender<ModelEvent>) -> Result<Lap, Stop> {
    let Some(lane) = &inner.lane else { return Ok(Lap::UseHttp) };
    if let Some(notice) = lane.notice() {
        let news = News {
            notice: Some(notice),
            ..News::default()
        };
        send(events, ModelEvent::News(Box::new(news))).await?;
    }
    let ready = match lane.take() {
        Found::Ready(ready) => Some(ready),
        Found::Http => None,
        Found::Opening => lane.opened().await,
        Found::MustOpen => {
            open(inner, request.metadata.clone(), None);
            lane.opened().await
        }
    };
    let Some(ready) = ready else { return Ok(Lap::UseHttp) };
    tracing::debug!("over the open websocket");
    Answer {
        lane,
        inner,
        request,
        events,
        ready: Some(*ready),
        output: Vec::new(),
        dones: 0,
        begun: false,
    }
    .run()
    .await
}

/// An answer that is being read. Dropping it in its middle closes the connection: what is still to come has no reader.
struct Answer<'a> {
    lane: &'a Lane,
    inner: &'a Arc<Inner>,
    request: &'a ModelRequest,
    events: &'a mpsc::Sender<ModelEvent>,
    ready: Option<Ready>,
    output: Vec<ResponseItem>,
    /// Items that the server finished, understood or not.
    dones: usize,
    begun: bool,
}

impl Drop for Answer<'_> {
    fn drop(&mut self) {
        if self.ready.is_some() {
            self.lane.closed();
        }
    }
}

impl Answer<'_> {
    async fn run(mut self) -> Result<Lap, Stop> {
        let bounds = &self.inner.endpoint.bounds;
        let Some(mut replies) = self.ask()? else {
            return Ok(Lap::UseHttp);
        };
        let mut interpreter = Interpreter::default();
        let mut bytes = 0;
        let mut patience = Patience::new(bounds, Instant::now());
        loop {
            let reply = timeout_at(patience.next(), replies.recv()).await;
            patience.check(Instant::now())?;
            match reply {
                Err(_) => return Err(self.broke(error::IDLE_TIMEOUT, "idle timeout waiting for websocket".to_owned())),
                Ok(None) => return self.ended("websocket: the connection was cut".to_owned()),
                Ok(Some(Reply::Ended(why))) => return self.ended(why),
                Ok(Some(Reply::TooLarge { limit })) => {
                    let problem = TooLarge { limit }.to_string();
                    return Err(ModelError::unbounded(error::EVENT_TOO_LARGE, problem).into());
                }
                Ok(Some(Reply::Text(data))) => {
                    bytes += data.len() as u64;
                    if bytes > bounds.answer_bytes {
                        return Err(crate::reading::too_much(bounds.answer_bytes).into());
                    }
                    if let Some(lap) = self.on_text(&data, &mut interpreter).await? {
                        return Ok(lap);
                    }
                    // Counted from here: a reader that takes its time is no silence of the server.
                    patience.alive(Instant::now());
                }
            }
        }
    }

    /// Sends the request: as little of it as the connection needs. `None` if the connection has closed meanwhile.
    fn ask(&self) -> Result<Option<mpsc::Receiver<Reply>>, ModelError> {
        let Some(ready) = &self.ready else { return Ok(None) };
        let chain = ready.chain.as_ref();
        let known = chain.and_then(|chain| Some((chain.response_id.as_str(), chain.known_items(self.request)?)));
        let now_ms = unix_now().as_millis();
        let text = self.request.socket_message(known, now_ms);
        let text = text.map_err(|problem| crate::responses::invalid_request(&problem))?;
        Ok(ready.link.ask(text))
    }

    async fn on_text(&mut self, data: &str, interpreter: &mut Interpreter) -> Result<Option<Lap>, Stop> {
        // Inside a text the quotes would be escaped.
        self.dones += usize::from(data.contains("\"response.output_item.done\""));
        let event = interpreter.read(data);
        if matches!(event, Some(ModelEvent::Failed(_)))
            && let Some(told) = ErrorMessage::of(data)
        {
            return self.on_error(&told).map(Some);
        }
        if !self.begun && !matches!(event, Some(ModelEvent::News(_))) {
            self.begun = true;
            send(self.events, ModelEvent::HeadReceived).await?;
        }
        let Some(event) = event else { return Ok(None) };
        match &event {
            ModelEvent::News(news) => self.inner.note(news),
            ModelEvent::ItemDone(item) => self.output.push(item.clone()),
            ModelEvent::Completed { response_id, .. } => self.completed(response_id.clone()),
            // The connection is as good as before, but the provider has nothing to go on from.
            ModelEvent::Failed(_) => self.put_back(),
            _ => {}
        }
        let last = matches!(event, ModelEvent::Completed { .. } | ModelEvent::Failed(_));
        send(self.events, event).await?;
        Ok(last.then_some(Lap::Done))
    }

    fn completed(&mut self, response_id: String) {
        let Some(ready) = self.ready.take() else { return };
        let output = std::mem::take(&mut self.output);
        // The provider goes on from all of its items; without one of them the past would not be the same.
        let chain = (self.dones == output.len())
            .then(|| Chain::new(response_id, self.request, output))
            .flatten();
        self.lane.succeeded(Ready { chain, ..ready });
    }

    fn put_back(&mut self) {
        if let Some(ready) = self.ready.take() {
            self.lane.put(Ready { chain: None, ..ready });
        }
    }

    /// An `error` message: the same table as for a status of HTTP.
    fn on_error(&mut self, told: &ErrorMessage) -> Result<Lap, Stop> {
        let expired = matches!(told.code(), "websocket_connection_limit_reached" | "previous_response_not_found");
        let renewable = told.status == Some(401) && self.inner.endpoint.credential.can_be_renewed();
        if !self.begun && (expired || renewable) && self.lane.may_switch() {
            return Ok(Lap::UseHttp);
        }
        if expired {
            return Err(self.broke(error::TRANSPORT, format!("websocket: {}", told.code())));
        }
        let url = self.ready.as_ref().map(|ready| ready.link.url().to_owned()).unwrap_or_default();
        self.put_back();
        Err(told.failure(&url).into())
    }

    /// The connection ended before the answer did.
    fn ended(&mut self, why: String) -> Result<Lap, Stop> {
        if !self.begun && self.lane.may_switch() {
            return Ok(Lap::UseHttp);
        }
        Err(self.broke(error::TRANSPORT, format!("Transport error: {why}")))
    }

    fn broke(&mut self, code: &'static str, what: String) -> Stop {
        self.ready = None;
        self.lane.failed(&what);
        ModelError::disconnected(code, what).into()
    }
}

/// `{"type":"error","status":N,"error":{…},"headers":{…}}`.
#[derive(Deserialize)]
struct ErrorMessage {
    r#type: String,
    #[serde(alias = "status_code")]
    status: Option<u16>,
    #[serde(default)]
    error: Value,
    #[serde(default)]
    headers: Value,
}

impl ErrorMessage {
    fn of(data: &str) -> Option<Self> {
        let message: Self = serde_json::from_str(data).ok()?;
        (message.r#type == "error").then_some(message)
    }

    fn code(&self) -> &str {
        self.error.get("code").and_then(Value::as_str).unwrap_or_default()
    }

    fn failure(&self, url: &str) -> ModelError {
        let body = serde_json::json!({ "error": self.error }).to_string();
        let Some(status) = self.status else {
            return failures::error_event(&body);
        };
        let header = |name: &str| self.headers.get(name).and_then(Value::as_str);
        let facts = StatusFacts {
            status,
            status_text: &codex_http::status_text(status),
            body: &body,
            url,
            location: None,
            retry_after: header("retry-after"),
            request_id: header("x-request-id").or_else(|| header("x-oai-request-id")),
            cf_ray: header("cf-ray"),
        };
        failures::status(&facts, SystemTime::now())
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
