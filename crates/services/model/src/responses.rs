//! One attempt over HTTP: request out, events in.
//!
//! Decides nothing: the body is [`ModelRequest::body`], bytes become events in [`crate::reading`], bad answers become errors in
//! [`crate::failures`]. Here are the limits in time (one for the head, for every event and for the body of an error; one for the whole
//! answer), a bounded channel, and an end of the connection as soon as nobody wants the answer.

use crate::bounds::{Bounds, Patience};
use crate::error::{self, ModelError, Retry, never};
use crate::event::ModelEvent;
use crate::failures::{self, StatusFacts};
use crate::news::News;
use crate::provider::{ClientIdentity, ModelClient};
use crate::reading::{Batch, Reading};
use crate::refresh::{self, Offer, Refresh};
use crate::request::{ModelRequest, RequestMetadata};
use crate::socket::{self, Found, Lane, Lap};
use crate::token::{Lease, TokenSource};
use bytes::Bytes;
use codex_base::Secret;
use codex_http::{HttpClient, HttpError, HttpResponse, Obstacle, Post};
use codex_protocol::errors::CodexErrorInfo;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;
use std::time::{Duration, SystemTime};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, timeout_at};
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

/// Events that may wait for a slow reader.
pub(crate) const EVENTS_WAITING_MAX: usize = 64;
/// Between looks at text that trickles in. Nobody reads faster and no terminal shows more often, and each look wakes all who pass the text on.
const BETWEEN_LOOKS: Duration = Duration::from_millis(33);
/// Text that was waited for so long is slower than we are: it trickles. In a flood the next piece is there, or about to be.
const WAITED_MIN: Duration = Duration::from_millis(2);
/// Bytes of an error body that are read.
const ERROR_BYTES_MAX: usize = 64 * 1024;
/// Turns whose sticky-routing value is remembered.
const TURN_STATES_MAX: usize = 64;
/// The way out for a network whose proxy signs certificates itself.
const TRUST_HINT: &str = "; if it is your network's own, name a file with its authority in CODEX_CA_CERTIFICATE";
pub(crate) const TURN_STATE: &str = "x-codex-turn-state";

/// A provider that speaks the Responses API.
pub(crate) struct Responses {
    pub inner: Arc<Inner>,
}

pub(crate) struct Endpoint {
    /// Whole URL of `/responses`, query included.
    pub url: String,
    pub identity: ClientIdentity,
    /// These win over those of the request.
    pub headers: Vec<(String, String)>,
    /// Headers that the user configured, by value or by variable; these win over all others and their values are never shown.
    pub secrets: Vec<(String, Secret)>,
    pub credential: Credential,
    pub bounds: Bounds,
    pub attempts_max: u32,
    /// Whether a websocket is tried.
    pub sockets: bool,
    pub socket_connect_limit: Duration,
    /// `None`: this provider is not asked for its models.
    pub offer: Option<Offer>,
}

pub(crate) enum Credential {
    None,
    Bearer(Secret),
    /// Made by a program when it is needed.
    Command(TokenSource),
    /// There should be one; every sampling fails with this before anything is sent.
    Missing(ModelError),
}

impl Credential {
    pub(crate) const fn can_be_renewed(&self) -> bool {
        matches!(self, Self::Command(_))
    }
}

/// What one request signs in with.
pub(crate) enum Bearer {
    None,
    Fixed(Secret),
    Leased(Lease),
}

impl Bearer {
    pub(crate) fn token(&self) -> Option<&Secret> {
        match self {
            Self::None => None,
            Self::Fixed(token) => Some(token),
            Self::Leased(lease) => Some(&lease.token),
        }
    }
}

pub(crate) struct Inner {
    pub endpoint: Endpoint,
    pub http: HttpClient,
    /// `None`: this provider has no websocket.
    pub lane: Option<Lane>,
    /// Turn id and the routing value that the provider named in it, oldest first.
    turn_states: Mutex<VecDeque<(String, String)>>,
}

/// Why an attempt ended early.
pub(crate) enum Stop {
    Failed(ModelError),
    /// Nobody listens any more.
    ReaderGone,
}

impl From<ModelError> for Stop {
    fn from(error: ModelError) -> Self {
        Self::Failed(error)
    }
}

impl Responses {
    pub(crate) fn new(endpoint: Endpoint, http: HttpClient) -> Self {
        let lane = endpoint.sockets.then(|| Lane::new(codex_http::is_loopback_url(&endpoint.url)));
        Self {
            inner: Arc::new(Inner {
                lane,
                endpoint,
                http,
                turn_states: Mutex::default(),
            }),
        }
    }
}

