//! What is kept of a command's output: everything in bounded form, what is new for the model, and a live view.

use codex_base::HeadTail;

/// Bytes of one live piece; what comes on top before somebody fetches it is dropped from the live view only.
pub const DELTA_BYTES_MAX: usize = 8 * 1024;

/// Takes bytes as they come; memory stays below 2 x [`HeadTail::OUTPUT_BYTES_MAX`] plus one piece.
#[derive(Debug)]
pub struct Output {
    all: HeadTail,
    new: HeadTail,
    live: Live,
}

impl Default for Output {
    fn default() -> Self {
        let empty = || HeadTail::new(HeadTail::OUTPUT_BYTES_MAX);
        Self {
            all: empty(),
            new: empty(),
            live: Live::default(),
        }
    }
}

impl Output {
    pub fn push(&mut self, bytes: &[u8]) {
        self.all.push(bytes);
        self.new.push(bytes);
        self.live.push(bytes);
    }

    pub fn aggregated(&self) -> HeadTail {
        self.all.clone()
    }

    /// What came since the last call.
    pub fn take_new(&mut self) -> HeadTail {
        std::mem::replace(&mut self.new, HeadTail::new(HeadTail::OUTPUT_BYTES_MAX))
    }

    /// What came since the last call, at most [`DELTA_BYTES_MAX`] bytes before bad UTF-8 is replaced, in whole characters. A character that has not
    /// come whole waits for its rest, unless `ended`.
    pub fn take_delta(&mut self, ended: bool) -> Option<String> {
        self.live.take(ended)
    }
}

#[derive(Debug, Default)]
struct Live {
    pending: Vec<u8>,
    overflowed: bool,
}

impl Live {
    fn push(&mut self, bytes: &[u8]) {
        let room = DELTA_BYTES_MAX - self.pending.len();
        self.overflowed |= bytes.len() > room;
        self.pending.extend_from_slice(&bytes[..room.min(bytes.len())]);
    }

    fn take(&mut self, ended: bool) -> Option<String> {
        let pending = std::mem::take(&mut self.pending);
        let whole = pending.len() - unfinished_bytes(&pending);
        let overflowed = std::mem::take(&mut self.overflowed);
        // The rest of a cut character was dropped with what overflowed.
        let end = if ended && !overflowed { pending.len() } else { whole };
        if !ended && !overflowed {
            self.pending = pending[whole..].to_vec();
        }
        (end > 0).then(|| String::from_utf8_lossy(&pending[..end]).into_owned())
    }
}

/// Bytes at the end that begin a character without finishing it: 0 to 3.
fn unfinished_bytes(bytes: &[u8]) -> usize {
    let start = (1..=bytes.len().min(3))
        .find(|&back| bytes[bytes.len() - back] & 0xC0 != 0x80)
        .unwrap_or(0);
    match std::str::from_utf8(&bytes[bytes.len() - start..]) {
        Err(error) if error.error_len().is_none() => start,
        Ok(_) | Err(_) => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_character_cut_in_two_waits_for_its_rest() {
        let mut output = Output::default();

        output.push(b"a\xC3");
        assert_eq!(output.take_delta(false).as_deref(), Some("a"));
        assert_eq!(output.take_delta(false), None);
        output.push(b"\xA4b\xF0\x9F");
        assert_eq!(output.take_delta(false).as_deref(), Some("äb"));
        assert_eq!(output.take_delta(true).as_deref(), Some("\u{FFFD}"));
        assert_eq!(output.take_delta(true), None);
    }

    #[test]
    fn a_flood_costs_bounded_memory_and_one_piece() {
        let mut output = Output::default();

        for _ in 0..1600 {
            output.push(&[b'x'; 65536]);
        }

        assert_eq!(output.take_delta(false).map(|piece| piece.len()), Some(DELTA_BYTES_MAX));
        let kept = output.take_new();
        assert_eq!(kept.total_bytes(), 1600 * 65536);
        assert_eq!(kept.dropped_bytes(), 1600 * 65536 - HeadTail::OUTPUT_BYTES_MAX as u64);
        assert!(output.take_new().is_empty());
        assert_eq!(output.aggregated().total_bytes(), 1600 * 65536);
    }

    proptest! {
        #[test]
        fn pieces_joined_are_the_text(text in "\\PC{0,200}", cuts in proptest::collection::vec(1usize..7, 1..60)) {
            let mut output = Output::default();
            let mut live = String::new();
            let mut rest = text.as_bytes();
            for cut in cuts.iter().cycle() {
                if rest.is_empty() { break; }
                let (now, later) = rest.split_at((*cut).min(rest.len()));
                output.push(now);
                live.extend(output.take_delta(false));
                rest = later;
            }
            live.extend(output.take_delta(true));
            prop_assert_eq!(live, text);
        }
    }
}
