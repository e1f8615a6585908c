//! Against a real websocket server on this machine.

use super::*;
use crate::request::tests::request as some_request;
use crate::{ClientIdentity, ModelClient, StoredLogin, build};
use codex_protocol::settings::ProviderSettings;
use codex_testkit::{Answer, Gate, MockModel, MockProxy, ProxyManner, Recorded, Sockets, Tls, events};
use pretty_assertions::assert_eq;
use serde_json::json;
use tokio_util::sync::CancellationToken;

struct World {
    mock: MockModel,
    client: Arc<dyn ModelClient>,
    history: Vec<ResponseItem>,
}

impl World {
    fn new(mock: MockModel) -> Self {
        Self::with(mock, ProviderSettings::default())
    }

    fn with(mock: MockModel, settings: ProviderSettings) -> Self {
        Self::at(&mock.base_url(), mock, settings, &[])
    }

    /// Under this address, with these variables.
    fn at(address: &str, mock: MockModel, settings: ProviderSettings, variables: &[(&str, &str)]) -> Self {
        let provider = ProviderSettings {
            id: "mock".into(),
            base_url: Some(address.to_owned()),
            supports_websockets: true,
            ..settings
        };
        let env = |name: &str| {
            let set = variables.iter().find(|(variable, _)| *variable == name);
            set.map(|(_, value)| (*value).to_owned())
        };
        let identity = ClientIdentity {
            originator: "codex_exec".into(),
            user_agent: "codex_exec/1 (test)".into(),
        };
        let client = build(
            &provider,
            &env,
            StoredLogin::None,
            &identity,
            &std::sync::Arc::new(crate::ModelLists::new(None)),
        )
        .unwrap();
        let base = json!({"type": "message", "role": "developer", "content": []});
        Self {
            mock,
            client,
            history: vec![ResponseItem::make(&base).unwrap()],
        }
    }

    fn request(&self) -> ModelRequest {
        ModelRequest {
            input: self.history.clone(),
            ..some_request()
        }
    }

    async fn warm_up(&self) {
        let mut request = self.request();
        request.metadata.turn_id = String::new();
        self.client.warm_up(request);
        self.mock
            .wait_for_any("the warm-up", |request| request.method == "WS warm-up")
            .await;
    }

    /// One question and what came of it; the items of the answer become history.
    async fn ask(&mut self, question: &str) -> Vec<String> {
        let question = json!({"type": "message", "role": "user", "content": [{"type": "input_text", "text": question}]});
        self.history.push(ResponseItem::make(&question).unwrap());
        self.again().await
    }

    async fn again(&mut self) -> Vec<String> {
        let mut receiver = self.client.sample(self.request(), CancellationToken::new());
        let mut seen = Vec::new();
        while let Some(event) = receiver.recv().await {
            match event {
                ModelEvent::HeadReceived => seen.push("head".to_owned()),
                ModelEvent::News(news) => seen.extend(news.notice),
                ModelEvent::ItemDone(item) => {
                    seen.push(item.view().message_text().unwrap_or_default().to_string());
                    self.history.push(item);
                }
                ModelEvent::Completed { .. } => seen.push("completed".to_owned()),
                ModelEvent::Failed(error) => seen.push(format!("failed {} {:?}: {}", error.code, error.retry, error.message)),
                ModelEvent::ItemAdded { .. } | ModelEvent::TextDelta { .. } | ModelEvent::SummaryDelta { .. } => {}
            }
        }
        seen
    }

    /// Way and size of each request: `POST 3`, or `WS resp+1` for one new item behind an answer.
    fn ways(&self) -> Vec<String> {
        self.mock.all_requests().iter().map(way).collect()
    }
}

fn way(request: &Recorded) -> String {
    let known = match request.json["previous_response_id"].as_str() {
        Some(id) if id.starts_with("warm") => "warm+",
        Some(_) => "resp+",
        None => "",
    };
    match request.method.as_str() {
        "GET" => "GET".to_owned(),
        method => format!("{method} {known}{}", request.input().len()),
    }
}

fn answer(text: &str) -> Answer {
    Answer::message(text)
}

#[tokio::test]
async fn a_warmed_up_connection_is_sent_only_what_is_new() {
    let mut world = World::new(MockModel::start_with_sockets([answer("one"), answer("two"), answer("three")]));
    world.warm_up().await;

    assert_eq!(world.ask("1").await, ["head", "one", "completed"]);
    assert_eq!(world.ask("2").await, ["head", "two", "completed"]);
    world.history.remove(1);
    assert_eq!(world.ask("3").await, ["head", "three", "completed"]);

    assert_eq!(world.ways(), ["GET", "WS warm-up 1", "WS warm+1", "WS resp+1", "WS 5"]);
    world.mock.assert_finished();
}

