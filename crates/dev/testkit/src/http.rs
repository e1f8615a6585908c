//! The little HTTP/1.1 that a mock needs: read one request, write one answer, close.

use crate::answer::{Answer, Body, CutAt, CutHow, Gate, Then};
use std::io;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;
use tokio_tungstenite::tungstenite::http::StatusCode;

/// A request longer than this is refused; tests send far less.
const REQUEST_BYTES_MAX: usize = 64 * 1024 * 1024;

/// The first byte of a client that wants TLS.
const TLS_HANDSHAKE: u8 = 22;

/// A connection of the mock, plain or in TLS.
pub(crate) trait Connection: AsyncRead + AsyncWrite + Unpin + Send {
    /// Closing sends a reset instead of an end.
    fn close_with_reset(&self) -> io::Result<()>;
}

impl Connection for TcpStream {
    fn close_with_reset(&self) -> io::Result<()> {
        self.set_zero_linger()
    }
}

impl Connection for TlsStream<TcpStream> {
    fn close_with_reset(&self) -> io::Result<()> {
        self.get_ref().0.set_zero_linger()
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Request {
    pub method: String,
    /// With the query.
    pub path: String,
    /// Names in lower case, in the order received.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Request {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(found, _)| found == name)
            .map(|(_, value)| value.as_str())
    }
}

/// Reads one request; `None` if the peer closes without sending any.
pub(crate) async fn read_request(stream: &mut impl Connection) -> io::Result<Option<Request>> {
    let mut buffer = Vec::new();
    let head_end = loop {
        if let Some(at) = find(&buffer, b"\r\n\r\n") {
            break at;
        }
        if buffer.first() == Some(&TLS_HANDSHAKE) {
            stream.write_all(b"HTTP/1.1 400 Bad Request\r\nconnection: close\r\n\r\n").await?;
            return Ok(None);
        }
        if !read_more(stream, &mut buffer).await? {
            return if buffer.is_empty() {
                Ok(None)
            } else {
                Err(io::ErrorKind::UnexpectedEof.into())
            };
        }
    };
    let mut request = parse_head(&buffer[..head_end]).ok_or(io::ErrorKind::InvalidData)?;
    let mut rest = buffer.split_off(head_end + 4);
    if request.header("expect").is_some() {
        stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").await?;
    }
    request.body = if request
        .header("transfer-encoding")
        .is_some_and(|value| value.eq_ignore_ascii_case("chunked"))
    {
        loop {
            if let Some(body) = unchunk(&rest) {
                break body;
            }
            more_or_eof(stream, &mut rest).await?;
        }
    } else {
        let length = request.header("content-length").and_then(|value| value.parse().ok()).unwrap_or(0);
        while rest.len() < length {
            more_or_eof(stream, &mut rest).await?;
        }
        rest.truncate(length);
        rest
    };
    Ok(Some(request))
}

async fn more_or_eof(stream: &mut impl Connection, buffer: &mut Vec<u8>) -> io::Result<()> {
    if read_more(stream, buffer).await? {
        Ok(())
    } else {
        Err(io::ErrorKind::UnexpectedEof.into())
    }
}

async fn read_more(stream: &mut impl Connection, buffer: &mut Vec<u8>) -> io::Result<bool> {
    if buffer.len() > REQUEST_BYTES_MAX {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    Ok(stream.read_buf(buffer).await? > 0)
}

fn parse_head(head: &[u8]) -> Option<Request> {
    let head = std::str::from_utf8(head).ok()?;
    let mut lines = head.split("\r\n");
    let mut first = lines.next()?.split(' ');
    let (method, path) = (first.next()?.to_owned(), first.next()?.to_owned());
    let headers = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    Some(Request {
        method,
        path,
        headers,
        body: Vec::new(),
    })
}

/// The body of a chunked request once it is there as a whole.
fn unchunk(mut raw: &[u8]) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let line_end = find(raw, b"\r\n")?;
        let size = usize::from_str_radix(std::str::from_utf8(&raw[..line_end]).ok()?.split(';').next()?.trim(), 16).ok()?;
        raw = &raw[line_end + 2..];
        if size == 0 {
            return find(raw, b"\r\n").map(|_| body);
        }
        body.extend_from_slice(raw.get(..size)?);
        raw = raw.get(size + 2..)?;
    }
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}

