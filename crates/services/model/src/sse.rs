//! Bytes of an event stream -> the `data` of each event. Pure and incremental: how the bytes are cut into chunks makes no difference.
//!
//! Follows the event-stream format of the HTML standard with two liberties: the event name is ignored (the type stands inside the data),
//! and an event that is whole but for its last line end counts. Comments and fields other than `data` give nothing.

/// Most bytes that one event may have: 64 MiB. The largest that anybody needs is the whole text of an answer at its end (20 MB observed).
pub const EVENT_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Buffers up to this size are kept for the next event.
const KEPT_BYTES_MAX: usize = 1024 * 1024;

const BOM: &[u8] = b"\xef\xbb\xbf";

/// One event is longer than the limit. The stream cannot be read further.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an event of the stream is over {limit} bytes")]
pub struct TooLarge {
    pub limit: usize,
}

/// Holds at most one unfinished event. An event that lies in one chunk as a whole is not copied.
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

    /// Calls `event` with the data of every event that ends within `chunk`.
    ///
    /// # Errors
    /// If an event grows over the limit; those before it have been passed on.
    pub fn feed(&mut self, chunk: &[u8], mut event: impl FnMut(&str)) -> Result<(), TooLarge> {
        let mut rest = chunk;
        while let Some(&first) = rest.first() {
            if std::mem::take(&mut self.after_return) && first == b'\n' {
                rest = &rest[1..];
                continue;
            }
            if let Some((data, behind)) = self.whole_event(rest) {
                event(&String::from_utf8_lossy(data));
                rest = behind;
                continue;
            }
            let Some(end) = line_end(rest) else {
                return self.hold(rest);
            };
            self.hold(&rest[..end])?;
            self.end_line(&mut event);
            self.after_return = rest[end] == b'\r';
            rest = &rest[end + 1..];
        }
        Ok(())
    }

    /// Calls `event` with the data of the event that only lacked its end when the stream closed.
    pub fn finish(mut self, mut event: impl FnMut(&str)) {
        self.end_line(&mut event);
        self.end_event(&mut event);
    }

    /// The usual case: `rest` begins with a data line and the empty line behind it, and nothing waits to be finished.
    fn whole_event<'a>(&self, rest: &'a [u8]) -> Option<(&'a [u8], &'a [u8])> {
        if self.at_start || !self.line.is_empty() || !self.data.is_empty() {
            return None;
        }
        let end = rest.starts_with(b"data:").then(|| line_end(rest)).flatten()?;
        let behind = rest[end..].strip_prefix(b"\n\n")?;
        let data = data_of(&rest[..end])?;
        (end <= self.limit).then_some((data, behind))
    }

    fn hold(&mut self, bytes: &[u8]) -> Result<(), TooLarge> {
        if self.line.len() + self.data.len() + bytes.len() > self.limit {
            return Err(TooLarge { limit: self.limit });
        }
        self.line.extend_from_slice(bytes);
        Ok(())
    }

    fn end_line(&mut self, event: &mut impl FnMut(&str)) {
        if std::mem::take(&mut self.at_start) && self.line.starts_with(BOM) {
            self.line.drain(..BOM.len());
        }
        if self.line.is_empty() {
            return self.end_event(event);
        }
        if let Some(data) = data_of(&self.line) {
            if self.data.is_empty() {
                // A long line is moved, not copied.
                let front = self.line.len() - data.len();
                std::mem::swap(&mut self.line, &mut self.data);
                self.data.drain(..front);
            } else {
                self.data.extend_from_slice(data);
            }
            self.data.push(b'\n');
        }
        empty(&mut self.line);
    }

    fn end_event(&mut self, event: &mut impl FnMut(&str)) {
        if self.data.pop().is_some() {
            event(&String::from_utf8_lossy(&self.data));
        }
        empty(&mut self.data);
    }
}

/// What a line adds to the event's data; `None` for comments and other fields.
fn data_of(line: &[u8]) -> Option<&[u8]> {
    match line.strip_prefix(b"data")? {
        [] => Some(&[]),
        [b':', b' ', data @ ..] | [b':', data @ ..] => Some(data),
        _ => None,
    }
}