#[tokio::test]
async fn the_handshake_and_the_messages_say_who_asks() {
    let mut world = World::new(MockModel::start_with_sockets([answer("one")]));
    world.warm_up().await;
    world.ask("1").await;

    let requests = world.mock.all_requests();
    let header = |name: &str| requests[0].header(name).unwrap_or("-").to_owned();
    assert_eq!(
        ["openai-beta", "upgrade", "originator", "session-id", "user-agent", "content-type"].map(header),
        [
            "responses_websockets=2026-02-06",
            "websocket",
            "codex_exec",
            "session",
            "codex_exec/1 (test)",
            "-"
        ]
    );
    let (warm_up, first) = (&requests[1].json, &requests[2].json);
    assert_eq!(
        (&warm_up["type"], &warm_up["generate"], &warm_up["client_metadata"]["turn_id"]),
        (&json!("response.create"), &json!(false), &json!(""))
    );
    assert_eq!(warm_up["client_metadata"].get("root_turn_id"), None);
    assert_eq!(
        (&first["type"], first.get("generate"), &first["client_metadata"]["root_turn_id"]),
        (&json!("response.create"), None, &json!("turn"))
    );
    assert!(first["client_metadata"]["x-codex-ws-stream-request-start-ms"].is_string());
}

#[tokio::test]
async fn without_a_websocket_every_request_goes_over_http_and_nobody_notices() {
    for status in [426, 404, 200] {
        let mock = MockModel::start([answer("one"), answer("two")]);
        mock.set_sockets(Sockets::Refuse(status));
        let mut world = World::new(mock);

        assert_eq!(world.ask("1").await, ["head", "one", "completed"]);
        assert_eq!(world.ask("2").await, ["head", "two", "completed"]);

        assert_eq!(world.ways(), ["GET", "POST 2", "POST 4"], "{status}");
    }
}

#[tokio::test]
async fn a_server_that_never_opens_a_websocket_delays_nothing_and_is_told_once() {
    let mock = MockModel::start_with(|_, _| answer("ok"));
    mock.set_sockets(Sockets::Refuse(503));
    let mut world = World::new(mock);

    let mut told = Vec::new();
    while told.is_empty() {
        let seen = world.ask("?").await;
        assert_eq!(seen[seen.len() - 3..], ["head", "ok", "completed"]);
        told.extend(seen.into_iter().filter(|text| text.starts_with("Falling back")));
    }
    let after = world.ask("?").await;

    assert_eq!(
        told,
        ["Falling back from WebSockets to HTTPS transport. websocket: unexpected status 503 Service Unavailable"]
    );
    assert_eq!(after, ["head", "ok", "completed"]);
    assert_eq!(world.ways().iter().filter(|way| *way == "GET").count(), 3);
}

#[tokio::test]
async fn a_connection_that_was_closed_between_requests_is_replaced_unnoticed() {
    let mut world = World::new(MockModel::start_with_sockets([
        answer("one"),
        answer("two").cut_after_events(0),
        answer("two"),
        answer("three"),
    ]));
    world.warm_up().await;

    assert_eq!(world.ask("1").await, ["head", "one", "completed"]);
    assert_eq!(world.ask("2").await, ["head", "two", "completed"]);
    assert_eq!(world.ask("3").await, ["head", "three", "completed"]);

    let ways = world.ways();
    assert_eq!(ways[..5], ["GET", "WS warm-up 1", "WS warm+1", "WS resp+1", "POST 4"]);
    assert_eq!(ways[5..], ["GET", "WS 6"]);
}