/// Plays `answer`. An error means that the client went away before the end.
pub(crate) async fn play(stream: &mut impl Connection, answer: &Answer) -> io::Result<()> {
    while_connected(stream, pass(answer.before_head.as_ref())).await?;
    let (at, how) = answer.cut.map_or((None, CutHow::Clean), |cut| (Some(cut.at), cut.how));
    if at != Some(CutAt::BeforeHead) {
        write_head(stream, answer).await?;
        write_body(stream, answer, at).await?;
    }
    if at.is_none() {
        follow(stream, answer).await?;
    }
    match how {
        CutHow::Clean => stream.write_all(b"0\r\n\r\n").await?,
        CutHow::Drop => {}
        // Closing with a linger time of zero sends a reset; everything written before has left by then.
        CutHow::Reset => return stream.close_with_reset(),
    }
    stream.shutdown().await
}

async fn write_head(stream: &mut impl Connection, answer: &Answer) -> io::Result<()> {
    let mut head = format!("HTTP/1.1 {} {}\r\nconnection: close\r\n", answer.status, reason(answer.status));
    head.push_str("transfer-encoding: chunked\r\n");
    for (name, value) in &answer.headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str("\r\n");
    stream.write_all(head.as_bytes()).await
}

pub(crate) fn reason(status: u16) -> &'static str {
    let known = StatusCode::from_u16(status).ok();
    known.and_then(|status| status.canonical_reason()).unwrap_or("Status")
}

async fn write_body(stream: &mut impl Connection, answer: &Answer, cut: Option<CutAt>) -> io::Result<()> {
    let (events_max, mut bytes_left) = match cut {
        Some(CutAt::Events(count)) => (count, usize::MAX),
        Some(CutAt::Bytes(count)) => (usize::MAX, count),
        Some(CutAt::BeforeHead) | None => (usize::MAX, usize::MAX),
    };
    let pieces = match &answer.body {
        Body::Events(events) => events.as_slice(),
        Body::Plain(bytes) => std::slice::from_ref(bytes),
    };
    for (index, piece) in pieces.iter().enumerate().take(events_max) {
        for (_, gate) in answer.before_event.iter().filter(|(at, _)| *at == index) {
            while_connected(stream, gate.pass()).await?;
        }
        if index > 0 && !answer.between_events.is_zero() {
            while_connected(stream, tokio::time::sleep(answer.between_events)).await?;
        }
        let piece = &piece[..piece.len().min(bytes_left)];
        write_piece(stream, piece).await?;
        bytes_left -= piece.len();
        if bytes_left == 0 {
            return Ok(());
        }
    }
    Ok(())
}

/// What comes behind the body; only the client can end it.
async fn follow(stream: &mut impl Connection, answer: &Answer) -> io::Result<()> {
    match &answer.then {
        Then::End => Ok(()),
        Then::Stall => while_connected(stream, std::future::pending()).await,
        Then::Repeat { piece, every } => loop {
            write_piece(stream, piece).await?;
            if !every.is_zero() {
                while_connected(stream, tokio::time::sleep(*every)).await?;
            }
        },
    }
}

async fn write_piece(stream: &mut impl Connection, piece: &[u8]) -> io::Result<()> {
    if piece.is_empty() {
        return Ok(());
    }
    let mut chunk = format!("{:x}\r\n", piece.len()).into_bytes();
    chunk.extend_from_slice(piece);
    chunk.extend_from_slice(b"\r\n");
    stream.write_all(&chunk).await
}

pub(crate) async fn pass(gate: Option<&Gate>) {
    if let Some(gate) = gate {
        gate.pass().await;
    }
}

/// Waits for `wait`, or fails as soon as the client closes its side.
async fn while_connected(stream: &mut impl Connection, wait: impl Future<Output = ()>) -> io::Result<()> {
    let mut byte = [0];
    tokio::select! {
        biased;
        () = wait => Ok(()),
        read = stream.read(&mut byte) => match read? {
            0 => Err(io::ErrorKind::ConnectionAborted.into()),
            _ => Err(io::ErrorKind::InvalidData.into()),
        },
    }
}