impl ModelClient for Responses {
    fn sample(&self, request: ModelRequest, cancel: CancellationToken) -> mpsc::Receiver<ModelEvent> {
        let inner = Arc::clone(&self.inner);
        let (events, receiver) = mpsc::channel(EVENTS_WAITING_MAX);
        let attempt = async move {
            // Dropping the attempt closes its connection.
            tokio::select! {
                biased;
                () = cancel.cancelled() => {}
                () = events.closed() => {}
                () = inner.attempt(&request, &events) => {}
            }
        };
        tokio::spawn(attempt.in_current_span());
        receiver
    }

    fn warm_up(&self, request: ModelRequest) {
        let Some(lane) = &self.inner.lane else { return };
        if let Found::MustOpen = lane.take() {
            socket::open(&self.inner, request.metadata.clone(), Some(request));
        }
    }

    fn refresh_models(&self) -> Option<Refresh> {
        refresh::unless_fresh(&self.inner)
    }

    fn attempts_max(&self) -> u32 {
        self.inner.endpoint.attempts_max
    }
}

impl Inner {
    async fn attempt(self: &Arc<Self>, request: &ModelRequest, events: &mpsc::Sender<ModelEvent>) {
        let ended = match socket::attempt(self, request, events).await {
            Ok(Lap::UseHttp) => self.run(request, events).await,
            Ok(Lap::Done) => Ok(()),
            Err(stop) => Err(stop),
        };
        if let Err(Stop::Failed(error)) = ended {
            // Fails only if nobody listens any more.
            let _ = events.send(ModelEvent::Failed(error)).await;
        }
    }

    async fn run(self: &Arc<Self>, request: &ModelRequest, events: &mpsc::Sender<ModelEvent>) -> Result<(), Stop> {
        let body = request.body().map_err(|problem| invalid_request(&problem))?;
        let idle = self.endpoint.bounds.idle;
        let mut bearer = self.bearer().await?;
        let mut deadline = Instant::now() + idle;
        let mut response = self.send(request, &bearer, body.clone(), deadline).await?;
        if response.status() == 401
            && let Some(renewed) = self.renewed(&bearer).await?
        {
            tracing::debug!("a new token, for the old one was refused");
            bearer = renewed;
            deadline = Instant::now() + idle;
            response = self.send(request, &bearer, body, deadline).await?;
        }
        if let (Credential::Command(source), Bearer::Leased(lease)) = (&self.endpoint.credential, &bearer) {
            source.answered(lease, response.status()).await;
        }
        let accepted = (200..300).contains(&response.status());
        if accepted {
            send(events, ModelEvent::HeadReceived).await?;
        }
        let now = i64::try_from(unix_now().as_secs()).unwrap_or(i64::MAX);
        if let Some(news) = News::of_headers(&response.headers().collect::<Vec<_>>(), now) {
            self.note(&news);
            send(events, ModelEvent::News(Box::new(news))).await?;
        }
        if !accepted {
            return Err(refused(response, deadline).await.into());
        }
        if let Some(encoding) = encoding(&response) {
            return Err(compressed(encoding).into());
        }
        if let Some(state) = response.header(TURN_STATE) {
            self.keep_turn_state(&request.metadata.turn_id, state);
        }
        self.read(response, events).await
    }

    /// Passes on events until the last one.
    async fn read(self: &Arc<Self>, mut response: HttpResponse, events: &mpsc::Sender<ModelEvent>) -> Result<(), Stop> {
        let bounds = &self.endpoint.bounds;
        let mut reading = Reading::new(bounds);
        let mut patience = Patience::new(bounds, Instant::now());
        let mut slept = false;
        loop {
            let asked = Instant::now();
            let first = timeout_at(patience.next(), response.chunk()).await;
            let waited = asked.elapsed();
            patience.check(Instant::now())?;
            let mut batch = Batch::default();
            let mut next = Some(first.map_err(|_| idle_timeout())?);
            while let Some(chunk) = next {
                match chunk {
                    Ok(Some(bytes)) => reading.chunk(&bytes, &mut batch),
                    Ok(None) => std::mem::replace(&mut reading, Reading::new(bounds)).end(&mut batch),
                    Err(problem) => batch.fail(broken(&problem)),
                }
                next = if batch.is_full() { None } else { at_once(&mut response).await };
            }
            for event in &batch.events {
                if let ModelEvent::News(news) = event {
                    self.note(news);
                }
            }
            if let Some(ModelEvent::Failed(error)) = batch.events.last_mut() {
                error.message = response.without_secrets(&error.message);
            }
            if batch.is_last() {
                tokio::spawn(read_out(response));
                return send_all(events, batch.events).await;
            }
            // What came while we slept and is still little trickles on.
            slept = batch.is_trickle() && (slept || waited >= WAITED_MIN);
            send_all(events, batch.events).await?;
            if slept {
                sleep(BETWEEN_LOOKS).await;
            }
            // Counted from here: a reader that takes its time is no silence of the server.
            if batch.alive {
                patience.alive(Instant::now());
            }
        }
    }

