//! Time as a value that is handed in, so that tests can step it.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

pub use jiff::Timestamp;

/// Wall time, a monotonic reading, and timers.
pub trait Clock: Send + Sync {
    fn now(&self) -> Timestamp;
    /// Time since an arbitrary start; never goes back.
    fn monotonic(&self) -> Duration;
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Future<Output = ()> + Send>>;
}

/// Resolves at that reading of the clock; `None` never comes.
pub async fn until(clock: &dyn Clock, reading: Option<Duration>) {
    match reading {
        Some(reading) => clock.sleep(reading.saturating_sub(clock.monotonic())).await,
        None => std::future::pending().await,
    }
}

/// The machine's clock. Timers need a tokio runtime.
#[derive(Debug, Clone, Copy)]
pub struct SystemClock {
    start: std::time::Instant,
}

impl Default for SystemClock {
    fn default() -> Self {
        Self {
            start: std::time::Instant::now(),
        }
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    fn monotonic(&self) -> Duration {
        self.start.elapsed()
    }

    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(tokio::time::sleep(duration))
    }
}
