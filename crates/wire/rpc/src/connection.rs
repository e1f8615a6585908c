//! The server's end of a connection.

use crate::Wire;
use crate::client::Pending;
use crate::message::{self, Malformed, Message};
use crate::outbox::{Outbox, Outgoing};
use codex_base::Clock;
use codex_protocol::notifications::Notification;
use codex_protocol::questions::ServerRequest;
use codex_protocol::requests::{ClientRequest, RequestError, RequestId};
use serde::Serialize;
use serde_json::Value;
use std::sync::Arc;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// What a client sent.
#[derive(Debug, Clone, PartialEq)]
pub enum Incoming {
    Request(RequestId, ClientRequest),
    /// `initialized` is the only one clients send.
    Notification {
        method: String,
        params: Option<Value>,
    },
    /// The answer to a question that was put with [`ServerHandle::ask`].
    Answer {
        id: RequestId,
        result: Result<Value, RequestError>,
    },
    /// For the log only: where an answer was due, it has been given.
    Malformed(Malformed),
    /// The last one; comes again if asked again.
    Closed {
        reason: String,
    },
}

/// The other side is not there any more.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("peer is gone: {reason}")]
pub struct PeerGone {
    pub reason: String,
}

/// Receives what one client sends. Dropping it ends the connection.
#[derive(Debug)]
pub struct Connection {
    handle: ServerHandle,
    inbox: mpsc::Receiver<Incoming>,
}

impl Connection {
    pub(crate) const fn new(handle: ServerHandle, inbox: mpsc::Receiver<Incoming>) -> Self {
        Self { handle, inbox }
    }

    /// For sending; may be cloned and kept for as long as wanted.
    pub fn handle(&self) -> ServerHandle {
        self.handle.clone()
    }

    /// The next message, in the order sent; [`Incoming::Closed`] from the end on.
    pub async fn next(&mut self) -> Incoming {
        let gone = self.handle.outbox.gone().clone();
        tokio::select! {
            biased;
            () = gone.cancelled() => self.closed(),
            incoming = self.inbox.recv() => incoming.unwrap_or_else(|| {
                self.handle.outbox.close("client closed the connection");
                self.closed()
            }),
        }
    }

    fn closed(&self) -> Incoming {
        Incoming::Closed {
            reason: self.handle.outbox.peer_gone().reason,
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.handle.outbox.close("server closed the connection");
    }
}

/// Sends to one client. Never waits: see [`crate::outbox`] for what happens to a slow one.
#[derive(Clone)]
pub struct ServerHandle {
    outbox: Arc<Outbox>,
    route: Route,
}

#[derive(Clone)]
enum Route {
    /// Replies go straight to the caller that waits for them, the rest into the queue its `Events` read.
    Memory { pending: Arc<Pending>, wire: Wire },
    /// Everything goes into the queue a writer task drains.
    Stream { clock: Arc<dyn Clock> },
}

impl std::fmt::Debug for ServerHandle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ServerHandle")
            .field("gone", &self.outbox.gone().is_cancelled())
            .finish_non_exhaustive()
    }
}

impl ServerHandle {
    pub(crate) const fn in_process(outbox: Arc<Outbox>, pending: Arc<Pending>, wire: Wire) -> Self {
        Self {
            outbox,
            route: Route::Memory { pending, wire },
        }
    }

    pub(crate) const fn stream(outbox: Arc<Outbox>, clock: Arc<dyn Clock>) -> Self {
        Self {
            outbox,
            route: Route::Stream { clock },
        }
    }

    /// Answers a request.
    ///
    /// # Errors
    /// If the client is gone. Most callers have nothing to do then.
    pub fn reply<T: Serialize>(&self, id: RequestId, result: Result<T, RequestError>) -> Result<(), PeerGone> {
        let result = result.and_then(|result| serde_json::to_value(result).map_err(|error| Malformed::unserialisable(error).error));
        self.send(Outgoing::Reply { id, result })
    }

    /// # Errors
    /// If the client is gone.
    pub fn notify(&self, notification: Notification) -> Result<(), PeerGone> {
        let emitted_at_ms = match &self.route {
            Route::Memory { .. } => None,
            Route::Stream { clock } => Some(clock.now().as_millisecond()),
        };
        self.send(Outgoing::Notification {
            notification,
            emitted_at_ms,
        })
    }

    /// Puts a question; its answer comes as [`Incoming::Answer`] with the same id.
    ///
    /// # Errors
    /// If the client is gone.
    pub fn ask(&self, id: RequestId, request: ServerRequest) -> Result<(), PeerGone> {
        self.send(Outgoing::Request { id, request })
    }

    /// `None` if there is room for more, else a wait for it. A client in this process is worth waiting for: it may itself wait for whoever
    /// reads its output. No other peer is.
    pub fn room(&self) -> Option<impl Future<Output = ()> + Send + 'static> {
        let in_process = matches!(self.route, Route::Memory { .. });
        (in_process && !self.outbox.has_room()).then(|| {
            let outbox = Arc::clone(&self.outbox);
            async move { outbox.room().await }
        })
    }

    /// Ends the connection; what was sent before can still be read.
    pub fn close(&self, reason: &str) {
        self.outbox.close(reason);
    }

    /// Resolves when the connection has ended.
    pub fn gone(&self) -> &CancellationToken {
        self.outbox.gone()
    }

    fn send(&self, message: Outgoing) -> Result<(), PeerGone> {
        let Route::Memory { pending, wire } = &self.route else {
            return self.outbox.push(message);
        };
        match through(*wire, message) {
            Ok(Outgoing::Reply { id, result }) => {
                pending.resolve(&id, result);
                if self.outbox.gone().is_cancelled() {
                    Err(self.outbox.peer_gone())
                } else {
                    Ok(())
                }
            }
            Ok(message) => self.outbox.push(message),
            Err(malformed) => {
                self.outbox.close(&format!("message cannot be carried: {malformed}"));
                Err(self.outbox.peer_gone())
            }
        }
    }
}

/// The message as the client receives it.
fn through(wire: Wire, message: Outgoing) -> Result<Outgoing, Malformed> {
    match wire {
        Wire::Direct => Ok(message),
        Wire::Serialised => decode(Message::parse(&serde_json::to_vec(&message).map_err(Malformed::unserialisable)?)?),
    }
}

/// Envelope to typed, at the client's end.
pub(crate) fn decode(message: Message) -> Result<Outgoing, Malformed> {
    Ok(match message {
        Message::Notification {
            method,
            params,
            emitted_at_ms,
        } => Outgoing::Notification {
            notification: message::server_notification(&method, params)?,
            emitted_at_ms,
        },
        Message::Request { id, method, params } => {
            let request = message::server_request(&id, &method, params)?;
            Outgoing::Request { id, request }
        }
        Message::Response { id, result } => Outgoing::Reply { id, result: Ok(result) },
        Message::Error { id, error } => Outgoing::Reply { id, result: Err(error) },
    })
}

/// Envelope to typed, at the server's end.
pub(crate) fn incoming(message: Message) -> Result<Incoming, Malformed> {
    Ok(match message {
        Message::Request { id, method, params } => {
            let request = message::client_request(&id, &method, params)?;
            Incoming::Request(id, request)
        }
        Message::Notification { method, params, .. } => Incoming::Notification { method, params },
        Message::Response { id, result } => Incoming::Answer { id, result: Ok(result) },
        Message::Error { id, error } => Incoming::Answer { id, result: Err(error) },
    })
}
