//! Over a real socket: a server on this machine sends prepared bytes, the events are read as text.

use super::*;
use crate::{RequestMetadata, build};
use codex_protocol::response_item::ResponseItem;
use codex_protocol::settings::{ProviderSettings, TokenCommand};
use pretty_assertions::assert_eq;
use serde_json::value::RawValue;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

const HEAD: &str = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n";
const ADDED: &str = r#"{"type":"response.output_item.added","item":{"type":"message","id":"m1","role":"assistant","content":[]}}"#;
const DELTA: &str = r#"{"type":"response.output_text.delta","item_id":"m1","delta":"Hi"}"#;
const DONE: &str = r#"{"type":"response.output_item.done","item":{"type":"message","id":"m1","role":"assistant","content":[{"type":"output_text","text":"Hi"}]}}"#;
const COMPLETED: &str = r#"{"type":"response.completed","response":{"id":"r1"}}"#;

/// What the server does with a connection after it has read the request.
enum Act {
    Send(Vec<u8>),
    /// Sends one byte sequence again and again until the client goes away, at most so many times.
    Repeat(Vec<u8>, usize),
    /// Waits until the client goes away.
    Stall,
    /// Reads another request.
    Next,
    /// Sends a comment every 20 ms until the client goes away.
    Comments,
}

struct Server {
    provider: ProviderSettings,
    written: Arc<AtomicUsize>,
    /// The requests, once all connections are over.
    requests: JoinHandle<Vec<String>>,
}

/// Serves one connection after another, each with its own acts. [`Act::Next`] waits for another request on the same connection.
async fn serve(connections: Vec<Vec<Act>>) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base_url = format!("http://{}/v1", listener.local_addr().unwrap());
    let written = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&written);
    let requests = tokio::spawn(async move {
        let mut requests = Vec::new();
        for acts in connections {
            let (mut stream, _) = listener.accept().await.unwrap();
            requests.push(read_request(&mut stream).await);
            for act in acts {
                match act {
                    Act::Next => requests.push(read_request(&mut stream).await),
                    act => perform(act, &mut stream, &counter).await,
                }
            }
        }
        requests
    });
    let provider = ProviderSettings {
        id: "mock".into(),
        base_url: Some(base_url),
        stream_idle_timeout_ms: 5_000,
        ..Default::default()
    };
    Server {
        provider,
        written,
        requests,
    }
}

async fn read_request(stream: &mut TcpStream) -> String {
    let mut text = String::new();
    let mut buffer = vec![0; 65536];
    loop {
        let read = stream.read(&mut buffer).await.unwrap();
        assert!(read > 0, "the request ended early: {text}");
        text.push_str(std::str::from_utf8(&buffer[..read]).unwrap());
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            continue;
        };
        let length = head
            .to_lowercase()
            .split("content-length: ")
            .nth(1)
            .unwrap()
            .lines()
            .next()
            .unwrap()
            .parse::<usize>()
            .unwrap();
        if body.len() >= length {
            return text;
        }
    }
}

