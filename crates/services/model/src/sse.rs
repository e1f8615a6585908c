//! Bytes of an event stream -> the `data` of each event. Pure and incremental: how the bytes are cut into chunks makes no difference.
//!
//! Follows the event-stream format of the HTML standard with two liberties: the event name is ignored (the type stands inside the data),
//! and an event that is whole but for its last line end counts. Comments and fields other than `data` give nothing.

/// Most bytes that one event may have: 16 MiB, well above the largest item observed (an image of 10 MB).
pub const EVENT_BYTES_MAX: usize = 16 * 1024 * 1024;

const BOM: &[u8] = b"\xef\xbb\xbf";

/// One event is longer than the limit. The stream cannot be read further.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an event of the stream is over {limit} bytes")]
pub struct TooLarge {
    pub limit: usize,
}

/// Holds at most one unfinished event.
pub struct Decoder {
    limit: usize,
    /// The unfinished line.
    line: Vec<u8>,
    /// Data lines of the unfinished event, each ended by a line feed; empty if there was none.
    data: Vec<u8>,
    /// A carriage return ended the last line; a line feed right behind it belongs to it.
    after_return: bool,
    at_start: bool,
}

impl Default for Decoder {
    fn default() -> Self {
        Self::new(EVENT_BYTES_MAX)
    }
}

impl Decoder {
    pub const fn new(limit: usize) -> Self {
        Self {
            limit,
            line: Vec::new(),
            data: Vec::new(),
            after_return: false,
            at_start: true,
        }
    }

    /// The data of every event that ends within `chunk`.
    ///
    /// # Errors
    /// If an event grows over the limit.
    pub fn feed(&mut self, chunk: &[u8]) -> Result<Vec<String>, TooLarge> {
        let mut events = Vec::new();
        let mut rest = chunk;
        while let Some(&first) = rest.first() {
            if std::mem::take(&mut self.after_return) && first == b'\n' {
                rest = &rest[1..];
                continue;
            }
            let Some(end) = rest.iter().position(|byte| matches!(byte, b'\n' | b'\r')) else {
                self.hold(rest)?;
                break;
            };
            self.hold(&rest[..end])?;
            events.extend(self.end_line());
            self.after_return = rest[end] == b'\r';
            rest = &rest[end + 1..];
        }
        Ok(events)
    }

    /// The event that only lacked its end when the stream closed.
    pub fn finish(mut self) -> Option<String> {
        self.end_line().or_else(|| self.end_event())
    }

    fn hold(&mut self, bytes: &[u8]) -> Result<(), TooLarge> {
        if self.line.len() + self.data.len() + bytes.len() > self.limit {
            return Err(TooLarge { limit: self.limit });
        }
        self.line.extend_from_slice(bytes);
        Ok(())
    }

    fn end_line(&mut self) -> Option<String> {
        let mut line = std::mem::take(&mut self.line);
        if std::mem::take(&mut self.at_start) && line.starts_with(BOM) {
            line.drain(..BOM.len());
        }
        if line.is_empty() {
            return self.end_event();
        }
        let data = match line.strip_prefix(b"data") {
            Some([]) => &[],
            Some([b':', b' ', data @ ..] | [b':', data @ ..]) => data,
            Some(_) | None => return None,
        };
        self.data.extend_from_slice(data);
        self.data.push(b'\n');
        None
    }

    fn end_event(&mut self) -> Option<String> {
        let mut data = std::mem::take(&mut self.data);
        data.pop()?;
        Some(String::from_utf8(data).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn decode(stream: &[u8], chunk_size: usize) -> Result<Vec<String>, TooLarge> {
        let mut decoder = Decoder::new(64);
        let mut events = Vec::new();
        for chunk in stream.chunks(chunk_size) {
            events.extend(decoder.feed(chunk)?);
        }
        events.extend(decoder.finish());
        Ok(events)
    }

    #[test]
    fn each_form_of_the_format_is_read() {
        let check = |stream: &str, expect: &[&str]| assert_eq!(decode(stream.as_bytes(), 1024).unwrap(), expect, "{stream:?}");

        check("", &[]);
        check("data: a\n\ndata: b\n\n", &["a", "b"]);
        check("data: a\r\n\r\ndata: b\r\n\r\n", &["a", "b"]);
        check("data: a\r\rdata: b\r\r", &["a", "b"]);
        check("\u{feff}data: a\n\n", &["a"]);
        check("\u{feff}\u{feff}data: a\n\n", &[]);
        check("data:a\n\ndata:  b\n\n", &["a", " b"]);
        check("data: one\ndata: two\n\n", &["one\ntwo"]);
        check("data\n\n", &[""]);
        check("data: a\ndata\n\n", &["a\n"]);
        check(": comment\nevent: x\nid: 1\nretry: 5\ndatabase: no\ndata: a\n\n", &["a"]);
        check("event: only\n\n\n\n", &[]);
        check("data: [DONE]\n\n", &["[DONE]"]);
        check("data: no last line", &["no last line"]);
        check("data: one\ndata: two", &["one\ntwo"]);
        check("data: no empty line\n", &["no empty line"]);
        check("data: ä\n\n", &["ä"]);
    }

    #[test]
    fn bytes_that_are_no_text_become_replacement_characters() {
        assert_eq!(decode(b"data: a\xffb\n\n", 3).unwrap(), ["a\u{fffd}b"]);
    }

    #[test]
    fn an_event_over_the_limit_is_refused_and_one_at_the_limit_is_not() {
        let fits = format!("data: {}\n\n", "x".repeat(58));
        let line = format!("data: {}\n\n", "x".repeat(59));
        let lines = "data: xxxxxxxxxxxxxxxxxxxxxxx\n".repeat(4);

        assert_eq!(decode(fits.repeat(3).as_bytes(), 7).unwrap().len(), 3);
        assert_eq!(decode(line.as_bytes(), 7), Err(TooLarge { limit: 64 }));
        assert_eq!(decode(lines.as_bytes(), 7), Err(TooLarge { limit: 64 }));
    }

    proptest! {
        #[test]
        fn chunking_makes_no_difference(
            pieces in prop::collection::vec(
                prop::sample::select(vec!["data: a", "data", "\n", "\r", "\r\n", "\u{feff}", ": c", "event: e", "ä", "data:{\"x\":1}", " "]), 0..40),
            size in 1_usize..9,
        ) {
            let stream = pieces.concat();
            let bytes = stream.as_bytes();
            prop_assert_eq!(decode(bytes, size), decode(bytes, bytes.len().max(1)));
        }

        #[test]
        fn any_bytes_are_read_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), size in 1_usize..9) {
            prop_assert_eq!(decode(&bytes, size), decode(&bytes, bytes.len().max(1)));
        }

        #[test]
        fn what_is_written_is_read(texts in prop::collection::vec("[^\r\n]{0,20}", 0..10), size in 1_usize..9) {
            let stream: String = texts.iter().map(|text| format!("data: {text}\n\n")).collect();
            let read = Decoder::default();
            let mut decoder = read;
            let mut events = Vec::new();
            for chunk in stream.as_bytes().chunks(size) {
                events.extend(decoder.feed(chunk).unwrap());
            }
            prop_assert_eq!(events, texts);
        }
    }
}