fn line_end(bytes: &[u8]) -> Option<usize> {
    memchr::memchr2(b'\n', b'\r', bytes)
}

fn empty(buffer: &mut Vec<u8>) {
    buffer.clear();
    buffer.shrink_to(KEPT_BYTES_MAX);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn decode(stream: &[u8], chunk_size: usize) -> Result<Vec<String>, TooLarge> {
        read(Decoder::new(64), stream.chunks(chunk_size))
    }

    fn read<'a>(mut decoder: Decoder, chunks: impl IntoIterator<Item = &'a [u8]>) -> Result<Vec<String>, TooLarge> {
        let mut events = Vec::new();
        for chunk in chunks {
            decoder.feed(chunk, |event| events.push(event.to_owned()))?;
        }
        decoder.finish(|event| events.push(event.to_owned()));
        Ok(events)
    }

    /// The format read plainly, the whole stream at hand.
    fn read_plainly(stream: &[u8]) -> Vec<String> {
        let stream = stream.strip_prefix(BOM).unwrap_or(stream);
        let text = String::from_utf8_lossy(stream).replace("\r\n", "\n").replace('\r', "\n");
        let mut events = Vec::new();
        let mut data: Option<String> = None;
        for line in text.split('\n').chain([""]) {
            let more = line.strip_prefix("data:").map(|more| more.strip_prefix(' ').unwrap_or(more));
            match (line, more.or((line == "data").then_some(""))) {
                ("", _) => events.extend(data.take()),
                (_, None) => {}
                (_, Some(more)) => data = Some(data.map_or_else(|| more.to_owned(), |data| format!("{data}\n{more}"))),
            }
        }
        events
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

    #[test]
    fn what_came_before_an_event_that_is_too_long_is_passed_on() {
        let mut events = Vec::new();
        let mut decoder = Decoder::new(64);
        let stream = format!("data: a\n\ndata: b\n\n{}", "x".repeat(65));

        let ended = decoder.feed(stream.as_bytes(), |event| events.push(event.to_owned()));

        assert_eq!((ended, events), (Err(TooLarge { limit: 64 }), vec!["a".to_owned(), "b".to_owned()]));
    }

    /// Pieces of which streams are made, whole and broken ones.
    fn pieces() -> impl Strategy<Value = Vec<u8>> {
        let pieces = [
            "data: a",
            "data",
            "data:",
            "\n",
            "\n\n",
            "\r",
            "\r\n",
            "\u{feff}",
            ": c",
            "event: e",
            "ä",
            "data:{\"x\":1}",
            " ",
            "data: b\n\n",
        ];
        let piece = prop_oneof![
            9 => prop::sample::select(pieces.to_vec()).prop_map(|text| text.as_bytes().to_vec()),
            1 => prop::collection::vec(any::<u8>(), 0..4),
        ];
        prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #[test]
        fn any_cut_into_chunks_gives_the_same_events(stream in pieces(), cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..12)) {
            let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(stream.len() + 1)).collect();
            cuts.extend([0, stream.len()]);
            cuts.sort_unstable();
            let chunks = cuts.windows(2).map(|pair| &stream[pair[0]..pair[1]]);

            let read = read(Decoder::new(EVENT_BYTES_MAX), chunks).unwrap();

            prop_assert_eq!(read, read_plainly(&stream));
        }

        #[test]
        fn the_limit_does_not_depend_on_the_chunks(stream in pieces(), size in 1_usize..9) {
            prop_assert_eq!(decode(&stream, size), decode(&stream, stream.len().max(1)));
        }

        #[test]
        fn any_bytes_are_read_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), size in 1_usize..9) {
            prop_assert_eq!(decode(&bytes, size), decode(&bytes, bytes.len().max(1)));
        }

        #[test]
        fn what_is_written_is_read(texts in prop::collection::vec("[^\r\n]{0,20}", 0..10), size in 1_usize..9) {
            let stream: String = texts.iter().map(|text| format!("data: {text}\n\n")).collect();
            prop_assert_eq!(read(Decoder::new(EVENT_BYTES_MAX), stream.as_bytes().chunks(size)).unwrap(), texts);
        }
    }
}
