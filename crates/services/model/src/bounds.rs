//! How much, and for how long, one attempt may take. Every wait and buffer of an attempt is bounded by one of these.

use crate::error::{self, ModelError};
use crate::sse::EVENT_BYTES_MAX;
use std::time::Duration;
use tokio::time::Instant;

/// Bytes of one answer on the wire: 512 MiB. An answer of 20 MB in the smallest deltas is 218 MB.
const ANSWER_BYTES_MAX: u64 = 512 * 1024 * 1024;
/// One answer from head to end. Far above what a model thinks, and an end for a server that only sends signs of life.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(4 * 3600);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Bounds {
    /// Longest wait for the head (look-up and connection included), for each event, and for the body of an error.
    pub idle: Duration,
    pub event_bytes: usize,
    pub answer_bytes: u64,
    pub answer_time: Duration,
}

impl Bounds {
    pub const fn new(idle: Duration) -> Self {
        Self {
            idle,
            event_bytes: EVENT_BYTES_MAX,
            answer_bytes: ANSWER_BYTES_MAX,
            answer_time: ANSWER_TIME_MAX,
        }
    }
}

/// The two limits in time of one answer: silence, and the whole. Time is handed in.
pub(crate) struct Patience {
    bounds: Bounds,
    whole: Instant,
    idle: Instant,
}

impl Patience {
    pub fn new(bounds: &Bounds, now: Instant) -> Self {
        Self {
            bounds: *bounds,
            whole: now + bounds.answer_time,
            idle: now + bounds.idle,
        }
    }

    /// How long to wait for what comes next.
    pub fn next(&self) -> Instant {
        self.idle.min(self.whole)
    }

    /// Something came that shows that the answer goes on.
    pub fn alive(&mut self, now: Instant) {
        self.idle = now + self.bounds.idle;
    }

    /// # Errors
    /// If the answer as a whole takes too long, whether or not something of it came just now.
    pub fn check(&self, now: Instant) -> Result<(), ModelError> {
        if now < self.whole {
            return Ok(());
        }
        let text = format!("the answer has no end after {:?}", self.bounds.answer_time);
        Err(ModelError::unbounded(error::ANSWER_TOO_LONG, text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pretty_assertions::assert_eq;

    /// A server that says something every four minutes, for ever.
    #[test]
    fn signs_of_life_keep_an_answer_alive_for_four_hours_and_no_longer() {
        let start = Instant::now();
        let bounds = Bounds::new(Duration::from_secs(300));
        let mut patience = Patience::new(&bounds, start);
        let at = |minutes: u64| start + Duration::from_secs(minutes * 60);

        for minutes in (0..240).step_by(4) {
            assert_eq!(patience.check(at(minutes)), Ok(()), "after {minutes} minutes");
            patience.alive(at(minutes));
            assert_eq!(patience.next(), at((minutes + 5).min(240)));
        }

        assert_eq!(patience.check(at(240) - Duration::from_nanos(1)), Ok(()));
        let error = patience.check(at(240)).unwrap_err();
        assert_eq!(
            (error.code, error.retry, error.message.as_str()),
            (error::ANSWER_TOO_LONG, crate::Retry::Never, "the answer has no end after 14400s")
        );
    }

    #[test]
    fn silence_ends_the_wait_before_the_whole_does() {
        let start = Instant::now();
        let patience = Patience::new(&Bounds::new(Duration::from_secs(300)), start);

        assert_eq!(patience.next(), start + Duration::from_secs(300));
        assert_eq!(patience.check(patience.next()), Ok(()));
    }
}
