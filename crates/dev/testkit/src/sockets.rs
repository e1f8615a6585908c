//! The websocket side of the mock: the same answers, one message per event.
//!
//! A message with `"generate": false` is recorded, answered with `response.completed` and uses up no answer. An answer with an error
//! status becomes an `error` message; a body that is no stream has no other meaning here.

use crate::answer::{Answer, Body, CutAt, CutHow, Gate};
use crate::http::{Connection, Request};
use crate::mock::Shared;
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use std::io;
use std::sync::Arc;
use tokio::io::AsyncWriteExt;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::Role;
use tokio_tungstenite::tungstenite::{Message, protocol::CloseFrame, protocol::frame::coding::CloseCode};

/// What the mock says to a client that asks for a websocket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sockets {
    /// An HTTP status, e.g. 426.
    Refuse(u16),
    Accept,
    /// Accepts and closes before the first message.
    AcceptAndClose,
    /// No answer at all.
    Stall,
}

/// Agrees to speak websocket.
pub(crate) async fn accept(stream: &mut impl Connection, request: &Request) -> io::Result<()> {
    let key = request.header("sec-websocket-key").unwrap_or_default();
    let head = format!(
        "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\nsec-websocket-accept: {}\r\n\r\n",
        derive_accept_key(key.as_bytes())
    );
    stream.write_all(head.as_bytes()).await
}

pub(crate) async fn serve(mut stream: impl Connection, request: &Request, shared: &Arc<Shared>) -> io::Result<()> {
    accept(&mut stream, request).await?;
    let mut socket = WebSocketStream::from_raw_socket(stream, Role::Server, None).await;
    while let Some(message) = socket.next().await {
        let Message::Text(text) = message.map_err(io::Error::other)? else {
            continue;
        };
        let json: Value = serde_json::from_str(&text).unwrap_or(Value::Null);
        let warm_up = json["generate"] == false;
        let message = Request {
            method: if warm_up { "WS warm-up" } else { "WS" }.to_owned(),
            body: text.as_bytes().to_vec(),
            ..request.clone()
        };
        let (index, answer) = shared.record(message);
        let played = if warm_up {
            let done = json!({"type": "response.completed", "response": {"id": format!("warm_{index}")}});
            say(&mut socket, &done).await
        } else {
            play(&mut socket, &answer).await
        };
        shared.ended(index, played.is_ok());
        played?;
    }
    Ok(())
}

type Socket<S> = WebSocketStream<S>;

async fn say(socket: &mut Socket<impl Connection>, message: &Value) -> io::Result<()> {
    socket.send(Message::text(message.to_string())).await.map_err(io::Error::other)
}

async fn play(socket: &mut Socket<impl Connection>, answer: &Answer) -> io::Result<()> {
    crate::http::pass(answer.before_head.as_ref()).await;
    let Body::Events(events) = &answer.body else {
        return say(socket, &refusal(answer)).await;
    };
    let events_max = match answer.cut.map(|cut| cut.at) {
        None => usize::MAX,
        Some(CutAt::Events(count)) => count,
        Some(CutAt::BeforeHead | CutAt::Bytes(_)) => 0,
    };
    for (index, event) in events.iter().enumerate().take(events_max) {
        for (_, gate) in answer.before_event.iter().filter(|(at, _)| *at == index) {
            pause(socket, gate).await?;
        }
        if !answer.between_events.is_zero() && index > 0 {
            tokio::time::sleep(answer.between_events).await;
        }
        let event = String::from_utf8_lossy(event);
        let data: Vec<&str> = event.lines().filter_map(|line| line.strip_prefix("data: ")).collect();
        socket.send(Message::text(data.join("\n"))).await.map_err(io::Error::other)?;
    }
    match answer.cut.map(|cut| cut.how) {
        None => Ok(()),
        Some(CutHow::Clean) => {
            let frame = CloseFrame {
                code: CloseCode::Away,
                reason: "cut".into(),
            };
            socket.close(Some(frame)).await.map_err(io::Error::other)?;
            Err(io::ErrorKind::ConnectionAborted.into())
        }
        Some(CutHow::Reset) => {
            socket.get_ref().close_with_reset()?;
            Err(io::ErrorKind::ConnectionReset.into())
        }
        Some(CutHow::Drop) => Err(io::ErrorKind::ConnectionAborted.into()),
    }
}

/// Waits, and notices a client that goes away meanwhile.
async fn pause(socket: &mut Socket<impl Connection>, gate: &Gate) -> io::Result<()> {
    tokio::select! {
        biased;
        () = gate.pass() => Ok(()),
        message = socket.next() => match message {
            Some(Ok(Message::Pong(_))) => Ok(()),
            _ => Err(io::ErrorKind::ConnectionAborted.into()),
        },
    }
}

fn refusal(answer: &Answer) -> Value {
    let body = match &answer.body {
        Body::Plain(body) => serde_json::from_slice(body).unwrap_or_default(),
        Body::Events(_) => Value::Null,
    };
    let headers: serde_json::Map<String, Value> = answer.headers.iter().map(|(name, value)| (name.clone(), json!(value))).collect();
    json!({"type": "error", "status": answer.status, "error": body["error"], "headers": headers})
}
