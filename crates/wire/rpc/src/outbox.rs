//! What waits for a peer to read it.
//!
//! Pushing never waits. Deltas are merged with a delta of the same item at the end of the queue and dropped when [`DELTAS_MAX`] already
//! wait. Of an item that lost one no later delta is kept: what a reader has of it is a beginning, and its completion brings the whole.
//! Everything else is kept; when [`MESSAGES_MAX`] wait for [`PATIENCE`] (or [`MESSAGES_HARD_MAX`] at any time) the peer is given up. A sender that would rather be slowed down than lose its
//! peer asks [`Outbox::room`] before it makes more.
//! [`Queue`] decides and is pure; [`Outbox`] adds waking up.

use crate::connection::PeerGone;
use codex_protocol::notifications::Notification;
use codex_protocol::questions::ServerRequest;
use codex_protocol::requests::{RequestError, RequestId};
use serde::{Serialize, Serializer};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Messages other than deltas that may wait for long.
pub const MESSAGES_MAX: usize = 4096;
/// Messages other than deltas that may wait at all: a burst within [`PATIENCE`].
pub const MESSAGES_HARD_MAX: usize = 4 * MESSAGES_MAX;
/// With fewer than this there is room; what is under way when there is none any more fits below [`MESSAGES_MAX`].
pub const ROOMY_BELOW: usize = MESSAGES_MAX / 2;
/// The same of deltas, in bytes: text that waits is memory, and no reader is quicker for more of it.
pub const DELTA_BYTES_ROOMY_BELOW: usize = 1 << 20;
/// How long the queue may stay at [`MESSAGES_MAX`] before the peer is disconnected.
pub const PATIENCE: Duration = Duration::from_secs(10);
/// Deltas that may wait; more are dropped.
pub const DELTAS_MAX: usize = 4096;
/// A merged delta grows no further than this: whoever reads it does something else in between.
pub const DELTA_BYTES_MAX: usize = 16 * 1024;

/// One message from the server to a client.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Outgoing {
    Notification {
        #[serde(flatten)]
        notification: Notification,
        #[serde(rename = "emittedAtMs", skip_serializing_if = "Option::is_none")]
        emitted_at_ms: Option<i64>,
    },
    Request {
        id: RequestId,
        #[serde(flatten)]
        request: ServerRequest,
    },
    Reply {
        id: RequestId,
        #[serde(flatten, serialize_with = "result_or_error")]
        result: Result<Value, RequestError>,
    },
}

