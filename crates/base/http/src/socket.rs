//! Websockets: opened through the same clients as everything else, so proxies, certificates and limits are the same.
//!
//! In: a [`Post`] without a body. Out: a [`WebSocket`], or the server's answer if it does not want to speak that way. Text messages only;
//! pings are answered while somebody reads. Compression is not offered: the library has none, and answers are small pieces of text.

use crate::client::{HttpClient, HttpError, HttpResponse, Post, without};
use codex_base::Secret;
use futures_util::{SinkExt, StreamExt};
use reqwest::Upgraded;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::error::CapacityError;
use tokio_tungstenite::tungstenite::handshake::client::generate_key;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message};

/// What came of asking.
pub enum Opened {
    Socket(Box<WebSocket>),
    /// The server's answer in HTTP, whatever its status.
    Refused(HttpResponse),
}

/// An open connection. Dropping it closes it.
pub struct WebSocket {
    stream: WebSocketStream<Upgraded>,
    headers: Vec<(String, String)>,
    shown_url: String,
    secrets: Vec<Secret>,
}

/// Why a socket is of no use any more.
#[derive(Debug, thiserror::Error)]
pub enum SocketError {
    #[error("a message is over {limit} bytes")]
    TooLarge { limit: usize },
    /// It said good-bye; the reason may be empty.
    #[error("closed by the server{}{}{reason}", code.map(|code| format!(" with code {code}")).unwrap_or_default(), if reason.is_empty() { "" } else { ": " })]
    Closed { code: Option<u16>, reason: String },
    #[error("the connection was cut")]
    Cut,
    #[error("the connection broke: {0}")]
    Broken(String),
}

impl HttpClient {
    /// Asks for a websocket. The caller limits the wait; dropping the future closes the connection.
    ///
    /// # Errors
    /// As for [`HttpClient::post`]; a server that switches to something else counts as broken.
    pub async fn websocket(&self, mut request: Post, message_bytes_max: usize) -> Result<Opened, HttpError> {
        let key = generate_key();
        let handshake = [
            ("connection", "Upgrade"),
            ("upgrade", "websocket"),
            ("sec-websocket-version", "13"),
            ("sec-websocket-key", &key),
        ];
        request
            .headers
            .extend(handshake.map(|(name, value)| (name.to_owned(), value.to_owned())));
        let response = self.get(request).await?;
        if response.status() != 101 {
            return Ok(Opened::Refused(response));
        }
        let accepted = response.header("sec-websocket-accept") == Some(&derive_accept_key(key.as_bytes()));
        let headers = response
            .headers()
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        let (shown_url, secrets) = (response.url().to_owned(), response.secrets().to_vec());
        let upgraded = response.switched().await?;
        if !accepted {
            return Err(HttpError::Setup {
                problem: "the server switched to something that is no websocket".to_owned(),
            });
        }
        let config = WebSocketConfig::default()
            .max_message_size(Some(message_bytes_max))
            .max_frame_size(Some(message_bytes_max));
        Ok(Opened::Socket(Box::new(WebSocket {
            stream: WebSocketStream::from_raw_socket(upgraded, Role::Client, Some(config)).await,
            headers,
            shown_url,
            secrets,
        })))
    }
}

impl WebSocket {
    /// Headers of the server's answer, names in lower case.
    pub fn headers(&self) -> &[(String, String)] {
        &self.headers
    }

    /// Where the socket leads, without user, password and query.
    pub fn url(&self) -> &str {
        &self.shown_url
    }

    /// The text with `[secret]` for every key that the handshake carried.
    pub fn without_secrets(&self, text: &str) -> String {
        without(&self.secrets, text)
    }

    /// # Errors
    /// If the connection is gone.
    pub async fn send(&mut self, text: String) -> Result<(), SocketError> {
        self.stream.send(Message::text(text)).await.map_err(|error| said(&error))
    }

    /// The next text. Cancelling the wait loses nothing.
    ///
    /// # Errors
    /// If the connection is gone or a message is too large.
    pub async fn receive(&mut self) -> Result<String, SocketError> {
        loop {
            return match self.stream.next().await {
                None => Err(SocketError::Cut),
                Some(Err(error)) => Err(said(&error)),
                Some(Ok(Message::Text(text))) => Ok(text.as_str().to_owned()),
                Some(Ok(Message::Close(frame))) => Err(SocketError::Closed {
                    code: frame.as_ref().map(|frame| frame.code.into()),
                    reason: frame
                        .map(|frame| frame.reason.chars().filter(|c| !c.is_control()).take(200).collect())
                        .unwrap_or_default(),
                }),
                // Pings are answered by the library; nothing else has a meaning here.
                Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Binary(_) | Message::Frame(_))) => continue,
            };
        }
    }
}

fn said(error: &Error) -> SocketError {
    match error {
        Error::Capacity(CapacityError::MessageTooLong { max_size, .. }) => SocketError::TooLarge { limit: *max_size },
        Error::ConnectionClosed | Error::AlreadyClosed => SocketError::Cut,
        other => SocketError::Broken(other.to_string()),
    }
}