#[tokio::test]
async fn each_way_to_break_in_mid_answer_is_one_failed_attempt_that_may_be_made_again() {
    let cut = "stream disconnected before completion";
    let cases = [
        (
            answer("x").cut_after_events(2),
            format!("failed model.transport Backoff: {cut}: Transport error: websocket closed by the server with code 1001: cut"),
        ),
        (
            answer("x").drop_after_events(2),
            format!("failed model.transport Backoff: {cut}: Transport error: websocket: "),
        ),
        (
            answer("x").reset_after_events(2),
            format!("failed model.transport Backoff: {cut}: Transport error: websocket: "),
        ),
        (
            answer("x").stall_before_event(2, &Gate::new()),
            format!("failed model.idle_timeout Backoff: {cut}: idle timeout waiting for websocket"),
        ),
        (
            Answer::error(429, "rate_limited", "slow").header("retry-after", "2"),
            "failed model.rate_limited After(2s): exceeded retry limit, last status: 429 Too Many Requests".to_owned(),
        ),
        (Answer::error(400, "bad", "no"), "failed model.bad_request Never: ".to_owned()),
        (
            Answer::events([json!({"type": "response.failed", "response": {"error": {"code": "slow_down", "message": "later"}}})]),
            "failed model.rate_limited Backoff: rate limit exceeded: later".to_owned(),
        ),
    ];
    for (broken, expect) in cases {
        let settings = ProviderSettings {
            stream_idle_timeout_ms: 300,
            ..ProviderSettings::default()
        };
        let mut world = World::with(MockModel::start_with_sockets([answer("one"), broken, answer("two")]), settings);
        world.warm_up().await;
        world.ask("1").await;

        let failed = world.ask("2").await;
        let good = world.again().await;

        assert!(failed.last().unwrap().starts_with(&expect), "{failed:?}\n{expect}");
        assert_eq!(good[good.len() - 3..], ["head", "two", "completed"]);
        assert!(!way(world.mock.requests().last().unwrap()).contains("resp+"), "{:?}", world.ways());
    }
}

#[tokio::test]
async fn what_the_provider_forgot_is_sent_again_in_full_and_unnoticed() {
    for code in ["previous_response_not_found", "websocket_connection_limit_reached"] {
        let mut world = World::new(MockModel::start_with_sockets([
            answer("one"),
            Answer::error(400, code, "gone"),
            answer("two"),
        ]));
        world.warm_up().await;
        world.ask("1").await;

        assert_eq!(world.ask("2").await, ["head", "two", "completed"], "{code}");

        assert_eq!(world.ways(), ["GET", "WS warm-up 1", "WS warm+1", "WS resp+1", "POST 4"], "{code}");
    }
}

#[tokio::test]
async fn an_item_that_was_not_understood_breaks_the_chain() {
    let strange = json!({"type": "response.output_item.done", "item": {"type": "from_the_future", "id": "f"}});
    let mut world = World::new(MockModel::start_with_sockets([
        Answer::events([strange, events::completed("r", None)]),
        answer("two"),
    ]));
    world.warm_up().await;

    world.ask("1").await;
    world.ask("2").await;

    assert_eq!(world.ways(), ["GET", "WS warm-up 1", "WS warm+1", "WS 3"]);
}

#[tokio::test]
async fn a_cancelled_answer_closes_its_connection() {
    let gate = Gate::new();
    let world = World::new(MockModel::start_with_sockets([answer("one").stall_last(&gate)]));
    world.warm_up().await;
    let cancel = CancellationToken::new();
    let mut receiver = world.client.sample(world.request(), cancel.clone());
    gate.reached().await;

    cancel.cancel();

    while receiver.recv().await.is_some() {}
    assert_eq!(world.mock.wait_for_end(1).await, codex_testkit::Ended::ClientGone);
}

#[tokio::test]
async fn a_message_over_the_limit_is_given_up() {
    let big = json!({"type": "response.output_text.delta", "delta": "x".repeat(crate::sse::EVENT_BYTES_MAX)});
    let mut world = World::new(MockModel::start_with_sockets([Answer::events([events::created("r"), big])]));
    world.warm_up().await;

    let seen = world.ask("1").await;

    assert_eq!(
        seen,
        [
            "head",
            &format!(
                "failed model.event_too_large Never: an event of the stream is over {} bytes",
                crate::sse::EVENT_BYTES_MAX
            )
        ]
    );
}

#[tokio::test]
async fn a_silent_server_is_not_waited_for() {
    let mock = MockModel::start([answer("one")]);
    mock.set_sockets(Sockets::Stall);
    let mut world = World::new(mock);

    assert_eq!(world.ask("1").await, ["head", "one", "completed"]);
}

/// A server behind TLS that only [`Self::authority`] vouches for.
struct Guarded {
    mock: MockModel,
    authority: tempfile::NamedTempFile,
}

impl Guarded {
    fn new(host: &str, answers: impl IntoIterator<Item = Answer>) -> Self {
        let tls = Tls::for_hosts(&[host]);
        let authority = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(authority.path(), tls.ca_pem()).unwrap();
        let mock = MockModel::start_tls(answers, &tls);
        mock.set_sockets(Sockets::Accept);
        Self { mock, authority }
    }

    /// The file is read with the first connection, so it has to stay.
    fn world(self, address: &str, variables: &[(&str, &str)]) -> (World, tempfile::NamedTempFile) {
        let world = World::at(address, self.mock, ProviderSettings::default(), variables);
        (world, self.authority)
    }
}

