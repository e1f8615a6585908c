//! Ids as a value that is handed in, so that snapshots are stable.

use std::sync::atomic::{AtomicU64, Ordering};
use uuid::Uuid;

/// Makes every id and random number of the engine.
pub trait Ids: Send + Sync {
    /// A new id that sorts by time (version 7).
    fn uuid(&self) -> Uuid;

    /// A number below `limit`, which is at least 1.
    fn below(&self, limit: u32) -> u32;

    /// `<prefix>_<uuid>`, the form of our own item ids.
    fn item(&self, prefix: &str) -> String {
        format!("{prefix}_{}", self.uuid())
    }
}

#[derive(Debug, Clone, Copy, Default)]
pub struct RandomIds;

impl Ids for RandomIds {
    fn uuid(&self) -> Uuid {
        Uuid::now_v7()
    }

    fn below(&self, limit: u32) -> u32 {
        // The low half of a version 4 id is random but for two fixed bits at its top.
        let random = Uuid::new_v4().as_u64_pair().1 as u32;
        random % limit.max(1)
    }
}

/// Counts 1, 2, 3 …, for tests and snapshots.
#[derive(Debug, Default)]
pub struct CountingIds(AtomicU64);

impl Ids for CountingIds {
    fn uuid(&self) -> Uuid {
        let n = self.0.fetch_add(1, Ordering::Relaxed) + 1;
        Uuid::from_u64_pair(0x0000_0000_0000_7000, 0x8000_0000_0000_0000 | n)
    }

    fn below(&self, limit: u32) -> u32 {
        let n = self.0.fetch_add(1, Ordering::Relaxed) + 1;
        u32::try_from(n % u64::from(limit.max(1))).unwrap_or(0)
    }
}
