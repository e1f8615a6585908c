//! A connection as a subscriber of threads.

use codex_engine::{CaughtUp, Subscriber};
use codex_protocol::notifications::Notification;
use codex_protocol::questions::ServerRequest;
use codex_protocol::requests::RequestId;
use codex_rpc::ServerHandle;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The initialized connections of a server. What becomes of stored threads concerns all of them: each may show a list.
#[derive(Default)]
pub struct Everyone(Mutex<BTreeMap<u64, Arc<ConnectionSubscriber>>>);

impl Everyone {
    pub fn join(&self, subscriber: Arc<ConnectionSubscriber>) {
        self.connections().insert(subscriber.connection, subscriber);
    }

    pub fn leave(&self, connection: u64) {
        self.connections().remove(&connection);
    }

    pub fn tell(&self, notification: &Notification) {
        for subscriber in self.connections().values() {
            subscriber.notify(notification);
        }
    }

    fn connections(&self) -> MutexGuard<'_, BTreeMap<u64, Arc<ConnectionSubscriber>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Passes on what threads say, and remembers what was asked.
pub struct ConnectionSubscriber {
    connection: u64,
    handle: ServerHandle,
    /// Written by thread tasks, read by the connection's; held for a moment at a time.
    asked: Mutex<HashMap<RequestId, ServerRequest>>,
    /// Methods that the client does not want to hear of; set once by `initialize`.
    muted: Mutex<HashSet<String>>,
}

impl ConnectionSubscriber {
    pub fn new(connection: u64, handle: ServerHandle) -> Self {
        Self {
            connection,
            handle,
            asked: Mutex::default(),
            muted: Mutex::default(),
        }
    }

    pub fn mute(&self, methods: Vec<String>) {
        self.muted.lock().unwrap_or_else(PoisonError::into_inner).extend(methods);
    }

    /// The question of this id, once.
    pub fn take_question(&self, request_id: &RequestId) -> Option<ServerRequest> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).remove(request_id)
    }

    fn is_muted(&self, notification: &Notification) -> bool {
        let muted = self.muted.lock().unwrap_or_else(PoisonError::into_inner);
        if muted.is_empty() {
            return false;
        }
        let method = codex_rpc::message::method_and_params(notification).map(|(method, _)| method);
        method.is_ok_and(|method| muted.contains(&method))
    }
}

impl Subscriber for ConnectionSubscriber {
    fn connection(&self) -> u64 {
        self.connection
    }

    fn notify(&self, notification: &Notification) {
        if let Notification::ServerRequestResolved(resolved) = notification {
            self.take_question(&resolved.request_id);
        }
        if !self.is_muted(notification) {
            // A peer that is gone is noticed by its connection's task.
            drop(self.handle.notify(notification.clone()));
        }
    }

    fn caught_up(&self) -> Option<CaughtUp> {
        self.handle.room().map(|room| -> CaughtUp { Box::pin(room) })
    }

    fn ask(&self, request_id: &RequestId, request: &ServerRequest) {
        self.asked
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(request_id.clone(), request.clone());
        drop(self.handle.ask(request_id.clone(), request.clone()));
    }
}