fn result_or_error<S: Serializer>(result: &Result<Value, RequestError>, serializer: S) -> Result<S::Ok, S::Error> {
    match result {
        Ok(result) => serializer.collect_map([("result", result)]),
        Err(error) => serializer.collect_map([("error", error)]),
    }
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
    /// Of text, in deltas.
    delta_bytes: usize,
    /// By thread, the items of which a delta was dropped, until they or their turn are over.
    cut: BTreeMap<String, BTreeSet<String>>,
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
        let is_cut = |piece: Piece| self.cut.get(piece.thread).is_some_and(|items| items.contains(piece.item));
        if Piece::of(&message).is_some_and(is_cut) {
            return Pushed::Dropped;
        }
        let bytes = text_bytes(&message);
        let message = match self.waiting.back_mut() {
            Some(last) => match merge(last, message) {
                None => {
                    self.delta_bytes += bytes;
                    return Pushed::Merged;
                }
                Some(message) => message,
            },
            None => message,
        };
        if self.deltas >= DELTAS_MAX {
            if let Some(piece) = Piece::of(&message) {
                self.cut.entry(piece.thread.to_owned()).or_default().insert(piece.item.to_owned());
            }
            return Pushed::Dropped;
        }
        self.deltas += 1;
        self.delta_bytes += bytes;
        self.waiting.push_back(message);
        Pushed::Stored
    }

    fn push_kept(&mut self, message: Outgoing, now: Instant) -> Pushed {
        let kept = self.kept();
        if kept >= MESSAGES_MAX {
            let since = *self.full_since.get_or_insert(now);
            let full_for = now.saturating_duration_since(since);
            if full_for >= PATIENCE || kept >= MESSAGES_HARD_MAX {
                return Pushed::Overflow(format!("{kept} messages were not read for {} s", full_for.as_secs()));
            }
        }
        if let Outgoing::Notification { notification, .. } = &message {
            self.mend(notification);
        }
        self.waiting.push_back(message);
        Pushed::Stored
    }

    /// Nothing more comes of what is over.
    fn mend(&mut self, told: &Notification) {
        match told {
            Notification::ItemCompleted(n) => {
                if let Some(items) = self.cut.get_mut(&n.thread_id) {
                    items.remove(n.item.id());
                }
            }
            Notification::TurnCompleted(n) => drop(self.cut.remove(&n.thread_id)),
            Notification::ThreadClosed(n) => drop(self.cut.remove(&n.thread_id)),
            _ => {}
        }
    }

    pub fn pop(&mut self) -> Option<Outgoing> {
        let message = self.waiting.pop_front()?;
        if message.is_delta() {
            self.deltas -= 1;
            self.delta_bytes -= text_bytes(&message);
        }
        if self.kept() < MESSAGES_MAX {
            self.full_since = None;
        }
        Some(message)
    }

    fn kept(&self) -> usize {
        self.waiting.len() - self.deltas
    }

    fn has_room(&self) -> bool {
        self.kept() < ROOMY_BELOW && self.delta_bytes < DELTA_BYTES_ROOMY_BELOW
    }
}

/// A piece of an item's text.
struct Piece<'a> {
    thread: &'a str,
    item: &'a str,
    text: &'a str,
}

impl<'a> Piece<'a> {
    /// `None` also for the last word about what a turn waits for: it is a piece of nothing.
    fn of(message: &'a Outgoing) -> Option<Self> {
        let Outgoing::Notification { notification, .. } = message else {
            return None;
        };
        let (thread, item, text) = match notification {
            Notification::AgentMessageDelta(n) | Notification::PlanDelta(n) | Notification::CommandExecutionOutputDelta(n) => {
                (&n.thread_id, &n.item_id, &n.delta)
            }
            Notification::ReasoningSummaryTextDelta(n) => (&n.thread_id, &n.item_id, &n.delta),
            _ => return None,
        };
        Some(Self { thread, item, text })
    }
}

fn text_bytes(message: &Outgoing) -> usize {
    Piece::of(message).map_or(0, |piece| piece.text.len())
}

