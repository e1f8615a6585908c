//! The client's end of a connection: typed calls, answers to questions, and one ordered stream of events.

use crate::Wire;
use crate::connection::{Incoming, PeerGone, incoming};
use crate::message::{self, Malformed, Message};
use crate::outbox::{Outbox, Outgoing, locked};
use codex_protocol::VERSION;
use codex_protocol::notifications::Notification;
use codex_protocol::questions::ServerRequest;
use codex_protocol::requests::{ClientInfo, ClientRequest, Initialize, InitializeParams, Method, RequestError, RequestId};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use tokio::sync::{mpsc, oneshot};

/// Why a call has no result.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    #[error(transparent)]
    Rejected(RequestError),
    #[error(transparent)]
    PeerGone(#[from] PeerGone),
}

/// What the server says by itself, in the order it said it.
#[derive(Debug, Clone, PartialEq)]
pub enum ServerMessage {
    Notification(Notification),
    /// A question: answer it with [`Client::respond`] or [`Client::respond_error`].
    Request {
        id: RequestId,
        request: ServerRequest,
    },
}

/// Calls the server. Clones share the connection; it ends when the last clone and the [`Events`] are dropped.
#[derive(Debug, Clone)]
pub struct Client {
    to_server: ToServer,
    shared: Arc<Shared>,
}

/// Receives what the server says by itself. Dropping it alone keeps the connection.
#[derive(Debug)]
pub struct Events {
    /// Keeps the connection up while somebody listens.
    _to_server: ToServer,
    outbox: Arc<Outbox>,
}

#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) outbox: Arc<Outbox>,
    pending: Arc<Pending>,
    last_id: AtomicI64,
}

/// How this end's messages leave.
#[derive(Debug, Clone)]
pub(crate) enum ToServer {
    Memory { inbox: mpsc::Sender<Incoming>, wire: Wire },
    Stream(mpsc::Sender<Message>),
}

pub(crate) fn pair(to_server: ToServer, outbox: Arc<Outbox>) -> (Client, Events) {
    let shared = Shared {
        outbox: Arc::clone(&outbox),
        pending: Arc::default(),
        last_id: AtomicI64::new(0),
    };
    (
        Client {
            to_server: to_server.clone(),
            shared: Arc::new(shared),
        },
        Events {
            _to_server: to_server,
            outbox,
        },
    )
}

impl Client {
    /// Sends a request and waits for its result.
    ///
    /// # Errors
    /// If the server rejects it, or the connection ends first.
    pub async fn request<M: Method>(&self, params: M::Params) -> Result<M::Result, CallError> {
        let result = self.request_any(M::request(params)).await?;
        M::Result::deserialize(result)
            .map_err(|error| CallError::Rejected(RequestError::internal("rpc.unexpected_result", error.to_string())))
    }

    /// A request whose answer is read elsewhere.
    ///
    /// # Errors
    /// As [`Client::request`].
    pub async fn request_any(&self, request: ClientRequest) -> Result<Value, CallError> {
        let ToServer::Memory { inbox, wire: Wire::Direct } = &self.to_server else {
            let (method, params) = message::method_and_params(&request).map_err(unserialisable)?;
            return self.request_raw(&method, params).await;
        };
        let call = self.call();
        self.deliver(inbox, Incoming::Request(call.id.clone(), request)).await?;
        call.result(&self.shared.outbox).await
    }

    /// The first request of a connection, and the word that its answer was heard.
    ///
    /// # Errors
    /// As [`Client::request`].
    pub async fn introduce(&self, name: &str, title: &str) -> Result<(), CallError> {
        let client_info = ClientInfo {
            name: name.to_owned(),
            title: Some(title.to_owned()),
            version: VERSION.to_owned(),
        };
        let capabilities = None;
        self.request::<Initialize>(InitializeParams { client_info, capabilities }).await?;
        self.notify("initialized", None).await
    }

    /// A request by name, for methods and parameters outside the typed protocol.
    ///
    /// # Errors
    /// As [`Client::request`].
    pub async fn request_raw(&self, method: &str, params: Option<Value>) -> Result<Value, CallError> {
        let call = self.call();
        self.send(Message::Request {
            id: call.id.clone(),
            method: method.to_owned(),
            params,
        })
        .await?;
        call.result(&self.shared.outbox).await
    }

    /// Tells the server something, e.g. `initialized`.
    ///
    /// # Errors
    /// If the connection has ended.
    pub async fn notify(&self, method: &str, params: Option<Value>) -> Result<(), CallError> {
        self.send(Message::Notification {
            method: method.to_owned(),
            params,
            emitted_at_ms: None,
        })
        .await
    }

    /// Answers a question of the server.
    ///
    /// # Errors
    /// If the connection has ended.
    pub async fn respond<T: Serialize + Sync>(&self, id: RequestId, answer: &T) -> Result<(), CallError> {
        let result = serde_json::to_value(answer).map_err(unserialisable)?;
        self.send(Message::Response { id, result }).await
    }