#[tokio::test]
async fn a_websocket_trusts_the_users_own_authority() {
    for variable in ["SSL_CERT_FILE", "CODEX_CA_CERTIFICATE"] {
        let server = Guarded::new("localhost", many());
        let file = server.authority.path().to_str().unwrap().to_owned();
        let address = format!("https://localhost:{}/v1", server.mock.port());
        let (mut world, _authority) = server.world(&address, &[(variable, &file)]);

        let [_, next] = once_open(&mut world).await;

        assert_eq!(next, "WS resp+1", "{variable}");
    }
}

#[tokio::test]
async fn without_that_authority_there_is_no_websocket_and_no_request() {
    let server = Guarded::new("localhost", []);
    let address = format!("https://localhost:{}/v1", server.mock.port());
    let (mut world, _authority) = server.world(&address, &[]);

    let seen = world.ask("1").await;

    assert!(seen.len() == 1 && seen[0].starts_with("failed model.tls Never: "), "{seen:?}");
    assert_eq!(world.ways(), [""; 0]);
}

/// Asks until a request goes over the websocket, which none waits for. The ways of that request and the next.
async fn once_open(world: &mut World) -> [String; 2] {
    world.warm_up().await;
    loop {
        assert_eq!(world.ask("?").await, ["head", "ok", "completed"]);
        let last = world.ways().pop().unwrap();
        if last.starts_with("WS") {
            assert_eq!(world.ask("?").await, ["head", "ok", "completed"]);
            return [last, world.ways().pop().unwrap()];
        }
    }
}

fn many() -> impl Iterator<Item = Answer> {
    std::iter::repeat_n(answer("ok"), 1_000)
}

#[tokio::test]
async fn a_websocket_goes_through_the_proxy_that_requests_go_through() {
    let server = Guarded::new("model.example", many());
    let proxy = MockProxy::start(server.mock.port(), ProxyManner::Works);
    let file = server.authority.path().to_str().unwrap().to_owned();
    let variables = [("HTTPS_PROXY", proxy.url()), ("SSL_CERT_FILE", file)];
    let variables = variables.each_ref().map(|(name, value)| (*name, value.as_str()));
    let (mut world, _authority) = server.world("https://model.example/v1", &variables);

    let [first, next] = once_open(&mut world).await;

    assert!(first.starts_with("WS warm+") && next == "WS resp+1", "{first} {next}");
    let asked = proxy.asked();
    assert!(
        !asked.is_empty() && asked.iter().all(|line| line == "CONNECT model.example:443 HTTP/1.1"),
        "{asked:?}"
    );
}

/// An address that leads to this machine and does not look like it, so that proxies count.
#[tokio::test]
async fn no_proxy_stands_between_a_websocket_and_a_host_that_is_excepted() {
    const HOST: &str = "0.0.0.0";
    for (excepted, proxied) in [(HOST, false), ("other.example", true)] {
        let server = Guarded::new(HOST, many());
        let proxy = MockProxy::start(server.mock.port(), ProxyManner::Works);
        let file = server.authority.path().to_str().unwrap().to_owned();
        let address = format!("https://{HOST}:{}/v1", server.mock.port());
        let variables = [
            ("HTTPS_PROXY", proxy.url()),
            ("NO_PROXY", excepted.to_owned()),
            ("SSL_CERT_FILE", file),
        ];
        let variables = variables.each_ref().map(|(name, value)| (*name, value.as_str()));
        let (mut world, _authority) = server.world(&address, &variables);

        let [_, next] = once_open(&mut world).await;

        assert_eq!(next, "WS resp+1", "{excepted}");
        assert_eq!(!proxy.asked().is_empty(), proxied, "{excepted}");
    }
}

#[tokio::test]
async fn a_proxy_that_refuses_is_named_like_any_other_obstacle() {
    let server = Guarded::new("model.example", []);
    let proxy = MockProxy::start(server.mock.port(), ProxyManner::Refuses(407));
    let file = server.authority.path().to_str().unwrap().to_owned();
    let variables = [("HTTPS_PROXY", proxy.url()), ("SSL_CERT_FILE", file)];
    let variables = variables.each_ref().map(|(name, value)| (*name, value.as_str()));
    let (mut world, _authority) = server.world("https://model.example/v1", &variables);

    let seen = world.ask("1").await;

    assert!(seen.len() == 1 && seen[0].starts_with("failed model.proxy Never: "), "{seen:?}");
}