/// Adds a delta to the one before it, if both belong to the same item; gives it back otherwise.
fn merge(last: &mut Outgoing, next: Outgoing) -> Option<Outgoing> {
    let (Outgoing::Notification { notification: before, .. }, Outgoing::Notification { notification: after, .. }) = (last, &next) else {
        return Some(next);
    };
    match (before, after) {
        (Notification::AgentMessageDelta(a), Notification::AgentMessageDelta(b))
        | (Notification::PlanDelta(a), Notification::PlanDelta(b))
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
    roomy: Notify,
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
            if let Some(message) = self.pop_now() {
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

    fn pop_now(&self) -> Option<Outgoing> {
        let mut queue = locked(&self.queue);
        let had_room = queue.has_room();
        let message = queue.pop()?;
        if !had_room && queue.has_room() {
            self.roomy.notify_waiters();
        }
        Some(message)
    }

    /// Whether a sender that can wait should go on; see [`Self::room`].
    pub fn has_room(&self) -> bool {
        self.gone.is_cancelled() || self.unread.load(std::sync::atomic::Ordering::Relaxed) || locked(&self.queue).has_room()
    }

    /// Resolves when few messages wait, or nobody will read them.
    pub async fn room(&self) {
        loop {
            let mut roomy = std::pin::pin!(self.roomy.notified());
            // From here on no call is missed.
            roomy.as_mut().enable();
            if self.has_room() {
                return;
            }
            tokio::select! {
                () = roomy => {}
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
        self.roomy.notify_waiters();
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

#[cfg(test)]
mod tests {
    use super::*;
    use codex_protocol::items::ThreadItem;
    use codex_protocol::notifications::{ItemCompleted, ItemDelta, ThreadIdNotification, TurnWaiting, WaitingFor};
    use pretty_assertions::assert_eq;

    fn delta(item_id: &str, text: &str) -> Outgoing {
        let delta = ItemDelta {
            thread_id: "t".into(),
            turn_id: "u".into(),
            item_id: item_id.into(),
            delta: text.into(),
        };
        Outgoing::Notification {
            notification: Notification::CommandExecutionOutputDelta(delta),
            emitted_at_ms: None,
        }
    }

    fn waiting(waiting_for: WaitingFor) -> Outgoing {
        let waiting = TurnWaiting {
            thread_id: "t".into(),
            turn_id: "u".into(),
            waiting_for,
        };
        Outgoing::Notification {
            notification: Notification::TurnWaiting(waiting),
            emitted_at_ms: None,
        }
    }

    fn kept(n: usize) -> Outgoing {
        let closed = ThreadIdNotification { thread_id: n.to_string() };
        Outgoing::Notification {
            notification: Notification::ThreadClosed(closed),
            emitted_at_ms: None,
        }
    }

    fn drained(queue: &mut Queue) -> Vec<Outgoing> {
        std::iter::from_fn(|| queue.pop()).collect()
    }

    #[test]
    fn deltas_of_one_item_are_merged_and_nothing_overtakes() {
        let now = Instant::now();
        let mut queue = Queue::default();
        let pushes = [
            delta("a", "1"),
            delta("a", "2"),
            delta("b", "3"),
            delta("a", "4"),
            kept(0),
            delta("a", "5"),
            waiting(WaitingFor::Model),
        ];
        let became: Vec<Pushed> = pushes.into_iter().map(|message| queue.push(message, now)).collect();
        let approval = WaitingFor::Approval { item_id: "i".into() };
        assert_eq!(queue.push(waiting(approval.clone()), now), Pushed::Merged);

        use Pushed::{Merged, Stored};
        assert_eq!(became, [Stored, Merged, Stored, Stored, Stored, Stored, Stored]);
        let expect = [
            delta("a", "12"),
            delta("b", "3"),
            delta("a", "4"),
            kept(0),
            delta("a", "5"),
            waiting(approval),
        ];
        assert_eq!(drained(&mut queue), expect);
    }

    #[test]
    fn a_merged_delta_has_a_limit() {
        let now = Instant::now();
        let mut queue = Queue::default();
        let most = "x".repeat(DELTA_BYTES_MAX);

        assert_eq!(queue.push(delta("a", &most), now), Pushed::Stored);
        assert_eq!(queue.push(delta("a", "y"), now), Pushed::Stored);
    }

    #[test]
    fn deltas_that_nobody_reads_are_dropped_and_everything_else_is_kept() {
        let now = Instant::now();
        let mut queue = Queue::default();
        for n in 0..DELTAS_MAX {
            assert_eq!(queue.push(delta(&n.to_string(), "x"), now), Pushed::Stored);
        }

        assert_eq!(queue.push(delta("more", "x"), now), Pushed::Dropped);
        assert_eq!(queue.push(kept(1), now), Pushed::Stored);
        assert_eq!(drained(&mut queue).last(), Some(&kept(1)));
        assert_eq!(queue.push(delta("again", "x"), now), Pushed::Stored);
    }

    fn over(item_id: &str) -> Outgoing {
        let completed = ItemCompleted {
            thread_id: "t".into(),
            turn_id: "u".into(),
            item: ThreadItem::ContextCompaction { id: item_id.into() },
            completed_at_ms: 0,
        };
        Outgoing::Notification {
            notification: Notification::ItemCompleted(completed),
            emitted_at_ms: None,
        }
    }

    #[test]
    fn what_is_kept_of_an_item_is_a_beginning_of_it() {
        let now = Instant::now();
        let mut queue = Queue::default();
        let piece = "x".repeat(DELTA_BYTES_MAX);
        for _ in 0..DELTAS_MAX {
            queue.push(delta("a", &piece), now);
        }
        let lost = queue.push(delta("a", "lost"), now);
        drained(&mut queue);
        let pushes = [
            delta("a", "behind it"),
            delta("b", "1"),
            over("b"),
            delta("a", "still"),
            over("a"),
            delta("a", "2"),
        ];
        let became: Vec<Pushed> = pushes.into_iter().map(|message| queue.push(message, now)).collect();

        use Pushed::{Dropped, Stored};
        assert_eq!(lost, Dropped);
        assert_eq!(became, [Dropped, Stored, Stored, Dropped, Stored, Stored]);
        assert_eq!(drained(&mut queue), [delta("b", "1"), over("b"), over("a"), delta("a", "2")]);
    }

    fn full(now: Instant) -> Queue {
        let mut queue = Queue::default();
        for n in 0..MESSAGES_MAX {
            assert_eq!(queue.push(kept(n), now), Pushed::Stored);
        }
        queue
    }

    #[test]
    fn a_peer_that_reads_nothing_for_ten_seconds_is_given_up() {
        let start = Instant::now();
        let mut queue = full(start);

        assert_eq!(queue.push(kept(0), start), Pushed::Stored);
        assert_eq!(queue.push(kept(0), start + PATIENCE - Duration::from_millis(1)), Pushed::Stored);
        assert_eq!(
            queue.push(kept(0), start + PATIENCE),
            Pushed::Overflow("4098 messages were not read for 10 s".into())
        );
    }

    #[test]
    fn a_peer_that_catches_up_has_ten_seconds_again() {
        let start = Instant::now();
        let mut queue = full(start);
        queue.push(kept(0), start);
        queue.pop();
        queue.pop();

        assert_eq!(queue.push(kept(0), start + PATIENCE), Pushed::Stored);
        assert_eq!(queue.push(kept(0), start + PATIENCE), Pushed::Stored);
    }

    #[test]
    fn a_burst_has_a_limit_of_its_own() {
        let now = Instant::now();
        let mut queue = full(now);
        let stored = (MESSAGES_MAX..).take_while(|&n| queue.push(kept(n), now) == Pushed::Stored).count();

        assert_eq!(stored, MESSAGES_HARD_MAX - MESSAGES_MAX);
    }
    #[tokio::test]
    async fn a_sender_that_can_wait_goes_on_when_half_is_read_or_nobody_reads() {
        let end = |outbox: &Outbox| outbox.close("over");
        let read_one = |outbox: &Outbox| drop(outbox.pop_now());
        let kept_ones: Vec<Outgoing> = (0..ROOMY_BELOW).map(kept).collect();
        let piece = "x".repeat(DELTA_BYTES_MAX / 2);
        let pieces: Vec<Outgoing> = (0..2 * DELTA_BYTES_ROOMY_BELOW / DELTA_BYTES_MAX)
            .map(|_| delta("a", &piece))
            .collect();
        for (messages, makes_room) in [&kept_ones, &pieces]
            .into_iter()
            .flat_map(|messages| [read_one, Outbox::forget, end].map(|makes_room| (messages, makes_room)))
        {
            let outbox = Outbox::default();
            for message in messages {
                assert!(outbox.has_room());
                outbox.push(message.clone()).unwrap();
            }

            let mut room = std::pin::pin!(outbox.room());
            let at_first = std::future::poll_fn(|context| std::task::Poll::Ready(room.as_mut().poll(context))).await;
            makes_room(&outbox);

            assert_eq!(at_first, std::task::Poll::Pending);
            room.await;
        }
    }
}