    /// Refuses to answer a question of the server.
    ///
    /// # Errors
    /// If the connection has ended.
    pub async fn respond_error(&self, id: RequestId, error: RequestError) -> Result<(), CallError> {
        self.send(Message::Error { id, error }).await
    }

    pub(crate) fn pending(&self) -> Arc<Pending> {
        Arc::clone(&self.shared.pending)
    }

    pub(crate) fn shared(&self) -> Arc<Shared> {
        Arc::clone(&self.shared)
    }

    fn call(&self) -> Call {
        let id = RequestId::Integer(self.shared.last_id.fetch_add(1, Ordering::Relaxed) + 1);
        let (sender, receiver) = oneshot::channel();
        locked(&self.shared.pending.0).insert(id.clone(), sender);
        Call {
            id,
            receiver,
            pending: self.pending(),
        }
    }

    async fn send(&self, message: Message) -> Result<(), CallError> {
        match &self.to_server {
            ToServer::Stream(lines) => self.deliver(lines, message).await,
            ToServer::Memory { inbox, .. } => match reread(&message).and_then(incoming) {
                Ok(incoming) => self.deliver(inbox, incoming).await,
                Err(malformed) => {
                    if let Some(id) = &malformed.id {
                        self.shared.pending.resolve(id, Err(malformed.error.clone()));
                    }
                    self.deliver(inbox, Incoming::Malformed(malformed)).await
                }
            },
        }
    }

    async fn deliver<T>(&self, to: &mpsc::Sender<T>, message: T) -> Result<(), CallError> {
        tokio::select! {
            biased;
            () = self.shared.outbox.gone().cancelled() => Err(self.shared.outbox.peer_gone().into()),
            sent = to.send(message) => sent.map_err(|_| self.shared.outbox.peer_gone().into()),
        }
    }
}

/// As a socket would carry it.
fn reread(message: &Message) -> Result<Message, Malformed> {
    Message::parse(&serde_json::to_vec(message).map_err(Malformed::unserialisable)?)
}

fn unserialisable(error: serde_json::Error) -> CallError {
    CallError::Rejected(RequestError::invalid("rpc.unserialisable", error.to_string()))
}

impl Events {
    /// The next message; `None` when the connection has ended and everything was read.
    pub async fn next(&mut self) -> Option<ServerMessage> {
        loop {
            match self.outbox.pop().await? {
                Outgoing::Notification { notification, .. } => return Some(ServerMessage::Notification(notification)),
                Outgoing::Request { id, request } => return Some(ServerMessage::Request { id, request }),
                // Replies never enter a client's queue.
                Outgoing::Reply { .. } => {}
            }
        }
    }

    /// Why the connection ended; says `connection closed` while it has not.
    pub fn end(&self) -> PeerGone {
        self.outbox.peer_gone()
    }
}

impl Drop for Events {
    fn drop(&mut self) {
        self.outbox.forget();
    }
}

/// The calls that wait for a result.
#[derive(Debug, Default)]
pub(crate) struct Pending(Mutex<HashMap<RequestId, oneshot::Sender<Result<Value, RequestError>>>>);

impl Pending {
    /// Hands a result to the call that waits for it; a result that nobody waits for is ignored.
    pub(crate) fn resolve(&self, id: &RequestId, result: Result<Value, RequestError>) {
        let waiting = locked(&self.0).remove(id);
        if let Some(waiting) = waiting {
            // The caller may have given up meanwhile.
            let _ = waiting.send(result);
        }
    }
}

/// One call under way; forgets itself when the caller gives up.
struct Call {
    id: RequestId,
    receiver: oneshot::Receiver<Result<Value, RequestError>>,
    pending: Arc<Pending>,
}

impl Call {
    async fn result(mut self, outbox: &Outbox) -> Result<Value, CallError> {
        tokio::select! {
            biased;
            result = &mut self.receiver => match result {
                Ok(result) => result.map_err(CallError::Rejected),
                Err(_) => Err(outbox.peer_gone().into()),
            },
            () = outbox.gone().cancelled() => Err(outbox.peer_gone().into()),
        }
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        locked(&self.pending.0).remove(&self.id);
    }
}

/// Takes one message that arrived from a stream to where it belongs.
///
/// # Errors
/// If the server has sent more than is kept; see [`crate::outbox`].
pub(crate) fn arrived(client: &Shared, message: Message) -> Result<Option<Message>, PeerGone> {
    match crate::connection::decode(message) {
        Ok(Outgoing::Reply { id, result }) => {
            client.pending.resolve(&id, result);
            Ok(None)
        }
        Ok(event) => client.outbox.push(event).map(|()| None),
        Err(Malformed { id: Some(id), error }) => Ok(Some(Message::Error { id, error })),
        // A newer server may say things this client does not know.
        Err(Malformed { id: None, .. }) => Ok(None),
    }
}
