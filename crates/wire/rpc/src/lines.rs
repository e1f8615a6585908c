//! JSON lines over a pair of byte streams (stdio): one message per line, UTF-8.
//!
//! A line that is not a message is reported as [`Incoming::Malformed`] and otherwise ignored, as is one longer than [`LINE_BYTES_MAX`]. A
//! request that is wrong is answered here. When the server's inbox is full, requests are answered with -32001; answers and notifications wait.

use crate::client::{self, Client, Events, Shared, ToServer};
use crate::connection::{Connection, Incoming, ServerHandle, incoming};
use crate::message::{Malformed, Message};
use crate::outbox::{Outbox, Outgoing};
use codex_base::Clock;
use codex_protocol::requests::RequestError;
use serde::Serialize;
use std::sync::Arc;
use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::sync::mpsc;

/// A longer line is skipped.
pub const LINE_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Requests that may wait for the server.
const INBOX: usize = 128;
/// Messages that may wait to be written by a client.
const CLIENT_OUTBOX: usize = 64;

/// Puts the server's end of a connection on two byte streams. Needs a tokio runtime; two tasks serve the streams until either ends.
pub fn serve_lines(
    reader: impl AsyncRead + Unpin + Send + 'static,
    writer: impl AsyncWrite + Unpin + Send + 'static,
    clock: Arc<dyn Clock>,
) -> Connection {
    let (to_server, inbox) = mpsc::channel(INBOX);
    let outbox = Arc::new(Outbox::default());
    let handle = ServerHandle::stream(Arc::clone(&outbox), clock);
    tokio::spawn(write_outbox(writer, Arc::clone(&outbox)));
    tokio::spawn(read_requests(BufReader::new(reader), to_server, outbox));
    Connection::new(handle, inbox)
}

/// Puts a client on two byte streams. Needs a tokio runtime.
pub fn connect_lines(
    reader: impl AsyncRead + Unpin + Send + 'static,
    writer: impl AsyncWrite + Unpin + Send + 'static,
) -> (Client, Events) {
    let (sender, messages) = mpsc::channel(CLIENT_OUTBOX);
    let outbox = Arc::new(Outbox::default());
    // A weak sender: the reading task must not keep the connection up.
    let answers = sender.downgrade();
    let (client, events) = client::pair(ToServer::Stream(sender), Arc::clone(&outbox));
    tokio::spawn(write_messages(writer, messages, outbox));
    tokio::spawn(read_events(BufReader::new(reader), client.shared(), answers));
    (client, events)
}

/// One line from a stream.
#[derive(Debug, PartialEq, Eq)]
enum Line {
    Whole(Vec<u8>),
    TooLong,
    End,
}

async fn next_line(reader: &mut (impl AsyncBufRead + Unpin), limit_bytes: usize) -> std::io::Result<Line> {
    let mut line = Vec::new();
    let mut too_long = false;
    loop {
        let available = reader.fill_buf().await?;
        if available.is_empty() {
            return Ok(match (too_long, line.is_empty()) {
                (true, _) => Line::TooLong,
                (false, true) => Line::End,
                (false, false) => Line::Whole(line),
            });
        }
        let newline = available.iter().position(|&byte| byte == b'\n');
        let taken = newline.map_or(available.len(), |at| at + 1);
        too_long |= line.len() + newline.unwrap_or(taken) > limit_bytes;
        if too_long {
            line = Vec::new();
        } else {
            line.extend_from_slice(&available[..newline.unwrap_or(taken)]);
        }
        reader.consume(taken);
        if newline.is_some() {
            return Ok(if too_long { Line::TooLong } else { Line::Whole(line) });
        }
    }
}

fn parse_line(line: Line) -> Result<Option<Message>, Malformed> {
    match line {
        Line::Whole(text) if text.iter().all(u8::is_ascii_whitespace) => Ok(None),
        Line::Whole(text) => Message::parse(&text).map(Some),
        Line::TooLong => Err(Malformed {
            id: None,
            error: RequestError::invalid("rpc.line_too_long", format!("line longer than {LINE_BYTES_MAX} bytes")),
        }),
        Line::End => Ok(None),
    }
}

async fn read_requests(mut reader: impl AsyncBufRead + Unpin, to_server: mpsc::Sender<Incoming>, outbox: Arc<Outbox>) {
    loop {
        let line = tokio::select! {
            line = next_line(&mut reader, LINE_BYTES_MAX) => line,
            () = outbox.gone().cancelled() => return,
        };
        let parsed = match line {
            Err(_) | Ok(Line::End) => return,
            Ok(line) => parse_line(line),
        };
        let incoming = match parsed.and_then(|message| message.map(incoming).transpose()) {
            Ok(None) => continue,
            Ok(Some(incoming)) => incoming,
            Err(malformed) => Incoming::Malformed(refuse(&outbox, malformed)),
        };
        if hand_over(&to_server, incoming, &outbox).await.is_err() {
            return;
        }
    }
}

