//! Time that moves when the test says so.

use codex_base::{Clock, Timestamp};
use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::oneshot;

/// A clock that stands still until [`advance`](Self::advance) is called. Clones share one time.
///
/// A timer counts from the call of `sleep`, not from its first poll; a timer that was dropped counts no more.
#[derive(Debug, Clone)]
pub struct SteppedClock(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    start: Timestamp,
    elapsed: Duration,
    /// By deadline, then in the order they were made.
    timers: BTreeMap<(Duration, u64), oneshot::Sender<()>>,
    made: u64,
}

impl Default for SteppedClock {
    /// Starts at 2026-01-02T03:04:05Z.
    fn default() -> Self {
        Self::at("2026-01-02T03:04:05Z".parse().expect("a well-formed time"))
    }
}

impl SteppedClock {
    pub fn at(start: Timestamp) -> Self {
        Self(Arc::new(Mutex::new(State {
            start,
            elapsed: Duration::ZERO,
            timers: BTreeMap::new(),
            made: 0,
        })))
    }

    /// Moves time and fires the timers that are due, earliest first. Returns how many fired.
    ///
    /// A task that sets its next timer when one fires runs only after this returns; see [`advance_settling`](Self::advance_settling).
    pub fn advance(&self, by: Duration) -> usize {
        let target = self.lock().elapsed + by;
        let mut fired = 0;
        while self.fire_next(target) {
            fired += 1;
        }
        self.lock().elapsed = target;
        fired
    }

    /// As [`advance`](Self::advance), but lets tasks of this runtime run after each timer, so that timers they set meanwhile fire too.
    pub async fn advance_settling(&self, by: Duration) -> usize {
        let target = self.lock().elapsed + by;
        let mut fired = 0;
        settle().await;
        while self.fire_next(target) {
            fired += 1;
            settle().await;
        }
        self.lock().elapsed = target;
        fired
    }

    /// Timers that somebody still waits for.
    pub fn pending(&self) -> usize {
        self.lock().timers.values().filter(|timer| !timer.is_closed()).count()
    }

    /// Time until the next timer that somebody waits for.
    pub fn next_due(&self) -> Option<Duration> {
        let state = self.lock();
        let next = state.timers.iter().find(|(_, timer)| !timer.is_closed())?;
        Some(next.0.0.saturating_sub(state.elapsed))
    }

    /// Waits until at least `count` timers are pending, so that a following `advance` meets them.
    pub async fn wait_for_timers(&self, count: usize) {
        let deadline = std::time::Instant::now() + crate::mock::PATIENCE;
        while self.pending() < count {
            assert!(
                std::time::Instant::now() < deadline,
                "{} timers pending, {count} expected",
                self.pending()
            );
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    /// Fires the earliest timer due by `target`, with the time set to its deadline.
    fn fire_next(&self, target: Duration) -> bool {
        let mut state = self.lock();
        while let Some(entry) = state.timers.first_entry() {
            let deadline = entry.key().0;
            if deadline > target {
                return false;
            }
            let timer = entry.remove();
            if timer.is_closed() {
                continue;
            }
            state.elapsed = state.elapsed.max(deadline);
            // A waiter that went away just now is as good as one that went before.
            let _ = timer.send(());
            return true;
        }
        false
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Gives every ready task of a current-thread runtime a few turns.
async fn settle() {
    for _ in 0..32 {
        tokio::task::yield_now().await;
    }
}

impl Clock for SteppedClock {
    fn now(&self) -> Timestamp {
        let state = self.lock();
        state.start + state.elapsed
    }

    fn monotonic(&self) -> Duration {
        self.lock().elapsed
    }

    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        let (sender, receiver) = oneshot::channel();
        let mut state = self.lock();
        if duration.is_zero() {
            return Box::pin(std::future::ready(()));
        }
        state.made += 1;
        let key = (state.elapsed.saturating_add(duration), state.made);
        state.timers.insert(key, sender);
        drop(state);
        Box::pin(async move {
            if receiver.await.is_err() {
                // The clock is gone, so time will never move again.
                std::future::pending::<()>().await;
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pretty_assertions::assert_eq;

    #[tokio::test]
    async fn timers_fire_in_order_and_see_their_own_deadline() {
        let clock = SteppedClock::default();
        let seen = Arc::new(Mutex::new(Vec::new()));
        for seconds in [3, 1, 2, 9] {
            let (timer, clock, seen) = (clock.sleep(Duration::from_secs(seconds)), clock.clone(), Arc::clone(&seen));
            tokio::spawn(async move {
                timer.await;
                seen.lock().unwrap().push((seconds, clock.monotonic().as_secs()));
            });
        }

        let fired = clock.advance_settling(Duration::from_secs(5)).await;

        assert_eq!(fired, 3);
        assert_eq!(*seen.lock().unwrap(), [(1, 1), (2, 2), (3, 3)]);
        assert_eq!((clock.pending(), clock.next_due()), (1, Some(Duration::from_secs(4))));
        assert_eq!(clock.now().to_string(), "2026-01-02T03:04:10Z");
    }

    #[tokio::test]
    async fn a_timer_set_by_a_woken_task_fires_in_the_same_advance() {
        let clock = SteppedClock::default();
        let inner = clock.clone();
        let task = tokio::spawn(async move {
            inner.sleep(Duration::from_secs(1)).await;
            inner.sleep(Duration::from_secs(1)).await;
        });
        clock.wait_for_timers(1).await;

        assert_eq!(clock.advance_settling(Duration::from_secs(2)).await, 2);
        task.await.unwrap();
    }

    #[test]
    fn a_dropped_timer_does_not_count() {
        let clock = SteppedClock::default();

        drop(clock.sleep(Duration::from_secs(1)));

        assert_eq!((clock.pending(), clock.advance(Duration::from_secs(2))), (0, 0));
    }
}
