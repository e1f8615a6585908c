//! A real HTTP server on 127.0.0.1 that plays a list of answers to `POST …/responses` and records every request.
//!
//! It runs on a thread and runtime of its own: it serves async tests (also with paused time), plain tests, and programs that a test
//! starts. Every connection carries one request. A request for anything but `…/responses` is recorded and uses up no answer: `…/models` is
//! answered as [`MockModel::set_models`] says, everything else with 404. When the answers are used up, a request gets status 400, which no client tries again.

use crate::answer::{Answer, Gate};
use crate::http::{self, Connection, Request};
use crate::served::Served;
use crate::sockets::{self, Sockets};
use crate::tls::Tls;
use serde_json::Value;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;

/// How long a test waits for the program under test before it gives up.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// One request as it arrived.
#[derive(Debug, Clone, PartialEq)]
pub struct Recorded {
    pub method: String,
    /// With the query.
    pub path: String,
    /// Names in lower case, in the order received.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    /// The body as JSON; null if it is not JSON.
    pub json: Value,
    pub arrived_at: Instant,
    /// How the answer ended, once it has.
    pub ended: Option<(Ended, Instant)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// Everything that the answer says was sent, its cut included.
    Sent,
    /// The client went away first.
    ClientGone,
}

impl Recorded {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(found, _)| found == name)
            .map(|(_, value)| value.as_str())
    }

    /// The items of `input`; none if there is no such list.
    pub fn input(&self) -> &[Value] {
        self.json["input"].as_array().map_or(&[], Vec::as_slice)
    }

    /// The output that was sent for this call, if there is one.
    pub fn output_of(&self, call_id: &str) -> Option<&Value> {
        self.input()
            .iter()
            .find(|item| item["call_id"] == call_id && item["type"].as_str().is_some_and(|kind| kind.ends_with("_output")))
            .map(|item| &item["output"])
    }

    /// A message of a websocket; its headers are those that the socket was opened with.
    pub fn is_socket(&self) -> bool {
        self.method.starts_with("WS")
    }

    fn is_models(&self) -> bool {
        self.method == "GET" && self.path.split('?').next().is_some_and(|path| path.ends_with("/models"))
    }

    fn is_sampling(&self) -> bool {
        matches!(self.method.as_str(), "POST" | "WS") && self.path.split('?').next().is_some_and(|path| path.ends_with("/responses"))
    }
}

/// Chooses the answer for a request; the number counts sampling requests from 1.
type Responder = Box<dyn FnMut(usize, &Recorded) -> Answer + Send>;

pub(crate) struct Shared {
    state: Mutex<State>,
    /// Grows with each recorded request and each ended answer.
    changes: watch::Sender<u64>,
}

struct State {
    answers: VecDeque<Answer>,
    responder: Option<Responder>,
    requests: Vec<Recorded>,
    unanswered: usize,
    sockets: Sockets,
    models: Option<Answer>,
}

/// The server; it stops, open connections included, when dropped.
pub struct MockModel {
    shared: Arc<Shared>,
    served: Served,
}

impl MockModel {
    /// Starts a server that gives these answers in order.
    pub fn start(answers: impl IntoIterator<Item = Answer>) -> Self {
        Self::launch(answers.into_iter().collect(), None, None)
    }

    /// As [`Self::start`], over TLS. [`Self::base_url`] does not say so: the caller knows the host's name.
    pub fn start_tls(answers: impl IntoIterator<Item = Answer>, tls: &Tls) -> Self {
        Self::launch(answers.into_iter().collect(), None, Some(tls.acceptor()))
    }

    /// Starts a server that asks `responder` for each answer; it gets the number of the sampling request (1 first) and the request.
    pub fn start_with(responder: impl FnMut(usize, &Recorded) -> Answer + Send + 'static) -> Self {
        Self::launch(VecDeque::new(), Some(Box::new(responder)), None)
    }

    fn launch(answers: VecDeque<Answer>, responder: Option<Responder>, tls: Option<TlsAcceptor>) -> Self {
        let state = State {
            answers,
            responder,
            requests: Vec::new(),
            unanswered: 0,
            sockets: Sockets::Refuse(426),
            models: None,
        };
        let shared = Arc::new(Shared {
            state: Mutex::new(state),
            changes: watch::Sender::new(0),
        });
        let for_thread = Arc::clone(&shared);
        let served = Served::start("mock-model", move |listener| accept(listener, for_thread, tls));
        Self { shared, served }
    }

    /// For `base_url`: `http://127.0.0.1:<port>/v1`.
    pub fn base_url(&self) -> String {
        format!("http://{}/v1", self.served.address)
    }

    pub fn port(&self) -> u16 {
        self.served.address.port()
    }

    /// One more answer, behind those that wait.
    pub fn push(&self, answer: Answer) {
        self.shared.lock().answers.push_back(answer);
    }

    /// What is said to clients that ask for a websocket from now on; at first 426.
    pub fn set_sockets(&self, sockets: Sockets) {
        self.shared.lock().sockets = sockets;
    }

    /// What is said to `GET …/models` from now on; at first 404.
    pub fn set_models(&self, answer: Answer) {
        self.shared.lock().models = Some(answer);
    }

    /// How often the list of models was asked for.
    pub fn models_asked(&self) -> usize {
        self.all_requests().iter().filter(|request| request.is_models()).count()
    }

    /// As [`Self::start`], with websockets.
    pub fn start_with_sockets(answers: impl IntoIterator<Item = Answer>) -> Self {
        let mock = Self::start(answers);
        mock.set_sockets(Sockets::Accept);
        mock
    }

