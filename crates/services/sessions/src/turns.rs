//! Records to turns: the one reducer, for `thread/read`, resume and replay alike.

use codex_base::Timestamp;
use codex_protocol::items::Turn;
use codex_protocol::journal::Record;

/// The turns of a thread in order. A turn that the file does not end counts as interrupted.
pub fn turns(records: &[(Timestamp, Record)]) -> Vec<Turn> {
    let _ = records;
    Vec::new()
}
