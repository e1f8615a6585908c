//! Hit points: where a test may stop the process or make a write fail. Shipped code passes none.

use std::io;

/// A moment of an append.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum HitPoint {
    /// Nothing of these records is in the file.
    BeforeAppend,
    /// The first half of the bytes is in the file; of long lines all but the end.
    MidAppend,
    /// All lines are in the file; nobody was told.
    AfterAppend,
}

/// Called at every [`HitPoint`] of a journal that was given one with [`Journal::with_faults`](crate::Journal::with_faults).
///
/// It may abort the process. An error is treated as if the system had returned it from the write.
pub trait Faults: Send + Sync {
    /// # Errors
    /// Whatever the write is to fail with.
    fn hit(&self, point: HitPoint) -> io::Result<()>;
}
