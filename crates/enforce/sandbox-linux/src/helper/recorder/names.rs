//! The host that a packet asks a name server for.

/// Bytes of a packet that are looked at: a question stands at the front.
pub(super) const QUESTION_BYTES_MAX: usize = 512;

const HEADER: usize = 12;
/// Address, address of version 6, service.
const TYPES: [u16; 3] = [1, 28, 65];

/// `None` for whatever is no question for one host: other protocols, answers, other kinds of records.
pub(super) fn asked(packet: &[u8]) -> Option<String> {
    let number = |at: usize| Some(u16::from_be_bytes(packet.get(at..at + 2)?.try_into().ok()?));
    // A standard question, one of them, nothing answered; one additional record says how long an answer may be.
    let is_question = number(2)? & 0xF800 == 0 && number(4)? == 1 && number(6)? == 0 && number(8)? == 0 && number(10)? <= 1;
    if !is_question {
        return None;
    }
    let mut labels = Vec::new();
    let mut at = HEADER;
    loop {
        let length = usize::from(*packet.get(at)?);
        let label = packet.get(at + 1..at + 1 + length)?;
        at += 1 + length;
        if length == 0 {
            break;
        }
        let plain = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        if length > 63 || !label.iter().all(plain) {
            return None;
        }
        labels.push(std::str::from_utf8(label).ok()?.to_ascii_lowercase());
    }
    let known = TYPES.contains(&number(at)?) && number(at + 2)? == 1;
    (known && !labels.is_empty()).then(|| labels.join("."))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn question(flags: [u8; 2], labels: &[&str], kind: u8) -> Vec<u8> {
        let mut packet = vec![0x12, 0x34, flags[0], flags[1], 0, 1, 0, 0, 0, 0, 0, 0];
        for label in labels {
            packet.push(u8::try_from(label.len()).unwrap());
            packet.extend(label.as_bytes());
        }
        packet.extend([0, 0, kind, 0, 1]);
        packet
    }

    #[test]
    fn a_question_for_a_host_names_it_and_nothing_else_does() {
        let check = |packet: &[u8], expect: Option<&str>| assert_eq!(asked(packet).as_deref(), expect, "{packet:?}");

        check(&question([1, 0], &["Example", "org"], 1), Some("example.org"));
        check(&question([1, 0x20], &["a-b", "c"], 28), Some("a-b.c"));
        check(&question([0x81, 0x80], &["example", "org"], 1), None); // an answer
        check(&question([1, 0], &["example", "org"], 12), None); // the name of an address
        check(&question([1, 0], &[], 1), None);
        check(&question([1, 0], &["exa mple", "org"], 1), None);
        check(b"GET / HTTP/1.1\r\nhost: example.org\r\n\r\n", None);
        let whole = question([1, 0], &["example", "org"], 1);
        for end in 0..whole.len() {
            check(&whole[..end], None);
        }
    }
}