    /// What an answer says of the provider itself.
    pub(crate) fn note(self: &Arc<Self>, news: &News) {
        if let Some(etag) = &news.models_etag {
            refresh::named(self, etag);
        }
    }

    async fn send(&self, request: &ModelRequest, bearer: &Bearer, body: Vec<u8>, deadline: Instant) -> Result<HttpResponse, ModelError> {
        let sent = timeout_at(deadline, self.http.post(self.post(request, bearer, body))).await;
        sent.map_err(|_| no_head(self.endpoint.bounds.idle))?
            .map_err(|error| not_sent(&error))
    }

    pub(crate) async fn bearer(&self) -> Result<Bearer, ModelError> {
        match &self.endpoint.credential {
            Credential::None => Ok(Bearer::None),
            Credential::Bearer(token) => Ok(Bearer::Fixed(token.clone())),
            Credential::Command(source) => Ok(Bearer::Leased(source.token().await?)),
            Credential::Missing(error) => Err(error.clone()),
        }
    }

    /// Another token for one that was refused, where there can be another and asking again may help.
    async fn renewed(&self, refused: &Bearer) -> Result<Option<Bearer>, ModelError> {
        match (&self.endpoint.credential, refused) {
            (Credential::Command(source), Bearer::Leased(lease)) if source.refused(lease).await => {
                Ok(Some(Bearer::Leased(source.token().await?)))
            }
            _ => Ok(None),
        }
    }

    pub(crate) async fn refuse(&self, lease: &Lease) {
        if let Credential::Command(source) = &self.endpoint.credential {
            source.refused(lease).await;
        }
    }

    fn post(&self, request: &ModelRequest, bearer: &Bearer, body: Vec<u8>) -> Post {
        let own = [("accept", "text/event-stream"), ("content-type", "application/json")];
        self.request(&own, &request.metadata, bearer, body)
    }

    /// The question for a websocket.
    pub(crate) fn socket_request(&self, metadata: &RequestMetadata, bearer: &Bearer) -> Post {
        self.request(&[("openai-beta", "responses_websockets=2026-02-06")], metadata, bearer, Vec::new())
    }

    fn request(&self, own: &[(&str, &str)], metadata: &RequestMetadata, bearer: &Bearer, body: Vec<u8>) -> Post {
        let mut headers: Vec<_> = own.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        headers.push(("originator".to_owned(), self.endpoint.identity.originator.clone()));
        headers.extend(metadata.headers());
        headers.extend(self.turn_state(&metadata.turn_id).map(|state| (TURN_STATE.to_owned(), state)));
        headers.extend(self.endpoint.headers.iter().cloned());
        Post {
            url: self.endpoint.url.clone(),
            headers,
            secrets: self.endpoint.secrets.clone(),
            bearer: bearer.token().cloned(),
            body,
        }
    }

    fn turn_state(&self, turn_id: &str) -> Option<String> {
        let states = self.turn_states.lock().unwrap_or_else(PoisonError::into_inner);
        states.iter().find(|(turn, _)| turn == turn_id).map(|(_, state)| state.clone())
    }

    pub(crate) fn keep_turn_state(&self, turn_id: &str, state: &str) {
        let mut states = self.turn_states.lock().unwrap_or_else(PoisonError::into_inner);
        states.retain(|(turn, _)| turn != turn_id);
        states.push_back((turn_id.to_owned(), state.to_owned()));
        if states.len() > TURN_STATES_MAX {
            states.pop_front();
        }
    }
}

pub(crate) fn unix_now() -> Duration {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default()
}

/// The next chunk if it is there already. Every event of a stream may come as a chunk of its own, and each batch passes through several
/// tasks.
async fn at_once(response: &mut HttpResponse) -> Option<Result<Option<Bytes>, HttpError>> {
    for _ in 0..2 {
        let mut chunk = std::pin::pin!(response.chunk());
        let polled = std::future::poll_fn(|context| Poll::Ready(chunk.as_mut().poll(context))).await;
        if let Poll::Ready(chunk) = polled {
            return Some(chunk);
        }
        // The connection's task hands over one chunk at a time; it has its turn now.
        tokio::task::yield_now().await;
    }
    None
}

pub(crate) async fn send(events: &mpsc::Sender<ModelEvent>, event: ModelEvent) -> Result<(), Stop> {
    events.send(event).await.map_err(|_| Stop::ReaderGone)
}

