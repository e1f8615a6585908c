//! Both ends together, over memory and over byte streams.

use crate::outbox::MESSAGES_HARD_MAX;
use crate::{CallError, Client, Connection, Events, Incoming, ServerMessage, Wire, connect_lines, in_process, serve_lines};
use codex_base::SystemClock;
use codex_protocol::notifications::{Notification, ThreadIdNotification};
use codex_protocol::questions::{ApprovalAnswer, ApprovalDecision, FileChangeApprovalParams, ServerRequest};
use codex_protocol::requests::*;
use pretty_assertions::assert_eq;
use serde_json::json;
use std::sync::Arc;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, duplex};

fn over_lines() -> (Client, Events, Connection) {
    let (client_end, server_end) = duplex(64 * 1024);
    let (server_reader, server_writer) = tokio::io::split(server_end);
    let (client_reader, client_writer) = tokio::io::split(client_end);
    let connection = serve_lines(server_reader, server_writer, Arc::new(SystemClock::default()));
    let (client, events) = connect_lines(client_reader, client_writer);
    (client, events, connection)
}

fn every_transport() -> [(&'static str, (Client, Events, Connection)); 3] {
    [
        ("direct", in_process(4, Wire::Direct)),
        ("serialised", in_process(4, Wire::Serialised)),
        ("lines", over_lines()),
    ]
}

fn closed(id: &str) -> Notification {
    Notification::ThreadClosed(ThreadIdNotification { thread_id: id.into() })
}

fn question() -> ServerRequest {
    ServerRequest::FileChangeApproval(FileChangeApprovalParams {
        thread_id: "t".into(),
        turn_id: "u".into(),
        item_id: "i".into(),
        started_at_ms: 1,
        reason: Some("why".into()),
        rules: Vec::new(),
        grant_root: None,
    })
}

fn unsubscribe(id: &str) -> ThreadIdParams {
    ThreadIdParams { thread_id: id.into() }
}

#[tokio::test]
async fn a_conversation_is_the_same_on_every_transport() {
    for (name, (client, mut events, mut connection)) in every_transport() {
        let server = tokio::spawn(async move {
            let handle = connection.handle();
            let mut seen = Vec::new();
            loop {
                let incoming = connection.next().await;
                seen.push(incoming.clone());
                match incoming {
                    Incoming::Request(id, ClientRequest::ThreadUnsubscribe(params)) if params.thread_id == "bad" => {
                        handle
                            .reply::<Empty>(id, Err(RequestError::invalid("thread.not_found", "thread not found: bad")))
                            .unwrap();
                    }
                    Incoming::Request(id, _) => {
                        handle.notify(closed("before")).unwrap();
                        handle
                            .reply(
                                id,
                                Ok(ThreadUnsubscribeResult {
                                    status: ThreadUnsubscribeStatus::NotLoaded,
                                }),
                            )
                            .unwrap();
                        handle.ask(RequestId::Integer(0), question()).unwrap();
                        handle.notify(closed("after")).unwrap();
                    }
                    Incoming::Closed { .. } => return seen,
                    Incoming::Notification { .. } | Incoming::Answer { .. } | Incoming::Malformed(_) => {}
                }
            }
        });

        client.notify("initialized", None).await.unwrap();
        let result = client.request::<ThreadUnsubscribe>(unsubscribe("t")).await;
        assert_eq!(
            result,
            Ok(ThreadUnsubscribeResult {
                status: ThreadUnsubscribeStatus::NotLoaded
            }),
            "{name}"
        );
        let refused = client.request::<ThreadUnsubscribe>(unsubscribe("bad")).await;
        assert_eq!(
            refused,
            Err(CallError::Rejected(RequestError::invalid(
                "thread.not_found",
                "thread not found: bad"
            ))),
            "{name}"
        );
        assert_eq!(events.next().await, Some(ServerMessage::Notification(closed("before"))), "{name}");
        assert_eq!(
            events.next().await,
            Some(ServerMessage::Request {
                id: RequestId::Integer(0),
                request: question()
            }),
            "{name}"
        );
        assert_eq!(events.next().await, Some(ServerMessage::Notification(closed("after"))), "{name}");
        client
            .respond(
                RequestId::Integer(0),
                &ApprovalAnswer {
                    decision: ApprovalDecision::Decline,
                },
            )
            .await
            .unwrap();
        client
            .respond_error(RequestId::Integer(1), RequestError::internal("x", "y"))
            .await
            .unwrap();
        drop((client, events));

        let seen = server.await.unwrap();
        let id = RequestId::Integer;
        let expect = [
            Incoming::Notification {
                method: "initialized".into(),
                params: None,
            },
            Incoming::Request(id(1), ClientRequest::ThreadUnsubscribe(unsubscribe("t"))),
            Incoming::Request(id(2), ClientRequest::ThreadUnsubscribe(unsubscribe("bad"))),
            Incoming::Answer {
                id: id(0),
                result: Ok(json!({"decision": "decline"})),
            },
            Incoming::Answer {
                id: id(1),
                result: Err(RequestError::internal("x", "y")),
            },
        ];
        assert_eq!(seen[..5], expect, "{name}");
        assert_eq!(
            seen[5],
            Incoming::Closed {
                reason: "client closed the connection".into()
            },
            "{name}"
        );
    }
}

#[tokio::test]
async fn a_call_ends_when_the_server_goes() {
    for (name, (client, mut events, mut connection)) in every_transport() {
        let call = tokio::spawn({
            let client = client.clone();
            async move { client.request::<ThreadUnsubscribe>(unsubscribe("t")).await }
        });
        let incoming = connection.next().await;
        assert!(matches!(incoming, Incoming::Request(..)), "{name}: {incoming:?}");
        let handle = connection.handle();
        handle.notify(closed("last")).unwrap();
        drop(connection);

        assert!(matches!(call.await.unwrap(), Err(CallError::PeerGone(_))), "{name}");
        assert_eq!(events.next().await, Some(ServerMessage::Notification(closed("last"))), "{name}");
        assert_eq!(events.next().await, None, "{name}");
        assert!(
            matches!(
                client.request::<ThreadUnsubscribe>(unsubscribe("t")).await,
                Err(CallError::PeerGone(_))
            ),
            "{name}"
        );
        assert!(handle.notify(closed("too late")).is_err(), "{name}");
    }
}

#[tokio::test]
async fn unknown_methods_and_wrong_parameters_are_answered_without_the_server() {
    for (name, (client, _events, mut connection)) in every_transport() {
        let code = |result: Result<serde_json::Value, CallError>| match result {
            Err(CallError::Rejected(error)) => (error.code, error.stable_code().to_owned()),
            other => panic!("{name}: {other:?}"),
        };

        assert_eq!(
            code(client.request_raw("no/such", None).await),
            (-32600, "rpc.unknown_method".into()),
            "{name}"
        );
        assert_eq!(
            code(client.request_raw("thread/read", Some(json!({}))).await),
            (-32600, "rpc.invalid_params".into()),
            "{name}"
        );
        for _ in 0..2 {
            assert!(
                matches!(connection.next().await, Incoming::Malformed(malformed) if malformed.id.is_some()),
                "{name}"
            );
        }
    }
}

#[tokio::test]
async fn a_client_that_does_not_read_is_disconnected_with_a_reason() {
    let (client, mut events, mut connection) = in_process(1, Wire::Direct);
    let handle = connection.handle();

    let sent = (0..=MESSAGES_HARD_MAX)
        .take_while(|n| handle.notify(closed(&n.to_string())).is_ok())
        .count();

    assert_eq!(sent, MESSAGES_HARD_MAX);
    let reason = "16384 messages were not read for 0 s";
    assert_eq!(connection.next().await, Incoming::Closed { reason: reason.into() });
    assert!(matches!(client.request::<ThreadUnsubscribe>(unsubscribe("t")).await, Err(CallError::PeerGone(gone)) if gone.reason == reason));
    let mut read = 0;
    while events.next().await.is_some() {
        read += 1;
    }
    assert_eq!((read, events.end().reason.as_str()), (MESSAGES_HARD_MAX, reason));
}

#[tokio::test]
async fn a_client_without_events_stays_connected() {
    let (client, events, mut connection) = in_process(1, Wire::Serialised);
    drop(events);
    let handle = connection.handle();

    for n in 0..=MESSAGES_HARD_MAX {
        handle.notify(closed(&n.to_string())).unwrap();
    }
    let call = tokio::spawn(async move { client.request::<ThreadUnsubscribe>(unsubscribe("t")).await });
    let Incoming::Request(id, _) = connection.next().await else {
        panic!("no request")
    };
    handle
        .reply(
            id,
            Ok(ThreadUnsubscribeResult {
                status: ThreadUnsubscribeStatus::Unsubscribed,
            }),
        )
        .unwrap();

    assert!(call.await.unwrap().is_ok());
}

#[tokio::test]
async fn what_stands_on_the_wire() {
    let (mut outside, server_end) = duplex(64 * 1024);
    let (reader, writer) = tokio::io::split(server_end);
    let mut connection = serve_lines(reader, writer, Arc::new(SystemClock::default()));
    let lines = "garbage\n\n{\"id\":1,\"method\":\"no/such\"}\n{\"id\":null,\"method\":\"initialize\"}\n{\"id\":\"a\",\"method\":\"thread/unsubscribe\",\"params\":{\"threadId\":\"t\"}}\n";

    outside.write_all(lines.as_bytes()).await.unwrap();
    let mut seen = Vec::new();
    for _ in 0..4 {
        seen.push(connection.next().await);
    }
    let handle = connection.handle();
    handle
        .reply(
            RequestId::String("a".into()),
            Ok(ThreadUnsubscribeResult {
                status: ThreadUnsubscribeStatus::NotLoaded,
            }),
        )
        .unwrap();
    handle.notify(closed("t")).unwrap();
    handle.ask(RequestId::Integer(0), question()).unwrap();

    assert!(matches!(&seen[0], Incoming::Malformed(malformed) if malformed.id.is_none()));
    assert!(matches!(&seen[1], Incoming::Malformed(malformed) if malformed.id.is_some()));
    assert!(matches!(&seen[2], Incoming::Malformed(malformed) if malformed.id.is_none()));
    assert!(matches!(&seen[3], Incoming::Request(RequestId::String(id), _) if id == "a"));
    let mut written = BufReader::new(outside).lines();
    let mut next = async || written.next_line().await.unwrap().unwrap();
    assert!(
        next()
            .await
            .starts_with(r#"{"id":1,"error":{"code":-32600,"message":"unknown method `no/such`; known methods: initialize, "#)
    );
    assert_eq!(next().await, r#"{"id":"a","result":{"status":"notLoaded"}}"#);
    let notification: serde_json::Value = serde_json::from_str(&next().await).unwrap();
    assert_eq!(
        (&notification["method"], &notification["params"]),
        (&json!("thread/closed"), &json!({"threadId": "t"}))
    );
    assert!(notification["emittedAtMs"].is_i64() && notification.get("id").is_none());
    let asked = r#"{"id":0,"method":"item/fileChange/requestApproval","params":{"threadId":"t","turnId":"u","itemId":"i","startedAtMs":1,"reason":"why","grantRoot":null}}"#;
    assert_eq!(next().await, asked);
}

#[tokio::test]
async fn requests_beyond_the_inbox_are_told_to_come_back() {
    let (mut outside, server_end) = duplex(1024 * 1024);
    let (reader, writer) = tokio::io::split(server_end);
    let mut connection = serve_lines(reader, writer, Arc::new(SystemClock::default()));
    let requests: String = (0..200)
        .map(|n| format!("{{\"id\":{n},\"method\":\"thread/unsubscribe\",\"params\":{{\"threadId\":\"t\"}}}}\n"))
        .collect();

    outside.write_all(requests.as_bytes()).await.unwrap();
    outside.shutdown().await.unwrap();
    let mut answered = vec![0; 72 * 110];
    outside.read_exact(&mut answered).await.unwrap();
    let mut taken = 0;
    while let Incoming::Request(..) = connection.next().await {
        taken += 1;
    }

    let first = String::from_utf8_lossy(&answered).lines().next().unwrap().to_owned();
    assert_eq!(taken, 128);
    assert_eq!(
        first,
        r#"{"id":128,"error":{"code":-32001,"message":"Server overloaded; retry later.","data":{"code":"rpc.overloaded"}}}"#
    );
}