    /// Waits for a request of any kind that `wanted` takes.
    pub async fn wait_for_any(&self, what: &str, wanted: impl Fn(&Recorded) -> bool) -> Recorded {
        let all = |_: &[Recorded]| self.all_requests().into_iter().find(|request| wanted(request));
        self.wait_until(what, all).await
    }

    /// Every sampling request so far.
    pub fn requests(&self) -> Vec<Recorded> {
        self.all_requests().into_iter().filter(Recorded::is_sampling).collect()
    }

    /// Every request so far, whatever it asked for.
    pub fn all_requests(&self) -> Vec<Recorded> {
        self.shared.lock().requests.clone()
    }

    /// The `number`th sampling request, 1 first; waits for it.
    pub async fn wait_for_request(&self, number: usize) -> Recorded {
        self.wait_until(&format!("request {number}"), |requests| requests.get(number - 1).cloned())
            .await
    }

    /// As [`Self::wait_for_request`], for tests without a runtime.
    pub fn wait_for_request_blocking(&self, number: usize) -> Recorded {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .expect("a runtime");
        runtime.block_on(self.wait_for_request(number))
    }

    /// Waits until the answer to the `number`th sampling request, 1 first, has ended, and says how.
    pub async fn wait_for_end(&self, number: usize) -> Ended {
        self.wait_until(&format!("the end of answer {number}"), |requests| {
            requests.get(number - 1)?.ended.map(|(ended, _)| ended)
        })
        .await
    }

    async fn wait_until<T>(&self, what: &str, mut found: impl FnMut(&[Recorded]) -> Option<T>) -> T {
        let mut changes = self.shared.changes.subscribe();
        let deadline = Instant::now() + PATIENCE;
        loop {
            let requests = self.requests();
            if let Some(value) = found(&requests) {
                return value;
            }
            // Slices of real time: a paused tokio clock would otherwise run to the deadline at once.
            let _ = tokio::time::timeout(Duration::from_millis(200), changes.changed()).await;
            assert!(
                Instant::now() < deadline,
                "{what} did not come in {PATIENCE:?}; {} requests did",
                requests.len()
            );
        }
    }

    /// Every answer was asked for, and every request found one.
    pub fn assert_finished(&self) {
        let state = self.shared.lock();
        assert_eq!(
            (state.answers.len(), state.unanswered),
            (0, 0),
            "(answers left, requests without an answer)"
        );
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn changed(&self) {
        self.changes.send_modify(|count| *count += 1);
    }

    /// Notes the request and chooses its answer. The index finds it again.
    pub(crate) fn record(&self, request: Request) -> (usize, Answer) {
        // Before anything that takes long with a large body.
        let arrived_at = Instant::now();
        let json = serde_json::from_slice(&request.body).unwrap_or(Value::Null);
        let recorded = Recorded {
            method: request.method,
            path: request.path,
            headers: request.headers,
            body: request.body,
            json,
            arrived_at,
            ended: None,
        };
        let mut state = self.lock();
        let answer = state.answer(&recorded);
        state.requests.push(recorded);
        let index = state.requests.len() - 1;
        drop(state);
        self.changed();
        (index, answer)
    }

    pub(crate) fn ended(&self, index: usize, sent: bool) {
        let ended = if sent { Ended::Sent } else { Ended::ClientGone };
        self.lock().requests[index].ended = Some((ended, Instant::now()));
        self.changed();
    }
}

impl State {
    fn answer(&mut self, request: &Recorded) -> Answer {
        if let Some(models) = self.models.as_ref().filter(|_| request.is_models()) {
            return models.clone();
        }
        if !request.is_sampling() {
            return Answer::error(404, "not_found", "the mock only answers POST …/responses");
        }
        let number = self.requests.iter().filter(|earlier| earlier.is_sampling()).count() + 1;
        if let Some(answer) = self.answers.pop_front() {
            return answer;
        }
        if let Some(responder) = &mut self.responder {
            return responder(number, request);
        }
        self.unanswered += 1;
        Answer::error(400, "mock_exhausted", &format!("the mock has no answer for request {number}"))
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>, tls: Option<TlsAcceptor>) {
    while let Ok((stream, _)) = listener.accept().await {
        // Without it an event waits for the acknowledgement of the one before.
        let _ = stream.set_nodelay(true);
        let (shared, tls) = (Arc::clone(&shared), tls.clone());
        tokio::spawn(async move {
            match tls {
                None => serve(stream, shared).await,
                // A client that does not like the certificate goes away; it has asked for nothing.
                Some(tls) => {
                    if let Ok(stream) = tls.accept(stream).await {
                        serve(stream, shared).await;
                    }
                }
            }
        });
    }
}

async fn serve(mut stream: impl Connection, shared: Arc<Shared>) {
    let Ok(Some(request)) = http::read_request(&mut stream).await else {
        return;
    };
    if request.header("upgrade").is_some() {
        let (index, refusal) = shared.record(request.clone());
        let sockets = shared.lock().sockets.clone();
        let sent = match sockets {
            Sockets::Refuse(status) => http::play(&mut stream, &Answer::status(status, "")).await.is_ok(),
            Sockets::Stall => http::play(&mut stream, &refusal.stall_head(&Gate::new())).await.is_ok(),
            Sockets::AcceptAndClose => sockets::accept(&mut stream, &request).await.is_ok(),
            Sockets::Accept => return drop(sockets::serve(stream, &request, &shared).await),
        };
        return shared.ended(index, sent);
    }
    let (index, answer) = shared.record(request);
    let played = http::play(&mut stream, &answer).await;
    shared.ended(index, played.is_ok());
}
