//! The mock as a client on a socket sees it.

use codex_testkit::{Answer, Ended, Gate, MockModel, events};
use pretty_assertions::assert_eq;
use serde_json::json;
use std::io::{self, Read, Write};
use std::net::TcpStream;

fn connect(mock: &MockModel, path: &str, body: &str) -> TcpStream {
    let mut stream = TcpStream::connect(("127.0.0.1", mock.port())).expect("the mock listens");
    let length = body.len();
    write!(
        stream,
        "POST {path} HTTP/1.1\r\nHost: mock\r\nX-Test: yes\r\nContent-Length: {length}\r\n\r\n{body}"
    )
    .expect("the mock reads");
    stream
}

/// Status and body without its chunks; whether the body ended as it should.
fn ask(mock: &MockModel, path: &str) -> (u16, String, bool) {
    let mut received = Vec::new();
    let end = connect(mock, path, "{}").read_to_end(&mut received);
    let text = String::from_utf8(received).expect("UTF-8");
    let Some((head, body)) = text.split_once("\r\n\r\n") else {
        return (0, String::new(), end.is_ok());
    };
    let status = head[9..12].parse().expect("a status");
    let whole = end.is_ok() && body.ends_with("0\r\n\r\n");
    let data: Vec<&str> = body.split("\r\n").skip(1).step_by(2).collect();
    (status, data.concat(), whole)
}

fn types(body: &str) -> Vec<&str> {
    body.lines().filter_map(|line| line.strip_prefix("event: ")).collect()
}

#[test]
fn answers_are_played_in_order_and_requests_recorded() {
    let mock = MockModel::start([
        Answer::items([
            events::reasoning("rs_1", &["Looking"], "secret"),
            events::exec_command("call_1", "ls"),
        ]),
        Answer::message("done"),
    ]);

    let (status, body, whole) = ask(&mock, "/v1/responses?v=2");

    assert_eq!((status, whole), (200, true));
    insta::assert_snapshot!(types(&body).join("\n"), @r"
    response.created
    response.output_item.added
    response.reasoning_summary_part.added
    response.reasoning_summary_text.delta
    response.output_item.done
    response.output_item.added
    response.function_call_arguments.delta
    response.output_item.done
    response.completed
    ");
    assert_eq!(types(&ask(&mock, "/v1/responses").1).len(), 6);
    mock.assert_finished();
    assert_eq!(ask(&mock, "/v1/models").0, 404);
    assert_eq!(ask(&mock, "/v1/responses").0, 400, "no answer is left");
    let requests = mock.requests();
    assert_eq!(requests.len(), 3);
    assert_eq!(
        (requests[0].path.as_str(), requests[0].header("x-test"), &requests[0].json),
        ("/v1/responses?v=2", Some("yes"), &json!({}))
    );
    assert_eq!(mock.all_requests().len(), 4);
}

#[test]
fn a_fault_ends_the_answer_where_it_says() {
    let whole = || Answer::message("abc");
    let mock = MockModel::start([
        whole().cut_after_events(2),
        whole().drop_after_events(2),
        whole().reset_after_events(1),
        whole().drop_after_bytes(10),
        Answer::reset(),
        Answer::error(503, "slow_down", "later").header("retry-after", "1"),
    ]);

    let (status, body, end) = ask(&mock, "/v1/responses");
    assert_eq!((status, types(&body).len(), end), (200, 2, true));
    let (status, body, end) = ask(&mock, "/v1/responses");
    assert_eq!((status, types(&body).len(), end), (200, 2, false));
    let reset = connect(&mock, "/v1/responses", "{}").read_to_end(&mut Vec::new());
    assert_eq!(reset.unwrap_err().kind(), io::ErrorKind::ConnectionReset);
    assert_eq!(ask(&mock, "/v1/responses"), (200, "event: res".to_owned(), false));
    let reset = connect(&mock, "/v1/responses", "{}").read_to_end(&mut Vec::new());
    assert_eq!(reset.unwrap_err().kind(), io::ErrorKind::ConnectionReset);
    let (status, body, _) = ask(&mock, "/v1/responses");
    assert_eq!((status, body.contains("slow_down")), (503, true));
}

#[tokio::test]
async fn a_gate_holds_the_answer_and_a_client_that_leaves_is_noticed() {
    let gate = Gate::new();
    let mock = MockModel::start([
        Answer::message("abc").stall_last(&gate),
        Answer::message("abc").stall_head(&Gate::new()),
    ]);

    let mut stream = connect(&mock, "/v1/responses", "{}");
    gate.reached().await;
    assert!(mock.requests()[0].ended.is_none());
    gate.open();
    assert_eq!(mock.wait_for_end(1).await, Ended::Sent);
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    assert!(text.contains("response.completed"));

    let stream = connect(&mock, "/v1/responses", "{\"input\":[]}");
    assert_eq!(mock.wait_for_request(2).await.json, json!({ "input": [] }));
    drop(stream);
    assert_eq!(mock.wait_for_end(2).await, Ended::ClientGone);
}

#[test]
fn a_responder_sees_the_request_and_a_chunked_body_is_read() {
    let mock = MockModel::start_with(|number, request| Answer::message(&format!("{number} {}", request.json["say"])));

    let mut stream = TcpStream::connect(("127.0.0.1", mock.port())).unwrap();
    write!(
        stream,
        "POST /v1/responses HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n6\r\n{{\"say\"\r\n3\r\n:7}}\r\n0\r\n\r\n"
    )
    .unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();

    assert!(text.contains("1 7"), "{text}");
    assert_eq!(mock.wait_for_request_blocking(1).body, b"{\"say\":7}");
}