async fn perform(act: Act, stream: &mut TcpStream, written: &AtomicUsize) {
    match act {
        Act::Next => {}
        Act::Send(bytes) => stream.write_all(&bytes).await.unwrap(),
        Act::Repeat(bytes, times) => {
            for _ in 0..times {
                if stream.write_all(&bytes).await.is_err() {
                    return;
                }
                written.fetch_add(bytes.len(), Ordering::Relaxed);
            }
        }
        Act::Stall => {
            let _ = stream.read(&mut [0]).await;
        }
        Act::Comments => {
            while stream.write_all(b": still here\n\n").await.is_ok() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
    }
}

fn sse(data: &[&str]) -> Vec<u8> {
    data.iter()
        .map(|data| format!("event: ignored\ndata: {data}\n\n"))
        .collect::<String>()
        .into_bytes()
}

fn with_head(mut body: Vec<u8>) -> Vec<u8> {
    body.splice(0..0, HEAD.bytes());
    body
}

fn request() -> ModelRequest {
    ModelRequest {
        model: "m".into(),
        input: vec![serde_json::from_str::<ResponseItem>(r#"{"type":"message","role":"user","content":[]}"#).unwrap()],
        tools: RawValue::from_string("[]".into()).unwrap().into(),
        parallel_tool_calls: true,
        effort: None,
        summary: None,
        verbosity: None,
        service_tier: None,
        output_schema: None,
        metadata: RequestMetadata {
            thread_id: "thread".into(),
            session_id: "session".into(),
            turn_id: "turn".into(),
            ..Default::default()
        },
    }
}

fn identity() -> ClientIdentity {
    ClientIdentity {
        originator: "codex_exec".into(),
        user_agent: "codex_exec/1 (test)".into(),
    }
}

fn client(provider: &ProviderSettings, env: &dyn Fn(&str) -> Option<String>) -> Arc<dyn ModelClient> {
    let identity = identity();
    build(
        provider,
        env,
        crate::StoredLogin::None,
        &identity,
        &std::sync::Arc::new(crate::ModelLists::new(None)),
    )
    .unwrap()
}

async fn events(provider: &ProviderSettings) -> Vec<String> {
    drain(client(provider, &|_| None).sample(request(), CancellationToken::new())).await
}

async fn drain(mut receiver: mpsc::Receiver<ModelEvent>) -> Vec<String> {
    let mut shown = Vec::new();
    while let Some(event) = receiver.recv().await {
        shown.push(show(&event));
    }
    shown
}

fn show(event: &ModelEvent) -> String {
    match event {
        ModelEvent::HeadReceived => "head".to_owned(),
        ModelEvent::News(news) => {
            let limits: Vec<_> = news.limits.iter().filter_map(|limit| limit.limit_id.as_deref()).collect();
            format!("news {limits:?} {:?} {:?}", news.served_by, news.models_etag)
        }
        ModelEvent::ItemAdded { id, kind } => format!("added {id} {kind:?}"),
        ModelEvent::TextDelta { item_id, delta } => format!("text {item_id} {delta}"),
        ModelEvent::SummaryDelta { item_id, index, delta } => format!("summary {item_id}[{index}] {delta}"),
        ModelEvent::ItemDone(item) => format!("done {}", item.raw().get()),
        ModelEvent::Completed {
            response_id,
            usage,
            end_turn,
        } => {
            let counts = usage.map(|usage| {
                [
                    usage.total_tokens,
                    usage.input_tokens,
                    usage.cached_input_tokens,
                    usage.cache_write_input_tokens,
                    usage.output_tokens,
                    usage.reasoning_output_tokens,
                ]
            });
            format!("completed {response_id} {counts:?} {end_turn:?}")
        }
        ModelEvent::Failed(error) => format!("failed {} {:?}: {}", error.code, error.retry, error.message),
    }
}

/// What comes between the head and the end of a stream with this body.
async fn check(body: Vec<u8>, expect: &[&str]) {
    let server = serve(vec![vec![Act::Send(with_head(body))]]).await;

    let seen = events(&server.provider).await;

    assert_eq!(seen[0], "head");
    assert_eq!(seen[1..], *expect);
}

const CLOSED: &str = "failed model.stream_closed Backoff: stream disconnected before completion: stream closed before response.completed";

#[tokio::test]
async fn a_whole_answer_becomes_its_events() {
    let reasoning = r#"{"type":"reasoning","id":"rs","summary":[{"type":"summary_text","text":"Hm"}],"encrypted_content":"x=="}"#;
    let call = r#"{"type":"function_call","id":"fc","call_id":"c1","name":"exec_command","arguments":"{\"cmd\":\"ls\"}"}"#;
    let custom = r#"{"type":"custom_tool_call","call_id":"c2","name":"apply_patch","input":"*** Begin Patch"}"#;
    let body = [
        r#"{"type":"response.created","response":{"id":"r1"}}"#,
        &format!(r#"{{"type":"response.output_item.added","item":{reasoning}}}"#),
        r#"{"type":"response.reasoning_summary_part.added","item_id":"rs","summary_index":0}"#,
        r#"{"type":"response.reasoning_summary_text.delta","item_id":"rs","summary_index":0,"delta":"Hm"}"#,
        &format!(r#"{{"type":"response.output_item.done","item":{reasoning}}}"#),
        ADDED,
        DELTA,
        DONE,
        &format!(r#"{{"type":"response.output_item.added","item":{call}}}"#),
        r#"{"type":"response.function_call_arguments.delta","item_id":"fc","delta":"{"}"#,
        &format!(r#"{{"type":"response.output_item.done","item":{call}}}"#),
        &format!(r#"{{"type":"response.output_item.done","item":{custom}}}"#),
        r#"{"type":"response.completed","response":{"id":"r1","end_turn":false,"usage":{"input_tokens":10,"input_tokens_details":{"cached_tokens":4,"cache_write_tokens":3},"output_tokens":5,"output_tokens_details":{"reasoning_tokens":2},"total_tokens":15}}}"#,
        DONE,
    ];
    let expect = [
        "added rs Reasoning",
        "summary rs[0] Hm",
        &format!("done {reasoning}"),
        "added m1 Message",
        "text m1 Hi",
        r#"done {"type":"message","id":"m1","role":"assistant","content":[{"type":"output_text","text":"Hi"}]}"#,
        "added fc ToolCall",
        &format!("done {call}"),
        &format!("done {custom}"),
        "completed r1 Some([15, 10, 4, 3, 5, 2]) Some(false)",
    ];

    check(sse(&body), &expect).await;
}

#[tokio::test]
async fn what_is_not_understood_is_skipped() {
    let done = r#"done {"type":"message","id":"m1","role":"assistant","content":[{"type":"output_text","text":"Hi"}]}"#;
    let odd = [
        "not json",
        "[DONE]",
        "{}",
        r#"{"type":"response.sparkles","delta":{"deep":1}}"#,
        DELTA,
        r#"{"type":"response.output_item.done","item":{"type":"hologram","id":"h"}}"#,
        r#"{"type":"response.output_item.done","item":{"type":"function_call","name":"no call id"}}"#,
        DONE,
        COMPLETED,
    ];

    check(sse(&odd), &[done, "completed r1 None None"]).await;
    check(
        format!("\u{feff}: hello\r\ndata: {DONE}\r\n\r\ndata: {COMPLETED}").into_bytes(),
        &[done, "completed r1 None None"],
    )
    .await;
}

#[tokio::test]
async fn a_delta_goes_to_the_open_item_whatever_it_names() {
    let body = [
        ADDED,
        r#"{"type":"response.output_text.delta","delta":"a"}"#,
        r#"{"type":"response.output_text.delta","item_id":"zz","delta":"b"}"#,
    ];
    check(sse(&body), &["added m1 Message", "text m1 ab", CLOSED]).await;

    let unnamed = r#"{"type":"response.output_item.added","item":{"type":"message"}}"#;
    check(sse(&[unnamed, DELTA]), &["added output_0 Message", "text output_0 Hi", CLOSED]).await;
}

#[tokio::test]
async fn bad_ends_have_codes() {
    let failed = |code: &str, message: &str| {
        format!(r#"{{"type":"response.failed","response":{{"error":{{"code":"{code}","message":"{message}"}}}}}}"#)
    };
    let ends = [
        (
            failed("rate_limit_exceeded", "Please try again in 1.5s."),
            "failed model.rate_limited After(1.5s): rate limit exceeded: Please try again in 1.5s.",
        ),
        (
            failed("odd", "Boom."),
            "failed model.failed Backoff: stream disconnected before completion: Boom.",
        ),
        (
            r#"{"type":"response.incomplete","response":{"incomplete_details":{"reason":"max_output_tokens"}}}"#.to_owned(),
            "failed model.incomplete Never: Incomplete response returned, reason: max_output_tokens",
        ),
        (
            r#"{"type":"error","code":"model_not_found","message":"No such model."}"#.to_owned(),
            "failed model.not_found Never: No such model.",
        ),
        (
            r#"{"type":"response.completed","response":{"usage":null}}"#.to_owned(),
            "failed model.invalid_response Backoff: stream disconnected before completion: failed to parse ResponseCompleted: missing field `id` at line 1 column 14",
        ),
    ];
    for (end, expect) in ends {
        check(sse(&[&end, COMPLETED]), &[expect]).await;
    }
}

#[tokio::test]
async fn a_stream_cut_after_any_event_is_that_much_and_one_error() {
    let stream = [ADDED, DELTA, DONE, r#"{"type":"response.in_progress"}"#];
    let expect = [
        "added m1 Message",
        "text m1 Hi",
        r#"done {"type":"message","id":"m1","role":"assistant","content":[{"type":"output_text","text":"Hi"}]}"#,
    ];

    for whole in 0..=stream.len() {
        let mut body = sse(&stream[..whole]);
        body.extend_from_slice(br#"data: {"type":"response.comple"#);
        let mut seen = expect[..whole.min(3)].to_vec();
        seen.push(CLOSED);
        check(body, &seen).await;
    }
}

#[tokio::test]
async fn a_body_that_breaks_off_in_mid_chunk_is_a_transport_error() {
    let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\ndata: {";
    let server = serve(vec![vec![Act::Send(head.into())]]).await;

    let seen = events(&server.provider).await;

    assert_eq!(seen[0], "head");
    assert!(
        seen[1].starts_with("failed model.transport Backoff: stream disconnected before completion: Transport error: network error: "),
        "{seen:?}"
    );
}

const IDLE: &str = "failed model.idle_timeout Backoff: stream disconnected before completion: idle timeout waiting for SSE";

#[tokio::test]
async fn silence_ends_an_attempt_before_and_after_the_head_and_comments_are_silence() {
    let stalled = || vec![Act::Stall];
    let after_head = || vec![Act::Send(with_head(sse(&[ADDED]))), Act::Stall];
    let commented = || vec![Act::Send(with_head(sse(&[ADDED]))), Act::Comments];
    let refused = || {
        vec![
            Act::Send(b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 99\r\n\r\nbusy".to_vec()),
            Act::Stall,
        ]
    };
    let server = serve(vec![stalled(), after_head(), commented(), refused()]).await;
    let provider = ProviderSettings {
        stream_idle_timeout_ms: 400,
        ..server.provider
    };

    let no_head = IDLE.replace(
        "idle timeout waiting for SSE",
        "no answer has begun within 400ms (stream_idle_timeout_ms)",
    );
    assert_eq!(events(&provider).await, [no_head]);
    assert_eq!(events(&provider).await, ["head", "added m1 Message", IDLE]);
    assert_eq!(events(&provider).await, ["head", "added m1 Message", IDLE]);
    let url = provider.base_url.clone().unwrap();
    let expect = format!("failed model.http_status Backoff: unexpected status 503 Service Unavailable: busy, url: {url}/responses");
    assert_eq!(events(&provider).await, [expect]);
}

#[tokio::test]
async fn a_cancel_or_a_dropped_receiver_closes_the_connection_without_a_word() {
    let acts = || vec![Act::Send(with_head(sse(&[ADDED]))), Act::Stall];
    let server = serve(vec![acts(), acts()]).await;
    let client = client(&server.provider, &|_| None);

    let cancel = CancellationToken::new();
    let mut receiver = client.sample(request(), cancel.clone());
    assert_eq!(receiver.recv().await.map(|event| show(&event)).as_deref(), Some("head"));
    cancel.cancel();
    assert_eq!(
        drain(receiver)
            .await
            .last()
            .map_or("", String::as_str)
            .replace("added m1 Message", ""),
        ""
    );

    let mut receiver = client.sample(request(), CancellationToken::new());
    assert!(receiver.recv().await.is_some());
    drop(receiver);

    let over = tokio::time::timeout(Duration::from_secs(5), server.requests).await;
    assert_eq!(over.expect("both connections were closed").unwrap().len(), 2);
}

#[tokio::test]
async fn an_event_of_ten_megabytes_arrives_whole() {
    let image = "A".repeat(10_000_000);
    let item = format!(r#"{{"type":"message","id":"m","role":"assistant","content":[{{"type":"output_text","text":"{image}"}}]}}"#);
    let body = sse(&[&format!(r#"{{"type":"response.output_item.done","item":{item}}}"#), COMPLETED]);
    let server = serve(vec![vec![Act::Send(with_head(body))]]).await;

    let seen = events(&server.provider).await;

    assert!(seen[1] == format!("done {item}"), "{} bytes", seen[1].len());
    assert_eq!(seen[2], "completed r1 None None");
}

#[tokio::test]
async fn a_line_without_end_is_given_up_at_the_limit() {
    let endless = vec![b'x'; 1_000_000];
    let server = serve(vec![vec![Act::Send(with_head(b"data: ".to_vec())), Act::Repeat(endless, 100)]]).await;

    let seen = events(&server.provider).await;

    assert_eq!(
        seen,
        [
            "head",
            "failed model.event_too_large Never: an event of the stream is over 67108864 bytes"
        ]
    );
    server.requests.await.unwrap();
    let written = server.written.load(Ordering::Relaxed);
    assert!(written < 90_000_000, "the server could write {written} bytes");
}

#[tokio::test]
async fn a_slow_reader_slows_the_stream_down_and_loses_nothing() {
    let deltas = sse(&[DELTA]).repeat(1000);
    let size = deltas.len();
    let server = serve(vec![vec![
        Act::Send(with_head(sse(&[ADDED]))),
        Act::Repeat(deltas, 200),
        Act::Send(sse(&[COMPLETED])),
    ]])
    .await;
    let mut receiver = client(&server.provider, &|_| None).sample(request(), CancellationToken::new());

    assert!(receiver.recv().await.is_some());
    tokio::time::sleep(Duration::from_millis(200)).await;

    let written = server.written.load(Ordering::Relaxed);
    assert!(written < 200 * size, "all {written} bytes were taken while nobody read");
    assert_eq!(drain(receiver).await.concat().matches("Hi").count(), 200_000);
}

#[tokio::test]
async fn the_request_carries_identity_key_and_sticky_routing_within_a_turn() {
    let head = HEAD.replace("Connection", "x-codex-turn-state: sticky\r\nConnection");
    let answer = || vec![Act::Send([head.as_bytes(), &sse(&[COMPLETED])].concat())];
    let server = serve(vec![answer(), answer(), answer()]).await;
    let provider = ProviderSettings {
        env_key: Some("MINE".into()),
        query_params: [("v".to_owned(), "2".to_owned())].into(),
        http_headers: [
            ("x-plain".to_owned(), "p".to_owned()),
            ("originator".to_owned(), "theirs".to_owned()),
        ]
        .into(),
        env_http_headers: [("x-env".to_owned(), "SET".to_owned()), ("x-unset".to_owned(), "BLANK".to_owned())].into(),
        ..server.provider
    };
    let env = |name: &str| match name {
        "MINE" => Some("k3y".to_owned()),
        "SET" => Some("s".to_owned()),
        "BLANK" => Some(" ".to_owned()),
        _ => None,
    };
    let client = client(&provider, &env);
    let mut other_turn = request();
    other_turn.metadata.turn_id = "another".into();

    for request in [request(), request(), other_turn] {
        drain(client.sample(request, CancellationToken::new())).await;
    }

    let requests = server.requests.await.unwrap();
    let (head, body) = requests[0].split_once("\r\n\r\n").unwrap();
    insta::assert_snapshot!(head.replace("\r\n", "\n").lines().filter(|line| !line.starts_with("host: ")).collect::<Vec<_>>().join("\n"), @r#"
    POST /v1/responses?v=2 HTTP/1.1
    accept: text/event-stream
    content-type: application/json
    originator: theirs
    session-id: session
    thread-id: thread
    x-client-request-id: thread
    x-codex-window-id: thread:0
    x-codex-turn-metadata: {}
    x-plain: p
    x-env: s
    authorization: Bearer k3y
    user-agent: codex_exec/1 (test)
    content-length: 418
    "#);
    assert_eq!(body.as_bytes(), request().body().unwrap());
    let sticky = requests
        .iter()
        .map(|request| request.contains("x-codex-turn-state: sticky"))
        .collect::<Vec<_>>();
    assert_eq!(sticky, [false, true, false]);
}

#[tokio::test]
async fn the_connection_of_a_whole_answer_serves_the_next_request() {
    let body = String::from_utf8(sse(&[COMPLETED])).unwrap();
    let answer = || {
        format!(
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{:x}\r\n{body}\r\n0\r\n\r\n",
            body.len()
        )
        .into_bytes()
    };
    let server = serve(vec![vec![Act::Send(answer()), Act::Next, Act::Send(answer())]]).await;
    let client = client(&server.provider, &|_| None);

    for _ in 0..2 {
        assert_eq!(
            drain(client.sample(request(), CancellationToken::new())).await,
            ["head", "completed r1 None None"]
        );
        // The end of the body is read after the answer was passed on.
        tokio::time::sleep(Duration::from_millis(50)).await;
    }

    assert_eq!(server.requests.await.unwrap().len(), 2);
}

#[tokio::test]
async fn headers_of_a_refusal_count() {
    let refusal = "HTTP/1.1 429 Too Many Requests\r\nRetry-After: 2\r\nx-request-id: req_7\r\nContent-Length: 2\r\n\r\n{}";
    let server = serve(vec![vec![Act::Send(refusal.into())]]).await;

    let expect = "failed model.rate_limited After(2s): exceeded retry limit, last status: 429 Too Many Requests, request id: req_7";
    assert_eq!(events(&server.provider).await, [expect]);
}

#[tokio::test]
async fn limits_and_the_model_that_served_are_told_of_good_and_bad_answers() {
    let headers = "x-codex-primary-used-percent: 5\r\nx-other-primary-used-percent: 6\r\nOpenAI-Model: m2\r\nx-models-etag: e1\r\n";
    let good = with_head(sse(&[
        r#"{"type":"codex.rate_limits","rate_limits":{"primary":{"used_percent":7}}}"#,
        r#"{"type":"response.metadata","headers":{"openai-model":"m3"}}"#,
        COMPLETED,
    ]));
    let good = String::from_utf8(good).unwrap().replacen("\r\n", &format!("\r\n{headers}"), 1);
    let bad = format!("HTTP/1.1 500 Broken\r\n{headers}Content-Length: 0\r\n\r\n");
    let server = serve(vec![vec![Act::Send(good.into())], vec![Act::Send(bad.into())]]).await;
    let of_headers = r#"news ["codex", "other"] Some("m2") Some("e1")"#;

    let seen = events(&server.provider).await;
    let refused = events(&server.provider).await;

    assert_eq!(
        seen,
        [
            "head",
            of_headers,
            r#"news ["codex"] None None"#,
            r#"news [] Some("m3") None"#,
            "completed r1 None None"
        ]
    );
    assert_eq!(refused[0], of_headers);
    assert!(refused[1].starts_with("failed model.overloaded"), "{refused:?}");
}

#[tokio::test]
async fn a_server_that_repeats_the_key_does_not_make_us_show_it() {
    let body = r#"{"error":{"message":"Wrong key sk-12345678."}}"#;
    let refusal = format!("HTTP/1.1 401 Unauthorized\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    let server = serve(vec![vec![Act::Send(refusal.into())]]).await;
    let provider = ProviderSettings {
        env_key: Some("MINE".into()),
        ..server.provider
    };
    let client = client(&provider, &|_| Some("sk-12345678".to_owned()));

    let seen = drain(client.sample(request(), CancellationToken::new())).await;

    assert!(
        seen[0].starts_with("failed model.unauthorized Backoff: unexpected status 401 Unauthorized: Wrong key [secret]., url: "),
        "{seen:?}"
    );
    assert!(server.requests.await.unwrap()[0].contains("authorization: Bearer sk-12345678"));
}

#[tokio::test]
async fn a_key_in_a_configured_header_is_not_shown_either_not_even_from_inside_the_stream() {
    let body = r#"{"error":{"message":"Wrong key hk-12345678."}}"#;
    let refusal = format!("HTTP/1.1 401 Unauthorized\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    let failed = r#"{"type":"response.failed","response":{"error":{"code":"x","message":"Wrong key hk-12345678."}}}"#;
    let stream = format!("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\ndata: {failed}\n\n");
    for answer in [refusal, stream] {
        let server = serve(vec![vec![Act::Send(answer.into())]]).await;
        let mut provider = server.provider;
        provider.http_headers.insert("api-key".into(), "hk-12345678".into());

        let seen = events(&provider).await.join("\n");

        assert!(seen.contains("Wrong key [secret].") && !seen.contains("hk-1"), "{seen}");
        assert!(server.requests.await.unwrap()[0].contains("api-key: hk-12345678"));
    }
}

#[tokio::test]
async fn without_its_key_a_provider_is_not_contacted() {
    let provider = ProviderSettings {
        base_url: Some("http://127.0.0.1:1".into()),
        env_key: Some("MINE".into()),
        ..Default::default()
    };

    assert_eq!(
        events(&provider).await,
        ["failed model.missing_key Never: Missing environment variable: `MINE`."]
    );
}

#[tokio::test]
async fn nobody_listening_is_a_connect_error() {
    let provider = ProviderSettings {
        base_url: Some("http://127.0.0.1:1".into()),
        ..Default::default()
    };

    let seen = events(&provider).await;

    let address = "failed model.connect Backoff: Connection failed: cannot connect to 127.0.0.1:1: ";
    assert!(seen[0].starts_with(address), "{seen:?}");
}

/// A provider whose token is the number of times that its program ran.
fn counting(provider: &ProviderSettings, folder: &tempfile::TempDir) -> ProviderSettings {
    let runs = folder.path().join("runs").display().to_string();
    ProviderSettings {
        auth: Some(TokenCommand {
            command: "sh".into(),
            args: vec!["-c".into(), format!("echo x >> {runs}; echo token-$(wc -l < {runs})")],
            timeout_ms: 5_000,
            refresh_interval_ms: 60_000,
            cwd: None,
        }),
        ..provider.clone()
    }
}

fn bearers(requests: &[String]) -> Vec<&str> {
    requests
        .iter()
        .filter_map(|request| request.lines().find_map(|line| line.strip_prefix("authorization: Bearer ")))
        .collect()
}

#[tokio::test]
async fn a_refused_token_is_made_anew_and_the_request_sent_again_unnoticed() {
    let folder = tempfile::tempdir().unwrap();
    let refusal = || Act::Send(b"HTTP/1.1 401 Unauthorized\r\nConnection: close\r\nContent-Length: 0\r\n\r\n".to_vec());
    let good = || Act::Send(with_head(sse(&[COMPLETED])));
    let server = serve(vec![vec![good()], vec![good()], vec![refusal()], vec![good()]]).await;
    let client = client(&counting(&server.provider, &folder), &|_| None);

    for _ in 0..3 {
        let seen = drain(client.sample(request(), CancellationToken::new())).await;
        assert_eq!(seen, ["head", "completed r1 None None"]);
    }

    let requests = server.requests.await.unwrap();
    assert_eq!(bearers(&requests), ["token-1", "token-1", "token-1", "token-2"]);
}

#[tokio::test]
async fn a_provider_that_refuses_every_token_is_asked_twice_once_and_then_once_per_attempt() {
    let folder = tempfile::tempdir().unwrap();
    let refusal = || {
        vec![Act::Send(
            b"HTTP/1.1 401 Unauthorized\r\nConnection: close\r\nContent-Length: 0\r\n\r\n".to_vec(),
        )]
    };
    let server = serve(vec![refusal(), refusal(), refusal(), refusal()]).await;
    let client = client(&counting(&server.provider, &folder), &|_| None);

    for _ in 0..3 {
        let seen = drain(client.sample(request(), CancellationToken::new())).await;
        assert!(seen.len() == 1 && seen[0].starts_with("failed model.unauthorized"), "{seen:?}");
    }

    let requests = server.requests.await.unwrap();
    assert_eq!(bearers(&requests), ["token-1", "token-2", "token-3", "token-4"]);
}

#[tokio::test]
async fn without_a_token_nothing_is_sent() {
    let provider = ProviderSettings {
        base_url: Some("http://127.0.0.1:1".into()),
        auth: Some(TokenCommand {
            command: "false".into(),
            args: vec![],
            timeout_ms: 5_000,
            refresh_interval_ms: 0,
            cwd: None,
        }),
        ..Default::default()
    };

    let seen = events(&provider).await;

    assert!(
        seen.len() == 1 && seen[0].starts_with("failed model.token_command Never: "),
        "{seen:?}"
    );
}

/// The limit of the whole holds on both ways, long before that of silence.
#[tokio::test]
async fn an_answer_without_an_end_is_given_up() {
    for sockets in [false, true] {
        let mock =
            codex_testkit::MockModel::start_with(|_, _| codex_testkit::Answer::message("Done.").stall_last(&codex_testkit::Gate::new()));
        mock.set_sockets(codex_testkit::Sockets::Accept);
        let provider = ProviderSettings {
            base_url: Some(mock.base_url()),
            supports_websockets: sockets,
            ..Default::default()
        };
        let identity = identity();
        let lists = Arc::new(crate::ModelLists::new(None));
        let mut endpoint = crate::provider::endpoint(&provider, &|_| None, crate::StoredLogin::None, &identity, &lists).unwrap();
        endpoint.bounds.answer_time = Duration::from_millis(300);
        let http = HttpClient::new(codex_http::HttpSettings::from_env(identity.user_agent, &|_| None));
        let client = Responses::new(endpoint, http);
        let seen = loop {
            let seen = drain(client.sample(request(), CancellationToken::new())).await;
            // No request waits for a websocket.
            if mock.requests().last().is_some_and(|request| request.is_socket() == sockets) {
                break seen;
            }
        };

        let error = "failed model.answer_too_long Never: the answer has no end after 300ms";
        assert_eq!(seen.last().map(String::as_str), Some(error), "websocket: {sockets}");
    }
}