/// Answers a wrong request; what was no request gets no answer.
fn refuse(outbox: &Outbox, malformed: Malformed) -> Malformed {
    if let Some(id) = malformed.id.clone() {
        // If the peer is gone the reading loop notices by itself.
        let _ = outbox.push(Outgoing::Reply {
            id,
            result: Err(malformed.error.clone()),
        });
    }
    malformed
}

async fn hand_over(
    to_server: &mpsc::Sender<Incoming>,
    incoming: Incoming,
    outbox: &Outbox,
) -> Result<(), mpsc::error::SendError<Incoming>> {
    match incoming {
        Incoming::Request(..) => match to_server.try_send(incoming) {
            Ok(()) => Ok(()),
            Err(mpsc::error::TrySendError::Full(Incoming::Request(id, _))) => {
                let error = RequestError {
                    code: RequestError::OVERLOADED,
                    ..RequestError::invalid("rpc.overloaded", "Server overloaded; retry later.")
                };
                refuse(outbox, Malformed { id: Some(id), error });
                Ok(())
            }
            Err(mpsc::error::TrySendError::Full(_)) => Ok(()),
            Err(mpsc::error::TrySendError::Closed(incoming)) => Err(mpsc::error::SendError(incoming)),
        },
        Incoming::Notification { .. } | Incoming::Answer { .. } | Incoming::Malformed(_) | Incoming::Closed { .. } => {
            to_server.send(incoming).await
        }
    }
}

async fn write_outbox(mut writer: impl AsyncWrite + Unpin, outbox: Arc<Outbox>) {
    while let Some(message) = outbox.pop().await {
        if let Err(error) = write_line(&mut writer, &message).await {
            return outbox.close(&format!("cannot write: {error}"));
        }
    }
}

async fn write_line(writer: &mut (impl AsyncWrite + Unpin), message: &impl Serialize) -> std::io::Result<()> {
    let mut line = serde_json::to_vec(message)?;
    line.push(b'\n');
    writer.write_all(&line).await?;
    writer.flush().await
}

async fn write_messages(mut writer: impl AsyncWrite + Unpin, mut messages: mpsc::Receiver<Message>, outbox: Arc<Outbox>) {
    while let Some(message) = messages.recv().await {
        if let Err(error) = write_line(&mut writer, &message).await {
            return outbox.close(&format!("cannot write: {error}"));
        }
    }
    // The last client is gone: closing the stream tells the server. A failure tells it too.
    let _ = writer.shutdown().await;
}

async fn read_events(mut reader: impl AsyncBufRead + Unpin, end: Arc<Shared>, answers: mpsc::WeakSender<Message>) {
    loop {
        let line = tokio::select! {
            line = next_line(&mut reader, LINE_BYTES_MAX) => line,
            () = end.outbox.gone().cancelled() => return,
        };
        let message = match line {
            Ok(Line::End) => return end.outbox.close("server closed the connection"),
            Err(error) => return end.outbox.close(&format!("cannot read: {error}")),
            // A line that is no message is ignored.
            Ok(line) => parse_line(line).ok().flatten(),
        };
        let Some(message) = message else { continue };
        match client::arrived(&end, message) {
            Err(_) => return,
            Ok(None) => {}
            Ok(Some(refusal)) => {
                if let Some(answers) = answers.upgrade() {
                    // A server that is gone needs no refusal.
                    let _ = answers.send(refusal).await;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pretty_assertions::assert_eq;

    async fn lines(text: &str, limit_bytes: usize) -> Vec<Line> {
        // A small buffer makes lines arrive in pieces.
        let mut reader = BufReader::with_capacity(3, text.as_bytes());
        let mut lines = Vec::new();
        loop {
            let line = next_line(&mut reader, limit_bytes).await.unwrap();
            if line == Line::End {
                return lines;
            }
            lines.push(line);
        }
    }

    #[tokio::test]
    async fn lines_are_whole_and_bounded() {
        let whole = |text: &str| Line::Whole(text.into());

        assert_eq!(lines("one\ntwo\n", 10).await, [whole("one"), whole("two")]);
        assert_eq!(lines("\n\nlast", 10).await, [whole(""), whole(""), whole("last")]);
        assert_eq!(
            lines("12345\n123456\n1234567890\nok\n", 5).await,
            [whole("12345"), Line::TooLong, Line::TooLong, whole("ok")]
        );
        assert_eq!(lines("1234567890", 5).await, [Line::TooLong]);
        assert_eq!(lines("", 5).await, []);
    }
}
