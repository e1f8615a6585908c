//! How much, and for how long, one attempt may take. Every wait and buffer of an attempt is bounded by one of these.

use crate::sse::EVENT_BYTES_MAX;
use std::time::Duration;

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
