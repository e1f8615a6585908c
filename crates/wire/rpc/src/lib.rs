//! How protocol messages travel: framing, correlation, transports, the typed client.
//!
//! ```text
//!  Client ──requests, answers──▶  Connection  (the server's end: `next()` gives `Incoming`)
//!  Events ◀──notifications,────   ServerHandle (cloned freely: `reply`, `notify`, `ask`; never waits)
//!           questions
//! ```
//!
//! [`in_process`] joins the two by memory, [`serve_lines`] puts the server's end on a pair of byte streams (one JSON object per line, no
//! `jsonrpc` member), [`connect_lines`] does the same for a client. The messages are the same everywhere; with [`Wire::Serialised`] the
//! in-process pair writes every message as JSON text and parses it again, so tests see what a socket would carry.
//!
//! A peer that does not read is never waited for: deltas are merged or dropped, everything else is kept up to a limit, and beyond that the
//! peer is disconnected with a reason (see [`outbox`]). For a client in the same process, what makes the messages waits instead
//! ([`ServerHandle::room`]).

pub mod client;
pub mod connection;
mod failure;
pub mod lines;
pub mod lookup;
pub mod message;
pub mod outbox;

pub use client::{CallError, Client, Events, ServerMessage};
pub use connection::{Connection, Incoming, PeerGone, ServerHandle};
pub use failure::Failure;
pub use lines::{connect_lines, serve_lines};
pub use message::{Malformed, Message};

use std::sync::Arc;

/// How messages pass between two ends in one process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wire {
    /// Typed values are handed over.
    Direct,
    /// Every message is written as JSON text and parsed again.
    Serialised,
}

/// Joins a client and a server by memory. `buffer` is how many of the client's messages may wait for the server before a sender waits.
pub fn in_process(buffer: usize, wire: Wire) -> (Client, Events, Connection) {
    let (to_server, inbox) = tokio::sync::mpsc::channel(buffer.max(1));
    let outbox = Arc::new(outbox::Outbox::default());
    let (client, events) = client::pair(client::ToServer::Memory { inbox: to_server, wire }, Arc::clone(&outbox));
    let handle = ServerHandle::in_process(outbox, client.pending(), wire);
    (client, events, Connection::new(handle, inbox))
}

#[cfg(test)]
mod connection_tests;
