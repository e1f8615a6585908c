//! What waits for a peer to read it.
//!
//! The sender never waits. Deltas are merged with a delta of the same item at the end of the queue and dropped when [`DELTAS_MAX`] already
//! wait. Everything else is kept; when [`MESSAGES_MAX`] wait for [`PATIENCE`] (or [`MESSAGES_HARD_MAX`] at any time) the peer is given up.
//! [`Queue`] decides and is pure; [`Outbox`] adds waking up.

use crate::connection::PeerGone;
use codex_protocol::notifications::Notification;
use codex_protocol::questions::ServerRequest;
use codex_protocol::requests::{RequestError, RequestId};
use serde_json::Value;
use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Messages other than deltas that may wait for long.
pub const MESSAGES_MAX: usize = 4096;
/// Messages other than deltas that may wait at all: a burst within [`PATIENCE`].
pub const MESSAGES_HARD_MAX: usize = 4 * MESSAGES_MAX;
/// How long the queue may stay at [`MESSAGES_MAX`] before the peer is disconnected.
pub const PATIENCE: Duration = Duration::from_secs(10);
/// Deltas that may wait; more are dropped.
pub const DELTAS_MAX: usize = 1024;
/// A merged delta grows no further than this.
pub const DELTA_BYTES_MAX: usize = 64 * 1024;

/// One message from the server to a client.
#[derive(Debug, Clone, PartialEq)]
pub enum Outgoing {
    Notification {
        notification: Notification,
        emitted_at_ms: Option<i64>,
    },
    Request {
        id: RequestId,
        request: ServerRequest,
    },
    Reply {
        id: RequestId,
        result: Result<Value, RequestError>,
    },
}

impl Outgoing {
    const fn is_delta(&self) -> bool {
        match self {
            Self::Notification { notification, .. } => notification.is_delta(),
            Self::Request { .. } | Self::Reply { .. } => false,
        }
    }
}

/// What became of a pushed message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pushed {
    Stored,
    Merged,
    /// A delta that nobody would have read in time.
    Dropped,
    /// The peer cannot keep up; the text says by how much.
    Overflow(String),
}

/// The queue and its rules.
#[derive(Debug, Default)]
pub struct Queue {
    waiting: VecDeque<Outgoing>,
    deltas: usize,
    full_since: Option<Instant>,
}

impl Queue {
    pub fn push(&mut self, message: Outgoing, now: Instant) -> Pushed {
        if message.is_delta() {
            self.push_delta(message)
        } else {
            self.push_kept(message, now)
        }
    }

    fn push_delta(&mut self, message: Outgoing) -> Pushed {
        let message = match self.waiting.back_mut() {
            Some(last) => match merge(last, message) {
                None => return Pushed::Merged,
                Some(message) => message,
            },
            None => message,
        };
        if self.deltas >= DELTAS_MAX {
            return Pushed::Dropped;
        }
        self.deltas += 1;
        self.waiting.push_back(message);
        Pushed::Stored
    }

    fn push_kept(&mut self, message: Outgoing, now: Instant) -> Pushed {
        let kept = self.waiting.len() - self.deltas;
        if kept >= MESSAGES_MAX {
            let since = *self.full_since.get_or_insert(now);
            let full_for = now.saturating_duration_since(since);
            if full_for >= PATIENCE || kept >= MESSAGES_HARD_MAX {
                return Pushed::Overflow(format!("{kept} messages were not read for {} s", full_for.as_secs()));
            }
        }
        self.waiting.push_back(message);
        Pushed::Stored
    }

    pub fn pop(&mut self) -> Option<Outgoing> {
        let message = self.waiting.pop_front()?;
        if message.is_delta() {
            self.deltas -= 1;
        }
        if self.waiting.len() - self.deltas < MESSAGES_MAX {
            self.full_since = None;
        }
        Some(message)
    }
}

/// Adds a delta to the one before it, if both belong to the same item; gives it back otherwise.
fn merge(last: &mut Outgoing, next: Outgoing) -> Option<Outgoing> {
    let (Outgoing::Notification { notification: before, .. }, Outgoing::Notification { notification: after, .. }) = (last, &next) else {
        return Some(next);
    };
    match (before, after) {
        (Notification::AgentMessageDelta(a), Notification::AgentMessageDelta(b))
        | (Notification::CommandExecutionOutputDelta(a), Notification::CommandExecutionOutputDelta(b))
            if a.item_id == b.item_id && a.thread_id == b.thread_id && a.delta.len() + b.delta.len() <= DELTA_BYTES_MAX =>
        {
            a.delta.push_str(&b.delta);
            None
        }
        (Notification::ReasoningSummaryTextDelta(a), Notification::ReasoningSummaryTextDelta(b))
            if a.item_id == b.item_id
                && a.thread_id == b.thread_id
                && a.summary_index == b.summary_index
                && a.delta.len() + b.delta.len() <= DELTA_BYTES_MAX =>
        {
            a.delta.push_str(&b.delta);
            None
        }
        // The last word about what a turn waits for replaces the one before.
        (Notification::TurnWaiting(a), Notification::TurnWaiting(b)) if a.thread_id == b.thread_id => {
            *a = b.clone();
            None
        }
        _ => Some(next),
    }
}

/// A [`Queue`] with one reader that can wait, and an end.
#[derive(Debug, Default)]
pub struct Outbox {
    queue: Mutex<Queue>,
    wake: Notify,
    gone: CancellationToken,
    reason: Mutex<Option<String>>,
    unread: std::sync::atomic::AtomicBool,
}

impl Outbox {
    /// # Errors
    /// If the peer is gone, or just proved too slow and is gone now.
    pub fn push(&self, message: Outgoing) -> Result<(), PeerGone> {
        if self.gone.is_cancelled() {
            return Err(self.peer_gone());
        }
        if self.unread.load(std::sync::atomic::Ordering::Relaxed) {
            return Ok(());
        }
        let pushed = locked(&self.queue).push(message, Instant::now());
        match pushed {
            Pushed::Overflow(reason) => {
                self.close(&reason);
                Err(self.peer_gone())
            }
            Pushed::Stored => {
                self.wake.notify_one();
                Ok(())
            }
            Pushed::Merged | Pushed::Dropped => Ok(()),
        }
    }

    /// The next message; `None` once the connection is closed and everything sent before has been read. For one reader.
    pub async fn pop(&self) -> Option<Outgoing> {
        loop {
            if let Some(message) = locked(&self.queue).pop() {
                return Some(message);
            }
            if self.gone.is_cancelled() {
                return None;
            }
            tokio::select! {
                () = self.wake.notified() => {}
                () = self.gone.cancelled() => {}
            }
        }
    }

    /// Ends the connection in both directions. The first reason stays.
    pub fn close(&self, reason: &str) {
        locked(&self.reason).get_or_insert_with(|| reason.to_owned());
        self.gone.cancel();
    }

    /// The reader is not interested any more, but the connection goes on.
    pub fn forget(&self) {
        self.unread.store(true, std::sync::atomic::Ordering::Relaxed);
        *locked(&self.queue) = Queue::default();
    }

    pub const fn gone(&self) -> &CancellationToken {
        &self.gone
    }

    pub fn peer_gone(&self) -> PeerGone {
        PeerGone {
            reason: locked(&self.reason).clone().unwrap_or_else(|| "connection closed".to_owned()),
        }
    }
}

/// A panic elsewhere leaves plain data behind, which stays usable.
pub(crate) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
