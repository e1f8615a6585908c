//! The first and last bytes of something long.

use std::collections::VecDeque;

/// Keeps the first and last `limit_bytes / 2` bytes of what is pushed and counts the rest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeadTail {
    head: Vec<u8>,
    tail: VecDeque<u8>,
    half_bytes: usize,
    dropped_bytes: u64,
}

impl HeadTail {
    /// 1 MiB, half from each end, is what a command's output keeps (observed of the reference).
    pub const OUTPUT_BYTES_MAX: usize = 1024 * 1024;

    pub fn new(limit_bytes: usize) -> Self {
        Self {
            head: Vec::new(),
            tail: VecDeque::new(),
            half_bytes: limit_bytes / 2,
            dropped_bytes: 0,
        }
    }

    pub fn push(&mut self, mut bytes: &[u8]) {
        let room = self.half_bytes - self.head.len();
        if room > 0 {
            let (first, rest) = bytes.split_at(room.min(bytes.len()));
            self.head.extend_from_slice(first);
            bytes = rest;
        }
        if bytes.len() > self.half_bytes {
            let (skipped, last) = bytes.split_at(bytes.len() - self.half_bytes);
            self.dropped_bytes += (self.tail.len() + skipped.len()) as u64;
            self.tail.clear();
            bytes = last;
        }
        let excess = (self.tail.len() + bytes.len()).saturating_sub(self.half_bytes);
        self.tail.drain(..excess);
        self.dropped_bytes += excess as u64;
        self.tail.extend(bytes);
    }

    /// Bytes that were pushed and are no longer here.
    pub const fn dropped_bytes(&self) -> u64 {
        self.dropped_bytes
    }

    pub fn is_empty(&self) -> bool {
        self.head.is_empty()
    }

    /// Bytes pushed in all.
    pub fn total_bytes(&self) -> u64 {
        self.head.len() as u64 + self.tail.len() as u64 + self.dropped_bytes
    }

    /// Head, a marker line where bytes are missing, tail; bad UTF-8 becomes U+FFFD.
    ///
    /// The marker's form follows what was observed of the reference.
    pub fn to_text(&self) -> String {
        if self.dropped_bytes == 0 {
            let mut all = self.head.clone();
            all.extend(&self.tail);
            return String::from_utf8_lossy(&all).into_owned();
        }
        let tail: Vec<u8> = self.tail.iter().copied().collect();
        format!(
            "{}\n{}\n{}",
            String::from_utf8_lossy(&self.head),
            omitted(self.dropped_bytes),
            String::from_utf8_lossy(&tail)
        )
    }
}

/// The marker between head and tail.
pub fn omitted(bytes: u64) -> String {
    format!("... {bytes} bytes omitted ...")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(limit: usize, pushes: &[&str]) -> String {
        let mut kept = HeadTail::new(limit);
        for push in pushes {
            kept.push(push.as_bytes());
        }
        kept.to_text()
    }

    #[test]
    fn short_output_is_kept_whole() {
        assert_eq!(text(8, &["ab", "cd", "efgh"]), "abcdefgh");
    }

    #[test]
    fn the_middle_of_long_output_is_counted_and_dropped() {
        assert_eq!(text(4, &["abcdefgh"]), "ab\n... 4 bytes omitted ...\ngh");
        assert_eq!(text(4, &["a", "b", "c", "d", "e"]), "ab\n... 1 bytes omitted ...\nde");
        assert_eq!(text(4, &["abc", "defghijk", "l"]), "ab\n... 8 bytes omitted ...\nkl");
    }
}
