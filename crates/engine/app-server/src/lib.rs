//! Request processors and subscriptions in front of the engine.
//!
//! Input: messages of one connection. Output: replies, notifications and questions on it. It finds the thread that a request is about and
//! hands the request over; it decides no policy and keeps no conversation state.
//!
//! To add a method: its types in `protocol::requests`, its branch in [`processor`].

mod config;
mod files;
mod models;
mod processor;
mod skills;
mod store;
mod subscriber;
mod terminals;

use codex_base::AbsPath;
use codex_engine::Engine;
use codex_rpc::{Client, Connection, Events, Wire};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use subscriber::Everyone;

/// Requests of one client that may wait for the server.
const REQUESTS_WAITING: usize = 64;

/// Serves any number of connections with one engine.
#[derive(Clone)]
pub struct AppServer {
    engine: Arc<Engine>,
    facts: Arc<ServerFacts>,
    connections: Arc<AtomicU64>,
    everyone: Arc<Everyone>,
}

/// What `initialize` tells, and what relative paths count from.
#[derive(Debug, Clone)]
pub struct ServerFacts {
    pub user_agent: String,
    pub cwd: AbsPath,
}

impl AppServer {
    pub fn new(engine: Arc<Engine>, facts: ServerFacts) -> Self {
        Self {
            engine,
            facts: Arc::new(facts),
            connections: Arc::default(),
            everyone: Arc::default(),
        }
    }

    /// A client in this process, served by a task of its own until the client is dropped.
    pub fn connect_in_process(&self, wire: Wire) -> (Client, Events) {
        let (client, events, connection) = codex_rpc::in_process(REQUESTS_WAITING, wire);
        let server = self.clone();
        tokio::spawn(async move { server.serve(connection).await });
        (client, events)
    }

    /// Serves one connection until it ends. Its subscriptions end with it; threads go on.
    pub async fn serve(&self, connection: Connection) {
        let id = self.connections.fetch_add(1, Ordering::Relaxed);
        processor::Processor::new(self, id, &connection).run(connection).await;
        self.everyone.leave(id);
    }

    /// Ends all threads: turns interrupted, terminals ended, journals flushed.
    pub async fn shutdown(&self) {
        self.engine.shutdown().await;
    }
}
