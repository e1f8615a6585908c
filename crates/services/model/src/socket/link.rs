//! One open websocket and the task that owns it: sends one request at a time, hands on what comes back, answers pings in between.
//!
//! The socket closes as soon as the [`Link`] is dropped, also in the middle of an answer.

use codex_http::{SocketError, WebSocket};
use tokio::sync::mpsc;

/// Messages that may wait for a slow reader.
const WAITING_MAX: usize = 64;

pub(crate) struct Link {
    orders: mpsc::Sender<Order>,
    url: String,
}

struct Order {
    text: String,
    replies: mpsc::Sender<Reply>,
}

pub(crate) enum Reply {
    Text(String),
    /// The last one: one message was larger than it may be.
    TooLarge {
        limit: usize,
    },
    /// The last one: why there is no connection any more.
    Ended(String),
}

impl Link {
    /// Starts the task.
    pub(crate) fn new(socket: Box<WebSocket>) -> Self {
        let (orders, inbox) = mpsc::channel(1);
        let url = socket.url().to_owned();
        tokio::spawn(drive(socket, inbox));
        Self { orders, url }
    }

    pub(crate) fn is_open(&self) -> bool {
        !self.orders.is_closed()
    }

    /// Without query and keys.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Sends a request; what follows is its answer. `None` if the connection is gone.
    pub(crate) fn ask(&self, text: String) -> Option<mpsc::Receiver<Reply>> {
        let (replies, receiver) = mpsc::channel(WAITING_MAX);
        self.orders.try_send(Order { text, replies }).ok()?;
        Some(receiver)
    }
}

async fn drive(mut socket: Box<WebSocket>, mut orders: mpsc::Receiver<Order>) {
    let mut reader: Option<mpsc::Sender<Reply>> = None;
    loop {
        tokio::select! {
            order = orders.recv() => {
                let Some(Order { text, replies }) = order else { return };
                let sent = tokio::select! {
                    sent = socket.send(text) => sent,
                    // Whoever asked has given up, and half a message is no start for another one.
                    () = replies.closed() => return,
                };
                if let Err(problem) = sent {
                    tell(Some(&replies), ended(&socket, &problem)).await;
                    return;
                }
                reader = Some(replies);
            }
            received = socket.receive() => {
                let (reply, over) = match received {
                    Ok(text) => (Reply::Text(text), false),
                    Err(problem) => (ended(&socket, &problem), true),
                };
                tell(reader.as_ref(), reply).await;
                if over {
                    return;
                }
            }
        }
    }
}

/// Waits for a slow reader; one that is gone has its answer.
async fn tell(reader: Option<&mpsc::Sender<Reply>>, reply: Reply) {
    if let Some(reader) = reader {
        let _ = reader.send(reply).await;
    }
}

fn ended(socket: &WebSocket, problem: &SocketError) -> Reply {
    let why = match problem {
        SocketError::TooLarge { limit } => return Reply::TooLarge { limit: *limit },
        SocketError::Closed { .. } => format!("websocket {problem}"),
        SocketError::Cut | SocketError::Broken(_) => format!("websocket: {problem}"),
    };
    Reply::Ended(socket.without_secrets(&why))
}