async fn send_all(events: &mpsc::Sender<ModelEvent>, batch: Vec<ModelEvent>) -> Result<(), Stop> {
    for event in batch {
        send(events, event).await?;
    }
    Ok(())
}

/// Reads the few bytes behind the last event, so that the connection can serve the next request: a new one costs several round trips.
async fn read_out(mut response: HttpResponse) {
    let deadline = Instant::now() + Duration::from_millis(500);
    for _ in 0..16 {
        if !matches!(timeout_at(deadline, response.chunk()).await, Ok(Ok(Some(_)))) {
            return;
        }
    }
}

/// Reads an error's body, as much of it as there is before the deadline, and looks it up in the table.
async fn refused(mut response: HttpResponse, deadline: Instant) -> ModelError {
    let mut body = Vec::new();
    while body.len() < ERROR_BYTES_MAX && encoding(&response).is_none() {
        // A body that breaks off or stalls is as good as one that ends here: the status says enough.
        let Ok(Ok(Some(chunk))) = timeout_at(deadline, response.chunk()).await else {
            break;
        };
        body.extend_from_slice(&chunk);
    }
    body.truncate(ERROR_BYTES_MAX);
    let facts = StatusFacts {
        status: response.status(),
        status_text: &response.status_text(),
        body: &response.without_secrets(&String::from_utf8_lossy(&body)),
        url: response.url(),
        location: response.header("location"),
        retry_after: response.header("retry-after"),
        request_id: response.header("x-request-id").or_else(|| response.header("x-oai-request-id")),
        cf_ray: response.header("cf-ray"),
    };
    failures::status(&facts, SystemTime::now())
}

/// How the body is packed, if it is: nothing of that kind was asked for.
pub(crate) fn encoding(response: &HttpResponse) -> Option<&str> {
    let encoding = response.header("content-encoding")?.trim();
    (!encoding.is_empty() && !encoding.eq_ignore_ascii_case("identity")).then_some(encoding)
}

fn compressed(encoding: &str) -> ModelError {
    let encoding: String = encoding.chars().take(40).collect();
    let text =
        format!("the answer is packed as {encoding}, which codex did not ask for; something between here and the provider does that");
    let info = CodexErrorInfo::ResponseStreamConnectionFailed {
        http_status_code: Some(200),
    };
    never(error::ENCODING, text, info)
}

fn no_head(limit: Duration) -> ModelError {
    let text = format!("no answer has begun within {limit:?} (stream_idle_timeout_ms)");
    ModelError::disconnected(error::IDLE_TIMEOUT, text)
}

fn idle_timeout() -> ModelError {
    ModelError::disconnected(error::IDLE_TIMEOUT, "idle timeout waiting for SSE")
}

fn broken(problem: &HttpError) -> ModelError {
    ModelError::disconnected(error::TRANSPORT, format!("Transport error: {}", problem.with_causes()))
}

pub(crate) fn invalid_request(problem: &dyn std::fmt::Display) -> ModelError {
    let text = format!("cannot make the request: {problem}");
    never(error::INVALID_REQUEST, text, CodexErrorInfo::Other)
}

/// No head of an answer.
pub(crate) fn not_sent(problem: &HttpError) -> ModelError {
    let info = CodexErrorInfo::HttpConnectionFailed { http_status_code: None };
    let failed = |code, retry, hint: &str| {
        let text = format!("Connection failed: {}{hint}", problem.with_causes());
        ModelError::new(code, text, info.clone(), retry)
    };
    match problem {
        HttpError::Connect { way, .. } => match way.obstacle {
            Obstacle::Name => failed(error::DNS, Retry::Backoff, ""),
            Obstacle::Authority => failed(error::TLS, Retry::Never, TRUST_HINT),
            Obstacle::Certificate => failed(error::TLS, Retry::Never, ""),
            Obstacle::NotTls => failed(error::TLS, Retry::Never, "; should base_url begin with http:// ?"),
            Obstacle::Handshake => failed(error::TLS, Retry::Never, ""),
            Obstacle::Proxy => failed(error::PROXY, Retry::Backoff, ""),
            Obstacle::ProxyLogin => failed(error::PROXY, Retry::Never, "; put user and password into the proxy's URL"),
            Obstacle::Other => failed(error::CONNECT, Retry::Backoff, ""),
        },
        HttpError::Broken { .. } => failed(error::TRANSPORT, Retry::Backoff, ""),
        HttpError::Roots { .. } => failed(error::CERTIFICATES, Retry::Never, ""),
        HttpError::BadUrl { .. } | HttpError::BadHeader { .. } | HttpError::Setup { .. } => invalid_request(&problem.with_causes()),
    }
}

#[cfg(test)]
#[path = "responses_tests.rs"]
mod tests;
